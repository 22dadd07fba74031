//! How a reliable Key-Shared subscription hands out records: each key to its consumer, at most one outstanding record per
//! key. The defects of the released broker around consumers that go away are part of it, see [`Keyed::tick`].

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{Effect, Nack, Run, blocked::Blocked, ring::Ring, window::Window};
use crate::{
    policy::{FailurePolicy, Poison},
    record::{ConsumerId, Record, routing_key},
};

/// The largest number of records that one consumer holds.
const MAX_PER_CONSUMER: usize = 1000;

#[derive(Debug)]
struct Member {
    id: ConsumerId,
    away_since: Option<Instant>,
}

/// The state of such a subscription.
#[derive(Debug)]
pub(crate) struct Keyed {
    pub(crate) window: Window,
    pub(crate) blocked: Blocked,
    limit: usize,
    policy: FailurePolicy,
    members: Vec<Member>,
    ring: Ring,
    /// After this long, an absent consumer is evicted and what it held is lost. `None`: what an absent consumer held is
    /// sent again at once.
    eviction: Option<Duration>,
    /// What an evicted consumer held goes to others, and waits while there are none.
    hand_over: bool,
}

impl Keyed {
    pub(crate) fn new(policy: FailurePolicy, limit: usize, eviction: Option<Duration>, hand_over: bool) -> Self {
        Self {
            window: Window::default(),
            blocked: Blocked::default(),
            limit,
            policy,
            members: vec![],
            ring: Ring::default(),
            eviction,
            hand_over,
        }
    }

    pub(crate) fn add(&mut self, id: ConsumerId, filters: Vec<String>) {
        self.members.push(Member { id, away_since: None });
        self.ring.add(id, filters);
    }

    /// Marks a consumer as connected, or as gone. One that was evicted stays out.
    pub(crate) fn set_active(&mut self, id: ConsumerId, active: bool, now: Instant) {
        for member in self.members.iter_mut().filter(|member| member.id == id) {
            member.away_since = (!active).then(|| member.away_since.unwrap_or(now));
        }
    }

    /// A consumer came or went. What it holds keeps waiting for its ack timeout, unless eviction is off.
    pub(crate) fn retry_now(&mut self, consumer: ConsumerId, run: &mut Run<'_>) {
        if self.eviction.is_none() {
            self.window.retry_now(Some(consumer), run.now);
            self.resend(run);
        }
        self.dispatch(run);
    }

    pub(crate) fn ack(&mut self, offset: u64, run: &mut Run<'_>) -> bool {
        let key = self.window.get(offset).map(|entry| Arc::clone(&entry.record));
        let counted = self.window.ack(offset);
        if let Some(record) = key.filter(|_| counted) {
            self.blocked.unlock(routing_key(&record));
            self.dispatch(run);
        }
        counted
    }

    /// The record is sent again at a tick.
    pub(crate) fn nack(&mut self, offset: u64, nack: Nack, run: &mut Run<'_>) {
        self.window.fail(offset, nack.reason, nack.delay, run.now, &self.policy);
    }

    /// Timeouts, given-up records, retries, then evictions: a consumer that was away for too long leaves the ring for
    /// good, what it held counts as acknowledged, and coming back under its name does not bring it back.
    pub(crate) fn tick(&mut self, run: &mut Run<'_>) {
        if self.members.is_empty() {
            return;
        }
        run.tally.ack_timeouts += self.window.expire(run.now, &self.policy);
        self.give_up(run);
        self.resend(run);
        self.evict(run);
        self.dispatch(run);
    }

    /// The end of a dead letter.
    pub(crate) fn dead_lettered(&mut self, offset: u64, published: bool, run: &mut Run<'_>) {
        if published {
            run.tally.dead_lettered += 1;
            self.poisoned(offset, run);
            self.dispatch(run);
        } else {
            self.window.set_resolving(offset, false);
        }
    }

    /// Sends what waits for a key that is free, then takes up new records while there is room.
    pub(crate) fn dispatch(&mut self, run: &mut Run<'_>) {
        if self.hand_over && self.members.is_empty() {
            return;
        }
        let mut from = 0;
        while let Some((offset, record)) = self.blocked.next_free(from) {
            from = offset + 1;
            let record = Arc::clone(record);
            match self.ring.select(routing_key(&record)) {
                None => {
                    self.blocked.take(offset);
                    self.reject(offset, run);
                }
                Some(consumer) if self.takes_more(consumer) => {
                    self.blocked.take(offset);
                    self.hand_out(offset, record, consumer, run);
                }
                Some(_) => {}
            }
        }
        while !self.members.is_empty() && self.window.len() + self.blocked.len() < self.limit {
            let Some((offset, record)) = run.feed.poll(run.log) else { break };
            self.take_up(offset, record, run);
        }
    }

