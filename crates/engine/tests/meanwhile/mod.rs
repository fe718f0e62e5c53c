//! What one part of a database does while another part is at work: nothing waits in vain, and nobody is told of damage
//! or loss that is not there. Where the two meet is fixed by a hook in the clock or the disk, not by chance.

mod damage;
mod files;
mod threads;

use super::support::{self, World, small};
use coppice_engine::disk::simulated::Fault;
use coppice_engine::disk::{Access, Disk, File, Lock, SyncPoint};
use coppice_engine::environment::{Clock, Environment};
use coppice_engine::error::{Code, Result};
use coppice_engine::{Conflict, Db, Event, Guard, Listener, Options, View, Written};
use std::ops::Bound;
use std::path::Path;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

type Action = Box<dyn FnOnce() + Send>;

/// Runs what was last put into it, once, when it is passed the n-th time (from 0).
#[derive(Default)]
struct Hook(Mutex<Option<(usize, Action)>>);

impl Hook {
    fn set(&self, passes: usize, action: impl FnOnce() + Send + 'static) {
        *self.0.lock().unwrap() = Some((passes, Box::new(action)));
    }

    fn pass(&self) {
        let mut set = self.0.lock().unwrap();
        match set.take() {
            Some((0, action)) => {
                // The action may come by here again.
                drop(set);
                action();
            }
            later => *set = later.map(|(passes, action)| (passes - 1, action)),
        }
    }
}

/// The world's clock, which runs the hook before it is read.
struct HookedClock(Arc<Hook>, Arc<dyn Clock>);

impl Clock for HookedClock {
    fn now_ms(&self) -> i64 {
        self.0.pass();
        self.1.now_ms()
    }
}

#[derive(Default)]
struct DiskHooks {
    after_list: Hook,
    before_open: Hook,
}

/// The world's disk, which runs the hooks.
struct HookedDisk(Arc<DiskHooks>, Arc<dyn Disk>);

impl Disk for HookedDisk {
    fn create_folder(&self, path: &Path) -> Result<()> {
        self.1.create_folder(path)
    }

    fn list(&self, folder: &Path) -> Result<Vec<String>> {
        let names = self.1.list(folder);
        self.0.after_list.pass();
        names
    }

    fn is_same_folder(&self, one: &Path, other: &Path) -> Result<bool> {
        self.1.is_same_folder(one, other)
    }

    fn create(&self, path: &Path) -> Result<Box<dyn File>> {
        self.1.create(path)
    }

    fn open(&self, path: &Path, access: Access) -> Result<Box<dyn File>> {
        self.0.before_open.pass();
        self.1.open(path, access)
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        self.1.rename(from, to)
    }

    fn remove(&self, path: &Path) -> Result<()> {
        self.1.remove(path)
    }

    fn link(&self, from: &Path, to: &Path) -> Result<()> {
        self.1.link(from, to)
    }

    fn sync_folder(&self, path: &Path, point: SyncPoint) -> Result<()> {
        self.1.sync_folder(path, point)
    }

    fn lock(&self, path: &Path, holder: &str) -> Result<Box<dyn Lock>> {
        self.1.lock(path, holder)
    }
}

#[derive(Default)]
struct Events(Mutex<Vec<Event>>);

impl Listener for Events {
    fn event(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}

impl Events {
    /// All but the beginnings and ends of work, which tell nothing of what came of it.
    fn take(&self) -> Vec<Event> {
        let mut told = std::mem::take(&mut *self.0.lock().unwrap());
        told.retain(|event| !matches!(event, Event::Work { .. }));
        told
    }

