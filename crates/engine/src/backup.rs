//! A copy of the database in a folder of its own, on any file system, brought up to date by each further backup. The copy
//! is a database like any other. Its files have numbers of their own: a table is known by its hash, a blob file by its id.
//!
//! Nothing that the last backup relies on is changed until CURRENT is replaced, in one step, by one that names a manifest
//! of what is there now; only then what is no longer needed goes. Writers of the database do not stop for it.

use crate::blob::{BlobFile, BlobMeta};
use crate::cursor::Cursor;
use crate::disk::{Disk, File, SyncPoint, Whole, hash_whole};
use crate::entry::Kind;
use crate::error::{Code, Error, Result};
use crate::key::Revision;
use crate::manifest::{self, ManifestLog, Tail};
use crate::names::{FileName, FileNumbers};
use crate::recovery::{create_folders, sync_names};
use crate::state::{Readable, State};
use crate::table::{Table, TableMeta, TableOutput, TableSummary};
use crate::verify::Progress;
use crate::wal::{LogFloor, Watermark};
use std::collections::BTreeMap;
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
    /// Blob files that the last backup relies on, by their ids.
    blobs: BTreeMap<[u8; 16], BlobMeta>,
}

/// A blob file of the database, and its number in the backup.
struct PlacedBlob {
    file: Arc<BlobFile>,
    number: u64,
    is_there: bool,
}

/// What is to be copied, as of one moment.
struct Source {
    readable: Arc<Readable>,
    last: Watermark,
    /// With their levels.
    tables: Vec<(u8, Arc<Table>)>,
}

impl State {
    /// `Exists` if the folder holds anything but earlier backups of this database, `Locked` if it is in use, `Corrupt` if
    /// a table of the database or the folder's manifest is damaged. After any failure the last backup is as it was.
    pub fn backup(&self, folder: &Path, on_progress: &mut dyn FnMut(Progress)) -> Result<BackupInfo> {
        self.check_open()?;
        if !self.options.read_only {
            self.flush()?;
        }
        let disk = &self.environment.disk;
        create_folders(disk.as_ref(), folder)?;
        let names = disk.list(folder)?;
        let is_ours = |name: &String| FileName::parse(name).is_some() || name == BEGUN;
        if !names.is_empty() && !names.iter().any(is_ours) {
            return Err(
                Error::new(Code::Exists, "the folder holds something else than backups").in_file(folder)
            );
        }
        let _lock = disk.lock(&FileName::Lock.in_folder(folder), &self.options.holder)?;
        let mut target = Target::look(disk, folder, self.creation.database_id, &names)?;
        let source = self.source();
        target.find_strangers(&source)?;

        let mut info = BackupInfo {
            folder: folder.to_owned(),
            revision: source.last.revision,
            tables: 0,
            bytes: 0,
            copied_tables: 0,
            copied_bytes: 0,
        };
        let parts = match self.options.read_only {
            true => source.readable.memtables().flat_map(|memtable| memtable.parts().all()).collect(),
            false => Vec::new(),
        };
        let blobs = target.place_blobs(&source, &parts);
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
        let state = manifest::State {
            creation: self.creation,
            tables: tables.into_iter().map(|(level, table)| (table.number, (level, table))).collect(),
            blobs: counted,
            // Segments that somebody who opened the backup has left are below it.
            log_floor: LogFloor { segment: target.numbers.take(), flushed_sequence: source.last.sequence },
            next_number: target.numbers.next(),
            last_sequence: source.last.sequence,
            last_revision: source.last.revision,
            time_ms: self.time.now_ms(),
            clean_close: true,
        };
        let kept: Vec<u64> = state.tables.keys().copied().collect();
        ManifestLog::install(&self.environment, folder, &target.numbers, state)?;
        sync_names(disk.as_ref(), folder, SyncPoint::ParentFolder)?;
        target.remove_the_rest(&kept, &kept_blobs);
        Ok(info)
    }

