//! `bench` measures what it says, on a small scale: the figures themselves are not looked at.

use danube_dev_broker::DevBroker;
use danube_wasm_tests::{
    guests,
    process::{Ended, Process},
    rig::quick,
};
use serde_json::Value;
use tempfile::TempDir;

use crate::COMMAND;

async fn bench(arguments: &[&str]) -> Ended {
    let folder = TempDir::new().unwrap();
    Process::start(COMMAND, folder.path(), &[&["bench", "--quick"], arguments].concat()).end().await
}

async fn figures(arguments: &[&str]) -> Value {
    let ended = bench(&[&["--json"], arguments].concat()).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    serde_json::from_str(&ended.stdout).unwrap()
}

fn assert_keys(figures: &Value, positive: &[&str], any: &[&str]) {
    for key in positive {
        assert!(figures[key].as_f64().is_some_and(|value| value > 0.0), "{key} in {figures}");
    }
    for key in any {
        assert!(figures[key].is_number(), "{key} in {figures}");
    }
    assert_eq!(figures.as_object().map(serde_json::Map::len), Some(positive.len() + any.len()), "{figures}");
}

#[tokio::test]
async fn what_a_record_costs_is_measured() {
    let positive = [
        "boundary_us_per_record",
        "boundary_vs_memcpy",
        "e2e_vs_bare",
        "e2e_vs_bare_window_10",
        "host_cpu_us_per_record",
        "bare_cpu_us_per_record",
        "broker_cpu_us_per_record",
        "broker_records_per_s",
        "http_vs_native",
    ];
    // Noise may be larger than these.
    let any = ["latency_added_p99_us", "latency_added_p50_us"];
    assert_keys(&figures(&["boundary", "e2e", "http", "latency"]).await, &positive, &any);
}

#[tokio::test]
async fn what_many_connectors_cost_is_measured() {
    let positive = ["lanes_1000_rss_mb", "lanes_1000_ready_s", "growth_connectors"];
    assert_keys(&figures(&["lanes", "growth"]).await, &positive, &["lanes_1000_cpu_percent"]);
}

#[tokio::test]
async fn what_large_and_many_records_cost_is_measured() {
    assert_keys(&figures(&["payload", "memory"]).await, &["growth_payload"], &["rss_growth_mb_per_million"]);
}

#[tokio::test]
async fn one_row_is_a_line_for_each_figure() {
    let ended = bench(&["boundary"]).await;
    let lines: Vec<_> = ended.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{}", ended.stderr);
    assert!(lines[0].starts_with("boundary_us_per_record") && lines[0].contains("< 0.4"));
    assert!(ended.stderr.contains("boundary: calls with 1000 records"), "{}", ended.stderr);

    let page = bench(&["boundary", "--markdown"]).await.stdout;
    let lines: Vec<_> = page.lines().collect();
    assert_eq!(lines.len(), 4, "{page}");
    assert!(lines[2].starts_with("| `boundary_us_per_record` | ") && lines[2].contains(" | < 0.4 | "), "{page}");
}

#[tokio::test]
async fn what_was_measured_is_shown_although_a_later_row_fails() {
    for format in [&[][..], &["--json"], &["--markdown"]] {
        let ended = bench(&[&["boundary", "sinks", "--clickhouse", "http://127.0.0.1:1/"], format].concat()).await;
        assert_eq!(ended.code, Some(1), "{}", ended.stderr);
        assert!(ended.stdout.contains("boundary_us_per_record"), "{}", ended.stdout);
        assert!(ended.stderr.contains("http://127.0.0.1:1/"), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn sinks_in_other_languages_are_measured_where_they_are_given() {
    let figures = figures(&["languages", "--python", guests::SINK_NULL, "--js", guests::SINK_NULL]).await;
    assert_keys(&figures, &["python_us_per_record", "js_us_per_record"], &[]);

    let ended = bench(&["languages"]).await;
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("--python FILE"), "{}", ended.stderr);
}

#[tokio::test]
async fn a_broker_that_runs_elsewhere_is_measured_with_the_window_that_it_has() {
    let broker = DevBroker::start(quick()).await.unwrap();
    let figures = figures(&["e2e", "http", "latency", "--broker", broker.url()]).await;
    assert_keys(&figures, &["e2e_vs_bare", "http_vs_native"], &["latency_added_p99_us", "latency_added_p50_us"]);
    // A topic for each of two consumers in each of the three rows.
    assert_eq!(broker.topics().len(), 6);
}

#[tokio::test]
async fn every_stage_has_its_share() {
    let stages = figures(&["--stages"]).await;
    for sink in ["null", "http"] {
        for stage in ["receive", "decode", "queue", "lower", "guest", "settle", "acknowledge"] {
            let spent = &stages[sink]["stages"][stage];
            assert!(spent.as_f64().is_some_and(|value| value > 0.0), "{stage} of {sink} in {stages}");
        }
    }
    let http = |sink: &str| stages[sink]["stages"]["http"].as_f64().unwrap();
    assert!(http("http") > http("null"), "{stages}");
}
