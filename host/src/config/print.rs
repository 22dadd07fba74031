//! A config as a file again: defaults filled in, secrets left out. What it prints, the loader reads as the same config.

use std::path::Path;

use http::Method;
use serde::Serialize;
use serde_spanned::Spanned;

use super::{
    Broker, Capabilities, Component, Config, DeadLetter, GrantTls, HttpGrant, Limits, Processing, Retry, SocketGrant,
    Token,
    conceal::REDACTED,
    http_header::{HttpHeader, Signing},
    raw,
    secret::Guarded,
    units,
};
use crate::capability::{
    destination::Grant,
    files::{self, Access},
    http::Addition,
};

/// The config as TOML. Secrets are shown as `<redacted>`.
pub fn print_config(config: &Config) -> String {
    let settings = std::collections::BTreeMap::from([(&config.component.settings_table, config.settings.shown())]);
    format!("{}\n{}", to_toml(&written(config)), to_toml(&settings))
}

/// Both parts of a config came from TOML, so that they have a form in it.
fn to_toml(part: &impl Serialize) -> String {
    toml::to_string(part).unwrap_or_else(|error| format!("# cannot be shown: {error}\n"))
}

fn written(config: &Config) -> raw::File {
    // Destructured, so that a new field cannot be forgotten here.
    let Config {
        file: _,
        connector_name,
        instances,
        broker,
        component,
        settings: _,
        mappings: _,
        capabilities,
        limits,
        retry,
        processing,
        on_reject,
        on_mismatch,
        dead_letter,
        warnings: _,
    } = config;
    let mut processing = write_processing(processing);
    processing.on_reject = text(on_reject.as_str());
    processing.on_mismatch = text(on_mismatch.as_str());
    raw::File {
        connector_name: text(connector_name),
        danube_service_url: guarded(&broker.url),
        instances: integer(*instances),
        component: write_component(component),
        broker: write_broker(broker),
        capabilities: write_capabilities(capabilities),
        limits: write_limits(limits),
        retry: write_retry(retry),
        processing,
        dead_letter: dead_letter.as_ref().map(|DeadLetter { topic }| raw::DeadLetter { topic: text(topic) }),
        schemas: None,
    }
}

fn write_component(Component { path, sha256, settings_table }: &Component) -> raw::Component {
    raw::Component {
        path: file(path),
        sha256: sha256.as_ref().and_then(|digest| text(units::show_digest(digest))),
        settings: text(settings_table),
    }
}

fn write_broker(Broker { url: _, tls, token, admin_url, ack_timeout }: &Broker) -> raw::Broker {
    let (token, token_file) = match token {
        Some(Token::Static(_)) => (text(REDACTED), None),
        Some(Token::File(path)) => (None, file(path)),
        None => (None, None),
    };
    let tls = tls.as_ref().map(|tls| raw::Tls {
        ca_cert: file(&tls.ca_cert),
        client_cert: tls.identity.as_ref().and_then(|identity| file(&identity.client_cert)),
        client_key: tls.identity.as_ref().and_then(|identity| file(&identity.client_key)),
    });
    raw::Broker {
        ack_timeout: duration(*ack_timeout),
        admin_url: admin_url.as_ref().and_then(guarded),
        token,
        token_file,
        tls: tls.map(spanned),
    }
}

fn write_capabilities(
    Capabilities { mode, topics, http, sockets, dirs, http_headers, env }: &Capabilities,
) -> raw::Capabilities {
    raw::Capabilities {
        mode: text(mode.as_str()),
        topics: topics.iter().map(|topic| spanned(topic.to_string())).collect(),
        http: http.iter().map(|grant| spanned(write_grant(grant))).collect(),
        sockets: sockets.iter().map(|grant| spanned(write_socket(grant))).collect(),
        dirs: dirs.iter().map(|grant| spanned(write_dir(grant))).collect(),
        http_headers: http_headers.iter().map(|header| spanned(write_header(header))).collect(),
        env: env.iter().map(|(name, _)| (name.clone(), spanned(REDACTED.to_owned()))).collect(),
    }
}

fn write_dir(files::Grant { host, guest, access }: &files::Grant) -> raw::Dir {
    let (mode, quota) = match *access {
        Access::Read => ("ro", None),
        Access::Write { quota } => ("rw", size(quota)),
    };
    raw::Dir { host: file(host), guest: text(guest), mode: text(mode), quota }
}

fn write_grant(grant: &HttpGrant) -> raw::HttpGrant {
    let HttpGrant { grant, text: url, tls, line: _ } = grant;
    let GrantTls { ca_cert, identity, min } = tls;
    // A path that came with the URL is shown with it.
    let bare = Grant::parse(url.expose()).is_ok_and(|grant| grant.path() == "/");
    let path = Some(grant.path()).filter(|path| bare && *path != "/");
    let methods = |methods: &[Method]| methods.iter().map(|method| spanned(method.to_string())).collect();
    raw::HttpGrant::Table(Box::new(raw::HttpTable {
        url: guarded(url),
        methods: grant.methods().map(methods),
        path: path.and_then(text),
        addresses: write_addresses(grant),
        ca_cert: ca_cert.as_deref().and_then(file),
        client_cert: identity.as_ref().and_then(|identity| file(&identity.client_cert)),
        client_key: identity.as_ref().and_then(|identity| file(&identity.client_key)),
        min_tls: min.and_then(|min| text(min.as_str())),
    }))
}

