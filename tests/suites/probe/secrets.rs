//! Secrets that the host adds to requests: what a component does to read them back, to send them elsewhere, or to put
//! something of its own in their place.

use danube_wasm_tests::{
    endpoint::Answer,
    process::{Process, Signal, get},
    rig::{CACHE, Rig},
};
use serde_json::{Value, json};
use toml::Table;

use super::{Bystander, Closed, Row, attempt, grant, probe};
use crate::{COMMAND, numbered};

/// What the host adds to requests for `/vault/`, and what only signs those for `/s3/`.
const VARIABLES: [(&str, &str); 2] = [("ADDED", "added-secret"), ("SIGNING", "signing-secret")];

const COPIED: &str = "invalid: the header `x-amz-";
const TAKEN: &str = "invalid: the header `authorization` is set by the host for this URL";

fn table(keys: &[(&str, &str)]) -> Table {
    keys.iter().map(|(key, value)| ((*key).to_owned(), (*value).into())).collect()
}

fn entries(url: &str) -> Vec<Table> {
    let (vault, s3) = (format!("{url}/vault/"), format!("{url}/s3/"));
    let signing = [("service", "s3"), ("region", "eu-central-1"), ("access_key_id", "AKIDEXAMPLE")];
    let secret = [("url", &*s3), ("sign", "aws-sigv4"), ("secret_access_key", "${env:SIGNING}")];
    vec![
        table(&[("url", &vault), ("header", "Authorization"), ("value", "Bearer ${env:ADDED}")]),
        table(&[&signing[..], &secret].concat()),
    ]
}

/// Paths beside those that the secret is for, and how the answer begins.
const BESIDE: &[(&str, &str)] = &[
    ("/vault", "200"),
    ("/vaults/a", "200"),
    ("/VAULT/a", "200"),
    ("//vault/a", "200"),
    ("/other/vault/a", "200"),
    ("/vault/../other", "200"),
    ("/vault/%2e%2e/other", "200"),
    ("/other?/vault/a", "200"),
    ("/other#/vault/a", "200"),
    ("/vault%2fa", "200"),
    ("/vault;/a", "200"),
    ("/vault\\a", "200"),
    ("/v%61ult/a", "200"),
];

