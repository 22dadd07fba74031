//! Guests through the whole path: compiled, instantiated, called, and what becomes of them when they misbehave.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use super::{
    fixture::{Core, LOG, OK, SEND, words, wrap},
    *,
};
use crate::{
    capability::{
        destination::Grant,
        files::Folders,
        http::{Gate, GateOptions},
        logging::{LogOptions, capture::Capture},
        sockets::{SocketOptions, Sockets},
    },
    record::{Batch, Order, Payload, PayloadFormat, Record, SchemaInfo, SubscriptionType, Verdict},
};

mod before_start;
mod cached;
mod corpus;
mod forged;
mod http;
mod limits;
mod sockets;

/// One engine for all tests, as for a process.
fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| Engine::new(EngineOptions::default()).unwrap())
}

async fn compile(bytes: Vec<u8>) -> Result<Component, Error> {
    engine().compile("test.wasm", bytes.into(), None, &CompileLimits::default()).await
}

async fn compiled(core: &Core) -> Component {
    compile(core.build()).await.unwrap()
}

fn options(grants: Vec<Grant>) -> InstanceOptions {
    InstanceOptions {
        connector_name: "orders".into(),
        instance: 0,
        settings: "{}".into(),
        env: vec![],
        limits: InstanceLimits { memory: 8 << 20, hostcall_fuel: 16 << 20, ..InstanceLimits::default() },
        // Far longer than any test should take.
        call_timeout: Duration::from_secs(120),
        start_timeout: Duration::from_secs(120),
        gate: Arc::new(
            Gate::new(GateOptions { request_body: 8, ..GateOptions::new("orders", "orders.toml", grants) }).unwrap(),
        ),
        folders: Folders::default(),
        sockets: Arc::new(Sockets::new(SocketOptions::new("orders", "orders.toml", vec![])).unwrap()),
        log: LogOptions::default(),
    }
}

async fn started(core: &Core) -> Instance {
    Instance::start(&compiled(core).await, &options(vec![])).await.unwrap()
}

fn record(offset: u64, payload: &str) -> Record {
    Record {
        offset,
        publish_time: 1_700_000_000_000_000,
        producer: "producer".into(),
        partition: Some(3),
        routing_key: Some("key".into()),
        attributes: vec![("a".into(), "1".into())],
        schema: Some(Arc::new(SchemaInfo { id: 1, subject: "s".into(), version: 2, schema_type: "string".into() })),
        payload: Payload::Text(payload.into()),
    }
}

fn batch(payloads: &[&str]) -> Batch {
    let records = payloads.iter().zip(0..).map(|(payload, offset)| record(offset, payload)).collect();
    Batch { topic: "/default/t".into(), attempt: 1, order: Order::Any, records }
}

/// Rejects every record with its own payload as the reason: what went in comes out.
fn echo() -> Core {
    Core::processing(
        r"(local.set $from (local.get $records))
          (local.set $to (i32.const 4096))
          (block $done (loop $next
            (br_if $done (i32.eq (local.get $i) (local.get $records_len)))
            (i32.store (local.get $to) (local.get $i))
            (i32.store8 offset=4 (local.get $to) (i32.const 1))
            (i32.store offset=8 (local.get $to) (i32.load offset=64 (local.get $from)))
            (i32.store offset=12 (local.get $to) (i32.load offset=68 (local.get $from)))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (local.set $from (i32.add (local.get $from) (i32.const 72)))
            (local.set $to (i32.add (local.get $to) (i32.const 24)))
            (br $next)))
          (i32.store (i32.const 1028) (i32.const 4096))
          (i32.store (i32.const 1032) (local.get $records_len))
          (global.set $heap (i32.const 65536))
          (i32.const 1024)",
    )
}

#[tokio::test]
async fn records_go_in_and_verdicts_come_out_in_order() {
    let mut instance = started(&echo()).await;
    for _ in 0..3 {
        let verdicts = instance.process_batch(&batch(&["first", "", "drítte"]), None).await.unwrap();
        let reasons: Vec<_> = verdicts
            .iter()
            .map(|verdict| match verdict {
                Verdict::Reject { reason } => reason.as_str(),
                Verdict::Written | Verdict::Retry { .. } => panic!("{verdict:?}"),
            })
            .collect();
        assert_eq!(reasons, ["first", "", "drítte"]);
    }
    let mut writes = started(&Core::default()).await;
    let verdicts = writes.process_batch(&batch(&["a", "b"]), None).await.unwrap();
    assert_eq!(verdicts, [Verdict::Written, Verdict::Written]);
    assert!(writes.is_usable());
    // Its two pages, and what its modules take of the host.
    assert!((131_072..147_456).contains(&writes.memory_bytes()), "{}", writes.memory_bytes());
}