    fn take_up(&mut self, offset: u64, record: Arc<Record>, run: &mut Run<'_>) {
        self.window.cursor.begin_at(offset);
        let key = routing_key(&record);
        match self.ring.select(key) {
            None => self.reject(offset, run),
            Some(consumer) if !self.blocked.must_wait(key) && self.takes_more(consumer) => {
                self.hand_out(offset, record, consumer, run);
            }
            Some(_) => self.blocked.push(offset, record),
        }
    }

    fn hand_out(&mut self, offset: u64, record: Arc<Record>, consumer: ConsumerId, run: &mut Run<'_>) {
        self.blocked.lock(routing_key(&record));
        self.window.admit(offset, record, run.now);
        self.send(offset, consumer, run);
    }

    fn send(&mut self, offset: u64, consumer: ConsumerId, run: &mut Run<'_>) {
        let Some((record, again)) = self.window.sent(offset, consumer, run.now, self.policy.ack_timeout) else {
            return;
        };
        run.send(consumer, record, again);
    }

    fn resend(&mut self, run: &mut Run<'_>) {
        for offset in self.window.ready(run.now) {
            let Some(entry) = self.window.get(offset) else { continue };
            let Some(consumer) = self.ring.select(routing_key(&entry.record)) else { continue };
            if self.connected(consumer) {
                self.send(offset, consumer, run);
            }
        }
    }

    /// No consumer wants this key, or none is left: the record counts as acknowledged.
    fn reject(&mut self, offset: u64, run: &mut Run<'_>) {
        self.window.skip(offset);
        if self.members.is_empty() {
            run.tally.lost += 1;
        } else {
            run.tally.filtered_out += 1;
        }
    }

    fn connected(&self, consumer: ConsumerId) -> bool {
        self.members.iter().any(|member| member.id == consumer && member.away_since.is_none())
    }

    fn takes_more(&self, consumer: ConsumerId) -> bool {
        // Counting is only worth it when the window is larger than what one consumer may hold.
        self.connected(consumer)
            && (self.limit <= MAX_PER_CONSUMER || self.window.sent_to(consumer).len() < MAX_PER_CONSUMER)
    }

    fn give_up(&mut self, run: &mut Run<'_>) {
        for offset in self.window.unresolved() {
            match self.policy.poison {
                Poison::Block => {}
                Poison::Drop => {
                    run.tally.dropped += 1;
                    self.poisoned(offset, run);
                }
                Poison::DeadLetter => {
                    if let Some(letter) = super::dead_letter(&self.window, offset, &self.policy) {
                        self.window.set_resolving(offset, true);
                        run.out.push(Effect::DeadLetter(letter));
                    }
                }
            }
        }
    }

    /// Removes a given-up record. What waits behind its key is thrown away with it.
    fn poisoned(&mut self, offset: u64, run: &mut Run<'_>) {
        let Some(entry) = self.window.skip(offset) else { return };
        let key = routing_key(&entry.record);
        run.tally.lost += self.blocked.drain(key) as u64;
        self.blocked.unlock(key);
    }

    fn evict(&mut self, run: &mut Run<'_>) {
        let Some(grace) = self.eviction else { return };
        let expired = |member: &Member| member.away_since.is_some_and(|since| run.now >= since + grace);
        let evicted: Vec<ConsumerId> =
            self.members.iter().filter(|member| expired(member)).map(|member| member.id).collect();
        for consumer in evicted {
            if self.hand_over {
                self.window.retry_now(Some(consumer), run.now);
            }
            for offset in self.window.sent_to(consumer).into_iter().filter(|_| !self.hand_over) {
                if let Some(entry) = self.window.skip(offset) {
                    run.tally.lost += 1;
                    self.blocked.unlock(routing_key(&entry.record));
                }
            }
            self.members.retain(|member| member.id != consumer);
            self.ring.remove(consumer);
        }
    }
}
