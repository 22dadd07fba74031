//! The gate against real servers on loopback.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::Request as Incoming,
    http::{StatusCode, Version},
    response::Redirect,
    routing::{any, get},
};
use bytes::Bytes;
use tokio::sync::{Barrier, Notify};

use super::{Error, Gate, GateOptions, GateStats, Request, Route, Session, dial::DialError};
use crate::capability::{
    address::Scope,
    destination::{Grant, Target},
    logging::capture::Capture,
    observe::{Observer, Within},
    resolver::Resolver,
};

mod forgery;
mod inject;
mod limits;
mod rig;
mod tls;
mod wasi;

use rig::{Server, gate, get as get_request, open, post, raw, session};

fn count(counter: &std::sync::atomic::AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

#[tokio::test]
async fn a_granted_request_arrives_as_sent() {
    let echo = any(|request: Incoming| async move {
        let (head, body) = request.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let mut names: Vec<_> =
            head.headers.iter().map(|(name, value)| format!("{name}={}", value.to_str().unwrap())).collect();
        names.sort();
        let body = String::from_utf8(body.to_vec()).unwrap();
        (StatusCode::CREATED, [("X-Reply", "yes")], format!("{} {} {} {body}", head.method, head.uri, names.join(" ")))
    });
    let server = Server::start(Router::new().route("/{*path}", echo)).await;
    let session = open(&server);
    let mut request = post(&server.url("/a/../b/c%20d?e=f#g"), "héllo");
    request.headers = vec![("X-One".into(), "1".into()), ("x-one".into(), "2".into())];
    let response = session.send(request).await.unwrap();
    assert_eq!(response.status, 201);
    assert!(response.headers.contains(&("x-reply".into(), "yes".into())));
    let host = server.address;
    let agent = env!("CARGO_PKG_VERSION");
    assert_eq!(
        String::from_utf8(response.body).unwrap(),
        format!("POST /b/c%20d?e=f content-length=6 host={host} user-agent=danube-wasm/{agent} x-one=1 x-one=2 héllo")
    );
    let GateStats { requests, responses, bytes_out, denied, .. } = &**session.gate.stats();
    assert_eq!([count(requests), count(&responses[1]), count(bytes_out), count(denied)], [1, 1, 6, 0]);
}

#[tokio::test]
async fn observing_lets_public_names_through_and_nothing_inside() {
    let server = Server::start(Router::new().fallback(|| async { "reached" })).await;
    let observer = Arc::new(Observer::new(Within::default()));
    let options = GateOptions::new("orders", "orders.toml", vec![]);
    let observing = session(GateOptions { observer: Some(observer.clone()), ..options });
    // It is resolved, as a granted name would be, and no resolver knows it.
    let error = observing.send(get_request("http://nowhere.invalid/in")).await.unwrap_err();
    assert!(matches!(error, Error::Connect(_)), "{error:?}");
    // The server listens on loopback.
    let error = observing.send(get_request(&server.url("/"))).await.unwrap_err();
    assert!(matches!(error, Error::Denied(_)), "{error:?}");
    assert_eq!(server.connections(), 0);
    let needed = observer.needed();
    assert_eq!(observer.total(), 2);
    assert!(needed.contains("http://nowhere.invalid") && needed.contains(&server.url("")), "{needed}");
}

#[tokio::test]
async fn what_is_not_granted_never_connects_and_says_what_to_write() {
    let server = Server::start(Router::new().fallback(|| async { "reached" })).await;
    let closed = session(GateOptions::new("orders", "orders.toml", vec![]));
    let capture = Capture::start();
    let error = closed.send(post(&server.url("/ingest?key=secret"), "")).await.unwrap_err();
    let origin = server.url("");
    assert_eq!(
        error,
        Error::Denied(format!(
            "`POST {origin}/ingest` is not granted to connector `orders`\nhelp: the host's log says what would grant it"
        ))
    );
    let logged = capture.text();
    let help = format!("help: add to [capabilities] of orders.toml: http = [\"{origin}\"]");
    assert!(logged.contains(&help), "{logged}");
    drop(capture);

    let limited = Grant::parse(&server.url("/ingest/")).unwrap().with_methods(vec![::http::Method::POST]).unwrap();
    let session = session(GateOptions::new("orders", "orders.toml", vec![limited]));
    for (method, path) in [
        ("GET", "/ingest/a"),
        ("POST", "/admin"),
        ("POST", "/ingest/../admin"),
        ("POST", "/ingest/%2e%2e/admin"),
        ("POST", "/ingest/..%2fadmin"),
        ("POST", "/ingest/..;/admin"),
    ] {
        let request = Request { method: method.into(), ..post(&server.url(path), "") };
        assert!(matches!(session.send(request).await, Err(Error::Denied(_))), "{method} {path}");
    }
    assert_eq!(count(&session.gate.stats().denied), 6);
    assert_eq!(server.connections(), 0);
    assert_eq!(session.send(post(&server.url("/ingest/a"), "")).await.unwrap().body, b"reached");
}

#[tokio::test]
async fn a_name_that_leads_into_the_host_s_network_is_refused() {
    let grant = Grant::parse("https://x.example/in/").unwrap().with_addresses(vec!["192.168.0.0/16".parse().unwrap()]);
    let gate = gate(GateOptions::new("orders", "orders.toml", vec![grant]));
    let target = Target::of(&"https://x.example/in/a".parse().unwrap()).unwrap();
    let refused = DialError::Refused(vec![
        ("10.0.0.5".parse().unwrap(), Scope::Private),
        ("fd00::5".parse().unwrap(), Scope::UniqueLocal),
    ]);
    let capture = Capture::start();
    // The guest is not told where it leads.
    assert_eq!(
        gate.classify_dial(&refused, &Route { target, grant: Some(0), fault: Default::default() }),
        Error::Denied(
            "`https://x.example` is not granted to connector `orders`\nhelp: the host's log says what would grant it"
                .into()
        )
    );
    let logged = capture.text();
    let text = "`https://x.example` is not granted to connector `orders` at the address that its name resolves to: \
         10.0.0.5 (private), fd00::5 (unique-local)\n\
         help: add to [capabilities] of orders.toml: http = [{ url = \"https://x.example\", path = \"/in/\", \
         addresses = [\"192.168.0.0/16\", \"10.0.0.5/32\", \"fd00::5/128\"] }]";
    assert!(logged.contains(text), "{logged}");
    assert!(!gate.denials.first_time("address of https://x.example".into()));
}

#[tokio::test]
async fn localhost_is_granted_by_its_name() {
    let server = Server::start(Router::new().fallback(|| async { "reached" })).await;
    let url = format!("http://localhost:{}", server.address.port());
    let session = session(GateOptions::new("orders", "orders.toml", vec![Grant::parse(&url).unwrap()]));
    assert_eq!(session.send(get_request(&url)).await.unwrap().body, b"reached");
    // The same server by another name.
    assert!(matches!(session.send(get_request(&server.url("/"))).await, Err(Error::Denied(_))));
}

#[tokio::test]
async fn a_name_that_changes_its_address_leads_nowhere_else() {
    let server = Server::start(Router::new().fallback(|| async { "granted" })).await;
    let port = server.address.port();
    // The same port elsewhere in the host's own network.
    let inside = std::net::TcpListener::bind(("127.0.0.2", port)).unwrap();
    inside.set_nonblocking(true).unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    // In turn: where it is granted, into the host's own network, and both at once.
    let resolver = Resolver::from_fn(move |_| {
        let [first, second] = ["127.0.0.1", "127.0.0.2"].map(|ip| ip.parse().unwrap());
        let answer = match count.fetch_add(1, Ordering::SeqCst) % 3 {
            0 => vec![first],
            1 => vec![second],
            _ => vec![second, first],
        };
        async { Ok(answer) }
    });
    let url = format!("http://rebinding.example:{port}/");
    let grant = Grant::parse(&url).unwrap().with_addresses(vec!["127.0.0.1/32".parse().unwrap()]);
    for reached in [true, false, true].repeat(2) {
        // A gate of its own keeps no connection from the last one.
        let options = GateOptions::new("orders", "orders.toml", vec![grant.clone()]);
        let session = session(GateOptions { resolver: resolver.clone(), ..options });
        let outcome = session.send(get_request(&url)).await;
        assert_eq!(outcome.is_ok(), reached, "{outcome:?}");
        assert!(reached || matches!(outcome, Err(Error::Denied(_))), "{outcome:?}");
    }
    // One question for each connection: what is checked is what is dialled.
    assert_eq!((asked.load(Ordering::SeqCst), server.connections()), (6, 4));
    assert_eq!(inside.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[tokio::test]
async fn malformed_requests_are_refused() {
    let server = Server::start(Router::new().fallback(|| async { "reached" })).await;
    let session = open(&server);
    let url = server.url("/");
    let with_header =
        |name: &str, value: &str| Request { headers: vec![(name.into(), value.into())], ..get_request(&url) };
    let table = [
        (Request { method: "GE T".into(), ..get_request(&url) }, "`GE T` is not an HTTP method"),
        (Request { method: "CONNECT".into(), ..get_request(&url) }, "CONNECT makes a tunnel, which is not available"),
        (get_request("/relative"), "not an absolute URL: relative URL without a base"),
        (get_request("ftp://127.0.0.1/"), "the URL must start with http:// or https://"),
        (get_request("http://a\n.example/"), "the URL has control characters in it"),
        (
            get_request(&url.replace("http://", "http://me:secret@")),
            "the URL has a user name in it; use an `authorization` header",
        ),
        (get_request(&format!("{url}{}", "a".repeat(20_000))), "the URL is longer than 16384 bytes"),
        (with_header("Host", "other.example"), "the header `host` is set by the host"),
        (with_header("content-length", "0"), "the header `content-length` is set by the host"),
        (with_header("Transfer-Encoding", "chunked"), "the header `transfer-encoding` is set by the host"),
        (with_header("connection", "close"), "the header `connection` is set by the host"),
        (with_header("a b", "c"), "`a b` is not a header name"),
        (with_header("a", "b\r\nc: d"), "the value of the header `a` is malformed"),
        (with_header("a", &"b".repeat(70_000)), "the headers of the request have 70001 bytes, more than 65536"),
        (
            Request { headers: vec![("a".into(), "b".into()); 101], ..get_request(&url) },
            "the request has 101 headers, more than 100",
        ),
        (
            Request { body: vec![0; (16 << 20) + 1].into(), ..get_request(&url) },
            "the body of the request is larger than 16777216 bytes",
        ),
    ];
    let cases = table.len() as u64;
    for (request, message) in table {
        let error = session.send(request).await.unwrap_err();
        assert!(matches!(error, Error::InvalidRequest(_) | Error::RequestTooLarge(_)), "{error:?}");
        assert_eq!(error.to_string(), message);
    }
    assert_eq!(count(&session.gate.stats().invalid), cases);
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn redirects_are_handed_to_the_guest() {
    let router = Router::new()
        .route("/", get(|| async { Redirect::temporary("/next") }))
        .route("/next", get(|| async { "followed" }));
    let server = Server::start(router).await;
    let response = open(&server).send(get_request(&server.url("/"))).await.unwrap();
    assert_eq!(response.status, 307);
    assert!(response.headers.contains(&("location".into(), "/next".into())));
}

#[tokio::test]
async fn one_connection_serves_many_requests() {
    let server = Server::start(Router::new().fallback(|| async { "ok" })).await;
    let session = open(&server);
    for _ in 0..20 {
        session.send(post(&server.url("/"), "x")).await.unwrap();
    }
    // Another instance of the connector shares it.
    session.gate.session(1 << 20).send(post(&server.url("/"), "x")).await.unwrap();
    assert_eq!(server.connections(), 1);
    assert_eq!(count(&session.gate.stats().connections), 1);
}

#[tokio::test]
async fn send_all_keeps_the_order_and_the_bound() {
    let together = Arc::new(Barrier::new(4));
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let seen = most.clone();
    let handler = move |request: Incoming| async move {
        let now = running.fetch_add(1, Ordering::SeqCst) + 1;
        most.fetch_max(now, Ordering::SeqCst);
        // Passes only when four requests are here at once.
        together.wait().await;
        running.fetch_sub(1, Ordering::SeqCst);
        request.uri().path().to_owned()
    };
    let server = Server::start(Router::new().fallback(handler)).await;
    let options = GateOptions { concurrency: 4, ..rig::options(&server) };
    let mut requests: Vec<_> = (0..16).map(|n| get_request(&server.url(&format!("/{n}")))).collect();
    requests.insert(4, get_request("http://192.0.2.1/"));
    let responses = session(options).send_all(requests).await;
    assert!(matches!(responses[4], Err(Error::Denied(_))));
    let paths: Vec<_> =
        responses.iter().flatten().map(|response| String::from_utf8(response.body.clone()).unwrap()).collect();
    assert_eq!(paths, (0..16).map(|n| format!("/{n}")).collect::<Vec<_>>());
    assert_eq!(seen.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn responses_to_one_call_fit_the_guest_s_memory() {
    let server = Server::start(Router::new().fallback(|| async { "x".repeat(600) })).await;
    let session = gate(rig::options(&server)).session(1000);
    let requests = vec![get_request(&server.url("/")); 2];
    let responses = session.send_all(requests).await;
    assert_eq!(responses.iter().filter(|response| response.is_ok()).count(), 1);
    let error = responses.into_iter().find_map(Result::err).unwrap();
    assert!(matches!(&error, Error::TooLarge(text) if text.ends_with("the guest's memory, 1000 bytes")), "{error}");
    assert!(session.send(get_request(&server.url("/"))).await.is_ok());
    // Headers are held until then as well.
    let server = Server::start(Router::new().fallback(|| async { [("x-long", "x".repeat(20_000))] })).await;
    let session = gate(rig::options(&server)).session(90_000);
    let responses = session.send_all(vec![get_request(&server.url("/")); 10]).await;
    assert_eq!(responses.iter().filter(|response| response.is_ok()).count(), 4);
}

#[tokio::test]
async fn the_smaller_timeout_counts() {
    let forever = Arc::new(Notify::new());
    let stalled = move || async move {
        forever.notified().await;
    };
    let server = Server::start(Router::new().fallback(stalled)).await;
    let timeout = |millis| Some(Duration::from_millis(millis));
    let options = |millis| GateOptions { request_timeout: Duration::from_millis(millis), ..rig::options(&server) };
    for (guest, host, counts) in
        [(timeout(50), 60_000, "50ms"), (None, 40, "40ms"), (timeout(60_000), 30, "30ms"), (timeout(0), 60_000, "0ns")]
    {
        let request = Request { timeout: guest, ..get_request(&server.url("/slow?q")) };
        let error = session(options(host)).send(request).await.unwrap_err();
        assert_eq!(error, Error::Timeout(format!("no complete response from `{}` within {counts}", server.url(""))));
    }
}

#[tokio::test]
async fn a_response_that_is_too_large_is_refused_by_its_length_and_while_it_streams() {
    let endless = || async {
        Body::from_stream(futures::stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from_static(&[b'x'; 4096]))))
    };
    let known = || async { "x".repeat(10_001) };
    let fits = || async { "x".repeat(10_000) };
    let router = Router::new().route("/endless", get(endless)).route("/known", get(known)).route("/fits", get(fits));
    let server = Server::start(router).await;
    let session = session(GateOptions { response_body: 10_000, ..rig::options(&server) });
    for path in ["/endless", "/known"] {
        let error = session.send(get_request(&server.url(path))).await.unwrap_err();
        assert_eq!(error, Error::TooLarge("the body of the response is larger than 10000 bytes".into()), "{path}");
    }
    assert_eq!(session.send(get_request(&server.url("/fits"))).await.unwrap().body.len(), 10_000);
    assert_eq!(count(&session.gate.stats().too_large), 2);
}

#[tokio::test]
async fn connection_failures_are_told_apart() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refused = format!("http://{free}/");
    let head = "HTTP/1.1 200 OK\r\n";
    let many = format!("{head}{}\r\n", (0..200).map(|n| format!("x-{n}: y\r\n")).collect::<String>());
    let large = format!("{head}x: {}\r\n\r\n", "y".repeat(70_000));
    type Expected = fn(&Error) -> bool;
    let table: [(String, Expected); 7] = [
        (refused, |error| matches!(error, Error::Connect(text) if text.contains("no connection to"))),
        (raw("").await, |error| matches!(error, Error::Connect(text) if text.contains("broke before the response"))),
        (raw("SSH-2.0-OpenSSH_9.2\r\n").await, |error| matches!(error, Error::Protocol(_))),
        (raw(&format!("{head}content-length: 10\r\n\r\nfive!")).await, |error| matches!(error, Error::Protocol(_))),
        (raw(&many).await, |error| matches!(error, Error::TooLarge(_))),
        (raw(&large).await, |error| matches!(error, Error::TooLarge(_))),
        (raw("").await.replace("http://", "https://"), |error| matches!(error, Error::Tls(_))),
    ];
    for (at, (url, expected)) in table.into_iter().enumerate() {
        let session = session(GateOptions::new("orders", "orders.toml", vec![Grant::parse(&url).unwrap()]));
        let error = session.send(get_request(&url)).await.unwrap_err();
        assert!(expected(&error), "{at}: {error:?}");
    }
}

#[tokio::test]
async fn a_handshake_that_hangs_ends_with_the_connect_timeout() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let options = GateOptions {
        connect_timeout: Duration::from_millis(50),
        ..GateOptions::new("orders", "orders.toml", vec![Grant::parse(&url).unwrap()])
    };
    let error = session(options).send(get_request(&url)).await.unwrap_err();
    assert!(matches!(&error, Error::Connect(text) if text.ends_with("within 50ms")), "{error:?}");
}

#[tokio::test]
async fn tls_checks_the_certificate_and_speaks_http_2() {
    let version = |request: Incoming| async move {
        assert_eq!(request.version(), Version::HTTP_2);
        "over h2"
    };
    let (server, root) = Server::start_tls(Router::new().fallback(version)).await;
    let url = format!("https://localhost:{}/", server.address.port());
    let options = GateOptions::new("orders", "orders.toml", vec![Grant::parse(&url).unwrap()]);
    let error = session(options.clone()).send(get_request(&url)).await.unwrap_err();
    assert!(matches!(&error, Error::Tls(text) if text.contains("certificate")), "{error:?}");

    let session = session(GateOptions { extra_roots: vec![root], ..options });
    session.send(get_request(&url)).await.unwrap();
    let before = server.connections();
    let responses = session.send_all(vec![get_request(&url); 10]).await;
    assert!(responses.iter().all(|response| response.as_ref().unwrap().body == b"over h2"));
    assert_eq!(server.connections(), before);
}
