//! `wasi:sockets` and `wasi:tls` behind the grants. Wasmtime's implementation does the work; what makes sockets is counted
//! on its way there, and lookups are our own.

use wasmtime::{
    StoreContextMut,
    component::{HasData, Linker, Resource, ResourceTable, ResourceType},
};
use wasmtime_wasi::{
    p2::{
        DynPollable, Network, SocketError, SocketResult, TcpSocket, UdpSocket,
        bindings::sockets::{
            network::{self, ErrorCode, IpAddress, IpAddressFamily},
            tcp_create_socket, udp_create_socket,
        },
        subscribe,
    },
    sockets::WasiSocketsCtxView,
};
use wasmtime_wasi_tls::{
    WasiTlsView,
    p2::{HostClientConnection, HostClientHandshake, HostFutureClientStreams},
};

use super::{
    SocketSession,
    lookup::{Addresses, INTERFACE},
    session::NoSocket,
};
use crate::capability::destination::Scheme;

/// The sockets of one instance, as its store has them.
pub struct View<'a> {
    /// Wasmtime's part.
    pub wasi: WasiSocketsCtxView<'a>,
    /// Ours.
    pub session: &'a SocketSession,
}

/// A store's data that has sockets in it.
pub trait SocketsHost: WasiTlsView + 'static {
    /// Its sockets.
    fn view(&mut self) -> View<'_>;
}

struct Sockets;

impl HasData for Sockets {
    type Data<'a> = View<'a>;
}

/// Puts what decides and counts in the place of wasmtime's own, which must be in `linker` already, and adds TLS.
///
/// # Errors
/// The linker has something else by one of the names.
pub fn add_to_linker<T: SocketsHost>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    tcp_create_socket::add_to_linker::<T, Sockets>(linker, T::view)?;
    udp_create_socket::add_to_linker::<T, Sockets>(linker, T::view)?;
    add_lookup(linker)?;
    linker.allow_shadowing(false);
    wasmtime_wasi_tls::p2::add_to_linker(linker, wasmtime_wasi_tls::p2::LinkOptions::default().tls(true))
}

fn add_lookup<T: SocketsHost>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    let stream = ResourceType::host::<Addresses>();
    let mut interface = linker.instance(INTERFACE)?;
    interface.resource("resolve-address-stream", stream, |mut store: StoreContextMut<'_, T>, rep| {
        store.data_mut().view().wasi.table.delete(Resource::<Addresses>::new_own(rep))?;
        Ok(())
    })?;
    interface.func_wrap(
        "resolve-addresses",
        |mut store: StoreContextMut<'_, T>, (network, name): (Resource<Network>, String)| {
            let View { wasi, session } = store.data_mut().view();
            // It stands for the right to ask.
            wasi.table.get(&network)?;
            let addresses = Addresses::of(session.clone(), name);
            Ok((Ok::<_, ErrorCode>(wasi.table.push(addresses)?),))
        },
    )?;
    interface.func_wrap(
        "[method]resolve-address-stream.resolve-next-address",
        |mut store: StoreContextMut<'_, T>, (stream,): (Resource<Addresses>,)| {
            let next: Result<Option<IpAddress>, ErrorCode> =
                store.data_mut().view().wasi.table.get_mut(&stream)?.next();
            Ok((next,))
        },
    )?;
    interface.func_wrap(
        "[method]resolve-address-stream.subscribe",
        |mut store: StoreContextMut<'_, T>, (stream,): (Resource<Addresses>,)| {
            let pollable: Resource<DynPollable> = subscribe(store.data_mut().view().wasi.table, stream)?;
            Ok((pollable,))
        },
    )
}

impl View<'_> {
    fn admit(&mut self, scheme: Scheme) -> SocketResult<()> {
        let open = open(self.wasi.table);
        self.session.admit(scheme, open).map_err(|refused| match refused {
            NoSocket::Denied => ErrorCode::AccessDenied.into(),
            NoSocket::Limit => ErrorCode::NewSocketLimit.into(),
        })
    }
}

/// How many sockets are open. A TLS session takes its socket along when the guest drops that one, so it is one, too.
fn open(table: &mut ResourceTable) -> usize {
    let is_open = |entry: &&mut (dyn std::any::Any + Send)| {
        entry.is::<TcpSocket>()
            || entry.is::<UdpSocket>()
            || entry.is::<HostClientHandshake>()
            || entry.is::<HostFutureClientStreams>()
            || entry.is::<HostClientConnection>()
    };
    table.iter_mut().filter(is_open).count()
}

impl tcp_create_socket::Host for View<'_> {
    fn create_tcp_socket(&mut self, family: IpAddressFamily) -> SocketResult<Resource<TcpSocket>> {
        self.admit(Scheme::Tcp)?;
        self.wasi.create_tcp_socket(family)
    }
}

impl udp_create_socket::Host for View<'_> {
    async fn create_udp_socket(&mut self, family: IpAddressFamily) -> SocketResult<Resource<UdpSocket>> {
        self.admit(Scheme::Udp)?;
        self.wasi.create_udp_socket(family).await
    }
}

impl network::Host for View<'_> {
    fn convert_error_code(&mut self, error: SocketError) -> wasmtime::Result<ErrorCode> {
        self.wasi.convert_error_code(error)
    }

    fn network_error_code(&mut self, error: Resource<wasmtime::Error>) -> wasmtime::Result<Option<ErrorCode>> {
        self.wasi.network_error_code(error)
    }
}

impl network::HostNetwork for View<'_> {
    fn drop(&mut self, network: Resource<Network>) -> wasmtime::Result<()> {
        network::HostNetwork::drop(&mut self.wasi, network)
    }
}
