use danube_sink::http::{Body, Response};
use danube_sink::testing::{RecordBuilder, answer_http};
use serde_json::{Value as Json, json};

use super::*;
use crate::config::{Config, Settings};

/// The layout for a table with these columns, and settings for the one topic.
fn layout(columns: &str, mapping: Json) -> Layout {
    let mut settings = json!({
        "url": "http://h/",
        "topic_mappings": [{ "topic": "/default/a", "subscription": "s", "table": "t" }],
    });
    if let (Some(written), Json::Object(own)) = (settings["topic_mappings"][0].as_object_mut(), mapping) {
        written.extend(own);
    }
    let settings: Settings = serde_json::from_value(settings).expect("the settings are known");
    let config = Config::resolve(settings).expect("the settings are valid");
    let rows: Vec<String> = columns
        .split("; ")
        .map(|column| column.split_once(' ').expect("a name and a type"))
        .map(|(name, data_type)| json!({ "name": name, "type": data_type, "default_kind": "" }).to_string())
        .collect();
    answer_http(move |_| Ok(Response::new(200).with_body(Body::Text(rows.join("\n")))));
    let target = &config.targets["/default/a"];
    let table = Table::of(&config.server, target).expect("the answer is sound").expect("there is a table");
    table.check(target).expect("the table fits");
    Layout::new(target, &table)
}

fn row(layout: &Layout, record: RecordBuilder) -> Result<String> {
    let mut rows = Rows::default();
    rows.push(0, &record.build(), layout)?;
    Ok(String::from_utf8_lossy(rows.bytes(0..1)).into_owned())
}

#[test]
fn fields_go_into_the_columns_of_their_names() {
    let by_name = || layout("id UInt64; name Nullable(String); n UInt8", json!({}));
    let record = || RecordBuilder::json(r#" {"name": null, "id": 18446744073709551615} "#);
    assert_eq!(row(&by_name(), record()).as_deref(), Ok("{\"id\":18446744073709551615,\"name\":null}\n"));
    for (payload, expected) in [
        (RecordBuilder::json(r#"{"x": 1}"#), "the table has no column for the field `x`"),
        (RecordBuilder::json(r#"{"n": 256}"#), "the value for column `n`: it is out of the range of UInt8"),
        (RecordBuilder::json(r#"{"n": null}"#), "the value for column `n`: it is null, and the column is not Nullable"),
        (RecordBuilder::json("[1]"), "the payload is no JSON object, and the settings have no `columns`"),
        (RecordBuilder::text("{}"), "the payload is no JSON object, and the settings have no `columns`"),
    ] {
        assert_eq!(row(&by_name(), payload), Err(Error::rejected(expected)));
    }
    let skipping = layout("id UInt64", json!({ "unknown_fields": "skip", "null_as_default": true }));
    assert_eq!(row(&skipping, RecordBuilder::json(r#"{"x": 1, "id": null}"#)).as_deref(), Ok("{}\n"));
}

#[test]
fn columns_have_what_the_settings_say() {
    let columns = json!({ "columns": {
        "id": "/order/id", "raw": "@payload", "topic": "@topic", "part": "@partition", "pos": "@offset", "at": "@publish_time",
        "micros": "@publish_time", "seconds": "@publish_time", "who": "@producer", "k": "@key", "region": "@attribute:region",
    }});
    let table = "id Int64; raw String; topic LowCardinality(String); part Nullable(Int32); pos UInt64; at DateTime64(6); \
                 micros UInt64; seconds Nullable(DateTime); who String; k Nullable(String); region String; other Date";
    let record = RecordBuilder::json(r#"{"order": {"id": -5}}"#)
        .topic("/default/a")
        .offset(7)
        .publish_time(1_700_000_000_000_001);
    let expected = concat!(
        r#"{"at":"1700000000.000001","id":-5,"k":null,"micros":1700000000000001,"part":null,"pos":7,"#,
        r#""raw":"{\"order\": {\"id\": -5}}","seconds":1700000000,"topic":"/default/a","who":"test"}"#,
        "\n"
    );
    assert_eq!(row(&layout(table, columns), record).as_deref(), Ok(expected));
}

#[test]
fn a_record_that_does_not_fit_leaves_nothing_behind() {
    let layout = layout("a Int8", json!({}));
    let mut rows = Rows::default();
    let mut push = |index, json: &str| rows.push(index, &RecordBuilder::json(json).build(), &layout).is_ok();
    assert_eq!([push(0, r#"{"a":1}"#), push(1, r#"{"a":1000}"#), push(2, r#"{"a":2}"#)], [true, false, true]);
    assert_eq!((rows.len(), rows.indices(0..2)), (2, &[0, 2][..]));
    assert_eq!((rows.bytes(0..2), rows.bytes(1..2)), (&b"{\"a\":1}\n{\"a\":2}\n"[..], &b"{\"a\":2}\n"[..]));
}

#[test]
fn a_value_cannot_end_its_text() {
    let layout = layout("a String; b` String", json!({}));
    let record = RecordBuilder::json(r#"{"a": "\"},{\"a\":\"x\n\\\u0000'); DROP TABLE t; --😀", "b`": "1"}"#);
    let row = row(&layout, record).expect("it is text");
    assert_eq!(row.lines().count(), 1);
    let read: Json = serde_json::from_str(&row).expect("it is one row");
    assert_eq!(read, json!({ "a": "\"},{\"a\":\"x\n\\\0'); DROP TABLE t; --😀", "b`": "1" }));
}
