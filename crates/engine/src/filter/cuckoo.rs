//! The cuckoo page filter: buckets of four slots, in each slot a fingerprint of 7 bits and a page number.
//!
//! A hash has two buckets and lives in one of them; when both are full, a resident moves to its own other bucket to make
//! room. Because the builder still has every hash, both buckets come from the whole hash (a cuckoo filter that must move
//! what it no longer knows has to derive the second from the fingerprint, which fills worse and degrades with size).
//! A hash that finds no room after a bounded walk, or that belongs to keys on different pages, is *listed*: a lookup
//! of it is sent to the index. So building always ends, whatever the hashes are, and nothing is ever missed.

use super::{Candidates, KIND_CUCKOO, Pages};
use crate::coding::Reader;
use crate::error::{Code, Error, Result};

const VERSION: u8 = 1;
const HEADER_BYTES: usize = 16;
/// A slot is read with one load of eight bytes, wherever it begins: the last one must not run over the end.
const PADDING_BYTES: usize = 8;

const SLOTS: usize = 4;
const FINGERPRINT_BITS: u32 = 7;
/// The fingerprints of a bucket stand side by side in its first 28 bits; 0 is a free slot.
const BUCKET_FINGERPRINT_BITS: u32 = FINGERPRINT_BITS * SLOTS as u32;
const FINGERPRINTS: u32 = (1 << FINGERPRINT_BITS) - 1;
/// One bit at the foot of each fingerprint of a bucket, and one at its head.
const LANE_FEET: u32 = 1 | 1 << 7 | 1 << 14 | 1 << 21;
const LANE_HEADS: u32 = LANE_FEET << (FINGERPRINT_BITS - 1);

/// Two choices of four slots can be filled to 97.6%; a little below that, walks are still short.
const LOAD_PERCENT: usize = 95;
/// The most residents that one insertion moves.
const KICKS_MAX: usize = 500;
/// The most moves of a whole build, per key: far more than random hashes need, so that chosen ones cannot stall it.
const KICKS_PER_KEY: usize = 16;

/// Where a hash may live and how it is told from others there.
struct Place {
    buckets: [usize; 2],
    fingerprint: u32,
}

