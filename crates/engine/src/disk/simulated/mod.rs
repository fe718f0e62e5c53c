//! A disk in memory that forgets what was not synced and fails when told to.
//!
//! It knows apart, for every file, the bytes that were synced from those that were only written, and for every folder
//! the names that were synced from those that were only made; `after_crash` is the disk that a power cut leaves. Every
//! call is counted, so that a test can crash or fail the same run at call 1, 2, 3 ... until it passes. For tests; any
//! thread. Clones are the same disk.

mod image;
mod inode;
#[cfg(test)]
mod tests;

pub use image::{Image, Loss};

use super::os::{ends_early, locked_by};
use super::{Access, Disk, File, Lock, SyncPoint};
use crate::error::{Code, Error, Result};
use image::{Node, refuse};
use parking_lot::{Mutex, MutexGuard};
use std::collections::{BTreeMap, HashMap};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Calls that are to fail, by number; the first call of a disk is 1.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    pub call: u64,
    /// Every later call fails too.
    pub sticky: bool,
    pub code: Code,
}

#[derive(Clone)]
pub struct SimulatedDisk(Arc<Mutex<State>>);

struct State {
    image: Image,
    calls: u64,
    /// From this call on the machine is down.
    crash_at: Option<u64>,
    fault: Option<Fault>,
    skipped: Option<SyncPoint>,
    capacity_bytes: Option<u64>,
    cold: bool,
    syncs: HashMap<SyncPoint, u64>,
    locks: BTreeMap<PathBuf, String>,
    /// Handles of each file.
    open: BTreeMap<u64, usize>,
    log: Option<Vec<String>>,
    images: Option<Vec<(u64, Image)>>,
}

/// What a call can do to the disk.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Effect {
    Reads,
    Changes,
}

impl Default for SimulatedDisk {
    fn default() -> Self {
        SimulatedDisk::new(Image::new())
    }
}

impl SimulatedDisk {
    pub fn new(image: Image) -> Self {
        SimulatedDisk(Arc::new(Mutex::new(State {
            image,
            calls: 0,
            crash_at: None,
            fault: None,
            skipped: None,
            capacity_bytes: None,
            cold: false,
            syncs: HashMap::new(),
            locks: BTreeMap::new(),
            open: BTreeMap::new(),
            log: None,
            images: None,
        })))
    }

    /// Everything on the disk at this moment.
    pub fn image(&self) -> Image {
        self.0.lock().image.clone()
    }

    /// Another disk with the same contents, synced and not; no call counted, no fault set, nothing locked.
    pub fn clone_image(&self) -> SimulatedDisk {
        SimulatedDisk::new(self.image())
    }

    /// Calls made so far, failed ones included.
    pub fn calls(&self) -> u64 {
        self.0.lock().calls
    }

    /// Stops the machine just before this call: it and all later ones fail and do nothing.
    pub fn crash_at(&self, call: u64) {
        self.0.lock().crash_at = Some(call);
    }

    /// Stops the machine now and gives the disk that it will start with.
    pub fn after_crash(&self, loss: Loss) -> SimulatedDisk {
        let mut state = self.0.lock();
        state.crash_at = Some(0);
        SimulatedDisk::new(state.image.after_crash(loss))
    }

    /// The power goes and comes back. Every handle from before must be gone; calls are counted on, and faults stay set.
    pub fn restart(&self, loss: Loss) {
        let mut state = self.0.lock();
        assert!(state.open.is_empty() && state.locks.is_empty(), "a machine that restarts has nothing open");
        state.image = state.image.after_crash(loss);
    }

    /// Whether every read waits for the device from now on: none of the bytes are in memory. At first all of them are.
    pub fn set_cold(&self, cold: bool) {
        self.0.lock().cold = cold;
    }

    /// Replaces the fault set before. A failing write still leaves the first half of its bytes, a failing sync gives
    /// up what it should have kept, every other failing call does nothing.
    pub fn fail(&self, fault: Option<Fault>) {
        self.0.lock().fault = fault;
    }

