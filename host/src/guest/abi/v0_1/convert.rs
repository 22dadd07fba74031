//! Batches to the shapes of the contract without copying a payload, and answers back from them.

use std::{ops::Range, sync::Arc, time::Duration};

use super::bindings::danube::sink::records;
use crate::{
    guest::{ConsumerConfig, Error, error::clip},
    record::{Batch, Order, Payload, PayloadFormat, Record, SchemaInfo, SubscriptionType, Verdict},
};

/// What the records of a batch refer to: the shapes of the contract borrow lists, and these own them.
pub(super) struct Parts<'a> {
    pub(super) schemas: Vec<records::SchemaInfo<'a>>,
    /// For each record, which of the schemas.
    schema: Vec<Option<u32>>,
    /// Of all records, one after the other.
    attributes: Vec<(&'a str, &'a str)>,
    /// For each record, where its own are.
    spans: Vec<Range<usize>>,
}

impl<'a> Parts<'a> {
    pub(super) fn of(batch: &'a Batch) -> Self {
        let mut distinct: Vec<&Arc<SchemaInfo>> = Vec::new();
        let mut schema = Vec::with_capacity(batch.records.len());
        let mut attributes = Vec::new();
        let mut spans = Vec::with_capacity(batch.records.len());
        for record in &batch.records {
            schema.push(record.schema.as_ref().map(|schema| position(&mut distinct, schema)));
            let start = attributes.len();
            attributes.extend(record.attributes.iter().map(|(name, value)| (name.as_str(), value.as_str())));
            spans.push(start..attributes.len());
        }
        let schemas = distinct.into_iter().map(|schema| lower_schema(schema)).collect();
        Self { schemas, schema, attributes, spans }
    }

    pub(super) fn records(&'a self, batch: &'a Batch) -> Vec<records::SinkRecord<'a>> {
        let rest = self.schema.iter().zip(&self.spans);
        let lower = |(record, (schema, span)): (&'a Record, (&Option<u32>, &Range<usize>))| records::SinkRecord {
            offset: record.offset,
            publish_time: record.publish_time,
            producer: &record.producer,
            partition: record.partition,
            routing_key: record.routing_key.as_deref(),
            attributes: &self.attributes[span.clone()],
            schema: *schema,
            payload: match &record.payload {
                Payload::Json(text) => records::Payload::Json(text),
                Payload::Text(text) => records::Payload::Text(text),
                Payload::Binary(bytes) => records::Payload::Binary(bytes),
            },
        };
        batch.records.iter().zip(rest).map(lower).collect()
    }
}

/// Where `schema` stands among the distinct ones; a batch has a handful of them at most.
fn position<'a>(distinct: &mut Vec<&'a Arc<SchemaInfo>>, schema: &'a Arc<SchemaInfo>) -> u32 {
    let known = distinct.iter().position(|known| Arc::ptr_eq(known, schema) || **known == *schema);
    let at = known.unwrap_or_else(|| {
        distinct.push(schema);
        distinct.len() - 1
    });
    at as u32
}

fn lower_schema(schema: &SchemaInfo) -> records::SchemaInfo<'_> {
    let SchemaInfo { id, subject, version, schema_type } = schema;
    records::SchemaInfo { id: *id, subject, version: *version, schema_type }
}

/// One verdict per record, from the list of those that failed.
pub(super) fn verdicts(failures: Vec<records::RecordFailure>, records: usize) -> Result<Vec<Verdict>, Error> {
    let breach = |what| Err(Error::Contract { what });
    let mut verdicts = vec![Verdict::Written; records];
    for records::RecordFailure { index, failure } in failures {
        match verdicts.get_mut(index as usize) {
            None => return breach(format!("it failed record {index} of a batch of {records}")),
            Some(verdict) if *verdict != Verdict::Written => return breach(format!("it failed record {index} twice")),
            Some(verdict) => *verdict = failure.into(),
        }
    }
    Ok(verdicts)
}

fn after(millis: Option<u32>) -> Option<Duration> {
    millis.map(|millis| Duration::from_millis(millis.into()))
}

impl From<Order> for records::Order {
    fn from(order: Order) -> Self {
        match order {
            Order::Any => Self::Any,
            Order::ByKey => Self::ByKey,
            Order::Strict => Self::Strict,
        }
    }
}

impl From<records::Failure> for Verdict {
    fn from(failure: records::Failure) -> Self {
        match failure {
            records::Failure::Retry(records::RetryHint { reason, after_ms }) => {
                Self::Retry { reason: clip(reason), after: after(after_ms) }
            }
            records::Failure::Reject(reason) => Self::Reject { reason: clip(reason) },
        }
    }
}

impl From<records::SinkError> for Error {
    fn from(error: records::SinkError) -> Self {
        match error {
            records::SinkError::Retryable(records::RetryHint { reason, after_ms }) => {
                Self::Retryable { reason: clip(reason), after: after(after_ms) }
            }
            records::SinkError::Rejected(reason) => Self::Rejected { reason: clip(reason) },
            records::SinkError::Fatal(reason) => Self::Fatal { reason: clip(reason) },
        }
    }
}

