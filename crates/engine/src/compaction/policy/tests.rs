//! Levels as text in, plans as text out.
//!
//! A line is a level; a table is `number:smallest-largest`, then optional words joined by `/`: bytes in MiB (`64`),
//! deletes in a hundred (`d90`, of 100,000 entries), the largest revision (`r7`), when a fifth of it is dead (`f10`), when
//! all of it is (`a50`), 1 MiB of a blob file referred to (`b5`).

use super::*;
use crate::blob::Use;
use crate::entry::NO_DEADLINE;
use crate::table::ALWAYS;

mod garbage;
mod paired;

/// Level, number, summary.
struct Tables(Vec<(usize, u64, TableSummary)>, Pieces);

/// Where a merged table holds keys: its bounds also span what lies between its inputs.
type Pieces = std::collections::BTreeMap<u64, Vec<(Vec<u8>, Vec<u8>)>>;

fn tables(text: &str) -> Tables {
    let mut tables = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let mut words = line.split_whitespace();
        let level = words.next().unwrap().strip_prefix('L').unwrap().parse().unwrap();
        tables.extend(words.map(|word| {
            let mut parts = word.split('/');
            let (number, keys) = parts.next().unwrap().split_once(':').unwrap();
            let (smallest, largest) = keys.split_once('-').unwrap();
            let mut summary = TableSummary {
                versions: None,
                key: None,
                id: [0; 16],
                bytes: 16 << 20,
                sha256: [0; 32],
                footer_crc: 0,
                entries: 100_000,
                deletes: 0,
                smallest: smallest.into(),
                largest: largest.into(),
                min_revision: 1,
                max_revision: 1,
                min_deadline_ms: NO_DEADLINE,
                garbage_ms: NO_DEADLINE,
                dead_ms: NO_DEADLINE,
                raw_bytes: 0,
                range_deletes: 0,
                blobs: Vec::new(),
            };
            for part in parts {
                match part.split_at(1) {
                    ("b", file) => {
                        let file = file.parse().unwrap();
                        summary.blobs.push(Use { file, id: [0; 16], bytes: 1 << 20 });
                    }
                    ("d", percent) => {
                        let percent = percent.parse::<u64>().unwrap();
                        summary.deletes = percent * 1000;
                        summary.garbage_ms = if percent < 20 { NO_DEADLINE } else { ALWAYS };
                        summary.dead_ms = if percent < 100 { NO_DEADLINE } else { ALWAYS };
                    }
                    ("f", ms) => summary.garbage_ms = ms.parse().unwrap(),
                    ("a", ms) => summary.dead_ms = ms.parse().unwrap(),
                    ("r", revision) => {
                        summary.max_revision = revision.parse().unwrap();
                        summary.min_revision = summary.max_revision;
                    }
                    _ => summary.bytes = part.parse::<u64>().unwrap() << 20,
                }
            }
            (level, number.parse().unwrap(), summary)
        }));
    }
    Tables(tables, Pieces::new())
}

