//! Bytes that are not what was written: right answers or `Corrupt` with file and offset, never anything else.

use super::*;
use crate::error::{Code, Error};

/// Asks the table everything and compares with the rows; the first refusal ends it.
fn read_all(table: &Arc<Table>, rows: &[Row]) -> Result<()> {
    for row in rows {
        assert_eq!(get(table, &row.key, row.revision)?.as_ref(), Some(row));
        assert_eq!(get(table, &[&row.key[..], b"\0"].concat(), Revision::MAX)?, None);
    }
    assert_eq!(forward(&mut table.cursor())?, rows);
    assert!(backward(&mut table.cursor())?.iter().eq(rows.iter().rev()));
    Ok(())
}

/// Range deletes that hold no row.
fn behind() -> [RangeDelete; 2] {
    [range("zz", "zzz", 60), range("zz", "zzzz", 55)]
}

fn assert_names_the_place(error: &Error, path: &Path) {
    assert_eq!(error.code(), Code::Corrupt, "{error}");
    assert_eq!(error.file(), Some(path), "{error}");
    assert!(error.offset().is_some(), "{error}");
}

#[test]
fn a_flipped_byte_gives_the_right_data_or_corrupt_and_verify_reports_it() {
    let rows = varied_rows();
    for compression in [true, false] {
        let folder = Folder::new();
        let summary = folder.build_beside(1, TableOptions { compression, ..options() }, &behind(), &rows);
        let path = folder.path(1);
        let whole = folder.bytes(1);
        for at in 0..whole.len() {
            for bits in [0x01, 0x80, 0xff] {
                let mut damaged = whole.clone();
                damaged[at] ^= bits;
                folder.replace(1, &damaged);
                let table = folder.open(1, &summary, 1 << 20);
                let refusal =
                    read_all(&table, &rows).expect_err("every byte is checked and every page is read");
                assert_names_the_place(&refusal, &path);
                let problems = table.verify(&mut |_| ()).unwrap();
                assert!(!problems.is_empty(), "byte {at}");
                problems.iter().for_each(|problem| assert_names_the_place(problem, &path));
            }
        }
    }
}

#[test]
fn a_file_cut_anywhere_is_corrupt() {
    let rows = varied_rows();
    let folder = Folder::new();
    let summary = folder.build(1, options(), &rows);
    let whole = folder.bytes(1);
    for length in 0..whole.len() {
        folder.replace(1, &whole[..length]);
        let table = folder.open(1, &summary, 1 << 20);
        assert_names_the_place(&read_all(&table, &rows).unwrap_err(), &folder.path(1));
    }
}

#[test]
fn verify_names_the_damaged_page_and_goes_on() {
    let folder = Folder::new();
    let table = folder.table(&varied_rows());
    let index = &table.contents().unwrap().index;
    let mut bytes = folder.bytes(1);
    let damaged = [1, 3].map(|page| index.page(page).offset);
    damaged.iter().for_each(|offset| bytes[*offset as usize] ^= 4);
    folder.replace(1, &bytes);
    let problems = table.verify(&mut |_| ()).unwrap();
    let offsets: Vec<u64> = problems.iter().filter_map(Error::offset).collect();
    assert_eq!(offsets, [0, damaged[0], damaged[1]], "{problems:?}");
}

#[test]
fn a_page_of_another_table_or_another_place_is_not_taken() {
    let rows: Vec<Row> = (0..40).map(|n| Row::put(format!("{n:03}"), 5, vec![b'v'; 100])).collect();
    let folder = Folder::new();
    let options = TableOptions { compression: false, ..options() };
    let summary = folder.build(1, options, &rows);
    folder.build(2, options, &rows);
    let table = folder.open(1, &summary, 0);
    let contents = table.contents().unwrap();
    let (first, second) = (contents.index.page(0), contents.index.page(1));
    assert_eq!(first.bytes, second.bytes);
    let (own, other) = (folder.bytes(1), folder.bytes(2));
    let length = first.bytes as usize;

    let mut moved = own.clone();
    moved.copy_within(length..2 * length, 0);
    folder.replace(1, &moved);
    assert_names_the_place(&read_all(&folder.open(1, &summary, 0), &rows).unwrap_err(), &folder.path(1));

    let mut foreign = own;
    foreign[..length].copy_from_slice(&other[..length]);
    folder.replace(1, &foreign);
    assert_names_the_place(&read_all(&folder.open(1, &summary, 0), &rows).unwrap_err(), &folder.path(1));
}

