//! What became of each record of a batch.

use std::{collections::BTreeMap, time::Duration};

use crate::{Error, Result};

/// Why one record of a batch was not written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// It may work later: the host gives it again, with the others that asked for it.
    Retry {
        /// Why, for people.
        reason: String,
        /// How long to wait at least.
        after: Option<Duration>,
    },
    /// It is bad: the host dead-letters it, skips it or stops, as the connector's file says.
    Reject {
        /// Why, for people. The dead letter carries it.
        reason: String,
    },
}

impl Failure {
    /// Why, for people.
    pub fn reason(&self) -> &str {
        match self {
            Self::Retry { reason, after: _ } | Self::Reject { reason } => reason,
        }
    }

    /// Whether it may work later.
    pub fn is_retry(&self) -> bool {
        matches!(self, Self::Retry { .. })
    }
}

/// What became of each record of a batch: written, unless it is named here as failed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// By position in the batch.
    failures: BTreeMap<usize, Failure>,
}

impl Outcomes {
    /// Every record is safe in the target.
    pub fn written() -> Self {
        Self::default()
    }

    /// Says what became of the record at `index` of the batch: `Ok` for written, `Retryable` to be given it again,
    /// `Rejected` for bad data. What was said of the record before is replaced.
    ///
    /// # Errors
    ///
    /// A `Fatal` outcome comes back, since it ends the whole call: pass it on with `?`.
    pub fn set(&mut self, index: usize, outcome: Result<()>) -> Result<()> {
        match outcome {
            Ok(()) => drop(self.failures.remove(&index)),
            Err(Error::Retryable { reason, after }) => self.retry([index], &reason, after),
            Err(Error::Rejected { reason }) => self.reject([index], &reason),
            Err(fatal @ Error::Fatal { .. }) => return Err(fatal),
        }
        Ok(())
    }

    /// Asks for the records at `indices` to be given again, all for one reason.
    pub fn retry(&mut self, indices: impl IntoIterator<Item = usize>, reason: &str, after: Option<Duration>) {
        let failure = Failure::Retry { reason: reason.to_owned(), after };
        self.failures.extend(indices.into_iter().map(|index| (index, failure.clone())));
    }

    /// Says that the records at `indices` are bad, all for one reason.
    pub fn reject(&mut self, indices: impl IntoIterator<Item = usize>, reason: &str) {
        let failure = Failure::Reject { reason: reason.to_owned() };
        self.failures.extend(indices.into_iter().map(|index| (index, failure.clone())));
    }

    /// Why the record at `index` was not written, if it was not.
    pub fn failure(&self, index: usize) -> Option<&Failure> {
        self.failures.get(&index)
    }

    /// The records that were not written: their positions in the batch, rising, and why.
    pub fn failures(&self) -> impl DoubleEndedIterator<Item = (usize, &Failure)> {
        self.failures.iter().map(|(index, failure)| (*index, failure))
    }

    /// Whether every record was written.
    pub fn all_written(&self) -> bool {
        self.failures.is_empty()
    }

    pub(crate) fn into_failures(self) -> impl Iterator<Item = (usize, Failure)> {
        self.failures.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_has_one_outcome() {
        let mut outcomes = Outcomes::written();
        outcomes.set(1, Err(Error::retryable("busy"))).expect("a retry does not end the call");
        outcomes.set(1, Err(Error::rejected("bad"))).expect("a rejection does not end the call");
        outcomes.set(0, Err(Error::rejected("bad"))).expect("a rejection does not end the call");
        outcomes.set(0, Ok(())).expect("a write does not end the call");
        assert_eq!(outcomes.failures().collect::<Vec<_>>(), [(1, &Failure::Reject { reason: "bad".to_owned() })]);
    }

    #[test]
    fn a_fatal_outcome_ends_the_call() {
        let mut outcomes = Outcomes::written();
        assert_eq!(outcomes.set(3, Err(Error::fatal("no such table"))), Err(Error::fatal("no such table")));
        assert!(outcomes.all_written());
    }
}