impl Tables {
    fn levels(&self) -> Levels<'_> {
        let mut levels = Levels::default();
        for (level, number, summary) in &self.0 {
            levels.0[*level].push(TableView { number: *number, summary });
        }
        levels
    }

    fn pieces(&self, table: &TableView<'_>) -> Vec<(Vec<u8>, Vec<u8>)> {
        let whole = || vec![(table.summary.smallest.clone(), table.summary.largest.clone())];
        self.1.get(&table.number).cloned().unwrap_or_else(whole)
    }

    fn share_a_key(&self, one: &TableView<'_>, other: &TableView<'_>) -> bool {
        let others = self.pieces(other);
        self.pieces(one).iter().any(|(lower, upper)| {
            others.iter().any(|(other_lower, other_upper)| lower <= other_upper && other_lower <= upper)
        })
    }

    /// Installs a plan that has run meanwhile, and checks that nothing has overtaken anything.
    fn finish(&mut self, plan: &Plan, number: u64) {
        check_order(self, plan);
        let levels = self.levels();
        let inputs = levels.0.iter().flatten().filter(|table| plan.has_input(table.number));
        let pieces = inputs.flat_map(|table| self.pieces(table)).collect();
        if plan.work == Work::Merge {
            self.1.insert(number, pieces);
        }
        self.install(plan, number);
        self.check_age();
    }

    /// The runs of level 0 share no revision, and the newer stand first.
    fn check_age(&self) {
        let levels = self.levels();
        let mut pairs = levels.0[0].windows(2);
        assert!(pairs.all(|pair| pair[0].summary.min_revision > pair[1].summary.max_revision));
    }

    /// Does what a plan says: a merge becomes one table of all the bytes.
    fn install(&mut self, plan: &Plan, number: u64) {
        let is_input = |number: &u64| plan.inputs.iter().any(|(_, inputs)| inputs.contains(number));
        let output = usize::from(plan.output_level);
        if plan.work == Work::Drop {
            self.0.retain(|(_, number, _)| !is_input(number));
        } else if plan.work == Work::Move {
            self.0
                .iter_mut()
                .filter(|(_, number, _)| is_input(number))
                .for_each(|(level, ..)| *level = output);
        } else {
            let (inputs, mut rest): (Vec<_>, Vec<_>) =
                self.0.drain(..).partition(|(_, number, _)| is_input(number));
            let newest =
                inputs.iter().max_by_key(|(.., summary)| summary.max_revision).expect("a plan has inputs");
            let mut summary = newest.2.clone();
            summary.min_revision = inputs.iter().map(|(.., summary)| summary.min_revision).min().unwrap_or(1);
            summary.bytes = inputs.iter().map(|(.., summary)| summary.bytes).sum();
            summary.smallest.clone_from(&plan.smallest);
            summary.largest.clone_from(&plan.largest);
            summary.deletes = 0;
            summary.garbage_ms = NO_DEADLINE;
            summary.dead_ms = NO_DEADLINE;
            rest.push((output, number, summary));
            self.0 = rest;
        }
        self.0.sort_by(|a, b| match a.0.cmp(&b.0) {
            std::cmp::Ordering::Equal if a.0 == 0 => (b.2.max_revision, b.1).cmp(&(a.2.max_revision, a.1)),
            std::cmp::Ordering::Equal => a.2.smallest.cmp(&b.2.smallest),
            other => other,
        });
        let levels = self.levels();
        for level in &levels.0[1..] {
            let disjoint = level.windows(2).all(|pair| pair[0].summary.largest < pair[1].summary.smallest);
            assert!(disjoint, "a level overlaps itself after {plan}");
        }
    }
}

fn picked(text: &str) -> String {
    picked_with(text, &PolicyOptions::default(), &[])
}

fn picked_with(text: &str, options: &PolicyOptions, running: &[Plan]) -> String {
    let plan = pick(&tables(text).levels(), running, options, &RoundRobin::default());
    plan.map_or("nothing".into(), |plan| plan.to_string())
}

fn first(text: &str) -> Plan {
    pick(&tables(text).levels(), &[], &PolicyOptions::default(), &RoundRobin::default()).unwrap()
}

#[test]
fn nothing_is_done_below_four_runs() {
    assert_eq!(picked(""), "nothing");
    assert_eq!(picked("L0 3:a-z 2:a-z 1:a-z\nL6 9:a-z"), "nothing");
}

#[test]
fn level_0_is_relieved_of_many_small_tables_that_overlap_only_the_base() {
    let table = |index: usize| format!(" {}:{index:02}-{index:02}/1", 30 - index);
    let text =
        |tables: usize| format!("L0{}\nL6 1:00-04 2:05-99", (0..tables).map(table).collect::<String>());
    assert_eq!(picked(&text(11)), "nothing");
    assert_eq!(picked(&text(12)), "merge L0 19 L6 2 -> L6 (level 0)");
}

