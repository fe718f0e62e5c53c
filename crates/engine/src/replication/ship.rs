//! The side of who has records that others need.

use crate::error::Result;
use crate::key::Sequence;
use crate::state::State;
use crate::wal::Records;

impl State {
    pub fn records_after(&self, after: Sequence, bytes_max: usize) -> Result<Option<Records>> {
        self.check_open()?;
        self.replicated()?;
        self.log.read(after, bytes_max)
    }

    pub fn keep_log(&self, after: Sequence) -> Result<()> {
        self.check_writable()?;
        self.replicated()?;
        self.log.keep(after);
        let floor = self.install.lock().as_ref().map(|manifest| manifest.state().log_floor);
        // A segment that cannot be released now is released with the next one.
        let _ = floor.map(|floor| self.log.release(floor));
        self.check_log();
        Ok(())
    }
}
