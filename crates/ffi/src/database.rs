//! Opening and closing. A handle of a database, and all that was made from it, share the engine: it stays in memory until
//! the last of them is gone, and answers `COPPICE_CLOSED` from the close on.

use crate::call::{Failure, Result, answer, call, given};
use crate::code::Code;
use crate::engine::{Db, Disk, EngineCode, Environment, Event, Listener, OsDisk};
use crate::options::Opening;
use crate::pointer::{Out, Text, Texts};
use crate::write::Durability;
use parking_lot::{Condvar, Mutex};
use std::path::{Path, absolute};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A database that is open. Any thread may use it, also several at a time.
pub struct Database(Arc<Shared>);

pub struct Shared {
    pub db: Db,
    /// What a write survives unless it says otherwise.
    pub durability: Durability,
    pub told: Arc<Told>,
    closed: AtomicBool,
}

/// What the log gave back when the database was opened.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Commits that were not in tables yet.
    pub records: u64,
    /// Of a commit that nobody was told of: cut off.
    pub torn_bytes: u64,
    /// With the option recovery=point-in-time: what lies behind damage, kept in a folder of its own.
    pub left_out_bytes: u64,
}

/// What the engine has told.
#[derive(Default)]
pub struct Told {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// How often writes that had to wait were told to try again.
    rooms: u64,
    recovery: Recovery,
}

impl Listener for Told {
    fn event(&self, event: Event) {
        match event {
            Event::Room | Event::Failed(_) => self.wake(),
            Event::Recovered { records, torn_bytes, left_out } => {
                let left_out_bytes = left_out.map_or(0, |left_out| left_out.bytes);
                self.state.lock().recovery = Recovery { records, torn_bytes, left_out_bytes };
            }
            _ => {}
        }
    }
}

impl Told {
    /// To be asked before a write that may have to wait.
    pub fn rooms(&self) -> u64 {
        self.state.lock().rooms
    }

    /// Returns once there may be room again, after `seen`.
    pub fn wait_for_room(&self, seen: u64) {
        let mut state = self.state.lock();
        while state.rooms == seen {
            self.changed.wait(&mut state);
        }
    }

    fn wake(&self) {
        self.state.lock().rooms += 1;
        self.changed.notify_all();
    }
}

impl Database {
    pub fn shared(&self) -> &Arc<Shared> {
        &self.0
    }

    pub fn open(path: &str, texts: &[&str]) -> Result<Database> {
        if path.is_empty() {
            return Err(Failure::invalid("the path is empty"));
        }
        let mut opening = Opening::read(texts)?;
        let told = Arc::new(Told::default());
        let (keys, durability) = (opening.keys(), opening.durability);
        opening.engine.listener = told.clone();
        // The folder stays the same one when the process goes to another.
        let path = absolute(path)
            .map_err(|error| Failure::new(Code::Io, format!("{path} has no absolute path: {error}")))?;
        if !opening.engine.read_only {
            check_own(&path)?;
        }
        let db = Db::open(&path, opening.engine, Environment::of_system(keys))?;
        Ok(Database(Arc::new(Shared { db, durability, told, closed: AtomicBool::new(false) })))
    }
}

impl Shared {
    pub fn check_open(&self) -> Result<()> {
        match self.closed.load(Ordering::Acquire) {
            false => Ok(()),
            true => Err(Failure::new(Code::Closed, "the database is closed")),
        }
    }

    fn close(&self) -> Result<()> {
        self.closed.store(true, Ordering::Release);
        // Writes that wait for room are refused now.
        self.told.wake();
        Ok(self.db.close()?)
    }
}

/// What was not shipped yet would be lost if the folder of a store was written without it.
fn check_own(path: &Path) -> Result<()> {
    match OsDisk.list(&path.join(".repository")) {
        Ok(names) if names.iter().any(|name| name == "position") => Err(Failure::invalid(format!(
            "{} is the disk of a branch in a store: open it in JavaScript with the option store, or with readOnly",
            path.display()
        ))),
        Ok(_) => Ok(()),
        Err(error) if matches!(error.code(), EngineCode::NotFound | EngineCode::Invalid) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Opens the database in a folder, or makes one. `path`: UTF-8. `options`: names and values in turn, and a NULL; or NULL, which
/// is the defaults: (const char *[]){"durability", "process", "history", "true", NULL}. docs/c.md lists them.
/// COPPICE_INVALID for an option, which the message names; COPPICE_LOCKED, COPPICE_NOT_FOUND, COPPICE_EXISTS, COPPICE_FORMAT,
/// COPPICE_CORRUPT, COPPICE_ENCRYPTED, COPPICE_WRONG_ENCRYPTION_KEY, COPPICE_READONLY, COPPICE_IO.
#[unsafe(no_mangle)]
pub extern "C" fn coppice_open(
    path: Text<'_>,
    options: Texts<'_>,
    mut db: Out<'_, Option<Box<Database>>>,
) -> Code {
    call(|| {
        db.begin(None, "db")?;
        let path = path.read("path")?;
        let options = options.all();
        let options = options.iter().map(|text| text.read("an option")).collect::<Result<Vec<_>>>()?;
        db.put(Some(Box::new(Database::open(path, &options)?)));
        Ok(())
    })
}

/// Writes everything to tables, gives the folder back and frees the handle, also if it fails: what was acknowledged is in
/// the log then. No other call with the handle may run or follow. What was made from it may be freed before or after, and
/// answers COPPICE_CLOSED from now on.
#[unsafe(no_mangle)]
pub extern "C" fn coppice_close(db: Option<Box<Database>>) -> Code {
    call(|| given(db, "db")?.shared().close())
}

/// What the log gave back when the database was opened, which happens by itself.
#[unsafe(no_mangle)]
pub extern "C" fn coppice_recovered(db: Option<&Database>, mut recovery: Out<'_, Recovery>) -> Code {
    call(|| {
        recovery.put(given(db, "db")?.shared().told.state.lock().recovery);
        Ok(())
    })
}

/// The revision of the newest commit: each commit has the one after it.
#[unsafe(no_mangle)]
pub extern "C" fn coppice_revision(db: Option<&Database>, mut revision: Out<'_, u64>) -> Code {
    call(|| {
        revision.put(given(db, "db")?.shared().db.visible());
        Ok(())
    })
}

/// The deadline that lies so many milliseconds ahead, for the puts; -1, which they refuse, if `db` is NULL or the time is 0.
#[unsafe(no_mangle)]
pub extern "C" fn coppice_deadline(db: Option<&Database>, ttl_ms: u64) -> i64 {
    answer(-1, || match db {
        Some(db) if ttl_ms > 0 => {
            let ttl_ms = i64::try_from(ttl_ms).unwrap_or(i64::MAX);
            db.shared().db.now_ms().saturating_add(ttl_ms).min(crate::write::DEADLINE_MS_MAX)
        }
        _ => -1,
    })
}
