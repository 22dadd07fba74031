//! Write a sink connector for [danube-wasm](https://github.com/danube-messaging/danube-wasm): a component that gets
//! batches of records from Danube topics and writes them to another system. The host consumes, decodes by schema,
//! batches, retries, acknowledges and dead-letters. A sink transforms and writes.
//!
//! # A complete sink
//!
//! ```
//! use danube_sink::{Context, Record, Result, Sink, http::Request, register};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Deserialize)]
//! struct Orders {
//!     url: String,
//!     token: String,
//! }
//!
//! #[derive(Deserialize, Serialize)]
//! struct Order {
//!     id: u64,
//!     total: f64,
//! }
//!
//! impl Sink for Orders {
//!     type Config = Self;
//!
//!     fn initialize(config: Self, _: &Context) -> Result<Self> {
//!         Ok(config)
//!     }
//!
//!     fn process(&mut self, record: &Record) -> Result<()> {
//!         let order: Order = record.as_type()?;
//!         let request = Request::put(format!("{}/{}", self.url, order.id));
//!         request.bearer_auth(&self.token).json(&order).send()?.check_status()
//!     }
//! }
//!
//! register!(Orders);
//! # use danube_sink::{http, testing::{Host, RecordBuilder, answer_http}};
//! # answer_http(|request| {
//! #     assert_eq!((request.method(), request.url()), ("PUT", "http://127.0.0.1/orders/7"));
//! #     assert_eq!(request.header_value("authorization"), Some("Bearer t"));
//! #     Ok(http::Response::new(204))
//! # });
//! # let mut host = Host::<Orders>::start(&serde_json::json!({ "url": "http://127.0.0.1/orders", "token": "t" }))?;
//! # let outcomes = host.deliver("/default/orders", [RecordBuilder::json(r#"{"id": 7, "total": 12.5}"#), RecordBuilder::json("{}")])?;
//! # assert_eq!(outcomes.failures().map(|(index, failure)| (index, failure.is_retry())).collect::<Vec<_>>(), [(1, false)]);
//! # Ok::<(), danube_sink::Error>(())
//! ```
//!
//! Its `Cargo.toml` has `crate-type = ["cdylib", "rlib"]` under `[lib]`, and it is built with
//! `cargo build --release --target wasm32-wasip2`. The table of the connector's file that holds `url` and `token` also
//! holds its `topic_mappings`, from which the host learns what to consume.
//!
//! Unit tests run natively, see [`testing`]. A target with a bulk interface wants
//! [`process_batch`](Sink::process_batch) in place of [`process`](Sink::process).
//!
//! # What the host does with an answer
//!
//! | answer | the host |
//! |---|---|
//! | `Ok(())`, or a record that the [`Outcomes`] do not name | acknowledges the record, for good |
//! | [`Error::Retryable`] for a record | calls again with just the records that asked for it, after a growing pause, or the pause that [`Error::after`] asks for |
//! | [`Error::Retryable`] for a batch | calls again with all of it; when the tries are used up it gives the records back to the broker, waits until [`health_check`](Sink::health_check) succeeds, and gets them again |
//! | [`Error::Rejected`] for a record or a batch | dead-letters, skips or stops, as `on_reject` in the connector's file says |
//! | [`Error::Fatal`] | stops the connector and shows the reason; nothing is acknowledged |
//! | a panic, or no answer in time | drops the instance, makes a new one and gives it the same batch; if that happens twice it finds the record to blame and rejects it |
//!
//! Records come at least once. [`Record::id`] is the same each time.
//!
//! Exclusive, Failover and Key-Shared subscriptions promise an [`Order`], and a sink keeps it:
//! [`process`](Sink::process) needs nothing for that, and [`Batch::waves`] tells a sink that writes several records at a
//! time which ones.
//!
//! # Porting from the native SDK
//!
//! | `danube-connect-core` | here |
//! |---|---|
//! | `impl SinkConnector`, `#[async_trait]`, `async fn` | `impl Sink`, plain `fn`: an instance does one thing at a time |
//! | `initialize(&mut self, config: ConnectorConfig)` | `initialize(config: Self::Config, context: &Context) -> Result<Self>` |
//! | `consumer_configs(&self)` | the same with `&Context`, and needed only to differ from `topic_mappings` |
//! | `process(&mut self, record: SinkRecord)` | `process(&mut self, record: &Record)` |
//! | `process_batch(&mut self, records: Vec<SinkRecord>)` | `process_batch(&mut self, batch: &Batch) -> Result<Outcomes>`; `Ok(())` becomes `Ok(Outcomes::written())` |
//! | `health_check`, `shutdown` | the same |
//! | `record.payload()`, `topic()`, `offset()`, `publish_time()`, `producer_name()`, `schema()`, `as_type::<T>()` | the same |
//! | `record.attributes()`, `get_attribute(name)` | [`attributes()`](Record::attributes), a map-like view; `attributes().get(name)` |
//! | `record.partition() -> Option<&str>` | [`partition()`](Record::partition)` -> Option<u32>` |
//! | `ConnectorError::Retryable`, `Fatal` | [`Error::Retryable`], [`Error::Fatal`] |
//! | `ConnectorError::InvalidData` | [`Error::Rejected`]: no payload needed, the host has it |
//! | `ConnectorError::Configuration` | [`Error::Fatal`] |
//! | `SubscriptionType::FailOver` | [`SubscriptionType::Failover`]; in settings either spelling |
//! | `tracing::info!` | [`info!`] |
//! | `reqwest` | [`http::Request`] |
//! | `main` with `SinkRuntime` | [`register!`] |

#[cfg(any(test, all(target_family = "wasm", feature = "arena")))]
mod arena;
mod attributes;
mod batch;
#[doc(hidden)]
pub mod bindings;
mod consumer;
mod context;
mod error;
mod exports;
pub mod http;
mod instance;
mod json;
pub mod log;
#[cfg(feature = "net")]
pub mod net;
mod order;
mod outcomes;
mod record;
mod settings;
mod sink;
pub mod testing;
mod topics;
mod waves;

pub use attributes::{Attributes, Iter as AttributesIter};
pub use batch::Batch;
pub use consumer::{ConsumerConfig, PayloadFormat, SubscriptionType};
pub use context::Context;
pub use error::{Error, Result};
pub use order::Order;
pub use outcomes::{Failure, Outcomes};
pub use record::{PayloadKind, Record, SchemaInfo};
pub use sink::Sink;
pub use topics::{TopicMapping, TopicMappings};
pub use waves::Waves;

/// What [`register!`] needs. Not for use by hand: it changes without notice.
#[doc(hidden)]
pub mod __private {
    pub use crate::{
        bindings,
        exports::{Component, Slot},
    };
}
