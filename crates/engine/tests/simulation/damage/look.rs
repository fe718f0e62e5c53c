//! Looking at a damaged database in every way there is. Whatever it answers is right, or an error that says where.

use super::sample::{Sample, options};
use crate::check::{Check, FOLDER, Trouble, environment, row};
use crate::oracle::Rows;
use coppice_engine::disk::simulated::SimulatedDisk;
use coppice_engine::error::{Code, Error};
use coppice_engine::key::Revision;
use coppice_engine::{Db, Event, Listener, Options, Problem, Range, View};
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a look at a damaged database came to.
#[derive(Debug, Default)]
pub struct Seen {
    /// What open refused with, the first read that failed, or what `verify` found first.
    pub report: Option<Report>,
    /// Revisions that are gone without an error: the log seems to end before them.
    pub lost: Revision,
    /// How many bytes of the log were cut off as torn, as the event says.
    pub torn_bytes: u64,
}

#[derive(Debug)]
pub struct Report {
    pub code: Code,
    pub file: PathBuf,
    pub offset: Option<u64>,
}

#[derive(Default)]
struct TornBytes(AtomicU64);

impl Listener for TornBytes {
    fn event(&self, event: Event) {
        if let Event::Recovered { torn_bytes, .. } = event {
            self.0.store(torn_bytes, Ordering::SeqCst);
        }
    }
}

/// An error is as it should be if it says what is wrong with which file.
fn report(error: &Error) -> Check<Report> {
    match (error.code(), error.file()) {
        (code @ (Code::Corrupt | Code::Format), Some(file)) => {
            Ok(Report { code, file: file.to_owned(), offset: error.offset() })
        }
        _ => Err(Trouble::failed("a call on a damaged database", error)),
    }
}

/// Opens, reads all forward and backward, gets each key, verifies. `disk` is the sample's, damaged.
pub fn look(sample: &Sample, disk: &SimulatedDisk, read_only: bool) -> Check<Seen> {
    let listener = Arc::new(TornBytes::default());
    let options =
        Options { read_only, listener: listener.clone(), create_if_missing: !read_only, ..options() };
    let db = match Db::open(Path::new(FOLDER), options, environment(disk, &sample.clock, 1)) {
        Ok(db) => db,
        Err(error) => return Ok(Seen { report: Some(report(&error)?), ..Seen::default() }),
    };
    let found = db.visible();
    if !(sample.flushed..=sample.newest()).contains(&found) {
        wrong!("found revision {found} of {} to {}", sample.flushed, sample.newest());
    }
    let rows = sample.rows_at(found);
    let mut first = scan(&db, rows, false)?;
    first = first.or(scan(&db, rows, true)?);
    for key in &sample.keys {
        match db.get(key, View::LATEST, row) {
            Ok(found) if found.as_ref() == rows.get(key) => {}
            Ok(found) => wrong!("{:?} is {found:?}", String::from_utf8_lossy(key)),
            Err(error) => first = first.or(Some(report(&error)?)),
        }
    }
    let verified = db.verify(&mut |_| ()).map_err(|error| Trouble::failed("verify", &error))?;
    if first.is_some() && verified.problems.is_empty() {
        wrong!("verify finds nothing where a read failed with {first:?}");
    }
    let problem = |problem: &Problem| Report {
        code: Code::Corrupt,
        file: problem.file.clone(),
        offset: Some(problem.offset),
    };
    let report = first.or(verified.problems.first().map(problem));
    Ok(Seen { report, lost: sample.newest() - found, torn_bytes: listener.0.load(Ordering::SeqCst) })
}

/// Rows are right up to the first error, which is answered.
fn scan(db: &Db, rows: &Rows, reverse: bool) -> Check<Option<Report>> {
    let range = Range { lower: Bound::Unbounded, upper: Bound::Unbounded, reverse };
    let mut cursor = match db.range(range, View::LATEST) {
        Ok(cursor) => cursor,
        Err(error) => return report(&error).map(Some),
    };
    let mut wanted: Vec<_> = rows.iter().collect();
    if reverse {
        wanted.reverse();
    }
    let mut wanted = wanted.into_iter();
    loop {
        match (cursor.next(), wanted.next()) {
            (Err(error), _) => return report(&error).map(Some),
            (Ok(false), None) => return Ok(None),
            (Ok(true), Some((key, value))) if cursor.key() == &**key => match cursor.entry() {
                Ok(entry) if row(&entry) == *value => {}
                Ok(entry) => wrong!("a scan (reverse: {reverse}) gives {:?} for {value:?}", row(&entry)),
                Err(error) => return report(&error).map(Some),
            },
            (Ok(_), wanted) => wrong!("a scan (reverse: {reverse}) does not give {wanted:?}"),
        }
    }
}
