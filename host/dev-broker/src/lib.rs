//! An in-memory Danube broker for one machine: quick starts, tests and benches. It speaks Danube's real gRPC API, so
//! that danube-client and Danube's own command line work against it unchanged.
//!
//! **It is not a broker for production.** Nothing is written to disk, everything is gone with the process, and it
//! listens on loopback addresses only.
//!
//! ```
//! use danube_dev_broker::{Call, DevBroker, DevBrokerConfig, Times};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), danube_dev_broker::Error> {
//! let broker = DevBroker::start(DevBrokerConfig::default()).await?;
//! println!("clients connect to {}, administrators to {}", broker.url(), broker.admin_url());
//!
//! // Faults are switched on while clients are at work ...
//! broker.faults().refuse(Call::Ack, tonic::Status::unavailable("try again"), Times::Next(3));
//!
//! // ... and what came of it can be looked at.
//! if let Some(topic) = broker.topic("/default/orders") {
//!     println!("{} records published, {} acks received", topic.published, topic.acks_received);
//! }
//! broker.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! # What it follows
//!
//! A standalone broker of version 0.15.1, status codes and texts included, and its defects as well: a host that works
//! here must work there. Those that hosts must know:
//!
//! - A subscription has at most `max_unacked_messages` (10) unanswered records; `SetSubscriptionDispatchConfig` is
//!   stored and ignored ([`DevBrokerConfig::honour_dispatch_config`]).
//! - A record is sent `max_redelivery_count + 1` times, then it is poison. With [`Poison::Block`] nothing new is sent
//!   past it. An ack counts only while the record awaits one; a late one is answered with success.
//! - The failure policy is the one that is set when the subscription is first created.
//! - An Exclusive subscription refuses a second consumer name for ever, also when the first has gone. The same name takes
//!   over: the earlier stream ends, and what was unanswered is sent again.
//! - Failover never fails over ([`DevBrokerConfig::promote_standby`]).
//! - A Key-Shared consumer that is away for 3 seconds is evicted: what it held, and what waited for it, is lost, and its
//!   name gets nothing any more ([`DevBrokerConfig::key_shared_eviction`], [`DevBrokerConfig::key_shared_hand_over`]). What
//!   waits behind a key whose record is
//!   dropped or dead-lettered is thrown away.
//! - A name without a topic stands for every topic whose name begins with it: `/default/orders` means its partitions, but
//!   also `/default/orders-dlq`. For the same reason `/default/orders` cannot be created once `/default/orders-dlq`
//!   exists.
//! - The registry answers a definition inside JSON of its own (`{"JsonSchema":{"raw_schema":"...",...}}`).
//! - Messages arrive as they were sent, but for the offset: `publish_time` is the client's, in milliseconds, and
//!   `subscription_name` is empty.
//!
//! Each rule has a test: those of one subscription in `subscription/rules.rs`, under a clock of their own; those that show
//! on the wire in `tests/rules.rs`. With `DANUBE_SERVICE_URL` and `DANUBE_ADMIN_URL` set, the latter run against a real
//! broker.
//!
//! # Where it is kinder, or knows less
//!
//! What depends on a race in the released broker is left out, so that tests can rely on what they see:
//!
//! - A new subscription that falls more than 256 records behind skips some for ever. Here only with
//!   [`DevBrokerConfig::live_backlog`], or when a test asks for it ([`Faults::lag_skip`]).
//! - Its dispatcher waits for the next publish whenever it believes that there is more to read: after acks out of order,
//!   after a gap, and on Key-Shared with anything unanswered. Until then there are no retries and no timeouts.
//! - On Key-Shared it takes up one record for every publish, and two a second beyond that.
//! - It forgets at a restart how far a cursor came after it was stored, so that more is sent again, and where none was
//!   stored at all, nothing that was published before.
//! - A subscription that starts from a stored cursor gets nothing more once 2048 records wait for it; a restart helps.
//!
//! Not here at all: clusters, namespaces as objects, roles (one token instead), rate and size limits (but gRPC's of 4 MB),
//! edge and storage services; such calls are answered `UNIMPLEMENTED`. Schema definitions are checked to be JSON or text
//! and no more, compatibility is found missing only when the type changes, and of payloads only strings, numbers and the
//! syntax of JSON are checked.
//!
//! # Map
//!
//! `handle` starts and stops, `server` has one file for each gRPC service, `broker` is what they call. `catalog` knows all
//! topics, `topic` is one of them behind its lock, `subscription` holds the rules as a state machine without I/O, `outbox`
//! is the way to one consumer. `schema`, `faults`, `observer` and `stats` are what they say.

mod broker;
mod catalog;
mod config;
mod connections;
mod error;
mod faults;
mod handle;
mod log;
mod observer;
mod outbox;
mod policy;
mod record;
mod schema;
mod server;
mod stats;
mod subscription;
mod topic;

pub use self::{
    config::{DevBrokerConfig, TlsConfig},
    error::Error,
    faults::{Call, Faults, Times},
    handle::DevBroker,
    observer::Observed,
    policy::{Backoff, FailurePolicy, Poison},
    stats::{ConsumerStats, SubscriptionStats, TopicStats},
    subscription::SubscriptionType,
};

#[cfg(test)]
mod tests;
