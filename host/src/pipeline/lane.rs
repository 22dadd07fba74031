//! The life of a lane: subscribe, run a session, and after an outage of the target park until it is back. While a lane
//! is parked it is not subscribed, so that the broker's count of deliveries does not run out.

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Backoff, End, Intake, LanePolicy, ProcessError, Processor, Session};
use crate::{
    broker::{self, Broker, DeadLetters, Event, SubscribeOptions, Subscription},
    metrics::LaneMetrics,
    schema::SchemaCache,
};

/// What a lane is doing, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LaneState {
    /// Not subscribed yet; the reason if a try has failed.
    Subscribing { cause: Option<String> },
    /// Records flow.
    Running,
    /// The target takes no records.
    Parked { reason: String },
    /// Done.
    Stopped,
}

/// One consumer of one topic.
pub(crate) struct Lane<P> {
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

impl Intake for Subscription {
    async fn recv(&mut self) -> Option<Event> {
        Subscription::recv(self).await
    }
}

impl<P: Processor> Lane<P> {
    /// Runs until told to drain (`Ok`) or until the connector must stop (the reason).
    pub(crate) async fn run(mut self, drain: &CancellationToken) -> Result<(), String> {
        let result = self.work(drain).await;
        self.processor.shutdown().await;
        self.state.send_replace(LaneState::Stopped);
        result
    }

    async fn work(&mut self, drain: &CancellationToken) -> Result<(), String> {
        let mut pauses = Backoff::new(self.policy.retry_backoff, self.policy.max_backoff);
        while !drain.is_cancelled() {
            let Some(mut subscription) = self.subscribe(drain).await? else { break };
            self.state.send_replace(LaneState::Running);
            let settled_before = self.metrics.acknowledged.get();
            let end = self.session().run(&mut subscription, &mut self.processor, drain).await;
            drop(subscription);
            if self.metrics.acknowledged.get() > settled_before {
                pauses.reset();
            }
            match end {
                End::Drained => break,
                End::Failed { reason } => return Err(reason),
                End::Parked { reason } => self.park(reason, &mut pauses, drain).await?,
            }
        }
        Ok(())
    }

    fn session(&self) -> Session {
        let dead_letters = self.dead_letter_topic.as_ref().map(|topic| {
            DeadLetters::new(self.broker.clone(), topic.clone(), format!("{}-dlq", self.subscribe.consumer_name))
        });
        Session {
            policy: self.policy.clone(),
            schemas: self.schemas.clone(),
            metrics: self.metrics.clone(),
            dead_letters,
        }
    }

    /// Subscribes, for as long as it takes. `None`: told to drain first.
    async fn subscribe(&mut self, drain: &CancellationToken) -> Result<Option<Subscription>, String> {
        self.state.send_replace(LaneState::Subscribing { cause: None });
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
            if self.state.send_replace(state.clone()) != state {
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

    /// Waits until the target says that it is well again. An error: it never will be.
    async fn park(&mut self, reason: String, pauses: &mut Backoff, drain: &CancellationToken) -> Result<(), String> {
        self.metrics.parked.inc();
        tracing::warn!(
            topic = %self.policy.topic, %reason,
            "parked: the records stay with the broker until the target takes them again"
        );
        self.state.send_replace(LaneState::Parked { reason });
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
                Ok(()) => return Ok(()),
                Err(ProcessError::Fatal { reason } | ProcessError::Rejected { reason }) => return Err(reason),
                Err(ProcessError::Retryable { reason, .. } | ProcessError::Broken { reason }) => {
                    self.state.send_replace(LaneState::Parked { reason });
                }
            }
        }
    }
}
