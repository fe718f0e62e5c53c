//! What is dead, and when that is worth a compaction.

use super::*;

/// Nobody reads anything old, and it is `now_ms`.
fn at(now_ms: i64) -> PolicyOptions {
    PolicyOptions { droppable_revision: Revision::MAX, now_ms, ..PolicyOptions::default() }
}

fn collected(text: &str) -> String {
    picked_with(text, &at(0), &[])
}

#[test]
fn deletes_go_down_if_they_hide_a_fifth_of_what_lies_below() {
    assert_eq!(collected("L0 2:a-c/d80\nL6 1:a-z/100"), "merge L0 2 L6 1 -> L6 (garbage)");
    assert_eq!(collected("L0 2:a-c/d15\nL6 1:a-z/100"), "nothing");
    // All hidden tables count, down to the bottom, and so does the way there.
    assert_eq!(collected("L0 2:a-c/d80\nL6 1:a-b/100 3:c-z/100"), "merge L0 2 L6 1 3 -> L6 (garbage)");
    let text = "L0 2:a-z/d60\nL6 1:a-b/50 3:c-e/50 4:f-h/50 5:i-k/50 6:l-z/50";
    assert_eq!(collected(text), "nothing");
    assert_eq!(collected("L0 3:a-z/d100/1 2:a-z"), "merge L0 3 2 -> L6 (garbage)", "or above it at level 0");
}

#[test]
fn deletes_that_hide_nothing_are_rewritten_away_or_dropped() {
    assert_eq!(collected("L6 1:a-z/d60"), "merge L6 1 -> L6 (garbage)");
    assert_eq!(collected("L0 2:a-c/d80\nL6 1:m-z"), "merge L0 2 -> L6 (garbage)");
    assert_eq!(collected("L6 1:a-f/d100 2:g-k 3:l-z/d100"), "drop L6 1 3 (garbage)");
    assert_eq!(collected("L0 3:a-c/d100\nL6 1:m-z"), "drop L0 3 (garbage)");
    assert_eq!(collected("L0 3:a-c/d100 2:b-d\nL6 1:m-z"), "merge L0 3 2 -> L6 (garbage)");
}

#[test]
fn what_only_has_to_go_goes_first() {
    // On a full disk the merge that is due would fail again and again.
    let text = "L0 5:a-c 4:a-c 3:a-c 2:a-c\nL6 1:m-z/d100";
    assert_eq!(picked_with(text, &at(0), &[]), "drop L6 1 (garbage)");
}

#[test]
fn what_a_reader_still_needs_is_left() {
    for text in
        ["L6 1:a-z/d60/r50", "L6 1:a-z/d100/r50", "L0 2:a-c/d80/r50\nL6 1:a-z/10", "L6 1:a-z/f5/a9/r50"]
    {
        let held = PolicyOptions { droppable_revision: 49, ..at(10) };
        assert_eq!(picked_with(text, &held, &[]), "nothing", "{text}");
        let released = PolicyOptions { droppable_revision: 50, ..held };
        assert_ne!(picked_with(text, &released, &[]), "nothing", "{text}");
    }
}

#[test]
fn passed_deadlines_are_collected_when_a_fifth_has_passed_and_dropped_when_all_have() {
    let text = "L6 1:a-z/f1000/a90000";
    assert_eq!(picked_with(text, &at(999), &[]), "nothing");
    assert_eq!(picked_with(text, &at(1000), &[]), "merge L6 1 -> L6 (garbage)");
    assert_eq!(picked_with(text, &at(90_000), &[]), "drop L6 1 (garbage)");
    // Not twice within seconds.
    let text = "L6 1:a-z/f1000/a11000";
    assert_eq!(picked_with(text, &at(10_999), &[]), "nothing");
    assert_eq!(picked_with(text, &at(11_000), &[]), "drop L6 1 (garbage)");
    // Above others an expired entry hides what a delete would hide.
    let text = "L5 2:a-z/f1000/a90000\nL6 1:a-z/400";
    assert_eq!(picked_with(text, &at(90_000), &[]), "merge L5 2 L6 1 -> L6 (garbage)");
}

#[test]
fn the_next_look_is_when_the_next_deadlines_pass() {
    let next = |text: &str, options: &PolicyOptions| {
        next_garbage_ms(&tables(text).levels(), options, options.now_ms)
    };
    let text = "L0 3:a-c/f500/a900\nL6 1:a-f/f1000/a90000 2:g-k/d60 4:l-z/f700";
    assert_eq!(next(text, &at(0)), Some(700));
    assert_eq!(next(text, &at(700)), Some(900));
    assert_eq!(next(text, &at(900)), Some(1000));
    assert_eq!(next(text, &at(1000)), Some(90_000));
    assert_eq!(next(text, &at(90_000)), None);
    assert_eq!(
        next(text, &PolicyOptions { droppable_revision: 0, ..at(0) }),
        None,
        "a snapshot that ends wakes it"
    );
}

#[test]
fn a_small_gain_is_not_worth_a_compaction() {
    let options = PolicyOptions { garbage_bytes_min: 17 << 20, ..at(0) };
    assert_eq!(picked_with("L6 1:a-z/d60", &options, &[]), "nothing");
    assert_eq!(picked_with("L6 1:a-z/30/d60", &options, &[]), "merge L6 1 -> L6 (garbage)");
}

#[test]
fn garbage_waits_for_levels_that_are_too_full() {
    let text = "L0 7:a-f 6:a-f 5:a-f 4:a-f\nL6 1:a-f 2:g-z/d60";
    assert_eq!(collected(text), "merge L0 7 6 5 4 L6 1 -> L6 (level 0)");
}
