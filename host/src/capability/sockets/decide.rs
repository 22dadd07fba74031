//! Whether an address or a name is granted, and if not, which grant would allow it. Pure: addresses, grants and what was
//! looked up in.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use url::Host;

use super::known::Known;
use crate::capability::{
    address::{self, Scope},
    decision::Denial,
    destination::{Grant, Scheme, Target},
};

/// How many addresses of one name are looked at.
const ANSWERS: usize = 64;

/// The grant that lets a connection or a datagram go to `at`, by its place: it names the address, or it names what the
/// instance's own lookup gave the address for.
pub(super) fn connection(grants: &[Grant], known: &Known, scheme: Scheme, at: SocketAddr) -> Result<usize, Denial> {
    let target = Target::socket(scheme, at);
    let by_address = |grant: &Grant| grant.covers_origin(&target) && address::allowed(at.ip(), grant);
    let by_name = || known.of(at.ip()).find_map(|answer| port(grants, &answer.grants, scheme, at.port()));
    let decided = grants.iter().position(by_address).or_else(by_name);
    decided.ok_or_else(|| denial(grants, known, target, at.ip()))
}

/// The first of `candidates` that is for this port.
pub(super) fn port(grants: &[Grant], candidates: &[usize], scheme: Scheme, port: u16) -> Option<usize> {
    let fits = |grant: &Grant| grant.scheme() == scheme && grant.ports().contains(port);
    candidates.iter().copied().find(|at| grants.get(*at).is_some_and(fits))
}

fn denial(grants: &[Grant], known: &Known, target: Target, ip: IpAddr) -> Denial {
    if let Some(answer) = known.of(ip).next() {
        let target = Target { host: answer.host.clone(), ..target };
        return if answer.grants.is_empty() { not_named(&target) } else { elsewhere(grants, &answer.grants, &target) };
    }
    let near: Vec<_> = grants.iter().filter(|grant| grant.covers_origin(&target)).collect();
    let why = if near.is_empty() {
        String::new()
    } else {
        format!(": it is {}, which the range in {} does not open", Scope::of(ip), listed(&near))
    };
    Denial::new(why, &Grant::for_origin(&target))
}

/// Why a target is denied whose host no grant has.
pub(super) fn not_named(target: &Target) -> Denial {
    Denial::new(String::new(), &Grant::for_origin(target))
}

/// Why a target is denied whose name these grants have, for something else.
pub(super) fn elsewhere(grants: &[Grant], candidates: &[usize], target: &Target) -> Denial {
    let near: Vec<_> = candidates.iter().filter_map(|at| grants.get(*at)).collect();
    let ranges = near.first().map_or_else(Vec::new, |grant| grant.addresses().to_vec());
    let why = format!(", where `{}` is, only {}", target.host, listed(&near));
    Denial::new(why, &Grant::for_origin(target).with_addresses(ranges))
}

/// Which grants name `host` for one of `schemes`, by their place in the list.
///
/// # Errors
/// None does.
pub(super) fn named(grants: &[Grant], schemes: &[Scheme], host: &Host<String>) -> Result<Vec<usize>, Denial> {
    let names = |grant: &Grant| schemes.contains(&grant.scheme()) && grant.covers_host(host);
    let found: Vec<_> = (0..).zip(grants).filter(|(_, grant)| names(grant)).map(|(at, _)| at).collect();
    if found.is_empty() {
        let why = "; PORT stands for the one that it connects to".to_owned();
        return Err(Denial { why, suggestion: format!("\"tcp://{host}:PORT\"") });
    }
    Ok(found)
}

/// The addresses that a lookup gave.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Those that the instance gets, and may connect to: they are remembered.
    pub(super) allowed: Vec<IpAddr>,
    pub(super) refused: Vec<IpAddr>,
}

/// Holds the addresses of `host` against the grants that name it. Where none does, it is only observed, and gives public
/// addresses.
pub(super) fn learn(
    grants: &[Grant],
    candidates: &[usize],
    host: &Host<String>,
    addresses: Vec<IpAddr>,
    known: &mut Known,
) -> Found {
    let mut found = Found::default();
    for ip in addresses.into_iter().take(ANSWERS) {
        let allows = |at: &&usize| grants.get(**at).is_some_and(|grant| address::allowed(ip, grant));
        let opening: Vec<usize> = candidates.iter().filter(allows).copied().collect();
        let observed = candidates.is_empty() && Scope::of(ip) == Scope::Public;
        if opening.is_empty() && !observed {
            found.refused.push(ip);
        } else {
            known.remember(host, ip, opening);
            found.allowed.push(ip);
        }
    }
    found
}

/// Why a name is of no use: all of its addresses are refused.
pub(super) fn private(grants: &[Grant], candidates: &[usize], host: &Host<String>, refused: &[IpAddr]) -> Denial {
    let found: Vec<_> = refused.iter().map(|ip| format!("{ip} ({})", Scope::of(*ip))).collect();
    let why = format!(" at the address that it resolves to: {}", found.join(", "));
    let refused = refused.iter().map(|ip| IpNet::from(*ip));
    match candidates.first().and_then(|at| grants.get(*at)) {
        Some(grant) => {
            let ranges = grant.addresses().iter().copied().chain(refused).collect();
            Denial::new(why, &grant.clone().with_addresses(ranges))
        }
        None => {
            let ranges: Vec<_> = refused.map(|range| format!("\"{range}\"")).collect();
            let suggestion = format!("{{ url = \"tcp://{host}:PORT\", addresses = [{}] }}", ranges.join(", "));
            Denial { why, suggestion }
        }
    }
}

fn listed(grants: &[&Grant]) -> String {
    grants.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
}
