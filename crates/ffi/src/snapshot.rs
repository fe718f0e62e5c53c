//! Reads of one moment.

use crate::call::{Failure, Result, call, given};
use crate::code::Code;
use crate::database::{Database, Shared};
use crate::engine::{EngineSnapshot, View};
use crate::pointer::Out;
use std::sync::Arc;

/// The database as it was at one moment, whatever is written since. Any thread may use it, also several at a time.
pub struct Snapshot {
    pub(crate) shared: Arc<Shared>,
    pub(crate) pinned: EngineSnapshot,
}

/// Where a read stands; without a snapshot on what is newest.
pub fn view(shared: &Arc<Shared>, snapshot: Option<&Snapshot>) -> Result<View> {
    shared.check_open()?;
    match snapshot {
        None => Ok(View::LATEST),
        Some(snapshot) if Arc::ptr_eq(&snapshot.shared, shared) => Ok(snapshot.pinned.view()),
        Some(_) => Err(Failure::invalid("the snapshot is of another database")),
    }
}

/// The same for a read that lasts.
pub fn stand(shared: &Arc<Shared>, snapshot: Option<&Snapshot>) -> Result<EngineSnapshot> {
    view(shared, snapshot)?;
    snapshot.map_or_else(|| Ok(shared.db.snapshot()?), |snapshot| Ok(snapshot.pinned.clone()))
}

fn give(shared: &Arc<Shared>, pinned: EngineSnapshot, mut snapshot: Out<'_, Option<Box<Snapshot>>>) {
    snapshot.put(Some(Box::new(Snapshot { shared: shared.clone(), pinned })));
}

/// A view of the database as it is now. While it lives the engine keeps what it sees.
#[unsafe(no_mangle)]
pub extern "C" fn coppice_snapshot_new(
    db: Option<&Database>,
    mut snapshot: Out<'_, Option<Box<Snapshot>>>,
) -> Code {
    call(|| {
        snapshot.begin(None, "snapshot")?;
        let shared = given(db, "db")?.shared();
        give(shared, shared.db.snapshot()?, snapshot);
        Ok(())
    })
}

/// With the option history: a view of the database as it was at a revision, deadlines aside. COPPICE_UNSUPPORTED without history,
/// COPPICE_COMPACTED, COPPICE_FUTURE_REVISION.
#[unsafe(no_mangle)]
pub extern "C" fn coppice_snapshot_at(
    db: Option<&Database>,
    revision: u64,
    mut snapshot: Out<'_, Option<Box<Snapshot>>>,
) -> Code {
    call(|| {
        snapshot.begin(None, "snapshot")?;
        let shared = given(db, "db")?.shared();
        give(shared, shared.db.snapshot_at(revision)?, snapshot);
        Ok(())
    })
}

/// The newest revision that a snapshot sees.
#[unsafe(no_mangle)]
pub extern "C" fn coppice_snapshot_revision(snapshot: Option<&Snapshot>, mut revision: Out<'_, u64>) -> Code {
    call(|| {
        revision.put(given(snapshot, "snapshot")?.pinned.view().revision);
        Ok(())
    })
}

/// NULL does nothing.
#[unsafe(no_mangle)]
pub extern "C" fn coppice_snapshot_free(snapshot: Option<Box<Snapshot>>) {
    crate::call::answer((), || drop(snapshot));
}
