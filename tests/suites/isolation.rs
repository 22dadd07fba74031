//! Connectors that share a process share nothing else: one that can't start, or reaches for what it was not given, is
//! shown as failed with its cause, and the others work.

use danube_wasm_tests::{
    endpoint::{Answer, Request},
    guests,
    rig::{Connector, Rig},
    until,
};

use crate::{distinct_numbers, numbered};

/// Runs a connector that fails beside one that must not care, and says why it failed.
async fn fails_alone(rig: &Rig, failing: Connector) -> String {
    let topic = rig.topic().await;
    let fine = rig.http(&topic);
    let host = rig.start_host(&[failing.clone(), fine.clone()]).await;
    let cause = host.until_failed(&failing).await;
    host.until_connector_ready(&fine).await;
    rig.publish(&topic, numbered(3)).await;
    host.until_acknowledged(&fine, 3).await;
    assert_eq!(host.stop().await.failed(), 1);
    cause
}

#[tokio::test]
async fn several_connectors_at_once_get_their_own_records() {
    let rig = Rig::start().await;
    let topics = [rig.topic().await, rig.topic().await, rig.topic().await];
    let path = |n: usize| format!("{}/{n}", rig.endpoint.url());
    let connectors: Vec<_> = (0..3).map(|n| rig.http(&topics[n]).set("settings.url", path(n))).collect();
    let host = rig.run(&connectors).await;
    for topic in &topics {
        rig.publish(topic, numbered(20)).await;
    }
    for (n, connector) in connectors.iter().enumerate() {
        host.until_acknowledged(connector, 20).await;
        let requests = rig.endpoint.requests();
        let own = requests.iter().filter(|request| request.path == format!("/{n}"));
        let records: Vec<_> = own.flat_map(Request::records).collect();
        assert_eq!(distinct_numbers(&records), Vec::from_iter(0..20));
    }
}

#[tokio::test]
async fn two_subscriptions_of_one_topic_get_every_record_each() {
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    let path = |n: usize| format!("{}/{n}", rig.endpoint.url());
    let one = rig.http(&topic).set("settings.url", path(0));
    let other =
        rig.http(&topic).set("settings.url", path(1)).mapping("subscription", format!("{}-b", topic.subscription()));
    let host = rig.run(&[one.clone(), other.clone()]).await;
    rig.publish(&topic, numbered(20)).await;
    host.until_acknowledged(&one, 20).await;
    host.until_acknowledged(&other, 20).await;
    assert_eq!(rig.endpoint.records().len(), 40);
}

#[tokio::test]
async fn a_file_that_is_no_component() {
    let rig = Rig::start().await;
    let component = rig.file("broken.wasm", "not wasm at all");
    let topic = rig.topic().await;
    let cause = fails_alone(&rig, rig.connector(component.to_str().unwrap()).consume(&topic)).await;
    assert!(cause.contains("broken.wasm` is not a WebAssembly component"), "{cause}");
}

#[tokio::test]
async fn a_component_with_another_digest() {
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    let cause = fails_alone(&rig, rig.http(&topic).set("component.sha256", "0".repeat(64))).await;
    assert!(cause.contains("is not the expected file"), "{cause}");
}

#[tokio::test]
async fn a_guest_that_refuses_to_start() {
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    let cause = fails_alone(&rig, rig.scripted(&topic).set("settings.start", "fatal")).await;
    assert_eq!(cause, "told to fail at the start");
}

#[tokio::test]
async fn a_guest_that_crashes_at_the_start() {
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    let cause = fails_alone(&rig, rig.scripted(&topic).set("settings.start", "panic")).await;
    assert!(cause.contains("the guest crashed"), "{cause}");
}

#[tokio::test]
async fn a_guest_that_never_gets_ready() {
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    let spinning = rig.scripted(&topic).set("settings.start", "spin").set("limits.start_timeout", "1s");
    let cause = fails_alone(&rig, spinning).await;
    assert!(cause.contains("no answer within 1s"), "{cause}");
}