fn rows(url: &str, closed: &str) -> Vec<Row> {
    let get = |path: &str| json!({ "url": format!("{url}{path}") });
    let with =
        |path: &str, name: &str, value: &str| json!({ "url": format!("{url}{path}"), "headers": [[name, value]] });
    let mut rows = Vec::new();
    let mut row = |name: &str, attempt: Value, expected: &str| rows.push(Row::new(name, attempt, expected));
    // The control: it is added, whichever way the request goes. What comes back holds nothing of it.
    row("http", json!({ "answer": get("/vault/a") }), "200 [");
    row("wasi:http", json!({ "wasi_answer": get("/vault/a") }), "200 [");
    row("http, signed", json!({ "answer": get("/s3/a") }), "200 [");
    row("wasi:http, signed", json!({ "wasi_answer": get("/s3/a") }), "200 [");
    let own = with("/vault/a", "x-own", "mine");
    row("the headers of what was sent", json!({ "kept_headers": own }), r#"200 ["x-own: mine"] ["x-own: mine"]"#);
    row("the headers of what was signed", json!({ "kept_headers": get("/s3/a") }), "200 [] []");
    // In its place.
    for name in ["authorization", "Authorization", "AUTHORIZATION"] {
        row(&format!("http, its own {name}"), json!({ "http": with("/vault/a", name, "mine") }), TAKEN);
        let refused = "ErrorCode::InternalError(Some(\"the header `authorization` is set by the host";
        row(&format!("wasi:http, its own {name}"), json!({ "wasi_http": with("/vault/a", name, "mine") }), refused);
    }
    row("a source to copy", json!({ "http": with("/s3/a", "x-amz-copy-source", "/other/secret") }), COPIED);
    row("a source to move", json!({ "http": with("/s3/a", "X-Amz-Rename-Source", "/other/secret") }), COPIED);
    row("an empty one", json!({ "http": with("/vault/a", "authorization", "") }), TAKEN);
    row("one in the signature's place", json!({ "http": with("/s3/a", "authorization", "mine") }), TAKEN);
    row("a date to sign", json!({ "http": with("/s3/a", "x-amz-date", "20200101T000000Z") }), "invalid: the header");
    row("a digest to sign", json!({ "http": with("/s3/a", "x-amz-content-sha256", "0") }), "invalid: the header");
    row("a name with a line end", json!({ "http": with("/vault/a", "x\r\nauthorization", "mine") }), "invalid: ");
    row("a hop that ends at the next", json!({ "http": with("/vault/a", "connection", "authorization") }), "invalid: ");
    // Elsewhere.
    for (path, expected) in BESIDE {
        row(&format!("http {path}"), json!({ "answer": get(path) }), expected);
    }
    row("its own, beside", json!({ "http": with("/other", "authorization", "mine") }), "200");
    let user = format!("{}/vault/a", url.replace("http://", "http://user@"));
    row("a user", json!({ "http": { "url": user } }), "invalid: the URL has a user name");
    row("another port", json!({ "http": { "url": format!("http://{closed}/vault/a") } }), "denied: ");
    let secure = format!("{}/vault/a", url.replace("http:", "https:"));
    row("https", json!({ "http": { "url": secure } }), "denied: ");
    row("led elsewhere", json!({ "answer": get("/vault/led") }), "302 [");
    row("an error", json!({ "answer": get("/vault/broken") }), "connect: ");
    row("wasi:http, an error", json!({ "wasi_answer": get("/vault/broken") }), "ErrorCode::");
    // Where else it could be.
    row("settings", json!("settings"), "{");
    row("environment", json!("environment"), "[]");
    row("files", json!({ "read": "/proc/self/environ" }), "NotFound");
    row("the log", json!({ "log": "nothing to tell" }), "logged");
    rows
}

#[tokio::test]
async fn are_not_read_back_sent_elsewhere_or_replaced() {
    let rig = Rig::start().await;
    let (topic, closed, bystander) = (rig.topic().await, Closed::new(), Bystander::new(&rig).await);
    let url = rig.endpoint.url();
    let connector = probe(&rig, &topic)
        .set("capabilities.http", vec![grant(&url, &["POST"], "/report"), grant(&url, &["GET"], "/")])
        .set("capabilities.http_headers", entries(&url));
    let led = format!("http://{}/vault/a", closed.addr());
    rig.endpoint.judge(move |request| match request.path.as_str() {
        "/vault/led" => Answer::status(302).header("location", &led),
        "/vault/broken" => Answer::broken(),
        _ => Answer::status(200),
    });
    let files = [&connector, &bystander.connector].map(|connector| rig.write(connector));
    let mut args = vec!["run", "--listen", "127.0.0.1:0", "--cache-dir", CACHE];
    args.extend(files.iter().map(|file| file.to_str().unwrap()));
    let host = Process::start_with(COMMAND, rig.folder(), &args, &VARIABLES, "");
    let addr = host.until_ready().await;
    attempt(&rig, &topic, &rows(&url, &closed.addr().to_string())).await;
    rig.publish_unseen(&bystander.topic, numbered(3)).await;
    host.until_stderr(r#"payload":{"n":2}"#).await;

    let (mut added, mut signed) = (0, 0);
    for request in rig.endpoint.requests() {
        let authorization = request.headers.get("authorization").map_or("", String::as_str);
        if request.path.starts_with("/vault/") {
            assert_eq!(authorization, "Bearer added-secret", "{}", request.path);
            added += 1;
        } else if request.path.starts_with("/s3/") {
            assert!(authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"), "{authorization}");
            signed += 1;
        } else {
            assert!(["", "mine"].contains(&authorization), "{}: {authorization}", request.path);
        }
        // The reports tell all that the probe was told.
        for (_, secret) in VARIABLES {
            assert!(!request.text().contains(secret) && !request.path.contains(secret), "{}", request.text());
        }
    }
    assert_eq!((added, signed), (7, 3));
    closed.was_left_alone();

    let pages = [get(&addr, "/status").await, get(&addr, "/metrics").await];
    host.signal(Signal::Term).await;
    let ran = host.end().await;
    assert!(ran.stderr.contains("nothing to tell"), "{}", ran.stderr);
    for shown in [&ran.stdout, &ran.stderr, &pages[0], &pages[1]] {
        for (_, secret) in VARIABLES {
            assert_eq!(shown.lines().find(|line| line.contains(secret)), None);
        }
    }
}
