//! Ranges of keys: as C gives them, as the engine reads them, and as it deletes and guards them.

use crate::call::{Failure, Result};
use crate::engine::KEY_BYTES_MAX;
use crate::pointer::Data;
use std::ops::Bound;

/// Some bytes, or, with `data` NULL, none given: a key of no bytes has `data` too.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Bytes<'a> {
    pub data: Data<'a>,
    pub length: usize,
}

/// Which keys: those that satisfy every bound that is given. All of it zero is every key. Not both `gt` and `gte`, nor both
/// `lt` and `lte`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct KeyRange<'a> {
    /// Keys after this one.
    pub gt: Bytes<'a>,
    /// This key and those after it.
    pub gte: Bytes<'a>,
    /// Keys before this one.
    pub lt: Bytes<'a>,
    /// This key and those before it.
    pub lte: Bytes<'a>,
    /// Keys that begin so.
    pub prefix: Bytes<'a>,
}

/// Between two bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    pub lower: Bound<Vec<u8>>,
    pub upper: Bound<Vec<u8>>,
}

/// From `lower` on up to, without, `upper`; none: to the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    pub lower: Vec<u8>,
    pub upper: Option<Vec<u8>>,
}

impl<'a> Bytes<'a> {
    fn read(self, name: &str) -> Result<Option<&'a [u8]>> {
        if self.data.is_null() && self.length == 0 {
            return Ok(None);
        }
        let bytes = self.data.bytes(self.length, name)?;
        match bytes.len() > KEY_BYTES_MAX {
            true => Err(crate::write::too_large(name, KEY_BYTES_MAX)),
            false => Ok(Some(bytes)),
        }
    }
}

impl KeyRange<'_> {
    pub fn read(range: Option<&KeyRange<'_>>) -> Result<Bounds> {
        let mut bounds = Bounds { lower: Bound::Unbounded, upper: Bound::Unbounded };
        let Some(KeyRange { gt, gte, lt, lte, prefix }) = range else { return Ok(bounds) };
        match (gt.read("gt")?, gte.read("gte")?) {
            (Some(_), Some(_)) => return Err(Failure::invalid("give gt or gte, not both")),
            (Some(key), None) => bounds.lower = Bound::Excluded(key.to_vec()),
            (None, Some(key)) => bounds.lower = Bound::Included(key.to_vec()),
            (None, None) => {}
        }
        match (lt.read("lt")?, lte.read("lte")?) {
            (Some(_), Some(_)) => return Err(Failure::invalid("give lt or lte, not both")),
            (Some(key), None) => bounds.upper = Bound::Excluded(key.to_vec()),
            (None, Some(key)) => bounds.upper = Bound::Included(key.to_vec()),
            (None, None) => {}
        }
        if let Some(prefix) = prefix.read("prefix")? {
            bounds.narrow(prefix);
        }
        Ok(bounds)
    }
}

impl Bounds {
    /// Keeps of the keys those that begin so.
    fn narrow(&mut self, prefix: &[u8]) {
        let is_above = match &self.lower {
            Bound::Unbounded => false,
            Bound::Included(key) | Bound::Excluded(key) => key.as_slice() >= prefix,
        };
        if !is_above {
            self.lower = Bound::Included(prefix.to_vec());
        }
        let Some(end) = behind_all(prefix) else { return };
        let is_below = match &self.upper {
            Bound::Unbounded => false,
            Bound::Included(key) => *key < end,
            Bound::Excluded(key) => *key <= end,
        };
        if !is_below {
            self.upper = Bound::Excluded(end);
        }
    }

    /// A lower bound that also keeps what is before a key out.
    pub fn not_before(&self, key: Vec<u8>) -> Bound<Vec<u8>> {
        match &self.lower {
            Bound::Included(lower) | Bound::Excluded(lower) if *lower >= key => self.lower.clone(),
            _ => Bound::Included(key),
        }
    }

    /// An upper bound that also keeps a key, and what is after it, out.
    pub fn not_from(&self, key: Vec<u8>) -> Bound<Vec<u8>> {
        match &self.upper {
            Bound::Included(upper) | Bound::Excluded(upper) if *upper < key => self.upper.clone(),
            _ => Bound::Excluded(key),
        }
    }

