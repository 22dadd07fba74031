//! The life of a connector against a target that comes and goes.

use danube_wasm_tests::rig::Rig;

use super::Language;
use crate::{distinct_numbers, numbered};

pub(super) async fn an_outage_loses_nothing(language: Language) {
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    let health = format!("{}/health", rig.endpoint.url());
    let connector =
        language.connector(&rig, &topic).await.set("settings.health_url", health).set("retry.max_retries", 1);
    let host = rig.run(std::slice::from_ref(&connector)).await;
    rig.publish(&topic, numbered(5)).await;
    rig.endpoint.until_records(5).await;
    rig.endpoint.go_down().await;
    rig.publish_unseen(&topic, numbered(10).split_off(5)).await;
    host.until_reported(&connector, "parked").await;
    rig.endpoint.come_back().await;
    let arrived = rig.endpoint.until_records(10).await;
    assert_eq!(distinct_numbers(&arrived), (0..10).collect::<Vec<_>>());
    let asked = rig.endpoint.requests().into_iter().find(|request| request.path == "/health");
    assert_eq!(asked.map(|request| request.method).as_deref(), Some("GET"));
    host.stop().await;
}

pub(super) async fn it_says_goodbye(language: Language) {
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    let host = rig.run(&[language.connector(&rig, &topic).await]).await;
    rig.publish(&topic, numbered(1)).await;
    rig.endpoint.until_records(1).await;
    host.stop().await;
    let last = rig.endpoint.requests().pop().unwrap();
    assert_eq!((last.method.as_str(), last.text().replace(' ', "").as_str()), ("POST", r#"{"shutdown":true}"#));
}
