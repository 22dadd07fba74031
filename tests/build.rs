//! Builds every guest of the workspace once and names them for the suites: a path for each, and a macro that goes through
//! them all, so that a guest without a test does not compile.

use std::{env, fmt::Write, fs, io, path::Path};

/// Where guests live, from this package.
const FOLDERS: [&str; 2] = ["../guests", "guests"];

/// What lies among them and is none: the tool that builds them, and what they have in common.
const NO_GUESTS: [&str; 2] = ["guest-build", "sink-common"];

/// What is built when the tests run, as an author would build it: see suites/languages.
const BUILT_BY_ITSELF: &str = "echo-http-rust";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut packages = Vec::new();
    for folder in FOLDERS {
        println!("cargo::rerun-if-changed={folder}");
        packages.extend(packages_in(Path::new(folder))?);
    }
    packages.retain(|package| !NO_GUESTS.contains(&package.as_str()) && package != BUILT_BY_ITSELF);
    packages.sort();
    let names: Vec<&str> = packages.iter().map(String::as_str).collect();
    let built = guest_build::build(&names)?;

    let mut code = String::new();
    for (package, path) in &built {
        let name = package.replace('-', "_").to_uppercase();
        writeln!(code, "/// The component of the package `{package}`.\npub const {name}: &str = {path:?};")?;
    }
    let paths: Vec<&Path> = built.values().map(AsRef::as_ref).collect();
    writeln!(code, "/// All of them.\npub const ALL: &[&str] = &{paths:?};")?;
    let idents: Vec<String> = built.keys().map(|package| package.replace('-', "_")).collect();
    let arms: String = idents.iter().map(|ident| format!("$then!({ident});")).collect();
    write!(
        code,
        "/// Expands `$then!(name)` for every guest.\n#[macro_export]\nmacro_rules! for_each_guest {{ ($then:ident) => {{ {arms} }}; }}"
    )?;
    fs::write(Path::new(&env::var_os("OUT_DIR").ok_or("run by cargo only")?).join("guests.rs"), code)?;
    Ok(())
}

/// The names of the packages that lie in a folder.
fn packages_in(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let Ok(manifest) = fs::read_to_string(entry?.path().join("Cargo.toml")) else { continue };
        let name = manifest.lines().find_map(|line| line.strip_prefix("name = ")).map(|name| name.trim_matches('"'));
        names.extend(name.map(str::to_owned));
    }
    Ok(names)
}
