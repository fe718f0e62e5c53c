//! What differs between two moments, and between two databases that have grown from the same tables.

#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "shared by several tests")]
mod support;

mod model;
mod reads;

use coppice_engine::{Change, Diff, Range, Snapshot};
use std::ops::Bound;

/// All changes of a range, as text: `key: before -> after`, with `-` for nothing.
fn changes(before: Snapshot, after: Snapshot, same_until: u64, range: Range) -> Vec<String> {
    let mut diff = Diff::new(before, after, same_until, range).unwrap();
    let mut all = Vec::new();
    while let Some(Change { key, before, after }) = diff.next().unwrap() {
        let text = |found: Option<(_, Vec<u8>)>| {
            found.map_or("-".to_owned(), |(_, value): (coppice_engine::entry::Entry<'static>, _)| {
                String::from_utf8_lossy(&value).into_owned()
            })
        };
        all.push(format!("{}: {} -> {}", String::from_utf8_lossy(&key), text(before), text(after)));
    }
    all
}

fn everything() -> Range {
    support::range(Bound::Unbounded, Bound::Unbounded, false)
}
