//! `Discovery`: this broker serves every topic that exists.

use danube_core::proto::{
    TopicLookupRequest, TopicLookupResponse, TopicPartitionsResponse, discovery_server::Discovery,
    topic_lookup_response::LookupType,
};
use tonic::{Request, Response, Status};

use super::Rpc;
use crate::{catalog::check_format, faults::Call};

#[tonic::async_trait]
impl Discovery for Rpc {
    async fn topic_lookup(
        &self,
        request: Request<TopicLookupRequest>,
    ) -> Result<Response<TopicLookupResponse>, Status> {
        self.faults.check(Call::Lookup)?;
        let TopicLookupRequest { request_id, topic } = request.into_inner();
        check_format(&topic)?;
        if self.catalog.get(&topic).is_none() {
            return Err(Status::not_found(format!("Unable to find the requested topic: {topic}")));
        }
        Ok(Response::new(TopicLookupResponse {
            request_id,
            response_type: LookupType::Connect.into(),
            connect_url: self.url.clone(),
            broker_url: self.url.clone(),
            proxy: false,
        }))
    }

    async fn topic_partitions(
        &self,
        request: Request<TopicLookupRequest>,
    ) -> Result<Response<TopicPartitionsResponse>, Status> {
        self.faults.check(Call::Lookup)?;
        let TopicLookupRequest { request_id, topic } = request.into_inner();
        check_format(&topic)?;
        Ok(Response::new(TopicPartitionsResponse { request_id, partitions: self.catalog.partitions(&topic) }))
    }
}
