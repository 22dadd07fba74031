//! `ProducerService`: registering producers, taking their messages.

use danube_core::proto::{
    DispatchStrategy, MessageResponse, ProducerRequest, ProducerResponse, StreamMessage,
    producer_service_server::ProducerService,
};
use std::sync::Arc;
use tonic::{Request, Response, Status};

use super::Rpc;
use crate::{catalog::check_format, faults::Call, topic::Topic};

#[tonic::async_trait]
impl ProducerService for Rpc {
    async fn create_producer(&self, request: Request<ProducerRequest>) -> Result<Response<ProducerResponse>, Status> {
        self.faults.check(Call::CreateProducer)?;
        let request = request.into_inner();
        let topic = self.topic_for(&request)?;
        let producer_id = self.register_producer(&topic, &request.producer_name);
        let ProducerRequest { request_id, producer_name, .. } = request;
        Ok(Response::new(ProducerResponse { request_id, producer_id, producer_name }))
    }

    async fn send_message(&self, request: Request<StreamMessage>) -> Result<Response<MessageResponse>, Status> {
        self.faults.check(Call::SendMessage)?;
        let record = request.into_inner();
        let request_id = record.request_id;
        let Some(msg_id) = &record.msg_id else {
            return Err(Status::invalid_argument("the message has no msg_id"));
        };
        if !self.knows_producer(msg_id.producer_id) {
            let id = msg_id.producer_id;
            return Err(Status::not_found(format!("The producer with id {id} does not exist")));
        }
        let unable =
            |why: &dyn std::fmt::Display| Status::permission_denied(format!("Unable to publish the message: {why}"));
        let Some(topic) = self.catalog.get(&msg_id.topic_name) else {
            return Err(unable(&format_args!("Topic {} not found in registry", msg_id.topic_name)));
        };
        self.publish(&topic, record).map_err(|error| unable(&error))?;
        Ok(Response::new(MessageResponse { request_id }))
    }
}

impl Rpc {
    /// The topic to produce to, created if it is missing.
    fn topic_for(&self, request: &ProducerRequest) -> Result<Arc<Topic>, Status> {
        let name = &request.topic_name;
        check_format(name)?;
        let asked = DispatchStrategy::try_from(request.dispatch_strategy).ok();
        let subject = request.schema_ref.as_ref().map(|schema| schema.subject.clone());
        let Some(topic) = self.catalog.get(name) else {
            if !self.auto_create_topics {
                return Err(Status::not_found(format!("Unable to find the topic: {name}")));
            }
            let strategy = asked.ok_or_else(|| Status::invalid_argument("Dispatch strategy is missing"))?;
            return self.catalog.create(name, strategy, subject);
        };
        if asked.is_some_and(|asked| (asked == DispatchStrategy::Reliable) != topic.reliable) {
            let text = "Producer requested dispatch strategy does not match topic strategy";
            return Err(Status::failed_precondition(text));
        }
        if let Some(subject) = subject {
            let claimed = self.registry(|registry| topic.schema(|schema| schema.claim(name, &subject, registry)));
            claimed.map_err(Status::failed_precondition)?;
        }
        Ok(topic)
    }
}
