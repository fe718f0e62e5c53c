use super::*;

const POINT: SyncPoint = SyncPoint::Table;

fn path(text: &str) -> &Path {
    Path::new(text)
}

fn write(disk: &SimulatedDisk, name: &str, bytes: &[u8]) -> Box<dyn File> {
    let file = disk.create(path(name)).unwrap();
    file.write_at(0, bytes).unwrap();
    file
}

/// A disk with one durable file `/a`.
fn durable(bytes: &[u8]) -> (SimulatedDisk, Box<dyn File>) {
    let disk = SimulatedDisk::default();
    let file = write(&disk, "/a", bytes);
    file.sync(POINT).unwrap();
    disk.sync_folder(path("/"), POINT).unwrap();
    (disk, file)
}

fn some_crash(disk: &SimulatedDisk, found: impl Fn(&SimulatedDisk) -> bool) -> bool {
    (0..500).any(|seed| found(&SimulatedDisk::new(disk.image().after_crash(Loss::Random(seed)))))
}

#[test]
fn a_crash_keeps_what_was_synced_and_only_that_where_everything_else_is_lost() {
    let (disk, file) = durable(b"before");
    file.write_at(0, b"AFTER!").unwrap();
    file.set_len(3).unwrap();
    write(&disk, "/unnamed", b"x").sync(POINT).unwrap();
    assert_eq!(disk.contents(path("/a")).unwrap(), b"AFT");
    let after = disk.after_crash(Loss::Everything);
    assert_eq!(after.contents(path("/a")).unwrap(), b"before");
    assert_eq!(after.list(path("/")).unwrap(), ["a"]);
    assert_eq!(file.size().unwrap_err().code(), Code::Io);
}

#[test]
fn a_name_synced_before_its_bytes_is_an_empty_file_after_a_crash() {
    let disk = SimulatedDisk::default();
    write(&disk, "/a", b"bytes");
    disk.sync_folder(path("/"), POINT).unwrap();
    assert_eq!(disk.after_crash(Loss::Everything).contents(path("/a")).unwrap(), b"");
}

#[test]
fn a_random_crash_may_keep_lose_or_tear_a_write_but_only_between_sectors() {
    let (disk, file) = durable(&[1; 1024]);
    file.write_at(0, &[2; 1024]).unwrap();
    let after = |first: u8, second: u8| {
        let expected = [[first; 512], [second; 512]].concat();
        some_crash(&disk, |disk| disk.contents(path("/a")).unwrap() == expected)
    };
    assert!(after(1, 1) && after(2, 2) && after(1, 2) && after(2, 1));
    let torn_inside =
        |disk: &SimulatedDisk| disk.contents(path("/a")).unwrap()[..512].windows(2).any(|w| w[0] != w[1]);
    assert!(!some_crash(&disk, torn_inside));
}

#[test]
fn a_random_crash_may_lose_an_earlier_write_and_keep_a_later_one() {
    let (disk, file) = durable(b"");
    file.write_at(0, &[1; 512]).unwrap();
    file.write_at(512, &[2; 512]).unwrap();
    let hole = [[0; 512], [2; 512]].concat();
    assert!(some_crash(&disk, |disk| disk.contents(path("/a")).unwrap() == hole));
}

#[test]
fn a_random_crash_may_undo_a_cut() {
    let (disk, file) = durable(b"long");
    file.set_len(1).unwrap();
    assert!(some_crash(&disk, |disk| disk.contents(path("/a")).unwrap() == b"long"));
    assert!(some_crash(&disk, |disk| disk.contents(path("/a")).unwrap() == b"l"));
}

#[test]
fn after_a_rename_each_name_is_at_its_old_or_its_new_file() {
    let (disk, _) = durable(b"old");
    write(&disk, "/b", b"new").sync(POINT).unwrap();
    disk.sync_folder(path("/"), POINT).unwrap();
    disk.rename(path("/b"), path("/a")).unwrap();
    let is = |a: &'static [u8], b: bool| {
        some_crash(&disk, move |disk| {
            disk.contents(path("/a")).unwrap() == a && disk.contents(path("/b")).is_ok() == b
        })
    };
    assert!(is(b"old", true) && is(b"old", false) && is(b"new", true) && is(b"new", false));
    disk.sync_folder(path("/"), POINT).unwrap();
    assert!(!is(b"old", true) && !is(b"old", false) && !is(b"new", true) && is(b"new", false));
}

