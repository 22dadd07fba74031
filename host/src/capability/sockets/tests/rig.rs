//! What a guest does with sockets, done to the host's own functions without a guest; and the other ends.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use wasmtime::component::{Resource, ResourceTable};
use wasmtime_wasi::{
    WasiCtx,
    p2::{
        DynInputStream, DynOutputStream, Network, Pollable, SocketError, StreamError, TcpSocket, UdpSocket,
        bindings::sockets::{
            instance_network::Host as _,
            network::{ErrorCode, IpAddressFamily},
            tcp::HostTcpSocket as _,
            tcp_create_socket::Host as _,
            udp_create_socket::Host as _,
        },
    },
    sockets::WasiSocketsCtxView,
};
use wasmtime_wasi_tls::{WasiTlsCtx, WasiTlsCtxBuilder, WasiTlsCtxView};

use super::super::{GuestTls, Resolver, SocketGrant, SocketOptions, SocketSession, Sockets, View};
use crate::capability::destination::{Grant, range};

/// A connector's sockets with these grants, and a resolver that knows nobody.
pub(super) fn sockets(grants: &[&str]) -> SocketOptions {
    let granted = |text: &&str| SocketGrant { grant: Grant::parse(text).unwrap(), tls: None };
    let unknown = |_| async { Err(std::io::Error::other("unknown")) };
    let grants = grants.iter().map(granted).collect();
    SocketOptions { resolver: Resolver::from_fn(unknown), ..SocketOptions::new("orders", "orders.toml", grants) }
}

/// The same with a name that leads to these addresses, all of which the grants open.
pub(super) fn named(grants: &[&str], answers: impl Fn(&str) -> Vec<IpAddr> + Send + Sync + 'static) -> SocketOptions {
    let mut options = sockets(grants);
    for granted in &mut options.grants {
        granted.grant = granted.grant.clone().with_addresses(vec![range("127.0.0.1").unwrap()]);
    }
    let resolver = Resolver::from_fn(move |name| {
        let found = answers(&name);
        async move { if found.is_empty() { Err(std::io::Error::other("unknown")) } else { Ok(found) } }
    });
    SocketOptions { resolver, ..options }
}

pub(super) fn open(options: SocketOptions) -> Arc<Sockets> {
    Arc::new(Sockets::new(options).unwrap())
}

/// An instance, as far as its sockets go.
pub(super) struct Guest {
    wasi: WasiCtx,
    tls: WasiTlsCtx,
    pub(super) table: ResourceTable,
    pub(super) session: SocketSession,
}

/// A connected socket.
pub(super) struct Stream {
    pub(super) socket: Resource<TcpSocket>,
    pub(super) input: Resource<DynInputStream>,
    pub(super) output: Resource<DynOutputStream>,
}

/// Another handle for the same thing.
pub(super) fn again<T: 'static>(handle: &Resource<T>) -> Resource<T> {
    Resource::new_own(handle.rep())
}

/// What the guest is told.
pub(super) fn told<T>(outcome: Result<T, SocketError>) -> Result<T, ErrorCode> {
    outcome.map_err(|error| error.downcast().unwrap())
}

pub(super) fn family(ip: IpAddr) -> IpAddressFamily {
    if ip.is_ipv4() { IpAddressFamily::Ipv4 } else { IpAddressFamily::Ipv6 }
}

impl Guest {
    pub(super) fn new(sockets: &Arc<Sockets>) -> Self {
        let session = sockets.session();
        let mut wasi = WasiCtx::builder();
        session.configure(&mut wasi);
        let tls = WasiTlsCtxBuilder::new().provider(Box::new(GuestTls::new(session.clone()))).build();
        Self { wasi: wasi.build(), tls, table: ResourceTable::new(), session }
    }

    pub(super) fn view(&mut self) -> View<'_> {
        View { wasi: WasiSocketsCtxView { ctx: self.wasi.sockets(), table: &mut self.table }, session: &self.session }
    }

    pub(super) fn tls(&mut self) -> WasiTlsCtxView<'_> {
        WasiTlsCtxView { ctx: &mut self.tls, table: &mut self.table }
    }

    pub(super) fn network(&mut self) -> Resource<Network> {
        self.view().wasi.instance_network().unwrap()
    }

    pub(super) fn tcp(&mut self, family: IpAddressFamily) -> Result<Resource<TcpSocket>, ErrorCode> {
        told(self.view().create_tcp_socket(family))
    }

    pub(super) async fn udp(&mut self, family: IpAddressFamily) -> Result<Resource<UdpSocket>, ErrorCode> {
        told(self.view().create_udp_socket(family).await)
    }

    pub(super) async fn connect(&mut self, at: SocketAddr) -> Result<Stream, ErrorCode> {
        let (network, socket) = (self.network(), self.tcp(family(at.ip()))?);
        told(self.view().wasi.start_connect(again(&socket), network, at.into()))?;
        self.table.get_mut(&socket).unwrap().ready().await;
        let (input, output) = told(self.view().connected(again(&socket)))?;
        Ok(Stream { socket, input, output })
    }

    /// Sends a line and reads what comes back, up to the end of it.
    pub(super) async fn say(
        &mut self,
        input: &Resource<DynInputStream>,
        output: &Resource<DynOutputStream>,
        line: &str,
    ) -> String {
        let writer = self.table.get_mut(output).unwrap();
        writer.blocking_write_and_flush(format!("{line}\n").into()).await.unwrap();
        let reader = self.table.get_mut(input).unwrap();
        let mut heard = Vec::new();
        while !heard.ends_with(b"\n") {
            match reader.blocking_read(100).await {
                Ok(bytes) => heard.extend(bytes),
                Err(StreamError::Closed) => break,
                Err(error) => panic!("{error}"),
            }
        }
        String::from_utf8(heard).unwrap()
    }
}

/// A server that gives back what it gets, and how many have connected.
pub(super) async fn echo(at: &str) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(at).await.unwrap();
    let (address, seen) = (listener.local_addr().unwrap(), Arc::<AtomicUsize>::default());
    let counted = seen.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                let mut buffer = [0; 1000];
                while let Ok(read @ 1..) = stream.read(&mut buffer).await {
                    stream.write_all(&buffer[..read]).await.unwrap();
                }
            });
        }
    });
    (address, seen)
}
