//! Format 1 as it was first written, kept for ever: every later version reads these files. A change of format goes into
//! docs/formats/table.md in the same commit.

use super::*;
use crate::blob::{BlobName, Piece, Reference, Use};
use crate::table::VersionSummary;
use sha2::{Digest, Sha256};

const COMPRESSED: &[u8] = include_bytes!("../../../golden/table-1/000001.table");
const RAW: &[u8] = include_bytes!("../../../golden/table-1/000002.table");
const REFERRING: &[u8] = include_bytes!("../../../golden/table-1/000003.table");
const VERSIONED: &[u8] = include_bytes!("../../../golden/table-1/000004.table");

fn raw_options() -> TableOptions {
    TableOptions { compression: false, ..options() }
}

/// One that overlaps all, one inside it, one behind every key.
fn ranges() -> [RangeDelete; 3] {
    [range("a", "n", 2), range("lease", "lease\0", 39), range("zz", "zzz", 60)]
}

#[test]
fn tables_of_format_1_are_still_read() {
    let rows = varied_rows();
    for (number, golden) in [(1, COMPRESSED), (2, RAW)] {
        let folder = Folder::new();
        let mut summary = folder.build_beside(number, options(), &ranges(), &rows);
        folder.replace(number, golden);
        // What the manifest said of the golden file; the rest follows from the rows.
        summary.bytes = golden.len() as u64;
        summary.sha256 = Sha256::digest(golden).into();
        let crc = golden[golden.len() - 16..].first_chunk().unwrap();
        summary.footer_crc = u32::from_le_bytes(*crc);
        let table = folder.open(number, &summary, 1 << 20);
        assert!(table.verify(&mut |_| ()).unwrap().is_empty());
        assert_eq!(forward(&mut table.cursor()).unwrap(), rows);
        for row in &rows {
            assert_eq!(get(&table, &row.key, row.revision).unwrap().as_ref(), Some(row));
        }
        let deleted = get(&table, b"zz", 60).unwrap().map(|row| (row.kind, row.revision));
        assert_eq!(deleted, Some((Kind::Delete, 60)));
    }
}

/// Not so for the compressed one: the compressor may find better matches any day.
#[test]
fn a_raw_table_is_still_written_byte_for_byte() {
    let folder = Folder::new();
    folder.build_beside(2, raw_options(), &ranges(), &varied_rows());
    assert!(folder.bytes(2) == RAW, "a table is written otherwise than before");
}

#[test]
fn a_table_of_a_database_with_history_says_what_trimming_does_to_it() {
    let put = |key: &str, revision, create_revision, version| Row {
        create_revision,
        version,
        ..Row::put(key, revision, "value")
    };
    let rows = [
        put("a", 9, 9, 1),
        Row::of(b"a", Entry::delete(7)),
        put("a", 5, 3, 2),
        put("a", 3, 3, 1),
        put("b", 4, 4, 1),
    ];
    let folder = Folder::new();
    let summary = folder.build(4, TableOptions { trim: Some(2), ..raw_options() }, &rows);
    assert!(folder.bytes(4) == VERSIONED, "a table is written otherwise than before");
    let versions = VersionSummary { trim: 2, dead: 3, first: 5, fifth: 5 };
    assert_eq!(summary.versions, Some(versions));
    let table = folder.open(4, &summary, 1 << 20);
    assert!(table.verify(&mut |_| ()).unwrap().is_empty());
    assert_eq!(forward(&mut table.cursor()).unwrap(), rows);

    let wrong = put("b", 4, 5, 2);
    let summary = folder.build(5, TableOptions { trim: Some(2), ..raw_options() }, &[wrong]);
    assert_eq!(folder.open(5, &summary, 0).verify(&mut |_| ()).unwrap().len(), 1);
}

/// Three values in two blob files, one of them in two pieces.
fn build_referring(folder: &Folder, numbers: [u64; 2]) -> TableSummary {
    let file = |at: usize| BlobName { number: numbers[at], id: [at as u8 + 1; 16] };
    let piece = |offset| Piece { offset, stored: 90, raw: 100, codec: 1, crc: 0x0102_0304 };
    let mut builder = folder.builder(3, raw_options());
    let mut add = |key: &[u8], pieces: &[(BlobName, Piece)]| {
        builder.add_reference(key, &Entry::put(7, b""), pieces).unwrap();
    };
    add(b"a", &[(file(1), piece(128))]);
    add(b"b", &[(file(0), piece(128)), (file(1), piece(300))]);
    add(b"c", &[(file(0), Piece { stored: 100, codec: 0, ..piece(1 << 20) })]);
    builder.finish().unwrap()
}

#[test]
fn a_table_whose_values_are_in_blob_files_is_the_same_whatever_their_numbers() {
    for numbers in [[4, 5], [500, 1]] {
        let folder = Folder::new();
        let summary = build_referring(&folder, numbers);
        assert!(folder.bytes(3) == REFERRING, "a table is written otherwise than before");
        let used = |at: usize, bytes| Use { file: numbers[at], id: [at as u8 + 1; 16], bytes };
        assert_eq!(summary.blobs, [used(1, 2 * 106), used(0, 106 + 116)]);
        let table = folder.open(3, &summary, 1 << 20);
        let found = get(&table, b"b", 7).unwrap().unwrap();
        let pieces = Reference::decode(&found.value).unwrap().pieces;
        assert_eq!(
            pieces.iter().map(|(file, piece)| (*file, piece.offset)).collect::<Vec<_>>(),
            [(1, 128), (0, 300)]
        );
    }
}
