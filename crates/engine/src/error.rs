//! What can go wrong, as data. A bad call, disk or byte is an `Error`; a bad program is a panic.
//!
//! Callers branch on `code`, never on the text. The first failure is kept: whatever poisons a database is cloned into
//! every later answer.

use std::fmt;
use std::path::{Path, PathBuf};

pub type Result<T> = std::result::Result<T, Error>;

/// Answers "what should I do now?". Stable: the names reach JavaScript as `COPPICE_<NAME>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// The call itself is wrong: mend it.
    Invalid,
    /// A key, value or batch is over its limit.
    TooLarge,
    /// Used after close.
    Closed,
    /// Another process has this folder open.
    Locked,
    /// `error_if_exists`, or the target of a checkpoint is not empty.
    Exists,
    /// No database here and `create_if_missing` is off.
    NotFound,
    /// A write to a read-only database or folder.
    ReadOnly,
    /// Bytes on disk are not what was written.
    Corrupt,
    /// Written by a newer version, or not a database of ours.
    Format,
    /// An encrypted database, and no key to read it with.
    Encrypted,
    /// An encrypted database, and none of the keys that were given is the one it was encrypted with.
    WrongEncryptionKey,
    /// The operating system refused or failed.
    Io,
    /// No room on the disk; nothing was changed and writes may be tried again.
    DiskFull,
    /// The write queue is full; try again later.
    Busy,
    /// An earlier failure of the disk made further writes unsafe; reopen.
    Poisoned,
    /// A revision that history no longer holds.
    Compacted,
    /// A revision that does not exist yet.
    FutureRevision,
    /// Known to us, but not on this system or in this database.
    Unsupported,
    /// A commit where another node may be the one that makes them.
    NotLeader,
    /// Only of reads that were told not to wait.
    WouldBlock,
}

impl Code {
    /// The stable name that JavaScript sees behind `COPPICE_`.
    pub fn name(self) -> &'static str {
        match self {
            Code::Invalid => "INVALID",
            Code::TooLarge => "TOO_LARGE",
            Code::Closed => "CLOSED",
            Code::Locked => "LOCKED",
            Code::Exists => "EXISTS",
            Code::NotFound => "NOT_FOUND",
            Code::ReadOnly => "READONLY",
            Code::Corrupt => "CORRUPT",
            Code::Format => "FORMAT",
            Code::Encrypted => "ENCRYPTED",
            Code::WrongEncryptionKey => "WRONG_ENCRYPTION_KEY",
            Code::Io => "IO",
            Code::DiskFull => "DISK_FULL",
            Code::Busy => "BUSY",
            Code::Poisoned => "POISONED",
            Code::Compacted => "COMPACTED",
            Code::FutureRevision => "FUTURE_REVISION",
            Code::Unsupported => "UNSUPPORTED",
            Code::NotLeader => "NOT_LEADER",
            Code::WouldBlock => "WOULD_BLOCK",
        }
    }
}

/// One failure: its code, one sentence, and where it happened if that is a place in a file.
#[derive(Clone, Debug)]
pub struct Error(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    code: Code,
    message: String,
    file: Option<PathBuf>,
    offset: Option<u64>,
}

impl Error {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Error(Box::new(Inner { code, message: message.into(), file: None, offset: None }))
    }

    pub fn invalid(message: impl Into<String>) -> Self {
        Error::new(Code::Invalid, message)
    }

    pub fn corrupt(message: impl Into<String>) -> Self {
        Error::new(Code::Corrupt, message)
    }

    /// A failure of the operating system, told apart by what the caller can do about it.
    pub fn io(doing: &str, path: &Path, cause: &std::io::Error) -> Self {
        use std::io::ErrorKind as Kind;
        let code = match cause.kind() {
            Kind::StorageFull | Kind::QuotaExceeded => Code::DiskFull,
            Kind::PermissionDenied | Kind::ReadOnlyFilesystem => Code::ReadOnly,
            Kind::NotFound => Code::NotFound,
            Kind::AlreadyExists => Code::Exists,
            // A file stands where the path goes through a folder.
            Kind::NotADirectory => Code::Invalid,
            _ => Code::Io,
        };
        Error::new(code, format!("cannot {doing}: {cause}")).in_file(path)
    }

    /// Names the file, unless a place nearer to the failure named one already.
    pub fn in_file(mut self, path: &Path) -> Self {
        self.0.file.get_or_insert_with(|| path.to_owned());
        self
    }

    /// Names the offset in the file, unless a place nearer to the failure named one already.
    pub fn at_offset(mut self, offset: u64) -> Self {
        self.0.offset.get_or_insert(offset);
        self
    }

    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The sentence alone, without file and offset.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    pub fn file(&self) -> Option<&Path> {
        self.0.file.as_deref()
    }

    pub fn offset(&self) -> Option<u64> {
        self.0.offset
    }

    /// The error that every call gets once `self` has poisoned the database.
    pub fn as_poison(&self) -> Error {
        let mut poison = self.clone();
        if self.code() == Code::Poisoned {
            return poison;
        }
        poison.0.code = Code::Poisoned;
        poison.0.message = format!(
            "the database stopped writing after a failure ({}): close it and open it again",
            self.message()
        );
        poison
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.message)?;
        if let Some(file) = &self.0.file {
            write!(f, " ({}", file.display())?;
            if let Some(offset) = self.0.offset {
                write!(f, " at {offset}")?;
            }
            write!(f, ")")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}