    /// Whether no key can lie between them.
    pub fn are_empty(&self) -> bool {
        match (&self.lower, &self.upper) {
            (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
            (Bound::Included(lower), Bound::Included(upper)) => lower > upper,
            (
                Bound::Included(lower) | Bound::Excluded(lower),
                Bound::Included(upper) | Bound::Excluded(upper),
            ) => lower >= upper,
        }
    }

    /// None if no key lies between them.
    pub fn span(&self) -> Option<Span> {
        let lower = match &self.lower {
            Bound::Unbounded => Vec::new(),
            Bound::Included(key) => key.clone(),
            Bound::Excluded(key) if key.len() < KEY_BYTES_MAX => behind(key),
            Bound::Excluded(key) => behind_all(key)?,
        };
        let upper = match &self.upper {
            Bound::Unbounded => None,
            Bound::Included(key) => Some(behind(key)),
            Bound::Excluded(key) => Some(key.clone()),
        };
        let is_empty = upper.as_ref().is_some_and(|upper| *upper <= lower);
        (!is_empty).then_some(Span { lower, upper })
    }
}

impl Span {
    pub fn bounds(&self) -> Bounds {
        let upper = self.upper.clone().map_or(Bound::Unbounded, Bound::Excluded);
        Bounds { lower: Bound::Included(self.lower.clone()), upper }
    }
}

/// The first bytes after a key, even if they are one too many for a key.
pub fn behind(key: &[u8]) -> Vec<u8> {
    [key, &[0]].concat()
}

/// The first key after all that begin so; none if there is no such key.
fn behind_all(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte < u8::MAX)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ops::Bound::{Excluded, Included, Unbounded};

    fn span(lower: Bound<&[u8]>, upper: Bound<&[u8]>) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
        let bounds = Bounds { lower: lower.map(<[u8]>::to_vec), upper: upper.map(<[u8]>::to_vec) };
        bounds.span().map(|Span { lower, upper }| (lower, upper))
    }

    #[test]
    fn a_span_holds_its_lower_end_and_not_its_upper_one() {
        assert_eq!(span(Unbounded, Unbounded), Some((vec![], None)));
        assert_eq!(span(Excluded(b"a"), Included(b"b")), Some((b"a\0".to_vec(), Some(b"b\0".to_vec()))));
        assert_eq!(span(Included(b"a"), Excluded(b"b")), Some((b"a".to_vec(), Some(b"b".to_vec()))));
        assert_eq!(span(Included(b"b"), Excluded(b"b")), None);
        assert_eq!(span(Included(b"c"), Included(b"b")), None);
    }

    #[test]
    fn after_the_longest_key_comes_the_next_shorter_one() {
        let longest = [vec![7; KEY_BYTES_MAX - 1], vec![u8::MAX]].concat();
        let next = [vec![7; KEY_BYTES_MAX - 2], vec![8]].concat();
        assert_eq!(span(Excluded(&longest), Unbounded), Some((next, None)));
        assert_eq!(span(Excluded(&[u8::MAX; KEY_BYTES_MAX]), Unbounded), None);
    }

    #[test]
    fn a_prefix_narrows_the_other_bounds_and_never_widens_them() {
        let narrowed = |lower: Bound<&[u8]>, upper: Bound<&[u8]>, prefix: &[u8]| {
            let mut bounds = Bounds { lower: lower.map(<[u8]>::to_vec), upper: upper.map(<[u8]>::to_vec) };
            bounds.narrow(prefix);
            (bounds.lower, bounds.upper)
        };
        let key = |bytes: &[u8]| bytes.to_vec();
        assert_eq!(narrowed(Unbounded, Unbounded, b"a/"), (Included(key(b"a/")), Excluded(key(b"a0"))));
        assert_eq!(
            narrowed(Excluded(b"a/b"), Included(b"a/c"), b"a/"),
            (Excluded(key(b"a/b")), Included(key(b"a/c")))
        );
        assert_eq!(
            narrowed(Included(b"Z"), Included(b"b"), b"a/"),
            (Included(key(b"a/")), Excluded(key(b"a0")))
        );
        assert_eq!(narrowed(Excluded(b"a/"), Unbounded, b"a/"), (Excluded(key(b"a/")), Excluded(key(b"a0"))));
        assert_eq!(narrowed(Unbounded, Unbounded, b"\xff"), (Included(key(b"\xff")), Unbounded));
    }
}
