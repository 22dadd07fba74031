//! The life of a lane: subscribe, run a session, and after an outage of the target park until it is back. While a lane
//! is parked it is not subscribed, so that the broker's count of deliveries does not run out.

use std::{collections::BTreeMap, mem, sync::Arc, time::Duration};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Backoff, End, Gaps, Held, Intake, LanePolicy, Ledger, ProcessError, Processor, Session, ledger::Arrival};
use crate::{
    broker::{self, Broker, DeadLetters, Event, SubscribeOptions, Subscription},
    metrics::LaneMetrics,
    schema::SchemaCache,
};

/// How long a lane that stops waits for records that it wrote while it was parked, to acknowledge them.
const TELLING: Duration = Duration::from_secs(5);

/// What a lane is doing, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LaneState {
    /// Not subscribed yet; the reason if a try has failed.
    Subscribing { cause: Option<String> },
    /// Records flow, but for streams (of partitions) that are lost: why, by name.
    Running { lost: BTreeMap<String, String> },
    /// The target takes no records.
    Parked { reason: String },
    /// Done.
    Stopped,
}

/// Tells people which streams of a running lane are lost.
#[derive(Debug, Clone)]
pub(crate) struct Streams {
    pub(crate) state: watch::Sender<LaneState>,
    pub(crate) metrics: LaneMetrics,
}

impl Streams {
    pub(crate) fn lost(&self, topic: String, error: &broker::Error) {
        let reason = error.to_string();
        self.change(|lost| lost.insert(topic, reason).is_none().then(|| self.metrics.streams_down.inc()).is_some());
    }

    pub(crate) fn recovered(&self, topic: &str) {
        self.change(|lost| lost.remove(topic).map(|_| self.metrics.streams_down.dec()).is_some());
    }

    /// The subscription is over.
    fn ended(&self) {
        self.change(|lost| {
            self.metrics.streams_down.dec_by(i64::try_from(mem::take(lost).len()).unwrap_or(i64::MAX));
            true
        });
    }

    fn change(&self, change: impl FnOnce(&mut BTreeMap<String, String>) -> bool) {
        self.state.send_if_modified(|state| match state {
            LaneState::Running { lost } => change(lost),
            LaneState::Subscribing { .. } | LaneState::Parked { .. } | LaneState::Stopped => false,
        });
    }
}

/// What makes a lane.
pub(crate) struct LaneParts<P> {
    pub(crate) broker: Broker,
    pub(crate) subscribe: SubscribeOptions,
    pub(crate) policy: Arc<LanePolicy>,
    pub(crate) schemas: Arc<SchemaCache>,
    pub(crate) metrics: LaneMetrics,
    pub(crate) dead_letter_topic: Option<String>,
    /// Where to ask for a larger window, if the config says.
    pub(crate) admin_url: Option<String>,
    pub(crate) processor: P,
    pub(crate) state: watch::Sender<LaneState>,
}

/// One consumer of one topic.
pub(crate) struct Lane<P> {
    broker: Broker,
    subscribe: SubscribeOptions,
    policy: Arc<LanePolicy>,
    schemas: Arc<SchemaCache>,
    metrics: LaneMetrics,
    dead_letters: Option<DeadLetters>,
    admin_url: Option<String>,
    processor: P,
    streams: Streams,
    ledger: Ledger,
    gaps: Gaps,
}

impl Intake for Subscription {
    async fn recv(&mut self) -> Option<Event> {
        Subscription::recv(self).await
    }

    fn try_recv(&mut self) -> Option<Event> {
        Subscription::try_recv(self)
    }
}

impl<P: Processor> Lane<P> {
    pub(crate) fn new(parts: LaneParts<P>) -> Self {
        let LaneParts { broker, subscribe, policy, schemas, metrics, dead_letter_topic, admin_url, processor, state } =
            parts;
        let dead_letters = dead_letter_topic
            .map(|topic| DeadLetters::new(broker.clone(), topic, format!("{}-dlq", subscribe.consumer_name)));
        Self {
            ledger: Ledger::new(&policy, metrics.inflight.clone()),
            gaps: Gaps::new(&policy),
            streams: Streams { state, metrics: metrics.clone() },
            broker,
            subscribe,
            policy,
            schemas,
            metrics,
            dead_letters,
            admin_url,
            processor,
        }
    }

    /// Runs until told to drain (`Ok`) or until the connector must stop (the reason).
    pub(crate) async fn run(mut self, drain: &CancellationToken) -> Result<(), String> {
        let result = self.work(drain).await;
        if self.ledger.untold() > 0 {
            Box::pin(self.tell()).await;
        }
        self.processor.shutdown().await;
        self.set(LaneState::Stopped);
        result
    }

    async fn work(&mut self, drain: &CancellationToken) -> Result<(), String> {
        let mut pauses = Backoff::new(self.policy.retry_backoff, self.policy.max_backoff);
        while !drain.is_cancelled() {
            let Some(mut subscription) = Box::pin(self.subscribe(drain)).await? else { break };
            self.set(LaneState::Running { lost: BTreeMap::new() });
            let settled_before = self.metrics.acknowledged.get();
            let (session, processor) = self.session();
            let (end, held) = session.run(&mut subscription, processor, drain).await;
            drop(subscription);
            self.streams.ended();
            self.ledger.returned();
            if self.metrics.acknowledged.get() > settled_before {
                pauses.reset();
            }
            match end {
                End::Drained => break,
                End::Failed { reason } => return Err(reason),
                End::Parked { reason } => {
                    let held = held.keep(&self.ledger);
                    Box::pin(self.park(reason, held, &mut pauses, drain)).await?;
                }
            }
        }
        Ok(())
    }

