//! What becomes of records that will never be written: dead-lettered, skipped, or the end of the session, as the config
//! says. After that, and not before, they are acknowledged.

use std::{sync::Arc, time::Duration};

use prometheus_client::metrics::counter::Counter;
use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    backoff::Backoff,
    edge::{End, LanePolicy, Rejected, Stage},
    fuse::Blown,
    settle::{Answer, Unsettled},
};
use crate::{
    broker::{DeadLetter, DeadLetters},
    metrics::LaneMetrics,
    record::OnReject,
};

/// Does with bad records what the config says, one after the other.
pub(super) struct Rejecter<'a> {
    pub(super) policy: Arc<LanePolicy>,
    pub(super) metrics: LaneMetrics,
    pub(super) dead_letters: Option<&'a mut DeadLetters>,
    pub(super) subscribed: bool,
    pub(super) to_answer: mpsc::UnboundedSender<Vec<Answer>>,
}

impl Rejecter<'_> {
    pub(super) async fn run(
        mut self,
        mut rejected: mpsc::UnboundedReceiver<Box<Rejected>>,
        stop: &CancellationToken,
    ) -> (Option<End>, Unsettled) {
        let mut end = None;
        let mut unsettled = Unsettled::new();
        while let Some(mut rejected) = rejected.recv().await {
            if end.is_some() {
                unsettled.push_back(rejected);
                continue;
            }
            // On the heap, because it is large and rare.
            match Box::pin(self.reject(&mut rejected)).await {
                // The other end lives as long as this one.
                Ok(()) => drop(self.to_answer.send(vec![Answer::Done(rejected.receipt)])),
                Err(reason) => {
                    end = Some(reason);
                    unsettled.push_back(rejected);
                    stop.cancel();
                }
            }
        }
        (end, unsettled)
    }

    /// After this it may be acknowledged.
    async fn reject(&mut self, rejected: &mut Rejected) -> Result<(), End> {
        let position = rejected.position(&self.policy.topic);
        let policy = match rejected.stage {
            Stage::Decode | Stage::Process | Stage::Trap => self.policy.on_reject,
            Stage::Schema => self.policy.on_mismatch,
        };
        let (stage, reason) = (rejected.stage.name(), &rejected.reason);
        if !rejected.counted {
            let failed = &self.metrics.failed;
            let counter = match rejected.stage {
                Stage::Decode => Some(&failed.decode),
                Stage::Schema => Some(&failed.schema),
                Stage::Process => Some(&failed.process),
                // Counted when it happened.
                Stage::Trap => None,
            };
            counter.map(Counter::inc);
            if policy != OnReject::Stop {
                self.policy.fuse.pass().map_err(|blown| blown.end(&position.to_string(), stage, reason))?;
            }
            rejected.counted = true;
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
                Ok(())
            }
            OnReject::DeadLetter => {
                let letter = self.letter(rejected);
                self.publish(&letter, rejected.receipt.received()).await?;
                self.metrics.dead_lettered.inc();
                tracing::warn!(record = %position, stage, %reason, "dead-lettered a rejected record");
                Ok(())
            }
        }
    }

    /// Publishes until the broker has stored it, or for as long as the broker waits for the record's answer.
    async fn publish(&mut self, letter: &DeadLetter, received: Instant) -> Result<(), End> {
        let LanePolicy { budget, hold, .. } = *self.policy;
        let Some(dead_letters) = &mut self.dead_letters else {
            return Err(End::Failed {
                reason: format!(
                    "record {}@{} was rejected, and there is no [dead_letter] topic",
                    letter.topic, letter.offset
                ),
            });
        };
        let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
        loop {
            let Err(error) = dead_letters.publish(letter).await else { return Ok(()) };
            tracing::error!(topic = %letter.topic, offset = letter.offset, %error, "cannot publish a dead letter yet");
            let pause = backoff.next();
            let in_time = self.subscribed && Instant::now() + pause < received + budget;
            if !hold && !in_time {
                return Err(End::Parked { reason: format!("cannot publish a dead letter: {error}") });
            }
            tokio::time::sleep(pause).await;
        }
    }

    fn letter(&self, rejected: &Rejected) -> DeadLetter {
        let Rejected { receipt, content, stage, reason, attempts, counted: _ } = rejected;
        let topic = match receipt.partition() {
            Some(partition) => format!("{}-part-{partition}", self.policy.topic),
            None => self.policy.topic.to_string(),
        };
        DeadLetter {
            content: content.clone(),
            topic,
            offset: receipt.offset(),
            producer_id: receipt.producer_id(),
            subscription: self.policy.subscription.to_string(),
            reason: reason.clone(),
            stage: stage.name(),
            attempts: *attempts,
            connector: self.policy.connector.to_string(),
            component_sha256: self.policy.component_sha256.to_string(),
        }
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
