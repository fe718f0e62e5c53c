//! What a salvage reads: which files count, the records of the log, and all tables merged.

use super::report::SalvageReport;
use crate::batch::{self, Header, OpKind};
use crate::disk::{Access, Disk};
use crate::encryption::Keys;
use crate::entry::{Entry, Kind};
use crate::error::{Error, Result};
use crate::key::Revision;
use crate::manifest::{self, State, Tail};
use crate::names::FileName;
use crate::range_delete::{Flat, RangeDelete};
use crate::table::{Rescue, TableSummary};
use crate::verify::Progress;
use crate::wal::{self, Watermark};
use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BinaryHeap};
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

/// The files to read.
pub struct Sources {
    pub manifest: Option<State>,
    pub tables: Vec<u64>,
    pub segments: Vec<u64>,
    pub blobs: Vec<u64>,
    pub report: SalvageReport,
}

impl Sources {
    pub fn find(disk: &dyn Disk, keys: &Keys, folder: &Path, files: &[FileName]) -> Sources {
        let mut report = SalvageReport::default();
        let of = |wanted: fn(FileName) -> bool| -> Vec<u64> {
            files.iter().filter(|name| wanted(**name)).filter_map(|name| name.number()).collect()
        };
        let mut tables = of(|name| matches!(name, FileName::Table(_)));
        let segments = of(|name| matches!(name, FileName::Segment(_)));
        let blobs = of(|name| matches!(name, FileName::Blob(_)));
        let manifests = of(|name| matches!(name, FileName::Manifest(_)));
        let found = find_manifest(disk, keys, folder, &manifests, &mut report);
        if let Some((state, tail)) = &found {
            let missing: Vec<_> =
                state.tables.values().filter(|(_, table)| !tables.contains(&table.number)).collect();
            for (_, table) in &missing {
                let path = FileName::Table(table.number).in_folder(folder);
                let error = Error::corrupt("a table that the manifest names is not there");
                report.lose_table(&error, &path, Some(table));
            }
            // What the manifest does not name is of work that was cut short, or was replaced; or, where the manifest has
            // lost its end, newer than all that it names.
            let ends_early = *tail != Tail::Marked;
            let mut kept = 0;
            tables.retain(|number| {
                let named = state.tables.contains_key(number);
                let path = FileName::Table(*number).in_folder(folder);
                let newer = || {
                    let newest = crate::table::newest_revision(disk, keys, &path).ok().flatten();
                    newest.is_some_and(|newest| newest > state.last_revision)
                };
                let keep = named || !missing.is_empty() || (ends_early && newer());
                kept += u32::from(keep && !named);
                keep
            });
            if kept > 0 {
                report.note(format!(
                    "{kept} tables that the manifest does not name were read, because it seems to have lost its end: \
                     keys that were deleted may be back"
                ));
            }
        } else {
            report.note(
                "no manifest could be read, so every table was: where a compaction had replaced tables and not yet \
                 removed them, keys that were deleted may be back",
            );
        }
        Sources { manifest: found.map(|(state, _)| state), tables, segments, blobs, report }
    }
}

/// The manifest that CURRENT names, else the newest that can be read.
fn find_manifest(
    disk: &dyn Disk,
    keys: &Keys,
    folder: &Path,
    manifests: &[u64],
    report: &mut SalvageReport,
) -> Option<(State, Tail)> {
    let current = manifest::current(disk, folder);
    if let Err(error) = &current {
        report.lose(error, &FileName::Current.in_folder(folder));
        report.note("CURRENT could not be read: the newest manifest that could be was used, if there is one");
    }
    let named = current.ok();
    let others = manifests.iter().rev().copied().filter(|number| Some(*number) != named);
    for number in named.into_iter().chain(others) {
        match manifest::read_numbered(disk, keys, folder, number) {
            Ok(found) => return Some(found),
            Err(error) => {
                report.lose(&error, &FileName::Manifest(number).in_folder(folder));
            }
        }
    }
    None
}

/// An entry that owns its bytes.
pub struct Version {
    revision: Revision,
    kind: Kind,
    deadline_ms: i64,
    lease: i64,
    create_revision: Revision,
    version: u64,
    value: Vec<u8>,
    /// The ids of the blob files that it counts by, if it is a reference and they are known.
    blobs: Option<Arc<[[u8; 16]]>>,
}

impl Version {
    fn of(entry: &Entry<'_>) -> Version {
        let Entry { kind, revision, deadline_ms, lease, create_revision, version, value } = *entry;
        let value = value.to_vec();
        Version { revision, kind, deadline_ms, lease, create_revision, version, value, blobs: None }
    }

