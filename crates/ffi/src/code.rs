//! The codes that calls answer, their numbers and names. Neither is ever changed or used again for something else.

use crate::engine::EngineCode;
use std::ffi::{CStr, c_char};
use std::ptr;

/// How a call has ended. The names are those of the codes of the TypeScript API.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// Done.
    Ok = 0,
    /// The call itself is wrong: mend it.
    Invalid = 1,
    /// A key, value, batch or transaction is over its limit. Nothing was written.
    TooLarge = 2,
    /// The database was closed, or the transaction has ended.
    Closed = 3,
    /// The folder is open already, in another process or by another coppice_open of this one.
    Locked = 4,
    /// There is a database (errorIfExists), or the folder for a checkpoint is not empty.
    Exists = 5,
    /// There is no database here, and createIfMissing is false.
    NotFound = 6,
    /// A write to a database that was opened with readOnly, or to a folder that cannot be written to.
    Readonly = 7,
    /// Bytes on the disk are not what was written; the message names file and offset.
    Corrupt = 8,
    /// Written by a newer version, or no database.
    Format = 9,
    /// The database is encrypted, and no key was given.
    Encrypted = 10,
    /// None of the keys that were given is the one it was encrypted with.
    WrongEncryptionKey = 11,
    /// The operating system refused or failed.
    Io = 12,
    /// No room on the disk. Nothing was changed; writes go on when there is room.
    DiskFull = 13,
    /// Too much waits; try again later.
    Busy = 14,
    /// The disk has failed before, or the library has a bug: close the database and open it again.
    Poisoned = 15,
    /// The history does not reach back to this revision any more.
    Compacted = 16,
    /// There is no such revision yet.
    FutureRevision = 17,
    /// Not on this system, or not in this database.
    Unsupported = 18,
    /// Another node may be the one that writes. Not met in this library.
    NotLeader = 19,
    /// Not met in this library, whose calls wait.
    WouldBlock = 20,
    /// Somebody else has changed what was read or checked. Nothing was written: read again, and try again.
    Conflict = 21,
}

impl Code {
    const ALL: [Code; 22] = [
        Code::Ok,
        Code::Invalid,
        Code::TooLarge,
        Code::Closed,
        Code::Locked,
        Code::Exists,
        Code::NotFound,
        Code::Readonly,
        Code::Corrupt,
        Code::Format,
        Code::Encrypted,
        Code::WrongEncryptionKey,
        Code::Io,
        Code::DiskFull,
        Code::Busy,
        Code::Poisoned,
        Code::Compacted,
        Code::FutureRevision,
        Code::Unsupported,
        Code::NotLeader,
        Code::WouldBlock,
        Code::Conflict,
    ];

    fn name(self) -> &'static CStr {
        match self {
            Code::Ok => c"COPPICE_OK",
            Code::Invalid => c"COPPICE_INVALID",
            Code::TooLarge => c"COPPICE_TOO_LARGE",
            Code::Closed => c"COPPICE_CLOSED",
            Code::Locked => c"COPPICE_LOCKED",
            Code::Exists => c"COPPICE_EXISTS",
            Code::NotFound => c"COPPICE_NOT_FOUND",
            Code::Readonly => c"COPPICE_READONLY",
            Code::Corrupt => c"COPPICE_CORRUPT",
            Code::Format => c"COPPICE_FORMAT",
            Code::Encrypted => c"COPPICE_ENCRYPTED",
            Code::WrongEncryptionKey => c"COPPICE_WRONG_ENCRYPTION_KEY",
            Code::Io => c"COPPICE_IO",
            Code::DiskFull => c"COPPICE_DISK_FULL",
            Code::Busy => c"COPPICE_BUSY",
            Code::Poisoned => c"COPPICE_POISONED",
            Code::Compacted => c"COPPICE_COMPACTED",
            Code::FutureRevision => c"COPPICE_FUTURE_REVISION",
            Code::Unsupported => c"COPPICE_UNSUPPORTED",
            Code::NotLeader => c"COPPICE_NOT_LEADER",
            Code::WouldBlock => c"COPPICE_WOULD_BLOCK",
            Code::Conflict => c"COPPICE_CONFLICT",
        }
    }
}

impl From<EngineCode> for Code {
    fn from(code: EngineCode) -> Code {
        match code {
            EngineCode::Invalid => Code::Invalid,
            EngineCode::TooLarge => Code::TooLarge,
            EngineCode::Closed => Code::Closed,
            EngineCode::Locked => Code::Locked,
            EngineCode::Exists => Code::Exists,
            EngineCode::NotFound => Code::NotFound,
            EngineCode::ReadOnly => Code::Readonly,
            EngineCode::Corrupt => Code::Corrupt,
            EngineCode::Format => Code::Format,
            EngineCode::Encrypted => Code::Encrypted,
            EngineCode::WrongEncryptionKey => Code::WrongEncryptionKey,
            EngineCode::Io => Code::Io,
            EngineCode::DiskFull => Code::DiskFull,
            EngineCode::Busy => Code::Busy,
            EngineCode::Poisoned => Code::Poisoned,
            EngineCode::Compacted => Code::Compacted,
            EngineCode::FutureRevision => Code::FutureRevision,
            EngineCode::Unsupported => Code::Unsupported,
            EngineCode::NotLeader => Code::NotLeader,
            EngineCode::WouldBlock => Code::WouldBlock,
        }
    }
}

/// The name of a code, as "COPPICE_LOCKED"; NULL for a number that is none. Never freed.
#[unsafe(no_mangle)]
pub extern "C" fn coppice_code_name(code: i32) -> *const c_char {
    let found = Code::ALL.iter().find(|known| **known as i32 == code);
    found.map_or(ptr::null(), |code| code.name().as_ptr())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_a_number_of_its_own_and_a_name_that_the_typescript_api_has_too() {
        let typescript = include_str!("../../../ts/errors.ts");
        for (at, code) in Code::ALL.into_iter().enumerate() {
            assert_eq!(code as usize, at);
            let name = code.name().to_str().expect("ASCII");
            let short = name.strip_prefix("COPPICE_").expect("the prefix");
            assert!(code == Code::Ok || typescript.contains(&format!("| '{short}'")), "{name}");
        }
    }

    #[test]
    fn a_code_of_the_engine_keeps_its_name() {
        for code in
            [EngineCode::ReadOnly, EngineCode::WrongEncryptionKey, EngineCode::Io, EngineCode::WouldBlock]
        {
            let name = Code::from(code).name().to_str().expect("ASCII");
            assert_eq!(name, format!("COPPICE_{}", code.name()));
        }
    }
}
