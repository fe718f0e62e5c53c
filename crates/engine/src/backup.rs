//! A copy of the database in a folder of its own, on any file system, brought up to date by each further backup. The copy
//! is a database like any other. Its files have numbers of their own: a table is known by its hash, a blob file by its id.
//!
//! Nothing that the last backup relies on is changed until CURRENT is replaced, in one step, by one that names a manifest
//! of what is there now; only then what is no longer needed goes. Writers of the database do not stop for it.

use crate::blob::{BlobFile, BlobMeta};
use crate::cursor::Cursor;
use crate::disk::{Access, Disk, File, SyncPoint, Whole, hash_whole};
use crate::entry::Kind;
use crate::environment::Environment;
use crate::error::{Code, Error, Result};
use crate::key::Revision;
use crate::manifest::{self, ManifestLog, Tail};
use crate::names::{FileName, FileNumbers};
use crate::recovery::{create_folders, sync_names};
use crate::state::{Readable, State};
use crate::table::{Table, TableMeta, TableOutput, TableSummary};
use crate::verify::Progress;
use crate::wal::{LogFloor, Watermark};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Stands in a folder whose first backup is not complete: without CURRENT nothing else would say what the files are.
const BEGUN: &str = "BACKUP-BEGUN";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupInfo {
    pub folder: PathBuf,
    /// Holds every commit up to this one, and no later one.
    pub revision: Revision,
    /// Of the whole backup.
    pub tables: u64,
    pub bytes: u64,
    /// Of them, what was not there before.
    pub copied_tables: u64,
    pub copied_bytes: u64,
}

/// The folder that the backup goes to.
struct Target<'a> {
    disk: &'a Arc<dyn Disk>,
    folder: &'a Path,
    numbers: FileNumbers,
    /// Whole tables that are there, by what they hold.
    there: BTreeMap<[u8; 32], TableMeta>,
    /// Whole blob files that are there, by their ids.
    blobs: BTreeMap<[u8; 16], BlobMeta>,
    /// Tables and blob files of which it is not known what they are.
    strangers: Vec<FileName>,
    /// Whether the last backup surely relies on none of the strangers.
    strangers_may_go: bool,
}

/// A blob file of the database, and its number in the backup.
struct PlacedBlob {
    file: Arc<BlobFile>,
    number: u64,
    is_there: bool,
}

/// Tables with their levels, and blob files with how many of the tables refer to each; by number.
pub type Files = (BTreeMap<u64, (u8, TableMeta)>, BTreeMap<u64, (BlobMeta, u32)>);

/// What is to be copied, as of one moment.
struct Source {
    readable: Arc<Readable>,
    last: Watermark,
    /// With their levels.
    tables: Vec<(u8, Arc<Table>)>,
    blobs: Vec<Arc<BlobFile>>,
}

impl State {
    /// `Exists` if the folder holds anything but earlier backups of this database, or is its own, `Locked` if it is in use, `Corrupt` if
    /// a table of the database or the folder's manifest is damaged. After any failure the last backup is as it was.
    pub fn backup(&self, folder: &Path, on_progress: &mut dyn FnMut(Progress)) -> Result<BackupInfo> {
        self.check_open()?;
        if !self.options.read_only {
            self.flush()?;
        }
        let disk = &self.environment.disk;
        create_folders(disk.as_ref(), folder)?;
        // One that was opened with `read_only` has no lock to keep its own backup out.
        if disk.is_same_folder(folder, &self.folder)? {
            let message = "this is the folder of the database itself: back up to a folder of its own";
            return Err(Error::new(Code::Exists, message).in_file(folder));
        }
        let names = disk.list(folder)?;
        let is_ours = |name: &String| FileName::parse(name).is_some() || name == BEGUN;
        if !names.is_empty() && !names.iter().any(is_ours) {
            return Err(
                Error::new(Code::Exists, "the folder holds something else than backups").in_file(folder)
            );
        }
        let _lock = disk.lock(&FileName::Lock.in_folder(folder), &self.options.holder)?;
        let mut target = Target::look(&self.environment, folder, self.creation.database_id, &names)?;
        let source = self.source();
        target.find_strangers(self, &source)?;

        let mut info = BackupInfo {
            folder: folder.to_owned(),
            revision: source.last.revision,
            tables: 0,
            bytes: 0,
            copied_tables: 0,
            copied_bytes: 0,
        };
        let blobs = target.place_blobs(&source);
        let mut progress = Progress { done_bytes: 0, total_bytes: 0 };
        progress.total_bytes =
            blobs.values().filter(|blob| !blob.is_there).map(|blob| blob.file.meta().bytes).sum();
        let mut tables = self.copy_tables(&source, &target, &mut info, &mut progress, on_progress)?;
        self.copy_blobs(&blobs, &target, &mut info, &mut progress, on_progress)?;
        for table in self.write_memtables(&source, &target)? {
            info.copied_tables += 1;
            info.copied_bytes += table.summary.bytes;
            tables.push((0, table));
        }
        let mut counted: BTreeMap<u64, (BlobMeta, u32)> = BTreeMap::new();
        for (_, table) in &mut tables {
            for used in &mut table.summary.blobs {
                let blob = &blobs[&used.id];
                used.file = blob.number;
                let meta = BlobMeta { number: blob.number, ..blob.file.meta().clone() };
                counted.entry(blob.number).or_insert((meta, 0)).1 += 1;
            }
        }
        info.tables = tables.len() as u64;
        info.bytes = tables.iter().map(|(_, table)| table.summary.bytes).sum();
        info.bytes += counted.values().map(|(blob, _)| blob.bytes).sum::<u64>();
        let kept_blobs: Vec<u64> = counted.keys().copied().collect();
        let tables = tables.into_iter().map(|(level, table)| (table.number, (level, table))).collect();
        // Segments that somebody who opened the backup has left are below the floor.
        let state = self.state_of(source.last, (tables, counted), &target.numbers);
        let kept: Vec<u64> = state.tables.keys().copied().collect();
        ManifestLog::install(&self.environment, folder, &target.numbers, state)?;
        sync_names(disk.as_ref(), folder, SyncPoint::ParentFolder)?;
        target.remove_the_rest(&kept, &kept_blobs);
        Ok(info)
    }

