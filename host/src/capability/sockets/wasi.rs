//! `wasi:sockets` and `wasi:tls` behind the grants. Wasmtime's implementation does the work; what makes sockets is counted
//! on its way there, what is sent keeps to the connector's rate, and lookups are our own.

use tokio::time::Instant;
use wasmtime::{
    StoreContextMut,
    component::{HasData, Linker, Resource, ResourceTable, ResourceType},
};
use wasmtime_wasi::{
    p2::{
        DynInputStream, DynOutputStream, DynPollable, Network, SocketError, SocketResult, TcpSocket, UdpSocket,
        bindings::sockets::{
            network::{self, ErrorCode, IpAddress, IpAddressFamily},
            tcp::HostTcpSocket as _,
            tcp_create_socket,
            udp::{HostOutgoingDatagramStream as _, OutgoingDatagram, OutgoingDatagramStream},
            udp_create_socket,
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
    paced::Paced,
    session::NoSocket,
};
use crate::capability::destination::Scheme;

/// The interfaces of which two functions are our own, with the version that wasmtime gives them.
const TCP: &str = "wasi:sockets/tcp@0.2.12";
const UDP: &str = "wasi:sockets/udp@0.2.12";

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
    add_rate(linker)?;
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

/// The two functions by which bytes go out.
fn add_rate<T: SocketsHost>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    linker.instance(TCP)?.func_wrap(
        "[method]tcp-socket.finish-connect",
        |mut store: StoreContextMut<'_, T>, (socket,): (Resource<TcpSocket>,)| {
            Ok((told(store.data_mut().view().connected(socket))?,))
        },
    )?;
    linker.instance(UDP)?.func_wrap_async(
        "[method]outgoing-datagram-stream.send",
        |mut store: StoreContextMut<'_, T>,
         (stream, datagrams): (Resource<OutgoingDatagramStream>, Vec<OutgoingDatagram>)| {
            Box::new(async move {
                let (sent, until) = store.data_mut().view().send(stream, datagrams);
                if let Some(until) = until {
                    tokio::time::sleep_until(until).await;
                }
                Ok((told(sent)?,))
            })
        },
    )
}

/// What the guest is told; a trap stays one.
fn told<T>(outcome: SocketResult<T>) -> wasmtime::Result<Result<T, ErrorCode>> {
    outcome.map_or_else(|error| error.downcast().map(Err), |value| Ok(Ok(value)))
}

type Streams = (Resource<DynInputStream>, Resource<DynOutputStream>);

impl View<'_> {
    /// The streams of a connection that is established, the one out at the connector's rate.
    pub(super) fn connected(&mut self, socket: Resource<TcpSocket>) -> SocketResult<Streams> {
        let parent = Resource::<TcpSocket>::new_borrow(socket.rep());
        let (input, output) = self.wasi.finish_connect(socket)?;
        let Some(rate) = &self.session.sockets().rate else { return Ok((input, output)) };
        let paced = Paced::new(self.wasi.table.delete(output)?, rate.clone());
        let output = self.wasi.table.push_child(Box::new(paced) as DynOutputStream, &parent)?;
        Ok((input, output))
    }

    /// Sends datagrams. Also says until when nothing more should be sent.
    pub(super) fn send(
        &mut self,
        stream: Resource<OutgoingDatagramStream>,
        datagrams: Vec<OutgoingDatagram>,
    ) -> (SocketResult<u64>, Option<Instant>) {
        let sizes: Vec<_> = datagrams.iter().map(|datagram| datagram.data.len() as u64).collect();
        let sent = self.wasi.send(stream, datagrams);
        let count = sent.as_ref().map_or(0, |sent| usize::try_from(*sent).unwrap_or(usize::MAX));
        let bytes: u64 = sizes.iter().take(count).sum();
        let until = self.session.sockets().rate.as_ref().and_then(|rate| rate.spend(bytes));
        (sent, until)
    }

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
