//! The Node.js addon: the engine's calls as functions that JavaScript can call cheaply.
//!
//! Hot calls (`calls`) are raw Node-API functions that take a handle number and leave bytes in one buffer that
//! JavaScript allocated. Rare ones (`lifecycle`, `maintenance`) are `#[napi]` functions that start a thread of their own
//! and answer through the environment's `mailbox`. An *environment* is one JavaScript thread with its own instance of
//! this module: the main thread or a worker. Engines are shared by all environments of the process (`registry`).
//!
//! Only `ts/native/` calls this module; it checks types and throws errors. Nothing here may crash on wrong arguments
//! all the same. `unsafe` stands in `raw`, `context`, `shared` and `mailbox` only.

// Under test napi-derive registers no function, so that nothing calls what only JavaScript calls.
#![cfg_attr(test, allow(dead_code))]

mod calls;
mod context;
mod engine;
mod lifecycle;
mod mailbox;
mod maintenance;
mod message;
mod pool;
mod raw;
mod registry;
mod replication;
mod shared;
mod slots;
mod task;

use napi::Env;
use napi::bindgen_prelude::Object;

/// Runs once in each environment that loads the addon.
#[napi_derive::napi(module_exports)]
pub fn exports(exports: Object, env: Env) -> napi::Result<()> {
    context::Context::install(&env)?;
    calls::register(&env, &exports)
}
