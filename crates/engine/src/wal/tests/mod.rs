//! The log on a simulated disk: what it promises one by one, and in random histories with crashes.

mod damage;
mod golden;
mod histories;
mod promises;
mod rest;
mod tail;

use super::*;
use crate::batch::{Batch, Header, RecordKind, set_header};
use crate::disk::Disk;
use crate::disk::simulated::SimulatedDisk;
use crate::encryption::Keys;
use crate::error::Result;
use crate::names::FileNumbers;
use crate::simulation::{FixedClock, environment};
use std::sync::Arc;

const FOLDER: &str = "/db";
const TINY: LogOptions = LogOptions { segment_bytes_min: 1024, segment_bytes_max: 4096, keeps: false };

/// A record whose bytes say which attempt at its sequence it was.
fn record(sequence: Sequence, attempt: u64, value_bytes: usize) -> Vec<u8> {
    let mut batch = Batch::new();
    let value = vec![attempt as u8; value_bytes];
    batch.put(0, &attempt.to_le_bytes(), &value, None).expect("a short key");
    let header = Header {
        kind: RecordKind::Data,
        count: 1,
        sequence,
        revision: sequence + 1,
        time_ms: sequence as i64 * 10,
    };
    set_header(batch.body(), header);
    batch.body().to_vec()
}

/// A machine with one folder, and the log in it.
struct World {
    disk: SimulatedDisk,
    clock: Arc<FixedClock>,
    numbers: Arc<FileNumbers>,
    floor: LogFloor,
    seed: u64,
}

impl World {
    fn new() -> World {
        let disk = SimulatedDisk::default();
        disk.create_folder(Path::new(FOLDER)).unwrap();
        disk.sync_folder(Path::new("/"), crate::disk::SyncPoint::ParentFolder).unwrap();
        let numbers = Arc::new(FileNumbers::starting_at(1));
        World { disk, clock: Arc::new(FixedClock::new(0)), numbers, floor: LogFloor::default(), seed: 1 }
    }

    fn recover(&self) -> Result<(Recovered, Vec<Vec<u8>>)> {
        self.read(false)
    }

    fn read(&self, read_only: bool) -> Result<(Recovered, Vec<Vec<u8>>)> {
        let mut bodies = Vec::new();
        let reading =
            Reading { keys: &Keys::default(), floor: self.floor, keeps: false, read_only, end: None };
        let recovered = recover(&self.disk, Path::new(FOLDER), reading, &mut |_, body| {
            bodies.push(body.to_vec());
            Ok(())
        })?;
        Ok((recovered, bodies))
    }

    fn log(&mut self, recovered: Recovered) -> Log {
        self.seed += 1;
        self.numbers.skip_past(recovered.largest_number);
        let mut last = recovered.last.unwrap_or_default();
        if last.sequence < self.floor.flushed_sequence {
            let sequence = self.floor.flushed_sequence;
            last = Watermark { sequence, revision: sequence + 1 };
        }
        let environment = environment(&self.disk, &self.clock, self.seed);
        Log::new(environment, Path::new(FOLDER), TINY, self.numbers.clone(), recovered.files, last)
    }

    fn open(&mut self) -> Log {
        let (recovered, _) = self.recover().unwrap();
        self.log(recovered)
    }

    /// The power goes and comes back.
    fn crash(&mut self, loss: crate::disk::simulated::Loss) {
        self.disk = self.disk.after_crash(loss);
    }

    fn names(&self) -> Vec<String> {
        let mut names = self.disk.list(Path::new(FOLDER)).unwrap();
        names.sort();
        names
    }

    fn path(&self, name: &str) -> PathBuf {
        Path::new(FOLDER).join(name)
    }
}

/// Appends records `from..=to` of attempt 1.
fn append(log: &Log, from: Sequence, to: Sequence, value_bytes: usize) {
    for sequence in from..=to {
        log.append(&record(sequence, 1, value_bytes)).unwrap();
    }
}

fn records(from: Sequence, to: Sequence, value_bytes: usize) -> Vec<Vec<u8>> {
    (from..=to).map(|sequence| record(sequence, 1, value_bytes)).collect()
}
