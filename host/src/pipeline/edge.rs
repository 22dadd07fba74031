//! The pipeline's outer edges: the processor that stands for the guest, and the policy that comes from the config. At
//! the other edge stands a plain channel of the broker's events.

use std::{future::Future, sync::Arc, time::Duration};

use bytes::Bytes;

use super::{Deliveries, Fuse, Watch};
use crate::{
    broker::{Content, Receipt},
    record::{Batch, OnReject, Order, Position, Record, Verdict},
};

/// What works on batches: the guest, or a fake in tests.
pub(crate) trait Processor: Send {
    /// Writes a batch within `limit`; one verdict for each record, in order.
    fn process(
        &mut self,
        batch: &Batch,
        limit: Duration,
    ) -> impl Future<Output = Result<Vec<Verdict>, ProcessError>> + Send;

    /// Whether the target would take records now.
    fn health_check(&mut self) -> impl Future<Output = Result<(), ProcessError>> + Send;

    /// Says goodbye in good order.
    fn shutdown(&mut self) -> impl Future<Output = ()> + Send;
}

/// What can go wrong with a whole call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProcessError {
    /// The target can't take records now.
    #[error("{reason}")]
    Retryable { reason: String, after: Option<Duration> },
    /// The whole batch is bad.
    #[error("{reason}")]
    Rejected { reason: String },
    /// Nothing will work until a person changes something.
    #[error("{reason}")]
    Fatal { reason: String },
    /// The guest broke (trap, deadline, out of memory, breach of contract); the next call gets a new instance.
    #[error("{reason}")]
    Broken { reason: String },
}

/// What a record did not survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Its payload is not what its schema says.
    Decode,
    /// Its schema is not the one that the topic mapping expects.
    Schema,
    /// The guest rejected it.
    Process,
    /// The guest breaks on it.
    Trap,
}

impl Stage {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::Schema => "schema",
            Self::Process => "process",
            Self::Trap => "trap",
        }
    }
}

/// What a lane was told about one topic.
#[derive(Debug, Clone)]
pub(crate) struct LanePolicy {
    pub(crate) connector: Arc<str>,
    pub(crate) component_sha256: Arc<str>,
    pub(crate) topic: Arc<str>,
    pub(crate) subscription: Arc<str>,
    pub(crate) batch_size: usize,
    pub(crate) batch_bytes: usize,
    pub(crate) flush_interval: Duration,
    pub(crate) raw: bool,
    /// What a jump of the offsets means.
    pub(crate) watch: Watch,
    /// What the guest is told of the order: it counts on Key-Shared too, where the lane gets some of the records.
    pub(crate) order: Order,
    /// Never park: Key-Shared, where the broker drops what a consumer holds that goes away.
    pub(crate) hold: bool,
    pub(crate) expected_schema_subject: Option<String>,
    pub(crate) max_retries: u32,
    pub(crate) retry_backoff: Duration,
    pub(crate) max_backoff: Duration,
    /// How long after its first record arrived a batch must be settled: inside the broker's ack timeout.
    pub(crate) budget: Duration,
    /// How long a call may take at most.
    pub(crate) call_timeout: Duration,
    pub(crate) health_check_interval: Duration,
    pub(crate) health_check_failure_threshold: u32,
    pub(crate) on_reject: OnReject,
    pub(crate) on_mismatch: OnReject,
    /// Shared by the lanes of the subscription.
    pub(crate) deliveries: Deliveries,
    /// Shared by all lanes of the connector.
    pub(crate) fuse: Arc<Fuse>,
}

/// What the host still owes for a record that the guest has.
#[derive(Debug)]
pub(crate) struct Owed {
    pub(crate) receipt: Receipt,
    /// The payload as published, for a dead letter.
    pub(crate) original: Bytes,
}

/// How one record ends.
#[derive(Debug)]
pub(crate) enum Settlement {
    /// They were written.
    Written(Vec<Receipt>),
    /// It will never be written.
    Rejected(Box<Rejected>),
    /// The guest asks for it again and again while it writes others: the broker shall keep it for a while.
    GivenBack { receipt: Receipt, after: Duration, reason: String },
}

/// A record that will never be written.
#[derive(Debug)]
pub(crate) struct Rejected {
    pub(crate) receipt: Receipt,
    pub(crate) content: Content,
    pub(crate) stage: Stage,
    pub(crate) reason: String,
    pub(crate) attempts: u32,
    /// Whether the metrics and the fuse know of it: a dead letter may have to be published another time.
    pub(crate) counted: bool,
}

impl Rejected {
    /// Puts a decoded record back into the shape in which it was published.
    pub(crate) fn from_record(record: Record, owed: Owed, stage: Stage, reason: String, attempts: u32) -> Self {
        let content = Content {
            payload: owed.original,
            publish_time: record.publish_time,
            producer: record.producer,
            attributes: record.attributes.into_iter().collect(),
            schema_id: record.schema.as_ref().map(|schema| schema.id),
            schema_version: record.schema.as_ref().map(|schema| schema.version),
            routing_key: record.routing_key,
        };
        Self { receipt: owed.receipt, content, stage, reason, attempts, counted: false }
    }

    /// Where the record stands.
    pub(crate) fn position(&self, topic: &Arc<str>) -> Position {
        Position { topic: topic.clone(), partition: self.receipt.partition(), offset: self.receipt.offset() }
    }
}

/// Why a session of a lane ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// Asked to; everything collected is settled.
    Drained,
    /// The target can't take records for longer than the broker waits: give them back and try later.
    Parked { reason: String },
    /// The connector must stop.
    Failed { reason: String },
}