#[tokio::test]
async fn a_guest_that_can_not_start_yet_starts_later() {
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    let connector = rig.scripted(&topic).set("settings.start", "when_reachable");
    rig.endpoint.answer_always(Answer::status(503).body("migrating"));
    let host = rig.start_host(std::slice::from_ref(&connector)).await;
    host.until_reported(&connector, "starting: status 503: migrating").await;
    rig.endpoint.answer_always(Answer::status(200));
    host.until_ready().await;
}

#[tokio::test]
async fn settings_with_a_typing_error() {
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    let cause = fails_alone(&rig, rig.http(&topic).set("settings.formta", "ndjson")).await;
    assert!(cause.contains("unknown field `formta`"), "{cause}");
}

#[tokio::test]
async fn a_topic_that_the_file_does_not_name() {
    let rig = Rig::start().await;
    let (own, other) = (rig.topic().await, rig.topic().await);
    let greedy = rig.scripted(&own).set("settings.ask_for", vec![other.name(), "theirs"]);
    let cause = fails_alone(&rig, greedy).await;
    let expected = format!("the component asked for topic `{}` with subscription `theirs`, which", other.name());
    assert!(cause.contains(&expected) && cause.contains("help: add a mapping"), "{cause}");
}

#[tokio::test]
async fn another_subscription_of_its_own_topic() {
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    let cause = fails_alone(&rig, rig.scripted(&topic).set("settings.ask_for", vec![topic.name(), "theirs"])).await;
    assert!(cause.contains("with subscription `theirs`"), "{cause}");
}

#[tokio::test]
async fn a_subscription_of_another_connector() {
    let rig = Rig::start().await;
    let (own, granted) = (rig.topic().await, rig.topic().await);
    let greedy = rig.scripted(&own).set("capabilities.topics", vec![granted.name()]);
    // It begins with the name of the greedy one, as the grant wants it.
    let theirs = format!("{}-theirs", greedy.name());
    let greedy = greedy.set("settings.ask_for", vec![granted.name(), &theirs]);
    let owner = rig.http(&granted).mapping("subscription", theirs);
    let host = rig.start_host(&[greedy.clone(), owner.clone()]).await;
    let cause = host.until_failed(&greedy).await;
    assert!(cause.contains(&format!("belongs to connector `{}`", owner.name())), "{cause}");
    host.until_connector_ready(&owner).await;
    rig.publish(&granted, numbered(3)).await;
    host.until_acknowledged(&owner, 3).await;
}

#[tokio::test]
async fn more_lanes_than_the_file_allows() {
    let rig = Rig::start().await;
    let (own, granted) = (rig.topic().await, rig.topic().await);
    let greedy = rig.scripted(&own).set("capabilities.topics", vec![granted.name()]).set("limits.max_lanes", 1);
    let subscription = format!("{}-extra", greedy.name());
    let cause = fails_alone(&rig, greedy.set("settings.ask_for", vec![granted.name(), &subscription])).await;
    assert!(cause.contains("asked for 2 topics") && cause.contains("help: set `max_lanes = 2`"), "{cause}");
}

#[tokio::test]
async fn a_granted_topic_under_a_name_of_its_own_is_consumed() {
    let rig = Rig::start().await;
    let (own, granted) = (rig.topic().await, rig.topic().await);
    let connector = rig.scripted(&own).set("capabilities.topics", vec![granted.name()]);
    let subscription = format!("{}-extra", connector.name());
    let connector = connector.set("settings.ask_for", vec![granted.name(), &subscription]);
    let _host = rig.run(&[connector]).await;
    rig.publish(&granted, numbered(3)).await;
    assert_eq!(distinct_numbers(&rig.endpoint.until_records(3).await), [0, 1, 2]);
}

