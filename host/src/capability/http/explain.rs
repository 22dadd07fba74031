//! What a gate would do, told without doing it: the gate's own decisions in the gate's own order, for `explain`.

use std::net::SocketAddr;

use super::{
    Error, decide,
    dial::{self, DialError},
    inject::{Injection, Injections},
    message,
};
use crate::capability::{
    address::Scope,
    decision::{Decision, Reached},
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

/// Decides on a request as a gate with these grants and this observer does.
///
/// # Errors
/// The request can't be sent at all, whatever is granted.
pub fn decision(grants: &[Grant], observer: Option<&Observer>, method: &str, url: &str) -> Result<Decided, Error> {
    let (method, url) = (message::method(method)?, message::url(url)?);
    let target = decide::target(&method, &url)?;
    let decision = match decide::decide(grants, &method, &target) {
        Ok(at) => Decision::Granted(at),
        Err(denial) => {
            let lets_through = observer.is_some_and(|observer| observer.lets_through(grants, &method, &target));
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
            Ok(Reached { refused: refused.collect(), allowed: allowed.iter().map(SocketAddr::ip).collect() })
        }
        Err(DialError::Refused(refused)) => Ok(Reached { allowed: Vec::new(), refused }),
        Err(
            error @ (DialError::Resolve(_)
            | DialError::Connect(_)
            | DialError::Tls(_)
            | DialError::Timeout(_)
            | DialError::Full { .. }),
        ) => Err(error.to_string()),
    }
}

/// The names of the headers that a gate with these injections adds to a granted request.
pub fn added(injections: Vec<Injection>, target: &Target) -> Vec<String> {
    let injections = Injections::new(injections);
    let additions = injections.of(target);
    additions.claimed().map(ToString::to_string).collect()
}
