//! The one writer of a folder's manifest.
//!
//! The order that a crash at any point must survive: the edit is written and synced, then marked as synced, then acted
//! on. A new manifest is written and synced, its name synced, CURRENT's replacement written and synced, renamed over
//! CURRENT, the rename synced, and only then the old manifest removed. Called under the engine's lock.

use super::frame::{self, Framing, Header, Tail};
use super::recovery::{self, Recovered};
use super::{Creation, Edit, State, current};
use crate::disk::{Access, File, SyncPoint};
use crate::environment::Environment;
use crate::error::{Code, Error, Result};
use crate::key::EMPTY_REVISION;
use crate::limits::{MANIFEST_EDIT_BYTES_MAX, MANIFEST_ROLL_BYTES_MIN};
use crate::names::{FileName, FileNumbers};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A manifest is rolled when it has grown to this many times what a new one would have.
const ROLL_FACTOR: u64 = 4;

#[derive(Clone, Copy, Debug)]
pub struct ManifestOptions {
    /// A manifest shorter than this is never rolled. Tests make it small.
    pub roll_bytes_min: u64,
}

impl Default for ManifestOptions {
    fn default() -> Self {
        ManifestOptions { roll_bytes_min: MANIFEST_ROLL_BYTES_MIN }
    }
}

/// See the module. What it has appended is durable when `append` returns.
pub struct ManifestLog {
    environment: Environment,
    folder: PathBuf,
    options: ManifestOptions,
    numbers: Arc<FileNumbers>,
    state: State,
    manifest: Manifest,
    /// Where the next look at whether to roll is due.
    roll_at: u64,
    /// The failure after which the end of the file, or which file is current, is unknown.
    failed: Option<Error>,
}

/// The file in use.
struct Manifest {
    number: u64,
    file: Box<dyn File>,
    framing: Framing,
    /// Where the next frame goes: over the end mark.
    end: u64,
}

impl ManifestLog {
    /// Makes a database in a folder that has none; the folder's own name is the caller's to sync. `Exists` if there is
    /// one, `Corrupt` if there are files of one without CURRENT.
    pub fn create(
        environment: &Environment,
        folder: &Path,
        creation: Creation,
        time_ms: i64,
        options: ManifestOptions,
    ) -> Result<ManifestLog> {
        let files = recovery::files(&*environment.disk, folder)?;
        match recovery::check_current(&files, folder) {
            Ok(()) => {
                return Err(Error::new(Code::Exists, "there is a database in this folder").in_file(folder));
            }
            Err(error) if error.code() == Code::NotFound => {}
            Err(error) => return Err(error),
        }
        // What an unfinished creation left is in the way of this one.
        for name in files.iter().filter(|name| matches!(name, FileName::Manifest(_))) {
            environment.disk.remove(&name.in_folder(folder))?;
        }
        let numbers = Arc::new(FileNumbers::starting_at(1));
        let first =
            Edit { created: Some(creation), last_revision: EMPTY_REVISION, time_ms, ..Edit::default() };
        let mut state = State::begin(&first).expect("the first edit says how the database was made");
        let manifest = prepare(environment, folder, &numbers, &mut state)?;
        current::switch(&*environment.disk, folder)?;
        Ok(ManifestLog::with(environment, folder, options, numbers, state, manifest))
    }

    /// Makes a database, or replaces the one in the folder, of tables that stand there already: whoever opens the folder
    /// finds what was there before or, once this is done, `state`. Manifests that were in use before stay.
    pub fn install(
        environment: &Environment,
        folder: &Path,
        numbers: &FileNumbers,
        mut state: State,
    ) -> Result<()> {
        // Syncs the names of the tables too.
        prepare(environment, folder, numbers, &mut state)?;
        current::switch(&*environment.disk, folder)
    }

