//! Requests: the gate's decision on the URL, then what it does with the addresses of the host.

use std::net::IpAddr;

use url::Host;

use super::Answer;
use crate::{
    capability::{
        address::Scope,
        destination::{Grant, Target},
        http::{self, Decided, Decision, Denial, Reached},
        observe::Observer,
    },
    config::{Config, Policy},
    connector::observer,
};

pub(super) async fn explain(config: &Config, policy: &Policy, method: &str, url: &str, resolve: bool) -> Answer {
    let file = config.file.display();
    let grants: Vec<Grant> = config.capabilities.http.iter().map(|granted| granted.grant.clone()).collect();
    let observer = observer(config);
    let Decided { target, decision } = match http::decide(&grants, observer.as_deref(), method, url) {
        Ok(decided) => decided,
        Err(error) => return Answer::deny("this request".to_owned()).because("request", error.to_string()),
    };
    let subject = format!("`{method} {}{}`", target.origin(), target.path);
    let add = |suggestion: &str| format!("add to [capabilities] of {file}: http = [{suggestion}]");
    // What others allow does not count: their connections are others.
    let deciding = if let Decision::Granted(at) = decision { grants.get(at..=at) } else { None }.unwrap_or_default();
    let answer = match decision {
        Decision::Granted(at) => {
            let granted = config.capabilities.http.get(at);
            let line = granted.map(|granted| format!("{file}:{}: {granted}", granted.line));
            Answer::allow(subject).because("grant", line.unwrap_or_default())
        }
        Decision::Observed(Denial { why, suggestion }) => Answer::allow(subject)
            .because("grant", format!("{file} does not grant it{why}"))
            .because("mode", "`observe` lets it through to public addresses, and counts it".to_owned())
            .help(add(&suggestion)),
        Decision::Denied(Denial { why, suggestion }) => {
            let why = format!("{file} does not grant it{why}");
            let answer = Answer::deny(subject).because("grant", why).help(add(&suggestion));
            return operators(answer, policy, method, &target);
        }
    };
    match (&target.host, resolve) {
        (Host::Domain(name), false) => answer.because("address", unresolved(name, &target, deciding)),
        (Host::Domain(_), true) | (Host::Ipv4(_) | Host::Ipv6(_), _) => {
            addresses(answer, deciding, observer.as_deref(), &target).await
        }
    }
}

/// Whether the operator would allow a file to grant it.
fn operators(answer: Answer, policy: &Policy, method: &str, target: &Target) -> Answer {
    let grant = Grant::for_origin(target);
    let narrowed = method.parse().ok().and_then(|method| grant.clone().with_methods(vec![method]).ok());
    let narrowed = narrowed.unwrap_or(grant);
    let narrowed = narrowed.clone().with_path(&target.path).unwrap_or(narrowed);
    match policy.http(&narrowed) {
        Some((rule, false)) => answer.because("policy", format!("{rule}: the operator does not allow to grant it")),
        Some((rule, true)) => answer.because("policy", format!("{rule}: the operator allows to grant it")),
        None => answer,
    }
}

/// What the check of addresses would do, for a name that is not resolved.
fn unresolved(name: &str, target: &Target, grants: &[Grant]) -> String {
    let near = || grants.iter().filter(|grant| grant.covers_origin(target));
    let mut reachable = Vec::new();
    if near().all(|grant| !grant.host().is_localhost()) {
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
async fn addresses(answer: Answer, grants: &[Grant], observer: Option<&Observer>, target: &Target) -> Answer {
    let Reached { dialled, refused } = match http::dialled(grants, observer, target).await {
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
