//! Every kind of payload, as the `http` sink hands it on: digit by digit, byte by byte.

use danube_client::SchemaType;
use danube_wasm_tests::rig::{Rig, Topic};

/// What arrives for one payload: the bytes and the content type.
async fn arrives(rig: &Rig, topic: &Topic, payload: &[u8], raw: bool) -> (Vec<u8>, String) {
    let connector = rig.http(topic).set("settings.format", "single");
    let connector = if raw { connector.mapping("payload_format", "raw") } else { connector };
    let host = rig.run(&[connector]).await;
    rig.publish(topic, [payload]).await;
    rig.endpoint.until_requests(1).await;
    let request = rig.endpoint.requests().remove(0);
    host.stop().await;
    (request.body.to_vec(), request.headers["content-type"].clone())
}

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";
const BYTES: &str = "application/octet-stream";

#[tokio::test]
async fn by_their_schema() {
    let table: [(SchemaType, &str, &[u8], &str); 4] = [
        (SchemaType::JsonSchema, r#"{"type":"object"}"#, br#"{"total": 12345678901234567890.10}"#, JSON),
        (SchemaType::Number, "", b"1.10", JSON),
        (SchemaType::String, "", b"{\"no\": JSON}", TEXT),
        (SchemaType::Bytes, "", b"[1,2]", BYTES),
    ];
    for (schema_type, definition, payload, content_type) in table {
        let rig = Rig::start().await;
        let topic = rig.topic_with_schema(schema_type, definition).await;
        let arrived = arrives(&rig, &topic, payload, false).await;
        assert_eq!(arrived, (payload.to_vec(), content_type.to_owned()), "{}", schema_type.as_str());
    }
}

#[tokio::test]
async fn without_a_schema_they_tell_themselves() {
    let table: [(&[u8], &str); 4] =
        [(b"{\"a\": 1.10}", JSON), (b"17", JSON), ("Grüße".as_bytes(), TEXT), (&[0xff, 0x00, 0x80], BYTES)];
    for (payload, content_type) in table {
        let rig = Rig::start().await;
        let topic = rig.topic().await;
        assert_eq!(arrives(&rig, &topic, payload, false).await, (payload.to_vec(), content_type.to_owned()));
    }
}

#[tokio::test]
async fn raw_ones_are_bytes_whatever_the_schema_says() {
    let rig = Rig::start().await;
    let topic = rig.topic_with_schema(SchemaType::JsonSchema, r#"{"type":"object"}"#).await;
    assert_eq!(arrives(&rig, &topic, b"{ }", true).await, (b"{ }".to_vec(), BYTES.to_owned()));
}

#[tokio::test]
async fn the_schema_is_told_with_the_record() {
    let rig = Rig::start().await;
    let topic = rig.topic_with_schema(SchemaType::JsonSchema, r#"{"type":"object"}"#).await;
    let connector = rig.scripted(&topic).mapping("expected_schema_subject", topic.subject());
    let _host = rig.run(&[connector]).await;
    rig.publish(&topic, ["{}"]).await;
    let schema = rig.endpoint.until_records(1).await[0]["schema"].clone();
    assert_eq!(
        (&schema["subject"], &schema["version"], &schema["type"]),
        (&topic.subject().into(), &1.into(), &"json_schema".into())
    );
}
