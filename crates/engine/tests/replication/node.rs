//! A machine that has the log of a branch.

use crate::support::{World, small};
use coppice_engine::disk::Disk;
use coppice_engine::disk::simulated::Loss;
use coppice_engine::error::Result;
use coppice_engine::key::Revision;
use coppice_engine::simulation::SeededRandom;
use coppice_engine::{Db, Options, PinnedVersion, Range, View, Visible, Watermark, clear, cut, install};
use std::collections::BTreeMap;
use std::ops::Bound;

/// Keys and values, whatever their deadlines.
pub type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

pub struct Node {
    pub world: World,
    pub options: Options,
    db: Option<Db>,
}

pub fn replicated() -> Options {
    Options { replicated: Some(Visible::Applied), ..small() }
}

impl Node {
    pub fn new(options: Options) -> Node {
        let mut node = Node { world: World::new(), options, db: None };
        node.open();
        node
    }

    pub fn db(&self) -> &Db {
        self.db.as_ref().expect("open between operations")
    }

    pub fn is_open(&self) -> bool {
        self.db.is_some()
    }

    pub fn open(&mut self) {
        self.db = Some(self.world.open(self.options.clone()));
    }

    pub fn close(&mut self) {
        self.db.take().expect("open").close().unwrap();
    }

    /// The power goes and comes back; nothing is open then.
    pub fn crash(&mut self, loss: Loss) {
        self.db = None;
        self.world.disk = self.world.disk.after_crash(loss);
    }

    pub fn crash_or_close(&mut self, random: &SeededRandom) {
        match random.below(4) {
            0 => self.close(),
            1 => self.db = None,
            2 => self.crash(Loss::Everything),
            _ => self.crash(Loss::Random(random.next())),
        }
    }

    pub fn rows(&self, revision: Revision) -> Rows {
        let all = Range { lower: Bound::Unbounded, upper: Bound::Unbounded, reverse: false };
        let mut cursor = self.db().range(all, View { revision, now_ms: Some(i64::MIN) }).unwrap();
        let mut rows = Rows::new();
        while cursor.next().unwrap() {
            let (key, entry) = cursor.row().unwrap();
            rows.insert(key.to_vec(), entry.value.to_vec());
        }
        rows
    }

    pub fn cut(&self, last: u64) -> bool {
        cut(&self.world.folder, last, &self.world.environment(), "test").unwrap()
    }

    pub fn clear(&self) {
        clear(&self.world.folder, &self.world.environment(), "test").unwrap();
    }

    /// Copies the files over as a download does: nothing is synced.
    pub fn download(&self, from: &Node, version: &PinnedVersion) {
        for file in version.files() {
            let bytes = from.world.disk.contents(&version.folder().join(&file.name)).unwrap();
            let copy = self.world.disk.create(&self.world.folder.join(&file.name)).unwrap();
            copy.write_at(0, &bytes).unwrap();
        }
    }

    pub fn install(&self, manifest: &[u8]) -> Result<Watermark> {
        install(&self.world.folder, manifest, &self.world.environment(), "test")
    }
}
