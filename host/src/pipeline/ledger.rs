//! What a lane knows of the records that the broker has sent: which are in hand, which went back to it, and which are
//! settled, should it send them again. It lives as long as the lane, over sessions and pauses.

#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use prometheus_client::metrics::gauge::Gauge;
use rustc_hash::FxHashMap;
use tokio::time::Instant;

use super::{Deliveries, LanePolicy};
use crate::{
    broker::{Delivery, Receipt},
    record::Order,
};

/// How many records are remembered that are not in hand. A record that comes again later than that counts as new, which
/// costs a second write and no more.
const REMEMBERED: usize = 16_384;

/// Shared by the stages of a lane. No stage holds the lock across an await.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    inner: Arc<Mutex<Inner>>,
    order: Order,
    deliveries: Deliveries,
    gauge: Gauge,
}

/// Partition and offset.
pub(crate) type Place = (Option<u32>, u64);

/// The records of a partition that have an order among them: the hash of their key, or 0 for all of them. Two keys of one
/// hash cost a second write and no more.
type Row = (Option<u32>, u64);

/// Tells a record from another one that got the same offset: a topic can be made anew, and a broker can lose its tail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    publish_time: u64,
    producer_id: u64,
}

#[derive(Debug, Default)]
struct Inner {
    records: FxHashMap<Place, Entry>,
    /// The highest offset of each row with an order that stands in `records`.
    newest: FxHashMap<Row, u64>,
    /// The places that are not in hand any more, oldest first. One that was taken again stands here twice.
    remembered: VecDeque<Place>,
    in_hand: usize,
    /// How many are settled that the broker was never told about.
    untold: usize,
    /// How many of those in hand are being acknowledged right now.
    answering: usize,
    /// When the guest survived a call last.
    alive: Option<Instant>,
    /// How many records in a row were condemned with no call in between that the guest survived.
    condemned: usize,
    /// After how many pauses in a row it survived nothing.
    fruitless: usize,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    identity: Identity,
    row: Option<Row>,
    /// When the receipt came that may answer for it. `None`: whoever still has one holds what must be written again.
    answerable: Option<Instant>,
    /// Whether the broker sent it to this lane before.
    known: bool,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Received and not settled.
    InHand,
    /// Given back to the broker with its session.
    Returned,
    /// Written, dead-lettered or skipped. If the broker sends it again, it missed the acknowledgement.
    Settled,
    /// The same, and it could not be acknowledged yet.
    Untold,
}

/// What a record that arrives is to this lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// It goes to the guest; `again`: it was here before and went back.
    New { again: bool },
    /// It is in hand already.
    Duplicate,
    /// It is settled: acknowledge it again.
    Settled,
}

impl Ledger {
    pub(crate) fn new(policy: &LanePolicy, gauge: Gauge) -> Self {
        Self::of(policy.order, policy.deliveries.clone(), gauge)
    }

    pub(crate) fn of(order: Order, deliveries: Deliveries, gauge: Gauge) -> Self {
        Self { inner: Arc::default(), order, deliveries, gauge }
    }

    /// Takes a record in.
    pub(crate) fn take(&self, delivery: &Delivery) -> Arrival {
        let Delivery { content, receipt } = delivery;
        self.deliveries.count(receipt);
        let inner = &mut *self.lock();
        let row = self.row(receipt, content.key());
        if let Some(row) = row {
            self.follow_back(inner, row, receipt.offset());
        }
        let identity = Identity::of(receipt);
        let unknown = Entry { identity, row, answerable: None, known: false, state: State::Returned };
        let entry = inner.records.entry(place(receipt)).or_insert(unknown);
        if entry.identity != identity {
            let in_hand = entry.state == State::InHand;
            inner.untold -= usize::from(entry.state == State::Untold);
            *entry = Entry { state: if in_hand { State::InHand } else { State::Returned }, ..unknown };
        }
        let again = std::mem::replace(&mut entry.known, true);
        let before = std::mem::replace(&mut entry.state, State::InHand);
        let duplicate = before == State::InHand && again;
        if !duplicate {
            entry.answerable = Some(receipt.received());
        }
        if before != State::InHand {
            inner.in_hand += 1;
            self.gauge.inc();
        }
        match before {
            State::InHand if again => Arrival::Duplicate,
            State::InHand | State::Returned => Arrival::New { again },
            State::Settled => Arrival::Settled,
            State::Untold => {
                inner.untold -= 1;
                Arrival::Settled
            }
        }
    }

    fn row(&self, receipt: &Receipt, key: &str) -> Option<Row> {
        let group = match self.order {
            Order::Any => return None,
            Order::Strict => 0,
            Order::ByKey => {
                let mut hasher = DefaultHasher::new();
                key.hash(&mut hasher);
                hasher.finish()
            }
        };
        Some((receipt.partition(), group))
    }

    /// A broker that has forgotten acknowledgements goes back, perhaps to records that this lane has never seen because
    /// an earlier host wrote them. They will be written once more, behind what this lane wrote since: so that has to be
    /// written once more too, when it comes again, and what is in hand must not be acknowledged.
    fn follow_back(&self, inner: &mut Inner, row: Row, offset: u64) {
        let newest = inner.newest.entry(row).or_insert(offset);
        if offset >= *newest {
            *newest = offset;
            return;
        }
        if inner.records.contains_key(&(row.0, offset)) {
            return;
        }
        *newest = offset;
        let mut returned = Vec::new();
        for (place, entry) in &mut inner.records {
            if entry.row != Some(row) || place.1 < offset {
                continue;
            }
            entry.answerable = None;
            match std::mem::replace(&mut entry.state, State::Returned) {
                State::InHand => {
                    inner.in_hand -= 1;
                    self.gauge.dec();
                    returned.push(*place);
                }
                State::Untold => inner.untold -= 1,
                State::Returned | State::Settled => {}
            }
        }
        returned.into_iter().for_each(|place| inner.remember(place));
    }

