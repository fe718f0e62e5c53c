//! From a folder to a running database: lock, manifest, log. A crash is nothing special: every open does the same.

use crate::batch::{self, Header};
use crate::disk::{Disk, Lock, SyncPoint};
use crate::environment::Environment;
use crate::error::{Code, Error, Result};
use crate::manifest::{self, Creation, ManifestLog, ManifestOptions};
use crate::memtable::Memtable;
use crate::names::{FileName, FileNumbers};
use crate::options::{Event, Options};
use crate::state::{Parts, Readable, Sealed, State, Time, new_memtable};
use crate::table::{self, PageCache};
use crate::version::{Tables, Version};
use crate::wal::{self, Log, LogOptions, Watermark};
use crate::write::insert_all;
use std::path::Path;
use std::sync::Arc;

/// Opens the database in `folder`, or makes one. On failure nothing is left locked and nothing acknowledged is lost.
pub fn open(folder: &Path, options: Options, environment: Environment) -> Result<Arc<State>> {
    options.validate()?;
    let disk = environment.disk.clone();
    if options.create_if_missing && !options.read_only {
        create_folders(disk.as_ref(), folder)?;
    } else {
        expect_database(disk.as_ref(), folder)?;
    }
    let lock = take_lock(&environment, folder, &options)?;
    let (install, found) = open_manifest(&environment, folder, &options)?;
    let manifest = found.state;
    let numbers = match &install {
        Some(install) => install.numbers().clone(),
        None => Arc::new(FileNumbers::starting_at(found.next_number)),
    };
    let cache = Arc::new(PageCache::new(options.page_cache_bytes()));
    let tables = Tables { disk: &disk, folder, cache: &cache };
    let version = Version::recover(&manifest.tables, tables);

    let flushed = Watermark { sequence: manifest.last_sequence, revision: manifest.last_revision };
    let mut replay = Replay::new(&environment, &options, manifest.log_floor.segment, flushed);
    let recovered =
        wal::recover(disk.as_ref(), folder, manifest.log_floor, options.read_only, &mut |header, body| {
            replay.apply(header, body)
        })?;
    numbers.skip_past(recovered.largest_number);
    let Replay { active, sealed, last, time_ms, records, .. } = replay;
    let torn_bytes = recovered.torn.as_ref().map_or(0, |torn| torn.bytes);
    if records > 0 || torn_bytes > 0 {
        options.listener.event(Event::Recovered { records, torn_bytes });
    }
    let log_options = LogOptions {
        segment_bytes_min: options.tuning.segment_bytes_min,
        segment_bytes_max: options.tuning.segment_bytes_max,
    };
    let log = Log::new(environment.clone(), folder, log_options, numbers.clone(), recovered.files, last);
    let state = State::new(Parts {
        folder: folder.to_owned(),
        time: Time::new(environment.clock.clone(), time_ms.max(manifest.time_ms)),
        environment,
        options,
        creation: manifest.creation,
        cache,
        log,
        install,
        readable: Readable { active, sealed, version: Arc::new(version), flushed },
        last,
        numbers,
        lock,
    });
    if !state.readable.load().sealed.is_empty() {
        state.work.request_flush();
    }
    state.work.request_compaction();
    Ok(state)
}

/// What the manifest says, of an old database or a new one.
struct Found {
    state: manifest::State,
    next_number: u64,
}

fn open_manifest(
    environment: &Environment,
    folder: &Path,
    options: &Options,
) -> Result<(Option<ManifestLog>, Found)> {
    let manifest_options = ManifestOptions { roll_bytes_min: options.tuning.manifest_roll_bytes };
    let recovered = match manifest::recover(environment.disk.as_ref(), folder) {
        Ok(recovered) => recovered,
        Err(error) if error.code() == Code::NotFound && options.create_if_missing && !options.read_only => {
            let manifest = create(environment, folder, manifest_options)?;
            let found = Found { state: manifest.state().clone(), next_number: manifest.numbers().next() };
            return Ok((Some(manifest), found));
        }
        Err(error) => return Err(error),
    };
    if options.error_if_exists {
        return Err(Error::new(Code::Exists, "there is a database in this folder").in_file(folder));
    }
    check_strangers(environment.disk.as_ref(), folder, &recovered)?;
    let found = Found { state: recovered.state.clone(), next_number: recovered.next_number };
    if options.read_only {
        return Ok((None, found));
    }
    let strangers = recovered.strangers.clone();
    let manifest = ManifestLog::open(environment, folder, recovered, manifest_options)?;
    // Outputs and inputs of work that a crash cut short. One that stays is tried again at the next open.
    for name in strangers {
        let _ = environment.disk.remove(&name.in_folder(folder));
    }
    Ok((Some(manifest), found))
}

