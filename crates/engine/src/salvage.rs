//! Makes a sound database of what is readable in the folder of a damaged one, which is not changed.
//!
//! Needs neither CURRENT nor a manifest: tables and records say themselves what they are. Of each key the newest version
//! that can be read wins, so a delete that can be read is never undone; of a database with history every version that can
//! be read is kept. A manifest that can be read is followed, because
//! it alone knows which tables a compaction has replaced. Nothing else may work on either folder.

mod blobs;
mod report;
mod source;

pub use report::{Lost, SalvageReport};

use crate::blob::{BlobFile, Handles};
use crate::entry::{Entry, Kind};
use crate::environment::Environment;
use crate::error::{Code, Error, Result};
use crate::key::{EMPTY_REVISION, Revision};
use crate::manifest::{self, Creation, ManifestLog};
use crate::marks::Marks;
use crate::names::{FileName, FileNumbers};
use crate::options::Options;
use crate::recovery::create_folders;
use crate::table::{Rescue, TableMeta, TableOptions, TableOutput};
use crate::verify::Progress;
use crate::wal::{self, LogFloor};
use blobs::{BlobCopies, Blobs};
use source::{Merge, Records, Sources};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Copies what is readable in `from` into a new database in `to`, a folder that is absent or empty. `NotFound` if there
/// is no file of a database in `from`, `Locked` if one is open there. After any other failure `to` is empty again.
///
/// Of `options` only those that say how tables are written count.
pub fn salvage(
    from: &Path,
    to: &Path,
    options: &Options,
    environment: &Environment,
    on_progress: &mut dyn FnMut(Progress),
) -> Result<SalvageReport> {
    let disk = environment.disk.as_ref();
    let files = match manifest::files(disk, from) {
        Err(error) if error.code() == Code::NotFound => Vec::new(),
        found => found?,
    };
    if !files.iter().any(|name| name.number().is_some()) {
        return Err(Error::new(Code::NotFound, "there is no file of a database in this folder").in_file(from));
    }
    // Where there is no lock file nobody has the database open, and none is made.
    let _lock = match files.contains(&FileName::Lock) {
        true => match disk.lock(&FileName::Lock.in_folder(from), &options.holder) {
            Err(error) if error.code() == Code::ReadOnly => None,
            locked => Some(locked?),
        },
        false => None,
    };
    create_folders(disk, to)?;
    if !disk.list(to)?.is_empty() {
        return Err(Error::new(Code::Exists, "what is salvaged needs an empty folder").in_file(to));
    }
    expect_keys(environment, from, &files)?;
    let sources = Sources::find(disk, &environment.keys, from, &files);
    let done = Salvage { environment, options, from, to }.run(sources, on_progress);
    if done.is_err() {
        // Best effort: the error that matters is the one above.
        for name in disk.list(to).unwrap_or_default() {
            let _ = disk.remove(&to.join(name));
        }
    }
    done
}

