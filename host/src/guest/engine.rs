//! One wasmtime engine for the process: its settings, and the way from a file to a component.

use std::{
    collections::HashMap,
    hash::{Hash, Hasher},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use wasmtime::{Config, OptLevel, component::Linker};
use wasmtime_wasi::p2::bindings::filesystem;

use super::{
    CodeCache, CompileLimits, Compiler, Component, Error, abi,
    cache::CodeId,
    clock::Clock,
    compile,
    component::{self, WeakComponent, hex},
    error::clip,
    state::State,
};
use crate::capability::{files::HasFiles, sockets};

/// Components that are compiled at a time. One compilation already uses all processors for most of its time.
const COMPILATIONS: usize = 2;
/// Components that are read and recognized at a time: those of very many connectors that start at once would all be in
/// memory together.
const LOADS: usize = 4;

/// Settings of the engine.
#[derive(Debug, Default)]
pub struct EngineOptions {
    /// Where compiled components are kept for the next start; without it every start compiles.
    pub cache: Option<CodeCache>,
    /// Where components are compiled.
    pub compiler: Compiler,
}

/// Compiles components and drives their instances. Clones share everything.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    engine: wasmtime::Engine,
    linker: Linker<State>,
    cache: Option<CodeCache>,
    compiler: Compiler,
    compilations: Semaphore,
    loads: Semaphore,
    /// What is in use, by its name in messages and its digest: connectors with the same component share its code.
    in_use: Mutex<HashMap<(String, String), WeakComponent>>,
    clock: Arc<Clock>,
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
    /// [`Error::Engine`] if wasmtime does not run on this machine.
    pub fn new(options: EngineOptions) -> Result<Self, Error> {
        let failed = |error| Error::engine(&error);
        let EngineOptions { cache, compiler } = options;
        let engine = wasmtime::Engine::new(&config()).map_err(failed)?;
        let linker = linker(&engine).map_err(failed)?;
        let clock = Clock::start(&engine).map_err(|error| Error::Engine { message: error.to_string() })?;
        let (compilations, loads) = (Semaphore::new(COMPILATIONS), Semaphore::new(LOADS));
        let in_use = Mutex::default();
        Ok(Self(Arc::new(Inner { engine, linker, cache, compiler, compilations, loads, in_use, clock })))
    }

    /// Where compiled components are kept.
    pub fn cache_path(&self) -> Option<&Path> {
        self.0.cache.as_ref().map(CodeCache::path)
    }

    /// Reads and compiles a file, away from the async threads.
    ///
    /// # Errors
    /// Everything that can be known before a start: [`Error::Read`], [`Error::TooLarge`], [`Error::Digest`] (checked before
    /// anything is done with the content), [`Error::NotAComponent`], [`Error::Compile`], [`Error::CompileTimeout`],
    /// [`Error::CompileMemory`], [`Error::CodeSize`], [`Error::World`], [`Error::Link`].
    pub async fn compile_file(
        &self,
        path: &Path,
        expected_sha256: Option<[u8; 32]>,
        limits: &CompileLimits,
    ) -> Result<Component, Error> {
        let name = path.display().to_string();
        let read = || {
            let (file, size) = (path.to_owned(), limits.size);
            blocking(move || compile::read(&file, size))
        };
        {
            let _turn = self.0.loads.acquire().await;
            let id = self.identify(&name, &read().await?, expected_sha256).await?;
            if let Some(component) = self.compiled_before(&name, &id).await {
                return component;
            }
        }
        // Those who wait here keep nothing in memory, lose no time of their own, and may find the work done.
        let _turn = self.0.compilations.acquire().await;
        let bytes = read().await?;
        self.compile_now(&name, bytes, expected_sha256, limits).await
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
        limits: &CompileLimits,
    ) -> Result<Component, Error> {
        let _turn = self.0.compilations.acquire().await;
        self.compile_now(name, bytes, expected_sha256, limits).await
    }

    /// Compiles, unless somebody has done so before.
    async fn compile_now(
        &self,
        name: &str,
        bytes: Bytes,
        expected_sha256: Option<[u8; 32]>,
        limits: &CompileLimits,
    ) -> Result<Component, Error> {
        let id = self.identify(name, &bytes, expected_sha256).await?;
        if let Some(component) = self.compiled_before(name, &id).await {
            return component;
        }
        let artifact = self.0.compiler.compile(&self.0.engine, name, bytes, limits).await?;
        let (this, name) = (self.clone(), name.to_owned());
        blocking(move || {
            let component = this.load(&name, &id, &artifact)?;
            if let Some(cache) = &this.0.cache {
                let kept = cache.store(&id, &artifact);
                kept.unwrap_or_else(
                    |error| tracing::warn!(folder = %cache.path().display(), %error, "compiled code is not kept"),
                );
            }
            Ok(component)
        })
        .await
    }

    async fn identify(&self, name: &str, bytes: &Bytes, expected_sha256: Option<[u8; 32]>) -> Result<CodeId, Error> {
        let (name, component) = (name.to_owned(), bytes.clone());
        let sha256 = blocking(move || component::identify(&name, &component, expected_sha256)).await?;
        Ok(CodeId { sha256, engine: fingerprint(&self.0.engine) })
    }

    /// What another connector uses, or what was compiled in an earlier run, if it still loads.
    async fn compiled_before(&self, name: &str, id: &CodeId) -> Option<Result<Component, Error>> {
        let in_use = self.in_use().get(&(name.to_owned(), id.sha256.clone())).and_then(WeakComponent::upgrade);
        if let Some(component) = in_use {
            return Some(Ok(component));
        }
        let (this, name, id) = (self.clone(), name.to_owned(), id.clone());
        let loaded = blocking(move || {
            let Some(artifact) = this.0.cache.as_ref().and_then(|cache| cache.load(&id)) else { return Ok(None) };
            match this.load(&name, &id, &artifact) {
                Err(Error::Engine { message }) => {
                    tracing::warn!(component = name, "kept code does not load, and is compiled anew: {message}");
                    Ok(None)
                }
                other => other.map(Some),
            }
        });
        loaded.await.transpose()
    }

    /// [`Error::Engine`]: the code is none of this engine.
    fn load(&self, name: &str, id: &CodeId, artifact: &[u8]) -> Result<Component, Error> {
        let Inner { engine, linker, clock, .. } = &*self.0;
        let no_code = || Error::Engine { message: "the compiler gave no code".into() };
        let (code, weight) = compile::artifact::parts(artifact).ok_or_else(no_code)?;
        #[expect(unsafe_code, reason = "there is no other way to keep code between runs")]
        // SAFETY: loading native code is as safe as the code is. This comes from the compiler that this host has just run
        // for itself, or from the cache, which gives out only what this user's host wrote and no one has changed since.
        let compiled = unsafe { wasmtime::component::Component::deserialize(engine, code) };
        let compiled = compiled.map_err(|error| Error::Engine { message: clip(format!("{error:#}")) })?;
        let component = component::build(linker, clock, name, id.sha256.clone(), &compiled, weight)?;
        let mut in_use = self.in_use();
        in_use.retain(|_, component| component.upgrade().is_some());
        in_use.insert((name.to_owned(), id.sha256.clone()), component.downgrade());
        Ok(component)
    }

    fn in_use(&self) -> MutexGuard<'_, HashMap<(String, String), WeakComponent>> {
        self.0.in_use.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs what blocks away from the async threads.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(Error::Engine { message: format!("loading a component was cut short: {error}") }))
}

