//! Blob files and references on the simulated disk.

use super::*;
use crate::disk::simulated::SimulatedDisk;
use crate::disk::{Disk, SyncPoint, Wait};
use crate::error::{Code, Result};
use crate::limits::{BLOB_RECORD_BYTES_MAX, VALUE_BYTES_MAX};
use crate::testing::Seeded;
use sha2::{Digest, Sha256};
use std::path::Path;
use std::sync::Arc;

const PATH: &str = "/000007.blob";
const NUMBER: u64 = 7;
const ID: [u8; 16] = *b"0123456789abcdef";
const GOLDEN: &[u8] = include_bytes!("../../golden/blob-1/000007.blob");

fn disk() -> (SimulatedDisk, Arc<dyn Disk>) {
    let simulated = SimulatedDisk::default();
    (simulated.clone(), Arc::new(simulated))
}

fn build(disk: &Arc<dyn Disk>, values: &[Vec<u8>], compression: bool) -> (BlobMeta, Vec<Piece>) {
    let mut builder = BlobBuilder::new(disk, Path::new(PATH), NUMBER, ID, compression).unwrap();
    let pieces = values.iter().map(|value| builder.add(value).unwrap()).collect();
    (builder.finish(SyncPoint::Blob).unwrap(), pieces)
}

fn open(disk: &Arc<dyn Disk>, meta: &BlobMeta) -> Arc<BlobFile> {
    Arc::new(BlobFile::new(disk, Path::new(PATH), meta.clone(), &Arc::default()))
}

fn read(file: &BlobFile, piece: &Piece) -> Result<Vec<u8>> {
    let mut out = vec![0; piece.raw as usize];
    file.read(piece, &mut out, Wait::ForDisk).map(|()| out)
}

