//! Single behaviours of builder, table, cursor and cache.

use super::*;
use crate::blob::{BlobName, Piece};
use crate::disk::simulated::{Fault, Loss};
use crate::entry::NO_DEADLINE;
use crate::error::Code;
use crate::limits::TABLE_BLOBS_MAX;

fn numbered(count: usize) -> Vec<Row> {
    (0..count)
        .map(|n| Row::put(format!("key {n:08}"), 2 + n as u64, format!("value {n} of {count}")))
        .collect()
}

#[test]
fn the_summary_says_what_the_table_holds() {
    let rows = varied_rows();
    let folder = Folder::new();
    let summary = folder.build(7, options(), &rows);
    let bytes = folder.bytes(7);
    assert_eq!(summary.id, [7; 16]);
    assert_eq!(summary.bytes, bytes.len() as u64);
    assert_eq!(summary.sha256, <[u8; 32]>::from(<sha2::Sha256 as sha2::Digest>::digest(&bytes)));
    assert_eq!((summary.entries, summary.deletes), (rows.len() as u64, 1));
    assert_eq!((&summary.smallest[..], &summary.largest[..]), (&b""[..], &b"z"[..]));
    assert_eq!((summary.min_revision, summary.max_revision), (2, 30_000));
    assert_eq!((summary.min_deadline_ms, summary.dead_ms), (5, NO_DEADLINE));
    assert_eq!(summary.raw_bytes, rows.iter().map(|row| (row.key.len() + row.value.len()) as u64).sum());
}

#[test]
fn an_older_version_is_found_pages_after_the_newest() {
    let rows: Vec<Row> = (1..=500).rev().map(|r| Row::put("counter", 2 * r, format!("{r:030}"))).collect();
    let folder = Folder::new();
    let table = folder.table(&rows);
    assert!(table.contents().unwrap().index.len() > 20);
    for revision in 1..=500 {
        for at in [2 * revision, 2 * revision + 1] {
            assert_eq!(get(&table, b"counter", at).unwrap().unwrap().revision, 2 * revision);
        }
    }
    assert_eq!(get(&table, b"counter", 1).unwrap(), None);
}

#[test]
fn a_value_beyond_a_page_has_a_page_of_its_own() {
    let mut rows = numbered(3);
    rows[1].value = vec![b'x'; 5_000];
    let folder = Folder::new();
    let table = folder.table(&rows);
    assert_eq!(table.contents().unwrap().index.len(), 3);
    assert_eq!(forward(&mut table.cursor()).unwrap(), rows);
}

#[test]
fn a_new_table_touches_no_disk_until_it_is_used() {
    let folder = Folder::new();
    let summary = folder.build(1, options(), &numbered(10));
    folder.disk.remove(&folder.path(1)).unwrap();
    let table = folder.open(1, &summary, 0);
    assert_eq!((table.number(), table.resident_bytes()), (1, 0));
    assert!(get(&table, b"key 00000001", 9).is_err());
}

#[test]
fn a_failed_first_use_is_tried_again_by_the_next() {
    let folder = Folder::new();
    let summary = folder.build(1, options(), &numbered(10));
    let table = folder.open(1, &summary, 0);
    folder.simulated.fail(Some(Fault { call: folder.simulated.calls() + 1, sticky: false, code: Code::Io }));
    assert_eq!(get(&table, b"key 00000001", 9).unwrap_err().code(), Code::Io);
    assert!(get(&table, b"key 00000001", 9).unwrap().is_some());
    assert!(table.resident_bytes() > 0);
}

