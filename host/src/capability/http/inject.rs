//! What the host adds to requests after the decision: headers whose values the guest never sees, and signatures made
//! with keys that it never sees. Which requests get them is decided by the matching of grants, on the URL that was
//! decided on; a guest's own header of such a name is refused there, and is its own business elsewhere.

use std::{cmp::Reverse, slice, sync::Arc, time::SystemTime};

use ::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use super::{
    Error, Gate, Route,
    message::{HOST_ONLY, given_as},
};
use crate::capability::destination::{Grant, Target};

mod sign;
mod stream;

#[cfg(test)]
mod vectors;

pub use self::sign::{Keys, Signer};
pub(super) use self::{sign::Payload, stream::Buffers};

/// What the host adds to the requests within a URL.
#[derive(Debug, Clone)]
pub struct Injection {
    /// Which requests: scheme, host, port and path as a grant has them, whatever the method.
    pub scope: Grant,
    /// What they get.
    pub addition: Addition,
}

/// Something that the host adds to a request. `Debug` shows no secrets.
#[derive(Debug, Clone)]
pub enum Addition {
    /// A header. Its value is marked as sensitive, so that nothing below us shows it or lets it be indexed.
    Header(HeaderName, HeaderValue),
    /// A signature by AWS Signature Version 4.
    AwsSigV4(Signer),
}

/// Why a header can't be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Not a name.
    #[error("it is not the name of a header")]
    Name,
    /// One of the connection's.
    #[error("it belongs to the connection, which is the host's")]
    Connection,
    /// One of those that a signature brings.
    #[error("it belongs to the signature, which `sign = \"aws-sigv4\"` makes")]
    Signature,
    /// A value that can't be sent, or is not what was meant.
    #[error("its value is empty, has blanks around it, or holds something else than visible ASCII")]
    Value,
}

impl Addition {
    /// A header with a secret value.
    ///
    /// # Errors
    /// The name or the value is none, or the name is not for configs.
    pub fn header(name: &str, value: &str) -> Result<Self, HeaderError> {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| HeaderError::Name)?;
        if HOST_ONLY.contains(&name) {
            return Err(HeaderError::Connection);
        }
        if sign::HEADERS.contains(&name) && name != ::http::header::AUTHORIZATION {
            return Err(HeaderError::Signature);
        }
        let mut value = HeaderValue::from_str(value).ok().filter(|_| is_sendable(value)).ok_or(HeaderError::Value)?;
        value.set_sensitive(true);
        Ok(Self::Header(name, value))
    }

    /// The headers that it sets, and that no guest may set beside it.
    pub fn claims(&self) -> &[HeaderName] {
        match self {
            Self::Header(name, _) => slice::from_ref(name),
            Self::AwsSigV4(_) => &sign::HEADERS,
        }
    }

    /// The first header that both would set.
    pub fn clash<'a>(&'a self, other: &Self) -> Option<&'a HeaderName> {
        self.claims().iter().find(|name| other.claims().contains(name))
    }
}

/// Whether a text can be sent as (part of) a header and is what was meant: an empty variable leaves a blank at the end.
pub(crate) fn is_sendable(text: &str) -> bool {
    !text.is_empty() && text.trim_matches(' ') == text && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// All that a gate adds.
#[derive(Debug, Clone)]
pub(super) struct Injections(Arc<[Injection]>);

impl Injections {
    /// Sorts them by how much their URLs say: the longest path first, then those within the URLs of others. Of one header
    /// the first that fits is taken.
    pub(super) fn new(mut injections: Vec<Injection>) -> Self {
        let scopes: Vec<Grant> = injections.iter().map(|injection| injection.scope.clone()).collect();
        let around = |scope: &Grant| scopes.iter().filter(|outer| outer.covers(scope)).count();
        injections.sort_by_key(|Injection { scope, .. }| Reverse((scope.path().len(), around(scope))));
        Self(injections.into())
    }

    /// What a request to `target` gets.
    pub(super) fn of(&self, target: &Target) -> Additions<'_> {
        let mut additions: Vec<&Addition> = Vec::new();
        let within =
            |injection: &&Injection| injection.scope.covers_origin(target) && injection.scope.covers_path(target);
        for Injection { addition, .. } in self.0.iter().filter(within) {
            if additions.iter().all(|taken| taken.clash(addition).is_none()) {
                additions.push(addition);
            }
        }
        Additions(additions)
    }
}

impl Gate {
    /// What the host adds to a request. Nothing where no grant allows it, and it is let through to be observed.
    pub(super) fn additions(&self, Route { target, grant, fault: _ }: &Route) -> Additions<'_> {
        grant.map_or_else(|| Additions(Vec::new()), |_| self.injections.of(target))
    }
}

/// What one request gets.
#[derive(Debug)]
pub(super) struct Additions<'a>(Vec<&'a Addition>);

impl Additions<'_> {
    pub(super) fn claimed(&self) -> impl Iterator<Item = &HeaderName> {
        self.0.iter().flat_map(|addition| addition.claims())
    }

    pub(super) fn signer(&self) -> Option<&Signer> {
        self.0.iter().find_map(|addition| match addition {
            Addition::AwsSigV4(signer) => Some(signer),
            Addition::Header(..) => None,
        })
    }

    /// Refuses a guest's own headers where the host sets them, and those by which a signed request would reach another
    /// object than the one in its URL.
    pub(super) fn refuse_own(&self, given: &HeaderMap) -> Result<(), Error> {
        if let Some(name) = self.claimed().find_map(|name| given_as(given, name)) {
            return Err(Error::InvalidRequest(format!("the header `{name}` is set by the host for this URL")));
        }
        match self.signer().and_then(|_| sign::OTHER_OBJECT.iter().find(|name| given.contains_key(*name))) {
            Some(name) => Err(Error::InvalidRequest(format!(
                "the header `{name}` names another object than the URL; the host does not sign that"
            ))),
            None => Ok(()),
        }
    }

    /// Adds the headers, then signs what has come about.
    pub(super) fn apply(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &mut HeaderMap,
        payload: Payload<'_>,
    ) -> Result<(), Error> {
        for addition in &self.0 {
            match addition {
                Addition::Header(name, value) => drop(headers.insert(name, value.clone())),
                Addition::AwsSigV4(_) => {}
            }
        }
        self.signer().map_or(Ok(()), |signer| signer.sign(method, uri, headers, payload, SystemTime::now()))
    }
}