/// Without the key that a file is encrypted with all that is in it would be taken for lost.
fn expect_keys(environment: &Environment, folder: &Path, files: &[FileName]) -> Result<()> {
    let Environment { disk, keys, .. } = environment;
    for name in files {
        let path = name.in_folder(folder);
        let read = match name {
            FileName::Table(_) => Rescue::open(disk.as_ref(), keys, &path, None).map(drop),
            FileName::Blob(number) => {
                let blob = BlobFile::rescue(disk, &path, *number, &Arc::new(Handles::new(keys)));
                blob.and_then(|blob| keys.expect(blob.meta().key).map_err(|error| error.in_file(&path)))
            }
            FileName::Manifest(number) => {
                manifest::read_numbered(disk.as_ref(), keys, folder, *number).map(drop)
            }
            FileName::Segment(number) => wal::expect_keys(disk.as_ref(), keys, folder, *number),
            _ => Ok(()),
        };
        match read {
            Err(error) if is_about_keys(error.code()) => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn is_about_keys(code: Code) -> bool {
    matches!(code, Code::Encrypted | Code::WrongEncryptionKey | Code::Invalid)
}

struct Salvage<'a> {
    environment: &'a Environment,
    options: &'a Options,
    from: &'a Path,
    to: &'a Path,
}

impl Salvage<'_> {
    fn run(&self, sources: Sources, on_progress: &mut dyn FnMut(Progress)) -> Result<SalvageReport> {
        let Environment { disk, keys, .. } = self.environment;
        let disk = disk.as_ref();
        let Sources { manifest, tables, segments, blobs, mut report } = sources;
        let mut merge = Merge::open(disk, keys, self.from, &tables, manifest.as_ref(), &mut report)?;
        let flushed = merge.newest_revision().max(manifest.as_ref().map_or(0, |state| state.last_revision));
        let records = Records::read(disk, keys, self.from, &segments, flushed, &mut report);
        let creation = self.creation(manifest.as_ref(), &merge, &records);
        let trims = [manifest.as_ref().map(|state| state.trim_revision), merge.trim(), Some(records.trim)];
        let trim = trims.into_iter().flatten().max().unwrap_or(0);

        let mut last_revision = flushed.max(records.last.revision).max(EMPTY_REVISION);
        let last_sequence = manifest.as_ref().map_or(last_revision, |state| state.last_sequence);
        let last_sequence = last_sequence.max(records.last.sequence);
        let time_ms = manifest.as_ref().map_or(0, |state| state.time_ms);
        let time_ms = time_ms.max(records.time_ms).max(self.environment.clock.now_ms());

        let numbers = FileNumbers::starting_at(1);
        let table_options = self.table_options(creation, trim);
        let mut output = TableOutput::new(self.environment, self.to, table_options, &numbers)
            .cut_at(self.options.tuning.table_bytes);
        let history = creation.history;
        merge.add_records(records, history);
        let mut copies =
            BlobCopies::new(self.environment, self.to, &numbers, self.options.tuning.blob_file_bytes);
        let blobs = Blobs::open(self.environment, self.from, &blobs, manifest.as_ref());
        let mut last_key: Option<Vec<u8>> = None;
        while match history {
            true => merge.advance_version(&mut report, on_progress),
            false => merge.advance(&mut report, on_progress),
        } {
            let (key, entry) = merge.version();
            last_revision = last_revision.max(entry.revision);
            let is_newest = last_key.as_deref() != Some(key);
            if history && is_newest {
                last_key = Some(key.to_vec());
            }
            if !merge.is_live() {
                if history {
                    output.add(key, &entry)?;
                }
                continue;
            }
            if entry.kind != Kind::Reference {
                output.add(key, &entry)?;
                report.keys += u64::from(is_newest);
                continue;
            }
            match blobs.copy(entry.value, merge.blobs(), &mut copies) {
                Ok(pieces) => {
                    output.add_reference(key, &entry, &pieces)?;
                    report.keys += u64::from(is_newest);
                }
                Err(error) => {
                    copies.failed.take().map_or(Ok(()), Err)?;
                    report.lose_value(&error, self.from, key);
                    if history {
                        // Else an older value would be taken for this one.
                        output.add(key, &Entry::delete(entry.revision))?;
                    }
                }
            }
        }
        let copied = copies.finish()?;
        let tables = output.finish()?;
        report.tables_written = tables.len() as u64;
        report.bytes_written = tables.iter().map(|table| table.summary.bytes).sum();
        report.bytes_written += copied.iter().map(|blob| blob.bytes).sum::<u64>();
        let refer = |number| {
            let refers = |table: &&TableMeta| table.summary.blobs.iter().any(|used| used.file == number);
            tables.iter().filter(refers).count() as u32
        };
        // A file of which no value was copied whole is left to the next open, which removes it.
        let copied = copied.into_iter().map(|blob| (blob.number, (refer(blob.number), blob)));
        let copied = copied.filter(|(_, (tables, _))| *tables > 0);
        let copied = copied.map(|(number, (tables, blob))| (number, (blob, tables))).collect();
        report.revision = last_revision;
        let level = crate::limits::LEVELS as u8 - 1;
        let state = manifest::State {
            creation,
            tables: tables
                .into_iter()
                .map(|table| (table.number, (level, table)))
                .collect::<BTreeMap<_, _>>(),
            blobs: copied,
            log_floor: LogFloor { segment: 0, flushed_sequence: last_sequence },
            next_number: numbers.next(),
            last_sequence,
            last_revision,
            trim_revision: if history { trim.min(last_revision) } else { 0 },
            marks: manifest
                .filter(|_| history)
                .map_or_else(Marks::default, |state| state.marks.up_to(last_revision)),
            time_ms,
            clean_close: true,
        };
        ManifestLog::install(self.environment, self.to, &numbers, state)?;
        crate::recovery::sync_names(disk, self.to, crate::disk::SyncPoint::ParentFolder)?;
        Ok(report)
    }

    /// A database of its own, which goes its own way from here; but keys hash as they did.
    fn creation(&self, manifest: Option<&manifest::State>, merge: &Merge<'_>, records: &Records) -> Creation {
        let mut filter_seed = [0; 8];
        self.environment.random.fill(&mut filter_seed);
        let known = manifest.map(|state| state.creation.filter_seed).or(merge.filter_seed());
        Creation {
            history: manifest
                .map_or(merge.trim().is_some() || records.history, |state| state.creation.history),
            format: manifest::FORMAT,
            filter_seed: known.unwrap_or(u64::from_le_bytes(filter_seed)),
            database_id: self.environment.random.id(),
        }
    }

    fn table_options(&self, creation: Creation, trim: Revision) -> TableOptions {
        TableOptions {
            compression: self.options.compression,
            page_bytes: self.options.tuning.page_bytes,
            filter: self.options.filter != crate::options::Filter::None,
            filter_seed: creation.filter_seed,
            trim: creation.history.then_some(trim),
        }
    }
}
