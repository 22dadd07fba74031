//! `kill -9`, again and again, while records flow.

use danube_wasm_tests::{process::Signal, rig::Rig};

use super::{numbered_from, run};
use crate::{distinct_numbers, numbers, order::walk};

const KILLS: usize = 8;
/// Published in each life. Some of them are in flight when it ends.
const EACH: usize = 40;

/// Kills the command in every life after some of its records were written. A record that was in flight when it was killed
/// is written in the next life, so that none is sent more often than the broker does.
async fn survives_kills(kind: &str) {
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    let connector = rig.http(&topic).mapping("subscription_type", kind).mapping("batch_size", 4);
    for life in 0..KILLS {
        let process = run(&rig, &[&connector]);
        process.until_ready().await;
        rig.endpoint.until_records(life * EACH).await;
        rig.publish(&topic, numbered_from(life * EACH, EACH)).await;
        rig.endpoint.until_records(life * EACH + EACH / 2).await;
        process.signal(Signal::Kill).await;
        assert_eq!(process.end().await.code, None);
        rig.endpoint.until_left_alone().await;
    }
    let last = run(&rig, &[&connector]);
    last.until_ready().await;
    rig.publish(&topic, numbered_from(KILLS * EACH, EACH)).await;
    let count = (KILLS + 1) * EACH;
    let records = rig.endpoint.until_records(count).await;
    assert_eq!(distinct_numbers(&records), Vec::from_iter(0..count as u64), "{kind}");
    last.signal(Signal::Term).await;
    let ended = last.end().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    if kind != "Shared" {
        let written = numbers(&rig.endpoint.records());
        assert_eq!(walk(&written, &Vec::from_iter(0..count as u64)), None, "{kind}");
    }
}

#[tokio::test]
async fn nothing_is_lost_on_a_shared_subscription() {
    survives_kills("Shared").await;
}

#[tokio::test]
async fn nothing_is_lost_and_order_is_kept_on_an_exclusive_subscription() {
    survives_kills("Exclusive").await;
}

#[tokio::test]
async fn nothing_is_lost_and_order_is_kept_on_a_failover_subscription() {
    survives_kills("Failover").await;
}
