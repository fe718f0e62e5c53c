//! Every sync is there for a reason: with any one kind of them left out, some crash loses something.

use crate::crash::crash_everywhere;
use crate::history::History;
use crate::report::{figures, say};
use coppice_engine::disk::SyncPoint;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

const POINTS: [SyncPoint; 16] = [
    SyncPoint::SegmentPrepared,
    SyncPoint::LogRecords,
    SyncPoint::LogFolder,
    SyncPoint::LogCut,
    SyncPoint::Table,
    SyncPoint::TableFolder,
    SyncPoint::Blob,
    SyncPoint::BlobPart,
    SyncPoint::BlobPartFolder,
    SyncPoint::ManifestEdit,
    SyncPoint::ManifestNew,
    SyncPoint::ManifestFolder,
    SyncPoint::Current,
    SyncPoint::CurrentFolder,
    SyncPoint::Checkpoint,
    SyncPoint::ParentFolder,
];

/// Fixed, so that this test finds the same crash every time.
const SEEDS: std::ops::Range<u64> = 1..41;

/// The first history that shows the sync to be needed, and how.
fn found_missing(point: SyncPoint) -> Option<(u64, String)> {
    SEEDS.into_iter().find_map(|seed| {
        let history = History::new(seed);
        match catch_unwind(AssertUnwindSafe(|| crash_everywhere(&history, Some(point)))) {
            Ok(Ok(_)) => None,
            Ok(Err(trouble)) => Some((seed, trouble.to_string())),
            // An assertion of the engine is a discovery too.
            Err(_) => Some((seed, "the engine panicked".into())),
        }
    })
}

/// What a complete build finds with the same histories means nothing about the syncs.
fn is_sound_when_complete(seed: u64) {
    if let Err(trouble) = crash_everywhere(&History::new(seed), None) {
        panic!("history {seed} fails with every sync in place: {trouble}");
    }
}

#[test]
fn no_sync_can_be_left_out_unnoticed() {
    let mut unnoticed = Vec::new();
    let mut seeds = BTreeSet::new();
    for point in POINTS {
        match found_missing(point) {
            Some((seed, what)) => {
                say(format_args!("without {point:?}: history {seed}: {what}"));
                seeds.insert(seed);
            }
            None => unnoticed.push(point),
        }
    }
    seeds.into_iter().for_each(is_sound_when_complete);
    assert!(
        unnoticed.is_empty(),
        "left out and not missed in {} histories: {unnoticed:?}",
        SEEDS.end - SEEDS.start
    );
    figures([("kinds of sync missed when left out", POINTS.len() as u64)]);
}
