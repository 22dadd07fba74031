//! An HTTP endpoint that takes everything and keeps nothing.

use axum::{Router, body::Bytes};
use tokio::{net::TcpListener, task::JoinHandle};

/// A running endpoint; it ends when it is dropped.
pub(super) struct Endpoint {
    url: String,
    server: JoinHandle<()>,
}

impl Endpoint {
    pub(super) async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let app = Router::new().fallback(|body: Bytes| async move { drop(body) });
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, app).await {
                tracing::error!(%error, "the endpoint stopped");
            }
        });
        Ok(Self { url, server })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.server.abort();
    }
}
