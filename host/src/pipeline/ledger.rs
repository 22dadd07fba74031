//! What a lane knows of the records that the broker has sent: which are in hand, which went back to it, and which are
//! settled, should it send them again. It lives as long as the lane, over sessions and pauses.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use prometheus_client::metrics::gauge::Gauge;
use tokio::time::Instant;

use crate::broker::Receipt;

/// How many records are remembered that are not in hand. A record that comes again later than that counts as new, which
/// costs a second write and no more.
const REMEMBERED: usize = 16_384;

/// Shared by the stages of a lane. No stage holds the lock across an await.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    inner: Arc<Mutex<Inner>>,
    gauge: Gauge,
}

/// Partition and offset.
type Place = (Option<u32>, u64);

/// Tells a record from another one that got the same offset: a topic can be made anew, and a broker can lose its tail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity {
    publish_time: u64,
    producer_id: u64,
}

#[derive(Debug, Default)]
struct Inner {
    records: HashMap<Place, Entry>,
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
    /// How often the broker sent it to this lane.
    deliveries: u32,
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
    pub(crate) fn new(gauge: Gauge) -> Self {
        Self { inner: Arc::default(), gauge }
    }

    /// Takes a record in.
    pub(crate) fn take(&self, receipt: &Receipt) -> Arrival {
        let inner = &mut *self.lock();
        let identity = Identity::of(receipt);
        let unknown = Entry { identity, deliveries: 0, state: State::Returned };
        let entry = inner.records.entry(place(receipt)).or_insert(unknown);
        if entry.identity != identity {
            let in_hand = entry.state == State::InHand;
            inner.untold -= usize::from(entry.state == State::Untold);
            *entry = Entry { state: if in_hand { State::InHand } else { State::Returned }, ..unknown };
        }
        let again = entry.deliveries > 0;
        entry.deliveries += 1;
        let before = std::mem::replace(&mut entry.state, State::InHand);
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

    /// An acknowledgement is on its way; [`Ledger::answered`] follows.
    pub(crate) fn answering(&self) {
        self.lock().answering += 1;
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

    /// The record was given back by itself.
    pub(crate) fn returned_one(&self, receipt: &Receipt) {
        self.leave(&mut self.lock(), receipt, State::Returned);
    }

    fn leave(&self, inner: &mut Inner, receipt: &Receipt, state: State) {
        let place = place(receipt);
        let Some(entry) = inner.records.get_mut(&place).filter(|entry| entry.identity == Identity::of(receipt)) else {
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

    /// How often the broker has sent a record to this lane.
    pub(crate) fn deliveries(&self, receipt: &Receipt) -> u32 {
        self.lock().records.get(&place(receipt)).map_or(0, |entry| entry.deliveries)
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
    /// Remembers a place that is not in hand any more, and forgets the oldest beyond the limit.
    fn remember(&mut self, place: Place) {
        self.remembered.push_back(place);
        if self.remembered.len() > REMEMBERED
            && let Some(oldest) = self.remembered.pop_front()
            && let Some(entry) = self.records.get(&oldest)
            && entry.state != State::InHand
        {
            self.untold -= usize::from(entry.state == State::Untold);
            self.records.remove(&oldest);
        }
    }
}

impl Identity {
    fn of(receipt: &Receipt) -> Self {
        Self { publish_time: receipt.publish_time(), producer_id: receipt.producer_id() }
    }
}

fn place(receipt: &Receipt) -> Place {
    (receipt.partition(), receipt.offset())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::Answers;

    fn receipt(offset: u64) -> Receipt {
        Answers::recorded().delivery(offset, "{}").receipt
    }

    fn ledger() -> Ledger {
        Ledger::new(Gauge::default())
    }

    #[test]
    fn what_is_in_hand_is_a_duplicate_and_what_is_settled_stays_so() {
        let ledger = ledger();
        assert_eq!(ledger.take(&receipt(1)), Arrival::New { again: false });
        assert_eq!(ledger.take(&receipt(1)), Arrival::Duplicate);
        assert_eq!(ledger.unanswered(), 1);
        ledger.answering();
        assert_eq!(ledger.unanswered(), 0);
        ledger.answered(&receipt(1));
        assert_eq!(ledger.take(&receipt(1)), Arrival::Settled);
        assert_eq!((ledger.unanswered(), ledger.deliveries(&receipt(1))), (1, 3));
    }

    #[test]
    fn what_went_back_comes_again_unless_it_was_settled_meanwhile() {
        let ledger = ledger();
        ledger.take(&receipt(0));
        ledger.take(&receipt(1));
        ledger.returned();
        assert_eq!((ledger.unanswered(), ledger.gauge.get()), (0, 0));
        ledger.settled(&receipt(0));
        assert_eq!(ledger.untold(), 1);
        assert_eq!(ledger.take(&receipt(0)), Arrival::Settled);
        assert_eq!(ledger.take(&receipt(1)), Arrival::New { again: true });
        assert_eq!(ledger.untold(), 0);
        assert_eq!((ledger.unanswered(), ledger.gauge.get()), (2, 2));
    }

    #[test]
    fn another_record_with_the_offset_of_a_settled_one_is_new() {
        let ledger = ledger();
        ledger.take(&receipt(1));
        ledger.answering();
        ledger.answered(&receipt(1));
        let mut other = receipt(1);
        other.restamp(77);
        assert_eq!(ledger.take(&other), Arrival::New { again: false });
        ledger.settled(&receipt(1));
        assert_eq!(ledger.take(&other), Arrival::Duplicate, "what settles the old one does not settle the new one");
    }

    #[test]
    fn a_record_may_take_the_place_of_one_that_is_being_acknowledged() {
        let ledger = ledger();
        let (old, mut new) = (receipt(1), receipt(1));
        new.restamp(77);
        assert_eq!(ledger.take(&old), Arrival::New { again: false });
        ledger.answering();
        assert_eq!(ledger.take(&new), Arrival::New { again: false });
        ledger.answering();
        assert_eq!(ledger.unanswered(), 0);
        ledger.answered(&old);
        ledger.answered(&new);
        assert_eq!((ledger.unanswered(), ledger.gauge.get()), (0, 0));
        assert_eq!(ledger.take(&new), Arrival::Settled);
    }

    #[test]
    fn memory_is_bounded() {
        let ledger = ledger();
        let in_hand = u64::MAX;
        ledger.take(&receipt(in_hand));
        for offset in 0..REMEMBERED as u64 + 10 {
            ledger.take(&receipt(offset));
            ledger.settled(&receipt(offset));
        }
        assert_eq!(ledger.lock().records.len(), REMEMBERED + 1);
        assert_eq!(ledger.take(&receipt(0)), Arrival::New { again: false });
        assert_eq!(ledger.take(&receipt(REMEMBERED as u64 + 9)), Arrival::Settled);
        assert_eq!(ledger.take(&receipt(in_hand)), Arrival::Duplicate);
    }
}
