//! Writes: each is one commit, and returns when it survives what it has to.

use crate::call::{Failure, Result, call, given};
use crate::code::Code;
use crate::conflict::Conflicts;
use crate::database::{Database, Shared};
use crate::engine::{
    Batch, Guard, HEADER_BYTES, KEYSPACE_USER, LARGE_BYTES_MAX, LargeValue, OP_BYTES, RECORD_BYTES_MAX,
    Reason, Revision, Written,
};
use crate::pointer::{Data, Out};
use crate::range::{KeyRange, Span};
use std::borrow::Cow;

/// No deadline: the entry stays until it is deleted.
pub const COPPICE_NEVER: i64 = 0;
/// As the option durability of the database says, which is `disk` unless it is given.
pub const COPPICE_USUAL: i32 = 0;
/// The write survives the end of the process, by crash or kill.
pub const COPPICE_PROCESS: i32 = 1;
/// The write survives the loss of power too. Writes that wait at the same time share one sync.
pub const COPPICE_DISK: i32 = 2;

/// The last moment that a JavaScript `Date` can name.
pub const DEADLINE_MS_MAX: i64 = 8_640_000_000_000_000;
/// Longer values are written to files of their own before the commit that names them.
pub const LARGE_VALUE_BYTES: usize = 1 << 20;

/// What one commit takes in the log at most, without the header.
pub const COMMIT_BYTES_MAX: usize = RECORD_BYTES_MAX - HEADER_BYTES;
/// What an operation takes there at most besides key and value: the last of it is for a deadline.
pub const WRITE_BYTES: usize = OP_BYTES + 8;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    Process,
    #[default]
    Disk,
}

impl Durability {
    pub fn read(number: i32, usual: Durability) -> Result<Durability> {
        match number {
            COPPICE_USUAL => Ok(usual),
            COPPICE_PROCESS => Ok(Durability::Process),
            COPPICE_DISK => Ok(Durability::Disk),
            _ => Err(Failure::invalid(format!("{number} is no durability"))),
        }
    }
}

/// None: no deadline.
pub fn deadline(deadline_ms: i64) -> Result<Option<i64>> {
    match deadline_ms {
        COPPICE_NEVER => Ok(None),
        1..=DEADLINE_MS_MAX => Ok(Some(deadline_ms)),
        _ => Err(Failure::invalid(format!("the deadline {deadline_ms} is not 1 to {DEADLINE_MS_MAX}"))),
    }
}

/// The operations of one commit.
#[derive(Default)]
pub struct Pack<'a> {
    batch: Batch,
    /// By the index of the operation.
    large: Vec<(usize, Cow<'a, [u8]>)>,
    large_bytes: usize,
}

impl<'a> Pack<'a> {
    pub fn count(&self) -> usize {
        self.batch.count() as usize
    }

    pub fn put(&mut self, key: &[u8], value: Cow<'a, [u8]>, deadline_ms: Option<i64>) -> Result<()> {
        if value.len() <= LARGE_VALUE_BYTES {
            self.admit(key.len() + value.len())?;
            self.batch.put(KEYSPACE_USER, key, &value, deadline_ms)?;
            return Ok(());
        }
        self.admit(key.len())?;
        if self.large_bytes + value.len() > LARGE_BYTES_MAX {
            return Err(too_large("the large values of a batch", LARGE_BYTES_MAX));
        }
        self.batch.put(KEYSPACE_USER, key, &[], deadline_ms)?;
        self.large_bytes += value.len();
        self.large.push((self.count() - 1, value));
        Ok(())
    }

    pub fn delete(&mut self, key: &[u8]) -> Result<()> {
        self.admit(key.len())?;
        self.batch.delete(KEYSPACE_USER, key, Reason::User)?;
        Ok(())
    }

    pub fn delete_range(&mut self, span: &Span) -> Result<()> {
        let upper = span.upper.as_deref();
        self.admit(span.lower.len() + upper.map_or(0, <[u8]>::len))?;
        self.batch.delete_range(KEYSPACE_USER, &span.lower, upper)?;
        Ok(())
    }

    fn admit(&mut self, bytes: usize) -> Result<()> {
        match self.batch.body().len() + WRITE_BYTES + bytes > RECORD_BYTES_MAX {
            true => Err(too_large("a batch", RECORD_BYTES_MAX)),
            false => Ok(()),
        }
    }
}

pub fn too_large(what: &str, bytes_max: usize) -> Failure {
    Failure::new(Code::TooLarge, format!("{what} is over the limit of {bytes_max} bytes"))
}

