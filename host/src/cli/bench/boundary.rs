//! One call of a guest that does nothing: what it costs to get records across the boundary, and an answer back.

use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Context, Figure, Stop, guests, payload::document};
use crate::{
    capability::{
        files::Folders,
        http::{Gate, GateOptions},
        logging::LogOptions,
        sockets::{SocketOptions, Sockets},
    },
    guest::{CompileLimits, Engine, Instance, InstanceLimits, InstanceOptions},
    record::{Batch, Order, Payload, Record},
};

const RECORDS: usize = 1000;
const BYTES: usize = 500;
/// As long as one round takes; the best of them counts, which is the one that was disturbed least.
const ROUND: Duration = Duration::from_millis(300);
const ROUNDS: usize = 2;

pub(super) async fn measure(context: &Context) -> Result<Vec<Figure>, Stop> {
    let component = Engine::new(context.engine()?)?;
    let component = component.compile("null.wasm", guests::NULL.into(), None, &CompileLimits::default()).await?;
    let mut instance = Instance::start(&component, &options()?).await?;
    let batch = batch();
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS * context.rounds() {
        let (begun, mut calls) = (Instant::now(), 0);
        while begun.elapsed() < ROUND {
            instance.process_batch(&batch, None).await?;
            calls += 1;
        }
        best = best.min(begun.elapsed().as_secs_f64() * 1e6 / f64::from(calls) / RECORDS as f64);
    }
    let copy = copying(&batch, ROUNDS * context.rounds());
    Ok(vec![
        Figure::below("boundary_us_per_record", best, 0.4, "a call with 1000 records of 500 B, for each of them"),
        Figure::plain("boundary_vs_memcpy", best / copy, "the same, over copying their payloads"),
    ])
}

/// Microseconds for each record, to copy the payloads.
fn copying(batch: &Batch, rounds: usize) -> f64 {
    let mut room = vec![0_u8; RECORDS * BYTES];
    let mut best = f64::INFINITY;
    for _ in 0..rounds {
        let (begun, mut times) = (Instant::now(), 0);
        while begun.elapsed() < ROUND / 10 {
            for (record, room) in batch.records.iter().zip(room.chunks_mut(BYTES)) {
                if let Payload::Json(text) = &record.payload {
                    room.copy_from_slice(text.as_bytes());
                }
            }
            black_box(&mut room);
            times += 1;
        }
        best = best.min(begun.elapsed().as_secs_f64() * 1e6 / f64::from(times) / RECORDS as f64);
    }
    best
}

fn batch() -> Batch {
    let record = |n: usize| Record {
        offset: n as u64,
        publish_time: 1_700_000_000_000_000,
        producer: "bench-producer".into(),
        partition: Some(0),
        routing_key: Some("customer-1".into()),
        attributes: vec![("region".into(), "eu".into())],
        schema: None,
        payload: Payload::Json(document(n, BYTES).into()),
    };
    Batch { topic: "/default/bench".into(), attempt: 1, order: Order::Any, records: (0..RECORDS).map(record).collect() }
}

fn options() -> Result<InstanceOptions, Stop> {
    Ok(InstanceOptions {
        connector_name: "bench".into(),
        instance: 0,
        settings: r#"{"topic_mappings":[]}"#.into(),
        env: vec![],
        limits: InstanceLimits::default(),
        call_timeout: Duration::from_secs(20),
        start_timeout: Duration::from_secs(30),
        gate: Arc::new(Gate::new(GateOptions::new("bench", "bench.toml", vec![]))?),
        sockets: Arc::new(Sockets::new(SocketOptions::new("bench", "bench.toml", vec![]))?),
        folders: Folders::default(),
        log: LogOptions::default(),
    })
}
