//! How subscriptions of non-reliable topics hand out records: at once or never. Nothing is kept, nothing is answered.

use super::{SubscriptionType, ring::Ring};
use crate::record::{ConsumerId, Record, routing_key};

/// What became of an offer to one consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Offer {
    Taken,
    Full,
}

/// The state of such a subscription.
#[derive(Debug)]
pub(crate) struct Unreliable {
    members: Vec<(ConsumerId, bool)>,
    route: Route,
}

#[derive(Debug)]
enum Route {
    First,
    InTurn { next: usize },
    ByKey(Ring),
}

impl Unreliable {
    pub(crate) fn new(kind: SubscriptionType) -> Self {
        let route = match kind {
            SubscriptionType::Exclusive | SubscriptionType::Failover => Route::First,
            SubscriptionType::Shared => Route::InTurn { next: 0 },
            SubscriptionType::KeyShared => Route::ByKey(Ring::default()),
        };
        Self { members: vec![], route }
    }

    pub(crate) fn add(&mut self, id: ConsumerId, filters: Vec<String>) {
        self.members.push((id, true));
        if let Route::ByKey(ring) = &mut self.route {
            ring.add(id, filters);
        }
    }

    pub(crate) fn set_active(&mut self, id: ConsumerId, active: bool) {
        self.members.iter_mut().filter(|(member, _)| *member == id).for_each(|(_, state)| *state = active);
    }

    /// Offers a record. Returns whether the subscription is of use: a consumer was there, even if it was too slow.
    pub(crate) fn offer(&mut self, record: &Record, mut give: impl FnMut(ConsumerId) -> Offer) -> bool {
        match &mut self.route {
            Route::First => match self.members.first() {
                Some((first, true)) => {
                    give(*first);
                    true
                }
                Some((_, false)) | None => false,
            },
            Route::InTurn { next } => {
                let count = self.members.len();
                let mut connected = false;
                for _ in 0..count {
                    let (consumer, active) = self.members[*next % count];
                    *next += 1;
                    connected |= active;
                    if active && give(consumer) == Offer::Taken {
                        break;
                    }
                }
                connected
            }
            Route::ByKey(ring) => {
                let owner = ring.select(routing_key(record));
                if let Some((consumer, true)) = self.members.iter().find(|(member, _)| Some(*member) == owner) {
                    give(*consumer);
                }
                !self.members.is_empty()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_consumer_loses_the_record_and_in_turn_the_next_one_gets_it() {
        let mut exclusive = Unreliable::new(SubscriptionType::Exclusive);
        exclusive.add(1, vec![]);
        assert!(exclusive.offer(&Record::default(), |_| Offer::Full));
        let mut shared = Unreliable::new(SubscriptionType::Shared);
        shared.add(1, vec![]);
        shared.add(2, vec![]);
        let mut taken = vec![];
        assert!(shared.offer(&Record::default(), |id| if id == 1 {
            Offer::Full
        } else {
            taken.push(id);
            Offer::Taken
        }));
        assert_eq!(taken, [2]);
    }

    #[test]
    fn without_a_connected_consumer_the_offer_fails() {
        let mut shared = Unreliable::new(SubscriptionType::Shared);
        assert!(!shared.offer(&Record::default(), |_| Offer::Taken));
        shared.add(1, vec![]);
        shared.set_active(1, false);
        assert!(!shared.offer(&Record::default(), |_| Offer::Taken));
    }
}
