//! Requests to the granted place that are to arrive as something else there, or as more than one.

use danube_wasm_tests::{PATIENCE, endpoint::Answer, rig::Rig};
use serde_json::json;

use super::{Bystander, Row, attempt, expecting, grant, probe};

const SYNTAX: &str = "header: HeaderError::InvalidSyntax";
const FORBIDDEN: &str = "header: HeaderError::Forbidden";
const INTERNAL: &str = "ErrorCode::InternalError";

/// A header, what the contract's import says of it, and what `wasi:http` does.
const HEADERS: &[(&str, &str, &str, &str)] = &[
    ("x-any", "thing", "200", "200"),
    ("host", "localhost", "invalid: the header `host` is set by the host", FORBIDDEN),
    ("HoSt", "localhost", "invalid: the header `host` is set by the host", FORBIDDEN),
    ("transfer-encoding", "chunked", "invalid: the header `transfer-encoding` is set by the host", FORBIDDEN),
    ("transfer-encoding", "identity", "invalid: the header `transfer-encoding` is set by the host", FORBIDDEN),
    ("content-length", "3", "invalid: the header `content-length` is set by the host", "write: "),
    ("content-length", "+4", "invalid: the header `content-length` is set by the host", SYNTAX),
    ("content-length", "4, 4", "invalid: the header `content-length` is set by the host", SYNTAX),
    ("connection", "x-any", "invalid: the header `connection` is set by the host", FORBIDDEN),
    ("connection", "upgrade", "invalid: the header `connection` is set by the host", FORBIDDEN),
    ("upgrade", "h2c", "invalid: the header `upgrade` is set by the host", FORBIDDEN),
    ("http2-settings", "AAMAAABk", "invalid: the header `http2-settings` is set by the host", FORBIDDEN),
    ("keep-alive", "timeout=9", "invalid: the header `keep-alive` is set by the host", FORBIDDEN),
    ("proxy-connection", "keep-alive", "invalid: the header `proxy-connection` is set by the host", FORBIDDEN),
    ("proxy-authorization", "Basic x", "invalid: the header `proxy-authorization` is set by the host", FORBIDDEN),
    ("te", "trailers", "invalid: the header `te` is set by the host", FORBIDDEN),
    ("trailer", "x-any", "invalid: the header `trailer` is set by the host", FORBIDDEN),
    ("expect", "100-continue", "invalid: the header `expect` is set by the host", FORBIDDEN),
    // Servers that make variables of headers can't tell these from the host's own.
    ("content_length", "3", "invalid: the header `content_length` is set by the host", FORBIDDEN),
    ("transfer_encoding", "chunked", "invalid: the header `transfer_encoding` is set by the host", FORBIDDEN),
    ("transfer.Encoding", "chunked", "invalid: the header `transfer.encoding` is set by the host", FORBIDDEN),
    ("proxy_authorization", "Basic x", "invalid: the header `proxy_authorization` is set by the host", FORBIDDEN),
    // The grant is for `POST` below one path.
    ("x-http-method-override", "DELETE", "invalid: the header `x-http-method-override` asks for", INTERNAL),
    ("X-HTTP-Method", "DELETE", "invalid: the header `x-http-method` asks for another method", INTERNAL),
    ("x_method_override", "DELETE", "invalid: the header `x_method_override` asks for another method", INTERNAL),
    ("x-original-url", "/admin", "invalid: the header `x-original-url` asks for another path", INTERNAL),
    ("x-rewrite-url", "/admin", "invalid: the header `x-rewrite-url` asks for another path", INTERNAL),
    ("x-forwarded-host", "localhost", "invalid: the header `x-forwarded-host` asks for another host", INTERNAL),
    ("Forwarded", "host=localhost", "invalid: the header `forwarded` asks for another host", INTERNAL),
    (":authority", "localhost", "invalid: `:authority` is not a header name", SYNTAX),
    (":path", "/admin", "invalid: `:path` is not a header name", SYNTAX),
    (":method", "DELETE", "invalid: `:method` is not a header name", SYNTAX),
    ("", "nothing", "invalid: `` is not a header name", SYNTAX),
    ("x any", "thing", "invalid: `x any` is not a header name", SYNTAX),
    ("x-any:", "thing", "invalid: `x-any:` is not a header name", SYNTAX),
    ("x-any\r\nhost", "thing", "invalid: `x-any\\r\\nhost` is not a header name", SYNTAX),
    ("x-any\0", "thing", "invalid: `x-any\\0` is not a header name", SYNTAX),
    ("x-\u{e4}", "thing", "invalid: `x-\u{e4}` is not a header name", SYNTAX),
    ("x-any", "a\r\nhost: b", "invalid: the value of the header `x-any` is malformed", SYNTAX),
    ("x-any", "a\nhost: b", "invalid: the value of the header `x-any` is malformed", SYNTAX),
    ("x-any", "a\rhost: b", "invalid: the value of the header `x-any` is malformed", SYNTAX),
    ("x-any", "a\r\n b", "invalid: the value of the header `x-any` is malformed", SYNTAX),
    ("x-any", "a\0", "invalid: the value of the header `x-any` is malformed", SYNTAX),
    ("x-any", "\u{7f}", "invalid: the value of the header `x-any` is malformed", SYNTAX),
    ("x-any", "\u{10a}\u{10d}", "200", "200"),
];

