//! The corpus of the fuzz targets: components that start, of every shape that there is. `UPDATE_EXPECT=1` writes them anew.

use std::{fs, path::PathBuf};

use super::*;

/// A guest that keeps the payload of a first attempt at 4096, and from then on answers everything with what stands there.
fn answering() -> Vec<u8> {
    let keep = "(if (i32.eq (local.get $attempt) (i32.const 1)) (then
        (memory.copy (i32.const 4096) (i32.load offset=64 (local.get $records)) (i32.load offset=68 (local.get $records)))
        (return (i32.const 1024))))
        (i32.const 4096)";
    let core = Core {
        pages: 4,
        consumer_configs: "(i32.const 4096)".into(),
        more: r#"
            (func (export "danube:sink/lifecycle@0.1.0#health-check") (result i32) (i32.const 4096))
            (func (export "danube:sink/lifecycle@0.1.0#shutdown") (result i32) (i32.const 4096))"#,
        ..Core::processing(keep)
    };
    core.build_edited("sink-connector-with-lifecycle", &[])
}

fn corpus() -> Vec<(&'static str, Vec<u8>)> {
    let logging = Core {
        imports: LOG,
        ..Core::processing(format!("(call $log (i32.const 2) (i32.const 1024) (i32.const 9)) {OK}"))
    };
    let growing = Core {
        more: "(table $t 1 funcref) (elem declare func $process_batch)",
        ..Core::processing(format!(
            "(drop (memory.grow (i32.const 1))) (drop (table.grow $t (ref.func $process_batch) (i32.const 9))) {OK}"
        ))
    };
    vec![
        ("fuzz/corpus/components/answering.wasm", answering()),
        ("fuzz/corpus/components/echo.wasm", echo().build()),
        ("fuzz/corpus/components/growing.wasm", growing.build()),
        ("fuzz/corpus/components/logging.wasm", logging.build()),
        ("fuzz/corpus/components/sending.wasm", Core { imports: SEND, ..Core::default() }.build()),
        ("src/fuzz/answering.wasm", answering()),
    ]
}

#[tokio::test]
async fn is_of_components_that_work() {
    for (name, built) in corpus() {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name);
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            fs::write(&path, built).unwrap();
        }
        let component = compile(fs::read(&path).unwrap()).await.unwrap();
        let mut instance = Instance::start(&component, &options(vec![])).await.unwrap();
        assert!(instance.process_batch(&batch(&["a"]), None).await.is_ok(), "{name}");
    }
}
