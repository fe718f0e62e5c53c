use super::*;
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder of its own for one test, removed with all it holds.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("coppice-disk-{}-{number}", std::process::id()));
        OsDisk.create_folder(&path).unwrap();
        Folder(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn bytes_written_anywhere_in_a_file_are_read_back_there() {
    let folder = Folder::new();
    let file = OsDisk.create(&folder.file("a")).unwrap();
    file.write_at(10, b"later").unwrap();
    file.write_at(0, b"first").unwrap();
    file.sync(SyncPoint::LogRecords).unwrap();
    let mut read = [1; 15];
    file.read_at(0, &mut read).unwrap();
    assert_eq!(&read, b"first\0\0\0\0\0later");
    file.set_len(5).unwrap();
    file.sync(SyncPoint::LogCut).unwrap();
    assert_eq!(file.size().unwrap(), 5);
}

#[test]
fn a_read_past_the_end_names_file_and_offset() {
    let folder = Folder::new();
    let file = OsDisk.create(&folder.file("a")).unwrap();
    file.write_at(0, b"12345678").unwrap();
    let error = file.read_at(4, &mut [0; 5]).unwrap_err();
    assert_eq!(error.code(), Code::Corrupt);
    assert_eq!(error.file(), Some(folder.file("a").as_path()));
    assert_eq!(error.offset(), Some(4));
}

#[test]
fn names_can_be_made_renamed_linked_listed_and_removed() {
    let folder = Folder::new();
    let [a, b, c] = ["a", "b", "c"].map(|name| folder.file(name));
    OsDisk.create_folder(&folder.0).unwrap();
    OsDisk.create(&a).unwrap().write_at(0, b"a").unwrap();
    assert_eq!(OsDisk.create(&a).err().unwrap().code(), Code::Exists);
    OsDisk.create(&b).unwrap();
    OsDisk.rename(&a, &b).unwrap();
    OsDisk.link(&b, &c).unwrap();
    assert_eq!(OsDisk.link(&b, &c).unwrap_err().code(), Code::Exists);
    OsDisk.remove(&b).unwrap();
    OsDisk.sync_folder(&folder.0, SyncPoint::TableFolder).unwrap();
    assert_eq!(OsDisk.list(&folder.0).unwrap(), ["c"]);
    assert_eq!(OsDisk.open(&c, Access::Read).unwrap().size().unwrap(), 1);
    assert_eq!(OsDisk.open(&a, Access::Read).err().unwrap().code(), Code::NotFound);
    assert_eq!(OsDisk.remove(&a).unwrap_err().code(), Code::NotFound);
    assert_eq!(OsDisk.list(&a).unwrap_err().code(), Code::NotFound);
}

#[test]
fn a_folder_cannot_be_made_where_a_file_is() {
    let folder = Folder::new();
    OsDisk.create(&folder.file("a")).unwrap();
    assert_eq!(OsDisk.create_folder(&folder.file("a")).unwrap_err().code(), Code::Invalid);
}

#[test]
fn a_second_lock_is_refused_with_the_name_of_the_first_until_that_is_dropped() {
    let folder = Folder::new();
    let path = folder.file("LOCK");
    let first = OsDisk.lock(&path, "pid 123, started at noon, with a long story").unwrap();
    let error = OsDisk.lock(&path, "pid 124").err().unwrap();
    assert_eq!(error.code(), Code::Locked);
    assert!(error.message().contains("pid 123, started at noon"), "{error}");
    drop(first);
    let _second = OsDisk.lock(&path, "pid 124").unwrap();
    // Nothing of the longer, older name shows behind the new one.
    let error = OsDisk.lock(&path, "pid 125").err().unwrap();
    assert!(error.message().ends_with(": pid 124"), "{error}");
}

#[test]
fn a_copy_made_where_links_are_missing_holds_the_same_bytes() {
    let folder = Folder::new();
    OsDisk.create(&folder.file("a")).unwrap().write_at(0, b"bytes").unwrap();
    copy(&folder.file("a"), &folder.file("b")).unwrap();
    assert_eq!(fs::read(folder.file("b")).unwrap(), b"bytes");
    assert_eq!(copy(&folder.file("a"), &folder.file("b")).unwrap_err().code(), Code::Exists);
}

#[test]
fn two_paths_are_one_folder_or_not() {
    let folder = Folder::new();
    let inner = folder.file("inner");
    OsDisk.create_folder(&inner).unwrap();
    let is_same = |one: &Path, other: &Path| OsDisk.is_same_folder(one, other).unwrap();
    assert!(is_same(&folder.0, &inner.join("..")) && !is_same(&folder.0, &inner));
    #[cfg(unix)]
    {
        let link = folder.file("link");
        std::os::unix::fs::symlink(&inner, &link).unwrap();
        assert!(is_same(&link, &inner));
    }
    let missing = folder.file("missing");
    assert!(!is_same(&folder.0, &missing) && !is_same(&missing, &missing));
}
