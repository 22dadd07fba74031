//! A broker that goes away, breaks streams, loses acknowledgements and skips records.

use std::time::Duration;

use danube_dev_broker::{Call, DevBrokerConfig, FailurePolicy, Times};
use danube_wasm_tests::{
    rig::{Rig, quick},
    until,
};
use tonic::Status;

use super::numbered_from;
use crate::{distinct_numbers, numbered};

#[tokio::test]
async fn a_restart_of_the_broker_loses_nothing() {
    for kind in ["Shared", "Exclusive", "Failover"] {
        let Some(rig) = Rig::in_memory("it restarts the broker").await else { return };
        let topic = rig.topic().await;
        let connector = rig.http(&topic).mapping("subscription_type", kind);
        let host = rig.run(std::slice::from_ref(&connector)).await;
        rig.publish(&topic, numbered(20)).await;
        rig.endpoint.until_records(20).await;
        let before = rig.endpoint.requests().len();
        rig.endpoint.hold();
        rig.publish(&topic, numbered_from(20, 20)).await;
        rig.endpoint.until_requests(before + 1).await;
        rig.dev().restart(Duration::from_millis(300)).await.unwrap();
        rig.endpoint.release();
        let topic = rig.reopened(topic).await;
        rig.publish(&topic, numbered_from(40, 20)).await;
        assert_eq!(distinct_numbers(&rig.endpoint.until_records(60).await), Vec::from_iter(0..60), "{kind}");
        host.until_ready().await;
        until("all acknowledgements", || rig.subscription(topic.name()).cursor == Some(59)).await;
    }
}

#[tokio::test]
async fn a_broker_that_is_not_there_yet_is_waited_for() {
    let Some(rig) = Rig::in_memory("it stops the broker").await else { return };
    let topic = rig.topic().await;
    let connector = rig.http(&topic);
    rig.dev().stop().await;
    let host = rig.start_host(std::slice::from_ref(&connector)).await;
    host.until_reported(&connector, topic.name()).await;
    assert!(!host.report(connector.name()).ready);
    rig.dev().resume().await.unwrap();
    host.until_ready().await;
    let topic = rig.reopened(topic).await;
    rig.publish(&topic, numbered(3)).await;
    assert_eq!(distinct_numbers(&rig.endpoint.until_records(3).await), [0, 1, 2]);
}

#[tokio::test]
async fn streams_that_end_are_opened_again() {
    let Some(rig) = Rig::in_memory("it breaks streams").await else { return };
    let topic = rig.partitioned(2).await;
    let connector = rig.http(&topic);
    let host = rig.run(std::slice::from_ref(&connector)).await;
    for round in 1..=3 {
        rig.publish(&topic, numbered_from(round * 10 - 10, 10)).await;
        // Records of both partitions have come, so both streams are open.
        let records = rig.endpoint.until_records(round * 10).await;
        assert_eq!(distinct_numbers(&records), Vec::from_iter(0..round as u64 * 10));
        assert_eq!(rig.dev().faults().drop_streams(topic.name(), None), 2);
        let losses = || host.count("danube_wasm_stream_losses_total", connector.name());
        until("both losses to be seen", || losses() >= (2 * round) as f64).await;
    }
    host.until_ready().await;
}

#[tokio::test]
async fn connections_that_break_are_made_again() {
    let Some(rig) = Rig::in_memory("it breaks connections").await else { return };
    let topic = rig.topic().await;
    let _host = rig.run(&[rig.http(&topic)]).await;
    rig.publish(&topic, numbered(10)).await;
    assert!(rig.dev().faults().close_connections() > 0);
    let topic = rig.reopened(topic).await;
    rig.publish(&topic, numbered_from(10, 10)).await;
    assert_eq!(distinct_numbers(&rig.endpoint.until_records(20).await), Vec::from_iter(0..20));
}

#[tokio::test]
async fn an_acknowledgement_that_is_refused_is_sent_again() {
    let Some(rig) = Rig::in_memory("it refuses acknowledgements").await else { return };
    let topic = rig.topic().await;
    let _host = rig.run(&[rig.http(&topic)]).await;
    rig.dev().faults().refuse(Call::Ack, Status::unavailable("not now"), Times::Next(3));
    rig.publish(&topic, numbered(5)).await;
    rig.until_acknowledged(&topic, 5).await;
    assert_eq!(rig.endpoint.records().len(), 5, "nothing is written twice for that");
}

#[tokio::test]
async fn an_acknowledgement_that_is_lost_is_sent_again_when_the_record_comes_again() {
    let failure_policy = FailurePolicy { ack_timeout: Duration::from_secs(5), ..quick().failure_policy };
    let config = DevBrokerConfig { failure_policy, ..quick() };
    let Some(rig) = Rig::in_memory_with("it loses acknowledgements", config).await else { return };
    let topic = rig.topic().await;
    let connector = rig.http(&topic).set("broker.ack_timeout", "5s").set("limits.call_timeout", "3s");
    let host = rig.run(std::slice::from_ref(&connector)).await;
    rig.dev().faults().lose_acks(2);
    rig.publish(&topic, numbered(5)).await;
    rig.until_acknowledged(&topic, 5).await;
    assert_eq!(rig.endpoint.records().len(), 5, "nothing is written twice for that");
    assert_eq!(host.count("danube_wasm_messages_redelivered_total", connector.name()), 2.0);
}

#[tokio::test]
async fn records_that_the_broker_passes_over_are_counted() {
    let Some(rig) = Rig::in_memory("it has the broker skip records").await else { return };
    let topic = rig.topic().await;
    let connector = rig.http(&topic).mapping("subscription_type", "Exclusive");
    let host = rig.run(std::slice::from_ref(&connector)).await;
    rig.publish(&topic, numbered(5)).await;
    rig.endpoint.until_records(5).await;
    assert!(rig.dev().faults().lag_skip(topic.name(), &topic.subscription(), 3));
    rig.publish(&topic, numbered_from(5, 5)).await;
    assert_eq!(distinct_numbers(&rig.endpoint.until_records(7).await), [0, 1, 2, 3, 4, 8, 9]);
    assert_eq!(host.count("danube_wasm_offsets_missing_total", connector.name()), 3.0);
}

#[tokio::test]
async fn a_registry_that_is_away_makes_records_wait() {
    let Some(rig) = Rig::in_memory("it refuses calls of the registry").await else { return };
    let topic = rig.topic_with_schema(danube_client::SchemaType::JsonSchema, "{}").await;
    let connector = rig.http(&topic);
    let host = rig.run(std::slice::from_ref(&connector)).await;
    rig.dev().faults().refuse(Call::Registry, Status::unavailable("not now"), Times::Next(3));
    rig.publish(&topic, numbered(3)).await;
    host.until_acknowledged(&connector, 3).await;
    assert_eq!(distinct_numbers(&rig.endpoint.records()), [0, 1, 2]);
}
