//! Runs, pairs of them, and pairs as the burst valve of level 0.

use super::*;

fn paired() -> PolicyOptions {
    PolicyOptions { policy: Policy::Paired, ..PolicyOptions::default() }
}

fn paired_plan(text: &str) -> String {
    picked_with(text, &paired(), &[])
}

#[test]
fn two_adjacent_runs_merge_unless_the_older_is_twice_the_newer() {
    assert_eq!(paired_plan("L0 3:a-z/10"), "move L0 3 -> L6 (size)");
    assert_eq!(paired_plan("L0 3:a-z/10\nL6 1:a-z/20"), "nothing");
    assert_eq!(paired_plan("L0 3:a-z/10\nL6 1:a-z/19"), "merge L0 3 L6 1 -> L6 (size)");
    assert_eq!(paired_plan("L0 4:a-z/10 3:a-z/11\nL6 1:a-z/100"), "merge L0 4 3 -> L0 (size)");
    assert_eq!(paired_plan("L0 4:a-z/5 3:a-z/11\nL6 1:a-z/100"), "nothing");
    assert_eq!(paired_plan("L4 3:a-c/10\nL6 1:a-b/11 2:f-h/2"), "merge L4 3 L6 1 -> L6 (size)");
    assert_eq!(paired_plan("L4 3:a-c/10\nL6 1:a-b/18 2:f-h/2"), "nothing");
}

#[test]
fn the_oldest_run_of_level_0_leaves_it_when_it_has_grown() {
    assert_eq!(paired_plan("L0 5:a-z/1 4:a-z/40 3:a-z/40\nL6 1:a-z/900"), "merge L0 4 3 -> L5 (size)");
    assert_eq!(paired_plan("L0 5:a-z/40 4:a-z/40 3:a-z/81\nL6 1:a-z/900"), "merge L0 5 4 -> L0 (size)");
    let text = "L0 4:a-z/40 3:a-z/40\nL1 2:a-z/200\nL6 1:a-z/900";
    assert_eq!(paired_plan(text), "merge L0 4 3 -> L0 (size)", "no level is free");
}

#[test]
fn disjoint_pairs_run_side_by_side() {
    let text = "L0 7:a-z/4 6:a-z/4 5:a-z/9 4:a-z/9\nL6 1:a-z/900";
    let first = pick(&tables(text).levels(), &[], &paired(), &RoundRobin::default()).unwrap();
    assert_eq!(first.to_string(), "merge L0 7 6 -> L0 (size)");
    let second = picked_with(text, &paired(), std::slice::from_ref(&first));
    assert_eq!(second, "merge L0 5 4 -> L0 (size)");
    let third = pick(&tables(text).levels(), std::slice::from_ref(&first), &paired(), &RoundRobin::default())
        .unwrap();
    assert_eq!(picked_with(text, &paired(), &[first, third]), "nothing");
}

#[test]
fn too_many_runs_are_paired_whatever_their_sizes() {
    let run = |index: u32| format!(" {}:a-z/{}", 20 - index, 3u32.pow(index));
    let text = |runs: u32| format!("L0{}\nL6 1:a-z/9000000", (0..runs).map(run).collect::<String>());
    assert_eq!(paired_plan(&text(11)), "nothing");
    assert_eq!(paired_plan(&text(12)), "merge L0 20 19 -> L0 (size)");
}

#[test]
fn level_0_is_relieved_by_pairs_while_the_base_is_busy() {
    let base = "L6 1:a-z/100";
    let running = first(&format!("L0 5:a-z 4:a-z 3:a-z 2:a-z\n{base}"));
    let beside = |newer: &str| {
        let text = format!("L0 {newer} 5:a-z 4:a-z 3:a-z 2:a-z\n{base}");
        picked_with(&text, &PolicyOptions::default(), std::slice::from_ref(&running))
    };
    assert_eq!(beside("10:a-z 9:a-z 8:a-z 7:a-z 6:a-z"), "nothing");
    assert_eq!(beside("11:a-z/9 10:a-z/8 9:a-z/7 8:a-z/6 7:a-z/6 6:a-z/9"), "merge L0 8 7 -> L0 (level 0)");
    let text = format!("L0 8:a-z/9 7:a-z/9 6:a-z/9 5:a-z/1 4:a-z 3:a-z 2:a-z\n{base}");
    assert!(picked(&text).starts_with("merge L0 8 7 6 5 4 3 2 L6 1"), "the base comes first");
}

#[test]
fn any_order_of_flushes_and_endings_keeps_runs_in_order_and_their_number_small() {
    for round in 1..40 {
        let all = random_history(round, &PolicyOptions { run_bytes_max: 64 << 20, ..paired() });
        let runs =
            all.levels().0[0].len() + all.levels().0[1..].iter().filter(|level| !level.is_empty()).count();
        assert!(runs <= 12, "round {round} ends with {runs} runs");
    }
}
