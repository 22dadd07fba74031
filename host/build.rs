//! Builds the bundled connectors: `danube-wasm dev` runs the http one when it is given no file, `danube-wasm bench` that one,
//! the null one and those of databases, and the files in `config/` name the others. And lists what `danube-wasm new` writes:
//! the templates and the sources of the SDKs.

use std::{env, fmt::Write, fs, io, path::Path};

/// Where the SDKs are, a folder for each language.
const SDKS: &str = "../guest-sdk";

/// The project of a language, within its folder.
const TEMPLATE: &str = "template";

/// What no author needs of an SDK, or what was only built there.
const LEFT_OUT: [&str; 7] = ["build", "dist", "generate", "node_modules", "target", "tests", "__pycache__"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let code = embedded()?;
    fs::write(Path::new(&env::var_os("OUT_DIR").ok_or("run by cargo only")?).join("projects.rs"), code)?;
    match guest_build::build(&["sink-clickhouse", "sink-http", "sink-null", "sink-postgres", "sink-stdout"]) {
        Ok(guests) => {
            println!("cargo::rustc-env=BUNDLED_CLICKHOUSE_GUEST={}", guests["sink-clickhouse"].display());
            println!("cargo::rustc-env=BUNDLED_HTTP_GUEST={}", guests["sink-http"].display());
            println!("cargo::rustc-env=BUNDLED_NULL_GUEST={}", guests["sink-null"].display());
            println!("cargo::rustc-env=BUNDLED_POSTGRES_GUEST={}", guests["sink-postgres"].display());
        }
        Err(error) => println!("cargo::error=cannot build the bundled guests: {error}"),
    }
    Ok(())
}

/// Every file by its path below the folder of the SDKs: `rust/template/src/lib.rs`.
fn embedded() -> io::Result<String> {
    println!("cargo::rerun-if-changed={SDKS}");
    let mut paths = Vec::new();
    files_in(Path::new(SDKS), "", &mut paths)?;
    paths.sort();
    let mut code =
        "/// The files of templates and SDKs, by their paths.\nconst FILES: &[(&str, &[u8])] = &[\n".to_owned();
    for path in paths {
        let file = Path::new(SDKS).join(&path).canonicalize()?;
        // Writing to a string does not fail.
        let _ = writeln!(code, "    ({path:?}, include_bytes!({file:?})),");
    }
    code.push_str("];\n");
    Ok(code)
}

fn files_in(folder: &Path, below: &str, paths: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if below.is_empty() { name.clone() } else { format!("{below}/{name}") };
        let in_template = path.split('/').any(|part| part == TEMPLATE);
        if fs::metadata(entry.path())?.is_dir() {
            let left_out =
                name.starts_with('.') || LEFT_OUT.contains(&name.as_str()) && !(in_template && name == "tests");
            if !left_out {
                files_in(&entry.path(), &path, paths)?;
            }
        } else if !name.starts_with('.') && !name.ends_with(".wasm") && !name.ends_with(".pyc") {
            paths.push(path);
        }
    }
    Ok(())
}
