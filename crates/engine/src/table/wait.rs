//! Who may wait for the disk. A read that may not fails with `WouldBlock` where it would have to.

use crate::error::{Code, Error};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    ForDisk,
    Never,
}

#[cold]
pub(super) fn would_block() -> Error {
    Error::new(Code::WouldBlock, "the disk would have to be read")
}

/// Whether the cursors of one range may wait: one answer for all of them, changed only between two steps. By default
/// they always may.
#[derive(Clone, Debug, Default)]
pub struct Patience(Option<Arc<AtomicBool>>);

impl Patience {
    pub fn changeable() -> Patience {
        Patience(Some(Arc::new(AtomicBool::new(true))))
    }

    pub fn set(&self, wait: Wait) {
        let patience = self.0.as_ref().expect("made to be changed");
        patience.store(wait == Wait::ForDisk, Ordering::Relaxed);
    }

    #[inline]
    pub fn wait(&self) -> Wait {
        match &self.0 {
            Some(patience) if !patience.load(Ordering::Relaxed) => Wait::Never,
            _ => Wait::ForDisk,
        }
    }
}
