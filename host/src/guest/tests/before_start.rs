//! What is known of a file before anything runs.

use expect_test::expect;

use super::*;

async fn refused(bytes: Vec<u8>) -> String {
    compile(bytes).await.unwrap_err().to_string()
}

#[tokio::test]
async fn a_component_tells_what_it_is() {
    let component = compiled(&Core { imports: SEND, ..Core::default() }).await;
    assert_eq!(component.contract(), Contract::V0_1);
    assert_eq!(component.contract().to_string(), "danube:sink@0.1");
    assert_eq!(component.exports(), ["danube:sink/sink@0.1.0"]);
    assert!(!component.has_lifecycle());
    assert_eq!(component.sha256().len(), 64);
    let areas: Vec<_> =
        component.areas().into_iter().map(|(area, names)| format!("{area}: {}", names.join(", "))).collect();
    assert_eq!(areas, ["HTTP out: danube:sink/http@0.1.0", "plumbing: danube:sink/records@0.1.0"]);
}

#[tokio::test]
async fn the_digest_is_checked_first() {
    let bytes = Core::default().build();
    let component = compile(bytes.clone()).await.unwrap();
    let digest: Vec<u8> =
        (0..32).map(|at| u8::from_str_radix(&component.sha256()[2 * at..2 * at + 2], 16).unwrap()).collect();
    let digest: [u8; 32] = digest.try_into().unwrap();
    let limits = CompileLimits::default();
    assert!(engine().compile("test.wasm", bytes.into(), Some(digest), &limits).await.is_ok());
    let error = engine().compile("test.wasm", b"hello".as_slice().into(), Some([0; 32]), &limits).await.unwrap_err();
    expect![[r#"
        `test.wasm` is not the expected file
          expected sha256: 0000000000000000000000000000000000000000000000000000000000000000
             found sha256: 2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"#]]
    .assert_eq(&error.to_string());
}

#[tokio::test]
async fn files_are_read_or_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sink.wasm");
    let limits = CompileLimits::default();
    let missing = engine().compile_file(&path, None, &limits).await.unwrap_err();
    assert!(matches!(&missing, Error::Read { path: read, .. } if *read == path), "{missing:?}");
    std::fs::write(&path, Core::default().build()).unwrap();
    assert_eq!(engine().compile_file(&path, None, &limits).await.unwrap().name(), path.display().to_string());
}

#[tokio::test]
async fn a_file_is_not_read_beyond_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let limits = CompileLimits { size: 1 << 10, ..CompileLimits::default() };
    let refused = async |path: &std::path::Path| {
        let error = engine().compile_file(path, None, &limits).await.unwrap_err().to_string();
        error.replace(&path.display().to_string(), "FILE")
    };
    let too_large = "`FILE` is too large for a component: limit 1 KiB (limits.component_size)";
    // A hundred gigabytes that take no room.
    let junk = folder.path().join("junk.wasm");
    std::fs::File::create(&junk).unwrap().set_len(100 << 30).unwrap();
    assert_eq!(refused(&junk).await, too_large);
    // Those that do not say how large they are, and those that never end.
    assert_eq!(refused("/proc/kallsyms".as_ref()).await, too_large);
    assert_eq!(refused("/dev/zero".as_ref()).await, "can't read `FILE`: it is not a regular file");
    let fifo = folder.path().join("fifo");
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
    assert_eq!(refused(&fifo).await, "can't read `FILE`: it is not a regular file");
    assert_eq!(refused(folder.path()).await, "can't read `FILE`: is a directory");

    let exact = folder.path().join("exact.wasm");
    std::fs::write(&exact, [b' '; 1 << 10]).unwrap();
    assert_eq!(
        refused(&exact).await,
        "`FILE` is not a WebAssembly component: the file is not WebAssembly at all; `path` under [component] is for the .wasm file"
    );
    std::fs::write(&exact, [b' '; (1 << 10) + 1]).unwrap();
    assert_eq!(refused(&exact).await, too_large);
}

