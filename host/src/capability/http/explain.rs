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
    observe::Observer,
    resolver::Resolver,
};

/// The decision on a request, before any name is resolved.
#[derive(Debug)]
pub struct Decided {
    /// Where the request goes, as grants are compared with it.
    pub target: Target,
    /// What the gate decides.
    pub decision: Decision,
}

/// What a gate decides on a request by its URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The grant at this place covers it.
    Granted(usize),
    /// No grant covers it, and the observer lets it through.
    Observed(Denial),
    /// No grant covers it.
    Denied(Denial),
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

/// Decides on a request as a gate with these grants and this observer does.
///
/// # Errors
/// The request can't be sent at all, whatever is granted.
pub fn decide(grants: &[Grant], observer: Option<&Observer>, method: &str, url: &str) -> Result<Decided, Error> {
    let (method, url) = (message::method(method)?, message::url(url)?);
    let target = decision::target(&method, &url)?;
    let decision = match decision::decide(grants, &method, &target) {
        Ok(at) => Decision::Granted(at),
        Err(decision::Refusal { why, suggestion }) => {
            let lets_through = observer.is_some_and(|observer| observer.lets_through(grants, &method, &target));
            let denial = Denial { why, suggestion };
            if lets_through { Decision::Observed(denial) } else { Decision::Denied(denial) }
        }
    };
    Ok(Decided { decision, target })
}

/// Which addresses of a target a gate with these grants and this observer connects to. A name is resolved now.
///
/// # Errors
/// The name can't be resolved; the text says why.
pub async fn dialled(grants: &[Grant], observer: Option<&Observer>, target: &Target) -> Result<Reached, String> {
    let found = dial::lookup(target, &Resolver::system()).await.map_err(|error| error.to_string())?;
    match dial::permit(found.clone(), target, grants, observer) {
        Ok(allowed) => {
            let refused = found.iter().filter(|at| !allowed.contains(at)).map(|at| (at.ip(), Scope::of(at.ip())));
            let refused = refused.collect();
            Ok(Reached { dialled: allowed.iter().map(SocketAddr::ip).collect(), refused })
        }
        Err(DialError::Refused(refused)) => Ok(Reached { dialled: Vec::new(), refused }),
        Err(
            error @ (DialError::Resolve(_)
            | DialError::Connect(_)
            | DialError::Tls(_)
            | DialError::Timeout(_)
            | DialError::Full { .. }),
        ) => Err(error.to_string()),
    }
}
