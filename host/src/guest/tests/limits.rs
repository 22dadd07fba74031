//! Each limit of an instance is met, and the error says which one it was.

use super::*;
use crate::capability::limit::Limit;

/// What starting a component, or its first batch, fails with under these limits.
async fn broken(bytes: Vec<u8>, limits: InstanceLimits) -> String {
    let component = compile(bytes).await.unwrap();
    let options = InstanceOptions { limits, ..options(vec![]) };
    let error = match Instance::start(&component, &options).await {
        Ok(mut instance) => {
            let error = instance.process_batch(&batch(&["a"]), None).await.unwrap_err();
            assert!(!instance.is_usable());
            error
        }
        Err(error) => error,
    };
    let Error::Exceeded { of, .. } = &error else { panic!("{error:?}") };
    assert_eq!(options.gate.hits().count(*of), 1);
    error.to_string()
}

fn limits() -> InstanceLimits {
    InstanceLimits { memory: 64 << 20, ..InstanceLimits::default() }
}

#[tokio::test]
async fn core_modules_are_counted() {
    // The guest itself is made of more than one.
    let error =
        broken(Core { imports: LOG, ..Core::default() }.build(), InstanceLimits { core_instances: 1, ..limits() })
            .await;
    assert_eq!(error, "too many core modules: limit 1 (limits.core_instances)");
}

#[tokio::test]
async fn memories_and_tables_are_counted() {
    let many = |what: &str| Core { more: String::leak(what.repeat(4)), ..Core::default() }.build();
    let memories = many("(memory 1)");
    let error = broken(memories, InstanceLimits { memories: 4, ..limits() }).await;
    assert_eq!(error, "too many memories: limit 4 (limits.memories)");
    let tables = many("(table 1 funcref)");
    let error = broken(tables, InstanceLimits { tables: 3, ..limits() }).await;
    assert_eq!(error, "too many tables: limit 3 (limits.tables)");
}

#[tokio::test]
async fn tables_take_memory() {
    let large = Core { more: "(table 1000000 funcref)", ..Core::default() }.build();
    let component = compile(large).await.unwrap();
    let options = InstanceOptions { limits: InstanceLimits { memory: 4 << 20, ..limits() }, ..options(vec![]) };
    let error = Instance::start(&component, &options).await.unwrap_err();
    assert_eq!(error.to_string(), "out of memory: limit 4 MiB (limits.memory)");
    assert!(options.gate.hits().count(Limit::Memory) > 0);
}

#[tokio::test]
async fn handles_are_counted() {
    // Timers that are never dropped.
    let subscribe = r#"(import "wasi:clocks/monotonic-clock@0.2.0" "subscribe-duration"
        (func $subscribe (param i64) (result i32)))"#;
    let core = Core {
        imports: subscribe,
        ..Core::processing("(loop (drop (call $subscribe (i64.const 1))) (br 0)) unreachable")
    };
    let wasi = "package danube:sink@0.1.0;
        package wasi:io@0.2.0 { interface poll { resource pollable; } }
        package wasi:clocks@0.2.0 { interface monotonic-clock {
            use wasi:io/poll@0.2.0.{pollable};
            subscribe-duration: func(when: u64) -> pollable;
        } }";
    let edits = [
        ("package danube:sink@0.1.0;", wasi),
        ("import log;", "import log; import wasi:clocks/monotonic-clock@0.2.0;"),
    ];
    let error = broken(core.build_edited("sink-connector", &edits), InstanceLimits { resources: 50, ..limits() }).await;
    assert_eq!(error, "too many handles: limit 50 (limits.resources)");
}

#[tokio::test]
async fn what_is_passed_in_one_call_is_counted() {
    // A message of more bytes than a call may carry.
    let shout = Core {
        imports: LOG,
        pages: 64,
        ..Core::processing("(call $log (i32.const 2) (i32.const 0) (i32.const 3000000)) (i32.const 1024)")
    };
    let error = broken(shout.build(), InstanceLimits { hostcall_fuel: 1 << 20, ..limits() }).await;
    assert_eq!(error, "too many bytes in one call: limit 1048576 (limits.hostcall_fuel)");
}

#[tokio::test]
async fn a_guest_is_interrupted_that_is_called_after_a_long_rest() {
    // One that nobody else uses.
    let engine = Engine::new(EngineOptions::default()).unwrap();
    let spin = Core::processing("(loop (br 0)) unreachable").build();
    let component = engine.compile("test.wasm", spin.into(), None, &CompileLimits::default()).await.unwrap();
    drop(engine);
    let short = InstanceOptions { call_timeout: Duration::from_millis(20), ..options(vec![]) };
    for _ in 0..2 {
        let mut spins = Instance::start(&component, &short).await.unwrap();
        while !component.clock().rests() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let error = spins.process_batch(&batch(&["a"]), None).await.unwrap_err();
        assert!(matches!(error, Error::Deadline { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn time_is_counted_where_it_was_the_limit() {
    let spin = Core::processing("(loop (br 0)) unreachable");
    let short = InstanceOptions { call_timeout: Duration::from_millis(20), ..options(vec![]) };
    let component = compiled(&spin).await;
    let mut spins = Instance::start(&component, &short).await.unwrap();
    let error = spins.process_batch(&batch(&["a"]), None).await.unwrap_err();
    assert!(matches!(error, Error::Deadline { set_by: "limits.call_timeout", .. }), "{error:?}");
    assert_eq!(short.gate.hits().count(Limit::CallTimeout), 1);

    // The broker's time was up, not the guest's.
    let long = options(vec![]);
    let mut spins = Instance::start(&component, &long).await.unwrap();
    let error = spins.process_batch(&batch(&["a"]), Some(Duration::from_millis(20))).await.unwrap_err();
    assert!(matches!(error, Error::Deadline { .. }), "{error:?}");
    assert_eq!(long.gate.hits().count(Limit::CallTimeout), 0);

    let never = Core { initialize: "(loop (br 0)) unreachable".into(), ..Core::default() };
    let options = InstanceOptions { start_timeout: Duration::from_millis(20), ..options(vec![]) };
    let error = Instance::start(&compiled(&never).await, &options).await.unwrap_err();
    assert!(matches!(error, Error::Deadline { set_by: "limits.start_timeout", .. }), "{error:?}");
    assert_eq!(options.gate.hits().count(Limit::StartTimeout), 1);
}

#[tokio::test]
async fn log_lines_are_counted() {
    // 50 empty lines in one call.
    let shouts = Core {
        imports: LOG,
        ..Core::processing(
            "(local.set $i (i32.const 50))
             (loop $more
                (call $log (i32.const 2) (i32.const 0) (i32.const 0))
                (br_if $more (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
             (i32.const 1024)",
        )
    };
    let log = LogOptions { lines_per_second: 1, ..LogOptions::default() };
    let options = InstanceOptions { log, ..options(vec![]) };
    let mut instance = Instance::start(&compiled(&shouts).await, &options).await.unwrap();
    instance.process_batch(&batch(&["a"]), None).await.unwrap();
    assert!(options.gate.hits().count(Limit::LogLines) > 0);
}
