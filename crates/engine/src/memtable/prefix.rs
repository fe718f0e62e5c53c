//! Which eight bytes of a key a node keeps inline.
//!
//! Keys of one database often begin alike, or in a few ways (`user/...`, `post/...`). A list chooses prefixes from the
//! keys it has seen and codes each key by the bytes after its prefix. Codes order as keys do, except that they may tie;
//! a key with none of the prefixes is coded as the gap it falls into, so that any key is in order whatever the prefixes.
//! A bad choice costs time only.

/// The bytes of a key that make its code, where all keys share one prefix.
const WINDOW: usize = 8;
/// More prefixes would not be told apart by one byte, and finding a key's own would cost more than it saves.
const PREFIXES_MAX: usize = 64;
/// A prefix of fewer of the keys seen is not worth having.
const KEYS_MIN: usize = 8;

const _: () =
    assert!(2 * PREFIXES_MAX <= u8::MAX as usize, "a prefix or gap is numbered in one byte of the code");

/// One prefix, or several in order of which none begins with another.
#[derive(PartialEq)]
pub struct Prefixes(Box<[Box<[u8]>]>);

impl Prefixes {
    /// The empty prefix, which every key has.
    pub fn none() -> Prefixes {
        Prefixes(Box::new([Box::default()]))
    }

    #[inline]
    pub fn code(&self, key: &[u8]) -> u64 {
        match &*self.0 {
            [prefix] => match key.strip_prefix(&**prefix) {
                Some(rest) => window(rest),
                None if key < &**prefix => 0,
                None => u64::MAX,
            },
            prefixes => code_of_many(prefixes, key),
        }
    }

    /// Prefixes under which these sorted keys tie less, if they tie much under these. `ascending`: most of them came in
    /// order, so the next ones will differ from the last in an earlier byte than these do from each other.
    pub fn better(&self, keys: &[&[u8]], ascending: bool) -> Option<Prefixes> {
        let pairs = keys.windows(2).filter(|pair| pair[0] != pair[1]).count();
        let ties_allowed = pairs / 8;
        let ties = self.ties(keys);
        if ties <= ties_allowed {
            return None;
        }
        // A few outliers at either end must not decide.
        let outliers = keys.len() / 16;
        let one = one_prefix(&keys[outliers..keys.len() - outliers], 0, ascending).0;
        let mut best = Prefixes(Box::new([one]));
        if best.ties(keys) > ties_allowed {
            let mut several = Vec::new();
            split(keys, 0, ascending, &mut several);
            let several = Prefixes(several.into());
            if (2..=PREFIXES_MAX).contains(&several.0.len()) && several.ties(keys) < best.ties(keys) {
                best = several;
            }
        }
        (best != *self && best.ties(keys) <= ties).then_some(best)
    }

    /// How many neighbours have the same code. Versions of one key do whatever the prefix.
    fn ties(&self, keys: &[&[u8]]) -> usize {
        keys.windows(2).filter(|pair| pair[0] != pair[1] && self.code(pair[0]) == self.code(pair[1])).count()
    }
}

/// The first bytes as a number that orders as they do.
#[inline]
fn window(rest: &[u8]) -> u64 {
    match rest.first_chunk::<WINDOW>() {
        Some(window) => u64::from_be_bytes(*window),
        None => {
            let mut window = [0; WINDOW];
            window[..rest.len()].copy_from_slice(rest);
            u64::from_be_bytes(window)
        }
    }
}

/// One byte for the prefix (odd) or the gap (even), then seven bytes of what follows the prefix.
fn code_of_many(prefixes: &[Box<[u8]>], key: &[u8]) -> u64 {
    let below = prefixes.partition_point(|prefix| **prefix <= *key);
    let rest = below.checked_sub(1).and_then(|last| key.strip_prefix(&*prefixes[last]));
    match rest {
        Some(rest) => (2 * below as u64 - 1) << 56 | window(rest) >> 8,
        None => (2 * below as u64) << 56,
    }
}

