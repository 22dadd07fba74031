//! The walk through a batch in sets of records that may be written at the same time.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crate::{Batch, Error, Outcomes, Record, Result};

/// A batch in waves: sets of records that may be written at the same time. [`Batch::waves`] makes it.
#[derive(Debug)]
pub struct Waves<'a> {
    batch: &'a Batch,
    /// For each record, the next one of its group.
    next: Vec<Option<usize>>,
    /// Records that may be written now.
    ready: BTreeSet<usize>,
    /// Records that were given out and of which nothing was said so far.
    given: BTreeSet<usize>,
    outcomes: Outcomes,
}

impl<'a> Waves<'a> {
    pub(crate) fn new(batch: &'a Batch) -> Self {
        let mut next = vec![None; batch.len()];
        let mut ready = BTreeSet::new();
        // No hash map: its seed would make every guest import random numbers.
        let mut last_of = BTreeMap::new();
        for (index, record) in batch.iter().enumerate() {
            let before = batch.order().group(record).and_then(|group| last_of.insert(group, index));
            match before {
                Some(before) => next[before] = Some(index),
                None => drop(ready.insert(index)),
            }
        }
        Self { batch, next, ready, given: BTreeSet::new(), outcomes: Outcomes::written() }
    }

    /// The next records, with their positions in the batch: at least one and at most `limit` (0 counts as 1), the
    /// foremost that may be written now. [`set`](Self::set) says what became of each. `None`: no more may be written in
    /// this call.
    ///
    /// Records of which nothing was said yet hold up those behind them, not other groups.
    pub fn next_wave(&mut self, limit: usize) -> Option<Vec<(usize, &'a Record)>> {
        let mut wave = Vec::new();
        while wave.len() < limit.max(1)
            && let Some(one) = self.next_one()
        {
            wave.push(one);
        }
        (!wave.is_empty()).then_some(wave)
    }

    pub(crate) fn next_one(&mut self) -> Option<(usize, &'a Record)> {
        let index = self.ready.pop_first()?;
        self.given.insert(index);
        Some((index, &self.batch.records()[index]))
    }

    /// Says what became of a record of a wave. After `Retryable` no more of its group are given: they are to be retried
    /// as well.
    ///
    /// # Errors
    ///
    /// A `Fatal` outcome comes back, since it ends the whole call: pass it on with `?`. So does the mistake of a sink
    /// that speaks of a record which it was not given, or of the same one twice.
    pub fn set(&mut self, index: usize, outcome: Result<()>) -> Result<()> {
        if !self.given.remove(&index) {
            return Err(Error::fatal(format!("a bug in the sink: it gave an outcome for record {index} out of turn")));
        }
        match outcome {
            Err(Error::Retryable { reason, after }) => {
                let held_back = format!("held back behind {}: {reason}", self.batch[index].id());
                self.outcomes.retry([index], &reason, after);
                let behind = self.group_at(self.next[index]);
                self.outcomes.retry(behind, &held_back, after);
            }
            outcome @ (Ok(()) | Err(Error::Rejected { .. } | Error::Fatal { .. })) => {
                self.outcomes.set(index, outcome)?;
                self.ready.extend(self.next[index]);
            }
        }
        Ok(())
    }

    /// Ends the walk early: every record of which nothing was said is to be retried.
    pub fn retry_rest(mut self, reason: &str, after: Option<Duration>) -> Outcomes {
        let open: Vec<usize> = self.given.iter().chain(&self.ready).copied().collect();
        for first in open {
            let rest = self.group_at(Some(first));
            self.outcomes.retry(rest, reason, after);
        }
        self.outcomes
    }

    /// What became of all records. Those of which nothing was said, if the walk is not over, are to be retried.
    pub fn into_outcomes(self) -> Outcomes {
        self.retry_rest("not written in this call", None)
    }

