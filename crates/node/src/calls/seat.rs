//! What a thread asks of the seat of a folder; `registry/seats.rs`.

use crate::context::Context;
use crate::message::Outcome;
use crate::raw::{Call, Value};
use crate::registry::{self, Member};
use crate::task;
use coppice_engine::error::{Error, Result};
use std::path::{Path, PathBuf};

const TEXT_BYTES_MAX: usize = 1 << 20;

fn text(call: &Call, index: usize, what: &str) -> Result<String> {
    let mut text = Vec::new();
    call.append_bytes(index, TEXT_BYTES_MAX, what, &mut text)?;
    String::from_utf8(text).map_err(|_| Error::invalid(format!("a {what} must be UTF-8")))
}

fn member<'a>(context: &'a Context, call: &Call) -> Result<&'a Member> {
    context.members.get(call.integer(0)?)
}

fn truth(call: &Call, holds: bool) -> Result<Value> {
    call.value(f64::from(u8::from(holds)))
}

/// `joinSeat(folder, lock, agreement): number`
pub fn join(context: &mut Context, call: &Call) -> Result<Value> {
    let (folder, lock) = (text(call, 0, "path")?, text(call, 1, "path")?);
    let mailbox = context.mailbox()?.clone();
    let member = Member::join(Path::new(&folder), Path::new(&lock), text(call, 2, "text")?, mailbox)?;
    let number = context.members.insert(member)?;
    context.members.get(number)?.start(number);
    call.value(number as f64)
}

/// `leaveSeat(member): void`; harmless for a stale number.
pub fn leave(context: &mut Context, call: &Call) -> Result<Value> {
    context.members.remove(call.integer(0)?);
    Ok(call.undefined())
}

/// `agreementOfSeat(member): string`
pub fn agreement(context: &mut Context, call: &Call) -> Result<Value> {
    call.text(member(context, call)?.agreement().as_bytes())
}

/// `attachToSeat(member): 0 | 1`
pub fn attach(context: &mut Context, call: &Call) -> Result<Value> {
    truth(call, member(context, call)?.attach())
}

/// `takeSeat(member): 0 | 1`
pub fn take(context: &mut Context, call: &Call) -> Result<Value> {
    truth(call, member(context, call)?.take())
}

/// `saySeat(member, text): void`
pub fn say(context: &mut Context, call: &Call) -> Result<Value> {
    member(context, call)?.say(text(call, 1, "text")?);
    Ok(call.undefined())
}

/// `saidOfSeat(member): string`
pub fn said(context: &mut Context, call: &Call) -> Result<Value> {
    call.text(member(context, call)?.said().as_bytes())
}

/// `seatIsCurrent(member): 0 | 1`
pub fn is_current(context: &mut Context, call: &Call) -> Result<Value> {
    truth(call, member(context, call)?.is_current())
}

/// `askSeat(member, text): void`
pub fn ask(context: &mut Context, call: &Call) -> Result<Value> {
    member(context, call)?.ask(text(call, 1, "text")?)?;
    Ok(call.undefined())
}

/// `askedOfSeat(member): string | undefined`
pub fn asked(context: &mut Context, call: &Call) -> Result<Value> {
    match member(context, call)?.asked() {
        Some(question) => call.text(question.as_bytes()),
        None => Ok(call.undefined()),
    }
}

/// `othersOfSeat(member): number`
pub fn others(context: &mut Context, call: &Call) -> Result<Value> {
    call.value(member(context, call)?.others() as f64)
}

/// `handOverSeat(member): 0 | 1`
pub fn hand_over(context: &mut Context, call: &Call) -> Result<Value> {
    truth(call, member(context, call)?.hand_over())
}

/// `detachFromSeat(member): 0 | 1`
pub fn detach(context: &mut Context, call: &Call) -> Result<Value> {
    truth(call, member(context, call)?.detach())
}

/// `untilClosed(folder): number`, a task: no thread of this process has the folder open to write any more.
pub fn until_closed(context: &mut Context, call: &Call) -> Result<Value> {
    let folder = PathBuf::from(text(call, 0, "path")?);
    let task = task::start(context.mailbox()?, "closed", move |_| {
        registry::wait_until_closed(&folder);
        Ok(Outcome::Nothing)
    })?;
    call.value(task)
}
