//! Fills memtables from the log. One thread, before anything else runs.

use crate::batch::{self, Header, OpKind};
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
        tables: Tables<'a>,
        floor: LogFloor,
        last: Watermark,
    ) -> Self {
        Replay {
            environment,
            options,
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
        if summary.system {
            return self.apply_trim(header, batch::trimmed(body));
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

    fn apply_trim(&mut self, header: Header, trim: Revision) -> Result<()> {
        if trim > header.revision {
            return Err(Error::corrupt(format!("a log record trims to {trim}, which is yet to come")));
        }
        self.trim = self.trim.max(trim);
        self.pass(header);
        Ok(())
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

    #[test]
    fn a_record_for_a_keyspace_of_a_later_version_is_refused() {
        let environment = environment(&SimulatedDisk::default(), &Arc::new(FixedClock::new(1)), 1);
        let options = Options::default();
        let (floor, last) = (LogFloor::default(), Watermark::default());
        let (cache, handles) = (Arc::new(PageCache::new(0)), Arc::default());
        let (disk, folder) = (&environment.disk, Path::new("/"));
        let tables = Tables { disk, folder, cache: &cache, filter_seed: 0, handles: &handles };
        let mut replay = Replay::new(&environment, &options, tables, floor, last);
        for (keyspace, wanted) in [(KEYSPACE_USER, None), (1, Some(Code::Unsupported))] {
            let mut batch = Batch::new();
            batch.put(keyspace, b"key", b"value", None).unwrap();
            let header = Header { kind: RecordKind::Data, count: 1, sequence: 1, revision: 2, time_ms: 1 };
            set_header(batch.body(), header);
            let applied = replay.apply(header, batch.body());
            assert_eq!(applied.err().map(|error| error.code()), wanted, "keyspace {keyspace}");
        }
        assert_eq!(replay.records, 1);
    }
}
