//! Telling that background work begins and ends. It costs two events for each piece of work, and nothing for a commit.

use crate::options::{Event, WorkKind};
use crate::state::State;
use std::sync::atomic::{AtomicU64, Ordering};

/// Work that was announced and goes on; its end is told when this is dropped, whatever came of it.
pub struct Announced<'a> {
    state: &'a State,
    kind: WorkKind,
}

impl Drop for Announced<'_> {
    fn drop(&mut self) {
        self.state.tell(self.kind, false);
    }
}

/// A change of segments that is not over: the sequence of the first record behind it, or 0.
#[derive(Default)]
pub struct SegmentChange(AtomicU64);

impl State {
    pub fn announce(&self, kind: WorkKind) -> Announced<'_> {
        self.tell(kind, true);
        Announced { state: self, kind }
    }

    /// A commit went to a new segment. The change is over when that record is synced, and with it the segment's name.
    /// Under the commit lock.
    pub fn begin_segment_change(&self, sequence: u64) {
        if self.segment_change.0.swap(sequence, Ordering::AcqRel) == 0 {
            self.tell(WorkKind::Segment, true);
        }
    }

    /// Everything up to this sequence is synced.
    pub fn end_segment_change(&self, synced: u64) {
        let change = &self.segment_change.0;
        let first = change.load(Ordering::Acquire);
        let over = first != 0 && first <= synced;
        // A commit may have gone to yet another segment meanwhile.
        if over && change.compare_exchange(first, 0, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            self.tell(WorkKind::Segment, false);
        }
    }

    fn tell(&self, kind: WorkKind, begins: bool) {
        self.options.listener.event(Event::Work { kind, begins });
    }
}
