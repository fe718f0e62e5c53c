//! Whether the versions of a key can follow one another, by the fields that commits compute of them. For `verify`.

use crate::entry::Entry;
use crate::error::{Error, Result};
use crate::key::{EMPTY_REVISION, Revision};

/// The version that was looked at last, the newer one.
#[derive(Default)]
pub struct Lineage {
    is_put: bool,
    create_revision: Revision,
    version: u64,
}

impl Lineage {
    /// Versions come newest first. `goes_on`: this one is older than the last, of the same key.
    pub fn check(&mut self, entry: &Entry<'_>, goes_on: bool) -> Result<()> {
        let Entry { revision, create_revision, version, .. } = *entry;
        let is_put = entry.kind.is_put();
        let newer = std::mem::replace(self, Lineage { is_put, create_revision, version });
        if !is_put {
            let empty = (create_revision, version) == (0, 0);
            return if empty { Ok(()) } else { Err(Error::corrupt("a delete counts no version")) };
        }
        let counts = create_revision > EMPTY_REVISION
            && create_revision <= revision
            && (version == 1) == (create_revision == revision)
            && version >= 1
            && version - 1 <= revision - create_revision;
        if !counts {
            let message =
                format!("version {version} of revision {revision} cannot have begun at {create_revision}");
            return Err(Error::corrupt(message));
        }
        // What began no later than this version is the same life of the key.
        let same = newer.create_revision <= revision;
        let follows = (newer.create_revision, true) == (create_revision, newer.version > version);
        if goes_on && newer.is_put && same && !follows {
            let message = format!("version {} of a key does not follow version {version}", newer.version);
            return Err(Error::corrupt(message));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(revision: Revision, create_revision: Revision, version: u64) -> Entry<'static> {
        Entry { create_revision, version, ..Entry::put(revision, b"") }
    }

    fn is_sound(versions: &[Entry<'_>]) -> bool {
        let mut lineage = Lineage::default();
        versions.iter().enumerate().all(|(at, entry)| lineage.check(entry, at > 0).is_ok())
    }

    #[test]
    fn lives_of_a_key_follow_one_another() {
        let sound = [put(20, 20, 1), Entry::delete(15), put(12, 7, 3), put(9, 7, 2), put(7, 7, 1)];
        assert!(is_sound(&sound));
        assert!(is_sound(&[put(20, 7, 9), put(9, 7, 2)]), "trimmed in between");
        assert!(is_sound(&[put(20, 20, 1), put(9, 7, 2)]), "it had expired");
    }

    #[test]
    fn what_cannot_be_is_found() {
        for wrong in [
            &[put(9, 0, 0)][..],
            &[put(9, 10, 2)],
            &[put(9, 9, 2)],
            &[put(9, 8, 1)],
            &[put(9, 8, 3)],
            &[put(9, 7, 2), put(8, 7, 2)],
            &[put(9, 6, 3), put(8, 7, 2)],
            &[Entry { version: 1, ..Entry::delete(9) }],
        ] {
            assert!(!is_sound(wrong), "{wrong:?}");
        }
    }
}
