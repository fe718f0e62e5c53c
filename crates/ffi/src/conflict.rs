//! What a commit has lost to.

use crate::call::{Failure, Result};
use crate::code::Code;
use crate::engine::{EngineConflict, Guard, Revision};
use std::collections::HashSet;
use std::ptr;

/// A key that is not as it was read, or as a condition wants it.
#[repr(C)]
pub struct Conflict {
    pub key: *const u8,
    pub key_length: usize,
    /// What the key is at now; 0: it has no value.
    pub revision: u64,
}

/// In the order of the guards, each key once.
#[derive(Default)]
pub struct Conflicts(Vec<(Vec<u8>, Option<Revision>)>);

impl Conflicts {
    pub fn of(found: Vec<EngineConflict>, guards: &[Guard<'_>]) -> Conflicts {
        let mut all = Vec::new();
        let mut known = HashSet::new();
        for conflict in found {
            let key = match (conflict.key, guards[conflict.guard]) {
                (Some(key), _) => key,
                (None, Guard::Key { key, .. }) => key.to_vec(),
                (None, Guard::Range { lower, .. }) => lower.to_vec(),
            };
            if known.insert(key.clone()) {
                all.push((key, conflict.revision));
            }
        }
        Conflicts(all)
    }

    pub fn at(&self, index: usize) -> Result<Conflict> {
        let found =
            self.0.get(index).ok_or_else(|| Failure::invalid(format!("there is no conflict {index}")));
        let (key, revision) = found?;
        let key_length = key.len();
        let key = if key.is_empty() { ptr::dangling() } else { key.as_ptr() };
        Ok(Conflict { key, key_length, revision: revision.unwrap_or(0) })
    }

    pub fn failure(&self) -> Failure {
        let first = self.0.first().map_or_else(String::new, |(key, _)| key.escape_ascii().to_string());
        let others = self.0.len().saturating_sub(1);
        Failure::new(Code::Conflict, format!("key \"{first}\", and {others} more, are not as they were"))
    }
}
