//! What sockets would do, told without opening any: their own decisions in their own order, for `explain`.

use std::net::{IpAddr, SocketAddr};

use url::Host;

use super::{decide, known::Known};
use crate::capability::{
    address::Scope,
    decision::{Decision, Denial, Reached},
    destination::{Grant, Scheme, Target},
    observe::Observer,
    resolver::Resolver,
};

/// Decides on a connection, or a datagram, to `target`: of a name, as if its lookup gave addresses that its grants open.
pub fn decision(grants: &[Grant], observer: Option<&Observer>, target: &Target) -> Decision {
    let decided = match address(&target.host) {
        Some(ip) => decide::connection(grants, &Known::default(), target.scheme, SocketAddr::new(ip, target.port)),
        None => by_name(grants, target),
    };
    match decided {
        Ok(at) => Decision::Granted(at),
        Err(denial) if observer.is_some_and(|observer| observer.connects(target)) => Decision::Observed(denial),
        Err(denial) => Decision::Denied(denial),
    }
}

fn by_name(grants: &[Grant], target: &Target) -> Result<usize, Denial> {
    // That the lookup knows no port is no matter where it is known.
    let candidates = candidates(grants, &target.host).map_err(|_| decide::not_named(target))?;
    let granted = decide::port(grants, &candidates, target.scheme, target.port);
    granted.ok_or_else(|| decide::elsewhere(grants, &candidates, target))
}

fn candidates(grants: &[Grant], host: &Host<String>) -> Result<Vec<usize>, Denial> {
    decide::named(grants, &[Scheme::Tcp, Scheme::Udp], host)
}

fn address(host: &Host<String>) -> Option<IpAddr> {
    match host {
        Host::Domain(_) => None,
        Host::Ipv4(ip) => Some((*ip).into()),
        Host::Ipv6(ip) => Some((*ip).into()),
    }
}

/// Which addresses of a target an instance could connect to, if it looked up its name now.
///
/// # Errors
/// The name can't be resolved; the text says why.
pub async fn reached(grants: &[Grant], observer: Option<&Observer>, target: &Target) -> Result<Reached, String> {
    let mut known = Known::default();
    let found = match &target.host {
        Host::Domain(name) => {
            let addresses = Resolver::system().lookup(name).await.map_err(|error| error.to_string())?;
            let candidates = candidates(grants, &target.host).unwrap_or_default();
            let decide::Found { allowed, refused } =
                decide::learn(grants, &candidates, &target.host, addresses, &mut known);
            [allowed, refused].concat()
        }
        Host::Ipv4(ip) => vec![(*ip).into()],
        Host::Ipv6(ip) => vec![(*ip).into()],
    };
    let mut reached = Reached::default();
    for ip in found {
        let granted = decide::connection(grants, &known, target.scheme, SocketAddr::new(ip, target.port)).is_ok();
        let observed = || observer.is_some_and(|observer| observer.connects(target)) && Scope::of(ip) == Scope::Public;
        if granted || observed() {
            reached.allowed.push(ip);
        } else {
            reached.refused.push((ip, Scope::of(ip)));
        }
    }
    Ok(reached)
}
