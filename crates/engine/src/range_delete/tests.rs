use super::*;
use crate::testing::Seeded;

fn range(lower: &str, upper: &str, revision: Revision) -> RangeDelete {
    RangeDelete { lower: lower.as_bytes().into(), upper: upper.as_bytes().into(), revision }
}

/// Short strings over three letters, so that ranges touch and overlap often.
fn any_key(random: &mut Seeded) -> Vec<u8> {
    let length = random.below(4);
    (0..length).map(|_| b'a' + random.below(3) as u8).collect()
}

fn any_range(random: &mut Seeded, revision: Revision) -> RangeDelete {
    loop {
        let (a, b) = (any_key(random), any_key(random));
        if a != b {
            let (lower, upper) = if a < b { (a, b) } else { (b, a) };
            return RangeDelete { lower: lower.into(), upper: upper.into(), revision };
        }
    }
}

fn newest(ranges: &[RangeDelete], key: &[u8], at: Revision) -> Revision {
    let holding = ranges.iter().filter(|range| range.holds(key) && range.revision <= at);
    holding.map(|range| range.revision).max().unwrap_or(0)
}

#[test]
fn any_reader_is_answered_as_by_a_look_at_every_range() {
    let mut random = Seeded::new();
    for _ in 0..200 {
        let count = random.below(40);
        let mut revision = 1;
        let mut ranges = Vec::new();
        let mut set = RangeDeletes::default();
        for _ in 0..count {
            // Several of one commit have one revision.
            revision += random.below(3) as u64;
            ranges.push(any_range(&mut random, revision));
            set.add(ranges.last().unwrap().clone());
        }
        assert_eq!((set.len(), set.is_empty()), (count, count == 0));
        let again = RangeDeletes::of(set.all());
        let flat = Flat::of(ranges.clone());
        for _ in 0..100 {
            let (key, at) = (any_key(&mut random), random.below(revision as usize + 3) as u64);
            let wanted = newest(&ranges, &key, at);
            assert_eq!(set.newest(&key, at), wanted, "{key:?} at {at} of {ranges:?}");
            assert_eq!(again.newest(&key, at), wanted);
            let found = flat.find(&key).map_or(0, |range| range.revision);
            assert_eq!(found, newest(&ranges, &key, Revision::MAX), "{key:?} of {ranges:?}");
            let by_nodes = set.nodes_at(at).iter().find_map(|node| Some(node.flat().find(&key)?.revision));
            assert_eq!(by_nodes.unwrap_or(0), wanted);
        }
    }
}

#[test]
fn a_place_says_how_far_the_same_answer_goes() {
    let mut random = Seeded::new();
    for _ in 0..200 {
        let count = random.below(12);
        let flat = Flat::of((0..count).map(|at| any_range(&mut random, at as u64 + 2)).collect());
        let disjoint = flat.ranges().windows(2).all(|pair| pair[0].upper <= pair[1].lower);
        assert!(disjoint && flat.ranges().iter().all(|range| range.lower < range.upper));
        for _ in 0..50 {
            let (key, other) = (any_key(&mut random), any_key(&mut random));
            let place = flat.place(&key);
            assert_eq!(place.range, flat.find(&key));
            let from = place.from.is_none_or(|from| from[..] <= key[..]);
            assert!(from && place.until.is_none_or(|until| key[..] < until[..]));
            let inside = place.from.is_none_or(|from| from[..] <= other[..])
                && place.until.is_none_or(|until| other[..] < until[..]);
            if inside {
                assert_eq!(flat.find(&other), place.range, "{key:?} and {other:?} in {flat:?}");
            }
        }
    }
}

#[test]
fn nested_ranges_do_not_grow_what_a_reader_asks() {
    let mut set = RangeDeletes::default();
    for revision in 2..2_000u64 {
        set.add(range("a", &format!("b{revision:05}"), revision));
    }
    let nodes = set.nodes_at(Revision::MAX);
    assert!(nodes.len() <= 11 && nodes.iter().all(|node| node.flat().ranges().len() == 1));
    assert_eq!(set.newest(b"b00001", 1_000), 1_000);
    assert_eq!(set.newest(b"b01500", 1_000), 0);
}

#[test]
fn ranges_that_adjoin_at_one_revision_become_one() {
    let flat = Flat::of(vec![range("c", "d", 5), range("a", "b", 5), range("b", "c", 5)]);
    assert_eq!(flat.ranges(), [range("a", "d", 5)]);
}

#[test]
fn the_largest_key_of_a_range_is_known_where_there_is_one() {
    assert_eq!(range("a", "b\0", 2).largest(), b"b");
    assert_eq!(range("a", "b", 2).largest(), b"b");
    assert_eq!(range("", "\0", 2).largest(), b"");
}
