//! The rules that hosts must live with, as they show on the wire. With `DANUBE_SERVICE_URL` and `DANUBE_ADMIN_URL` in the
//! environment, the same tests say whether a real broker (0.15.1, standalone) still has them.

use std::collections::BTreeMap;

use danube_core::{
    admin_proto::{
        SetSubscriptionDispatchConfigRequest, SubscriptionDispatchConfig, SubscriptionFailurePolicy,
        SubscriptionPoisonPolicy,
    },
    proto::{consumer_request::SubscriptionType, health_check_response::ClientStatus},
};
use tokio::time::Instant;
use tonic::Code;

use super::{
    subscription,
    wire::{Wire, short_policy},
};

#[tokio::test]
async fn a_record_is_sent_once_more_than_the_redelivery_count_then_blocks_and_late_acks_do_not_help() {
    let wire = Wire::open().await;
    for kind in [SubscriptionType::Exclusive, SubscriptionType::Shared] {
        let topic = Wire::name("attempts");
        wire.create(&topic).await.unwrap();
        wire.set_policy(&topic, short_policy()).await;
        let mut records = wire.consume(&topic, "c", kind).await;
        wire.publish(&topic, 1).await;
        assert_eq!(records.take(2).await, [0, 0]);
        records.nothing().await;
        wire.ack(&topic, 0).await;
        wire.nack(&topic, 0).await;
        wire.publish(&topic, 1).await;
        records.nothing().await;
        drop(records);
        let mut records = wire.consume(&topic, "c", kind).await;
        records.nothing().await;
    }
}

#[tokio::test]
async fn a_failure_policy_counts_only_before_the_first_subscribe() {
    let wire = Wire::open().await;
    let topic = Wire::name("policy");
    wire.create(&topic).await.unwrap();
    let mut records = wire.consume(&topic, "c", SubscriptionType::Shared).await;
    wire.set_policy(&topic, short_policy()).await;
    wire.publish(&topic, 1).await;
    assert_eq!(records.next().await, 0);
    records.nothing().await;
}

#[tokio::test]
async fn the_window_is_ten_whatever_the_dispatch_config_says() {
    let wire = Wire::open().await;
    let topic = Wire::name("window");
    wire.create(&topic).await.unwrap();
    let dispatch_config = Some(SubscriptionDispatchConfig { max_unacked_messages: 50 });
    let subscription = "s".to_owned();
    let request = SetSubscriptionDispatchConfigRequest { topic: topic.clone(), subscription, dispatch_config };
    assert!(wire.topic_admin().set_subscription_dispatch_config(request).await.unwrap().into_inner().success);
    let mut records = wire.consume(&topic, "c", SubscriptionType::Shared).await;
    wire.publish(&topic, 30).await;
    assert_eq!(records.take(10).await, (0..10).collect::<Vec<_>>());
    records.nothing().await;
    wire.ack(&topic, 4).await;
    assert_eq!(records.next().await, 10);
    records.nothing().await;
}

#[tokio::test]
async fn a_new_subscription_starts_at_the_latest_record() {
    let wire = Wire::open().await;
    let topic = Wire::name("latest");
    wire.publish(&topic, 3).await;
    let mut records = wire.consume(&topic, "c", SubscriptionType::Exclusive).await;
    wire.publish(&topic, 1).await;
    assert_eq!(records.next().await, 3);
}

#[tokio::test]
async fn an_exclusive_subscription_takes_no_second_name_even_when_the_first_is_gone() {
    let wire = Wire::open().await;
    let topic = Wire::name("exclusive");
    wire.create(&topic).await.unwrap();
    let first = wire.subscribe(&topic, "first", SubscriptionType::Exclusive).await.unwrap();
    let records = wire.receive(first).await;
    assert_eq!(wire.health(first).await, ClientStatus::Ok);
    drop(records);
    wire.until_gone(first).await;
    let refused = wire.subscribe(&topic, "second", SubscriptionType::Exclusive).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert_eq!(wire.subscribe(&topic, "first", SubscriptionType::Exclusive).await.unwrap(), first);
    assert_eq!(wire.health(first).await, ClientStatus::Ok);
}

#[tokio::test]
async fn the_same_name_takes_over_and_gets_what_was_unanswered() {
    let wire = Wire::open().await;
    let topic = Wire::name("takeover");
    wire.create(&topic).await.unwrap();
    let first = wire.subscribe(&topic, "c", SubscriptionType::Shared).await.unwrap();
    let mut before = wire.receive(first).await;
    wire.publish(&topic, 3).await;
    assert_eq!(before.take(3).await, [0, 1, 2]);
    assert_eq!(wire.subscribe(&topic, "c", SubscriptionType::Shared).await.unwrap(), first);
    before.end().await;
    let mut after = wire.receive(first).await;
    assert_eq!(after.take(3).await, [0, 1, 2]);
}

#[tokio::test]
async fn while_nobody_is_connected_no_sends_are_used_up() {
    let wire = Wire::open().await;
    let topic = Wire::name("away");
    wire.create(&topic).await.unwrap();
    wire.set_policy(&topic, SubscriptionFailurePolicy { ack_timeout_ms: 60_000, ..short_policy() }).await;
    let id = wire.subscribe(&topic, "c", SubscriptionType::Shared).await.unwrap();
    let mut records = wire.receive(id).await;
    wire.publish(&topic, 2).await;
    assert_eq!(records.take(2).await, [0, 1]);
    drop(records);
    wire.until_gone(id).await;
    tokio::time::sleep(wire.too_long).await;
    let mut records = wire.consume(&topic, "c", SubscriptionType::Shared).await;
    assert_eq!(records.take(2).await, [0, 1]);
    wire.ack(&topic, 0).await;
    wire.ack(&topic, 1).await;
    wire.publish(&topic, 1).await;
    assert_eq!(records.next().await, 2);
}

