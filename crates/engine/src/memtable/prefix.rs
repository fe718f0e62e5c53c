//! Which eight bytes of a key a node keeps inline.
//!
//! Keys of one database often begin alike. A list skips one common prefix, chosen from the keys it has seen, and codes
//! each key by the eight bytes after it. Codes order as keys do, except that they may tie; a key without the prefix is
//! coded as the least or the greatest, so that any key is in order whatever the prefix. A bad choice costs time only.

/// The bytes of a key that make its code.
const WINDOW: usize = 8;

pub struct Prefix(Box<[u8]>);

impl Prefix {
    pub fn none() -> Prefix {
        Prefix(Box::default())
    }

    #[inline]
    pub fn code(&self, key: &[u8]) -> u64 {
        match key.strip_prefix(&*self.0) {
            Some(rest) => match rest.first_chunk::<WINDOW>() {
                Some(window) => u64::from_be_bytes(*window),
                None => {
                    let mut window = [0; WINDOW];
                    window[..rest.len()].copy_from_slice(rest);
                    u64::from_be_bytes(window)
                }
            },
            None if key < &*self.0 => 0,
            None => u64::MAX,
        }
    }

    /// A prefix under which these sorted keys tie less, if they tie much under this one. `ascending`: most of them came
    /// in order, so the next ones will differ from the last in an earlier byte than these do from each other.
    pub fn better(&self, keys: &[&[u8]], ascending: bool) -> Option<Prefix> {
        let mut common: Vec<usize> = Vec::with_capacity(keys.len());
        let mut ties = 0;
        for pair in keys.windows(2).filter(|pair| pair[0] != pair[1]) {
            common.push(common_bytes(pair[0], pair[1]));
            ties += usize::from(self.code(pair[0]) == self.code(pair[1]));
        }
        if common.is_empty() || ties * 8 < common.len() {
            return None;
        }
        // A few outliers at either end and a few near twins must not decide.
        let outliers = keys.len() / 16;
        let (first, last) = (keys[outliers], keys[keys.len() - 1 - outliers]);
        let shared = common_bytes(first, last);
        let near_twins = common.len() / 16;
        let place = common.len() - 1 - near_twins;
        let (_, deepest, _) = common.select_nth_unstable(place);
        let needed = (*deepest + 1).saturating_sub(WINDOW);
        let length = if ascending { needed.min(shared) } else { shared };
        (first[..length] != *self.0).then(|| Prefix(first[..length].into()))
    }
}

fn common_bytes(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_order_as_keys_do_whatever_the_prefix() {
        let mut keys: Vec<Vec<u8>> = ["", "a", "ab", "abc", "abc\0", "abcdefghijklm", "abd", "b", "\u{ff}"]
            .map(|key| key.as_bytes().to_vec())
            .into();
        keys.push(vec![0xff; 12]);
        keys.sort();
        for prefix in &keys {
            let prefix = Prefix(prefix.clone().into());
            assert!(keys.is_sorted_by_key(|key| prefix.code(key)));
        }
    }

    #[test]
    fn scattered_keys_lose_all_they_share_and_ascending_keys_keep_room_to_grow() {
        let keys: Vec<String> = (0..64).map(|n| format!("tenant/000000{:04}", n)).collect();
        let keys: Vec<&[u8]> = keys.iter().map(|key| key.as_bytes()).collect();

        let scattered = Prefix::none().better(&keys, false).unwrap();
        let ascending = Prefix::none().better(&keys, true).unwrap();

        assert_eq!(&*scattered.0, b"tenant/00000000");
        assert_eq!(&*ascending.0, b"tenant/00");
        assert!(ascending.better(&keys, true).is_none(), "good enough stays");
    }

    #[test]
    fn outliers_do_not_take_the_prefix_away() {
        let mut keys: Vec<String> = (0..60).map(|n| format!("tenant/{n:08}")).collect();
        keys.insert(0, "a".to_owned());
        keys.push("z".to_owned());
        let keys: Vec<&[u8]> = keys.iter().map(|key| key.as_bytes()).collect();

        let better = Prefix::none().better(&keys, false).unwrap();

        assert!(better.0.starts_with(b"tenant/"));
    }
}
