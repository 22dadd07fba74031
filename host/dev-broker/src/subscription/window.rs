//! The records that a subscription has taken up and not yet done with: sent and awaiting an answer, waiting to be sent
//! again, or given up. Time comes in as an argument; every operation is at most logarithmic in the window's size.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    sync::Arc,
    time::Duration,
};

use tokio::time::Instant;

use super::cursor::Cursor;
use crate::{
    policy::FailurePolicy,
    record::{ConsumerId, Record},
};

/// Where a record in the window stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// To be sent (again) from this moment on.
    Waiting { ready_at: Instant },
    /// With a consumer.
    Awaiting { consumer: ConsumerId, deadline: Instant },
    /// Sent too often. `resolving`: its dead letter is being published.
    Exhausted { resolving: bool },
}

/// One record of the window.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) record: Arc<Record>,
    /// How often it was sent.
    pub(crate) sends: u32,
    /// Why its last send failed.
    pub(crate) reason: Option<String>,
    /// Who got it last.
    pub(crate) sent_to: Option<ConsumerId>,
    pub(crate) state: State,
}

/// The window and the cursor behind it.
#[derive(Debug, Default)]
pub(crate) struct Window {
    entries: BTreeMap<u64, Pending>,
    /// By the moment they are ready.
    waiting: BTreeSet<(Instant, u64)>,
    /// By the end of their ack timeout.
    deadlines: BTreeSet<(Instant, u64)>,
    exhausted: BTreeSet<u64>,
    pub(crate) cursor: Cursor,
}

impl Window {
    /// How many slots are taken, whatever the state.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// How many records are with consumers, wait to be sent again, and are given up.
    pub(crate) fn counts(&self) -> (usize, usize, usize) {
        (self.deadlines.len(), self.waiting.len(), self.exhausted.len())
    }

    /// Takes up a record that is to be sent now.
    pub(crate) fn admit(&mut self, offset: u64, record: Arc<Record>, now: Instant) {
        self.cursor.begin_at(offset);
        let state = State::Waiting { ready_at: now };
        self.index(offset, state);
        self.entries.insert(offset, Pending { record, sends: 0, reason: None, sent_to: None, state });
    }

    /// Counts a send. Returns the record and whether it is a redelivery.
    pub(crate) fn sent(
        &mut self,
        offset: u64,
        consumer: ConsumerId,
        now: Instant,
        ack_timeout: Duration,
    ) -> Option<(Arc<Record>, bool)> {
        self.move_to(offset, State::Awaiting { consumer, deadline: now + ack_timeout });
        let entry = self.entries.get_mut(&offset)?;
        entry.sends = entry.sends.saturating_add(1);
        entry.sent_to = Some(consumer);
        Some((Arc::clone(&entry.record), entry.sends > 1))
    }

    /// An acknowledgement: counts only while the record awaits one.
    pub(crate) fn ack(&mut self, offset: u64) -> bool {
        let Entry::Occupied(entry) = self.entries.entry(offset) else { return false };
        let state = entry.get().state;
        if !matches!(state, State::Awaiting { .. }) {
            return false;
        }
        entry.remove();
        self.unindex(offset, state);
        self.cursor.confirm(offset);
        true
    }

    /// A failed send: to be sent again after the policy's pause, or given up. Applies to every record of the window.
    pub(crate) fn fail(
        &mut self,
        offset: u64,
        reason: Option<String>,
        requested: Option<Duration>,
        now: Instant,
        policy: &FailurePolicy,
    ) -> bool {
        let Some(entry) = self.entries.get_mut(&offset) else { return false };
        entry.reason = reason;
        let to = if policy.gives_up(entry.sends) {
            State::Exhausted { resolving: false }
        } else {
            State::Waiting { ready_at: now + policy.delay(entry.sends, requested) }
        };
        self.move_to(offset, to);
        true
    }