    /// Makes what was recovered durable and ready for more. Writes nothing after an orderly end; after a crash whose
    /// last edit is torn, or may not have been synced, it begins a new manifest, and if it is encrypted always. Removes what is
    /// left of older ones.
    pub fn open(
        environment: &Environment,
        folder: &Path,
        recovered: Recovered,
        options: ManifestOptions,
    ) -> Result<ManifestLog> {
        let Recovered { state, number, tail, next_number, framing, end, edited, .. } = recovered;
        let file = environment.disk.open(&FileName::Manifest(number).in_folder(folder), Access::ReadWrite)?;
        let numbers = Arc::new(FileNumbers::starting_at(next_number));
        let is_encrypted = framing.seal.key().is_some();
        let manifest = Manifest { number, file, framing, end };
        let mut log = ManifestLog::with(environment, folder, options, numbers, state, manifest);
        if tail != Tail::Marked || is_encrypted {
            // Bytes that were read may be only in memory, and a sync that failed once may claim success the second
            // time: they are written again, elsewhere. And a data key seals only for the process that made it.
            let manifest = prepare(environment, folder, &log.numbers, &mut log.state)?;
            log.switch_to(manifest)?;
        } else if !edited {
            // The rename of CURRENT may have been seen in memory only. Edits follow only once it is on disk, so none
            // may be there yet; and the manifest that it replaced must not go before.
            environment.disk.sync_folder(folder, SyncPoint::CurrentFolder)?;
        }
        log.remove_leftovers()?;
        Ok(log)
    }

    fn with(
        environment: &Environment,
        folder: &Path,
        options: ManifestOptions,
        numbers: Arc<FileNumbers>,
        state: State,
        manifest: Manifest,
    ) -> ManifestLog {
        ManifestLog {
            environment: environment.clone(),
            folder: folder.to_owned(),
            roll_at: options.roll_bytes_min,
            options,
            numbers,
            state,
            manifest,
            failed: None,
        }
    }

    /// The folder's counter of file numbers.
    pub fn numbers(&self) -> &Arc<FileNumbers> {
        &self.numbers
    }

    /// What every edit so far comes to.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The file in use and its bytes, for a checkpoint to copy.
    pub fn file(&self) -> (FileName, u64) {
        (FileName::Manifest(self.manifest.number), self.manifest.end + frame::END_MARK_BYTES)
    }

    /// Makes `edit` durable. After an error nobody knows whether it is: the caller acts on neither outcome, removes
    /// neither inputs nor outputs, and every later call fails. Only `TooLarge` and `DiskFull` say that nothing was done.
    ///
    /// Panics if the edit cannot follow those before it.
    pub fn append(&mut self, mut edit: Edit) -> Result<()> {
        if let Some(failed) = &self.failed {
            return Err(failed.as_poison());
        }
        edit.next_number = edit.next_number.max(self.numbers.next());
        if let Err(error) = self.state.check(&edit) {
            panic!("an edit does not fit the tables that are live: {error}");
        }
        let payload = edit.encode();
        if payload.len() > MANIFEST_EDIT_BYTES_MAX {
            let message = format!("an edit of {} tables takes {} bytes", edit.added.len(), payload.len());
            return Err(Error::new(Code::TooLarge, message));
        }
        self.manifest.take_room(payload.len()).inspect_err(|error| {
            if error.code() != Code::DiskFull {
                self.failed = Some(error.clone());
            }
        })?;
        let done = self.manifest.append(&payload).and_then(|()| {
            self.state.apply(&edit).expect("it was checked");
            self.roll_if_long()
        });
        done.map_err(|error| {
            // In room that was taken it is a failure like any other: nobody shall try again.
            let error = match (error.code(), error.file()) {
                (Code::DiskFull, Some(file)) => Error::new(Code::Io, error.message()).in_file(file),
                _ => error,
            };
            self.failed = Some(error.clone());
            error
        })
    }

