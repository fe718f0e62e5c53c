//! What keeps a database well: flush, compaction, checks, copies. Each call blocks until it is done; others go on meanwhile.

use crate::call::{Failure, Result, call, given};
use crate::code::Code;
use crate::database::{Database, Shared};
use crate::engine::{Stats, VerifyReport};
use crate::json::{Object, list, text};
use crate::pointer::{Out, Owned, Text};
use crate::range::KeyRange;
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

fn with(db: Option<&Database>, body: impl FnOnce(&Arc<Shared>) -> Result<()>) -> Code {
    call(|| {
        let shared = given(db, "db")?.shared();
        shared.check_open()?;
        body(shared)
    })
}

/// Returns when everything written before is in tables. The engine does it by itself when a memtable is full.
#[unsafe(no_mangle)]
pub extern "C" fn coppice_flush(db: Option<&Database>) -> Code {
    with(db, |shared| Ok(shared.db.flush()?))
}

/// Flushes, and merges the tables that hold keys of `range` (NULL: all) down as far as it goes. The engine merges by itself too.
#[unsafe(no_mangle)]
pub extern "C" fn coppice_compact(db: Option<&Database>, range: Option<&KeyRange<'_>>) -> Code {
    with(db, |shared| {
        let bounds = KeyRange::read(range)?;
        let key = |bound: &Bound<Vec<u8>>| match bound {
            Bound::Unbounded => None,
            Bound::Included(key) | Bound::Excluded(key) => Some(key.clone()),
        };
        Ok(shared.db.compact(key(&bounds.lower).as_deref(), key(&bounds.upper).as_deref())?)
    })
}

/// About how many bytes of files the keys of `range` (NULL: all) take; what is not in tables yet is not counted. Reads no values.
#[unsafe(no_mangle)]
pub extern "C" fn coppice_approximate_bytes(
    db: Option<&Database>,
    range: Option<&KeyRange<'_>>,
    mut bytes: Out<'_, u64>,
) -> Code {
    with(db, |shared| {
        bytes.put(0);
        if let Some(span) = KeyRange::read(range)?.span() {
            bytes.put(shared.db.approximate_bytes(Some(&span.lower), span.upper.as_deref())?);
        }
        Ok(())
    })
}

/// With the option history: forgets what was before a revision.
#[unsafe(no_mangle)]
pub extern "C" fn coppice_trim(db: Option<&Database>, revision: u64) -> Code {
    with(db, |shared| Ok(shared.db.trim(revision)?))
}

/// Figures as JSON, in UTF-8, for coppice_free to free: `json`, of `json_length` bytes. They are those of `stats()` in TypeScript.
#[unsafe(no_mangle)]
pub extern "C" fn coppice_stats(
    db: Option<&Database>,
    mut json: Out<'_, Owned>,
    mut json_length: Out<'_, usize>,
) -> Code {
    with(db, |shared| {
        let figures = figures(shared, &shared.db.stats());
        json.begin(Owned::copy(figures.as_bytes()), "json")?;
        json_length.put(figures.len());
        Ok(())
    })
}

/// Reads and checks every byte that the database relies on. COPPICE_CORRUPT if some are not what was written. `json`, which may be
/// NULL, says how many were checked and lists what is wrong, for coppice_free to free:
/// {"checkedBytes":4096,"problems":[{"file":"...","offset":0,"what":"..."}]}.
#[unsafe(no_mangle)]
pub extern "C" fn coppice_verify(
    db: Option<&Database>,
    mut json: Out<'_, Owned>,
    mut json_length: Out<'_, usize>,
) -> Code {
    with(db, |shared| {
        json.put(Owned::NONE);
        let report = shared.db.verify(&mut |_| {})?;
        let told = told(&report);
        if json.is_wanted() {
            json.put(Owned::copy(told.as_bytes()));
        }
        json_length.put(told.len());
        match report.problems.first() {
            None => Ok(()),
            Some(first) => {
                let (count, file) = (report.problems.len(), first.file.display());
                let message =
                    format!("{count} problems, the first: {} ({file} at {})", first.what, first.offset);
                Err(Failure::new(Code::Corrupt, message))
            }
        }
    })
}