    fn durable(&self) -> Option<u64> {
        let revision =
            |event: &Event| if let Event::Durable(revision) = event { Some(*revision) } else { None };
        self.0.lock().unwrap().iter().filter_map(revision).max()
    }
}

fn hooked_clock(world: &World) -> (Arc<Hook>, Environment) {
    let hook = Arc::new(Hook::default());
    let environment = world.environment();
    let clock = Arc::new(HookedClock(hook.clone(), environment.clock.clone()));
    (hook, Environment { clock, ..environment })
}

fn hooked_disk(world: &World) -> (Arc<DiskHooks>, Environment) {
    let hooks = Arc::new(DiskHooks::default());
    let environment = world.environment();
    let disk = Arc::new(HookedDisk(hooks.clone(), environment.disk.clone()));
    (hooks, Environment { disk, ..environment })
}

#[test]
fn a_revision_made_durable_in_passing_is_announced_to_who_waits_for_it() {
    let world = World::new();
    let events = Arc::new(Events::default());
    let db = world.open(Options { listener: events.clone(), ..small() });
    let revision = world.put(&db, "a", "1");
    db.verify(&mut |_| {}).unwrap();
    assert_eq!(db.durable(), revision, "verify has synced the log");
    db.request_sync();
    db.run_background();
    assert_eq!(events.durable(), Some(revision));

    // The same while segments are released: a commit comes when the flush has synced the log already.
    let (hook, environment) = hooked_clock(&world);
    db.close().unwrap();
    let db = Db::open(&world.folder, Options { listener: events.clone(), ..small() }, environment).unwrap();
    for index in 0..20 {
        world.put(&db, &format!("{index}"), &"x".repeat(500));
    }
    let late = Arc::new(OnceLock::new());
    let (writer, slot) = (db.clone(), late.clone());
    hook.set(0, move || {
        let mut batch = support::batch(&[("late", Some("1"))]);
        let Written::Committed(revision) = writer.write(batch.body(), &[]).unwrap() else {
            panic!("stalled")
        };
        slot.set(revision).unwrap();
    });
    db.flush().unwrap();
    let late = *late.get().expect("the hook ran");
    db.request_sync();
    db.run_background();
    assert_eq!((db.durable(), events.durable()), (late, Some(late)));
}

#[test]
fn small_flushes_that_do_not_overlap_never_stop_writes_for_good() {
    let world = World::new();
    let db = world.open(small());
    for index in 0..200 {
        world.put(&db, &format!("{index:03}"), "old");
    }
    db.compact(None, None).unwrap();
    for index in 0..40 {
        world.put(&db, &format!("{:03}", index * 5), "new");
        db.flush().unwrap();
        db.run_background();
    }
    let value = "x".repeat(1000);
    for index in 0..60 {
        let key = format!("{index:03}");
        if world.write(&db, &[(&key, Some(&value))], &[]) == Written::Stalled {
            db.run_background();
            let again = world.write(&db, &[(&key, Some(&value))], &[]);
            assert!(matches!(again, Written::Committed(_)), "write {index} waits for what never comes");
        }
    }
    assert_eq!(world.rows(&db, false).len(), 200);
}

#[test]
fn a_cursor_that_failed_is_at_its_end_until_it_seeks() {
    let world = World::new();
    let db = world.open(Options { cache_bytes: Some(0), ..small() });
    for index in 0..300 {
        world.put(&db, &format!("{index:03}"), "value");
    }
    db.compact(None, None).unwrap();
    for reverse in [false, true] {
        let mut cursor =
            db.range(support::range(Bound::Unbounded, Bound::Unbounded, reverse), View::LATEST).unwrap();
        assert!(cursor.next().unwrap());
        world.fail_all_calls();
        let failed = std::iter::from_fn(|| Some(cursor.next())).find(|moved| !matches!(moved, Ok(true)));
        assert_eq!(failed.unwrap().unwrap_err().code(), Code::Io);
        assert!(!cursor.next().unwrap());
        world.fail_nothing();
        cursor.seek(b"150");
        assert!(cursor.next().unwrap());
        assert_eq!(cursor.key(), b"150");
    }
}

#[test]
fn writes_that_wait_for_memory_are_told_of_a_full_disk_and_resume_when_there_is_space() {
    let world = World::new();
    let events = Arc::new(Events::default());
    let db = world.open(Options { listener: events.clone(), ..small() });
    let value = |index: u64| format!("{:x}", index.wrapping_mul(0x9e37_79b9_7f4a_7c15)).repeat(40);
    let mut index = 0;
    let mut write = || {
        index += 1;
        let mut batch = support::batch(&[(&format!("{index:05}"), Some(&value(index)))]);
        db.write(batch.body(), &[])
    };
    while write().unwrap() != Written::Stalled {}
    world.disk.limit_capacity(Some(world.disk.bytes_used()));
    events.take();
    db.run_background();
    let woken = events.take().iter().any(|event| matches!(event, Event::Room));
    assert!(woken, "who waits is woken to hear of it");
    assert_eq!(write().unwrap_err().code(), Code::DiskFull);
    world.disk.limit_capacity(None);
    db.run_background();
    assert!(matches!(write(), Ok(Written::Committed(_))));
    db.close().unwrap();
}

#[test]
fn close_waits_for_a_compaction_that_somebody_asked_for() {
    let world = World::new();
    let (hook, environment) = hooked_clock(&world);
    let db = Db::open(&world.folder, small(), environment).unwrap();
    for index in 0..100 {
        world.put(&db, &format!("{index:03}"), "1");
    }
    db.flush().unwrap();
    for index in 0..100 {
        world.put(&db, &format!("{index:03}"), "2");
    }
    db.flush().unwrap();
    let (closer, sender) = (db.clone(), channel());
    let (done, is_done) = sender;
    hook.set(0, move || {
        let closed = std::thread::spawn(move || {
            let closed = closer.close();
            let _ = done.send(());
            closed
        });
        // Closing ends now if it does not wait, and cannot end before this returns if it does.
        let early = is_done.recv_timeout(Duration::from_millis(200)).is_ok();
        assert!(!early, "the database was closed under a compaction");
        drop(closed);
    });
    let compacted = db.compact(None, None);
    assert_eq!(compacted.unwrap_err().code(), Code::Closed);
}

#[test]
fn a_log_that_moves_on_while_it_is_verified_is_not_damaged() {
    let world = World::new();
    let db = world.open(small());
    world.put(&db, "a", "1");
    db.close().unwrap();
    let (hooks, environment) = hooked_disk(&world);
    let db = Db::open(&world.folder, small(), environment).unwrap();
    // The folder is listed for the manifest, then for the log.
    let writer = db.clone();
    hooks.after_list.set(1, move || {
        writer.write(support::batch(&[("b", Some("1"))]).body(), &[]).unwrap();
    });
    let report = db.verify(&mut |_| {}).unwrap();
    assert_eq!(report.problems, []);
    assert_eq!(world.get(&db, "b").as_deref(), Some("1"));
}

#[test]
fn a_guarded_entry_that_expires_before_the_time_of_the_commit_is_a_conflict() {
    for reading in 0..3 {
        let world = World::new();
        let (hook, environment) = hooked_clock(&world);
        let db = Db::open(&world.folder, small(), environment).unwrap();
        world.put_until(&db, "a", "1", world.now() + 100);
        let revision = db.visible();
        db.flush().unwrap();
        let before = world.now();
        let clock = world.clock.clone();
        hook.set(reading, move || clock.advance(200));
        let written =
            world.write(&db, &[("b", Some("1"))], &[Guard::Key { key: b"a", revision: Some(revision) }]);
        let expected = match world.now() - before {
            0 => Written::Committed(revision + 1),
            _ => {
                let conflicts = vec![Conflict { guard: 0, key: None, revision: None }];
                Written::Conflict { revision, conflicts }
            }
        };
        assert_eq!(written, expected, "the deadline passes at reading {reading} of the clock");
    }
}

#[test]
fn a_failure_that_stops_writes_is_told_at_once_and_in_its_first_words() {
    for call in 1.. {
        let world = World::new();
        let events = Arc::new(Events::default());
        let db = world.open(Options { listener: events.clone(), ..small() });
        for index in 0..20 {
            world.put(&db, &format!("{index}"), &"x".repeat(500));
        }
        let call = world.disk.calls() + call;
        world.disk.fail(Some(Fault { call, sticky: false, code: Code::Io }));
        let _ = db.flush();
        db.request_sync();
        db.run_background();
        if world.disk.calls() < call {
            return;
        }
        let told = events.take().iter().any(|event| matches!(event, Event::Failed(_)));
        if let Err(error) = db.write(support::batch(&[("a", Some("1"))]).body(), &[]) {
            assert!(told, "nobody heard at call {call} of {error}");
            assert_eq!(error.code(), Code::Poisoned);
            assert_eq!(error.message().matches("stopped writing").count(), 1, "{error}");
        }
    }
}

#[test]
fn flushes_that_fail_for_want_of_space_do_not_pile_up_memtables() {
    let world = World::new();
    let db = world.open(small());
    world.put(&db, "a", "1");
    db.flush().unwrap();
    world.put(&db, "a", "2");
    world.disk.limit_capacity(Some(world.disk.bytes_used()));
    for index in 0..20 {
        assert_eq!(db.flush().unwrap_err().code(), Code::DiskFull);
        world.put(&db, "a", &format!("{index}"));
    }
    assert!(db.stats().memtables <= 4, "{} memtables", db.stats().memtables);
    world.disk.limit_capacity(None);
    db.flush().unwrap();
    assert_eq!(
        db.stats().memtable_bytes,
        world.open_at(&world.folder.with_file_name("empty"), small()).stats().memtable_bytes
    );
    assert_eq!(world.get(&db, "a").as_deref(), Some("19"));
}
