//! Bytes changed from outside.

use super::*;
use crate::names::FileName;

fn worked() -> (SimulatedDisk, FileName, State) {
    let disk = disk_with_folder();
    let mut log = create(&disk).unwrap();
    for _ in 0..7 {
        work(&disk, &mut log).unwrap();
    }
    (disk, log.file().0, log.state().clone())
}

#[test]
fn a_flip_of_any_byte_gives_the_right_state_or_an_error_with_its_place() {
    let (disk, manifest, wanted) = worked();
    for name in [manifest, FileName::Current] {
        let path = name.in_folder(folder());
        for offset in 0..disk.contents(&path).unwrap().len() as u64 {
            for mask in [0x01, 0x20, 0xff] {
                let disk = disk.clone_image();
                disk.flip(&path, offset, mask).unwrap();
                match recover(&disk, &Keys::default(), folder()) {
                    Ok(recovered) => assert_eq!(recovered.state, wanted, "byte {offset} of {name}"),
                    Err(error) => {
                        assert!(matches!(error.code(), Code::Corrupt | Code::Format), "{error}");
                        assert_eq!(error.file(), Some(&*path), "{error}");
                        assert!(
                            error.offset().is_some_and(|at| at <= offset),
                            "byte {offset} of {name}: {error}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn a_manifest_cut_anywhere_below_its_first_bytes_is_corrupt_and_no_cut_panics() {
    let (disk, manifest, _) = worked();
    let path = manifest.in_folder(folder());
    let bytes = disk.contents(&path).unwrap();
    let synced = u64::from_le_bytes(bytes[32..40].try_into().unwrap());
    for length in 0..bytes.len() as u64 {
        let disk = disk.clone_image();
        disk.truncate(&path, length).unwrap();
        let outcome =
            recover(&disk, &Keys::default(), folder()).map(|recovered| recovered.state.last_revision);
        if length < synced {
            assert_eq!(outcome.unwrap_err().code(), Code::Corrupt, "cut at {length}");
        }
    }
}

#[test]
fn a_manifest_under_another_name_is_corrupt() {
    let (disk, manifest, _) = worked();
    let other = FileName::Manifest(99);
    disk.rename(&manifest.in_folder(folder()), &other.in_folder(folder())).unwrap();
    let line = current::encode(99).into_bytes();
    disk.damage(&FileName::Current.in_folder(folder()), |bytes| *bytes = line).unwrap();
    let error = recover(&disk, &Keys::default(), folder()).map(|_| ()).unwrap_err();
    assert_eq!((error.code(), error.offset()), (Code::Corrupt, Some(24)));
}

#[test]
fn random_bytes_in_either_file_are_an_error() {
    let random = crate::simulation::SeededRandom::new(1);
    let (disk, manifest, _) = worked();
    for name in [manifest, FileName::Current] {
        for round in 0..200 {
            let disk = disk.clone_image();
            let mut bytes = vec![0; random.below(400)];
            crate::environment::Random::fill(&random, &mut bytes);
            disk.damage(&name.in_folder(folder()), |file| *file = bytes).unwrap();
            let error = recover(&disk, &Keys::default(), folder()).map(|_| ()).expect_err("garbage was read");
            assert!(matches!(error.code(), Code::Corrupt | Code::Format), "round {round}: {error}");
        }
    }
}

#[test]
fn tables_of_one_level_that_share_a_key_are_corrupt() {
    let disk = disk_with_folder();
    let mut log = create(&disk).unwrap();
    for number in [2, 3] {
        disk.create(&FileName::Table(number).in_folder(folder())).unwrap();
        log.append(Edit { added: vec![(1, table(number, "a", "m"))], ..Edit::default() }).unwrap();
    }
    let error = recover(&disk, &Keys::default(), folder()).map(|_| ()).unwrap_err();
    assert_eq!(error.code(), Code::Corrupt);
    assert!(error.message().contains("tables 2 and 3 of level 1"), "{error}");
}
