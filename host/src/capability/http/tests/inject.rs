//! What the host adds to requests, seen from the other end.

use axum::http::HeaderMap;
use wasmtime_wasi_http::Error as WasiError;

use super::{super::inject::*, wasi, *};
use crate::capability::logging::capture::Capture;

mod verify;

const SECRET: &str = "Bearer hidden-token";
const KEY: &str = "hidden-key";

fn header(scope: &str, name: &str, value: &str) -> Injection {
    Injection { scope: Grant::parse(scope).unwrap(), addition: Addition::header(name, value).unwrap() }
}

fn signature(scope: &str, service: &str) -> Injection {
    let token = Some("hidden-session".into());
    let keys = Keys { access_key_id: "AKIDEXAMPLE".into(), secret_access_key: KEY.into(), session_token: token };
    let addition = Addition::AwsSigV4(Signer::new(service, "eu-central-1", keys));
    Injection { scope: Grant::parse(scope).unwrap(), addition }
}

fn injecting(server: &Server, injections: Vec<Injection>) -> Session {
    session(GateOptions { injections, ..rig::options(server) })
}

fn with_header(request: Request, name: &str) -> Request {
    Request { headers: vec![(name.into(), "forged".into())], ..request }
}

/// Says what it got in the headers that matter.
fn mirror() -> Router {
    Router::new().fallback(|headers: HeaderMap| async move {
        let shown = ["authorization", "x-api-key", "user-agent"].map(|name| {
            headers.get_all(name).iter().map(|value| value.to_str().unwrap().to_owned()).collect::<Vec<_>>().join(",")
        });
        shown.join("|")
    })
}

async fn body(session: &Session, request: Request) -> String {
    String::from_utf8(session.send(request).await.unwrap().body).unwrap()
}

#[tokio::test]
async fn a_header_is_added_within_its_url_and_nowhere_else() {
    let server = Server::start(mirror()).await;
    let url = |path: &str| server.url(path);
    let agent = concat!("danube-wasm/", env!("CARGO_PKG_VERSION"));
    let session = injecting(
        &server,
        vec![
            header(&url("/v1/"), "Authorization", SECRET),
            header(&url("/v1/admin"), "authorization", "admin"),
            header(&url("/v1/"), "X-Api-Key", "key"),
            header(&url("/v1/bot"), "User-Agent", "bot"),
        ],
    );
    for (path, expected) in [
        ("/v1/a", format!("{SECRET}|key|{agent}")),
        ("/v1/%61/../b?c", format!("{SECRET}|key|{agent}")),
        ("/v1/admin", format!("admin|key|{agent}")),
        ("/v1/admin/a", format!("admin|key|{agent}")),
        ("/v1/administrator", format!("{SECRET}|key|{agent}")),
        ("/v1/bot", format!("{SECRET}|key|bot")),
        ("/v1", format!("||{agent}")),
        ("/v1/../", format!("||{agent}")),
        ("/v1/..%2f", format!("||{agent}")),
        ("/v2/v1/", format!("||{agent}")),
    ] {
        assert_eq!(body(&session, get_request(&url(path))).await, expected, "{path}");
        let sent = wasi::send(&session, "GET", &url(path), wasi::full(""), None).await.unwrap();
        assert_eq!(wasi::text(sent).await.unwrap(), expected, "{path}");
    }
}

#[tokio::test]
async fn another_host_or_port_of_the_same_grants_gets_nothing() {
    let (server, other) = (Server::start(mirror()).await, Server::start(mirror()).await);
    let grants = [&server, &other].map(|server| Grant::parse(&server.url("")).unwrap());
    let localhost = Grant::parse(&format!("http://localhost:{}", server.address.port())).unwrap();
    let grants = grants.into_iter().chain([localhost.clone()]).collect();
    let injections = vec![header(&server.url(""), "authorization", SECRET)];
    let session = session(GateOptions { injections, ..GateOptions::new("orders", "orders.toml", grants) });
    assert!(body(&session, get_request(&server.url("/"))).await.starts_with(SECRET));
    for url in [other.url("/"), format!("{}/", localhost.origin())] {
        assert!(body(&session, get_request(&url)).await.starts_with('|'), "{url}");
    }
}

