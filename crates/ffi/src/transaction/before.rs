//! What a commit overwrites, kept so that it can be restored.

use super::writes::Own;
use crate::call::Result;
use crate::engine::{EngineEntry, Guard, NO_DEADLINE, Revision};
use crate::write::{COMMIT_BYTES_MAX, Pack, WRITE_BYTES, too_large};
use std::borrow::Cow;
use std::collections::BTreeMap;

#[derive(Default)]
pub struct Before {
    images: BTreeMap<Vec<u8>, Image>,
    /// What the commit that puts them back takes in the log.
    bytes: usize,
    /// That the commit was made as.
    pub revision: Revision,
}

struct Image {
    /// What the key held; none: nothing.
    before: Option<Own>,
    /// Whether the commit has put it, else it has deleted it.
    is_put: bool,
}

impl Before {
    pub fn add(&mut self, key: &[u8], entry: Option<&EngineEntry<'_>>, is_put: bool) -> Result<()> {
        let before = entry.map(|entry| Own {
            value: Some(entry.value.into()),
            deadline_ms: (entry.deadline_ms != NO_DEADLINE).then_some(entry.deadline_ms),
        });
        if !self.images.contains_key(key) {
            self.bytes += WRITE_BYTES + key.len() + entry.map_or(0, |entry| entry.value.len());
        }
        self.images.insert(key.to_vec(), Image { before, is_put });
        match self.bytes > COMMIT_BYTES_MAX {
            true => Err(too_large("a transaction, in what it overwrites,", COMMIT_BYTES_MAX)),
            false => Ok(()),
        }
    }

    /// Puts everything back, where its time is not past.
    pub fn pack<'a>(&'a self, pack: &mut Pack<'a>, now_ms: i64) -> Result<()> {
        self.images.iter().try_for_each(|(key, Image { before, is_put })| {
            let before = before.as_ref().filter(|before| before.deadline_ms.is_none_or(|at| at > now_ms));
            match before {
                Some(Own { value, deadline_ms }) => {
                    pack.put(key, Cow::Borrowed(value.as_deref().unwrap_or_default()), *deadline_ms)
                }
                None if *is_put => pack.delete(key),
                None => Ok(()),
            }
        })
    }

    /// That no key was changed since.
    pub fn guards(&self) -> Vec<Guard<'_>> {
        let revision = |image: &Image| image.is_put.then_some(self.revision);
        self.images.iter().map(|(key, image)| Guard::Key { key, revision: revision(image) }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_fits_into_the_commit_that_puts_it_back() {
        let mut before = Before::default();
        let mut value = vec![0; 1 << 20];
        for at in 0_u32.. {
            let key = at.to_be_bytes();
            while value.len() > 1 && before.bytes + value.len() + 64 > COMMIT_BYTES_MAX {
                value.truncate(value.len() / 2);
            }
            let entry = EngineEntry { deadline_ms: i64::MAX - 1, ..EngineEntry::put(1, &value) };
            if before.add(&key, Some(&entry), false).is_err() {
                before.images.remove(&key[..]);
                break;
            }
        }
        before.pack(&mut Pack::default(), 0).expect("it fits");
    }
}
