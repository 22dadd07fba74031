//! Several processes on one subscription: they share the load, and those that are left take over from one that dies.

use std::{collections::BTreeMap, time::Duration};

use danube_dev_broker::DevBrokerConfig;
use danube_wasm_tests::{
    endpoint::Request,
    process::{Process, Signal},
    rig::{Connector, Message, Rig, Topic, quick},
    until,
};

use super::{numbered_from, run};
use crate::{distinct_numbers, numbered, numbers, order::walk};

/// Connectors of different names, as on different machines, on one subscription; each posts to a path of its own.
fn connectors(rig: &Rig, topic: &Topic, kind: &str, count: usize) -> Vec<Connector> {
    let connector = |n: usize| {
        let connector = rig.http(topic).mapping("subscription_type", kind).mapping("batch_size", 4);
        connector.set("settings.url", format!("{}/{n}", rig.endpoint.url())).set("settings.envelope", true)
    };
    (0..count).map(connector).collect()
}

async fn processes(rig: &Rig, connectors: &[Connector]) -> Vec<Process> {
    let mut processes = Vec::new();
    for connector in connectors {
        let process = run(rig, &[connector]);
        process.until_ready().await;
        processes.push(process);
    }
    processes
}

/// How many records each path has taken.
fn shares(rig: &Rig) -> BTreeMap<String, usize> {
    let mut shares = BTreeMap::new();
    for request in rig.endpoint.requests().iter().filter(|request| request.accepted) {
        *shares.entry(request.path.clone()).or_default() += request.records().len();
    }
    shares
}

/// Ends a process without asking, in the middle of a request.
async fn kill(rig: &Rig, victim: Process, path: &str) {
    let busy = |request: &Request| request.path == path && !request.accepted;
    until("the victim to be at work", || rig.endpoint.requests().iter().any(busy)).await;
    victim.signal(Signal::Kill).await;
    victim.end().await;
}

