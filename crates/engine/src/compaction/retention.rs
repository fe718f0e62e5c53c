//! Which versions survive a flush or a compaction. Pure: it reads neither clock nor disk.
//!
//! The live snapshots cut the revisions into stripes; of each key the newest version in each stripe is kept, the rest
//! is hidden from everyone. A delete, or an entry whose deadline has passed for everyone, goes too once nothing older
//! of its key can be left anywhere below.

use crate::entry::{Entry, Kind};
use crate::key::Revision;
use crate::snapshot::Pinned;

pub struct Retention {
    snapshots: Vec<Revision>,
    /// Deadlines at or before it have passed for every reader, now and later.
    expired_before_ms: i64,
    key: Vec<u8>,
    /// The stripe of the last version seen of `key`; none before the first.
    stripe: Option<usize>,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Fate {
    Keep,
    /// Keep that the key ends here, without the value.
    KeepAsDelete,
    Drop,
}

impl Retention {
    pub fn new(pinned: Pinned) -> Self {
        let Pinned { revisions, now_ms } = pinned;
        Retention { snapshots: revisions, expired_before_ms: now_ms, key: Vec::new(), stripe: None }
    }

    /// Entries come in order. `is_bottom` says whether no table below the output can hold an older version of the key.
    pub fn judge(&mut self, key: &[u8], entry: &Entry<'_>, is_bottom: impl FnOnce() -> bool) -> Fate {
        if self.stripe.is_none() || self.key != key {
            self.key.clear();
            self.key.extend_from_slice(key);
            self.stripe = None;
        }
        // How many snapshots are too old to see this version.
        let stripe = self.snapshots.partition_point(|&snapshot| snapshot < entry.revision);
        if self.stripe.replace(stripe) == Some(stripe) {
            return Fate::Drop;
        }
        if entry.is_live(self.expired_before_ms) {
            return Fate::Keep;
        }
        // With no snapshot below it, every older version in this merge falls into the same stripe and goes with it.
        if stripe == 0 && is_bottom() {
            return Fate::Drop;
        }
        if entry.kind == Kind::Delete { Fate::Keep } else { Fate::KeepAsDelete }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(snapshots: &[Revision], now_ms: i64, bottom: bool, versions: &[(&str, Entry<'_>)]) -> Vec<Fate> {
        let pinned = Pinned { revisions: snapshots.to_vec(), now_ms };
        let mut retention = Retention::new(pinned);
        versions.iter().map(|(key, entry)| retention.judge(key.as_bytes(), entry, || bottom)).collect()
    }

    #[test]
    fn without_snapshots_only_the_newest_version_stays() {
        let versions = [("a", Entry::put(9, b"x")), ("a", Entry::put(5, b"y")), ("b", Entry::put(5, b"z"))];
        assert_eq!(judge(&[], 0, false, &versions), [Fate::Keep, Fate::Drop, Fate::Keep]);
    }

    #[test]
    fn each_snapshot_keeps_the_version_it_sees() {
        let versions = [9, 7, 6, 3, 2].map(|revision| ("a", Entry::put(revision, b"")));
        let fates = judge(&[6, 8], 0, true, &versions);
        assert_eq!(fates, [Fate::Keep, Fate::Keep, Fate::Keep, Fate::Drop, Fate::Drop]);
    }

    #[test]
    fn a_delete_goes_only_at_the_bottom_and_takes_what_it_hides_with_it() {
        let versions = [("a", Entry::delete(9)), ("a", Entry::put(5, b"y"))];
        assert_eq!(judge(&[], 0, true, &versions), [Fate::Drop, Fate::Drop]);
        assert_eq!(judge(&[], 0, false, &versions), [Fate::Keep, Fate::Drop]);
    }

    #[test]
    fn a_delete_stays_while_a_snapshot_still_sees_what_it_hides() {
        let versions = [("a", Entry::delete(9)), ("a", Entry::put(5, b"y"))];
        assert_eq!(judge(&[6], 0, true, &versions), [Fate::Keep, Fate::Keep]);
    }

    #[test]
    fn an_expired_entry_hides_older_versions_until_the_bottom() {
        let expired = Entry { deadline_ms: 100, ..Entry::put(9, b"x") };
        let versions = [("a", expired), ("a", Entry::put(5, b"y"))];
        assert_eq!(judge(&[], 100, false, &versions), [Fate::KeepAsDelete, Fate::Drop]);
        assert_eq!(judge(&[], 100, true, &versions), [Fate::Drop, Fate::Drop]);
        assert_eq!(judge(&[], 99, true, &versions), [Fate::Keep, Fate::Drop]);
    }

    #[test]
    fn the_empty_key_is_a_key_like_any_other() {
        let versions = [("", Entry::put(9, b"x")), ("", Entry::put(5, b"y"))];
        assert_eq!(judge(&[], 0, true, &versions), [Fate::Keep, Fate::Drop]);
    }
}
