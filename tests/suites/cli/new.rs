//! Projects as `danube-wasm new` writes them: each is built and tested by the first block of its README, then run.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use danube_wasm_tests::process::{Ended, Process};
use serde_json::Value;
use tempfile::TempDir;

use crate::COMMAND;

/// Installed by tests/install; a build that does not find its toolchain here says so and fails.
fn tools() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools")
}

/// Where a shell finds the command and the toolchains.
struct Shell {
    folder: TempDir,
    path: String,
    variables: Vec<(&'static str, String)>,
}

impl Shell {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        std::os::unix::fs::symlink(COMMAND, folder.path().join("danube-wasm")).unwrap();
        let text = |path: PathBuf| path.to_str().unwrap().to_owned();
        let folders = [folder.path().to_owned(), tools().join("js/node_modules/.bin"), tools().join("c/bin")];
        let inherited = env::var_os("PATH").unwrap();
        let folders = folders.into_iter().chain(env::split_paths(&inherited));
        let path = text(env::join_paths(folders).unwrap().into());
        let variables = vec![
            ("CARGO_NET_OFFLINE", "true".to_owned()),
            // Everything but the project itself is the same from run to run.
            ("CARGO_TARGET_DIR", text(tools().join("../new"))),
            ("COMPONENTIZE_PY", text(tools().join("python/bin/componentize-py"))),
            ("GO", text(tools().join("go/bin/go"))),
        ];
        Self { folder, path, variables }
    }

    async fn run(&self, folder: &Path, args: &[&str]) -> Ended {
        let variables = self.variables.iter().map(|(name, value)| (*name, value.as_str()));
        let variables: Vec<_> = variables.chain([("PATH", self.path.as_str())]).collect();
        Process::start_with(args[0], folder, &args[1..], &variables, "").end_whenever().await
    }
}

fn readmes_first_block(project: &Path) -> String {
    let readme = fs::read_to_string(project.join("README.md")).unwrap();
    let (_, block) = readme.split_once("```sh\n").expect("README.md has no block of sh");
    block.split_once("```").unwrap().0.to_owned()
}

/// The records of the sample that its test expects to be written.
fn good_records(project: &Path) -> Vec<String> {
    let expected: Value = serde_json::from_slice(&fs::read(project.join("expected.json")).unwrap()).unwrap();
    let records = fs::read_to_string(project.join("records.ndjson")).unwrap();
    let is_written = |outcome: &Value| outcome == "written" || outcome["outcome"] == "written";
    let outcomes = expected["records"].as_array().unwrap();
    let records = records.lines().filter(|line| !line.is_empty()).zip(outcomes);
    records.filter(|(_, outcome)| is_written(outcome)).map(|(record, _)| record.to_owned()).collect()
}

async fn a_project_builds_passes_its_test_and_runs(language: &str) {
    let shell = Shell::new();
    let name = format!("orders-in-{language}");
    let made = shell.run(shell.folder.path(), &["danube-wasm", "new", &name, "--lang", language]).await;
    assert_eq!(made.code, Some(0), "{made:?}");
    let project = shell.folder.path().join(&name);

    let block = readmes_first_block(&project);
    let tested = shell.run(&project, &["sh", "-euc", &block]).await;
    assert_eq!(tested.code, Some(0), "{block}\n{tested:?}");
    assert!(tested.stdout.contains("ok: all is as expected.json says"), "{tested:?}");

    // The receiver of each test has a port of its own.
    let file = project.join(format!("{name}.toml"));
    let config = fs::read_to_string(&file).unwrap();
    assert!(config.contains("http://127.0.0.1:8080"), "{config}");
    fs::write(&file, config.replace("http://127.0.0.1:8080", "${env:DANUBE_DEV_RECEIVER}")).unwrap();
    let good = good_records(&project);
    assert!(!good.is_empty(), "none of the sample records is written");
    fs::write(project.join("good.ndjson"), good.join("\n")).unwrap();
    let file = format!("{name}.toml");
    let args = ["danube-wasm", "dev", &file, "--receiver", "127.0.0.1:0", "--records", "good.ndjson"];
    let ran = shell.run(&project, &args).await;
    let arrived = format!("arrived    {0} of {0} records", good.len());
    assert!(ran.code == Some(0) && ran.stdout.contains(&arrived), "{ran:?}");
}

/// A test for each language.
macro_rules! projects {
    ($($test:ident: $language:literal),*) => { $(
        #[tokio::test]
        async fn $test() {
            a_project_builds_passes_its_test_and_runs($language).await;
        }
    )* };
}

projects!(rust: "rust", python: "python", js: "js", ts: "ts", go: "go", c: "c");

#[tokio::test]
async fn what_is_there_is_left_alone_and_bad_names_are_refused() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("taken")).unwrap();
    fs::write(folder.path().join("taken/file"), "kept").unwrap();
    for (name, says) in
        [("taken", "not empty"), ("taken/file", "is a file"), ("My_Sink", "upper-case"), ("class", "`class-sink`")]
    {
        let ended = Process::start(COMMAND, folder.path(), &["new", name, "--lang", "rust"]).end().await;
        assert!(ended.code == Some(2) && ended.stderr.contains(says), "{name}: {ended:?}");
    }
    assert_eq!(fs::read_to_string(folder.path().join("taken/file")).unwrap(), "kept");
    let ended = Process::start(COMMAND, folder.path(), &["new", "a-sink", "--lang", "cobol"]).end().await;
    assert!(ended.code == Some(2) && ended.stderr.contains("[possible values: rust"), "{ended:?}");
}
