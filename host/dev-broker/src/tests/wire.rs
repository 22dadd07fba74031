//! The broker call by call, without danube-client in between: ours, or with `DANUBE_SERVICE_URL` and `DANUBE_ADMIN_URL`
//! in the environment a real one. Topics get names of their own, so that a real broker can be used again.

use std::time::Duration;

use danube_core::{
    admin_proto::{
        NewTopicRequest, SetSubscriptionFailurePolicyRequest, SubscriptionFailurePolicy, SubscriptionPoisonPolicy,
        topic_admin_client::TopicAdminClient,
    },
    proto::{
        AckRequest, ConsumerRequest, DispatchStrategy, HealthCheckRequest, MsgId, NackRequest, ProducerRequest,
        ReceiveRequest, StreamMessage, TopicLookupRequest, consumer_request::SubscriptionType,
        consumer_service_client::ConsumerServiceClient, discovery_client::DiscoveryClient,
        health_check_client::HealthCheckClient, health_check_response::ClientStatus,
        producer_service_client::ProducerServiceClient,
    },
};
use tokio::time::timeout;
use tonic::{Status, Streaming, transport::Channel};

use super::{quick, soon, start};
use crate::{DevBroker, DevBrokerConfig};

/// A broker under test.
pub(super) struct Wire {
    pub(super) channel: Channel,
    pub(super) admin: Channel,
    /// Ours, unless a real one is tested.
    pub(super) ours: Option<DevBroker>,
    /// How long to listen before nothing counts as nothing.
    quiet: Duration,
    /// How long a consumer must stay away to be away for too long.
    pub(super) too_long: Duration,
}

/// A failure policy of short times. A real broker looks at them every 500 ms only.
pub(super) fn short_policy() -> SubscriptionFailurePolicy {
    SubscriptionFailurePolicy {
        max_redelivery_count: 1,
        ack_timeout_ms: 100,
        base_redelivery_delay_ms: 10,
        max_redelivery_delay_ms: 20,
        backoff_strategy: 0,
        dead_letter_topic: None,
        poison_policy: SubscriptionPoisonPolicy::Block.into(),
    }
}

impl Wire {
    /// The broker to test.
    pub(super) async fn open() -> Self {
        #[expect(clippy::disallowed_methods, reason = "says which broker the tests are run against")]
        let real = std::env::var("DANUBE_SERVICE_URL").ok().zip(std::env::var("DANUBE_ADMIN_URL").ok());
        if let Some((url, admin_url)) = real {
            return Self::connect(&url, &admin_url, None).await;
        }
        let eviction = Some(Duration::from_millis(200));
        let broker = start(DevBrokerConfig { key_shared_eviction: eviction, ..quick() }).await;
        let (url, admin_url) = (broker.url().to_owned(), broker.admin_url().to_owned());
        Self::connect(&url, &admin_url, Some(broker)).await
    }

    async fn connect(url: &str, admin_url: &str, ours: Option<DevBroker>) -> Self {
        let channel = Channel::from_shared(url.to_owned()).unwrap().connect().await.unwrap();
        let admin = Channel::from_shared(admin_url.to_owned()).unwrap().connect().await.unwrap();
        let (quiet, too_long) = if ours.is_some() { (100, 500) } else { (1200, 6000) };
        Self { channel, admin, ours, quiet: Duration::from_millis(quiet), too_long: Duration::from_millis(too_long) }
    }

    /// A name that no other test has and that no other name begins with.
    pub(super) fn name(prefix: &str) -> String {
        format!("/default/{prefix}{:016x}", rand::random::<u64>())
    }

    pub(super) fn topic_admin(&self) -> TopicAdminClient<Channel> {
        TopicAdminClient::new(self.admin.clone())
    }

    pub(super) async fn create(&self, name: &str) -> Result<(), Status> {
        let dispatch_strategy = DispatchStrategy::Reliable.into();
        let request = NewTopicRequest { name: name.to_owned(), schema_subject: None, dispatch_strategy };
        soon(self.topic_admin().create_topic(request)).await.map(|_| ())
    }

    pub(super) async fn set_policy(&self, topic: &str, failure_policy: SubscriptionFailurePolicy) {
        let request = SetSubscriptionFailurePolicyRequest {
            topic: topic.to_owned(),
            subscription: "s".to_owned(),
            failure_policy: Some(failure_policy),
        };
        soon(self.topic_admin().set_subscription_failure_policy(request)).await.unwrap();
    }

    /// Registers a reliable producer.
    pub(super) async fn producer(&self, topic: &str) -> Result<u64, Status> {
        let request = ProducerRequest {
            producer_name: "p".to_owned(),
            topic_name: topic.to_owned(),
            dispatch_strategy: DispatchStrategy::Reliable.into(),
            ..ProducerRequest::default()
        };
        let response = soon(ProducerServiceClient::new(self.channel.clone()).create_producer(request)).await?;
        Ok(response.into_inner().producer_id)
    }

