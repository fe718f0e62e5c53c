//! A compaction as it is planned, and the geometry of tables that plans are made by. Pure.

use super::{Levels, TableView};
use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Too many runs or bytes at level 0.
    Level0,
    /// A level has outgrown its share.
    Size,
    /// Deletes and passed deadlines, which take room or hide what does.
    Garbage,
    /// Blob files that are mostly garbage.
    Blobs,
    /// Somebody asked for this key range.
    Asked,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// The inputs are merged into new tables.
    Merge,
    /// Nothing is read or written: one edit moves the tables.
    Move,
    /// Nothing is alive in the tables and nothing lies under them: one edit removes them.
    Drop,
}

/// One compaction. The caller keeps it while it runs and passes it to every later pick.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Levels from the top, each with the numbers of its tables. Never empty.
    pub inputs: Vec<(u8, Vec<u64>)>,
    pub output_level: u8,
    pub work: Work,
    pub reason: Reason,
    /// The stored keys that the inputs span, both inclusive.
    pub smallest: Vec<u8>,
    pub largest: Vec<u8>,
    /// Where the inputs of the top level end.
    pub(super) top_ends: Vec<u8>,
}

impl Plan {
    pub(super) fn new(
        mut inputs: Vec<(usize, Vec<TableView<'_>>)>,
        output: usize,
        work: Work,
        reason: Reason,
    ) -> Plan {
        inputs.retain(|(_, tables)| !tables.is_empty());
        let all: Vec<_> = inputs.iter().flat_map(|(_, tables)| tables).copied().collect();
        let (smallest, largest) = hull(&all);
        let numbers = |tables: &[TableView<'_>]| tables.iter().map(|table| table.number).collect();
        Plan {
            inputs: inputs.iter().map(|(level, tables)| (*level as u8, numbers(tables))).collect(),
            output_level: output as u8,
            work,
            reason,
            smallest: smallest.to_vec(),
            largest: largest.to_vec(),
            top_ends: hull(&inputs[0].1).1.to_vec(),
        }
    }

    /// `tables` of `level` with all that they span at `output`; a move if that is nothing and they are disjoint.
    pub(super) fn merge(
        levels: &Levels<'_>,
        level: usize,
        tables: Vec<TableView<'_>>,
        output: usize,
        reason: Reason,
    ) -> Plan {
        if output == level {
            return Plan::new(vec![(level, tables)], output, Work::Merge, reason);
        }
        let (lower, upper) = hull(&tables);
        let below: Vec<_> =
            levels.0[output].iter().filter(|table| overlaps(table, lower, upper)).copied().collect();
        let work = if below.is_empty() && depth(&tables) == 1 { Work::Move } else { Work::Merge };
        Plan::new(vec![(level, tables), (output, below)], output, work, reason)
    }

    pub fn has_input(&self, number: u64) -> bool {
        self.inputs.iter().any(|(_, numbers)| numbers.contains(&number))
    }

    pub(super) fn top(&self) -> usize {
        usize::from(self.inputs[0].0)
    }
}

/// Whether `plan` shares a key and a level, those between its inputs and its output included, with one that runs.
///
/// A plan that stays in level 0 must only share no table: its output stands where its inputs did, in the order of age.
/// One that leaves level 0 takes along whatever there overlaps it, so that with no table shared it shares no key with
/// what was there when it began, and what came later is newer.
pub fn conflicts(plan: &Plan, running: &[Plan]) -> bool {
    running.iter().any(|other| {
        if plan.output_level == 0 || other.output_level == 0 {
            return plan
                .inputs
                .iter()
                .flat_map(|(_, numbers)| numbers)
                .any(|number| other.has_input(*number));
        }
        let keys = plan.smallest <= other.largest && other.smallest <= plan.largest;
        keys && plan.top() <= usize::from(other.output_level) && other.top() <= usize::from(plan.output_level)
    })
}

pub fn idle<'a>(levels: &Levels<'a>, running: &[Plan], level: usize) -> Vec<TableView<'a>> {
    levels.0[level].iter().filter(|table| !is_input(running, table.number)).copied().collect()
}

pub fn is_input(running: &[Plan], number: u64) -> bool {
    running.iter().any(|plan| plan.has_input(number))
}

pub fn overlaps(table: &TableView<'_>, lower: &[u8], upper: &[u8]) -> bool {
    table.summary.smallest[..] <= *upper && table.summary.largest[..] >= *lower
}

/// The keys that some tables span; there is at least one.
pub fn hull<'a>(tables: &[TableView<'a>]) -> (&'a [u8], &'a [u8]) {
    let lower = tables.iter().map(|table| &table.summary.smallest[..]).min();
    let upper = tables.iter().map(|table| &table.summary.largest[..]).max();
    lower.zip(upper).expect("a plan has inputs")
}

/// The most tables that hold one key.
pub fn depth(tables: &[TableView<'_>]) -> usize {
    let over = |key: &[u8]| tables.iter().filter(|table| overlaps(table, key, key)).count();
    tables.iter().map(|table| over(&table.summary.smallest)).max().unwrap_or(0)
}

pub fn bytes(tables: &[TableView<'_>]) -> u64 {
    tables.iter().map(|table| table.summary.bytes).sum()
}

/// What is done, the inputs by level, the output level, the reason: for logs and tests.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.work {
            Work::Merge => "merge",
            Work::Move => "move",
            Work::Drop => "drop",
        })?;
        for (level, numbers) in &self.inputs {
            write!(f, " L{level}")?;
            numbers.iter().try_for_each(|number| write!(f, " {number}"))?;
        }
        let reason = match self.reason {
            Reason::Level0 => "level 0",
            Reason::Size => "size",
            Reason::Garbage => "garbage",
            Reason::Blobs => "blobs",
            Reason::Asked => "asked",
        };
        if self.work != Work::Drop {
            write!(f, " -> L{}", self.output_level)?;
        }
        write!(f, " ({reason})")
    }
}
