//! The bindings of the Go and the C SDK. `UPDATE_EXPECT=1 cargo test -p danube-wasm-tests bindings::go_c` writes them anew.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
};

use wit_bindgen_core::{Files, WorldGenerator};
use wit_parser::Resolve;

/// The repository.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
/// The world that both SDKs export all of.
const WORLD: &str = "sink-connector-with-lifecycle";
/// Where the Go SDK lives for those who import it.
const GO_SDK: &str = "github.com/danube-messaging/danube-wasm/guest-sdk/go/danubesink";

#[test]
fn go() {
    let package = format!("{GO_SDK}/internal/bindings");
    let options = wit_bindgen_go::Opts {
        format: wit_bindgen_go::Format::False,
        pkg_name: Some(package),
        quiet: true,
        ..Default::default()
    };
    let files = generated(options.build());
    // The generator's own support library is not to be had without a module proxy; the SDK has what is used of it, and the
    // packages that the exports lead to.
    let ours = |text: String| {
        text.replace("go.bytecodealliance.org/pkg/wit/", &format!("{GO_SDK}/internal/wit/"))
            .replace("/internal/bindings/exports/export_", "/internal/exports/export_")
    };
    let files = files.into_iter().map(|(name, text)| (name, ours(text)));
    same_as_checked_in("guest-sdk/go/danubesink/internal/bindings", &files.collect());
}

#[test]
fn c() {
    let options = wit_bindgen_c::Opts {
        rename_world: Some("bindings".to_owned()),
        // `danube-wasm componentize` adds the types.
        no_object_file: true,
        ..Default::default()
    };
    same_as_checked_in("guest-sdk/c/danube_sink/bindings", &generated(options.build()));
}

/// What a generator makes of the contract.
fn generated(mut generator: Box<dyn WorldGenerator>) -> BTreeMap<String, String> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(Path::new(ROOT).join("wit/v0.1")).unwrap();
    let world = resolve.select_world(&[package], Some(WORLD)).unwrap();
    let mut files = Files::default();
    generator.generate(&mut resolve, world, &mut files).unwrap();
    files.iter().map(|(name, text)| (name.to_owned(), String::from_utf8(text.to_vec()).unwrap())).collect()
}

/// Holds generated files against those of a folder, which has no others, or writes them there.
fn same_as_checked_in(folder: &str, files: &BTreeMap<String, String>) {
    let path = Path::new(ROOT).join(folder);
    if env::var_os("UPDATE_EXPECT").is_some() {
        let _ = fs::remove_dir_all(&path);
        for (name, text) in files {
            let file = path.join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
    }
    let advice = "is not what `wit/v0.1` gives: write it anew, see the head of this test";
    let names: BTreeSet<PathBuf> = files.keys().map(|name| path.join(name)).collect();
    assert_eq!(files_below(&path), names, "`{folder}` {advice}");
    for (name, text) in files {
        assert!(fs::read_to_string(path.join(name)).unwrap() == *text, "`{folder}/{name}` {advice}");
    }
}

fn files_below(folder: &Path) -> BTreeSet<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return BTreeSet::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files_below(&path) } else { BTreeSet::from([path]) }).collect()
}
