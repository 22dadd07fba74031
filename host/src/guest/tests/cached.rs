//! Compiled code between runs of the host: taken when it is this host's, and otherwise as if it were not there.

use std::{fs, path::PathBuf};

use tempfile::TempDir;

use super::*;

/// Compiles in a host of its own that keeps its code in this folder, and has the guest write a batch.
async fn verdict_of_a_new_host(folder: &TempDir, core: &Core) -> Verdict {
    let cache = CodeCache::open(&folder.path().join("cache")).unwrap();
    let engine = Engine::new(EngineOptions { cache: Some(cache), ..EngineOptions::default() }).unwrap();
    let limits = CompileLimits::default();
    let component = engine.compile("test.wasm", core.build().into(), None, &limits).await.unwrap();
    let mut instance = Instance::start(&component, &options(vec![])).await.unwrap();
    instance.process_batch(&batch(&["a"]), None).await.unwrap().remove(0)
}

fn kept(folder: &TempDir) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.path().join("cache")).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|extension| extension == "cwasm")).collect()
}

fn rejected() -> Verdict {
    Verdict::Reject { reason: "a".into() }
}

#[tokio::test]
async fn what_one_host_compiled_the_next_one_takes() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(verdict_of_a_new_host(&folder, &echo()).await, rejected());
    let [file] = kept(&folder).try_into().unwrap();
    let written = fs::metadata(&file).unwrap();
    assert_eq!(verdict_of_a_new_host(&folder, &echo()).await, rejected());
    // Written once: it is still the same file.
    assert_eq!(
        std::os::unix::fs::MetadataExt::ino(&written),
        std::os::unix::fs::MetadataExt::ino(&fs::metadata(&file).unwrap())
    );
    assert_eq!(verdict_of_a_new_host(&folder, &Core::default()).await, Verdict::Written);
    assert_eq!(kept(&folder).len(), 2);
}

#[tokio::test]
async fn connectors_with_the_same_component_share_its_code() {
    let engine = Engine::new(EngineOptions::default()).unwrap();
    let compile = async |name, core: &Core| {
        engine.compile(name, core.build().into(), None, &CompileLimits::default()).await.unwrap()
    };
    let first = compile("a.wasm", &echo()).await;
    assert!(first.is_same(&compile("a.wasm", &echo()).await));
    // Another file by that name, and the same by another name, which messages would get wrong.
    assert!(!first.is_same(&compile("a.wasm", &Core::default()).await));
    let other = compile("b.wasm", &echo()).await;
    assert!(!first.is_same(&other));
    assert_eq!(other.name(), "b.wasm");
}

#[tokio::test]
async fn what_was_planted_never_runs() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(verdict_of_a_new_host(&folder, &echo()).await, rejected());
    let [file] = kept(&folder).try_into().unwrap();
    let whole = fs::read(&file).unwrap();
    // Working code, of a guest that says that everything is written, in the place of one that rejects everything.
    let other = tempfile::tempdir().unwrap();
    assert_eq!(verdict_of_a_new_host(&other, &Core::default()).await, Verdict::Written);
    let planted = fs::read(&kept(&other)[0]).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    for bad in [planted, flipped, whole[..whole.len() - 1].to_vec(), vec![]] {
        fs::write(&file, &bad).unwrap();
        let capture = Capture::start();
        assert_eq!(verdict_of_a_new_host(&folder, &echo()).await, rejected());
        drop(capture);
        // And it was put right.
        assert_eq!(fs::read(&file).unwrap().len(), whole.len());
        assert_ne!(fs::read(&file).unwrap(), bad);
    }
}
