//! Python.

use std::process::Command;

use super::{in_repository, made_anew_is_the_same, succeeds, tool};

const SDK: &str = "guest-sdk/python";

#[test]
fn the_sdk_passes_its_own_tests() {
    let mut tests = Command::new(tool("python", "bin/python"));
    succeeds(
        tests
            .current_dir(in_repository(SDK))
            .env("PYTHONPATH", ".")
            .args(["-m", "unittest", "discover", "-s", "tests"]),
    );
}

#[test]
fn a_type_checker_takes_the_sdk_and_what_is_written_with_it() {
    let cache = tempfile::tempdir().unwrap();
    let mut check = Command::new(tool("python", "bin/mypy"));
    check.current_dir(in_repository(SDK)).args(["--strict", "danube_sink", "tests", "template/my_sink.py"]);
    let guests = ["echo-http-python/echo_http.py", "noop-python/noop.py"];
    check.args(guests.map(|guest| in_repository(&format!("tests/guests/{guest}"))));
    succeeds(check.arg("--cache-dir").arg(cache.path()));
}

#[test]
fn the_bindings_are_made_of_the_contract() {
    tool("python", "bin/componentize-py");
    let is_made = |name: &str| name.starts_with("bindings/") || name.starts_with("wit/");
    made_anew_is_the_same("guest-sdk/python/generate", "guest-sdk/python/danube_sink", is_made);
}
