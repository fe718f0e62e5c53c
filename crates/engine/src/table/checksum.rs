//! Checksums of a table's parts. Each is CRC-32C over the table's random id, the number of the part and its bytes, so
//! that a page of another table, or another page of this one, never passes for the page that was asked for.

/// The parts that are not pages are numbered from the far end; a table has fewer pages than that.
pub(super) const PART_INDEX: u32 = u32::MAX;
pub(super) const PART_FILTER: u32 = u32::MAX - 1;
pub(super) const PART_PROPERTIES: u32 = u32::MAX - 2;
pub(super) const PART_RANGES: u32 = u32::MAX - 3;
/// Exclusive bound of page numbers.
pub(super) const PAGES_MAX: u32 = u32::MAX - 16;

/// What every checksum of one table starts from.
#[derive(Clone, Copy)]
pub(super) struct Seed(u32);

impl Seed {
    pub fn new(id: &[u8; 16]) -> Seed {
        Seed(crc32c::crc32c(id))
    }

    pub fn checksum(self, part: u32, bytes: &[u8]) -> u32 {
        crc32c::crc32c_append(crc32c::crc32c_append(self.0, &part.to_le_bytes()), bytes)
    }
}