#[tokio::test]
async fn a_guest_s_own_header_of_that_name_is_refused_where_the_host_sets_it() {
    let server = Server::start(mirror()).await;
    let injections = vec![header(&server.url("/in/"), "x-api-key", "key"), signature(&server.url("/s3/"), "s3")];
    let session = injecting(&server, injections);
    for (path, name) in [
        ("/in/", "X-API-KEY"),
        // A server that hands headers to scripts as variables would take one for the other.
        ("/in/", "X_Api_Key"),
        ("/in/", "x.api-key"),
        ("/s3/", "Authorization"),
        ("/s3/", "x-amz-date"),
        ("/s3/", "x-amz-content-sha256"),
        ("/s3/", "x-amz-security-token"),
    ] {
        let refused = session.send(with_header(get_request(&server.url(path)), name)).await.unwrap_err();
        let text = format!("the header `{}` is set by the host for this URL", name.to_lowercase());
        assert_eq!(refused, Error::InvalidRequest(text.clone()));
        let request = ::http::Request::get(server.url(path)).header(name, "forged").body(wasi::full("")).unwrap();
        let refused = wasi::send_request(&session, request, None).await;
        assert!(matches!(refused, Err(WasiError::InternalError(Some(told))) if told == text), "{path} {name}");
    }
    assert_eq!((count(&session.gate.stats().invalid), server.connections()), (14, 0));
    assert!(body(&session, with_header(get_request(&server.url("/")), "x-api-key")).await.contains("|forged|"));
}

#[tokio::test]
async fn what_is_only_observed_gets_nothing() {
    let only_posts = Grant::parse("https://x.example").unwrap().with_methods(vec![::http::Method::POST]).unwrap();
    let gate = gate(GateOptions {
        injections: vec![header("https://x.example", "authorization", SECRET)],
        observer: Some(Arc::new(Observer::new(Within::default()))),
        ..GateOptions::new("orders", "orders.toml", vec![only_posts])
    });
    let added = |method: ::http::Method| {
        let route = gate.check(&method, &"https://x.example/".parse().unwrap()).unwrap();
        format!("{:?}", gate.additions(&route))
    };
    assert_eq!(added(::http::Method::POST), r#"Additions([Header("authorization", Sensitive)])"#);
    assert_eq!(added(::http::Method::DELETE), "Additions([])");
}

/// Signed by the host, and checked by the endpoint with its own arithmetic.
#[tokio::test]
async fn a_signature_holds_for_every_body_and_path() {
    let server = Server::start(Router::new().fallback(verify::check)).await;
    let injections = vec![
        signature(&server.url("/s3/"), "s3"),
        header(&server.url("/s3/"), "x-amz-meta-owner", "hidden-owner"),
        signature(&server.url("/es/"), "es"),
    ];
    let session = injecting(&server, injections);
    for (path, sent) in [
        ("/s3/day=1/a(b)%20c.json?x=1&versions&a=%20", "some bytes"),
        ("/s3/a//b", ""),
        ("/es/day=1/_bulk?refresh=true", "{}\n"),
    ] {
        assert_eq!(body(&session, post(&server.url(path), sent)).await, format!("good {}", sent.len()), "{path}");
        let streamed = wasi::send(&session, "PUT", &server.url(path), wasi::streamed(3), None).await.unwrap();
        assert_eq!(wasi::text(streamed).await.unwrap(), "good 30", "{path}");
    }
}

#[tokio::test]
async fn s3_over_tls_takes_a_body_while_it_streams() {
    let (server, certificate) = Server::start_tls(Router::new().fallback(verify::check)).await;
    let origin = format!("https://localhost:{}", server.address.port());
    let options = GateOptions {
        injections: vec![signature(&origin, "s3")],
        extra_roots: vec![certificate],
        ..GateOptions::new("orders", "orders.toml", vec![Grant::parse(&origin).unwrap()])
    };
    let session = session(options);
    let url = format!("{origin}/a=b");
    assert_eq!(body(&session, post(&url, "bytes")).await, "good 5");
    let streamed = wasi::send(&session, "PUT", &url, wasi::streamed(3), None).await.unwrap();
    assert_eq!(wasi::text(streamed).await.unwrap(), "unsigned 30");
}

#[tokio::test]
async fn bodies_taken_in_to_sign_are_bounded_and_give_their_room_back() {
    let server = Server::start(Router::new().fallback(verify::check)).await;
    let injections = vec![signature(&server.url("/"), "es")];
    let gate = gate(GateOptions { injections, request_body: 100, ..rig::options(&server) });
    let put = async |session: &Session, pieces| {
        wasi::send(session, "PUT", &server.url("/"), wasi::streamed(pieces), None).await.map(drop)
    };
    let session = gate.session(60);
    assert!(matches!(put(&session, 7).await, Err(WasiError::HttpRequestBodySize(_))));
    for _ in 0..3 {
        put(&session, 6).await.unwrap();
    }
    let wide = gate.session(1000);
    assert!(matches!(put(&wide, 11).await, Err(WasiError::HttpRequestBodySize(_))));
    put(&wide, 10).await.unwrap();
}

#[tokio::test]
async fn redirects_do_not_carry_it_on() {
    let other = Server::start(mirror()).await;
    let to = other.url("/");
    let server = Server::start(Router::new().fallback(move || async move { Redirect::temporary(&to) })).await;
    let session = injecting(&server, vec![header(&server.url(""), "authorization", SECRET)]);
    assert_eq!(session.send(get_request(&server.url("/"))).await.unwrap().status, 307);
    assert_eq!(other.connections(), 0);
}

/// What `start` gives, made by a runtime on a thread of its own, which nobody listens to.
fn elsewhere<T: Send + 'static>(start: impl Future<Output = T> + Send + 'static) -> T {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            sender.send(start.await).unwrap();
            std::future::pending::<()>().await;
        });
    });
    receiver.recv().unwrap()
}

