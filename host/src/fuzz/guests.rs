//! Untrusted components, and untrusted answers of a component, against all that the host does with them.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use bytes::Bytes;
use tokio::runtime::{Builder, Runtime};

use crate::{
    capability::{
        files::Folders,
        http::{Gate, GateOptions},
        logging::LogOptions,
        sockets::{SocketOptions, Sockets},
    },
    guest::{CompileLimits, Component, Engine, EngineOptions, Error, Instance, InstanceLimits, InstanceOptions},
    record::{Batch, Order, Payload, Record},
};

/// A guest that answers with the bytes of the first payload that it got. `guest/tests/corpus.rs` builds it.
const ANSWERING: &[u8] = include_bytes!("answering.wasm");
/// As many bytes of an answer fit into it.
const LONGEST_ANSWER: usize = 60_000;
/// What a person may have to read at most, in bytes.
const LONGEST_TEXT: usize = 16 * 1024;

/// Long enough for every guest that does not spin.
const PATIENCE: Duration = Duration::from_millis(100);
const COMPILING: Duration = Duration::from_secs(60);

struct Rig {
    runtime: Runtime,
    engine: Engine,
    answering: Component,
    gate: Arc<Gate>,
    sockets: Arc<Sockets>,
}

static RIG: LazyLock<Rig> = LazyLock::new(|| Rig::new().unwrap_or_else(|error| panic!("cannot set up: {error}")));

impl Rig {
    fn new() -> Result<Self, Box<dyn std::error::Error>> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let engine = Engine::new(EngineOptions::default())?;
        let answering = runtime.block_on(engine.compile("answering.wasm", ANSWERING.into(), None, &limits()))?;
        let gate = Gate::new(GateOptions::new("fuzz", "fuzz.toml", vec![]))?;
        let sockets = Arc::new(Sockets::new(SocketOptions::new("fuzz", "fuzz.toml", vec![]))?);
        Ok(Self { runtime, engine, answering, gate: Arc::new(gate), sockets })
    }

    fn options(&self, patience: Duration) -> InstanceOptions {
        InstanceOptions {
            connector_name: "fuzz".into(),
            instance: 0,
            settings: "{}".into(),
            env: vec![],
            limits: InstanceLimits { memory: 4 << 20, hostcall_fuel: 4 << 20, ..InstanceLimits::default() },
            call_timeout: patience,
            start_timeout: patience,
            gate: self.gate.clone(),
            sockets: self.sockets.clone(),
            folders: Folders::default(),
            log: LogOptions { lines_per_second: 1, ..LogOptions::default() },
        }
    }
}

fn limits() -> CompileLimits {
    CompileLimits { time: COMPILING, ..CompileLimits::default() }
}

fn batch(attempt: u32, payloads: &[&[u8]]) -> Batch {
    let record = |(offset, payload): (u64, &&[u8])| Record {
        offset,
        publish_time: 0,
        producer: "fuzz".into(),
        partition: None,
        routing_key: None,
        attributes: vec![],
        schema: None,
        payload: Payload::Binary(Bytes::copy_from_slice(payload)),
    };
    let records = (0..).zip(payloads).map(record).collect();
    Batch { topic: "/default/fuzz".into(), attempt, order: Order::Any, records }
}

/// A file that says it is a component. It is refused in a few words, or does what it can within its limits.
///
/// # Panics
///
/// When the host does, or when it says too much about the file.
pub fn components(input: &[u8]) {
    let rig = &*RIG;
    rig.runtime.block_on(async {
        match rig.engine.compile("fuzz.wasm", Bytes::copy_from_slice(input), None, &limits()).await {
            Ok(component) => exercise(&component, &rig.options(PATIENCE)).await,
            Err(error) => said(&error),
        }
    });
}

async fn exercise(component: &Component, options: &InstanceOptions) {
    let mut instance = match Instance::start(component, options).await {
        Ok(instance) => instance,
        Err(error) => return said(&error),
    };
    told(&mut instance, async |instance| instance.consumer_configs().await.map(drop)).await;
    told(&mut instance, async |instance| write(instance, 1).await).await;
    told(&mut instance, async |instance| instance.health_check().await).await;
    if let Err(error) = instance.shutdown(None).await {
        said(&error);
    }
}

/// What a guest of the contract answers. The first byte chooses the function, the others are what its memory holds where
/// the answer should be, at 4096.
///
/// # Panics
///
/// When the host does, when it says too much, or when it takes over an answer that has not a verdict for each record.
pub fn answers(input: &[u8]) {
    let Some((choice, answer)) = input.split_first() else { return };
    if answer.len() > LONGEST_ANSWER {
        return;
    }
    let rig = &*RIG;
    rig.runtime.block_on(async {
        // The guest only copies. That it is slow here would say nothing.
        let started = Instance::start(&rig.answering, &rig.options(COMPILING)).await;
        let mut instance = started.unwrap_or_else(|error| panic!("the guest does not start: {error}"));
        let loaded = instance.process_batch(&batch(1, &[answer]), None).await;
        assert!(loaded.is_ok(), "the guest does not take the answer: {loaded:?}");
        match choice % 4 {
            0 => told(&mut instance, async |instance| write(instance, 2).await).await,
            1 => told(&mut instance, async |instance| instance.consumer_configs().await.map(drop)).await,
            2 => told(&mut instance, async |instance| instance.health_check().await).await,
            _ => drop(instance.shutdown(None).await.inspect_err(said)),
        }
    });
}

async fn write(instance: &mut Instance, attempt: u32) -> Result<(), Error> {
    let verdicts = instance.process_batch(&batch(attempt, &[b"a", b"", b"c"]), None).await?;
    assert_eq!(verdicts.len(), 3, "a verdict for each record");
    Ok(())
}

/// Calls, and holds what is said against the rules: few words, and an instance that broke is gone.
async fn told(instance: &mut Instance, call: impl AsyncFnOnce(&mut Instance) -> Result<(), Error>) {
    if let Err(error) = call(instance).await {
        said(&error);
    }
    assert!(instance.is_usable() || instance.memory_bytes() == 0, "what is left of a broken instance");
}

fn said(error: &Error) {
    let length = error.to_string().len();
    assert!(length <= LONGEST_TEXT, "an error of {length} bytes");
}
