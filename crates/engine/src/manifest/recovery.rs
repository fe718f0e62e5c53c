//! Reading a folder's manifest. Changes nothing, so a read-only open uses it as it is; the caller holds the folder's
//! lock if it means to write afterwards.

use super::frame::{self, Contents, Framing, Tail};
use super::log::ALONE;
use super::{Edit, State, current};
use crate::disk::{Access, Disk};
use crate::encryption::Keys;
use crate::error::{Code, Error, Result};
use crate::limits::MANIFEST_BYTES_MAX;
use crate::names::FileName;
use std::path::Path;

pub struct Recovered {
    pub state: State,
    /// The manifest's file number.
    pub number: u64,
    pub tail: Tail,
    /// Tables and blob files that no edit made live, or that one removed: outputs and inputs of work that a crash cut short. Safe to
    /// remove once `ManifestLog::open` has made this state durable. Manifests are its own business and segments the
    /// log's.
    pub strangers: Vec<FileName>,
    /// Above every number in the state and in the folder.
    pub next_number: u64,
    pub(super) framing: Framing,
    /// Where the last whole edit ends.
    pub end: u64,
    /// Whether anything was appended since the manifest came into use.
    pub(super) edited: bool,
}

/// `NotFound` where no database was made or its making did not finish; `Corrupt` where files of one stand without
/// CURRENT, or a live table is missing; `Format` for what a newer version wrote; `Encrypted` and `WrongEncryptionKey` where
/// the keys are missing with which the manifest and all files that it names are encrypted.
pub fn recover(disk: &dyn Disk, keys: &Keys, folder: &Path) -> Result<Recovered> {
    let files = files(disk, folder)?;
    check_current(&files, folder)?;
    let number = current::read(disk, folder)?;
    let path = FileName::Manifest(number).in_folder(folder);
    if !files.contains(&FileName::Manifest(number)) {
        return Err(Error::corrupt("CURRENT names a manifest that is not there").in_file(&path));
    }
    let bytes = read_file(disk, &path).map_err(|error| error.in_file(&path))?;
    let (contents, state) = read(&bytes, keys, number).map_err(|error| error.in_file(&path))?;
    state.expect_keys(keys, folder)?;
    for table in state.tables.keys() {
        if !files.contains(&FileName::Table(*table)) {
            let missing = FileName::Table(*table).in_folder(folder);
            return Err(Error::corrupt("a table that the manifest names is not there").in_file(&missing));
        }
    }
    for blob in state.blobs.keys() {
        if !files.contains(&FileName::Blob(*blob)) {
            let missing = FileName::Blob(*blob).in_folder(folder);
            return Err(Error::corrupt("a blob file that the manifest names is not there").in_file(&missing));
        }
    }
    let is_stranger = |name: &FileName| match name {
        FileName::Table(number) => !state.tables.contains_key(number),
        FileName::Blob(number) => !state.blobs.contains_key(number),
        _ => false,
    };
    let strangers = files.iter().copied().filter(is_stranger).collect();
    let above_all = files.iter().filter_map(|name| name.number()).max().map_or(1, |largest| largest + 1);
    let next_number = above_all.max(state.next_number);
    let Contents { header, framing, end, tail, .. } = contents;
    Ok(Recovered {
        state,
        number,
        tail,
        strangers,
        next_number,
        framing,
        end,
        edited: end > header.synced_bytes,
    })
}

/// A manifest by itself, whatever CURRENT says and whichever of its tables are there.
pub fn read_numbered(disk: &dyn Disk, keys: &Keys, folder: &Path, number: u64) -> Result<(State, Tail)> {
    let path = FileName::Manifest(number).in_folder(folder);
    let read = || {
        let bytes = read_file(disk, &path)?;
        let (contents, state) = read(&bytes, keys, number)?;
        Ok((state, contents.tail))
    };
    read().map_err(|error: Error| error.in_file(&path))
}

/// What `to_bytes` has made. `Corrupt` if it is not whole.
pub fn from_bytes(bytes: &[u8]) -> Result<State> {
    let (contents, state) = read(bytes, &Keys::default(), ALONE)?;
    match contents.tail {
        Tail::Marked => Ok(state),
        _ => Err(Error::corrupt("the manifest ends before its end mark").at_offset(contents.end)),
    }
}

fn read_file(disk: &dyn Disk, path: &Path) -> Result<Vec<u8>> {
    let file = disk.open(path, Access::Read)?;
    let size = file.size()?;
    if size > MANIFEST_BYTES_MAX {
        return Err(Error::corrupt(format!("the manifest has {size} bytes")).at_offset(MANIFEST_BYTES_MAX));
    }
    let mut bytes = vec![0; size as usize];
    file.read_at(0, &mut bytes)?;
    Ok(bytes)
}

pub(super) fn read<'a>(bytes: &'a [u8], keys: &Keys, number: u64) -> Result<(Contents<'a>, State)> {
    let contents = frame::read(bytes, keys)?;
    if contents.header.number != number {
        let message = format!("this is manifest {} under another name", contents.header.number);
        return Err(Error::corrupt(message).at_offset(24));
    }
    let mut state: Option<State> = None;
    for (offset, payload) in &contents.payloads {
        let mut follow = || {
            let edit = Edit::decode(payload)?;
            match &mut state {
                Some(state) => state.apply(&edit)?,
                None => state = Some(State::begin(&edit)?),
            }
            Ok(())
        };
        follow().map_err(|error: Error| error.at_offset(*offset))?;
    }
    let empty = || Error::corrupt("the manifest holds no edit").at_offset(frame::HEADER_BYTES as u64);
    let state = state.ok_or_else(empty)?;
    state.check_whole().map_err(|error| error.at_offset(frame::HEADER_BYTES as u64))?;
    Ok((contents, state))
}

/// The files of ours in a folder, in order.
pub fn files(disk: &dyn Disk, folder: &Path) -> Result<Vec<FileName>> {
    let mut files: Vec<_> = disk.list(folder)?.iter().filter_map(|name| FileName::parse(name)).collect();
    files.sort();
    Ok(files)
}

/// Whether there is a database to read. A manifest without CURRENT, a segment or a table is the beginning of one that
/// was never finished, as nothing else is made before CURRENT.
pub fn check_current(files: &[FileName], folder: &Path) -> Result<()> {
    if files.contains(&FileName::Current) {
        return Ok(());
    }
    let data = |name: &&FileName| {
        use FileName::{Blob, Segment, SpareSegment, Table};
        matches!(name, Segment(_) | SpareSegment | Table(_) | Blob(_))
    };
    let path = FileName::Current.in_folder(folder);
    Err(match files.iter().find(data) {
        Some(file) => Error::corrupt(format!("CURRENT is missing beside {file}")).in_file(&path),
        None => Error::new(Code::NotFound, "there is no database in this folder").in_file(folder),
    })
}
