//! Poison among good records under a broker that does not wait for long: the one record is found before the broker's
//! patience ends, whatever it does to the guest and however long the guest may be at it. And a guest that dies of
//! everything: nothing is blamed on records then. A guest that spins takes a thread, hence several of them.

use std::time::Duration;

use danube_core::message::StreamMessage;
use danube_dev_broker::{DevBrokerConfig, FailurePolicy};
use danube_wasm_tests::{
    endpoint::Answer,
    rig::{Connector, Rig, SCALED_ACK_TIMEOUT, Topic, scaled},
};

use crate::{distinct_numbers, numbered};

/// How long a call may take.
#[derive(Debug, Clone, Copy)]
enum Patience {
    /// Many calls fit into the broker's ack timeout.
    Short,
    /// One call takes almost all of it.
    Long,
}

impl Patience {
    /// The broker's ack timeout and the longest call. A call is long enough for any good record, on a busy machine too.
    fn limits(self) -> (Duration, Duration) {
        match self {
            Self::Short => (Duration::from_secs(10), Duration::from_secs(1)),
            Self::Long => (Duration::from_secs(4), Duration::from_millis(3600)),
        }
    }
}

fn connector(rig: &Rig, topic: &Topic, patience: Patience) -> Connector {
    let (ack_timeout, call_timeout) = patience.limits();
    let connector = rig.scripted(topic).set("limits.memory", "32MiB");
    let connector = connector.set("broker.ack_timeout", format!("{}ms", ack_timeout.as_millis()));
    connector.set("limits.call_timeout", format!("{}ms", call_timeout.as_millis()))
}

/// Publishes a record that breaks the guest among good ones.
async fn is_found(what: &str, kind: &str, patience: Patience) {
    let failure_policy = FailurePolicy { ack_timeout: patience.limits().0, ..scaled().failure_policy };
    let config = DevBrokerConfig { max_unacked_messages: 40, failure_policy, ..scaled() };
    let Some(rig) = Rig::in_memory_with("it needs short ack timeouts", config).await else { return };
    let case = format!("{what}, {kind}, {patience:?}");
    let topic = rig.topic().await;
    let mut dead_letters = rig.dead_letters().await;
    let connector = connector(&rig, &topic, patience).mapping("subscription_type", kind).mapping("batch_size", 16);
    let connector = connector.set("dead_letter.topic", dead_letters.topic());
    let host = rig.run(std::slice::from_ref(&connector)).await;
    rig.publish(&topic, numbered(10)).await;
    rig.publish(&topic, [format!(r#"{{"do":{what:?}}}"#)]).await;
    rig.publish(&topic, numbered(40).split_off(10)).await;
    let first = dead_letters.next().await;
    assert_eq!(distinct_numbers(&rig.endpoint.until_records(40).await), Vec::from_iter(0..40), "{case}");
    rig.until_at_rest(&topic).await;
    let mut letters = vec![first];
    while (letters.len() as f64) < host.count("danube_wasm_messages_dead_lettered_total", connector.name()) {
        letters.push(dead_letters.next().await);
    }
    let told = |letter: &StreamMessage| {
        let header = |name: &str| letter.attributes[name].clone();
        (header("x-original-topic-offset"), header("x-stage"), header("x-failure-reason"))
    };
    let told: Vec<_> = letters.iter().map(told).collect();
    assert!(matches!(&told[..], [(offset, stage, _)] if offset == "10" && stage == "trap"), "{case}: {told:?}");
    host.until_ready().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_that_panics() {
    tokio::join!(
        is_found("panic", "Shared", Patience::Short),
        is_found("panic", "Exclusive", Patience::Long),
        is_found("panic", "Failover", Patience::Short)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_that_takes_all_memory() {
    tokio::join!(is_found("allocate", "Shared", Patience::Long), is_found("allocate", "Exclusive", Patience::Long));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_that_never_ends_where_calls_are_short() {
    tokio::join!(is_found("spin", "Shared", Patience::Short), is_found("spin", "Exclusive", Patience::Short));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_that_never_ends_where_a_call_may_take_almost_all_of_the_ack_timeout() {
    tokio::join!(is_found("spin", "Shared", Patience::Long), is_found("spin", "Exclusive", Patience::Long));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_guest_that_dies_of_everything_is_held_back_and_its_records_are_kept() {
    let Some(rig) = Rig::in_memory_with("it needs short ack timeouts", scaled()).await else { return };
    let topic = rig.topic().await;
    let dead_letters = rig.dead_letters().await;
    let connector = rig.scripted(&topic).scaled().set("settings.dies_unless", format!("{}/alive", rig.endpoint.url()));
    let connector = connector.set("dead_letter.topic", dead_letters.topic()).mapping("flush_interval_ms", 1000);
    let host = rig.run(std::slice::from_ref(&connector)).await;
    rig.endpoint.answer_to("how am I", Answer::status(500));
    rig.publish(&topic, numbered(40)).await;
    host.until_reported(&connector, "the guest crashed").await;
    let starts = || host.count("danube_wasm_instances_started_total", connector.name());
    // Longer than the broker takes to give up a record. With pauses of 20 to 200 ms there are about a thousand instances in
    // that time, in a hot loop ten thousands.
    let before = starts();
    tokio::time::sleep(SCALED_ACK_TIMEOUT * 9).await;
    assert!(starts() - before < 4000.0, "{} instances", starts() - before);
    assert!(!host.report(connector.name()).ready);
    let it = rig.subscription(topic.name());
    assert_eq!((it.acked, it.exhausted), (0, 0), "everything is owed");
    assert_eq!(host.count("danube_wasm_messages_dead_lettered_total", connector.name()), 0.0);
    assert!(rig.endpoint.records().is_empty(), "nothing was written");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn without_a_dead_letter_topic_a_guest_that_dies_of_everything_stops_and_says_why() {
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    let connector = rig.scripted(&topic).set("settings.dies_unless", format!("{}/alive", rig.endpoint.url()));
    let host = rig.run(std::slice::from_ref(&connector)).await;
    rig.endpoint.answer_to("how am I", Answer::status(500));
    rig.publish(&topic, numbered(10)).await;
    let cause = host.until_failed(&connector).await;
    assert!(cause.contains("the guest crashed"), "{cause}");
    assert_eq!(host.count("danube_wasm_messages_acknowledged_total", connector.name()), 0.0);
}
