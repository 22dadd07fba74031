//! What a good file means, and that nothing of a secret shows.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use secrecy::ExposeSecret;

use super::{
    Config, Environment, GrantTls, OnReject, PayloadFormat, Policy, SubscriptionType, Token, load, load_each,
    print_config, raw, shape::keys_of,
};
use crate::capability::{
    files::{self, Access},
    tls::TlsVersion,
};

const MINIMAL: &str = r#"
connector_name = "reference"
danube_service_url = "http://127.0.0.1:6650"
component.path = "connector.wasm"
settings.topic_mappings = [{ topic = "/default/events", subscription = "reference" }]
"#;

fn parse(text: &str) -> Config {
    parse_with(text, &[])
}

fn parse_with(text: &str, variables: &[(&str, &str)]) -> Config {
    let environment = Environment::from_pairs(variables.iter().copied());
    Config::parse(Path::new("/etc/danube/orders.toml"), text, &environment).unwrap()
}

fn reference() -> String {
    fs::read_to_string("../config/reference.toml").unwrap()
}

#[test]
fn the_reference_says_the_defaults() {
    let reference = parse(&reference());
    assert_eq!(print_config(&reference), print_config(&parse(MINIMAL)));
    assert!(reference.warnings.is_empty(), "{:?}", reference.warnings);
}

/// The reference with its examples: the lines that begin with `#` and no space.
fn reference_with_examples() -> String {
    let is_key = |rest: &&str| !rest.is_empty() && !rest.starts_with(' ');
    reference().lines().map(|line| line.strip_prefix('#').filter(is_key).unwrap_or(line).to_owned() + "\n").collect()
}

#[test]
fn the_reference_has_every_key_and_no_other() {
    let text = reference_with_examples();
    let root = toml::Value::Table(text.parse().unwrap());
    let keys = |path: &[&str]| -> BTreeSet<String> {
        // The first entry of an array stands for all.
        let step = |table: &toml::Value, key: &&str| table[key].get(0).unwrap_or(&table[key]).clone();
        let table = path.iter().fold(root.clone(), |table, key| step(&table, key));
        table.as_table().unwrap().keys().cloned().collect()
    };
    let known = |keys: &[&str]| -> BTreeSet<String> { keys.iter().map(|key| (*key).to_owned()).collect() };

    let mut file = keys(&[]);
    // The connector's own table has the name that the file gives it, and schemas are for sources.
    assert!(file.remove("settings") && file.insert("schemas".to_owned()));
    assert_eq!(file, known(keys_of::<raw::File>()));
    assert_eq!(keys(&["component"]), known(keys_of::<raw::Component>()));
    assert_eq!(keys(&["broker"]), known(keys_of::<raw::Broker>()));
    assert_eq!(keys(&["broker", "tls"]), known(keys_of::<raw::Tls>()));
    assert_eq!(keys(&["capabilities"]), known(keys_of::<raw::Capabilities>()));
    assert_eq!(keys(&["limits"]), known(keys_of::<raw::Limits>()));
    assert_eq!(keys(&["retry"]), known(keys_of::<raw::Retry>()));
    assert_eq!(keys(&["processing"]), known(keys_of::<raw::Processing>()));
    assert_eq!(keys(&["dead_letter"]), known(keys_of::<raw::DeadLetter>()));
    assert_eq!(keys(&["settings", "topic_mappings"]), known(keys_of::<raw::TopicMapping>()));
    for key in keys_of::<raw::HttpHeader>() {
        assert!(text.contains(key), "the reference does not explain `{key}` of a header");
    }
    for key in keys_of::<raw::HttpTable>().iter().chain(keys_of::<raw::SocketTable>()) {
        assert!(text.contains(&format!("#   {key} ")), "the reference does not explain `{key}` of a grant");
    }
}

#[test]
fn the_examples_of_the_reference_are_good() {
    let text = reference_with_examples();
    // A token wants TLS, and there can be one only.
    let text = text.replace("http://127.0.0.1:6650", "https://127.0.0.1:6650").replace("token = \"$", "#token = \"$");
    // A header wants a grant around its URL.
    let text = text.replace("http = []", "http = [\"https://api.example.com\"]");
    let config = parse_with(&text, &[("API_TOKEN", "token")]);
    assert_eq!(config.capabilities.http_headers.len(), 1);
    assert_eq!(config.mappings[0].subscription_type, Some(SubscriptionType::KeyShared));
    assert_eq!(config.processing.metrics_port, Some(9090));
    assert!(config.broker.tls.is_some_and(|tls| tls.identity.is_some()));
}

