//! Where in a record something is wrong, and the limits that hold for all records.

use std::fmt;

/// How deep records, arrays and maps may stand in each other. JSON libraries of guests give up at 128.
pub(super) const DEEPEST: usize = 100;

/// What is wrong with a record, and where: the path grows while the reader comes back up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    path: String,
    what: String,
}

impl Fault {
    /// The same, seen from the record, array or map that it is in.
    pub(super) fn inside(self, step: &str) -> Self {
        let Self { path, what } = self;
        let dot = if path.is_empty() || path.starts_with('[') { "" } else { "." };
        Self { path: format!("{step}{dot}{path}"), what }
    }

    pub(super) fn inside_item(self, index: usize) -> Self {
        self.inside(&format!("[{index}]"))
    }
}

impl From<String> for Fault {
    fn from(what: String) -> Self {
        Self { path: String::new(), what }
    }
}

impl From<&str> for Fault {
    fn from(what: &str) -> Self {
        what.to_owned().into()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, what } = self;
        if path.is_empty() { f.write_str(what) } else { write!(f, "`{path}`: {what}") }
    }
}

/// How much may still be done for a record. A few bytes can stand for endless work: an array of a billion nulls, a
/// record of records without fields.
#[derive(Debug)]
pub(super) struct Budget {
    left: usize,
}

impl Budget {
    pub(super) fn new(left: usize) -> Self {
        Self { left }
    }

    pub(super) fn spend(&mut self, cost: usize, depth: usize) -> Result<(), Fault> {
        if depth > DEEPEST {
            return Err(format!("nested deeper than {DEEPEST} levels").into());
        }
        match self.left.checked_sub(cost) {
            Some(left) => self.left = left,
            None => {
                self.left = 0;
                return Err("far more values than bytes".into());
            }
        }
        Ok(())
    }
}