#[test]
fn the_filter_is_read_by_the_second_lookup_and_never_by_a_scan() {
    let folder = Folder::new();
    let rows = numbered(1_000);
    let summary = folder.build(1, options(), &rows);
    let cache = Arc::new(PageCache::new(1 << 20));
    let table = Arc::new(Table::new(&folder.disk, &folder.path(1), 1, summary, &cache));
    forward(&mut table.cursor()).unwrap();
    let without = table.resident_bytes();
    assert!(get(&table, &rows[500].key, Revision::MAX).unwrap().is_some());
    assert!(get(&table, b"no such key", Revision::MAX).unwrap().is_none());
    let filter = table.resident_bytes() - without;
    assert!(filter > 0, "the second lookup has brought it");
    assert_eq!(table.filter_passes(), 0, "the lookup that found the key went without it");
    assert!(get(&table, &rows[501].key, Revision::MAX).unwrap().is_some());
    assert_eq!((table.resident_bytes(), table.filter_passes()), (without + filter, 1));
    drop(table);
    assert_eq!(cache.bytes_max(), 1 << 20, "all of it is given back");
}

#[test]
fn an_obsolete_table_goes_with_its_last_reader() {
    let folder = Folder::new();
    let rows = numbered(100);
    let summary = folder.build(1, options(), &rows);
    let cache = Arc::new(PageCache::new(1 << 20));
    let table = Arc::new(Table::new(&folder.disk, &folder.path(1), 1, summary, &cache));
    let mut cursor = table.cursor();
    cursor.seek_to_first().unwrap();
    table.mark_obsolete();
    drop(table);
    assert!(folder.exists(1));
    assert_eq!(forward(&mut cursor).unwrap(), rows);
    assert!(cache.bytes() > 0);
    drop(cursor);
    assert!(!folder.exists(1));
    assert_eq!(cache.bytes(), 0);
}

#[test]
fn a_table_that_is_not_obsolete_keeps_its_file() {
    let folder = Folder::new();
    drop(folder.table(&numbered(10)));
    assert!(folder.exists(1));
}

#[test]
fn an_unfinished_table_takes_its_file_away() {
    let folder = Folder::new();
    let mut builder = folder.builder(1, options());
    builder.add(b"key", &Entry::put(2, b"value")).unwrap();
    drop(builder);
    assert!(!folder.exists(1));
}

#[test]
fn a_build_that_fails_at_any_call_takes_its_file_away() {
    let build = |folder: &Folder| -> Result<TableSummary> {
        let options = TableOptions { compression: false, ..options() };
        let mut builder = TableBuilder::new(&folder.disk, &folder.path(1), [1; 16], options)?;
        for row in numbered(10_000) {
            builder.add(&row.key, &row.entry())?;
        }
        builder.finish()
    };
    for ahead in 1.. {
        let folder = Folder::new();
        let call = folder.simulated.calls() + ahead;
        folder.simulated.fail(Some(Fault { call, sticky: false, code: Code::DiskFull }));
        match build(&folder) {
            Ok(_) => {
                assert!(ahead > 4, "calls to create, to write more than once, to sync");
                break;
            }
            Err(error) => assert_eq!(error.code(), Code::DiskFull),
        }
        assert!(!folder.exists(1), "call {ahead}");
    }
}

#[test]
fn a_finished_table_survives_a_power_cut() {
    let folder = Folder::new();
    let rows = varied_rows();
    let summary = folder.build(1, options(), &rows);
    folder.disk.sync_folder(Path::new("/db"), SyncPoint::TableFolder).unwrap();
    let disk: Arc<dyn Disk> = Arc::new(folder.simulated.after_crash(Loss::Everything));
    let cache = Arc::new(PageCache::new(0));
    let table = Arc::new(Table::new(&disk, &folder.path(1), 1, summary, &cache));
    assert_eq!(forward(&mut table.cursor()).unwrap(), rows);
}

#[test]
fn a_long_scan_leaves_hot_pages_in_the_cache() {
    let folder = Folder::new();
    let rows = numbered(20_000);
    let summary = folder.build(1, TableOptions { page_bytes: 4_096, ..options() }, &rows);
    let table = folder.open(1, &summary, 300_000);
    let hot = &rows[10_000];
    for _ in 0..3 {
        get(&table, &hot.key, Revision::MAX).unwrap();
    }
    assert_eq!(forward(&mut table.cursor()).unwrap().len(), rows.len());
    let page = table.contents().unwrap().index.search(&hot.key, hot.revision).unwrap();
    assert!(table.cached_page(page).is_some());
}

