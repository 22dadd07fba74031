//! A subscription that has consumers, or had some since the broker started: the rules of [`crate::subscription`] together
//! with the queues that its consumers are fed from.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;
use tonic::Status;

use crate::{
    log::Log,
    outbox::Outbox,
    policy::FailurePolicy,
    record::{ConsumerId, Record},
    subscription::{
        DeadLetter, Effect, Nack, Setup, Subscription, SubscriptionType,
        feed::Feed,
        unreliable::{Offer, Unreliable},
    },
};

/// How many records of a non-reliable topic wait for a slow consumer before more are dropped: the released broker has two
/// channels of four on the way.
const UNRELIABLE_QUEUE: usize = 8;

/// How long a cursor may be moved before it is stored again; nothing stores it in between, nor when the broker stops.
const CURSOR_INTERVAL: Duration = Duration::from_secs(10);

/// How long a subscription of a non-reliable topic outlives its last consumer.
const IDLE_GRACE: Duration = Duration::from_secs(60);

/// What the broker's configuration says about subscriptions.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    pub(crate) window: usize,
    pub(crate) policy: FailurePolicy,
    pub(crate) honour_window: bool,
    pub(crate) promote_standby: bool,
    pub(crate) eviction: Option<Duration>,
    pub(crate) hand_over: bool,
    pub(crate) live_backlog: Option<u64>,
}

#[derive(Debug)]
enum Delivery {
    Reliable(Box<Subscription>),
    Unreliable { route: Unreliable, idle_since: Option<Instant>, sends: u64 },
}

/// A consumer that has subscribed. It stays when it disconnects.
#[derive(Debug)]
pub(crate) struct Consumer {
    pub(crate) id: ConsumerId,
    pub(crate) name: String,
    pub(crate) active: bool,
    pub(crate) outbox: Arc<Outbox>,
}

/// A subscription with its consumers.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) kind: SubscriptionType,
    pub(crate) consumers: Vec<Consumer>,
    delivery: Delivery,
    /// When its cursor was stored last; at first, when it was created.
    cursor_stored: Option<Instant>,
}

impl Live {
    /// A subscription of a reliable topic.
    pub(crate) fn reliable(setup: Setup, feed: Feed, now: Instant) -> Self {
        let kind = setup.kind;
        let delivery = Delivery::Reliable(Box::new(Subscription::new(setup, feed)));
        Self { kind, consumers: vec![], delivery, cursor_stored: Some(now) }
    }

    /// A subscription of a non-reliable topic.
    pub(crate) fn unreliable(kind: SubscriptionType) -> Self {
        let delivery = Delivery::Unreliable { route: Unreliable::new(kind), idle_since: None, sends: 0 };
        Self { kind, consumers: vec![], delivery, cursor_stored: None }
    }

    /// The rules of a reliable subscription, for a look inside.
    pub(crate) fn subscription(&self) -> Option<&Subscription> {
        match &self.delivery {
            Delivery::Reliable(subscription) => Some(subscription),
            Delivery::Unreliable { .. } => None,
        }
    }

    /// How many records of a non-reliable topic were sent.
    pub(crate) fn unreliable_sends(&self) -> u64 {
        match &self.delivery {
            Delivery::Reliable(_) => 0,
            Delivery::Unreliable { sends, .. } => *sends,
        }
    }

    pub(crate) fn consumer(&self, id: ConsumerId) -> Option<&Consumer> {
        self.consumers.iter().find(|consumer| consumer.id == id)
    }

    /// Whether any consumer is connected.
    pub(crate) fn is_in_use(&self) -> bool {
        self.consumers.iter().any(|consumer| consumer.active)
    }

    pub(crate) fn add(&mut self, id: ConsumerId, name: String, filters: Vec<String>) {
        self.consumers.push(Consumer { id, name, active: true, outbox: Arc::default() });
        match &mut self.delivery {
            Delivery::Reliable(subscription) => subscription.add(id, filters),
            Delivery::Unreliable { route, idle_since, .. } => {
                route.add(id, filters);
                *idle_since = None;
            }
        }
    }

    /// Marks a consumer as connected, or as gone. Returns whether there is such a consumer.
    pub(crate) fn set_active(&mut self, id: ConsumerId, active: bool, now: Instant) -> bool {
        let Some(consumer) = self.consumers.iter_mut().find(|consumer| consumer.id == id) else { return false };
        consumer.active = active;
        match &mut self.delivery {
            Delivery::Reliable(subscription) => subscription.set_active(id, active, now),
            Delivery::Unreliable { route, idle_since, .. } => {
                route.set_active(id, active);
                *idle_since = if active { None } else { *idle_since };
            }
        }
        true
    }

