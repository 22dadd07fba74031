//! The inner pieces of a record's way, each by itself: decoding, the ledger, the boundary, the decision of the gate.
#![expect(clippy::expect_used, reason = "a bench that cannot start has nothing else to say")]

use std::{hint::black_box, sync::Arc, time::Duration};

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use danube_wasm::{
    capability::{
        destination::Grant,
        files::Folders,
        http::{self, Gate, GateOptions},
        logging::LogOptions,
        sockets::{SocketOptions, Sockets},
    },
    codec::Codec,
    guest::{CompileLimits, Engine, EngineOptions, Instance, InstanceLimits, InstanceOptions},
    inner::Books,
    record::{Batch, Order, Payload, Record},
};
use tokio::runtime::Runtime;

const RECORDS: u64 = 1000;
const TIME: Duration = Duration::from_secs(30);

/// 500 bytes of JSON.
fn document() -> String {
    let head = r#"{"order":7,"customer":"ada lovelace","city":"Zürich","item":"teapot, blue","note":""#;
    format!("{head}{}\"}}", "x".repeat(500 - head.len() - 2))
}

fn decode(criterion: &mut Criterion) {
    let payload = Bytes::from(document());
    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Bytes(payload.len() as u64));
    for (name, codec) in [("json", Codec::Json), ("unknown", Codec::Unknown), ("bytes", Codec::Bytes)] {
        group.bench_function(name, |bencher| bencher.iter(|| codec.decode(black_box(payload.clone()))));
    }
}

fn ledger(criterion: &mut Criterion) {
    let books = Books::default();
    let (payload, mut next) = (Bytes::from(document()), 0);
    let mut group = criterion.benchmark_group("ledger");
    group.throughput(Throughput::Elements(RECORDS));
    group.bench_function("take and settle", |bencher| {
        let fresh = || {
            next += RECORDS;
            Books::deliveries(next - RECORDS..next, &payload)
        };
        bencher.iter_batched_ref(fresh, |deliveries| books.settle(deliveries), BatchSize::LargeInput);
    });
}

fn boundary(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime starts");
    let mut instance = runtime.block_on(instance());
    let batch = batch();
    let mut group = criterion.benchmark_group("boundary");
    group.throughput(Throughput::Elements(RECORDS));
    group.bench_function("a call that does nothing", |bencher| {
        bencher.iter(|| runtime.block_on(instance.process_batch(&batch, None)).expect("it never fails"));
    });
}

fn gate(criterion: &mut Criterion) {
    let grants = ["https://ch.example.com:8443", "http://127.0.0.1:8123/ingest/"];
    let grants = grants.map(|grant| Grant::parse(grant).expect("a grant"));
    criterion.bench_function("gate: a decision", |bencher| {
        bencher.iter(|| http::decision(&grants, None, "POST", black_box("http://127.0.0.1:8123/ingest/orders?n=1")));
    });
}

async fn instance() -> Instance {
    let gate = Gate::new(GateOptions::new("bench", "bench.toml", vec![])).expect("an empty gate");
    let sockets = Sockets::new(SocketOptions::new("bench", "bench.toml", vec![])).expect("no sockets");
    let options = InstanceOptions {
        connector_name: "bench".into(),
        instance: 0,
        settings: r#"{"topic_mappings":[]}"#.into(),
        env: vec![],
        limits: InstanceLimits::default(),
        call_timeout: TIME,
        start_timeout: TIME,
        gate: Arc::new(gate),
        sockets: Arc::new(sockets),
        folders: Folders::default(),
        log: LogOptions::default(),
    };
    let null = Bytes::from_static(include_bytes!(env!("BUNDLED_NULL_GUEST")));
    let engine = Engine::new(EngineOptions::default()).expect("wasmtime runs here");
    let component = engine.compile("null.wasm", null, None, &CompileLimits::default()).await;
    Instance::start(&component.expect("it compiles"), &options).await.expect("it starts")
}

fn batch() -> Batch {
    let record = |offset| Record {
        offset,
        publish_time: 1_700_000_000_000_000,
        producer: "bench-producer".into(),
        partition: Some(0),
        routing_key: Some("customer-1".into()),
        attributes: vec![("region".into(), "eu".into())],
        schema: None,
        payload: Payload::Json(document().into()),
    };
    Batch { topic: "/default/bench".into(), attempt: 1, order: Order::Any, records: (0..RECORDS).map(record).collect() }
}

criterion_group!(benches, decode, ledger, boundary, gate);
criterion_main!(benches);
