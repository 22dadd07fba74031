//! A look inside for tests: what a topic and its subscriptions have counted, and where they stand.

use std::collections::BTreeMap;

use crate::{
    record::ConsumerId,
    subscription::{Subscription, SubscriptionType, Tally},
    topic::{Live, Topic},
};

/// A topic, or one partition of a topic, at one moment.
#[derive(Debug, Clone)]
pub struct TopicStats {
    /// The name, with `-part-N` for a partition.
    pub name: String,
    /// Whether it keeps records until they are acknowledged.
    pub reliable: bool,
    /// How many messages producers published, since the topic was created.
    pub published: u64,
    /// How many acknowledgements arrived, late and repeated ones included, refused and lost ones not.
    pub acks_received: u64,
    /// The names of the producers, sorted.
    pub producers: Vec<String>,
    /// By name. A subscription is there from its first consumer on, until nobody uses it and it is unsubscribed.
    pub subscriptions: BTreeMap<String, SubscriptionStats>,
}

/// A subscription at one moment. Those of non-reliable topics count sends only.
#[derive(Debug, Clone)]
pub struct SubscriptionStats {
    /// How records are divided among its consumers.
    pub subscription_type: SubscriptionType,
    /// The highest offset up to which every record is acknowledged (or done with otherwise).
    pub cursor: Option<u64>,
    /// How many published records it has not taken up yet.
    pub pending: u64,
    /// How many records are with consumers.
    pub awaiting: usize,
    /// How many records wait to be sent (again).
    pub waiting_to_retry: usize,
    /// How many records were given up and are still in the window.
    pub exhausted: usize,
    /// How many records wait because another one with their key is outstanding. Key-Shared only.
    pub blocked: usize,
    /// How many records were acknowledged in time.
    pub acked: u64,
    /// How many acknowledgements were ignored because the record did not await one.
    pub late_acks: u64,
    /// How many negative acknowledgements arrived.
    pub nacks: u64,
    /// How many ack timeouts passed.
    pub ack_timeouts: u64,
    /// How often a record was sent.
    pub sends: u64,
    /// How many of those sends were not the first of their record.
    pub redeliveries: u64,
    /// How many records were published as dead letters.
    pub dead_lettered: u64,
    /// How many records the policy `Drop` dropped.
    pub dropped: u64,
    /// How many records no consumer's key filter took.
    pub filtered_out: u64,
    /// How many records will never be delivered although nobody acknowledged or rejected them.
    pub lost: u64,
    /// In the order in which they subscribed. A consumer stays in the list when it disconnects.
    pub consumers: Vec<ConsumerStats>,
}

/// A consumer at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerStats {
    /// The name that it subscribed with.
    pub name: String,
    /// The id that it was given.
    pub id: ConsumerId,
    /// Whether the broker takes it for connected.
    pub connected: bool,
    /// Whether it has a stream of records open.
    pub streaming: bool,
}

impl Topic {
    /// The topic as it is now.
    pub(crate) fn stats(&self) -> TopicStats {
        let state = self.state();
        let mut producers: Vec<String> = state.producers.values().cloned().collect();
        producers.sort();
        let head = state.log.head();
        TopicStats {
            name: self.name.clone(),
            reliable: self.reliable,
            published: state.published,
            acks_received: state.acks,
            producers,
            subscriptions: state.live.iter().map(|(name, live)| (name.clone(), subscription(live, head))).collect(),
        }
    }
}

fn subscription(live: &Live, head: u64) -> SubscriptionStats {
    let reliable = live.subscription();
    let (awaiting, waiting_to_retry, exhausted) = reliable.map_or((0, 0, 0), |it| it.window().counts());
    let unreliable = || Tally { sends: live.unreliable_sends(), ..Tally::default() };
    let tally = reliable.map_or_else(unreliable, Subscription::tally);
    SubscriptionStats {
        subscription_type: live.kind,
        cursor: reliable.and_then(|it| it.window().cursor.safe()),
        pending: reliable.map_or(0, |it| head.saturating_sub(it.position())),
        awaiting,
        waiting_to_retry,
        exhausted,
        blocked: reliable.map_or(0, Subscription::blocked),
        acked: tally.acks,
        late_acks: tally.late_acks,
        nacks: tally.nacks,
        ack_timeouts: tally.ack_timeouts,
        sends: tally.sends,
        redeliveries: tally.redeliveries,
        dead_lettered: tally.dead_lettered,
        dropped: tally.dropped,
        filtered_out: tally.filtered_out,
        lost: tally.lost,
        consumers: live.consumers.iter().map(consumer).collect(),
    }
}

fn consumer(consumer: &crate::topic::Consumer) -> ConsumerStats {
    ConsumerStats {
        name: consumer.name.clone(),
        id: consumer.id,
        connected: consumer.active,
        streaming: consumer.outbox.is_streaming(),
    }
}