    pub(super) async fn send(&self, topic: &str, producer_id: u64, key: &str) {
        let message = StreamMessage {
            msg_id: Some(MsgId { producer_id, topic_name: topic.to_owned(), ..MsgId::default() }),
            payload: key.to_owned().into(),
            routing_key: Some(key.to_owned()),
            ..StreamMessage::default()
        };
        soon(ProducerServiceClient::new(self.channel.clone()).send_message(message)).await.unwrap();
    }

    /// Publishes records with keys of their own.
    pub(super) async fn publish(&self, topic: &str, count: u64) {
        let producer = self.producer(topic).await.unwrap();
        for n in 0..count {
            self.send(topic, producer, &n.to_string()).await;
        }
    }

    /// Subscribes to `s`; returns the id of the consumer.
    pub(super) async fn subscribe(&self, topic: &str, name: &str, kind: SubscriptionType) -> Result<u64, Status> {
        let request = ConsumerRequest {
            topic_name: topic.to_owned(),
            consumer_name: name.to_owned(),
            subscription: "s".to_owned(),
            subscription_type: kind.into(),
            ..ConsumerRequest::default()
        };
        let response = soon(ConsumerServiceClient::new(self.channel.clone()).subscribe(request)).await?;
        Ok(response.into_inner().consumer_id)
    }

    pub(super) async fn receive(&self, consumer_id: u64) -> Records {
        let request = ReceiveRequest { request_id: 0, consumer_id };
        let response = soon(ConsumerServiceClient::new(self.channel.clone()).receive_messages(request)).await.unwrap();
        Records { stream: response.into_inner(), quiet: self.quiet }
    }

    /// Subscribes and receives.
    pub(super) async fn consume(&self, topic: &str, name: &str, kind: SubscriptionType) -> Records {
        let id = self.subscribe(topic, name, kind).await.unwrap();
        self.receive(id).await
    }

    pub(super) async fn ack(&self, topic: &str, offset: u64) {
        let request = AckRequest { request_id: 0, msg_id: Some(id(topic, offset)), subscription_name: "s".to_owned() };
        soon(ConsumerServiceClient::new(self.channel.clone()).ack(request)).await.unwrap();
    }

    pub(super) async fn nack(&self, topic: &str, offset: u64) {
        let request = NackRequest {
            msg_id: Some(id(topic, offset)),
            subscription_name: "s".to_owned(),
            reason: Some("because".to_owned()),
            ..NackRequest::default()
        };
        soon(ConsumerServiceClient::new(self.channel.clone()).nack(request)).await.unwrap();
    }

    /// What the health check says about a consumer.
    pub(super) async fn health(&self, id: u64) -> ClientStatus {
        let request = HealthCheckRequest { request_id: 0, client: 1, id };
        let response = soon(HealthCheckClient::new(self.channel.clone()).health_check(request)).await.unwrap();
        response.into_inner().status()
    }

    /// Waits until the broker takes a consumer for gone.
    pub(super) async fn until_gone(&self, id: u64) {
        soon(async {
            while self.health(id).await == ClientStatus::Ok {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }

    pub(super) async fn partitions(&self, topic: &str) -> Vec<String> {
        let request = TopicLookupRequest { request_id: 0, topic: topic.to_owned() };
        let response = soon(DiscoveryClient::new(self.channel.clone()).topic_partitions(request)).await.unwrap();
        response.into_inner().partitions
    }
}

fn id(topic: &str, topic_offset: u64) -> MsgId {
    MsgId { topic_name: topic.to_owned(), topic_offset, ..MsgId::default() }
}

/// What one consumer receives.
pub(super) struct Records {
    stream: Streaming<StreamMessage>,
    quiet: Duration,
}

impl Records {
    /// The next message.
    pub(super) async fn message(&mut self) -> StreamMessage {
        soon(self.stream.message()).await.unwrap().expect("the stream ended")
    }

    /// The offset of the next message.
    pub(super) async fn next(&mut self) -> u64 {
        self.message().await.msg_id.unwrap().topic_offset
    }

    /// The offsets of the next messages, sorted.
    pub(super) async fn take(&mut self, count: usize) -> Vec<u64> {
        let mut offsets = vec![];
        for _ in 0..count {
            offsets.push(self.next().await);
        }
        offsets.sort_unstable();
        offsets
    }

    /// Fails if a message arrives. The second wait is for the broker's clock: where a busy machine wakes the test too late
    /// from the first, the broker in the same runtime may not have had its turn.
    pub(super) async fn nothing(&mut self) {
        for _ in 0..2 {
            if let Ok(arrived) = timeout(self.quiet, self.stream.message()).await {
                panic!("something arrived: {arrived:?}");
            }
        }
    }

    /// The stream ends in good order.
    pub(super) async fn end(&mut self) {
        assert!(soon(self.stream.message()).await.unwrap().is_none());
    }
}
