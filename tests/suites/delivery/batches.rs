//! When a batch is due.

use danube_dev_broker::DevBrokerConfig;
use danube_wasm_tests::{
    endpoint::Request,
    rig::{Connector, Rig, Topic, quick},
};

use crate::{distinct_numbers, numbered};

/// Longer than any test waits.
const NEVER: i64 = 20_000;

fn patient(rig: &Rig, topic: &Topic) -> Connector {
    rig.http(topic).mapping("flush_interval_ms", NEVER)
}

fn sizes(requests: &[Request]) -> Vec<usize> {
    requests.iter().map(|request| request.records().len()).collect()
}

#[tokio::test]
async fn by_count() {
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    let _host = rig.run(&[patient(&rig, &topic).mapping("batch_size", 4)]).await;
    rig.publish(&topic, numbered(40)).await;
    rig.endpoint.until_records(40).await;
    let sizes = sizes(&rig.endpoint.requests());
    assert!(sizes.iter().all(|size| *size <= 4) && sizes.contains(&4), "{sizes:?}");
}

#[tokio::test]
async fn by_bytes_and_no_batch_is_larger_unless_it_is_one_record() {
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    let _host = rig.run(&[patient(&rig, &topic).mapping("batch_bytes", "1KiB")]).await;
    let sized = |bytes: usize| format!("{:?}", "x".repeat(bytes - 2));
    rig.publish(&topic, [400, 400, 400, 600, 3000, 500, 524].map(sized)).await;
    rig.endpoint.until_requests(4).await;
    let bytes = |request: &Request| request.records().iter().map(|record| record.to_string().len()).collect::<Vec<_>>();
    let batches: Vec<_> = rig.endpoint.requests().iter().map(bytes).collect();
    assert_eq!(batches, [vec![400, 400], vec![400, 600], vec![3000], vec![500, 524]]);
}

#[tokio::test]
async fn by_age() {
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    let _host = rig.run(&[rig.http(&topic).mapping("batch_size", 1000).mapping("flush_interval_ms", 100)]).await;
    rig.publish(&topic, numbered(3)).await;
    rig.endpoint.until_records(3).await;
}

#[tokio::test]
async fn when_the_broker_has_no_more_to_give() {
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    let _host = rig.run(&[patient(&rig, &topic).mapping("batch_size", 1000)]).await;
    rig.publish(&topic, numbered(20)).await;
    assert_eq!(distinct_numbers(&rig.endpoint.until_records(20).await), Vec::from_iter(0..20));
    // The second window comes as a whole, or in halves where the broker turns out to be slower than the guest.
    let sizes = sizes(&rig.endpoint.requests());
    assert!(sizes[0] == 10 && sizes.len() <= 4, "{sizes:?}");
}

#[tokio::test]
async fn a_wider_window_is_found_out() {
    let config = DevBrokerConfig { max_unacked_messages: 50, ..quick() };
    let Some(rig) = Rig::in_memory_with("it sets the window", config).await else { return };
    let topic = rig.topic().await;
    let connector = patient(&rig, &topic).mapping("batch_size", 50);
    let _host = rig.run(&[connector]).await;
    rig.endpoint.hold();
    rig.publish(&topic, numbered(100)).await;
    rig.endpoint.release();
    assert_eq!(distinct_numbers(&rig.endpoint.until_records(100).await), Vec::from_iter(0..100));
    let sizes = sizes(&rig.endpoint.requests());
    assert!(sizes.iter().any(|size| *size > 10), "{sizes:?}");
}
