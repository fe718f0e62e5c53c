//! The world outside the engine, behind seams: disk, clock, randomness, keys, threads. Nothing below reads them another way,
//! which is what makes a failure replayable.

use crate::disk::{Disk, OsDisk};
use crate::encryption::Keys;
use std::sync::Arc;

pub trait Clock: Send + Sync {
    /// Unix milliseconds. May step back; the engine keeps its own time from doing so.
    fn now_ms(&self) -> i64;
}

pub trait Random: Send + Sync {
    fn fill(&self, bytes: &mut [u8]);

    fn id(&self) -> [u8; 16] {
        let mut id = [0; 16];
        self.fill(&mut id);
        id
    }
}

#[derive(Clone)]
pub struct Environment {
    pub disk: Arc<dyn Disk>,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
    /// Without one databases are plain.
    pub keys: Keys,
    /// With threads off nothing runs by itself: `Db::run_background` does what is due, on the caller's thread, in one
    /// fixed order. For simulation.
    pub threads: bool,
}

impl Environment {
    /// The system's own disk, clock and randomness, and threads.
    pub fn of_system(keys: Keys) -> Environment {
        Environment {
            disk: Arc::new(OsDisk),
            clock: Arc::new(SystemClock),
            random: Arc::new(OsRandom),
            keys,
            threads: true,
        }
    }
}

/// The system's wall clock.
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_ms(&self) -> i64 {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.map_or(0, |elapsed| i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX))
    }
}

/// The operating system's source of random bytes.
pub struct OsRandom;

impl Random for OsRandom {
    fn fill(&self, bytes: &mut [u8]) {
        // Every system we run on gives these without fail once it has booted; ids made without them could collide.
        getrandom::fill(bytes).expect("the operating system gives random bytes");
    }
}