    /// The manifest of these files by themselves: a database that holds every commit up to `last`, and has no log.
    pub fn state_of(
        &self,
        last: Watermark,
        (tables, blobs): Files,
        numbers: &FileNumbers,
    ) -> manifest::State {
        manifest::State {
            creation: self.creation,
            tables,
            blobs,
            log_floor: LogFloor { segment: numbers.take(), flushed_sequence: last.sequence },
            next_number: numbers.next(),
            last_sequence: last.sequence,
            last_revision: last.revision,
            trim_revision: if self.creation.history { self.trim_at(last.revision) } else { 0 },
            marks: self.marks.lock().clone().up_to(last.revision),
            time_ms: self.time.now_ms(),
            clean_close: true,
        }
    }

    fn source(&self) -> Source {
        let readable = self.readable.load_full();
        // What was committed since the flush is left to the next backup.
        let last = if self.options.read_only { self.commit.lock().last } else { readable.flushed };
        let levels = readable.version.levels.iter().enumerate();
        let tables =
            levels.flat_map(|(level, tables)| tables.iter().map(move |table| (level as u8, table.clone())));
        let tables = tables.collect();
        let mut blobs: Vec<_> = readable.version.blobs().map(|blob| blob.file.clone()).collect();
        if self.options.read_only {
            blobs.extend(readable.memtables().flat_map(|memtable| memtable.parts().all()));
        }
        Source { readable, last, tables, blobs }
    }

    /// Copies what the target does not have.
    fn copy_tables(
        &self,
        source: &Source,
        target: &Target<'_>,
        info: &mut BackupInfo,
        progress: &mut Progress,
        on_progress: &mut dyn FnMut(Progress),
    ) -> Result<Vec<(u8, TableMeta)>> {
        let mut plan = Vec::new();
        for (level, table) in &source.tables {
            let there = target.there.get(&table.summary().sha256).map(|table| table.number);
            let number = there.unwrap_or_else(|| target.numbers.take());
            if there.is_none() {
                progress.total_bytes += table.summary().bytes;
            }
            plan.push((*level, table, number, there.is_some()));
        }
        let mut tables = Vec::new();
        for (level, table, number, is_there) in plan {
            if !is_there {
                let TableSummary { bytes, sha256, .. } = *table.summary();
                let from = Whole { file: &*table.open_file()?, path: table.path(), bytes, sha256 };
                self.copy(&from, target, FileName::Table(number), &mut |bytes| {
                    progress.done_bytes += bytes;
                    on_progress(*progress);
                })?;
                info.copied_tables += 1;
                info.copied_bytes += table.summary().bytes;
            }
            tables.push((level, TableMeta { number, summary: table.summary().clone() }));
        }
        Ok(tables)
    }

