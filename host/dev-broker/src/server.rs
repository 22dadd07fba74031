//! The gRPC side: which services stand on which port, who may call them, and what is answered for the rest.

use std::sync::Arc;

use axum::http::Uri;
use danube_core::{
    admin_proto::topic_admin_server::TopicAdminServer,
    proto::{
        consumer_service_server::ConsumerServiceServer, danube_schema::schema_registry_server::SchemaRegistryServer,
        discovery_server::DiscoveryServer, health_check_server::HealthCheckServer,
        producer_service_server::ProducerServiceServer,
    },
};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tonic::{
    Request, Status,
    service::{InterceptorLayer, Routes},
    transport::{Certificate, Identity, Server, ServerTlsConfig},
};

use crate::{broker::Broker, config::TlsConfig, error::Error};

mod admin;
mod consumer;
mod discovery;
mod health;
mod policy;
mod producer;
mod schema;

/// The broker as its services see it.
#[derive(Clone)]
pub(crate) struct Rpc(pub(crate) Arc<Broker>);

impl std::ops::Deref for Rpc {
    type Target = Arc<Broker>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

/// How the ports are guarded.
#[derive(Clone)]
pub(crate) struct Guard {
    pub(crate) token: Option<Arc<str>>,
    pub(crate) tls: Option<TlsConfig>,
    pub(crate) admin_tls: bool,
}

/// What clients call.
pub(crate) fn client_routes(rpc: &Rpc) -> Routes {
    let routes = Routes::new(ProducerServiceServer::new(rpc.clone()))
        .add_service(ConsumerServiceServer::new(rpc.clone()))
        .add_service(DiscoveryServer::new(rpc.clone()))
        .add_service(HealthCheckServer::new(rpc.clone()))
        .add_service(SchemaRegistryServer::new(rpc.clone()));
    with_fallback(routes)
}

/// What administrators call.
pub(crate) fn admin_routes(rpc: &Rpc) -> Routes {
    let routes = Routes::new(TopicAdminServer::new(rpc.clone())).add_service(SchemaRegistryServer::new(rpc.clone()));
    with_fallback(routes)
}

/// Says which call it is that does not exist here.
fn with_fallback(routes: Routes) -> Routes {
    let answer = |uri: Uri| async move {
        let text = format!("the dev broker does not implement {}", uri.path());
        Status::unimplemented(text).into_http::<axum::body::Body>()
    };
    Routes::from(routes.into_axum_router().fallback(answer))
}

/// Serves `routes` until `stop`, then until the last connection is gone.
pub(crate) fn serve(
    broker: &Broker,
    listener: TcpListener,
    routes: Routes,
    guard: &Guard,
    tls: Option<&TlsConfig>,
    stop: CancellationToken,
) -> Result<JoinHandle<()>, Error> {
    let mut server = Server::builder();
    if let Some(tls) = tls {
        server = server.tls_config(tls_config(tls)).map_err(Error::Tls)?;
    }
    let token = guard.token.clone();
    let mut server = server.layer(InterceptorLayer::new(move |request| authenticate(request, token.as_deref())));
    let incoming = broker.connections.accept(listener);
    let serving = server.add_routes(routes).serve_with_incoming_shutdown(incoming, stop.cancelled_owned());
    Ok(tokio::spawn(async move {
        if let Err(error) = serving.await {
            tracing::warn!(%error, "the dev broker stopped serving");
        }
    }))
}

fn tls_config(tls: &TlsConfig) -> ServerTlsConfig {
    let config = ServerTlsConfig::new().identity(Identity::from_pem(&tls.cert_pem, &tls.key_pem));
    match &tls.client_ca_pem {
        Some(ca) => config.client_ca_root(Certificate::from_pem(ca)),
        None => config,
    }
}

fn authenticate(request: Request<()>, token: Option<&str>) -> Result<Request<()>, Status> {
    let Some(token) = token else { return Ok(request) };
    let Some(header) = request.metadata().get("authorization") else {
        return Err(Status::unauthenticated("Authentication credentials are missing"));
    };
    let header = header.to_str().map_err(|_| Status::unauthenticated("Authentication metadata is invalid"))?;
    let bearer = header.strip_prefix("Bearer ").or_else(|| header.strip_prefix("bearer "));
    if bearer == Some(token) { Ok(request) } else { Err(Status::unauthenticated("Invalid token")) }
}
