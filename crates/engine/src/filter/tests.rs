//! The laws of a page filter: it never misses, is wrong as seldom as computed, always finishes, and believes no bytes.

use super::*;
use crate::testing::Seeded;

fn build(entries: &[(u64, u32)], pages: u32) -> Vec<u8> {
    let mut builder = CuckooBuilder::new(7);
    for (hash, page) in entries {
        builder.add(*hash, *page);
    }
    builder.finish(pages)
}

fn parse(block: Vec<u8>) -> PageFilter {
    PageFilter::parse(block).unwrap()
}

fn assert_finds_all(filter: &PageFilter, entries: &[(u64, u32)]) {
    for (hash, page) in entries {
        match filter.candidates(*hash) {
            Candidates::Pages(pages) => {
                assert!(pages.as_slice().contains(page), "hash {hash:#x} of page {page} was missed")
            }
            Candidates::Search => {}
        }
    }
}

fn searches(filter: &PageFilter, entries: &[(u64, u32)]) -> usize {
    entries.iter().filter(|(hash, _)| filter.candidates(*hash) == Candidates::Search).count()
}

/// Keys in order, forty to a page, as a table adds them.
fn counted(keys: u64, seed: u64) -> Vec<(u64, u32)> {
    (0..keys).map(|key| (hash(&key.to_be_bytes(), seed), (key / 40) as u32)).collect()
}

#[test]
fn every_small_table_finds_all_its_keys() {
    for keys in 0..400 {
        let entries = counted(keys, keys);
        let pages = keys.div_ceil(40) as u32;
        let filter = parse(build(&entries, pages));
        assert_eq!(filter.pages(), pages);
        assert_finds_all(&filter, &entries);
    }
}

#[test]
fn a_full_table_finds_all_its_keys_in_twenty_bits_each() {
    let entries = counted(100_000, 1);
    let block = build(&entries, 2_500);
    let bits_per_key = block.len() as f64 * 8.0 / entries.len() as f64;
    assert!(bits_per_key < 20.1, "{bits_per_key}");
    let filter = parse(block);
    assert_finds_all(&filter, &entries);
    let searches = searches(&filter, &entries);
    assert!(searches <= 10, "{searches} of 100,000 random hashes found no room");
}

#[test]
fn any_hashes_with_any_duplicates_on_any_pages_are_found() {
    let mut random = Seeded::new();
    for _ in 0..400 {
        let page_bits = random.below(20);
        let pages = 1 + random.below(1 << page_bits) as u32;
        // Few distinct values of few bits, anywhere in the word: duplicates, shared buckets, shared fingerprints.
        let (bits, shift) = (random.below(64), random.below(64) as u32);
        let entries: Vec<_> = (0..random.below(2_000))
            .map(|_| {
                ((random.next() & ((1 << bits) - 1)).rotate_left(shift), random.below(pages as usize) as u32)
            })
            .collect();
        let filter = parse(build(&entries, pages));
        assert_finds_all(&filter, &entries);
    }
}

#[test]
fn one_hash_on_many_pages_is_sent_to_the_index_and_harms_no_other() {
    let mut entries = counted(10_000, 3);
    entries.extend((0..250).map(|page| (0xdead_beef, page)));
    let filter = parse(build(&entries, 250));
    assert_eq!(filter.candidates(0xdead_beef), Candidates::Search);
    assert_finds_all(&filter, &entries);
    assert!(searches(&filter, &entries[..10_000]) <= 10);
}

#[test]
fn one_hash_many_times_on_one_page_needs_no_index() {
    let filter = parse(build(&[(5, 3); 1_000], 9));
    let Candidates::Pages(pages) = filter.candidates(5) else { panic!("the page is known") };
    assert_eq!(pages.as_slice(), [3]);
}

#[test]
fn strangers_get_candidates_as_seldom_as_computed() {
    for seed in 0..4 {
        let (keys, pages, strangers) = (38_000u64, 950u32, 200_000u64);
        let filter = parse(build(&counted(keys, seed), pages));
        let (mut answered, mut false_reads) = (0u64, 0u64);
        for stranger in 0..strangers {
            let Candidates::Pages(found) = filter.candidates(hash(&(keys + stranger).to_be_bytes(), seed))
            else {
                continue;
            };
            answered += u64::from(!found.as_slice().is_empty());
            // Only the page in whose range the stranger falls is read in vain.
            let own = (stranger % 50) as u32;
            false_reads += u64::from(found.as_slice().iter().any(|page| page % 50 == own));
        }
        // Eight slots, 95 in 100 taken, each with one of 127 fingerprints.
        let answer = 1.0 - (1.0 - 0.95 / 127.0f64).powi(8);
        let false_read = 8.0 * 0.95 / 127.0 / 50.0;
        for (name, count, chance) in [("answers", answered, answer), ("reads", false_reads, false_read)] {
            let expected = strangers as f64 * chance;
            let sigma = (expected * (1.0 - chance)).sqrt();
            let off = (count as f64 - expected).abs();
            assert!(off <= 3.0 * sigma, "seed {seed}: {count} {name}, expected {expected:.0} +- {sigma:.0}");
        }
    }
}

