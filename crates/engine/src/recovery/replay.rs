//! Fills memtables from the log. One thread, before anything else runs.

use crate::batch::{self, Header, Op, OpKind, RecordKind, Summary};
use crate::blob::{Files, Reference};
use crate::environment::Environment;
use crate::error::{Code, Error, Result};
use crate::key::{KEYSPACE_USER, Revision};
use crate::marks::{Mark, Marks};
use crate::memtable::Memtable;
use crate::names::FileName;
use crate::options::Options;
use crate::state::{Sealed, new_memtable};
use crate::version::Tables;
use crate::wal::{LogFloor, Watermark};
use crate::write::insert_all;
use std::collections::BTreeSet;
use std::sync::Arc;

/// It seals a memtable when it is full, however many there are already: they are what the last
/// process held in memory, and are flushed as soon as the database runs.
pub(super) struct Replay<'a> {
    environment: &'a Environment,
    options: &'a Options,
    history: bool,
    /// Its segment is kept for all: it moves on at the first flush of what is written from now on.
    pub floor: LogFloor,
    pub active: Arc<Memtable>,
    /// Newest first.
    pub sealed: Vec<Arc<Sealed>>,
    pub last: Watermark,
    /// To where records trim; 0: none does.
    pub trim: Revision,
    /// When records were made, where that has to be known.
    pub marks: Marks,
    pub time_ms: i64,
    pub records: u64,
    tables: Tables<'a>,
    /// Blob parts that records name, by number.
    parts: BTreeSet<u64>,
}

impl<'a> Replay<'a> {
    pub fn new(
        environment: &'a Environment,
        options: &'a Options,
        history: bool,
        tables: Tables<'a>,
        floor: LogFloor,
        last: Watermark,
    ) -> Self {
        Replay {
            environment,
            options,
            history,
            floor,
            active: new_memtable(environment, options, 0),
            sealed: Vec::new(),
            last,
            trim: 0,
            marks: Marks::default(),
            time_ms: 0,
            records: 0,
            tables,
            parts: BTreeSet::new(),
        }
    }

    /// Whether a record names this file.
    pub fn names(&self, name: &FileName) -> bool {
        matches!(name, FileName::Blob(number) if self.parts.contains(number))
    }

    pub fn apply(&mut self, header: Header, body: &[u8]) -> Result<()> {
        let (_, summary) = batch::validate_logged(body)?;
        expect_known(body)?;
        if !follows(body, header, &summary, self.last.revision, self.history) {
            let (sequence, last) = (header.sequence, self.last.revision);
            return Err(Error::corrupt(format!("log record {sequence} does not follow revision {last}")));
        }
        if summary.system {
            self.apply_trim(header, batch::trimmed(body));
            return Ok(());
        }
        let (entries, bytes) = (summary.entries, summary.memtable_bytes());
        if !self.active.has_room(entries, bytes) {
            let room = Memtable::bytes_needed(entries, bytes);
            let full =
                std::mem::replace(&mut self.active, new_memtable(self.environment, self.options, room));
            if !full.is_empty() {
                let (last, floor_segment) = (self.last, self.floor.segment);
                self.sealed.insert(0, Arc::new(Sealed { memtable: full, last, floor_segment }));
            }
        }
        if summary.references > 0 {
            self.adopt_parts(body)?;
        }
        insert_all(&self.active, body, header.revision, &summary);
        self.pass(header);
        Ok(())
    }

    fn apply_trim(&mut self, header: Header, trim: Revision) {
        self.trim = self.trim.max(trim);
        self.pass(header);
    }

    fn pass(&mut self, header: Header) {
        self.last = Watermark { sequence: header.sequence, revision: header.revision };
        self.time_ms = self.time_ms.max(header.time_ms);
        if let Some(keep_ms) = self.options.retain.ms {
            self.marks.note(Mark { time_ms: header.time_ms, revision: header.revision }, keep_ms, false);
        }
        self.records += 1;
    }

    /// A record is logged once its large values are synced: one that is not there is damage.
    fn adopt_parts(&mut self, body: &[u8]) -> Result<()> {
        for op in batch::ops(body).filter(|op| op.kind == OpKind::Reference) {
            for meta in Reference::decode(op.value)?.parts {
                let part = self.tables.open_part(&meta);
                part.check_present()?;
                self.parts.insert(meta.number);
                self.active.parts().adopt(&[part]);
            }
            Files::Parts(self.active.parts()).find(op.value)?;
        }
        Ok(())
    }
}

