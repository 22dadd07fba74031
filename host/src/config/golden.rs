//! What people read when a file is wrong: one file per mistake under `golden/`, and beside it the text that it brings. A
//! folder with a `host.toml` in it is loaded under that policy.
//! `UPDATE_EXPECT=1 cargo test -p danube-wasm config::golden` accepts new texts.

use std::{collections::BTreeSet, fmt::Debug, fs, path::PathBuf};

use expect_test::expect_file;

use super::{Config, Environment, Error, Policy, load_each};

type Variables = &'static [(&'static str, &'static str)];

/// What the variable `SECRET` holds where a case sets it, and what literal secrets are in the files.
const SECRET: &str = "not-shown";
const SECRETS: Variables = &[("SECRET", SECRET)];

/// The name of a file or folder under `golden/`, and the environment that it is loaded in.
const CASES: &[(&str, Variables)] = &[
    ("bad_broker_url", &[]),
    ("bad_digest", &[]),
    ("bad_digest_digit", &[]),
    ("bad_dirs", SECRETS),
    ("bad_grants", &[]),
    ("bad_http_headers", SECRETS),
    ("bad_name", &[]),
    ("bad_sockets", &[]),
    ("bad_topic", &[]),
    ("bad_units", &[]),
    ("beyond_limits", &[]),
    ("beyond_policy", &[]),
    ("beyond_policy_of_nothing", &[]),
    ("broker_url_of_a_secret", SECRETS),
    ("broker_url_of_the_environment", &[("DANUBE_SERVICE_URL", "broker:6650")]),
    ("broker_url_with_password", &[]),
    ("component_not_allowed", &[]),
    ("component_without_digest", &[]),
    ("dead_letter_consumed", &[]),
    ("dead_letter_section_without_topic", &[]),
    ("dead_letter_without_topic", &[]),
    ("empty_folder", &[]),
    ("empty_name", &[]),
    ("exclusive_with_instances", &[]),
    ("filters_without_keys", &[]),
    ("half_identity", &[]),
    ("host_file", &[]),
    ("host_file_of_another_shape", &[]),
    ("http_header_warnings", &[]),
    ("https_without_authority", &[]),
    ("limits_out_of_range", &[]),
    ("mapping_twice", &[]),
    ("mappings_are_no_array", &[]),
    ("mappings_are_no_tables", &[]),
    ("missing_keys", &[]),
    ("missing_keys_in_a_mapping", &[]),
    ("missing_references", SECRETS),
    ("more_warnings", &[]),
    ("name_of_the_environment", &[("CONNECTOR_NAME", "orders/1")]),
    ("name_taken", &[]),
    ("native_file", &[]),
    ("native_schemas", &[]),
    ("no_settings", &[]),
    ("no_topics", &[]),
    ("not_toml", &[]),
    ("nothing_given", &[]),
    ("observe", &[]),
    ("observe_not_allowed", &[]),
    ("one_name_for_many", &[("CONNECTOR_NAME", "orders")]),
    ("out_of_range", &[]),
    ("policy_in_a_connectors_file", &[]),
    ("references_in_names", SECRETS),
    ("settings_are_no_table", &[]),
    ("settings_not_json", &[]),
    ("settings_reserved", &[]),
    ("subscription_shared", &[]),
    ("tls_without_https", &[]),
    ("token_in_clear", SECRETS),
    ("two_tokens", SECRETS),
    ("unknown_key", &[]),
    ("unknown_key_with_a_literal_secret", &[]),
    ("unknown_mode", &[]),
    ("unknown_table", &[]),
    ("unknown_words", &[]),
    ("unreadable", &[]),
    ("warnings", &[]),
    ("wrong_type", &[]),
    ("wrong_type_in_a_mapping", &[]),
];

/// What loading a case brings.
fn run((name, variables): &(&str, Variables)) -> Vec<(PathBuf, Result<Config, Error>)> {
    let path = [format!("src/config/golden/{name}.toml"), format!("src/config/golden/{name}")].map(PathBuf::from);
    let path = path.iter().find(|path| path.exists()).unwrap_or(&path[0]);
    let environment = Environment::from_pairs(variables.iter().copied());
    let host = path.join("host.toml");
    let policy = if host.exists() { Policy::load(&host, &environment) } else { Ok(Policy::default()) };
    let policy = match policy {
        Ok(policy) => policy,
        Err(error) => return vec![(host, Err(error))],
    };
    let nothing = *name == "nothing_given";
    let paths = if nothing { &[] } else { std::slice::from_ref(path) };
    load_each(paths, &environment, &policy)
}

#[test]
fn every_mistake_has_its_text() {
    for case @ (name, _) in CASES {
        let loaded = run(case);
        let show = |(_, result): &(_, Result<Config, Error>)| match result {
            Ok(config) => config.warnings.iter().map(|warning| warning.render(false)).collect(),
            Err(error) => vec![error.render(false)],
        };
        let shown = loaded.iter().flat_map(show).collect::<Vec<_>>().join("\n");
        assert!(!shown.is_empty(), "{name} brings neither a mistake nor a warning");
        assert!(!shown.contains(SECRET), "{name} shows a secret:\n{shown}");
        assert!(!format!("{loaded:?}").contains(SECRET), "{name} shows a secret to a debugger");
        expect_file![format!("{}/src/config/golden/{name}.txt", env!("CARGO_MANIFEST_DIR"))].assert_eq(&shown);
    }
}

#[test]
fn every_kind_has_a_case() {
    let mut seen = BTreeSet::new();
    for (_, result) in CASES.iter().flat_map(run) {
        match result {
            Ok(config) => seen.extend(config.warnings.iter().map(|warning| variant(warning.caution()))),
            Err(error) => seen.extend(error.mistakes().map(variant)),
        }
    }
    let declared = variants(include_str!("mistake.rs")).chain(variants(include_str!("caution.rs")));
    assert_eq!(seen, declared.collect());
}

/// The name of an enum's variant.
fn variant(value: impl Debug) -> String {
    let text = format!("{value:?}");
    text.split([' ', '{', '(']).next().unwrap().to_owned()
}

/// The variants that a module of one enum declares: what stands alone, indented once, under an `#[error]`.
fn variants(module: &str) -> impl Iterator<Item = String> {
    let lines = module.lines().filter_map(|line| line.strip_prefix("    "));
    let names = lines.filter(|line| line.starts_with(char::is_uppercase));
    names.map(|line| line.trim_end_matches([',', ' ', '{']).to_owned())
}

#[test]
fn every_golden_file_has_a_case() {
    let entries = fs::read_dir("src/config/golden").unwrap().map(|entry| entry.unwrap().path());
    let found: BTreeSet<String> = entries.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    // `full` is a good file; its text is what `print_config` makes of it.
    let named: BTreeSet<String> = CASES.iter().map(|(name, _)| *name).chain(["full"]).map(str::to_owned).collect();
    assert_eq!(found, named);
}
