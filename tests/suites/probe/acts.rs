//! Everything that a guest can do to end badly, in every function that the host calls. Each gets a connector of its own, all
//! of them in one host: the state of each says what happened, and the one that behaves goes on.

use danube_wasm_tests::{
    process::{Process, Signal},
    rig::{CACHE, Connector, Rig},
};
use serde_json::{Value, json};

use super::{Bystander, sealed, status};
use crate::{COMMAND, MACHINE, numbered};

/// A name, what is done, and what the host says of it.
pub(super) fn acts() -> Vec<(&'static str, Value, &'static str)> {
    vec![
        ("an endless loop", json!("spin"), "no answer within 1s"),
        ("an endless wait", json!("sleep"), "no answer within 1s"),
        ("endless recursion", json!("recurse"), "the guest crashed: wasm trap: call stack exhausted"),
        ("all memory", json!("allocate"), "out of memory: limit 32 MiB (limits.memory)"),
        ("a trap", json!("trap"), "the guest crashed: wasm trap: wasm `unreachable` instruction executed"),
        (
            "a panic of a megabyte",
            json!({ "panic": { "bytes": 1 << 20 } }),
            "the guest crashed: wasm trap: wasm `unreachable`",
        ),
        ("exit(0)", json!({ "exit": { "code": 0 } }), "the guest crashed: Exited with i32 exit status 0"),
        ("exit(1)", json!({ "exit": { "code": 1 } }), "the guest crashed: Exited with i32 exit status 1"),
        ("a handle that it never got", json!("forged_handle"), "the guest crashed: unknown handle index"),
        ("a handle given back twice", json!("dropped_twice"), "the guest crashed: unknown handle index"),
        ("a log line that is not UTF-8", json!("forged_log"), "the guest crashed: "),
        ("an error that is not UTF-8", json!("forged_error"), "the guest crashed: "),
        (
            "timers without end",
            json!({ "pollables": { "count": 20_000 } }),
            "too many handles: limit 1000 (limits.resources)",
        ),
        (
            "more headers than there is room for",
            json!({ "fields": { "count": 1, "bytes": 100_000 } }),
            "the guest crashed: ",
        ),
        (
            "more random bytes than there is memory",
            json!({ "random": { "bytes": i64::MAX } }),
            "the guest crashed: requested len",
        ),
        (
            "more random bytes of the insecure kind",
            json!({ "insecure_random": { "bytes": 64 << 20 } }),
            "the guest crashed: requested len",
        ),
    ]
}

fn fits(act: &Value, connector: Connector) -> Connector {
    // Only these two are to run into the limits of time; the others must not, on a machine as slow as it may be.
    if act == "spin" || act == "sleep" {
        connector.set("limits.call_timeout", "1s").set("limits.start_timeout", "1s")
    } else {
        connector
    }
}

/// The limit that must be counted, if the host says that it was one.
fn limit(expected: &str, export: &str) -> Option<&'static str> {
    let by_time = if export == "initialize" { "start_timeout" } else { "call_timeout" };
    let limits = [("no answer within", by_time), ("limits.memory", "memory"), ("limits.resources", "resources")];
    limits.into_iter().find_map(|(text, limit)| expected.contains(text).then_some(limit))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn are_survived_in_every_function() {
    let _machine = MACHINE.lock().await;
    let rig = Rig::start().await;
    let bystander = Bystander::new(&rig).await;
    let mut cases = Vec::new();
    for export in ["initialize", "consumer_configs", "process_batch", "health_check"] {
        for (name, act, expected) in acts() {
            let topic = rig.topic().await;
            let connector = fits(&act, sealed(&rig, &topic))
                .set(&format!("settings.at.{export}"), toml::Value::try_from(&act).unwrap());
            // A lane that is parked asks again and again; once is enough here.
            let connector = if export == "health_check" {
                connector
                    .set("processing.health_check_interval_ms", 50)
                    .set("processing.health_check_failure_threshold", 1)
                    .set("retry.retry_backoff_ms", 60_000)
                    .set("retry.max_backoff_ms", 60_000)
            } else {
                connector.set("retry.max_retries", 0)
            };
            // A start with nothing to fear takes its time on a busy machine.
            let connector =
                if export == "initialize" { connector } else { connector.set("limits.start_timeout", "1m") };
            cases.push((format!("{name} in {export}"), export, topic, connector, expected));
        }
    }
    let connectors: Vec<_> = cases.iter().map(|(_, _, _, connector, _)| connector.clone()).collect();
    let host = rig.start_host(&[&[bystander.connector.clone()][..], &connectors].concat()).await;
    bystander.goes_on(&rig, &host).await;
    for (_, _, topic, connector, _) in cases.iter().filter(|(_, export, ..)| *export == "process_batch") {
        host.until_connector_ready(connector).await;
        rig.publish_unseen(topic, ["[]"]).await;
    }
    let mut wrong = Vec::new();
    for (name, export, _, connector, expected) in &cases {
        let told = if *export == "health_check" {
            host.until_reported(connector, "parked: ").await;
            status(&host, connector).await["topics"][0]["waiting"][0].as_str().unwrap_or_default().to_owned()
        } else {
            host.until_failed(connector).await;
            status(&host, connector).await["phase"].as_str().unwrap_or_default().to_owned()
        };
        let counted = limit(expected, export).is_none_or(|limit| {
            let labels = format!(r#"connector="{}",limit="{limit}""#, connector.name());
            host.count("danube_wasm_limit_hits_total", &labels) > 0.0
        });
        if !told.contains(expected) || !counted {
            wrong.push(format!("{name}, counted: {counted}\n  expected: {expected}\n       got: {told}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {} rows\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    bystander.goes_on(&rig, &host).await;
}

#[tokio::test]
async fn do_not_hold_up_the_end() {
    let _machine = MACHINE.lock().await;
    let rig = Rig::start().await;
    let mut cases = Vec::new();
    for (_, act, expected) in acts() {
        let topic = rig.topic().await;
        let connector =
            fits(&act, sealed(&rig, &topic)).set("settings.at.shutdown", toml::Value::try_from(&act).unwrap());
        cases.push((connector.set("limits.start_timeout", "1m"), expected));
    }
    let bystander = Bystander::new(&rig).await;
    let files: Vec<_> =
        cases.iter().map(|(connector, _)| connector).chain([&bystander.connector]).map(|it| rig.write(it)).collect();
    let mut args = vec!["run", "--listen", "127.0.0.1:0", "--cache-dir", CACHE];
    args.extend(files.iter().map(|file| file.to_str().unwrap()));
    let process = Process::start(COMMAND, rig.folder(), &args);
    process.until_ready().await;
    rig.publish_unseen(&bystander.topic, numbered(3)).await;
    process.signal(Signal::Term).await;
    let ended = process.end().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    for (connector, expected) in &cases {
        let is_it = |line: &&str| line.contains("the guest's shutdown failed") && line.contains(connector.name());
        let line = ended.stderr.lines().find(is_it).unwrap_or_default();
        assert!(line.contains(expected), "expected: {expected}\n     got: {line}");
    }
}
