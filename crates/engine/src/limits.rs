//! Every bound of the engine in one place, tied to the width of its encoding where it has one.

/// A user key may have 0 to this many bytes.
pub const KEY_BYTES_MAX: usize = 65_535;
/// A stored key: one keyspace byte, then the user key.
pub const STORED_KEY_BYTES_MAX: usize = KEY_BYTES_MAX + 1;
/// A value may have 0 to this many bytes. (Values above a log record come in blob parts.)
pub const VALUE_BYTES_MAX: usize = 1 << 30;
/// One commit is one log record of at most this many bytes, header and operations.
pub const RECORD_BYTES_MAX: usize = 32 << 20;
/// Operations in one commit.
pub const RECORD_OPS_MAX: usize = 1 << 24;
/// The largest revision: the largest integer that a JavaScript number holds exactly.
pub const REVISION_MAX: u64 = (1 << 53) - 1;
/// No file number and no sequence gets here: bytes that claim more are damaged.
pub const COUNTER_MAX: u64 = 1 << 53;

/// The first log segment; each new one doubles while the write rate asks for it.
pub const SEGMENT_BYTES_MIN: u64 = 1 << 20;
pub const SEGMENT_BYTES_MAX: u64 = 64 << 20;

/// One edit of the manifest, or one part of the snapshot that a manifest begins with.
pub const MANIFEST_EDIT_BYTES_MAX: usize = 64 << 20;
/// A longer manifest is refused unread.
pub const MANIFEST_BYTES_MAX: u64 = 4 << 30;
/// A manifest shorter than this is appended to however small a new one would be; reading one takes well under 1 ms.
pub const MANIFEST_ROLL_BYTES_MIN: u64 = 256 << 10;

/// A page of a table before compression. One entry larger than this gets a page of its own.
pub const PAGE_BYTES: usize = 16 << 10;
/// Entries from one restart point of a page to the next.
pub const RESTART_INTERVAL: usize = 8;
/// A compaction starts a new table at this many bytes on disk.
pub const TABLE_BYTES_TARGET: u64 = 16 << 20;
/// Values from this many bytes on are moved into blob files, unless the option says otherwise.
pub const BLOB_BYTES_DEFAULT: u64 = 4 << 10;
/// A flush or a compaction starts a new blob file at this many bytes.
pub const BLOB_FILE_BYTES_TARGET: u64 = 32 << 20;
/// One record of a blob file before compression: a longer value has several.
pub const BLOB_RECORD_BYTES_MAX: usize = 4 << 20;
/// No object exceeds it: an upload is never split.
const OBJECT_BYTES_MAX: u64 = 64 << 20;
/// A part of a larger value.
pub const BLOB_PART_BYTES: u64 = 32 << 20;
/// The large values of one commit together.
pub const LARGE_BYTES_MAX: usize = 1 << 30;
/// A memtable that refers to so many blob parts is full, and so is one whose parts have so many bytes: of values that were
/// replaced meanwhile the parts go when it is flushed.
pub const MEMTABLE_PARTS_MAX: usize = 1024;
pub const MEMTABLE_PART_BYTES_MAX: u64 = 256 << 20;
/// A compaction starts a new table when one refers to so many blob files: each part of a large value is one.
pub const TABLE_BLOBS_TARGET: usize = 1 << 16;
/// Blob files that one table refers to at most.
pub const TABLE_BLOBS_MAX: usize = 1 << 19;
/// What is still needed of mostly dead blob files is copied so much at a time, or as much as all tables take: then the
/// files go, before others are begun with. A disk that is nearly full has room for that, and a close does not wait long.
pub const BLOB_COPY_BYTES: u64 = 256 << 20;
/// Blob files that are kept open.
pub const BLOB_HANDLES_MAX: usize = 256;
/// Levels of a version, level 0 included.
pub const LEVELS: usize = 7;

pub const MEMORY_BYTES_MIN: u64 = 16 << 20;
pub const MEMORY_BYTES_DEFAULT: u64 = 64 << 20;

const _: () = assert!(KEY_BYTES_MAX <= u16::MAX as usize, "a key length is stored in 16 bits");
const _: () = assert!(VALUE_BYTES_MAX <= u32::MAX as usize, "a value length is stored in 32 bits");
const _: () = assert!(RECORD_BYTES_MAX <= u32::MAX as usize, "a frame length is stored in 32 bits");
const _: () = assert!(
    BLOB_FILE_BYTES_TARGET + BLOB_RECORD_BYTES_MAX as u64 + 4096 <= OBJECT_BYTES_MAX
        && BLOB_PART_BYTES <= OBJECT_BYTES_MAX,
    "a blob file is uploaded in one request"
);
const _: () = assert!(TABLE_BLOBS_TARGET + VALUE_BYTES_MAX / BLOB_RECORD_BYTES_MAX <= TABLE_BLOBS_MAX);
const _: () = assert!(RECORD_OPS_MAX <= u32::MAX as usize, "an operation count is stored in 32 bits");
const _: () =
    assert!(RECORD_BYTES_MAX as u64 + 4096 <= SEGMENT_BYTES_MAX, "a record is never split over segments");
