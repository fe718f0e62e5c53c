//! Round trips, the reference decoder and encoder as oracle in both directions, and bytes that nobody wrote.

use super::*;
use crate::testing::Seeded;

fn compressed(input: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    Compressor::new().compress(input, &mut out);
    out
}

fn json_rows(random: &mut Seeded, length: usize) -> Vec<u8> {
    let mut text = String::new();
    while text.len() < length {
        let (id, age) = (random.next() % 1_000_000, random.below(90));
        text += &format!(
            "{{\"id\":{id},\"name\":\"user {id}\",\"email\":\"user{id}@example.com\",\"age\":{age},\"active\":{}}}",
            age % 2 == 0
        );
    }
    text.truncate(length);
    text.into_bytes()
}

/// Every kind of content that has its own path through the codec: incompressible, runs, short periods, text, few symbols.
fn content(random: &mut Seeded, length: usize) -> Vec<u8> {
    match random.below(6) {
        0 => random.bytes(length),
        1 => vec![random.next() as u8; length],
        2 => {
            let pattern_length = 1 + random.below(40);
            let pattern = random.bytes(pattern_length);
            pattern.iter().copied().cycle().take(length).collect()
        }
        3 => json_rows(random, length),
        4 => (0..length).map(|_| random.next() as u8 & 1).collect(),
        _ => {
            // Runs of old and new content, so that matches of every length and distance occur.
            let mut out = Vec::new();
            while out.len() < length {
                let part = 1 + random.below(300);
                if out.is_empty() || random.below(2) == 0 {
                    out.extend(random.bytes(part));
                } else {
                    let from = random.below(out.len());
                    let to = (from + part).min(out.len());
                    out.extend_from_within(from..to);
                }
            }
            out.truncate(length);
            out
        }
    }
}

fn assert_comes_back(input: &[u8]) {
    let block = compressed(input);
    assert!(block.len() <= max_compressed_len(input.len()));

    let mut ours = vec![0xaa; input.len()];
    decompress(&block, &mut ours).unwrap();
    assert!(ours == input, "our decoder gives other bytes for an input of {}", input.len());

    let theirs = lz4_flex::block::decompress(&block, input.len()).unwrap();
    assert!(theirs == input, "the reference decoder gives other bytes for an input of {}", input.len());
}

#[test]
fn every_small_length_comes_back() {
    let mut random = Seeded::new();
    for length in 0..200 {
        assert_comes_back(&vec![7; length]);
        assert_comes_back(&random.bytes(length));
        assert_comes_back(&json_rows(&mut random, length));
    }
}

#[test]
fn every_kind_of_content_comes_back_and_agrees_with_the_reference() {
    let mut random = Seeded::new();
    for _ in 0..600 {
        let length = random.below(20_000);
        let input = content(&mut random, length);
        assert_comes_back(&input);

        let reference = lz4_flex::block::compress(&input);
        let mut output = vec![0; input.len()];
        decompress(&reference, &mut output).unwrap();
        assert!(output == input, "a reference block of {length} bytes is read differently");
    }
}

#[test]
fn content_beyond_the_largest_distance_comes_back() {
    let mut random = Seeded::new();
    for length in [65_534, 65_535, 65_536, 65_537, 65_600, 300_000] {
        assert_comes_back(&json_rows(&mut random, length));
        // Every repeat lies exactly at the limit of the distance, one below, or one above.
        for period in [65_535, 65_534, 65_536] {
            let pattern = random.bytes(period);
            assert_comes_back(&pattern.iter().copied().cycle().take(length * 2).collect::<Vec<_>>());
        }
    }
}

#[test]
fn matches_of_every_length_and_distance_come_back() {
    let mut random = Seeded::new();
    for distance in 1..70 {
        for length in (0..40).chain(250..300).chain([525, 526, 1000]) {
            let mut input = random.bytes(distance);
            for at in 0..length {
                input.push(input[at]);
            }
            let tail_length = random.below(30);
            input.extend(random.bytes(tail_length));
            assert_comes_back(&input);
        }
    }
}