/// The finaliser of Murmur3: mixes a hash into a second one that is as good as independent of it.
#[inline]
fn mix(mut hash: u64) -> u64 {
    hash = (hash ^ hash >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ hash >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ hash >> 33
}

/// Takes 32 bits evenly to a number below `count`, without a division: the upper half of the product.
#[inline]
fn spread(bits: u64, count: u32) -> u64 {
    (bits * u64::from(count)) >> 32
}

#[inline]
fn place(hash: u64, buckets: u32) -> Place {
    debug_assert!(buckets >= 2);
    let mixed = mix(hash);
    // The second bucket is chosen among the others, so that a hash always has eight slots.
    let first = spread(hash >> 32, buckets);
    let step = 1 + spread(mixed >> 32, buckets - 1);
    let sum = first + step;
    let second = if sum >= u64::from(buckets) { sum - u64::from(buckets) } else { sum };
    let fingerprint = spread(mixed & 0xffff_ffff, FINGERPRINTS) as u32 + 1;
    Place { buckets: [first as usize, second as usize], fingerprint }
}

/// Bits that tell `pages` pages apart.
fn page_bits(pages: u32) -> u32 {
    u32::BITS - pages.saturating_sub(1).leading_zeros()
}

fn bucket_bits(pages: u32) -> usize {
    SLOTS * (FINGERPRINT_BITS + page_bits(pages)) as usize
}

/// Collects the hashes of one table and lays them out when all are known.
pub struct CuckooBuilder {
    added: Vec<Resident>,
    seed: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Resident {
    hash: u64,
    page: u32,
}

/// No table has so many pages, so no resident is on this one.
const FREE: Resident = Resident { hash: 0, page: u32::MAX };

impl CuckooBuilder {
    /// `seed` decides which residents move. The same seed, hashes and pages give the same block.
    pub fn new(seed: u64) -> Self {
        CuckooBuilder { added: Vec::new(), seed }
    }

    /// Once for each distinct key, with the page that holds its newest version.
    pub fn add(&mut self, hash: u64, page: u32) {
        self.added.push(Resident { hash, page });
    }

    /// The filter block of a table of `pages` pages; every page that was added is below that.
    pub fn finish(self, pages: u32) -> Vec<u8> {
        let page_max = self.added.iter().map(|added| added.page).max();
        assert!(
            page_max.is_none_or(|page| page < pages),
            "a key was added on a page the table does not have"
        );

        let buckets = (self.added.len() * 100).div_ceil(SLOTS * LOAD_PERCENT).max(2);
        let mut layout = Layout {
            buckets: vec![[FREE; SLOTS]; buckets],
            count: u32::try_from(buckets).expect("a table has fewer than 2^32 keys"),
            listed: Vec::new(),
            kicks_left: KICKS_MAX + KICKS_PER_KEY * self.added.len(),
            random: self.seed | 1,
        };
        for added in self.added {
            layout.insert(added);
        }
        layout.listed.sort_unstable();
        layout.listed.dedup();
        layout.encode(pages)
    }
}

/// The buckets while they fill.
struct Layout {
    buckets: Vec<[Resident; SLOTS]>,
    count: u32,
    listed: Vec<u64>,
    kicks_left: usize,
    random: u64,
}

impl Layout {
    fn insert(&mut self, added: Resident) {
        let place = place(added.hash, self.count);
        for bucket in place.buckets {
            let twin = |resident: &&Resident| resident.hash == added.hash && **resident != FREE;
            if let Some(twin) = self.buckets[bucket].iter().find(twin) {
                // Two keys with one hash. On one page they share the slot, else only the index tells them apart.
                if twin.page != added.page {
                    self.listed.push(added.hash);
                }
                return;
            }
        }
        if !place.buckets.into_iter().any(|bucket| self.settle(bucket, added)) {
            self.walk(place.buckets[0], added);
        }
    }

    /// Takes a free slot of the bucket, if there is one.
    #[inline]
    fn settle(&mut self, bucket: usize, resident: Resident) -> bool {
        let slot = self.buckets[bucket].iter_mut().find(|slot| **slot == FREE);
        slot.map(|slot| *slot = resident).is_some()
    }

    /// Moves residents of full buckets to their other buckets until one finds a free slot; who is on the way when the
    /// patience ends is listed.
    fn walk(&mut self, mut bucket: usize, mut moving: Resident) {
        for _ in 0..KICKS_MAX.min(self.kicks_left) {
            self.kicks_left -= 1;
            let slot = self.draw();
            std::mem::swap(&mut self.buckets[bucket][slot], &mut moving);
            let [first, second] = place(moving.hash, self.count).buckets;
            bucket = if bucket == first { second } else { first };
            if self.settle(bucket, moving) {
                return;
            }
        }
        self.listed.push(moving.hash);
    }

    /// A slot by chance (xorshift): walks that always take the same one run in circles.
    fn draw(&mut self) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 62) as usize
    }

    fn encode(&self, pages: u32) -> Vec<u8> {
        let mut block = vec![KIND_CUCKOO, VERSION, 0, 0];
        block.extend_from_slice(&pages.to_le_bytes());
        block.extend_from_slice(&self.count.to_le_bytes());
        let listed = u32::try_from(self.listed.len()).expect("a table has fewer than 2^32 keys");
        block.extend_from_slice(&listed.to_le_bytes());
        debug_assert_eq!(block.len(), HEADER_BYTES);
        for hash in &self.listed {
            block.extend_from_slice(&hash.to_le_bytes());
        }

        let table = block.len();
        let bucket_bits = bucket_bits(pages);
        block.resize(table + (self.buckets.len() * bucket_bits).div_ceil(8) + PADDING_BYTES, 0);
        for (number, bucket) in self.buckets.iter().enumerate() {
            let mut bit = table * 8 + number * bucket_bits;
            let mut fingerprints = 0;
            for (slot, resident) in bucket.iter().enumerate().filter(|(_, resident)| **resident != FREE) {
                let fingerprint = place(resident.hash, self.count).fingerprint;
                fingerprints |= u64::from(fingerprint) << (FINGERPRINT_BITS as usize * slot);
            }
            put_bits(&mut block, bit, fingerprints);
            bit += BUCKET_FINGERPRINT_BITS as usize;
            for resident in bucket {
                if *resident != FREE {
                    put_bits(&mut block, bit, u64::from(resident.page));
                }
                bit += page_bits(pages) as usize;
            }
        }
        block
    }
}