/// One that compresses, one that does not, one byte.
fn few() -> Vec<Vec<u8>> {
    let noise: Vec<u8> = (0..200u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    vec![b"again and ".repeat(40), noise, vec![1]]
}

#[test]
fn values_of_every_length_come_back_compressed_or_not() {
    let mut random = Seeded::new();
    let mut values = few();
    for length in [100 << 10, 300 << 10, BLOB_RECORD_BYTES_MAX, random.below(1 << 20)] {
        values.push(random.bytes(length));
        values.push((0..length).map(|at| (at / 100) as u8).collect());
    }
    for compression in [true, false] {
        let (_, disk) = disk();
        let (meta, pieces) = build(&disk, &values, compression);
        let file = open(&disk, &meta);
        for (value, piece) in values.iter().zip(&pieces) {
            assert!(read(&file, piece).unwrap() == *value);
            assert!(piece.stored == piece.raw || compression);
        }
        assert_eq!(pieces.iter().map(Piece::record_bytes).sum::<u64>(), meta.record_bytes());
        assert!(file.verify(&mut |_| ()).unwrap().is_empty());
    }
}

#[test]
fn a_copied_piece_is_the_same_value_in_another_file() {
    let (_, disk) = disk();
    let (meta, pieces) = build(&disk, &few(), true);
    let file = open(&disk, &meta);
    let path = Path::new("/000008.blob");
    let mut builder = BlobBuilder::new(&disk, path, 8, [9; 16], true).unwrap();
    let mut copies = Vec::new();
    for piece in pieces.iter().rev() {
        let mut stored = vec![0; piece.stored as usize];
        file.read_packed(piece, &mut stored, Wait::ForDisk).unwrap();
        copies.push(builder.copy(piece, &stored).unwrap());
    }
    let meta = builder.finish(SyncPoint::Blob).unwrap();
    let copy = Arc::new(BlobFile::new(&disk, path, meta, &Arc::default()));
    for (piece, value) in copies.iter().rev().zip(few()) {
        assert_eq!(read(&copy, piece).unwrap(), value);
    }
    assert!(copy.verify(&mut |_| ()).unwrap().is_empty());
}

#[test]
fn a_file_of_format_1_is_still_read_and_written() {
    let (simulated, disk) = disk();
    let (mut meta, pieces) = build(&disk, &few(), false);
    // The one that is compressed may be compressed better any day, the others are as they were.
    let (_, compressed) = build_golden();
    simulated.damage(Path::new(PATH), |bytes| *bytes = GOLDEN.to_vec()).unwrap();
    meta.bytes = GOLDEN.len() as u64;
    meta.sha256 = Sha256::digest(GOLDEN).into();
    let file = open(&disk, &meta);
    assert!(file.verify(&mut |_| ()).unwrap().is_empty());
    let mut offset = 128;
    for (value, raw) in few().iter().zip(&pieces) {
        let header = GOLDEN[offset as usize..][..RECORD_HEADER_BYTES].try_into().unwrap();
        let piece = format::decode_record(header, offset).unwrap();
        assert_eq!((read(&file, &piece).unwrap(), piece.raw), (value.clone(), raw.raw));
        offset += piece.record_bytes();
    }
    assert!(compressed == GOLDEN, "a blob file is written otherwise than before");
}

fn build_golden() -> (BlobMeta, Vec<u8>) {
    let (simulated, disk) = disk();
    let (meta, _) = build(&disk, &few(), true);
    (meta, simulated.contents(Path::new(PATH)).unwrap())
}

#[test]
fn any_wrong_byte_gives_the_right_value_or_corrupt_and_verify_reports_it() {
    let (simulated, disk) = disk();
    let (meta, pieces) = build(&disk, &few(), true);
    for at in 0..meta.bytes {
        for mask in [0x01, 0x80, 0xff] {
            simulated.flip(Path::new(PATH), at, mask).unwrap();
            let file = open(&disk, &meta);
            for (piece, value) in pieces.iter().zip(few()) {
                match read(&file, piece) {
                    Ok(found) => assert_eq!(found, value),
                    Err(error) => {
                        assert_eq!((error.code(), error.file()), (Code::Corrupt, Some(Path::new(PATH))));
                        assert!(error.offset().is_some(), "{error}");
                    }
                }
            }
            let problems = file.verify(&mut |_| ()).unwrap();
            assert!(!problems.is_empty(), "byte {at} xor {mask:#x}");
            assert!(problems.iter().all(|problem| problem.offset().is_some()));
            simulated.flip(Path::new(PATH), at, mask).unwrap();
        }
    }
}

#[test]
fn another_file_under_the_same_name_is_refused() {
    let (_, disk) = disk();
    let (meta, pieces) = build(&disk, &few(), true);
    let other = BlobMeta { id: [1; 16], ..meta };
    let error = read(&open(&disk, &other), &pieces[0]).unwrap_err();
    assert_eq!((error.code(), error.offset()), (Code::Corrupt, Some(24)));
}

#[test]
fn a_reference_that_leads_elsewhere_is_corrupt() {
    let (_, disk) = disk();
    let (meta, pieces) = build(&disk, &few(), true);
    let file = open(&disk, &meta);
    let first = pieces[0];
    for wrong in [
        Piece { offset: first.offset + 1, ..first },
        Piece { offset: 0, ..first },
        Piece { offset: meta.bytes, ..first },
        Piece { offset: u64::MAX, ..first },
        Piece { stored: u32::MAX >> 11, raw: u32::MAX >> 11, codec: 0, ..first },
        Piece { crc: first.crc ^ 1, ..first },
    ] {
        let error = read(&file, &wrong).unwrap_err();
        assert_eq!((error.code(), error.offset()), (Code::Corrupt, Some(wrong.offset)), "{wrong:?}");
    }
}

#[test]
fn a_reference_comes_back_and_one_cut_or_made_up_is_an_error() {
    let piece = Piece { offset: 1 << 20, stored: 70, raw: 100, codec: 1, crc: 0xdead_beef };
    let reference = Reference {
        parts: Vec::new(),
        pieces: vec![(300, piece), (0, Piece { stored: 100, codec: 0, ..piece })],
    };
    let mut bytes = Vec::new();
    reference.encode(&mut bytes);
    assert_eq!(Reference::decode(&bytes).unwrap(), reference);
    for end in 0..bytes.len() {
        // Between two pieces it is a shorter value, which no cut makes: pages are checked.
        if let Ok(shorter) = Reference::decode(&bytes[..end]) {
            assert_eq!(shorter.pieces[..], reference.pieces[..1]);
        }
    }
    assert_eq!(Reference::decode(&[9]).unwrap_err().code(), Code::Format);
    let large =
        Piece { stored: BLOB_RECORD_BYTES_MAX as u32, raw: BLOB_RECORD_BYTES_MAX as u32, codec: 0, ..piece };
    let too_many = VALUE_BYTES_MAX / BLOB_RECORD_BYTES_MAX + 1;
    for wrong in [
        vec![Piece { codec: 2, ..piece }],
        vec![Piece { stored: 99, codec: 0, ..piece }],
        vec![Piece { stored: 116, codec: 1, ..piece }],
        vec![Piece { stored: large.raw + 1, raw: large.raw + 1, ..large }],
        vec![large; too_many],
    ] {
        let mut bytes = Vec::new();
        let pieces = wrong.into_iter().map(|piece| (0, piece)).collect();
        Reference { parts: Vec::new(), pieces }.encode(&mut bytes);
        assert_eq!(Reference::decode(&bytes).unwrap_err().code(), Code::Corrupt);
    }
}

#[test]
fn a_reference_with_parts_leads_to_those_that_are_held_and_to_no_others() {
    let (_, disk) = disk();
    let (meta, pieces) = build(&disk, &few(), true);
    let reference = |parts: &[BlobMeta], file| {
        let mut bytes = Vec::new();
        Reference { parts: parts.to_vec(), pieces: vec![(file, pieces[0])] }.encode(&mut bytes);
        bytes
    };
    let parts = Parts::default();
    let find = |reference: &[u8]| Files::Parts(&parts).find(reference).map_err(|error| error.code());
    let sound = reference(std::slice::from_ref(&meta), 0);
    assert_eq!(find(&sound).err(), Some(Code::Corrupt), "nobody holds it yet");
    parts.adopt(&[open(&disk, &meta)]);
    assert_eq!(find(&sound).unwrap().read(Wait::ForDisk).unwrap(), few()[0]);
    assert_eq!(parts.bytes(), meta.bytes);
    let other = BlobMeta { number: 8, ..meta.clone() };
    for wrong in
        [reference(std::slice::from_ref(&meta), 1), reference(&[], 0), reference(&[meta.clone(), other], 0)]
    {
        assert_eq!(find(&wrong).err(), Some(Code::Corrupt));
    }
    for end in 0..sound.len() {
        assert_eq!(find(&sound[..end]).err(), Some(Code::Corrupt), "cut at {end}");
    }
}

#[test]
fn a_file_goes_when_it_is_obsolete_and_nobody_holds_it_and_an_unfinished_one_at_once() {
    let (_, disk) = disk();
    let (meta, pieces) = build(&disk, &few(), true);
    let file = open(&disk, &meta);
    let held = Reference { parts: Vec::new(), pieces: vec![(0, pieces[0])] }
        .find(std::slice::from_ref(&file))
        .unwrap();
    file.mark_obsolete();
    drop(file);
    assert_eq!(held.read(Wait::ForDisk).unwrap(), few()[0]);
    drop(held);
    assert!(disk.list(Path::new("/")).unwrap().is_empty());

    let builder = BlobBuilder::new(&disk, Path::new(PATH), NUMBER, ID, true).unwrap();
    assert_eq!(disk.list(Path::new("/")).unwrap().len(), 1);
    drop(builder);
    assert!(disk.list(Path::new("/")).unwrap().is_empty());
}
