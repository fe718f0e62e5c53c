//! What is wrong with one file, found by somebody who reads on behind the first bad place.

use crate::error::{Code, Error, Result};
use std::path::Path;

pub struct Damage<'a> {
    file: &'a Path,
    found: Vec<Error>,
}

impl<'a> Damage<'a> {
    pub fn of(file: &'a Path) -> Self {
        Damage { file, found: Vec::new() }
    }

    /// Keeps the error if it says that the file is not as it was written; else it is that of the search, and ends it.
    pub fn note(&mut self, error: Error) -> Result<()> {
        let error = error.in_file(self.file);
        match error.code() {
            Code::Corrupt | Code::Format | Code::NotFound => {
                self.found.push(error);
                Ok(())
            }
            _ => Err(error),
        }
    }

    /// All of it, in the order in which it was found.
    pub fn into_errors(self) -> Vec<Error> {
        self.found
    }
}
