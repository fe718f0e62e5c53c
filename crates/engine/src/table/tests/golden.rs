//! Format 1 as it was first written, kept for ever: every later version reads these files. A change of format goes into
//! docs/formats/table.md in the same commit.

use super::*;
use sha2::{Digest, Sha256};

const COMPRESSED: &[u8] = include_bytes!("../../../golden/table-1/000001.table");
const RAW: &[u8] = include_bytes!("../../../golden/table-1/000002.table");

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