    /// What a consumer holds is to be sent again.
    pub(crate) fn retry_now(&mut self, id: ConsumerId, now: Instant, log: &Log, out: &mut Vec<Effect>) {
        self.reliably(|subscription| subscription.retry_now(id, now, log, out));
    }

    pub(crate) fn dispatch(&mut self, now: Instant, log: &Log, out: &mut Vec<Effect>) {
        self.reliably(|subscription| subscription.dispatch(now, log, out));
    }

    pub(crate) fn ack(&mut self, offset: u64, now: Instant, log: &Log, out: &mut Vec<Effect>) {
        self.reliably(|subscription| subscription.ack(offset, now, log, out));
    }

    pub(crate) fn nack(&mut self, offset: u64, nack: Nack, now: Instant, log: &Log, out: &mut Vec<Effect>) {
        self.reliably(|subscription| subscription.nack(offset, nack, now, log, out));
    }

    pub(crate) fn tick(&mut self, now: Instant, log: &Log, out: &mut Vec<Effect>) {
        self.reliably(|subscription| subscription.tick(now, log, out));
    }

    pub(crate) fn dead_lettered(
        &mut self,
        offset: u64,
        published: bool,
        now: Instant,
        log: &Log,
        out: &mut Vec<Effect>,
    ) {
        self.reliably(|subscription| subscription.dead_lettered(offset, published, now, log, out));
    }

    pub(crate) fn skip(&mut self, count: u64) {
        self.reliably(|subscription| subscription.skip(count));
    }

    /// The offset to go on from, if the cursor is to be stored now: an acknowledgement moved it, and the last time was long
    /// enough ago. `before` is where it stood before that acknowledgement.
    pub(crate) fn store_cursor(&mut self, before: Option<u64>, now: Instant) -> Option<u64> {
        let safe = self.cursor()?;
        let due = before.is_none_or(|before| safe > before) && now >= self.cursor_stored? + CURSOR_INTERVAL;
        due.then(|| {
            self.cursor_stored = Some(now);
            safe + 1
        })
    }

    /// Up to which offset everything is acknowledged.
    pub(crate) fn cursor(&self) -> Option<u64> {
        self.subscription()?.window().cursor.safe()
    }

    /// The first offset that is still needed; `None` on a non-reliable topic.
    pub(crate) fn resume_at(&self) -> Option<u64> {
        self.subscription().map(Subscription::resume_at)
    }

    /// Hands a record of a non-reliable topic to whoever takes it at once.
    pub(crate) fn offer(&mut self, record: &Arc<Record>, now: Instant) {
        let Self { consumers, delivery, .. } = self;
        let Delivery::Unreliable { route, idle_since, sends } = delivery else { return };
        let in_use = route.offer(record, |id| {
            let outbox = consumers.iter().find(|consumer| consumer.id == id).map(|consumer| &consumer.outbox);
            let taken = outbox.is_some_and(|outbox| outbox.try_push(record, UNRELIABLE_QUEUE));
            *sends += u64::from(taken);
            if taken { Offer::Taken } else { Offer::Full }
        });
        if !in_use {
            idle_since.get_or_insert(now);
        }
    }

    /// Whether a subscription of a non-reliable topic has been without use for so long that it is removed.
    pub(crate) fn is_forgotten(&self, now: Instant) -> bool {
        match &self.delivery {
            Delivery::Reliable(_) => false,
            Delivery::Unreliable { idle_since, .. } => {
                idle_since.is_some_and(|since| now > since + IDLE_GRACE) && !self.is_in_use()
            }
        }
    }

    /// Queues what is to be sent and returns the dead letters.
    pub(crate) fn carry_out(&self, effects: &mut Vec<Effect>) -> Vec<DeadLetter> {
        let mut letters = vec![];
        for effect in effects.drain(..) {
            match effect {
                Effect::Send { consumer, record } => {
                    if let Some(consumer) = self.consumer(consumer) {
                        consumer.outbox.push(record);
                    }
                }
                Effect::DeadLetter(letter) => letters.push(letter),
            }
        }
        letters
    }

    /// Ends all streams in good order.
    pub(crate) fn end_streams(&self) {
        self.consumers.iter().for_each(|consumer| consumer.outbox.revoke());
    }

    /// Ends all streams with a status. Returns how many there were.
    pub(crate) fn drop_streams(&self, status: &Status) -> usize {
        self.consumers.iter().filter(|consumer| consumer.outbox.end(Err(status.clone()))).count()
    }

    fn reliably(&mut self, event: impl FnOnce(&mut Subscription)) {
        match &mut self.delivery {
            Delivery::Reliable(subscription) => event(subscription),
            Delivery::Unreliable { .. } => {}
        }
    }
}
