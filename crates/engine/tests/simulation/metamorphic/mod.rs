//! The same operations under many options: every answer is the same, byte for byte.
//!
//! A history is played once under each set of options; each play writes down every answer, and the transcripts are
//! compared. Where two differ, or an operation fails, the history is shrunk to the operations that are needed for it.

mod history;
mod play;
mod reduce;
mod sets;

use crate::report::{base_seed, figures, histories, say};
use history::{Op, generate};
use play::{Played, play};
use reduce::reduce;
use sets::{OptionSet, sets};

/// Of one history, what all sets agree on; or what the first disagreement is.
fn compare(ops: &[Op], sets: &[OptionSet], seed: u64) -> Result<Vec<Played>, String> {
    let played: Vec<Played> = sets.iter().map(|set| play(ops, set, seed)).collect();
    let first = &played[0];
    for (set, other) in sets.iter().zip(&played) {
        if let Some(failure) = &other.failure {
            return Err(format!("under {set:?}\n{failure}"));
        }
        if other.lines != first.lines {
            return Err(difference((&sets[0], first), (set, other)));
        }
    }
    Ok(played)
}

fn difference(one: (&OptionSet, &Played), other: (&OptionSet, &Played)) -> String {
    let pairs = one.1.lines.iter().zip(&other.1.lines);
    let at = pairs.take_while(|(left, right)| left == right).count();
    let line = |played: &Played| played.lines.get(at).cloned().unwrap_or_else(|| "nothing".into());
    format!(
        "line {at} differs\nunder {:?}\n  {}\nunder {:?}\n  {}",
        one.0,
        line(one.1),
        other.0,
        line(other.1)
    )
}

/// What is wrong with a history, shrunk. None: nothing is.
fn disprove(ops: Vec<Op>, sets: &[OptionSet], seed: u64) -> Result<Vec<Played>, String> {
    let found = match compare(&ops, sets, seed) {
        Ok(played) => return Ok(played),
        Err(found) => found,
    };
    say(format_args!("COPPICE_SEED={seed}: {found}"));
    say(format_args!("shrinking {} operations", ops.len()));
    let (ops, found) = reduce(ops, found, |ops| compare(ops, sets, seed).err());
    let listed: Vec<String> = ops.iter().map(|op| format!("  {op:?}")).collect();
    Err(format!("COPPICE_SEED={seed}: {found}\n{} operations do it:\n{}", ops.len(), listed.join("\n")))
}

#[test]
fn a_history_gets_the_same_answers_under_all_options() {
    let (seed, count) = (base_seed(), histories().unwrap_or(50));
    say(format_args!("COPPICE_SEED={seed}"));
    let (mut plays, mut operations, mut lines) = (0, 0, 0);
    let mut work = play::Work::default();
    for seed in seed..seed + count {
        let ops = generate(seed);
        let played = disprove(ops, &sets(seed), seed).unwrap_or_else(|found| panic!("{found}"));
        operations += played.iter().map(|played| played.operations).sum::<u64>();
        lines += played[0].lines.len() as u64;
        plays += played.len() as u64;
        played.iter().for_each(|played| work.add(played.work));
    }
    let counted = [
        ("histories", count),
        ("plays", plays),
        ("operations played", operations),
        ("answers compared", lines),
        ("tables flushed", work.flushes),
        ("merges", work.compactions),
        ("opens", work.opens),
        ("stalls", work.stalls),
    ];
    for (what, least) in [("tables flushed", count), ("merges", count), ("opens", plays)] {
        let found = counted.iter().find(|(name, _)| *name == what).expect("it is counted").1;
        assert!(found >= least, "{what}: {found} in {count} histories is too little to show anything");
    }
    figures(counted);
}

/// The comparison itself, with an option set that lies: after the first flush it knows no long keys.
#[test]
fn a_set_that_answers_otherwise_is_found_and_its_history_is_shrunk() {
    let seed = 1;
    let honest = sets(seed);
    let mut liar = honest[1].clone();
    liar.lies = true;
    let found = disprove(generate(seed), &[honest[0].clone(), liar], seed).expect_err("one of the two lies");
    let listed = found.lines().skip_while(|line| !line.ends_with("operations do it:")).skip(1).count();
    assert!(
        (2..=3).contains(&listed),
        "a flush and a get are needed, and at most a put before them: {found}"
    );
}