    fn session(&mut self) -> (Session<'_>, &mut P) {
        let session = Session {
            policy: self.policy.clone(),
            schemas: self.schemas.clone(),
            metrics: self.metrics.clone(),
            ledger: self.ledger.clone(),
            gaps: &mut self.gaps,
            streams: self.streams.clone(),
            dead_letters: self.dead_letters.as_mut(),
        };
        (session, &mut self.processor)
    }

    fn set(&self, state: LaneState) {
        self.streams.state.send_replace(state);
    }

    /// Subscribes, for as long as it takes. `None`: told to drain first.
    async fn subscribe(&mut self, drain: &CancellationToken) -> Result<Option<Subscription>, String> {
        self.set(LaneState::Subscribing { cause: None });
        let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
        loop {
            let attempt = tokio::select! {
                attempt = self.try_subscribe() => attempt,
                () = drain.cancelled() => return Ok(None),
            };
            let error = match attempt {
                Ok(subscription) => {
                    tracing::info!(
                        topic = %self.policy.topic, subscription = %self.policy.subscription,
                        consumer = %self.subscribe.consumer_name, partitions = subscription.partitions(), "subscribed"
                    );
                    return Ok(Some(subscription));
                }
                Err(error) if error.is_retryable() => error.to_string(),
                Err(error) => return Err(error.to_string()),
            };
            let state = LaneState::Subscribing { cause: Some(error.clone()) };
            if self.streams.state.send_replace(state.clone()) != state {
                tracing::warn!(topic = %self.policy.topic, %error, "cannot subscribe yet");
            }
            tokio::select! {
                () = tokio::time::sleep(backoff.next()) => {}
                () = drain.cancelled() => return Ok(None),
            }
        }
    }

    async fn try_subscribe(&mut self) -> Result<Subscription, broker::Error> {
        if let Some(admin_url) = &self.admin_url {
            let batch_size = u32::try_from(self.policy.batch_size).unwrap_or(u32::MAX);
            match self.broker.ask_for_window(admin_url, &self.subscribe, batch_size).await {
                Ok(window) => tracing::info!(topic = %self.policy.topic, window, "asked for a window"),
                Err(error @ broker::Error::NotFound { .. }) => return Err(error),
                Err(error) => tracing::warn!(topic = %self.policy.topic, %error, "could not ask for a window"),
            }
            self.admin_url = None;
        }
        self.broker.subscribe(&self.subscribe).await
    }

    /// Waits until the target says that it is well again, and has taken what was held back. An error: it never will.
    async fn park(
        &mut self,
        reason: String,
        mut held: Held,
        pauses: &mut Backoff,
        drain: &CancellationToken,
    ) -> Result<(), String> {
        self.metrics.parked.inc();
        tracing::warn!(
            topic = %self.policy.topic, %reason, held = held.len(),
            "parked: the records stay with the broker until the target takes them again"
        );
        self.set(LaneState::Parked { reason });
        loop {
            tokio::select! {
                () = tokio::time::sleep(pauses.next()) => {}
                () = drain.cancelled() => return Ok(()),
            }
            let health = tokio::select! {
                health = self.processor.health_check() => health,
                () = drain.cancelled() => return Ok(()),
            };
            match health {
                Ok(()) => {}
                Err(ProcessError::Fatal { reason } | ProcessError::Rejected { reason }) => return Err(reason),
                Err(ProcessError::Retryable { reason, .. } | ProcessError::Broken { reason }) => {
                    self.set(LaneState::Parked { reason });
                    continue;
                }
            }
            let untold = self.ledger.untold();
            let (session, processor) = self.session();
            let (end, left) = session.work_off(held, processor, drain).await;
            held = left;
            if self.ledger.untold() > untold {
                pauses.reset();
            }
            match end {
                None | Some(End::Drained) => return Ok(()),
                Some(End::Failed { reason }) => return Err(reason),
                Some(End::Parked { .. }) if held.needs_company(&self.ledger) => return Ok(()),
                Some(End::Parked { reason }) => self.set(LaneState::Parked { reason }),
            }
        }
    }

    /// Acknowledges what was written while there was no subscription, as it comes again.
    async fn tell(&mut self) {
        let telling = async {
            let mut subscription = self.try_subscribe().await?;
            while self.ledger.untold() > 0 {
                let Some(event) = subscription.recv().await else { break };
                let Event::Delivery(delivery) = event else { continue };
                if self.ledger.take(&delivery) == Arrival::Settled {
                    delivery.receipt.ack().await?;
                    self.metrics.acknowledged.inc();
                }
            }
            Ok::<(), broker::Error>(())
        };
        let told = tokio::time::timeout(TELLING, telling).await;
        let untold = self.ledger.untold();
        if untold > 0 || !matches!(told, Ok(Ok(()))) {
            tracing::warn!(topic = %self.policy.topic, untold, "some records that were written will be delivered again");
        }
        self.ledger.returned();
    }
}
