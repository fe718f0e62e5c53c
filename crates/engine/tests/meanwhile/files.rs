//! Copies and readers of files that come and go while they are made.

use super::{Fault, hooked_disk};
use crate::support::{World, batch, small};
use coppice_engine::Db;
use coppice_engine::disk::Disk;
use coppice_engine::error::Code;
use std::path::Path;
use std::sync::{Arc, OnceLock};

#[test]
fn a_checkpoint_during_an_edit_that_fails_is_refused() {
    let mut refused = 0;
    for after in 1.. {
        let world = World::new();
        let (hook, environment) = hooked_disk(&world);
        let db = Db::open(&world.folder, small(), environment).unwrap();
        world.put(&db, "a", "1");
        let flushed = Arc::new(OnceLock::new());
        let (disk, writer, slot) = (world.disk.clone(), db.clone(), flushed.clone());
        // When the checkpoint has seen that its folder is empty.
        hook.set(0, move || {
            writer.write(batch(&[("b", Some("2"))]).body(), &[]).unwrap();
            let call = disk.calls() + after;
            disk.fail(Some(Fault { call, sticky: false, code: Code::Io }));
            slot.set(writer.flush()).unwrap();
            disk.fail(None);
        });
        let to = Path::new("/copy");
        let made = db.checkpoint(to);
        if flushed.get().expect("the hook ran").is_ok() {
            made.unwrap();
            assert_eq!(world.rows(&world.open_at(to, small()), false).len(), 2);
            break;
        }
        assert_eq!(made.unwrap_err().code(), Code::Poisoned, "call {after}");
        assert!(world.disk.list(to).unwrap().is_empty());
        refused += 1;
    }
    assert!(refused > 5, "{refused} calls of a flush failed");
}
