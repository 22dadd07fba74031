//! One call of a guest that does nothing: what it costs to get records across the boundary, and an answer back.

use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use bytes::Bytes;

use super::{Context, Figure, Language, Stop, guests, payload::document};
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
    context.progress.say(format_args!("boundary: calls with {RECORDS} records of {BYTES} B"));
    let best = call(context, "null.wasm", guests::NULL.into()).await?;
    let copy = copying(&batch(), ROUNDS * context.rounds());
    Ok(vec![
        Figure::below("boundary_us_per_record", best, 0.4, "a call with 1000 records of 500 B, for each of them"),
        Figure::plain("boundary_vs_memcpy", best / copy, "the same, over copying their payloads"),
    ])
}

/// The same call of components in other languages, which take records and do nothing with them.
pub(super) async fn languages(context: &Context) -> Result<Vec<Figure>, Stop> {
    let mut figures = Vec::new();
    for Language { key, name, component } in &context.languages {
        let Some(path) = component else { continue };
        context.progress.say(format_args!("languages: calls of {}", path.display()));
        let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let best = call(context, &path.display().to_string(), bytes.into()).await?;
        figures.push(Figure::plain(
            key,
            best,
            format!("a call of a sink in {name} that does nothing, for each record"),
        ));
    }
    Ok(figures)
}

/// Microseconds for each record.
async fn call(context: &Context, name: &str, component: Bytes) -> Result<f64, Stop> {
    let engine = Engine::new(context.engine()?)?;
    let component = engine.compile(name, component, None, &CompileLimits::default()).await?;
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
    Ok(best)
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
