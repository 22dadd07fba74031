//! The third verb: tell the broker. Many acknowledgements are under way at once, and none of them waits for a rejected
//! record. While the lane has no subscription there is nobody to tell: then the ledger keeps what is settled.

use std::{
    collections::{HashMap, VecDeque, hash_map::Entry},
    sync::Arc,
    time::Duration,
};

use futures::{
    StreamExt,
    stream::{self, FuturesUnordered},
};
use tokio::{sync::mpsc, time::Instant};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::{
    backoff::Backoff,
    edge::{End, LanePolicy, Rejected, Settlement},
    ledger::Ledger,
    pace::Pace,
    reject::Rejecter,
};
use crate::{
    broker::{self, DeadLetters, Receipt},
    metrics::LaneMetrics,
    record::Order,
    stages::{self, Stage},
};

/// Answers under way at once, per lane.
const CONCURRENT_ANSWERS: usize = 256;
/// An acknowledgement that still fails after so many tries is given up: the broker delivers the record again.
const ACK_TRIES: u32 = 5;

/// What settling needs besides its channel.
pub(crate) struct Settler<'a> {
    pub(crate) policy: Arc<LanePolicy>,
    pub(crate) metrics: LaneMetrics,
    pub(crate) ledger: Ledger,
    pub(crate) dead_letters: Option<&'a mut DeadLetters>,
    pub(crate) pace: Pace,
    /// Whether there is a broker to tell, and to be in time for.
    pub(crate) subscribed: bool,
}

/// Rejected records that could not be settled.
pub(crate) type Unsettled = VecDeque<Box<Rejected>>;

/// What the broker is told about a record.
pub(super) enum Answer {
    Done(Receipt),
    Back { receipt: Receipt, after: Duration, reason: String },
}

impl Answer {
    fn receipt(&self) -> &Receipt {
        match self {
            Self::Done(receipt) | Self::Back { receipt, .. } => receipt,
        }
    }
}

impl Settler<'_> {
    /// Settles until there is no more, and until every answer has reached the broker. If the session has to end (`Some`),
    /// it calls `stop`, and goes on with what is written.
    #[expect(
        clippy::disallowed_methods,
        reason = "what is in hand is bounded by the broker's window, and these with it"
    )]
    pub(crate) async fn run(
        self,
        mut settlements: mpsc::Receiver<Vec<Settlement>>,
        stop: &CancellationToken,
    ) -> (Option<End>, Unsettled) {
        let Self { policy, metrics, ledger, dead_letters, pace, subscribed } = self;
        let order = policy.order;
        let (to_answer, answers) = mpsc::unbounded_channel();
        let (to_reject, rejected) = mpsc::unbounded_channel();
        let rejecter =
            Rejecter { policy, metrics: metrics.clone(), dead_letters, subscribed, to_answer: to_answer.clone() };
        let sort = async move {
            // The other ends live as long as this one.
            while let Some(settlements) = settlements.recv().await {
                let answer = |settlement| match settlement {
                    Settlement::Written(receipt) => Some(Answer::Done(receipt)),
                    Settlement::GivenBack { receipt, after, reason } => Some(Answer::Back { receipt, after, reason }),
                    Settlement::Rejected(rejected) => {
                        let _ = to_reject.send(rejected);
                        None
                    }
                };
                let _ = to_answer.send(settlements.into_iter().filter_map(answer).collect());
            }
        };
        let answerer = Arc::new(Answerer { ledger, metrics, pace, subscribed });
        // A task of its own: each answer of the broker would wake the whole lane otherwise.
        let answer = AbortOnDropHandle::new(tokio::spawn(Stage::Settle.polls(async move {
            match order {
                Order::Strict => answerer.one_by_one(answers).await,
                Order::Any | Order::ByKey => answerer.all_at_once(answers).await,
            }
        })));
        let ((), answered, end) = tokio::join!(sort, answer, rejecter.run(rejected, stop));
        if let Err(ended) = answered
            && ended.is_panic()
        {
            std::panic::resume_unwind(ended.into_panic());
        }
        end
    }
}