/// Whether a record, whose body is validated, is one that a database can have whose newest revision is `last`: a commit
/// takes the next revision, a trim takes none, and only a history has versions and trims.
pub fn follows(body: &[u8], header: Header, summary: &Summary, last: Revision, history: bool) -> bool {
    let fits = match summary.system {
        true => header.revision == last && batch::trimmed(body) <= last,
        false => header.revision == last + 1,
    };
    let is_ours = |op: Op<'_>| match op.kind {
        OpKind::Put | OpKind::Reference => (op.version > 0) == history,
        OpKind::Delete => true,
        OpKind::RangeDelete => !history,
        OpKind::System => history,
    };
    header.kind == RecordKind::Data && fits && batch::ops(body).all(is_ours)
}

/// Of a validated body: `Unsupported` if it is for a keyspace that this version does not know.
pub fn expect_known(body: &[u8]) -> Result<()> {
    let Some(op) = batch::ops(body).find(|op| op.keyspace != KEYSPACE_USER) else { return Ok(()) };
    let message = format!("a log record is for the keyspace {}: a newer version wrote it", op.keyspace);
    Err(Error::new(Code::Unsupported, message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{Batch, RecordKind, set_header};
    use crate::disk::simulated::SimulatedDisk;
    use crate::simulation::{FixedClock, environment};
    use crate::table::PageCache;
    use std::path::Path;

    /// Of a database whose newest revision is 1.
    fn with_replay(history: bool, test: impl FnOnce(&mut Replay<'_>)) {
        let environment = environment(&SimulatedDisk::default(), &Arc::new(FixedClock::new(1)), 1);
        let options = Options::default();
        let (floor, last) = (LogFloor::default(), Watermark { sequence: 0, revision: 1 });
        let (cache, handles) = (Arc::new(PageCache::new(0)), Arc::default());
        let (disk, folder) = (&environment.disk, Path::new("/"));
        let tables = Tables {
            disk,
            folder,
            cache: &cache,
            filter_seed: 0,
            handles: &handles,
            keys: &environment.keys,
        };
        test(&mut Replay::new(&environment, &options, history, tables, floor, last));
    }

    fn apply(replay: &mut Replay<'_>, revision: Revision, mut batch: Batch) -> Option<Code> {
        let header = Header { kind: RecordKind::Data, count: 1, sequence: 1, revision, time_ms: 1 };
        set_header(batch.body(), header);
        replay.apply(header, batch.body()).err().map(|error| error.code())
    }

    fn put(keyspace: u8) -> Batch {
        let mut batch = Batch::new();
        batch.put(keyspace, b"key", b"value", None).unwrap();
        batch
    }

    #[test]
    fn a_record_for_a_keyspace_of_a_later_version_is_refused() {
        with_replay(false, |replay| {
            assert_eq!(apply(replay, 2, put(KEYSPACE_USER)), None);
            assert_eq!(apply(replay, 3, put(1)), Some(Code::Unsupported));
            assert_eq!(replay.records, 1);
        });
    }

    #[test]
    fn a_commit_takes_the_next_revision() {
        with_replay(false, |replay| {
            for revision in [0, 1, 3, u64::MAX] {
                assert_eq!(apply(replay, revision, put(KEYSPACE_USER)), Some(Code::Corrupt), "{revision}");
            }
            assert_eq!(apply(replay, 2, put(KEYSPACE_USER)), None);
            assert_eq!(apply(replay, 2, put(KEYSPACE_USER)), Some(Code::Corrupt), "the same twice");
            assert_eq!(replay.last.revision, 2);
        });
    }

    #[test]
    fn a_record_is_of_a_history_where_the_database_has_one() {
        let ranges = || {
            let mut batch = Batch::new();
            batch.delete_range(KEYSPACE_USER, b"a", Some(b"b")).unwrap();
            batch
        };
        with_replay(true, |replay| {
            assert_eq!(apply(replay, 2, put(KEYSPACE_USER)), Some(Code::Corrupt), "a put without a version");
            assert_eq!(apply(replay, 2, ranges()), Some(Code::Corrupt));
        });
        with_replay(false, |replay| assert_eq!(apply(replay, 2, ranges()), None));
    }
}
