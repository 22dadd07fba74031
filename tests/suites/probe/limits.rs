//! Every limit there is, run into by a component that means to: the connector is told, or gone, and the limit is counted
//! for it and for nobody else.

use std::{collections::BTreeSet, fs, time::Duration};

use danube_wasm::capability::limit::Limit;
use danube_wasm_tests::{
    endpoint::Answer,
    guests,
    process::{Process, Signal, get},
    rig::{CACHE, Connector, Rig, Topic},
    soon,
};
use serde_json::{Value, json};

use super::{Bystander, Row, attempt, grant, probe, sealed, status_at};
use crate::{COMMAND, MACHINE, numbered};

/// What no component of a toolchain runs into: `guest::tests::limits::memories_and_tables_are_counted` forges one for the
/// first, `compile::a_component_that_takes_too_much_memory_is_given_up` for the second.
const ELSEWHERE: [Limit; 2] = [Limit::Memories, Limit::CompileMemory];

/// A limit, what it is set to, what the guest does, what it is told then, and what it is told where the limit is what it
/// usually is.
type Held = (Limit, &'static str, Value, &'static str, &'static str);

fn held(url: &str) -> Vec<Held> {
    let at = format!("{url}/ingest/a");
    let post = |more: Value| {
        let mut request = json!({ "method": "POST", "url": at });
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        request
    };
    let all = |count: u32| json!({ "http_all": { "request": post(json!({})), "count": count } });
    let headers =
        |value: &str, count: usize| json!({ "http": post(json!({ "headers": vec![["x-any", value]; count] })) });
    let body = |bytes: usize| json!({ "http": post(json!({ "body": "b".repeat(bytes) })) });
    let large = json!({ "http": { "url": format!("{url}/ingest/large") } });
    vec![
        (Limit::HttpConcurrency, "1", all(4), "4 x 200", "4 x 200"),
        (Limit::HttpConnections, "1", all(4), "4 x 200", "4 x 200"),
        (Limit::HttpBatch, "2", all(3), "3 x invalid: ", "3 x 200"),
        (Limit::BytesOutPerSecond, "'64KiB'", body(100_000), "200", "200"),
        (Limit::HttpHeaders, "10", headers("thing", 20), "invalid: the request has 2", "200"),
        (Limit::HttpHeaderBytes, "'1KiB'", headers(&"v".repeat(2000), 1), "invalid: the headers", "200"),
        (Limit::HttpRequestBody, "'1KiB'", body(2000), "request too large: ", "200"),
        (Limit::HttpResponseBody, "'1KiB'", large, "too large: ", "200"),
        (Limit::OpenSockets, "2", json!({ "sockets": { "count": 5 } }), "2 x made; 3 x new-socket-limit", "5 x made"),
        (Limit::DirQuota, "'1MiB'", json!({ "fill": ["/spool/large", 2 << 20] }), "Uncategorized: ", "filled"),
        (Limit::LogLines, "1", json!({ "log_all": { "lines": 50 } }), "logged", "logged"),
    ]
}

/// A limit, what it is set to, what the guest does in which function, and what the status says.
fn fatal() -> Vec<(Limit, &'static str, &'static str, Value, &'static str)> {
    let log = json!({ "log": { "lines": 1, "bytes": 2 << 20 } });
    let timers = json!({ "pollables": { "count": 2000 } });
    let nothing = Value::Null;
    vec![
        (Limit::Memory, "'16MiB'", "process_batch", json!("allocate"), "out of memory: limit 16 MiB (limits.memory)"),
        (Limit::HostcallFuel, "'1MiB'", "process_batch", log, "(limits.hostcall_fuel)"),
        (Limit::Resources, "500", "process_batch", timers, "too many handles: limit 500 (limits.resources)"),
        (Limit::CallTimeout, "'1s'", "process_batch", json!("spin"), "no answer within 1s (limits.call_timeout)"),
        (Limit::StartTimeout, "'1s'", "initialize", json!("spin"), "no answer within 1s (limits.start_timeout)"),
        (Limit::Instances, "1", "", nothing.clone(), "(limits.core_instances)"),
        (Limit::Tables, "1", "", nothing.clone(), "(limits.tables)"),
        (Limit::ComponentSize, "'64KiB'", "", nothing.clone(), "limit 64 KiB (limits.component_size)"),
        (Limit::CompileTime, "'1ms'", "", nothing, "(limits.compile_timeout)"),
    ]
}

/// With this limit set, where it is a key of `[limits]`.
fn limited(connector: Connector, limit: Limit, value: &str) -> Connector {
    match limit.key().strip_prefix("limits.") {
        Some(key) => {
            let value = format!("v = {value}").parse::<toml::Table>().unwrap().remove("v").unwrap();
            connector.set(&format!("limits.{key}"), value)
        }
        None => connector.set("capabilities.dirs", vec![spool(value.trim_matches('\''))]),
    }
}

fn spool(quota: &str) -> toml::Table {
    format!("host = 'spool'\nguest = '/spool'\nmode = 'rw'\nquota = '{quota}'").parse().unwrap()
}

fn granted(rig: &Rig, topic: &Topic) -> Connector {
    let url = rig.endpoint.url();
    probe(rig, topic)
        .set("capabilities.http", vec![grant(&url, &["POST"], "/report"), grant(&url, &["GET", "POST"], "/ingest/")])
        .set("capabilities.sockets", vec!["tcp://127.0.0.1:1"])
        .set("capabilities.dirs", vec![spool("100MiB")])
}

/// How often a connector ran into a limit.
fn hits(metrics: &str, connector: &Connector, limit: Limit) -> f64 {
    let labels = format!(r#"{{connector="{}",limit="{}"}} "#, connector.name(), limit.name());
    let line =
        metrics.lines().find_map(|line| line.strip_prefix("danube_wasm_limit_hits_total")?.strip_prefix(&*labels));
    line.map_or(0.0, |count| count.parse().unwrap())
}

/// Those that go on, each twice: once with the limit that it runs into, and once with what is usual.
async fn held_connectors(rig: &Rig) -> Vec<(Limit, bool, Topic, Connector, Row)> {
    let mut connectors = Vec::new();
    for (limit, value, command, told, usually) in held(&rig.endpoint.url()) {
        for (is_held, told) in [(true, told), (false, usually)] {
            let topic = rig.topic().await;
            let connector = granted(rig, &topic);
            let connector = if is_held { limited(connector, limit, value) } else { connector };
            let row = Row::new(format!("{}, held: {is_held}", limit.name()), command.clone(), told);
            connectors.push((limit, is_held, topic, connector, row));
        }
    }
    connectors
}

/// Those that end. `true`: by a record.
async fn fatal_connectors(rig: &Rig) -> Vec<(Limit, bool, Topic, Connector, &'static str)> {
    // Nobody has compiled this one, and so it is not in the cache.
    let fresh = [fs::read(guests::GUEST_PROBE).unwrap(), b"\0\x06\x05fresh".to_vec()].concat();
    let fresh = rig.file("fresh.wasm", fresh);
    let mut connectors = Vec::new();
    for (limit, value, export, act, told) in fatal() {
        let topic = rig.topic().await;
        let mut connector = limited(sealed(rig, &topic), limit, value).set("retry.max_retries", 0);
        if !export.is_empty() {
            connector = connector.set(&format!("settings.at.{export}"), toml::Value::try_from(act).unwrap());
        }
        if limit == Limit::CompileTime {
            connector = connector.set("component.path", fresh.to_str().unwrap());
        }
        connectors.push((limit, export == "process_batch", topic, connector, told));
    }
    connectors
}

async fn until_status(addr: &str, connector: &Connector, what: &str, holds: impl Fn(&Value) -> bool) {
    soon(what, async {
        while !holds(&status_at(addr, connector).await) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn are_all_counted_for_who_runs_into_them() {
    let _machine = MACHINE.lock().await;
    let rig = Rig::start().await;
    let bystander = Bystander::new(&rig).await;
    fs::create_dir(rig.folder().join("spool")).unwrap();
    rig.endpoint.judge(|request| {
        let answer = Answer::status(200);
        if request.path == "/ingest/large" { answer.body(&"b".repeat(2000)) } else { answer }
    });
    let (going_on, ending) = (held_connectors(&rig).await, fatal_connectors(&rig).await);
    let covered = going_on.iter().map(|it| it.0).chain(ending.iter().map(|it| it.0)).chain(ELSEWHERE);
    let covered: BTreeSet<_> = covered.map(Limit::name).collect();
    assert_eq!(covered, Limit::ALL.iter().map(|limit| limit.name()).collect());

    let connectors = going_on.iter().map(|it| &it.3).chain(ending.iter().map(|it| &it.3));
    let files: Vec<_> = connectors.chain([&bystander.connector]).map(|connector| rig.write(connector)).collect();
    let mut args = vec!["run", "--listen", "127.0.0.1:0", "--cache-dir", CACHE];
    args.extend(files.iter().map(|file| file.to_str().unwrap()));
    let host = Process::start(COMMAND, rig.folder(), &args);
    let addr = host.until_listening().await;
    for (_, is_by_record, topic, connector, told) in &ending {
        if *is_by_record {
            until_status(&addr, connector, told, |status| status["ready"] == true).await;
            rig.publish_unseen(topic, ["[]"]).await;
        }
        until_status(&addr, connector, told, |status| status["phase"].to_string().contains(told)).await;
    }
    for (_, _, topic, connector, row) in &going_on {
        until_status(&addr, connector, &row.name, |status| status["ready"] == true).await;
        attempt(&rig, topic, std::slice::from_ref(row)).await;
    }
    rig.publish_unseen(&bystander.topic, numbered(3)).await;
    host.until_stderr(r#"payload":{"n":2}"#).await;

    let metrics = get(&addr, "/metrics").await;
    let going_on = going_on.iter().map(|(limit, is_held, _, connector, _)| (*limit, *is_held, connector));
    let ending = ending.iter().map(|(limit, _, _, connector, _)| (*limit, true, connector));
    for (limit, is_held, connector) in going_on.chain(ending) {
        assert_eq!(hits(&metrics, connector, limit) > 0.0, is_held, "{limit:?}");
    }
    assert_eq!(Limit::ALL.iter().map(|limit| hits(&metrics, &bystander.connector, *limit)).sum::<f64>(), 0.0);
    host.signal(Signal::Term).await;
    host.end().await;
}