#[test]
fn a_used_compressor_gives_the_same_block_as_a_new_one_and_appends() {
    let mut random = Seeded::new();
    let mut compressor = Compressor::new();
    for _ in 0..100 {
        let length = random.below(5_000);
        let input = content(&mut random, length);
        let mut out = b"before".to_vec();
        compressor.compress(&input, &mut out);
        assert_eq!(&out[..6], b"before");
        assert_eq!(out[6..], compressed(&input));
    }
}

#[test]
fn the_length_of_the_content_is_enforced() {
    let input = json_rows(&mut Seeded::new(), 5_000);
    let block = compressed(&input);
    for wrong in [0, 1, 4_000, 4_999, 5_001, 6_000] {
        assert_eq!(decompress(&block, &mut vec![0; wrong]).unwrap_err().code(), crate::error::Code::Corrupt);
    }
}

#[test]
fn a_block_cut_anywhere_is_corrupt() {
    let input = json_rows(&mut Seeded::new(), 3_000);
    let block = compressed(&input);
    for end in 0..block.len() {
        assert!(decompress(&block[..end], &mut vec![0; input.len()]).is_err(), "cut at {end}");
    }
}

#[test]
fn bytes_that_nobody_wrote_are_refused_or_read_as_the_reference_reads_them() {
    let mut random = Seeded::new();
    let mut taken = 0;
    for round in 0..30_000 {
        // Half are damaged blocks, which come further than bytes that were never a block.
        let (block, length) = if round % 2 == 0 {
            let length = 1 + random.below(400);
            let mut block = compressed(&content(&mut random, length));
            for _ in 0..=random.below(3) {
                let at = random.below(block.len());
                block[at] = random.next() as u8;
            }
            (block, length)
        } else {
            let length = random.below(60);
            (random.bytes(length), random.below(300))
        };
        let mut output = vec![0; length];
        if decompress(&block, &mut output).is_ok() {
            let theirs = lz4_flex::block::decompress(&block, length).unwrap();
            assert!(theirs == output, "read differently: {block:?}");
            taken += 1;
        }
    }
    assert!(taken > 100, "the damage must not be caught by its first byte alone: {taken}");
}

#[test]
fn the_four_ways_to_be_malformed_are_named() {
    let message =
        |block: &[u8], length| decompress(block, &mut vec![0; length]).unwrap_err().message().to_owned();
    assert_eq!(message(&[], 0), "a compressed block ends in the middle");
    assert_eq!(message(&[0x50, 1, 2], 5), "a compressed block ends in the middle");
    assert_eq!(message(&[0x10, 9, 2, 0, 0], 5), "a compressed block points 2 bytes back where 1 are known");
    assert_eq!(message(&[0x10, 9, 0, 0, 0], 5), "a compressed block points 0 bytes back where 1 are known");
    assert_eq!(
        message(&[0x1f, 9, 1, 0, 255, 255, 0, 0], 9),
        "a compressed block holds more bytes than were stored"
    );
    assert_eq!(message(&[0x10, 9], 2), "a compressed block holds 1 bytes where 2 were stored");
}

#[test]
fn golden_blocks_stay_as_they_are() {
    // The decoder must read these for ever. The encoder may change its choices, and then these change with the commit.
    let golden: [(&[u8], &[u8]); 4] = [
        (b"", &[0x00]),
        (b"coppice", b"\x70coppice"),
        (&[7; 300], &[0x1f, 7, 1, 0, 255, 20, 0x50, 7, 7, 7, 7, 7]),
        (
            b"{\"id\":1,\"name\":\"oak\"},{\"id\":2,\"name\":\"hazel\"}",
            b"\xf2\x07{\"id\":1,\"name\":\"oak\"},\x16\x00\x15\x32\x16\x00\x70hazel\"}",
        ),
    ];
    for (content, block) in golden {
        assert_eq!(compressed(content), block);
        let mut output = vec![0; content.len()];
        decompress(block, &mut output).unwrap();
        assert_eq!(output, content);
    }
}
