//! The `http` sink against an endpoint: tokens, signatures, templates, outcomes of single records, and an endpoint that is
//! killed again and again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use danube_wasm_tests::{
    endpoint::{Answer, Request},
    rig::{Connector, Message, Rig, Topic},
};
use serde_json::{Value, json};

use crate::{distinct_numbers, numbered, numbers, order::walk};

/// How often the endpoint is killed, and how many records are published meanwhile.
const KILLS: usize = 10;
const RECORDS: usize = 400;

fn set(connector: Connector, key: &str, value: &Value) -> Connector {
    connector.set(key, toml::Value::try_from(value).unwrap())
}

fn single(rig: &Rig, topic: &Topic) -> Connector {
    rig.http(topic).set("settings.format", "single")
}

#[tokio::test]
async fn a_revoked_token_is_replaced_and_no_record_lost() {
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    let (given, seen) = (Arc::new(AtomicUsize::new(0)), AtomicUsize::new(0));
    let tokens = Arc::clone(&given);
    rig.endpoint.judge(move |request: &Request| {
        if request.path == "/token" {
            let number = tokens.fetch_add(1, Ordering::SeqCst) + 1;
            return Answer::status(200)
                .body(&json!({ "access_token": format!("t{number}"), "expires_in": 3600 }).to_string());
        }
        // Every fifth request finds its token revoked.
        let revoked = seen.fetch_add(1, Ordering::SeqCst) % 5 == 4;
        let expected = format!("Bearer t{}", tokens.load(Ordering::SeqCst));
        let good = request.headers.get("authorization") == Some(&expected) && !revoked;
        Answer::status(if good { 200 } else { 401 })
    });
    let oauth2 = json!({
        "token_url": format!("{}/token", rig.endpoint.url()), "client_id": "me", "client_secret": "s3cret", "scope": "write",
    });
    let connector = set(single(&rig, &topic), "settings.oauth2", &oauth2).set("settings.concurrency", 1);
    let host = rig.run(std::slice::from_ref(&connector)).await;
    rig.publish_unseen(&topic, numbered(30)).await;
    host.until_acknowledged(&connector, 30).await;
    let ingested = rig.endpoint.requests().into_iter().filter(|request| request.path == "/ingest" && request.accepted);
    let numbers: Vec<Value> = ingested.flat_map(|request| request.records()).collect();
    assert_eq!(distinct_numbers(&numbers), Vec::from_iter(0..30));
    assert!(given.load(Ordering::SeqCst) >= 6);
}

#[tokio::test]
async fn a_client_that_the_token_server_refuses_stops_the_connector() {
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    rig.endpoint.judge(|request| Answer::status(if request.path == "/token" { 401 } else { 200 }));
    let token_url = format!("{}/token", rig.endpoint.url());
    let oauth2 = json!({ "token_url": token_url, "client_id": "me", "client_secret": "s3cret" });
    let connector = set(rig.http(&topic), "settings.oauth2", &oauth2);
    let host = rig.run(std::slice::from_ref(&connector)).await;
    rig.publish_unseen(&topic, numbered(1)).await;
    let cause = host.until_failed(&connector).await;
    assert!(cause.contains("the token server refuses the client: status 401") && !cause.contains("s3cret"), "{cause}");
}

#[tokio::test]
async fn requests_are_signed_and_shaped_by_their_records() {
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    let connector = single(&rig, &topic).set("settings.url", format!("{}/c/{{field:customer.id}}", rig.endpoint.url()));
    let connector = set(connector, "settings.record_headers", &json!({ "x-region": "{attribute:region}" }));
    let signature =
        json!({ "secret": "It's a Secret to Everybody", "header": "X-Hub-Signature-256", "prefix": "sha256=" });
    let host = rig.run(&[set(connector, "settings.signature", &signature)]).await;
    let record = r#"{"customer":{"id":"a/b ü"}}"#;
    rig.publish(&topic, [Message::from(record).attribute("region", "eu")]).await;
    rig.endpoint.until_requests(1).await;
    let request = rig.endpoint.requests().remove(0);
    assert_eq!(request.path, "/c/a%2Fb%20%C3%BC");
    assert_eq!(request.headers["x-region"], "eu");
    // By `printf '%s' BODY | openssl dgst -sha256 -hmac SECRET`.
    let expected = "sha256=9247f8e0c3269f0c8be5654e0216d8e7bfd7633af733b236ffb8b10c047266d2";
    assert_eq!(request.headers["x-hub-signature-256"], expected);
    host.stop().await;
}

