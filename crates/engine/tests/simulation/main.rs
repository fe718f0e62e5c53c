//! The database on a simulated disk: random histories, crashed at every disk call, failed at every call, run with each
//! sync left out; random operations beside an ordered map; and the same operations under many options.
//!
//! Each run prints its seed. `COPPICE_SEED=n` starts from that one; `COPPICE_HISTORIES=n` runs that many histories, and
//! fails every seventh call of each, where the default is one in nineteen; `COPPICE_OPERATIONS=n` sizes the model test;
//! `COPPICE_FULL=1` damages every byte. `COPPICE_CALLS=1` lists the disk calls of a history that failed.

#[macro_use]
mod check;
mod crash;
mod damage;
mod faults;
mod history;
mod large;
mod metamorphic;
mod model;
mod oracle;
mod report;
mod syncs;
mod world;
