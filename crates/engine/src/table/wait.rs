//! Who may wait for the disk. A read that may not fails with `WouldBlock` where it would have to.

use crate::disk::Wait;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

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