/// A manifest that lost its newest edits to damage looks like one whose last append was cut short by a crash. Then the
/// tables that those edits added are strangers, about to be removed; but a crash leaves what is in them in the log too,
/// which was synced before the first of them was written.
fn check_strangers(disk: &dyn Disk, folder: &Path, found: &manifest::Recovered) -> Result<()> {
    if found.tail == manifest::Tail::Marked {
        return Ok(());
    }
    let mut newest = None;
    for name in &found.strangers {
        let revision = table::newest_revision(disk, &name.in_folder(folder))?;
        newest = newest.max(revision.map(|revision| (revision, *name)));
    }
    let known = found.state.last_revision;
    let Some((newest, name)) = newest.filter(|(newest, _)| *newest > known) else { return Ok(()) };
    let logged = match wal::recover(disk, folder, found.state.log_floor, true, &mut |_, _| Ok(())) {
        Ok(recovered) => recovered.last.map_or(0, |last| last.revision),
        // Segments that the lost edits gave back leave a gap.
        Err(error) if error.code() == Code::Corrupt => 0,
        Err(error) => return Err(error),
    };
    if newest <= logged {
        return Ok(());
    }
    let message =
        format!("the manifest ends before the edit that added {name}, which is not in the log either");
    Err(Error::corrupt(message)
        .in_file(&FileName::Manifest(found.number).in_folder(folder))
        .at_offset(found.end))
}

fn create(environment: &Environment, folder: &Path, options: ManifestOptions) -> Result<ManifestLog> {
    let mut filter_seed = [0; 8];
    environment.random.fill(&mut filter_seed);
    let creation = Creation {
        history: false,
        format: manifest::FORMAT,
        filter_seed: u64::from_le_bytes(filter_seed),
        database_id: environment.random.id(),
    };
    // The folder itself must survive what its files survive.
    sync_names(environment.disk.as_ref(), folder, SyncPoint::ParentFolder)?;
    ManifestLog::create(environment, folder, creation, environment.clock.now_ms(), options)
}

/// Makes a folder and those above it; what exists already is fine. `sync_names` makes them durable.
pub fn create_folders(disk: &dyn Disk, folder: &Path) -> Result<()> {
    match disk.create_folder(folder) {
        Err(error) if error.code() == Code::NotFound => {
            let Some(parent) = folder.parent().filter(|parent| !parent.as_os_str().is_empty()) else {
                return Err(error);
            };
            create_folders(disk, parent)?;
            disk.create_folder(folder)
        }
        made => made,
    }
}

/// Makes the folder's own name durable, and those of the folders above: whoever made them may have failed before it
/// synced them. A folder that we may not open was not made by us.
pub fn sync_names(disk: &dyn Disk, folder: &Path, point: SyncPoint) -> Result<()> {
    for parent in folder.ancestors().skip(1) {
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        match disk.sync_folder(parent, point) {
            Err(error) if error.code() == Code::ReadOnly => break,
            synced => synced?,
        }
    }
    Ok(())
}

/// Looks before the lock is taken, which would leave a lock file in a folder that is none of ours. A folder that cannot
/// be listed is left to those who open its files.
fn expect_database(disk: &dyn Disk, folder: &Path) -> Result<()> {
    let ours = |name: &String| FileName::parse(name).is_some_and(|name| name != FileName::Lock);
    match disk.list(folder) {
        Ok(names) if !names.iter().any(ours) => Err(no_database(folder)),
        _ => Ok(()),
    }
}

fn no_database(folder: &Path) -> Error {
    Error::new(Code::NotFound, "there is no database in this folder").in_file(folder)
}

/// A read-only database takes the lock too if it can: nobody may change the files under it. Where nothing can be
/// written nobody else can write either.
fn take_lock(environment: &Environment, folder: &Path, options: &Options) -> Result<Option<Box<dyn Lock>>> {
    match environment.disk.lock(&FileName::Lock.in_folder(folder), &options.holder) {
        Ok(lock) => Ok(Some(lock)),
        Err(error) if options.read_only && error.code() == Code::ReadOnly => Ok(None),
        Err(error) if error.code() == Code::NotFound => Err(no_database(folder)),
        Err(error) => Err(error),
    }
}

/// Fills memtables from the log. It seals one when it is full, however many there are already: they are what the last
/// process held in memory, and are flushed as soon as the database runs.
struct Replay<'a> {
    environment: &'a Environment,
    options: &'a Options,
    /// Kept for all: the floor moves on at the first flush of what is written from now on.
    floor_segment: u64,
    active: Arc<Memtable>,
    /// Newest first.
    sealed: Vec<Arc<Sealed>>,
    last: Watermark,
    time_ms: i64,
    records: u64,
}

impl<'a> Replay<'a> {
    fn new(environment: &'a Environment, options: &'a Options, floor_segment: u64, last: Watermark) -> Self {
        let active = new_memtable(environment, options, 0);
        Replay {
            environment,
            options,
            floor_segment,
            active,
            sealed: Vec::new(),
            last,
            time_ms: 0,
            records: 0,
        }
    }

    fn apply(&mut self, header: Header, body: &[u8]) -> Result<()> {
        let (_, summary) = batch::validate_logged(body)?;
        let (entries, bytes) = (summary.entries, summary.memtable_bytes());
        if !self.active.has_room(entries, bytes) {
            let room = Memtable::bytes_needed(entries, bytes);
            let full =
                std::mem::replace(&mut self.active, new_memtable(self.environment, self.options, room));
            if !full.is_empty() {
                let (last, floor_segment) = (self.last, self.floor_segment);
                self.sealed.insert(0, Arc::new(Sealed { memtable: full, last, floor_segment }));
            }
        }
        insert_all(&self.active, body, header.revision, &summary);
        self.last = Watermark { sequence: header.sequence, revision: header.revision };
        self.time_ms = self.time_ms.max(header.time_ms);
        self.records += 1;
        Ok(())
    }
}
