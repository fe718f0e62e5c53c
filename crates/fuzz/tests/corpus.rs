//! The kept inputs and the samples of each target, as they are and changed at random.
//!
//! `COPPICE_SEED=n` makes other changes than those of each run, `COPPICE_TARGET=name` runs one target's only; the input
//! that failed is printed.

use coppice_fuzz::{TARGETS, Target, run, run_blind};
use std::path::Path;
use std::time::Duration;

/// For each target; together some seconds.
const TIME: Duration = Duration::from_millis(300);

fn kept(target: &Target) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name);
    let files = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    files.map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
}

#[test]
fn every_kept_input_is_answered() {
    for target in &TARGETS {
        let inputs = [kept(target), (target.samples)()].concat();
        inputs.iter().for_each(|input| run(target, input));
    }
}

#[test]
#[expect(clippy::print_stderr, reason = "the seed is what makes a failure replayable")]
fn inputs_changed_at_random_are_answered() {
    let seed = std::env::var("COPPICE_SEED").map_or(1, |text| text.parse().expect("a decimal number"));
    eprintln!("COPPICE_SEED={seed}");
    let only = std::env::var("COPPICE_TARGET").ok();
    for target in TARGETS.iter().filter(|target| only.as_ref().is_none_or(|name| name == target.name)) {
        let runs = run_blind(target, seed, kept(target), TIME);
        assert!(runs > 0, "{} has run nothing", target.name);
        eprintln!("{}: {runs} inputs", target.name);
    }
}

/// Samples are what every target finds right, or all changes of them would be refused by the first check.
#[test]
fn samples_reach_what_is_behind_the_first_checks() {
    for target in &TARGETS {
        let samples = (target.samples)();
        assert!(!samples.is_empty(), "{} has nothing to begin with", target.name);
        for sample in samples {
            assert!(sample.len() <= target.bytes_max, "{}: {} bytes", target.name, sample.len());
        }
    }
}
