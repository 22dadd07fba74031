//! Records arrive: by every subscription type, of every kind, with what belongs to them, in batches of the right size,
//! and they are acknowledged when they are there, not before.

mod batches;
mod payloads;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, SystemTime},
};

use danube_wasm_tests::rig::{Message, Rig};

use crate::{distinct_numbers, numbered, numbers};

#[tokio::test]
async fn a_shared_subscription_delivers_every_record_once() {
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    let connector = rig.http(&topic).mapping("subscription_type", "Shared");
    let host = rig.run(std::slice::from_ref(&connector)).await;
    rig.publish(&topic, numbered(300)).await;
    let records = rig.endpoint.until_records(300).await;
    host.until_acknowledged(&connector, 300).await;
    assert_eq!(distinct_numbers(&records), Vec::from_iter(0..300));
    assert_eq!(records.len(), 300, "repeated");
}

#[tokio::test]
async fn several_instances_share_a_subscription() {
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    let connector = rig.http(&topic).set("instances", 3);
    let host = rig.run(std::slice::from_ref(&connector)).await;
    rig.publish(&topic, numbered(60)).await;
    assert_eq!(distinct_numbers(&rig.endpoint.until_records(60).await), Vec::from_iter(0..60));
    host.until_acknowledged(&connector, 60).await;
    assert_eq!(host.count("danube_wasm_instances_started_total", connector.name()), 3.0);
}

#[tokio::test]
async fn exclusive_and_failover_keep_the_order() {
    for kind in ["Exclusive", "Failover"] {
        let rig = Rig::start().await;
        let topic = rig.topic().await;
        let _host = rig.run(&[rig.http(&topic).mapping("subscription_type", kind)]).await;
        rig.publish(&topic, numbered(200)).await;
        assert_eq!(numbers(&rig.endpoint.until_records(200).await), Vec::from_iter(0..200), "{kind}");
    }
}

#[tokio::test]
async fn key_shared_delivers_the_filtered_keys_in_order() {
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    let mapped = rig.http(&topic).set("settings.envelope", true).mapping("subscription_type", "Key-Shared");
    let _host = rig.run(&[mapped.mapping("key_filters", vec!["eu-*"])]).await;
    let keys = ["eu-1", "us-1", "eu-2"];
    let message = |n: usize| Message::from(format!(r#"{{"n":{n}}}"#)).key(keys[n % 3]);
    rig.publish(&topic, (0..18).map(message)).await;
    let records = rig.endpoint.until_records(12).await;
    let mut by_key: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for (record, number) in records.iter().zip(numbers(&records)) {
        by_key.entry(record["routing_key"].as_str().unwrap()).or_default().push(number);
    }
    let expected = [("eu-1", vec![0, 3, 6, 9, 12, 15]), ("eu-2", vec![2, 5, 8, 11, 14, 17])];
    assert_eq!(by_key, BTreeMap::from(expected));
}

#[tokio::test]
async fn key_shared_has_several_keys_under_way() {
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    let connector = rig.http(&topic).set("settings.format", "single").mapping("subscription_type", "Key-Shared");
    // One batch of the three, however slowly they come.
    let connector = connector.mapping("batch_size", 3).mapping("flush_interval_ms", 60_000);
    let host = rig.run(std::slice::from_ref(&connector)).await;
    rig.endpoint.hold();
    rig.publish(&topic, (0..3).map(|n| Message::from(format!(r#"{{"n":{n}}}"#)).key(&format!("key-{n}")))).await;
    rig.endpoint.until_requests(3).await;
    rig.endpoint.release();
    host.until_acknowledged(&connector, 3).await;
    assert_eq!(distinct_numbers(&rig.endpoint.records()), [0, 1, 2]);
}

#[tokio::test]
async fn partitions_are_numbered_and_each_counts_for_itself() {
    let rig = Rig::start().await;
    let topic = rig.partitioned(3).await;
    let _host = rig.run(&[rig.scripted(&topic)]).await;
    rig.publish(&topic, numbered(30)).await;
    let records = rig.endpoint.until_records(30).await;
    let place =
        |record: &serde_json::Value| (record["partition"].as_u64().unwrap(), record["offset"].as_u64().unwrap());
    let places: BTreeSet<_> = records.iter().map(place).collect();
    assert_eq!(places, (0..3).flat_map(|partition| (0..10).map(move |offset| (partition, offset))).collect());
    assert!(records.iter().all(|record| record["topic"] == topic.name()));
}

#[tokio::test]
async fn what_belongs_to_a_record_comes_along() {
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    let _host = rig.run(&[rig.scripted(&topic)]).await;
    let begun = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let message = Message::from(r#"{"n":1.10}"#).key("customer-7").attribute("region", "eu").attribute("a", "ü");
    rig.publish(&topic, [message]).await;
    let record = rig.endpoint.until_records(1).await.remove(0);
    assert_eq!((&record["offset"], &record["partition"]), (&0.into(), &serde_json::Value::Null));
    assert_eq!(record["attributes"], serde_json::json!({ "a": "ü", "region": "eu" }));
    assert_eq!(record["routing_key"], "customer-7");
    assert!(rig.endpoint.requests()[0].text().contains(r#""payload":{"n":1.10}"#), "digits are kept");
    // The client stamps whole milliseconds; in microseconds the number of an hour later is not reached yet.
    let published = record["publish_time"].as_u64().map(Duration::from_micros).unwrap();
    let (earliest, latest) = (begun - Duration::from_millis(1), begun + Duration::from_secs(3600));
    assert!((earliest..latest).contains(&published), "{published:?} is not about {begun:?}");
}

#[tokio::test]
async fn two_topics_of_one_connector_do_not_wait_for_each_other() {
    let rig = Rig::start().await;
    let (slow, quick) = (rig.topic().await, rig.topic().await);
    let connector = rig.http(&slow).consume(&quick).set("settings.envelope", true);
    let _host = rig.run(&[connector]).await;
    rig.endpoint.hold();
    rig.publish(&slow, numbered(1)).await;
    rig.endpoint.until_requests(1).await;
    rig.publish(&quick, numbered(1)).await;
    rig.endpoint.until_requests(2).await;
    rig.endpoint.release();
    let topics = rig.endpoint.until_records(2).await.into_iter().map(|record| record["topic"].to_string());
    assert_eq!(topics.collect::<BTreeSet<_>>().len(), 2);
}

#[tokio::test]
async fn a_record_is_acknowledged_only_after_the_endpoint_has_answered() {
    let Some(rig) = Rig::in_memory("it looks into the broker").await else { return };
    let topic = rig.topic().await;
    let _host = rig.run(&[rig.http(&topic)]).await;
    rig.endpoint.hold();
    rig.publish(&topic, numbered(5)).await;
    rig.endpoint.until_requests(1).await;
    let held = rig.subscription(topic.name());
    assert_eq!((held.acked, held.awaiting + usize::try_from(held.pending).unwrap()), (0, 5));
    rig.endpoint.release();
    rig.until_acknowledged(&topic, 5).await;
    let done = rig.subscription(topic.name());
    assert_eq!((done.cursor, done.redeliveries, done.late_acks), (Some(4), 0, 0));
}
