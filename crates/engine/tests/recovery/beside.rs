//! A read-only database beside one that writes.

use crate::support::{World, batch, small};
use coppice_engine::encryption::Keys;
use coppice_engine::environment::Environment;
use coppice_engine::error::Code;
use coppice_engine::{Db, Options, Tuning, View, Written};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

fn reading() -> Options {
    Options { read_only: true, create_if_missing: false, ..small() }
}

#[test]
fn it_sees_what_was_there_when_it_was_opened_whatever_the_writer_does_since() {
    let world = World::new();
    let writer = world.open(small());
    for index in 0..300 {
        world.put(&writer, &format!("key{index:04}"), "one");
    }
    writer.write_out().unwrap();
    let reader = world.open(reading());
    assert_eq!(reader.visible(), 301);
    // Tables that the reader has not touched yet are merged away, and segments that it has read are used again.
    for round in 0..3 {
        for index in 0..300 {
            world.put(&writer, &format!("key{index:04}"), &format!("two{round}"));
        }
        writer.compact(None, None).unwrap();
    }
    world.delete(&writer, "key0000");
    writer.write_out().unwrap();
    assert_eq!(world.rows(&reader, false).len(), 300);
    assert!(world.rows(&reader, true).iter().all(|(_, value)| value == "one"));
    assert_eq!(world.get(&reader, "key0000").as_deref(), Some("one"));
    assert_eq!(reader.verify(&mut |_| ()).unwrap().problems, []);
    assert_eq!(reader.write(batch(&[("a", None)]).body(), &[]).unwrap_err().code(), Code::ReadOnly);

    let later = world.open(reading());
    assert_eq!(later.visible(), writer.visible());
    assert_eq!(world.rows(&later, false), world.rows(&writer, false));
    reader.close().unwrap();
    assert_eq!(world.rows(&writer, false).len(), 299);
}

#[test]
fn it_disturbs_no_writer_and_is_kept_out_by_none() {
    let world = World::new();
    let writer = world.open(small());
    world.put(&writer, "a", "1");
    writer.write_out().unwrap();
    let reader = world.open(reading());
    drop(writer);
    // The folder is free for the next writer although the reader still has it open.
    let writer = world.open(small());
    world.put(&writer, "a", "2");
    writer.close().unwrap();
    assert_eq!(world.get(&reader, "a").as_deref(), Some("1"));
}

#[test]
fn damage_is_told_from_the_changes_of_a_writer() {
    let world = World::new();
    let writer = world.open(small());
    for index in 0..100 {
        world.put(&writer, &format!("key{index:04}"), &"x".repeat(50));
        writer.request_sync();
        writer.run_background();
    }
    drop(writer);
    let segment = world.file_with_extension(".log");
    world.disk.flip(&segment, 300, 1).unwrap();
    let error = world.try_open(reading()).err().expect("the log is damaged");
    assert_eq!((error.code(), error.file()), (Code::Corrupt, Some(&*segment)));
}

/// Commits a counter and three copies of it, as fast as it can, with memtables so small that tables are written and
/// merged all the time.
#[test]
fn beside_a_writer_on_a_real_disk_every_open_sees_whole_commits_and_all_that_were_acknowledged() {
    let folder = temporary();
    let tuning = Tuning {
        segment_bytes_min: 64 << 10,
        segment_bytes_max: 256 << 10,
        memtable_bytes: 128 << 10,
        ..small().tuning
    };
    let options = Options { tuning, ..Options::default() };
    let environment = || Environment::of_system(Keys::default());
    let writer = Db::open(&folder.0, options.clone(), environment()).unwrap();
    let (acknowledged, done) = (AtomicU64::new(0), AtomicBool::new(false));
    let opens = std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut count = 0u64;
            while !done.load(Ordering::Relaxed) {
                let text = (count + 1).to_string();
                let pad = format!("pad{:05}", count % 5000);
                let ops = [("a", &*text), ("b", &text), ("m", &text), ("z", &text), (&pad, &text)];
                let ops: Vec<_> = ops.iter().map(|(key, value)| (*key, Some(*value))).collect();
                match writer.write(batch(&ops).body(), &[]).unwrap() {
                    Written::Committed(_) => count += 1,
                    _ => std::thread::yield_now(),
                }
                if count.is_multiple_of(64) {
                    writer.write_out().unwrap();
                    acknowledged.store(count, Ordering::SeqCst);
                }
            }
        });
        let readers = Options { read_only: true, create_if_missing: false, ..options.clone() };
        let (mut opens, mut last) = (0, 0);
        let began = std::time::Instant::now();
        while opens < 150 || last < 20_000 {
            let before = acknowledged.load(Ordering::SeqCst);
            let reader = match Db::open(&folder.0, readers.clone(), environment()) {
                Err(error) if error.code() == Code::Busy => continue,
                opened => opened.unwrap_or_else(|error| {
                    done.store(true, Ordering::Relaxed);
                    panic!("open {opens}: {error}")
                }),
            };
            let get = |key: &str| {
                let value = reader.get(key.as_bytes(), View::LATEST, |entry| entry.value.to_vec()).unwrap();
                value.map_or(0, |value| String::from_utf8(value).unwrap().parse::<u64>().unwrap())
            };
            let found = ["a", "b", "m", "z"].map(get);
            let ok = found.iter().all(|it| *it == found[0]) && found[0] >= before.max(last);
            if !ok {
                done.store(true, Ordering::Relaxed);
            }
            assert!(ok, "open {opens} finds {found:?}, after {before} were acknowledged and {last} seen");
            last = found[0];
            opens += 1;
            assert!(
                began.elapsed().as_secs() < 120 || done.load(Ordering::Relaxed),
                "{opens} opens, {last} commits"
            );
        }
        done.store(true, Ordering::Relaxed);
        opens
    });
    assert!(opens >= 150 && writer.stats().flushes > 10, "{:?}", writer.stats());
    writer.close().unwrap();
}

struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn temporary() -> Temporary {
    Temporary(std::env::temp_dir().join(format!("coppice-beside-{}", std::process::id())))
}