impl Shared {
    /// Commits operations if guards hold; waits for memory, and until the commit survives what it has to. What does not hold
    /// is left in `lost`.
    pub fn commit(
        &self,
        pack: &mut Pack<'_>,
        guards: &[Guard<'_>],
        durability: Durability,
        lost: &mut Conflicts,
    ) -> Result<Revision> {
        let large = pack.large.iter().map(|(at, bytes)| Ok((*at, self.stage(bytes)?)));
        let large = large.collect::<Result<Vec<_>>>()?;
        let large: Vec<(usize, &LargeValue)> = large.iter().map(|(at, value)| (*at, value)).collect();
        loop {
            // In this order: a close closes, and then wakes whoever waits.
            let rooms = self.told.rooms();
            self.check_open()?;
            let written = match large.is_empty() {
                true => self.db.write(pack.batch.body(), guards)?,
                false => self.db.write_large(pack.batch.body(), guards, &large)?,
            };
            match written {
                Written::Stalled => self.told.wait_for_room(rooms),
                Written::Committed(revision) | Written::Deleted { revision, .. } => {
                    self.settle(revision, durability)?;
                    return Ok(revision);
                }
                Written::Conflict { conflicts, .. } => {
                    *lost = Conflicts::of(conflicts, guards);
                    return Err(lost.failure());
                }
            }
        }
    }

    fn stage(&self, bytes: &[u8]) -> Result<LargeValue> {
        let mut writer = self.db.large()?;
        writer.write(bytes)?;
        Ok(writer.finish()?)
    }

    fn settle(&self, revision: Revision, durability: Durability) -> Result<()> {
        match durability {
            Durability::Process if self.db.written() < revision => drop(self.db.write_out()?),
            Durability::Disk if self.db.durable() < revision => drop(self.db.sync_log()?),
            _ => {}
        }
        Ok(())
    }

    fn write(&self, pack: &mut Pack<'_>, mut revision: Out<'_, u64>) -> Result<()> {
        revision.put(self.commit(pack, &[], self.durability, &mut Conflicts::default())?);
        Ok(())
    }
}

/// Writes a value, whether the key has one or not. `deadline_ms`: when it expires, in Unix milliseconds; COPPICE_NEVER, or for a
/// time to live coppice_deadline(db, ttl_ms). `revision` is that of the commit, and may be NULL.
/// A key has 0 to 65,535 bytes, a value 0 to 1 GiB. COPPICE_TOO_LARGE, COPPICE_DISK_FULL, COPPICE_READONLY: nothing was written.
#[unsafe(no_mangle)]
pub extern "C" fn coppice_put(
    db: Option<&Database>,
    key: Data<'_>,
    key_length: usize,
    value: Data<'_>,
    value_length: usize,
    deadline_ms: i64,
    revision: Out<'_, u64>,
) -> Code {
    call(|| {
        let shared = given(db, "db")?.shared();
        let mut pack = Pack::default();
        let value = value.bytes(value_length, "value")?;
        pack.put(key.bytes(key_length, "key")?, Cow::Borrowed(value), deadline(deadline_ms)?)?;
        shared.write(&mut pack, revision)
    })
}

/// Removes a key, whether it has a value or not. `revision` may be NULL.
#[unsafe(no_mangle)]
pub extern "C" fn coppice_delete(
    db: Option<&Database>,
    key: Data<'_>,
    key_length: usize,
    revision: Out<'_, u64>,
) -> Code {
    call(|| {
        let shared = given(db, "db")?.shared();
        let mut pack = Pack::default();
        pack.delete(key.bytes(key_length, "key")?)?;
        shared.write(&mut pack, revision)
    })
}

/// Removes all keys of a range, as one commit that costs as much as one delete. `range` NULL: every key. `revision` may be NULL.
#[unsafe(no_mangle)]
pub extern "C" fn coppice_delete_range(
    db: Option<&Database>,
    range: Option<&KeyRange<'_>>,
    revision: Out<'_, u64>,
) -> Code {
    call(|| {
        let shared = given(db, "db")?.shared();
        let mut pack = Pack::default();
        if let Some(span) = KeyRange::read(range)?.span() {
            pack.delete_range(&span)?;
        }
        shared.write(&mut pack, revision)
    })
}

/// Returns when everything that was written before is on the disk: with durability `process`, what makes many writes durable
/// at once.
#[unsafe(no_mangle)]
pub extern "C" fn coppice_sync(db: Option<&Database>) -> Code {
    call(|| {
        let shared = given(db, "db")?.shared();
        shared.check_open()?;
        shared.settle(shared.db.visible(), Durability::Disk)
    })
}
