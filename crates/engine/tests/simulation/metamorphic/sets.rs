//! The options that a history is played under.

use coppice_engine::simulation::SeededRandom;
use coppice_engine::{Compaction, Filter, Options, Policy, Recovery, SkipList, Tuning};
use std::fmt::{self, Debug, Formatter};

#[derive(Clone)]
pub struct OptionSet {
    pub name: &'static str,
    /// Each open takes the next one, the first again after the last.
    pub each_open: Vec<Options>,
    pub threads: bool,
    /// Each open brings a new key, and those before it.
    pub encrypted: bool,
    /// Values from so many bytes on are staged in blob parts.
    pub large_from: usize,
    /// Answers falsely, to see that it is noticed.
    pub lies: bool,
}

impl Debug for OptionSet {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" (threads: {}):", self.name, self.threads)?;
        for options in &self.each_open {
            let Options { history, cache_bytes, compression, filter, memtable, compaction, .. } = options;
            let Options { recovery, tuning, .. } = options;
            write!(
                f,
                "\n  history {history:?}, cache {cache_bytes:?}, compression {compression}, {filter:?}, {memtable:?}, {compaction:?}, {recovery:?}, {tuning:?}"
            )?;
        }
        Ok(())
    }
}

const NAMES: [&str; 9] = [
    "as shipped",
    "tiny everything, paired",
    "large pages, raw",
    "no filter, no cache",
    "deep levels",
    "wide level 0, paired",
    "large memtable, small tables, four threads",
    "tall list, tiny segments",
    ENCRYPTED,
];
const ENCRYPTED: &str = "encrypted, another key at each open";

/// The sizes of one set; the rest is as shipped.
fn preset(name: &str) -> Options {
    let mut shipped = Options::default();
    if name == "as shipped" {
        return shipped;
    }
    // Filling the segments that are shipped would take most of the time.
    shipped.tuning.segment_bytes_min = 32 << 10;
    let tuning = match name {
        "tiny everything, paired" => Tuning {
            segment_bytes_min: 1 << 10,
            segment_bytes_max: 4 << 10,
            page_bytes: 64,
            table_bytes: 1 << 10,
            blob_file_bytes: 256,
            blob_part_bytes: 400,
            manifest_roll_bytes: 512,
            level0_trigger: 1,
            level_base_bytes: 2 << 10,
            memtable_bytes: 2 << 10,
            ..shipped.tuning
        },
        "large pages, raw" => Tuning {
            page_bytes: 64 << 10,
            memtable_bytes: 32 << 10,
            level0_trigger: 2,
            level_base_bytes: 64 << 10,
            ..shipped.tuning
        },
        "no filter, no cache" => Tuning {
            page_bytes: 512,
            table_bytes: 16 << 10,
            memtable_bytes: 16 << 10,
            level0_trigger: 3,
            level_base_bytes: 32 << 10,
            ..shipped.tuning
        },
        ENCRYPTED => Tuning {
            segment_bytes_min: 2 << 10,
            segment_bytes_max: 8 << 10,
            page_bytes: 512,
            table_bytes: 4 << 10,
            blob_file_bytes: 1 << 10,
            memtable_bytes: 8 << 10,
            level0_trigger: 2,
            level_base_bytes: 16 << 10,
            ..shipped.tuning
        },
        "deep levels" => Tuning {
            page_bytes: 256,
            table_bytes: 2 << 10,
            blob_file_bytes: 1 << 10,
            memtable_bytes: 4 << 10,
            level0_trigger: 1,
            level_base_bytes: 1 << 10,
            ..shipped.tuning
        },
        "wide level 0, paired" => Tuning {
            page_bytes: 1 << 10,
            memtable_bytes: 4 << 10,
            level0_trigger: 12,
            level0_stop: 13,
            level_base_bytes: 256 << 10,
            ..shipped.tuning
        },
        "large memtable, small tables, four threads" => Tuning {
            page_bytes: 4 << 10,
            memtable_bytes: 1 << 20,
            table_bytes: 4 << 10,
            level0_trigger: 2,
            level_base_bytes: 8 << 10,
            ..shipped.tuning
        },
        _ => Tuning {
            segment_bytes_min: 512,
            segment_bytes_max: 512,
            page_bytes: 2 << 10,
            memtable_bytes: 64 << 10,
            manifest_roll_bytes: 1 << 20,
            ..shipped.tuning
        },
    };
    let as_shipped = shipped.compaction;
    let merging = |policy, threads| Compaction { policy, threads: Some(threads), ..as_shipped };
    let options = Options { tuning, ..shipped };
    match name {
        "tiny everything, paired" => Options {
            cache_bytes: Some(4 << 10),
            memtable: list(1, 0.5),
            blob_bytes: 1,
            compaction: merging(Policy::Paired, 3),
            ..options
        },
        "large pages, raw" => Options { compression: false, blob_bytes: 32, ..options },
        "no filter, no cache" => Options {
            filter: Filter::None,
            cache_bytes: Some(0),
            blob_bytes: 0,
            recovery: Recovery::PointInTime,
            compaction: merging(Policy::Levelled, 2),
            ..options
        },
        ENCRYPTED => Options { cache_bytes: Some(0), blob_bytes: 40, ..options },
        "deep levels" => Options {
            history: Some(true),
            cache_bytes: Some(0),
            memtable: list(3, 0.9),
            blob_bytes: 20,
            ..options
        },
        "wide level 0, paired" => Options {
            history: Some(true),
            filter: Filter::Cuckoo,
            cache_bytes: Some(16 << 10),
            compaction: merging(Policy::Paired, 1),
            ..options
        },
        "large memtable, small tables, four threads" => {
            Options { compaction: merging(Policy::Levelled, 4), ..options }
        }
        _ => Options {
            compression: false,
            filter: Filter::None,
            memtable: list(16, 0.01),
            recovery: Recovery::PointInTime,
            ..options
        },
    }
}

