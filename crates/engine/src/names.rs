//! The names of files in a database's folder, and the counter that numbers them.

use crate::limits;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// A file of ours. Anything else in the folder is not ours and is never touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileName {
    Current,
    /// What becomes CURRENT by a rename.
    CurrentReplacement,
    Lock,
    Manifest(u64),
    Segment(u64),
    SpareSegment,
    /// What becomes a segment by a rename when no spare was ready.
    FreshSegment,
    Table(u64),
    Blob(u64),
}

impl FileName {
    /// `None` for every name that `Display` would not write: `1.table` and `0000001.table` are not ours.
    pub fn parse(name: &str) -> Option<FileName> {
        let parsed = match name {
            "CURRENT" => FileName::Current,
            "CURRENT.new" => FileName::CurrentReplacement,
            "LOCK" => FileName::Lock,
            "spare.log" => FileName::SpareSegment,
            "fresh.log" => FileName::FreshSegment,
            _ => {
                let (number, extension) = name.split_once('.')?;
                // A file that somebody named beyond the counter must not make it overflow.
                let number = number.parse().ok().filter(|number| *number <= limits::COUNTER_MAX)?;
                match extension {
                    "manifest" => FileName::Manifest(number),
                    "log" => FileName::Segment(number),
                    "table" => FileName::Table(number),
                    "blob" => FileName::Blob(number),
                    _ => return None,
                }
            }
        };
        (parsed.to_string() == name).then_some(parsed)
    }

    pub fn number(self) -> Option<u64> {
        match self {
            FileName::Manifest(number)
            | FileName::Segment(number)
            | FileName::Table(number)
            | FileName::Blob(number) => Some(number),
            FileName::Current | FileName::CurrentReplacement | FileName::Lock => None,
            FileName::SpareSegment | FileName::FreshSegment => None,
        }
    }

    pub fn in_folder(self, folder: &Path) -> PathBuf {
        folder.join(self.to_string())
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FileName::Current => write!(f, "CURRENT"),
            FileName::CurrentReplacement => write!(f, "CURRENT.new"),
            FileName::Lock => write!(f, "LOCK"),
            FileName::Manifest(number) => write!(f, "{number:06}.manifest"),
            FileName::Segment(number) => write!(f, "{number:06}.log"),
            FileName::SpareSegment => write!(f, "spare.log"),
            FileName::FreshSegment => write!(f, "fresh.log"),
            FileName::Table(number) => write!(f, "{number:06}.table"),
            FileName::Blob(number) => write!(f, "{number:06}.blob"),
        }
    }
}

/// Numbers manifests, segments, tables and blob files together, and never goes back. Any thread.
#[derive(Debug)]
pub struct FileNumbers(AtomicU64);

impl FileNumbers {
    /// `next` is the first number to be given out.
    pub fn starting_at(next: u64) -> FileNumbers {
        FileNumbers(AtomicU64::new(next))
    }

    pub fn take(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }

    /// No number up to this one is given out again.
    pub fn skip_past(&self, number: u64) {
        self.0.fetch_max(number + 1, Ordering::Relaxed);
    }

    /// The number that the next `take` gives, if nobody takes one meanwhile.
    pub fn next(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_back_and_strangers_are_not() {
        for (name, parsed) in [
            ("CURRENT", FileName::Current),
            ("CURRENT.new", FileName::CurrentReplacement),
            ("LOCK", FileName::Lock),
            ("spare.log", FileName::SpareSegment),
            ("fresh.log", FileName::FreshSegment),
            ("000001.manifest", FileName::Manifest(1)),
            ("000002.log", FileName::Segment(2)),
            ("1000000.table", FileName::Table(1_000_000)),
            ("000003.blob", FileName::Blob(3)),
        ] {
            assert_eq!(FileName::parse(name), Some(parsed));
            assert_eq!(parsed.to_string(), name);
        }
        for name in [
            "1.table",
            "0000001.table",
            "+00001.table",
            "current",
            "000001.sst",
            "table",
            "spare.log.1",
            "99999999999999999.log",
        ] {
            assert_eq!(FileName::parse(name), None, "{name}");
        }
    }
}
