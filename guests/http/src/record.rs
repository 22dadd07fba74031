//! What a request carries: records as JSON arrays, NDJSON, or one by one. JSON payloads are copied as they are.

use std::io::Write;

use danube_sink::{PayloadKind, Record, Result, http::Body};
use flate2::{Compression, write::GzEncoder};

/// The body of a request and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) body: Body,
    pub(crate) content_type: &'static str,
}

impl Content {
    /// One record as it was published or, with `envelope`, with its metadata around it.
    pub(crate) fn single(record: &Record, envelope: bool) -> Self {
        if envelope {
            return Self::text(record.envelope_line(), "application/json");
        }
        let content_type = match record.kind() {
            PayloadKind::Json => "application/json",
            PayloadKind::Text => "text/plain; charset=utf-8",
            PayloadKind::Binary => "application/octet-stream",
        };
        match record.text() {
            Some(text) => Self::text(text.to_owned(), content_type),
            None => Self { body: Body::Binary(record.bytes().to_vec()), content_type },
        }
    }

    /// The records as one JSON array.
    pub(crate) fn json_array(records: &[Record], envelope: bool) -> Self {
        let mut array = String::with_capacity(size(records) + 2);
        array.push('[');
        for (position, record) in records.iter().enumerate() {
            if position > 0 {
                array.push(',');
            }
            array.push_str(&if envelope { record.envelope_line().into() } else { record.json_text() });
        }
        array.push(']');
        Self::text(array, "application/json")
    }

    /// The records as lines of JSON, each one ended by a line feed.
    pub(crate) fn ndjson(records: &[Record], envelope: bool) -> Self {
        let mut lines = String::with_capacity(size(records));
        for record in records {
            lines.push_str(&if envelope { record.envelope_line().into() } else { record.json_line() });
            lines.push('\n');
        }
        Self::text(lines, "application/x-ndjson")
    }

    fn text(text: String, content_type: &'static str) -> Self {
        Self { body: Body::Text(text), content_type }
    }

    /// The body in gzip. The same body always gives the same bytes.
    pub(crate) fn gzip(&self) -> Result<Vec<u8>> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(self.body.bytes())?;
        Ok(encoder.finish()?)
    }
}

/// About how many bytes the records take, with something between them.
fn size(records: &[Record]) -> usize {
    records.iter().map(|record| record.bytes().len() + 1).sum()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use danube_sink::testing::RecordBuilder;
    use flate2::read::GzDecoder;
    use serde_json::Value;

    use super::*;

    const DIGITS: &str = r#"{"n": 0.1000000000000000055511151231257827021181583404541015625}"#;

    fn records() -> Vec<Record> {
        let records =
            [RecordBuilder::json(DIGITS), RecordBuilder::text("a\n\"b\""), RecordBuilder::binary([0xff, 0xfe])];
        records.into_iter().map(|record| record.topic("/default/orders").build()).collect()
    }

    fn text(content: &Content) -> &str {
        match &content.body {
            Body::Text(text) => text,
            Body::Binary(_) => panic!("the body is not text"),
        }
    }

    #[test]
    fn an_array_has_the_payloads_digit_by_digit() {
        let content = Content::json_array(&records(), false);
        let expected = format!(r#"[{DIGITS},"a\n\"b\"",{{"data":"//4=","size":2}}]"#);
        assert_eq!((text(&content), content.content_type), (expected.as_str(), "application/json"));
    }

    #[test]
    fn ndjson_has_a_line_per_record() {
        let pretty = RecordBuilder::json("{\n  \"a\": 1\r\n}").build();
        let content = Content::ndjson(&[pretty, RecordBuilder::json("2").build()], false);
        assert_eq!((text(&content), content.content_type), ("{  \"a\": 1}\n2\n", "application/x-ndjson"));
    }

    #[test]
    fn a_single_payload_goes_as_it_was_published() {
        let [json, string, binary] = records().try_into().expect("there are three");
        let plain = |record| Content::single(&record, false);
        assert_eq!(plain(json), Content::text(DIGITS.to_owned(), "application/json"));
        assert_eq!(plain(string), Content::text("a\n\"b\"".to_owned(), "text/plain; charset=utf-8"));
        let expected = Content { body: Body::Binary(vec![0xff, 0xfe]), content_type: "application/octet-stream" };
        assert_eq!(plain(binary), expected);
    }

    #[test]
    fn an_envelope_tells_where_a_record_comes_from() {
        let records = [RecordBuilder::text("hello").topic("/default/orders").offset(7).build()];
        for (content, content_type) in [
            (Content::single(&records[0], true), "application/json"),
            (Content::json_array(&records, true), "application/json"),
            (Content::ndjson(&records, true), "application/x-ndjson"),
        ] {
            let value: Value = serde_json::from_slice(content.body.bytes()).expect("it is JSON");
            let envelope = if value.is_array() { &value[0] } else { &value };
            assert_eq!((&envelope["topic"], &envelope["offset"]), (&"/default/orders".into(), &7.into()));
            assert_eq!((&envelope["payload"], content.content_type), (&"hello".into(), content_type));
        }
    }

    #[test]
    fn gzip_can_be_undone_and_repeats_itself() {
        let content = Content::json_array(&records(), true);
        let packed = content.gzip().expect("memory takes any number of bytes");
        assert_eq!(content.gzip(), Ok(packed.clone()));
        let mut unpacked = String::new();
        GzDecoder::new(&packed[..]).read_to_string(&mut unpacked).expect("it is gzip");
        assert_eq!(unpacked, text(&content));
    }
}
