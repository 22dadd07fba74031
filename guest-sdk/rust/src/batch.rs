//! A batch: records of one topic, and the walk through them one by one.

use std::{ops::Index, rc::Rc, slice, time::Duration};

use crate::{Order, Outcomes, Record, Result, SchemaInfo, Waves, bindings::danube::sink::records, record::Origin};

/// Records of one topic, in the order in which the broker gave them. Never empty.
#[derive(Debug, Clone)]
pub struct Batch {
    origin: Rc<Origin>,
    attempt: u32,
    order: Order,
    time_limit: Duration,
    records: Vec<Record>,
}

impl Batch {
    pub(crate) fn new(raw: records::Batch) -> Self {
        let records::Batch { topic, attempt, order, time_limit_ms, schemas, records } = raw;
        let origin = Rc::new(Origin { topic, schemas: schemas.into_iter().map(SchemaInfo::from).collect() });
        let records = records.into_iter().map(|raw| Record::new(raw, Rc::clone(&origin))).collect();
        let time_limit = Duration::from_millis(time_limit_ms.into());
        Self { origin, attempt, order: order.into(), time_limit, records }
    }

    /// The topic of all its records, without a partition: `/namespace/topic`.
    pub fn topic(&self) -> &str {
        &self.origin.topic
    }

    /// Which try this is for its records: 1 the first time, then 2, 3 and so on. A broker may have delivered them
    /// before, to this host or another.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Among which of the records the order counts, because the subscription promises it.
    pub fn order(&self) -> Order {
        self.order
    }

    /// How long this call may take, from its start, before the host ends it. That counts as a crash: the instance is
    /// dropped, and good records may pass for bad ones. So a sink that can't be done in time writes what it can and asks
    /// for another try of the rest. That uses up no retry as long as each call writes something.
    pub fn time_limit(&self) -> Duration {
        self.time_limit
    }

    /// The records.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there is no record; the host sends no such batch.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The records, in order.
    pub fn iter(&self) -> slice::Iter<'_, Record> {
        self.records.iter()
    }

    /// Gives the records to `write` one by one and collects what it says of each. Where the [order](Self::order) counts,
    /// a `Retryable` ends the walk for its group: the records behind it are to be retried as well and are not given to
    /// `write`.
    ///
    /// # Errors
    ///
    /// The first `Fatal` of `write`; the records behind it are not tried.
    pub fn process_each(&self, mut write: impl FnMut(&Record) -> Result<()>) -> Result<Outcomes> {
        let mut waves = self.waves();
        while let Some((index, record)) = waves.next_one() {
            waves.set(index, write(record))?;
        }
        Ok(waves.into_outcomes())
    }

    /// The records in sets that may be written at the same time: all of them where the order does not count, else one of
    /// each group, then the next of each, with nothing behind a record that has to be tried again.
    ///
    /// ```
    /// # use danube_sink::{Batch, Error, Outcomes, Record, Result, http::{self, Request}};
    /// fn process_batch(batch: &Batch) -> Result<Outcomes> {
    ///     let mut waves = batch.waves();
    ///     while let Some(wave) = waves.next_wave(8) {
    ///         let post = |record: &Record| Request::post("http://127.0.0.1/").text(record.json_text());
    ///         let answers = http::send_all(wave.iter().map(|(_, record)| post(record)).collect());
    ///         for ((index, _), answer) in wave.into_iter().zip(answers) {
    ///             waves.set(index, answer.map_err(Error::from).and_then(|answer| answer.check_status()))?;
    ///         }
    ///     }
    ///     Ok(waves.into_outcomes())
    /// }
    /// # use danube_sink::{Order, testing::{RecordBuilder, answer_http, ordered_batch}};
    /// # answer_http(|request| {
    /// #     let busy = request.body().is_some_and(|body| body.bytes() == b"1");
    /// #     Ok(http::Response::new(if busy { 503 } else { 204 }))
    /// # });
    /// # let records = [("1", "a"), ("2", "b"), ("3", "a"), ("4", "b")];
    /// # let records = records.map(|(document, key)| RecordBuilder::json(document).routing_key(key));
    /// # let outcomes = process_batch(&ordered_batch("/default/orders", Order::ByKey, records))?;
    /// # assert_eq!(outcomes.failures().map(|(index, _)| index).collect::<Vec<_>>(), [0, 2]);
    /// # Ok::<(), danube_sink::Error>(())
    /// ```
    pub fn waves(&self) -> Waves<'_> {
        Waves::new(self)
    }
}

