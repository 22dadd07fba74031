//! An Internet of the test's own: public addresses, private ones and a metadata service that all lead to one server, which
//! writes down at which of them it was reached, and names that lead elsewhere when they are asked for again.

mod names;
mod namespace;

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, Mutex},
};

use danube_wasm_tests::rig::Rig;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use self::names::{Answer, Names};
use super::{Bystander, Row, attempt, grant, probe};

const PUBLIC: Ipv4Addr = Ipv4Addr::new(93, 184, 215, 14);
const OTHER: Ipv4Addr = Ipv4Addr::new(93, 184, 215, 15);
const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);
const PRIVATE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 7);
const LINK: Ipv4Addr = Ipv4Addr::new(169, 254, 7, 7);
const SHARED: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 7);

fn first(n: usize, then: impl Into<IpAddr>) -> Vec<IpAddr> {
    vec![if n == 0 { PUBLIC.into() } else { then.into() }]
}

fn six(text: &str) -> Vec<IpAddr> {
    vec![text.parse().unwrap()]
}

/// Who is public at first, and then somebody else; and who never was.
const NAMES: &[(&str, Answer)] = &[
    ("public.test", |_| vec![PUBLIC.into()]),
    ("both.test", |_| vec![METADATA.into(), PUBLIC.into(), Ipv4Addr::LOCALHOST.into()]),
    ("to-metadata.test", |n| first(n, METADATA)),
    ("to-loopback.test", |n| first(n, Ipv4Addr::LOCALHOST)),
    ("to-private.test", |n| first(n, PRIVATE)),
    ("to-link.test", |n| first(n, LINK)),
    ("to-shared.test", |n| first(n, SHARED)),
    ("to-zero.test", |n| first(n, Ipv4Addr::UNSPECIFIED)),
    ("to-other.test", |n| first(n, OTHER)),
    ("wasi.test", |n| first(n, METADATA)),
    ("tcp.test", |n| first(n, METADATA)),
    ("watched.test", |n| first(n, METADATA)),
    ("metadata.test", |_| vec![METADATA.into()]),
    ("mapped.test", |_| six("::ffff:169.254.169.254")),
    ("nat64.test", |_| six("64:ff9b::a9fe:a9fe")),
    ("six.test", |_| six("fd00:ec2::254")),
    ("nobody.test", |_| vec![]),
];

/// Where the one server was reached, in order.
#[derive(Clone, Default)]
struct Reached(Arc<Mutex<Vec<IpAddr>>>);

impl Reached {
    /// Serves every address of the machine.
    async fn serve() -> Self {
        let (reached, listener) = (Self::default(), TcpListener::bind("0.0.0.0:80").await.unwrap());
        let log = reached.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let at = stream.local_addr().unwrap().ip();
                log.0.lock().unwrap().push(at);
                tokio::spawn(async move {
                    let mut buffer = [0; 4096];
                    let read = stream.read(&mut buffer).await.unwrap_or_default();
                    let line = if buffer[..read].starts_with(b"GET /led") { "302 Found" } else { "200 OK" };
                    // No connection is used twice: each request asks for the name again.
                    let answer = format!(
                        "HTTP/1.1 {line}\r\nlocation: http://{METADATA}/\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
                    );
                    // Some only connect.
                    let _ = stream.write_all(answer.as_bytes()).await;
                });
            }
        });
        reached
    }

    fn take(&self) -> Vec<IpAddr> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// With the names granted for HTTP and for sockets.
