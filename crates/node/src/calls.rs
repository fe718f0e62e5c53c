//! The raw functions, by name as `ts/native/addon.ts` types them.

pub mod attach;
pub mod diff;
pub mod get;
pub mod large;
pub mod lock;
pub mod range;
pub mod seat;
pub mod settle;
pub mod snapshot;
pub mod write;

use crate::context::Context;
use crate::raw::{callback, export};
use crate::replication;
use napi::Env;
use napi::bindgen_prelude::{JsValue, Object};

pub fn register(env: &Env, exports: &Object) -> napi::Result<()> {
    let context = Context::cell(env)?;
    let functions = [
        (c"attach", callback!(attach::attach)),
        (c"takeFailure", callback!(attach::take_failure)),
        (c"hold", callback!(attach::hold)),
        (c"census", callback!(attach::census)),
        (c"getText", callback!(get::get_text)),
        (c"getBytes", callback!(get::get_bytes)),
        (c"getEntry", callback!(get::get_entry)),
        (c"has", callback!(get::has)),
        (c"put", callback!(write::put)),
        (c"del", callback!(write::del)),
        (c"commit", callback!(write::commit)),
        (c"commitLarge", callback!(write::commit_large)),
        (c"commitLater", callback!(write::commit_later)),
        (c"largeBegin", callback!(large::begin)),
        (c"largeWrite", callback!(large::write)),
        (c"largeEnd", callback!(large::end)),
        (c"largeDrop", callback!(large::drop_value)),
        (c"lockFile", callback!(lock::lock)),
        (c"unlockFile", callback!(lock::unlock)),
        (c"joinSeat", callback!(seat::join)),
        (c"leaveSeat", callback!(seat::leave)),
        (c"agreementOfSeat", callback!(seat::agreement)),
        (c"attachToSeat", callback!(seat::attach)),
        (c"takeSeat", callback!(seat::take)),
        (c"saySeat", callback!(seat::say)),
        (c"saidOfSeat", callback!(seat::said)),
        (c"seatIsCurrent", callback!(seat::is_current)),
        (c"askSeat", callback!(seat::ask)),
        (c"askedOfSeat", callback!(seat::asked)),
        (c"othersOfSeat", callback!(seat::others)),
        (c"handOverSeat", callback!(seat::hand_over)),
        (c"detachFromSeat", callback!(seat::detach)),
        (c"untilClosed", callback!(seat::until_closed)),
        (c"revision", callback!(settle::revision)),
        (c"keepsHistory", callback!(settle::keeps_history)),
        (c"now", callback!(settle::now)),
        (c"pressure", callback!(settle::pressure)),
        (c"writeOut", callback!(settle::write_out)),
        (c"requestSync", callback!(settle::request_sync)),
        (c"snapshot", callback!(snapshot::snapshot)),
        (c"snapshotAt", callback!(snapshot::at)),
        (c"snapshotRevision", callback!(snapshot::revision)),
        (c"releaseSnapshot", callback!(snapshot::release)),
        (c"lastSeq", callback!(replication::last_seq)),
        (c"durableSeq", callback!(replication::durable_seq)),
        (c"readLog", callback!(replication::read_log)),
        (c"syncLog", callback!(replication::sync_log)),
        (c"logBytesAfter", callback!(replication::log_bytes_after)),
        (c"listenLogged", callback!(replication::listen_logged)),
        (c"keepLog", callback!(replication::keep_log)),
        (c"lead", callback!(replication::lead)),
        (c"raise", callback!(replication::raise)),
        (c"applyRecords", callback!(replication::apply)),
        (c"pinVersion", callback!(replication::pin)),
        (c"unpin", callback!(replication::unpin)),
        (c"diffOpen", callback!(diff::open)),
        (c"diffNext", callback!(diff::next)),
        (c"diffClose", callback!(diff::close)),
        (c"rangeOpen", callback!(range::open)),
        (c"versionsOpen", callback!(range::open_versions)),
        (c"rangeNext", callback!(range::next)),
        (c"rangeWarm", callback!(range::warm)),
        (c"rangeValue", callback!(range::value)),
        (c"rangeSeek", callback!(range::seek)),
        (c"rangeClose", callback!(range::close)),
    ];
    for (name, callback) in functions {
        export(env.raw(), exports.raw(), context, name, callback)?;
    }
    Ok(())
}
