//! Names and connections.

use std::{fmt, future::poll_fn, io, net::IpAddr};

use wasip2::{
    io::poll::Pollable,
    sockets::{
        instance_network::instance_network,
        ip_name_lookup::resolve_addresses,
        network::{
            ErrorCode, IpAddress, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, Ipv6SocketAddress, Network,
        },
        tcp::{ShutdownType, TcpSocket},
        tcp_create_socket::create_tcp_socket,
    },
};

use super::{
    reactor::Interest,
    stream::{Halves, tokio_stream},
    tls::{self, TlsStream},
};

/// A connection. It is closed when it is dropped.
pub struct TcpStream {
    // Goes before the socket.
    halves: Halves,
    socket: TcpSocket,
}

impl TcpStream {
    /// Connects to the first address of a host that answers. The host is a name or an IP address.
    ///
    /// # Errors
    ///
    /// [`PermissionDenied`](io::ErrorKind::PermissionDenied) when the connector's file does not grant it, else what
    /// the last address said.
    pub async fn connect(host: &str, port: u16) -> io::Result<Self> {
        let network = instance_network();
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for address in addresses(&network, host).await? {
            match connect(&network, address, port).await {
                Ok(stream) => return Ok(stream),
                Err(code) => last = failed(code),
            }
        }
        Err(last)
    }

    /// Begins TLS, which the host does, with a server that has a certificate for `server`: a name or an IP address.
    ///
    /// # Errors
    ///
    /// When no grant names the server, when it can't show a certificate that the grant trusts, or when the connection
    /// breaks. The text says which.
    pub async fn into_tls(self, server: &str) -> io::Result<TlsStream> {
        let Self { halves, socket } = self;
        let (input, output) = halves.into_parts();
        tls::handshake(server, input, output, socket).await
    }

    fn end(&mut self) -> io::Result<()> {
        self.socket.shutdown(ShutdownType::Send).map_err(failed)
    }
}

tokio_stream!(TcpStream);

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpStream").finish_non_exhaustive()
    }
}

async fn addresses(network: &Network, host: &str) -> io::Result<Vec<IpAddress>> {
    if let Ok(address) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
        return Ok(vec![wasi(address)]);
    }
    let lookup = resolve_addresses(network, host).map_err(failed)?;
    let mut found = Vec::new();
    loop {
        match lookup.resolve_next_address() {
            Ok(Some(address)) => found.push(address),
            Ok(None) => return Ok(found),
            Err(ErrorCode::WouldBlock) => ready(lookup.subscribe()).await,
            Err(code) => return Err(failed(code)),
        }
    }
}

async fn connect(network: &Network, address: IpAddress, port: u16) -> Result<TcpStream, ErrorCode> {
    let (family, to) = match address {
        IpAddress::Ipv4(address) => (IpAddressFamily::Ipv4, IpSocketAddress::Ipv4(Ipv4SocketAddress { port, address })),
        IpAddress::Ipv6(address) => {
            let to = Ipv6SocketAddress { port, address, flow_info: 0, scope_id: 0 };
            (IpAddressFamily::Ipv6, IpSocketAddress::Ipv6(to))
        }
    };
    let socket = create_tcp_socket(family)?;
    socket.start_connect(network, to)?;
    loop {
        match socket.finish_connect() {
            Ok((input, output)) => return Ok(TcpStream { halves: Halves::new(input, output), socket }),
            Err(ErrorCode::WouldBlock) => ready(socket.subscribe()).await,
            Err(code) => return Err(code),
        }
    }
}

pub(super) async fn ready(pollable: Pollable) {
    let interest = Interest::new(pollable);
    poll_fn(|context| interest.poll(context)).await;
}

fn wasi(address: IpAddr) -> IpAddress {
    match address {
        IpAddr::V4(address) => IpAddress::Ipv4(address.octets().into()),
        IpAddr::V6(address) => IpAddress::Ipv6(address.segments().into()),
    }
}

fn failed(code: ErrorCode) -> io::Error {
    let kind = match code {
        ErrorCode::AccessDenied => io::ErrorKind::PermissionDenied,
        ErrorCode::ConnectionRefused => io::ErrorKind::ConnectionRefused,
        ErrorCode::ConnectionReset | ErrorCode::ConnectionAborted => io::ErrorKind::ConnectionReset,
        ErrorCode::NameUnresolvable => io::ErrorKind::NotFound,
        ErrorCode::Timeout => io::ErrorKind::TimedOut,
        ErrorCode::AddressInUse
        | ErrorCode::AddressNotBindable
        | ErrorCode::ConcurrencyConflict
        | ErrorCode::DatagramTooLarge
        | ErrorCode::InvalidArgument
        | ErrorCode::InvalidState
        | ErrorCode::NewSocketLimit
        | ErrorCode::NotInProgress
        | ErrorCode::NotSupported
        | ErrorCode::OutOfMemory
        | ErrorCode::PermanentResolverFailure
        | ErrorCode::RemoteUnreachable
        | ErrorCode::TemporaryResolverFailure
        | ErrorCode::Unknown
        | ErrorCode::WouldBlock => io::ErrorKind::Other,
    };
    io::Error::new(kind, code.name())
}
