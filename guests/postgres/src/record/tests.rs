use danube_sink::testing::RecordBuilder;
use serde_json::json;

use super::*;

fn column(name: &str, source: &str, kind: Kind) -> Column {
    let source = source.parse().expect("the source is valid");
    let is_key = name == "id";
    Column { name: name.to_owned(), quoted: format!("\"{name}\""), source, kind, cast: "text".to_owned(), is_key }
}

fn cell(record: RecordBuilder, source: &str, kind: Kind) -> Result<Option<String>, String> {
    let row =
        Row::of(&record.offset(5).build(), &[column("c", source, kind), column("o", "@offset", Kind::Plain)], None);
    row.map(|row| row.cells[0].clone()).map_err(|error| error.reason().to_owned())
}

fn field(value: &serde_json::Value, kind: Kind) -> Result<Option<String>, String> {
    cell(RecordBuilder::json(json!({ "v": value }).to_string()), "v", kind)
}

#[test]
fn values_are_laid_out_for_their_type() {
    for (value, kind, expected) in [
        (json!(true), Kind::Plain, Some("true")),
        (json!("a\tb"), Kind::Plain, Some("a\tb")),
        (json!({ "a": 1 }), Kind::Plain, Some(r#"{"a":1}"#)),
        (json!(null), Kind::Plain, None),
        (json!(null), Kind::Json, None),
        (json!("a\"b"), Kind::Json, Some(r#""a\"b""#)),
        (json!([1, "a"]), Kind::Json, Some(r#"[1,"a"]"#)),
        (json!("AP8Q"), Kind::Bytes, Some("\\x00ff10")),
        (json!([0.5, -1]), Kind::Vector, Some("[0.5,-1]")),
        (json!([1, 2]), Kind::Array(Box::new(Kind::Plain)), Some(r#"{"1","2"}"#)),
        (json!(1_700_000_000_000_001_u64), Kind::Timestamp, Some("2023-11-14T22:13:20.000001Z")),
        (json!("yesterday"), Kind::Timestamp, Some("yesterday")),
    ] {
        assert_eq!(field(&value, kind), Ok(expected.map(str::to_owned)), "{value}");
    }
}

#[test]
fn digits_are_never_touched() {
    let digits = "-12345678901234567890123456789.000000000000000000000000000010";
    let record = RecordBuilder::json(format!(r#"{{"v": {digits}}}"#));
    assert_eq!(cell(record, "v", Kind::Plain), Ok(Some(digits.to_owned())));
}

#[test]
fn what_does_not_fit_is_bad_data() {
    let place = "column `c` of /default/test@5: ";
    for (value, kind, expected) in [
        (json!("{1}"), Kind::Array(Box::new(Kind::Plain)), "expected a JSON array, got text"),
        (json!({}), Kind::Vector, "expected a JSON array of numbers, got a JSON object"),
        (json!(7), Kind::Bytes, "expected text in base64, got a number"),
        (
            json!(1.5),
            Kind::Timestamp,
            "as a time a number must be whole microseconds from 1970 to 9999; others go as text",
        ),
    ] {
        assert_eq!(field(&value, kind), Err(format!("{place}{expected}")));
    }
    assert!(field(&json!("!"), Kind::Bytes).is_err_and(|mistake| mistake.starts_with(&format!("{place}not base64: "))));
    let bytes = cell(RecordBuilder::binary([0xff]), "@payload", Kind::Plain);
    assert_eq!(bytes, Err(format!("{place}bytes go into `bytea` columns only")));
}

#[test]
fn the_character_that_the_server_cannot_keep_is_told_with_its_column() {
    let expected = Err("column `c` of /default/test@5: the server's text has no place for U+0000".to_owned());
    assert_eq!(field(&json!("a\0b"), Kind::Plain), expected);
    assert_eq!(field(&json!(["a\0b"]), Kind::Array(Box::new(Kind::Plain))), expected);
}

#[test]
fn a_whole_payload_is_bytes_as_published() {
    assert_eq!(cell(RecordBuilder::binary([0xff, 0]), "@payload", Kind::Bytes), Ok(Some("\\xff00".to_owned())));
    assert_eq!(cell(RecordBuilder::text("ü"), "@payload", Kind::Bytes), Ok(Some("\\xc3bc".to_owned())));
    let json = cell(RecordBuilder::binary([0xff]), "@payload", Kind::Json);
    assert_eq!(json, Ok(Some(r#"{"data":"/w==","size":1}"#.to_owned())));
}

#[test]
fn a_payload_without_fields_is_no_row_of_nothing() {
    let row = Row::of(&RecordBuilder::text("hello").build(), &[column("a", "a", Kind::Plain)], None);
    let expected = "payload of /default/test@0: neither a JSON object nor an array";
    assert_eq!(row, Err(Error::rejected(expected)));
}

#[test]
fn a_deletion_is_a_key() {
    let columns = [column("id", "@key", Kind::Plain), column("a", "a", Kind::Plain)];
    let deleted = Row { cells: vec![Some("k".to_owned()), None], is_deleted: true };
    for record in [RecordBuilder::json(" null "), RecordBuilder::text(""), RecordBuilder::binary([])] {
        let row = Row::of(&record.routing_key("k").build(), &columns, Some(&Delete::Tombstone));
        assert_eq!(row, Ok(deleted.clone()));
    }
    let by_attribute = Delete::Attribute { name: "op".to_owned(), equals: "d".to_owned() };
    let record = RecordBuilder::json(r#"{"a": 1}"#).routing_key("k").attribute("op", "d").build();
    assert_eq!(Row::of(&record, &columns, Some(&by_attribute)), Ok(deleted));
    let written = Row { cells: vec![Some("k".to_owned()), Some("1".to_owned())], is_deleted: false };
    assert_eq!(Row::of(&record, &columns, Some(&Delete::Tombstone)), Ok(written));
}

#[test]
fn a_row_without_its_key_is_bad_data() {
    let by_field = [column("id", "id", Kind::Plain)];
    let reason = |record: RecordBuilder, columns: &[Column]| {
        let row = Row::of(&record.build(), columns, Some(&Delete::Tombstone));
        row.map_err(|error| error.reason().to_owned())
    };
    assert_eq!(
        reason(RecordBuilder::json("null"), &by_field),
        Err("column `id` of /default/test@0: a record that deletes has no `id` in its payload; let the column have the \
             routing key (`@key`)"
            .to_owned())
    );
    let expected = "column `id` of /default/test@0: it belongs to the key, and the record has no ";
    assert_eq!(reason(RecordBuilder::json("{}"), &by_field), Err(format!("{expected}`id`")));
    assert_eq!(
        reason(RecordBuilder::json("{}"), &[column("id", "@key", Kind::Plain)]),
        Err(format!("{expected}`@key`"))
    );
}
