//! HTTP requests, each in one crossing to the host and behind its gate: only what the connector's file grants under
//! `[capabilities] http` is reached. Redirects are not followed.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use danube_sink::http::Request;
//!
//! # fn main() -> danube_sink::Result<()> {
//! let response = Request::post("https://api.example.com/orders")
//!     .bearer_auth("secret")
//!     .json(&serde_json::json!({ "id": 7 }))
//!     .timeout(Duration::from_secs(10))
//!     .send()?
//!     .error_for_status()?;
//! danube_sink::info!("stored as {}", response.text());
//! # Ok(())
//! # }
//! ```
//!
//! Both `?` turn into the right [`Error`](crate::Error) by themselves, see [`Error`] and
//! [`Response::error_for_status`].

mod error;
mod request;
mod response;
#[cfg(feature = "wasi-http")]
pub mod wasi;
mod wire;

pub use error::Error;
pub use request::{Body, Request};
pub use response::Response;

/// Sends requests concurrently and waits for all. The answers stand in the order of the requests.
pub fn send_all(requests: Vec<Request>) -> Vec<Result<Response, Error>> {
    wire::send_all(requests)
}
