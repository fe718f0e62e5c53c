use super::*;

fn data_header(count: u32) -> Header {
    Header { kind: RecordKind::Data, count, sequence: 7, revision: 9, time_ms: -5 }
}

/// One operation by hand, behind an empty header.
fn raw_op(fixed: [u8; 12], tail: &[u8]) -> Vec<u8> {
    let mut body = vec![0; HEADER_BYTES];
    body.extend_from_slice(&fixed);
    body.extend_from_slice(tail);
    body
}

#[test]
fn what_is_packed_is_read_back_in_order() {
    let mut batch = Batch::new();
    batch.put(0, b"a", b"one", None).unwrap();
    batch.put(0, b"", b"", Some(1_000)).unwrap();
    batch.delete(3, b"gone", Reason::Ttl).unwrap();
    let count = batch.count();
    let body = batch.body();
    set_header(body, data_header(count));

    let (header, summary) = validate_logged(body).unwrap();
    assert_eq!(header, data_header(3));
    let expected = Summary {
        entries: 3,
        key_and_value_bytes: 3 + 1 + 3 + 4,
        changes_user_keys: true,
        puts: 2,
        references: 0,
        range_deletes: 0,
        system: false,
    };
    assert_eq!(summary, expected);
    let read: Vec<Op> = ops(body).collect();
    assert_eq!(read[0].entry(9), Entry::put(9, b"one"));
    assert_eq!((read[1].deadline_ms, read[1].key, read[1].value), (1_000, &b""[..], &b""[..]));
    assert_eq!((read[2].kind, read[2].reason, read[2].keyspace), (OpKind::Delete, Reason::Ttl, 3));
}

#[test]
fn a_range_delete_ends_below_its_upper_bound_or_with_its_keyspace() {
    let mut batch = Batch::new();
    batch.delete_range(0, b"a", Some(b"b")).unwrap();
    batch.delete_range(0, b"", None).unwrap();
    let body = batch.body();
    let summary = validate(body, Origin::User).unwrap();
    assert_eq!((summary.entries, summary.range_deletes, summary.puts), (2, 2, 0));
    let read: Vec<RangeDelete> = ops(body).map(|op| op.range_delete(5)).collect();
    assert_eq!((&read[0].lower[..], &read[0].upper[..], read[0].revision), (&b"\0a"[..], &b"\0b"[..], 5));
    assert_eq!((&read[1].lower[..], &read[1].upper[..]), (&b"\0"[..], &b"\x01"[..]));

    let longest = vec![0xff; limits::KEY_BYTES_MAX];
    batch.clear();
    batch.delete_range(0, &longest, Some(&[&longest[..], &[0]].concat())).unwrap();
    validate(batch.body(), Origin::User).unwrap();
    batch.delete_range(0, &longest, Some(&[&longest[..], &[0, 0]].concat())).unwrap();
    assert_eq!(validate(batch.body(), Origin::User).unwrap_err().code(), Code::TooLarge);
}

#[test]
fn every_optional_field_is_read_from_its_place() {
    let mut tail = Vec::new();
    for field in [1_000u64, 22, 33, 44] {
        tail.extend_from_slice(&field.to_le_bytes());
    }
    tail.extend_from_slice(b"kv");
    let body = raw_op([1, 0, 0, 7, 1, 0, 0, 0, 1, 0, 0, 0], &tail);
    validate(&body, Origin::Engine).unwrap();
    let op = ops(&body).next().unwrap();
    assert_eq!((op.deadline_ms, op.lease, op.create_revision, op.version), (1_000, 22, 33, 44));
    assert_eq!((op.key, op.value), (&b"k"[..], &b"v"[..]));
    assert_eq!(validate(&body, Origin::User).unwrap_err().code(), Code::Invalid);
}

