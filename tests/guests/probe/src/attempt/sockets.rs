//! Sockets and names, mostly as a program of the standard library would use them.

use std::{
    io::{self, Write},
    mem,
    net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs, UdpSocket},
};

use wasip2::{
    io::streams::{InputStream, OutputStream},
    sockets::{
        instance_network::instance_network,
        ip_name_lookup::resolve_addresses,
        network::{ErrorCode, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress},
        tcp::TcpSocket,
        tcp_create_socket::create_tcp_socket,
    },
};

use super::counted;
use crate::bindings::tls::ClientHandshake;

fn told<T>(outcome: io::Result<T>, done: &str) -> String {
    outcome.map_or_else(|error| format!("{:?}: {error}", error.kind()), |_| done.to_owned())
}

pub(super) fn connect(at: &str) -> String {
    told(TcpStream::connect(at).and_then(|mut stream| stream.write_all(b"GET / HTTP/1.0\r\n\r\n")), "connected")
}

/// Keeps what it gets.
pub(super) fn connect_all(at: &str, count: usize) -> String {
    counted((0..count).map(|_| told(TcpStream::connect(at).map(mem::forget), "connected")))
}

/// Keeps what it gets, and connects none.
pub(super) fn sockets(count: usize) -> String {
    let made = || create_tcp_socket(IpAddressFamily::Ipv4).map(mem::forget);
    counted((0..count).map(|_| made().map_or_else(named, |()| "made".to_owned())))
}

pub(super) fn listen(at: &str) -> String {
    told(TcpListener::bind(at), "listening")
}

/// An address of its own before it connects: whoever is there before others is taken for them.
pub(super) fn bind(at: &str) -> String {
    let bound = ipv4(at).and_then(|at| {
        let socket = create_tcp_socket(IpAddressFamily::Ipv4).map_err(named)?;
        socket.start_bind(&instance_network(), at).map_err(named)?;
        socket.finish_bind().map_err(named)
    });
    bound.map_or_else(|refusal| refusal, |()| "bound".to_owned())
}

pub(super) fn bind_udp(at: &str) -> String {
    told(UdpSocket::bind(at), "bound")
}

pub(super) fn send_udp(to: &str) -> String {
    told(UdpSocket::bind("0.0.0.0:0").and_then(|socket| socket.send_to(b"hello", to)), "sent")
}

/// What comes first after a datagram was sent.
pub(super) fn ask_udp(to: &str) -> String {
    let mut buffer = [0; 100];
    let asked = UdpSocket::bind("0.0.0.0:0").and_then(|socket| {
        socket.send_to(b"hello", to)?;
        socket.recv(&mut buffer)
    });
    match asked {
        Ok(read) => format!("got {:?}", String::from_utf8_lossy(&buffer[..read])),
        Err(error) => told(Err::<(), _>(error), ""),
    }
}

pub(super) fn resolve(name: &str) -> String {
    match (name, 80).to_socket_addrs() {
        Ok(found) => format!("found {:?}", found.map(|at| at.ip()).collect::<Vec<_>>()),
        Err(error) => format!("{:?}: {error}", error.kind()),
    }
}

/// Begins so many lookups, and waits for none.
pub(super) fn resolve_all(name: &str, count: usize) -> String {
    let network = instance_network();
    let begun = || resolve_addresses(&network, name).map(mem::forget);
    counted((0..count).map(|_| begun().map_or_else(named, |()| "begun".to_owned())))
}

/// TLS by the host, with a server that it says is this one.
pub(super) fn tls(to: &str, server: &str) -> String {
    established(to, server).unwrap_or_else(|refusal| refusal)
}

fn established(to: &str, server: &str) -> Result<String, String> {
    let (_socket, input, output) = connected(ipv4(to)?).map_err(named)?;
    let streams = ClientHandshake::finish(ClientHandshake::new(server, input, output));
    streams.subscribe().block();
    let (_session, input, output) = match streams.get() {
        Some(Ok(Ok(established))) => established,
        Some(Ok(Err(error))) => return Err(format!("tls: {}", error.to_debug_string())),
        Some(Err(())) | None => return Err("tls: no answer".to_owned()),
    };
    output.blocking_write_and_flush(b"hello").map_err(|error| format!("write: {error}"))?;
    let answer = input.blocking_read(100).map_err(|error| format!("read: {error}"))?;
    Ok(format!("established: {}", String::from_utf8_lossy(&answer)))
}

fn connected(to: IpSocketAddress) -> Result<(TcpSocket, InputStream, OutputStream), ErrorCode> {
    let socket = create_tcp_socket(IpAddressFamily::Ipv4)?;
    socket.start_connect(&instance_network(), to)?;
    loop {
        socket.subscribe().block();
        match socket.finish_connect() {
            Ok((input, output)) => return Ok((socket, input, output)),
            Err(ErrorCode::WouldBlock) => {}
            Err(error) => return Err(error),
        }
    }
}

fn ipv4(at: &str) -> Result<IpSocketAddress, String> {
    let Ok(SocketAddr::V4(at)) = at.parse() else { return Err("no address".to_owned()) };
    let [a, b, c, d] = at.ip().octets();
    Ok(IpSocketAddress::Ipv4(Ipv4SocketAddress { port: at.port(), address: (a, b, c, d) }))
}

fn named(code: ErrorCode) -> String {
    code.name().to_owned()
}
