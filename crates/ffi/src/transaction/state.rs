//! A transaction's life: what it has read and written, and how it ends.

use super::before::Before;
use super::guards::Guards;
use super::writes::{Own, Writes};
use crate::call::{Failure, Result};
use crate::code::Code;
use crate::conflict::Conflicts;
use crate::database::Shared;
use crate::engine::{EngineSnapshot, Range, Revision};
use crate::write::{Durability, Pack};
use std::sync::Arc;

pub struct State {
    pub shared: Arc<Shared>,
    pub writes: Writes,
    pub guards: Guards,
    pub conflicts: Conflicts,
    stage: Stage,
    keeps_before: bool,
}

enum Stage {
    /// The snapshot lives until the commit has compared: what is guarded is guarded since then.
    Open(EngineSnapshot),
    /// What it has overwritten, if that is kept.
    Committed(Option<Before>),
    Ended,
}

impl State {
    pub fn new(shared: Arc<Shared>, keeps_before: bool) -> Result<State> {
        let stage = Stage::Open(shared.db.snapshot()?);
        let (writes, guards, conflicts) = Default::default();
        Ok(State { shared, writes, guards, conflicts, stage, keeps_before })
    }

    pub fn check_open(&self) -> Result<()> {
        self.snapshot().map(drop)
    }

    pub fn snapshot(&self) -> Result<&EngineSnapshot> {
        self.shared.check_open()?;
        match &self.stage {
            Stage::Open(snapshot) => Ok(snapshot),
            _ => Err(Failure::new(Code::Closed, "the transaction has ended")),
        }
    }

    /// Calls `read` with the value of a key, if it has one.
    pub fn get(&mut self, key: &[u8], read: impl FnOnce(&[u8])) -> Result<()> {
        let view = self.snapshot()?.view();
        if let Some(Own { value, .. }) = self.writes.find(key) {
            value.as_deref().map(read);
            return Ok(());
        }
        let guards = &mut self.guards;
        let found = self.shared.db.get(key, view, |entry| {
            guards.key(key, Some(entry))?;
            read(entry.value);
            Ok(())
        })?;
        found.unwrap_or_else(|| guards.key(key, None))
    }

    /// Whatever comes of it, this is the end, but for a rollback of what was committed.
    pub fn commit(&mut self, durability: i32) -> Result<Revision> {
        self.check_open()?;
        let Stage::Open(snapshot) = std::mem::replace(&mut self.stage, Stage::Ended) else {
            unreachable!("checked above")
        };
        let durability = Durability::read(durability, self.shared.durability)?;
        let mut before = if self.keeps_before { Some(self.read_before(&snapshot)?) } else { None };
        let since = snapshot.view().revision;
        let revision = match self.writes.is_empty() {
            true => since,
            false => {
                let mut pack = Pack::default();
                self.writes.pack(&mut pack)?;
                let guards = self.guards.all(since);
                self.shared.commit(&mut pack, &guards, durability, &mut self.conflicts)?
            }
        };
        before.iter_mut().for_each(|before| before.revision = revision);
        self.stage = Stage::Committed(before);
        Ok(revision)
    }

    /// Before the commit: discards everything. After it: puts back what it has overwritten.
    pub fn rollback(&mut self) -> Result<()> {
        let before = match &self.stage {
            Stage::Committed(before) => before.as_ref(),
            _ => {
                self.stage = Stage::Ended;
                return Ok(());
            }
        };
        let before = before.ok_or_else(|| {
            Failure::invalid(
                "what the transaction has overwritten is not kept: begin it with COPPICE_BEFORE_IMAGES",
            )
        })?;
        let mut pack = Pack::default();
        before.pack(&mut pack, self.shared.db.now_ms())?;
        self.conflicts = Conflicts::default();
        let durability = self.shared.durability;
        self.shared.commit(&mut pack, &before.guards(), durability, &mut self.conflicts)?;
        self.stage = Stage::Ended;
        Ok(())
    }

    pub fn end(&mut self) {
        self.stage = Stage::Ended;
    }

    /// Reads what the commit will overwrite, and guards it: so it is what the commit finds.
    fn read_before(&mut self, snapshot: &EngineSnapshot) -> Result<Before> {
        let mut before = Before::default();
        let State { shared, writes, guards, .. } = self;
        for span in writes.deleted() {
            let bounds = span.bounds();
            let range = Range { lower: bounds.lower, upper: bounds.upper, reverse: false };
            guards.range(span)?;
            let mut rows = shared.db.range(range, snapshot.view())?;
            while rows.next()? {
                let (key, entry) = rows.row()?;
                guards.row(key, &entry)?;
                before.add(key, Some(&entry), false)?;
            }
        }
        for (key, own) in writes.all() {
            let is_put = own.value.is_some();
            let found = shared.db.get(key, snapshot.view(), |entry| {
                guards.key(key, Some(entry))?;
                before.add(key, Some(entry), is_put)
            })?;
            if let Some(kept) = found {
                kept?;
            } else {
                guards.key(key, None)?;
                before.add(key, None, is_put)?;
            }
        }
        Ok(before)
    }
}
