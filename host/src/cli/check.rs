//! `danube-wasm check`: everything that can be known without a broker and without starting a guest.

use std::{process::ExitCode, sync::Arc};

use serde_json::{Value, json};

use super::{Files, Operator, Stop, findings};
use crate::{
    capability::limit::LimitHits,
    config::{self, Config, Environment},
    connector::{compile_limits, folders, tls_mistakes},
    guest::{Compiler, Component, Engine, EngineOptions},
};

/// `danube-wasm check`
#[derive(Debug, clap::Args)]
pub(super) struct Check {
    #[command(flatten)]
    files: Files,
    #[command(flatten)]
    operator: Operator,
    /// Print each config as it is understood: defaults filled in, secrets redacted.
    #[arg(long)]
    print_config: bool,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// What came of one file.
struct Checked {
    file: String,
    connector: Option<String>,
    component: Option<Component>,
    warnings: Vec<String>,
    error: Option<String>,
    config: Option<String>,
}

impl Check {
    pub(super) async fn execute(self, environment: &Environment) -> Result<ExitCode, Stop> {
        let policy = self.operator.policy(environment)?;
        for warning in self.operator.idle(&self.files, environment) {
            eprintln!("{warning}");
        }
        let engine = Engine::new(EngineOptions { cache: None, compiler: Compiler::this_program() })?;
        let mut checked = Vec::new();
        for (path, loaded) in config::load_each(&self.files.paths, environment, &policy) {
            let file = path.display().to_string();
            checked.push(match loaded {
                Ok(config) => self.check(file, &config, &engine).await,
                Err(error) => Checked { error: Some(error.render(super::color())), ..Checked::of(file) },
            });
        }
        let failed = checked.iter().filter(|file| file.error.is_some()).count();
        if self.json {
            let files: Vec<Value> = checked.iter().map(Checked::to_json).collect();
            println!("{}", json!({ "ok": failed == 0, "files": files }));
        } else {
            checked.iter().for_each(Checked::print);
        }
        Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(2) })
    }

    async fn check(&self, file: String, config: &Config, engine: &Engine) -> Checked {
        let mut checked = Checked {
            connector: Some(config.connector_name.clone()),
            warnings: config.warnings.iter().map(|warning| warning.render(super::color())).collect(),
            config: self.print_config.then(|| config::print_config(config)),
            ..Checked::of(file)
        };
        let hits = Arc::new(LimitHits::new(config.connector_name.as_str()));
        if let Err(error) = folders(config, None, hits).await {
            checked.error = Some(format!("error: {error}\n --> {}\n", checked.file));
            return checked;
        }
        let mistakes: Vec<_> = tls_mistakes(config).iter().map(|mistake| format!("error: {mistake}\n")).collect();
        if !mistakes.is_empty() {
            checked.error = Some(mistakes.join("\n"));
            return checked;
        }
        let limits = compile_limits(&config.limits);
        match engine.compile_file(&config.component.path, config.component.sha256, &limits).await {
            Ok(component) => {
                checked.warnings.extend(findings::grants_against_imports(config, &component));
                checked.component = Some(component);
            }
            Err(error) => {
                checked.error = Some(format!("error: {error}\n --> {}: `path` under [component]\n", checked.file));
            }
        }
        checked
    }
}

impl Checked {
    fn of(file: String) -> Self {
        Self { file, connector: None, component: None, warnings: Vec::new(), error: None, config: None }
    }

    fn print(&self) {
        for warning in &self.warnings {
            eprintln!("{}", warning.trim_end());
        }
        match (&self.error, &self.connector, &self.component) {
            (Some(error), _, _) => eprintln!("{}", error.trim_end()),
            (None, Some(connector), Some(component)) => println!(
                "{}: ok: connector `{connector}`, contract {}, sha256 {}",
                self.file,
                component.contract(),
                component.sha256()
            ),
            (None, _, _) => {}
        }
        if let Some(config) = &self.config {
            print!("{config}");
        }
    }

    fn to_json(&self) -> Value {
        json!({
            "file": self.file,
            "connector": self.connector,
            "ok": self.error.is_none(),
            "error": self.error,
            "warnings": self.warnings,
            "contract": self.component.as_ref().map(|component| component.contract().to_string()),
            "sha256": self.component.as_ref().map(Component::sha256),
            "config": self.config,
        })
    }
}
