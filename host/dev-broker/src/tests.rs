//! The broker over real gRPC: with danube-client as published, and call by call.

use std::{fmt::Debug, future::Future, time::Duration};

use danube_client::{Consumer, DanubeClient, Producer, SubType};
use danube_core::message::StreamMessage;
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};

use crate::{DevBroker, DevBrokerConfig, FailurePolicy, SubscriptionStats};

mod admin;
mod client;
mod faults;
mod rules;
mod schema;
mod secure;
mod wire;

/// Far longer than anything takes that works.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for something that must happen.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(PATIENCE, what).await.expect("it did not happen in a minute")
}

/// Waits until a condition holds.
async fn until(mut condition: impl FnMut() -> bool) {
    soon(async {
        while !condition() {
            sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

/// Short times, so that tests that wait for a retry do not wait for long.
fn quick() -> DevBrokerConfig {
    let policy = FailurePolicy {
        base_redelivery_delay: Duration::from_millis(1),
        max_redelivery_delay: Duration::from_millis(50),
        ..FailurePolicy::default()
    };
    DevBrokerConfig { tick: Duration::from_millis(2), failure_policy: policy, ..DevBrokerConfig::default() }
}

async fn start(config: DevBrokerConfig) -> DevBroker {
    DevBroker::start(config).await.unwrap()
}

async fn connect(broker: &DevBroker) -> DanubeClient {
    DanubeClient::builder().service_url(broker.url()).build().await.unwrap()
}

async fn producer(client: &DanubeClient, topic: &str, partitions: Option<usize>) -> Producer {
    let builder = client.new_producer().with_topic(topic).with_name("producer").with_reliable_dispatch();
    let builder = match partitions {
        Some(count) => builder.with_partitions(count),
        None => builder,
    };
    let mut producer = builder.build().unwrap();
    soon(producer.create()).await.unwrap();
    producer
}

/// A consumer of the subscription `s`, and what it receives.
async fn consumer(
    client: &DanubeClient,
    topic: &str,
    name: &str,
    kind: SubType,
) -> (Consumer, mpsc::Receiver<StreamMessage>) {
    let builder = client.new_consumer().with_topic(topic).with_consumer_name(name).with_subscription("s");
    let mut consumer = builder.with_subscription_type(kind).build().unwrap();
    soon(consumer.subscribe()).await.unwrap();
    let records = soon(consumer.receive()).await.unwrap();
    (consumer, records)
}

async fn send(producer: &Producer, payloads: impl IntoIterator<Item = impl AsRef<[u8]>>) {
    for payload in payloads {
        soon(producer.send(payload.as_ref().to_vec(), None)).await.unwrap();
    }
}

/// The next record.
async fn next(records: &mut mpsc::Receiver<StreamMessage>) -> StreamMessage {
    soon(records.recv()).await.expect("the consumer died")
}

/// The subscription `s` of a topic.
fn subscription(broker: &DevBroker, topic: &str) -> SubscriptionStats {
    broker.topic(topic).expect("no such topic").subscriptions.remove("s").expect("no such subscription")
}

/// The text of an error of danube-client.
fn text(result: Result<impl Debug, impl Debug>) -> String {
    format!("{:?}", result.unwrap_err())
}
