//! Format 1 as it was first written, kept for ever: every later version reads these files, and this one writes them.
//! A test that fails here means a change of format, which goes into docs/formats/manifest.md in the same commit.

use super::frame::{Contents, END_MARK_BYTES, Framing, Tail};
use super::log::first_bytes;
use super::testing::{blob, creation, table, table_with_blobs};
use super::{Edit, LogFloor, State, current, recovery};
use crate::encryption::Keys;
use crate::marks::{Mark, Marks};
use crate::table::VersionSummary;

const MANIFEST: &[u8] = include_bytes!("../../golden/manifest-1/000007.manifest");
const CURRENT: &[u8] = include_bytes!("../../golden/manifest-1/CURRENT");
const NUMBER: u64 = 7;
const SALT: u32 = 0x0102_0304;

fn first() -> Edit {
    Edit {
        created: Some(creation()),
        next_number: 8,
        last_revision: 1,
        time_ms: 1_700_000_000_000,
        ..Edit::default()
    }
}

/// A flush, a compaction of two tables into one with two blob files, one that ends a blob file, an orderly end.
fn later() -> [Edit; 4] {
    let flushed = LogFloor { segment: 9, flushed_sequence: 300 };
    [
        Edit {
            added: vec![(0, table(10, "\0apple", "\0fig")), (0, table(11, "\0banana", "\0kiwi"))],
            log_floor: Some(flushed),
            next_number: 12,
            last_sequence: 300,
            last_revision: 290,
            time_ms: 1_700_000_001_000,
            ..Edit::default()
        },
        Edit {
            added: vec![(6, table_with_blobs(12, "\0apple", "\0kiwi", &[13, 14]))],
            removed: vec![(0, 10), (0, 11)],
            blobs: vec![blob(13), blob(14)],
            next_number: 15,
            ..Edit::default()
        },
        Edit {
            added: vec![(6, table_with_blobs(15, "\0apple", "\0kiwi", &[14]))],
            removed: vec![(6, 12)],
            next_number: 16,
            ..Edit::default()
        },
        Edit { next_number: 16, clean_close: true, ..Edit::default() },
    ]
}

fn read(bytes: &[u8]) -> crate::error::Result<(Contents<'_>, State)> {
    recovery::read(bytes, &Keys::default(), NUMBER)
}

fn written() -> Vec<u8> {
    let framing = Framing { salt: SALT, ..Framing::default() };
    let mut bytes = first_bytes(&State::begin(&first()).unwrap(), NUMBER, &framing);
    for edit in later() {
        bytes.truncate(bytes.len() - END_MARK_BYTES as usize);
        let offset = bytes.len() as u64;
        framing.put(&mut bytes, offset, &edit.encode());
        let offset = bytes.len() as u64;
        framing.put(&mut bytes, offset, &[]);
    }
    bytes
}

#[test]
fn the_golden_files_are_read_as_what_was_written() {
    assert_eq!(current::decode(CURRENT).unwrap(), NUMBER);
    let (contents, state) = read(MANIFEST).unwrap();
    assert_eq!(contents.tail, Tail::Marked);
    let mut wanted = State::begin(&first()).unwrap();
    later().iter().for_each(|edit| wanted.apply(edit).unwrap());
    assert_eq!(state, wanted);
    assert!(state.blobs.keys().eq([&14]));
}

#[test]
fn the_golden_files_are_written_byte_for_byte() {
    assert_eq!(current::encode(NUMBER).as_bytes(), CURRENT);
    assert_eq!(written(), MANIFEST);
}

#[test]
fn what_only_history_adds_has_the_bytes_of_its_page() {
    let mark = |time_ms, revision| Mark { time_ms, revision };
    let marks = Marks::of(vec![mark(1, 2), mark(0x0102, 300)]);
    let edit = Edit { trim_revision: 300, marks, ..Edit::default() };
    let bytes = [22, 2, 0xac, 2, 23, 19, 1, 0, 0, 0, 0, 0, 0, 0, 2, 2, 1, 0, 0, 0, 0, 0, 0, 0xac, 2];
    assert_eq!(edit.encode(), bytes);
    assert_eq!(Edit::decode(&bytes).unwrap(), edit);
    let mut versioned = table(7, "a", "b");
    let versions = VersionSummary { trim: 1, dead: 2, first: 3, fifth: u64::MAX };
    versioned.summary.versions = Some(versions);
    let with = Edit { added: vec![(0, versioned)], ..Edit::default() }.encode();
    let without = Edit { added: vec![(0, table(7, "a", "b"))], ..Edit::default() }.encode();
    let tail = [&[4, 32][..], &[1, 2, 3, u64::MAX].map(u64::to_le_bytes).concat()].concat();
    assert_eq!(&with[with.len() - tail.len()..], tail);
    assert_eq!(with.len(), without.len() + tail.len());
    assert_eq!(Edit::decode(&with).unwrap().added[0].1.summary.versions, Some(versions));
}

#[test]
fn a_flip_of_any_byte_gives_the_same_state_or_an_error_with_its_offset() {
    let (_, wanted) = read(MANIFEST).unwrap();
    for at in 0..MANIFEST.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut bytes = MANIFEST.to_vec();
            bytes[at] ^= flip;
            match read(&bytes) {
                Ok((_, state)) => assert_eq!(state, wanted, "byte {at}"),
                Err(error) => {
                    assert!(error.offset().is_some_and(|offset| offset <= at as u64), "byte {at}: {error}")
                }
            }
        }
    }
}

#[test]
fn a_manifest_cut_anywhere_is_an_error_or_the_state_after_one_of_its_edits() {
    let mut states = vec![State::begin(&first()).unwrap()];
    for edit in later() {
        let mut next = states.last().unwrap().clone();
        next.apply(&edit).unwrap();
        states.push(next);
    }
    for end in 0..MANIFEST.len() {
        if let Ok((_, state)) = read(&MANIFEST[..end]) {
            assert!(states.contains(&state), "cut at {end}");
        }
    }
}
