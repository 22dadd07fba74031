//! Why a guest got no response, in the words of the contract, and how the client's errors come to them.

use std::error::Error as StdError;

use hyper_util::client::legacy;

use super::{Gate, Limits, Route, body, dial::DialError};
use crate::capability::{
    decision::Denial,
    destination::{Grant, Target},
    limit::Limit,
};

/// How many refused addresses an error names: whoever answers for the name could send thousands.
const ADDRESSES_SHOWN: usize = 8;

/// Why there is no response. The texts are for the guest and for people, and hold no secrets of the URL's query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No grant allows it.
    #[error("{0}")]
    Denied(String),
    /// The request itself is malformed.
    #[error("{0}")]
    InvalidRequest(String),
    /// The body of the request is larger than the host lets out.
    #[error("{0}")]
    RequestTooLarge(String),
    /// The name could not be resolved, or the connection could not be made or broke.
    #[error("{0}")]
    Connect(String),
    /// No TLS session could be established.
    #[error("{0}")]
    Tls(String),
    /// No complete response in time.
    #[error("{0}")]
    Timeout(String),
    /// The response is larger than the host accepts.
    #[error("{0}")]
    TooLarge(String),
    /// The peer does not speak HTTP as it should, or broke off in the middle of its response.
    #[error("{0}")]
    Protocol(String),
}

impl Gate {
    /// What the client's error means for a request.
    pub(super) fn classify(&self, error: &legacy::Error, route: &Route) -> Error {
        let target = &route.target;
        let origin = target.origin();
        if let Some(error) = cause::<DialError>(error) {
            return self.classify_dial(error, route);
        }
        if let Some(error) = route.fault.get() {
            return error.clone();
        }
        let Some(hyper) = cause::<hyper::Error>(error) else {
            return Error::Connect(format!("`{origin}`: {}", innermost(error)));
        };
        self.classify_exchange(hyper, target)
    }

    /// What it means that a connection was there, and no response came.
    pub(super) fn classify_exchange(&self, hyper: &hyper::Error, target: &Target) -> Error {
        let (origin, innermost) = (target.origin(), innermost(hyper));
        if hyper.is_parse_too_large() {
            // The client does not say which of the two it was.
            self.hits.hit(Limit::HttpHeaders);
            self.hits.hit(Limit::HttpHeaderBytes);
            self.headers_too_large(target)
        } else if hyper.is_parse() || is_h2_protocol(hyper) {
            Error::Protocol(format!("`{origin}` does not speak HTTP as it should: {innermost}"))
        } else {
            Error::Connect(format!("the connection to `{origin}` broke before the response: {innermost}"))
        }
    }

    pub(super) fn headers_too_large(&self, target: &Target) -> Error {
        let Limits { headers, header_bytes, .. } = &self.limits;
        let origin = target.origin();
        Error::TooLarge(format!(
            "the response from `{origin}` has more than {headers} headers, or more than {header_bytes} bytes in them"
        ))
    }

    pub(super) fn classify_dial(&self, error: &DialError, route: &Route) -> Error {
        let Route { target, grant, fault: _ } = route;
        let origin = target.origin();
        match error {
            DialError::Resolve(reason) => Error::Connect(format!("can't resolve the host of `{origin}`: {reason}")),
            DialError::Connect(reason) => Error::Connect(format!("no connection to `{origin}`: {reason}")),
            DialError::Tls(reason) => Error::Tls(format!("no TLS session with `{origin}`: {reason}")),
            DialError::Full { limit, within } => Error::Connect(format!(
                "no connection to `{origin}` within {within:?}: the connector has {limit} open already (limits.http_connections)"
            )),
            DialError::Timeout(limit) => Error::Connect(format!("no connection to `{origin}` within {limit:?}")),
            DialError::Refused(refused) => {
                let refused = &refused[..refused.len().min(ADDRESSES_SHOWN)];
                let found: Vec<_> = refused.iter().map(|(ip, scope)| format!("{ip} ({scope})")).collect();
                let why = format!(" at the address that its name resolves to: {}", found.join(", "));
                let grant = grant.and_then(|grant| self.grants.get(grant));
                let grant = grant.cloned().unwrap_or_else(|| Grant::for_origin(target));
                let ranges = grant.addresses().iter().copied().chain(refused.iter().map(|(ip, _)| (*ip).into()));
                let suggestion = grant.clone().with_addresses(ranges.collect());
                self.deny(format!("address of {origin}"), &origin, &Denial::new(why, &suggestion))
            }
        }
    }
}

/// What it means that a request body failed with this.
pub(super) fn broken_body(error: &(dyn StdError + 'static)) -> Error {
    match cause::<body::TooLarge>(error) {
        Some(error) => Error::RequestTooLarge(error.to_string()),
        None => Error::InvalidRequest(format!("the request body broke off: {}", innermost(error))),
    }
}

/// A stream error is the peer's doing; a lost connection is not.
fn is_h2_protocol(error: &hyper::Error) -> bool {
    cause::<std::io::Error>(error).is_none() && cause::<h2::Error>(error).is_some_and(|error| !error.is_io())
}

/// The first error of type `T` among an error and its sources.
fn cause<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    let mut current = Some(error);
    while let Some(error) = current {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        current = error.source();
    }
    None
}

/// The last source: it says what happened, the ones around it where.
pub(super) fn innermost<'a>(error: &'a (dyn StdError + 'static)) -> &'a (dyn StdError + 'static) {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error
}