    /// Makes syncs for this purpose pretend: they succeed and make nothing durable.
    pub fn skip_sync(&self, point: Option<SyncPoint>) {
        self.0.lock().skipped = point;
    }

    /// Writes that would take more than this fail with `DiskFull`.
    pub fn limit_capacity(&self, bytes: Option<u64>) {
        self.0.lock().capacity_bytes = bytes;
    }

    /// Bytes taken by files that have a name.
    pub fn bytes_used(&self) -> u64 {
        self.0.lock().image.allocated()
    }

    /// Files with an open handle, whether they still have a name or not.
    pub fn open_files(&self) -> usize {
        self.0.lock().open.len()
    }

    /// Syncs made for this purpose, skipped ones included.
    pub fn syncs(&self, point: SyncPoint) -> u64 {
        self.0.lock().syncs.get(&point).copied().unwrap_or(0)
    }

    /// Starts to note every call, one line each.
    pub fn start_log(&self) {
        self.0.lock().log = Some(Vec::new());
    }

    pub fn log(&self) -> Vec<String> {
        self.0.lock().log.clone().unwrap_or_default()
    }

    /// Starts to keep the image before every call that changes something.
    pub fn start_images(&self) {
        self.0.lock().images = Some(Vec::new());
    }

    /// The images kept since the last time, each with the number of the call it precedes. A crash between two of them
    /// leaves the same disk as one at the later.
    pub fn take_images(&self) -> Vec<(u64, Image)> {
        self.0.lock().images.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Damages a file as from outside: the new bytes are durable at once. Not counted as a call.
    pub fn damage(&self, path: &Path, edit: impl FnOnce(&mut Vec<u8>)) -> Result<()> {
        let mut state = self.0.lock();
        let file = state.image.file_at(path)?;
        state.image.file_mut(file).damage(edit);
        Ok(())
    }

    pub fn flip(&self, path: &Path, offset: u64, mask: u8) -> Result<()> {
        self.damage(path, |bytes| bytes[offset as usize] ^= mask)
    }

    pub fn truncate(&self, path: &Path, bytes: u64) -> Result<()> {
        self.damage(path, |file| file.truncate(bytes as usize))
    }

    /// Takes a file away as from outside. Not counted as a call.
    pub fn delete(&self, path: &Path) -> Result<()> {
        let mut state = self.0.lock();
        state.image.file_at(path)?;
        state.image.set_name(path, None)?;
        let folder = state.image.folder(path.parent().expect("a file is in a folder"))?;
        state.image.sync_names(folder);
        Ok(())
    }

    /// A file's bytes as a running program sees them. Not counted as a call.
    pub fn contents(&self, path: &Path) -> Result<Vec<u8>> {
        let state = self.0.lock();
        Ok(state.image.file(state.image.file_at(path)?).bytes().to_vec())
    }

    fn handle(&self, state: &mut State, file: u64, access: Access, path: &Path) -> Box<dyn File> {
        *state.open.entry(file).or_default() += 1;
        Box::new(SimulatedFile { disk: self.clone(), file, access, path: path.to_owned() })
    }

    /// Counts a call and gives the disk to it, unless it is to fail.
    fn call(&self, doing: &str, path: &Path, effect: Effect) -> Result<MutexGuard<'_, State>> {
        let mut state = self.0.lock();
        state.calls += 1;
        let call = state.calls;
        if let Some(log) = &mut state.log {
            log.push(format!("{call}: {doing} {}", path.display()));
        }
        if state.crash_at.is_some_and(|crash| call >= crash) {
            return Err(
                Error::new(Code::Io, format!("cannot {doing}: the machine has crashed")).in_file(path)
            );
        }
        if effect == Effect::Changes {
            let State { images, image, .. } = &mut *state;
            images.as_mut().into_iter().for_each(|images| images.push((call, image.clone())));
        }
        match state.fault {
            Some(fault) if call == fault.call || (fault.sticky && call > fault.call) => {
                Err(Error::new(fault.code, format!("cannot {doing}: told to fail")).in_file(path))
            }
            _ => Ok(state),
        }
    }
}

