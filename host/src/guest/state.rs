//! What the host keeps for one instance: a WASI with nothing in it but the granted environment and sockets, what it has open
//! in the granted folders, its session on the gate, its log, and the account of its memory.

use std::sync::Arc;

use secrecy::ExposeSecret;
use wasmtime::{CallHook, ResourceLimiter, Store, component::ResourceTable};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView, filesystem::WasiFilesystemCtxView, sockets::WasiSocketsCtxView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};
use wasmtime_wasi_tls::{WasiTlsCtx, WasiTlsCtxBuilder, WasiTlsCtxView, WasiTlsView};

use super::{Error, InstanceLimits, InstanceOptions};
use crate::capability::{
    files::{Files, FilesView},
    http::{Session, WasiHooks},
    limit::{Limit, LimitHits},
    logging::GuestLog,
    sockets::{GuestTls, SocketSession, SocketsHost, View},
};
use crate::stages;

/// Random bytes that one call may ask for: making them is not interrupted.
const MOST_RANDOM: u64 = 1 << 20;
/// What one set of headers may take of the host's memory. Requests are held to less when they are sent.
const HEADER_BYTES: usize = 64 << 10;

/// The data of an instance's store.
pub(super) struct State {
    wasi: WasiCtx,
    table: ResourceTable,
    files: Files,
    http: WasiHttpCtx,
    hooks: WasiHooks,
    sockets: SocketSession,
    tls: WasiTlsCtx,
    pub(super) session: Session,
    pub(super) log: GuestLog,
    pub(super) memory: MemoryAccount,
    /// What the time of the call goes to, while that is measured.
    pub(super) call: Option<stages::Call>,
}

impl State {
    /// A store that yields at every tick of the engine and keeps to the limits.
    pub(super) fn store(engine: &wasmtime::Engine, options: &InstanceOptions) -> Store<Self> {
        let mut store = Store::new(engine, Self::new(options));
        store.limiter(|state| &mut state.memory);
        store.set_epoch_deadline(1);
        store.epoch_deadline_async_yield_and_update(1);
        let InstanceLimits { resources, hostcall_fuel, .. } = options.limits;
        store.set_hostcall_fuel(usize::try_from(hostcall_fuel).unwrap_or(usize::MAX));
        // Handles of WASI, the guest's own and those of its asynchronous calls live in tables of their own.
        store.set_max_component_handles(resources as usize);
        if let Some(table) = store.concurrent_resource_table() {
            table.set_max_capacity(resources as usize);
        }
        if stages::on() {
            store.call_hook(|mut store, where_to| {
                if let Some(call) = &mut store.data_mut().call {
                    match where_to {
                        CallHook::CallingWasm => call.enters(),
                        CallHook::ReturningFromWasm => call.leaves(),
                        CallHook::CallingHost => call.calls_host(),
                        CallHook::ReturningFromHost => call.host_returns(),
                    }
                }
                Ok(())
            });
        }
        store
    }

    fn new(options: &InstanceOptions) -> Self {
        let InstanceOptions { connector_name, instance, env, limits, gate, sockets, folders, log, .. } = options;
        let log = GuestLog::new(connector_name.clone(), *instance, log, gate.hits().clone());
        let session = gate.session(limits.memory);
        let sockets = sockets.session();
        let mut wasi = WasiCtx::builder();
        // Arguments are none, lookups are not wasmtime's: what a builder starts with. It has no folders either: `Files` has
        // them.
        wasi.stdout(log.stdout()).stderr(log.stderr());
        sockets.configure(&mut wasi);
        for (name, value) in env {
            wasi.env(name, value.expose_secret());
        }
        wasi.max_random_size(MOST_RANDOM);
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(HEADER_BYTES);
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.resources as usize);
        Self {
            wasi: wasi.build(),
            table,
            files: Files::new(folders.clone()),
            http,
            hooks: WasiHooks::new(session.clone()),
            tls: WasiTlsCtxBuilder::new().provider(Box::new(GuestTls::new(sockets.clone()))).build(),
            sockets,
            session,
            log,
            memory: MemoryAccount::new(limits.clone(), gate.hits().clone()),
            call: None,
        }
    }
}

impl State {
    /// What `wasi:filesystem` is called on.
    pub(super) fn files(&mut self) -> FilesView<'_> {
        let Self { wasi, table, files, .. } = self;
        FilesView { wasi: WasiFilesystemCtxView { ctx: wasi.filesystem(), table }, files }
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.hooks }
    }
}

