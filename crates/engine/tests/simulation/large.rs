//! Commits as the addon makes them: long values are staged in blob parts, and the record only names them.

use crate::oracle::{Act, Change, Put, pack};
use coppice_engine::batch::Batch;
use coppice_engine::error::Result;
use coppice_engine::{Db, Guard, LargeValue, Written};

/// Changes that are ready for a commit, tried as often as it takes.
pub struct Ready {
    batch: Batch,
    large: Vec<(usize, LargeValue)>,
}

impl Ready {
    /// Stages values from this many bytes on.
    pub fn new(db: &Db, changes: &[Change], large_from: usize) -> Result<Ready> {
        let mut large = Vec::new();
        let mut kept = changes.to_vec();
        for (index, change) in kept.iter_mut().enumerate() {
            let Act::Put(Put { value, .. }) = &mut change.act else { continue };
            if value.len() >= large_from {
                let mut writer = db.large()?;
                // In pieces that are no records.
                value.chunks(100).try_for_each(|piece| writer.write(piece))?;
                large.push((index, writer.finish()?));
                *value = [].into();
            }
        }
        Ok(Ready { batch: pack(&kept), large })
    }

    pub fn commit(&mut self, db: &Db, guards: &[Guard<'_>]) -> Result<Written> {
        if self.large.is_empty() {
            return db.write(self.batch.body(), guards);
        }
        let large: Vec<_> = self.large.iter().map(|(index, value)| (*index, value)).collect();
        db.write_large(self.batch.body(), guards, &large)
    }
}