#[tokio::test]
async fn a_guest_knows_the_order_and_its_time() {
    // Asks for another try after the time limit, with a reason of as many bytes as `order` counts.
    let tell = "(i32.store offset=12 (i32.const 2048) (local.get $order))
        (i32.store offset=20 (i32.const 2048) (local.get $time_limit))
        (i32.const 2048)";
    let answer = (2048, words(&[1, 0, 3000, 0, 1, 0]));
    let mut instance = started(&Core { data: vec![answer, (3000, b"!!".to_vec())], ..Core::processing(tell) }).await;
    let mut told = async |order, deadline| {
        let batch = Batch { order, ..batch(&["a"]) };
        let error = instance.process_batch(&batch, deadline).await.unwrap_err();
        let Error::Retryable { reason, after: Some(limit) } = &error else { panic!("{error:?}") };
        (reason.len(), limit.as_secs())
    };
    assert_eq!(told(Order::Strict, Some(Duration::from_secs(90))).await, (2, 90));
    assert_eq!(told(Order::ByKey, Some(Duration::from_secs(600))).await, (1, 120));
    assert_eq!(told(Order::Any, None).await, (0, 120));
}

/// Lanes are tasks: every call must be able to move between threads.
#[expect(dead_code, reason = "compiling it is the test")]
fn calls_are_send(component: &Component, options: &InstanceOptions, mut instance: Instance, batch: &Batch) {
    fn check(_: impl Send) {}
    check(Instance::start(component, options));
    check(instance.consumer_configs());
    check(instance.process_batch(batch, None));
    check(instance.health_check());
    check(instance.shutdown(None));
}

#[tokio::test]
async fn whole_call_answers_keep_the_instance() {
    let answer = |kind: u32, rest: &[u32]| {
        let mut data = words(&[1, kind, 3000, 6]);
        data.extend(words(rest));
        Core { data: vec![(2048, data), (3000, b"reason".to_vec())], ..Core::processing("(i32.const 2048)") }
    };
    let mut instance = started(&answer(0, &[1, 2500])).await;
    let error = instance.process_batch(&batch(&["a"]), None).await.unwrap_err();
    let after = Some(Duration::from_millis(2500));
    assert!(matches!(&error, Error::Retryable { reason, after: a } if reason == "reason" && *a == after), "{error:?}");
    assert!(instance.is_usable());

    let mut instance = started(&answer(1, &[])).await;
    let error = instance.process_batch(&batch(&["a"]), None).await.unwrap_err();
    assert!(matches!(&error, Error::Rejected { reason } if reason == "reason"), "{error:?}");
    let mut instance = started(&answer(2, &[])).await;
    let error = instance.process_batch(&batch(&["a"]), None).await.unwrap_err();
    assert!(matches!(&error, Error::Fatal { reason } if reason == "reason"), "{error:?}");

    // A list with one failure, for a record that the batch does not have.
    let breach = vec![(2048, words(&[0, 2100, 1])), (2100, words(&[5, 1, 3000, 6]))];
    let mut instance = started(&Core { data: breach, ..Core::processing("(i32.const 2048)") }).await;
    let error = instance.process_batch(&batch(&["a"]), None).await.unwrap_err();
    assert_eq!(error.to_string(), "the guest breaks the contract: it failed record 5 of a batch of 1");
    assert!(instance.is_usable());
}

