//! What sockets would do, told without opening any: their own decisions in their own order, for `explain`.

use std::net::{IpAddr, SocketAddr};

use url::Host;

use super::{decide, known::Known};
use crate::capability::{
    address::Scope,
    decision::{Decision, Denial, Reached},
    destination::{Grant, Scheme, Target},
    resolver::Resolver,
};

/// Decides on a connection, or a datagram, to `target`: of a name, as if its lookup gave addresses that its grants open.
pub fn decision(grants: &[Grant], target: &Target) -> Decision {
    let decided = match address(&target.host) {
        Some(ip) => decide::connection(grants, &Known::default(), target.scheme, SocketAddr::new(ip, target.port)),
        None => by_name(grants, target),
    };
    decided.map_or_else(Decision::Denied, Decision::Granted)
}

fn by_name(grants: &[Grant], target: &Target) -> Result<usize, Denial> {
    // That the lookup knows no port is no matter where it is known.
    let candidates = candidates(grants, &target.host)
        .map_err(|_| Denial { why: String::new(), suggestion: Grant::for_origin(target).to_string() })?;
    let granted = decide::port(grants, &candidates, target.scheme, target.port);
    granted.ok_or_else(|| decide::elsewhere(grants, &candidates, target.clone()))
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
pub async fn reached(grants: &[Grant], target: &Target) -> Result<Reached, String> {
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
        match decide::connection(grants, &known, target.scheme, SocketAddr::new(ip, target.port)) {
            Ok(_) => reached.allowed.push(ip),
            Err(_) => reached.refused.push((ip, Scope::of(ip))),
        }
    }
    Ok(reached)
}
