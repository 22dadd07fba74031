//! JavaScript and TypeScript.

use std::{ffi::OsStr, fs, process::Command};

use super::{in_repository, made_anew_is_the_same, succeeds, tool};

#[test]
fn the_sdk_passes_its_own_tests() {
    tool("js", "node_modules/.bin/tsc");
    let mut tests = fs::read_dir(in_repository("guest-sdk/js/tests"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect::<Vec<_>>();
    tests.retain(|path| path.extension() == Some(OsStr::new("js")));
    assert!(!tests.is_empty(), "there are no tests");
    succeeds(Command::new("node").arg("--test").args(tests));
}

#[test]
fn the_declarations_are_made_of_the_contract_and_of_the_sources() {
    tool("js", "node_modules/.bin/jco");
    let is_made = |name: &str| name.starts_with("bindings/") || name.starts_with("wit/") || name.ends_with(".d.ts");
    made_anew_is_the_same("guest-sdk/js/generate", "guest-sdk/js/danube-sink", is_made);
}

/// The template with the SDK beside it, as `danube-wasm new` lays them, and a guest.
#[test]
fn a_type_checker_takes_what_is_written_with_the_sdk() {
    let tsc = tool("js", "node_modules/.bin/tsc");
    let project = tempfile::tempdir().unwrap();
    let folder = project.path().join("template");
    succeeds(Command::new("cp").arg("-r").arg(in_repository("guest-sdk/ts/template")).arg(&folder));
    succeeds(Command::new("cp").arg("-r").arg(in_repository("guest-sdk/js/danube-sink")).arg(&folder));
    succeeds(Command::new(&tsc).current_dir(&folder));
    succeeds(Command::new(&tsc).current_dir(in_repository("tests/guests/echo-http-ts")));
}
