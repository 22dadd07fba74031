//! What a connector still gets done next to components that spin on every processor: its records per second with them and
//! without them, in one run, and the ratio.

use std::time::{Duration, Instant};

use danube_wasm_tests::{
    rig::{Connector, Rig},
    soon, until,
};

const RECORDS: usize = 2_000;
const ROUNDS: usize = 3;

#[tokio::main]
async fn main() {
    let processors = std::thread::available_parallelism().map_or(2, usize::from);
    println!("{processors} processors, {RECORDS} records to an HTTP endpoint over the dev broker, best of {ROUNDS}");
    let alone = best(0).await;
    println!("alone                     {alone:9.0} records/s");
    for spinners in [1, processors, 2 * processors] {
        let rate = best(spinners).await;
        println!("next to {spinners:2} that spin      {rate:9.0} records/s   {:.2} of alone", rate / alone);
    }
    // Those that spin would go on until they are told to stop for the second time.
    std::process::exit(0);
}

async fn best(spinners: usize) -> f64 {
    let mut best: f64 = 0.0;
    for _ in 0..ROUNDS {
        best = best.max(rate(spinners).await);
    }
    best
}

async fn rate(spinners: usize) -> f64 {
    let rig = Rig::start().await;
    let mut spinning = Vec::new();
    for _ in 0..spinners {
        let topic = rig.topic().await;
        spinning.push((rig.scripted(&topic), topic));
    }
    let topic = rig.topic().await;
    let measured = rig.http(&topic);
    let all: Vec<Connector> = spinning.iter().map(|(one, _)| one.clone()).chain([measured.clone()]).collect();
    let host = rig.run(&all).await;
    for (_, topic) in &spinning {
        rig.publish_unseen(topic, [r#"{"do":"spin"}"#]).await;
    }
    let busy = |one: &Connector| host.count("danube_wasm_busy_seconds_total", one.name());
    until("all of them to spin", || spinning.iter().all(|(one, _)| busy(one) > 0.3)).await;

    let begun = Instant::now();
    rig.publish(&topic, (0..RECORDS).map(|n| format!(r#"{{"n":{n}}}"#))).await;
    let acknowledged = || host.count("danube_wasm_messages_acknowledged_total", measured.name());
    soon("the records to be written", async {
        while acknowledged() < RECORDS as f64 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
    RECORDS as f64 / begun.elapsed().as_secs_f64()
}
