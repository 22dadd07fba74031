//! What a gate would do, told without doing it: the gate's own decisions in the gate's own order, for `explain`.

use std::net::{IpAddr, SocketAddr};

use super::{
    Error, decision,
    dial::{self, DialError},
    message,
};
use crate::capability::{
    address::Scope,
    destination::{Grant, Target},
};

/// The decision on a request, before any name is resolved.
#[derive(Debug)]
pub struct Decided {
    /// Where the request goes, as grants are compared with it.
    pub target: Target,
    /// The grant that covers it, by its place among the grants.
    pub grant: Result<usize, Denial>,
}

/// Why no grant covers a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// Words to follow `is not granted`; may be empty.
    pub why: String,
    /// The grant to write.
    pub suggestion: String,
}

/// What becomes of the addresses of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// Those that are dialled.
    pub dialled: Vec<IpAddr>,
    /// Those that are refused.
    pub refused: Vec<(IpAddr, Scope)>,
}

/// Decides on a request as a gate with these grants does.
///
/// # Errors
/// The request can't be sent at all, whatever is granted.
pub fn decide(grants: &[Grant], method: &str, url: &str) -> Result<Decided, Error> {
    let (method, url) = (message::method(method)?, message::url(url)?);
    let target = decision::target(&method, &url)?;
    let decided = decision::decide(grants, &method, &target);
    let denial = |decision::Refusal { why, suggestion }| Denial { why, suggestion };
    Ok(Decided { grant: decided.map_err(denial), target })
}

/// Which addresses of a target a gate with these grants connects to. A name is resolved now.
///
/// # Errors
/// The name can't be resolved; the text says why.
pub async fn dialled(grants: &[Grant], target: &Target) -> Result<Reached, String> {
    let found = dial::lookup(target).await.map_err(|error| error.to_string())?;
    match dial::permit(found.clone(), target, grants) {
        Ok(allowed) => {
            let refused = found.iter().filter(|at| !allowed.contains(at)).map(|at| (at.ip(), Scope::of(at.ip())));
            let refused = refused.collect();
            Ok(Reached { dialled: allowed.iter().map(SocketAddr::ip).collect(), refused })
        }
        Err(DialError::Refused(refused)) => Ok(Reached { dialled: Vec::new(), refused }),
        Err(error @ (DialError::Resolve(_) | DialError::Connect(_) | DialError::Tls(_) | DialError::Timeout(_))) => {
            Err(error.to_string())
        }
    }
}
