//! `TopicAdmin`: topics and the settings of their subscriptions.

use danube_core::{
    admin_proto::{
        BrokerRequest, DescribeTopicRequest, DescribeTopicResponse, GetSubscriptionDispatchConfigRequest,
        GetSubscriptionDispatchConfigResponse, GetSubscriptionFailurePolicyRequest,
        GetSubscriptionFailurePolicyResponse, NamespaceRequest, NewTopicRequest, PartitionedTopicRequest,
        SetSubscriptionDispatchConfigRequest, SetSubscriptionFailurePolicyRequest, SubscriptionDispatchConfig,
        SubscriptionListResponse, SubscriptionRequest, SubscriptionResponse, TopicInfo, TopicInfoListResponse,
        TopicRequest, TopicResponse, topic_admin_server::TopicAdmin,
    },
    proto::{DispatchStrategy, consumer_request},
};
use tonic::{Request, Response, Status};

use super::{Rpc, policy};
use crate::{config::WINDOW_RANGE, faults::Call, subscription::SubscriptionType, topic::Topic};

#[tonic::async_trait]
impl TopicAdmin for Rpc {
    async fn list_namespace_topics(
        &self,
        request: Request<NamespaceRequest>,
    ) -> Result<Response<TopicInfoListResponse>, Status> {
        self.faults.check(Call::Admin)?;
        let topics = self.catalog.in_namespace(&request.into_inner().name);
        let info = |topic: &Topic| TopicInfo {
            name: topic.name.clone(),
            broker_id: String::new(),
            delivery: delivery(Some(topic)).to_owned(),
        };
        Ok(Response::new(TopicInfoListResponse { topics: topics.iter().map(|topic| info(topic)).collect() }))
    }

    /// A standalone broker knows of no assignments.
    async fn list_broker_topics(&self, _: Request<BrokerRequest>) -> Result<Response<TopicInfoListResponse>, Status> {
        self.faults.check(Call::Admin)?;
        Ok(Response::new(TopicInfoListResponse::default()))
    }

    async fn create_topic(&self, request: Request<NewTopicRequest>) -> Result<Response<TopicResponse>, Status> {
        self.faults.check(Call::Admin)?;
        let NewTopicRequest { name, schema_subject, dispatch_strategy } = request.into_inner();
        self.create(&name, dispatch_strategy, schema_subject)?;
        Ok(Response::new(TopicResponse { success: true }))
    }

    async fn create_partitioned_topic(
        &self,
        request: Request<PartitionedTopicRequest>,
    ) -> Result<Response<TopicResponse>, Status> {
        self.faults.check(Call::Admin)?;
        let PartitionedTopicRequest { base_name, partitions, schema_subject, dispatch_strategy } = request.into_inner();
        for partition in 0..partitions {
            self.create(&format!("{base_name}-part-{partition}"), dispatch_strategy, schema_subject.clone())?;
        }
        Ok(Response::new(TopicResponse { success: true }))
    }

    async fn delete_topic(&self, request: Request<TopicRequest>) -> Result<Response<TopicResponse>, Status> {
        self.faults.check(Call::Admin)?;
        self.catalog.delete(&request.into_inner().name);
        Ok(Response::new(TopicResponse { success: true }))
    }

    async fn unload_topic(&self, _: Request<TopicRequest>) -> Result<Response<TopicResponse>, Status> {
        self.faults.check(Call::Admin)?;
        Err(Status::unimplemented("topic unload not available in standalone/edge mode"))
    }

    async fn list_subscriptions(
        &self,
        request: Request<TopicRequest>,
    ) -> Result<Response<SubscriptionListResponse>, Status> {
        self.faults.check(Call::Admin)?;
        let topic = self.catalog.get(&request.into_inner().name);
        let subscriptions = topic.map(|topic| topic.subscription_names()).unwrap_or_default();
        Ok(Response::new(SubscriptionListResponse { subscriptions }))
    }

    async fn unsubscribe(
        &self,
        request: Request<SubscriptionRequest>,
    ) -> Result<Response<SubscriptionResponse>, Status> {
        self.faults.check(Call::Admin)?;
        let SubscriptionRequest { topic, subscription } = request.into_inner();
        if self.catalog.get(&topic).is_some_and(|topic| topic.unsubscribe(&subscription)) {
            return Ok(Response::new(SubscriptionResponse { success: true }));
        }
        Err(Status::not_found(format!(
            "Unable to unsubscribe the subscription {subscription} due to error: Unable to unsubscribe as the \
             subscription {subscription} has active consumers"
        )))
    }

    async fn set_subscription_failure_policy(
        &self,
        request: Request<SetSubscriptionFailurePolicyRequest>,
    ) -> Result<Response<SubscriptionResponse>, Status> {
        self.faults.check(Call::Admin)?;
        let SetSubscriptionFailurePolicyRequest { topic, subscription, failure_policy } = request.into_inner();
        let asked = failure_policy.ok_or_else(|| Status::invalid_argument("failure_policy must be provided"))?;
        let Some(topic) = self.catalog.get(&topic).filter(|topic| topic.reliable) else {
            let text = "subscription failure policy can only be configured for reliable topics";
            return Err(Status::failed_precondition(text));
        };
        topic.set_policy(&subscription, policy::from_proto(asked)?);
        Ok(Response::new(SubscriptionResponse { success: true }))
    }

