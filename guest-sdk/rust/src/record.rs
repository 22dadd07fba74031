//! One record: what it carries, where it stands, and what its producer said about it.

use std::{cell::OnceCell, fmt, rc::Rc};

use serde::Deserialize;
use serde_json::Value;

use crate::{
    Attributes, Error, Result,
    bindings::danube::sink::records::{Payload, SinkRecord},
    json, settings,
};

/// A schema of Danube's registry, as records refer to it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct SchemaInfo {
    /// The registry's id of the subject (not of the version).
    pub id: u64,
    /// The name under which the schema is registered.
    pub subject: String,
    /// The version that the record was published with, from 1.
    pub version: u32,
    /// `json_schema`, `avro`, `protobuf`, `string`, `number` or `bytes`.
    #[serde(rename = "type")]
    pub schema_type: String,
}

/// Which form a record's payload has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PayloadKind {
    /// A JSON document, checked by the host; for Avro and Protobuf written by the host.
    Json,
    /// Text that is not JSON.
    Text,
    /// Bytes as published: of the schema type Bytes, without a schema and not UTF-8, or asked for raw.
    Binary,
}

/// What all records of a batch have in common.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) topic: String,
    pub(crate) schemas: Vec<SchemaInfo>,
}

/// One record of a topic.
///
/// `(topic, partition, offset)` names it for ever, see [`id`](Self::id): a target that can write idempotently should
/// use that as its key, since a record may come again after a crash.
#[derive(Clone)]
pub struct Record {
    raw: SinkRecord,
    origin: Rc<Origin>,
    value: OnceCell<Value>,
}

impl Record {
    pub(crate) fn new(raw: SinkRecord, origin: Rc<Origin>) -> Self {
        Self { raw, origin, value: OnceCell::new() }
    }

    /// The payload as a JSON value, parsed at the first call. Text becomes a string; bytes become
    /// `{"data": "<base64>", "size": <bytes>}`.
    ///
    /// As everywhere in serde_json, a number is held as `i64`, `u64` or `f64`: an integer beyond 64 bits or a decimal of
    /// more than 17 digits is rounded. [`json_text`](Self::json_text) has every digit.
    ///
    /// # Panics
    ///
    /// When the JSON is valid but cannot be held: nested more than 127 deep, or with a number like `1e999`. The host
    /// then finds the record and rejects it. [`try_payload`](Self::try_payload) says so without a panic.
    pub fn payload(&self) -> &Value {
        match self.try_payload() {
            Ok(value) => value,
            Err(error) => panic!("{error}"),
        }
    }

    /// The payload as a JSON value, like [`payload`](Self::payload).
    ///
    /// # Errors
    ///
    /// `Rejected` when the JSON is valid but cannot be held in a [`Value`].
    pub fn try_payload(&self) -> Result<&Value> {
        if let Some(value) = self.value.get() {
            return Ok(value);
        }
        let value = match &self.raw.payload {
            Payload::Json(text) => serde_json::from_str(text).map_err(|error| self.unfit(&error))?,
            Payload::Text(text) => Value::String(text.clone()),
            Payload::Binary(bytes) => json::of_bytes(bytes),
        };
        Ok(self.value.get_or_init(|| value))
    }

    /// The payload as a value of the type `T`, read straight from its JSON text, so that strings may be borrowed and
    /// numbers keep the precision of the field that they go into. For text and bytes see [`payload`](Self::payload).
    ///
    /// # Errors
    ///
    /// `Rejected` when the payload does not fit `T`; the reason names the record and the place.
    pub fn as_type<'a, T: Deserialize<'a>>(&'a self) -> Result<T> {
        match &self.raw.payload {
            Payload::Json(text) => serde_json::from_str(text),
            Payload::Text(_) | Payload::Binary(_) => T::deserialize(self.try_payload()?),
        }
        .map_err(|error| self.unfit(&error))
    }

    fn unfit(&self, error: &serde_json::Error) -> Error {
        Error::rejected(format!("payload of {}: {}", self.id(), settings::without_value(&error.to_string())))
    }

    /// Which form the payload has.
    pub fn kind(&self) -> PayloadKind {
        match &self.raw.payload {
            Payload::Json(_) => PayloadKind::Json,
            Payload::Text(_) => PayloadKind::Text,
            Payload::Binary(_) => PayloadKind::Binary,
        }
    }

    /// The payload, if it is JSON or text: as it was published, or the JSON that the host wrote for Avro and Protobuf.
    pub fn text(&self) -> Option<&str> {
        match &self.raw.payload {
            Payload::Json(text) | Payload::Text(text) => Some(text),
            Payload::Binary(_) => None,
        }
    }

    /// The payload's bytes, whatever they are.
    pub fn bytes(&self) -> &[u8] {
        match &self.raw.payload {
            Payload::Json(text) | Payload::Text(text) => text.as_bytes(),
            Payload::Binary(bytes) => bytes,
        }
    }