#[test]
fn a_whole_table_in_the_place_of_another_is_corrupt() {
    let rows = varied_rows();
    let folder = Folder::new();
    let summary = folder.build(1, options(), &rows);
    folder.build(2, options(), &rows);
    folder.replace(1, &folder.bytes(2));
    let refusal = read_all(&folder.open(1, &summary, 0), &rows).unwrap_err();
    assert_names_the_place(&refusal, &folder.path(1));
}

#[test]
fn a_missing_file_is_a_problem_and_not_a_failure_of_verify() {
    let folder = Folder::new();
    let table = folder.table(&varied_rows());
    folder.disk.remove(&folder.path(1)).unwrap();
    let problems = table.verify(&mut |_| ()).unwrap();
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].code(), Code::NotFound);
    assert_eq!(problems[0].file(), Some(&*folder.path(1)));
}

/// Rewrites the footer with `change` and a right checksum, as a later version would.
fn with_footer(change: impl Fn(&mut [u8])) -> Error {
    let rows = varied_rows();
    let folder = Folder::new();
    let mut summary = folder.build(1, options(), &rows);
    let mut bytes = folder.bytes(1);
    let start = bytes.len() - 208;
    let footer = &mut bytes[start..];
    change(footer);
    let crc = crc32c::crc32c_append(crc32c::crc32c(&footer[..192]), &footer[196..]);
    footer[192..196].copy_from_slice(&crc.to_le_bytes());
    summary.footer_crc = crc;
    folder.replace(1, &bytes);
    get(&folder.open(1, &summary, 0), b"many", 1).unwrap_err()
}

#[test]
fn a_newer_table_is_refused_by_name_and_not_called_corrupt() {
    let format = with_footer(|footer| footer[198] = 2);
    assert_eq!(format.code(), Code::Format);
    assert!(format.message().contains("format 2"), "{format}");
    let feature = with_footer(|footer| footer[0] = 8);
    assert_eq!(feature.code(), Code::Format);
    assert!(feature.message().contains("0x8"), "{feature}");
    let encrypted = with_footer(|footer| footer[0] = 1);
    assert_eq!(encrypted.code(), Code::Corrupt, "the manifest says that it is not: {encrypted}");
}

#[test]
fn unknown_optional_features_are_ignored() {
    let gap = with_footer(|footer| {
        footer[4] = 0x10;
        footer[48] ^= 1;
    });
    assert_eq!(
        gap.code(),
        Code::Corrupt,
        "the changed block length is what is refused, not the optional bit"
    );
}

#[test]
fn a_table_whose_filter_has_another_seed_than_the_database_is_refused() {
    let rows = varied_rows();
    let folder = Folder::new();
    let summary = folder.build(1, options(), &rows);
    let cache = Arc::new(PageCache::new(1 << 20));
    let open =
        |seed| Table::new(&folder.disk, &folder.path(1), 1, summary.clone(), &cache).with_filter_seed(seed);
    assert_eq!(get(&open(SEED), &rows[0].key, rows[0].revision).unwrap().as_ref(), Some(&rows[0]));
    let other = open(SEED + 1);
    assert_names_the_place(&get(&other, &rows[0].key, rows[0].revision).unwrap_err(), &folder.path(1));
    assert_eq!(other.verify(&mut |_| ()).unwrap().len(), 1);
}
