//! Sockets against real ones on loopback, through wasmtime's implementation.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use wasmtime_wasi::p2::bindings::sockets::{
    network::{ErrorCode, IpAddressFamily},
    tcp::HostTcpSocket as _,
};

use super::{LookupError, Resolver, SocketOptions, SocketStats, Sockets};
use crate::capability::{limit::Limit, logging::capture::Capture};

mod observe;
mod rig;
mod tls;
mod udp;

use rig::{Guest, again, echo, named, open, sockets, told};

/// What was counted, without what was not.
fn counted(sockets: &Sockets) -> Vec<(&'static str, &'static str, u64)> {
    sockets.stats().rows().into_iter().filter(|(.., count)| *count > 0).collect()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[tokio::test]
async fn a_granted_address_is_reached_and_no_other() {
    let (granted, seen) = echo("127.0.0.1:0").await;
    let (other, unseen) = echo("127.0.0.1:0").await;
    let capture = Capture::start();
    let sockets =
        open(sockets(&[&format!("tcp://{granted}"), "tcp://10.0.0.0/8:1-65535", "udp://127.0.0.0/8:1-65535"]));
    let mut guest = Guest::new(&sockets);
    let stream = guest.connect(granted).await.unwrap();
    assert_eq!(guest.say(&stream.input, &stream.output, "hello").await, "hello\n");
    for _ in 0..3 {
        assert_eq!(guest.connect(other).await.err(), Some(ErrorCode::AccessDenied));
    }
    let elsewhere = SocketAddr::new(ip("127.0.0.2"), granted.port());
    assert_eq!(guest.connect(elsewhere).await.err(), Some(ErrorCode::AccessDenied));
    let metadata = "169.254.169.254:80".parse().unwrap();
    assert_eq!(guest.connect(metadata).await.err(), Some(ErrorCode::AccessDenied));
    assert_eq!((seen.load(Ordering::SeqCst), unseen.load(Ordering::SeqCst)), (1, 0));
    assert_eq!(counted(&sockets), [("tcp", "allowed", 1), ("tcp", "denied", 5)]);

    let logged = capture.text();
    assert_eq!(logged.matches("is not granted to connector `orders`").count(), 3, "{logged}");
    let first = format!(
        "`tcp://{other}` is not granted to connector `orders`
\
         help: add to [capabilities] of orders.toml: sockets = [\"tcp://{other}\"]"
    );
    assert!(logged.contains(&first), "{logged}");
}

#[tokio::test]
async fn a_range_opens_the_private_addresses_of_its_kind() {
    let (server, _) = echo("127.0.0.1:0").await;
    let port = server.port();
    for (grant, reached) in
        [("127.0.0.0/8", true), ("127.0.0.1/32", true), ("0.0.0.0/0", false), ("126.0.0.0/7", false)]
    {
        let sockets = open(sockets(&[&format!("tcp://{grant}:{port}")]));
        let outcome = Guest::new(&sockets).connect(server).await;
        assert_eq!(outcome.err(), (!reached).then_some(ErrorCode::AccessDenied), "{grant}");
    }
}

#[tokio::test]
async fn a_name_leads_to_what_its_own_lookup_gave() {
    let (server, _) = echo("127.0.0.1:0").await;
    let (other, _) = echo("127.0.0.1:0").await;
    let answers = |name: &str| match name {
        "db.internal" => vec![ip("127.0.0.1"), ip("10.0.0.9"), ip("::ffff:127.0.0.1")],
        "private.internal" => vec![ip("10.0.0.9"), ip("fd00::9")],
        _ => vec![],
    };
    let port = server.port();
    let grants = ["db.internal", "private.internal", "gone.internal"].map(|name| format!("tcp://{name}:{port}"));
    let grants: Vec<_> = grants.iter().map(String::as_str).collect();
    let sockets = open(named(&grants, answers));
    let capture = Capture::start();
    let guest = &mut Guest::new(&sockets);
    // Known by nobody yet.
    assert_eq!(guest.connect(server).await.err(), Some(ErrorCode::AccessDenied));
    assert_eq!(guest.session.lookup("DB.internal").await, Ok(vec![ip("127.0.0.1")]));
    let stream = guest.connect(server).await.unwrap();
    assert_eq!(guest.say(&stream.input, &stream.output, "hello").await, "hello\n");
    // Another port of the same address, and the address itself for another instance.
    assert_eq!(guest.connect(other).await.err(), Some(ErrorCode::AccessDenied));
    assert_eq!(Guest::new(&sockets).connect(server).await.err(), Some(ErrorCode::AccessDenied));

    for (name, told) in [
        ("private.internal", LookupError::Denied),
        ("gone.internal", LookupError::Unresolved),
        ("other.internal", LookupError::Denied),
        ("db.internal.", LookupError::Denied),
        ("localhost", LookupError::Denied),
        ("127.0.0.1", LookupError::Denied),
        ("::1", LookupError::Denied),
        ("a b", LookupError::Invalid),
        ("", LookupError::Invalid),
    ] {
        assert_eq!(guest.session.lookup(name).await, Err(told), "{name}");
    }
    let long = "a.".repeat(200);
    assert_eq!(guest.session.lookup(&long).await, Err(LookupError::Invalid));
    let expected = [
        ("lookup", "allowed", 1),
        ("lookup", "denied", 6),
        ("lookup", "failed", 4),
        ("tcp", "allowed", 1),
        ("tcp", "denied", 3),
    ];
    assert_eq!(counted(&sockets), expected);

    let text = capture.text();
    for part in [
        "`other.internal` is not granted to connector `orders`; PORT stands for the one that it connects to",
        r#"sockets = ["tcp://other.internal:PORT"]"#,
        "`private.internal` is not granted to connector `orders` at the address that it resolves to: \
         10.0.0.9 (private), fd00::9 (unique-local)",
        r#"addresses = ["127.0.0.1/32", "10.0.0.9/32", "fd00::9/128"] }]"#,
        &format!("`tcp://{other}` is not granted to connector `orders`, where `db.internal` is, only"),
        &format!(r#"sockets = [{{ url = "tcp://db.internal:{}", addresses = ["127.0.0.1/32"] }}]"#, other.port()),
    ] {
        assert!(text.contains(part), "{part}\n\n{text}");
    }
}

#[tokio::test]
async fn an_address_in_a_grant_can_be_looked_up() {
    let sockets = open(sockets(&["tcp://127.0.0.1:5432", "tcp://[::1]:5432", "udp://10.0.0.0/8:514"]));
    let session = sockets.session();
    for text in ["127.0.0.1", "::1", "[::1]", "10.1.2.3"] {
        let expected = ip(text.trim_matches(['[', ']']));
        assert_eq!(session.lookup(text).await, Ok(vec![expected]), "{text}");
    }
    assert_eq!(session.lookup("0x7f.1").await, Ok(vec![ip("127.0.0.1")]));
    assert_eq!(session.lookup("11.1.2.3").await, Err(LookupError::Denied));
}

/// The system's resolver, hosts file and all.
#[tokio::test]
async fn localhost_is_granted_by_its_name() {
    let (server, _) = echo("127.0.0.1:0").await;
    let options = sockets(&[&format!("tcp://localhost:{}", server.port())]);
    let sockets = open(SocketOptions { resolver: Resolver::system(), ..options });
    let guest = &mut Guest::new(&sockets);
    let found = guest.session.lookup("localhost").await.unwrap();
    assert!(found.contains(&ip("127.0.0.1")) && found.iter().all(IpAddr::is_loopback), "{found:?}");
    assert!(guest.connect(server).await.is_ok());
}

#[tokio::test]
async fn a_name_that_changes_its_address_leads_nowhere_else() {
    let (server, _) = echo("127.0.0.1:0").await;
    let (inside, reached) = echo(&format!("127.0.0.2:{}", server.port())).await;
    let asked = Arc::<AtomicUsize>::default();
    let count = asked.clone();
    // First where it is granted, then into the host's own network.
    let answers = move |_: &str| match count.fetch_add(1, Ordering::SeqCst) {
        0 => vec![ip("127.0.0.1")],
        _ => vec![ip("127.0.0.2")],
    };
    let sockets = open(named(&[&format!("tcp://rebinding.example:{}", server.port())], answers));
    let guest = &mut Guest::new(&sockets);
    assert_eq!(guest.session.lookup("rebinding.example").await, Ok(vec![ip("127.0.0.1")]));
    for _ in 0..3 {
        let stream = guest.connect(server).await.unwrap();
        assert_eq!(guest.say(&stream.input, &stream.output, "checked").await, "checked\n");
    }
    // Connecting asks nobody.
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    assert_eq!(guest.session.lookup("rebinding.example").await, Err(LookupError::Denied));
    assert_eq!(guest.connect(inside).await.err(), Some(ErrorCode::AccessDenied));
    assert_eq!(reached.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn nobody_listens() {
    let capture = Capture::start();
    let sockets = open(sockets(&["tcp://127.0.0.0/8:1-65535", "udp://127.0.0.0/8:1-65535"]));
    let guest = &mut Guest::new(&sockets);
    for at in ["127.0.0.1:0", "0.0.0.0:8080", "127.0.0.1:8080"] {
        let (network, socket) = (guest.network(), guest.tcp(IpAddressFamily::Ipv4).unwrap());
        let at: SocketAddr = at.parse().unwrap();
        let bound = guest.view().wasi.start_bind(again(&socket), network, at.into()).await;
        assert_eq!(told(bound), Err(ErrorCode::AccessDenied), "{at}");
    }
    // Everywhere and nowhere: what a connection begins with. There is no way from here to listening.
    let (network, socket) = (guest.network(), guest.tcp(IpAddressFamily::Ipv4).unwrap());
    let anywhere: SocketAddr = "0.0.0.0:0".parse().unwrap();
    told(guest.view().wasi.start_bind(again(&socket), network, anywhere.into()).await).unwrap();
    told(guest.view().wasi.finish_bind(again(&socket))).unwrap();
    let listening = guest.view().wasi.start_listen(again(&socket)).await;
    assert_eq!(told(listening), Err(ErrorCode::AccessDenied));
    assert_eq!(counted(&sockets), [("listen", "denied", 4)]);
    assert_eq!(capture.text().matches("which can't be granted").count(), 1);
}

#[tokio::test]
async fn what_is_not_granted_at_all_gets_no_socket() {
    let capture = Capture::start();
    let none = open(sockets(&[]));
    let guest = &mut Guest::new(&none);
    for _ in 0..2 {
        assert_eq!(guest.tcp(IpAddressFamily::Ipv4).err(), Some(ErrorCode::AccessDenied));
        assert_eq!(guest.udp(IpAddressFamily::Ipv6).await.err(), Some(ErrorCode::AccessDenied));
    }
    assert_eq!(counted(&none), [("tcp", "denied", 2), ("udp", "denied", 2)]);
    let logged = capture.text();
    assert_eq!(logged.matches("is not granted").count(), 2, "{logged}");
    assert!(logged.contains(r#"sockets = ["tcp://HOST:PORT"]"#), "{logged}");

    let only_tcp = open(sockets(&["tcp://127.0.0.1:1"]));
    let guest = &mut Guest::new(&only_tcp);
    assert!(guest.tcp(IpAddressFamily::Ipv4).is_ok());
    assert_eq!(guest.udp(IpAddressFamily::Ipv4).await.err(), Some(ErrorCode::AccessDenied));
}

#[tokio::test]
async fn an_instance_has_so_many_sockets_open_and_no_more() {
    let capture = Capture::start();
    let options = sockets(&["tcp://127.0.0.1:1", "udp://127.0.0.1:1"]);
    let sockets = open(SocketOptions { open: 3, ..options });
    let guest = &mut Guest::new(&sockets);
    let first = guest.tcp(IpAddressFamily::Ipv4).unwrap();
    guest.tcp(IpAddressFamily::Ipv6).unwrap();
    guest.udp(IpAddressFamily::Ipv4).await.unwrap();
    for _ in 0..2 {
        assert_eq!(guest.tcp(IpAddressFamily::Ipv4).err(), Some(ErrorCode::NewSocketLimit));
        assert_eq!(guest.udp(IpAddressFamily::Ipv4).await.err(), Some(ErrorCode::NewSocketLimit));
    }
    // Another instance has sockets of its own.
    assert!(Guest::new(&sockets).tcp(IpAddressFamily::Ipv4).is_ok());
    guest.view().wasi.drop(first).unwrap();
    assert!(guest.tcp(IpAddressFamily::Ipv4).is_ok());
    assert_eq!(sockets.hits.count(Limit::OpenSockets), 4);
    assert_eq!(capture.text().matches("`limits.open_connections` sets it").count(), 1);
}

#[test]
fn every_counter_has_a_row_of_its_own() {
    let rows = SocketStats::default().rows();
    let named: std::collections::BTreeSet<_> = rows.iter().map(|(attempt, outcome, _)| (attempt, outcome)).collect();
    assert_eq!(named.len(), rows.len());
}
