//! The probe: a hostile component tries every escape that we could think of, and each attempt has a row in a table that
//! says what the guest is told or what the status says. A connector that behaves runs beside it in the same host, and must
//! not notice. `host/docs/threat-model.md` names these tests.

mod acts;
mod answers;
mod files;
mod folders;
mod hoards;
#[cfg(target_os = "linux")]
mod internet;
mod limits;
mod network;
mod requests;
mod secrets;
mod sockets;
mod surroundings;

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, SocketAddr, TcpListener},
};

use danube_wasm_tests::{
    guests,
    process::get,
    rig::{Connector, Rig, RunningHost, Topic},
    until,
};
use serde_json::{Value, json};

use crate::numbered;

/// An attempt, and how what the guest is told must begin.
struct Row {
    name: String,
    attempt: Value,
    expected: String,
}

impl Row {
    fn new(name: impl Into<String>, attempt: Value, expected: impl Into<String>) -> Self {
        Self { name: name.into(), attempt, expected: expected.into() }
    }
}

/// The probe on a topic, with nothing granted.
fn sealed(rig: &Rig, topic: &Topic) -> Connector {
    rig.connector(guests::GUEST_PROBE).consume(topic).set("limits.memory", "32MiB")
}

/// The probe, with the endpoint granted for its reports and nothing else.
fn probe(rig: &Rig, topic: &Topic) -> Connector {
    let report = grant(&rig.endpoint.url(), &["POST"], "/report");
    sealed(rig, topic)
        .set("capabilities.http", vec![report])
        .set("settings.report", format!("{}/report", rig.endpoint.url()))
}

/// A grant as a file has it.
fn grant(url: &str, methods: &[&str], path: &str) -> toml::Value {
    let mut grant = toml::Table::new();
    grant.insert("url".to_owned(), url.into());
    grant.insert("methods".to_owned(), methods.to_vec().into());
    grant.insert("path".to_owned(), path.into());
    grant.into()
}

/// Has the probe try all rows, and compares what it was told with what it must be told.
async fn attempt(rig: &Rig, topic: &Topic, rows: &[Row]) {
    let names: BTreeSet<_> = rows.iter().map(|row| &row.name).collect();
    assert_eq!(names.len(), rows.len(), "each has a name of its own");
    let command = |row: &Row| json!({ "name": row.name, "try": row.attempt });
    for some in rows.chunks(40) {
        rig.publish_unseen(topic, [Value::from_iter(some.iter().map(command)).to_string()]).await;
    }
    let told = || -> Vec<(String, String)> {
        let requests = rig.endpoint.requests().into_iter().filter(|request| request.path == "/report");
        let records = requests.flat_map(|request| request.records());
        let text = |value: &Value| value.as_str().expect("the probe reports texts").to_owned();
        records.map(|record| (text(&record["name"]), text(&record["got"]))).collect()
    };
    let all_told = || {
        let told = told();
        rows.iter().all(|row| told.iter().any(|(name, _)| *name == row.name))
    };
    until("the reports", all_told).await;
    let told = told();
    let differs = |row: &Row| {
        let Row { name, expected, .. } = row;
        let got = told.iter().find(|(told, _)| told == name).map_or("no report", |(_, got)| got);
        (!got.starts_with(expected.as_str())).then(|| format!("{name}\n  expected: {expected}\n       got: {got}"))
    };
    let wrong: Vec<String> = rows.iter().filter_map(differs).collect();
    assert!(wrong.is_empty(), "{} of {} rows\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

/// How many rows expect this.
fn expecting(rows: &[Row], expected: &str) -> usize {
    rows.iter().filter(|row| row.expected.starts_with(expected)).count()
}

/// A connector that does nothing but its duty.
struct Bystander {
    topic: Topic,
    connector: Connector,
}

impl Bystander {
    async fn new(rig: &Rig) -> Self {
        let topic = rig.topic().await;
        let connector = rig.connector(guests::SINK_STDOUT).consume(&topic);
        Self { topic, connector }
    }

    /// It still writes what comes, with the instance that it began with.
    async fn goes_on(&self, rig: &Rig, host: &RunningHost) {
        let name = self.connector.name();
        host.until_connector_ready(&self.connector).await;
        let before = host.count("danube_wasm_messages_acknowledged_total", name) as u32;
        rig.publish_unseen(&self.topic, numbered(3)).await;
        host.until_acknowledged(&self.connector, before + 3).await;
        assert_eq!(host.count("danube_wasm_instances_started_total", name), 1.0);
    }
}

/// A port of the machine that nobody was granted.
struct Closed(TcpListener);

impl Closed {
    fn new() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    fn addr(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    /// Nobody has connected in all the time, be it for an instant.
    fn was_left_alone(&self) {
        let first = self.0.accept().map(|(_, from)| from);
        assert!(matches!(&first, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock), "{first:?}");
    }
}

/// What `/status` says of a connector, as an operator sees it.
async fn status(host: &RunningHost, connector: &Connector) -> Value {
    status_at(&host.addr().to_string(), connector).await
}

/// The same of a host in another process.
async fn status_at(addr: &str, connector: &Connector) -> Value {
    let page = get(addr, "/status").await;
    let (_, body) = page.split_once("\r\n\r\n").expect("a body");
    let Value::Array(connectors) = serde_json::from_str(body).unwrap() else { panic!("{body}") };
    let mut connectors = connectors.into_iter();
    connectors.find(|it| it["connector"] == connector.name()).expect("the connector in the status")
}