#[test]
fn the_shipped_examples_load_without_warnings() {
    let configs = load(&["../config".into()], &Environment::default(), &Policy::default()).unwrap();
    let names: Vec<_> = configs.iter().map(|config| config.connector_name.as_str()).collect();
    assert_eq!(
        names,
        ["events-to-clickhouse", "events-to-http", "orders-to-postgres", "reference", "events-to-stdout"]
    );
    for config in &configs {
        assert!(config.warnings.is_empty(), "{}", config.warnings[0]);
    }
    let http = &configs[1];
    let guest = Path::new("../config/../target/guests/wasm32-wasip2/guest/sink_http.wasm");
    assert_eq!(http.component.path, std::path::absolute(guest).unwrap());
    assert!(http.settings.expose_json().contains(r#""url":"http://127.0.0.1:8080/ingest""#));
}

const FULL: &str = include_str!("golden/full.toml");

#[test]
fn every_key_is_understood() {
    let config = parse_with(FULL, &[("KEY", "key")]);
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    assert_eq!((config.connector_name.as_str(), config.instances), ("orders-to-http", 4));
    assert_eq!(config.component.path, Path::new("/etc/danube/sink.wasm"));
    assert_eq!(config.component.sha256, Some(std::array::from_fn(|at| u8::try_from(at).unwrap())));
    assert_eq!(config.broker.url.expose(), "https://broker.example.com:6650");
    assert_eq!(config.broker.ack_timeout, Duration::from_secs(90));
    assert!(matches!(&config.broker.token, Some(Token::File(path)) if path == Path::new("/etc/danube/token")));
    let tls = config.broker.tls.unwrap();
    assert_eq!(tls.ca_cert, Path::new("/etc/danube/ca.pem"));
    assert_eq!(tls.identity.unwrap().client_cert, Path::new("/etc/tls/client.pem"));
    assert_eq!((config.limits.memory, config.retry.max_retries), (3 << 29, 0));
    assert_eq!((config.on_reject, config.on_mismatch), (OnReject::DeadLetter, OnReject::Skip));
    assert_eq!(config.dead_letter.unwrap().topic, "/dead/orders");
    assert_eq!(config.processing.log_level, tracing::Level::WARN);

    let [orders, users] = config.mappings.as_slice() else { panic!("{:?}", config.mappings) };
    assert_eq!((orders.topic.as_str(), orders.line), ("/events/orders", 69));
    assert_eq!(orders.subscription_type, Some(SubscriptionType::KeyShared));
    assert_eq!((orders.batch_size, orders.batch_bytes), (Some(500), Some(64 << 10)));
    assert_eq!(orders.flush_interval, Some(Duration::from_millis(250)));
    assert_eq!(orders.payload_format, Some(PayloadFormat::Raw));
    assert_eq!((users.batch_size, users.payload_format, users.key_filters.len()), (None, None, 0));

    let settings: serde_json::Value = serde_json::from_str(config.settings.expose_json()).unwrap();
    assert_eq!(settings["numbers"], serde_json::json!([16, 1.5, true]));
    assert_eq!(settings["escaped"], "${topic}");
    assert_eq!(settings["when"], "2024-01-02T03:04:05Z");
    assert_eq!(settings["topic_mappings"][0]["target_table"], "orders");
}

#[test]
fn folders_are_granted_from_the_files_own() {
    let [spool, maps] = parse_with(FULL, &[("KEY", "key")]).capabilities.dirs.try_into().unwrap();
    let access = Access::Write { quota: 3 << 29 };
    assert_eq!(spool, files::Grant { host: "/etc/danube/spool".into(), guest: "/spool".into(), access });
    assert_eq!(maps, files::Grant { host: "/srv/maps".into(), guest: "/maps".into(), access: Access::Read });
}

#[test]
fn grants_are_taken_apart() {
    let config = parse_with(FULL, &[("KEY", "key")]);
    let printed: Vec<_> = config.capabilities.http.iter().map(|granted| granted.grant.to_string()).collect();
    let below = concat!(
        r#"{ url = "https://*.example.com", methods = ["POST", "PUT"], path = "/a/b/", "#,
        r#"addresses = ["10.0.0.0/8", "::1/128"] }"#
    );
    let address = r#"{ url = "http://10.1.2.3", path = "/ingest" }"#;
    assert_eq!(printed, [r#""https://ch.example.com:8443""#, address, below, r#""https://bank.example.com""#]);
    let GrantTls { ca_cert, identity, min } = &config.capabilities.http[3].tls;
    assert_eq!(ca_cert.as_deref(), Some(Path::new("/etc/danube/bank-ca.pem")));
    let identity = identity.as_ref().unwrap();
    assert_eq!(identity.client_cert, Path::new("/etc/danube/bank.pem"));
    assert_eq!(identity.client_key, Path::new("/etc/tls/bank.key"));
    assert_eq!(*min, Some(TlsVersion::V1_3));
    assert!(config.capabilities.http[..3].iter().all(|granted| granted.tls == GrantTls::default()));
    assert_eq!(config.capabilities.http[0].text.to_string(), "https://ch.Example.com:8443");
    let printed: Vec<_> = config.capabilities.sockets.iter().map(|granted| granted.grant.to_string()).collect();
    let below = r#"{ url = "tcp://*.example.com:6379", addresses = ["10.0.0.0/8"] }"#;
    assert_eq!(printed, [r#""tcp://db.internal:5432""#, r#""udp://10.0.0.0/8:514-516""#, below]);
    let authorities = config.capabilities.sockets.iter().map(|granted| granted.tls.ca_cert.as_deref());
    let authorities: Vec<_> = authorities.collect();
    assert_eq!(authorities, [None, None, Some(Path::new("/etc/danube/redis.pem"))]);
}

#[test]
fn subscription_types_are_read_as_people_write_them() {
    for (word, expected) in [
        ("FailOver", SubscriptionType::Failover),
        ("Failover", SubscriptionType::Failover),
        ("shared", SubscriptionType::Shared),
        ("EXCLUSIVE", SubscriptionType::Exclusive),
        ("Key-Shared", SubscriptionType::KeyShared),
        ("KeyShared", SubscriptionType::KeyShared),
        ("key_shared", SubscriptionType::KeyShared),
    ] {
        assert_eq!(word.parse(), Ok(expected));
    }
}

#[test]
fn what_is_printed_loads_as_the_same() {
    for text in [MINIMAL, FULL] {
        let config = parse_with(text, &[("KEY", "key")]);
        let printed = print_config(&config);
        let again = parse(&printed);
        assert_eq!(print_config(&again), printed);
        assert_eq!(again.settings.expose_json(), config.settings.expose_json());
        assert_eq!(format!("{:?}", again.limits), format!("{:?}", config.limits));
        assert_eq!(format!("{:?}", again.processing), format!("{:?}", config.processing));
    }
}

#[test]
fn a_config_is_printed_as_a_file() {
    expect_test::expect_file!["golden/full.txt"].assert_eq(&print_config(&parse_with(FULL, &[("KEY", "key")])));
}

#[test]
fn the_environment_takes_the_place_of_two_keys() {
    let variables = [("DANUBE_SERVICE_URL", "http://other:1"), ("CONNECTOR_NAME", "other")];
    let config = parse_with(MINIMAL, &variables);
    assert_eq!((config.broker.url.expose(), config.connector_name.as_str()), ("http://other:1", "other"));
    let without = "component.path = \"a.wasm\"\ncapabilities.topics = [\"/a/*\"]";
    assert_eq!(parse_with(without, &variables).connector_name, "other");
}

#[test]
fn references_are_resolved_and_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("password"), "from-a-file\n").unwrap();
    let file = folder.path().join("secrets.toml");
    let text = r#"
        connector_name = "secrets"
        danube_service_url = "https://${env:HOST}:6650"
        component = { path = "sink.wasm", settings = "mine" }
        capabilities.http = ["https://${env:HOST}", { url = "https://${env:HOST}/x", methods = ["GET"] }]
        capabilities.sockets = ["tcp://${env:HOST}:5432"]
        capabilities.env = { KEY = "${env:KEY}" }
        [[capabilities.http_headers]]
        url = "https://${env:HOST}/x/"
        header = "Authorization"
        value = "Bearer ${env:KEY}"
        [[capabilities.http_headers]]
        url = "https://${env:HOST}/"
        sign = "aws-sigv4"
        service = "s3"
        region = "eu-central-1"
        access_key_id = "${env:KEY}"
        secret_access_key = "${file:password}"
        session_token = "${env:KEY}"
        [broker]
        token = "Bearer ${env:KEY}"
        admin_url = "https://${env:HOST}:50051"
        tls.ca_cert = "ca.pem"
        [mine]
        hosts = [{ url = "https://${env:HOST}/", user = "u" }, "$${env:HOST}"]
        password = "${file:password}"
        api_key = "from-the-text"
        topic_mappings = [{ topic = "/a/b", subscription = "s", table = "${env:KEY}" }]
    "#;
    fs::write(&file, text).unwrap();
    let environment = Environment::from_pairs([("HOST", "hidden-host"), ("KEY", "hidden-key")]);
    let config = load(std::slice::from_ref(&file), &environment, &Policy::default()).unwrap().remove(0);

    assert_eq!(config.broker.url.expose(), "https://hidden-host:6650");
    assert!(matches!(&config.broker.token, Some(Token::Static(token)) if token.expose_secret() == "Bearer hidden-key"));
    assert_eq!(config.capabilities.env[0].1.expose_secret(), "hidden-key");
    assert_eq!(config.capabilities.http[0].grant.origin(), "https://hidden-host");
    let settings: serde_json::Value = serde_json::from_str(config.settings.expose_json()).unwrap();
    assert_eq!(settings["hosts"], serde_json::json!([{"url": "https://hidden-host/", "user": "u"}, "${env:HOST}"]));
    assert_eq!((&settings["password"], &settings["api_key"]), (&"from-a-file".into(), &"from-the-text".into()));
    assert_eq!(settings["topic_mappings"][0]["table"], "hidden-key");

    // A file that is good but for one thing still knows its secrets when it is refused.
    fs::write(&file, text.replace("\"/a/b\"", "\"b\"").replace("https://${env:HOST}/x", "${env:HOST}")).unwrap();
    let error = load(&[file], &environment, &Policy::default()).unwrap_err();
    let warnings: String = config.warnings.iter().map(|warning| format!("{warning}{warning:?}")).collect();
    let renderings = [
        print_config(&config),
        format!("{config:?}"),
        format!("{environment:?}"),
        format!("{} {}", config.capabilities.http[1].grant, config.capabilities.sockets[0].grant),
        error.to_string(),
        error.render(true),
        format!("{error:?}"),
        warnings,
    ];
    for rendering in renderings {
        for secret in ["hidden-host", "hidden-key", "from-a-file", "from-the-text"] {
            assert!(!rendering.contains(secret), "{secret} shows in:\n{rendering}");
        }
    }
    assert_eq!(print_config(&config).matches("<redacted>").count(), 17);
}

#[test]
fn without_paths_the_environment_names_one() {
    let environment = Environment::from_pairs([("CONNECTOR_CONFIG_PATH", "../config/stdout.toml")]);
    assert_eq!(load(&[], &environment, &Policy::default()).unwrap()[0].connector_name, "events-to-stdout");
    let error = load(&[], &Environment::default(), &Policy::default()).unwrap_err();
    assert!(error.to_string().contains("CONNECTOR_CONFIG_PATH"), "{error}");
}

#[test]
fn a_bad_file_does_not_keep_the_good_ones() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("b.toml", MINIMAL);
    write("a.toml", "nonsense");
    write("c.toml", &MINIMAL.replace("\"reference\"\ndanube", "\"other\"\ndanube"));
    write("d.toml.off", "nonsense");
    fs::create_dir(folder.path().join("below.toml")).unwrap();
    let paths = [folder.path().to_owned(), folder.path().join("c.toml")];
    let loaded = load_each(&paths, &Environment::default(), &Policy::default());
    let good: Vec<(PathBuf, bool)> = loaded.into_iter().map(|(path, result)| (path, result.is_ok())).collect();
    let path = |name: &str| folder.path().join(name);
    assert_eq!(good, [(path("a.toml"), false), (path("b.toml"), true), (path("c.toml"), true)]);
    let errors = load(&paths, &Environment::default(), &Policy::default()).unwrap_err();
    assert_eq!(errors.iter().count(), 1);
}