    /// An acknowledgement is to be sent; [`Ledger::answered`] follows. `false`: it must not be, see [`Ledger::take`].
    pub(crate) fn answering(&self, receipt: &Receipt) -> bool {
        let inner = &mut *self.lock();
        let answerable = inner.may_answer(receipt);
        inner.answering += usize::from(answerable);
        answerable
    }

    /// The broker has been told, or could not be: either way the record is done.
    pub(crate) fn answered(&self, receipt: &Receipt) {
        let inner = &mut *self.lock();
        inner.answering -= 1;
        self.leave(inner, receipt, State::Settled);
    }

    /// The record is done, and the broker is told when it sends it again.
    pub(crate) fn settled(&self, receipt: &Receipt) {
        self.leave(&mut self.lock(), receipt, State::Untold);
    }

    /// The record is to be given back by itself. `false`: it must not be, see [`Ledger::take`].
    pub(crate) fn giving_back(&self, receipt: &Receipt) -> bool {
        let inner = &mut *self.lock();
        let answerable = inner.may_answer(receipt);
        self.leave(inner, receipt, State::Returned);
        answerable
    }

    fn leave(&self, inner: &mut Inner, receipt: &Receipt, state: State) {
        let place = place(receipt);
        let Some(entry) = inner.records.get_mut(&place).filter(|entry| entry.is_for(receipt)) else {
            return;
        };
        inner.untold += usize::from(state == State::Untold);
        match std::mem::replace(&mut entry.state, state) {
            State::InHand => {
                inner.in_hand -= 1;
                self.gauge.dec();
            }
            State::Untold => inner.untold -= 1,
            State::Returned | State::Settled => {}
        }
        inner.remember(place);
    }

    /// The subscription is gone, and the broker will send again what was in hand.
    pub(crate) fn returned(&self) {
        let inner = &mut *self.lock();
        let mut returned = Vec::with_capacity(inner.in_hand);
        for (place, entry) in &mut inner.records {
            if entry.state == State::InHand {
                entry.state = State::Returned;
                returned.push(*place);
            }
        }
        // Other lanes of the topic count in the same gauge.
        self.gauge.dec_by(i64::try_from(inner.in_hand).unwrap_or(i64::MAX));
        (inner.in_hand, inner.answering) = (0, 0);
        for place in returned {
            inner.remember(place);
        }
    }

    /// How often the broker has sent a record to the lanes of this subscription.
    pub(crate) fn deliveries(&self, receipt: &Receipt) -> u32 {
        self.deliveries.of(receipt)
    }

    /// How many records the broker waits for. One that is being acknowledged does not count: the broker gives the next
    /// record out before the host learns that the acknowledgement has arrived.
    pub(crate) fn unanswered(&self) -> usize {
        let inner = self.lock();
        // Where a record took the offset of another one that was in hand, both are answered for and one is counted.
        inner.in_hand.saturating_sub(inner.answering)
    }

    /// How many records are settled that the broker was never told about: it will send them again.
    pub(crate) fn untold(&self) -> usize {
        self.lock().untold
    }

    /// The guest survived a call.
    pub(crate) fn guest_lives(&self) {
        let inner = &mut *self.lock();
        (inner.alive, inner.condemned, inner.fruitless) = (Some(Instant::now()), 0, 0);
    }

    /// Whether it has survived one since then.
    pub(crate) fn has_lived_since(&self, time: Instant) -> bool {
        self.lock().alive.is_some_and(|alive| alive >= time)
    }

    /// The guest survived nothing of what it was given after a pause.
    pub(crate) fn guest_survived_nothing(&self) {
        self.lock().fruitless += 1;
    }

    /// How often in a row.
    pub(crate) fn fruitless(&self) -> usize {
        self.lock().fruitless
    }

    /// So many records were found to break the guest.
    pub(crate) fn condemned(&self, records: usize) {
        self.lock().condemned += records;
    }

    /// How many records in a row were found to break the guest, with no call in between that it survived.
    pub(crate) fn condemned_in_a_row(&self) -> usize {
        self.lock().condemned
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Whoever is forgotten may be answered for.
    fn may_answer(&self, receipt: &Receipt) -> bool {
        self.records.get(&place(receipt)).is_none_or(|entry| entry.is_for(receipt))
    }

    /// Remembers a place that is not in hand any more, and forgets the oldest beyond the limit.
    fn remember(&mut self, place: Place) {
        self.remembered.push_back(place);
        while self.remembered.len() > REMEMBERED
            && let Some(oldest) = self.remembered.pop_front()
        {
            let Some(entry) = self.records.get(&oldest).filter(|entry| entry.state != State::InHand) else { continue };
            self.untold -= usize::from(entry.state == State::Untold);
            if let Some(row) = entry.row
                && self.newest.get(&row) == Some(&oldest.1)
            {
                self.newest.remove(&row);
            }
            self.records.remove(&oldest);
        }
    }
}

impl Entry {
    /// Whether the receipt may answer for it.
    fn is_for(&self, receipt: &Receipt) -> bool {
        self.identity == Identity::of(receipt) && self.answerable == Some(receipt.received())
    }
}

impl Identity {
    pub(super) fn of(receipt: &Receipt) -> Self {
        Self { publish_time: receipt.publish_time(), producer_id: receipt.producer_id() }
    }
}

pub(super) fn place(receipt: &Receipt) -> Place {
    (receipt.partition(), receipt.offset())
}
