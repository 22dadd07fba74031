//! What an error of a target means.

use danube_sink::Error;

/// What an error of a target means for the records that met it. A sink has one table from the target's codes to these,
/// shows it in its README, and tests each row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// It passes: the same records may be written later.
    Retry,
    /// The records are bad, or one of them is.
    Reject,
    /// A person has to change something first.
    Fatal,
}

impl Class {
    /// The error that tells the host so. `reason` is for people; no secret and no payload belongs into it.
    pub fn error(self, reason: impl Into<String>) -> Error {
        match self {
            Self::Retry => Error::retryable(reason),
            Self::Reject => Error::rejected(reason),
            Self::Fatal => Error::fatal(reason),
        }
    }
}
