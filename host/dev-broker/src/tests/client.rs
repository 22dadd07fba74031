//! danube-client as published: producing, consuming, every subscription type, partitions, restarts.

use std::{collections::BTreeSet, time::Duration};

use danube_client::SubType;

use super::{connect, consumer, next, producer, quick, send, soon, start, subscription, text, until};

const TOPIC: &str = "/default/orders";

#[tokio::test]
async fn records_arrive_as_sent_and_in_order() {
    let broker = start(quick()).await;
    let client = connect(&broker).await;
    let producer = producer(&client, TOPIC, None).await;
    let (mut consumer, mut records) = consumer(&client, TOPIC, "c", SubType::Exclusive).await;
    let attributes = [("a".to_owned(), "b".to_owned())].into();
    soon(producer.send_with_key(b"0".to_vec(), Some(attributes), "key")).await.unwrap();
    send(&producer, (1..50).map(|n| n.to_string())).await;
    for offset in 0..50 {
        let record = next(&mut records).await;
        assert_eq!(record.payload, offset.to_string());
        assert_eq!((record.msg_id.topic_offset, record.msg_id.topic_name.as_str()), (offset, TOPIC));
        assert_eq!(record.msg_id.broker_addr, format!("{}/", broker.url()));
        if offset == 0 {
            assert_eq!((record.attributes["a"].as_str(), record.routing_key.as_deref()), ("b", Some("key")));
            assert_eq!((record.producer_name.as_str(), record.subscription_name.as_deref()), ("producer", Some("")));
        }
        soon(consumer.ack(&record)).await.unwrap();
    }
    let stats = subscription(&broker, TOPIC);
    assert_eq!((stats.acked, stats.sends, stats.cursor), (50, 50, Some(49)));
    assert_eq!(broker.topic(TOPIC).map(|topic| (topic.published, topic.acks_received)), Some((50, 50)));
}

#[tokio::test]
async fn a_new_subscription_starts_at_the_latest_record() {
    let broker = start(quick()).await;
    let client = connect(&broker).await;
    let producer = producer(&client, TOPIC, None).await;
    send(&producer, ["before"]).await;
    let (_consumer, mut records) = consumer(&client, TOPIC, "c", SubType::Shared).await;
    send(&producer, ["after"]).await;
    assert_eq!(next(&mut records).await.payload, "after");
}

#[tokio::test]
async fn subscribing_to_a_topic_that_does_not_exist_is_refused() {
    let broker = start(quick()).await;
    let client = connect(&broker).await;
    let builder = client.new_consumer().with_topic(TOPIC).with_consumer_name("c").with_subscription("s");
    let mut consumer = builder.build().unwrap();
    assert!(text(soon(consumer.subscribe()).await).contains("No topics found"));
}

#[tokio::test]
async fn partitions_are_topics_that_one_consumer_reads_together() {
    let broker = start(quick()).await;
    let client = connect(&broker).await;
    let producer = producer(&client, TOPIC, Some(3)).await;
    let partitions = [0, 1, 2].map(|n| format!("{TOPIC}-part-{n}"));
    assert_eq!(broker.topics(), partitions);
    let (mut consumer, mut records) = consumer(&client, TOPIC, "c", SubType::Exclusive).await;
    send(&producer, (0..30).map(|n| n.to_string())).await;
    let mut seen = BTreeSet::new();
    for _ in 0..30 {
        let record = next(&mut records).await;
        seen.insert(record.msg_id.topic_name.clone());
        soon(consumer.ack(&record)).await.unwrap();
    }
    assert_eq!(seen, BTreeSet::from(partitions.clone()));
    assert_eq!(partitions.map(|name| subscription(&broker, &name).cursor), [Some(9); 3]);
}

#[tokio::test]
async fn shared_consumers_divide_the_records() {
    let broker = start(quick()).await;
    let client = connect(&broker).await;
    let producer = producer(&client, TOPIC, None).await;
    let (_one, mut first) = consumer(&client, TOPIC, "one", SubType::Shared).await;
    let (_two, mut second) = consumer(&client, TOPIC, "two", SubType::Shared).await;
    send(&producer, (0..10).map(|n| n.to_string())).await;
    for _ in 0..5 {
        next(&mut first).await;
        next(&mut second).await;
    }
    assert_eq!(subscription(&broker, TOPIC).sends, 10);
}

#[tokio::test]
async fn key_shared_consumers_get_whole_keys() {
    let broker = start(quick()).await;
    let client = connect(&broker).await;
    let producer = producer(&client, TOPIC, None).await;
    let consume = async |name: &str, filter: &str| {
        let builder = client.new_consumer().with_topic(TOPIC).with_consumer_name(name).with_subscription("s");
        let mut consumer = builder.with_subscription_type(SubType::KeyShared).with_key_filter(filter).build().unwrap();
        soon(consumer.subscribe()).await.unwrap();
        let records = soon(consumer.receive()).await.unwrap();
        (consumer, records)
    };
    let (mut users, mut user_records) = consume("users", "user-*").await;
    let (mut orders, mut order_records) = consume("orders", "order-?").await;
    for n in 0..10 {
        soon(producer.send_with_key(n.to_string().into(), None, "user-1")).await.unwrap();
        soon(producer.send_with_key(n.to_string().into(), None, "order-1")).await.unwrap();
    }
    for n in 0..10 {
        let user = next(&mut user_records).await;
        let order = next(&mut order_records).await;
        assert_eq!([user.payload.as_ref(), order.payload.as_ref()], [n.to_string().as_bytes(); 2]);
        soon(users.ack(&user)).await.unwrap();
        soon(orders.ack(&order)).await.unwrap();
    }
}

