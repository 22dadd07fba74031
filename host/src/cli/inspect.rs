//! `danube-wasm inspect`: what a component is, without running it.

mod least;

use std::{
    fs::OpenOptions,
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use serde_json::json;

use super::{
    Operator, Stop,
    findings::{Access, access},
};
use crate::{
    config::{Config, Environment},
    connector::compile_limits,
    guest::{self, Area, Compiler, Component, Engine, EngineOptions},
};

/// `danube-wasm inspect`
#[derive(Debug, clap::Args)]
pub(super) struct Inspect {
    /// The component.
    #[arg(value_name = "FILE.wasm")]
    file: PathBuf,
    /// Say for each kind of import whether it could be used under this connector file.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Write the least connector file with which the component can use what it imports. The file must not be there yet.
    #[arg(long, value_name = "FILE")]
    write_config: Option<PathBuf>,
    #[command(flatten)]
    operator: Operator,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// What there is to say.
struct Inspected {
    component: Component,
    bytes: u64,
    /// The file that it is looked at under.
    config: Option<Config>,
    /// The least file.
    least: String,
}

impl Inspect {
    pub(super) async fn execute(self, environment: &Environment) -> Result<ExitCode, Stop> {
        let config = self.config.as_deref().map(|file| self.load(file, environment)).transpose()?;
        let engine = Engine::new(EngineOptions { cache: None, compiler: Compiler::this_program() })?;
        let limits = config.as_ref().map(|config| compile_limits(&config.limits)).unwrap_or_default();
        let component = match engine.compile_file(&self.file, None, &limits).await {
            Ok(component) => component,
            Err(error @ guest::Error::Engine { .. }) => return Err(error.into()),
            Err(error) => return Err(Stop::Usage(format!("error: {error}"))),
        };
        let bytes = tokio::fs::metadata(&self.file).await?.len();
        if let Some(file) = &self.write_config {
            write_new(file, &least::config(&component, &beside(file, &self.file)?))?;
        }
        let least = least::config(&component, &self.file);
        let inspected = Inspected { component, bytes, config, least };
        if self.json {
            println!("{}", inspected.to_json());
        } else {
            print!("{}", inspected.to_text(self.write_config.as_deref()));
        }
        Ok(ExitCode::SUCCESS)
    }

    fn load(&self, file: &Path, environment: &Environment) -> Result<Config, Stop> {
        let policy = self.operator.policy(environment)?;
        let loaded = super::one_config(file, environment, &policy)?;
        loaded.map_err(|error| Stop::Usage(error.render(super::color())))
    }
}

/// The component's path as it must stand in a file that is written somewhere else.
fn beside(file: &Path, component: &Path) -> std::io::Result<PathBuf> {
    let here = file.parent().is_none_or(|folder| folder.as_os_str().is_empty());
    if here { Ok(component.to_owned()) } else { std::path::absolute(component) }
}

/// Writes a file, and never over another.
fn write_new(file: &Path, text: &str) -> Result<(), Stop> {
    let shown = file.display();
    match OpenOptions::new().write(true).create_new(true).open(file) {
        Ok(mut file) => Ok(file.write_all(text.as_bytes())?),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            Err(Stop::Usage(format!("error: {shown} is there already\nhelp: name another file, or remove it")))
        }
        Err(error) => Err(Stop::Usage(format!("error: cannot write {shown}: {error}"))),
    }
}

impl Inspected {
    fn to_text(&self, written: Option<&Path>) -> String {
        let Self { component, bytes, config, least } = self;
        let mut text = format!("{}\n", component.name());
        text.push_str(&format!("  sha256    {}\n", component.sha256()));
        text.push_str(&format!("  size      {bytes} bytes\n"));
        text.push_str(&format!("  contract  {}\n", component.contract()));
        let lifecycle = if component.has_lifecycle() { "health-check, shutdown" } else { "none" };
        text.push_str(&format!("  lifecycle {lifecycle}\n"));
        match config {
            Some(config) => text.push_str(&format!("  imports, under {}\n", config.file.display())),
            None => text.push_str("  imports\n"),
        }
        for (area, interfaces) in component.areas() {
            let usable = config.as_ref().map(|config| format!(": {}", in_words(&access(area, config))));
            text.push_str(&format!("    {}{}\n", named(area, &interfaces), usable.unwrap_or_default()));
            for added in config.iter().filter(|_| area == Area::Http).flat_map(added) {
                text.push_str(&format!("      {added}\n"));
            }
            for interface in interfaces {
                text.push_str(&format!("      {interface}\n"));
            }
        }
        match written {
            Some(file) => text.push_str(&format!("the least file for it is written: {}\n", file.display())),
            None => text.push_str(&format!("the least file for it\n{}", indented(least))),
        }
        text
    }

    fn to_json(&self) -> serde_json::Value {
        let Self { component, bytes, config, least } = self;
        let areas: serde_json::Map<_, _> =
            component.areas().into_iter().map(|(area, interfaces)| (area.to_string(), json!(interfaces))).collect();
        let usable = |config: &Config| -> serde_json::Map<_, _> {
            let entry = |area: Area| (area.to_string(), access_json(&access(area, config)));
            component.areas().into_keys().map(entry).collect()
        };
        json!({
            "file": component.name(),
            "sha256": component.sha256(),
            "bytes": bytes,
            "contract": component.contract().to_string(),
            "lifecycle": component.has_lifecycle(),
            "imports": areas,
            "exports": component.exports(),
            "sockets": component.areas().get(&Area::Sockets).map(|interfaces| in_list(&sockets(interfaces))),
            "usable": config.as_ref().map(usable),
            "added": config.as_ref().map(|config| added(config).collect::<Vec<_>>()),
            "least_config": least,
        })
    }
}

/// What sockets are good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sockets {
    Tcp,
    Udp,
    Lookup,
    Tls,
}