async fn rebinding() {
    let (reached, names) = (Reached::serve().await, Names::serve(NAMES).await);
    let rig = Rig::start().await;
    let (topic, bystander) = (rig.topic().await, Bystander::new(&rig).await);
    let http = NAMES.iter().map(|(name, _)| format!("http://{name}").into());
    let http: Vec<toml::Value> = http.chain([grant(&rig.endpoint.url(), &["POST"], "/report")]).collect();
    let connector = probe(&rig, &topic)
        .set("capabilities.http", http)
        .set("capabilities.sockets", vec!["tcp://tcp.test:80", "tcp://metadata.test:80"]);
    let host = rig.run(&[connector.clone(), bystander.connector.clone()]).await;

    let mut rows = Vec::new();
    let mut get = |what: &str, via: &str, name: &str, expected: &str| {
        let url = format!("http://{name}/");
        rows.push(Row::new(
            format!("{what}: {via} {name}"),
            json!({ via: { "url": url } }),
            expected.replace("{n}", name),
        ));
    };
    // The name is granted, the address is not.
    let denied = "denied: `http://{n}` is not granted";
    get("always", "http", "public.test", "200");
    get("always", "wasi_http", "public.test", "200");
    get("always", "http", "both.test", "200");
    let turning =
        ["to-metadata.test", "to-loopback.test", "to-private.test", "to-link.test", "to-shared.test", "to-zero.test"];
    for name in turning {
        get("first", "http", name, "200");
        get("then", "http", name, denied);
        get("then", "wasi_http", name, "ErrorCode::HttpRequestDenied");
    }
    get("first", "wasi_http", "wasi.test", "200");
    get("then", "wasi_http", "wasi.test", "ErrorCode::HttpRequestDenied");
    // Public all the time: that it is another one is the owner's business.
    get("first", "http", "to-other.test", "200");
    get("then", "http", "to-other.test", "200");
    for name in ["metadata.test", "mapped.test", "nat64.test", "six.test"] {
        get("never", "http", name, denied);
        get("never", "wasi_http", name, "ErrorCode::HttpRequestDenied");
    }
    get("never", "http", "nobody.test", "connect: ");
    rows.extend([
        Row::new("led", json!({ "http": { "url": "http://public.test/led" } }), "302"),
        Row::new("tcp: its first lookup", json!({ "connect": "tcp.test:80" }), "connected"),
        Row::new("tcp: its second lookup", json!({ "connect": "tcp.test:80" }), "PermissionDenied: "),
        Row::new("tcp: what the second gave", json!({ "connect": format!("{METADATA}:80") }), "PermissionDenied: "),
        Row::new("tcp: what the first gave", json!({ "connect": format!("{PUBLIC}:80") }), "connected"),
        Row::new("tcp: a name that leads inside", json!({ "connect": "metadata.test:80" }), "PermissionDenied: "),
        Row::new("tcp: another public address", json!({ "connect": format!("{OTHER}:80") }), "PermissionDenied: "),
    ]);
    attempt(&rig, &topic, &rows).await;

    let at = reached.take();
    let mut expected = vec![IpAddr::from(PUBLIC); 3 + turning.len() + 1 + 1];
    expected.extend([OTHER, PUBLIC, PUBLIC, PUBLIC].map(IpAddr::from));
    assert_eq!(at, expected);
    // One lookup for each request: what is dialled is what was checked.
    assert_eq!(names.asked("to-metadata.test"), 3);
    assert_eq!(names.asked("to-other.test"), 2);
    bystander.goes_on(&rig, &host).await;

    // The control: it is there for whoever is granted it by name.
    let topic = rig.topic().await;
    let opened = vec![format!("http://{METADATA}").into(), grant(&rig.endpoint.url(), &["POST"], "/report")];
    let _host = rig.run(&[probe(&rig, &topic).set("capabilities.http", opened)]).await;
    let url = format!("http://{METADATA}/latest/meta-data/");
    attempt(&rig, &topic, &[Row::new("the metadata service", json!({ "http": { "url": url } }), "200")]).await;
    assert_eq!(reached.take(), [IpAddr::from(METADATA)]);
}

#[test]
fn names_that_change_where_they_lead_gain_nothing() {
    let addresses = [PUBLIC, OTHER, METADATA, PRIVATE, LINK, SHARED];
    namespace::within("probe::internet::names_that_change_where_they_lead_gain_nothing", &addresses, rebinding());
}

async fn observed() {
    let reached = Reached::serve().await;
    let _names = Names::serve(NAMES).await;
    let rig = Rig::start().await;
    let (topic, bystander) = (rig.topic().await, Bystander::new(&rig).await);
    let connector = probe(&rig, &topic).set("capabilities.mode", "observe");
    let host = rig.run(&[connector.clone(), bystander.connector.clone()]).await;
    let get = |url: &str, expected: &str| Row::new(url, json!({ "http": { "url": url } }), expected);
    let inside = [METADATA, PRIVATE, LINK, SHARED, Ipv4Addr::LOCALHOST, Ipv4Addr::UNSPECIFIED];
    let mut rows = vec![
        get("http://public.test/", "200"),
        get(&format!("http://{OTHER}/"), "200"),
        get("http://watched.test/", "200"),
        get("http://watched.test/again", "denied: "),
        get("http://metadata.test/", "denied: "),
        get("http://mapped.test/", "denied: "),
        get("http://localhost/", "denied: "),
        get("http://[::1]/", "denied: "),
        get("http://[::ffff:169.254.169.254]/", "denied: "),
        Row::new("sockets", json!({ "connect": format!("{METADATA}:80") }), "PermissionDenied: "),
        Row::new("names", json!({ "connect": "metadata.test:80" }), "PermissionDenied: "),
        Row::new("files", json!({ "read": "/etc/hosts" }), "NotFound: "),
    ];
    rows.extend(inside.map(|ip| get(&format!("http://{ip}/"), "denied: ")));
    attempt(&rig, &topic, &rows).await;
    assert_eq!(reached.take(), [PUBLIC, OTHER, PUBLIC].map(IpAddr::from));
    assert!(host.count("danube_wasm_observed_total", connector.name()) >= 3.0);
    bystander.goes_on(&rig, &host).await;
}

#[test]
fn observing_lets_through_to_public_addresses_only() {
    let addresses = [PUBLIC, OTHER, METADATA, PRIVATE, LINK, SHARED];
    namespace::within("probe::internet::observing_lets_through_to_public_addresses_only", &addresses, observed());
}