    /// Fails every record whose ack timeout has passed. Returns how many there were.
    pub(crate) fn expire(&mut self, now: Instant, policy: &FailurePolicy) -> u64 {
        let mut expired = 0;
        while let Some(&(deadline, offset)) = self.deadlines.first()
            && deadline <= now
        {
            self.fail(offset, Some("ack timeout".to_owned()), None, now, policy);
            expired += 1;
        }
        expired
    }

    /// Makes records ready at once, except those that are given up: all of them, or those that `consumer` holds.
    pub(crate) fn retry_now(&mut self, consumer: Option<ConsumerId>, now: Instant) {
        let chosen: Vec<u64> = self
            .entries
            .iter()
            .filter(|(_, entry)| match (entry.state, consumer) {
                (State::Exhausted { .. }, _) => false,
                (State::Awaiting { consumer: holder, .. }, Some(consumer)) => holder == consumer,
                (State::Waiting { .. }, Some(_)) => false,
                (State::Awaiting { .. } | State::Waiting { .. }, None) => true,
            })
            .map(|(offset, _)| *offset)
            .collect();
        for offset in chosen {
            if let Some(entry) = self.entries.get_mut(&offset) {
                entry.reason = None;
            }
            self.move_to(offset, State::Waiting { ready_at: now });
        }
    }

    /// The records that are to be sent by now, in order of their offsets.
    pub(crate) fn ready(&self, now: Instant) -> Vec<u64> {
        let mut ready: Vec<u64> =
            self.waiting.iter().take_while(|(at, _)| *at <= now).map(|(_, offset)| *offset).collect();
        ready.sort_unstable();
        ready
    }

    /// The records that are given up and not being resolved.
    pub(crate) fn unresolved(&self) -> Vec<u64> {
        let unresolved = |offset: &&u64| {
            self.get(**offset).is_some_and(|entry| entry.state == State::Exhausted { resolving: false })
        };
        self.exhausted.iter().filter(unresolved).copied().collect()
    }

    /// Whether any record is given up.
    pub(crate) fn has_exhausted(&self) -> bool {
        !self.exhausted.is_empty()
    }

    /// Marks that the dead letter of a given-up record is under way, or that it failed.
    pub(crate) fn set_resolving(&mut self, offset: u64, resolving: bool) {
        if self.exhausted.contains(&offset) {
            self.move_to(offset, State::Exhausted { resolving });
        }
    }

    /// Drops a record and counts it as done.
    pub(crate) fn skip(&mut self, offset: u64) -> Option<Pending> {
        self.cursor.begin_at(offset);
        let entry = self.entries.remove(&offset);
        if let Some(entry) = &entry {
            self.unindex(offset, entry.state);
        }
        self.cursor.confirm(offset);
        entry
    }

    /// A record of the window.
    pub(crate) fn get(&self, offset: u64) -> Option<&Pending> {
        self.entries.get(&offset)
    }

    /// The records that went to `consumer` last, whatever became of them.
    pub(crate) fn sent_to(&self, consumer: ConsumerId) -> Vec<u64> {
        let theirs = |(_, entry): &(&u64, &Pending)| entry.sent_to == Some(consumer);
        self.entries.iter().filter(theirs).map(|(offset, _)| *offset).collect()
    }

    fn move_to(&mut self, offset: u64, to: State) {
        let Some(entry) = self.entries.get_mut(&offset) else { return };
        let from = std::mem::replace(&mut entry.state, to);
        self.unindex(offset, from);
        self.index(offset, to);
    }

    fn index(&mut self, offset: u64, state: State) {
        match state {
            State::Waiting { ready_at } => self.waiting.insert((ready_at, offset)),
            State::Awaiting { deadline, .. } => self.deadlines.insert((deadline, offset)),
            State::Exhausted { .. } => self.exhausted.insert(offset),
        };
    }

    fn unindex(&mut self, offset: u64, state: State) {
        match state {
            State::Waiting { ready_at } => self.waiting.remove(&(ready_at, offset)),
            State::Awaiting { deadline, .. } => self.deadlines.remove(&(deadline, offset)),
            State::Exhausted { .. } => self.exhausted.remove(&offset),
        };
    }
}
