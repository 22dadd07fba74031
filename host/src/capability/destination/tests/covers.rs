//! One grant within another: by a table, and by trying out everything on a small world.

use std::net::IpAddr;

use super::*;
use crate::capability::address;

fn grant(text: &str, addresses: &[&str]) -> Grant {
    Grant::parse(text).unwrap().with_addresses(addresses.iter().map(|text| range(text).unwrap()).collect())
}

#[test]
fn a_grant_covers_what_is_wholly_inside_of_it() {
    let table = [
        ("https://x.example", "https://x.example", true),
        ("https://x.example", "https://X.example:443/", true),
        ("https://x.example", "http://x.example", false),
        ("https://x.example", "http://x.example:443", false),
        ("https://x.example", "https://y.example", false),
        ("https://x.example:1-65535", "https://x.example", true),
        ("https://x.example:440-443", "https://x.example:443-444", false),
        ("https://x.example:440-450", "https://x.example:441-450", true),
        ("https://x.example", "https://x.example/a", true),
        ("https://x.example/a", "https://x.example", false),
        ("https://x.example/a", "https://x.example/a", true),
        ("https://x.example/a", "https://x.example/a/", true),
        ("https://x.example/a", "https://x.example/a/b", true),
        ("https://x.example/a", "https://x.example/ab", false),
        ("https://x.example/a/", "https://x.example/a", false),
        ("https://x.example/a/", "https://x.example/a/b", true),
        ("https://*.x.example", "https://a.x.example", true),
        ("https://*.x.example", "https://x.example", false),
        ("https://*.x.example", "https://*.x.example", true),
        ("https://*.x.example", "https://*.a.x.example", true),
        ("https://*.a.x.example", "https://*.x.example", false),
        ("https://*.x.example", "https://*.ax.example", false),
        ("https://a.x.example", "https://*.x.example", false),
        ("tcp://10.0.0.0/8:1-65535", "tcp://10.1.0.0/16:5432", true),
        ("tcp://10.0.0.0/8:1-65535", "tcp://10.1.2.3:5432", true),
        ("tcp://10.0.0.0/8:1-65535", "udp://10.1.2.3:5432", false),
        ("tcp://10.1.0.0/16:5432", "tcp://10.0.0.0/8:5432", false),
        ("tcp://10.0.0.0/8:5432", "tcp://db.internal:5432", false),
        ("tcp://db.internal:5432", "tcp://10.0.0.1:5432", false),
        ("tcp://10.0.0.1:5432", "tcp://10.0.0.0/32:5432", false),
        ("tcp://[fd00::/8]:5432", "tcp://[fd00:1::/32]:5432", true),
        ("tcp://0.0.0.0/0:5432", "tcp://1.1.1.0/24:5432", true),
        // It opens nothing private.
        ("tcp://0.0.0.0/0:5432", "tcp://10.0.0.0/8:5432", false),
        ("tcp://0.0.0.0/0:5432", "tcp://[2606:4700::1]:5432", false),
        ("tcp://169.254.0.0/16:80", "tcp://169.254.1.1:80", true),
        ("tcp://169.254.0.0/16:80", "tcp://169.254.169.254:80", false),
        ("tcp://169.254.169.254:80", "tcp://169.254.169.254:80", true),
        ("tcp://localhost:80", "tcp://localhost:80", true),
        ("tcp://localhost:80", "tcp://127.0.0.1:80", false),
        ("tcp://127.0.0.0/8:80", "tcp://localhost:80", false),
    ];
    for (outer, inner, expected) in table {
        assert_eq!(grant(outer, &[]).covers(&grant(inner, &[])), expected, "{outer} covers {inner}");
    }
}