impl Index<usize> for Batch {
    type Output = Record;

    fn index(&self, index: usize) -> &Record {
        &self.records[index]
    }
}

impl<'a> IntoIterator for &'a Batch {
    type Item = &'a Record;
    type IntoIter = slice::Iter<'a, Record>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl From<records::SchemaInfo> for SchemaInfo {
    fn from(schema: records::SchemaInfo) -> Self {
        let records::SchemaInfo { id, subject, version, schema_type } = schema;
        Self { id, subject, version, schema_type }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Error,
        testing::{RecordBuilder, batch, ordered_batch},
    };

    const TOPIC: &str = "/default/orders";

    fn three() -> [RecordBuilder; 3] {
        ["0", "1", "2"].map(RecordBuilder::json)
    }

    fn fail_on(offset: u64, error: Error) -> impl FnMut(&Record) -> Result<()> {
        move |record| if record.offset() == offset { Err(error.clone()) } else { Ok(()) }
    }

    fn reasons(outcomes: &Outcomes) -> Vec<(usize, &str)> {
        outcomes.failures().map(|(index, failure)| (index, failure.reason())).collect()
    }

    #[test]
    fn each_record_has_its_own_outcome() {
        let outcomes = batch(TOPIC, three()).process_each(fail_on(1, Error::retryable("busy"))).expect("not fatal");
        assert_eq!(reasons(&outcomes), [(1, "busy")]);
    }

    #[test]
    fn order_is_kept_behind_a_retry() {
        let mut seen = Vec::new();
        let outcomes = ordered_batch(TOPIC, Order::Strict, three())
            .process_each(|record| {
                seen.push(record.offset());
                if record.offset() == 1 { Err(Error::retryable("busy")) } else { Ok(()) }
            })
            .expect("not fatal");
        assert_eq!(seen, [0, 1]);
        assert_eq!(reasons(&outcomes), [(1, "busy"), (2, "held back behind /default/orders@1: busy")]);
        assert!(outcomes.failures().all(|(_, failure)| failure.is_retry()));
    }

    #[test]
    fn one_key_does_not_wait_for_another() {
        let records = ["a", "b", "a", "b"].map(|key| RecordBuilder::json("0").routing_key(key));
        let mut seen = Vec::new();
        let outcomes = ordered_batch(TOPIC, Order::ByKey, records)
            .process_each(|record| {
                seen.push(record.offset());
                if record.offset() == 0 { Err(Error::retryable("busy")) } else { Ok(()) }
            })
            .expect("not fatal");
        assert_eq!(seen, [0, 1, 3]);
        assert_eq!(reasons(&outcomes), [(0, "busy"), (2, "held back behind /default/orders@0: busy")]);
    }

    #[test]
    fn a_rejected_record_holds_up_nothing() {
        let batch = ordered_batch(TOPIC, Order::Strict, three());
        let outcomes = batch.process_each(fail_on(0, Error::rejected("bad"))).expect("not fatal");
        assert_eq!(reasons(&outcomes), [(0, "bad")]);
    }

    #[test]
    fn a_fatal_error_ends_the_walk() {
        let failed = batch(TOPIC, three()).process_each(fail_on(1, Error::fatal("no such table")));
        assert_eq!(failed, Err(Error::fatal("no such table")));
    }
}
