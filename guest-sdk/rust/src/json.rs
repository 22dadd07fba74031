//! Records as JSON text, without losing a digit: a JSON payload is copied as it is, never parsed and written again.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Serialize;
use serde_json::Value;

use crate::{Attributes, Record, SchemaInfo, bindings::danube::sink::records::Payload};

/// A record's metadata, in the order in which the envelope shows it.
#[derive(Serialize)]
struct Metadata<'a> {
    topic: &'a str,
    partition: Option<u32>,
    offset: u64,
    publish_time: u64,
    producer: &'a str,
    routing_key: Option<&'a str>,
    attributes: Attributes<'a>,
    schema: Option<&'a SchemaInfo>,
}

/// The form in which bytes appear in JSON, the native SDK's.
pub(crate) fn of_bytes(bytes: &[u8]) -> Value {
    serde_json::json!({ "data": STANDARD.encode(bytes), "size": bytes.len() })
}

impl Record {
    /// The payload as JSON text. A JSON payload is given as it was published, so numbers have every digit; text is
    /// quoted; bytes become `{"data": "<base64>", "size": <bytes>}`.
    pub fn json_text(&self) -> Cow<'_, str> {
        match self.raw_payload() {
            Payload::Json(text) => Cow::Borrowed(text),
            Payload::Text(text) => Cow::Owned(written(text)),
            Payload::Binary(bytes) => Cow::Owned(of_bytes(bytes).to_string()),
        }
    }

    /// Like [`json_text`](Self::json_text), but on one line: line breaks between tokens are left out. No string and no
    /// number changes.
    pub fn json_line(&self) -> Cow<'_, str> {
        let text = self.json_text();
        // Inside a JSON string a line break is always escaped, so these stand between tokens.
        if text.contains(['\n', '\r']) { Cow::Owned(text.replace(['\n', '\r'], "")) } else { text }
    }

    /// The record with its metadata as one line of JSON:
    ///
    /// ```json
    /// {"topic":"/default/orders","partition":null,"offset":7,"publish_time":1700000000000000,"producer":"shop",
    ///  "routing_key":"c-12","attributes":{"region":"eu"},
    ///  "schema":{"id":3,"subject":"orders","version":1,"type":"json_schema"},"payload":{"total":12.50}}
    /// ```
    ///
    /// The payload stands there as [`json_line`](Self::json_line) gives it.
    pub fn envelope_line(&self) -> String {
        let mut line = written(&Metadata {
            topic: self.topic(),
            partition: self.partition(),
            offset: self.offset(),
            publish_time: self.publish_time(),
            producer: self.producer_name(),
            routing_key: self.routing_key(),
            attributes: self.attributes(),
            schema: self.schema(),
        });
        line.pop();
        line.push_str(",\"payload\":");
        line.push_str(&self.json_line());
        line.push('}');
        line
    }
}

/// `value` as JSON text.
fn written(value: &(impl Serialize + ?Sized)) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| unreachable!("text and numbers always have JSON: {error}"))
}

#[cfg(test)]
mod tests {
    use crate::{Record, testing::RecordBuilder};

    fn json(text: &str) -> Record {
        RecordBuilder::json(text).build()
    }

    #[test]
    fn a_json_payload_keeps_every_digit() {
        let text = r#"{"big":123456789012345678901234567890,"price":0.10000000000000000000001}"#;
        assert_eq!(json(text).json_text(), text);
        assert!(json(text).envelope_line().ends_with(&format!(r#""payload":{text}}}"#)));
    }

    #[test]
    fn text_and_bytes_have_a_json_form() {
        assert_eq!(RecordBuilder::text("say \"hi\"\n").build().json_text(), r#""say \"hi\"\n""#);
        assert_eq!(RecordBuilder::binary([0xff, 0x00]).build().json_text(), r#"{"data":"/wA=","size":2}"#);
    }

    #[test]
    fn a_line_has_no_line_break() {
        let record = json("{\r\n  \"a\": \"b\\nc\",\n  \"d\": 1\n}");
        assert_eq!(record.json_line(), "{  \"a\": \"b\\nc\",  \"d\": 1}");
        assert_eq!(record.payload()["a"], "b\nc");
    }

    #[test]
    fn the_envelope_tells_where_a_record_comes_from() {
        let record = RecordBuilder::json("[1]")
            .topic("/default/orders")
            .partition(2)
            .offset(7)
            .publish_time(1_700_000_000_000_000)
            .producer("shop")
            .routing_key("c-12")
            .attribute("region", "eu")
            .schema(3, "orders", 1, "json_schema")
            .build();
        assert_eq!(
            record.envelope_line(),
            concat!(
                r#"{"topic":"/default/orders","partition":2,"offset":7,"publish_time":1700000000000000,"#,
                r#""producer":"shop","routing_key":"c-12","attributes":{"region":"eu"},"#,
                r#""schema":{"id":3,"subject":"orders","version":1,"type":"json_schema"},"payload":[1]}"#
            )
        );
        let value: serde_json::Value = serde_json::from_str(&json("true").envelope_line()).expect("it is JSON");
        assert_eq!((&value["partition"], &value["schema"]), (&serde_json::Value::Null, &serde_json::Value::Null));
    }
}
