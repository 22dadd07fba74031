//! Datagrams: every destination is decided, and every sender.

use tokio::net::UdpSocket as Peer;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::{
    Pollable, UdpSocket,
    bindings::sockets::udp::{
        HostIncomingDatagramStream as _, HostOutgoingDatagramStream as _, HostUdpSocket as _, IncomingDatagramStream,
        OutgoingDatagram, OutgoingDatagramStream,
    },
};

use super::{ErrorCode, Guest, IpAddressFamily, SocketAddr, again, counted, ip, named, open, sockets, told};

struct Streams {
    incoming: Resource<IncomingDatagramStream>,
    outgoing: Resource<OutgoingDatagramStream>,
}

async fn bound(guest: &mut Guest) -> Resource<UdpSocket> {
    let (network, socket) = (guest.network(), guest.udp(IpAddressFamily::Ipv4).await.unwrap());
    let anywhere: SocketAddr = "0.0.0.0:0".parse().unwrap();
    told(guest.view().wasi.start_bind(again(&socket), network, anywhere.into()).await).unwrap();
    told(guest.view().wasi.finish_bind(again(&socket))).unwrap();
    socket
}

async fn streams(guest: &mut Guest, to: Option<SocketAddr>) -> Result<(Resource<UdpSocket>, Streams), ErrorCode> {
    let socket = bound(guest).await;
    let streams = guest.view().wasi.stream(again(&socket), to.map(Into::into)).await;
    let (incoming, outgoing) = told(streams)?;
    Ok((socket, Streams { incoming, outgoing }))
}

fn send(guest: &mut Guest, streams: &Streams, to: Option<SocketAddr>, text: &str) -> Result<u64, ErrorCode> {
    told(guest.view().wasi.check_send(again(&streams.outgoing))).unwrap();
    let datagram = OutgoingDatagram { data: text.into(), remote_address: to.map(Into::into) };
    told(guest.view().send(again(&streams.outgoing), vec![datagram]).0)
}

/// The next datagram and its sender.
async fn receive(guest: &mut Guest, streams: &Streams) -> (String, SocketAddr) {
    guest.table.get_mut(&streams.incoming).unwrap().ready().await;
    let received = told(guest.view().wasi.receive(again(&streams.incoming), 1)).unwrap().remove(0);
    (String::from_utf8(received.data).unwrap(), received.remote_address.into())
}

async fn heard(peer: &Peer) -> (String, SocketAddr) {
    let mut buffer = [0; 100];
    let (length, from) = peer.recv_from(&mut buffer).await.unwrap();
    (String::from_utf8_lossy(&buffer[..length]).into_owned(), from)
}

#[tokio::test]
async fn datagrams_go_where_they_are_granted_and_come_from_there() {
    let (granted, other) = (Peer::bind("127.0.0.1:0").await.unwrap(), Peer::bind("127.0.0.1:0").await.unwrap());
    let (to, elsewhere) = (granted.local_addr().unwrap(), other.local_addr().unwrap());
    let sockets = open(sockets(&[&format!("udp://{to}"), &format!("tcp://{elsewhere}")]));
    let guest = &mut Guest::new(&sockets);
    let (_, streams) = streams(guest, None).await.unwrap();
    assert_eq!(send(guest, &streams, Some(elsewhere), "no"), Err(ErrorCode::AccessDenied));
    assert_eq!(send(guest, &streams, Some(to), "hello"), Ok(1));
    let (text, from) = heard(&granted).await;
    assert_eq!(text, "hello");
    // A stranger's datagram comes first and is dropped.
    let guest_at = SocketAddr::new(ip("127.0.0.1"), from.port());
    other.send_to(b"psst", guest_at).await.unwrap();
    granted.send_to(b"welcome", guest_at).await.unwrap();
    assert_eq!(receive(guest, &streams).await, ("welcome".into(), to));
    assert_eq!(counted(&sockets), [("udp", "allowed", 1), ("udp", "denied", 1)]);
}

#[tokio::test]
async fn a_socket_is_connected_where_it_is_granted() {
    let (granted, other) = (Peer::bind("127.0.0.1:0").await.unwrap(), Peer::bind("127.0.0.1:0").await.unwrap());
    let (to, elsewhere) = (granted.local_addr().unwrap(), other.local_addr().unwrap());
    let sockets = open(named(&[&format!("udp://log.internal:{}", to.port())], |_| vec![ip("127.0.0.1")]));
    let guest = &mut Guest::new(&sockets);
    assert_eq!(streams(guest, Some(to)).await.err(), Some(ErrorCode::AccessDenied));
    guest.session.lookup("log.internal").await.unwrap();
    assert_eq!(streams(guest, Some(elsewhere)).await.err(), Some(ErrorCode::AccessDenied));
    let (_, connected) = streams(guest, Some(to)).await.unwrap();
    assert_eq!(send(guest, &connected, None, "hello"), Ok(1));
    assert_eq!(heard(&granted).await.0, "hello");
    assert_eq!(send(guest, &connected, Some(elsewhere), "no"), Err(ErrorCode::InvalidArgument));
}

#[tokio::test]
async fn a_port_of_one_s_own_is_not_to_be_had() {
    let sockets = open(sockets(&["udp://127.0.0.0/8:1-65535"]));
    let guest = &mut Guest::new(&sockets);
    for at in ["0.0.0.0:5353", "127.0.0.1:0"] {
        let (network, socket) = (guest.network(), guest.udp(IpAddressFamily::Ipv4).await.unwrap());
        let at: SocketAddr = at.parse().unwrap();
        let bound = guest.view().wasi.start_bind(socket, network, at.into()).await;
        assert_eq!(told(bound), Err(ErrorCode::AccessDenied), "{at}");
    }
    assert_eq!(counted(&sockets), [("listen", "denied", 2)]);
}
