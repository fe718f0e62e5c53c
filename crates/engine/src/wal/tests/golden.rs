//! The bytes of one small segment, as `docs/formats/log.md` shows them. They never change within format 1.

use super::*;
use crate::environment::Random;

/// Gives the salt that the page shows.
struct FixedSalt;

impl Random for FixedSalt {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0x5a);
    }
}

#[test]
fn a_segment_has_the_bytes_that_its_page_shows() {
    let world = World::new();
    let mut environment = environment(&world.disk, &world.clock, 1);
    environment.random = Arc::new(FixedSalt);
    let files = LogFiles::default();
    let numbers = Arc::new(FileNumbers::starting_at(7));
    let log = Log::new(environment, Path::new(FOLDER), TINY, numbers, files, Watermark::default());
    let mut batch = Batch::new();
    batch.put(0, b"key", b"value", None).unwrap();
    set_header(
        batch.body(),
        Header { kind: RecordKind::Data, count: 1, sequence: 1, revision: 2, time_ms: 1_000 },
    );
    log.append(batch.body()).unwrap();
    log.close().unwrap();

    let bytes = world.disk.contents(&world.path("000007.log")).unwrap();
    assert_eq!(hex(&bytes[..128]), HEADER);
    assert_eq!(hex(&bytes[128..208]), RECORD);
    assert_eq!(hex(&bytes[208..264]), CLOSE);
    assert!(bytes[264..].iter().all(|&byte| byte == 0));
}

#[test]
fn the_bytes_on_the_page_are_read_as_a_log() {
    let world = World::new();
    let bytes: Vec<u8> = [HEADER, RECORD, CLOSE].concat().as_bytes().chunks(2).map(byte).collect();
    world.disk.create(&world.path("000007.log")).unwrap().write_at(0, &bytes).unwrap();
    let (recovered, bodies) = world.recover().unwrap();
    assert!(recovered.clean);
    assert_eq!(recovered.last, Some(Watermark { sequence: 1, revision: 2 }));
    let op = crate::batch::ops(&bodies[0]).next().unwrap();
    assert_eq!((op.key, op.value), (&b"key"[..], &b"value"[..]));
}

fn byte(digits: &[u8]) -> u8 {
    u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

const HEADER: &str = concat!(
    "636f706c6f670d0a0100000000000000000000005a5a5a5a0700000000000000",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000047095561",
);
const RECORD: &str = concat!(
    "7ae9e3f9340000005a5a5a5a0000000000000000000000000100000001000000",
    "01000000000000000200000000000000e8030000000000000100000003000000",
    "050000006b657976616c756500000000",
);
const CLOSE: &str = concat!(
    "55fbb2cb200000005a5a5a5a00000000d0000000000000000300000000000000",
    "01000000000000000200000000000000e803000000000000",
);