#[tokio::test]
async fn what_initialize_says_is_the_outcome_of_the_start() {
    let saying = |kind: u32| Core {
        data: vec![(2048, words(&[1, kind, 3000, 6, 1, 40])), (3000, b"reason".to_vec())],
        initialize: "(i32.const 2048)".into(),
        ..Core::default()
    };
    let outcome = async |kind| Instance::start(&compiled(&saying(kind)).await, &options(vec![])).await.unwrap_err();
    let retryable = outcome(0).await;
    assert!(matches!(&retryable, Error::Retryable { after: Some(after), .. } if after.as_millis() == 40));
    // There is nothing to reject yet.
    for kind in [1, 2] {
        let fatal = outcome(kind).await;
        assert!(matches!(&fatal, Error::Fatal { reason } if reason == "reason"), "{kind} {fatal:?}");
    }
    let endless = Core { initialize: "(loop (br 0)) unreachable".into(), ..Core::default() };
    let options = InstanceOptions { start_timeout: Duration::from_millis(30), ..options(vec![]) };
    let late = Instance::start(&compiled(&endless).await, &options).await.unwrap_err();
    assert!(matches!(late, Error::Deadline { limit, .. } if limit.as_millis() == 30));
    assert_eq!(late.to_string(), "no answer within 30ms (limits.start_timeout)");
}

#[tokio::test]
async fn a_crash_ends_the_instance_and_says_where() {
    let mut instance = started(&Core::processing("unreachable")).await;
    let error = instance.process_batch(&batch(&["a"]), None).await.unwrap_err();
    let Error::Trap { message, backtrace } = &error else { panic!("{error:?}") };
    assert_eq!(message, "wasm trap: wasm `unreachable` instruction executed");
    assert!(backtrace.contains("process_batch"), "{backtrace}");
    assert!(!instance.is_usable());
    assert_eq!(instance.memory_bytes(), 0);
    assert!(matches!(instance.process_batch(&batch(&["a"]), None).await, Err(Error::Unusable)));
    assert!(matches!(instance.health_check().await, Err(Error::Unusable)));
    assert!(matches!(instance.consumer_configs().await, Err(Error::Unusable)));
    assert!(matches!(instance.shutdown(None).await, Err(Error::Unusable)));
}

#[tokio::test]
async fn an_endless_loop_meets_its_deadline() {
    let mut instance = started(&Core::processing("(loop (br 0)) unreachable")).await;
    let error = instance.process_batch(&batch(&["a"]), Some(Duration::from_millis(40))).await.unwrap_err();
    assert!(matches!(error, Error::Deadline { limit, .. } if limit.as_millis() == 40), "{error:?}");
    let expected = "no answer within 40ms (limits.call_timeout, or what was left of the broker's ack timeout)";
    assert_eq!(error.to_string(), expected);
    assert!(!instance.is_usable());

    let component = compiled(&Core::processing("(loop (br 0)) unreachable")).await;
    let options = InstanceOptions { call_timeout: Duration::from_millis(30), ..options(vec![]) };
    let mut instance = Instance::start(&component, &options).await.unwrap();
    let error = instance.process_batch(&batch(&["a"]), Some(Duration::from_secs(60))).await.unwrap_err();
    assert!(matches!(error, Error::Deadline { limit, .. } if limit.as_millis() == 30), "{error:?}");
}