#[tokio::test]
async fn one_bad_item_of_a_bulk_answer_costs_one_record() {
    let rig = Rig::start().await;
    let (topic, mut dead_letters) = (rig.topic().await, rig.dead_letters().await);
    let busy = AtomicUsize::new(0);
    rig.endpoint.judge(move |request| {
        let items = request.records().into_iter().map(|record| match record["n"].as_u64() {
            Some(3) => json!({ "index": { "status": 400, "error": { "reason": "no such customer" } } }),
            Some(5) if busy.fetch_add(1, Ordering::SeqCst) == 0 => json!({ "index": { "status": 429 } }),
            _ => json!({ "index": { "status": 201 } }),
        });
        Answer::status(200).body(&json!({ "errors": true, "items": items.collect::<Vec<_>>() }).to_string())
    });
    let connector =
        rig.http(&topic).set("dead_letter.topic", dead_letters.topic()).set("settings.records_per_request", 4);
    let items = json!({ "list": "/items", "status": "/index/status", "reason": "/index/error/reason" });
    let connector = set(connector, "settings.item_failures", &items).mapping("batch_size", 10);
    let host = rig.run(std::slice::from_ref(&connector)).await;
    rig.publish_unseen(&topic, numbered(10)).await;
    let letter = dead_letters.next().await;
    assert_eq!(letter.payload, r#"{"n":3}"#);
    assert!(letter.attributes["x-failure-reason"].contains("status 400: no such customer"), "{:?}", letter.attributes);
    host.until_acknowledged(&connector, 10).await;
    let requests = rig.endpoint.requests();
    assert!(requests.iter().all(|request| request.records().len() <= 4));
    let fives = requests.iter().flat_map(Request::records).filter(|record| record["n"] == 5).count();
    let others = requests.iter().flat_map(Request::records).filter(|record| record["n"] != 5).count();
    assert_eq!((fives, others), (2, 9), "only the busy one came again");
}

#[tokio::test]
async fn a_record_whose_url_no_grant_covers_costs_itself_only() {
    let rig = Rig::start().await;
    let (topic, mut dead_letters) = (rig.topic().await, rig.dead_letters().await);
    let grant = json!([{ "url": rig.endpoint.url(), "methods": ["POST"], "path": "/ingest" }]);
    let connector = set(single(&rig, &topic), "capabilities.http", &grant)
        .set("settings.url", format!("{}/ingest/{{field:n}}", rig.endpoint.url()))
        .set("dead_letter.topic", dead_letters.topic())
        .mapping("batch_size", 10);
    let host = rig.run(std::slice::from_ref(&connector)).await;
    let long = format!(r#"{{"n":"{}"}}"#, "u".repeat(20_000));
    let hostile = [r#"{"n":"../admin"}"#, r#"{"n":"%2e%2e"}"#, r#"{"n":".."}"#, &long];
    rig.publish_unseen(&topic, [&[r#"{"n":1}"#][..], &hostile, &[r#"{"n":2}"#]].concat()).await;
    let mut refused = Vec::new();
    for _ in hostile {
        refused.push(dead_letters.next().await.payload);
    }
    refused.sort_unstable();
    let mut expected = hostile.map(str::to_owned);
    expected.sort_unstable();
    assert_eq!(refused, expected);
    host.until_acknowledged(&connector, 6).await;
    let mut paths: Vec<_> = rig.endpoint.requests().into_iter().map(|request| request.path).collect();
    paths.sort_unstable();
    assert_eq!(paths, ["/ingest/1", "/ingest/2"]);
}

/// A load during which the endpoint is killed and comes back, with requests under way. Gives what it took, in order and
/// repeats included.
async fn endpoint_killed(format: &str, kind: &str) -> Vec<u64> {
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    let connector = rig.http(&topic).set("settings.format", format);
    let connector = connector.mapping("subscription_type", kind).mapping("batch_size", 20);
    let host = rig.run(std::slice::from_ref(&connector)).await;
    let kill = async {
        for kill in 0..KILLS {
            rig.endpoint.until_records(RECORDS * kill / KILLS + 1).await;
            rig.endpoint.go_down().await;
            tokio::time::sleep(Duration::from_millis(100)).await;
            rig.endpoint.come_back().await;
        }
    };
    tokio::join!(rig.publish(&topic, numbered(RECORDS)), kill);
    rig.endpoint.until_records(RECORDS).await;
    host.until_acknowledged(&connector, RECORDS as u32).await;
    assert_eq!(host.stop().await.failed(), 0);
    let records = rig.endpoint.records();
    println!("{format}, {kind}: {RECORDS} records, {KILLS} kills, {} doubled", records.len() - RECORDS);
    assert_eq!(distinct_numbers(&records), Vec::from_iter(0..RECORDS as u64), "{format}, {kind}: lost");
    numbers(&records)
}

#[tokio::test]
async fn no_record_is_lost_when_the_endpoint_is_killed_ten_times() {
    tokio::join!(
        endpoint_killed("json_array", "Shared"),
        endpoint_killed("ndjson", "Shared"),
        endpoint_killed("single", "Shared")
    );
}

#[tokio::test]
async fn the_order_is_kept_when_the_endpoint_is_killed_ten_times() {
    for format in ["json_array", "single"] {
        let written = endpoint_killed(format, "Exclusive").await;
        assert_eq!(walk(&written, &Vec::from_iter(0..RECORDS as u64)), None, "{format}");
    }
}
