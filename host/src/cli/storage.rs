//! Where compiled components are kept between runs.

use std::path::{Path, PathBuf};

use super::Stop;
use crate::{
    config::Environment,
    guest::{CacheError, CodeCache, Compiler, EngineOptions},
};

/// Under the folder for what programs can make anew.
const NAME: &str = "danube-wasm";

/// Where compiled components are kept.
#[derive(Debug, clap::Args)]
pub(super) struct Storage {
    /// Keep compiled components here, so that the next start is fast. Nobody but this user may write to the folder.
    /// Default: $CACHE_DIRECTORY, else danube-wasm in $XDG_CACHE_HOME or in $HOME/.cache.
    #[arg(long, env = "DANUBE_WASM_CACHE_DIR", value_name = "FOLDER")]
    cache_dir: Option<PathBuf>,
    /// Keep no compiled components.
    #[arg(long, conflicts_with = "cache_dir")]
    no_cache: bool,
}

impl Storage {
    /// How components are compiled and kept.
    pub(super) fn engine(&self, environment: &Environment) -> Result<EngineOptions, Stop> {
        Ok(EngineOptions { cache: self.cache(environment)?, compiler: Compiler::this_program() })
    }

    /// A folder that was asked for must do; without the one that was not, every start compiles.
    fn cache(&self, environment: &Environment) -> Result<Option<CodeCache>, Stop> {
        if self.no_cache {
            return Ok(None);
        }
        if let Some(folder) = &self.cache_dir {
            let wrong = |error: CacheError| {
                let help = "help: name a folder that only this user can write to, or use --no-cache";
                Stop::Usage(format!("error: cannot keep compiled code: {error}\n{help}"))
            };
            return CodeCache::open(folder).map(Some).map_err(wrong);
        }
        let Some(folder) = default_folder(environment) else { return Ok(None) };
        let open = CodeCache::open(&folder);
        let warn = |error: &CacheError| {
            tracing::warn!("cannot keep compiled code, so that every start compiles: {error}; see --cache-dir");
        };
        Ok(open.inspect_err(warn).ok())
    }
}

/// What systemd made for the service, or where this user keeps what programs can make anew.
fn default_folder(environment: &Environment) -> Option<PathBuf> {
    let folder = |name| environment.get(name).map(Path::new).filter(|path| path.is_absolute());
    // Systemd separates several folders by colons.
    let service = environment.get("CACHE_DIRECTORY").and_then(|folders| folders.split(':').next());
    let service = service.map(Path::new).filter(|path| path.is_absolute()).map(Path::to_owned);
    service
        .or_else(|| folder("XDG_CACHE_HOME").map(|path| path.join(NAME)))
        .or_else(|| folder("HOME").map(|path| path.join(".cache").join(NAME)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_the_services_folder_or_the_users() {
        let folder = |pairs: &[(&str, &str)]| default_folder(&Environment::from_pairs(pairs.iter().copied()));
        let home = ("HOME", "/home/a");
        assert_eq!(folder(&[home, ("XDG_CACHE_HOME", "/x"), ("CACHE_DIRECTORY", "/c:/d")]), Some("/c".into()));
        assert_eq!(folder(&[home, ("XDG_CACHE_HOME", "/x")]), Some("/x/danube-wasm".into()));
        // What is relative is to be ignored.
        assert_eq!(folder(&[home, ("XDG_CACHE_HOME", "x")]), Some("/home/a/.cache/danube-wasm".into()));
        assert_eq!(folder(&[("CACHE_DIRECTORY", "")]), None);
    }
}