    fn copy_blobs(
        &self,
        blobs: &BTreeMap<[u8; 16], PlacedBlob>,
        target: &Target<'_>,
        info: &mut BackupInfo,
        progress: &mut Progress,
        on_progress: &mut dyn FnMut(Progress),
    ) -> Result<()> {
        for blob in blobs.values().filter(|blob| !blob.is_there) {
            let BlobMeta { bytes, sha256, .. } = *blob.file.meta();
            let from = Whole { file: &*blob.file.open_file()?.file, path: blob.file.path(), bytes, sha256 };
            self.copy(&from, target, FileName::Blob(blob.number), &mut |bytes| {
                progress.done_bytes += bytes;
                on_progress(*progress);
            })?;
            info.copied_bytes += bytes;
        }
        Ok(())
    }

    /// Leaves nothing if it fails; what stays all the same is taken away by the next backup.
    fn copy(
        &self,
        from: &Whole<'_>,
        target: &Target<'_>,
        name: FileName,
        passed: &mut dyn FnMut(u64),
    ) -> Result<()> {
        let path = name.in_folder(target.folder);
        let to = target.disk.create(&path)?;
        self.copy_checked(from, to.as_ref(), passed).inspect_err(|_| {
            let _ = target.disk.remove(&path);
        })
    }

    /// Reads a file once, checks it against its hash on the way, and syncs the copy.
    fn copy_checked(&self, from: &Whole<'_>, to: &dyn File, passed: &mut dyn FnMut(u64)) -> Result<()> {
        let mut at = 0;
        from.check(&mut |chunk| {
            self.check_open()?;
            to.write_at(at, chunk)?;
            at += chunk.len() as u64;
            passed(chunk.len() as u64);
            Ok(())
        })?;
        to.sync(SyncPoint::Table)
    }

    /// What a read-only database has of the log.
    fn write_memtables(&self, source: &Source, target: &Target<'_>) -> Result<Vec<TableMeta>> {
        let mut tables = Vec::new();
        if !self.options.read_only {
            return Ok(tables);
        }
        let sealed = source.readable.sealed.iter().rev().map(|sealed| &sealed.memtable);
        let environment = &Environment { disk: target.disk.clone(), ..self.environment.clone() };
        for memtable in sealed.chain([&source.readable.active]) {
            let mut output =
                TableOutput::new(environment, target.folder, self.table_options(), &target.numbers);
            let mut cursor = memtable.cursor();
            cursor.seek_to_first()?;
            while cursor.valid() {
                let entry = cursor.entry();
                match entry.kind {
                    Kind::Reference => {
                        let found = cursor.files().find(entry.value)?;
                        let pieces: Vec<_> =
                            found.pieces().iter().map(|(file, piece)| (file.name(), *piece)).collect();
                        output.add_reference(cursor.key(), &entry, &pieces)?;
                    }
                    _ => output.add(cursor.key(), &entry)?,
                }
                cursor.next()?;
            }
            for range in memtable.range_deletes().map_or_else(Vec::new, |ranges| ranges.all()) {
                output.add_range_delete(range)?;
            }
            tables.extend(output.finish()?);
        }
        Ok(tables)
    }
}

