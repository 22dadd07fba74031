//! Records and batches made by hand.

use std::{rc::Rc, time::Duration};

use crate::{
    Batch, Order, Record, SchemaInfo,
    bindings::danube::sink::records::{self, Payload, SinkRecord},
    record::Origin,
};

/// How long a call may take where a test does not say: what the host allows by default.
pub(super) const TIME_LIMIT: Duration = Duration::from_secs(20);

/// Makes a record. What is not said has a plain default: topic `/default/test`, offset 0 (in a batch: the position),
/// publish time 0, producer `test`, nothing else.
#[derive(Debug, Clone)]
#[must_use = "call `build`, or put it into a batch"]
pub struct RecordBuilder {
    topic: String,
    offset: Option<u64>,
    schema: Option<SchemaInfo>,
    raw: SinkRecord,
}

impl RecordBuilder {
    fn new(payload: Payload) -> Self {
        let raw = SinkRecord {
            offset: 0,
            publish_time: 0,
            producer: "test".to_owned(),
            partition: None,
            routing_key: None,
            attributes: Vec::new(),
            schema: None,
            payload,
        };
        Self { topic: "/default/test".to_owned(), offset: None, schema: None, raw }
    }

    /// A record with a JSON document, as it was published.
    pub fn json(document: impl Into<String>) -> Self {
        Self::new(Payload::Json(document.into()))
    }

    /// A record with text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(Payload::Text(text.into()))
    }

    /// A record with bytes.
    pub fn binary(bytes: impl Into<Vec<u8>>) -> Self {
        Self::new(Payload::Binary(bytes.into()))
    }

    /// Sets the topic. In a batch, the batch's counts.
    pub fn topic(mut self, topic: impl Into<String>) -> Self {
        self.topic = topic.into();
        self
    }

    /// Sets the offset.
    pub fn offset(mut self, offset: u64) -> Self {
        self.offset = Some(offset);
        self
    }

    /// Sets the partition.
    pub fn partition(mut self, partition: u32) -> Self {
        self.raw.partition = Some(partition);
        self
    }

    /// Sets the time of publishing, in microseconds since the Unix epoch.
    pub fn publish_time(mut self, microseconds: u64) -> Self {
        self.raw.publish_time = microseconds;
        self
    }

    /// Sets the producer's name.
    pub fn producer(mut self, name: impl Into<String>) -> Self {
        self.raw.producer = name.into();
        self
    }

    /// Sets the routing key.
    pub fn routing_key(mut self, key: impl Into<String>) -> Self {
        self.raw.routing_key = Some(key.into());
        self
    }

    /// Sets an attribute.
    pub fn attribute(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let name = name.into();
        self.raw.attributes.retain(|(other, _)| *other != name);
        self.raw.attributes.push((name, value.into()));
        self.raw.attributes.sort();
        self
    }

    /// Sets the schema: the subject's id and name, the version, and its type (`json_schema`, `string` and so on).
    pub fn schema(mut self, id: u64, subject: &str, version: u32, schema_type: &str) -> Self {
        let (subject, schema_type) = (subject.to_owned(), schema_type.to_owned());
        self.schema = Some(SchemaInfo { id, subject, version, schema_type });
        self
    }

    /// The record.
    pub fn build(self) -> Record {
        let Self { topic, offset, schema, mut raw } = self;
        raw.offset = offset.unwrap_or_default();
        raw.schema = schema.is_some().then_some(0);
        Record::new(raw, Rc::new(Origin { topic, schemas: schema.into_iter().collect() }))
    }
}

/// The first try of a batch, on a subscription without order, with 20 seconds for the call.
pub fn batch(topic: &str, records: impl IntoIterator<Item = RecordBuilder>) -> Batch {
    Batch::new(contract_batch(topic, Order::Any, TIME_LIMIT, records))
}

/// The first try of a batch whose order counts, with 20 seconds for the call.
pub fn ordered_batch(topic: &str, order: Order, records: impl IntoIterator<Item = RecordBuilder>) -> Batch {
    Batch::new(contract_batch(topic, order, TIME_LIMIT, records))
}

/// The first try of a batch, as the host sends it.
pub(super) fn contract_batch(
    topic: &str,
    order: Order,
    time_limit: Duration,
    records: impl IntoIterator<Item = RecordBuilder>,
) -> records::Batch {
    let mut batch = records::Batch {
        topic: topic.to_owned(),
        attempt: 1,
        order: order.into(),
        time_limit_ms: u32::try_from(time_limit.as_millis()).unwrap_or(u32::MAX),
        schemas: Vec::new(),
        records: Vec::new(),
    };
    for (position, builder) in (0_u64..).zip(records) {
        let RecordBuilder { topic: _, offset, schema, mut raw } = builder;
        raw.offset = offset.unwrap_or(position);
        raw.schema = schema.and_then(|SchemaInfo { id, subject, version, schema_type }| {
            batch.schemas.push(records::SchemaInfo { id, subject, version, schema_type });
            u32::try_from(batch.schemas.len() - 1).ok()
        });
        batch.records.push(raw);
    }
    batch
}
