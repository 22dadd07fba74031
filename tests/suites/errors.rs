//! Records that fail: tried again, given back until the target is well, rejected as the file says, and never lost.

mod broken;
mod poison;
mod rejected;

use danube_wasm_tests::{endpoint::Answer, rig::Rig};
use std::time::{Duration, Instant};

use crate::{distinct_numbers, numbered};

#[tokio::test]
async fn a_record_that_asks_for_it_is_tried_again_and_alone() {
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    let connector = rig.scripted(&topic);
    let host = rig.run(std::slice::from_ref(&connector)).await;
    rig.publish(&topic, [r#"{"n":0}"#, r#"{"n":1,"do":"retry","until":3}"#, r#"{"n":2}"#]).await;
    host.until_acknowledged(&connector, 3).await;
    assert_eq!(distinct_numbers(&rig.endpoint.records()), [0, 1, 2]);
    assert_eq!(rig.endpoint.records().len(), 3, "only the one that asked comes again");
    assert_eq!(host.count("danube_connector_messages_retried_total", connector.name()), 2.0);
}

#[tokio::test]
async fn an_endpoint_that_is_busy_gets_its_pause() {
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    let connector = rig.http(&topic);
    let host = rig.run(std::slice::from_ref(&connector)).await;
    rig.endpoint.answer_next([Answer::status(503).header("retry-after", "1")]);
    let begun = Instant::now();
    rig.publish(&topic, numbered(1)).await;
    rig.endpoint.until_records(1).await;
    // The pauses of the file are far shorter. That a pause is not cut short is no question of speed.
    assert!(begun.elapsed() >= Duration::from_secs(1));
    host.until_acknowledged(&connector, 1).await;
    assert_eq!(host.count("danube_wasm_lane_parked_total", connector.name()), 0.0);
}

#[tokio::test]
async fn broken_connections_are_tried_again() {
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    let _host = rig.run(&[rig.http(&topic)]).await;
    rig.endpoint.answer_next([Answer::broken(), Answer::broken()]);
    rig.publish(&topic, numbered(3)).await;
    assert_eq!(distinct_numbers(&rig.endpoint.until_records(3).await), [0, 1, 2]);
}

#[tokio::test]
async fn while_the_endpoint_is_down_records_stay_with_the_broker() {
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    let connector = rig.http(&topic).set("retry.max_retries", 1);
    let connector = connector.set("settings.health_url", format!("{}/health", rig.endpoint.url()));
    let host = rig.run(std::slice::from_ref(&connector)).await;
    rig.publish(&topic, numbered(5)).await;
    rig.endpoint.until_records(5).await;
    rig.endpoint.go_down().await;
    rig.publish(&topic, (5..30).map(|n| format!(r#"{{"n":{n}}}"#))).await;
    host.until_reported(&connector, "parked").await;
    assert!(!host.report(connector.name()).ready);
    rig.endpoint.come_back().await;
    assert_eq!(distinct_numbers(&rig.endpoint.until_records(30).await), Vec::from_iter(0..30));
    host.until_acknowledged(&connector, 30).await;
    host.until_ready().await;
}

#[tokio::test]
async fn a_fatal_answer_stops_the_connector_and_no_other() {
    let rig = Rig::start().await;
    let (doomed, fine) = (rig.topic().await, rig.topic().await);
    let (first, second) = (rig.scripted(&doomed), rig.scripted(&fine));
    let host = rig.run(&[first.clone(), second.clone()]).await;
    rig.publish(&doomed, [r#"{"do":"fatal"}"#]).await;
    assert_eq!(host.until_failed(&first).await, "told to give up");
    rig.publish(&fine, numbered(3)).await;
    assert_eq!(distinct_numbers(&rig.endpoint.until_records(3).await), [0, 1, 2]);
    host.until_acknowledged(&second, 3).await;
    assert_eq!(host.count("danube_wasm_messages_acknowledged_total", first.name()), 0.0);
    assert_eq!(host.stop().await.failed(), 1);
}
