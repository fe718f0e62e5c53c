//! Puts references to large values into a body that has none yet.

use super::{HEADER_BYTES, OpKind, split};
use crate::error::{Error, Result};

/// The same body, in which some puts, whose values are empty, have references for values: by their operation's index,
/// ascending. The body was validated.
pub fn with_references(body: &[u8], references: &[(usize, Vec<u8>)]) -> Result<Vec<u8>> {
    let more = references.iter().map(|(_, reference)| reference.len()).sum::<usize>();
    let mut out = Vec::with_capacity(body.len() + more);
    out.extend_from_slice(&body[..HEADER_BYTES]);
    let mut references = references.iter().peekable();
    let mut rest = &body[HEADER_BYTES..];
    let mut index = 0;
    while let Some((op, after)) = split(rest) {
        let at = out.len();
        out.extend_from_slice(&rest[..rest.len() - after.len()]);
        if let Some((_, reference)) = references.next_if(|(wanted, _)| *wanted == index) {
            if op.kind != OpKind::Put || !op.value.is_empty() {
                return Err(Error::invalid("a large value belongs to a put without a value"));
            }
            out[at] = OpKind::Reference as u8;
            out[at + 8..at + 12].copy_from_slice(&(reference.len() as u32).to_le_bytes());
            out.extend_from_slice(reference);
        }
        rest = after;
        index += 1;
    }
    match references.next() {
        None => Ok(out),
        Some((index, _)) => Err(Error::invalid(format!("there is no operation {index} for a large value"))),
    }
}
