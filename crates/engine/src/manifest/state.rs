//! What all edits so far come to. A plain value: `recover` builds one, `ManifestLog` keeps one to write the next
//! manifest from.

use super::edit::{Creation, Edit};
use crate::blob::{BlobMeta, Use};
use crate::encryption::Keys;
use crate::error::{Error, Result};
use crate::key::{Revision, Sequence};
use crate::limits::{
    COUNTER_MAX, MANIFEST_EDIT_BYTES_MAX, REVISION_MAX, STORED_KEY_BYTES_MAX, TABLE_BLOBS_MAX,
};
use crate::marks::Marks;
use crate::names::FileName;
use crate::table::{TableMeta, TableSummary};
use crate::wal::LogFloor;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    pub creation: Creation,
    /// Every live table with its level, by number.
    pub tables: BTreeMap<u64, (u8, TableMeta)>,
    /// Every blob file that a live table refers to, with how many do, by number.
    pub blobs: BTreeMap<u64, (BlobMeta, u32)>,
    pub log_floor: LogFloor,
    pub next_number: u64,
    pub last_sequence: Sequence,
    pub last_revision: Revision,
    /// 0 without history, and until the first trim.
    pub trim_revision: Revision,
    pub marks: Marks,
    pub time_ms: i64,
    /// Whether the newest edit says that the database was closed in order.
    pub clean_close: bool,
}

/// An edit of a snapshot takes no further table or blob file from this many bytes on.
const SNAPSHOT_EDIT_BYTES: usize = MANIFEST_EDIT_BYTES_MAX / 2;
const _: () = assert!(table_bytes_max(TABLE_BLOBS_MAX) <= MANIFEST_EDIT_BYTES_MAX - SNAPSHOT_EDIT_BYTES);
const BLOB_BYTES_MAX: usize = 112;

/// A bound of what a table takes in an edit that refers to so many blob files.
const fn table_bytes_max(blobs: usize) -> usize {
    2 * STORED_KEY_BYTES_MAX + 280 + 36 * blobs
}

impl State {
    /// From the first edit of a manifest, which says how the database was made.
    pub(super) fn begin(first: &Edit) -> Result<State> {
        let Some(creation) = first.created else {
            return Err(Error::corrupt("the manifest does not begin with how the database was made"));
        };
        let mut state = State {
            creation,
            tables: BTreeMap::new(),
            blobs: BTreeMap::new(),
            log_floor: LogFloor::default(),
            next_number: 0,
            last_sequence: 0,
            last_revision: 0,
            trim_revision: 0,
            marks: Marks::default(),
            time_ms: 0,
            clean_close: false,
        };
        state.apply(&Edit { created: None, ..first.clone() })?;
        Ok(state)
    }

    /// Why `edit` cannot follow, if it cannot: damage when reading, a bug when writing.
    pub(super) fn check(&self, edit: &Edit) -> Result<()> {
        if edit.created.is_some() {
            return Err(Error::corrupt("a second edit says how the database was made"));
        }
        let mut removed = BTreeSet::new();
        for (level, number) in &edit.removed {
            let known = self.tables.get(number).is_some_and(|(at, _)| at == level);
            if !known || !removed.insert(*number) {
                return Err(Error::corrupt(format!(
                    "table {number} is removed from level {level}, where it is not"
                )));
            }
        }
        let mut added = BTreeSet::new();
        for (level, table) in &edit.added {
            let number = table.number;
            let taken = self.tables.contains_key(&number) && !removed.contains(&number);
            if taken || !added.insert(number) {
                return Err(Error::corrupt(format!(
                    "table {number} is added to level {level}, but it is live already"
                )));
            }
        }
        self.check_blobs(edit)?;
        let LogFloor { segment, flushed_sequence } = edit.log_floor.unwrap_or_default();
        let counters = [segment, flushed_sequence, edit.next_number, edit.last_sequence];
        if edit.last_revision > REVISION_MAX || counters.iter().any(|counter| *counter > COUNTER_MAX) {
            return Err(Error::corrupt("a counter is beyond what any database reaches"));
        }
        let keeps_history = self.creation.history || (edit.trim_revision == 0 && edit.marks.is_none());
        if edit.trim_revision > self.last_revision.max(edit.last_revision) || !keeps_history {
            return Err(Error::corrupt("an edit trims what is not there"));
        }
        if let Some(floor) = &edit.log_floor {
            let now = &self.log_floor;
            if floor.segment < now.segment || floor.flushed_sequence < now.flushed_sequence {
                return Err(Error::corrupt(format!("the log's floor goes back from {now:?} to {floor:?}")));
            }
        }
        Ok(())
    }

