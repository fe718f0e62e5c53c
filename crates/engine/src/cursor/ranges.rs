//! Which entries range deletes hide from a reader that walks the sources of a merge at one revision.
//!
//! One answer holds for a stretch of keys, and is kept until the walk leaves the stretch: a row then costs one
//! comparison, and a walk without range deletes none at all. Owned by one thread at a time.

use crate::key::Revision;
use crate::range_delete::{Node, RangeDeletes};
use std::sync::Arc;

/// Range deletes of all sources, as one reader sees them.
#[derive(Default)]
pub struct Hidden {
    /// From the newest source; each with the number of sources that hold nothing older than its range deletes.
    nodes: Vec<(Arc<Node>, usize)>,
    stretch: Option<Stretch>,
}

/// Keys of which the same is hidden.
pub struct Stretch {
    /// None: no bound. The first is of the stretch, the second is not.
    pub from: Option<Arc<[u8]>>,
    pub until: Option<Arc<[u8]>>,
    /// What is older is hidden.
    pub revision: Revision,
    /// Sources from this one on hold nothing else here.
    pub older_from: usize,
}

impl Hidden {
    /// Adds the range deletes of the next source. `newer` counts the sources of the merge before it and itself.
    pub fn add(&mut self, ranges: &RangeDeletes, at: Revision, newer: usize) {
        self.nodes.extend(ranges.nodes_at(at).into_iter().map(|node| (node, newer)));
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Whether the version of a key that was written at `revision` is hidden.
    #[inline]
    pub fn hides(&mut self, key: &[u8], revision: Revision) -> bool {
        !self.nodes.is_empty() && self.at(key).revision > revision
    }

    /// The stretch that a key lies in.
    pub fn at(&mut self, key: &[u8]) -> &Stretch {
        let holds = |stretch: &Stretch| {
            stretch.until.as_ref().is_none_or(|until| *key < until[..])
                && stretch.from.as_ref().is_none_or(|from| *key >= from[..])
        };
        match self.stretch.take().filter(holds) {
            Some(stretch) => self.stretch.insert(stretch),
            None => {
                let found = self.find(key);
                self.stretch.insert(found)
            }
        }
    }

    fn find(&self, key: &[u8]) -> Stretch {
        let mut found = Stretch { from: None, until: None, revision: 0, older_from: 0 };
        for (node, newer) in &self.nodes {
            if let Some(range) = node.flat().find(key).filter(|range| range.revision > found.revision) {
                let (from, until) = (Some(range.lower.clone()), Some(range.upper.clone()));
                found = Stretch { from, until, revision: range.revision, older_from: *newer };
            }
        }
        // It ends where another begins or ends that may be newer still.
        for (node, _) in self.nodes.iter().filter(|(node, _)| node.newest() > found.revision) {
            let place = node.flat().place(key);
            found.from = found.from.max(place.from.cloned());
            found.until = match (found.until.take(), place.until) {
                (Some(until), Some(other)) => Some((&until).min(other).clone()),
                (until, other) => until.or_else(|| other.cloned()),
            };
        }
        found
    }
}