impl State {
    /// Counts a sync; false if it only pretends.
    fn begins_sync(&mut self, point: SyncPoint) -> bool {
        *self.syncs.entry(point).or_default() += 1;
        self.skipped != Some(point)
    }
}

impl Disk for SimulatedDisk {
    fn create_folder(&self, path: &Path) -> Result<()> {
        let mut state = self.call("create the folder", path, Effect::Changes)?;
        match state.image.node(path)? {
            Some(Node::Folder(_)) => Ok(()),
            Some(Node::File(_)) => {
                Err(Error::invalid("this is a file, where a folder is wanted").in_file(path))
            }
            None => {
                let folder = state.image.new_folder();
                state.image.set_name(path, Some(Node::Folder(folder)))
            }
        }
    }

    fn list(&self, folder: &Path) -> Result<Vec<String>> {
        let state = self.call("list the folder", folder, Effect::Reads)?;
        Ok(state.image.names(state.image.folder(folder)?))
    }

    fn is_same_folder(&self, one: &Path, other: &Path) -> Result<bool> {
        let state = self.call("look at the folder", one, Effect::Reads)?;
        let folder = |path| state.image.folder(path).ok();
        Ok(folder(one).is_some() && folder(one) == folder(other))
    }

    fn create(&self, path: &Path) -> Result<Box<dyn File>> {
        let mut state = self.call("create the file", path, Effect::Changes)?;
        if state.image.node(path)?.is_some() {
            return Err(refuse("create the file", path, ErrorKind::AlreadyExists));
        }
        let file = state.image.new_file();
        state.image.set_name(path, Some(Node::File(file)))?;
        Ok(self.handle(&mut state, file, Access::ReadWrite, path))
    }

    fn open(&self, path: &Path, access: Access) -> Result<Box<dyn File>> {
        let mut state = self.call("open the file", path, Effect::Reads)?;
        let file = state.image.file_at(path)?;
        Ok(self.handle(&mut state, file, access, path))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        let mut state = self.call("rename the file", from, Effect::Changes)?;
        let file = Node::File(state.image.file_at(from)?);
        if matches!(state.image.node(to)?, Some(Node::Folder(_))) {
            return Err(refuse("rename the file", to, ErrorKind::IsADirectory));
        }
        state.image.set_name(to, Some(file))?;
        state.image.set_name(from, None)
    }

    fn remove(&self, path: &Path) -> Result<()> {
        let mut state = self.call("remove the file", path, Effect::Changes)?;
        state.image.file_at(path)?;
        state.image.set_name(path, None)
    }

    fn link(&self, from: &Path, to: &Path) -> Result<()> {
        let mut state = self.call("link the file", from, Effect::Changes)?;
        let file = Node::File(state.image.file_at(from)?);
        if state.image.node(to)?.is_some() {
            return Err(refuse("link the file", to, ErrorKind::AlreadyExists));
        }
        state.image.set_name(to, Some(file))
    }

    fn sync_folder(&self, path: &Path, point: SyncPoint) -> Result<()> {
        let mut state = self.call(&format!("sync ({point:?}) the folder"), path, Effect::Changes)?;
        let folder = state.image.folder(path)?;
        if state.begins_sync(point) {
            state.image.sync_names(folder);
            // Long runs would otherwise keep every file they ever removed.
            let State { image, open, .. } = &mut *state;
            image.forget_files_without_names(|file| open.contains_key(&file));
        }
        Ok(())
    }