    fn check_blobs(&self, edit: &Edit) -> Result<()> {
        let mut blobs = BTreeMap::new();
        for BlobMeta { number, id, .. } in &edit.blobs {
            if self.blobs.contains_key(number) || blobs.insert(*number, *id).is_some() {
                return Err(Error::corrupt(format!("blob file {number} is added, but it is live already")));
            }
        }
        for (_, table) in &edit.added {
            let is_known = |used: &Use| {
                let live = self.blobs.get(&used.file).map(|(blob, _)| &blob.id);
                live.or(blobs.get(&used.file)) == Some(&used.id)
            };
            if let Some(used) = table.summary.blobs.iter().find(|used| !is_known(used)) {
                let (number, file) = (table.number, used.file);
                return Err(Error::corrupt(format!(
                    "table {number} refers to blob file {file}, which is not live"
                )));
            }
        }
        Ok(())
    }

    /// All of `edit` or, if it cannot follow, nothing.
    pub(super) fn apply(&mut self, edit: &Edit) -> Result<()> {
        self.check(edit)?;
        for blob in &edit.blobs {
            self.blobs.insert(blob.number, (blob.clone(), 0));
        }
        // Counted before what is removed is: a table that moves is both.
        edit.added.iter().for_each(|(_, table)| self.refer(&table.summary, 1));
        for (_, number) in &edit.removed {
            let (_, table) = self.tables.remove(number).expect("it was checked");
            self.refer(&table.summary, -1);
        }
        for (level, table) in &edit.added {
            self.tables.insert(table.number, (*level, table.clone()));
        }
        self.log_floor = edit.log_floor.unwrap_or(self.log_floor);
        self.next_number = self.next_number.max(edit.next_number);
        self.last_sequence = self.last_sequence.max(edit.last_sequence);
        self.last_revision = self.last_revision.max(edit.last_revision);
        self.trim_revision = self.trim_revision.max(edit.trim_revision);
        if let Some(marks) = &edit.marks {
            self.marks.clone_from(marks);
        }
        self.time_ms = self.time_ms.max(edit.time_ms);
        self.clean_close = edit.clean_close;
        Ok(())
    }

    /// Counts a table that refers to blob files or does no more; the last one takes them along.
    fn refer(&mut self, summary: &TableSummary, by: i32) {
        for used in &summary.blobs {
            let (_, tables) = self.blobs.get_mut(&used.file).expect("it was checked");
            *tables = tables.checked_add_signed(by).expect("a table is removed once");
            if *tables == 0 {
                self.blobs.remove(&used.file);
            }
        }
    }

    /// Whether every blob file has a table, and the tables of each level but 0 share no key. Not part of `check`, which
    /// every edit pays for: what is installed is asserted where versions are made, what is read is checked here once.
    pub(super) fn check_whole(&self) -> Result<()> {
        if let Some((number, _)) = self.blobs.iter().find(|(_, (_, tables))| *tables == 0) {
            return Err(Error::corrupt(format!("no table refers to blob file {number}")));
        }
        let mut tables: Vec<_> = self.tables.values().filter(|(level, _)| *level > 0).collect();
        tables.sort_by(|(a_level, a), (b_level, b)| {
            a_level.cmp(b_level).then_with(|| a.summary.smallest.cmp(&b.summary.smallest))
        });
        let shared = |pair: &&[&(u8, TableMeta)]| {
            pair[0].0 == pair[1].0 && pair[0].1.summary.largest >= pair[1].1.summary.smallest
        };
        match tables.windows(2).find(shared) {
            None => Ok(()),
            Some([(level, a), (_, b)]) => {
                let (a, b) = (a.number, b.number);
                Err(Error::corrupt(format!("tables {a} and {b} of level {level} share a key")))
            }
            Some(_) => unreachable!("windows of two"),
        }
    }