/// The prefix for these sorted keys, which share at least `shared_min` bytes, and whether the bytes after it tell most
/// of them apart.
fn one_prefix(keys: &[&[u8]], shared_min: usize, ascending: bool) -> (Box<[u8]>, bool) {
    let (first, last) = (keys[0], keys[keys.len() - 1]);
    let shared = common_bytes(first, last);
    let neighbours = keys.windows(2).filter(|pair| pair[0] != pair[1]);
    let mut common: Vec<usize> = neighbours.map(|pair| common_bytes(pair[0], pair[1])).collect();
    common.sort_unstable();
    // Nor may a few near twins decide.
    let deepest = common.len().checked_sub(1 + common.len() / 16).map_or(shared, |place| common[place]);
    // One byte of the window may go to the number of the prefix.
    let needed = (deepest + 2).saturating_sub(WINDOW);
    let length = if ascending { needed.clamp(shared_min, shared) } else { shared };
    (first[..length].into(), needed <= shared)
}

/// Divides sorted keys by the first byte in which they differ until each part has one good prefix.
fn split(keys: &[&[u8]], shared_min: usize, ascending: bool, prefixes: &mut Vec<Box<[u8]>>) {
    if keys.len() < KEYS_MIN || prefixes.len() > PREFIXES_MAX {
        return;
    }
    let (prefix, tells_apart) = one_prefix(keys, shared_min, ascending);
    if tells_apart {
        prefixes.push(prefix);
        return;
    }
    let shared = common_bytes(keys[0], keys[keys.len() - 1]);
    for part in keys.chunk_by(|a, b| a.get(shared) == b.get(shared)) {
        // The key that ends where the others differ has no byte of its own.
        if part[0].len() > shared {
            split(part, shared + 1, ascending, prefixes);
        }
    }
}

fn common_bytes(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(prefixes: &[&str], each: usize) -> Vec<Vec<u8>> {
        let numbered =
            |prefix: &&str| (0..each).map(|n| format!("{prefix}{n:08}").into()).collect::<Vec<_>>();
        let mut keys: Vec<Vec<u8>> = prefixes.iter().flat_map(numbered).collect();
        keys.sort();
        keys
    }

    fn slices(keys: &[Vec<u8>]) -> Vec<&[u8]> {
        keys.iter().map(Vec::as_slice).collect()
    }

    #[test]
    fn codes_order_as_keys_do_whatever_the_prefixes() {
        let mut keys: Vec<Vec<u8>> = ["", "a", "ab", "abc", "abc\0", "abcdefghijklm", "abd", "b", "\u{ff}"]
            .map(|key| key.as_bytes().to_vec())
            .into();
        keys.push(vec![0xff; 12]);
        keys.sort();
        for one in &keys {
            for other in &keys {
                let mut prefixes = vec![Box::from(&one[..])];
                if other > one && !other.starts_with(one) {
                    prefixes.push(Box::from(&other[..]));
                }
                let prefixes = Prefixes(prefixes.into());
                assert!(keys.is_sorted_by_key(|key| prefixes.code(key)));
            }
        }
    }

    #[test]
    fn scattered_keys_lose_all_they_share_and_ascending_keys_keep_room_to_grow() {
        let keys = keys(&["tenant/00"], 64);

        let scattered = Prefixes::none().better(&slices(&keys), false).unwrap();
        let ascending = Prefixes::none().better(&slices(&keys), true).unwrap();

        assert_eq!(*scattered.0, [Box::from(&b"tenant/00000000"[..])]);
        assert_eq!(*ascending.0, [Box::from(&b"tenant/000"[..])]);
        assert!(ascending.better(&slices(&keys), true).is_none(), "good enough stays");
    }

    #[test]
    fn outliers_do_not_take_the_prefix_away() {
        let mut keys = keys(&["tenant/"], 60);
        keys.insert(0, b"a".to_vec());
        keys.push(b"z".to_vec());

        let better = Prefixes::none().better(&slices(&keys), false).unwrap();

        assert!(better.0.len() == 1 && better.0[0].starts_with(b"tenant/"));
    }

    #[test]
    fn keys_of_several_kinds_get_a_prefix_each() {
        let mut keys = keys(&["post/comment/", "post/article/", "user/profile/"], 30);
        keys.push(b"post/".to_vec());
        keys.sort();
        for ascending in [false, true] {
            let better = Prefixes::none().better(&slices(&keys), ascending).unwrap();

            assert_eq!(better.0.len(), 3);
            assert!(better.0.is_sorted());
            assert!(better.ties(&slices(&keys)) <= 3);
        }
    }
}
