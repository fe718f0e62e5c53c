//! From a folder to a running database: lock, manifest, log. A crash is nothing special: every open does the same.

mod beside;
mod left_out;
mod replay;

use crate::blob::Handles;
use crate::disk::{Disk, Lock, SyncPoint};
use crate::environment::Environment;
use crate::error::{Code, Error, Result};
use crate::manifest::{self, Creation, ManifestLog, ManifestOptions};
use crate::names::{FileName, FileNumbers};
use crate::options::{Event, LeftOut, Options, Recovery, Retain};
use crate::state::{Parts, Readable, State, Time};
use crate::table::{self, PageCache};
use crate::version::{Tables, Version};
use crate::wal::{self, Log, LogOptions, Reading, Watermark};
pub use beside::read_beside;
use replay::Replay;
pub use replay::{expect_known, follows};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Opens the database in `folder`, or makes one. On failure nothing is left locked and nothing acknowledged is lost.
pub fn open(folder: &Path, options: Options, environment: Environment) -> Result<Arc<State>> {
    options.validate()?;
    let disk = environment.disk.clone();
    if options.create_if_missing && !options.read_only {
        create_folders(disk.as_ref(), folder)?;
        expect_no_stranger(disk.as_ref(), folder)?;
    } else {
        expect_database(disk.as_ref(), folder)?;
    }
    let (lock, (parts, recovered)) = match options.read_only {
        true => (None, read_beside(&disk, folder, |disk| load(folder, &options, &environment, disk))?),
        false => {
            let lock = take_lock(&environment, folder, &options)?;
            (Some(lock), load(folder, &options, &environment, &disk)?)
        }
    };
    let state = State::new(Parts { lock, ..parts });
    if let Some(event) = recovered {
        if let Event::Recovered { records, .. } = event {
            state.counters.recovered_records.store(records, Ordering::Relaxed);
        }
        options.listener.event(event);
    }
    if !options.read_only {
        if !state.readable.load().sealed.is_empty() {
            state.work.request_flush();
        }
        state.work.request_compaction();
    }
    Ok(state)
}

/// Everything but the lock, read through `disk`; and what to tell of the log, if there is anything.
fn load(
    folder: &Path,
    options: &Options,
    world: &Environment,
    disk: &Arc<dyn Disk>,
) -> Result<(Parts, Option<Event>)> {
    let environment = Environment { disk: disk.clone(), ..world.clone() };
    let (install, found) = open_manifest(&environment, folder, options)?;
    let manifest = found.state;
    let numbers = match &install {
        Some(install) => install.numbers().clone(),
        None => Arc::new(FileNumbers::starting_at(found.next_number)),
    };
    let cache = Arc::new(PageCache::new(options.page_cache_bytes()));
    let keys = &environment.keys;
    let handles = Arc::new(Handles::new(keys));
    let filter_seed = manifest.creation.filter_seed;
    let tables = Tables { disk, folder, cache: &cache, filter_seed, handles: &handles, keys };
    let version = Version::recover(&manifest, tables);

    let flushed = Watermark { sequence: manifest.last_sequence, revision: manifest.last_revision };
    let (replay, recovered, left_out) = read_log(&environment, folder, options, &found.strangers, || {
        let history = manifest.creation.history;
        let mut replay = Replay::new(&environment, options, history, tables, manifest.log_floor, flushed);
        replay.marks = manifest.marks.clone().up_to(flushed.revision);
        replay
    })?;
    if !options.read_only {
        // Outputs and inputs of work that a crash cut short, and large values that no commit came to name. One that
        // stays is tried again at the next open.
        for name in found.strangers.iter().filter(|name| !replay.names(name)) {
            let _ = disk.remove(&name.in_folder(folder));
        }
    }
    numbers.skip_past(recovered.largest_number);
    let Replay { active, sealed, last, trim, marks, time_ms, records, .. } = replay;
    let torn_bytes = recovered.torn.as_ref().map_or(0, |torn| torn.bytes);
    let told = records > 0 || torn_bytes > 0 || left_out.is_some();
    let event = told.then_some(Event::Recovered { records, torn_bytes, left_out });
    let log_options = LogOptions {
        segment_bytes_min: options.tuning.segment_bytes_min,
        segment_bytes_max: options.tuning.segment_bytes_max,
        keeps: options.replicated.is_some(),
    };
    let log = Log::new(world.clone(), folder, log_options, numbers.clone(), recovered.files, last);
    let parts = Parts {
        folder: folder.to_owned(),
        time: Time::new(world.clock.clone(), time_ms.max(manifest.time_ms)),
        environment: world.clone(),
        options: options.clone(),
        creation: manifest.creation,
        cache,
        handles,
        log,
        install,
        readable: Readable { active, sealed, version: Arc::new(version), flushed },
        last,
        trim: manifest.trim_revision.max(trim),
        marks,
        numbers,
        lock: None,
    };
    Ok((parts, event))
}