/// A method, and what both ways say of it.
const METHODS: &[(&str, &str, &str)] = &[
    ("DELETE", "denied: `DELETE ", "ErrorCode::HttpRequestDenied"),
    ("post", "denied: `post ", "ErrorCode::HttpRequestDenied"),
    ("HEAD", "denied: `HEAD ", "ErrorCode::HttpRequestDenied"),
    ("TRACE", "denied: `TRACE ", "ErrorCode::HttpRequestDenied"),
    ("PRI", "denied: `PRI ", "ErrorCode::HttpRequestDenied"),
    ("CONNECT", "invalid: CONNECT makes a tunnel", "ErrorCode::InternalError"),
    ("", "invalid: `` is not an HTTP method", "method: refused"),
    ("POST /admin", "invalid: `POST /admin` is not an HTTP method", "method: refused"),
    ("POST /admin HTTP/1.1\r\nHost: b\r\n\r\nGET", "invalid: `POST /admin HTTP/1.1\\r\\n", "method: refused"),
    ("PO\0ST", "invalid: `PO\\0ST` is not an HTTP method", "method: refused"),
];

#[tokio::test]
async fn arrive_as_they_were_decided_on_or_not_at_all() {
    let rig = Rig::start().await;
    let (topic, bystander) = (rig.topic().await, Bystander::new(&rig).await);
    let granted =
        vec![grant(&rig.endpoint.url(), &["POST"], "/report"), grant(&rig.endpoint.url(), &["POST"], "/ingest/")];
    let host = rig.run(&[probe(&rig, &topic).set("capabilities.http", granted), bystander.connector.clone()]).await;

    let (plain, url) = (rig.endpoint.url(), format!("{}/ingest/a", rig.endpoint.url()));
    let second = "POST /ingest/smuggled HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n";
    let mut rows = Vec::new();
    let mut both = |name: &str, request: serde_json::Value, contract: &str, wasi: &str| {
        rows.push(Row::new(format!("http, {name}"), json!({ "http": request }), contract));
        rows.push(Row::new(format!("wasi:http, {name}"), json!({ "wasi_http": request }), wasi));
    };
    for (name, value, contract, wasi) in HEADERS {
        let request = json!({ "method": "POST", "url": url, "headers": [[name, value]], "body": "body" });
        both(&format!("{name:?}: {value:?}"), request, contract, wasi);
    }
    for (method, contract, wasi) in METHODS {
        both(&format!("method {method:?}"), json!({ "method": method, "url": url }), contract, wasi);
    }
    let post = |more: serde_json::Value| {
        let mut request = json!({ "method": "POST", "url": url });
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        request
    };
    let set = "invalid: the header `content-length` is set by the host";
    both(
        "a body behind its end",
        post(json!({ "headers": [["content-length", "0"]], "body": second })),
        set,
        "write: ",
    );
    both(
        "two lengths",
        post(json!({ "headers": [["content-length", "0"], ["content-length", "74"]], "body": second })),
        set,
        "header: ",
    );
    both("less than was said", post(json!({ "headers": [["content-length", "9"]], "body": "x" })), set, "finish: ");
    both("a second request as the body", post(json!({ "body": second })), "200", "200");
    let many = vec![["x-any", "thing"]; 150];
    both(
        "a hundred and fifty headers",
        post(json!({ "headers": many })),
        "invalid: the request has 150 headers",
        "ErrorCode::InternalError",
    );
    let long = json!({ "method": "POST", "url": format!("{url}{}", "/a".repeat(9000)) });
    both("a long URL", long, "invalid: the URL is longer than 16384 bytes", "ErrorCode::InternalError");
    both(
        "a long host",
        json!({ "url": format!("http://{}:1/", "a.".repeat(200)) }),
        "invalid: the host of the URL is longer than 253 bytes",
        "ErrorCode::InternalError(Some(\"the host of the URL is longer",
    );
    let wide = vec![["x-any".to_owned(), "w".repeat(30_000)]; 3];
    // `wasi:http` does not even take so much: see the acts.
    let request = json!({ "http": post(json!({ "headers": wide })) });
    rows.push(Row::new("http, wide headers", request, "invalid: the headers of the request have 90015 bytes"));
    attempt(&rig, &topic, &rows).await;

    let authority = plain.replace("http://", "");
    let arrived = rig.endpoint.requests().into_iter().filter(|request| request.path != "/report");
    let arrived: Vec<_> = arrived.filter(|request| request.accepted).collect();
    for request in &arrived {
        assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/ingest/a"));
        assert_eq!(request.headers["host"], authority);
    }
    // What is longer than it says may arrive cut to what it says, and never as more than one.
    let cut = expecting(&rows, "write: ");
    assert!((expecting(&rows, "200")..=expecting(&rows, "200") + cut).contains(&arrived.len()), "{arrived:?}");
    assert!(arrived.iter().all(|request| ["", "bod", "body", second].contains(&&*request.text())), "{arrived:?}");
    bystander.goes_on(&rig, &host).await;
}

