//! Unit tests of sinks, run natively with plain `cargo test`: records and batches made by hand, and a host that drives
//! a sink as the real one does.
//!
//! ```
//! use danube_sink::{
//!     Context, Record, Result, Sink,
//!     http::{Request, Response},
//!     testing::{Host, RecordBuilder, answer_http},
//! };
//!
//! struct Webhook;
//!
//! impl Sink for Webhook {
//!     type Config = serde::de::IgnoredAny;
//!
//!     fn initialize(_: Self::Config, _: &Context) -> Result<Self> {
//!         Ok(Self)
//!     }
//!
//!     fn process(&mut self, record: &Record) -> Result<()> {
//!         Request::post("http://127.0.0.1/hook").text(record.json_text()).send()?.check_status()
//!     }
//! }
//!
//! answer_http(|request| Ok(Response::new(if request.url().ends_with("/hook") { 200 } else { 404 })));
//! let mut host = Host::<Webhook>::start(&serde_json::json!({}))?;
//! let outcomes = host.deliver("/default/orders", [RecordBuilder::json("{}"), RecordBuilder::text("hello")])?;
//! assert!(outcomes.all_written());
//! # Ok::<(), danube_sink::Error>(())
//! ```

mod host;
mod record;

pub use host::{Host, answer_http};
pub use record::{RecordBuilder, batch, ordered_batch};

#[cfg(not(target_family = "wasm"))]
pub(crate) use host::answer;
