//! Requests: the gate's decision on the URL, then what it does with the addresses of the host.

use std::net::IpAddr;

use url::Host;

use super::Answer;
use crate::{
    capability::{
        address::Scope,
        destination::{Grant, Target},
        http::{self, Decided, Denial, Reached},
    },
    config::Config,
};

pub(super) async fn explain(config: &Config, method: &str, url: &str, resolve: bool) -> Answer {
    let file = config.file.display();
    let grants: Vec<Grant> = config.capabilities.http.iter().map(|granted| granted.grant.clone()).collect();
    let Decided { target, grant } = match http::decide(&grants, method, url) {
        Ok(decided) => decided,
        Err(error) => return Answer::deny("this request".to_owned()).because("request", error.to_string()),
    };
    let subject = format!("`{method} {}{}`", target.origin(), target.path);
    let granted = match grant {
        Ok(at) => config.capabilities.http.get(at),
        Err(Denial { why, suggestion }) => {
            return Answer::deny(subject)
                .because("grant", format!("{file} does not grant it{why}"))
                .help(format!("add to [capabilities] of {file}: http = [{suggestion}]"));
        }
    };
    let line = granted.map_or_else(String::new, |granted| format!("{file}:{}: `{}`", granted.line, granted.text));
    let answer = Answer::allow(subject).because("grant", line);
    match (&target.host, resolve) {
        (Host::Domain(name), false) => answer.because("address", unresolved(name, &target, &grants)),
        (Host::Domain(_), true) | (Host::Ipv4(_) | Host::Ipv6(_), _) => addresses(answer, &grants, &target).await,
    }
}

/// What the check of addresses would do, for a name that is not resolved.
fn unresolved(name: &str, target: &Target, grants: &[Grant]) -> String {
    let near = || grants.iter().filter(|grant| grant.covers_origin(target));
    let mut reachable = Vec::new();
    if near().any(|grant| !grant.host().is_localhost()) {
        reachable.push("public addresses".to_owned());
    }
    if near().any(|grant| grant.host().is_localhost()) {
        reachable.push("loopback addresses".to_owned());
    }
    reachable.extend(near().flat_map(Grant::addresses).map(ToString::to_string));
    let reachable = reachable.join(", ");
    format!("`{name}` is resolved and checked at each connection, and leads to {reachable} only; see --resolve")
}

/// What becomes of the addresses that the host has now.
async fn addresses(answer: Answer, grants: &[Grant], target: &Target) -> Answer {
    let Reached { dialled, refused } = match http::dialled(grants, target).await {
        Ok(reached) => reached,
        Err(reason) => return answer.but_deny().because("address", format!("nothing to connect to: {reason}")),
    };
    let reached =
        |answer: Answer, ip: &IpAddr| answer.because("address", format!("{ip} ({}): allowed", Scope::of(*ip)));
    let answer = dialled.iter().fold(answer, reached);
    let denied = |answer: Answer, (ip, scope): &(IpAddr, Scope)| {
        answer.because(
            "address",
            format!("{ip} ({scope}): refused, the grant neither names it nor lists it in `addresses`"),
        )
    };
    let answer = refused.iter().fold(answer, denied);
    if dialled.is_empty() { answer.but_deny() } else { answer }
}
