//! Brokers that want TLS, a certificate or a token.

use danube_dev_broker::DevBrokerConfig;
use danube_wasm_tests::rig::{Authority, Connector, Rig, Topic, quick};

use crate::{distinct_numbers, numbered};

const WHY: &str = "it needs a broker with certificates of its own";

fn connector(rig: &Rig, topic: &Topic, authority: &Authority) -> Connector {
    rig.http(topic).set("broker.tls.ca_cert", authority.path("ca.pem").to_str().unwrap())
}

fn with_identity(connector: Connector, authority: &Authority) -> Connector {
    connector
        .set("broker.tls.client_cert", authority.path("client.pem").to_str().unwrap())
        .set("broker.tls.client_key", authority.path("client.key").to_str().unwrap())
}

async fn world(authority: &Authority) -> Option<Rig> {
    Rig::secure(WHY, authority, DevBrokerConfig { tick: quick().tick, ..DevBrokerConfig::default() }).await
}

async fn records_arrive(rig: &Rig, topic: &Topic, connector: Connector) {
    let host = rig.run(std::slice::from_ref(&connector)).await;
    rig.publish(topic, numbered(5)).await;
    assert_eq!(distinct_numbers(&rig.endpoint.until_records(5).await), Vec::from_iter(0..5));
    host.until_acknowledged(&connector, 5).await;
}

/// Why a connector gets nowhere.
async fn gets_nowhere(rig: &Rig, connector: &Connector, cause: &str) {
    let host = rig.start_host(std::slice::from_ref(connector)).await;
    host.until_reported(connector, cause).await;
    assert!(!host.report(connector.name()).ready);
}

#[tokio::test]
async fn tls() {
    let authority = Authority::new();
    let Some(rig) = world(&authority).await else { return };
    let topic = rig.topic().await;
    assert!(rig.broker_url().starts_with("https://"));
    records_arrive(&rig, &topic, connector(&rig, &topic, &authority)).await;
    gets_nowhere(&rig, &connector(&rig, &topic, &Authority::new()), topic.name()).await;
}

#[tokio::test]
async fn a_client_certificate() {
    let authority = Authority::new().mutual();
    let Some(rig) = world(&authority).await else { return };
    let topic = rig.topic().await;
    records_arrive(&rig, &topic, with_identity(connector(&rig, &topic, &authority), &authority)).await;
    gets_nowhere(&rig, &connector(&rig, &topic, &authority), topic.name()).await;
}

#[tokio::test]
async fn a_token() {
    let authority = Authority::new().token("open sesame");
    let Some(rig) = world(&authority).await else { return };
    let topic = rig.topic().await;
    let path = rig.file("token", "open sesame\n");
    let token = format!("${{file:{}}}", path.display());
    records_arrive(&rig, &topic, connector(&rig, &topic, &authority).set("broker.token", token)).await;
    gets_nowhere(&rig, &connector(&rig, &topic, &authority), "credentials").await;
}

#[tokio::test]
async fn a_token_from_a_file_that_is_read_again() {
    let authority = Authority::new().token("open sesame");
    let Some(rig) = world(&authority).await else { return };
    let topic = rig.topic().await;
    let path = rig.file("token", "open sesame");
    let connector = connector(&rig, &topic, &authority).set("broker.token_file", path.to_str().unwrap());
    records_arrive(&rig, &topic, connector).await;
}
