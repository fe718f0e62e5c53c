//! `CURRENT`: one line of text that names the manifest in use.

use crate::disk::{Access, Disk, SyncPoint};
use crate::error::{Code, Error, Result};
use crate::names::FileName;
use std::path::Path;

/// Longer than any line that names a manifest.
const BYTES_MAX: u64 = 256;

pub(super) fn encode(manifest: u64) -> String {
    let line = format!("coppice {} {}", super::FORMAT, FileName::Manifest(manifest));
    let crc = crc32c::crc32c(line.as_bytes());
    format!("{line} {crc:08x}\n")
}

pub(super) fn decode(bytes: &[u8]) -> Result<u64> {
    if is_foreign(bytes) {
        let message = "this folder holds a database of another kind: its CURRENT is not ours";
        return Err(Error::new(Code::Format, message).at_offset(0));
    }
    let damaged = || Error::corrupt("CURRENT is damaged").at_offset(0);
    let text = std::str::from_utf8(bytes).map_err(|_| damaged())?;
    let (line, crc) = text.strip_suffix('\n').and_then(|text| text.rsplit_once(' ')).ok_or_else(damaged)?;
    if crc != format!("{:08x}", crc32c::crc32c(line.as_bytes())) {
        return Err(damaged());
    }
    let mut words = line.split(' ');
    let (ours, format) = (words.next(), words.next().and_then(|format| format.parse::<u32>().ok()));
    match (ours, format) {
        (Some("coppice"), Some(super::FORMAT)) => {}
        (Some("coppice"), Some(format)) => {
            let message = format!("the database has format {format}; this version reads {}", super::FORMAT);
            return Err(Error::new(Code::Format, message).at_offset(0));
        }
        _ => return Err(damaged()),
    }
    match (words.next().and_then(FileName::parse), words.next()) {
        // One line for each manifest: numbers can be written in other ways, but never were.
        (Some(FileName::Manifest(number)), None) if encode(number).as_bytes() == bytes => Ok(number),
        _ => Err(damaged()),
    }
}

/// Other databases keep a file of this name too. Damage is told from it: one bad byte leaves most of our first word.
fn is_foreign(bytes: &[u8]) -> bool {
    bytes.iter().zip(b"coppice ").filter(|(found, ours)| found != ours).count() > 1
}

/// The number of the manifest in use. `NotFound` if there is no CURRENT.
pub fn read(disk: &dyn Disk, folder: &Path) -> Result<u64> {
    let path = FileName::Current.in_folder(folder);
    let read = || {
        let file = disk.open(&path, Access::Read)?;
        let bytes = file.size()?;
        if bytes > BYTES_MAX {
            return Err(Error::corrupt(format!("CURRENT has {bytes} bytes")).at_offset(0));
        }
        let mut line = vec![0; bytes as usize];
        file.read_at(0, &mut line)?;
        decode(&line)
    };
    read().map_err(|error| error.in_file(&path))
}

/// Writes and syncs what `switch` will put in place. CURRENT itself is not touched.
pub fn prepare(disk: &dyn Disk, folder: &Path, manifest: u64) -> Result<()> {
    let path = FileName::CurrentReplacement.in_folder(folder);
    match disk.remove(&path) {
        Err(error) if error.code() != Code::NotFound => return Err(error),
        _ => {}
    }
    let file = disk.create(&path)?;
    file.write_at(0, encode(manifest).as_bytes())?;
    file.sync(SyncPoint::Current)
}

/// Puts the prepared line in place of CURRENT. After a failure nobody knows which of the two a crash would leave.
pub fn switch(disk: &dyn Disk, folder: &Path) -> Result<()> {
    disk.rename(&FileName::CurrentReplacement.in_folder(folder), &FileName::Current.in_folder(folder))?;
    disk.sync_folder(folder, SyncPoint::CurrentFolder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_text_and_comes_back() {
        assert_eq!(encode(7), "coppice 1 000007.manifest 57a9f0fb\n");
        assert_eq!(decode(encode(7).as_bytes()).unwrap(), 7);
    }

    #[test]
    fn a_flipped_bit_or_a_cut_anywhere_is_corrupt() {
        let line = encode(123_456_789).into_bytes();
        for at in 0..line.len() {
            for bit in 0..8 {
                let mut bad = line.clone();
                bad[at] ^= 1 << bit;
                assert_eq!(decode(&bad).unwrap_err().code(), Code::Corrupt, "bit {bit} of byte {at}");
            }
            assert_eq!(decode(&line[..at]).unwrap_err().code(), Code::Corrupt, "cut at {at}");
        }
    }

    #[test]
    fn a_line_that_names_a_manifest_in_another_way_is_corrupt() {
        for line in ["coppice 01 000007.manifest", "coppice +1 000007.manifest"] {
            let text = format!("{line} {:08x}\n", crc32c::crc32c(line.as_bytes()));
            assert_eq!(decode(text.as_bytes()).unwrap_err().code(), Code::Corrupt, "{line}");
        }
    }

    #[test]
    fn a_file_of_another_database_is_no_damage() {
        for text in ["MANIFEST-000001\n", "{}", "OPTIONS and more that means nothing to us"] {
            assert_eq!(decode(text.as_bytes()).unwrap_err().code(), Code::Format, "{text}");
        }
    }

    #[test]
    fn another_format_is_refused_with_its_number() {
        let line = "coppice 3 some other shape";
        let text = format!("{line} {:08x}\n", crc32c::crc32c(line.as_bytes()));
        let error = decode(text.as_bytes()).unwrap_err();
        assert_eq!(error.code(), Code::Format);
        assert!(error.message().contains("format 3"), "{error}");
    }
}