    fn entry(&self) -> Entry<'_> {
        Entry {
            kind: self.kind,
            revision: self.revision,
            deadline_ms: self.deadline_ms,
            lease: self.lease,
            create_revision: self.create_revision,
            version: self.version,
            value: &self.value,
        }
    }
}

/// The newest version of each key in the log; with history all of them.
#[derive(Default)]
pub struct Records {
    newest: BTreeMap<Vec<u8>, Version>,
    /// With history.
    older: Vec<(Vec<u8>, Version)>,
    ranges: Vec<RangeDelete>,
    /// Whether records have what only a database with history logs.
    pub history: bool,
    /// To where they trim.
    pub trim: Revision,
    /// The newest record, used or not.
    pub last: Watermark,
    pub time_ms: i64,
}

impl Records {
    /// `flushed`: tables hold, or held, every commit up to this one.
    pub fn read(
        disk: &dyn Disk,
        keys: &Keys,
        folder: &Path,
        segments: &[u64],
        flushed: Revision,
        report: &mut SalvageReport,
    ) -> Records {
        let mut found: BTreeMap<u64, (Header, Vec<u8>)> = BTreeMap::new();
        for number in segments {
            let path = FileName::Segment(*number).in_folder(folder);
            let mut keep = |header: Header, body: &[u8]| {
                found.insert(header.sequence, (header, body.to_vec()));
            };
            let mut losses = Vec::new();
            let read =
                wal::rescue(disk, keys, folder, *number, &mut keep, &mut |error, _| losses.push(error));
            losses.extend(read.err());
            for error in losses {
                report.lose(&error, &path);
            }
        }
        let mut records = Records { time_ms: i64::MIN, ..Records::default() };
        for (sequence, (header, body)) in found.split_off(&first_wanted(&found, flushed)) {
            records.last = Watermark { sequence, revision: header.revision };
            records.time_ms = records.time_ms.max(header.time_ms);
            records.apply(header, &body);
            report.records_kept += 1;
        }
        if let Some((sequence, (header, _))) = found.last_key_value() {
            records.last.sequence = records.last.sequence.max(*sequence);
            records.last.revision = records.last.revision.max(header.revision);
        }
        records
    }

    fn apply(&mut self, header: Header, body: &[u8]) {
        for op in batch::ops(body) {
            self.history |= op.version > 0 || op.kind == OpKind::System;
            if op.kind == OpKind::System {
                self.trim = self.trim.max(batch::trimmed(body));
                continue;
            }
            let mut key = Vec::with_capacity(op.key.len() + 1);
            key.push(op.keyspace);
            key.extend_from_slice(op.key);
            if op.kind == OpKind::RangeDelete {
                let range = op.range_delete(header.revision);
                // What the same commit wrote before is not older, and so not hidden by it.
                let bounds = (Bound::Included(&range.lower[..]), Bound::Excluded(&range.upper[..]));
                let held = self.newest.range_mut::<[u8], _>(bounds).map(|(_, version)| version);
                for version in held.filter(|version| version.revision == header.revision) {
                    *version = Version::of(&Entry::delete(header.revision));
                }
                self.ranges.push(range);
                continue;
            }
            let version = Version::of(&op.entry(header.revision));
            let Some(before) = self.newest.insert(key.clone(), version) else { continue };
            if before.revision < header.revision {
                self.older.push((key, before));
            }
        }
    }

    /// By key, of each the newest first; without history that one alone.
    fn into_versions(self, history: bool) -> Vec<(Vec<u8>, Version)> {
        let mut versions: Vec<_> = self.newest.into_iter().collect();
        if history {
            versions.extend(self.older);
            versions.sort_by(|(a, one), (b, other)| a.cmp(b).then(other.revision.cmp(&one.revision)));
        }
        versions
    }
}

/// Where the records begin that may be used. What is flushed may have been deleted since, in a record that is lost and a
/// table that was merged away; so of flushed records only those count behind which none is missing.
fn first_wanted(found: &BTreeMap<u64, (Header, Vec<u8>)>, flushed: Revision) -> u64 {
    let mut wanted = found.iter().find(|(_, (header, _))| header.revision > flushed).map(|(at, _)| *at);
    for (sequence, (header, _)) in found.iter().rev().filter(|(_, (header, _))| header.revision <= flushed) {
        let follows = match wanted {
            Some(next) => sequence + 1 == next,
            None => header.revision == flushed,
        };
        if !follows {
            break;
        }
        wanted = Some(*sequence);
    }
    wanted.unwrap_or(u64::MAX)
}

/// Key, version and table of an entry that is next in its table.
type Head = (Vec<u8>, Reverse<Revision>, u64);

