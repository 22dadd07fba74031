//! `ConsumerService`: subscribing, streaming, acknowledging.

use std::time::Duration;

use danube_core::proto::{
    AckRequest, AckResponse, ConsumerRequest, ConsumerResponse, MsgId, NackRequest, NackResponse, ReceiveRequest,
    consumer_request, consumer_service_server::ConsumerService,
};
use tokio::time::{Instant, sleep};
use tonic::{Request, Response, Status};

use super::Rpc;
use crate::{
    catalog::check_format,
    faults::Call,
    observer::Observed,
    outbox::RecordStream,
    subscription::{Nack, SubscriptionType},
    topic::{AnswerError, ConsumerKey, Letters, Subscriber, Topic},
};

#[tonic::async_trait]
impl ConsumerService for Rpc {
    type ReceiveMessagesStream = RecordStream;

    async fn subscribe(&self, request: Request<ConsumerRequest>) -> Result<Response<ConsumerResponse>, Status> {
        self.faults.check(Call::Subscribe)?;
        let ConsumerRequest { request_id, topic_name, consumer_name, subscription, subscription_type, key_filters } =
            request.into_inner();
        check_format(&topic_name)?;
        let Some(topic) = self.catalog.get(&topic_name) else {
            return Err(Status::not_found(format!("Unable to find the topic: {topic_name}")));
        };
        let kind = subscription_type_of(subscription_type)?;
        let (name, key) = (consumer_name.clone(), subscription.clone());
        let subscriber = Subscriber { subscription, kind, name, filters: key_filters };
        let attached = topic.subscribe(subscriber, rand::random(), Instant::now()).map_err(|error| {
            Status::permission_denied(format!("Not able to subscribe to the topic {topic_name} due to {error}"))
        })?;
        self.register_consumer(ConsumerKey { topic: topic_name.clone(), subscription: key, id: attached.id });
        self.post(&topic_name, attached.letters);
        Ok(Response::new(ConsumerResponse { request_id, consumer_id: attached.id, consumer_name }))
    }

    async fn receive_messages(&self, request: Request<ReceiveRequest>) -> Result<Response<RecordStream>, Status> {
        self.faults.check(Call::ReceiveMessages)?;
        let id = request.into_inner().consumer_id;
        let stream = self.attach(id);
        stream
            .map(Response::new)
            .ok_or_else(|| Status::not_found(format!("The consumer with the id {id} does not exist")))
    }

    async fn ack(&self, request: Request<AckRequest>) -> Result<Response<AckResponse>, Status> {
        self.faults.check(Call::Ack)?;
        let AckRequest { request_id, msg_id, subscription_name } = request.into_inner();
        if let Some(MsgId { topic_name, topic_offset, .. }) = &msg_id {
            let (topic, subscription) = (topic_name.as_str(), subscription_name.as_str());
            self.observer.see(Observed::Acknowledging { topic, subscription, offset: *topic_offset });
        }
        let fate = self.faults.ack_fate();
        if !fate.delay.is_zero() {
            sleep(fate.delay).await;
        }
        if !fate.lost {
            self.answer(msg_id, "Error acknowledging message", |topic, offset| {
                topic.ack(&subscription_name, offset, Instant::now())
            })?;
        }
        Ok(Response::new(AckResponse { request_id }))
    }

    async fn nack(&self, request: Request<NackRequest>) -> Result<Response<NackResponse>, Status> {
        self.faults.check(Call::Nack)?;
        let NackRequest { request_id, msg_id, subscription_name, delay_ms, reason } = request.into_inner();
        let nack = Nack { reason, delay: delay_ms.map(Duration::from_millis) };
        self.answer(msg_id, "Error negatively acknowledging message", |topic, offset| {
            topic.nack(&subscription_name, offset, nack, Instant::now())
        })?;
        Ok(Response::new(NackResponse { request_id }))
    }
}

impl Rpc {
    fn answer(
        &self,
        msg_id: Option<MsgId>,
        trouble: &str,
        give: impl FnOnce(&Topic, u64) -> Result<Option<Letters>, AnswerError>,
    ) -> Result<(), Status> {
        let MsgId { topic_name, topic_offset, .. } =
            msg_id.ok_or_else(|| Status::invalid_argument("the request has no msg_id"))?;
        let topic = self.catalog.get(&topic_name).ok_or_else(|| AnswerError::NoTopic(topic_name.clone()));
        let letters = topic.and_then(|topic| give(&topic, topic_offset));
        let letters = letters.map_err(|error| Status::internal(format!("{trouble}: {error}")))?;
        self.post(&topic_name, letters);
        Ok(())
    }
}

/// The type that a request names.
fn subscription_type_of(number: i32) -> Result<SubscriptionType, Status> {
    match consumer_request::SubscriptionType::try_from(number) {
        Ok(consumer_request::SubscriptionType::Exclusive) => Ok(SubscriptionType::Exclusive),
        Ok(consumer_request::SubscriptionType::Shared) => Ok(SubscriptionType::Shared),
        Ok(consumer_request::SubscriptionType::Failover) => Ok(SubscriptionType::Failover),
        Ok(consumer_request::SubscriptionType::KeyShared) => Ok(SubscriptionType::KeyShared),
        Err(_) => Err(Status::permission_denied("Should not get here")),
    }
}
