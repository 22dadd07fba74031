//! Every fault, seen through danube-client and from inside.

use std::time::Duration;

use danube_client::SubType;
use tonic::Status;

use super::{connect, consumer, next, producer, quick, send, soon, start, subscription, text, until};
use crate::{Call, FailurePolicy, Observed, Times};

const TOPIC: &str = "/default/orders";

#[tokio::test]
async fn refused_calls_are_answered_with_the_given_status() {
    let broker = start(quick()).await;
    let client = connect(&broker).await;
    let faults = broker.faults();
    faults.refuse(Call::CreateProducer, Status::permission_denied("not you"), Times::Next(1));
    let mut refused = client.new_producer().with_topic(TOPIC).with_name("p").build().unwrap();
    assert!(text(soon(refused.create()).await).contains("not you"));
    let producer = producer(&client, TOPIC, None).await;
    faults.refuse(Call::Subscribe, Status::resource_exhausted("full"), Times::Next(2));
    let (mut consumer, mut records) = consumer(&client, TOPIC, "c", SubType::Shared).await;
    faults.refuse(Call::SendMessage, Status::internal("no disk"), Times::Next(1));
    assert!(text(soon(producer.send(vec![], None)).await).contains("no disk"));
    send(&producer, ["x"]).await;
    let record = next(&mut records).await;
    faults.refuse(Call::Ack, Status::internal("no ack"), Times::UntilCleared);
    for _ in 0..3 {
        assert!(text(soon(consumer.ack(&record)).await).contains("no ack"));
    }
    assert_eq!(broker.topic(TOPIC).map(|topic| topic.acks_received), Some(0));
    faults.clear();
    soon(consumer.ack(&record)).await.unwrap();
    assert_eq!(subscription(&broker, TOPIC).acked, 1);
}

#[tokio::test]
async fn the_registry_can_be_out_of_order() {
    let broker = start(quick()).await;
    let client = connect(&broker).await;
    broker.faults().refuse(Call::Registry, Status::unavailable("down"), Times::Next(1));
    assert!(text(soon(client.schema().get_latest_schema("x")).await).contains("down"));
    assert!(text(soon(client.schema().get_latest_schema("x")).await).contains("Schema not found"));
}

#[tokio::test]
async fn lost_acks_are_answered_and_the_record_comes_again() {
    let failure_policy = FailurePolicy { ack_timeout: Duration::from_millis(20), ..quick().failure_policy };
    let broker = start(crate::DevBrokerConfig { failure_policy, ..quick() }).await;
    let client = connect(&broker).await;
    let producer = producer(&client, TOPIC, None).await;
    let (mut consumer, mut records) = consumer(&client, TOPIC, "c", SubType::Shared).await;
    broker.faults().lose_acks(1);
    send(&producer, ["x"]).await;
    let record = next(&mut records).await;
    soon(consumer.ack(&record)).await.unwrap();
    let again = next(&mut records).await;
    assert_eq!(again.msg_id, record.msg_id);
    assert_eq!(broker.topic(TOPIC).map(|topic| topic.acks_received), Some(0));
}

#[tokio::test]
async fn an_observer_sees_records_before_they_are_sent_and_acks_before_they_are_lost() {
    let broker = start(quick()).await;
    let client = connect(&broker).await;
    let producer = producer(&client, TOPIC, None).await;
    let (mut consumer, mut records) = consumer(&client, TOPIC, "c", SubType::Shared).await;
    let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let notes = seen.clone();
    broker.observe(move |observed| {
        let note = match observed {
            Observed::Published { topic, record } => format!("{topic} {:?}", record.payload),
            Observed::Acknowledging { topic, subscription, offset } => format!("{topic} {subscription} {offset}"),
        };
        notes.lock().unwrap().push(note);
    });
    broker.faults().lose_acks(1);
    send(&producer, ["x"]).await;
    let record = next(&mut records).await;
    soon(consumer.ack(&record)).await.unwrap();
    assert_eq!(*seen.lock().unwrap(), [format!("{TOPIC} b\"x\""), format!("{TOPIC} s 0")]);
}

#[tokio::test]
async fn while_an_ack_is_delayed_the_record_comes_again() {
    let failure_policy = FailurePolicy { ack_timeout: Duration::from_millis(20), ..quick().failure_policy };
    let broker = start(crate::DevBrokerConfig { failure_policy, ..quick() }).await;
    let client = connect(&broker).await;
    let producer = producer(&client, TOPIC, None).await;
    let (mut consumer, mut records) = consumer(&client, TOPIC, "c", SubType::Shared).await;
    send(&producer, ["x"]).await;
    let record = next(&mut records).await;
    broker.faults().delay_acks(Duration::from_secs(3600));
    let ack = tokio::spawn(async move { consumer.ack(&record).await });
    next(&mut records).await;
    assert!(!ack.is_finished());
    assert_eq!(broker.topic(TOPIC).map(|topic| topic.acks_received), Some(0));
    ack.abort();
}

#[tokio::test]
async fn dropped_streams_give_their_records_back() {
    let broker = start(quick()).await;
    let client = connect(&broker).await;
    let producer = producer(&client, TOPIC, Some(2)).await;
    let (_consumer, mut records) = consumer(&client, TOPIC, "c", SubType::Shared).await;
    send(&producer, ["0", "1"]).await;
    for _ in 0..2 {
        next(&mut records).await;
    }
    assert_eq!(broker.faults().drop_streams("/default/orders-part-0", Some("s")), 1);
    let again = next(&mut records).await;
    assert_eq!(again.msg_id.topic_name, "/default/orders-part-0");
    assert_eq!(broker.faults().drop_streams(TOPIC, Some("another")), 0);
    assert_eq!(broker.faults().drop_streams(TOPIC, None), 2);
    for _ in 0..2 {
        next(&mut records).await;
    }
}

#[tokio::test]
async fn closed_connections_are_made_anew() {
    let broker = start(quick()).await;
    let client = connect(&broker).await;
    let producer = producer(&client, TOPIC, None).await;
    let (mut consumer, mut records) = consumer(&client, TOPIC, "c", SubType::Exclusive).await;
    send(&producer, ["0"]).await;
    let record = next(&mut records).await;
    assert!(broker.faults().close_connections() > 0);
    let again = next(&mut records).await;
    assert_eq!(again.msg_id, record.msg_id);
    soon(consumer.ack(&again)).await.unwrap();
    until(|| subscription(&broker, TOPIC).acked == 1).await;
}

#[tokio::test]
async fn skipped_records_leave_a_gap_in_the_offsets() {
    let broker = start(quick()).await;
    let client = connect(&broker).await;
    let producer = producer(&client, TOPIC, None).await;
    let (mut consumer, mut records) = consumer(&client, TOPIC, "c", SubType::Exclusive).await;
    send(&producer, ["0"]).await;
    let record = next(&mut records).await;
    soon(consumer.ack(&record)).await.unwrap();
    assert!(broker.faults().lag_skip(TOPIC, "s", 3));
    assert!(!broker.faults().lag_skip(TOPIC, "none", 3));
    send(&producer, (1..6).map(|n| n.to_string())).await;
    assert_eq!(next(&mut records).await.msg_id.topic_offset, 4);
    assert_eq!(subscription(&broker, TOPIC).lost, 3);
}
