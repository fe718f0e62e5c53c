//! Every decoder of the engine as a function of any bytes, which must answer: no panic, no endless loop, no memory that
//! the bytes do not account for. Where checksums guard bytes they are made right first, or nothing behind them would
//! ever be reached.
//!
//! `main.rs` drives one target: by libFuzzer, which sees what code a change of the bytes reaches, or where that cannot
//! be built by blind changes. `tests/corpus.rs` replays the kept inputs and changes them for some seconds.

mod blind;
mod blob;
mod bytes;
mod codec;
mod folder;
mod log;
mod manifest;
mod mutate;
mod samples;
mod table;

pub use blind::{run, run_blind};
pub use mutate::Mutator;

pub struct Target {
    pub name: &'static str,
    pub run: fn(&[u8]),
    /// Whole and right inputs, from which all others are made.
    pub samples: fn() -> Vec<Vec<u8>>,
    /// Longer inputs show nothing new.
    pub bytes_max: usize,
}

pub const TARGETS: [Target; 18] = [
    Target { name: "record", run: log::record, samples: samples::records, bytes_max: 4 << 10 },
    Target { name: "segment", run: log::segment, samples: samples::segments, bytes_max: 8 << 10 },
    Target { name: "log", run: log::log, samples: samples::logs, bytes_max: 16 << 10 },
    Target { name: "edit", run: manifest::edit, samples: samples::edits, bytes_max: 2 << 10 },
    Target { name: "manifest", run: manifest::manifest, samples: samples::manifests, bytes_max: 8 << 10 },
    Target { name: "current", run: manifest::current, samples: samples::currents, bytes_max: 300 },
    Target { name: "footer", run: table::footer, samples: samples::footers, bytes_max: 5 << 10 },
    Target { name: "index", run: table::index, samples: samples::indexes, bytes_max: 4 << 10 },
    Target { name: "page", run: table::page, samples: samples::pages, bytes_max: 4 << 10 },
    Target { name: "ranges", run: table::ranges, samples: samples::ranges, bytes_max: 1 << 10 },
    Target { name: "properties", run: table::properties, samples: samples::properties, bytes_max: 1 << 10 },
    Target { name: "filter", run: table::filter, samples: samples::filters, bytes_max: 4 << 10 },
    Target { name: "table", run: table::table, samples: samples::tables, bytes_max: 16 << 10 },
    Target { name: "reference", run: blob::reference, samples: samples::references, bytes_max: 300 },
    Target { name: "blob", run: blob::blob, samples: samples::blobs, bytes_max: 4 << 10 },
    Target { name: "codec", run: codec::codec, samples: samples::blocks, bytes_max: 8 << 10 },
    Target {
        name: "encrypted-folder",
        run: folder::encrypted_folder,
        samples: samples::patches,
        bytes_max: 1 << 10,
    },
    Target { name: "folder", run: folder::folder, samples: samples::patches, bytes_max: 1 << 10 },
];

pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
