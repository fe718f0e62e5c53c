//! Files gone, cut short, or of another format.

use super::look::{Seen, look};
use super::sample::Sample;
use crate::check::FOLDER;
use crate::report::{base_seed, figures, is_full, say};
use coppice_engine::disk::simulated::SimulatedDisk;
use coppice_engine::error::Code;
use std::path::{Path, PathBuf};

/// Between two lengths in a quick run; a full one tries every length.
const STRIDE: u64 = 37;

fn damaged(sample: &Sample, damage: impl FnOnce(&SimulatedDisk)) -> Seen {
    let disk = sample.disk.clone_image();
    damage(&disk);
    look(sample, &disk, false).unwrap_or_else(|trouble| panic!("{trouble}"))
}

fn reported(sample: &Sample, damage: impl FnOnce(&SimulatedDisk)) -> (Code, PathBuf) {
    let report = damaged(sample, damage).report.expect("the damage is told of");
    (report.code, report.file)
}

#[test]
fn a_file_taken_away_is_named() {
    let sample = Sample::killed(base_seed());
    let needed =
        [sample.with_ending("CURRENT"), sample.with_ending(".manifest"), sample.with_ending(".table")];
    for path in needed.concat() {
        let (code, file) = reported(&sample, |disk| disk.delete(&path).expect("a file"));
        assert_eq!((code, file), (Code::Corrupt, path));
    }
    for name in ["LOCK", "spare.log"] {
        let seen = damaged(&sample, |disk| disk.delete(&Path::new(FOLDER).join(name)).expect("a file"));
        assert!(seen.report.is_none() && seen.lost == 0, "{name} holds nothing: {seen:?}");
    }
}

#[test]
fn a_segment_taken_away_is_a_gap_before_the_next_one() {
    let sample = Sample::killed(base_seed());
    let mut gaps = 0;
    for pair in sample.segments().windows(2) {
        let seen = damaged(&sample, |disk| disk.delete(&pair[0]).expect("a file"));
        if let Some(report) = &seen.report {
            assert_eq!((report.code, &report.file), (Code::Corrupt, &pair[1]));
            gaps += 1;
        }
        // The first may hold nothing but what is in tables.
        assert_eq!(seen.lost, 0);
    }
    assert!(gaps > 0, "some segment was needed");
}

/// Cuts every file of a sample to every length; what is reported names the file.
fn cut_everything(sample: &Sample) -> (u64, u64) {
    let stride = if is_full() { 1 } else { STRIDE };
    let newest = sample.segments().pop();
    let (mut cuts, mut told) = (0, 0);
    for (path, bytes) in sample.files() {
        for length in (0..bytes).step_by(stride as usize) {
            let seen = damaged(sample, |disk| disk.truncate(&path, length).expect("a file"));
            if let Some(report) = &seen.report {
                let named = report.file == path || stands_for(sample, &path, &report.file);
                assert!(named, "{} cut to {length}: {report:?}", path.display());
            }
            let is_newest = newest.as_ref() == Some(&path);
            assert!(seen.lost == 0 || is_newest, "{} cut to {length}: {seen:?}", path.display());
            cuts += 1;
            told += u64::from(seen.report.is_some());
        }
    }
    (cuts, told)
}

#[test]
fn a_file_cut_short_is_named_or_was_not_needed() {
    let seed = base_seed();
    say(format_args!("COPPICE_SEED={seed}"));
    let (closed, killed) = (cut_everything(&Sample::closed(seed)), cut_everything(&Sample::killed(seed)));
    figures([("files cut", closed.0 + killed.0), ("cuts reported", closed.1 + killed.1)]);
}

/// Of a manifest that lost edits, the first thing missed may be a table that they took away; of a segment cut where a
/// record ends, the first thing wrong is that the next one does not follow.
fn stands_for(sample: &Sample, cut: &Path, named: &Path) -> bool {
    let is_gone = sample.files().iter().all(|(path, _)| path != named);
    let is_next = sample.segments().windows(2).any(|pair| pair[0] == cut && pair[1] == named);
    is_gone || is_next
}

/// Writes another format number and a checksum that fits it.
fn reformat(disk: &SimulatedDisk, path: &Path) {
    let edit = |bytes: &mut Vec<u8>| match path.extension().and_then(|extension| extension.to_str()) {
        Some("manifest" | "log") => {
            bytes[8] = 2;
            let crc = crc32c::crc32c(&bytes[..124]);
            bytes[124..128].copy_from_slice(&crc.to_le_bytes());
        }
        _ => {
            let text = String::from_utf8(bytes.clone()).expect("CURRENT is text");
            let newer = text[..text.rfind(' ').expect("a checksum")].replacen(" 1 ", " 2 ", 1);
            *bytes = format!("{newer} {:08x}\n", crc32c::crc32c(newer.as_bytes())).into_bytes();
        }
    };
    disk.damage(path, edit).expect("a file");
}

#[test]
fn a_file_of_another_format_is_refused_by_name() {
    let sample = Sample::killed(base_seed());
    for path in [sample.with_ending("CURRENT"), sample.with_ending(".manifest"), sample.segments()].concat() {
        let (code, file) = reported(&sample, |disk| reformat(disk, &path));
        assert_eq!((code, file), (Code::Format, path));
    }
}