#[tokio::test]
async fn a_nacked_record_comes_again() {
    let broker = start(quick()).await;
    let client = connect(&broker).await;
    let producer = producer(&client, TOPIC, None).await;
    let (mut consumer, mut records) = consumer(&client, TOPIC, "c", SubType::Shared).await;
    send(&producer, ["x"]).await;
    let first = next(&mut records).await;
    soon(consumer.nack(&first, None, Some("not now".to_owned()))).await.unwrap();
    let again = next(&mut records).await;
    assert_eq!(again.msg_id, first.msg_id);
    soon(consumer.ack(&again)).await.unwrap();
    let stats = subscription(&broker, TOPIC);
    assert_eq!((stats.sends, stats.redeliveries, stats.nacks, stats.acked), (2, 1, 1, 1));
}

#[tokio::test]
async fn unanswered_records_wait_for_the_consumer_to_come_back() {
    let broker = start(quick()).await;
    let client = connect(&broker).await;
    let producer = producer(&client, TOPIC, None).await;
    let (mut first, mut records) = consumer(&client, TOPIC, "c", SubType::Exclusive).await;
    send(&producer, ["0", "1", "2"]).await;
    let record = next(&mut records).await;
    soon(first.ack(&record)).await.unwrap();
    soon(first.close()).await;
    drop((first, records));
    until(|| subscription(&broker, TOPIC).consumers.iter().all(|consumer| !consumer.connected)).await;
    send(&producer, ["3"]).await;
    assert_eq!(subscription(&broker, TOPIC).sends, 3);
    let (_again, mut records) = consumer(&client, TOPIC, "c", SubType::Exclusive).await;
    for offset in 1..4 {
        assert_eq!(next(&mut records).await.msg_id.topic_offset, offset);
    }
}

#[tokio::test]
async fn a_subscription_goes_on_after_a_restart_where_it_was_acknowledged() {
    let broker = start(quick()).await;
    let client = connect(&broker).await;
    let before = producer(&client, TOPIC, None).await;
    let (mut first, mut records) = consumer(&client, TOPIC, "c", SubType::Exclusive).await;
    send(&before, ["0", "1", "2"]).await;
    let record = next(&mut records).await;
    soon(first.ack(&record)).await.unwrap();
    soon(first.close()).await;
    soon(broker.restart(Duration::from_millis(20))).await.unwrap();
    assert!(broker.topic(TOPIC).is_some_and(|topic| topic.subscriptions.is_empty() && topic.producers.is_empty()));
    let client = connect(&broker).await;
    let (_second, mut records) = consumer(&client, TOPIC, "another name", SubType::Exclusive).await;
    let after = producer(&client, TOPIC, None).await;
    send(&after, ["3"]).await;
    for offset in 1..4 {
        assert_eq!(next(&mut records).await.msg_id.topic_offset, offset);
    }
}

#[tokio::test]
async fn a_non_reliable_topic_delivers_to_who_is_there() {
    let broker = start(quick()).await;
    let client = connect(&broker).await;
    let mut producer = client.new_producer().with_topic(TOPIC).with_name("p").build().unwrap();
    soon(producer.create()).await.unwrap();
    let (mut consumer, mut records) = consumer(&client, TOPIC, "c", SubType::Shared).await;
    until(|| subscription(&broker, TOPIC).consumers[0].streaming).await;
    send(&producer, ["x"]).await;
    let record = next(&mut records).await;
    assert_eq!((record.payload.as_ref(), record.msg_id.topic_offset), (b"x".as_slice(), 0));
    soon(consumer.ack(&record)).await.unwrap();
    assert_eq!(subscription(&broker, TOPIC).sends, 1);
}

#[tokio::test]
async fn the_broker_listens_on_loopback_only() {
    let config = crate::DevBrokerConfig { addr: ([0, 0, 0, 0], 0).into(), ..quick() };
    assert!(matches!(crate::DevBroker::start(config).await, Err(crate::Error::NotLoopback(_))));
    let config = crate::DevBrokerConfig { admin_addr: ([192, 168, 0, 1], 0).into(), ..quick() };
    assert!(matches!(crate::DevBroker::start(config).await, Err(crate::Error::NotLoopback(_))));
}

#[tokio::test]
async fn while_it_is_stopped_the_broker_answers_nobody() {
    let broker = start(quick()).await;
    let client = connect(&broker).await;
    producer(&client, TOPIC, None).await;
    soon(broker.stop()).await;
    let refused = danube_client::DanubeClient::builder().service_url(broker.url()).build().await.unwrap();
    let mut producer = refused.new_producer().with_topic(TOPIC).with_name("p").build().unwrap();
    assert!(soon(producer.create()).await.is_err());
    soon(broker.resume()).await.unwrap();
    super::producer(&connect(&broker).await, TOPIC, None).await;
    assert_eq!(broker.topics(), [TOPIC]);
}

#[tokio::test]
async fn a_broker_that_was_shut_down_is_gone() {
    let broker = start(quick()).await;
    let client = connect(&broker).await;
    let producer = producer(&client, TOPIC, None).await;
    let addr = broker.url().trim_start_matches("http://").to_owned();
    soon(broker.shutdown()).await;
    assert!(tokio::net::TcpStream::connect(addr).await.is_err());
    drop(producer);
}
