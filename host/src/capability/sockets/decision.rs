//! Whether an address or a name is granted, and if not, which grant would allow it. Pure: addresses, grants and what was
//! looked up in.

use std::net::{IpAddr, SocketAddr};

use url::Host;

use super::known::Known;
use crate::capability::{
    address::{self, Scope},
    destination::{Grant, Scheme, Target},
};

/// Why something is refused: words to follow `is not granted`, and the grant to write.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) why: String,
    pub(super) suggestion: String,
}

/// Whether a connection or a datagram may go to `at`: a grant names the address, or the instance's own lookup of a
/// granted name gave it.
pub(super) fn connection(grants: &[Grant], known: &Known, scheme: Scheme, at: SocketAddr) -> Result<(), Refusal> {
    let target = Target::socket(scheme, at);
    let by_address = |grant: &Grant| grant.covers_origin(&target) && address::allowed(at.ip(), grant);
    let by_port = |grant: &Grant| grant.scheme() == scheme && grant.ports().contains(at.port());
    let by_name = |index: &usize| grants.get(*index).is_some_and(by_port);
    if grants.iter().any(by_address) || known.of(at.ip()).any(|answer| answer.grants.iter().any(by_name)) {
        return Ok(());
    }
    Err(refusal(grants, known, target, at.ip()))
}

fn refusal(grants: &[Grant], known: &Known, target: Target, ip: IpAddr) -> Refusal {
    if let Some(answer) = known.of(ip).next() {
        // It came by this name, which is granted for something else.
        let near: Vec<_> = answer.grants.iter().filter_map(|index| grants.get(*index)).collect();
        let ranges = near.first().map_or_else(Vec::new, |grant| grant.addresses().to_vec());
        let suggestion = Grant::for_origin(&Target { host: Host::Domain(answer.name.clone()), ..target });
        let why = format!(", where `{}` is, only {}", answer.name, listed(&near));
        return Refusal { why, suggestion: suggestion.with_addresses(ranges).to_string() };
    }
    let near: Vec<_> = grants.iter().filter(|grant| grant.covers_origin(&target)).collect();
    let why = if near.is_empty() {
        String::new()
    } else {
        format!(": it is {}, which the range in {} does not open", Scope::of(ip), listed(&near))
    };
    Refusal { why, suggestion: Grant::for_origin(&target).to_string() }
}

/// Which grants name `host` for one of `schemes`, by their place in the list.
///
/// # Errors
/// None does.
pub(super) fn named(grants: &[Grant], schemes: &[Scheme], host: &Host<String>) -> Result<Vec<usize>, Refusal> {
    let names = |grant: &Grant| schemes.contains(&grant.scheme()) && grant.covers_host(host);
    let found: Vec<_> = (0..).zip(grants).filter(|(_, grant)| names(grant)).map(|(at, _)| at).collect();
    if found.is_empty() {
        let why = "; PORT stands for the one that it connects to".to_owned();
        return Err(Refusal { why, suggestion: format!("\"tcp://{host}:PORT\"") });
    }
    Ok(found)
}

/// Which of `candidates` allow a connection to `ip`.
pub(super) fn opening(grants: &[Grant], candidates: &[usize], ip: IpAddr) -> Vec<usize> {
    let allows = |index: &&usize| grants.get(**index).is_some_and(|grant| address::allowed(ip, grant));
    candidates.iter().filter(allows).copied().collect()
}

/// Why a granted name is of no use: all of its addresses are refused.
pub(super) fn private(grants: &[Grant], candidates: &[usize], refused: &[IpAddr]) -> Option<Refusal> {
    let found: Vec<_> = refused.iter().map(|ip| format!("{ip} ({})", Scope::of(*ip))).collect();
    let why = format!(" at the address that it resolves to: {}", found.join(", "));
    let grant = candidates.first().and_then(|index| grants.get(*index))?;
    let ranges = grant.addresses().iter().copied().chain(refused.iter().map(|ip| (*ip).into()));
    Some(Refusal { why, suggestion: grant.clone().with_addresses(ranges.collect()).to_string() })
}

fn listed(grants: &[&Grant]) -> String {
    grants.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
}
