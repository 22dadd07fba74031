//! `bench` measures what it says, on a small scale: the figures themselves are not looked at.

use danube_wasm_tests::process::Process;
use serde_json::Value;
use tempfile::TempDir;

use crate::COMMAND;

#[tokio::test]
async fn every_row_is_measured() {
    let folder = TempDir::new().unwrap();
    let ended = Process::start(COMMAND, folder.path(), &["bench", "--quick", "--json"]).end().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let figures: Value = serde_json::from_str(&ended.stdout).unwrap();
    let keys =
        ["boundary_us_per_record", "boundary_vs_memcpy", "e2e_vs_bare", "e2e_vs_bare_window_10", "http_vs_native"];
    for key in keys {
        assert!(figures[key].as_f64().is_some_and(|value| value > 0.0), "{key} in {figures}");
    }
    assert_eq!(figures.as_object().map(serde_json::Map::len), Some(keys.len()));
}

#[tokio::test]
async fn one_row_is_a_line_for_each_figure() {
    let folder = TempDir::new().unwrap();
    let ended = Process::start(COMMAND, folder.path(), &["bench", "boundary", "--quick"]).end().await;
    let lines: Vec<_> = ended.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{}", ended.stderr);
    assert!(lines[0].starts_with("boundary_us_per_record") && lines[0].contains("< 0.4"));
}
