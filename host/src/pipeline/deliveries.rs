//! How often the broker sent each record, to all lanes of a subscription in this host together: it counts them together
//! as well, and gives a record up that it has sent too often.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rustc_hash::FxHashMap;

use super::ledger::{Identity, Place, place};
use crate::broker::Receipt;

/// How many records are remembered. One that was forgotten counts from the start.
const REMEMBERED: usize = 16_384;

/// Clones count together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Deliveries(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    by_place: FxHashMap<Place, (Identity, u32)>,
    /// Oldest first.
    remembered: VecDeque<Place>,
}

impl Deliveries {
    /// The broker sent it.
    pub(super) fn count(&self, receipt: &Receipt) {
        let counts = &mut *self.lock();
        let (place, identity) = (place(receipt), Identity::of(receipt));
        let known = counts.by_place.get_mut(&place);
        if let Some((whose, count)) = known {
            *count = if *whose == identity { *count + 1 } else { 1 };
            *whose = identity;
            return;
        }
        counts.by_place.insert(place, (identity, 1));
        counts.remembered.push_back(place);
        if counts.remembered.len() > REMEMBERED
            && let Some(oldest) = counts.remembered.pop_front()
        {
            counts.by_place.remove(&oldest);
        }
    }

    /// How often it did.
    pub(super) fn of(&self, receipt: &Receipt) -> u32 {
        let counts = self.lock();
        let own = counts.by_place.get(&place(receipt)).filter(|(whose, _)| *whose == Identity::of(receipt));
        own.map_or(0, |(_, count)| *count)
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::Answers;

    fn receipt(offset: u64) -> Receipt {
        Answers::recorded().delivery(offset, "{}").receipt
    }

    #[test]
    fn lanes_count_together_and_another_record_counts_anew() {
        let (one, other) = (Deliveries::default(), Deliveries::default());
        let sibling = one.clone();
        one.count(&receipt(1));
        sibling.count(&receipt(1));
        assert_eq!((one.of(&receipt(1)), sibling.of(&receipt(1)), other.of(&receipt(1))), (2, 2, 0));
        let mut anew = receipt(1);
        anew.restamp(77);
        assert_eq!(one.of(&anew), 0);
        one.count(&anew);
        assert_eq!((one.of(&anew), one.of(&receipt(1))), (1, 0));
    }

    #[test]
    fn memory_is_bounded() {
        let deliveries = Deliveries::default();
        for offset in 0..REMEMBERED as u64 + 5 {
            deliveries.count(&receipt(offset));
        }
        assert_eq!(deliveries.lock().by_place.len(), REMEMBERED);
        assert_eq!((deliveries.of(&receipt(4)), deliveries.of(&receipt(5))), (0, 1));
    }
}