#[test]
fn four_runs_of_level_0_go_into_the_base_with_what_they_overlap() {
    let text = "L0 7:c-f 6:c-f 5:e-g 4:d-f\nL6 1:a-b 2:c-d 3:g-k 8:l-z";
    assert_eq!(picked(text), "merge L0 7 6 5 4 L6 2 3 -> L6 (level 0)");
}

#[test]
fn level_0_tables_that_do_not_hang_together_are_merged_apart() {
    let text = "L0 8:a-c 7:a-c 6:a-c 5:a-c 4:m-p\nL6 1:a-b 2:n-o";
    assert_eq!(picked(text), "merge L0 4 L6 2 -> L6 (level 0)");
    assert_eq!(picked("L0 8:a-c 7:a-c 6:a-c 5:a-c\nL6 1:a-b 2:n-o"), "merge L0 8 7 6 5 L6 1 -> L6 (level 0)");
}

#[test]
fn a_sequential_fill_is_moved_and_never_rewritten() {
    let mut all = tables("");
    let mut turns = RoundRobin::default();
    for number in 1..=400u64 {
        let text = format!("L0 {number}:{number:06}a-{number:06}z");
        all.0.splice(0..0, tables(&text).0);
        while let Some(plan) = pick(&all.levels(), &[], &PolicyOptions::default(), &turns) {
            assert!(plan.work == Work::Move, "{plan}");
            turns.advance(&plan);
            all.install(&plan, 0);
        }
    }
    assert!(all.levels().0[0].len() < 4);
    assert!(bytes(&all.levels().0[BOTTOM]) > 4 << 30);
}

#[test]
fn disjoint_level_0_tables_move_in_one_edit_beside_a_running_merge() {
    let text = "L0 9:t-u 8:r-s 7:p-q 6:n-o\nL6 1:a-b";
    assert_eq!(picked(text), "move L0 6 7 8 9 -> L6 (level 0)");
    let running = first("L0 5:a-c 4:a-c 3:a-c 2:a-c\nL6 1:a-b");
    assert_eq!(picked_with(text, &PolicyOptions::default(), &[running]), "move L0 6 7 8 9 -> L6 (level 0)");
    let running = first("L0 5:a-o 4:a-c 3:a-c 2:a-c\nL6 1:a-b");
    let beside =
        picked_with("L0 10:v-w 9:t-u 8:r-s 7:p-q 6:n-o\nL6 1:a-b", &PolicyOptions::default(), &[running]);
    assert_eq!(beside, "move L0 7 8 9 10 -> L6 (level 0)");
}

#[test]
fn the_base_rises_as_the_bottom_grows_and_every_level_keeps_its_share() {
    let level0 = "L0 7:a-z 6:a-z 5:a-z 4:a-z";
    for (bottom, base) in [(200, 6), (300, 5), (2500, 5), (2600, 4), (26000, 3)] {
        let plan = picked(&format!("{level0}\nL6 1:a-z/{bottom}"));
        assert!(plan.contains(&format!("-> L{base} ")), "{bottom} MiB: {plan}");
    }
    // A tenth of the bottom may stand on level 5.
    assert_eq!(picked("L5 2:a-c/100\nL6 1:a-z/1000"), "nothing");
    assert_eq!(picked("L5 2:a-c/101\nL6 1:a-z/1000"), "merge L5 2 L6 1 -> L6 (size)");
}

#[test]
fn level_0_never_goes_below_a_level_that_still_holds_data() {
    let text = "L0 7:a-z 6:a-z 5:a-z 4:a-z\nL4 2:m-n/1\nL6 1:a-z/100";
    assert_eq!(picked(text), "merge L4 2 -> L5 (size)".replace("merge", "move"));
    let text = "L0 8:a-z 7:a-z 6:a-z 5:a-z 4:a-z 3:a-z\nL4 2:m-n/1\nL6 1:a-z/100";
    assert_eq!(picked(text), "merge L0 8 7 6 5 4 3 L4 2 -> L4 (level 0)");
}