    async fn get_subscription_failure_policy(
        &self,
        request: Request<GetSubscriptionFailurePolicyRequest>,
    ) -> Result<Response<GetSubscriptionFailurePolicyResponse>, Status> {
        self.faults.check(Call::Admin)?;
        let GetSubscriptionFailurePolicyRequest { topic, subscription } = request.into_inner();
        let known = self.catalog.get(&topic);
        let known = known.map(|topic| topic.stored(&subscription, |stored| (stored.policy.clone(), stored.kind)));
        let (failure_policy, kind) = known.unwrap_or_default();
        Ok(Response::new(GetSubscriptionFailurePolicyResponse {
            failure_policy: failure_policy.map(policy::to_proto),
            subscription_type: kind.map_or(0, type_number),
        }))
    }

    async fn describe_topic(
        &self,
        request: Request<DescribeTopicRequest>,
    ) -> Result<Response<DescribeTopicResponse>, Status> {
        self.faults.check(Call::Admin)?;
        let name = request.into_inner().name;
        let topic = self.catalog.get(&name);
        let schema_subject = topic.as_ref().and_then(|topic| topic.schema(|schema| schema.declared.clone()));
        let details = schema_subject
            .as_ref()
            .and_then(|subject| self.registry(|registry| registry.subject(subject).ok().cloned()));
        let latest = details.as_ref().and_then(|subject| subject.latest());
        Ok(Response::new(DescribeTopicResponse {
            subscriptions: topic.as_ref().map(|topic| topic.subscription_names()).unwrap_or_default(),
            broker_id: String::new(),
            delivery: delivery(topic.as_deref()).to_owned(),
            schema_id: details.as_ref().map(|subject| subject.id),
            schema_version: latest.map(|version| version.number),
            schema_type: latest.map(|version| version.definition.type_name().to_owned()),
            compatibility_mode: details.as_ref().map(|subject| subject.compatibility.to_string().to_uppercase()),
            schema_subject,
            name,
        }))
    }

    async fn set_subscription_dispatch_config(
        &self,
        request: Request<SetSubscriptionDispatchConfigRequest>,
    ) -> Result<Response<SubscriptionResponse>, Status> {
        self.faults.check(Call::Admin)?;
        let SetSubscriptionDispatchConfigRequest { topic, subscription, dispatch_config } = request.into_inner();
        let config = dispatch_config.ok_or_else(|| Status::invalid_argument("dispatch_config is required"))?;
        let window = config.max_unacked_messages;
        if !WINDOW_RANGE.contains(&(window as usize)) {
            return Err(Status::invalid_argument("max_unacked_messages must be between 1 and 10000"));
        }
        // Nothing is stored for a topic that does not exist, but the answer is the same.
        if let Some(topic) = self.catalog.get(&topic) {
            topic.stored(&subscription, |stored| stored.window = Some(window));
        }
        Ok(Response::new(SubscriptionResponse { success: true }))
    }

    async fn get_subscription_dispatch_config(
        &self,
        request: Request<GetSubscriptionDispatchConfigRequest>,
    ) -> Result<Response<GetSubscriptionDispatchConfigResponse>, Status> {
        self.faults.check(Call::Admin)?;
        let GetSubscriptionDispatchConfigRequest { topic, subscription } = request.into_inner();
        let topic = self.catalog.get(&topic);
        let window = topic.and_then(|topic| topic.stored(&subscription, |stored| stored.window));
        let dispatch_config = window.map(|max_unacked_messages| SubscriptionDispatchConfig { max_unacked_messages });
        Ok(Response::new(GetSubscriptionDispatchConfigResponse { dispatch_config }))
    }
}

impl Rpc {
    fn create(&self, name: &str, strategy: i32, subject: Option<String>) -> Result<(), Status> {
        let strategy = DispatchStrategy::try_from(strategy)
            .map_err(|_| Status::invalid_argument("invalid dispatch_strategy value"))?;
        match self.catalog.create(name, strategy, subject) {
            Ok(_) => Ok(()),
            Err(status) => Err(Status::not_found(format!("Unable to create the topic {name} due to {status}"))),
        }
    }
}

fn delivery(topic: Option<&Topic>) -> &'static str {
    if topic.is_some_and(|topic| topic.reliable) { "Reliable" } else { "NonReliable" }
}

fn type_number(kind: SubscriptionType) -> i32 {
    match kind {
        SubscriptionType::Exclusive => consumer_request::SubscriptionType::Exclusive,
        SubscriptionType::Shared => consumer_request::SubscriptionType::Shared,
        SubscriptionType::Failover => consumer_request::SubscriptionType::Failover,
        SubscriptionType::KeyShared => consumer_request::SubscriptionType::KeyShared,
    }
    .into()
}