    fn lock(&self, path: &Path, holder: &str) -> Result<Box<dyn Lock>> {
        let mut state = self.call("lock the file", path, Effect::Changes)?;
        if let Some(holder) = state.locks.get(path) {
            return Err(locked_by(holder, path));
        }
        if state.image.node(path)?.is_none() {
            let file = state.image.new_file();
            state.image.set_name(path, Some(Node::File(file)))?;
        }
        let file = state.image.file_at(path)?;
        state.image.file_mut(file).resize(0);
        state.image.file_mut(file).write(0, holder.as_bytes());
        state.locks.insert(path.to_owned(), holder.to_owned());
        Ok(Box::new(SimulatedLock { disk: self.clone(), path: path.to_owned() }))
    }
}

struct SimulatedFile {
    disk: SimulatedDisk,
    file: u64,
    access: Access,
    path: PathBuf,
}

impl SimulatedFile {
    fn changing(&self, doing: &str) -> Result<MutexGuard<'_, State>> {
        let state = self.disk.call(doing, &self.path, Effect::Changes)?;
        match self.access {
            Access::ReadWrite => Ok(state),
            Access::Read => Err(refuse(doing, &self.path, ErrorKind::PermissionDenied)),
        }
    }
}

impl File for SimulatedFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        let state = self.disk.call("read the file", &self.path, Effect::Reads)?;
        let bytes = state.image.file(self.file).bytes();
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let found = start.checked_add(buffer.len()).and_then(|end| bytes.get(start..end));
        let found = found.ok_or_else(|| ends_early(buffer.len()).in_file(&self.path).at_offset(offset))?;
        buffer.copy_from_slice(found);
        Ok(())
    }

    fn try_read_at(&self, offset: u64, buffer: &mut [u8]) -> bool {
        let cold = self.disk.0.lock().cold;
        !cold && self.read_at(offset, buffer).is_ok()
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        let mut state = match self.changing("write the file") {
            Ok(state) => state,
            Err(error) => {
                let mut state = self.disk.0.lock();
                if self.access == Access::ReadWrite && state.crash_at.is_none_or(|crash| state.calls < crash)
                {
                    state.image.file_mut(self.file).write(offset, &bytes[..bytes.len() / 2]);
                }
                return Err(error);
            }
        };
        if let Some(capacity) = state.capacity_bytes {
            let end = offset + bytes.len() as u64;
            let growth = end.saturating_sub(state.image.file(self.file).allocated());
            if growth > 0 && state.image.allocated() + growth > capacity {
                return Err(refuse("write the file", &self.path, ErrorKind::StorageFull));
            }
        }
        state.image.file_mut(self.file).write(offset, bytes);
        Ok(())
    }

    fn set_len(&self, bytes: u64) -> Result<()> {
        let mut state = self.changing("resize the file")?;
        state.image.file_mut(self.file).resize(bytes);
        Ok(())
    }

    fn size(&self) -> Result<u64> {
        let state = self.disk.call("measure the file", &self.path, Effect::Reads)?;
        Ok(state.image.file(self.file).bytes().len() as u64)
    }

    fn sync(&self, point: SyncPoint) -> Result<()> {
        match self.disk.call(&format!("sync ({point:?}) the file"), &self.path, Effect::Changes) {
            Ok(mut state) => {
                if state.begins_sync(point) {
                    state.image.file_mut(self.file).sync();
                }
                Ok(())
            }
            Err(error) => {
                let mut state = self.disk.0.lock();
                // A machine that is down does nothing at all, so a process that was only killed finds its file sound.
                if state.crash_at.is_none_or(|crash| state.calls < crash) {
                    state.image.file_mut(self.file).fail_sync();
                }
                Err(error)
            }
        }
    }
}

impl Drop for SimulatedFile {
    fn drop(&mut self) {
        let open = &mut self.disk.0.lock().open;
        let handles = open.get_mut(&self.file).expect("every handle is counted");
        *handles -= 1;
        if *handles == 0 {
            open.remove(&self.file);
        }
    }
}

struct SimulatedLock {
    disk: SimulatedDisk,
    path: PathBuf,
}

impl Lock for SimulatedLock {}

impl Drop for SimulatedLock {
    fn drop(&mut self) {
        self.disk.0.lock().locks.remove(&self.path);
    }
}
