//! The write-ahead log: what was committed and is not yet in a table.
//!
//! A log is a chain of segment files, `000002.log` and on, each a header and then frames; a frame carries one record
//! body (`batch`). `docs/formats/log.md` gives every byte and the rules of recovery. What must hold:
//!
//! - Sequence numbers rise by one from frame to frame and from segment to segment.
//! - Segments are synced in order, names before records count, so that a frame's `synced` vouches for all before it.
//! - A segment's space is taken before a record is promised to it: a full disk refuses a write and breaks nothing.
//! - After one failed write or sync nothing is written again.
//!
//! `Log` may be used from any thread and starts none; who syncs when is the engine's business.

mod frame;
#[cfg(feature = "fuzz")]
pub mod fuzz;
mod reader;
mod recovery;
mod rescue;
mod segment;
mod space;
mod tail;
mod writer;

pub use recovery::{LogEnd, Reading, Recovered, Torn, recover};
pub use rescue::{expect_keys, rescue};
pub use segment::HEADER_BYTES as SEGMENT_HEADER_BYTES;
pub use tail::{Records, end_of};
pub use writer::{Appended, Log};

use crate::encryption::KeyId;
use crate::key::{Revision, Sequence};
use crate::limits;
use crate::names::FileName;
use std::path::{Path, PathBuf};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogOptions {
    /// Bytes of the first segment, and of what `Log::close` leaves.
    pub segment_bytes_min: u64,
    /// Segments double up to here. A record that needs more still gets a segment of its own size.
    pub segment_bytes_max: u64,
    /// A segment stays, though its records are in tables, until `Log::keep` lets go of it.
    pub keeps: bool,
}

impl Default for LogOptions {
    fn default() -> Self {
        LogOptions {
            segment_bytes_min: limits::SEGMENT_BYTES_MIN,
            segment_bytes_max: limits::SEGMENT_BYTES_MAX,
            keeps: false,
        }
    }
}

/// A position of the log: the newest record's sequence, and the newest revision at or before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Watermark {
    pub sequence: Sequence,
    pub revision: Revision,
}

/// What the manifest says about the log: every record up to `flushed_sequence` is in tables, and no segment numbered
/// below `segment` is needed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogFloor {
    pub segment: u64,
    pub flushed_sequence: Sequence,
}

/// A segment on disk that is no longer written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentFile {
    pub number: u64,
    pub bytes: u64,
    /// The last record before those in it.
    pub after: Sequence,
    /// What encrypts it; none: it is plain.
    pub key: Option<KeyId>,
}

/// What a log finds in its folder, as `recover` leaves it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogFiles {
    /// Oldest first.
    pub segments: Vec<SegmentFile>,
    /// The size of `spare.log`, if there is one.
    pub spare_bytes: Option<u64>,
}

/// A segment that waits to be used. Its bytes mean nothing.
const SPARE_NAME: &str = "spare.log";
/// A segment that is being made because no spare was ready. A leftover one means nothing.
const FRESH_NAME: &str = "fresh.log";

fn segment_path(folder: &Path, number: u64) -> PathBuf {
    FileName::Segment(number).in_folder(folder)
}

/// The number in a segment's name; `None` for any other name.
fn segment_number(name: &str) -> Option<u64> {
    match FileName::parse(name)? {
        FileName::Segment(number) => Some(number),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
