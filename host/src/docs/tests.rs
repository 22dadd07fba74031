//! The examples of the pages are as good as what they are examples of.

use std::{collections::BTreeSet, fs, path::Path};

use clap::Parser;
use toml::{Table, Value};

use crate::{
    capability::limit::LimitHits,
    cli::{self, Cli},
    config::{Config, Environment, Mode, Policy},
    metrics::Metrics,
};

/// A fenced block: its page and line, what stands behind the fence, and its text.
struct Block {
    place: String,
    language: String,
    text: String,
}

fn pages() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let read = |path: &std::path::PathBuf| {
        (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(path).unwrap())
    };
    paths.iter().map(read).collect()
}

fn blocks(language: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    for (page, text) in pages() {
        let mut open: Option<Block> = None;
        for (line, content) in (1..).zip(text.lines()) {
            match (content.strip_prefix("```"), &mut open) {
                (Some(language), None) => {
                    let place = format!("{page}:{line}");
                    open = Some(Block { place, language: language.to_owned(), text: String::new() });
                }
                (Some(_), Some(_)) => blocks.extend(open.take()),
                (None, Some(block)) => block.text.extend([content, "\n"]),
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "{page} ends within a block");
    }
    blocks.retain(|block| block.language == language);
    assert!(!blocks.is_empty(), "no page has a block of {language}");
    blocks
}

#[test]
fn every_page_is_part_of_the_documentation() {
    for (page, _) in pages() {
        assert!(include_str!("../docs.rs").contains(&format!("{page:?}")), "docs.rs lacks {page}");
    }
}

#[test]
fn blocks_have_languages_that_are_tested_or_show_output() {
    for (page, text) in pages() {
        for fence in text.lines().filter_map(|line| line.strip_prefix("```")).step_by(2) {
            let known = [
                "json expected",
                "json records",
                "toml",
                "toml host",
                "toml manifest",
                "toml observe",
                "sh",
                "rust",
                "rust,ignore",
                "text",
            ]
            .contains(&fence);
            assert!(known, "{page} has a block of `{fence}`, which nothing tests");
        }
    }
}

/// What an example that shows a part of a file is a part of.
const REST: &str = r#"
connector_name = "example"
danube_service_url = "http://127.0.0.1:6650"
component = { path = "sink.wasm" }
processing = { on_reject = "stop" }
"#;
const MAPPING: &str = r#"topic_mappings = [{ topic = "/default/orders", subscription = "example" }]"#;

/// `part` with what it leaves out taken from `rest`.
fn complete(part: Table, rest: Table) -> Table {
    let mut whole = rest;
    for (key, value) in part {
        let value = match (value, whole.remove(&key)) {
            (Value::Table(part), Some(Value::Table(rest))) => Value::Table(complete(part, rest)),
            (value, _) => value,
        };
        whole.insert(key, value);
    }
    whole
}

#[test]
fn connector_files_load_without_a_warning() {
    let receiver = ("DANUBE_DEV_RECEIVER", "http://127.0.0.1:8080");
    let secrets = ["API_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "DANUBE_TOKEN", "ORDERS_TOKEN"];
    let secrets = secrets.into_iter().chain(["WAREHOUSE_PASSWORD"]).map(|name| (name, "secret"));
    let environment = Environment::from_pairs(secrets.chain([receiver]));
    for Block { place, text, .. } in blocks("toml") {
        let part: Table = text.parse().unwrap_or_else(|error| panic!("{place}: {error}"));
        let is_whole = part.contains_key("connector_name");
        let mut whole = if is_whole { part } else { complete(part, REST.parse().unwrap()) };
        let table = whole["component"].get("settings").map_or("settings", |name| name.as_str().unwrap()).to_owned();
        if !is_whole {
            let settings = whole.remove(&table).map_or_else(Table::new, |settings| settings.try_into().unwrap());
            whole.insert(table, Value::Table(complete(settings, MAPPING.parse().unwrap())));
        }
        let file = toml::to_string(&whole).unwrap();
        let config = Config::parse(Path::new("example.toml"), &file, &environment);
        let config = config.unwrap_or_else(|error| panic!("{place}:\n{error}"));
        assert!(config.warnings.is_empty(), "{place}:\n{}", config.warnings[0]);
    }
}

#[test]
fn what_is_not_enforced_brings_a_warning() {
    for Block { place, text, .. } in blocks("toml observe") {
        let file = format!("{REST}settings.{MAPPING}\n{text}");
        let config = Config::parse(Path::new("example.toml"), &file, &Environment::default());
        let config = config.unwrap_or_else(|error| panic!("{place}:\n{error}"));
        assert!(matches!(config.capabilities.mode, Mode::Observe { .. }), "{place}");
        assert_eq!(config.warnings.len(), 1, "{place}");
    }
}

#[test]
fn operators_files_load() {
    for Block { place, text, .. } in blocks("toml host") {
        let policy = Policy::parse(Path::new("host.toml"), &text, &Environment::default());
        policy.unwrap_or_else(|error| panic!("{place}:\n{error}"));
    }
}

#[test]
fn files_of_tests_are_read() {
    for (language, read) in [
        ("json expected", cli::read_expected as fn(&Path) -> bool),
        ("json records", cli::read_records as fn(&Path) -> bool),
    ] {
        for Block { place, text, .. } in blocks(language) {
            let file = tempfile::NamedTempFile::new().unwrap();
            fs::write(file.path(), text).unwrap();
            assert!(read(file.path()), "{place}");
        }
    }
}

#[test]
fn package_manifests_are_toml() {
    for Block { place, text, .. } in blocks("toml manifest") {
        let manifest: Table = text.parse().unwrap_or_else(|error| panic!("{place}: {error}"));
        assert_eq!(manifest["lib"]["crate-type"][0].as_str(), Some("cdylib"), "{place}");
    }
}

#[test]
fn commands_are_understood() {
    let mut seen = BTreeSet::new();
    for Block { place, text, .. } in blocks("sh") {
        for line in text.lines() {
            let words = line.split_whitespace().skip_while(|word| *word != "danube-wasm");
            let words: Vec<_> = words.take_while(|word| !["|", "&&", ">", "#"].contains(word)).collect();
            let Some(command) = words.get(1) else { continue };
            if let Err(error) = Cli::try_parse_from(&words) {
                panic!("{place}: {line}\n{error}");
            }
            seen.insert((*command).to_owned());
        }
    }
    assert_eq!(
        seen.into_iter().collect::<Vec<_>>(),
        ["bench", "check", "dev", "dlq", "doctor", "explain", "inspect", "new", "run", "test"]
    );
}

#[test]
fn the_page_on_operations_names_every_metric_and_no_other() {
    let metrics = Metrics::default();
    metrics.set_health("c", true);
    metrics.instances("c").inc();
    metrics.busy("c").inc_by(1.0);
    metrics.lane("c", "/t/t").received.inc();
    metrics.watch_gate("c", std::sync::Arc::default());
    metrics.watch_limits("c", std::sync::Arc::new(LimitHits::new("c")));
    metrics.watch_sockets("c", std::sync::Arc::default());
    let text = metrics.encode();
    let name = |line: &str| {
        let (name, kind) = line.strip_prefix("# TYPE ")?.split_once(' ')?;
        Some(if kind == "counter" { format!("{name}_total") } else { name.to_owned() })
    };
    let counted: BTreeSet<String> = text.lines().filter_map(name).collect();
    assert!(counted.len() > 15, "{text}");

    let words = include_str!("../../docs/operations.md").split('`');
    let named = words.filter(|word| word.starts_with("danube_connector_") || word.starts_with("danube_wasm_"));
    assert_eq!(named.map(str::to_owned).collect::<BTreeSet<_>>(), counted);
}

#[test]
fn the_default_limits_are_those_of_the_host() {
    let shown = blocks("toml").into_iter().find(|block| block.text.contains("log_lines_per_second")).unwrap();
    let reference: Table = include_str!("../../../config/reference.toml").parse().unwrap();
    let shown: Table = shown.text.parse().unwrap();
    assert_eq!(shown["limits"], reference["limits"]);
}

/// The first example behind `heading` in the documentation of a file of the SDK, as its readers see it.
fn sdk_example(source: &str, comment: &str, heading: &str) -> String {
    let lines = source.lines().filter_map(|line| line.trim_start().strip_prefix(comment));
    let lines = lines.map(|line| line.strip_prefix(' ').unwrap_or(line));
    let example = lines.skip_while(|line| !line.contains(heading)).skip_while(|line| !line.starts_with("```"));
    let shown = example.skip(1).take_while(|line| !line.starts_with("```")).filter(|line| !line.starts_with("# "));
    shown.map(|line| format!("{line}\n")).collect()
}

#[test]
fn the_sinks_of_the_pages_are_those_that_the_sdk_compiles() {
    let whole = sdk_example(include_str!("../../../guest-sdk/rust/src/lib.rs"), "//!", "# A complete sink");
    let waves = sdk_example(include_str!("../../../guest-sdk/rust/src/batch.rs"), "///", "The records in sets");
    let shown: Vec<_> = blocks("rust,ignore").into_iter().map(|block| block.text).collect();
    assert_eq!(shown, [whole, waves]);
}

/// The source of a test by the name that the runner gives it: of this crate, or of the suites.
fn source_of(test: &str) -> Option<String> {
    let (path, _) = test.rsplit_once("::")?;
    let path = path.replace("::", "/");
    // The tests of a module stand in a file of their own, or at the end of the module's.
    let inline = path.strip_suffix("/tests").unwrap_or(&path);
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = [&*path, inline].map(|path| format!("{path}.rs"));
    let files = [here.join("src"), here.join("../tests/suites")]
        .into_iter()
        .flat_map(|folder| files.iter().map(move |file| folder.join(file)).collect::<Vec<_>>());
    files.into_iter().find_map(|file| fs::read_to_string(file).ok().filter(|source| has_test(source, test)))
}

fn has_test(source: &str, test: &str) -> bool {
    let name = test.rsplit("::").next().unwrap_or_default();
    let before = source.split(&format!("fn {name}(")).next().filter(|before| before.len() < source.len());
    before.is_some_and(|before| {
        before.lines().rev().take(3).any(|line| line.trim_start().starts_with("#[") && line.contains("test"))
    })
}

#[test]
fn every_line_of_the_threat_model_names_tests_that_there_are() {
    let page = include_str!("../../docs/threat-model.md");
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| ") && !line.ends_with("shown by |")).collect();
    assert!(rows.len() > 30, "{} lines", rows.len());
    for row in rows {
        let shown_by = row.trim_end_matches('|').rsplit('|').next().unwrap_or_default();
        let tests: Vec<&str> = shown_by.split('`').skip(1).step_by(2).collect();
        assert!(!tests.is_empty(), "nothing shows: {row}");
        for test in tests {
            assert!(source_of(test).is_some(), "there is no test {test}");
        }
    }
}

#[test]
fn the_map_names_every_module() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let map: String = include_str!("../lib.rs").lines().filter(|line| line.starts_with("//!")).collect();
    let modules = |folder: &Path| -> Vec<String> {
        let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter_map(|name| name.strip_suffix(".rs").map(str::to_owned)).collect()
    };
    for module in modules(&source) {
        assert!(module == "lib" || map.contains(&format!(" {module}.rs ")), "{module}.rs");
        let folder = source.join(&module);
        // The tables of a config have a line together.
        if ["config", "docs"].contains(&module.as_str()) || !folder.exists() {
            continue;
        }
        for below in modules(&folder).iter().filter(|below| !["tests", "fixture"].contains(&below.as_str())) {
            assert!(map.contains(&format!("{module}/{below}.rs")), "{module}/{below}.rs");
        }
    }
}