#[test]
fn keys_that_all_begin_alike_are_told_apart_however_long_that_beginning_is() {
    for length in [0, 1, 31, 32, 33, 200] {
        let folder = Folder::new();
        let begin = vec![b'p'; length];
        let rows: Vec<Row> = (0..500)
            .map(|n| Row::put([&begin[..], format!("{n:04}").as_bytes()].concat(), 1, "value"))
            .collect();
        let table = folder.table(&rows);
        for row in &rows {
            assert_eq!(get(&table, &row.key, Revision::MAX).unwrap().as_ref(), Some(row), "{length}");
        }
        for other in [
            &begin[..length / 2],
            &[&begin[..length / 2], b"q"].concat(),
            &[&begin[..length / 2], b"a"].concat(),
        ] {
            assert_eq!(get(&table, other, Revision::MAX).unwrap(), None, "{length}");
        }
    }
}

#[test]
fn a_compaction_scan_caches_nothing() {
    let folder = Folder::new();
    let summary = folder.build(1, options(), &numbered(1_000));
    let cache = Arc::new(PageCache::new(1 << 20));
    let table = Arc::new(Table::new(&folder.disk, &folder.path(1), 1, summary, &cache));
    assert_eq!(forward(&mut table.scan()).unwrap().len(), 1_000);
    assert_eq!(cache.bytes(), 0);
    forward(&mut table.cursor()).unwrap();
    assert!(cache.bytes() > 0 && cache.bytes() <= cache.bytes_max());
}

#[test]
fn what_tables_keep_beside_their_pages_is_taken_from_the_page_cache_and_given_back() {
    let folder = Folder::new();
    let summary = folder.build(1, options(), &numbered(1_000));
    let cache = Arc::new(PageCache::new(1 << 20));
    let table = Table::new(&folder.disk, &folder.path(1), 1, summary, &cache);
    assert_eq!(cache.bytes_max(), 1 << 20, "nothing is resident before the first use");
    get(&table, b"key 00000000", 9).unwrap();
    let left = (1 << 20) - table.resident_bytes() as u64;
    assert!((left..left + 8).contains(&cache.bytes_max()), "each of eight shards rounds up");
    drop(table);
    assert_eq!(cache.bytes_max(), 1 << 20);
}

#[test]
fn pages_keep_a_quarter_of_a_budget_that_tables_use_up() {
    let folder = Folder::new();
    let summary = folder.build(1, options(), &numbered(1_000));
    let cache = Arc::new(PageCache::new(4_096));
    let table = Table::new(&folder.disk, &folder.path(1), 1, summary, &cache);
    get(&table, b"key 00000000", 9).unwrap();
    assert!(table.resident_bytes() > 4_096);
    assert_eq!(cache.bytes_max(), 1_024);
}

#[test]
fn hits_and_misses_of_the_cache_are_counted() {
    let folder = Folder::new();
    let summary = folder.build(1, options(), &numbered(10));
    let cache = Arc::new(PageCache::new(1 << 20));
    let table = Table::new(&folder.disk, &folder.path(1), 1, summary, &cache);
    for _ in 0..3 {
        get(&table, b"key 00000000", 9).unwrap();
    }
    assert_eq!((cache.hits(), cache.misses()), (2, 1));
}

#[test]
fn verify_reports_its_progress_through_the_whole_file() {
    let folder = Folder::new();
    let table = folder.table(&numbered(1_000));
    let mut bytes = 0;
    assert!(table.verify(&mut |more| bytes += more).unwrap().is_empty());
    assert_eq!(bytes, table.summary().bytes);
}

