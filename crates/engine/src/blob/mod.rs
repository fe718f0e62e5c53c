//! Files of large values: how they are written, found, read and checked. The format is in docs/formats/blob.md.
//!
//! A blob file is written once by a `BlobBuilder`, described by its `BlobMeta` in the manifest, and from then on read
//! through a shared `BlobFile`. Tables hold `Reference`s to what is in it. A file lives as long as a live table refers to
//! it: what each table refers to stands in its summary, so that nothing has to be counted apart.

mod builder;
mod file;
mod format;
#[cfg(feature = "fuzz")]
pub mod fuzz;
mod parts;
mod reference;
#[cfg(test)]
mod tests;
mod verify;

pub use builder::BlobBuilder;
pub use file::{BlobFile, BlobMeta, Handles};
pub use format::RECORD_HEADER_BYTES;
pub use parts::{Files, Parts};
pub use reference::{BlobName, Found, Piece, Reference, Use};