impl Sockets {
    /// All of them, with the interfaces that each comes by.
    const ALL: [(Self, &'static str); 4] = [
        (Self::Tcp, "wasi:sockets/tcp-create-socket"),
        (Self::Udp, "wasi:sockets/udp-create-socket"),
        (Self::Lookup, "wasi:sockets/ip-name-lookup"),
        (Self::Tls, "wasi:tls/types"),
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "TCP sockets",
            Self::Udp => "UDP sockets",
            Self::Lookup => "name lookup",
            Self::Tls => "TLS by the host",
        }
    }
}

/// What a component can do with sockets that imports these interfaces.
fn sockets(interfaces: &[&str]) -> Vec<Sockets> {
    let imported = |name: &str| interfaces.iter().any(|import| import.split('@').next() == Some(name));
    Sockets::ALL.into_iter().filter(|(_, name)| imported(name)).map(|(kind, _)| kind).collect()
}

fn in_list(kinds: &[Sockets]) -> String {
    kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", ")
}

/// An area in plain words.
fn named(area: Area, interfaces: &[&str]) -> String {
    match sockets(interfaces).as_slice() {
        [] => area.to_string(),
        kinds => in_list(kinds),
    }
}

/// What the host adds to requests, by the names of the headers.
fn added(config: &Config) -> impl Iterator<Item = String> {
    config.capabilities.http_headers.iter().map(|header| {
        let names: Vec<_> = header.injection.addition.claims().iter().map(|name| format!("`{name}`")).collect();
        format!("the host adds {} within {}", names.join(", "), header.url)
    })
}

fn in_words(access: &Access) -> String {
    match access {
        Access::Free => "needs no grant".to_owned(),
        Access::Observed => "let through to public addresses, as the file only observes".to_owned(),
        Access::Granted(grants) => format!("granted: {}", grants.join(", ")),
        Access::Refused(Some(line)) => format!("refused: nothing is granted; add `{line}` to [capabilities]"),
        Access::Refused(None) => "refused: this host grants none".to_owned(),
    }
}

fn access_json(access: &Access) -> serde_json::Value {
    match access {
        Access::Free | Access::Observed => json!({ "usable": true }),
        Access::Granted(grants) => json!({ "usable": true, "grants": grants }),
        Access::Refused(line) => json!({ "usable": false, "line": line }),
    }
}

fn indented(text: &str) -> String {
    text.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("  {line}\n") }).collect()
}
