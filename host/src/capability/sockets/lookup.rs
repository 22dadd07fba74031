//! `wasi:sockets/ip-name-lookup`: what a guest asks, and the stream of addresses that it gets. In place of wasmtime's
//! own, which knows only all names or none.

use std::{net::IpAddr, vec};

use futures::{FutureExt, future::BoxFuture};
use wasmtime_wasi::{
    async_trait,
    p2::{
        Pollable,
        bindings::sockets::network::{ErrorCode, IpAddress},
    },
};

use super::SocketSession;

/// The interface, with the version that wasmtime gives it: only the same name takes the place of its own.
pub(super) const INTERFACE: &str = "wasi:sockets/ip-name-lookup@0.2.12";

/// Why a guest gets no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookupError {
    /// No grant names it, or all its addresses are refused.
    Denied,
    /// Neither a name nor an address.
    Invalid,
    /// It has no address, or nobody knows now.
    Unresolved,
}

impl From<LookupError> for ErrorCode {
    fn from(error: LookupError) -> Self {
        match error {
            LookupError::Denied => Self::AccessDenied,
            LookupError::Invalid => Self::InvalidArgument,
            LookupError::Unresolved => Self::NameUnresolvable,
        }
    }
}

type Found = Result<Vec<IpAddr>, LookupError>;

/// The answer to a lookup, handed out address by address.
pub(super) enum Addresses {
    Pending(BoxFuture<'static, Found>),
    Ready(vec::IntoIter<IpAddr>),
    Failed(LookupError),
}

impl Addresses {
    pub(super) fn of(session: SocketSession, name: String) -> Self {
        Self::Pending(Box::pin(async move { session.lookup(&name).await }))
    }

    pub(super) fn next(&mut self) -> Result<Option<IpAddress>, ErrorCode> {
        if let Self::Pending(pending) = self {
            match pending.now_or_never() {
                Some(found) => self.settle(found),
                None => return Err(ErrorCode::WouldBlock),
            }
        }
        match self {
            Self::Pending(_) => Err(ErrorCode::WouldBlock),
            Self::Ready(addresses) => Ok(addresses.next().map(IpAddress::from)),
            Self::Failed(error) => Err((*error).into()),
        }
    }

    fn settle(&mut self, found: Found) {
        *self = match found {
            Ok(addresses) => Self::Ready(addresses.into_iter()),
            Err(error) => Self::Failed(error),
        };
    }
}

#[async_trait]
impl Pollable for Addresses {
    async fn ready(&mut self) {
        if let Self::Pending(pending) = self {
            let found = pending.await;
            self.settle(found);
        }
    }
}
