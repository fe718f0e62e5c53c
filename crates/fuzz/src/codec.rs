//! The codec beside another one that was written by others.

use coppice_engine::codec::{Compressor, decompress};

/// Two bytes say how long the block claims to be; the rest is the block, and, read another way, what to compress.
pub fn codec(input: &[u8]) {
    let Some((length, block)) = input.split_first_chunk::<2>() else { return };
    let length = usize::from(u16::from_le_bytes(*length));
    let mut ours = vec![0; length];
    let mut theirs = vec![0; length];
    let whole = decompress(block, &mut ours).is_ok();
    let found = lz4_flex::block::decompress_into(block, &mut theirs).ok();
    if whole {
        // Theirs also refuses blocks that break only the rules for writers; what it takes it must read as we do.
        assert!(found.is_none() || found == Some(length) && ours == theirs, "two decoders read two things");
    } else {
        assert!(found != Some(length) || length == 0, "a block that another decoder reads is refused");
    }

    let mut packed = Vec::new();
    Compressor::new().compress(block, &mut packed);
    let mut back = vec![0; block.len()];
    decompress(&packed, &mut back).expect("what was compressed can be decompressed");
    assert!(back == block, "what was compressed comes back changed");
    let theirs = lz4_flex::block::decompress(&packed, block.len()).expect("another decoder reads it");
    assert!(theirs == block, "another decoder reads something else");
}
