//! Requests: the gate's decision on the URL, what it does with the addresses of the host, and what it adds.

use url::Host;

use super::{Answer, unresolved};
use crate::{
    capability::{
        decision::Decision,
        destination::{Grant, Target},
        http::{self, Decided},
    },
    config::{Config, Policy},
    connector::observer,
};

pub(super) async fn explain(config: &Config, policy: &Policy, method: &str, url: &str, resolve: bool) -> Answer {
    let file = config.file.display();
    let grants: Vec<Grant> = config.capabilities.http.iter().map(|granted| granted.grant.clone()).collect();
    let observer = observer(config);
    let Decided { target, decision } = match http::decision(&grants, observer.as_deref(), method, url) {
        Ok(decided) => decided,
        Err(error) => return Answer::deny("this request".to_owned()).because("request", error.to_string()),
    };
    let subject = format!("{method} {}{}", target.origin(), target.path);
    // What others allow does not count: their connections are others.
    let deciding = if let Decision::Granted(at) = decision { grants.get(at..=at) } else { None }.unwrap_or_default();
    let answer = match decision {
        Decision::Granted(at) => {
            let granted = config.capabilities.http.get(at);
            let line = granted.map(|granted| format!("{file}:{}: {granted}", granted.line));
            let answer = Answer::allow(format!("`{subject}`")).because("grant", line.unwrap_or_default());
            added(answer, config, &target)
        }
        Decision::Observed(denial) => Answer::observed(config, "http", &subject, &denial),
        Decision::Denied(denial) => {
            let bound = policy.http(&narrowed(method, &target));
            return Answer::denied(config, "http", &subject, &denial).policy(bound);
        }
    };
    match (&target.host, resolve) {
        (Host::Domain(name), false) => {
            let near: Vec<&Grant> = deciding.iter().filter(|grant| grant.covers_origin(&target)).collect();
            answer.because("address", unresolved(name, "resolved and checked at each connection", &near))
        }
        (Host::Domain(_), true) | (Host::Ipv4(_) | Host::Ipv6(_), _) => {
            answer.addresses(http::dialled(deciding, observer.as_deref(), &target).await)
        }
    }
}

/// The headers that the host adds, by their names.
fn added(answer: Answer, config: &Config, target: &Target) -> Answer {
    let headers = &config.capabilities.http_headers;
    let injections = headers.iter().map(|header| header.injection.clone()).collect();
    let names: Vec<_> = http::added(injections, target).iter().map(|name| format!("`{name}`")).collect();
    if names.is_empty() {
        return answer;
    }
    answer.because("header", format!("the host adds {}, and the component may not", names.join(", ")))
}

/// The least grant that would allow the request.
fn narrowed(method: &str, target: &Target) -> Grant {
    let grant = Grant::for_origin(target);
    let narrowed = method.parse().ok().and_then(|method| grant.clone().with_methods(vec![method]).ok());
    let narrowed = narrowed.unwrap_or(grant);
    narrowed.clone().with_path(&target.path).unwrap_or(narrowed)
}
