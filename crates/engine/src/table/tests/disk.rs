//! Files in memory, whose bytes a test can look at and damage.

use crate::disk::{Access, Disk, File, Lock, SyncPoint};
use crate::error::{Code, Error, Result};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

type Bytes = Arc<Mutex<Vec<u8>>>;

#[derive(Default)]
pub struct MemoryDisk {
    files: Mutex<HashMap<PathBuf, Bytes>>,
}

impl MemoryDisk {
    pub fn bytes(&self, path: &Path) -> Vec<u8> {
        self.files.lock()[path].lock().clone()
    }

    pub fn replace(&self, path: &Path, bytes: Vec<u8>) {
        self.files.lock().insert(path.to_owned(), Arc::new(Mutex::new(bytes)));
    }

    pub fn exists(&self, path: &Path) -> bool {
        self.files.lock().contains_key(path)
    }
}

impl Disk for MemoryDisk {
    fn create_folder(&self, _: &Path) -> Result<()> {
        Ok(())
    }

    fn list(&self, _: &Path) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn create(&self, path: &Path) -> Result<Box<dyn File>> {
        self.replace(path, Vec::new());
        self.open(path, Access::ReadWrite)
    }

    fn open(&self, path: &Path, _: Access) -> Result<Box<dyn File>> {
        let bytes = self.files.lock().get(path).cloned();
        let bytes = bytes.ok_or_else(|| Error::new(Code::NotFound, "no such file").in_file(path))?;
        Ok(Box::new(MemoryFile(bytes)))
    }

    fn rename(&self, _: &Path, _: &Path) -> Result<()> {
        unreachable!("tables are never renamed")
    }

    fn remove(&self, path: &Path) -> Result<()> {
        self.files.lock().remove(path).map(drop).ok_or_else(|| Error::new(Code::NotFound, "no such file"))
    }

    fn link(&self, _: &Path, _: &Path) -> Result<()> {
        unreachable!("a table does not link itself")
    }

    fn sync_folder(&self, _: &Path, _: SyncPoint) -> Result<()> {
        Ok(())
    }

    fn lock(&self, _: &Path, _: &str) -> Result<Box<dyn Lock>> {
        unreachable!("a table does not lock the folder")
    }
}

struct MemoryFile(Bytes);

impl File for MemoryFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        let bytes = self.0.lock();
        let from = bytes.get(offset as usize..).and_then(|rest| rest.get(..buffer.len()));
        buffer.copy_from_slice(from.ok_or_else(|| Error::corrupt("the file ends").at_offset(offset))?);
        Ok(())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        let mut content = self.0.lock();
        assert_eq!(content.len() as u64, offset, "a table is written front to back");
        content.extend_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, _: u64) -> Result<()> {
        unreachable!("a table is never cut")
    }

    fn size(&self) -> Result<u64> {
        Ok(self.0.lock().len() as u64)
    }

    fn sync(&self, _: SyncPoint) -> Result<()> {
        Ok(())
    }
}
