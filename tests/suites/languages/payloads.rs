//! What arrives of each record, over the broker and the wire.

use danube_client::SchemaType;
use danube_wasm_tests::{
    endpoint::Request,
    rig::{Message, Rig, Topic},
};
use serde_json::{Value, json, value::RawValue};

use super::Language;

/// What arrives of the records of a topic, and the text of what was sent.
async fn arrive(language: Language, rig: &Rig, topic: &Topic, messages: Vec<Message>) -> (Vec<Value>, String) {
    let count = messages.len();
    let connector = language.connector(rig, topic).await;
    let host = rig.run(&[connector]).await;
    rig.publish(topic, messages).await;
    let mut arrived = rig.endpoint.until_records(count).await;
    // It posts a word at its end as well.
    let text = rig.endpoint.requests().iter().map(Request::text).collect();
    host.stop().await;
    arrived.sort_by_key(|record| record["offset"].as_u64());
    (arrived, text)
}

/// Kind and payload of one record that was published like this.
async fn arrives(language: Language, schema: Option<(SchemaType, &str)>, payload: &[u8]) -> (Value, Value) {
    let rig = Rig::start().await;
    let topic = match schema {
        Some((schema_type, definition)) => rig.topic_with_schema(schema_type, definition).await,
        None => rig.topic().await,
    };
    let (arrived, _) = arrive(language, &rig, &topic, vec![payload.to_vec().into()]).await;
    (arrived[0]["kind"].clone(), arrived[0]["payload"].clone())
}

pub(super) async fn every_kind_arrives(language: Language) {
    let rejects_nothing = r#"{"type":"object"}"#;
    let table: [(_, &[u8], _); 6] = [
        (
            Some((SchemaType::JsonSchema, rejects_nothing)),
            br#"{"a":[1,null,true]}"#,
            json!(["json", {"a": [1, null, true]}]),
        ),
        (Some((SchemaType::Number, "")), b"1.5", json!(["json", 1.5])),
        (Some((SchemaType::String, "")), b"{\"no\": JSON}", json!(["text", "{\"no\": JSON}"])),
        (Some((SchemaType::Bytes, "")), b"[1,2]", json!(["binary", "WzEsMl0="])),
        (None, b"plain", json!(["text", "plain"])),
        (None, &[0xff, 0x00, 0x80, 0x7f], json!(["binary", "/wCAfw=="])),
    ];
    for (schema, payload, expected) in table {
        let (kind, arrived) = arrives(language, schema, payload).await;
        assert_eq!(json!([kind, arrived]), expected, "{payload:?}");
    }
}

pub(super) async fn unicode_arrives(language: Language) {
    let texts = [
        "Grüße, 日本語, \u{1f980}\u{200d}\u{1f4a8}",
        "\"quoted\" \\ and\tcontrolled\u{1}",
        "a\u{0}b",
        "\u{feff}\u{2028}\u{fffd}",
    ];
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    let messages = texts.iter().map(|text| Message::from(*text).key(text).attribute("name ü", text)).collect();
    let (arrived, _) = arrive(language, &rig, &topic, messages).await;
    for (record, text) in arrived.iter().zip(texts) {
        // The engine drops a byte order mark in front of each string that it is given: see the README of the SDK.
        let text = if language.engine == "starling" { text.trim_start_matches('\u{feff}') } else { text };
        assert_eq!(
            (&record["payload"], &record["key"], &record["attributes"]["name ü"]),
            (&json!(text), &json!(text), &json!(text))
        );
    }
}

pub(super) async fn empty_and_large_payloads_arrive(language: Language) {
    let large = "0123456789abcdef".repeat(1 << 16);
    assert_eq!(arrives(language, Some((SchemaType::Bytes, "")), b"").await, (json!("binary"), json!("")));
    assert_eq!(arrives(language, Some((SchemaType::String, "")), b"").await, (json!("text"), json!("")));
    let document = json!({ "large": large }).to_string();
    assert_eq!(arrives(language, None, document.as_bytes()).await, (json!("json"), json!({ "large": large })));
    let bytes = vec![0xfe; 1 << 20];
    let (kind, payload) = arrives(language, None, &bytes).await;
    assert_eq!((kind, payload.as_str().unwrap().len()), (json!("binary"), (bytes.len()).div_ceil(3) * 4));
}