#[test]
fn the_tables_of_a_full_level_take_turns() {
    let text = "L5 2:b-c/60 3:e-f/60 4:h-i/60\nL6 1:a-z/1000";
    let mut turns = RoundRobin::default();
    let mut seen = Vec::new();
    for _ in 0..4 {
        let plan = pick(&tables(text).levels(), &[], &PolicyOptions::default(), &turns).unwrap();
        turns.advance(&plan);
        seen.push(plan.inputs[0].1[0]);
    }
    assert_eq!(seen, [2, 3, 4, 2]);
}

#[test]
fn plans_run_side_by_side_only_on_other_keys_or_levels() {
    let text = "L5 2:a-c/200 3:e-g/200 4:i-k/200\nL6 1:a-d/500 5:f-h/500 6:j-z/500";
    let one = first(text);
    assert_eq!(one.to_string(), "merge L5 2 L6 1 -> L6 (size)");
    let two = picked_with(text, &PolicyOptions::default(), std::slice::from_ref(&one));
    assert_eq!(two, "merge L5 3 L6 5 -> L6 (size)");
    let with_level0 = format!("L0 13:a-z 12:a-z 11:a-z 10:a-z\n{text}");
    let beside = picked_with(&with_level0, &PolicyOptions::default(), &[one]);
    assert_eq!(beside, "merge L5 3 L6 5 -> L6 (size)", "level 0 has to wait for the base");
}

fn asked<'a>(range: (&'a [u8], &'a [u8])) -> Asked<'a> {
    const NONE: &BTreeSet<u64> = &BTreeSet::new();
    Asked { range, since: 10, stale: NONE }
}

#[test]
fn everything_in_a_range_goes_to_the_bottom_step_by_step_and_then_it_is_done() {
    let mut all = tables("L0 9:a-f/d10/r9 8:e-k\nL4 7:b-c 6:d-e 5:x-z\nL5 4:a-c\nL6 1:a-d 2:e-z/d20");
    let options = PolicyOptions { droppable_revision: 10, ..PolicyOptions::default() };
    let mut steps = Vec::new();
    for number in 20.. {
        match pick_in_range(&all.levels(), &[], &options, asked((b"c", b"m"))) {
            Step::Compact(plan) => {
                steps.push(plan.to_string());
                all.install(&plan, number);
            }
            step => {
                assert_eq!(step, Step::Done);
                break;
            }
        }
    }
    assert_eq!(
        steps,
        [
            "merge L0 9 8 L4 7 6 -> L4 (asked)",
            "merge L4 20 L5 4 -> L5 (asked)",
            "merge L5 21 L6 1 2 -> L6 (asked)",
        ]
    );
    assert_eq!(all.levels().0[4].len(), 1, "what is out of range stays");
}

#[test]
fn a_range_waits_for_a_plan_in_its_way_and_leaves_newer_tables_alone() {
    let text = "L0 9:a-f/r20\nL5 4:a-c\nL6 1:a-d";
    let options = PolicyOptions::default();
    let range = (&b"a"[..], &b"z"[..]);
    let all = tables(text);
    let Step::Compact(plan) = pick_in_range(&all.levels(), &[], &options, asked(range)) else {
        panic!("work to do")
    };
    assert_eq!(plan.to_string(), "merge L5 4 L6 1 -> L6 (asked)");
    assert_eq!(pick_in_range(&all.levels(), &[plan], &options, asked(range)), Step::Wait);
    let done = tables("L0 9:a-f/r20\nL6 1:a-d");
    assert_eq!(pick_in_range(&done.levels(), &[], &options, asked(range)), Step::Done);
}

/// Random flushes and plans that finish in any order: levels stay disjoint (checked by `install`), no newer version
/// sinks below an older one, and it comes to rest.
#[test]
fn any_order_of_flushes_and_endings_keeps_levels_disjoint_and_newer_above_older() {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let options = PolicyOptions { base_bytes: 64 << 20, level_factor: 4, ..PolicyOptions::default() };
    for round in 0..60 {
        let outcome = std::panic::catch_unwind(|| random_history(seed * 1000 + round, &options));
        assert!(outcome.is_ok(), "SEED={seed} fails in round {round}");
    }
}