#[tokio::test]
async fn failover_does_not_fail_over() {
    let wire = Wire::open().await;
    let topic = Wire::name("failover");
    wire.create(&topic).await.unwrap();
    let first = wire.subscribe(&topic, "first", SubscriptionType::Failover).await.unwrap();
    let mut active = wire.receive(first).await;
    let mut standby = wire.consume(&topic, "second", SubscriptionType::Failover).await;
    wire.publish(&topic, 1).await;
    assert_eq!(active.next().await, 0);
    drop(active);
    wire.until_gone(first).await;
    wire.publish(&topic, 1).await;
    standby.nothing().await;
    let mut active = wire.consume(&topic, "first", SubscriptionType::Failover).await;
    assert_eq!(active.take(2).await, [0, 1]);
}

#[tokio::test]
async fn a_given_up_record_becomes_a_dead_letter_that_says_where_it_comes_from() {
    let wire = Wire::open().await;
    let (topic, dead) = (Wire::name("source"), Wire::name("dead"));
    wire.create(&topic).await.unwrap();
    wire.create(&dead).await.unwrap();
    let policy = SubscriptionFailurePolicy {
        ack_timeout_ms: 60_000,
        poison_policy: SubscriptionPoisonPolicy::DeadLetter.into(),
        dead_letter_topic: Some(dead.clone()),
        ..short_policy()
    };
    wire.set_policy(&topic, policy).await;
    let mut records = wire.consume(&topic, "c", SubscriptionType::Shared).await;
    let mut letters = wire.consume(&dead, "c", SubscriptionType::Shared).await;
    wire.publish(&topic, 1).await;
    let original = records.message().await;
    wire.nack(&topic, 0).await;
    assert_eq!(records.next().await, 0);
    wire.nack(&topic, 0).await;
    let letter = letters.message().await;
    let producer_id = original.msg_id.unwrap().producer_id.to_string();
    let expected = [
        ("x-original-topic", topic.as_str()),
        ("x-original-subscription", "s"),
        ("x-original-topic-offset", "0"),
        ("x-original-producer-id", producer_id.as_str()),
        ("x-original-broker-addr", ""),
        ("x-poison-policy", "dead_letter"),
        ("x-delivery-attempt", "2"),
        ("x-failure-reason", "because"),
    ];
    let attributes: BTreeMap<&str, &str> =
        letter.attributes.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(attributes, BTreeMap::from(expected));
    assert_eq!((letter.payload.as_ref(), letter.routing_key), (b"0".as_slice(), None));
    wire.publish(&topic, 1).await;
    assert_eq!(records.next().await, 1, "the slot is free again");
}

#[tokio::test]
async fn names_that_begin_alike_are_taken_for_partitions() {
    let wire = Wire::open().await;
    let base = Wire::name("base");
    let names = [format!("{base}-dlq"), format!("{base}-part-0"), format!("{base}-part-1")];
    for name in &names {
        wire.create(name).await.unwrap();
    }
    assert_eq!(wire.partitions(&base).await, names);
    assert_eq!(wire.partitions(&names[1]).await, [names[1].clone()]);
    assert_eq!(wire.create(&base).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(wire.producer(&base).await.unwrap_err().code(), Code::AlreadyExists);
    assert_eq!(wire.subscribe(&base, "c", SubscriptionType::Shared).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn key_shared_has_at_most_one_record_of_a_key_outstanding() {
    let wire = Wire::open().await;
    let topic = Wire::name("key");
    let producer = wire.producer(&topic).await.unwrap();
    let mut records = wire.consume(&topic, "c", SubscriptionType::KeyShared).await;
    for key in ["a", "a", "b"] {
        wire.send(&topic, producer, key).await;
    }
    assert_eq!(records.take(2).await, [0, 2]);
    wire.ack(&topic, 0).await;
    assert_eq!(records.next().await, 1);
}

#[tokio::test]
async fn key_shared_loses_the_records_and_the_name_of_a_consumer_that_stays_away() {
    let wire = Wire::open().await;
    let topic = Wire::name("evicted");
    let producer = wire.producer(&topic).await.unwrap();
    let id = wire.subscribe(&topic, "gone", SubscriptionType::KeyShared).await.unwrap();
    let mut records = wire.receive(id).await;
    wire.send(&topic, producer, "first").await;
    assert_eq!(records.next().await, 0);
    drop(records);
    wire.until_gone(id).await;
    // A real broker looks at absent consumers only while there is traffic.
    let away = Instant::now();
    while away.elapsed() < wire.too_long || wire.ours.as_ref().is_some_and(|it| subscription(it, &topic).lost == 0) {
        wire.send(&topic, producer, "meanwhile").await;
        tokio::time::sleep(wire.too_long / 20).await;
    }
    let mut back = wire.consume(&topic, "gone", SubscriptionType::KeyShared).await;
    wire.send(&topic, producer, "later").await;
    back.nothing().await;
    let mut fresh = wire.consume(&topic, "fresh", SubscriptionType::KeyShared).await;
    wire.send(&topic, producer, "at last").await;
    assert_ne!(fresh.next().await, 0, "the record that was unanswered is lost");
}
