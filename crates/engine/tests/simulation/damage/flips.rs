//! Every byte of every file wrong, one at a time.

use super::look::{Seen, look};
use super::sample::Sample;
use crate::check::{Check, Trouble, encrypted};
use crate::report::{base_seed, figures, is_full, say};
use coppice_engine::simulation::SeededRandom;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Between two bytes of a quick run; a full one leaves none out.
const STRIDE: u64 = 61;

#[derive(Default)]
struct Tally {
    flips: u64,
    reported: u64,
    torn: u64,
}

fn flip(sample: &Sample, path: &Path, offset: u64, mask: u8, read_only: bool) -> Check<Seen> {
    let disk = sample.disk.clone_image();
    disk.flip(path, offset, mask).expect("a file and a place in it");
    let seen = catch_unwind(AssertUnwindSafe(|| look(sample, &disk, read_only)));
    let seen = seen.unwrap_or_else(|_| Err(Trouble::from("the engine panicked".to_owned())))?;
    if let Some(report) = &seen.report
        && (report.file != path || report.offset.is_none())
    {
        wrong!("the place is given as {report:?}");
    }
    // Only the newest record may go, and never unsaid.
    if seen.lost > 1 || (seen.lost > 0) != (seen.torn_bytes > 0) {
        wrong!("records are gone: {seen:?}");
    }
    Ok(seen)
}

fn flip_everywhere(sample: &Sample, seed: u64) -> BTreeMap<String, Tally> {
    let random = SeededRandom::new(seed);
    let stride = if is_full() { 1 } else { STRIDE };
    let mut tallies = BTreeMap::<String, Tally>::new();
    for (path, bytes) in sample.files() {
        let name = path.file_name().expect("a file").to_string_lossy().into_owned();
        let tally = tallies.entry(name).or_default();
        for offset in (seed % stride..bytes).step_by(stride as usize) {
            let any = 1 + random.below(255) as u8;
            for mask in [0x01, 0x80, 0xff, any] {
                let read_only = random.chance(25);
                let seen = flip(sample, &path, offset, mask, read_only).unwrap_or_else(|trouble| {
                    let at = format!("{} at {offset} xor {mask:#04x}", path.display());
                    panic!("COPPICE_SEED={seed}: {at} (read-only: {read_only}): {trouble}");
                });
                tally.flips += 1;
                tally.reported += u64::from(seen.report.is_some());
                tally.torn += u64::from(seen.lost > 0);
            }
        }
    }
    tallies
}

fn sum(tallies: &BTreeMap<String, Tally>, of: fn(&Tally) -> u64) -> u64 {
    tallies.values().map(of).sum()
}

fn show(tallies: &BTreeMap<String, Tally>) {
    for (name, Tally { flips, reported, torn }) in tallies {
        say(format_args!("  {name}: {flips} flips, {reported} reported, {torn} of the newest record"));
    }
}

#[test]
fn any_wrong_byte_of_a_closed_database_is_harmless_or_an_error_with_its_place() {
    flip_closed();
}

#[test]
fn any_wrong_byte_of_an_encrypted_database_is_harmless_or_an_error_with_its_place() {
    encrypted(flip_closed);
}

fn flip_closed() {
    let seed = base_seed();
    say(format_args!("COPPICE_SEED={seed}"));
    let tallies = flip_everywhere(&Sample::closed(seed), seed);
    show(&tallies);
    for (name, tally) in &tallies {
        assert_eq!(tally.torn, 0, "an orderly close leaves no record that may pass for torn");
        match name.as_str() {
            "LOCK" | "spare.log" => assert_eq!(tally.reported, 0, "{name} holds nothing"),
            "CURRENT" => assert_eq!(tally.reported, tally.flips, "every byte of {name} counts"),
            name if name.ends_with(".table") => {
                assert_eq!(tally.reported, tally.flips, "verify checks every byte of {name}");
            }
            _ => {}
        }
    }
    let flips = sum(&tallies, |tally| tally.flips);
    let reported = sum(&tallies, |tally| tally.reported);
    figures([("flips", flips), ("reported", reported), ("harmless", flips - reported)]);
}

#[test]
fn any_wrong_byte_after_a_kill_is_harmless_or_an_error_or_the_newest_record_torn() {
    let seed = base_seed();
    say(format_args!("COPPICE_SEED={seed}"));
    let tallies = flip_everywhere(&Sample::killed(seed), seed);
    show(&tallies);
    let torn = sum(&tallies, |tally| tally.torn);
    // One small frame: 24 bytes, a header of 32, one operation, padding.
    assert!(torn <= 4 * 112, "more than the newest record passes for torn: {torn} flips");
    let flips = sum(&tallies, |tally| tally.flips);
    let reported = sum(&tallies, |tally| tally.reported);
    let harmless = flips - reported - torn;
    figures([
        ("flips after a kill", flips),
        ("reported after a kill", reported),
        ("newest record torn", torn),
        ("harmless after a kill", harmless),
    ]);
}