impl<'a> Target<'a> {
    fn look(
        Environment { disk, keys, .. }: &'a Environment,
        folder: &'a Path,
        database_id: [u8; 16],
        names: &[String],
    ) -> Result<Target<'a>> {
        let was_begun = names.iter().any(|name| name == BEGUN);
        let files = || names.iter().filter_map(|name| FileName::parse(name));
        let above_all = files().filter_map(FileName::number).max().unwrap_or(0) + 1;
        let is_stranger = |name: &FileName| matches!(name, FileName::Table(_) | FileName::Blob(_));
        let mut target = Target {
            disk,
            folder,
            numbers: FileNumbers::starting_at(above_all),
            there: BTreeMap::new(),
            blobs: BTreeMap::new(),
            strangers: files().filter(is_stranger).collect(),
            strangers_may_go: !files().any(|name| name == FileName::Current),
        };
        match manifest::recover(disk.as_ref(), keys, folder) {
            Ok(found) if found.state.creation.database_id != database_id => {
                let message = "the folder holds another database: back up to a folder of its own";
                return Err(Error::new(Code::Exists, message).in_file(folder));
            }
            Ok(found) => {
                target.numbers.skip_past(found.next_number - 1);
                // An edit that is not marked may be gone after a crash: what it names may be nothing then, and what it
                // removed may be needed.
                if found.tail == Tail::Marked {
                    let manifest::State { tables, blobs, log_floor, .. } = found.state;
                    let tables = tables.into_values().map(|(_, table)| (table.summary.sha256, table));
                    target.there.extend(tables);
                    target.blobs.extend(blobs.into_values().map(|(blob, _)| (blob.id, blob)));
                    target.strangers = found.strangers;
                    // Somebody who wrote to the backup has a log there, which may name parts of large values.
                    let is_log = |name: FileName| match name {
                        FileName::Segment(number) => number >= log_floor.segment,
                        _ => false,
                    };
                    target.strangers_may_go = !files().any(is_log);
                }
            }
            // Of a backup that was begun or, without CURRENT or a table, of a database that was.
            Err(error) if was_begun && matches!(error.code(), Code::NotFound | Code::Corrupt) => {}
            Err(error) if error.code() == Code::NotFound => {
                let file = disk.create(&folder.join(BEGUN))?;
                file.write_at(0, b"a first backup was begun here and is not complete: make it again\n")?;
                file.sync(SyncPoint::Table)?;
                disk.sync_folder(folder, SyncPoint::TableFolder)?;
            }
            Err(error) => return Err(error),
        }
        Ok(target)
    }

    /// Each under the number that it has there, or is to have.
    fn place_blobs(&self, source: &Source) -> BTreeMap<[u8; 16], PlacedBlob> {
        let place = |file: &Arc<BlobFile>| {
            let there = self.blobs.get(&file.meta().id).map(|blob| blob.number);
            let number = there.unwrap_or_else(|| self.numbers.take());
            (file.meta().id, PlacedBlob { file: file.clone(), number, is_there: there.is_some() })
        };
        source.blobs.iter().map(place).collect()
    }

    /// Whole files that a backup has copied which did not come to its end count as there. Others go before anything is
    /// copied: on a target that is nearly full each attempt would leave less room to the next one.
    fn find_strangers(&mut self, state: &State, source: &Source) -> Result<()> {
        for name in std::mem::take(&mut self.strangers) {
            if !self.adopt(name, state, source)? && self.strangers_may_go {
                // One that stays is a stranger to the next backup, too.
                let _ = self.disk.remove(&name.in_folder(self.folder));
            }
        }
        Ok(())
    }

    /// Whether the file is the copy of one that is wanted, and the first such copy.
    fn adopt(&mut self, name: FileName, state: &State, source: &Source) -> Result<bool> {
        match name {
            FileName::Table(number) => {
                let summaries = || source.tables.iter().map(|(_, table)| table.summary());
                let sizes = summaries().map(|summary| summary.bytes).collect();
                let Some(sha256) = self.hash(name, sizes, state)? else { return Ok(false) };
                let found = summaries().find(|summary| summary.sha256 == sha256);
                let Some(summary) = found.filter(|_| !self.there.contains_key(&sha256)) else {
                    return Ok(false);
                };
                self.sync(name)?;
                self.there.insert(sha256, TableMeta { number, summary: summary.clone() });
            }
            FileName::Blob(number) => {
                let metas = || source.blobs.iter().map(|blob| blob.meta());
                let sizes = metas().map(|meta| meta.bytes).collect();
                let Some(sha256) = self.hash(name, sizes, state)? else { return Ok(false) };
                let found = metas().find(|meta| meta.sha256 == sha256);
                let Some(meta) = found.filter(|meta| !self.blobs.contains_key(&meta.id)) else {
                    return Ok(false);
                };
                self.sync(name)?;
                self.blobs.insert(meta.id, BlobMeta { number, ..meta.clone() });
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The hash of a file that has one of these sizes.
    fn hash(&self, name: FileName, sizes: BTreeSet<u64>, state: &State) -> Result<Option<[u8; 32]>> {
        let file = self.disk.open(&name.in_folder(self.folder), Access::Read)?;
        let size = file.size()?;
        match sizes.contains(&size) {
            true => hash_whole(file.as_ref(), size, &mut |_| state.check_open()).map(Some),
            false => Ok(None),
        }
    }

    /// What was copied may not have been synced.
    fn sync(&self, name: FileName) -> Result<()> {
        let file = self.disk.open(&name.in_folder(self.folder), Access::ReadWrite)?;
        file.sync(SyncPoint::Table)
    }

    /// Best effort: what stays is in nobody's way, and goes at the next open or backup.
    fn remove_the_rest(&self, kept: &[u64], kept_blobs: &[u64]) {
        let manifest = manifest::current(self.disk.as_ref(), self.folder).ok();
        let is_needed = |name: &FileName| match name {
            FileName::Table(number) => kept.contains(number),
            FileName::Blob(number) => kept_blobs.contains(number),
            FileName::Manifest(number) => Some(*number) == manifest,
            _ => true,
        };
        let _ = self.disk.remove(&self.folder.join(BEGUN));
        for name in manifest::files(self.disk.as_ref(), self.folder).unwrap_or_default() {
            if manifest.is_some() && !is_needed(&name) {
                let _ = self.disk.remove(&name.in_folder(self.folder));
            }
        }
    }
}