#[tokio::test]
async fn what_is_no_component_is_named() {
    let whole = Core::default().build();
    let cut = whole[..whole.len() - 3].to_vec();
    let table = [
        (vec![], "the file is empty; build or copy it again"),
        (
            b"hello, world".to_vec(),
            "the file is not WebAssembly at all; `path` under [component] is for the .wasm file",
        ),
        (b"(component)".to_vec(), "this is WebAssembly text; compile it with `wasm-tools parse`"),
        (
            wat::parse_str("(module)").unwrap(),
            "this is a core module, not a component; build for wasm32-wasip2, or make it one with `danube-wasm componentize`",
        ),
        (
            wat::parse_str(r#"(module (@custom "component-type:sink" "x"))"#).unwrap(),
            "this is a core module that knows its world, and the step that makes it a component is missing; run `danube-wasm componentize` on it",
        ),
        (whole[..6].to_vec(), "the file is truncated; build or copy it again"),
        (cut, "the file is truncated; build or copy it again"),
        (
            b"\0asm\x0e\0\x01\0".to_vec(),
            "its binary format is [0e, 00, 01, 00], where components have [0d, 00, 01, 00]; build it with a current toolchain",
        ),
    ];
    for (bytes, what) in table {
        assert_eq!(refused(bytes).await, format!("`test.wasm` is not a WebAssembly component: {what}"));
    }
    for end in 0..whole.len() / 2 {
        assert!(compile(whole[..end].to_vec()).await.is_err(), "{end}");
    }
    let mut damaged = whole.clone();
    damaged[60] ^= 0xff;
    assert!(refused(damaged).await.starts_with("can't compile `test.wasm`: "));
}

#[tokio::test]
async fn other_worlds_and_versions_are_refused_with_a_way_out() {
    let other = "package acme:thing@1.0.0; world w { export run: func(); }";
    let other = wrap(other, "w", r#"(module (func (export "run")))"#);
    expect![[r#"
        `test.wasm` is not a sink connector for this host: it exports no danube:sink/sink
          exports: run
          supported: danube:sink/sink@0.1.0
        help: build it for the world danube:sink/sink-connector; with an SDK, register the sink with its macro or function; `danube-wasm new` writes one to start from"#]]
    .assert_eq(&refused(other).await);

    let nothing = wat::parse_str("(component)").unwrap();
    assert!(refused(nothing).await.contains("exports: nothing"));

    let newer = Core::default().build_edited("sink-connector", &[("@0.1.0", "@0.9.0")]);
    expect![[r#"
        `test.wasm` is not a sink connector for this host: its version of the contract is newer than this host
          exports: danube:sink/sink@0.9.0
          supported: danube:sink/sink@0.1.0
        help: run it with a newer host, or build it against the contract of this one: an SDK of this host's version"#]]
    .assert_eq(&refused(newer).await);
    let older = Core::default().build_edited("sink-connector", &[("@0.1.0", "@0.0.9")]);
    let refusal = refused(older).await;
    assert!(
        refusal.contains("older than what this host still runs") && refusal.contains("help: build it again"),
        "{refusal}"
    );
}

#[tokio::test]
async fn worlds_that_are_for_something_else_are_told_by_what_they_export() {
    let exporting = |package: &str, interface: &str| {
        let wit =
            format!("package {package}; interface {interface} {{ go: func(); }} world w {{ export {interface}; }}");
        let (name, version) = package.split_once('@').unwrap();
        wrap(&wit, "w", &format!(r#"(module (func (export "{name}/{interface}@{version}#go")))"#))
    };
    for (package, interface, what) in [
        ("wasi:cli@0.2.6", "run", "it is a program with a main function"),
        ("wasi:http@0.2.6", "incoming-handler", "it is a server that answers HTTP requests"),
        ("danube:sink@0.1.0", "lifecycle", "it exports danube:sink/lifecycle alone"),
    ] {
        let refusal = refused(exporting(package, interface)).await;
        assert!(refusal.contains(what) && refusal.contains("\nhelp: "), "{refusal}");
    }
}

#[tokio::test]
async fn a_later_patch_of_the_contract_is_the_same_contract() {
    let core = Core { imports: SEND, ..Core::default() };
    let bytes = core.build_edited("sink-connector", &[("@0.1.0", "@0.1.7")]);
    let component = compile(bytes).await.unwrap();
    assert_eq!(component.exports(), ["danube:sink/sink@0.1.7"]);
    let mut instance = Instance::start(&component, &options(vec![])).await.unwrap();
    assert_eq!(instance.process_batch(&batch(&["a"]), None).await.unwrap(), [Verdict::Written]);
}

#[tokio::test]
async fn a_changed_contract_is_found_before_the_start() {
    let changed = Core::default().build_edited("sink-connector", &[("attempt: u32,", "attempt: s32,")]);
    let refusal = refused(changed).await;
    let what = "`process-batch` of danube:sink/sink@0.1.0 has another type than in the contract";
    assert!(refusal.contains(what), "{refusal}");
    let edits = [("process-batch: func", "process-batches: func"), ("#process-batch\"", "#process-batches\"")];
    let refusal = refused(Core::default().build_edited("sink-connector", &edits)).await;
    assert!(refusal.contains("danube:sink/sink@0.1.0 lacks the function `process-batch`"), "{refusal}");
}

#[tokio::test]
async fn a_missing_import_is_found_before_the_start() {
    let core = Core { imports: r#"(import "danube:sink/kv@0.1.0" "get" (func))"#, ..Core::default() };
    let edits = [("world sink-connector {", "interface kv { get: func(); } world sink-connector { import kv;")];
    expect![[r#"
        `test.wasm` needs what this host does not provide:
          `danube:sink/kv@0.1.0`: not an interface of this host; was it built for the world danube:sink/sink-connector?
        help: build it against this host's own WIT files, or run it with a host that has more"#]]
    .assert_eq(&refused(core.build_edited("sink-connector", &edits)).await);
}
