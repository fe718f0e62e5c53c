//! The whole state of a simulated disk. Cloning it is cheap, since files are shared until one side writes, so a test may
//! keep the image of every moment of a history.

use super::inode::Inode;
use crate::error::{Error, Result};
use crate::simulation::SeededRandom;
use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Component, Path};
use std::sync::Arc;

/// What a power cut does with bytes, lengths and names that were not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// All of it is gone: whoever relied on it has forgotten a sync.
    Everything,
    /// Each change is kept, lost or, a write, torn between sectors; each name is as it was at some moment since it was
    /// last synced. The seed decides.
    Random(u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Node {
    File(u64),
    Folder(u64),
}

/// A name in a folder: what it stood for when the folder was last synced, and everything it has stood for since.
#[derive(Clone, Default, PartialEq, Eq)]
struct Name {
    synced: Option<Node>,
    changes: Vec<Option<Node>>,
}

impl Name {
    fn current(&self) -> Option<Node> {
        self.changes.last().copied().unwrap_or(self.synced)
    }
}

type Folder = BTreeMap<String, Name>;

const ROOT: u64 = 0;

#[derive(Clone)]
pub struct Image {
    files: BTreeMap<u64, Arc<Inode>>,
    folders: BTreeMap<u64, Arc<Folder>>,
    next: u64,
}

impl Image {
    pub(super) fn new() -> Image {
        Image { files: BTreeMap::new(), folders: BTreeMap::from([(ROOT, Arc::default())]), next: ROOT + 1 }
    }

    /// What the path names now.
    pub(super) fn node(&self, path: &Path) -> Result<Option<Node>> {
        let mut node = Node::Folder(ROOT);
        for component in path.components() {
            let Component::Normal(name) = component else { continue };
            let Node::Folder(folder) = node else {
                return Err(refuse("follow the path", path, ErrorKind::NotADirectory));
            };
            let name = name.to_str().expect("simulated names are UTF-8");
            match self.folders[&folder].get(name).and_then(Name::current) {
                Some(next) => node = next,
                None => return Ok(None),
            }
        }
        Ok(Some(node))
    }

    pub(super) fn folder(&self, path: &Path) -> Result<u64> {
        match self.node(path)? {
            Some(Node::Folder(folder)) => Ok(folder),
            Some(Node::File(_)) => Err(refuse("open the folder", path, ErrorKind::NotADirectory)),
            None => Err(refuse("open the folder", path, ErrorKind::NotFound)),
        }
    }

    pub(super) fn file_at(&self, path: &Path) -> Result<u64> {
        match self.node(path)? {
            Some(Node::File(file)) => Ok(file),
            Some(Node::Folder(_)) => Err(refuse("open the file", path, ErrorKind::IsADirectory)),
            None => Err(refuse("open the file", path, ErrorKind::NotFound)),
        }
    }

    pub(super) fn names(&self, folder: u64) -> Vec<String> {
        let names = self.folders[&folder].iter();
        names.filter(|(_, name)| name.current().is_some()).map(|(text, _)| text.clone()).collect()
    }

    /// Makes the path name something else, or nothing. Durable once its folder is synced.
    pub(super) fn set_name(&mut self, path: &Path, node: Option<Node>) -> Result<()> {
        let parent = self.folder(path.parent().unwrap_or(Path::new("/")))?;
        let name = path.file_name().and_then(|name| name.to_str()).expect("a path below the root, in UTF-8");
        let folder = Arc::make_mut(self.folders.get_mut(&parent).expect("a resolved folder exists"));
        folder.entry(name.to_owned()).or_default().changes.push(node);
        Ok(())
    }

    pub(super) fn sync_names(&mut self, folder: u64) {
        let folder = Arc::make_mut(self.folders.get_mut(&folder).expect("a resolved folder exists"));
        folder.retain(|_, name| {
            name.synced = name.current();
            name.changes.clear();
            name.synced.is_some()
        });
    }

    pub(super) fn new_file(&mut self) -> u64 {
        self.next += 1;
        self.files.insert(self.next, Arc::default());
        self.next
    }

    pub(super) fn new_folder(&mut self) -> u64 {
        self.next += 1;
        self.folders.insert(self.next, Arc::default());
        self.next
    }

    pub(super) fn file(&self, file: u64) -> &Inode {
        &self.files[&file]
    }

    pub(super) fn file_mut(&mut self, file: u64) -> &mut Inode {
        Arc::make_mut(self.files.get_mut(&file).expect("files stay in the image that made them"))
    }

    /// Bytes taken by files that have a name.
    pub(super) fn allocated(&self) -> u64 {
        let names = self.folders.values().flat_map(|folder| folder.values());
        let mut files: Vec<Node> = names.filter_map(Name::current).collect();
        files.sort_unstable();
        files.dedup();
        let sizes = files.iter().map(|node| match node {
            Node::File(file) => self.files[file].allocated(),
            Node::Folder(_) => 0,
        });
        sizes.sum()
    }

    /// Drops the bytes of files that no name has led to since its folder was last synced.
    pub(super) fn forget_files_without_names(&mut self, is_open: impl Fn(u64) -> bool) {
        let names = self.folders.values().flat_map(|folder| folder.values());
        let nodes = names.flat_map(|name| std::iter::once(&name.synced).chain(&name.changes)).flatten();
        let named: BTreeSet<Node> = nodes.copied().collect();
        self.files.retain(|file, _| named.contains(&Node::File(*file)) || is_open(*file));
    }

    /// The disk as the machine finds it when power returns: everything on it is durable.
    pub fn after_crash(&self, loss: Loss) -> Image {
        let mut survivors = Image::new();
        survivors.next = self.next;
        let random = match loss {
            Loss::Everything => None,
            Loss::Random(seed) => {
                let random = SeededRandom::new(seed);
                // Crashes that lose one thing in ten, or keep one in ten, find other faults than even odds do.
                let keep_percent = [10, 50, 90][random.below(3)];
                Some((random, keep_percent))
            }
        };
        self.copy_survivors(ROOT, &mut survivors, random.as_ref());
        survivors
    }

    fn copy_survivors(&self, folder: u64, survivors: &mut Image, random: Option<&(SeededRandom, usize)>) {
        let mut kept = Folder::new();
        for (text, name) in self.folders[&folder].iter() {
            let node = match random {
                None => name.synced,
                Some((random, keep_percent)) if !random.chance(*keep_percent) => {
                    let mut moments = std::iter::once(&name.synced).chain(&name.changes);
                    let chosen = random.below(name.changes.len() + 1);
                    *moments.nth(chosen).expect("one moment more than changes")
                }
                Some(_) => name.current(),
            };
            let Some(node) = node else { continue };
            kept.insert(text.clone(), Name { synced: Some(node), changes: Vec::new() });
            match node {
                Node::Folder(child) => self.copy_survivors(child, survivors, random),
                Node::File(file) if survivors.files.contains_key(&file) => {}
                Node::File(file) => {
                    let inode = match random {
                        None => self.files[&file].without_unsynced(),
                        Some((random, keep)) => self.files[&file].with_some_unsynced(random, *keep),
                    };
                    survivors.files.insert(file, Arc::new(inode));
                }
            }
        }
        survivors.folders.insert(folder, Arc::new(kept));
    }
}

/// The same names and bytes, synced or not.
impl PartialEq for Image {
    fn eq(&self, other: &Image) -> bool {
        self.files == other.files && self.folders == other.folders
    }
}

pub(super) fn refuse(doing: &str, path: &Path, kind: ErrorKind) -> Error {
    Error::io(doing, path, &kind.into())
}
