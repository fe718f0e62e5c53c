//! What makes two paths the same folder.

use std::path::Path;

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
#[cfg(unix)]
pub struct Identity {
    device: u64,
    inode: u64,
}

#[cfg(unix)]
impl Identity {
    /// `None` where there is no folder.
    pub fn of(path: &Path) -> Option<Identity> {
        use std::os::unix::fs::MetadataExt;
        let metadata = std::fs::metadata(path).ok()?;
        metadata.is_dir().then(|| Identity { device: metadata.dev(), inode: metadata.ino() })
    }
}

/// Where inodes cannot be asked for, the path without its detours.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
#[cfg(not(unix))]
pub struct Identity(std::path::PathBuf);

#[cfg(not(unix))]
impl Identity {
    pub fn of(path: &Path) -> Option<Identity> {
        let path = std::fs::canonicalize(path).ok()?;
        path.is_dir().then_some(Identity(path))
    }
}
