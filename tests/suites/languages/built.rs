//! Builds a guest when its sources have changed since the last time: it is kept under their digest.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Mutex,
};

use danube_wasm_tests::rig;
use sha2::{Digest, Sha256};

use super::Language;
use crate::COMMAND;

/// What all guests are made from, besides their own folder and the SDKs.
const SHARED: [&str; 4] = ["wit", "tests/tools", "host/src/cli/componentize.rs", "host/src/cli/componentize"];

/// What builds leave behind in the folders of sources.
const NO_SOURCES: [&str; 6] = ["__pycache__", "node_modules", "target", "template", "dist", ".mypy_cache"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The component of a language. Builds are made one after the other, since each takes the whole machine.
pub(super) fn component(language: Language) -> String {
    static BUILT: Mutex<Option<HashMap<String, Result<String, String>>>> = Mutex::new(None);
    let name = format!("{}{}", language.folder, language.engine);
    // One that panicked would leave the others in the dark.
    let built = {
        let mut built = BUILT.lock().unwrap();
        built.get_or_insert_default().entry(name.clone()).or_insert_with(|| build(language, &name)).clone()
    };
    let component = built.unwrap_or_else(|said| panic!("{said}"));
    rig::compile(&component);
    component
}

fn build(language: Language, name: &str) -> Result<String, String> {
    let root = root();
    let guest = root.join(format!("tests/guests/echo-http-{}", language.folder));
    let mut digest = Sha256::new();
    let sdks = root.join("guest-sdk");
    let shared = SHARED.iter().map(|path| root.join(path));
    for path in shared.chain([sdks, guest.clone()]) {
        take(&mut digest, &path);
    }
    let folder = root.join("target/echo-http");
    let component = folder.join(format!("{name}-{}.wasm", &hex::encode(digest.finalize())[..16]));
    let path = component.to_str().unwrap().to_owned();
    if component.exists() {
        return Ok(path);
    }
    fs::create_dir_all(&folder).unwrap();
    forget(&folder, name);
    // Whatever comes of it, half a file never stands under the name.
    let unfinished = folder.join(format!("{name}.unfinished.wasm"));
    let mut command = Command::new("sh");
    command.arg(guest.join("build.sh")).arg(&unfinished).current_dir(&root);
    command.env("TOOLS", root.join("target/tools")).env("DANUBE_WASM", COMMAND);
    if !language.engine.is_empty() {
        command.env("ENGINE", language.engine);
    }
    let output = command.output().unwrap();
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        let help = match language.tool {
            "" => String::new(),
            tool => format!("\nhelp: if its toolchain is missing, install it with tests/install {tool}"),
        };
        return Err(format!("{} does not build:\n{said}{help}", guest.display()));
    }
    fs::rename(&unfinished, &component).unwrap();
    Ok(path)
}

/// Drops what was made from older sources.
fn forget(folder: &Path, name: &str) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_str().unwrap().to_owned();
        if file.rsplit_once('-').is_some_and(|(of, _)| of == name) {
            fs::remove_file(path).unwrap();
        }
    }
}

/// The names and contents of all files below a path, in the order of their names.
fn take(digest: &mut Sha256, path: &Path) {
    if path.is_dir() {
        let mut entries: Vec<_> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        for entry in entries {
            let name = entry.file_name().unwrap().to_str().unwrap();
            if !NO_SOURCES.contains(&name) && !name.ends_with(".pyc") && !name.ends_with(".wasm") {
                take(digest, &entry);
            }
        }
    } else if let Ok(content) = fs::read(path) {
        digest.update(path.to_str().unwrap());
        digest.update(content);
    }
}
