//! How much of a table some of its keys take, without reading a page.

use super::Table;
use crate::error::Result;
use crate::key::Revision;

impl Table {
    /// About how many bytes of the file, and of those that it refers to, the stored keys from `lower` up to and without `upper` take:
    /// the share that their pages have in all pages. Reads the index if it was not needed before.
    pub fn approximate_bytes(&self, lower: &[u8], upper: &[u8]) -> Result<u64> {
        let summary = self.summary();
        let (smallest, largest) = (&summary.smallest[..], &summary.largest[..]);
        if upper <= smallest || largest < lower {
            return Ok(0);
        }
        if lower <= smallest && largest < upper {
            return Ok(summary.held_bytes());
        }
        let contents = self.contents()?;
        let pages_end = contents.footer.index.offset;
        let before = |key: &[u8]| {
            contents
                .index
                .search(key, Revision::MAX)
                .map_or(pages_end, |page| contents.index.page(page).offset)
        };
        let share = u128::from(before(upper).saturating_sub(before(lower)));
        let bytes = u128::from(summary.held_bytes()) * share / u128::from(pages_end.max(1));
        Ok(u64::try_from(bytes).expect("a share is no more than all"))
    }
}