impl From<records::ConsumerConfig> for ConsumerConfig {
    fn from(config: records::ConsumerConfig) -> Self {
        let records::ConsumerConfig {
            topic,
            subscription,
            consumer_name,
            subscription_type,
            key_filters,
            expected_schema_subject,
            batch_size,
            batch_bytes,
            flush_interval_ms,
            payload_format,
        } = config;
        Self {
            topic,
            subscription,
            consumer_name,
            subscription_type: match subscription_type {
                records::SubscriptionType::Shared => SubscriptionType::Shared,
                records::SubscriptionType::Exclusive => SubscriptionType::Exclusive,
                records::SubscriptionType::Failover => SubscriptionType::Failover,
                records::SubscriptionType::KeyShared => SubscriptionType::KeyShared,
            },
            key_filters,
            expected_schema_subject,
            batch_size,
            batch_bytes,
            flush_interval: after(flush_interval_ms),
            payload_format: match payload_format {
                records::PayloadFormat::Decoded => PayloadFormat::Decoded,
                records::PayloadFormat::Raw => PayloadFormat::Raw,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guest::error::TEXT_LIMIT;

    fn schema(id: u64, version: u32) -> Arc<SchemaInfo> {
        Arc::new(SchemaInfo { id, subject: format!("s{id}"), version, schema_type: "avro".into() })
    }

    fn record(offset: u64, schema: Option<&Arc<SchemaInfo>>, attributes: &[(&str, &str)]) -> Record {
        Record {
            offset,
            publish_time: 7,
            producer: "p".into(),
            partition: Some(1),
            routing_key: None,
            attributes: attributes.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            schema: schema.cloned(),
            payload: Payload::Binary(vec![offset as u8].into()),
        }
    }

    #[test]
    fn schemas_are_listed_once_and_attributes_stay_with_their_record() {
        let (first, second) = (schema(1, 1), schema(1, 2));
        let batch = Batch {
            topic: "/default/t".into(),
            attempt: 1,
            order: Order::Any,
            records: vec![
                record(0, Some(&first), &[("a", "1"), ("b", "2")]),
                record(1, None, &[]),
                record(2, Some(&second), &[("c", "3")]),
                // Equal, but not the same allocation.
                record(3, Some(&schema(1, 1)), &[]),
            ],
        };
        let parts = Parts::of(&batch);
        let records = parts.records(&batch);
        assert_eq!(parts.schemas.iter().map(|schema| schema.version).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(records.iter().map(|record| record.schema).collect::<Vec<_>>(), [Some(0), None, Some(1), Some(0)]);
        let attributes: Vec<_> = records.iter().map(|record| record.attributes).collect();
        assert_eq!(attributes, [&[("a", "1"), ("b", "2")][..], &[], &[("c", "3")], &[]]);
    }

    #[test]
    fn payloads_are_not_copied() {
        let records = vec![record(9, None, &[])];
        let batch = Batch { topic: "/default/t".into(), attempt: 1, order: Order::Any, records };
        let Payload::Binary(bytes) = &batch.records[0].payload else { unreachable!() };
        let parts = Parts::of(&batch);
        let records::Payload::Binary(lowered) = parts.records(&batch)[0].payload else { unreachable!() };
        assert_eq!(lowered.as_ptr(), bytes.as_ptr());
    }

    #[test]
    fn verdicts_stand_in_the_order_of_the_records() {
        let retry = |index, after_ms| records::RecordFailure {
            index,
            failure: records::Failure::Retry(records::RetryHint { reason: "later".into(), after_ms }),
        };
        let reject =
            |index, reason: &str| records::RecordFailure { index, failure: records::Failure::Reject(reason.into()) };
        assert_eq!(verdicts(vec![], 2).unwrap(), [Verdict::Written, Verdict::Written]);
        assert_eq!(
            verdicts(vec![reject(3, "bad"), retry(0, Some(1500))], 4).unwrap(),
            [
                Verdict::Retry { reason: "later".into(), after: Some(Duration::from_millis(1500)) },
                Verdict::Written,
                Verdict::Written,
                Verdict::Reject { reason: "bad".into() },
            ]
        );
        let breach = |failures, records| match verdicts(failures, records) {
            Err(Error::Contract { what }) => what,
            other => panic!("{other:?}"),
        };
        assert_eq!(breach(vec![retry(2, None)], 2), "it failed record 2 of a batch of 2");
        assert_eq!(breach(vec![retry(u32::MAX, None)], 2), "it failed record 4294967295 of a batch of 2");
        assert_eq!(breach(vec![retry(1, None), reject(1, "x")], 2), "it failed record 1 twice");
    }

    #[test]
    fn reasons_are_cut_and_pass_for_nothing_else() {
        let reject =
            |reason: &str| records::RecordFailure { index: 0, failure: records::Failure::Reject(reason.into()) };
        let long = verdicts(vec![reject(&"é".repeat(TEXT_LIMIT))], 1).unwrap();
        let [Verdict::Reject { reason }] = &long[..] else { panic!("{long:?}") };
        assert_eq!(reason.len(), TEXT_LIMIT + 3);
        // Nothing that could pass for a line of the host's own, or turn a terminal over.
        let forged = verdicts(vec![reject("bad\n2026-11-28 ERROR all is lost\r\u{1b}[2J\u{202e}")], 1).unwrap();
        let reason = r"2026-11-28 ERROR all is lost\r\u{1b}[2J\u{202e}";
        assert_eq!(forged, [Verdict::Reject { reason: format!("bad\n  {reason}") }]);
        let forged = verdicts(vec![reject(&"\u{1b}".repeat(TEXT_LIMIT))], 1).unwrap();
        let [Verdict::Reject { reason }] = &forged[..] else { panic!("{forged:?}") };
        assert!(reason.len() <= TEXT_LIMIT + 3);
    }
}