fn keyed(numbers: impl IntoIterator<Item = usize>) -> impl Iterator<Item = Message> {
    numbers.into_iter().map(|n| Message::from(format!(r#"{{"n":{n}}}"#)).key(&format!("key-{}", n % 30)))
}

#[tokio::test]
async fn three_processes_share_a_shared_subscription_and_two_take_over() {
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    let mut processes = processes(&rig, &connectors(&rig, &topic, "Shared", 3)).await;
    rig.publish(&topic, numbered(90)).await;
    rig.endpoint.until_records(90).await;
    assert_eq!(shares(&rig).len(), 3, "{:?}", shares(&rig));
    rig.endpoint.hold();
    rig.publish(&topic, numbered_from(90, 60)).await;
    kill(&rig, processes.remove(0), "/0").await;
    rig.endpoint.release();
    rig.publish(&topic, numbered_from(150, 30)).await;
    assert_eq!(distinct_numbers(&rig.endpoint.until_records(180).await), Vec::from_iter(0..180));
}

/// The numbers of each key's records, in the order in which they were written.
fn by_key(rig: &Rig) -> BTreeMap<String, Vec<u64>> {
    let mut rows: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for record in rig.endpoint.records() {
        let key = record["routing_key"].as_str().unwrap().to_owned();
        rows.entry(key).or_default().extend(numbers(std::slice::from_ref(&record)));
    }
    rows
}

#[tokio::test]
async fn three_processes_share_a_key_shared_subscription_and_two_take_over_in_order() {
    // What a consumer holds that goes away is lost in 0.15.1, and no host can help it. That nothing is lost, and that each
    // key's order is kept over a change of hands, is shown with a broker that hands it over.
    let config = DevBrokerConfig { key_shared_hand_over: true, ..quick() };
    let Some(rig) = Rig::in_memory_with("the released broker loses records here", config).await else { return };
    let topic = rig.topic().await;
    let mut processes = processes(&rig, &connectors(&rig, &topic, "Key-Shared", 3)).await;
    rig.publish(&topic, keyed(0..90)).await;
    rig.endpoint.until_records(90).await;
    assert_eq!(shares(&rig).len(), 3, "{:?}", shares(&rig));
    rig.endpoint.hold();
    rig.publish(&topic, keyed(90..150)).await;
    kill(&rig, processes.remove(0), "/0").await;
    rig.endpoint.release();
    rig.publish(&topic, keyed(150..210)).await;
    let records = rig.endpoint.until_records(210).await;
    rig.until_at_rest(&topic).await;
    assert_eq!(distinct_numbers(&records), Vec::from_iter(0..210));
    for (key, row) in by_key(&rig) {
        let number: u64 = key.trim_start_matches("key-").parse().unwrap();
        let owed: Vec<u64> = (0..7).map(|round| 30 * round + number).collect();
        assert_eq!(walk(&row, &owed), None, "{key}");
    }
}

#[tokio::test]
async fn the_released_broker_loses_what_a_dead_key_shared_consumer_held_and_no_more() {
    let config = DevBrokerConfig { key_shared_eviction: Some(Duration::from_secs(3)), ..quick() };
    let Some(rig) = Rig::in_memory_with("it counts what the broker loses", config).await else { return };
    let topic = rig.topic().await;
    let mut processes = processes(&rig, &connectors(&rig, &topic, "Key-Shared", 2)).await;
    rig.publish(&topic, keyed(0..60)).await;
    rig.endpoint.until_records(60).await;
    rig.until_acknowledged(&topic, 60).await;
    rig.endpoint.hold();
    rig.publish(&topic, keyed(60..90)).await;
    kill(&rig, processes.remove(0), "/0").await;
    rig.endpoint.release();
    // Records that wait for a place in the window are none of the dead one's.
    until("the dead one to be evicted", || rig.subscription(topic.name()).lost > 0).await;
    rig.publish(&topic, keyed(90..150)).await;
    let finished = || {
        let it = rig.subscription(topic.name());
        (it.cursor == Some(149)).then_some(usize::try_from(it.lost).unwrap())
    };
    until("everything else to be done", || finished().is_some()).await;
    let arrived = distinct_numbers(&rig.endpoint.records());
    assert!(
        arrived.len() + finished().unwrap() >= 150,
        "{} arrived, {finished:?} lost",
        arrived.len(),
        finished = finished()
    );
    assert!(finished().unwrap() <= 10, "it held no more than a window");
    assert!((90..150).all(|n| arrived.contains(&n)), "the other one serves all keys: {arrived:?}");
}

#[tokio::test]
async fn a_standby_takes_over_in_order() {
    // In 0.15.1 the first consumer of a Failover subscription stays the active one for ever, dead or alive.
    let config = DevBrokerConfig { promote_standby: true, ..quick() };
    let Some(rig) = Rig::in_memory_with("the released broker never fails over", config).await else { return };
    let topic = rig.topic().await;
    let mut processes = processes(&rig, &connectors(&rig, &topic, "Failover", 3)).await;
    for first in [0, 40] {
        rig.publish(&topic, numbered_from(first, 20)).await;
        rig.endpoint.until_records(first + 20).await;
        let active = rig.endpoint.requests().last().unwrap().path.clone();
        rig.endpoint.hold();
        rig.publish(&topic, numbered_from(first + 20, 20)).await;
        kill(&rig, processes.remove(0), &active).await;
        rig.endpoint.release();
        rig.endpoint.until_records(first + 40).await;
    }
    rig.publish(&topic, numbered_from(80, 20)).await;
    rig.endpoint.until_records(100).await;
    rig.until_at_rest(&topic).await;
    assert_eq!(shares(&rig).len(), 3, "{:?}", shares(&rig));
    assert_eq!(walk(&numbers(&rig.endpoint.records()), &Vec::from_iter(0..100)), None);
}