#[test]
fn the_bytes_of_a_body_never_change() {
    let mut batch = Batch::new();
    batch.put(0, b"key", b"value", Some(0x0102)).unwrap();
    let body = batch.body();
    set_header(body, data_header(1));
    let mut golden = vec![1, 0, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0];
    golden.extend_from_slice(&[0xfb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
    golden.extend_from_slice(&[1, 0, 0, 1, 3, 0, 0, 0, 5, 0, 0, 0]);
    golden.extend_from_slice(&[2, 1, 0, 0, 0, 0, 0, 0]);
    golden.extend_from_slice(b"keyvalue");
    assert_eq!(body, &golden[..]);
}

#[test]
fn a_user_cannot_reach_the_keyspaces_of_the_system() {
    let mut batch = Batch::new();
    batch.put(1, b"lease", b"", None).unwrap();
    assert_eq!(validate(batch.body(), Origin::User).unwrap_err().code(), Code::Invalid);
    assert!(!validate(batch.body(), Origin::Engine).unwrap().changes_user_keys);
}

#[test]
fn what_makes_no_sense_is_invalid_and_what_is_to_come_is_unsupported() {
    let cases: [([u8; 12], &[u8], Code); 15] = [
        ([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], b"", Code::Invalid), // no such kind
        ([3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0], b"aa", Code::Invalid), // a range of no keys
        ([3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0], b"ba", Code::Invalid), // a range that ends before it begins
        ([3, 0, 0, 1, 1, 0, 0, 0, 1, 0, 0, 0], &[1; 10], Code::Invalid), // a range delete with a deadline
        ([3, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], b"", Code::Invalid), // a range delete by a deadline
        ([4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], b"", Code::Unsupported), // system
        ([1, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], b"", Code::Invalid), // no such reason
        ([1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], b"", Code::Invalid), // a put by a deadline
        ([1, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0], b"", Code::Invalid), // no such flag
        ([1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0], b"", Code::Invalid), // reserved bytes
        ([2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0], b"v", Code::Invalid), // a delete with a value
        ([2, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0], &[1; 8], Code::Invalid), // a delete with a deadline
        ([1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0], &[0; 8], Code::Invalid), // deadline 0
        ([1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0], &[255; 8], Code::Invalid), // a deadline below 0
        ([1, 0, 0, 0, 2, 0, 0, 0, 255, 255, 255, 255], b"k", Code::Invalid), // past the end
    ];
    for (fixed, tail, code) in cases {
        assert_eq!(validate(&raw_op(fixed, tail), Origin::User).unwrap_err().code(), code, "{fixed:?}");
    }
}

#[test]
fn a_body_cut_anywhere_inside_an_operation_is_invalid() {
    let mut batch = Batch::new();
    batch.put(0, b"key", b"value", Some(77)).unwrap();
    let whole = batch.body().to_vec();
    for length in 0..whole.len() {
        assert_eq!(
            validate(&whole[..length], Origin::User).is_ok(),
            length == HEADER_BYTES,
            "{length} bytes"
        );
    }
}

#[test]
fn limits_are_checked_before_anything_is_written() {
    let mut batch = Batch::new();
    let long_key = vec![0; limits::KEY_BYTES_MAX + 1];
    assert_eq!(batch.put(0, &long_key, b"", None).unwrap_err().code(), Code::TooLarge);
    assert_eq!(batch.count(), 0);
    batch.put(0, &long_key[1..], b"", None).unwrap();
    validate(batch.body(), Origin::User).unwrap();
    batch.put(0, b"", &vec![0; limits::RECORD_BYTES_MAX], None).unwrap();
    assert_eq!(validate(batch.body(), Origin::User).unwrap_err().code(), Code::TooLarge);
    batch.clear();
    assert_eq!(validate(batch.body(), Origin::User).unwrap(), Summary::default());
}

#[test]
fn a_logged_body_must_hold_what_its_header_says() {
    let mut batch = Batch::new();
    batch.put(0, b"key", b"value", None).unwrap();
    set_header(batch.body(), data_header(2));
    assert_eq!(validate_logged(batch.body()).unwrap_err().code(), Code::Corrupt);
    batch.body()[0] = 9;
    assert_eq!(validate_logged(batch.body()).unwrap_err().code(), Code::Format);
    assert_eq!(validate_logged(&[1; 31]).unwrap_err().code(), Code::Corrupt);
    set_header(batch.body(), Header { revision: u64::MAX, ..data_header(1) });
    assert_eq!(validate_logged(batch.body()).unwrap_err().code(), Code::Corrupt);
}
