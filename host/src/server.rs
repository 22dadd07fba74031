//! `/metrics` for Prometheus, `/livez` and `/readyz` for whoever watches the process, `/status` for who wants to know more.

use std::{fmt::Write, sync::Arc};

use axum::{
    Router,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use tokio::net::TcpListener;

use crate::{metrics::Metrics, status::Status};

/// What Prometheus' text format calls itself.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The pages.
pub(crate) fn app(metrics: Arc<Metrics>, status: Status) -> Router {
    let details = status.clone();
    Router::new()
        .route("/metrics", get(async move || ([(header::CONTENT_TYPE, OPEN_METRICS)], metrics.encode())))
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(async move || ready(&status)))
        .route("/status", get(async move || all(&details)))
}

/// Serves until the task is dropped.
pub(crate) async fn serve(listener: TcpListener, app: Router) {
    if let Err(error) = axum::serve(listener, app).await {
        tracing::error!(error = %error, "metrics and health are no longer served");
    }
}

/// Everything there is to know, for machines.
fn all(status: &Status) -> impl IntoResponse + use<> {
    // Plain structs of strings and numbers can always be written.
    let json = serde_json::to_string(&status.details()).unwrap_or_default();
    ([(header::CONTENT_TYPE, "application/json")], json)
}

/// 200 if every connector is running and none waits for anything, else 503; a line for each connector either way.
fn ready(status: &Status) -> impl IntoResponse + use<> {
    let reports = status.reports();
    let code = match reports.iter().all(|report| report.ready) {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    let mut lines = String::new();
    for report in reports {
        // Writing to a string can't fail.
        let _ = writeln!(lines, "{}", report.to_string().replace('\n', " "));
    }
    (code, lines)
}