#[test]
fn a_folder_not_synced_in_its_parent_is_lost_with_all_in_it() {
    let disk = SimulatedDisk::default();
    disk.create_folder(path("/db")).unwrap();
    disk.create_folder(path("/db")).unwrap();
    write(&disk, "/db/a", b"x").sync(POINT).unwrap();
    disk.sync_folder(path("/db"), POINT).unwrap();
    let lost = SimulatedDisk::new(disk.image().after_crash(Loss::Everything));
    assert_eq!(lost.list(path("/db")).unwrap_err().code(), Code::NotFound);
    disk.sync_folder(path("/"), SyncPoint::ParentFolder).unwrap();
    assert_eq!(disk.after_crash(Loss::Everything).contents(path("/db/a")).unwrap(), b"x");
}

#[test]
fn linked_names_share_their_bytes_also_after_a_crash() {
    let (disk, file) = durable(b"one");
    disk.link(path("/a"), path("/b")).unwrap();
    disk.sync_folder(path("/"), POINT).unwrap();
    file.write_at(0, b"two").unwrap();
    assert!(
        !some_crash(&disk, |disk| disk.contents(path("/a")).unwrap() != disk.contents(path("/b")).unwrap())
    );
    disk.remove(path("/a")).unwrap();
    assert_eq!(disk.contents(path("/b")).unwrap(), b"two");
}

#[test]
fn what_a_failed_sync_gave_up_is_not_made_durable_by_the_next_one_but_by_being_written_again() {
    let (disk, file) = durable(b"old...");
    file.write_at(0, b"new").unwrap();
    disk.fail(Some(Fault { call: disk.calls() + 1, sticky: false, code: Code::Io }));
    assert_eq!(file.sync(POINT).unwrap_err().code(), Code::Io);
    let lost =
        || SimulatedDisk::new(disk.image().after_crash(Loss::Everything)).contents(path("/a")).unwrap();
    file.write_at(3, b"NEW").unwrap();
    file.sync(POINT).unwrap();
    assert_eq!(disk.contents(path("/a")).unwrap(), b"newNEW");
    assert_eq!(lost(), b"oldNEW");
    file.write_at(0, b"new").unwrap();
    file.sync(POINT).unwrap();
    assert_eq!(lost(), b"newNEW");
}

#[test]
fn a_failed_write_leaves_its_first_half() {
    let (disk, file) = durable(b"....");
    disk.fail(Some(Fault { call: disk.calls() + 1, sticky: true, code: Code::DiskFull }));
    assert_eq!(file.write_at(0, b"1234").unwrap_err().code(), Code::DiskFull);
    assert_eq!(disk.contents(path("/a")).unwrap(), b"12..");
    assert_eq!(file.set_len(0).unwrap_err().code(), Code::DiskFull);
    assert_eq!(disk.remove(path("/a")).unwrap_err().code(), Code::DiskFull);
    disk.fail(None);
    assert_eq!(disk.contents(path("/a")).unwrap(), b"12..");
}

#[test]
fn a_skipped_sync_is_counted_and_makes_nothing_durable() {
    let (disk, file) = durable(b"old");
    file.write_at(0, b"new").unwrap();
    disk.skip_sync(Some(SyncPoint::LogRecords));
    file.sync(SyncPoint::LogRecords).unwrap();
    assert_eq!(disk.syncs(SyncPoint::LogRecords), 1);
    assert_eq!(disk.syncs(POINT), 2);
    let lost = disk.image().after_crash(Loss::Everything);
    assert_eq!(SimulatedDisk::new(lost).contents(path("/a")).unwrap(), b"old");
    file.sync(POINT).unwrap();
    assert_eq!(disk.after_crash(Loss::Everything).contents(path("/a")).unwrap(), b"new");
}

#[test]
fn a_full_disk_refuses_growth_but_not_writes_into_room_already_taken() {
    let (disk, file) = durable(&[0; 1000]);
    disk.limit_capacity(Some(1000));
    file.write_at(500, &[1; 500]).unwrap();
    assert_eq!(file.write_at(501, &[1; 500]).unwrap_err().code(), Code::DiskFull);
    file.set_len(2000).unwrap();
    assert_eq!(file.write_at(1999, &[1]).unwrap_err().code(), Code::DiskFull);
    disk.remove(path("/a")).unwrap();
    write(&disk, "/b", &[1; 1000]);
    assert_eq!(disk.bytes_used(), 1000);
}

