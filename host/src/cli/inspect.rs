//! `danube-wasm inspect`: what a component is, without running it.

use std::{path::PathBuf, process::ExitCode};

use serde_json::json;

use super::Stop;
use crate::guest::{self, Area, CompileLimits, Compiler, Component, Engine, EngineOptions};

/// `danube-wasm inspect`
#[derive(Debug, clap::Args)]
pub(super) struct Inspect {
    /// The component.
    #[arg(value_name = "FILE.wasm")]
    file: PathBuf,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

impl Inspect {
    pub(super) async fn execute(self) -> Result<ExitCode, Stop> {
        let engine = Engine::new(EngineOptions { cache: None, compiler: Compiler::this_program() })?;
        let component = match engine.compile_file(&self.file, None, &CompileLimits::default()).await {
            Ok(component) => component,
            Err(error @ guest::Error::Engine { .. }) => return Err(error.into()),
            Err(error) => return Err(Stop::Usage(format!("error: {error}"))),
        };
        let bytes = tokio::fs::metadata(&self.file).await?.len();
        if self.json {
            println!("{}", as_json(&component, bytes));
        } else {
            print!("{}", as_text(&component, bytes));
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn as_text(component: &Component, bytes: u64) -> String {
    let mut text = format!("{}\n", component.name());
    text.push_str(&format!("  sha256    {}\n", component.sha256()));
    text.push_str(&format!("  size      {bytes} bytes\n"));
    text.push_str(&format!("  contract  {}\n", component.contract()));
    text.push_str(&format!(
        "  lifecycle {}\n",
        if component.has_lifecycle() { "health-check, shutdown" } else { "none" }
    ));
    text.push_str("  imports\n");
    for (area, interfaces) in component.areas() {
        text.push_str(&format!("    {area}\n"));
        for interface in interfaces {
            text.push_str(&format!("      {interface}\n"));
        }
    }
    text.push_str(&format!("least grants that it can use\n{}", indented(&least_grants(component))));
    text
}

fn as_json(component: &Component, bytes: u64) -> serde_json::Value {
    let areas: serde_json::Map<_, _> =
        component.areas().into_iter().map(|(area, interfaces)| (area.to_string(), json!(interfaces))).collect();
    json!({
        "file": component.name(),
        "sha256": component.sha256(),
        "bytes": bytes,
        "contract": component.contract().to_string(),
        "lifecycle": component.has_lifecycle(),
        "imports": areas,
        "exports": component.exports(),
        "least_grants": least_grants(component),
    })
}

/// The lines of a connector file that let the component use what it imports. Hosts and names are the user's to fill in.
fn least_grants(component: &Component) -> String {
    let mut text = String::from("[component]\n");
    text.push_str(&format!("path = {:?}\nsha256 = {:?}\n", component.name(), component.sha256()));
    if component.areas().contains_key(&Area::Http) {
        text.push_str("\n[capabilities]\nhttp = [\"https://the-host-it-writes-to\"]\n");
    }
    text
}

fn indented(text: &str) -> String {
    text.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("  {line}\n") }).collect()
}
