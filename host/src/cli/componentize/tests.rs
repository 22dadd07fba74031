//! Modules that are right, and each way of being wrong.

use super::*;
use expect_test::{Expect, expect};

/// A module with these imports and exports, all functions without parameters.
fn module(imports: &[(&str, &str)], exports: &[&str]) -> Vec<u8> {
    let imports: String =
        imports.iter().map(|(module, name)| format!("(import \"{module}\" \"{name}\" (func))\n")).collect();
    let exports: String = exports.iter().map(|name| format!("(func (export \"{name}\"))\n")).collect();
    wat::parse_str(format!("(module {imports} (memory (export \"memory\") 1) {exports})")).unwrap()
}

fn fails(bytes: &[u8], world: Option<World>, expected: &Expect) {
    expected.assert_eq(&format!("`sink.wasm` {}", component(bytes, world).unwrap_err()));
}

#[test]
fn a_file_must_be_a_core_module() {
    fails(
        b"\x7fELF....",
        None,
        &expect![[r#"
        `sink.wasm` is not a WebAssembly module: it does not begin as one
        help: give it the .wasm file that the compiler wrote"#]],
    );
    let whole = module(&[], &["_start"]);
    fails(
        &whole[..whole.len() - 3],
        None,
        &expect![[r#"
        `sink.wasm` is not a WebAssembly module: unexpected end-of-file
        help: give it the .wasm file that the compiler wrote"#]],
    );
    fails(
        b"\0asm\x0d\0\x01\0",
        None,
        &expect![[r#"
        `sink.wasm` is a component already
        help: use it as it is; `danube-wasm inspect` shows what it needs"#]],
    );
}

#[test]
fn what_the_host_calls_must_be_exported() {
    fails(
        &module(&[], &["_start"]),
        None,
        &expect![[r#"
        `sink.wasm` lacks exports of the world `sink-connector`:
          cabi_realloc
          danube:sink/sink@0.1.0#consumer-configs
          danube:sink/sink@0.1.0#initialize
          danube:sink/sink@0.1.0#process-batch
        help: it is a program; build a library: `-mexec-model=reactor` for C, `-buildmode=c-shared` for Go"#]],
    );
    let exports = ["cabi_realloc", "danube:sink/lifecycle@0.1.0#shutdown"];
    fails(
        &module(&[], &exports),
        None,
        &expect![[r#"
        `sink.wasm` lacks exports of the world `sink-connector-with-lifecycle`:
          danube:sink/lifecycle@0.1.0#health-check
          danube:sink/sink@0.1.0#consumer-configs
          danube:sink/sink@0.1.0#initialize
          danube:sink/sink@0.1.0#process-batch
        help: register the sink with the SDK's function or macro, and let the linker keep what is exported"#]],
    );
    fails(
        &module(&[], &exports),
        Some(World::SinkConnector),
        &expect![[r#"
        `sink.wasm` lacks exports of the world `sink-connector`:
          danube:sink/sink@0.1.0#consumer-configs
          danube:sink/sink@0.1.0#initialize
          danube:sink/sink@0.1.0#process-batch
        help: register the sink with the SDK's function or macro, and let the linker keep what is exported"#]],
    );
}

#[test]
fn what_is_imported_must_come_from_somewhere() {
    let exports = ["cabi_realloc", "danube:sink/sink@0.1.0#initialize", "danube:sink/sink@0.1.0#consumer-configs"];
    let exports = [&exports[..], &["danube:sink/sink@0.1.0#process-batch"]].concat();
    fails(
        &module(&[("env", "deflate"), ("wasi_snapshot_preview1", "fd_write")], &exports),
        None,
        &expect![[r#"
        `sink.wasm` imports what nothing gives it:
          env deflate
        help: the linker found no definition of these; link the files or libraries that have them"#]],
    );
    fails(
        &module(&[("wasi_snapshot_preview1", "sock_open")], &exports),
        None,
        &expect![[r#"
        `sink.wasm` imports what nothing gives it:
          wasi_snapshot_preview1 sock_open
        help: build for wasm32-wasip1; this is of another version of WASI"#]],
    );
    fails(
        &module(&[("wasi:http/types@0.2.12", "x")], &exports),
        None,
        &expect![[r#"
        `sink.wasm` imports what nothing gives it:
          wasi:http/types@0.2.12 x
        help: its bindings must put their world into the module (a section `component-type`), or it must do without"#]],
    );
    fails(
        &module(&[("danube:sink/http@0.1.0", "stream")], &exports),
        None,
        &expect![[r#"
        `sink.wasm` imports what nothing gives it:
          danube:sink/http@0.1.0 stream
        help: the contract that this command brings has no such function; use the SDK that comes with it"#]],
    );
    // The names are right; the types are not.
    fails(
        &module(&[("wasi_snapshot_preview1", "fd_write")], &exports),
        None,
        &expect![[r#"
        `sink.wasm` cannot be made a component: failed to decode world from module: module was not valid: failed to classify export `cabi_realloc`: type mismatch for function `cabi_realloc`: expected `[I32, I32, I32, I32] -> [I32]` but found `[] -> []`
        help: build it anew with the bindings of the SDK that comes with this command"#]],
    );
}

#[test]
fn a_module_that_carries_a_world_keeps_it() {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("other.wit", "package a:b; world other { export run: func(); }").unwrap();
    let world = resolve.select_world(&[package], Some("other")).unwrap();
    let mut other = module(&[], &["run"]);
    embed_component_metadata(&mut other, &resolve, world, StringEncoding::UTF8, false).unwrap();
    fails(
        &other,
        None,
        &expect![[r#"
        `sink.wasm` is built for another world, which exports no danube:sink/sink but:
          run
        help: build it for the world danube:sink/sink-connector; with an SDK, register the sink with its function"#]],
    );
    fails(
        &other,
        Some(World::SinkConnector),
        &expect![[r#"
        `sink.wasm` carries a world already, and `sink-connector` is asked for
        help: leave out --world"#]],
    );
}