/// Reads the log into a replay. Where it is damaged and the options want what came before, what lies behind is set aside
/// and the log read again up to there.
fn read_log<'a>(
    environment: &Environment,
    folder: &Path,
    options: &Options,
    strangers: &[FileName],
    begin: impl Fn() -> Replay<'a>,
) -> Result<(Replay<'a>, wal::Recovered, Option<LeftOut>)> {
    let disk = environment.disk.as_ref();
    let mut left_out: Option<LeftOut> = None;
    let mut end = None;
    loop {
        let mut replay = begin();
        let keeps = options.replicated.is_some();
        let keys = &environment.keys;
        let reading = Reading { keys, floor: replay.floor, keeps, read_only: options.read_only, end };
        let damage = match wal::recover(disk, folder, reading, &mut |header, body| replay.apply(header, body))
        {
            Ok(recovered) => return Ok((replay, recovered, left_out)),
            Err(error) if options.recovery == Recovery::Strict => return Err(error),
            Err(error) => error,
        };
        // Each round ends earlier than the last, so that there is a last one.
        let Some(found) = left_out::place(&damage).filter(|found| end.is_none_or(|end| *found < end)) else {
            return Err(damage);
        };
        end = Some(found);
        left_out = Some(match options.read_only {
            true => LeftOut::measure(disk, folder, found, &damage)?,
            false => {
                let strangers: Vec<_> =
                    strangers.iter().copied().filter(|name| !replay.names(name)).collect();
                LeftOut::set_aside(disk, folder, found, &damage, &strangers)?
            }
        });
    }
}

/// What the manifest says, of an old database or a new one.
struct Found {
    state: manifest::State,
    next_number: u64,
    /// Tables and blob files that no manifest names.
    strangers: Vec<FileName>,
}

fn open_manifest(
    environment: &Environment,
    folder: &Path,
    options: &Options,
) -> Result<(Option<ManifestLog>, Found)> {
    let recovered = match manifest::recover(environment.disk.as_ref(), &environment.keys, folder) {
        Ok(recovered) => recovered,
        Err(error) if error.code() == Code::NotFound && options.create_if_missing && !options.read_only => {
            let manifest = create(environment, folder, options)?;
            let next_number = manifest.numbers().next();
            let found = Found { state: manifest.state().clone(), next_number, strangers: Vec::new() };
            return Ok((Some(manifest), found));
        }
        Err(error) => return Err(error),
    };
    if options.error_if_exists {
        return Err(Error::new(Code::Exists, "there is a database in this folder").in_file(folder));
    }
    check_history(options, recovered.state.creation.history).map_err(|error| error.in_file(folder))?;
    check_strangers(environment, folder, options.recovery, &recovered)?;
    let found = Found {
        state: recovered.state.clone(),
        next_number: recovered.next_number,
        strangers: recovered.strangers.clone(),
    };
    if options.read_only {
        return Ok((None, found));
    }
    let manifest = ManifestLog::open(environment, folder, recovered, manifest_options(options))?;
    Ok((Some(manifest), found))
}

