use super::*;

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
        ("http://2130706433", r#""http://127.0.0.1""#),
        ("https://bücher.example", r#""https://xn--bcher-kva.example""#),
        ("https://x.example/ingest/", r#"{ url = "https://x.example", path = "/ingest/" }"#),
        ("https://x.example/a/../b", r#"{ url = "https://x.example", path = "/b" }"#),
        ("https://x.example/a b", r#"{ url = "https://x.example", path = "/a%20b" }"#),
    ];
    for (text, printed) in table {
        assert_eq!(Grant::parse(text).unwrap().to_string(), printed, "{text}");
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
        ("ftp://x.example", "the scheme must be `http` or `https`"),
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
        ("http://127.0.0.1", "http://0x7f.1/", true),
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
fn methods_match_exactly() {
    let grant = Grant::parse("https://x.example").unwrap();
    assert!(grant.covers_method(&Method::DELETE));
    let grant = grant.with_methods(vec![method("POST").unwrap(), method("PURGE").unwrap()]).unwrap();
    assert!(grant.covers_method(&Method::POST));
    assert!(grant.covers_method(&Method::from_bytes(b"PURGE").unwrap()));
    assert!(!grant.covers_method(&Method::GET));
    assert!(!grant.covers_method(&Method::from_bytes(b"post").unwrap()));
}
