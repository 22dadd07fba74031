//! A lane: one consumer of one topic with its own guest instance. The line is straight: collect, deliver, settle.
//!
//! ```text
//! broker -> Event -> [collect: decode, batch] -> Collected -> [deliver: guest, retries] -> Settlement -> [settle] -> broker
//! ```
//!
//! Nothing here knows gRPC or wasmtime: records come in through an [`Intake`], batches go out through a [`Processor`].

mod backoff;
mod collect;
mod decode;
mod deliver;
mod edge;
mod fuse;
mod gaps;
mod health;
mod in_hand;
mod lane;
mod settle;
#[cfg(test)]
mod tests;
mod window;

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub(crate) use backoff::Backoff;
use collect::Collector;
use decode::Decoder;
use deliver::Deliverer;
use edge::End;
pub(crate) use edge::{LanePolicy, ProcessError, Processor};
pub(crate) use fuse::Fuse;
use in_hand::InHand;
pub(crate) use lane::{Lane, LaneState};
use settle::Settler;

pub(crate) use collect::Intake;

use crate::{broker::DeadLetters, metrics::LaneMetrics, schema::SchemaCache};

/// Verdicts that may wait to be settled; more than that hold the guest up.
const SETTLE_BUFFER: usize = 1024;

/// What a session works with, besides the two ends.
pub(crate) struct Session {
    pub(crate) policy: Arc<LanePolicy>,
    pub(crate) schemas: Arc<SchemaCache>,
    pub(crate) metrics: LaneMetrics,
    pub(crate) dead_letters: Option<DeadLetters>,
}

impl Session {
    /// Moves records from `intake` through `processor` until told to drain, or until it can't go on. When it returns,
    /// everything that was written is acknowledged.
    pub(crate) async fn run<P: Processor>(
        self,
        intake: &mut impl Intake,
        processor: &mut P,
        drain: &CancellationToken,
    ) -> End {
        let (to_deliver, batches) = mpsc::channel(1);
        let (to_settle, settlements) = mpsc::channel(SETTLE_BUFFER);
        let in_hand = InHand::new(self.metrics.inflight.clone());
        let stop = drain.child_token();
        let collector = Collector {
            decoder: Decoder { schemas: self.schemas, policy: self.policy.clone() },
            policy: self.policy.clone(),
            metrics: self.metrics.clone(),
            in_hand: in_hand.clone(),
            to_settle: to_settle.clone(),
            to_deliver,
        };
        let deliverer = Deliverer { processor, policy: self.policy.clone(), metrics: self.metrics.clone(), to_settle };
        let settler = Settler { policy: self.policy, metrics: self.metrics, in_hand, dead_letters: self.dead_letters };

        let collect = collector.run(intake, &stop);
        let deliver = async {
            let end = deliverer.run(batches, drain).await;
            stop.cancel();
            end
        };
        let settle = async {
            let result = settler.run(settlements).await;
            stop.cancel();
            result
        };
        let ((), delivered, settled) = tokio::join!(collect, deliver, settle);
        settled.err().unwrap_or(delivered)
    }
}
