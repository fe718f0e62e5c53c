//! Comparing keys a word at a time.

/// The first eight bytes in an order-preserving number; a shorter key ties with itself plus zeros.
#[inline]
pub(super) fn head(bytes: &[u8]) -> u64 {
    let mut head = [0; 8];
    let length = bytes.len().min(8);
    head[..length].copy_from_slice(&bytes[..length]);
    u64::from_be_bytes(head)
}

/// How many bytes `a` and `b` have in common from their start.
#[inline]
pub(super) fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    let length = a.len().min(b.len());
    let mut shared = 0;
    while shared + 8 <= length {
        let x = u64::from_le_bytes(a[shared..shared + 8].try_into().expect("eight bytes"));
        let y = u64::from_le_bytes(b[shared..shared + 8].try_into().expect("eight bytes"));
        if x != y {
            return shared + ((x ^ y).trailing_zeros() / 8) as usize;
        }
        shared += 8;
    }
    while shared < length && a[shared] == b[shared] {
        shared += 1;
    }
    shared
}
