//! Builds guest packages of this workspace as components, for the build scripts of packages that embed or test them.
//!
//! ```no_run
//! // build.rs
//! let guests = guest_build::build(&["sink-http", "sink-stdout"])?;
//! println!("cargo::rustc-env=SINK_HTTP={}", guests["sink-http"].display());
//! # Ok::<(), guest_build::Error>(())
//! ```
//!
//! All callers share one target folder, `<target>/guests`, so every guest is compiled once however many packages ask
//! for it, and however they are being built (`cargo build`, `test`, `clippy`, `doc`).

mod environment;
mod sources;
mod target;

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    fmt, fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The target that guests are compiled for. It yields a component directly.
pub const TARGET: &str = "wasm32-wasip2";

/// The Cargo profile that guests are compiled with, from the workspace's `Cargo.toml`.
pub const PROFILE: &str = "guest";

/// Why the guests could not be built. `Debug` is as readable as `Display`: a build script may end with it.
#[derive(thiserror::Error)]
pub enum Error {
    /// Cargo sets `OUT_DIR` for build scripts only.
    #[error("`OUT_DIR` is not set, or not in a target folder: call this from a build script that cargo runs")]
    NotABuildScript,
    /// The target is not installed, and could not be installed.
    #[error("the Rust target `{TARGET}` is not installed\nhelp: run `rustup target add {TARGET}`")]
    NoTarget,
    /// A program could not be started.
    #[error("cannot run `{program}`")]
    Run {
        /// The program's name.
        program: String,
        /// Why not.
        source: io::Error,
    },
    /// A guest did not compile, or there is no such package; cargo's messages stand in the build script's output.
    #[error("{0} did not compile (cargo's messages stand above)")]
    Compile(String),
    /// The package compiled but is no component.
    #[error("`{package}` compiled without leaving `{path}`\nhelp: give it `[lib] crate-type = [\"cdylib\", \"rlib\"]`")]
    NoComponent {
        /// The package.
        package: String,
        /// Where its component should be.
        path: PathBuf,
    },
    /// Cargo's note of the sources of a guest cannot be read, so a change to them would go unnoticed.
    #[error("cannot read `{path}`")]
    DepInfo {
        /// The note.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run { program: _, source } | Self::DepInfo { path: _, source } => write!(f, "{self}: {source}"),
            Self::NotABuildScript | Self::NoTarget | Self::Compile(_) | Self::NoComponent { .. } => write!(f, "{self}"),
        }
    }
}

/// Builds `packages` for [`TARGET`] and returns where each one's `.wasm` file is. Also tells cargo which files the
/// calling build script depends on.
///
/// The paths stay the same from build to build. The files are rewritten only when a guest changes.
pub fn build(packages: &[&str]) -> Result<BTreeMap<String, PathBuf>, Error> {
    let workspace = workspace();
    let target_folder = target_folder()?.join("guests");
    target::install()?;
    compile(workspace, &target_folder, packages)?;
    let folder = target_folder.join(TARGET).join(PROFILE);
    let components = packages.iter().map(|package| Ok(((*package).to_owned(), component(&folder, package)?)));
    let components = components.collect::<Result<BTreeMap<_, _>, Error>>()?;
    watch(workspace, components.values())?;
    Ok(components)
}

/// The root of the workspace, two folders above this package.
fn workspace() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).unwrap_or(package)
}

/// The target folder of the build that is under way.
fn target_folder() -> Result<PathBuf, Error> {
    let out_dir = std::env::var_os("OUT_DIR").ok_or(Error::NotABuildScript)?;
    target_folder_above(Path::new(&out_dir)).map(Path::to_owned).ok_or(Error::NotABuildScript)
}

/// Cargo marks the folder that it makes, and the folder for `--target` in it, with a tag. One that was there before has
/// none: then it is the one above `<profile>/build/<package>/out`.
fn target_folder_above(out_dir: &Path) -> Option<&Path> {
    let is_tagged = |folder: &&Path| folder.join("CACHEDIR.TAG").exists();
    let tagged = out_dir.ancestors().skip_while(|folder| !is_tagged(folder)).take_while(is_tagged);
    tagged.last().or_else(|| out_dir.ancestors().nth(4)).filter(|folder| folder.parent().is_some())
}

/// Has cargo run the calling build script again when something that a component was made from changes.
fn watch<'a>(workspace: &Path, components: impl Iterator<Item = &'a PathBuf>) -> Result<(), Error> {
    let mut watched = BTreeSet::from([workspace.join("Cargo.toml"), workspace.join("Cargo.lock")]);
    for component in components {
        let path = component.with_extension("d");
        let dep_info = fs::read_to_string(&path).map_err(|source| Error::DepInfo { path, source })?;
        watched.extend(sources::of(&dep_info, workspace));
    }
    for path in watched {
        println!("cargo::rerun-if-changed={}", path.display());
    }
    Ok(())
}

fn compile(workspace: &Path, target_folder: &Path, packages: &[&str]) -> Result<(), Error> {
    let mut cargo = cargo(workspace, "build");
    cargo.args(["--profile", PROFILE, "--target", TARGET]).arg("--target-dir").arg(target_folder);
    cargo.args(packages.iter().flat_map(|package| ["--package", package]));
    // What cargo reads from this script's standard output are instructions.
    cargo.stdout(Stdio::null());
    let status = cargo.status().map_err(|source| could_not_run(&cargo, source))?;
    if status.success() { Ok(()) } else { Err(Error::Compile(packages.join(", "))) }
}

/// A cargo command that the build under way does not disturb, with the dependencies that are locked.
fn cargo(workspace: &Path, subcommand: &str) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut cargo = Command::new(program);
    cargo.current_dir(workspace).arg(subcommand);
    if workspace.join("Cargo.lock").exists() {
        cargo.arg("--locked");
    }
    environment::clean(&mut cargo);
    cargo
}

fn component(folder: &Path, package: &str) -> Result<PathBuf, Error> {
    let path = folder.join(package.replace('-', "_") + ".wasm");
    if path.exists() { Ok(path) } else { Err(Error::NoComponent { package: package.to_owned(), path }) }
}

fn could_not_run(command: &Command, source: io::Error) -> Error {
    let program = Path::new(command.get_program());
    let program = program.file_name().unwrap_or(OsStr::new("cargo")).to_string_lossy().into_owned();
    Error::Run { program, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_folder_that_cargo_did_not_make_is_found_by_its_layout() {
        let out_dir = Path::new("/nowhere/target/debug/build/package-0123/out");
        assert_eq!(target_folder_above(out_dir), Some(Path::new("/nowhere/target")));
        assert_eq!(target_folder_above(Path::new("/somewhere/out")), None);
    }
}