/// All tables and the log, one key after another, of each the newest version. A table is open only while its keys are
/// passed.
pub struct Merge<'a> {
    disk: &'a dyn Disk,
    keys: &'a Keys,
    folder: &'a Path,
    /// Still to be opened, by their smallest keys, the first one last.
    waiting: Vec<(Vec<u8>, u64)>,
    open: BTreeMap<u64, Rescue>,
    /// What the manifest says of tables.
    ids: BTreeMap<u64, TableSummary>,
    /// The next entry of each open table, the smallest key and newest version on top.
    heap: BinaryHeap<Reverse<Head>>,
    records: std::iter::Peekable<std::vec::IntoIter<(Vec<u8>, Version)>>,
    /// Of all tables that could be opened, and of the log.
    ranges: Vec<RangeDelete>,
    flat: Flat,
    newest_revision: Revision,
    trim: Option<Revision>,
    filter_seed: Option<u64>,
    progress: Progress,
    /// The answer of the last `advance`.
    key: Vec<u8>,
    version: Option<Version>,
}

impl<'a> Merge<'a> {
    /// Looks into every table once.
    pub fn open(
        disk: &'a dyn Disk,
        keys: &'a Keys,
        folder: &'a Path,
        tables: &[u64],
        manifest: Option<&State>,
        report: &mut SalvageReport,
    ) -> Result<Merge<'a>> {
        let mut merge = Merge {
            disk,
            keys,
            folder,
            waiting: Vec::new(),
            open: BTreeMap::new(),
            ids: BTreeMap::new(),
            heap: BinaryHeap::new(),
            records: Vec::new().into_iter().peekable(),
            ranges: Vec::new(),
            flat: Flat::default(),
            newest_revision: 0,
            trim: None,
            filter_seed: None,
            progress: Progress { done_bytes: 0, total_bytes: 0 },
            key: Vec::new(),
            version: None,
        };
        for number in tables {
            let path = FileName::Table(*number).in_folder(folder);
            let known = manifest.and_then(|state| state.tables.get(number)).map(|(_, table)| table);
            match Rescue::open(disk, keys, &path, known.map(|table| &table.summary)) {
                Ok(table) => {
                    merge.newest_revision = merge.newest_revision.max(table.newest.unwrap_or(0));
                    merge.trim = merge.trim.max(table.trim);
                    merge.filter_seed = merge.filter_seed.or(table.filter_seed);
                    if let Some(error) = &table.index_error {
                        report.lose_in(error, &path, known);
                        report.note(
                            "pages of a table without its index were searched for: some may be missing",
                        );
                    }
                    merge.waiting.push((table.smallest, *number));
                    merge.ids.extend(known.map(|table| (*number, table.summary.clone())));
                    merge.progress.total_bytes += disk.open(&path, Access::Read)?.size()?;
                    report.tables_read += 1;
                    match table.ranges {
                        Ok(ranges) => merge.ranges.extend(ranges),
                        Err(error) => {
                            report.lose_in(&error, &path, known);
                            report.note("range deletes were lost: keys that they deleted may be back");
                        }
                    }
                }
                Err(error) => report.lose_table(&error, &path, known),
            }
        }
        merge.waiting.sort_by(|a, b| b.cmp(a));
        Ok(merge)
    }

    /// The newest in any table, as far as the tables can say.
    pub fn newest_revision(&self) -> Revision {
        self.newest_revision
    }

    /// To where tables say that the database was trimmed; none if none says that it keeps history.
    pub fn trim(&self) -> Option<Revision> {
        self.trim
    }

    pub fn filter_seed(&self) -> Option<u64> {
        self.filter_seed
    }

    /// Before the first `advance`.
    pub fn add_records(&mut self, mut records: Records, history: bool) {
        self.ranges.append(&mut records.ranges);
        self.records = records.into_versions(history).into_iter().peekable();
        self.flat = Flat::of(std::mem::take(&mut self.ranges));
    }

    /// Moves to the next key; false at the end.
    pub fn advance(&mut self, report: &mut SalvageReport, on_progress: &mut dyn FnMut(Progress)) -> bool {
        self.version = None;
        self.open_due(report, on_progress);
        let from_tables = self.heap.peek().map(|Reverse((key, _, _))| key);
        let from_log = self.records.peek().map(|(key, _)| key);
        let Some(key) = [from_tables, from_log].into_iter().flatten().min() else { return false };
        self.key.clone_from(key);
        while let Some((_, version)) = self.records.next_if(|(key, _)| *key == self.key) {
            self.offer(version);
        }
        while let Some(Reverse((_, _, number))) = self.heap.peek().filter(|it| it.0.0 == self.key) {
            let number = *number;
            self.heap.pop();
            let table = self.open.get(&number).expect("what is in the heap is open");
            // Where the log has a large value too, the table knows better where it is by now.
            let is_newer = |version: &Version| match version.revision.cmp(&table.revision()) {
                Ordering::Equal => version.kind == Kind::Reference,
                order => order.is_lt(),
            };
            if self.version.as_ref().is_none_or(is_newer) {
                let version = Version { blobs: table.blobs.clone(), ..Version::of(&table.entry()) };
                self.version = Some(version);
            }
            self.step(number, report, on_progress);
            self.open_due(report, on_progress);
        }
        true
    }

    /// Moves to the next version of the key in hand or, behind its oldest, to the newest of the next key; false at the end.
    pub fn advance_version(
        &mut self,
        report: &mut SalvageReport,
        on_progress: &mut dyn FnMut(Progress),
    ) -> bool {
        loop {
            self.open_due(report, on_progress);
            let from_tables = self.heap.peek().map(|Reverse((key, revision, _))| (key, *revision));
            let from_log = self.records.peek().map(|(key, version)| (key, Reverse(version.revision)));
            let last = self.version.as_ref().map(|version| version.revision);
            // Where the log has a large value too, the table knows better where it is by now.
            let from_table = match (from_tables, from_log) {
                (None, None) => return false,
                (Some(table), Some(log)) => table <= log,
                (table, None) => table.is_some(),
                (None, Some(_)) => false,
            };
            let (key, version) = if from_table {
                let Reverse((key, _, number)) = self.heap.pop().expect("it was looked at");
                let table = self.open.get(&number).expect("what is in the heap is open");
                let version = Version { blobs: table.blobs.clone(), ..Version::of(&table.entry()) };
                self.step(number, report, on_progress);
                (key, version)
            } else {
                self.records.next().expect("it was looked at")
            };
            if key == self.key && last == Some(version.revision) {
                continue;
            }
            (self.key, self.version) = (key, Some(version));
            return true;
        }
    }

    fn offer(&mut self, version: Version) {
        if self.version.as_ref().is_none_or(|found| found.revision < version.revision) {
            self.version = Some(version);
        }
    }

    /// Opens every table that may hold the smallest key of those that are open.
    fn open_due(&mut self, report: &mut SalvageReport, on_progress: &mut dyn FnMut(Progress)) {
        while let Some((smallest, _)) = self.waiting.last() {
            let first = self.heap.peek().map(|Reverse((key, _, _))| key);
            let first = first.into_iter().chain(self.records.peek().map(|(key, _)| key)).min();
            if first.is_some_and(|first| first < smallest) {
                return;
            }
            let (_, number) = self.waiting.pop().expect("there is one");
            let path = FileName::Table(number).in_folder(self.folder);
            match Rescue::open(self.disk, self.keys, &path, self.ids.get(&number)) {
                Ok(table) => {
                    self.open.insert(number, table);
                    self.step(number, report, on_progress);
                }
                Err(error) => {
                    report.lose(&error, &path);
                }
            }
        }
    }

    /// Puts the next entry of a table into the heap, or closes it.
    fn step(&mut self, number: u64, report: &mut SalvageReport, on_progress: &mut dyn FnMut(Progress)) {
        let table = self.open.get_mut(&number).expect("an open table");
        let path = FileName::Table(number).in_folder(self.folder);
        let before = table.bytes_passed();
        let found = table.advance(&mut |page| report.lose_page(page, &path));
        let passed = table.bytes_passed() - before;
        if passed > 0 {
            self.progress.done_bytes += passed;
            on_progress(self.progress);
        }
        if found {
            self.heap.push(Reverse((table.key().to_vec(), Reverse(table.revision()), number)));
        } else {
            report.pages_read += table.pages_read;
            self.open.remove(&number);
        }
    }

    /// Whether the version in hand is a value that no delete of a range hides.
    pub fn is_live(&self) -> bool {
        let (key, entry) = self.version();
        let hidden = self.flat.find(key).is_some_and(|range| range.revision > entry.revision);
        entry.kind.is_put() && !hidden
    }

    /// The ids of the blob files that the version in hand counts by, if they are known.
    pub fn blobs(&self) -> Option<&[[u8; 16]]> {
        self.version.as_ref().and_then(|version| version.blobs.as_deref())
    }

    /// The key in hand and its version: the newest, but after `advance_version`.
    pub fn version(&self) -> (&[u8], Entry<'_>) {
        (&self.key, self.version.as_ref().expect("advancing has found one").entry())
    }
}
