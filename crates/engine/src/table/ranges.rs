//! The block of a table's range deletes: lower bound, upper bound, revision of each, one after the other, by lower bound
//! and then from the newest. No bytes: there are none. Read whole at the table's first use and resident from then on.

use crate::coding::{Reader, put_bytes, put_varint};
use crate::error::{Error, Result};
use crate::limits::{REVISION_MAX, STORED_KEY_BYTES_MAX};
use crate::range_delete::RangeDelete;
use std::cmp::Reverse;

pub(super) fn encode(ranges: &mut [RangeDelete]) -> Vec<u8> {
    ranges.sort_by(|a, b| order(a).cmp(&order(b)));
    let mut out = Vec::new();
    for range in ranges {
        put_bytes(&mut out, &range.lower);
        put_bytes(&mut out, &range.upper);
        put_varint(&mut out, range.revision);
    }
    out
}

pub(super) fn decode(bytes: &[u8]) -> Result<Vec<RangeDelete>> {
    let mut ranges: Vec<RangeDelete> = Vec::new();
    let mut reader = Reader::new(bytes);
    while !reader.is_empty() {
        let (lower, upper, revision) = (reader.bytes()?, reader.bytes()?, reader.varint()?);
        let fits = upper.len() <= STORED_KEY_BYTES_MAX + 1 && (1..=REVISION_MAX).contains(&revision);
        if lower >= upper || !fits {
            return Err(Error::corrupt("a range delete of the table makes no sense"));
        }
        let range = RangeDelete { lower: lower.into(), upper: upper.into(), revision };
        if ranges.last().is_some_and(|last| order(last) >= order(&range)) {
            return Err(Error::corrupt("the range deletes of the table are out of order"));
        }
        ranges.push(range);
    }
    Ok(ranges)
}

fn order(range: &RangeDelete) -> (&[u8], Reverse<u64>) {
    (&range.lower, Reverse(range.revision))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(lower: &str, upper: &str, revision: u64) -> RangeDelete {
        RangeDelete { lower: lower.as_bytes().into(), upper: upper.as_bytes().into(), revision }
    }

    #[test]
    fn range_deletes_come_back_in_order() {
        let mut given = [range("b", "c", 4), range("a", "z", 3), range("a", "b", 9)];
        let bytes = encode(&mut given);
        assert_eq!(decode(&bytes).unwrap(), [range("a", "b", 9), range("a", "z", 3), range("b", "c", 4)]);
        assert_eq!(bytes[..5], [1, b'a', 1, b'b', 9]);
        assert!(decode(&[]).unwrap().is_empty());
    }

    #[test]
    fn bytes_that_are_no_range_deletes_are_refused() {
        let [a, b] = [encode(&mut [range("a", "b", 5)]), encode(&mut [range("b", "c", 5)])];
        assert!(decode(&[a.clone(), b.clone()].concat()).is_ok());
        assert!(decode(&[b, a.clone()].concat()).is_err(), "out of order");
        assert!(decode(&[a.clone(), a.clone()].concat()).is_err(), "twice the same");
        assert!(decode(&a[..a.len() - 1]).is_err(), "cut short");
        assert!(decode(&[1, b'b', 1, b'b', 5]).is_err(), "no key between");
        assert!(decode(&[1, b'a', 1, b'b', 0]).is_err(), "no revision");
    }
}
