//! Drives one target, which the environment names: `COPPICE_TARGET=page coppice-fuzz`.
//!
//! Built with `--cfg fuzzing` and coverage this is a libFuzzer program and takes its parameters. Built as usual it runs
//! inputs made by blind changes for `COPPICE_SECONDS`, beginning at `COPPICE_SEED`. Either way `COPPICE_SAMPLES=folder`
//! has it first write down what there is to begin with.

#![cfg_attr(fuzzing, no_main)]

use coppice_fuzz::{TARGETS, Target, target};
use std::sync::LazyLock;

static CHOSEN: LazyLock<&Target> = LazyLock::new(|| {
    let name = std::env::var("COPPICE_TARGET").unwrap_or_default();
    let names = || TARGETS.map(|target| target.name).join(", ");
    let chosen = target(&name).unwrap_or_else(|| panic!("COPPICE_TARGET is \"{name}\": one of {}", names()));
    if let Some(folder) = std::env::var_os("COPPICE_SAMPLES") {
        for (number, sample) in (chosen.samples)().iter().enumerate() {
            let path = std::path::Path::new(&folder).join(format!("sample-{number}"));
            std::fs::write(path, sample).expect("the folder of samples can be written");
        }
    }
    chosen
});

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(init: { LazyLock::force(&CHOSEN); }, |input: &[u8]| { (CHOSEN.run)(input) });

#[cfg(not(fuzzing))]
#[expect(clippy::print_stdout, reason = "the counts are what this is run for")]
fn main() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let time = std::time::Duration::from_secs(number("COPPICE_SECONDS").unwrap_or(10));
    let inputs = coppice_fuzz::run_blind(*CHOSEN, number("COPPICE_SEED").unwrap_or(1), Vec::new(), time);
    println!("Done {inputs} runs, without coverage");
}