#[test]
fn the_same_entries_give_the_same_bytes() {
    let folder = Folder::new();
    let first = folder.build(1, options(), &varied_rows());
    folder.disk.remove(&folder.path(1)).unwrap();
    assert_eq!(folder.build(1, options(), &varied_rows()), first);
}

#[test]
#[should_panic(expected = "keys must ascend")]
fn keys_out_of_order_are_a_bug() {
    let folder = Folder::new();
    let mut builder = folder.builder(1, options());
    builder.add(b"b", &Entry::put(2, b"")).unwrap();
    let _ = builder.add(b"a", &Entry::put(3, b""));
}

#[test]
#[should_panic(expected = "versions of a key must descend")]
fn versions_out_of_order_are_a_bug() {
    let folder = Folder::new();
    let mut builder = folder.builder(1, options());
    builder.add(b"a", &Entry::put(2, b"")).unwrap();
    let _ = builder.add(b"a", &Entry::put(2, b""));
}

#[test]
fn a_range_delete_reads_as_a_delete_of_every_older_version_in_it() {
    let folder = Folder::new();
    let rows =
        [Row::put("b", 9, "new"), Row::put("b", 4, "old"), Row::put("c", 5, "at it"), Row::put("d", 4, "")];
    let summary = folder.build_beside(1, options(), &[range("a", "d", 5), range("e", "f", 7)], &rows);
    let table = folder.open(1, &summary, 0);
    let at = |key: &str, at| get(&table, key.as_bytes(), at).unwrap().map(|row| (row.kind, row.revision));
    assert_eq!(
        [at("b", 9), at("b", 8), at("b", 4)],
        [Some((Kind::Put, 9)), Some((Kind::Delete, 5)), Some((Kind::Put, 4))]
    );
    assert_eq!(
        [at("c", 5), at("c", 4)],
        [Some((Kind::Put, 5)), None],
        "it hides nothing of its own revision"
    );
    assert_eq!([at("a", 5), at("a", 4), at("d", 9)], [Some((Kind::Delete, 5)), None, Some((Kind::Put, 4))]);
    assert_eq!([at("e", 6), at("e", 7), at("f", 7)], [None, Some((Kind::Delete, 7)), None]);
    assert_eq!((&summary.smallest[..], &summary.largest[..]), (&b"a"[..], &b"f"[..]));
    assert_eq!((summary.range_deletes, summary.entries, summary.max_revision), (2, 4, 9));
    assert!(table.verify(&mut |_| ()).unwrap().is_empty());
}

#[test]
fn a_table_may_hold_range_deletes_alone() {
    let folder = Folder::new();
    let summary = folder.build_beside(1, options(), &[range("a", "b\0", 5)], &[]);
    assert_eq!((&summary.smallest[..], &summary.largest[..]), (&b"a"[..], &b"b"[..]));
    let table = folder.open(1, &summary, 0);
    assert!(table.verify(&mut |_| ()).unwrap().is_empty());
    assert_eq!(get(&table, b"b", 5).unwrap().map(|row| row.kind), Some(Kind::Delete));
    let mut cursor = table.cursor();
    assert_eq!((forward(&mut cursor).unwrap(), backward(&mut cursor).unwrap()), (vec![], vec![]));
    cursor.seek(b"a", 9).unwrap();
    assert!(!cursor.valid());
    cursor.seek_before(b"b", 9).unwrap();
    assert!(!cursor.valid());
}

#[test]
fn a_reference_to_more_files_than_a_table_may_list_is_refused() {
    let folder = Folder::new();
    let mut builder = folder.builder(1, options());
    let piece = Piece { offset: 128, stored: 1, raw: 1, codec: 0, crc: 0 };
    let file = |number| (BlobName { number, id: [1; 16] }, piece);
    let pieces: Vec<_> = (0..=TABLE_BLOBS_MAX as u64).map(file).collect();
    let error = builder.add_reference(b"key", &Entry::put(2, b""), &pieces).unwrap_err();
    assert_eq!(error.code(), Code::TooLarge);
}
