//! The rules of one subscription of a reliable topic, as a state machine without I/O, tasks or a clock: every event comes
//! in with the present moment, and what is to be done comes out as [`Effect`]s.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

pub(crate) mod blocked;
pub(crate) mod cursor;
pub(crate) mod feed;
pub(crate) mod keyed;
pub(crate) mod ordered;
pub(crate) mod ring;
pub(crate) mod unreliable;
pub(crate) mod window;

#[cfg(test)]
mod rules;

use self::{feed::Feed, keyed::Keyed, ordered::Ordered, window::Window};
use crate::{
    log::Log,
    policy::FailurePolicy,
    record::{ConsumerId, Record},
};

/// How records are divided among the consumers of a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubscriptionType {
    /// One consumer only.
    Exclusive,
    /// All consumers in turn.
    Shared,
    /// One active consumer, others stand by.
    Failover,
    /// Each routing key to one consumer.
    KeyShared,
}

/// What a subscription wants done.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Hand a record to a consumer.
    Send { consumer: ConsumerId, record: Arc<Record> },
    /// Publish a dead letter and report back with [`Subscription::dead_lettered`].
    DeadLetter(DeadLetter),
}

/// A record that was given up.
#[derive(Debug)]
pub(crate) struct DeadLetter {
    pub(crate) topic: String,
    pub(crate) record: Arc<Record>,
    pub(crate) offset: u64,
    pub(crate) sends: u32,
    pub(crate) reason: Option<String>,
    pub(crate) policy: &'static str,
}

/// A negative acknowledgement.
#[derive(Debug, Default)]
pub(crate) struct Nack {
    pub(crate) reason: Option<String>,
    pub(crate) delay: Option<Duration>,
}

/// What a subscription has counted.
#[derive(Debug, Default, Clone)]
pub(crate) struct Tally {
    pub(crate) sends: u64,
    pub(crate) redeliveries: u64,
    pub(crate) acks: u64,
    pub(crate) late_acks: u64,
    pub(crate) nacks: u64,
    pub(crate) ack_timeouts: u64,
    pub(crate) dead_lettered: u64,
    pub(crate) dropped: u64,
    pub(crate) filtered_out: u64,
    pub(crate) lost: u64,
}

/// What one event may use.
pub(crate) struct Run<'a> {
    pub(crate) now: Instant,
    pub(crate) log: &'a Log,
    pub(crate) feed: &'a mut Feed,
    pub(crate) tally: &'a mut Tally,
    pub(crate) out: &'a mut Vec<Effect>,
}

impl Run<'_> {
    fn send(&mut self, consumer: ConsumerId, record: Arc<Record>, again: bool) {
        self.tally.count_send(again);
        self.out.push(Effect::Send { consumer, record });
    }
}

/// What makes a subscription what it is; fixed when it is created.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) kind: SubscriptionType,
    pub(crate) policy: FailurePolicy,
    pub(crate) window: usize,
    pub(crate) promote_standby: bool,
    pub(crate) eviction: Option<Duration>,
    pub(crate) hand_over: bool,
}

#[derive(Debug)]
enum Dispatcher {
    Ordered(Ordered),
    Keyed(Keyed),
}

/// One subscription of a reliable topic.
#[derive(Debug)]
pub(crate) struct Subscription {
    dispatcher: Dispatcher,
    feed: Feed,
    tally: Tally,
}

impl Subscription {
    /// A subscription that reads from where `feed` stands.
    pub(crate) fn new(setup: Setup, feed: Feed) -> Self {
        let Setup { kind, policy, window, promote_standby, eviction, hand_over } = setup;
        let dispatcher = match kind {
            SubscriptionType::Exclusive => Dispatcher::Ordered(Ordered::single(policy, window, false)),
            SubscriptionType::Failover => Dispatcher::Ordered(Ordered::single(policy, window, promote_standby)),
            SubscriptionType::Shared => Dispatcher::Ordered(Ordered::shared(policy, window)),
            SubscriptionType::KeyShared => Dispatcher::Keyed(Keyed::new(policy, window, eviction, hand_over)),
        };
        Self { dispatcher, feed, tally: Tally::default() }
    }

    /// A new consumer. It gets records from the next event on.
    pub(crate) fn add(&mut self, id: ConsumerId, filters: Vec<String>) {
        match &mut self.dispatcher {
            Dispatcher::Ordered(ordered) => ordered.add(id),
            Dispatcher::Keyed(keyed) => keyed.add(id, filters),
        }
    }

    /// Marks a consumer as connected, or as gone.
    pub(crate) fn set_active(&mut self, id: ConsumerId, active: bool, now: Instant) {
        match &mut self.dispatcher {
            Dispatcher::Ordered(ordered) => ordered.set_active(id, active),
            Dispatcher::Keyed(keyed) => keyed.set_active(id, active, now),
        }
    }

