//! The last stage of a config: resolved values become the things that work with them. The only stage with I/O.

use std::{path::Path, sync::Arc};

use secrecy::SecretString;

use super::Failure;
use crate::{
    broker::{self, BrokerOptions, Token},
    capability::{
        files::{self, Folders, Guarded},
        http::{Gate, GateOptions, Script},
        limit::LimitHits,
        logging::LogOptions,
        observe::Observer,
        sockets::{SocketGrant, SocketOptions, Sockets},
        tls::TlsOptions,
    },
    config::{self, Config},
    guest::{CompileLimits, InstanceLimits, InstanceOptions},
};

pub(crate) fn broker_options(broker: &config::Broker) -> BrokerOptions {
    let tls = broker.tls.as_ref().map(|tls| broker::TlsOptions {
        ca_cert: tls.ca_cert.clone(),
        client: tls.identity.as_ref().map(|identity| (identity.client_cert.clone(), identity.client_key.clone())),
    });
    let token = broker.token.as_ref().map(|token| match token {
        config::Token::Static(token) => Token::Fixed(token.clone()),
        config::Token::File(path) => Token::File(path.clone()),
    });
    BrokerOptions { url: broker.url.expose().to_owned(), tls, token }
}

pub(crate) fn compile_limits(limits: &config::Limits) -> CompileLimits {
    CompileLimits { size: limits.component_size, time: limits.compile_timeout, memory: limits.compile_memory }
}

/// Who takes note of what nothing grants, where the file only observes.
pub(crate) fn observer(config: &Config) -> Option<Arc<Observer>> {
    match &config.capabilities.mode {
        config::Mode::Enforce => None,
        config::Mode::Observe { within } => Some(Arc::new(Observer::new(within.clone()))),
    }
}

/// The way out of all instances of a connector. With a script nothing leaves by it.
pub(super) fn gate(
    config: &Config,
    observer: Option<Arc<Observer>>,
    hits: Arc<LimitHits>,
    script: Option<Script>,
) -> Result<Arc<Gate>, Failure> {
    let grants = config.capabilities.http.iter().map(|granted| granted.grant.clone()).collect();
    let injections = config.capabilities.http_headers.iter().map(|header| header.injection.clone()).collect();
    let limits = &config.limits;
    let tls = config.capabilities.http.iter().enumerate();
    let tls = tls.filter_map(|(at, granted)| {
        let options = tls_options(config, &granted.tls, granted.line)?;
        Some(options.map(|options| (at, options)))
    });
    let options = GateOptions {
        tls: tls.collect::<Result<_, _>>()?,
        injections,
        connect_timeout: limits.http_connect_timeout,
        first_byte_timeout: limits.http_first_byte_timeout,
        request_timeout: limits.http_timeout,
        request_body: limits.http_request_body,
        response_body: limits.http_response_body,
        concurrency: limits.http_concurrency as usize,
        connections: limits.http_connections as usize,
        batch: limits.http_batch as usize,
        bytes_per_second: Some(limits.bytes_out_per_second).filter(|rate| *rate < config::Limits::UNBOUNDED_RATE),
        headers: limits.http_headers as usize,
        header_bytes: usize::try_from(limits.http_header_bytes).unwrap_or(usize::MAX),
        observer,
        hits,
        script,
        ..GateOptions::new(config.connector_name.as_str(), config.file.display().to_string(), grants)
    };
    Gate::new(options).map(Arc::new).map_err(Failure::Gate)
}

