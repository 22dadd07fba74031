//! The SDKs of Python, JavaScript and TypeScript: their own tests, their types, and what is generated for them.

mod python;
mod script;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The repository.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// A path in the repository.
fn in_repository(path: &str) -> PathBuf {
    Path::new(ROOT).join(path).canonicalize().unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A program that `tests/install` puts below `target/tools`.
fn tool(toolchain: &str, path: &str) -> PathBuf {
    let path = Path::new(ROOT).join("target/tools").join(toolchain).join(path);
    assert!(path.exists(), "{} is missing: run tests/install {toolchain}", path.display());
    path
}

/// Runs a program that must succeed, without leaving compiled modules among the sources.
fn succeeds(command: &mut Command) {
    let output = command.env("PYTHONDONTWRITEBYTECODE", "1").output().expect("the program starts");
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{stdout}{stderr}", output.status);
}

/// Has a script make files in a folder of its own, and compares those of them that it names with what is checked in.
fn made_anew_is_the_same(script: &str, sdk: &str, is_made: fn(&str) -> bool) {
    let made = tempfile::tempdir().unwrap();
    succeeds(Command::new(in_repository(script)).arg(made.path()));
    let checked_in = files(&in_repository(sdk), is_made);
    let made = files(made.path(), is_made);
    assert!(!made.is_empty(), "{script} makes nothing");
    let names = |files: &BTreeMap<String, String>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&made), names(&checked_in), "run {script}");
    for (name, text) in made {
        assert!(text == checked_in[&name], "{sdk}/{name} is not what {script} makes of the sources: run it");
    }
}

/// The text of files below a folder, by their paths in it.
fn files(folder: &Path, which: fn(&str) -> bool) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if which(&name) && !name.ends_with(".pyc") {
                found.insert(name, fs::read_to_string(path).unwrap());
            }
        }
    }
    found
}