impl SocketsHost for State {
    fn view(&mut self) -> View<'_> {
        let Self { wasi, table, sockets, .. } = self;
        View { wasi: WasiSocketsCtxView { ctx: wasi.sockets(), table }, session: sockets }
    }
}

impl WasiTlsView for State {
    fn tls(&mut self) -> WasiTlsCtxView<'_> {
        WasiTlsCtxView { ctx: &mut self.tls, table: &mut self.table }
    }
}

/// All linear memories and tables of one instance together, with what its core modules keep with the host, in bytes.
#[derive(Debug)]
pub(super) struct MemoryAccount {
    limits: InstanceLimits,
    hits: Arc<LimitHits>,
    used: u64,
    /// What was allowed last, in case the machine does not have it.
    last: u64,
    refused: bool,
}

impl MemoryAccount {
    fn new(limits: InstanceLimits, hits: Arc<LimitHits>) -> Self {
        Self { limits, hits, used: 0, last: 0, refused: false }
    }

    /// Counts what the host keeps for the instance besides, before any of it is there.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`]: it is not to be.
    pub(super) fn take(&mut self, bytes: u64) -> Result<(), Error> {
        self.used = self.used.saturating_add(bytes);
        if self.used <= self.limits.memory {
            return Ok(());
        }
        self.hits.hit(Limit::Memory);
        Err(Error::OutOfMemory { limit: self.limits.memory })
    }

    /// Bytes in use.
    pub(super) fn used(&self) -> u64 {
        self.used
    }

    /// Forgets that memory was refused: what counts is whether it was during this call.
    pub(super) fn start_call(&mut self) {
        self.refused = false;
    }

    /// The limit, if memory was refused since the call began.
    pub(super) fn refused(&self) -> Option<u64> {
        self.refused.then_some(self.limits.memory)
    }

    /// Where hits are counted.
    pub(super) fn hits(&self) -> &LimitHits {
        &self.hits
    }

    /// All limits of the instance.
    pub(super) fn limits(&self) -> &InstanceLimits {
        &self.limits
    }

    fn grow(&mut self, current: usize, desired: usize, maximum: Option<usize>, unit: usize) -> bool {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return false;
        }
        let more = (desired.saturating_sub(current) as u64).saturating_mul(unit as u64);
        let used = self.used.saturating_add(more);
        if used > self.limits.memory {
            self.refused = true;
            self.hits.hit(Limit::Memory);
            return false;
        }
        (self.used, self.last) = (used, more);
        true
    }

    fn take_back(&mut self) {
        self.used -= std::mem::take(&mut self.last);
    }
}

impl ResourceLimiter for MemoryAccount {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(self.grow(current, desired, maximum, 1))
    }

    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.take_back();
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(self.grow(current, desired, maximum, size_of::<usize>()))
    }

    fn table_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.take_back();
        Ok(())
    }

    fn instances(&self) -> usize {
        self.limits.core_instances as usize
    }

    fn memories(&self) -> usize {
        self.limits.memories as usize
    }

    fn tables(&self) -> usize {
        self.limits.tables as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account() -> MemoryAccount {
        let limits = InstanceLimits { memory: 100, ..InstanceLimits::default() };
        MemoryAccount::new(limits, Arc::new(LimitHits::new("orders")))
    }

    #[test]
    fn memories_and_tables_are_summed() {
        let mut account = account();
        assert!(account.memory_growing(0, 40, None).unwrap());
        assert!(account.memory_growing(0, 40, Some(50)).unwrap());
        assert!(!account.memory_growing(40, 60, Some(50)).unwrap());
        assert_eq!((account.used(), account.refused()), (80, None));
        assert!(account.table_growing(0, 2, None).unwrap());
        assert!(!account.table_growing(2, 3, None).unwrap());
        assert_eq!((account.used(), account.refused()), (96, Some(100)));
        account.start_call();
        assert_eq!(account.refused(), None);
        assert!(!account.memory_growing(40, usize::MAX, None).unwrap());
        assert_eq!((account.used(), account.refused()), (96, Some(100)));
        // What the module itself limits is not counted.
        assert_eq!(account.hits().count(Limit::Memory), 2);
    }

    #[test]
    fn memory_that_the_machine_does_not_have_is_not_counted() {
        let mut account = account();
        assert!(account.memory_growing(0, 60, None).unwrap());
        assert!(account.memory_growing(60, 90, None).unwrap());
        account.memory_grow_failed(wasmtime::Error::msg("no")).unwrap();
        assert_eq!(account.used(), 60);
        account.memory_grow_failed(wasmtime::Error::msg("no")).unwrap();
        assert_eq!(account.used(), 60);
    }
}
