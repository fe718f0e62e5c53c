//! What a database needs of its engine whose log others have too: its durable records are read and shipped, those of
//! others applied, its tables handed out, and another's installed. Who ships what to whom, and who leads, is decided
//! above; see `docs/protocol.md`.
//!
//! What must hold:
//! - A record keeps its sequence, revision and time wherever it is. Only who leads gives new ones (`replicated.rs`).
//! - Only durable records are handed out, and no segment goes that holds one which somebody still needs.
//! - Nodes come to the same by the log alone: nothing is dropped because a clock says that it has expired.

mod apply;
mod folder;
mod pinned;
mod ship;

pub use apply::Until;
pub use folder::{clear, cut, install};
pub use pinned::{FileKind, PinnedVersion, VersionFile, files_of};
