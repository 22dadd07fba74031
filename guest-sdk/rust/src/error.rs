//! What can go wrong in a sink, sorted by what the host should do about it.

use std::{io, time::Duration};

/// The result of everything that a sink does.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure. The variant tells the host what to do; the reason is for people and goes into its log, the connector's
/// status and, for a record that ends there, its dead letter. Put no secret and no payload into it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It may work later: the target is down, busy, or asks to slow down. The host tries again, and loses nothing.
    #[error("{reason}")]
    Retryable {
        /// Why.
        reason: String,
        /// How long to wait at least. Without it the host backs off exponentially.
        after: Option<Duration>,
    },
    /// The data is bad, and no number of tries will change that. The host dead-letters it, skips it or stops, as the
    /// connector's file says.
    #[error("{reason}")]
    Rejected {
        /// Why.
        reason: String,
    },
    /// Nothing will work until a person changes something: wrong credentials, a missing table, a setting that makes no
    /// sense. The host stops the connector and shows the reason. Nothing is acknowledged.
    #[error("{reason}")]
    Fatal {
        /// Why.
        reason: String,
    },
}

impl Error {
    /// It may work later.
    pub fn retryable(reason: impl Into<String>) -> Self {
        Self::Retryable { reason: reason.into(), after: None }
    }

    /// The data is bad.
    pub fn rejected(reason: impl Into<String>) -> Self {
        Self::Rejected { reason: reason.into() }
    }

    /// Nothing will work until a person changes something.
    pub fn fatal(reason: impl Into<String>) -> Self {
        Self::Fatal { reason: reason.into() }
    }

    /// Asks for a pause of at least `pause` before the next try. The host counts in milliseconds, up to 49 days. The
    /// other two kinds of error have no next try and stay as they are.
    #[must_use]
    pub fn after(self, pause: Duration) -> Self {
        match self {
            Self::Retryable { reason, after: _ } => Self::Retryable { reason, after: Some(pause) },
            other @ (Self::Rejected { .. } | Self::Fatal { .. }) => other,
        }
    }

    /// Puts `what` before the reason, as in `writing to table orders: connection refused`.
    #[must_use]
    pub fn context(self, what: impl std::fmt::Display) -> Self {
        match self {
            Self::Retryable { reason, after } => Self::Retryable { reason: format!("{what}: {reason}"), after },
            Self::Rejected { reason } => Self::Rejected { reason: format!("{what}: {reason}") },
            Self::Fatal { reason } => Self::Fatal { reason: format!("{what}: {reason}") },
        }
    }

    /// The reason, for people.
    pub fn reason(&self) -> &str {
        match self {
            Self::Retryable { reason, after: _ } | Self::Rejected { reason } | Self::Fatal { reason } => reason,
        }
    }

    /// Whether it may work later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Retryable { .. })
    }

    /// Whether the data is bad.
    pub fn is_rejected(&self) -> bool {
        matches!(self, Self::Rejected { .. })
    }

    /// Whether nothing will work until a person changes something.
    pub fn is_fatal(&self) -> bool {
        matches!(self, Self::Fatal { .. })
    }
}

/// JSON that does not fit the expected type is bad data.
impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::rejected(error.to_string())
    }
}

/// Files, sockets and streams fail for reasons that pass. Map those that don't by hand.
impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::retryable(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_belongs_to_a_retry_only() {
        let pause = Duration::from_secs(3);
        assert_eq!(
            Error::retryable("busy").after(pause),
            Error::Retryable { reason: "busy".into(), after: Some(pause) }
        );
        assert_eq!(Error::rejected("bad").after(pause), Error::rejected("bad"));
        assert_eq!(Error::fatal("gone").after(pause), Error::fatal("gone"));
    }

    #[test]
    fn context_keeps_the_kind_and_the_pause() {
        let error = Error::retryable("refused").after(Duration::from_secs(1)).context("table orders");
        assert_eq!(
            error,
            Error::Retryable { reason: "table orders: refused".into(), after: Some(Duration::from_secs(1)) }
        );
        assert_eq!(Error::fatal("denied").context("login").reason(), "login: denied");
    }

    #[test]
    fn foreign_errors_have_a_kind() {
        let not_a_number = serde_json::from_str::<u32>("\"x\"").expect_err("text is no number");
        assert!(Error::from(not_a_number).is_rejected());
        assert!(Error::from(io::Error::from(io::ErrorKind::BrokenPipe)).is_retryable());
    }
}
