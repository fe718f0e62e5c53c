//! Several record bodies one after another, each behind its length: what travels between nodes.

use crate::error::{Error, Result};

/// Appends a body, behind its length as u32, little endian.
pub fn put_body(to: &mut Vec<u8>, body: &[u8]) {
    let length = u32::try_from(body.len()).expect("a body is at most RECORD_BYTES_MAX long");
    to.extend_from_slice(&length.to_le_bytes());
    to.extend_from_slice(body);
}

/// The bodies in their order; the last answer is `Corrupt` if the bytes end within one.
pub fn bodies(mut bytes: &[u8]) -> impl Iterator<Item = Result<&[u8]>> {
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let body = split(bytes);
        bytes = body.map_or(&[], |(_, rest)| rest);
        Some(body.map(|(body, _)| body).ok_or_else(|| Error::corrupt("records end within one of them")))
    })
}

fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

    #[test]
    fn bodies_come_back_one_by_one_and_a_cut_among_them_is_found() {
        let mut bytes = Vec::new();
        let each: [&[u8]; 3] = [b"one", b"", b"three"];
        each.iter().for_each(|body| put_body(&mut bytes, body));
        assert_eq!(bodies(&bytes).map(Result::unwrap).collect::<Vec<_>>(), each);
        let ends = [0, 7, 11, bytes.len()];
        for cut in 0..=bytes.len() {
            let whole = bodies(&bytes[..cut]).all(|body| body.is_ok());
            assert_eq!(whole, ends.contains(&cut), "cut at {cut}");
        }
        assert_eq!(bodies(&bytes[..2]).next().unwrap().unwrap_err().code(), Code::Corrupt);
    }
}