/// Nothing that is traced, by us or by anything below us, shows what was added; nor does an error or `Debug`.
#[tokio::test]
async fn no_trace_shows_it() {
    let plain = elsewhere(Server::start(mirror()));
    let (tls, certificate) = elsewhere(Server::start_tls(Router::new().fallback(|| async { "ok" })));
    let broken = elsewhere(raw("nonsense"));
    // With one subscriber alone, what a thread without one reaches first is taken for switched off everywhere.
    let _another = tracing::Dispatch::new(tracing_subscriber::registry());
    let capture = Capture::start();
    let scopes = [plain.url("/"), format!("https://localhost:{}/", tls.address.port()), broken];
    let added = |scope: &String| [header(scope, "x-api-key", "hidden-api-key"), signature(scope, "s3")];
    let injections: Vec<_> = scopes.iter().flat_map(added).collect();
    let grants = scopes.iter().map(|scope| Grant::parse(scope).unwrap()).collect();
    let options = GateOptions { injections, extra_roots: vec![certificate], ..GateOptions::new("o", "o.toml", grants) };
    tracing::trace!("{options:?}");
    let session = session(options);
    for (scope, is_good) in scopes.iter().zip([true, true, false]) {
        let sent = session.send(post(scope, "body")).await;
        assert_eq!(sent.is_ok(), is_good, "{sent:?}");
        if let Err(error) = sent {
            tracing::trace!("{error} {error:?}");
        }
        let refused = session.send(with_header(get_request(scope), "x-api-key")).await.unwrap_err();
        tracing::trace!("{:?} {refused} {refused:?}", session.gate);
    }
    let traced = capture.text();
    for layer in ["hyper_util::client", "h2::codec", "Gate {"] {
        assert!(traced.contains(layer), "nothing of {layer}");
    }
    for secret in ["hidden", "Signature=", "AKIDEXAMPLE"] {
        assert_eq!(traced.lines().find(|line| line.contains(secret)), None);
    }
}
