//! The engines of this process, one a folder, shared by every environment that opens it.
//!
//! A folder is known by device and inode, so that two paths to it meet. A read-only open shares with nobody: it is the
//! folder as it is then, and the next one may see more. The engine closes with its last handle; an open
//! that comes meanwhile waits for that and then opens it afresh. Opening and closing block and belong on a thread of
//! their own; dropping a handle never blocks, so nobody waits for the disk with `ENGINES` locked.

mod fanout;
mod identity;
mod seats;

use crate::engine::{Db, Environment, KeyId, Keys, Listener, Options};
use crate::lifecycle::OpenOptions;
use coppice_engine::error::{Code, Error, Result};
use fanout::Fanout;
pub use fanout::Inbox;
use identity::Identity;
use parking_lot::{Condvar, Mutex, RwLock};
pub use seats::Member;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

static ENGINES: Mutex<BTreeMap<Seat, State>> = Mutex::new(BTreeMap::new());
/// An engine finished opening or closing.
static CHANGED: Condvar = Condvar::new();
/// Written while a folder is made, which has no identity before: whoever looks for it meanwhile would take a half-made
/// one for a stranger's. Taken before `ENGINES`.
static CREATING: RwLock<()> = RwLock::new(());

/// Who an engine serves: everyone who opens the folder to write, or, if it is not 0, one who only reads.
type Seat = (Identity, u64);

/// The next number of a reader.
static READERS: AtomicU64 = AtomicU64::new(1);

enum State {
    /// Some thread is opening or closing it.
    Busy,
    Open(Arc<Engine>, usize),
}

struct Engine {
    seat: Seat,
    db: Db,
    options: OpenOptions,
    /// The current key; none: the database is plain.
    key: Option<KeyId>,
    fanout: Arc<Fanout>,
}

/// One open of a folder. Dropped without `close`, it closes on a thread of its own.
pub struct Handle {
    engine: Option<Arc<Engine>>,
    inbox: Arc<Inbox>,
    db: Db,
}

/// Opens the folder, or shares the engine that has it open already. Blocks.
pub fn open(
    path: &Path,
    options: &OpenOptions,
    environment: Environment,
    inbox: Arc<Inbox>,
) -> Result<Handle> {
    let engine = loop {
        let nobody_creates = CREATING.read();
        let Some(seat) = seat_of(path, options) else {
            drop(nobody_creates);
            match create(path, options, &environment)? {
                Some(engine) => break engine,
                // Another thread made it first.
                None => continue,
            }
        };
        let mut engines = ENGINES.lock();
        drop(nobody_creates);
        match engines.get_mut(&seat) {
            Some(State::Busy) => CHANGED.wait(&mut engines),
            Some(State::Open(engine, handles)) => {
                options.agree_with(&engine.options, engine.db.keeps_history())?;
                agree_on_key(&environment.keys, engine.key).map_err(|error| error.in_file(path))?;
                *handles += 1;
                break engine.clone();
            }
            None => {
                engines.insert(seat.clone(), State::Busy);
                drop(engines);
                let claim = Claim(seat.clone());
                let key = environment.keys.current();
                let (db, fanout) = start(path, options, environment)?;
                std::mem::forget(claim);
                break insert(seat, db, options, key, fanout);
            }
        }
    };
    engine.fanout.add(inbox.clone());
    let db = engine.db.clone();
    Ok(Handle { engine: Some(engine), inbox, db })
}

/// Opens a folder that is absent, which makes it or tells of its absence. `None`: it is there by now.
fn create(path: &Path, options: &OpenOptions, environment: &Environment) -> Result<Option<Arc<Engine>>> {
    let _creating = CREATING.write();
    if Identity::of(path).is_some() {
        return Ok(None);
    }
    let (db, fanout) = start(path, options, environment.clone())?;
    let seat = seat_of(path, options)
        .ok_or_else(|| Error::new(Code::NotFound, "the folder vanished while it was opened").in_file(path))?;
    Ok(Some(insert(seat, db, options, environment.keys.current(), fanout)))
}