fn list(max_level: u8, probability: f64) -> SkipList {
    SkipList { max_level, probability }
}

fn any(random: &SeededRandom) -> Options {
    let size = |least: u32, most: u32| 1usize << (least as usize + random.below((most - least) as usize + 1));
    let segment_bytes_min = size(9, 16) as u64;
    let level0_trigger = 1 + random.below(8);
    let tuning = Tuning {
        segment_bytes_min,
        segment_bytes_max: segment_bytes_min << random.below(6),
        page_bytes: size(6, 16),
        table_bytes: size(9, 20) as u64,
        table_blobs: size(0, 10),
        blob_file_bytes: size(7, 14) as u64,
        blob_part_bytes: size(9, 14) as u64,
        blob_copy_bytes: size(9, 16) as u64,
        manifest_roll_bytes: size(8, 18) as u64,
        level0_trigger,
        level0_stop: level0_trigger + 1 + random.below(12),
        level_base_bytes: size(10, 20) as u64,
        garbage_bytes_min: size(4, 16) as u64,
        memtable_bytes: size(10, 20) as u64,
    };
    Options {
        compression: random.chance(50),
        blob_bytes: [0, 1, 24, 4096][random.below(4)],
        filter: [Filter::Auto, Filter::Cuckoo, Filter::None][random.below(3)],
        cache_bytes: [None, Some(0), Some(8 << 10), Some(1 << 20)][random.below(4)],
        memtable: list(1 + random.below(16) as u8, 0.01 + random.below(98) as f64 / 100.0),
        compaction: Compaction {
            policy: if random.chance(50) { Policy::Paired } else { Policy::Levelled },
            threads: Some(1 + random.below(4)),
            bytes_per_second: random.chance(20).then_some(1 << 20),
            interval_ms: random.chance(20).then_some(1_000),
        },
        recovery: if random.chance(50) { Recovery::PointInTime } else { Recovery::Strict },
        tuning,
        ..Options::default()
    }
}

/// Nine that are always the same, three drawn from the seed. The first one is what the others are compared with.
pub fn sets(seed: u64) -> Vec<OptionSet> {
    let random = SeededRandom::new(!seed);
    let set = |name, each_open, threads| OptionSet {
        name,
        each_open,
        threads,
        large_from: match name {
            "tiny everything" => 1,
            "deep levels" => 200,
            ENCRYPTED => 60,
            "random, with threads" | "other options at each open" => 40,
            _ => usize::MAX,
        },
        encrypted: name == ENCRYPTED,
        lies: false,
    };
    let mut sets: Vec<OptionSet> =
        NAMES.into_iter().map(|name| set(name, vec![preset(name)], false)).collect();
    sets.push(set("random", vec![any(&random)], false));
    // Where real time passes nobody is to be slowed down.
    let mut hurried = any(&random);
    hurried.history = Some(true);
    hurried.tuning.level0_stop = 400;
    hurried.compaction.bytes_per_second = None;
    sets.push(set("random, with threads", vec![hurried], true));
    sets.push(set("other options at each open", (0..5).map(|_| any(&random)).collect(), false));
    sets
}
