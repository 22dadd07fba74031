//! The command from its start to its end, as an operator has it: signals, crashes, exit codes, pages; and a broker that
//! goes away in the middle.

mod broker;
mod kills;
mod scale_out;
mod secure;

use danube_wasm_tests::{
    endpoint::distinct,
    process::{Process, Signal, get},
    rig::{CACHE, Connector, Rig, Topic},
};

use crate::{COMMAND, distinct_numbers, numbered};

/// Starts `danube-wasm run` with connectors.
pub(crate) fn run(rig: &Rig, connectors: &[&Connector]) -> Process {
    let files: Vec<_> = connectors.iter().map(|connector| rig.write(connector)).collect();
    let mut args = vec!["run", "--listen", "127.0.0.1:0", "--cache-dir", CACHE];
    args.extend(files.iter().map(|file| file.to_str().unwrap()));
    Process::start(COMMAND, rig.folder(), &args)
}

fn numbered_from(first: usize, count: usize) -> Vec<String> {
    numbered(first + count).split_off(first)
}

#[tokio::test]
async fn a_signal_drains_and_nothing_is_delivered_twice_after_it() {
    for signal in [Signal::Term, Signal::Int] {
        let rig = Rig::start().await;
        let topic = rig.topic().await;
        let connector = rig.http(&topic).mapping("subscription_type", "Exclusive");
        let process = run(&rig, &[&connector]);
        process.until_ready().await;
        rig.endpoint.hold();
        rig.publish(&topic, numbered(30)).await;
        rig.endpoint.until_requests(1).await;
        process.signal(signal).await;
        process.until_stderr("draining").await;
        rig.endpoint.release();
        let ended = process.end().await;
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert!(!rig.endpoint.records().is_empty(), "what was under way is finished");

        let again = run(&rig, &[&connector]);
        again.until_ready().await;
        rig.publish(&topic, numbered_from(30, 10)).await;
        let records = rig.endpoint.until_records(40).await;
        assert_eq!((distinct_numbers(&records), records.len()), (Vec::from_iter(0..40), 40), "{signal:?}");
    }
}

