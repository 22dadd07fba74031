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
    let full = Grant::parse("https://x.example/ingest/").unwrap().with_methods(&["post", "PUT"]).unwrap();
    let full = full.with_addresses(vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()]);
    assert_eq!(
        full.to_string(),
        r#"{ url = "https://x.example", methods = ["POST", "PUT"], path = "/ingest/", addresses = ["10.0.0.0/8", "fd00::/8"] }"#
    );
}

#[test]
fn what_is_no_grant_says_why() {
    let table = [
        ("x.example", "`x.example` is not a URL: relative URL without a base"),
        ("https://", "`https://` is not a URL: empty host"),
        ("https://x.example:99999", "`https://x.example:99999` is not a URL: invalid port number"),
        ("ftp://x.example", "`ftp://x.example` has the scheme `ftp`; a grant starts with https:// or http://"),
        ("localhost:8080", "`localhost:8080` has the scheme `localhost`; a grant starts with https:// or http://"),
        (
            "https://me:secret@x.example",
            "`https://***@x.example` has a user name, which a grant can't limit; write `https://x.example`",
        ),
        ("https://me:se#c?r/et@x.example:99999/a@b?key=secret", "`https://***@b` is not a URL: invalid port number"),
        (
            "ftp://me:secret@x.example/?key=secret",
            "`ftp://***@x.example/` has the scheme `ftp`; a grant starts with https:// or http://",
        ),
        (
            "https://x.example/a?key=secret",
            "`https://x.example/a` has a query, which a grant can't limit; write `https://x.example`",
        ),
        (
            "https://x.example/#a",
            "`https://x.example/` has a fragment, which a grant can't limit; write `https://x.example`",
        ),
        ("https://x.example/a%2Fb", "`/a%2Fb` is not a path prefix: it has an encoded slash, backslash or dot in it"),
        (
            "https://x.example/a/*",
            "`/a/*` is not a path prefix: it has a query, a fragment or a `*` in it; a prefix has none of them",
        ),
    ];
    for (text, message) in table {
        assert_eq!(Grant::parse(text).unwrap_err().to_string(), message, "{text}");
    }
    for host in ["*", "*.com", "*.com.", "a.*.example.com", "a*.example.com", "*.*.example.com", "**.example.com"] {
        assert!(matches!(Grant::parse(&format!("https://{host}")), Err(Error::Wildcard { .. })), "{host}");
    }
    let grant = Grant::parse("https://x.example").unwrap();
    assert_eq!(grant.clone().with_methods::<&str>(&[]).unwrap_err(), Error::NoMethods);
    assert_eq!(grant.clone().with_methods(&["GE T"]).unwrap_err(), Error::Method("GE T".into()));
    let twice = grant.clone().with_path("/a").unwrap().with_path("/b").unwrap_err();
    assert_eq!(twice.to_string(), "`/b` is not a path prefix: the URL has a path already");
    assert_eq!(
        grant.with_path("ingest").unwrap_err().to_string(),
        "`ingest` is not a path prefix: it must start with `/`"
    );
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
    let grant = grant.with_methods(&["post", "purge"]).unwrap();
    assert!(grant.covers_method(&Method::POST));
    assert!(grant.covers_method(&Method::from_bytes(b"PURGE").unwrap()));
    assert!(!grant.covers_method(&Method::GET));
    assert!(!grant.covers_method(&Method::from_bytes(b"post").unwrap()));
}