    /// That every file can be read with these keys, and is encrypted if one of them is given.
    pub fn expect_keys(&self, keys: &Keys, folder: &Path) -> Result<()> {
        let tables =
            self.tables.values().map(|(_, table)| (FileName::Table(table.number), table.summary.key));
        let blobs = self.blobs.values().map(|(blob, _)| (FileName::Blob(blob.number), blob.key));
        let mut files = tables.chain(blobs);
        files.try_for_each(|(name, key)| {
            keys.expect(key).map_err(|error| error.in_file(&name.in_folder(folder)))
        })
    }

    /// The edits that make this state from nothing: what a new manifest begins with.
    pub(super) fn snapshot(&self) -> Vec<Edit> {
        let mut edits = vec![Edit {
            created: Some(self.creation),
            log_floor: Some(self.log_floor),
            next_number: self.next_number,
            last_sequence: self.last_sequence,
            last_revision: self.last_revision,
            trim_revision: self.trim_revision,
            marks: Some(&self.marks).filter(|marks| !marks.all().is_empty()).cloned(),
            time_ms: self.time_ms,
            ..Edit::default()
        }];
        let mut some = Edit::default();
        let mut bytes = 0;
        let mut add = |edit: &mut Edit, more: usize| {
            if bytes >= SNAPSHOT_EDIT_BYTES {
                edits.push(std::mem::take(edit));
                bytes = 0;
            }
            bytes += more;
        };
        // Blob files first: a table refers to none that is not there.
        for (blob, _) in self.blobs.values() {
            add(&mut some, BLOB_BYTES_MAX);
            some.blobs.push(blob.clone());
        }
        for (level, table) in self.tables.values() {
            add(&mut some, table_bytes_max(table.summary.blobs.len()));
            some.added.push((*level, table.clone()));
        }
        // An edit of nothing would pass for an end mark.
        if some != Edit::default() {
            edits.push(some);
        }
        // Every edit takes a clean close back, so the last one says it.
        edits.last_mut().expect("there is at least the first").clean_close = self.clean_close;
        edits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::testing::{blob, creation, table, table_with_blobs};

    fn state(tables: u64) -> State {
        let first = Edit { created: Some(creation()), next_number: 3, ..Edit::default() };
        let mut state = State::begin(&first).unwrap();
        let added = (1..=tables).map(|number| ((number % 7) as u8, table(number, "a", "b"))).collect();
        state.apply(&Edit { added, last_revision: 5, ..Edit::default() }).unwrap();
        state
    }

    #[test]
    fn a_snapshot_makes_the_same_state() {
        for (tables, clean_close) in [(0, true), (3, false), (1000, true)] {
            let state = State { clean_close, ..state(tables) };
            let edits = state.snapshot();
            let mut again = State::begin(&edits[0]).unwrap();
            edits[1..].iter().for_each(|edit| again.apply(edit).unwrap());
            assert_eq!(again, state);
        }
    }

    #[test]
    fn counters_never_go_back_and_any_edit_takes_a_clean_close_back() {
        let mut state = state(0);
        state.apply(&Edit { clean_close: true, ..Edit::default() }).unwrap();
        assert!(state.clean_close);
        state.apply(&Edit { last_revision: 4, next_number: 9, ..Edit::default() }).unwrap();
        assert_eq!((state.last_revision, state.next_number, state.clean_close), (5, 9, false));
    }

    #[test]
    fn history_is_trimmed_forwards_and_no_further_than_it_goes() {
        let mut state = state(0);
        let trim = |trim_revision, last_revision| Edit { trim_revision, last_revision, ..Edit::default() };
        assert!(state.apply(&trim(2, 0)).is_err(), "there is no history");
        state.creation.history = true;
        state.apply(&trim(4, 0)).unwrap();
        state.apply(&trim(3, 0)).unwrap();
        assert_eq!(state.trim_revision, 4);
        assert!(state.apply(&trim(6, 0)).is_err());
        state.apply(&trim(6, 6)).unwrap();
        let marks = Marks::of(vec![crate::marks::Mark { time_ms: 9, revision: 6 }]);
        state.apply(&Edit { marks, ..Edit::default() }).unwrap();
        let edits = state.snapshot();
        assert_eq!(State::begin(&edits[0]).unwrap(), state);
        state.apply(&Edit { marks: Some(Marks::default()), ..Edit::default() }).unwrap();
        assert!(state.marks.all().is_empty());
    }

    #[test]
    fn a_table_moves_between_levels_in_one_edit() {
        let mut state = state(1);
        let moved = Edit { removed: vec![(1, 1)], added: vec![(4, table(1, "a", "b"))], ..Edit::default() };
        state.apply(&moved).unwrap();
        assert_eq!(state.tables[&1].0, 4);
    }

    #[test]
    fn a_blob_file_lives_as_long_as_a_table_refers_to_it() {
        let mut state = state(0);
        let added =
            vec![(1, table_with_blobs(1, "a", "b", &[10, 11])), (1, table_with_blobs(2, "c", "d", &[11]))];
        state.apply(&Edit { added, blobs: vec![blob(10), blob(11)], ..Edit::default() }).unwrap();
        let moved = vec![(2, table_with_blobs(1, "a", "b", &[10, 11]))];
        state.apply(&Edit { removed: vec![(1, 1)], added: moved, ..Edit::default() }).unwrap();
        assert!(state.blobs.keys().eq(&[10, 11]) && state.check_whole().is_ok());
        let again = State::begin(&state.snapshot()[0]).and_then(|mut again| {
            state.snapshot()[1..].iter().try_for_each(|edit| again.apply(edit)).map(|()| again)
        });
        assert_eq!(again.unwrap(), state);

        state.apply(&Edit { removed: vec![(2, 1)], ..Edit::default() }).unwrap();
        assert!(state.blobs.keys().eq(&[11]));
        state.apply(&Edit { removed: vec![(1, 2)], ..Edit::default() }).unwrap();
        assert!(state.blobs.is_empty());

        state.apply(&Edit { blobs: vec![blob(12)], ..Edit::default() }).unwrap();
        assert!(state.check_whole().is_err(), "nothing refers to it");
    }

    #[test]
    fn an_edit_that_cannot_follow_changes_nothing() {
        let mut state = state(2);
        let floor = LogFloor { segment: 5, flushed_sequence: 5 };
        state.apply(&Edit { log_floor: Some(floor), ..Edit::default() }).unwrap();
        let before = state.clone();
        for edit in [
            Edit { removed: vec![(1, 9)], ..Edit::default() },
            Edit { removed: vec![(3, 1)], ..Edit::default() },
            Edit { removed: vec![(1, 1), (1, 1)], ..Edit::default() },
            Edit { removed: vec![(1, 1)], added: vec![(1, table(2, "a", "b"))], ..Edit::default() },
            Edit { added: vec![(1, table(7, "a", "b")), (2, table(7, "a", "b"))], ..Edit::default() },
            Edit { added: vec![(1, table_with_blobs(7, "c", "d", &[10]))], ..Edit::default() },
            Edit { blobs: vec![blob(10), blob(10)], ..Edit::default() },
            Edit { created: Some(creation()), ..Edit::default() },
            Edit { log_floor: Some(LogFloor { segment: 4, flushed_sequence: 6 }), ..Edit::default() },
            Edit { log_floor: Some(LogFloor { segment: 5, flushed_sequence: u64::MAX }), ..Edit::default() },
            Edit { next_number: u64::MAX, ..Edit::default() },
            Edit { last_sequence: u64::MAX, ..Edit::default() },
            Edit { last_revision: u64::MAX, ..Edit::default() },
        ] {
            assert!(state.apply(&edit).is_err(), "{edit:?}");
            assert_eq!(state, before);
        }
    }
}