/// Tells the broker, or else the ledger.
struct Answerer {
    ledger: Ledger,
    metrics: LaneMetrics,
    pace: Pace,
    subscribed: bool,
}

impl Answerer {
    async fn all_at_once(self: Arc<Self>, answers: mpsc::UnboundedReceiver<Vec<Answer>>) {
        UnboundedReceiverStream::new(answers)
            .flat_map(stream::iter)
            .for_each_concurrent(CONCURRENT_ANSWERS, |answer| Arc::clone(&self).answer(answer))
            .await;
    }

    /// Within a partition each answer waits for the one before it. Otherwise a host that crashes could leave a hole
    /// behind: the one record in it would come again, and be written behind the newer ones.
    async fn one_by_one(self: Arc<Self>, mut answers: mpsc::UnboundedReceiver<Vec<Answer>>) {
        let mut queues: HashMap<Option<u32>, VecDeque<Answer>> = HashMap::new();
        let mut under_way = FuturesUnordered::new();
        let start = |partition, answer| {
            let answerer = Arc::clone(&self);
            async move {
                answerer.answer(answer).await;
                partition
            }
        };
        loop {
            tokio::select! {
                Some(answers) = answers.recv() => for answer in answers {
                    let partition = answer.receipt().partition();
                    match queues.entry(partition) {
                        Entry::Occupied(mut queue) => queue.get_mut().push_back(answer),
                        Entry::Vacant(idle) => {
                            idle.insert(VecDeque::new());
                            under_way.push(start(partition, answer));
                        }
                    }
                },
                Some(partition) = under_way.next() => {
                    match queues.get_mut(&partition).and_then(VecDeque::pop_front) {
                        Some(answer) => under_way.push(start(partition, answer)),
                        None => drop(queues.remove(&partition)),
                    }
                }
                else => return,
            }
        }
    }

    async fn answer(self: Arc<Self>, answer: Answer) {
        match answer {
            Answer::Done(receipt) if self.subscribed => self.acknowledge(&receipt).await,
            Answer::Done(receipt) => self.ledger.settled(&receipt),
            // On the heap, because it is large and rare, and a lane may have many answers under way.
            Answer::Back { receipt, after, reason } => Box::pin(self.give_back(&receipt, after, &reason)).await,
        }
    }

    async fn acknowledge(&self, receipt: &Receipt) {
        if !self.ledger.answering(receipt) {
            return;
        }
        let begun = Instant::now();
        match acknowledge(receipt).await {
            Ok(()) => {
                let now = Instant::now();
                let took = now - begun;
                self.pace.answered(took, now);
                if stages::on() {
                    Stage::Acknowledge.add(took);
                }
                self.metrics.acknowledged.inc();
            }
            Err(error) => {
                tracing::warn!(
                    partition = receipt.partition(), offset = receipt.offset(), %error,
                    "could not acknowledge a record that is settled; the broker will deliver it again"
                );
                self.metrics.ack_failures.inc();
            }
        }
        self.ledger.answered(receipt);
    }

    /// Out of hand first: the broker may send it again before the answer is back.
    async fn give_back(&self, receipt: &Receipt, after: Duration, reason: &str) {
        if !self.ledger.giving_back(receipt) {
            return;
        }
        if let Err(error) = receipt.nack(after, reason).await {
            tracing::warn!(
                partition = receipt.partition(), offset = receipt.offset(), %error,
                "could not give a record back; the broker will deliver it again when it has waited long enough"
            );
        }
    }
}

async fn acknowledge(receipt: &Receipt) -> Result<(), broker::Error> {
    match receipt.ack().await {
        Err(error) if error.is_retryable() => Box::pin(acknowledge_again(receipt, error)).await,
        told => told,
    }
}

async fn acknowledge_again(receipt: &Receipt, mut error: broker::Error) -> Result<(), broker::Error> {
    let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(2));
    for _ in 1..ACK_TRIES {
        tokio::time::sleep(backoff.next()).await;
        match receipt.ack().await {
            Err(again) if again.is_retryable() => error = again,
            told => return told,
        }
    }
    Err(error)
}
