//! `dev --watch`: the project is built again whenever one of its sources changes, and the connector starts anew with what
//! came out. What cannot be built is shown, and the connector goes on as it is.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::ExitStatus,
    time::{Duration, SystemTime},
};

use anyhow::Context;
use ignore::WalkBuilder;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

/// How often the sources are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(300);
/// What builds write, whether or not a project ignores it.
const OUTPUTS: [&str; 6] = ["build", "dist", "node_modules", "target", "vendor", "__pycache__"];

/// A project that is watched.
pub(super) struct Project {
    folder: PathBuf,
    build: Build,
    /// The sources as they were before the last build.
    built: Sources,
    /// Those that changed while it ran.
    rewritten: BTreeSet<PathBuf>,
}

/// What builds a project.
enum Build {
    /// `sh build.sh`
    Script,
    /// A command for the shell.
    Command(String),
}

/// Every source with the time of its last change, and its size.
type Sources = BTreeMap<PathBuf, (Option<SystemTime>, u64)>;

impl Project {
    /// The project in the folder of a connector's file.
    pub(super) fn of(config: &Path, command: Option<String>) -> anyhow::Result<Self> {
        let folder = match config.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            Some(_) | None => PathBuf::from("."),
        };
        let build = match command {
            Some(command) => Build::Command(command),
            None => {
                let script = folder.join("build.sh");
                anyhow::ensure!(
                    script.is_file(),
                    "there is no {}, which --watch would build the project with\nhelp: name the command with --build",
                    script.display()
                );
                Build::Script
            }
        };
        Ok(Self { folder, build, built: Sources::new(), rewritten: BTreeSet::new() })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Builds it. `false`: it failed, and what it says is on the terminal.
    pub(super) async fn build(&mut self) -> anyhow::Result<bool> {
        self.built = sources(&self.folder);
        println!("building   {}", self.command_for_people());
        let status = self.run().await?;
        self.take_note();
        if !status.success() {
            eprintln!("error: {} failed ({status})", self.command_for_people());
        }
        Ok(status.success())
    }

    /// What is new since the build began was made by it. What changed may have been changed by whoever works on it, and is
    /// built again, unless each build changes it.
    fn take_note(&mut self) {
        let mut rewritten = BTreeSet::new();
        for (path, file) in sources(&self.folder) {
            let before = self.built.get(&path);
            if before.is_some_and(|before| *before != file) {
                rewritten.insert(path.clone());
            }
            if before.is_none() || self.rewritten.contains(&path) {
                self.built.insert(path, file);
            }
        }
        self.rewritten = rewritten;
    }

    async fn run(&self) -> anyhow::Result<ExitStatus> {
        let mut command = Command::new("sh");
        match &self.build {
            Build::Script => command.arg("build.sh"),
            Build::Command(shell) => command.args(["-c", shell]),
        };
        if std::env::var_os("DANUBE_WASM").is_none()
            && let Ok(program) = std::env::current_exe()
        {
            command.env("DANUBE_WASM", program);
        }
        let status = command.current_dir(&self.folder).kill_on_drop(true).status().await;
        status.context("cannot run sh, which --watch builds the project with")
    }

    fn command_for_people(&self) -> &str {
        match &self.build {
            Build::Script => "sh build.sh",
            Build::Command(command) => command,
        }
    }

    /// Waits until a source is another one than when the project was last built, and no more changes come. The file that
    /// changed; `None`: told to stop.
    pub(super) async fn changed(&self, stop: &CancellationToken) -> Option<PathBuf> {
        let mut before = self.built.clone();
        let mut first = None;
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = stop.cancelled() => return None,
            }
            let folder = self.folder.clone();
            let now = tokio::task::spawn_blocking(move || sources(&folder)).await.unwrap_or_default();
            let calm = now == before;
            first = first.or_else(|| difference(&self.built, &now));
            // A change that is taken back is none.
            if calm && now != self.built && first.is_some() {
                return first;
            }
            before = now;
        }
    }
}

/// A file that one of the two has and the other has not, or has otherwise.
fn difference(before: &Sources, now: &Sources) -> Option<PathBuf> {
    let changed = now.iter().find(|(path, file)| before.get(*path) != Some(*file));
    changed.or_else(|| before.iter().find(|(path, _)| !now.contains_key(*path))).map(|(path, _)| path.clone())
}

/// The sources of a project: what its .gitignore does not name, and is no output of builds.
fn sources(folder: &Path) -> Sources {
    let mut walk = WalkBuilder::new(folder);
    walk.require_git(false).parents(false).git_global(false);
    walk.filter_entry(|entry| !OUTPUTS.iter().any(|output| entry.file_name() == *output));
    let files = walk.build().filter_map(Result::ok).filter(|entry| {
        let is_component = entry.path().extension().is_some_and(|extension| extension == "wasm");
        entry.file_type().is_some_and(|kind| kind.is_file()) && !is_component
    });
    let described = files.filter_map(|entry| {
        let metadata = entry.metadata().ok()?;
        Some((entry.into_path(), (metadata.modified().ok(), metadata.len())))
    });
    described.collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn sources_are_what_no_build_writes_and_no_gitignore_names() {
        let folder = tempfile::TempDir::new().unwrap();
        for path in ["src/lib.rs", "my.toml", "my.wasm", "target/a", "node_modules/b", "made/c", ".venv/d"] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        fs::write(folder.path().join(".gitignore"), "/made\n").unwrap();
        let found = sources(folder.path());
        let found: Vec<_> =
            found.keys().map(|path| path.strip_prefix(folder.path()).unwrap().to_str().unwrap()).collect();
        assert_eq!(found, ["my.toml", "src/lib.rs"]);
    }

    #[tokio::test]
    async fn a_build_that_fails_is_told_from_one_that_works_and_what_it_writes_is_no_change() {
        let folder = tempfile::TempDir::new().unwrap();
        let config = folder.path().join("my.toml");
        fs::write(&config, "").unwrap();
        assert!(Project::of(&config, None).is_err(), "there is no build.sh");
        let mut failing = Project::of(&config, Some("exit 3".to_owned())).unwrap();
        assert!(!failing.build().await.unwrap());
        let mut project = Project::of(&config, Some("echo 1 > Cargo.lock".to_owned())).unwrap();
        assert!(project.build().await.unwrap());
        assert_eq!(difference(&project.built, &sources(folder.path())), None);
        fs::write(folder.path().join("new.rs"), "fn main() {}").unwrap();
        assert_eq!(project.changed(&CancellationToken::new()).await, Some(folder.path().join("new.rs")));
        let mut rewriting = Project::of(&config, Some("date +%N >> my.toml".to_owned())).unwrap();
        rewriting.build().await.unwrap();
        assert_eq!(rewriting.changed(&CancellationToken::new()).await, Some(config));
        rewriting.build().await.unwrap();
        assert_eq!(difference(&rewriting.built, &sources(folder.path())), None, "each build changes it");
    }
}