pub(super) async fn integers_keep_their_digits(language: Language) {
    let documents = [
        r#"{"n":9007199254740993}"#,
        r#"{"n":18446744073709551615,"m":-9223372036854775808}"#,
        r#"{"n":123456789012345678901234567890}"#,
        r#"{"n":1.10,"m":[0.1000000000000000055511151231257827]}"#,
        "12345678901234567890",
    ];
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    let messages = documents.iter().map(|document| Message::from(*document)).collect();
    let (_, text) = arrive(language, &rig, &topic, messages).await;
    #[derive(serde::Deserialize)]
    struct Payload {
        offset: u64,
        payload: Box<RawValue>,
    }
    let mut records: Vec<Payload> = Vec::new();
    for request in serde_json::Deserializer::from_str(&text).into_iter::<Vec<Payload>>() {
        records.extend(request.unwrap());
    }
    records.sort_by_key(|record| record.offset);
    records.dedup_by_key(|record| record.offset);
    let payloads: Vec<_> = records.iter().map(|record| record.payload.get().replace(' ', "")).collect();
    assert_eq!(payloads, documents);
}

pub(super) async fn all_that_is_known_of_a_record_arrives(language: Language) {
    let rig = Rig::start().await;
    let topic = rig.topic_with_schema(SchemaType::JsonSchema, r#"{"type":"object"}"#).await;
    let message = Message::from("{}").key("k").attribute("b", "2").attribute("a", "").attribute("a b", "c");
    let (arrived, _) = arrive(language, &rig, &topic, vec![Message::from("{}"), message]).await;
    let [first, second] = &arrived[..] else { panic!("{arrived:?}") };
    assert_eq!((&first["key"], &first["attributes"], &first["partition"]), (&Value::Null, &json!({}), &Value::Null));
    assert_eq!((&second["key"], &second["topic"]), (&json!("k"), &json!(topic.name())));
    assert_eq!(second["attributes"], json!({ "a": "", "a b": "c", "b": "2" }));
    assert_eq!(second["offset"].as_u64(), first["offset"].as_u64().map(|offset| offset + 1));
    // Microseconds, in this century.
    assert!(second["publish_time"].as_u64().is_some_and(|time| time > 1_700_000_000_000_000), "{second}");
    assert!(second["producer"].as_str().is_some_and(|producer| !producer.is_empty()), "{second}");
    let schema = &second["schema"];
    assert_eq!(
        (&schema["subject"], &schema["version"], &schema["type"]),
        (&json!(topic.subject()), &json!(1), &json!("json_schema"))
    );
    assert!(schema["id"].is_u64(), "{schema}");
    assert_eq!((&second["attempt"], &second["order"]), (&json!(1), &json!("any")));
}

pub(super) async fn order_is_told(language: Language) {
    for (subscription_type, order) in [("Exclusive", "strict"), ("Key-Shared", "by-key")] {
        let rig = Rig::start().await;
        let topic = rig.topic().await;
        let connector = language.connector(&rig, &topic).await.mapping("subscription_type", subscription_type);
        let host = rig.run(&[connector]).await;
        rig.publish(&topic, ["{}"]).await;
        assert_eq!(rig.endpoint.until_records(1).await[0]["order"], order);
        host.stop().await;
    }
    let rig = Rig::start().await;
    let topic = rig.partitioned(2).await;
    let (arrived, _) = arrive(language, &rig, &topic, vec!["{}".into(), "[]".into()]).await;
    assert!(
        arrived.iter().all(|record| record["partition"].as_u64().is_some_and(|partition| partition < 2)),
        "{arrived:?}"
    );
}
