//! What the runs are told by the environment, and how they tell what they did.

use std::fmt::Display;

/// The seed to start from: the one given, else always the same, so that what a change did not break stays green.
pub fn base_seed() -> u64 {
    number("COPPICE_SEED").unwrap_or(1)
}

/// How many histories were asked for; none asks for a quick run.
pub fn histories() -> Option<u64> {
    number("COPPICE_HISTORIES")
}

/// Whether every byte is to be damaged, not just some.
pub fn is_full() -> bool {
    std::env::var_os("COPPICE_FULL").is_some()
}

pub fn operations() -> Option<u64> {
    number("COPPICE_OPERATIONS")
}

/// Whether a failed run is to list every disk call.
pub fn shows_calls() -> bool {
    std::env::var_os("COPPICE_CALLS").is_some()
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is a decimal number, not {text:?}")))
}

#[expect(clippy::print_stderr, reason = "seeds and counts are what these tests are run for")]
pub fn say(line: impl Display) {
    eprintln!("{line}");
}

/// What a run has counted, for `scripts/prove.mjs` to add up.
pub fn figures<'a>(counts: impl IntoIterator<Item = (&'a str, u64)>) {
    let counts: Vec<String> = counts.into_iter().map(|(name, count)| format!("\"{name}\":{count}")).collect();
    say(format_args!("figures: {{{}}}", counts.join(",")));
}
