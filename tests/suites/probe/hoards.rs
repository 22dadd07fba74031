//! Things of the host's that a guest can have for little of its own memory. The host's memory is watched from outside.

use std::time::Duration;

use danube_wasm_tests::{
    process::{Process, Signal},
    rig::{CACHE, Connector, Rig, Topic},
    soon,
};
use serde_json::{Value, json};

use super::{Bystander, acts::acts, sealed, status_at};
use crate::{COMMAND, MACHINE, distinct_numbers, numbered};

/// By how much the host may grow for all of them, in KiB. Any of the first three asks for more.
const MOST: u64 = 300 << 10;

/// By how much it may grow for everything that a component can do at once: each of them may have 32 MiB of its own.
const MOST_OF_ALL: u64 = 1 << 20;

const RUNNING: &str = "running";

/// What is taken, and what the status says of it, if anything. A guest may use 32 MiB of its own.
fn hoards() -> Vec<(Value, &'static str)> {
    let handles = "too many handles: limit 1000 (limits.resources)";
    vec![
        // Request bodies that are never sent, each as large as it may be.
        (json!({ "bodies": { "count": 5_000 } }), handles),
        // Headers that belong to no request: 300 MB.
        (json!({ "fields": { "count": 5_000, "bytes": 60_000 } }), handles),
        // Lines for the log: 300 MB.
        (json!({ "log": { "lines": 3_000, "bytes": 100_000 } }), RUNNING),
        // A line without an end: 100 MB.
        (json!({ "print": { "bytes": 100 << 20 } }), RUNNING),
        // One timer, waited for many times at once.
        (json!({ "polled_twice": { "count": 1_000_000 } }), handles),
    ]
}

/// The most memory that a process has had, in KiB.
fn peak(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("the peak of the resident set");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
}

/// Whether it has done what it was told, and what became of it.
fn has_come_to(status: &Value, expected: &str) -> bool {
    let is_done = expected != RUNNING || status["topics"][0]["acknowledged"] == 1;
    is_done && status["phase"].as_str().is_some_and(|phase| phase.contains(expected))
}

#[tokio::test]
async fn stay_small() {
    let _machine = MACHINE.lock().await;
    let rig = Rig::start().await;
    let bystander = Bystander::new(&rig).await;
    let mut cases: Vec<(Topic, Connector, &str)> = Vec::new();
    for (act, expected) in hoards() {
        let topic = rig.topic().await;
        let connector = sealed(&rig, &topic).set("settings.at.process_batch", toml::Value::try_from(act).unwrap());
        cases.push((topic, connector.set("retry.max_retries", 0), expected));
    }
    let connectors = cases.iter().map(|(_, connector, _)| connector).chain([&bystander.connector]);
    let files: Vec<_> = connectors.map(|connector| rig.write(connector)).collect();
    let mut args = vec!["run", "--listen", "127.0.0.1:0", "--cache-dir", CACHE];
    args.extend(files.iter().map(|file| file.to_str().unwrap()));
    let process = Process::start(COMMAND, rig.folder(), &args);
    let addr = process.until_ready().await;
    let before = peak(process.id());
    for (topic, ..) in &cases {
        rig.publish_unseen(topic, ["[]"]).await;
    }
    for (_, connector, expected) in &cases {
        soon(expected, async {
            while !has_come_to(&status_at(&addr, connector).await, expected) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
    }
    rig.publish_unseen(&bystander.topic, numbered(3)).await;
    process.until_stderr(r#"payload":{"n":2}"#).await;
    let grown = peak(process.id()) - before;
    process.signal(Signal::Term).await;
    process.end().await;
    assert!(grown < MOST, "by {grown} KiB, from {before}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn do_not_disturb_who_behaves() {
    let _machine = MACHINE.lock().await;
    let rig = Rig::start().await;
    let good_topic = rig.topic().await;
    let good = rig.http(&good_topic);
    let mut bad: Vec<(Topic, Connector)> = Vec::new();
    let hoards = hoards().into_iter().map(|(act, _)| act);
    for act in acts().into_iter().map(|(_, act, _)| act).chain(hoards) {
        let topic = rig.topic().await;
        // They are started again and again, as they would be.
        let connector = sealed(&rig, &topic).set("settings.at.process_batch", toml::Value::try_from(act).unwrap());
        bad.push((topic, connector.set("limits.call_timeout", "1s")));
    }
    let connectors = bad.iter().map(|(_, connector)| connector).chain([&good]);
    let files: Vec<_> = connectors.map(|connector| rig.write(connector)).collect();
    let mut args = vec!["run", "--listen", "127.0.0.1:0", "--cache-dir", CACHE];
    args.extend(files.iter().map(|file| file.to_str().unwrap()));
    let process = Process::start(COMMAND, rig.folder(), &args);
    let addr = process.until_ready().await;
    let before = peak(process.id());
    let mut records = numbered(500).into_iter();
    for (topic, _) in &bad {
        rig.publish_unseen(topic, ["[]"; 3]).await;
        rig.publish(&good_topic, records.by_ref().take(20)).await;
    }
    rig.publish(&good_topic, records).await;
    let arrived = rig.endpoint.until_records(500).await;
    assert_eq!(distinct_numbers(&arrived), Vec::from_iter(0..500));
    for (_, connector) in &bad {
        // It has begun, and the host knows what came of it.
        soon("each to have tried", async {
            while !has_tried(&status_at(&addr, connector).await) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
    }
    let status = status_at(&addr, &good).await;
    assert_eq!((&status["phase"], &status["ready"]), (&"running".into(), &true.into()), "{status}");
    let grown = peak(process.id()) - before;
    process.signal(Signal::Term).await;
    process.end().await;
    assert!(grown < MOST_OF_ALL, "by {grown} KiB, from {before}");
}

/// Whether it has failed, or is given its records again, or has done with them.
fn has_tried(status: &Value) -> bool {
    let topic = &status["topics"][0];
    status["phase"] != RUNNING
        || topic["acknowledged"] != 0
        || topic["waiting"].as_array().is_some_and(|it| !it.is_empty())
}