/// What is left of it.
fn random_history(mut random: u64, options: &PolicyOptions) -> Tables {
    let mut next = |below: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % below
    };
    let options = PolicyOptions { droppable_revision: Revision::MAX, ..*options };
    let mut all = tables("");
    let (mut running, mut turns) = (Vec::<Plan>::new(), RoundRobin::default());
    for number in 1..400u64 {
        let from = next(900);
        let to = from + 1 + next(if number % 3 == 0 { 99 } else { 5 });
        let deletes = next(101);
        let text = format!("L0 {number}:{from:03}-{to:03}/r{number}/d{deletes}/{}", 4 + next(16));
        all.0.splice(0..0, tables(&text).0);
        while running.len() < 3 {
            let Some(plan) = pick(&all.levels(), &running, &options, &turns) else { break };
            turns.advance(&plan);
            running.push(plan);
        }
        if !running.is_empty() && next(3) > 0 {
            let plan = running.swap_remove(next(running.len() as u64) as usize);
            all.finish(&plan, 1000 + number);
        }
    }
    for number in 2000..4000 {
        if running.is_empty() {
            let Some(plan) = pick(&all.levels(), &running, &options, &turns) else { break };
            turns.advance(&plan);
            running.push(plan);
        }
        let plan = running.remove(0);
        all.finish(&plan, number);
        assert!(number < 3999, "compaction never comes to rest");
    }
    all
}

#[test]
fn tables_that_refer_to_most_of_worn_blob_files_are_rewritten_where_they_are() {
    let all = tables(
        "L0 6:b-h/b9
         L1 3:a-c/b7/b8 4:e-g/b7
         L6 1:a-d/b8 2:e-f/b7/b8",
    );
    let options = PolicyOptions::default();
    let worn = |files: &[u64], running: &[Plan]| {
        pick_worn(&all.levels(), running, &options, &files.iter().copied().collect())
    };
    let text = |files: &[u64], running: &[Plan]| {
        worn(files, running).map_or("nothing".into(), |plan| plan.to_string())
    };
    assert_eq!(text(&[], &[]), "nothing");
    assert_eq!(text(&[5], &[]), "nothing");
    assert_eq!(text(&[7, 8], &[]), "merge L1 3 -> L1 (blobs)");
    assert_eq!(text(&[7, 8], &[worn(&[7, 8], &[]).unwrap()]), "merge L6 2 -> L6 (blobs)");
    assert_eq!(text(&[9], &[]), "merge L0 6 L1 3 4 -> L1 (blobs)");
    assert_eq!(text(&[9], &[worn(&[7, 8], &[]).unwrap()]), "nothing");
}

/// Nothing that stands between the plan's inputs and its output, and is not an input, holds keys of an input above it.
fn check_order(all: &Tables, plan: &Plan) {
    let levels = all.levels();
    let output = usize::from(plan.output_level);
    for (level, numbers) in &plan.inputs {
        let level = usize::from(*level);
        for number in numbers {
            let at = levels.0[level].iter().position(|table| table.number == *number);
            let at = at.unwrap_or_else(|| panic!("an input of {plan} is gone"));
            let input = levels.0[level][at];
            // Older neighbours of level 0 stand after it. What stays there passes only those among the inputs.
            let last = levels.0[0].iter().rposition(|table| plan.has_input(table.number));
            let older = match level {
                0 if output == 0 => &levels.0[0][at + 1..=last.expect("an input is there")],
                0 => &levels.0[0][at + 1..],
                _ => &[],
            };
            let below = levels.0[(level + 1).min(output)..=output].iter().flatten();
            for other in older.iter().chain(below.filter(|_| level < output)) {
                let is_input = plan.inputs.iter().any(|(_, inputs)| inputs.contains(&other.number));
                assert!(is_input || !all.share_a_key(other, &input), "{plan} passes table {}", other.number);
            }
        }
    }
}
