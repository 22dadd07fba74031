//! A lane: one consumer of one topic with its own guest instance. The line is straight: collect, deliver, settle.
//!
//! ```text
//! broker -> Event -> [collect: decode, batch] -> Collected -> [deliver: guest, retries] -> Settlement -> [settle] -> broker
//! ```
//!
//! Nothing here knows gRPC or wasmtime: records come in through an [`Intake`], batches go out through a [`Processor`].

mod backoff;
mod blame;
mod chunk;
mod collect;
mod decode;
mod deliver;
mod deliveries;
mod edge;
mod fuse;
mod gaps;
mod health;
mod held;
mod lane;
mod ledger;
mod pace;
mod rehearse;
mod reject;
mod settle;
#[cfg(test)]
mod tests;
mod window;

use std::{collections::VecDeque, sync::Arc};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub(crate) use backoff::Backoff;
use chunk::Chunk;
use collect::Collector;
pub(crate) use collect::Intake;
use decode::Decoder;
use deliver::Deliverer;
pub(crate) use deliveries::Deliveries;
use edge::Settlement;
pub(crate) use edge::{End, LanePolicy, ProcessError, Processor};
pub(crate) use fuse::Fuse;
use gaps::Gaps;
pub(crate) use gaps::Watch;
use held::Held;
use lane::Streams;
pub(crate) use lane::{Lane, LaneParts, LaneState};
pub(crate) use ledger::Ledger;
use pace::Pace;
pub(crate) use rehearse::{Call, Ended, Outcome, Published, Retried, rehearse};
use settle::Settler;

use crate::{broker::DeadLetters, metrics::LaneMetrics, schema::SchemaCache};

/// Settled batches (and bad records) that may wait for the broker to be told; more than that hold the guest up.
const SETTLE_BUFFER: usize = 1024;

/// What a session works with, besides the two ends. Only what is borrowed or shared here outlives it.
pub(crate) struct Session<'a> {
    pub(crate) policy: Arc<LanePolicy>,
    pub(crate) schemas: Arc<SchemaCache>,
    pub(crate) metrics: LaneMetrics,
    pub(crate) ledger: Ledger,
    pub(crate) gaps: &'a mut Gaps,
    pub(crate) streams: Streams,
    pub(crate) dead_letters: Option<&'a mut DeadLetters>,
}

impl<'a> Session<'a> {
    /// Moves records from `intake` through `processor` until told to drain, or until it can't go on. When it returns,
    /// everything that was written is acknowledged; the rest it gives back.
    pub(crate) async fn run<P: Processor>(
        self,
        intake: &mut impl Intake,
        processor: &'a mut P,
        drain: &CancellationToken,
    ) -> (End, Held) {
        let (to_deliver, batches) = mpsc::channel(1);
        let (to_settle, settlements) = mpsc::channel(SETTLE_BUFFER);
        let (stop, pace) = (drain.child_token(), Pace::default());
        let collector = Collector {
            decoder: Decoder { schemas: self.schemas.clone(), policy: self.policy.clone() },
            policy: self.policy.clone(),
            metrics: self.metrics.clone(),
            ledger: self.ledger.clone(),
            streams: self.streams.clone(),
            pace: pace.clone(),
            to_settle: to_settle.clone(),
            to_deliver,
        };
        let (gaps, (deliverer, settler)) = self.ends(processor, to_settle, pace, VecDeque::new(), true);
        let ((), (delivered, chunks), (settled, letters)) = tokio::join!(
            collector.run(intake, gaps, &stop),
            deliverer.run(batches, &stop),
            settler.run(settlements, &stop)
        );
        (settled.unwrap_or(delivered), Held { chunks, letters })
    }

    /// Works off what was held back, without a subscription: what is settled is noted in the ledger. `None`: all of it is.
    pub(crate) async fn work_off<P: Processor>(
        self,
        held: Held,
        processor: &'a mut P,
        drain: &CancellationToken,
    ) -> (Option<End>, Held) {
        let Held { chunks, letters } = held;
        let (to_settle, settlements) = mpsc::channel(SETTLE_BUFFER);
        // It can't be full or closed.
        let _ = to_settle.try_send(letters.into_iter().map(Settlement::Rejected).collect());
        let stop = drain.child_token();
        let (_, (deliverer, settler)) = self.ends(processor, to_settle, Pace::default(), chunks, false);
        let ((delivered, chunks), (settled, letters)) =
            tokio::join!(deliverer.work_off(&stop), settler.run(settlements, &stop));
        (settled.or(delivered), Held { chunks, letters })
    }
    /// The second and the third verb; `subscribed`: the broker waits for what they say.
    fn ends<P: Processor>(
        self,
        processor: &'a mut P,
        to_settle: mpsc::Sender<Vec<Settlement>>,
        pace: Pace,
        waiting: VecDeque<Chunk>,
        subscribed: bool,
    ) -> (&'a mut Gaps, (Deliverer<'a, P>, Settler<'a>)) {
        let Self { policy, schemas: _, metrics, ledger, gaps, streams: _, dead_letters } = self;
        let deliverer = Deliverer {
            processor,
            policy: policy.clone(),
            metrics: metrics.clone(),
            ledger: ledger.clone(),
            to_settle,
            pace: pace.clone(),
            waiting,
            subscribed,
            written: None,
        };
        (gaps, (deliverer, Settler { policy, metrics, ledger, dead_letters, pace, subscribed }))
    }
}