    /// A record and those behind it in its group.
    fn group_at(&self, first: Option<usize>) -> Vec<usize> {
        std::iter::successors(first, |index| self.next[*index]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Order,
        testing::{RecordBuilder, ordered_batch},
    };

    const TOPIC: &str = "/default/orders";

    /// A batch with a record for each key.
    fn keyed(order: Order, keys: &[&str]) -> Batch {
        ordered_batch(TOPIC, order, keys.iter().map(|key| RecordBuilder::json("0").routing_key(*key)))
    }

    /// Walks through a batch, `limit` at a time, while `fail` fails some, and returns the positions of each wave.
    fn walk(batch: &Batch, limit: usize, fail: impl Fn(usize) -> Result<()>) -> (Vec<Vec<usize>>, Outcomes) {
        let (mut waves, mut seen) = (batch.waves(), Vec::new());
        while let Some(wave) = waves.next_wave(limit) {
            let wave: Vec<usize> = wave.into_iter().map(|(index, _)| index).collect();
            wave.iter().for_each(|index| waves.set(*index, fail(*index)).expect("nothing is fatal"));
            seen.push(wave);
        }
        (seen, waves.into_outcomes())
    }

    fn retries(outcomes: &Outcomes) -> Vec<(usize, &str)> {
        assert!(outcomes.failures().all(|(_, failure)| failure.is_retry()), "{outcomes:?}");
        outcomes.failures().map(|(index, failure)| (index, failure.reason())).collect()
    }

    fn busy_at(busy: usize) -> impl Fn(usize) -> Result<()> {
        move |index| if index == busy { Err(Error::retryable("busy")) } else { Ok(()) }
    }

    #[test]
    fn without_order_a_wave_is_as_large_as_wanted() {
        let batch = keyed(Order::Any, &["a", "a", "a", "b", "a"]);
        let (seen, outcomes) = walk(&batch, 2, busy_at(0));
        assert_eq!(seen, [vec![0, 1], vec![2, 3], vec![4]]);
        assert_eq!(retries(&outcomes), [(0, "busy")]);
    }

    #[test]
    fn a_wave_has_one_record_of_a_key() {
        let batch = keyed(Order::ByKey, &["a", "a", "b", "a", "c", "b"]);
        let (seen, outcomes) = walk(&batch, 8, |_| Ok(()));
        assert_eq!(seen, [vec![0, 2, 4], vec![1, 5], vec![3]]);
        assert!(outcomes.all_written());
        let (seen, _) = walk(&batch, 2, |_| Ok(()));
        assert_eq!(seen, [vec![0, 2], vec![1, 4], vec![3, 5]], "the foremost first");
        let (seen, _) = walk(&batch, 0, |_| Ok(()));
        assert_eq!(seen.concat(), [0, 1, 2, 3, 4, 5], "in the batch's order");
    }

    #[test]
    fn a_strict_wave_has_one_record_of_a_partition() {
        let (seen, _) = walk(&keyed(Order::Strict, &["a", "b", "c"]), 8, |_| Ok(()));
        assert_eq!(seen, [[0], [1], [2]]);
        let records = [0, 1, 0, 1, 1].map(|partition| RecordBuilder::json("0").partition(partition));
        let batch = ordered_batch(TOPIC, Order::Strict, records);
        let (seen, outcomes) = walk(&batch, 8, busy_at(0));
        assert_eq!(seen, [vec![0, 1], vec![3], vec![4]]);
        assert_eq!(retries(&outcomes), [(0, "busy"), (2, "held back behind /default/orders-part-0@0: busy")]);
    }

    #[test]
    fn a_retry_ends_its_key_and_no_other() {
        let batch = keyed(Order::ByKey, &["a", "b", "a", "b", "a"]);
        let (seen, outcomes) = walk(&batch, 8, busy_at(2));
        assert_eq!(seen, [vec![0, 1], vec![2, 3]]);
        assert_eq!(retries(&outcomes), [(2, "busy"), (4, "held back behind /default/orders@2: busy")]);
    }

    #[test]
    fn a_rejected_record_holds_up_nothing() {
        let batch = keyed(Order::Strict, &["a", "a"]);
        let (seen, outcomes) = walk(&batch, 8, |index| if index == 0 { Err(Error::rejected("bad")) } else { Ok(()) });
        assert_eq!(seen, [[0], [1]]);
        assert_eq!(
            outcomes.failures().map(|(index, failure)| (index, failure.is_retry())).collect::<Vec<_>>(),
            [(0, false)]
        );
    }

    #[test]
    fn without_a_routing_key_the_producer_counts() {
        let record = |producer: &str| RecordBuilder::json("0").producer(producer);
        let batch = ordered_batch(TOPIC, Order::ByKey, [record("p"), record("q"), record("x").routing_key("p")]);
        assert_eq!(walk(&batch, 8, |_| Ok(())).0, [vec![0, 1], vec![2]]);
    }

    #[test]
    fn the_pause_holds_for_what_is_held_back() {
        let pause = Duration::from_secs(2);
        let batch = keyed(Order::Strict, &["a", "a"]);
        let (_, outcomes) = walk(&batch, 1, |_| Err(Error::retryable("busy").after(pause)));
        let after = |index| match outcomes.failure(index) {
            Some(crate::Failure::Retry { reason: _, after }) => *after,
            Some(crate::Failure::Reject { .. }) | None => None,
        };
        assert_eq!([after(0), after(1)], [Some(pause); 2]);
    }

    #[test]
    fn what_is_not_spoken_of_is_retried() {
        let batch = keyed(Order::ByKey, &["a", "b", "a", "b", "c"]);
        let mut waves = batch.waves();
        assert_eq!(waves.next_wave(2).map(|wave| wave.len()), Some(2));
        waves.set(0, Ok(())).expect("it was given");
        let outcomes = waves.retry_rest("no time", None);
        assert_eq!(retries(&outcomes), [1, 2, 3, 4].map(|index| (index, "no time")));

        let mut waves = batch.waves();
        assert_eq!(waves.next_wave(8).map(|wave| wave.len()), Some(3));
        assert!(waves.next_wave(8).is_none());
        let outcomes = waves.into_outcomes();
        assert_eq!(retries(&outcomes), [0, 1, 2, 3, 4].map(|index| (index, "not written in this call")));
    }

    #[test]
    fn an_outcome_out_of_turn_is_a_bug() {
        let batch = keyed(Order::Strict, &["a", "a"]);
        let mut waves = batch.waves();
        waves.next_wave(8);
        for index in [1, 7] {
            let expected = format!("a bug in the sink: it gave an outcome for record {index} out of turn");
            assert_eq!(waves.set(index, Ok(())), Err(Error::fatal(expected)));
        }
        assert_eq!(waves.set(0, Err(Error::fatal("no such table"))), Err(Error::fatal("no such table")));
    }
}
