//! One wasmtime engine for the process: its settings, its clock, and the way from a file to a component.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use bytes::Bytes;
use wasmtime::{Cache, CacheConfig, Config, OptLevel, component::Linker};

use super::{Component, Error, abi, component, state::State};

/// How long a guest may compute before it makes room for other tasks. Deadlines are checked at the same moments.
const TICK: Duration = Duration::from_millis(10);

/// Settings of the engine.
#[derive(Debug, Clone, Default)]
pub struct EngineOptions {
    /// Where compiled components are kept for the next start; without it every start compiles.
    pub cache_dir: Option<PathBuf>,
}

/// Compiles components and drives their instances. Clones share everything.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    engine: wasmtime::Engine,
    linker: Linker<State>,
    // Dropping it ends the clock.
    _clock: mpsc::Sender<()>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}

impl Engine {
    /// Sets up wasmtime and starts the clock that makes guests yield.
    ///
    /// # Errors
    /// [`Error::Engine`] if wasmtime does not run on this machine or the cache folder can't be used.
    pub fn new(options: &EngineOptions) -> Result<Self, Error> {
        let failed = |error| Error::engine(&error);
        let engine = wasmtime::Engine::new(&config(options)?).map_err(failed)?;
        let linker = linker(&engine).map_err(failed)?;
        let clock = start_clock(&engine).map_err(|error| Error::Engine { message: error.to_string() })?;
        Ok(Self(Arc::new(Inner { engine, linker, _clock: clock })))
    }

    /// Reads and compiles a file, away from the async threads.
    ///
    /// # Errors
    /// Everything that can be known before a start: [`Error::Read`], [`Error::Digest`] (checked before anything is done
    /// with the content), [`Error::NotAComponent`], [`Error::Compile`], [`Error::World`], [`Error::Link`].
    pub async fn compile_file(&self, path: &Path, expected_sha256: Option<[u8; 32]>) -> Result<Component, Error> {
        let bytes = tokio::fs::read(path).await;
        let bytes = bytes.map_err(|source| Error::Read { path: path.to_owned(), source })?;
        self.compile(&path.display().to_string(), bytes.into(), expected_sha256).await
    }

    /// Compiles bytes, away from the async threads. `name` stands for them in messages.
    ///
    /// # Errors
    /// As [`Self::compile_file`].
    pub async fn compile(
        &self,
        name: &str,
        bytes: Bytes,
        expected_sha256: Option<[u8; 32]>,
    ) -> Result<Component, Error> {
        let (this, name) = (self.clone(), name.to_owned());
        let compiling = tokio::task::spawn_blocking(move || {
            let Inner { engine, linker, .. } = &*this.0;
            component::build(engine, linker, &name, &bytes, expected_sha256)
        });
        compiling.await.map_err(|error| Error::Engine { message: format!("compiling was cut short: {error}") })?
    }
}

fn config(options: &EngineOptions) -> Result<Config, Error> {
    let mut config = Config::new();
    // Threads are not compiled in: without wasmtime's feature for them there is nothing to switch off.
    config
        .epoch_interruption(true)
        .wasm_component_model(true)
        // Components from QuickJS toolchains use it.
        .wasm_component_model_async(true)
        .memory_init_cow(true)
        .cranelift_opt_level(OptLevel::Speed);
    if let Some(dir) = &options.cache_dir {
        let unusable = |error: wasmtime::Error| Error::Engine {
            message: format!("can't use `{}` as the cache: {error:#}", dir.display()),
        };
        let dir = std::path::absolute(dir).map_err(|error| unusable(error.into()))?;
        let mut settings = CacheConfig::new();
        settings.with_directory(dir);
        config.cache(Some(Cache::new(settings).map_err(unusable)?));
    }
    Ok(config)
}

/// Everything that a guest may import. Whether it gets anywhere with it is decided by its grants.
pub(super) fn linker(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    abi::add_to_linker(&mut linker)?;
    Ok(linker)
}

/// A thread of its own: on a runtime whose threads are all busy with guests, a task would never get to tick.
fn start_clock(engine: &wasmtime::Engine) -> std::io::Result<mpsc::Sender<()>> {
    let (alive, ended) = mpsc::channel();
    let engine = engine.weak();
    thread::Builder::new().name("guest-clock".into()).spawn(move || {
        while ended.recv_timeout(TICK) == Err(mpsc::RecvTimeoutError::Timeout) {
            let Some(engine) = engine.upgrade() else { break };
            engine.increment_epoch();
        }
    })?;
    Ok(alive)
}