    /// The topic, without a partition: `/namespace/topic`.
    pub fn topic(&self) -> &str {
        &self.origin.topic
    }

    /// The partition, from 0; `None` on a topic without partitions.
    pub fn partition(&self) -> Option<u32> {
        self.raw.partition
    }

    /// The position in the topic, or in the partition where there is one. Counts from 0 in steps of 1.
    pub fn offset(&self) -> u64 {
        self.raw.offset
    }

    /// The record's name for ever: `topic@offset`, or `topic-part-N@offset` on a partitioned topic.
    pub fn id(&self) -> String {
        let (topic, offset) = (self.topic(), self.offset());
        match self.partition() {
            Some(partition) => format!("{topic}-part-{partition}@{offset}"),
            None => format!("{topic}@{offset}"),
        }
    }

    /// When the producer published it, in microseconds since 1970-01-01T00:00:00Z.
    pub fn publish_time(&self) -> u64 {
        self.raw.publish_time
    }

    /// The name of the producer.
    pub fn producer_name(&self) -> &str {
        &self.raw.producer
    }

    /// The key that the producer routed it by, if it gave one.
    pub fn routing_key(&self) -> Option<&str> {
        self.raw.routing_key.as_deref()
    }

    /// What a Key-Shared subscription keeps the order by: the routing key, or the producer's name where there is none.
    pub fn order_key(&self) -> &str {
        self.routing_key().unwrap_or(self.producer_name())
    }

    /// The attributes that the producer set.
    pub fn attributes(&self) -> Attributes<'_> {
        Attributes::new(&self.raw.attributes)
    }

    /// The schema that it was published with, if any.
    pub fn schema(&self) -> Option<&SchemaInfo> {
        let index = usize::try_from(self.raw.schema?).ok()?;
        self.origin.schemas.get(index)
    }

    pub(crate) fn raw_payload(&self) -> &Payload {
        &self.raw.payload
    }
}

/// Shows where the record stands and how large it is, never what it carries.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Record({}, {:?}, {} bytes)", self.id(), self.kind(), self.bytes().len())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::RecordBuilder;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Order<'a> {
        id: u64,
        customer: &'a str,
    }

    #[test]
    fn every_kind_of_payload_is_a_value() {
        assert_eq!(RecordBuilder::json(r#"{"a": [1, 2.5]}"#).build().payload(), &json!({ "a": [1, 2.5] }));
        assert_eq!(RecordBuilder::text("[not json").build().payload(), "[not json");
        assert_eq!(RecordBuilder::binary([0xff, 0x00]).build().payload(), &json!({ "data": "/wA=", "size": 2 }));
    }

    #[test]
    fn text_and_bytes_are_as_published() {
        let record = RecordBuilder::json("{ }").build();
        assert_eq!((record.text(), record.bytes(), record.kind()), (Some("{ }"), &b"{ }"[..], PayloadKind::Json));
        let record = RecordBuilder::binary("abc").build();
        assert_eq!((record.text(), record.bytes(), record.kind()), (None, &b"abc"[..], PayloadKind::Binary));
    }

    #[test]
    fn a_type_is_read_from_the_text_itself() {
        let record = RecordBuilder::json(r#"{"id": 18446744073709551615, "customer": "Ada"}"#).build();
        assert_eq!(record.as_type(), Ok(Order { id: u64::MAX, customer: "Ada" }));
        assert_eq!(RecordBuilder::text("hello").build().as_type::<Option<&str>>(), Ok(Some("hello")));
        let exact = RecordBuilder::json("123456789012345678901234567890").build();
        assert_eq!(exact.as_type(), Ok(123_456_789_012_345_678_901_234_567_890_u128));
    }

    #[test]
    fn a_payload_that_does_not_fit_is_bad_data() {
        let record = RecordBuilder::json(r#"{"id": -1, "customer": "Ada"}"#).partition(3).offset(9).build();
        let expected = "payload of /default/test-part-3@9: invalid value: integer, expected u64 at line 1 column 9";
        assert_eq!(record.as_type::<Order<'_>>(), Err(Error::rejected(expected)));
    }

    #[test]
    fn json_that_no_value_can_hold_is_bad_data() {
        for document in ["1e999".to_owned(), "[".repeat(200) + &"]".repeat(200)] {
            let record = RecordBuilder::json(document.as_str()).build();
            assert!(record.try_payload().is_err_and(|error| error.is_rejected()));
            assert_eq!(record.json_text(), document);
        }
    }

    #[test]
    fn a_record_shows_its_place_and_not_its_content() {
        let record = RecordBuilder::text("secret").topic("/default/a").offset(4).build();
        assert_eq!(format!("{record:?}"), "Record(/default/a@4, Text, 6 bytes)");
    }
}
