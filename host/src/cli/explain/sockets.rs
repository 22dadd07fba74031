//! Connections and datagrams: what sockets decide on an address or a name, and what becomes of the name's addresses.

use url::Host;

use super::{Answer, unresolved};
use crate::{
    capability::{
        address,
        decision::Decision,
        destination::{Grant, Target},
        sockets,
    },
    config::{Config, Policy},
    connector::observer,
};

pub(super) async fn explain(config: &Config, policy: &Policy, target: &Target, resolve: bool) -> Answer {
    let file = config.file.display();
    let grants: Vec<Grant> = config.capabilities.sockets.iter().map(|granted| granted.grant.clone()).collect();
    let (observer, subject) = (observer(config), target.origin());
    let answer = match sockets::decision(&grants, observer.as_deref(), target) {
        Decision::Granted(at) => {
            let granted = config.capabilities.sockets.get(at);
            let line = granted.map(|granted| format!("{file}:{}: {granted}", granted.line));
            Answer::allow(format!("`{subject}`")).because("grant", line.unwrap_or_default())
        }
        Decision::Observed(denial) => Answer::observed(config, "sockets", &subject, &denial),
        Decision::Denied(denial) => {
            let answer = Answer::denied(config, "sockets", &subject, &denial);
            let answer = match by_a_name(config, target) {
                Some(name) => answer.because("lookup", name),
                None => answer,
            };
            return answer.policy(policy.sockets(&Grant::for_origin(target)));
        }
    };
    match (&target.host, resolve) {
        (Host::Domain(name), false) => {
            let near: Vec<&Grant> = grants.iter().filter(|grant| grant.covers_origin(target)).collect();
            answer.because("address", unresolved(name, "looked up by the component", &near))
        }
        (Host::Domain(_), true) | (Host::Ipv4(_) | Host::Ipv6(_), _) => {
            answer.addresses(sockets::reached(&grants, observer.as_deref(), target).await)
        }
    }
}

/// What would allow an address that no grant names, while the component runs.
fn by_a_name(config: &Config, target: &Target) -> Option<String> {
    let ip = match target.host {
        Host::Domain(_) => return None,
        Host::Ipv4(ip) => ip.into(),
        Host::Ipv6(ip) => ip.into(),
    };
    let fits = |grant: &Grant| {
        grant.host().as_range().is_none()
            && grant.scheme() == target.scheme
            && grant.ports().contains(target.port)
            && address::allowed(ip, grant)
    };
    let granted = config.capabilities.sockets.iter().find(|granted| fits(&granted.grant))?;
    let (file, line) = (config.file.display(), granted.line);
    Some(format!("{file}:{line}: {granted} allows it once the component's own lookup gave the address"))
}