/// Makes a copy of the database as it is now in a folder that is absent or empty, on the same file system: tables are linked.
/// `revision`, which may be NULL: the newest commit that it holds. COPPICE_EXISTS if there is something in the folder.
#[unsafe(no_mangle)]
pub extern "C" fn coppice_checkpoint(
    db: Option<&Database>,
    folder: Text<'_>,
    mut revision: Out<'_, u64>,
) -> Code {
    with(db, |shared| {
        revision.put(shared.db.checkpoint(path(folder.read("folder")?)?)?.revision);
        Ok(())
    })
}

/// Brings a copy of the database in another folder, on any file system, up to now: what the last backup has put there is not copied
/// again, and is not harmed if this one fails. `revision` may be NULL.
#[unsafe(no_mangle)]
pub extern "C" fn coppice_backup(
    db: Option<&Database>,
    folder: Text<'_>,
    mut revision: Out<'_, u64>,
) -> Code {
    with(db, |shared| {
        revision.put(shared.db.backup(path(folder.read("folder")?)?, &mut |_| {})?.revision);
        Ok(())
    })
}

fn path(folder: &str) -> Result<&Path> {
    if folder.is_empty() { Err(Failure::invalid("the folder has no name")) } else { Ok(Path::new(folder)) }
}

fn figures(shared: &Shared, stats: &Stats) -> String {
    let ratio = |part: u64, whole: u64| if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
    let levels = stats.levels.iter().map(|level| {
        Object::new()
            .field("files", level.files)
            .field("bytes", level.bytes)
            .field("entries", level.entries)
            .field("deletes", level.deletes)
            .field("rangeDeletes", level.range_deletes)
            .end()
    });
    let blobs = Object::new()
        .field("files", stats.blobs.files)
        .field("bytes", stats.blobs.bytes)
        .field("garbageBytes", stats.blobs.garbage_bytes);
    let mut all = Object::new();
    if let Some(history) = stats.history {
        let history = Object::new()
            .field("versions", history.versions)
            .field("trimRevision", history.trim_revision)
            .field("superseded", history.superseded);
        all = all.field("history", history.end());
    }
    if !stats.keys.is_empty() {
        let key = |id: String, files| Object::new().field("id", text(&id)).field("files", files).end();
        let keys = stats.keys.iter().map(|key_use| key(key_use.id.to_string(), key_use.files));
        all = all.field("encryption", Object::new().field("keys", list(keys)).end());
    }
    let found = stats.filter_passes - stats.filter_false_passes;
    all.field("keysEstimate", stats.keys_estimate)
        .field("diskBytes", stats.disk_bytes)
        .field("logBytes", stats.log_bytes)
        .field("memtableBytes", stats.memtable_bytes)
        .field("cacheBytes", stats.cache_bytes)
        .field("residentBytes", stats.resident_bytes)
        .field("levels", list(levels))
        .field("blobs", blobs.end())
        .field("snapshots", stats.snapshots)
        .field("cacheHitRatio", ratio(stats.cache_hits, stats.cache_hits + stats.cache_misses))
        .field("filterFalsePositiveRatio", ratio(stats.filter_false_passes, stats.filter_passes))
        .field("writeAmplification", ratio(stats.flushed_bytes + stats.compacted_bytes, stats.user_bytes))
        .field("readAmplification", ratio(stats.filter_passes, found))
        .field("commits", stats.commits)
        .field("flushes", stats.flushes)
        .field("compactions", stats.compactions)
        .field("stalls", stats.stalls)
        .field("stalledMs", stats.stalled_ms)
        .field("commitWaitMsMax", stats.commit_wait_ns_max as f64 / 1e6)
        .field("pressure", stats.pressure)
        .field("delays", stats.delays)
        .field("delayedMs", stats.delayed_ms)
        .field("garbageCompactions", stats.garbage_compactions)
        .field("tablesDropped", stats.tables_dropped)
        .field("revision", shared.db.visible())
        .field("writtenRevision", shared.db.written())
        .field("durableRevision", shared.db.durable())
        .end()
}

fn told(report: &VerifyReport) -> String {
    let problems = report.problems.iter().map(|problem| {
        Object::new()
            .field("file", text(&problem.file.to_string_lossy()))
            .field("offset", problem.offset)
            .field("what", text(&problem.what))
            .end()
    });
    Object::new().field("checkedBytes", report.checked_bytes).field("problems", list(problems)).end()
}
