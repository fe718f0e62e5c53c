//! CURRENT, the manifest that it names, and the edits in it.

use coppice_engine::disk::Disk;
use coppice_engine::disk::simulated::SimulatedDisk;
use coppice_engine::encryption::Keys;
use coppice_engine::error::Result;
use coppice_engine::manifest;
use std::path::Path;

const FOLDER: &str = "/db";
/// A right line of CURRENT.
pub const CURRENT: &[u8] = b"coppice 1 000007.manifest 57a9f0fb\n";

// What is refused is refused: a wrong answer or none at all is what these look for.
pub fn edit(payload: &[u8]) {
    let _ = manifest::fuzz::edit(payload);
}

/// The line as it is, and with a right checksum.
pub fn current(line: &[u8]) {
    let _ = manifest::fuzz::current(line);
    let mut signed = line.to_vec();
    manifest::fuzz::sign_current(&mut signed);
    let _ = manifest::fuzz::current(&signed);
}

/// A manifest whose checksums are right, in a folder with the tables that it may name.
pub fn manifest(input: &[u8]) {
    let mut bytes = input.to_vec();
    manifest::fuzz::sign(&mut bytes);
    let disk = SimulatedDisk::default();
    fill(&disk, &bytes).expect("a simulated disk takes any file");
    let folder = Path::new(FOLDER);
    if let Ok(found) = manifest::recover(&disk, &Keys::default(), folder) {
        assert_eq!(found.number, 7);
        assert!(found.state.tables.keys().all(|table| *table < found.next_number), "a number is used twice");
    }
}

fn fill(disk: &SimulatedDisk, manifest: &[u8]) -> Result<()> {
    let folder = Path::new(FOLDER);
    disk.create_folder(folder)?;
    disk.create(&folder.join("CURRENT"))?.write_at(0, CURRENT)?;
    disk.create(&folder.join("000007.manifest"))?.write_at(0, manifest)?;
    for table in 1..32 {
        disk.create(&folder.join(format!("{table:06}.table")))?;
    }
    Ok(())
}