/// `None` where there is no folder.
fn seat_of(path: &Path, options: &OpenOptions) -> Option<Seat> {
    let reader = if options.read_only { READERS.fetch_add(1, Ordering::Relaxed) } else { 0 };
    Identity::of(path).map(|identity| (identity, reader))
}

/// Blocks until nobody in this process has the folder open to write.
pub fn wait_until_closed(path: &Path) {
    let Some(identity) = Identity::of(path) else { return };
    let seat = (identity, 0);
    let mut engines = ENGINES.lock();
    while engines.contains_key(&seat) {
        CHANGED.wait(&mut engines);
    }
}

/// How many engines this process has open, is opening or is closing.
pub fn engines() -> usize {
    ENGINES.lock().len()
}

fn start(path: &Path, options: &OpenOptions, environment: Environment) -> Result<(Db, Arc<Fanout>)> {
    let fanout = Arc::new(Fanout::default());
    let options: Options = options.to_engine(fanout.clone() as Arc<dyn Listener>)?;
    Ok((Db::open(path, options, environment)?, fanout))
}

/// Who shares an engine has its key, and wants no other one to be the current one.
fn agree_on_key(given: &Keys, current: Option<KeyId>) -> Result<()> {
    given.expect(current)?;
    if given.current() == current {
        return Ok(());
    }
    Err(Error::invalid(
        "encryption.key differs from the one this process has the same folder open with: handles share one engine",
    ))
}

fn insert(seat: Seat, db: Db, options: &OpenOptions, key: Option<KeyId>, fanout: Arc<Fanout>) -> Arc<Engine> {
    let engine = Arc::new(Engine { seat: seat.clone(), db, options: options.clone(), key, fanout });
    ENGINES.lock().insert(seat, State::Open(engine.clone(), 1));
    CHANGED.notify_all();
    engine
}

/// A seat marked busy; unmarked when whoever marked it fails or is done.
struct Claim(Seat);

impl Drop for Claim {
    fn drop(&mut self) {
        ENGINES.lock().remove(&self.0);
        CHANGED.notify_all();
    }
}

impl Handle {
    #[inline]
    pub fn db(&self) -> &Db {
        &self.db
    }

    #[inline]
    pub fn inbox(&self) -> &Inbox {
        &self.inbox
    }

    /// JavaScript knows this handle by a number: from now on it hears of events.
    pub fn start(&self, number: u64) {
        self.inbox.set_handle(number);
        if let Some(engine) = &self.engine {
            engine.fanout.serve_backlog(&self.inbox);
        }
    }

    /// Closes this handle, and the engine with the last one. Blocks.
    pub fn close(mut self) -> Result<()> {
        match self.leave() {
            Some((engine, claim)) => finish(&engine, claim),
            None => Ok(()),
        }
    }

    /// The engine, if this was its last handle; it is then marked busy until the claim is dropped.
    fn leave(&mut self) -> Option<(Arc<Engine>, Claim)> {
        let engine = self.engine.take()?;
        engine.fanout.remove(&self.inbox);
        let mut engines = ENGINES.lock();
        let state = engines.get_mut(&engine.seat)?;
        let State::Open(_, handles) = state else { return None };
        *handles -= 1;
        if *handles > 0 {
            return None;
        }
        *state = State::Busy;
        let claim = Claim(engine.seat.clone());
        Some((engine, claim))
    }
}

fn finish(engine: &Engine, claim: Claim) -> Result<()> {
    let closed = engine.db.close();
    drop(claim);
    closed
}

impl Drop for Handle {
    fn drop(&mut self) {
        let Some((engine, claim)) = self.leave() else { return };
        // Nobody is left to hear of a failure. Should the thread not start, the closure is dropped here: the folder is
        // then free again, and the log has what was acknowledged.
        let _ =
            std::thread::Builder::new().name("coppice-close".into()).spawn(move || finish(&engine, claim));
    }
}