#[tokio::test]
async fn a_request_that_is_not_granted_names_the_grant_and_loses_no_record() {
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    let sealed = rig.http(&topic).set("capabilities.http", Vec::<String>::new());
    let host = rig.run(std::slice::from_ref(&sealed)).await;
    rig.publish(&topic, numbered(1)).await;
    let cause = host.until_failed(&sealed).await;
    assert!(cause.contains("is not granted") && cause.contains(&rig.endpoint.url()), "{cause}");
    assert_eq!(host.count("danube_wasm_messages_acknowledged_total", sealed.name()), 0.0);
    assert!(rig.endpoint.requests().is_empty());
    host.stop().await;
    // Granted now, the record that was refused arrives.
    let granted = sealed.set("capabilities.http", vec![rig.endpoint.url()]);
    let _host = rig.run(&[granted]).await;
    assert_eq!(distinct_numbers(&rig.endpoint.until_records(1).await), [0]);
}

#[tokio::test]
async fn observing_opens_nothing_inside() {
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    let observing = rig.http(&topic).set("capabilities.http", Vec::<String>::new()).set("capabilities.mode", "observe");
    let host = rig.run(std::slice::from_ref(&observing)).await;
    rig.publish(&topic, numbered(1)).await;
    let cause = host.until_failed(&observing).await;
    assert!(cause.contains("is not granted"), "{cause}");
    assert!(rig.endpoint.requests().is_empty());
    assert_eq!(host.count("danube_wasm_observing", observing.name()), 1.0);
    assert!(host.count("danube_wasm_observed_total", observing.name()) >= 1.0);
    let (name, _, needed) = host.stop().await.observed().remove(0);
    assert!(name == observing.name() && needed.contains(&rig.endpoint.url()), "{name} {needed}");
}

#[tokio::test]
async fn one_broken_file_of_several_is_shown_and_the_others_run() {
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    let fine = rig.http(&topic);
    let broken = rig.file("broken.toml", "connector_name = 7\n");
    let host = rig.start_files(vec![broken, rig.write(&fine)]).await;
    host.until_connector_ready(&fine).await;
    let report = host.report("broken.toml");
    assert!(!report.ready && report.to_string().contains("connector_name = 7"), "{report}");
    rig.publish(&topic, numbered(3)).await;
    host.until_acknowledged(&fine, 3).await;
}

#[tokio::test]
async fn a_guest_that_crashes_leaves_the_others_instances_alone() {
    let rig = Rig::start().await;
    let topics = [rig.topic().await, rig.topic().await];
    let crashing = rig.connector(guests::GUEST_SCRIPTED).consume(&topics[0]);
    let fine = rig.connector(guests::GUEST_SCRIPTED).consume(&topics[1]);
    let host = rig.run(&[crashing.clone(), fine.clone()]).await;
    rig.publish(&topics[0], [r#"{"do":"panic"}"#]).await;
    rig.publish(&topics[1], numbered(3)).await;
    host.until_acknowledged(&fine, 3).await;
    assert!(host.until_failed(&crashing).await.contains("the guest crashed"));
    assert_eq!(host.count("danube_wasm_instances_started_total", fine.name()), 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn guests_that_spin_on_every_processor_leave_the_others_room() {
    let rig = Rig::start().await;
    let spinners = std::thread::available_parallelism().unwrap().get() + 2;
    let mut connectors = Vec::new();
    for _ in 0..spinners {
        let topic = rig.topic().await;
        connectors.push((rig.scripted(&topic).set("limits.call_timeout", "25s"), topic));
    }
    let fine_topic = rig.topic().await;
    let fine = rig.http(&fine_topic);
    let all: Vec<_> = connectors.iter().map(|(spinner, _)| spinner.clone()).chain([fine.clone()]).collect();
    let host = rig.run(&all).await;
    for (_, topic) in &connectors {
        rig.publish_unseen(topic, [r#"{"do":"spin"}"#]).await;
    }
    let busy = |connector: &Connector| host.count("danube_wasm_busy_seconds_total", connector.name());
    until("all of them to spin", || connectors.iter().all(|(spinner, _)| busy(spinner) > 0.1)).await;

    rig.publish(&fine_topic, numbered(200)).await;
    host.until_acknowledged(&fine, 200).await;
    for (spinner, _) in &connectors {
        let ended = host.count("danube_connector_processing_duration_seconds_count", spinner.name());
        assert_eq!(ended, 0.0, "{} still spins", spinner.name());
    }
}