/// The folders of a connector. `cache` is where compiled components are kept.
pub(crate) async fn folders(
    config: &Config,
    cache: Option<&Path>,
    hits: Arc<LimitHits>,
) -> Result<Folders, files::Error> {
    let folder = |path: &Path| std::path::absolute(path).ok().and_then(|path| path.parent().map(Path::to_owned));
    let holds = |path, what, deep| Guarded { path, what, deep };
    let cache = cache.map(|path| holds(path.to_owned(), "compiled components", true));
    // Both what is read, wherever links lead, and the folder where it could be replaced.
    let read = [(&config.component.path, "the component"), (&config.file, "the connector's file")];
    let read = read.into_iter().flat_map(|(path, what)| {
        [Some(path.clone()), folder(path)].into_iter().flatten().map(move |path| holds(path, what, false))
    });
    let guarded: Vec<_> = cache.into_iter().chain(read).collect();
    let grants = config.capabilities.dirs.clone();
    let opened = tokio::task::spawn_blocking(move || Folders::open(&grants, &guarded, &hits)).await;
    opened.unwrap_or_else(|cut_short| std::panic::resume_unwind(cut_short.into_panic()))
}

/// The sockets of all instances of a connector. They share rate, counters and lookups with its gate.
pub(super) fn sockets(config: &Config, observer: Option<Arc<Observer>>, gate: &Gate) -> Result<Arc<Sockets>, Failure> {
    let grants = config.capabilities.sockets.iter().map(|granted| socket_grant(config, granted));
    let options = SocketOptions {
        open: config.limits.open_connections as usize,
        observer,
        rate: gate.rate().cloned(),
        hits: gate.hits().clone(),
        resolver: gate.resolver().clone(),
        ..SocketOptions::new(
            config.connector_name.as_str(),
            config.file.display().to_string(),
            grants.collect::<Result<_, _>>()?,
        )
    };
    Sockets::new(options).map(Arc::new).map_err(Failure::Sockets)
}

fn socket_grant(config: &Config, granted: &config::SocketGrant) -> Result<SocketGrant, Failure> {
    let tls = tls_options(config, &granted.tls, granted.line).transpose()?;
    Ok(SocketGrant { grant: granted.grant.clone(), tls })
}

/// What is wrong with the files that grants name for TLS: what keeps a connector from starting.
pub(crate) fn tls_mistakes(config: &Config) -> Vec<String> {
    let http = config.capabilities.http.iter().map(|granted| (&granted.tls, granted.line));
    let sockets = config.capabilities.sockets.iter().map(|granted| (&granted.tls, granted.line));
    let mistake = |(written, line)| Some(tls_options(config, written, line)?.err()?.to_string());
    http.chain(sockets).filter_map(mistake).collect()
}

/// What the grant in a line says about TLS, if it says something: good enough for a client.
fn tls_options(config: &Config, written: &config::GrantTls, line: usize) -> Option<Result<TlsOptions, Failure>> {
    let config::GrantTls { ca_cert, identity, min } = written;
    if *written == config::GrantTls::default() {
        return None;
    }
    let identity = identity.as_ref().map(|identity| (&*identity.client_cert, &*identity.client_key));
    let options = TlsOptions::read(ca_cert.as_deref(), identity, min.unwrap_or_default());
    let options = options.and_then(|options| options.client(&[]).map(|_| options));
    Some(options.map_err(|error| Failure::Tls { error, file: config.file.clone(), line }))
}

fn instance_limits(limits: &config::Limits) -> InstanceLimits {
    let config::Limits { memory, core_instances, memories, tables, resources, hostcall_fuel, .. } = *limits;
    InstanceLimits { memory, core_instances, memories, tables, resources, hostcall_fuel }
}

pub(super) fn instance_options(
    config: &Config,
    instance: u32,
    gate: &Arc<Gate>,
    sockets: &Arc<Sockets>,
    folders: &Folders,
) -> InstanceOptions {
    InstanceOptions {
        connector_name: config.connector_name.as_str().into(),
        instance,
        settings: SecretString::from(config.settings.expose_json()),
        env: config.capabilities.env.clone(),
        limits: instance_limits(&config.limits),
        call_timeout: config.limits.call_timeout,
        start_timeout: config.limits.start_timeout,
        gate: gate.clone(),
        sockets: sockets.clone(),
        folders: folders.clone(),
        log: LogOptions {
            min_level: config.processing.log_level,
            lines_per_second: config.limits.log_lines_per_second,
        },
    }
}