    /// A consumer came back or went away: what it holds is to be sent again.
    pub(crate) fn retry_now(&mut self, id: ConsumerId, now: Instant, log: &Log, out: &mut Vec<Effect>) {
        let (dispatcher, mut run) = self.run(now, log, out);
        match dispatcher {
            Dispatcher::Ordered(ordered) => ordered.retry_now(id, &mut run),
            Dispatcher::Keyed(keyed) => keyed.retry_now(id, &mut run),
        }
    }

    /// There is something new in the log, or a consumer attached.
    pub(crate) fn dispatch(&mut self, now: Instant, log: &Log, out: &mut Vec<Effect>) {
        let (dispatcher, mut run) = self.run(now, log, out);
        match dispatcher {
            Dispatcher::Ordered(ordered) => ordered.dispatch(&mut run),
            Dispatcher::Keyed(keyed) => keyed.dispatch(&mut run),
        }
    }

    /// An acknowledgement. Ignored unless the record awaits one.
    pub(crate) fn ack(&mut self, offset: u64, now: Instant, log: &Log, out: &mut Vec<Effect>) {
        let (dispatcher, mut run) = self.run(now, log, out);
        let counted = match dispatcher {
            Dispatcher::Ordered(ordered) => ordered.ack(offset, &mut run),
            Dispatcher::Keyed(keyed) => keyed.ack(offset, &mut run),
        };
        self.tally.acks += u64::from(counted);
        self.tally.late_acks += u64::from(!counted);
    }

    /// A negative acknowledgement. Ignored unless the record is in the window.
    pub(crate) fn nack(&mut self, offset: u64, nack: Nack, now: Instant, log: &Log, out: &mut Vec<Effect>) {
        self.tally.nacks += 1;
        let (dispatcher, mut run) = self.run(now, log, out);
        match dispatcher {
            Dispatcher::Ordered(ordered) => ordered.nack(offset, nack, &mut run),
            Dispatcher::Keyed(keyed) => keyed.nack(offset, nack, &mut run),
        }
    }

    /// Time has passed.
    pub(crate) fn tick(&mut self, now: Instant, log: &Log, out: &mut Vec<Effect>) {
        let (dispatcher, mut run) = self.run(now, log, out);
        match dispatcher {
            Dispatcher::Ordered(ordered) => ordered.tick(&mut run),
            Dispatcher::Keyed(keyed) => keyed.tick(&mut run),
        }
    }

    /// A dead letter was published, or could not be.
    pub(crate) fn dead_lettered(
        &mut self,
        offset: u64,
        published: bool,
        now: Instant,
        log: &Log,
        out: &mut Vec<Effect>,
    ) {
        let (dispatcher, mut run) = self.run(now, log, out);
        match dispatcher {
            Dispatcher::Ordered(ordered) => ordered.dead_lettered(offset, published, &mut run),
            Dispatcher::Keyed(keyed) => keyed.dead_lettered(offset, published, &mut run),
        }
    }

    /// Skips the next `count` records.
    pub(crate) fn skip(&mut self, count: u64) {
        self.feed.skip(count);
    }

    /// The first offset that a subscription which takes over from this one must read.
    pub(crate) fn resume_at(&self) -> u64 {
        self.window().cursor.next().unwrap_or(self.feed.position())
    }

    /// The counters, those of the feed included.
    pub(crate) fn tally(&self) -> Tally {
        Tally { lost: self.tally.lost + self.feed.skipped(), ..self.tally.clone() }
    }

    /// Where the feed stands.
    pub(crate) fn position(&self) -> u64 {
        self.feed.position()
    }

    /// The window, for a look inside.
    pub(crate) fn window(&self) -> &Window {
        match &self.dispatcher {
            Dispatcher::Ordered(ordered) => &ordered.window,
            Dispatcher::Keyed(keyed) => &keyed.window,
        }
    }

    /// How many records wait for their key.
    pub(crate) fn blocked(&self) -> usize {
        match &self.dispatcher {
            Dispatcher::Ordered(_) => 0,
            Dispatcher::Keyed(keyed) => keyed.blocked.len(),
        }
    }

    fn run<'a>(&'a mut self, now: Instant, log: &'a Log, out: &'a mut Vec<Effect>) -> (&'a mut Dispatcher, Run<'a>) {
        let Self { dispatcher, feed, tally } = self;
        (dispatcher, Run { now, log, feed, tally, out })
    }
}

/// What is to be published for a given-up record; `None` if the policy names no topic.
fn dead_letter(window: &Window, offset: u64, policy: &FailurePolicy) -> Option<DeadLetter> {
    let entry = window.get(offset)?;
    Some(DeadLetter {
        topic: policy.dead_letter_topic.clone()?,
        record: Arc::clone(&entry.record),
        offset,
        sends: entry.sends,
        reason: entry.reason.clone(),
        policy: policy.poison.label(),
    })
}