#[test]
fn methods_and_addresses_are_compared_as_sets() {
    let methods = |methods: &[Method]| grant("https://x.example", &[]).with_methods(methods.to_vec()).unwrap();
    let (get, both) = (methods(&[Method::GET]), methods(&[Method::POST, Method::GET]));
    let all = grant("https://x.example", &[]);
    assert!(both.covers(&get) && all.covers(&both) && all.covers(&all));
    assert!(!get.covers(&both) && !get.covers(&all));

    let table: [(&[&str], &[&str], bool); 10] = [
        (&[], &[], true),
        (&["10.0.0.0/8"], &[], true),
        (&[], &["10.0.0.0/8"], false),
        (&["10.0.0.0/8"], &["10.1.0.0/16", "10.2.0.0/16"], true),
        (&["10.0.0.0/9", "10.128.0.0/9"], &["10.0.0.0/8"], true),
        (&["10.0.0.0/9", "11.0.0.0/8"], &["10.0.0.0/8"], false),
        // Public ranges change nothing, and so do those that are of no one kind.
        (&[], &["1.1.1.0/24", "0.0.0.0/0"], true),
        (&["0.0.0.0/0"], &["10.0.0.0/8"], false),
        (&["fd00::/8"], &["fd00:ec2::254"], false),
        (&["fd00::/8", "fd00:ec2::254"], &["fd00:ec2::254"], true),
    ];
    for (outer, inner, expected) in table {
        let (outer, inner) = (grant("tcp://x.example:1", outer), grant("tcp://x.example:1", inner));
        assert_eq!(outer.covers(&inner), expected, "{outer} covers {inner}");
    }
}

/// All combinations of these parts.
fn world() -> Vec<Grant> {
    let hosts = ["x.a.example", "*.a.example", "localhost", "10.0.0.1", "10.0.0.0/31", "0.0.0.0/0", "169.254.169.254"];
    let ports = ["1", "2", "1-2"];
    let ranges: [&[&str]; 5] = [&[], &["10.0.0.0/31"], &["10.0.0.1"], &["169.254.0.0/16"], &["0.0.0.0/0", "127.0.0.1"]];
    let mut grants = Vec::new();
    for host in hosts {
        for port in ports {
            for addresses in ranges {
                grants.push(grant(&format!("tcp://{host}:{port}"), addresses));
                for path in ["/", "/a", "/a/"] {
                    let http = grant(&format!("http://{host}:{port}"), addresses).with_path(path).unwrap();
                    grants.push(http.clone());
                    grants.push(http.with_methods(vec![Method::GET]).unwrap());
                }
            }
        }
    }
    grants
}

/// Everything that a grant could be asked for: a destination, a method, and the address that it leads to.
fn questions() -> Vec<(Target, Method, IpAddr)> {
    let ips = ["1.1.1.1", "10.0.0.0", "10.0.0.1", "127.0.0.1", "127.0.0.2", "169.254.1.1", "169.254.169.254"];
    let mut hosts: Vec<_> =
        ["x.a.example", "y.a.example", "a.example", "localhost"].map(|name| (name, &ips[..])).into();
    // An address leads to itself.
    hosts.extend(ips.iter().map(|ip| (*ip, std::slice::from_ref(ip))));
    let mut questions = Vec::new();
    for (host, ips) in hosts {
        for (ip, port) in ips.iter().flat_map(|ip| [(ip, 1), (ip, 2)]) {
            let ip: IpAddr = ip.parse().unwrap();
            questions.push((Target::parse(&format!("tcp://{host}:{port}")).unwrap(), Method::GET, ip));
            for path in ["/", "/a", "/a/", "/a/b", "/ab"] {
                let target = target(&format!("http://{host}:{port}{path}"));
                questions.push((target.clone(), Method::GET, ip));
                questions.push((target, Method::POST, ip));
            }
        }
    }
    questions
}

#[test]
fn whatever_is_covered_is_allowed_by_what_covers_it() {
    let (grants, questions) = (world(), questions());
    // Asked once for each grant: one bit for each question.
    let allowed = |grant: &Grant| -> Vec<bool> {
        let allows = |(target, method, ip): &(Target, Method, IpAddr)| {
            grant.covers_origin(target)
                && grant.covers_method(method)
                && grant.covers_path(target)
                && address::allowed(*ip, grant)
        };
        questions.iter().map(allows).collect()
    };
    let answers: Vec<_> = grants.iter().map(|grant| (grant, allowed(grant))).collect();
    let (mut covered, mut refused) = (0, 0);
    for (outer, outer_allows) in &answers {
        assert!(outer.covers(outer), "{outer} covers itself");
        for (inner, inner_allows) in &answers {
            let within = inner_allows.iter().zip(outer_allows).all(|(inner, outer)| *outer || !inner);
            if outer.covers(inner) {
                covered += 1;
                assert!(within, "{outer} covers {inner}, but does not allow all of it");
            } else if !within {
                refused += 1;
            }
        }
    }
    assert!(covered > grants.len() && refused > grants.len(), "{covered} {refused}");
}
