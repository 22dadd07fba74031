//! `--host-config`, which the commands have in common that load connector files to run or judge them.

use std::path::{Path, PathBuf};

use super::{Files, Stop};
use crate::config::{self, Environment, Policy};

/// What bounds the connector files.
#[derive(Debug, clap::Args)]
pub(super) struct Operator {
    /// The operator's file: its [policy] bounds what any connector file may grant and ask for. Without it nothing does.
    #[arg(long, env = "DANUBE_WASM_HOST_CONFIG", value_name = "FILE")]
    host_config: Option<PathBuf>,
}

impl Operator {
    pub(super) fn policy(&self, environment: &Environment) -> Result<Policy, Stop> {
        let Some(file) = &self.host_config else { return Ok(Policy::default()) };
        Policy::load(file, environment).map_err(|error| Stop::Usage(error.render(super::color())))
    }

    /// A line about each `host.toml` among the connector files that is not in force, since its author believes it is.
    pub(super) fn idle(&self, files: &Files, environment: &Environment) -> Vec<String> {
        let same = |file: &Path, other: &Path| std::fs::canonicalize(file).ok() == std::fs::canonicalize(other).ok();
        let in_force = |file: &PathBuf| self.host_config.as_deref().is_some_and(|given| same(given, file));
        let idle = config::host_files(&files.paths, environment).into_iter().filter(|file| !in_force(file));
        let line = |file: PathBuf| {
            let file = file.display();
            format!(
                "warning: {file} is not in force\nhelp: name it with `--host-config {file}`, or `DANUBE_WASM_HOST_CONFIG`"
            )
        };
        idle.map(line).collect()
    }
}
