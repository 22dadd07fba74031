//! Whether one grant is wholly within another: for bounds on what files may grant.

use super::{Grant, HostPattern};

impl Grant {
    /// Whether everything that `other` allows is allowed by this grant as well, the addresses that it may lead to included.
    pub fn covers(&self, other: &Self) -> bool {
        let Self { scheme, host, port, methods, path, addresses } = self;
        let below = || {
            let rest = other.path.strip_prefix(path.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || path.ends_with('/'))
        };
        let with_methods = match (methods, &other.methods) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(allowed), Some(asked)) => asked.iter().all(|method| allowed.contains(method)),
        };
        *scheme == other.scheme
            && *port == other.port
            && host.covers(&other.host)
            && with_methods
            && (path == "/" || below())
            && other.addresses.iter().all(|asked| addresses.iter().any(|allowed| allowed.contains(asked)))
    }
}

impl HostPattern {
    fn covers(&self, other: &Self) -> bool {
        let is_below = |name: &str, parent: &str| {
            name.strip_suffix(parent).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
        };
        match (self, other) {
            (Self::Name(name), Self::Name(other)) => name == other,
            (Self::Below(parent), Self::Name(name)) => is_below(name, parent),
            (Self::Below(parent), Self::Below(other)) => parent == other || is_below(other, parent),
            (Self::Ip(ip), Self::Ip(other)) => ip == other,
            (Self::Name(_), Self::Below(_) | Self::Ip(_))
            | (Self::Below(_), Self::Ip(_))
            | (Self::Ip(_), Self::Name(_) | Self::Below(_)) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::http::Method;

    fn grant(url: &str, methods: &[Method], addresses: &[&str]) -> Grant {
        let grant = Grant::parse(url).unwrap();
        let grant = if methods.is_empty() { grant } else { grant.with_methods(methods.to_vec()).unwrap() };
        grant.with_addresses(addresses.iter().map(|range| range.parse().unwrap()).collect())
    }

    #[test]
    fn a_grant_covers_only_what_it_allows_in_every_respect() {
        let plain = |url| grant(url, &[], &[]);
        let get = [Method::GET];
        let both = [Method::GET, Method::POST];
        let table = [
            (plain("https://x.example"), plain("https://x.example:443/"), true),
            (plain("https://x.example"), plain("http://x.example"), false),
            (plain("https://x.example"), plain("https://x.example:444"), false),
            (plain("https://*.x.example"), plain("https://a.x.example"), true),
            (plain("https://*.x.example"), plain("https://*.a.x.example"), true),
            (plain("https://*.x.example"), plain("https://*.x.example"), true),
            (plain("https://*.x.example"), plain("https://x.example"), false),
            (plain("https://*.x.example"), plain("https://ax.example"), false),
            (plain("https://*.a.x.example"), plain("https://*.x.example"), false),
            (plain("https://a.x.example"), plain("https://*.x.example"), false),
            (plain("https://*.x.example"), plain("https://10.0.0.1"), false),
            (plain("http://10.0.0.1"), plain("http://10.0.0.1"), true),
            (plain("http://10.0.0.1"), plain("http://10.0.0.2"), false),
            (plain("https://x.example/a"), plain("https://x.example/a"), true),
            (plain("https://x.example/a"), plain("https://x.example/a/"), true),
            (plain("https://x.example/a"), plain("https://x.example/a/b"), true),
            (plain("https://x.example/a"), plain("https://x.example/ab"), false),
            (plain("https://x.example/a"), plain("https://x.example"), false),
            (plain("https://x.example/a/"), plain("https://x.example/a"), false),
            (plain("https://x.example/a/"), plain("https://x.example/a/b"), true),
            (grant("https://x.example", &both, &[]), grant("https://x.example", &get, &[]), true),
            (grant("https://x.example", &get, &[]), grant("https://x.example", &both, &[]), false),
            (grant("https://x.example", &get, &[]), plain("https://x.example"), false),
            (plain("https://x.example"), grant("https://x.example", &get, &[]), true),
            (plain("https://x.example"), grant("https://x.example", &[], &["10.0.0.0/8"]), false),
            (
                grant("https://x.example", &[], &["10.0.0.0/8"]),
                grant("https://x.example", &[], &["10.1.0.0/16", "10.0.0.1/32"]),
                true,
            ),
            (
                grant("https://x.example", &[], &["10.1.0.0/16"]),
                grant("https://x.example", &[], &["10.0.0.0/8"]),
                false,
            ),
            (grant("https://x.example", &[], &["10.0.0.0/8"]), plain("https://x.example"), true),
        ];
        for (wide, narrow, covers) in table {
            assert_eq!(wide.covers(&narrow), covers, "{wide} {narrow}");
        }
    }
}