#[tokio::test]
async fn a_connector_that_observes_is_loud_and_prints_the_grants_at_its_end() {
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    let observing = rig
        .scripted(&topic)
        .set("capabilities.mode", "observe")
        // No resolver knows it, but it is sought, as a granted name would be.
        .set("settings.health_url", "http://nowhere.invalid/health")
        .set("processing.health_check_interval_ms", 50);
    let process = run(&rig, &[&observing]);
    process.until_stderr("`mode = \"observe\"`: the grants of this connector are not enforced").await;
    process.until_stderr("let through: `GET http://nowhere.invalid/health` is not granted").await;
    let stderr = process.stderr();
    let (_, rest) = stderr.split_once("health on http://").expect("no address");
    let (addr, _) = rest.split_once('/').expect("no address");
    let page = get(addr, "/status").await;
    assert!(page.contains(r#""mode":"observe","would_be_denied":"#), "{page}");
    process.signal(Signal::Term).await;
    let ended = process.end().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let needed: String = ended.stdout.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(needed, "http = [    { url = \"http://nowhere.invalid\", methods = [\"GET\"] },]", "{ended:?}");
    assert!(ended.stderr.contains("reaches public addresses that nothing grants"), "{ended:?}");
}

#[tokio::test]
async fn a_guest_hears_of_the_end() {
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    let process = run(&rig, &[&rig.scripted(&topic).set("settings.goodbye", true)]);
    process.until_ready().await;
    process.signal(Signal::Term).await;
    assert_eq!(process.end().await.code, Some(0));
    assert_eq!(rig.endpoint.requests()[0].path, "/goodbye");
}

#[tokio::test]
async fn a_second_signal_waits_for_nothing() {
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    let connector = rig.http(&topic).set("processing.drain_timeout", "1h");
    let process = stopped_in_a_call(&rig, &topic, &connector).await;
    process.until_stderr("draining").await;
    process.signal(Signal::Int).await;
    let ended = process.end().await;
    assert!(ended.code == Some(1) && ended.stderr.contains("SIGINT again: stopping now"), "{ended:?}");
    comes_again(&rig, &connector).await;
}

#[tokio::test]
async fn draining_ends_when_its_time_is_up() {
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    let connector = rig.http(&topic).set("processing.drain_timeout", "200ms");
    let ended = stopped_in_a_call(&rig, &topic, &connector).await.end().await;
    assert!(ended.code == Some(1) && ended.stderr.contains("after `drain_timeout` (200ms)"), "{ended:?}");
    comes_again(&rig, &connector).await;
}

/// A process that got the signal to stop while the endpoint keeps it waiting for an answer to five records.
async fn stopped_in_a_call(rig: &Rig, topic: &Topic, connector: &Connector) -> Process {
    let process = run(rig, &[connector]);
    process.until_ready().await;
    rig.endpoint.hold();
    rig.publish(topic, numbered(5)).await;
    rig.endpoint.until_requests(1).await;
    process.signal(Signal::Term).await;
    process
}

/// The next process writes what the last one did not.
async fn comes_again(rig: &Rig, connector: &Connector) {
    rig.endpoint.release();
    let again = run(rig, &[connector]);
    again.until_ready().await;
    assert_eq!(distinct_numbers(&rig.endpoint.until_records(5).await), Vec::from_iter(0..5));
}

#[tokio::test]
async fn after_a_kill_in_the_middle_of_a_batch_nothing_is_lost() {
    for kind in ["Shared", "Exclusive"] {
        let rig = Rig::start().await;
        let topic = rig.topic().await;
        let connector = rig.http(&topic).mapping("subscription_type", kind);
        let process = run(&rig, &[&connector]);
        process.until_ready().await;
        rig.publish(&topic, numbered(20)).await;
        rig.endpoint.until_records(20).await;
        let before = rig.endpoint.requests().len();
        rig.endpoint.hold();
        rig.publish(&topic, numbered_from(20, 40)).await;
        rig.endpoint.until_requests(before + 1).await;
        process.signal(Signal::Kill).await;
        assert_eq!(process.end().await.code, None);
        rig.endpoint.release();

        let again = run(&rig, &[&connector]);
        again.until_ready().await;
        assert_eq!(distinct_numbers(&rig.endpoint.until_records(60).await), Vec::from_iter(0..60), "{kind}");
    }
}

#[tokio::test]
async fn pages_tell_how_it_is() {
    let rig = Rig::start().await;
    let (first, second) = (rig.topic().await, rig.topic().await);
    let (fine, failing) = (rig.http(&first), rig.scripted(&second));
    let process = run(&rig, &[&fine, &failing]);
    let addr = process.until_ready().await;
    assert!(get(&addr, "/livez").await.ends_with("\r\n\r\nok\n"));
    let ready = get(&addr, "/readyz").await;
    assert!(ready.contains(&format!("{}: running\n", fine.name())), "{ready}");
    assert!(ready.contains(&format!("{}: running\n", failing.name())), "{ready}");

    rig.publish(&first, numbered(7)).await;
    rig.publish(&second, [r#"{"do":"fatal"}"#]).await;
    process.until_stderr("told to give up").await;
    rig.endpoint.until_records(7).await;
    let first_name = first.name();
    let labels = format!("{{connector=\"{}\",topic=\"{first_name}\"}}", fine.name());
    let acknowledged = format!("danube_wasm_messages_acknowledged_total{labels} 7\n");
    danube_wasm_tests::soon("the acknowledgements", async {
        while !get(&addr, "/metrics").await.contains(&acknowledged) {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    })
    .await;
    let metrics = get(&addr, "/metrics").await;
    assert!(metrics.contains("content-type: application/openmetrics-text") && metrics.ends_with("# EOF\n"));
    for name in [
        "messages_received_total",
        "messages_processed_total",
        "processing_duration_seconds_count",
        "inflight_messages",
    ] {
        assert!(metrics.contains(&format!("danube_connector_{name}{labels}")), "{name} is missing:\n{metrics}");
    }
    assert!(metrics.contains(&format!("danube_connector_health{{connector=\"{}\"}} 1\n", fine.name())));
    assert!(metrics.contains(&format!("danube_connector_health{{connector=\"{}\"}} 0\n", failing.name())));

    let status = get(&addr, "/status").await;
    let (_, status) = status.split_once("\r\n\r\n").unwrap();
    let status: serde_json::Value = serde_json::from_str(status).unwrap();
    let first = status.as_array().unwrap().iter().find(|it| it["connector"] == fine.name()).unwrap();
    let topic = &first["topics"][0];
    assert_eq!((&first["ready"], &topic["topic"]), (&true.into(), &first_name.into()));
    assert_eq!((&topic["received"], &topic["acknowledged"], &topic["in_flight"]), (&7.into(), &7.into(), &0.into()));
    assert!(topic["newest_record_age_seconds"].as_f64().is_some() && topic["offsets_missing"] == 0, "{topic}");

    let ready = get(&addr, "/readyz").await;
    assert!(ready.starts_with("HTTP/1.0 503"), "{ready}");
    assert!(ready.contains(&format!("{}: failed: told to give up\n", failing.name())), "{ready}");
    assert!(get(&addr, "/livez").await.starts_with("HTTP/1.0 200"), "one that failed is no reason to kill all");
    process.signal(Signal::Term).await;
    let ended = process.end().await;
    assert!(ended.code == Some(1) && ended.stderr.contains("1 of 2 connectors failed"), "{ended:?}");
}

#[tokio::test]
async fn when_all_connectors_have_failed_it_ends_with_1() {
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    let ended = run(&rig, &[&rig.scripted(&topic).set("settings.start", "fatal")]).end().await;
    assert!(ended.code == Some(1) && ended.stderr.contains("told to fail at the start"), "{ended:?}");
}

#[tokio::test]
async fn wrong_usage_and_wrong_files_end_with_2() {
    let rig = Rig::start().await;
    let broken = rig.file("broken.toml", "connector_name = 7\n");
    for args in [&["run", "--nonsense"][..], &["run"], &["run", "missing.toml"], &["run", broken.to_str().unwrap()]] {
        let ended = Process::start(COMMAND, rig.folder(), args).end().await;
        assert!(ended.code == Some(2) && !ended.stderr.is_empty() && ended.stdout.is_empty(), "{args:?}: {ended:?}");
    }
}

#[tokio::test]
async fn log_lines_of_guests_carry_their_connector() {
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    let connector = rig.scripted(&topic);
    let process = run(&rig, &[&connector]);
    process.until_ready().await;
    rig.publish(&topic, [r#"{"do":"log","text":"hello"}"#]).await;
    process.until_stderr("stdout hello").await;
    let stderr = process.stderr();
    for (level, line) in
        [("INFO", "info hello"), ("WARN", "warn hello"), ("ERROR", "error hello"), ("INFO", "stdout hello")]
    {
        let found = stderr.lines().find(|text| text.contains(line)).unwrap_or_else(|| panic!("no `{line}`:\n{stderr}"));
        assert!(found.contains(level) && found.contains(connector.name()), "{found}");
    }
}

#[tokio::test]
async fn two_processes_share_a_subscription_and_one_takes_over_from_the_other() {
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    let connector = rig.http(&topic).mapping("batch_size", 2);
    let (first, second) = (run(&rig, &[&connector]), run(&rig, &[&connector]));
    first.until_ready().await;
    second.until_ready().await;
    rig.publish(&topic, numbered(40)).await;
    rig.endpoint.until_records(40).await;
    first.signal(Signal::Kill).await;
    first.end().await;
    rig.publish(&topic, numbered_from(40, 20)).await;
    let records = rig.endpoint.until_records(60).await;
    assert_eq!(distinct(&records), 60);
}
