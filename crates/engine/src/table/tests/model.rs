//! Random tables against a sorted list: every get, every seek and every walk must agree.

use super::*;
use crate::key;
use crate::testing::Seeded;

/// Keys that share prefixes, contain one another and differ late, with 1 to many versions each.
fn random_rows(random: &mut Seeded) -> Vec<Row> {
    let mut rows = Vec::new();
    let prefixes: Vec<Vec<u8>> = (0..4).map(|_| some_bytes(random, 20)).collect();
    for _ in 0..1 + random.below(150) {
        let mut key = prefixes[random.below(prefixes.len())].clone();
        let tail = random.below(6);
        key.extend((0..tail).map(|_| [0, 1, b'a', 0xff][random.below(4)]));
        let versions = if random.below(8) == 0 { random.below(60) } else { 1 };
        for _ in 0..=versions {
            rows.push(random_row(random, &key));
        }
    }
    rows.sort_by(|a, b| key::compare((&a.key, a.revision), (&b.key, b.revision)));
    rows.dedup_by(|a, b| (&a.key, a.revision) == (&b.key, b.revision));
    rows
}

fn random_row(random: &mut Seeded, key: &[u8]) -> Row {
    let revision = 1 + random.next() % [9, 1_000, 1 << 53][random.below(3)];
    let mut row = Row::of(key, Entry::delete(revision));
    if random.below(5) > 0 {
        let length = [0, 10, 10, 40, 2_000][random.below(5)];
        let value = if random.below(2) == 0 { vec![b'v'; length] } else { some_bytes(random, length) };
        row = Row::put(key, revision, value);
        row.deadline_ms = if random.below(4) == 0 { random.next() as i64 } else { row.deadline_ms };
        row.lease = if random.below(4) == 0 { random.next() as i64 } else { 0 };
        if random.below(4) == 0 {
            (row.create_revision, row.version) = (random.next() >> random.below(64), random.next() >> 40);
        }
    }
    row
}

fn some_bytes(random: &mut Seeded, length_max: usize) -> Vec<u8> {
    let length = random.below(length_max + 1);
    random.bytes(length)
}

fn random_options(random: &mut Seeded) -> TableOptions {
    TableOptions {
        compression: random.below(2) == 0,
        page_bytes: [1, 128, 600, 4_096][random.below(4)],
        filter: random.below(3) > 0,
        filter_seed: SEED,
        trim: None,
    }
}

/// Positions worth asking for: those of the rows, just around them, and strangers.
fn probe(random: &mut Seeded, rows: &[Row]) -> (Vec<u8>, Revision) {
    let row = &rows[random.below(rows.len())];
    let mut key = row.key.clone();
    match random.below(5) {
        0 => key.push(random.next() as u8),
        1 => drop(key.pop()),
        2 => key = random_rows(random).swap_remove(0).key,
        _ => {}
    }
    let revision = match random.below(5) {
        0 => 0,
        1 => Revision::MAX,
        2 => row.revision - 1,
        3 => row.revision + 1,
        _ => row.revision,
    };
    (key, revision)
}

#[test]
fn a_table_agrees_with_a_sorted_list() {
    let mut random = Seeded::new();
    for _ in 0..60 {
        let rows = random_rows(&mut random);
        let options = random_options(&mut random);
        let folder = Folder::new();
        let summary = folder.build(1, options, &rows);
        let table = folder.open(1, &summary, [0, 3_000, 1 << 20][random.below(3)]);
        assert!(table.verify(&mut |_| ()).unwrap().is_empty());
        assert_eq!(forward(&mut table.cursor()).unwrap(), rows);
        assert_eq!(forward(&mut table.scan()).unwrap(), rows);
        let reversed: Vec<Row> = rows.iter().rev().cloned().collect();
        assert_eq!(backward(&mut table.cursor()).unwrap(), reversed);
        check_gets(&mut random, &table, &rows);
        check_walks(&mut random, &table, &rows);
    }
}

fn check_gets(random: &mut Seeded, table: &Table, rows: &[Row]) {
    for _ in 0..400 {
        let (key, at) = probe(random, rows);
        let expected = rows.iter().find(|row| row.key == key && row.revision <= at);
        assert_eq!(get(table, &key, at).unwrap().as_ref(), expected, "{key:?} at {at}");
    }
}

/// One cursor, many seeks, each followed by a short walk in random directions.
fn check_walks(random: &mut Seeded, table: &Arc<Table>, rows: &[Row]) {
    let mut cursor = table.cursor();
    assert!(!cursor.valid());
    for _ in 0..100 {
        let (key, revision) = probe(random, rows);
        let split =
            rows.partition_point(|row| key::compare((&row.key, row.revision), (&key, revision)).is_lt());
        let mut at = if random.below(2) == 0 {
            cursor.seek(&key, revision).unwrap();
            Some(split)
        } else {
            cursor.seek_before(&key, revision).unwrap();
            split.checked_sub(1)
        };
        let mut toward_end = random.below(2) == 0;
        for _ in 0..random.below(60) {
            let expected = at.and_then(|at| rows.get(at));
            assert_eq!(standing(&cursor).as_ref(), expected);
            let Some(here) = at.filter(|at| *at < rows.len()) else {
                break;
            };
            if random.below(6) == 0 {
                toward_end = !toward_end;
            }
            if toward_end {
                cursor.next().unwrap();
                at = Some(here + 1);
            } else {
                cursor.prev().unwrap();
                at = here.checked_sub(1);
            }
        }
    }
}
