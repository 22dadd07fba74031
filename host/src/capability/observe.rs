//! Observing instead of enforcing, for writing a connector's first file: what nothing grants is counted and remembered, and
//! let through to public addresses. It never opens a private, loopback or metadata address, nor goes beyond the operator's
//! policy. The same for requests, lookups and connections.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    net::IpAddr,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use ::http::Method;
use url::Host;

use super::{
    address::{self, Scope},
    destination::{Grant, Target},
};

/// How many destinations are remembered; a guest that makes up hosts must not fill the memory.
const REMEMBERED: usize = 256;

/// How many methods are remembered for each of them; a guest can make up those, too.
const METHODS: usize = 16;

/// What the operator's policy allows to grant. `None`: it does not say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Within {
    /// Of HTTP.
    pub http: Option<Vec<Grant>>,
    /// Of sockets.
    pub sockets: Option<Vec<Grant>>,
}

/// What a connector reached, or tried to reach, beyond its grants.
#[derive(Debug)]
pub struct Observer {
    within: Within,
    total: AtomicU64,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    /// Origins and the methods of their requests.
    http: BTreeMap<String, BTreeSet<String>>,
    /// Hosts of connections, and for each the `tcp://host:port` of them.
    sockets: BTreeMap<String, BTreeSet<String>>,
    /// Names that were looked up.
    lookups: BTreeSet<String>,
    /// Grants that would open what is closed all the same, with the keys of `[capabilities]` that they stand under.
    refused: BTreeSet<(&'static str, String)>,
}

impl Observer {
    /// Observes within what the operator's policy allows.
    pub fn new(within: Within) -> Self {
        Self { within, total: AtomicU64::new(0), seen: Mutex::default() }
    }

    /// Whether a request that none of `grants` covers is let through, as far as its URL goes. Its host's addresses are
    /// another matter, see [`Self::opens`].
    pub fn lets_through(&self, grants: &[Grant], method: &Method, target: &Target) -> bool {
        let covers =
            |grant: &Grant| grant.covers_origin(target) && grant.covers_method(method) && grant.covers_path(target);
        // Connections are kept: what a grant has connected to a private address must not serve what it does not cover.
        let may_lead_inside = |grant: &Grant| grant.covers_origin(target) && leads_inside(grant);
        may_be_public(&target.host) && any(&self.within.http, covers) && !grants.iter().any(may_lead_inside)
    }

    /// Whether a connection to `target`, which no grant allows at this address, may lead there.
    pub fn opens(&self, ip: IpAddr, target: &Target) -> bool {
        Scope::of(ip) == Scope::Public
            && may_be_public(&target.host)
            && any(&self.within.http, |grant| grant.covers_origin(target))
    }

    /// Whether a name that nothing grants may be looked up. Its addresses are another matter, see [`Self::connects`].
    pub fn looks_up(&self, host: &Host<String>) -> bool {
        may_be_public(host) && any(&self.within.sockets, |grant| grant.covers_host(host))
    }

    /// Whether a connection or a datagram that nothing grants may go to a public address, or to one of this name.
    pub fn connects(&self, target: &Target) -> bool {
        target.port != 0
            && may_be_public(&target.host)
            && any(&self.within.sockets, |grant| grant.covers_origin(target))
    }

    /// A name was looked up that nothing grants.
    pub fn lookup(&self, host: &Host<String>) {
        self.total.fetch_add(1, Ordering::Relaxed);
        let mut seen = self.seen();
        if seen.lookups.len() < REMEMBERED {
            seen.lookups.insert(host.to_string());
        }
    }

    /// A connection was made, or a datagram sent, that nothing grants.
    pub fn connection(&self, target: &Target) {
        self.total.fetch_add(1, Ordering::Relaxed);
        let mut seen = self.seen();
        let host = target.host.to_string();
        if seen.sockets.len() < REMEMBERED || seen.sockets.contains_key(&host) {
            let ports = seen.sockets.entry(host).or_default();
            if ports.len() < REMEMBERED {
                ports.insert(target.origin());
            }
        }
    }

    /// A request went out that nothing grants.
    pub fn request(&self, method: &Method, target: &Target) {
        self.total.fetch_add(1, Ordering::Relaxed);
        let mut seen = self.seen();
        let origin = target.origin();
        if seen.http.len() < REMEMBERED || seen.http.contains_key(&origin) {
            let methods = seen.http.entry(origin).or_default();
            if methods.len() < METHODS {
                methods.insert(method.to_string());
            }
        }
    }

