//! What a database is opened with: pairs of texts, so that an option that comes later changes no structure and no call.
//! Names, meanings and defaults are those of `open` in TypeScript.

use crate::call::{Failure, Result};
use crate::engine::{Filter, KEY_BYTES, Keys, Options, Policy, Recovery, Retain};
use crate::write::Durability;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

const BYTES_MAX: u64 = (1 << 53) - 1;
const SYNC_INTERVAL_MS_MAX: u64 = 3_600_000;

#[derive(Default)]
pub struct Opening {
    pub engine: Options,
    pub durability: Durability,
    key: Option<[u8; KEY_BYTES]>,
    previous: Vec<[u8; KEY_BYTES]>,
}

impl Opening {
    /// From names and values in turn.
    pub fn read(texts: &[&str]) -> Result<Opening> {
        let mut opening = Opening::default();
        let (pairs, rest) = texts.as_chunks::<2>();
        if let [name] = rest {
            return Err(Failure::invalid(format!("option {name} has no value")));
        }
        for [name, value] in pairs {
            opening.set(name, value)?;
        }
        if opening.engine.read_only {
            opening.engine.create_if_missing = false;
        }
        opening.check()?;
        Ok(opening)
    }

    pub fn keys(&self) -> Keys {
        self.key.as_ref().map_or_else(Keys::default, |key| Keys::new(key, &self.previous))
    }

    fn set(&mut self, name: &str, value: &str) -> Result<()> {
        let Opening { engine, durability, key, previous } = self;
        let Options { retain, memtable, compaction, .. } = engine;
        match name {
            "createIfMissing" => engine.create_if_missing = switch(name, value)?,
            "errorIfExists" => engine.error_if_exists = switch(name, value)?,
            "readOnly" => engine.read_only = switch(name, value)?,
            "history" => engine.history = Some(switch(name, value)?),
            "retain.revisions" => retain.revisions = Some(number(name, value, 1..=BYTES_MAX)?),
            "retain.ms" => retain.ms = Some(number(name, value, 1..=BYTES_MAX)?),
            "recovery" => {
                let known = [("strict", Recovery::Strict), ("point-in-time", Recovery::PointInTime)];
                engine.recovery = one_of(name, value, known)?;
            }
            "durability" => {
                *durability =
                    one_of(name, value, [("process", Durability::Process), ("disk", Durability::Disk)])?;
            }
            "memoryBytes" => engine.memory_bytes = number(name, value, 0..=BYTES_MAX)?,
            "memtableBytes" => engine.memtable_bytes = Some(number(name, value, 0..=BYTES_MAX)?),
            "cacheBytes" => engine.cache_bytes = Some(number(name, value, 0..=BYTES_MAX)?),
            "maxDiskBytes" => engine.max_disk_bytes = Some(number(name, value, 1..=BYTES_MAX)?),
            "compression" => engine.compression = one_of(name, value, [("none", false), ("lz", true)])?,
            "blobBytes" => engine.blob_bytes = number(name, value, 0..=BYTES_MAX)?,
            "filter" => {
                let known = [("auto", Filter::Auto), ("cuckoo", Filter::Cuckoo), ("none", Filter::None)];
                engine.filter = one_of(name, value, known)?;
            }
            "memtable.maxLevel" => memtable.max_level = number(name, value, 1..=16)?,
            "memtable.probability" => memtable.probability = number(name, value, 0.0..=1.0)?,
            "compaction.policy" => {
                let known = [("levelled", Policy::Levelled), ("paired", Policy::Paired)];
                compaction.policy = one_of(name, value, known)?;
            }
            "compaction.threads" => compaction.threads = Some(number(name, value, 1..=16)?),
            "compaction.bytesPerSecond" => {
                compaction.bytes_per_second = Some(number(name, value, 0..=BYTES_MAX)?);
            }
            "compaction.intervalMs" => compaction.interval_ms = Some(number(name, value, 1..=BYTES_MAX)?),
            "syncIntervalMs" => engine.sync_interval_ms = number(name, value, 1..=SYNC_INTERVAL_MS_MAX)?,
            "encryption.key" => *key = Some(secret(name, value)?),
            "encryption.previous" => previous.push(secret(name, value)?),
            _ => return Err(Failure::invalid(format!("unknown option {name:?}: docs/c.md lists them"))),
        }
        Ok(())
    }

