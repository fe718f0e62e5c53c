//! The tables of a moment, to be copied while the database goes on: its files, which stay as long as this is held, and
//! their manifest, from which `install` makes the same database in another folder.

use crate::blob::BlobMeta;
use crate::error::Result;
use crate::key::{Revision, Sequence};
use crate::manifest;
use crate::names::{FileName, FileNumbers};
use crate::state::State;
use crate::table::TableMeta;
use crate::version::Version;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a file of a version holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    Table,
    Blob,
}

/// A file of a version. Its content never changes; the id is its own wherever it is, the name only in one folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionFile {
    pub kind: FileKind,
    pub id: [u8; 16],
    pub sha256: [u8; 32],
    pub bytes: u64,
    pub name: String,
}

/// Its files stay until it is dropped, which removes those that nobody needs any more.
pub struct PinnedVersion {
    folder: PathBuf,
    /// Keeps the files.
    _version: Arc<Version>,
    state: manifest::State,
}

impl PinnedVersion {
    /// Every record up to this one is in the tables, and no later one.
    pub fn sequence(&self) -> Sequence {
        self.state.last_sequence
    }

    pub fn revision(&self) -> Revision {
        self.state.last_revision
    }

    /// No earlier than any commit in the tables, and no later than any other.
    pub fn time_ms(&self) -> i64 {
        self.state.time_ms
    }

    pub fn trim_revision(&self) -> Revision {
        self.state.trim_revision
    }

    /// In `folder`, until this is dropped.
    pub fn files(&self) -> Vec<VersionFile> {
        files(&self.state).collect()
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What `install` needs besides the files: the bytes of a manifest, which depend on nothing in this folder but the
    /// names of its files.
    pub fn manifest(&self) -> Vec<u8> {
        manifest::to_bytes(&self.state)
    }
}

/// The files that `install` wants beside a manifest that `PinnedVersion::manifest` has made, under their names.
pub fn files_of(manifest: &[u8]) -> Result<Vec<VersionFile>> {
    Ok(files(&manifest::from_bytes(manifest)?).collect())
}

pub(super) fn files(state: &manifest::State) -> impl Iterator<Item = VersionFile> {
    let table = |TableMeta { number, summary }: &TableMeta| VersionFile {
        kind: FileKind::Table,
        id: summary.id,
        sha256: summary.sha256,
        bytes: summary.bytes,
        name: FileName::Table(*number).to_string(),
    };
    let blob = |BlobMeta { number, id, bytes, sha256, .. }: &BlobMeta| VersionFile {
        kind: FileKind::Blob,
        id: *id,
        sha256: *sha256,
        bytes: *bytes,
        name: FileName::Blob(*number).to_string(),
    };
    let tables = state.tables.values().map(move |(_, meta)| table(meta));
    tables.chain(state.blobs.values().map(move |(meta, _)| blob(meta)))
}

impl State {
    pub fn pin_version(&self) -> Result<PinnedVersion> {
        self.replicated()?;
        self.flush()?;
        self.pin_tables()
    }

    /// The tables that there are, without what memtables hold.
    pub fn pin_tables(&self) -> Result<PinnedVersion> {
        self.check_open()?;
        // The version and what it holds belong together: they are replaced in one step.
        let readable = self.readable.load_full();
        let version = readable.version.clone();
        let levels = version.levels.iter().enumerate();
        let metas = levels.flat_map(|(level, tables)| tables.iter().map(move |table| (level as u8, table)));
        let meta = |(level, table): (u8, &Arc<crate::table::Table>)| {
            let number = table.number();
            (number, (level, TableMeta { number, summary: table.summary().clone() }))
        };
        let tables = metas.map(meta).collect();
        let blobs =
            version.blobs().map(|blob| (blob.file.number(), (blob.file.meta().clone(), blob.tables())));
        let files = (tables, blobs.collect());
        let numbers = FileNumbers::starting_at(self.numbers.next());
        let state = self.state_of(readable.flushed, files, &numbers);
        Ok(PinnedVersion { folder: self.folder.clone(), _version: version, state })
    }
}