/// Sets the bits of `value`, of at most 57, over zeros.
#[inline]
fn put_bits(block: &mut [u8], bit: usize, value: u64) {
    let word = get_word(block, bit / 8) | value << (bit % 8);
    block[bit / 8..bit / 8 + 8].copy_from_slice(&word.to_le_bytes());
}

/// At least 57 bits from `bit` on.
#[inline]
fn get_bits(block: &[u8], bit: usize) -> u64 {
    get_word(block, bit / 8) >> (bit % 8)
}

#[inline]
fn get_word(block: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(block[at..at + 8].try_into().expect("eight bytes"))
}

/// A cuckoo filter block, read in place.
pub(super) struct CuckooFilter {
    block: Vec<u8>,
    pages: u32,
    buckets: u32,
    /// Where the buckets begin, in bits of the block.
    table_bit: usize,
    bucket_bits: usize,
    page_bits: usize,
    /// Ascending hashes that only the index can locate; nearly always none or a few.
    listed: Box<[u64]>,
}

impl CuckooFilter {
    pub(super) fn parse(block: Vec<u8>) -> Result<CuckooFilter> {
        let mut fields = Reader::new(&block);
        let [_, version, reserved @ ..] = fields.array::<4>()?;
        if version != VERSION || reserved != [0; 2] {
            return Err(Error::new(
                Code::Format,
                format!("a cuckoo page filter of the unknown version {version}"),
            ));
        }
        let (pages, buckets, listed) = (fields.u32()?, fields.u32()?, fields.u32()?);
        // In 64 bits none of these products overflows. After this check every bit that a lookup can ask for is there.
        let bucket_bits = bucket_bits(pages);
        let table_bytes = (u64::from(buckets) * bucket_bits as u64).div_ceil(8);
        let expected = HEADER_BYTES as u64 + u64::from(listed) * 8 + table_bytes + PADDING_BYTES as u64;
        if buckets < 2 || block.len() as u64 != expected {
            return Err(Error::corrupt(format!(
                "a page filter of {} bytes says it has {buckets} buckets and {listed} listed hashes for {pages} pages",
                block.len()
            )));
        }
        let listed = (0..listed).map(|_| fields.u64()).collect::<Result<Box<[u64]>>>()?;
        if !listed.is_sorted_by(|a, b| a < b) {
            return Err(Error::corrupt("the listed hashes of a page filter are not ascending"));
        }
        let table_bit = fields.position() * 8;
        let page_bits = page_bits(pages) as usize;
        Ok(CuckooFilter { block, pages, buckets, table_bit, bucket_bits, page_bits, listed })
    }