    fn check(&self) -> Result<()> {
        let Options { history, retain, read_only, error_if_exists, .. } = self.engine;
        if read_only && error_if_exists {
            return Err(Failure::invalid(
                "readOnly and errorIfExists contradict each other: only an existing database can be read",
            ));
        }
        if history == Some(false) && retain != Retain::default() {
            return Err(Failure::invalid("retain is for databases with history"));
        }
        if self.key.is_none() && !self.previous.is_empty() {
            return Err(Failure::invalid("encryption.previous needs encryption.key beside it"));
        }
        Ok(())
    }
}

fn switch(name: &str, value: &str) -> Result<bool> {
    one_of(name, value, [("true", true), ("false", false)])
}

fn one_of<T, const N: usize>(name: &str, value: &str, known: [(&str, T); N]) -> Result<T> {
    let names = known.each_ref().map(|(word, _)| *word).join(" or ");
    let found = known.into_iter().find(|(word, _)| *word == value);
    found.map(|(_, meaning)| meaning).ok_or_else(|| refused(name, &names, value))
}

fn number<T: FromStr + PartialOrd + Display>(name: &str, value: &str, range: RangeInclusive<T>) -> Result<T> {
    let found = value.parse().ok().filter(|number| range.contains(number));
    found.ok_or_else(|| refused(name, &format!("a number from {} to {}", range.start(), range.end()), value))
}

/// No key is ever part of a message.
fn secret(name: &str, value: &str) -> Result<[u8; KEY_BYTES]> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let bytes: Option<Vec<u8>> = match value.as_bytes().as_chunks::<2>() {
        (pairs, []) => pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect(),
        _ => None,
    };
    let key = bytes.and_then(|bytes| bytes.try_into().ok());
    key.ok_or_else(|| Failure::invalid(format!("{name} must be {} hexadecimal digits", 2 * KEY_BYTES)))
}

fn refused(name: &str, wanted: &str, value: &str) -> Failure {
    Failure::invalid(format!("{name} must be {wanted}, not {value:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::Code;

    fn refusal(texts: &[&str]) -> String {
        let Err(failure) = Opening::read(texts) else { panic!("{texts:?} was taken") };
        assert_eq!(failure.code, Code::Invalid);
        failure.message
    }

    #[test]
    fn options_are_pairs_of_texts() {
        let key = "00ff".repeat(16);
        let texts = ["memoryBytes", "33554432", "compaction.policy", "paired", "history", "true"];
        let more = ["durability", "process", "encryption.key", &key, "encryption.previous", &key];
        let opening = Opening::read(&[texts, more].concat()).unwrap_or_default();
        assert_eq!((opening.engine.memory_bytes, opening.engine.history), (33_554_432, Some(true)));
        assert_eq!(opening.engine.compaction.policy, Policy::Paired);
        assert_eq!(opening.durability, Durability::Process);
        assert_eq!(opening.key.map(|key| key[..3].to_vec()), Some(vec![0, 255, 0]));
        assert!(opening.keys().current().is_some());
    }

    #[test]
    fn who_only_reads_makes_no_database() {
        let opening = Opening::read(&["readOnly", "true"]).unwrap_or_default();
        assert!(opening.engine.read_only && !opening.engine.create_if_missing);
    }

    #[test]
    fn what_cannot_be_is_refused_by_name_and_a_key_is_not_told() {
        assert_eq!(refusal(&["history"]), "option history has no value");
        assert_eq!(refusal(&["memory", "1"]), "unknown option \"memory\": docs/c.md lists them");
        assert_eq!(refusal(&["filter", "bloom"]), "filter must be auto or cuckoo or none, not \"bloom\"");
        assert_eq!(
            refusal(&["memoryBytes", "-1"]),
            format!("memoryBytes must be a number from 0 to {BYTES_MAX}, not \"-1\"")
        );
        assert_eq!(refusal(&["encryption.key", "secret"]), "encryption.key must be 64 hexadecimal digits");
        assert!(refusal(&["encryption.previous", &"00".repeat(32)]).contains("needs encryption.key"));
        assert!(refusal(&["readOnly", "true", "errorIfExists", "true"]).contains("contradict"));
        assert!(refusal(&["history", "false", "retain.ms", "5"]).contains("retain"));
    }
}