/// How guests are compiled and run, by every host and every compiler of this version.
pub(super) fn config() -> Config {
    let mut config = Config::new();
    // Threads are not compiled in: without wasmtime's feature for them there is nothing to switch off.
    config
        .epoch_interruption(true)
        .wasm_component_model(true)
        // Components from QuickJS toolchains use it.
        .wasm_component_model_async(true)
        .memory_init_cow(true)
        .cranelift_opt_level(OptLevel::Speed);
    config
}

/// What code must have been compiled with for this engine to load it, wasmtime's version included. In hex.
fn fingerprint(engine: &wasmtime::Engine) -> String {
    struct Digesting(Sha256);

    impl Hasher for Digesting {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }

        fn finish(&self) -> u64 {
            0
        }
    }

    let mut hasher = Digesting(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hex(&hasher.0.finalize())
}

/// Everything that a guest may import. Whether it gets anywhere with it is decided by its grants.
pub(super) fn linker(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    // Folders are the host's own, in place of wasmtime-wasi's.
    linker.allow_shadowing(true);
    filesystem::types::add_to_linker::<State, HasFiles>(&mut linker, State::files)?;
    filesystem::preopens::add_to_linker::<State, HasFiles>(&mut linker, State::files)?;
    linker.allow_shadowing(false);
    sockets::add_to_linker(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    abi::add_to_linker(&mut linker)?;
    Ok(linker)
}