#[test]
fn no_bytes_make_a_filter_panic_or_name_a_page_that_is_not_there() {
    let mut random = Seeded::new();
    let probe = |block: Vec<u8>, random: &mut Seeded| -> bool {
        let Ok(filter) = PageFilter::parse(block) else { return false };
        for _ in 0..20 {
            if let Candidates::Pages(pages) = filter.candidates(random.next()) {
                assert!(pages.as_slice().len() <= CANDIDATES_MAX);
                assert!(pages.as_slice().iter().all(|page| *page < filter.pages()));
            }
        }
        true
    };
    for _ in 0..20_000 {
        let length = random.below(80);
        let mut block = random.bytes(length);
        probe(block.clone(), &mut random);
        // Again behind a header that is nearly right.
        block.splice(
            ..0,
            [1, 1, 0, 0, random.next() as u8, 0, 0, 0, random.below(9) as u8, 0, 0, 0, 0, 0, 0, 0],
        );
        probe(block, &mut random);
    }

    let mut entries = counted(300, 9);
    entries.push((entries[0].0, 5));
    let block = build(&entries, 8);
    let mut taken = 0;
    for at in 0..block.len() {
        for bit in 0..8 {
            let mut flipped = block.clone();
            flipped[at] ^= 1 << bit;
            taken += usize::from(probe(flipped, &mut random));
        }
        assert!(!probe(block[..at].to_vec(), &mut random), "cut at {at}");
    }
    assert!(taken > 1_000, "flips inside the buckets are left to the checksum: {taken}");
}

#[test]
fn other_kinds_and_versions_are_refused_as_a_format_and_nonsense_as_corrupt() {
    let block = build(&counted(10, 0), 1);
    let code = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut block = block.clone();
        change(&mut block);
        PageFilter::parse(block).err().unwrap().code()
    };
    assert_eq!(code(&|block| block[0] = 2), Code::Format);
    assert_eq!(code(&|block| block[1] = 2), Code::Format);
    assert_eq!(code(&|block| block[2] = 1), Code::Format);
    assert_eq!(code(&|block| block.clear()), Code::Corrupt);
    assert_eq!(code(&|block| block.push(0)), Code::Corrupt);
    assert_eq!(code(&|block| block[8] = 200), Code::Corrupt);
    assert_eq!(code(&|block| block[15] = 255), Code::Corrupt);
}

#[test]
fn golden_block_stays_as_it_is() {
    let entries =
        [(hash(b"\0birch", 42), 0), (hash(b"\0oak", 42), 1), (9, 1), (9, 2), (hash(b"\0yew", 42), 2)];
    #[rustfmt::skip]
    let golden = [
        1, 1, 0, 0,  3, 0, 0, 0,  2, 0, 0, 0,  1, 0, 0, 0, // kind, version, pages, buckets, listed
        9, 0, 0, 0, 0, 0, 0, 0,                            // the listed hash
        0x6c, 0x11, 0x1f, 0x40, 0xa1, 0x04, 0, 0, 0x02,    // two buckets of 36 bits
        0, 0, 0, 0, 0, 0, 0, 0,                            // padding
    ];
    assert_eq!(build(&entries, 3), golden);

    let filter = parse(golden.to_vec());
    let pages = |hash| match filter.candidates(hash) {
        Candidates::Pages(pages) => pages.as_slice().to_vec(),
        Candidates::Search => panic!("only the listed hash needs the index"),
    };
    assert_eq!(pages(entries[0].0), [0]);
    assert_eq!(pages(entries[1].0), [1]);
    assert_eq!(pages(entries[4].0), [2]);
    assert_eq!(pages(hash(b"\0stranger", 42)), []);
    assert_eq!(filter.candidates(9), Candidates::Search);
}

#[test]
fn golden_hashes_stay_as_they_are() {
    assert_eq!(hash(b"", 0), 0x2d06_8005_38d3_94c2);
    assert_eq!(hash(b"\0oak", 42), 5_902_312_698_870_118_909);
}
