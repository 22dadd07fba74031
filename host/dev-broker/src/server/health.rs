//! `HealthCheck`: tells clients whether the broker still knows them. `CLOSE` makes danube-client subscribe again.

use danube_core::proto::{
    HealthCheckRequest, HealthCheckResponse, health_check_request::ClientType, health_check_response::ClientStatus,
    health_check_server::HealthCheck,
};
use tonic::{Request, Response, Status};

use super::Rpc;
use crate::faults::Call;

#[tonic::async_trait]
impl HealthCheck for Rpc {
    async fn health_check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        self.faults.check(Call::HealthCheck)?;
        let HealthCheckRequest { request_id: _, client, id } = request.into_inner();
        let healthy = match ClientType::try_from(client) {
            Ok(ClientType::Producer) => self.is_healthy_producer(id),
            Ok(ClientType::Consumer) => self.is_healthy_consumer(id),
            Err(_) => return Err(Status::invalid_argument("Invalid client type")),
        };
        let status = if healthy { ClientStatus::Ok } else { ClientStatus::Close };
        Ok(Response::new(HealthCheckResponse { status: status.into() }))
    }
}

impl Rpc {
    fn is_healthy_producer(&self, id: u64) -> bool {
        let topic = self.topic_of_producer(id).and_then(|name| self.catalog.get(&name));
        topic.is_some_and(|topic| topic.has_producer(id))
    }

    fn is_healthy_consumer(&self, id: u64) -> bool {
        let active = || {
            let key = self.consumer(id)?;
            self.catalog.get(&key.topic)?.is_active(&key.subscription, id)
        };
        active().unwrap_or(false)
    }
}
