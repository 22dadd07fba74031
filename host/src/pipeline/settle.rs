//! The third verb: tell the broker. Many acknowledgements are under way at once; a rejected record is dead-lettered,
//! skipped, or ends the session, as the config says, and never before the dead letter is stored.

use std::{sync::Arc, time::Duration};

use futures::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use tokio::sync::mpsc;

use super::{
    backoff::Backoff,
    edge::{End, LanePolicy, Rejected, Settlement, Stage},
    fuse::Blown,
    in_hand::InHand,
};
use crate::{
    broker::{DeadLetter, DeadLetters, Receipt},
    metrics::LaneMetrics,
    record::OnReject,
};

/// Acknowledgements under way at once, per lane.
const CONCURRENT_ACKS: usize = 256;
/// An acknowledgement that still fails after so many tries is given up: the broker delivers the record again.
const ACK_TRIES: u32 = 5;

/// What settling needs besides its channel.
pub(crate) struct Settler {
    pub(crate) policy: Arc<LanePolicy>,
    pub(crate) metrics: LaneMetrics,
    pub(crate) in_hand: InHand,
    pub(crate) dead_letters: Option<DeadLetters>,
}

/// Acknowledgements under way.
type Acks = FuturesUnordered<BoxFuture<'static, ()>>;

impl Settler {
    /// Settles until there is no more, and until every answer has reached the broker. An error: the connector must stop.
    pub(crate) async fn run(mut self, mut settlements: mpsc::Receiver<Settlement>) -> Result<(), End> {
        let mut acks = Acks::new();
        let result = loop {
            tokio::select! {
                settlement = settlements.recv(), if acks.len() < CONCURRENT_ACKS => match settlement {
                    None => break Ok(()),
                    Some(Settlement::Written(receipt)) => acks.push(self.ack(receipt)),
                    Some(Settlement::Rejected(rejected)) => match self.reject(*rejected, &mut acks).await {
                        Ok(receipt) => acks.push(self.ack(receipt)),
                        Err(end) => break Err(end),
                    },
                },
                Some(()) = acks.next(), if !acks.is_empty() => {}
            }
        };
        while acks.next().await.is_some() {}
        result
    }

    fn ack(&self, receipt: Receipt) -> BoxFuture<'static, ()> {
        let (metrics, in_hand) = (self.metrics.clone(), self.in_hand.clone());
        in_hand.answering();
        async move {
            match acknowledge(&receipt).await {
                Ok(()) => metrics.acknowledged.inc(),
                Err(error) => {
                    tracing::warn!(
                        partition = receipt.partition(), offset = receipt.offset(), error = %error,
                        "could not acknowledge a written record; the broker will deliver it again"
                    );
                    metrics.ack_failures.inc()
                }
            };
            in_hand.release(&receipt);
        }
        .boxed()
    }

    /// Does with a bad record what the config says; after that it may be acknowledged.
    async fn reject(&mut self, rejected: Rejected, acks: &mut Acks) -> Result<Receipt, End> {
        let policy = match rejected.stage {
            Stage::Decode => {
                self.metrics.failed.decode.inc();
                self.policy.on_reject
            }
            Stage::Schema => {
                self.metrics.failed.schema.inc();
                self.policy.on_mismatch
            }
            Stage::Process => {
                self.metrics.failed.process.inc();
                self.policy.on_reject
            }
            Stage::Trap => self.policy.on_reject,
        };
        let position = rejected.position(&self.policy.topic);
        let (stage, reason) = (rejected.stage.name(), rejected.reason.clone());
        if policy != OnReject::Stop {
            self.policy.fuse.pass().map_err(|blown| blown.end(&position.to_string(), stage, &reason))?;
        }
        match policy {
            OnReject::Stop => Err(End::Failed {
                reason: format!(
                    "record {position} was rejected ({stage}): {reason}\nhelp: nothing was lost, the record stays with \
                     the broker. To go on past such records set `on_reject = \"dead_letter\"` and `[dead_letter] topic`, \
                     or `on_reject = \"skip\"`"
                ),
            }),
            OnReject::Skip => {
                self.metrics.skipped.inc();
                tracing::warn!(record = %position, stage, %reason, "skipped a rejected record");
                Ok(rejected.receipt)
            }
            OnReject::DeadLetter => {
                let (letter, receipt) = self.letter(rejected);
                let Some(dead_letters) = &mut self.dead_letters else {
                    return Err(End::Failed {
                        reason: format!("record {position} was rejected, and there is no [dead_letter] topic"),
                    });
                };
                publish(dead_letters, &letter, acks).await;
                self.metrics.dead_lettered.inc();
                tracing::warn!(record = %position, stage, %reason, "dead-lettered a rejected record");
                Ok(receipt)
            }
        }
    }

    fn letter(&self, rejected: Rejected) -> (DeadLetter, Receipt) {
        let Rejected { receipt, content, stage, reason, attempts } = rejected;
        let topic = match receipt.partition() {
            Some(partition) => format!("{}-part-{partition}", self.policy.topic),
            None => self.policy.topic.to_string(),
        };
        let letter = DeadLetter {
            content,
            topic,
            offset: receipt.offset(),
            producer_id: receipt.producer_id(),
            subscription: self.policy.subscription.to_string(),
            reason,
            stage: stage.name(),
            attempts,
            connector: self.policy.connector.to_string(),
            component_sha256: self.policy.component_sha256.to_string(),
        };
        (letter, receipt)
    }
}

impl Blown {
    fn end(&self, record: &str, stage: &str, reason: &str) -> End {
        let Self { limit, window } = self;
        let window = humantime::format_duration(*window);
        End::Failed {
            reason: format!(
                "more than {limit} records were rejected within {window}, the last of them {record} ({stage}): {reason}\n\
                 help: that record and those after it stay with the broker. Find out what changed (the component, its \
                 settings, the producers) and start the connector again. If so many bad records are to be expected, raise \
                 `max_rejects` under [processing], or write `max_rejects = 0` to let all of them pass"
            ),
        }
    }
}

/// Publishes until the broker has stored it; other acknowledgements go on meanwhile.
async fn publish(dead_letters: &mut DeadLetters, letter: &DeadLetter, acks: &mut Acks) {
    let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
    let publish = async {
        while let Err(error) = dead_letters.publish(letter).await {
            tracing::error!(topic = %letter.topic, offset = letter.offset, error = %error, "cannot publish a dead letter yet");
            tokio::time::sleep(backoff.next()).await;
        }
    };
    tokio::pin!(publish);
    loop {
        tokio::select! {
            () = &mut publish => return,
            Some(()) = acks.next(), if !acks.is_empty() => {}
        }
    }
}

async fn acknowledge(receipt: &Receipt) -> Result<(), crate::broker::Error> {
    let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(2));
    let mut tries = 1;
    loop {
        match receipt.ack().await {
            Ok(()) => return Ok(()),
            Err(error) if tries >= ACK_TRIES || !error.is_retryable() => return Err(error),
            Err(_) => tokio::time::sleep(backoff.next()).await,
        }
        tries += 1;
    }
}
