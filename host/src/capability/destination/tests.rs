use url::Url;

use super::*;

mod covers;

fn target(url: &str) -> Target {
    Target::of(&Url::parse(url).unwrap()).unwrap()
}

#[test]
fn a_grant_is_printed_as_the_line_to_write() {
    let table = [
        ("https://x.example", r#""https://x.example""#),
        ("https://x.example:443/", r#""https://x.example""#),
        ("https://X.Example:8443", r#""https://x.example:8443""#),
        ("http://x.example:443", r#""http://x.example:443""#),
        ("https://*.x.example", r#""https://*.x.example""#),
        ("http://127.0.0.1:8123", r#""http://127.0.0.1:8123""#),
        ("http://[::1]:9000", r#""http://[::1]:9000""#),
        ("HTTPS://x.example", r#""https://x.example""#),
        ("https://x.example.", r#""https://x.example.""#),
        ("https://x.example:8000-8010/a/", r#"{ url = "https://x.example:8000-8010", path = "/a/" }"#),
        ("https://x.example:443-443", r#""https://x.example""#),
        ("http://10.0.0.0/8", r#""http://10.0.0.0/8""#),
        ("http://10.0.0.0/8:8080", r#""http://10.0.0.0/8:8080""#),
        ("http://10.0.0.0/8/", r#""http://10.0.0.0/8""#),
        ("http://10.0.0.0/8/in/", r#"{ url = "http://10.0.0.0/8", path = "/in/" }"#),
        ("http://10.0.0.5/32", r#""http://10.0.0.5""#),
        ("http://10.0.0.5/v1", r#"{ url = "http://10.0.0.5", path = "/v1" }"#),
        ("http://10.0.0.5/24h", r#"{ url = "http://10.0.0.5", path = "/24h" }"#),
        ("http://10.0.0.5:80/24", r#"{ url = "http://10.0.0.5", path = "/24" }"#),
        ("http://10.0.0.5//24", r#"{ url = "http://10.0.0.5", path = "//24" }"#),
        ("http://x.example/24", r#"{ url = "http://x.example", path = "/24" }"#),
        ("http://[fd00::]/8", r#""http://[fd00::/8]""#),
        ("http://[fd00::/8]", r#""http://[fd00::/8]""#),
        ("http://[fd00::/8]/8", r#"{ url = "http://[fd00::/8]", path = "/8" }"#),
        ("http://[fd00::]/8:80/8", r#"{ url = "http://[fd00::/8]", path = "/8" }"#),
        ("http://[fd00::1]/v1", r#"{ url = "http://[fd00::1]", path = "/v1" }"#),
        ("http://[::1/128]:9000", r#""http://[::1]:9000""#),
        ("http://[FD00:0:0::1]", r#""http://[fd00::1]""#),
        ("tcp://DB.internal:5432", r#""tcp://db.internal:5432""#),
        ("tcp://*.db.internal:5432", r#""tcp://*.db.internal:5432""#),
        ("tcp://bücher.example:80", r#""tcp://xn--bcher-kva.example:80""#),
        ("tcp://10.0.0.5:1-65535", r#""tcp://10.0.0.5:1-65535""#),
        ("tcp://10.0.0.0/24:5432", r#""tcp://10.0.0.0/24:5432""#),
        ("tcp://0.0.0.0/0:443", r#""tcp://0.0.0.0/0:443""#),
        ("tcp://[fd00::1]:5432", r#""tcp://[fd00::1]:5432""#),
        ("tcp://[fd00::/64]:5432", r#""tcp://[fd00::/64]:5432""#),
        ("udp://10.0.0.1:514", r#""udp://10.0.0.1:514""#),
        ("https://bücher.example", r#""https://xn--bcher-kva.example""#),
        ("https://x.example/ingest/", r#"{ url = "https://x.example", path = "/ingest/" }"#),
        ("https://x.example/a/../b", r#"{ url = "https://x.example", path = "/b" }"#),
        ("https://x.example/a b", r#"{ url = "https://x.example", path = "/a%20b" }"#),
    ];
    for (text, printed) in table {
        let grant = Grant::parse(text).unwrap();
        assert_eq!(grant.to_string(), printed, "{text}");
        // What is printed means the same.
        let again = Grant::parse(&grant.origin()).unwrap();
        assert_eq!(if grant.path() == "/" { again } else { again.with_path(grant.path()).unwrap() }, grant);
    }
    let full =
        Grant::parse("https://x.example/ingest/").unwrap().with_methods(vec![Method::POST, Method::PUT]).unwrap();
    let full = full.with_addresses(vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()]);
    assert_eq!(
        full.to_string(),
        r#"{ url = "https://x.example", methods = ["POST", "PUT"], path = "/ingest/", addresses = ["10.0.0.0/8", "fd00::/8"] }"#
    );
}

#[test]
fn what_is_no_grant_says_why() {
    let table = [
        ("x.example", "the URL lacks its scheme"),
        ("localhost:8080", "the URL lacks its scheme"),
        ("https://", "this is not a URL: empty host"),
        ("https://x.example:99999", "this is not a URL: invalid port number"),
        ("ftp://x.example", "the scheme must be `http`, `https`, `tcp` or `udp`"),
        (" https://x.example", "the scheme must be `http`, `https`, `tcp` or `udp`"),
        ("https://x.example ", "this is not a URL: invalid international domain name"),
        ("https://x.example\\a", "this is not a URL: invalid international domain name"),
        ("https://x\n.example", "this is not a URL: invalid international domain name"),
        ("https://x.example/a\nb", "the path of the URL cannot stand in a URL"),
        ("https://x.example:", "this is not a URL: invalid port number"),
        ("https://x.example:+80", "this is not a URL: invalid port number"),
        ("https://x.example:80-", "this is not a URL: invalid port number"),
        ("https://x.example:80-90-95", "this is not a URL: invalid port number"),
        ("https://x.example:0-90", "port 0 cannot be reached"),
        ("https://x.example:90-80", "the range of ports ends before it begins"),
        ("https://[::1", "this is not a URL: invalid IPv6 address"),
        ("https://[::1]x", "this is not a URL: invalid port number"),
        ("https://[x.example]", "this is not a URL: invalid IPv6 address"),
        ("https://[fe80::1%25eth0]", "this is not a URL: invalid IPv6 address"),
        ("https://::1", "this is not a URL: empty host"),
        ("http://2130706433", "the address is not written as four decimal numbers"),
        ("http://0x7f.0.0.1", "the address is not written as four decimal numbers"),
        ("http://010.0.0.1", "the address is not written as four decimal numbers"),
        ("http://127.1", "the address is not written as four decimal numbers"),
        ("http://10.0.0.1.", "the address is not written as four decimal numbers"),
        ("http://１０.0.0.1", "the address is not written as four decimal numbers"),
        ("tcp://10/8:5432", "the address is not written as four decimal numbers"),
        ("http://10.0.0.5/24", "the address is not the first one of its range"),
        ("http://10.0.0.5/24/", "the address is not the first one of its range"),
        ("http://10.0.0.5/24:80", "the address is not the first one of its range"),
        ("tcp://10.0.0.5/24:5432", "the address is not the first one of its range"),
        ("tcp://[fd00::1/64]:5432", "the address is not the first one of its range"),
        ("tcp://[fd00::1]/64:5432", "the address is not the first one of its range"),
        (
            "http://10.0.0.5/2024/",
            "a slash and digits behind an address are the length of its prefix, 0 to 32, or 128 for IPv6",
        ),
        (
            "tcp://[fd00::/129]:5432",
            "a slash and digits behind an address are the length of its prefix, 0 to 32, or 128 for IPv6",
        ),
        (
            "tcp://[fd00::/]:5432",
            "a slash and digits behind an address are the length of its prefix, 0 to 32, or 128 for IPv6",
        ),
        (
            "tcp://[fd00::/+8]:5432",
            "a slash and digits behind an address are the length of its prefix, 0 to 32, or 128 for IPv6",
        ),
        ("tcp://db.internal", "a grant of sockets needs a port"),
        ("udp://10.0.0.0/8", "a grant of sockets needs a port"),
        ("tcp://db.internal:5432/", "a grant of sockets has no path"),
        ("tcp://db.internal:5432/orders", "a grant of sockets has no path"),
        ("tcp://me@db.internal:5432", "the URL must not hold a user or password"),
        ("tcp://db.internal:5432?sslmode=require", "the URL must not hold a query or fragment"),
        ("tcp://0.0.0.0:5432", "this address means every address and names none"),
        ("tcp://0.0.0.0/32:5432", "this address means every address and names none"),
        ("https://me:secret@x.example", "the URL must not hold a user or password"),
        ("https://x.example/a?key=secret", "the URL must not hold a query or fragment"),
        ("https://x.example/#a", "the URL must not hold a query or fragment"),
        ("https://x.example:0", "port 0 cannot be reached"),
        ("http://0.0.0.0:80", "this address means every address and names none"),
        ("http://[::]", "this address means every address and names none"),
        ("http://[::ffff:0.0.0.0]", "this address means every address and names none"),
        (
            "https://x.example/a%2Fb",
            "the path of the URL holds an encoded slash, backslash or dot, which servers read in more than one way",
        ),
        ("https://x.example/a/*", "the path of the URL holds a `*`"),
    ];
    for (text, message) in table {
        assert_eq!(Grant::parse(text).unwrap_err().to_string(), message, "{text}");
    }
    for host in ["*", "*.com", "*.com.", "a.*.example.com", "a*.example.com", "*.*.example.com", "**.example.com"] {
        assert_eq!(Grant::parse(&format!("https://{host}")), Err(Error::Wildcard), "{host}");
    }
}

#[test]
fn what_is_no_part_of_a_grant_says_why() {
    let grant = Grant::parse("https://x.example").unwrap();
    assert_eq!(grant.clone().with_methods(vec![]).unwrap_err(), Error::NoMethods);
    let socket = Grant::parse("udp://x.example:514").unwrap();
    assert_eq!(socket.clone().with_methods(vec![Method::GET]).unwrap_err(), Error::OnlyHttp("methods"));
    assert_eq!(socket.with_path("/a").unwrap_err(), Error::OnlyHttp("path"));
    assert_eq!(grant.clone().with_path("/a").unwrap().with_path("/b").unwrap_err(), Error::PathTwice);
    let table = [
        ("ingest", PathError::Relative),
        ("/a?b", PathError::Query),
        ("/a#b", PathError::Query),
        ("/a/*", PathError::Wildcard),
        ("/a%2fb", PathError::Ambiguous),
        ("/a/..;/b", PathError::Ambiguous),
    ];
    for (path, reason) in table {
        let expected = Error::Path { path: path.into(), reason };
        assert_eq!(grant.clone().with_path(path).unwrap_err(), expected, "{path}");
    }
    for text in ["GE T", "", "post", "Post"] {
        assert_eq!(method(text), Err(Error::Method(text.into())), "{text}");
    }
    for text in ["10.0.0.0/33", "x.example", ""] {
        assert_eq!(range(text), Err(Error::Range(text.into())), "{text}");
    }
    assert_eq!(range("10.1.2.3/8"), Err(Error::HostBits));
    assert_eq!(range("10.1.2.3").unwrap().to_string(), "10.1.2.3/32");
}

#[test]
fn origins_match_by_scheme_host_and_port() {
    let table = [
        ("https://x.example", "https://x.example/a?b", true),
        ("https://x.example", "https://X.EXAMPLE:443/", true),
        ("https://x.example", "http://x.example/", false),
        ("https://x.example", "https://x.example:8443/", false),
        ("https://x.example", "https://y.x.example/", false),
        ("https://x.example", "https://x.example.evil.com/", false),
        ("https://x.example", "https://x.example./", false),
        ("https://x.example", "https://evilx.example/", false),
        ("https://*.x.example", "https://a.x.example/", true),
        ("https://*.x.example", "https://a.b.x.example/", true),
        ("https://*.x.example", "https://x.example/", false),
        ("https://*.x.example", "https://.x.example/", false),
        ("https://*.x.example", "https://ax.example/", false),
        ("https://*.x.example", "https://a.x.example.evil.com/", false),
        ("http://127.0.0.1:80", "http://127.0.0.1/", true),
        ("https://x.example.", "https://x.example./", true),
        ("https://x.example.", "https://x.example/", false),
        ("https://x.example", "https://x%2Eexample/", true),
        ("https://x.example", "https://x。example/", true),
        ("https://x.example", "https://ｘ.example/", true),
        // The first letter is Cyrillic.
        ("https://x.example", "https://х.example/", false),
        ("https://strasse.example", "https://straße.example/", false),
        ("https://x.example", "https://x.example\\.evil.com/", true),
        ("https://x.example", "https://evil.com\\.x.example/", false),
        ("https://x.example", "https://evil.com#.x.example/", false),
        ("https://x.example:8000-8010", "https://x.example:8000/", true),
        ("https://x.example:8000-8010", "https://x.example:8010/", true),
        ("https://x.example:8000-8010", "https://x.example:7999/", false),
        ("https://x.example:8000-8010", "https://x.example:8011/", false),
        ("https://x.example:1-65535", "https://x.example/", true),
        ("https://*.x.example", "https://a.x.example./", false),
        ("https://*.x.example", "https://a.X.Example/", true),
        ("http://10.0.0.0/8", "http://10.255.255.255/", true),
        ("http://10.0.0.0/8", "http://11.0.0.0/", false),
        ("http://10.0.0.0/8", "http://0xa.1/", true),
        ("http://10.0.0.0/8", "http://012.0.0.1/", true),
        ("http://10.0.0.0/8", "http://010.0.0.1/", false),
        ("http://10.0.0.0/8", "http://167772161/", true),
        ("http://10.0.0.0/8", "http://[::ffff:10.0.0.1]/", false),
        ("http://10.0.0.0/8", "http://[::10.0.0.1]/", false),
        ("http://10.0.0.0/8", "http://10.0.0.1.evil.com/", false),
        ("http://[fd00::/8]", "http://[fd12::1]/", true),
        ("http://[fd00::/8]", "http://[fe00::1]/", false),
        ("http://0.0.0.0/0", "http://[::1]/", false),
        ("http://127.0.0.1", "http://0x7f.1/", true),
        ("http://127.0.0.1", "http://017700000001/", true),
        ("http://127.0.0.1", "http://127.0.0.1./", true),
        ("http://127.0.0.1", "http://[::ffff:127.0.0.1]/", false),
        ("http://127.0.0.1", "http://localhost/", false),
        ("http://localhost", "http://127.0.0.1/", false),
        ("http://[::1]", "http://[0:0:0:0:0:0:0:1]/", true),
    ];
    for (grant, url, expected) in table {
        assert_eq!(Grant::parse(grant).unwrap().covers_origin(&target(url)), expected, "{grant} {url}");
    }
}

#[test]
fn paths_match_on_segments_and_are_not_tricked() {
    let table = [
        ("/", "/", true),
        ("/", "/a%2fb", true),
        ("/ingest/", "/ingest/", true),
        ("/ingest/", "/ingest/a/b", true),
        ("/ingest/", "/ingest", false),
        ("/ingest/", "/ingestion", false),
        ("/ingest", "/ingest", true),
        ("/ingest", "/ingest/a", true),
        ("/ingest", "/ingest?a=/../..", true),
        ("/ingest", "/ingestion", false),
        ("/ingest/", "/Ingest/", false),
        ("/ingest/", "/ingest/../admin", false),
        ("/ingest/", "/ingest/%2e%2e/admin", false),
        ("/ingest/", "/ingest/.%2E/admin", false),
        ("/a/../ingest/", "/ingest/a", true),
        ("/ingest/", "/ingest/..%2fadmin", false),
        ("/ingest/", "/ingest/..%2Fadmin", false),
        ("/ingest/", "/ingest/..\\admin", false),
        ("/ingest/", "/ingest/..%5cadmin", false),
        ("/ingest/", "/ingest/..%252fadmin", false),
        ("/ingest/", "/ingest/%25252e%25252e/admin", false),
        ("/ingest/", "/ingest/..;/admin", false),
        ("/ingest/", "/ingest/..;a=b/admin", false),
        ("/ingest/", "/ingest/.;/admin", false),
        ("/ingest/", "/ingest/a%00", false),
        ("/ingest/", "/ingest/.%0d./admin", false),
        ("/ingest/", "/ingest/%09../admin", false),
        ("/ingest/", "/ingest/%7f", false),
        ("/ingest/", "/ingest/..%c0%afadmin", false),
        ("/ingest/", "/ingest/%c0%ae%c0%ae/admin", false),
        ("/ingest/", "/ingest/..%u002fadmin", false),
        ("/ingest/", "/ingest/..%25c0%25afadmin", false),
        ("/ingest/", "/ingest\\..\\admin", false),
        ("/ingest/", "\\ingest\\a", true),
        ("/ingest/", "/ingest/a;b=c/d", true),
        ("/ingest/", "/ingest;/a", false),
        ("/ingest", "/ingest;a=/../x", false),
        ("/ingest/", "//ingest/a", false),
        ("/ingest/", "/./ingest/a", true),
        ("/ingest/", "/%69ngest/a", false),
        ("/ingest/", "/ingest/caf%c3%a9", true),
        ("/ingest/", "/other/../ingest/a", true),
        ("/ingest/", "/ingest/50%25", true),
        ("/ingest/", "/ingest/a%20b", true),
        ("/ingest/", "/ingest/...", true),
    ];
    for (path, url, expected) in table {
        let grant = Grant::parse("https://x.example").unwrap().with_path(path).unwrap();
        assert_eq!(grant.covers_path(&target(&format!("https://x.example{url}"))), expected, "{path} {url}");
    }
}

#[test]
fn sockets_match_by_scheme_host_and_port() {
    let table = [
        ("tcp://db.internal:5432", "tcp://db.internal:5432", true),
        ("tcp://db.internal:5432", "tcp://DB.internal:5432", true),
        ("tcp://db.internal:5432", "udp://db.internal:5432", false),
        ("tcp://db.internal:5432", "tcp://db.internal:5433", false),
        ("tcp://db.internal:5432", "tcp://db.internal.:5432", false),
        ("tcp://db.internal:5432", "tcp://a.db.internal:5432", false),
        ("tcp://*.db.internal:5432", "tcp://a.db.internal:5432", true),
        ("tcp://10.0.0.0/24:5432-5440", "tcp://10.0.0.9:5440", true),
        ("tcp://10.0.0.0/24:5432-5440", "tcp://10.0.1.9:5440", false),
        ("tcp://[fd00::/64]:5432", "tcp://[fd00::9]:5432", true),
        ("http://db.internal:5432", "tcp://db.internal:5432", false),
        ("tcp://db.internal:443", "https://db.internal", false),
    ];
    for (grant, destination, expected) in table {
        let target = Target::parse(destination).unwrap();
        assert_eq!(Grant::parse(grant).unwrap().covers_origin(&target), expected, "{grant} {destination}");
        assert!(Grant::for_origin(&target).covers_origin(&target), "{destination}");
    }
    assert_eq!(
        Target::parse("tcp://[fd00::9]:1").unwrap(),
        Target::socket(Scheme::Tcp, "[fd00::9]:1".parse().unwrap())
    );
    assert_eq!(Target::parse("https://x.example/a/../b").unwrap().path, "/b");
    for many in ["tcp://*.db.internal:1", "tcp://10.0.0.0/8:1", "tcp://db:1-2"] {
        assert_eq!(Target::parse(many), Err(Error::NotOne), "{many}");
    }
    assert_eq!(Target::parse("ftp://x.example"), Err(Error::Scheme));
}

#[test]
fn methods_match_exactly() {
    let grant = Grant::parse("https://x.example").unwrap();
    assert!(grant.covers_method(&Method::DELETE));
    let grant = grant.with_methods(vec![method("POST").unwrap(), method("PURGE").unwrap()]).unwrap();
    assert!(grant.covers_method(&Method::POST));
    assert!(grant.covers_method(&Method::from_bytes(b"PURGE").unwrap()));
    assert!(!grant.covers_method(&Method::GET));
    assert!(!grant.covers_method(&Method::from_bytes(b"post").unwrap()));
}

#[test]
fn what_came_from_a_reference_is_shown_as_the_reference() {
    let hidden = |url: &str, text: &str| Grant::parse(url).unwrap().shown_as(text);
    let grant = hidden("https://hidden.example/in/", "${env:URL}");
    assert_eq!(grant.to_string(), "\"${env:URL}\"");
    assert!(grant.covers_path(&Target::parse("https://hidden.example/in/x").unwrap()));
    let grant = hidden("https://hidden.example", "https://${env:HOST}").with_path("/in").unwrap();
    let grant = grant.with_addresses(vec![range("10.0.0.0/8").unwrap()]);
    let shown = r#"{ url = "https://${env:HOST}", path = "/in", addresses = ["10.0.0.0/8"] }"#;
    assert_eq!(grant.to_string(), shown);
}