    fn roll_if_long(&mut self) -> Result<()> {
        if self.manifest.end < self.roll_at {
            return Ok(());
        }
        let snapshot_bytes = self.state.snapshot().iter().map(|edit| edit.encode().len() as u64).sum::<u64>();
        self.roll_at = self.options.roll_bytes_min.max(snapshot_bytes * ROLL_FACTOR);
        if self.manifest.end < self.roll_at {
            return Ok(());
        }
        match prepare(&self.environment, &self.folder, &self.numbers, &mut self.state) {
            Ok(manifest) => self.switch_to(manifest),
            // Rolling only saves time at the next open: a full disk puts it off.
            Err(error) if error.code() == Code::DiskFull => {
                self.roll_at = self.manifest.end * 2;
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn switch_to(&mut self, manifest: Manifest) -> Result<()> {
        current::switch(&*self.environment.disk, &self.folder)?;
        let old = std::mem::replace(&mut self.manifest, manifest).number;
        // If this fails the file is one that the next open removes.
        let _ = self.environment.disk.remove(&FileName::Manifest(old).in_folder(&self.folder));
        Ok(())
    }

    fn remove_leftovers(&self) -> Result<()> {
        let disk = &*self.environment.disk;
        let ours = FileName::Manifest(self.manifest.number);
        let is_leftover = |name: &FileName| match name {
            FileName::Manifest(_) => *name != ours,
            FileName::CurrentReplacement => true,
            _ => false,
        };
        let mut leftovers = recovery::files(disk, &self.folder)?;
        leftovers.retain(is_leftover);
        leftovers.iter().try_for_each(|name| disk.remove(&name.in_folder(&self.folder)))
    }
}

impl Manifest {
    /// Zeros behind the end mark, as many as an edit of this payload takes: a full disk is found out before a byte of the
    /// edit stands anywhere. To a reader they are an edit that was cut short.
    fn take_room(&self, payload_bytes: usize) -> Result<()> {
        let file_end = self.end + frame::END_MARK_BYTES;
        let room = vec![0; self.framing.frame_bytes(payload_bytes)];
        self.file.write_at(file_end, &room).inspect_err(|_| {
            // Only tidier: the mark says that all before it is whole, wherever the file ends.
            let _ = self.file.set_len(file_end);
        })
    }

    fn append(&mut self, payload: &[u8]) -> Result<()> {
        let mut frame = Vec::with_capacity(self.framing.frame_bytes(payload.len()));
        self.framing.put(&mut frame, self.end, payload);
        self.file.write_at(self.end, &frame)?;
        self.file.sync(SyncPoint::ManifestEdit)?;
        self.end += frame.len() as u64;
        frame.clear();
        self.framing.put(&mut frame, self.end, &[]);
        self.file.write_at(self.end, &frame)
    }
}

/// A whole manifest of `state` under a new number, synced with its name, and what puts it in place of the one in use,
/// which nothing has touched. Leaves nothing if it fails: it may be tried again many times on a full disk.
fn prepare(
    environment: &Environment,
    folder: &Path,
    numbers: &FileNumbers,
    state: &mut State,
) -> Result<Manifest> {
    let disk = &*environment.disk;
    let number = numbers.take();
    state.next_number = state.next_number.max(numbers.next());
    let mut salt = [0; 4];
    environment.random.fill(&mut salt);
    let seal = environment.keys.seal_new(&*environment.random, &frame::MAGIC);
    let framing = Framing { salt: u32::from_le_bytes(salt), seal };
    let bytes = first_bytes(state, number, &framing);
    let end = bytes.len() as u64 - frame::END_MARK_BYTES;
    let name = FileName::Manifest(number);
    let write = || {
        let file = disk.create(&name.in_folder(folder))?;
        file.write_at(0, &bytes)?;
        file.sync(SyncPoint::ManifestNew)?;
        disk.sync_folder(folder, SyncPoint::ManifestFolder)?;
        current::prepare(disk, folder, number)?;
        Ok(Manifest { number, file, framing: framing.clone(), end })
    };
    write().inspect_err(|_| {
        for name in [name, FileName::CurrentReplacement] {
            let _ = disk.remove(&name.in_folder(folder));
        }
    })
}

/// A state by itself, as a manifest that nothing was appended to: `from_bytes` reads it. It stands in no folder, so that
/// its number says nothing, and is encrypted and vouched for by whoever keeps it, so that it needs no key and no salt.
pub fn to_bytes(state: &State) -> Vec<u8> {
    first_bytes(state, ALONE, &Framing::default())
}

/// The number of a manifest that is no file.
pub(super) const ALONE: u64 = 1;

/// What a new manifest consists of: its header, the edits that make `state`, the end mark.
pub(super) fn first_bytes(state: &State, number: u64, framing: &Framing) -> Vec<u8> {
    let mut bytes = vec![0; frame::HEADER_BYTES];
    for edit in state.snapshot() {
        let offset = bytes.len() as u64;
        framing.put(&mut bytes, offset, &edit.encode());
    }
    let end = bytes.len() as u64;
    let wrapped = framing.seal.key().map(|_| framing.seal.wrapped());
    let header = Header { number, salt: framing.salt, synced_bytes: end, wrapped };
    bytes[..frame::HEADER_BYTES].copy_from_slice(&header.encode());
    framing.put(&mut bytes, end, &[]);
    bytes
}
