//! How much is read for a diff.

use crate::support::{World, small};
use crate::{changes, everything};
use std::path::Path;

const KEYS: usize = 20_000;

/// Of files that no page is in memory of.
fn calls_of<T>(world: &World, work: impl FnOnce() -> T) -> (T, u64) {
    let before = world.disk.calls();
    let done = work();
    (done, world.disk.calls() - before)
}

#[test]
fn what_is_shared_is_not_read() {
    let world = World::new();
    let parent = world.open(small());
    for index in 0..KEYS {
        world.put(&parent, &format!("key{index:06}"), &format!("{index}").repeat(20));
    }
    parent.compact(None, None).unwrap();
    parent.checkpoint(Path::new("/child")).unwrap();
    let child = world.open_at(Path::new("/child"), small());
    for index in (0..KEYS).step_by(1000) {
        world.put(&child, &format!("key{index:06}"), "changed");
    }
    child.flush().unwrap();
    let sides = (parent.snapshot().unwrap(), child.snapshot().unwrap());
    let whole = calls_of(&world, || world.rows(&parent, false)).1;
    let (found, read) = calls_of(&world, || changes(sides.0, sides.1, 0, everything()));
    assert_eq!(found.len(), KEYS.div_ceil(1000));
    assert!(read * 10 < whole, "{read} calls for {} changes, {whole} for all rows", found.len());
}
