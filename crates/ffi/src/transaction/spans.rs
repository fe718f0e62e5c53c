//! Parts of the keys: apart from one another, merged where they touch.

use crate::range::Span;
use std::collections::BTreeMap;
use std::ops::Bound;

#[derive(Default)]
pub struct Spans {
    /// By where they begin: where they end, and none of them is empty; none: to the end.
    parts: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    bytes: usize,
}

impl Spans {
    pub fn add(&mut self, added: Span) {
        let Span { mut lower, mut upper } = added;
        while let Some(at) = self.last_touching(&lower, upper.as_deref()) {
            let (from, until) = self.parts.remove_entry(&at).expect("found just now");
            self.bytes -= bytes_of(&from, until.as_deref());
            lower = lower.min(from);
            upper = match (upper, until) {
                (Some(upper), Some(until)) => Some(upper.max(until)),
                _ => None,
            };
        }
        self.bytes += bytes_of(&lower, upper.as_deref());
        self.parts.insert(lower, upper);
    }

    fn last_touching(&self, lower: &[u8], upper: Option<&[u8]>) -> Option<Vec<u8>> {
        let upper = upper.map_or(Bound::Unbounded, Bound::Included);
        let (from, until) = self.parts.range::<[u8], _>((Bound::Unbounded, upper)).next_back()?;
        until.as_deref().is_none_or(|until| until >= lower).then(|| from.clone())
    }

    pub fn hold(&self, key: &[u8]) -> bool {
        let last = self.parts.range::<[u8], _>((Bound::Unbounded, Bound::Included(key))).next_back();
        last.is_some_and(|(_, until)| until.as_deref().is_none_or(|until| key < until))
    }

    pub fn iter(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        self.parts.iter().map(|(lower, upper)| (lower.as_slice(), upper.as_deref()))
    }

    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    pub fn count(&self) -> usize {
        self.parts.len()
    }

    /// Of all ends.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

fn bytes_of(lower: &[u8], upper: Option<&[u8]>) -> usize {
    lower.len() + upper.map_or(0, <[u8]>::len)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(lower: &str, upper: &str) -> Span {
        let upper = (!upper.is_empty()).then(|| upper.as_bytes().to_vec());
        Span { lower: lower.as_bytes().to_vec(), upper }
    }

    /// Each as two letters, and a dash for the end of all.
    fn shown(spans: &Spans) -> String {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let all = spans.iter().map(|(lower, upper)| text(lower) + &upper.map_or("-".into(), text));
        all.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn parts_that_touch_are_one() {
        let mut spans = Spans::default();
        for (added, is) in [
            (span("m", "n"), "mn"),
            (span("c", "d"), "cd mn"),
            (span("n", "o"), "cd mo"),
            (span("b", "c"), "bd mo"),
            (span("x", ""), "bd mo x-"),
            (span("c", "m"), "bo x-"),
            (span("y", "z"), "bo x-"),
            (span("a", ""), "a-"),
        ] {
            spans.add(added);
            assert_eq!(shown(&spans), is);
            assert_eq!(spans.bytes(), shown(&spans).replace(['-', ' '], "").len());
        }
    }

    #[test]
    fn a_part_holds_its_lower_end_and_not_its_upper_one() {
        let mut spans = Spans::default();
        spans.add(span("b", "d"));
        spans.add(span("x", ""));
        let held = |key: &str| spans.hold(key.as_bytes());
        assert_eq!(
            ["a", "b", "c", "d", "w", "x", "zz"].map(held),
            [false, true, true, false, false, true, true]
        );
    }

    #[test]
    fn a_walk_over_many_keys_is_one_part() {
        let mut spans = Spans::default();
        let key = |at: u32| at.to_be_bytes().to_vec();
        for at in 0..1_000 {
            spans.add(Span { lower: key(at), upper: Some(crate::range::behind(&key(at + 1))) });
        }
        assert_eq!(spans.iter().count(), 1);
        assert_eq!(spans.bytes(), 9);
    }
}
