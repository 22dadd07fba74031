//! What can go wrong between the host and the broker, sorted by what to do about it.

use tonic::{Code, Status};

/// A failure of the broker or of the way to it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The broker can't be reached or is not ready; trying again later may help.
    #[error("the broker at {url} is not available: {reason}")]
    Unavailable {
        /// Where the host tried to connect.
        url: String,
        /// What the connection or the broker said.
        reason: String,
    },
    /// The broker does not allow it now: another consumer holds an exclusive subscription, or a right is missing. Both
    /// can change on the broker's side, so asking again later makes sense.
    #[error("the broker at {url} does not allow to {action}: {reason}")]
    Denied {
        /// Where the host is connected.
        url: String,
        /// What the host asked for.
        action: String,
        /// What the broker said.
        reason: String,
    },
    /// The broker understood and said no; a person has to change something.
    #[error("the broker at {url} refused to {action}: {reason}")]
    Refused {
        /// Where the host is connected.
        url: String,
        /// What the host asked for.
        action: String,
        /// What the broker said.
        reason: String,
    },
    /// The broker does not have what was asked for; it may be created later.
    #[error("the broker at {url} cannot {action}: {reason}")]
    NotFound {
        /// Where the host is connected.
        url: String,
        /// What the host asked for.
        action: String,
        /// What the broker said.
        reason: String,
    },
    /// Certificates, keys or the token are not usable.
    #[error("cannot use {what}: {reason}")]
    Credentials {
        /// Which file or value.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl Error {
    /// Whether the same call may work later without anyone changing anything.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unavailable { .. } | Self::Denied { .. } | Self::NotFound { .. } => true,
            Self::Refused { .. } | Self::Credentials { .. } => false,
        }
    }

    pub(super) fn from_status(url: &str, action: &str, status: &Status) -> Self {
        let (url, action) = (url.to_owned(), action.to_owned());
        let reason = format!("{} ({:?})", status.message(), status.code());
        match status.code() {
            Code::NotFound => Self::NotFound { url, action, reason },
            Code::PermissionDenied | Code::FailedPrecondition | Code::AlreadyExists => {
                Self::Denied { url, action, reason }
            }
            Code::InvalidArgument | Code::Unauthenticated | Code::Unimplemented | Code::OutOfRange => {
                Self::Refused { url, action, reason }
            }
            Code::Ok
            | Code::Cancelled
            | Code::Unknown
            | Code::DeadlineExceeded
            | Code::ResourceExhausted
            | Code::Aborted
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss => Self::Unavailable { url, reason },
        }
    }
}

/// Transport errors hide what happened in their sources.
pub(super) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