fn write_header(HttpHeader { url, injection }: &HttpHeader) -> raw::HttpHeader {
    let url = guarded(url);
    let redacted = || text(REDACTED);
    match &injection.addition {
        Addition::Header(name, _) => {
            raw::HttpHeader { url, header: text(name), value: redacted(), ..raw::HttpHeader::default() }
        }
        Addition::AwsSigV4(signer) => raw::HttpHeader {
            url,
            header: None,
            value: None,
            sign: text(Signing::AwsSigV4.as_str()),
            service: text(signer.service()),
            region: text(signer.region()),
            access_key_id: redacted(),
            secret_access_key: redacted(),
            session_token: signer.is_temporary().then(redacted).flatten(),
        },
    }
}

fn write_socket(SocketGrant { grant, text: url, tls, line: _ }: &SocketGrant) -> raw::SocketGrant {
    let GrantTls { ca_cert, identity, min } = tls;
    raw::SocketGrant::Table(Box::new(raw::SocketTable {
        url: guarded(url),
        addresses: write_addresses(grant),
        ca_cert: ca_cert.as_deref().and_then(file),
        client_cert: identity.as_ref().and_then(|identity| file(&identity.client_cert)),
        client_key: identity.as_ref().and_then(|identity| file(&identity.client_key)),
        min_tls: min.and_then(|min| text(min.as_str())),
    }))
}

fn write_addresses(grant: &Grant) -> Vec<raw::Text> {
    grant.addresses().iter().map(|range| spanned(range.to_string())).collect()
}

fn write_limits(limits: &Limits) -> raw::Limits {
    let Limits {
        memory,
        call_timeout,
        start_timeout,
        http_timeout,
        http_connect_timeout,
        http_first_byte_timeout,
        http_request_body,
        http_response_body,
        http_headers,
        http_header_bytes,
        http_concurrency,
        http_batch,
        http_connections,
        bytes_out_per_second,
        open_connections,
        log_lines_per_second,
        core_instances,
        memories,
        tables,
        resources,
        hostcall_fuel,
        component_size,
        compile_timeout,
        compile_memory,
        max_lanes,
        max_batch_size,
        max_batch_bytes,
    } = limits;
    raw::Limits {
        memory: size(*memory),
        call_timeout: duration(*call_timeout),
        start_timeout: duration(*start_timeout),
        http_timeout: duration(*http_timeout),
        http_connect_timeout: duration(*http_connect_timeout),
        http_first_byte_timeout: duration(*http_first_byte_timeout),
        http_request_body: size(*http_request_body),
        http_response_body: size(*http_response_body),
        http_headers: integer(*http_headers),
        http_header_bytes: size(*http_header_bytes),
        http_concurrency: integer(*http_concurrency),
        http_batch: integer(*http_batch),
        http_connections: integer(*http_connections),
        bytes_out_per_second: size(*bytes_out_per_second),
        open_connections: integer(*open_connections),
        log_lines_per_second: integer(*log_lines_per_second),
        core_instances: integer(*core_instances),
        memories: integer(*memories),
        tables: integer(*tables),
        resources: integer(*resources),
        hostcall_fuel: size(*hostcall_fuel),
        component_size: size(*component_size),
        compile_timeout: duration(*compile_timeout),
        compile_memory: size(*compile_memory),
        max_lanes: integer(*max_lanes),
        max_batch_size: integer(*max_batch_size),
        max_batch_bytes: size(*max_batch_bytes),
    }
}

fn write_retry(Retry { max_retries, backoff, max_backoff }: &Retry) -> raw::Retry {
    raw::Retry {
        max_retries: integer(*max_retries),
        retry_backoff_ms: millis(*backoff),
        max_backoff_ms: millis(*max_backoff),
    }
}

fn write_processing(processing: &Processing) -> raw::Processing {
    let Processing {
        batch_size,
        batch_bytes,
        flush_interval,
        max_rejects,
        reject_window,
        log_level,
        health_check_interval,
        health_check_failure_threshold,
        metrics_port,
        drain_timeout,
    } = processing;
    raw::Processing {
        batch_size: integer(*batch_size),
        batch_bytes: size(*batch_bytes),
        batch_timeout_ms: millis(*flush_interval),
        on_reject: None,
        on_mismatch: None,
        max_rejects: integer(*max_rejects),
        reject_window: duration(*reject_window),
        log_level: text(log_level.to_string().to_lowercase()),
        health_check_interval_ms: millis(*health_check_interval),
        health_check_failure_threshold: integer(*health_check_failure_threshold),
        metrics_port: metrics_port.and_then(integer),
        drain_timeout: duration(*drain_timeout),
        poll_interval_ms: None,
    }
}

fn spanned<T: Serialize>(value: T) -> Spanned<T> {
    Spanned::new(0..0, value)
}

/// A `${` that stands in a value was escaped, and is again.
fn text(value: impl AsRef<str>) -> Option<raw::Text> {
    Some(spanned(value.as_ref().replace("${", "$${")))
}

fn file(value: &Path) -> Option<raw::Text> {
    text(value.display().to_string())
}

fn guarded(value: &Guarded) -> Option<raw::Text> {
    text(if value.is_secret() { REDACTED } else { value.expose() })
}

fn integer(value: impl Into<i64>) -> Option<raw::Integer> {
    Some(spanned(value.into()))
}

fn millis(value: std::time::Duration) -> Option<raw::Integer> {
    i64::try_from(value.as_millis()).ok().map(spanned)
}

fn duration(value: std::time::Duration) -> Option<raw::Quantity> {
    Some(spanned(raw::Amount::Text(units::show_duration(value))))
}

fn size(value: u64) -> Option<raw::Quantity> {
    Some(spanned(raw::Amount::Text(units::show_size(value))))
}