#[tokio::test]
async fn a_busy_guest_lets_others_run_and_is_gone_when_its_call_is_given_up() {
    let mut instance = started(&Core::processing("(loop (br 0)) unreachable")).await;
    let a = batch(&["a"]);
    // All on one thread: if the guest did not make room, its deadline would come first.
    let others = tokio::spawn(async {
        for _ in 0..5 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    tokio::select! {
        outcome = instance.process_batch(&a, None) => panic!("{outcome:?}"),
        done = others => done.unwrap(),
    }
    assert!(matches!(instance.process_batch(&a, None).await, Err(Error::Unusable)));
}

#[tokio::test]
async fn memory_is_bounded_and_the_error_names_the_limit() {
    // Takes what it gets, then crashes, as an allocator does that gets nothing.
    let bomb = "(loop (br_if 0 (i32.ne (memory.grow (i32.const 4)) (i32.const -1)))) unreachable";
    let mut instance = started(&Core::processing(bomb)).await;
    let error = instance.process_batch(&batch(&["a"]), None).await.unwrap_err();
    assert_eq!(error.to_string(), "out of memory: limit 8 MiB (limits.memory)");
    assert!(!instance.is_usable());

    // One that gets along without is left alone, and a later crash is not blamed on memory.
    let careful = format!(
        "(if (i32.eq (local.get $attempt) (i32.const 2)) (then unreachable)) (drop (memory.grow (i32.const 1000))) {OK}"
    );
    let mut instance = started(&Core::processing(careful)).await;
    assert!(instance.process_batch(&batch(&["a"]), None).await.is_ok());
    let second = Batch { attempt: 2, ..batch(&["a"]) };
    assert!(matches!(instance.process_batch(&second, None).await, Err(Error::Trap { .. })));

    let large = compiled(&Core { pages: 200, ..Core::default() }).await;
    let error = Instance::start(&large, &options(vec![])).await.unwrap_err();
    assert!(matches!(error, Error::OutOfMemory { limit } if limit == 8 << 20), "{error:?}");
}

#[tokio::test]
async fn a_batch_that_does_not_fit_is_out_of_memory() {
    let mut instance = started(&echo()).await;
    let large = "x".repeat(9 << 20);
    let error = instance.process_batch(&batch(&[&large]), None).await.unwrap_err();
    assert!(matches!(error, Error::OutOfMemory { .. }), "{error:?}");
}

#[tokio::test]
async fn subscriptions_are_taken_over() {
    let config = [
        [3000, 10, 3010, 3].as_slice(),
        &[1, 3013, 2],
        &[3],
        &[2200, 1],
        &[1, 3015, 2],
        &[1, 500],
        // Two words of padding around the tag of the 64-bit number.
        &[0, 1, 0, 1000, 2],
        &[1, 250],
        &[1, 0],
    ];
    let core = Core {
        data: vec![
            (2048, words(&[0, 2400, 1])),
            (2200, words(&[3017, 6])),
            (2400, words(&config.concat())),
            (3000, b"/default/tsubcnssuser-*".to_vec()),
        ],
        consumer_configs: "(i32.const 2048)".into(),
        ..Core::default()
    };
    let configs = started(&core).await.consumer_configs().await.unwrap();
    assert_eq!(
        configs,
        [ConsumerConfig {
            topic: "/default/t".into(),
            subscription: "sub".into(),
            consumer_name: Some("cn".into()),
            subscription_type: SubscriptionType::KeyShared,
            key_filters: vec!["user-*".into()],
            expected_schema_subject: Some("ss".into()),
            batch_size: Some(500),
            batch_bytes: Some((2 << 32) | 1000),
            flush_interval: Some(Duration::from_millis(250)),
            payload_format: PayloadFormat::Raw,
        }]
    );
    assert!(started(&Core::default()).await.consumer_configs().await.unwrap().is_empty());
}

#[tokio::test]
async fn lifecycle_functions_are_optional() {
    let mut plain = started(&Core::default()).await;
    assert!(plain.health_check().await.is_ok());
    assert!(plain.shutdown(None).await.is_ok());

    let sick = Core {
        data: vec![(2048, words(&[1, 0, 3000, 4])), (3000, b"down".to_vec())],
        more: r#"
            (func (export "danube:sink/lifecycle@0.1.0#health-check") (result i32) (i32.const 2048))
            (func (export "danube:sink/lifecycle@0.1.0#shutdown") (result i32) unreachable)"#,
        ..Core::default()
    };
    let bytes = sick.build_edited("sink-connector-with-lifecycle", &[]);
    let component = compile(bytes).await.unwrap();
    assert!(component.has_lifecycle());
    let mut instance = Instance::start(&component, &options(vec![])).await.unwrap();
    let error = instance.health_check().await.unwrap_err();
    assert!(matches!(&error, Error::Retryable { reason, after: None } if reason == "down"), "{error:?}");
    assert!(instance.is_usable());
    assert!(matches!(instance.shutdown(None).await, Err(Error::Trap { .. })));
}

#[tokio::test]
async fn log_lines_carry_the_connector() {
    let capture = Capture::start();
    let core = Core {
        imports: LOG,
        data: vec![(3000, b"wrote\n1".to_vec())],
        ..Core::processing(format!("(call $log (i32.const 3) (i32.const 3000) (i32.const 7)) {OK}"))
    };
    started(&core).await.process_batch(&batch(&["a"]), None).await.unwrap();
    assert_eq!(capture.lines(), [r"WARN guest: wrote\n1 connector=orders instance=0"]);
}
