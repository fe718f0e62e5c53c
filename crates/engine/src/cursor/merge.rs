//! Many cursors as one: entries of all sources in order, each once.
//!
//! Sources are kept sorted by the entry they stand on, so a step costs one comparison while a run of entries comes from
//! the same source. No two sources hold the same (key, revision). Owned by one thread at a time.

use super::{Cursor, Source};
use crate::blob::Found;
use crate::entry::Entry;
use crate::error::Result;
use crate::key::Revision;
use std::cmp::Ordering;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Forward,
    Backward,
}

pub struct MergeCursor {
    sources: Vec<Source>,
    /// Indices of the sources that are valid, the one to answer from last.
    order: Vec<usize>,
    direction: Direction,
}

impl MergeCursor {
    pub fn new(sources: Vec<Source>) -> Self {
        MergeCursor { order: Vec::with_capacity(sources.len()), sources, direction: Direction::Forward }
    }

    /// Sorts all valid sources anew, after every one of them moved.
    fn rebuild(&mut self, direction: Direction) {
        self.direction = direction;
        let sources = &self.sources;
        self.order.clear();
        self.order.extend((0..sources.len()).filter(|&index| sources[index].valid()));
        self.order.sort_by(|&a, &b| later_first(sources, direction, a, b));
    }

    /// Restores the order after only the answering source moved.
    fn settle(&mut self) {
        let Some(moved) = self.order.pop() else { return };
        if !self.sources[moved].valid() {
            return;
        }
        let sources = &self.sources;
        let mut at = self.order.len();
        while at > 0 && later_first(sources, self.direction, moved, self.order[at - 1]) == Ordering::Less {
            at -= 1;
        }
        self.order.insert(at, moved);
    }

    /// Moves the sources from `first` on that stand before `key` forward to it. The walk goes forward.
    pub fn skip_to(&mut self, first: usize, key: &[u8]) -> Result<()> {
        debug_assert!(self.direction == Direction::Forward);
        for source in self.sources[first..].iter_mut().filter(|source| source.valid()) {
            if source.key() < key {
                source.seek(key, Revision::MAX)?;
            }
        }
        self.rebuild(Direction::Forward);
        Ok(())
    }

    /// Moves the sources from `first` on that stand at or after `key` back to before it. The walk goes backward.
    pub fn skip_before(&mut self, first: usize, key: &[u8]) -> Result<()> {
        debug_assert!(self.direction == Direction::Backward);
        for source in self.sources[first..].iter_mut().filter(|source| source.valid()) {
            if source.key() >= key {
                source.seek_before(key, Revision::MAX)?;
            }
        }
        self.rebuild(Direction::Backward);
        Ok(())
    }

    /// Where the value of the entry in hand is, which is a reference.
    pub fn find(&self) -> Result<Found> {
        self.top().files().find(self.entry().value)
    }

    fn top(&self) -> &Source {
        &self.sources[*self.order.last().expect("the cursor is valid")]
    }

    /// Puts every source but the answering one on the other side of the current entry.
    fn turn(&mut self, direction: Direction) -> Result<()> {
        let top = *self.order.last().expect("the cursor is valid");
        let key = self.sources[top].key().to_vec();
        let revision = self.sources[top].entry().revision;
        for (index, source) in self.sources.iter_mut().enumerate() {
            if index == top {
                continue;
            }
            match direction {
                Direction::Forward => source.seek(&key, revision)?,
                Direction::Backward => source.seek_before(&key, revision)?,
            }
        }
        self.rebuild(direction);
        Ok(())
    }

    fn step(&mut self, direction: Direction) -> Result<()> {
        if self.direction != direction {
            self.turn(direction)?;
        }
        let top = *self.order.last().expect("the cursor is valid");
        match direction {
            Direction::Forward => self.sources[top].next()?,
            Direction::Backward => self.sources[top].prev()?,
        }
        self.settle();
        Ok(())
    }
}

/// `Less` where `a` is answered after `b`.
#[inline]
fn later_first(sources: &[Source], direction: Direction, a: usize, b: usize) -> Ordering {
    let (a, b) = (&sources[a], &sources[b]);
    // Keys differ nearly always; the revision is decoded only where they do not.
    let order = a.key().cmp(b.key()).then_with(|| b.entry().revision.cmp(&a.entry().revision));
    debug_assert!(order != Ordering::Equal, "two sources hold the same version of a key");
    match direction {
        Direction::Forward => order.reverse(),
        Direction::Backward => order,
    }
}

impl Cursor for MergeCursor {
    fn seek_to_first(&mut self) -> Result<()> {
        for source in &mut self.sources {
            source.seek_to_first()?;
        }
        self.rebuild(Direction::Forward);
        Ok(())
    }

    fn seek_to_last(&mut self) -> Result<()> {
        for source in &mut self.sources {
            source.seek_to_last()?;
        }
        self.rebuild(Direction::Backward);
        Ok(())
    }

    fn seek(&mut self, key: &[u8], revision: Revision) -> Result<()> {
        for source in &mut self.sources {
            source.seek(key, revision)?;
        }
        self.rebuild(Direction::Forward);
        Ok(())
    }

    fn seek_before(&mut self, key: &[u8], revision: Revision) -> Result<()> {
        for source in &mut self.sources {
            source.seek_before(key, revision)?;
        }
        self.rebuild(Direction::Backward);
        Ok(())
    }

    fn next(&mut self) -> Result<()> {
        self.step(Direction::Forward)
    }

    fn prev(&mut self) -> Result<()> {
        self.step(Direction::Backward)
    }

    #[inline]
    fn valid(&self) -> bool {
        !self.order.is_empty()
    }

    #[inline]
    fn key(&self) -> &[u8] {
        self.top().key()
    }

    #[inline]
    fn entry(&self) -> Entry<'_> {
        self.top().entry()
    }
}