    /// Something was refused all the same; this grant under this key would allow it.
    pub(super) fn refused(&self, key: &'static str, suggestion: &str) {
        self.total.fetch_add(1, Ordering::Relaxed);
        let mut seen = self.seen();
        if seen.refused.len() < REMEMBERED {
            seen.refused.insert((key, suggestion.to_owned()));
        }
    }

    /// How many requests, lookups and connections enforcing would have refused.
    pub fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }

    /// The grants that would have been needed, as TOML for `[capabilities]`; what was refused all the same stands there as
    /// a comment.
    pub fn needed(&self) -> String {
        let seen = self.seen();
        let Seen { http, sockets, lookups, refused } = &*seen;
        let mut text = String::new();
        if !http.is_empty() {
            text.push_str("http = [\n");
            for (origin, methods) in http {
                let methods: Vec<String> = methods.iter().map(|method| format!("\"{method}\"")).collect();
                let _ = writeln!(text, "    {{ url = \"{origin}\", methods = [{}] }},", methods.join(", "));
            }
            text.push_str("]\n");
        }
        if !sockets.is_empty() {
            text.push_str("sockets = [\n");
            for origin in sockets.values().flatten() {
                let _ = writeln!(text, "    \"{origin}\",");
            }
            text.push_str("]\n");
        }
        for name in lookups.iter().filter(|name| !sockets.contains_key(*name)) {
            let _ = writeln!(text, "# Looked up, and not connected to: sockets = [\"tcp://{name}:PORT\"]");
        }
        if !refused.is_empty() {
            text.push_str(
                "# Refused all the same, since they lead to addresses that are not public or that the operator bars:\n",
            );
            refused.iter().for_each(|(key, grant)| {
                let _ = writeln!(text, "# {key} = [{grant}]");
            });
        }
        text
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether one of the grants is like that, or nothing is said about them.
fn any(grants: &Option<Vec<Grant>>, is_such: impl FnMut(&Grant) -> bool) -> bool {
    grants.as_ref().is_none_or(|grants| grants.iter().any(is_such))
}

/// Whether the grant may lead to an address that is not public.
fn leads_inside(grant: &Grant) -> bool {
    let named = grant.host().as_range();
    grant.host().is_localhost() || named.iter().chain(grant.addresses()).any(|range| address::opened(range).is_some())
}

/// Whether the host could be a public one, by its name.
fn may_be_public(host: &Host<String>) -> bool {
    match host {
        Host::Domain(name) => name != "localhost" && !name.ends_with(".localhost"),
        Host::Ipv4(ip) => Scope::of((*ip).into()) == Scope::Public,
        Host::Ipv6(ip) => Scope::of((*ip).into()) == Scope::Public,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> Target {
        Target::of(&url::Url::parse(url).unwrap()).unwrap()
    }

    fn grants(urls: &[&str]) -> Vec<Grant> {
        urls.iter().map(|url| Grant::parse(url).unwrap()).collect()
    }

    #[test]
    fn nothing_but_the_public_is_let_through() {
        let observer = Observer::new(Within::default());
        for (url, expected) in [
            ("https://x.example/", true),
            ("https://1.1.1.1/", true),
            ("http://10.0.0.5/", false),
            ("http://127.0.0.1:8080/", false),
            ("http://[::1]/", false),
            ("http://[::ffff:1.1.1.1]/", false),
            ("http://169.254.169.254/latest/", false),
            ("http://localhost/", false),
            ("http://a.localhost/", false),
        ] {
            assert_eq!(observer.lets_through(&[], &Method::GET, &target(url)), expected, "{url}");
        }
        for (ip, expected) in [
            ("1.1.1.1", true),
            ("10.0.0.5", false),
            ("127.0.0.1", false),
            ("169.254.169.254", false),
            ("fd00::1", false),
        ] {
            assert_eq!(observer.opens(ip.parse().unwrap(), &target("https://x.example/")), expected, "{ip}");
        }
        assert!(!observer.opens("1.1.1.1".parse().unwrap(), &target("http://localhost/")));
    }

    #[test]
    fn a_connection_that_a_grant_made_inside_serves_nothing_else() {
        let observer = Observer::new(Within::default());
        let inside =
            [Grant::parse("http://x.example/in/").unwrap().with_addresses(vec!["10.0.0.0/8".parse().unwrap()])];
        assert!(!observer.lets_through(&inside, &Method::GET, &target("http://x.example/admin")));
        assert!(observer.lets_through(&inside, &Method::GET, &target("http://y.example/admin")));
        let outside = grants(&["http://x.example/in/"]);
        assert!(observer.lets_through(&outside, &Method::GET, &target("http://x.example/admin")));
        let literal = grants(&["http://10.0.0.5/in/"]);
        assert!(!observer.lets_through(&literal, &Method::GET, &target("http://10.0.0.5/admin")));
    }

    #[test]
    fn the_operators_policy_still_binds() {
        let observer = Observer::new(Within { http: Some(grants(&["https://*.example.com/in/"])), sockets: None });
        let lets = |method, url| observer.lets_through(&[], &method, &target(url));
        assert!(lets(Method::POST, "https://a.example.com/in/x"));
        assert!(!lets(Method::POST, "https://a.example.com/admin"));
        assert!(!lets(Method::GET, "https://elsewhere.example/in/x"));
        assert!(!observer.opens("1.1.1.1".parse().unwrap(), &target("https://elsewhere.example/")));
        let nothing = Observer::new(Within { http: Some(Vec::new()), sockets: Some(Vec::new()) });
        assert!(!nothing.lets_through(&[], &Method::GET, &target("https://x.example/")));
        assert!(!nothing.looks_up(&Host::Domain("x.example".into())));
        let sockets = Some(grants(&["tcp://*.example.com:5432", "tcp://0.0.0.0/0:5432"]));
        let observer = Observer::new(Within { http: None, sockets });
        let connects = |text| observer.connects(&Target::parse(text).unwrap());
        assert!(connects("tcp://db.example.com:5432") && connects("tcp://1.1.1.1:5432"));
        assert!(!connects("tcp://db.example.com:5433") && !connects("udp://1.1.1.1:5432"));
        assert!(!connects("tcp://10.0.0.5:5432") && !connects("tcp://elsewhere.example:5432"));
        assert!(observer.looks_up(&Host::Domain("db.example.com".into())));
        assert!(!observer.looks_up(&Host::Domain("example.com".into())));
    }

    #[test]
    fn what_is_needed_is_written_as_grants_and_bounded() {
        let observer = Observer::new(Within::default());
        assert_eq!((observer.total(), observer.needed().as_str()), (0, ""));
        observer.request(&Method::POST, &target("https://x.example/in?key=secret"));
        observer.request(&Method::GET, &target("https://x.example/"));
        observer.refused("http", "{ url = \"http://y.example\", addresses = [\"10.0.0.5/32\"] }");
        let needed = observer.needed();
        assert_eq!(observer.total(), 3);
        let read: toml::Table = needed.parse().unwrap();
        assert_eq!(read["http"][0]["url"].as_str(), Some("https://x.example"));
        assert_eq!(read["http"][0]["methods"].as_array().map(Vec::len), Some(2));
        assert!(needed.contains("# http = [{ url = \"http://y.example\"") && !needed.contains("secret"), "{needed}");
        observer.lookup(&Host::Domain("db.example".into()));
        observer.lookup(&Host::Domain("unused.example".into()));
        observer.connection(&Target::parse("tcp://db.example:5432").unwrap());
        observer.connection(&Target::parse("udp://1.1.1.1:53").unwrap());
        let needed = observer.needed();
        let read: toml::Table = needed.parse().unwrap();
        let sockets: Vec<_> = read["sockets"].as_array().unwrap().iter().map(|grant| grant.as_str().unwrap()).collect();
        assert_eq!(sockets, ["udp://1.1.1.1:53", "tcp://db.example:5432"]);
        assert!(
            needed.contains("# Looked up, and not connected to: sockets = [\"tcp://unused.example:PORT\"]"),
            "{needed}"
        );
        assert!(!needed.contains("tcp://db.example:PORT"), "{needed}");
        for n in 0..1000 {
            observer.connection(&Target::parse(&format!("tcp://x{n}.example:1")).unwrap());
            observer.request(&Method::GET, &target(&format!("https://x{n}.example/")));
            observer.request(&Method::from_bytes(format!("M{n}").as_bytes()).unwrap(), &target("https://x.example/"));
        }
        assert_eq!(observer.total(), 3007);
        let needed = observer.needed().parse::<toml::Table>().unwrap();
        assert!(
            needed["http"]
                .as_array()
                .unwrap()
                .iter()
                .all(|grant| grant["methods"].as_array().unwrap().len() <= METHODS)
        );
        assert_eq!(
            observer.needed().parse::<toml::Table>().unwrap()["http"].as_array().map(Vec::len),
            Some(REMEMBERED)
        );
    }
}