    fn source(&self) -> Source {
        let readable = self.readable.load_full();
        // What was committed since the flush is left to the next backup.
        let last = if self.options.read_only { self.commit.lock().last } else { readable.flushed };
        let levels = readable.version.levels.iter().enumerate();
        let tables =
            levels.flat_map(|(level, tables)| tables.iter().map(move |table| (level as u8, table.clone())));
        let tables = tables.collect();
        Source { readable, last, tables }
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
            let from = Whole { file: &*blob.file.open_file()?, path: blob.file.path(), bytes, sha256 };
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
        let environment =
            &crate::environment::Environment { disk: target.disk.clone(), ..self.environment.clone() };
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
        disk: &'a Arc<dyn Disk>,
        folder: &'a Path,
        database_id: [u8; 16],
        names: &[String],
    ) -> Result<Target<'a>> {
        let was_begun = names.iter().any(|name| name == BEGUN);
        let numbers = names.iter().filter_map(|name| FileName::parse(name)?.number());
        let above_all = numbers.max().unwrap_or(0) + 1;
        let mut there = BTreeMap::new();
        let mut blobs = BTreeMap::new();
        let next = match manifest::recover(disk.as_ref(), folder) {
            Ok(found) if found.state.creation.database_id != database_id => {
                let message = "the folder holds another database: back up to a folder of its own";
                return Err(Error::new(Code::Exists, message).in_file(folder));
            }
            Ok(found) => {
                blobs.extend(found.state.blobs.into_values().map(|(blob, _)| (blob.id, blob)));
                there
                    .extend(found.state.tables.into_values().map(|(_, table)| (table.summary.sha256, table)));
                // An edit that is not marked may be gone after a crash, and with it the tables that it names.
                if found.tail != Tail::Marked {
                    there.clear();
                }
                found.next_number
            }
            // Of a backup that was begun or, without CURRENT or a table, of a database that was.
            Err(error) if was_begun && matches!(error.code(), Code::NotFound | Code::Corrupt) => above_all,
            Err(error) if error.code() == Code::NotFound => {
                let file = disk.create(&folder.join(BEGUN))?;
                file.write_at(0, b"a first backup was begun here and is not complete: make it again\n")?;
                file.sync(SyncPoint::Table)?;
                disk.sync_folder(folder, SyncPoint::TableFolder)?;
                above_all
            }
            Err(error) => return Err(error),
        };
        Ok(Target { disk, folder, numbers: FileNumbers::starting_at(next), there, blobs })
    }

    /// Each under the number that it has there, or is to have.
    fn place_blobs(&self, source: &Source, parts: &[Arc<BlobFile>]) -> BTreeMap<[u8; 16], PlacedBlob> {
        let place = |file: &Arc<BlobFile>| {
            let there = self.blobs.get(&file.meta().id).map(|blob| blob.number);
            let number = there.unwrap_or_else(|| self.numbers.take());
            (file.meta().id, PlacedBlob { file: file.clone(), number, is_there: there.is_some() })
        };
        source.readable.version.blobs().map(|blob| &blob.file).chain(parts).map(place).collect()
    }

    /// Whole tables that a backup has copied which did not come to its end count as there. Others go.
    fn find_strangers(&mut self, source: &Source) -> Result<()> {
        let known: Vec<u64> = self.there.values().map(|table| table.number).collect();
        for name in manifest::files(self.disk.as_ref(), self.folder)? {
            let FileName::Table(number) = name else { continue };
            if known.contains(&number) {
                continue;
            }
            let path = name.in_folder(self.folder);
            let file = self.disk.open(&path, crate::disk::Access::Read)?;
            let size = file.size()?;
            let of_size = |summary: &&TableSummary| summary.bytes == size;
            let wanted: Vec<_> =
                source.tables.iter().map(|(_, table)| table.summary()).filter(of_size).collect();
            let found = match wanted.is_empty() {
                true => None,
                false => Some(hash_whole(file.as_ref(), size, &mut |_| Ok(()))?),
            };
            match wanted.iter().find(|summary| Some(summary.sha256) == found) {
                Some(summary) if !self.there.contains_key(&summary.sha256) => {
                    // It may not have been synced.
                    let file = self.disk.open(&path, crate::disk::Access::ReadWrite)?;
                    file.sync(SyncPoint::Table)?;
                    self.there.insert(summary.sha256, TableMeta { number, summary: (*summary).clone() });
                }
                _ => {}
            }
        }
        Ok(())
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
