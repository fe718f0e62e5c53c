//! The C library of Coppice: an ordered key-value database in a folder, inside the process.
//!
//! Rules that hold for every call:
//! - It answers COPPICE_OK (0) or what went wrong; coppice_error_message then has the words. Numbers and names of codes never change.
//! - Answers go where the last arguments point, which may be NULL where nobody wants them, but for handles. After a failure nothing
//!   was written, and what there was to answer is NULL or 0, or was left alone. Only a write that ends with COPPICE_IO or
//!   COPPICE_POISONED may have been made, without being sure to survive.
//! - Keys and values are any bytes, each with its length; no bytes may be NULL. Paths and options are UTF-8 that ends with a NUL. What
//!   is given is read during the call alone: it may be changed or freed afterwards.
//! - A wrong argument is COPPICE_INVALID, and so is a NULL that may not be one; the message names it.
//! - Handles are freed by the call that their kind has for it, once, in any order: what one still needs of another stays.
//! - coppice_db and coppice_snapshot may be used by many threads at a time. coppice_iterator, coppice_batch and coppice_transaction
//!   serve one at a time, which need not always be the same; a second one that comes meanwhile is told COPPICE_INVALID.
//! - Calls wait for the disk where they have to, and writes for compaction if it is far behind. No call calls back.
//! - An open database holds its folder: another process, and another coppice_open of this one, gets COPPICE_LOCKED, unless with
//!   readOnly. After a fork the child must not use what was opened before, and the folder is held until it has ended too.
//! - A bug of the library that would end the process is told as COPPICE_POISONED instead; want of memory does end it.

mod alone;
mod batch;
mod call;
mod code;
mod conflict;
mod database;
mod engine;
mod iterator;
mod json;
mod maintenance;
mod options;
mod pointer;
mod range;
mod read;
mod rows;
mod snapshot;
mod transaction;
mod version;
mod write;
