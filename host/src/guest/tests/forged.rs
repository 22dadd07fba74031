//! Guests that no toolchain builds: what is wrong with them stands in their core module, below what the contract can say.

use super::*;

/// What starting a guest, or its first batch, fails with. Whatever it was, the instance is gone.
async fn broken(bytes: Vec<u8>) -> String {
    let component = compile(bytes).await.unwrap();
    let limits = InstanceLimits { memory: 4 << 20, hostcall_fuel: 4 << 20, ..InstanceLimits::default() };
    let patience = Duration::from_secs(1);
    let options = InstanceOptions { limits, start_timeout: patience, call_timeout: patience, ..options(vec![]) };
    let error = match Instance::start(&component, &options).await {
        Ok(mut instance) => {
            let error = instance.process_batch(&batch(&["a"]), None).await.unwrap_err();
            assert!(!instance.is_usable(), "{error:?}");
            error
        }
        Err(error) => error,
    };
    error.to_string()
}

/// Compares all at once, so that a failure shows everything.
async fn all(table: Vec<(&str, Vec<u8>, &str)>) {
    let mut wrong = Vec::new();
    for (name, bytes, expected) in table {
        let got = broken(bytes).await;
        if !got.contains(expected) {
            wrong.push(format!("{name}\n  expected: {expected}\n       got: {got}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A guest with more in its module.
fn with(more: &'static str) -> Vec<u8> {
    Core { more, ..Core::default() }.build()
}

/// A guest whose `process-batch` answers with these bytes.
fn answering(answer: Vec<u8>) -> Vec<u8> {
    Core { data: vec![(2048, answer)], ..Core::processing("(i32.const 2048)") }.build()
}

/// A guest whose allocator does something else first.
fn allocating(act: &str) -> Vec<u8> {
    let allocate = "(local.set $at (i32.and";
    let core = Core { imports: LOG, ..Core::default() };
    core.build_edited("sink-connector", &[(allocate, &format!("{act} {allocate}"))])
}

/// A guest that is called once more when the host has taken its answer.
fn afterwards(act: &str) -> Vec<u8> {
    let more = format!(r#"(func (export "cabi_post_danube:sink/sink@0.1.0#process-batch") (param i32) {act})"#);
    Core { imports: LOG, more: more.leak(), ..Core::default() }.build()
}

const SPIN: &str = "(loop $for_ever (br $for_ever))";
const CALL_OUT: &str = "(call $log (i32.const 2) (i32.const 1024) (i32.const 1))";

#[tokio::test]
async fn that_break_before_their_first_function() {
    all(vec![
        (
            "a start that never ends",
            with("(func $s (loop $l (br $l))) (start $s)"),
            "no answer within 1s (limits.start_timeout)",
        ),
        ("a start that traps", with("(func $s unreachable) (start $s)"), "the guest crashed: wasm trap"),
        (
            "data beside the memory",
            with(r#"(data (i32.const 131071) "beyond")"#),
            "the guest crashed: wasm trap: out of bounds memory",
        ),
        (
            "entries beside the table",
            with("(table 1 funcref) (elem (i32.const 9) func $process_batch)"),
            "the guest crashed: wasm trap: undefined element",
        ),
        ("a table of a gigabyte", with("(table 134217728 funcref)"), "out of memory: limit 4 MiB (limits.memory)"),
        (
            "a memory of 4 GiB",
            Core { pages: 65536, ..Core::default() }.build(),
            "out of memory: limit 4 MiB (limits.memory)",
        ),
    ])
    .await;
}

#[tokio::test]
async fn that_grow_without_end() {
    let tables =
        "(loop (br_if 0 (i32.ne (table.grow $t (ref.null func) (i32.const 10000)) (i32.const -1)))) unreachable";
    let tables = Core { more: "(table $t 1 funcref)", ..Core::processing(tables) };
    let two = "(loop (br_if 0 (i32.ne (memory.grow $second (i32.const 4)) (i32.const -1)))) unreachable";
    let two = Core { more: "(memory $second 1)", ..Core::processing(two) };
    let calls =
        Core { more: "(func $deeper (call $deeper) (call $deeper))", ..Core::processing("(call $deeper) unreachable") };
    let out_of_memory = "out of memory: limit 4 MiB (limits.memory)";
    all(vec![
        ("tables", tables.build(), out_of_memory),
        ("a second memory", two.build(), out_of_memory),
        ("calls", calls.build(), "the guest crashed: wasm trap: call stack exhausted"),
    ])
    .await;
}

#[tokio::test]
async fn that_are_called_while_the_host_is_at_work() {
    all(vec![
        (
            "an allocator that calls the host",
            allocating(CALL_OUT),
            "the guest crashed: wasm trap: cannot leave component instance",
        ),
        ("an allocator that never ends", allocating(SPIN), "no answer within 1s"),
        ("an allocator that traps", allocating("unreachable"), "the guest crashed: wasm trap"),
        (
            "memory that it does not have",
            allocating("(return (i32.const -16))"),
            "the guest crashed: realloc return: beyond end of memory",
        ),
        (
            "memory that is not aligned",
            allocating("(return (i32.const 70001))"),
            "the guest crashed: realloc return: result not aligned",
        ),
        (
            "a goodbye that calls the host",
            afterwards(CALL_OUT),
            "the guest crashed: wasm trap: cannot leave component instance",
        ),
        ("a goodbye that never ends", afterwards(SPIN), "no answer within 1s"),
        ("a goodbye that traps", afterwards("unreachable"), "the guest crashed: wasm trap"),
    ])
    .await;
}

#[tokio::test]
async fn whose_answers_are_none() {
    let one = |failure: &[u32]| words(&[&[0, 2064, 1, 0][..], failure].concat());
    all(vec![
        ("neither ok nor error", answering(words(&[2])), "the guest crashed: invalid expected discriminant"),
        ("an error of no kind", answering(words(&[1, 9])), "the guest crashed: unexpected discriminant: 9"),
        (
            "an option of no kind",
            answering(words(&[1, 0, 2048, 1, 7])),
            "the guest crashed: invalid option discriminant",
        ),
        ("a failure of no kind", answering(one(&[0, 5, 2048, 1])), "the guest crashed: unexpected discriminant: 5"),
        (
            "a list behind the memory",
            answering(words(&[0, 131_064, 2])),
            "the guest crashed: list pointer/length out of bounds",
        ),
        ("the longest list", answering(words(&[0, 0, u32::MAX])), "the guest crashed: list"),
        (
            "a list that is not aligned",
            answering(words(&[0, 2049, 1])),
            "the guest crashed: list pointer is not aligned",
        ),
        (
            "a text behind the memory",
            answering(words(&[1, 2, 131_071, 2])),
            "the guest crashed: string pointer/length out of bounds",
        ),
        ("the longest text", answering(words(&[1, 2, 0, u32::MAX])), "the guest crashed: string"),
        (
            "a text that is not UTF-8",
            answering([words(&[1, 2, 2064, 1]), vec![0xff]].concat()),
            "the guest crashed: invalid utf-8",
        ),
        (
            "an answer behind the memory",
            Core::processing("(i32.const -4)").build(),
            "the guest crashed: pointer out of bounds",
        ),
        (
            "an answer that is not aligned",
            Core::processing("(i32.const 1025)").build(),
            "the guest crashed: return pointer not aligned",
        ),
    ])
    .await;
}

/// Lists whose entries share what they point to: little in the guest, and as much as one likes on the host.
#[tokio::test]
async fn whose_answers_grow_when_they_are_taken() {
    // Failures from 131072 on, in a batch of one record, each with all of the memory below as its reason.
    let shared = |length: u32, count: u32| {
        let fill = format!(
            "(local.set $to (i32.const 131072))
             (loop $next
                (i32.store (local.get $to) (local.get $i))
                (i32.store8 offset=4 (local.get $to) (i32.const 1))
                (i32.store offset=8 (local.get $to) (i32.const 0))
                (i32.store offset=12 (local.get $to) (i32.const {length}))
                (local.set $to (i32.add (local.get $to) (i32.const 24)))
                (local.set $i (i32.add (local.get $i) (i32.const 1)))
                (br_if $next (i32.lt_u (local.get $i) (i32.const {count}))))
             (memory.fill (i32.const 0) (i32.const 65) (i32.const {length}))
             (i32.store (i32.const 131056) (i32.const 0))
             (i32.store (i32.const 131060) (i32.const 131072))
             (i32.store (i32.const 131064) (i32.const {count}))
             (i32.const 131056)"
        );
        Core { pages: 60, ..Core::processing(fill) }.build()
    };
    let fuel = "too many bytes in one call: limit 4194304 (limits.hostcall_fuel)";
    all(vec![("long texts", shared(100_000, 10_000), fuel), ("many short ones", shared(64, 140_000), fuel)]).await;
}

/// A guest with a core module in it that is instantiated so many times besides.
fn crowded(module: &str, instances: u32) -> Vec<u8> {
    let number = |mut value: usize| {
        let mut bytes = Vec::new();
        while value >= 0x80 {
            bytes.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        bytes.push(value as u8);
        bytes
    };
    let section = |id: u8, content: &[u8]| [&[id], number(content.len()).as_slice(), content].concat();
    let guest = Core::default().build();
    let parsed = wasmtime_environ::wasmparser::Parser::new(0).parse_all(&guest).map(Result::unwrap);
    let modules = parsed.filter(|part| matches!(part, wasmtime_environ::wasmparser::Payload::ModuleSection { .. }));
    let index = number(modules.count());
    let instance = [&[0], index.as_slice(), &[0]].concat().repeat(instances as usize);
    let module = wat::parse_str(module).unwrap();
    [guest, section(1, &module), section(2, &[number(instances as usize), instance].concat())].concat()
}

/// What wasmtime keeps for instances of core modules is no memory of theirs, and can be a thousand times their file.
#[tokio::test]
async fn whose_modules_are_many_and_large_inside() {
    let globals = |count: usize| format!("(module {})", "(global i64 (i64.const 1))".repeat(count));
    let functions = |count: usize| {
        format!("(module (func) {})", (0..count).map(|n| format!("(export \"{n}\" (func 0))")).collect::<String>())
    };
    let tables = format!("(module {})", "(table 0 funcref)".repeat(9));
    let out_of_memory = "out of memory: limit 4 MiB (limits.memory)";
    all(vec![
        ("globals", crowded(&globals(10_000), 30), out_of_memory),
        ("tables", crowded(&tables, 500), "too many tables: limit 1000 (limits.tables)"),
    ])
    .await;
    // What is there once, and what fits, does no harm.
    let component = compile(crowded(&globals(10_000), 10)).await.unwrap();
    assert!((1_600_000..1_800_000).contains(&component.weight()), "{}", component.weight());
    let instance = Instance::start(&component, &options(vec![])).await.unwrap();
    assert!(instance.memory_bytes() > component.weight());
    let component = compile(crowded(&functions(1000), 1)).await.unwrap();
    assert!(component.weight() < 100_000, "{}", component.weight());
}

#[tokio::test]
async fn that_hoard_handles_of_their_own() {
    let endless = |make: &str| Core::processing(format!("(loop {make} (br 0)) unreachable"));
    let sets = Core {
        imports: r#"(import "$root" "[waitable-set-new]" (func $set (result i32)))"#,
        ..endless("(drop (call $set))")
    };
    let own = Core {
        imports: r#"(import "[export]danube:sink/mine@0.1.0" "[resource-new]thing" (func $new (param i32) (result i32)))"#,
        ..endless("(drop (call $new (i32.const 1)))")
    };
    let own = own.build_edited(
        "sink-connector",
        &[
            ("interface log {", "interface mine { resource thing; } interface log {"),
            ("export sink;", "export sink; export mine;"),
        ],
    );
    // Each is two handles, and a buffer on the host's side when both ends are used.
    let streams = Core {
        imports: r#"(import "[export]danube:sink/mine@0.1.0" "[stream-new-0]f" (func $stream (result i64)))"#,
        more: r#"(func (export "danube:sink/mine@0.1.0#f") (result i32) (i32.const 0))"#,
        ..endless("(drop (call $stream))")
    };
    let edits = [
        ("interface log {", "interface mine { f: func() -> stream<u8>; } interface log {"),
        ("export sink;", "export sink; export mine;"),
    ];
    let streams = streams.build_edited("sink-connector", &edits);
    let handles = "too many handles: limit 1000 (limits.resources)";
    all(vec![("sets to wait for", sets.build(), handles), ("resources", own, handles), ("streams", streams, handles)])
        .await;
}

#[tokio::test]
async fn that_have_much_to_say_before_they_start() {
    let long = "a".repeat(200);
    let many = |what: &str| -> String { (0..900).map(|n| what.replace("NAME", &format!("{long}{n}"))).collect() };
    let exports = format!("(component (instance $i) {})", many(r#"(export "x:y/NAME" (instance $i))"#));
    let imports = format!("(component {})", many(r#"(import "x:y/NAME" (instance))"#));
    for text in [exports, imports] {
        let error = compile(wat::parse_str(text).unwrap()).await.unwrap_err().to_string();
        assert!(error.len() < 16 << 10, "{} bytes", error.len());
        assert!(error.contains("is not a sink connector"), "{error:.300}");
    }
    // One that is a sink, and wants what nobody has.
    let wanted = |of: &str| -> String { (0..500).map(|n| of.replace("NAME", &format!("n{n}-{long}"))).collect() };
    let greedy = Core { imports: wanted(r#"(import "$root" "NAME" (func))"#).leak(), ..Core::default() };
    let edits = [("import log;", &*format!("import log; {}", wanted("import NAME: func();")))];
    let error = compile(greedy.build_edited("sink-connector", &edits)).await.unwrap_err().to_string();
    assert!(error.len() < 16 << 10, "{} bytes", error.len());
    assert!(error.contains("needs what this host does not provide"), "{error:.300}");
}