    #[inline]
    pub(super) fn candidates(&self, hash: u64) -> Candidates {
        if !self.listed.is_empty() && self.listed.binary_search(&hash).is_ok() {
            return Candidates::Search;
        }
        let place = place(hash, self.buckets);
        let mut pages = Pages::default();
        // Both buckets are fetched before either is looked at: each is a miss of the processor's caches.
        let bits = place.buckets.map(|bucket| self.table_bit + bucket * self.bucket_bits);
        let hits = bits.map(|bit| lanes_equal(get_bits(&self.block, bit) as u32, place.fingerprint));
        for (bit, mut hits) in bits.into_iter().zip(hits) {
            while hits != 0 {
                let slot = (hits.trailing_zeros() / FINGERPRINT_BITS) as usize;
                hits &= hits - 1;
                let bit = bit + BUCKET_FINGERPRINT_BITS as usize + slot * self.page_bits;
                let page = get_bits(&self.block, bit) & ((1 << self.page_bits) - 1);
                // No builder wrote this page, so nothing here can be believed, but the index can.
                if page >= u64::from(self.pages) {
                    return Candidates::Search;
                }
                pages.add(page as u32);
            }
        }
        Candidates::Pages(pages)
    }

    pub(super) fn pages(&self) -> u32 {
        self.pages
    }

    pub(super) fn resident_bytes(&self) -> usize {
        size_of::<Self>() + self.block.capacity() + size_of_val(&*self.listed)
    }
}

/// For each of the four fingerprints in `bucket` that is `fingerprint`, the bit at its head.
#[inline]
fn lanes_equal(bucket: u32, fingerprint: u32) -> u32 {
    let difference = bucket ^ (fingerprint * LANE_FEET);
    // A lane without its head is at most 63, so adding 63 never carries into the next lane, and reaches the head unless
    // the lane is 0.
    let below_head = LANE_HEADS - LANE_FEET;
    !(((difference & below_head) + below_head) | difference) & LANE_HEADS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_buckets_of_a_hash_exist_and_differ_at_every_size() {
        for buckets in (2..100).chain([1_000_003, u32::MAX]) {
            for hash in [0, 1, u64::MAX, 1 << 32, u64::MAX << 32, 0x0123_4567_89ab_cdef] {
                let Place { buckets: [first, second], fingerprint } = place(hash, buckets);
                assert!(first < buckets as usize && second < buckets as usize && first != second);
                assert!((1..=FINGERPRINTS).contains(&fingerprint));
            }
        }
    }

    #[test]
    fn lanes_are_compared_each_for_itself() {
        for fingerprint in 1..=FINGERPRINTS {
            for other in 0..=FINGERPRINTS {
                let bucket = fingerprint | other << 7 | fingerprint << 14 | other << 21 | 0xf << 28;
                let equal = if other == fingerprint { LANE_HEADS } else { 1 << 6 | 1 << 20 };
                assert_eq!(lanes_equal(bucket, fingerprint), equal);
            }
        }
    }

    #[test]
    fn hashes_chosen_to_crowd_a_few_buckets_end_the_build_and_are_all_found() {
        const KEYS: u64 = 2_000;
        let buckets = (KEYS as usize * 100).div_ceil(SLOTS * LOAD_PERCENT) as u32;
        let mut candidates = 0u64..;
        let crowd = candidates.by_ref().map(mix).filter(|hash| {
            let [first, second] = place(*hash, buckets).buckets;
            first < 3 && second < 3
        });
        let mut hashes: Vec<u64> = crowd.take(40).collect();
        hashes.extend((40..KEYS).map(|key| mix(u64::MAX - key)));

        let mut builder = CuckooBuilder::new(1);
        hashes.iter().enumerate().for_each(|(page, hash)| builder.add(*hash, page as u32));
        let filter = CuckooFilter::parse(builder.finish(KEYS as u32)).unwrap();

        for (page, hash) in hashes.iter().enumerate() {
            match filter.candidates(*hash) {
                Candidates::Pages(pages) => assert!(pages.as_slice().contains(&(page as u32))),
                Candidates::Search => {}
            }
        }
        assert!(
            (28..60).contains(&filter.listed.len()),
            "three buckets hold twelve: {}",
            filter.listed.len()
        );
    }
}