#[tokio::test]
async fn answers_that_are_too_large_are_not_taken() {
    let rig = Rig::start().await;
    let (topic, bystander) = (rig.topic().await, Bystander::new(&rig).await);
    let granted =
        vec![grant(&rig.endpoint.url(), &["POST"], "/report"), grant(&rig.endpoint.url(), &["GET"], "/ingest/")];
    let connector = probe(&rig, &topic).set("capabilities.http", granted).set("limits.http_response_body", "1MiB");
    let host = rig.run(&[connector, bystander.connector.clone()]).await;
    let large = "b".repeat(2 << 20);
    rig.endpoint.judge(move |request| match request.path.as_str() {
        "/ingest/body" => Answer::status(200).body(&large),
        "/ingest/headers" => (0..200).fold(Answer::status(200), |answer, _| answer.header("x-any", "thing")),
        "/ingest/wide" => (0..50).fold(Answer::status(200), |answer, _| answer.header("x-any", &large[..4096])),
        _ => Answer::status(200),
    });
    let table = [
        ("body", "too large: the body of the response is larger than 1048576 bytes", "read: "),
        ("headers", "too large: the response from ", "ErrorCode::HttpResponseHeaderSectionSize"),
        ("wide", "too large: the response from ", "ErrorCode::HttpResponseHeaderSectionSize"),
        ("fine", "200", "200"),
    ];
    let rows: Vec<Row> = table
        .iter()
        .flat_map(|(what, contract, wasi)| {
            let request = json!({ "url": format!("{}/ingest/{what}", rig.endpoint.url()) });
            [
                Row::new(format!("http, {what}"), json!({ "http": request }), *contract),
                Row::new(format!("wasi:http, {what}"), json!({ "wasi_http": request }), *wasi),
            ]
        })
        .collect();
    attempt(&rig, &topic, &rows).await;
    bystander.goes_on(&rig, &host).await;
}

#[tokio::test]
async fn many_at_once_wait_for_their_turn() {
    let rig = Rig::start().await;
    let (topic, bystander) = (rig.topic().await, Bystander::new(&rig).await);
    let granted =
        vec![grant(&rig.endpoint.url(), &["POST"], "/report"), grant(&rig.endpoint.url(), &["GET"], "/ingest/")];
    let connector = probe(&rig, &topic).set("capabilities.http", granted).set("limits.http_concurrency", 4);
    let host = rig.run(&[connector.clone(), bystander.connector.clone()]).await;
    let (granted, other) = (format!("{}/ingest/a", rig.endpoint.url()), "http://127.0.0.1:1/");
    let all = |url: &str, count: usize| json!({ "request": { "url": url }, "count": count });
    let rows = [
        Row::new("http", json!({ "http_all": all(&granted, 150) }), "150 x 200"),
        Row::new("wasi:http", json!({ "wasi_http_all": all(&granted, 150) }), "150 x 200"),
        Row::new(
            "http, far too many",
            json!({ "http_all": all(other, 20_000) }),
            "20000 x invalid: 20000 requests at once",
        ),
        Row::new("http, denied", json!({ "http_all": all(other, 500) }), "500 x denied: `GET http://127.0.0.1:1/`"),
        Row::new(
            "wasi:http, denied",
            json!({ "wasi_http_all": all(other, 150) }),
            "150 x ErrorCode::HttpRequestDenied",
        ),
    ];
    attempt(&rig, &topic, &rows).await;
    let made = host.count("danube_wasm_http_connections_total", connector.name());
    // Four for the requests under way at once, and some that were begun when another one became free; not one for each request.
    assert!(made <= 30.0, "{made} connections");
    bystander.goes_on(&rig, &host).await;
}

#[tokio::test]
async fn abandoned_ones_take_nothing_with_them() {
    let rig = Rig::start().await;
    let (topic, bystander) = (rig.topic().await, Bystander::new(&rig).await);
    let granted =
        vec![grant(&rig.endpoint.url(), &["POST"], "/report"), grant(&rig.endpoint.url(), &["GET"], "/ingest/")];
    let connector = probe(&rig, &topic).set("capabilities.http", granted).set("limits.http_concurrency", 4);
    let host = rig.run(&[connector.clone(), bystander.connector.clone()]).await;
    rig.endpoint.judge(|request| {
        let answer = Answer::status(200);
        if request.path == "/ingest/slow" { answer.after(PATIENCE * 10) } else { answer }
    });
    let url = |path: &str| json!({ "url": format!("{}/ingest/{path}", rig.endpoint.url()) });
    let rows = [
        // More than it may have handles, but not at once.
        Row::new("begun", json!({ "abandon": { "request": url("slow"), "count": 3000 } }), "3000 x begun"),
        Row::new("http, after that", json!({ "http": url("fast") }), "200"),
        Row::new("wasi:http, after that", json!({ "wasi_http": url("fast") }), "200"),
    ];
    attempt(&rig, &topic, &rows).await;
    bystander.goes_on(&rig, &host).await;
    assert_eq!(host.count("danube_wasm_instances_started_total", connector.name()), 1.0);
}