#[test]
fn a_crashed_machine_does_nothing_from_the_chosen_call_on() {
    let (disk, file) = durable(b"a");
    disk.start_log();
    let calls = disk.calls();
    disk.crash_at(calls + 2);
    file.write_at(0, b"b").unwrap();
    assert!(file.write_at(0, b"c").is_err());
    assert!(disk.create(path("/b")).is_err());
    assert_eq!(disk.calls(), calls + 3);
    assert_eq!(disk.contents(path("/a")).unwrap(), b"b");
    assert_eq!(disk.log()[2], format!("{}: create the file /b", calls + 3));
}

#[test]
fn images_show_the_disk_before_each_change_and_are_not_changed_by_later_ones() {
    let (disk, file) = durable(b"0");
    disk.start_images();
    file.write_at(0, b"1").unwrap();
    file.read_at(0, &mut [0]).unwrap();
    file.write_at(0, b"2").unwrap();
    let images = disk.take_images();
    let seen: Vec<_> = images.into_iter().map(|(call, image)| (call, SimulatedDisk::new(image))).collect();
    assert_eq!(seen.iter().map(|(call, _)| *call).collect::<Vec<_>>(), [4, 6].map(|n| n + disk.calls() - 6));
    assert_eq!(seen[0].1.contents(path("/a")).unwrap(), b"0");
    assert_eq!(seen[1].1.contents(path("/a")).unwrap(), b"1");
    assert!(disk.take_images().is_empty());
    let fork = disk.clone_image();
    file.write_at(0, b"3").unwrap();
    assert_eq!(fork.contents(path("/a")).unwrap(), b"2");
}

#[test]
fn damage_from_outside_is_durable_at_once() {
    let (disk, _) = durable(b"abcd");
    disk.flip(path("/a"), 1, 0x20).unwrap();
    disk.truncate(path("/a"), 3).unwrap();
    let after = disk.after_crash(Loss::Everything);
    assert_eq!(after.contents(path("/a")).unwrap(), b"aBc");
    after.delete(path("/a")).unwrap();
    assert_eq!(after.after_crash(Loss::Everything).list(path("/")).unwrap(), Vec::<String>::new());
}

#[test]
fn refusals_have_the_codes_of_a_real_disk() {
    let (disk, _) = durable(b"abcd");
    assert_eq!(disk.create(path("/a")).err().unwrap().code(), Code::Exists);
    assert_eq!(disk.create(path("/no/a")).err().unwrap().code(), Code::NotFound);
    assert_eq!(disk.open(path("/no"), Access::Read).err().unwrap().code(), Code::NotFound);
    assert_eq!(disk.create_folder(path("/a")).unwrap_err().code(), Code::Invalid);
    assert_eq!(disk.create_folder(path("/no/b")).unwrap_err().code(), Code::NotFound);
    assert_eq!(disk.list(path("/a")).unwrap_err().code(), Code::Invalid);
    let file = disk.open(path("/a"), Access::Read).unwrap();
    assert_eq!(file.write_at(0, b"x").unwrap_err().code(), Code::ReadOnly);
    assert_eq!(disk.contents(path("/a")).unwrap(), b"abcd");
    let error = file.read_at(3, &mut [0; 2]).unwrap_err();
    assert_eq!((error.code(), error.offset()), (Code::Corrupt, Some(3)));
    let lock = disk.lock(path("/LOCK"), "pid 1").unwrap();
    assert_eq!(disk.lock(path("/LOCK"), "pid 2").err().unwrap().code(), Code::Locked);
    drop(lock);
    disk.lock(path("/LOCK"), "pid 2").unwrap();
}

#[test]
fn a_restarted_machine_counts_on_and_holds_what_was_durable() {
    let (disk, file) = durable(b"old");
    file.write_at(0, b"new").unwrap();
    drop(file);
    let calls = disk.calls();
    disk.restart(Loss::Everything);
    assert_eq!(disk.calls(), calls);
    assert_eq!(disk.contents(path("/a")).unwrap(), b"old");
}

#[test]
fn a_removed_file_is_readable_while_it_is_open() {
    let (disk, file) = durable(b"x");
    disk.remove(path("/a")).unwrap();
    disk.sync_folder(path("/"), POINT).unwrap();
    file.read_at(0, &mut [0]).unwrap();
}
