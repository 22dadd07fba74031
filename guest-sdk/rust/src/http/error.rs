//! Why there is no response.

/// Why there is no response. Each kind has its class in [`crate::Error`], so `?` in a sink does the right thing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The connector's file does not grant it; the host's log says which line would. Becomes `Fatal`.
    #[error("{0}")]
    Denied(String),
    /// The request itself is malformed. Becomes `Fatal`.
    #[error("invalid request: {0}")]
    InvalidRequest(String),
    /// The body of the request is larger than the host accepts; fewer records in a request may help. Becomes `Rejected`.
    #[error("request too large: {0}")]
    RequestTooLarge(String),
    /// The name could not be resolved, or the connection could not be made or broke. Becomes `Retryable`.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// No TLS session could be established. Becomes `Retryable`.
    #[error("no TLS session: {0}")]
    Tls(String),
    /// No complete response in time; the target may or may not have acted on the request. Becomes `Retryable`.
    #[error("timed out: {0}")]
    Timeout(String),
    /// The response is larger than the host accepts, or those to one call are together larger than the instance's memory
    /// limit. Becomes `Rejected`.
    #[error("response too large: {0}")]
    TooLarge(String),
    /// The peer does not speak HTTP as it should, or broke off in the middle of its response. Becomes `Retryable`.
    #[error("broken response: {0}")]
    Protocol(String),
}

impl From<Error> for crate::Error {
    fn from(error: Error) -> Self {
        let reason = error.to_string();
        match error {
            Error::Denied(_) | Error::InvalidRequest(_) => Self::fatal(reason),
            Error::Connect(_) | Error::Tls(_) | Error::Timeout(_) | Error::Protocol(_) => Self::retryable(reason),
            Error::RequestTooLarge(_) | Error::TooLarge(_) => Self::rejected(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Error;
    use crate::Error as SinkError;

    #[test]
    fn every_kind_has_its_class() {
        let why = || "why".to_owned();
        for (error, expected) in [
            (Error::Denied(why()), SinkError::fatal("why")),
            (Error::InvalidRequest(why()), SinkError::fatal("invalid request: why")),
            (Error::RequestTooLarge(why()), SinkError::rejected("request too large: why")),
            (Error::Connect(why()), SinkError::retryable("cannot connect: why")),
            (Error::Tls(why()), SinkError::retryable("no TLS session: why")),
            (Error::Timeout(why()), SinkError::retryable("timed out: why")),
            (Error::TooLarge(why()), SinkError::rejected("response too large: why")),
            (Error::Protocol(why()), SinkError::retryable("broken response: why")),
        ] {
            assert_eq!(SinkError::from(error), expected);
        }
    }
}
