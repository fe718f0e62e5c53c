//! The manifest on a simulated disk: what a caller sees, power cuts at every call, calls that fail, damaged bytes.

mod crash;
mod damage;
mod folder;

use super::testing::{creation, table};
use super::*;
use crate::disk::simulated::SimulatedDisk;
use crate::disk::{Disk, SyncPoint};
use crate::encryption::Keys;
use crate::environment::Environment;
use crate::error::{Code, Result};
use crate::names::FileName;
use crate::simulation::{FixedClock, environment};
use std::path::Path;
use std::sync::Arc;

const FOLDER: &str = "/db";
/// So small that a manifest is rolled every few edits.
const OFTEN: ManifestOptions = ManifestOptions { roll_bytes_min: 600 };

fn folder() -> &'static Path {
    Path::new(FOLDER)
}

fn world(disk: &SimulatedDisk) -> Environment {
    environment(disk, &Arc::new(FixedClock::new(0)), 7)
}

fn disk_with_folder() -> SimulatedDisk {
    let disk = SimulatedDisk::default();
    disk.create_folder(folder()).unwrap();
    disk.sync_folder(Path::new("/"), SyncPoint::ParentFolder).unwrap();
    disk
}

fn create(disk: &SimulatedDisk) -> Result<ManifestLog> {
    ManifestLog::create(&world(disk), folder(), creation(), 5, OFTEN)
}

fn open(disk: &SimulatedDisk) -> Result<ManifestLog> {
    let environment = world(disk);
    let recovered = recover(&*environment.disk, &environment.keys, folder())?;
    let strangers = recovered.strangers.clone();
    let log = ManifestLog::open(&environment, folder(), recovered, OFTEN)?;
    strangers.iter().try_for_each(|name| disk.remove(&name.in_folder(folder())))?;
    Ok(log)
}

/// A flush as the engine does it, then every third time a merge of all tables into one: files before the edit that
/// names them, removed after the edit that no longer does. Returns once the last edit is durable.
fn work(disk: &SimulatedDisk, log: &mut ManifestLog) -> Result<()> {
    let number = log.numbers().take();
    let revision = log.state().last_revision + 1;
    let level0 = log.state().tables.values().filter(|(level, _)| *level == 0).count();
    let mut edit = Edit { last_revision: revision, ..Edit::default() };
    if level0 < 3 {
        edit.added.push((0, table(number, "a", "m")));
    } else {
        edit.removed = log.state().tables.iter().map(|(number, (level, _))| (*level, *number)).collect();
        edit.added.push((6, table(number, "a", "m")));
    }
    disk.create(&FileName::Table(number).in_folder(folder()))?.sync(SyncPoint::Table)?;
    disk.sync_folder(folder(), SyncPoint::TableFolder)?;
    let removed = edit.removed.clone();
    log.append(edit)?;
    // The answer to a removal changes nothing: the edit is durable.
    removed.iter().for_each(|(_, number)| drop(disk.remove(&FileName::Table(*number).in_folder(folder()))));
    Ok(())
}