/// A manifest that lost its newest edits to damage looks like one whose last append was cut short by a crash. Then the
/// tables that those edits added are strangers, about to be removed; but a crash leaves what is in them in the log too,
/// which was synced before the first of them was written. Where the log is damaged too nobody can tell; such tables are
/// then set aside with what is left out of the log.
fn check_strangers(
    Environment { disk, keys, .. }: &Environment,
    folder: &Path,
    recovery: Recovery,
    found: &manifest::Recovered,
) -> Result<()> {
    if found.tail == manifest::Tail::Marked {
        return Ok(());
    }
    let mut newest = None;
    for name in found.strangers.iter().filter(|name| matches!(name, FileName::Table(_))) {
        let revision = table::newest_revision(disk.as_ref(), keys, &name.in_folder(folder))?;
        newest = newest.max(revision.map(|revision| (revision, *name)));
    }
    let known = found.state.last_revision;
    let Some((newest, name)) = newest.filter(|(newest, _)| *newest > known) else { return Ok(()) };
    let floor = found.state.log_floor;
    let reading = Reading { keys, floor, keeps: false, read_only: true, end: None };
    let logged = match wal::recover(disk.as_ref(), folder, reading, &mut |_, _| Ok(())) {
        Ok(recovered) => recovered.last.map_or(0, |last| last.revision),
        Err(error) if error.code() == Code::Corrupt && recovery == Recovery::PointInTime => return Ok(()),
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

/// Whether the options fit a database that keeps history, or none.
fn check_history(options: &Options, history: bool) -> Result<()> {
    if options.history.is_some_and(|wanted| wanted != history) {
        let message = format!(
            "history is {history} in this database, which was fixed when it was made: open it so, or leave the option out"
        );
        return Err(Error::invalid(message));
    }
    if !history && options.retain != Retain::default() {
        return Err(Error::invalid("retain is for databases with history, which this one does not keep"));
    }
    Ok(())
}

fn create(environment: &Environment, folder: &Path, options: &Options) -> Result<ManifestLog> {
    let manifest_options = manifest_options(options);
    let history = options.history.unwrap_or(false);
    check_history(options, history)?;
    let mut filter_seed = [0; 8];
    environment.random.fill(&mut filter_seed);
    let creation = Creation {
        history,
        format: manifest::FORMAT,
        filter_seed: u64::from_le_bytes(filter_seed),
        database_id: environment.random.id(),
    };
    // The folder itself must survive what its files survive.
    sync_names(environment.disk.as_ref(), folder, SyncPoint::ParentFolder)?;
    ManifestLog::create(environment, folder, creation, environment.clock.now_ms(), manifest_options)
}

fn manifest_options(options: &Options) -> ManifestOptions {
    ManifestOptions { roll_bytes_min: options.tuning.manifest_roll_bytes }
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
        Err(error) if error.code() == Code::NotFound => Err(no_database(folder)),
        _ => Ok(()),
    }
}

/// A database is not made among somebody's files: it would remove those that have names like ours. What every system
/// puts into folders does not count: hidden files, and what a new file system has at its root.
fn expect_no_stranger(disk: &dyn Disk, folder: &Path) -> Result<()> {
    let Ok(names) = disk.list(folder) else { return Ok(()) };
    let is_ours = |name: &String| FileName::parse(name).is_some_and(|name| name != FileName::Lock);
    let is_stranger =
        |name: &&String| FileName::parse(name).is_none() && !name.starts_with('.') && *name != "lost+found";
    match names.iter().find(is_stranger) {
        Some(name) if !names.iter().any(is_ours) => {
            let message =
                format!("there is no database in this folder, but {name}: open a folder of its own");
            Err(Error::new(Code::Format, message).in_file(folder))
        }
        _ => Ok(()),
    }
}

fn no_database(folder: &Path) -> Error {
    Error::new(Code::NotFound, "there is no database in this folder").in_file(folder)
}

/// A read-only database takes none: it neither keeps a writer out nor is kept out by one.
fn take_lock(environment: &Environment, folder: &Path, options: &Options) -> Result<Box<dyn Lock>> {
    match environment.disk.lock(&FileName::Lock.in_folder(folder), &options.holder) {
        Err(error) if error.code() == Code::NotFound => Err(no_database(folder)),
        taken => taken,
    }
}
