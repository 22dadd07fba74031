//! Offsets that the broker passed over. The host can't get those records back, but it must not hide that they are gone.

use std::{collections::HashMap, ops::RangeInclusive, sync::Arc};

use super::edge::LanePolicy;
use crate::{broker::Receipt, metrics::LaneMetrics, record::SubscriptionType};

/// On Shared, so many offsets in a row on each side of a jump say that no other consumer got what is missing.
const ALONE: u64 = 64;

/// Watches the offsets of a lane, over its sessions.
#[derive(Debug)]
pub(crate) struct Gaps {
    topic: Arc<str>,
    watch: Watch,
    partitions: HashMap<Option<u32>, Track>,
}

/// What a jump means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Watch {
    /// The lane gets every record (Exclusive and Failover): a jump is a gap.
    Every,
    /// Other consumers may get some (Shared): a jump is a gap if the lane got every record before it, and does behind it.
    WhileAlone,
    /// Nothing: records are divided among several lanes, or do not come in the order of their offsets (Key-Shared).
    Nothing,
}

/// One partition.
#[derive(Debug)]
struct Track {
    next: u64,
    /// How many offsets came in a row.
    run: u64,
    /// A jump that may be a gap.
    suspect: Option<RangeInclusive<u64>>,
}

impl Watch {
    /// What to make of the offsets of one of `instances` lanes.
    pub(crate) fn of(subscription_type: SubscriptionType, instances: u32) -> Self {
        match subscription_type {
            SubscriptionType::Exclusive | SubscriptionType::Failover => Self::Every,
            SubscriptionType::Shared if instances == 1 => Self::WhileAlone,
            SubscriptionType::Shared | SubscriptionType::KeyShared => Self::Nothing,
        }
    }
}

impl Gaps {
    pub(crate) fn new(policy: &LanePolicy) -> Self {
        Self { topic: policy.topic.clone(), watch: policy.watch, partitions: HashMap::new() }
    }

    /// Looks at a record that is `known` from before or not. Returns whether the broker has sent it before, to whomever:
    /// it sends new records in the order of their offsets (but for Key-Shared).
    pub(crate) fn check(&mut self, receipt: &Receipt, known: bool, metrics: &LaneMetrics) -> bool {
        let (partition, offset) = (receipt.partition(), receipt.offset());
        let track = self.partitions.entry(partition).or_insert(Track { next: offset, run: 0, suspect: None });
        if offset < track.next {
            // Given back by another consumer, or late: either way it is no gap.
            track.suspect.take_if(|suspect| suspect.contains(&offset));
            return known || self.watch != Watch::Nothing;
        }
        let jump = (offset > track.next).then(|| track.next..=offset - 1);
        track.next = offset + 1;
        let gap = match (self.watch, jump) {
            (Watch::Nothing, _) => None,
            (Watch::Every, jump) => jump,
            (Watch::WhileAlone, None) => {
                track.run += 1;
                if track.run == ALONE { track.suspect.take() } else { None }
            }
            (Watch::WhileAlone, Some(jump)) => {
                track.suspect = (track.run >= ALONE).then_some(jump);
                track.run = 0;
                None
            }
        };
        if let Some(gap) = gap {
            let missing = gap.end() - gap.start() + 1;
            metrics.offset_gaps.inc_by(missing);
            tracing::warn!(
                topic = %self.topic, partition, first = gap.start(), last = gap.end(),
                "the broker passed over {missing} offsets: these records were not delivered"
            );
        }
        known
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{broker::Answers, metrics::Metrics};

    fn missing(watch: Watch, offsets: impl IntoIterator<Item = u64>) -> u64 {
        let metrics = Metrics::default().lane("c", "/default/t");
        let mut gaps = Gaps { topic: "/default/t".into(), watch, partitions: HashMap::new() };
        let answers = Answers::recorded();
        for offset in offsets {
            gaps.check(&answers.delivery(offset, "{}").receipt, false, &metrics);
        }
        metrics.offset_gaps.get()
    }

    #[test]
    fn where_every_record_comes_a_jump_is_a_gap() {
        assert_eq!(missing(Watch::Every, [5, 6, 9, 10, 7]), 2);
        assert_eq!(missing(Watch::Nothing, [5, 6, 9, 10]), 0);
    }

    #[test]
    fn a_shared_consumer_sees_a_gap_while_it_is_alone() {
        assert_eq!(missing(Watch::WhileAlone, (0..70).chain(75..150)), 5);
        assert_eq!(missing(Watch::WhileAlone, (0..70).chain(75..100)), 0, "not sure yet");
        assert_eq!(missing(Watch::WhileAlone, (0..70).chain((75..400).step_by(2))), 0, "another consumer came");
        assert_eq!(missing(Watch::WhileAlone, (0..70).chain([75, 72]).chain(76..200)), 0, "it was given back");
    }
}
