//! Publishes to one topic with as many records under way as its user likes: danube-client's producer lets no record go
//! before the one ahead of it has been answered, nor does the host's own, which is for dead letters: they would be what is
//! measured.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use danube_client::DanubeClient;
use danube_core::proto::{
    DispatchStrategy, MsgId, ProducerAccessMode, ProducerRequest, StreamMessage,
    producer_service_client::ProducerServiceClient,
};
use tonic::transport::Channel;

const NAME: &str = "bench";

pub(super) struct Publisher {
    client: ProducerServiceClient<Channel>,
    /// What all its messages have in common.
    message: StreamMessage,
}

impl Publisher {
    /// Publishes to a topic that there is.
    pub(super) async fn new(client: &DanubeClient, topic: &str) -> anyhow::Result<Self> {
        let broker = client.resolve_topic_broker(topic).await?;
        let mut client = ProducerServiceClient::new(client.get_broker_channel(&broker).await?);
        let request = ProducerRequest {
            request_id: 0,
            producer_name: NAME.to_owned(),
            topic_name: topic.to_owned(),
            schema_ref: None,
            producer_access_mode: ProducerAccessMode::Shared.into(),
            dispatch_strategy: DispatchStrategy::Reliable.into(),
        };
        let answer = client.create_producer(request).await.with_context(|| format!("cannot publish to `{topic}`"))?;
        let id = MsgId {
            producer_id: answer.into_inner().producer_id,
            topic_name: topic.to_owned(),
            broker_addr: broker.broker_url.to_string(),
            topic_offset: 0,
        };
        let message = StreamMessage { msg_id: Some(id), producer_name: NAME.to_owned(), ..StreamMessage::default() };
        Ok(Self { client, message })
    }

    /// Publishes a record, and waits until the broker has it.
    pub(super) async fn send(&self, payload: String) -> anyhow::Result<()> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let publish_time = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let message = StreamMessage { payload: payload.into(), publish_time, ..self.message.clone() };
        self.client.clone().send_message(message).await.context("cannot publish")?;
        Ok(())
    }
}
