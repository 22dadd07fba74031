//! What is let through while a file only observes: by the decisions alone, as no test reaches for public addresses.

use std::sync::Arc;

use wasmtime_wasi::sockets::SocketAddrUse::{self, TcpConnect, UdpReceive, UdpSend};

use super::{
    super::{LookupError, SocketOptions, Sockets},
    counted, ip,
    rig::{named, open},
};
use crate::capability::{
    destination::Grant,
    logging::capture::Capture,
    observe::{Observer, Within},
};

fn observing(within: Within) -> (Arc<Sockets>, Arc<Observer>) {
    let observer = Arc::new(Observer::new(within));
    let answers = |name: &str| match name {
        "db.example" => vec![ip("1.1.1.1"), ip("10.0.0.9")],
        "inside.example" => vec![ip("10.0.0.9")],
        "granted.example" => vec![ip("9.9.9.9"), ip("127.0.0.1")],
        _ => vec![],
    };
    let options = named(&["tcp://granted.example:5432"], answers);
    (open(SocketOptions { observer: Some(observer.clone()), ..options }), observer)
}

#[tokio::test]
async fn public_addresses_are_let_through_and_noted_by_their_names() {
    let capture = Capture::start();
    let (sockets, observer) = observing(Within::default());
    let session = sockets.session();
    let permits = |at: &str, purpose: SocketAddrUse| session.permits(at.parse().unwrap(), purpose);

    assert_eq!(session.lookup("db.example").await, Ok(vec![ip("1.1.1.1")]));
    assert_eq!(session.lookup("inside.example").await, Err(LookupError::Denied));
    assert_eq!(session.lookup("unused.example").await, Err(LookupError::Unresolved));
    for name in ["localhost", "10.0.0.9", "169.254.169.254"] {
        assert_eq!(session.lookup(name).await, Err(LookupError::Denied), "{name}");
    }
    for _ in 0..2 {
        assert!(permits("1.1.1.1:5432", TcpConnect));
    }
    assert!(permits("8.8.8.8:53", UdpSend) && permits("8.8.8.8:53", UdpReceive));
    assert!(!permits("4.4.4.4:53", UdpReceive));
    for inside in ["10.0.0.9:5432", "127.0.0.1:5432", "169.254.169.254:80", "[::ffff:1.1.1.1]:80", "1.1.1.1:0"] {
        assert!(!permits(inside, TcpConnect), "{inside}");
    }
    // What is granted stays granted, and counts for nothing.
    assert_eq!(session.lookup("granted.example").await, Ok(vec![ip("9.9.9.9"), ip("127.0.0.1")]));
    let before = observer.total();
    assert!(permits("127.0.0.1:5432", TcpConnect) && permits("9.9.9.9:5432", TcpConnect));
    assert_eq!(observer.total(), before);
    assert!(permits("9.9.9.9:5433", TcpConnect) && permits("9.9.9.9:5432", TcpConnect));
    assert!(!permits("127.0.0.1:5433", TcpConnect));

    let needed = observer.needed();
    let (open, closed) = needed.split_once("# Refused").unwrap();
    let expected = "sockets = [\n    \"udp://8.8.8.8:53\",\n    \"tcp://db.example:5432\",\n    \
                    \"tcp://granted.example:5433\",\n]\n\
                    # Looked up, and not connected to: sockets = [\"tcp://unused.example:PORT\"]\n";
    assert_eq!(open, expected);
    for refused in [
        r#"# sockets = [{ url = "tcp://inside.example:PORT", addresses = ["10.0.0.9/32"] }]"#,
        r#"# sockets = ["tcp://10.0.0.9:5432"]"#,
        r#"# sockets = [{ url = "tcp://granted.example:5433", addresses = ["127.0.0.1/32"] }]"#,
    ] {
        assert!(closed.contains(refused), "{refused}\n{closed}");
    }
    let logged = capture.text();
    for once in [
        "let through: `db.example` is not granted",
        "let through: `tcp://db.example:5432` is not granted",
        "let through: `udp://8.8.8.8:53` is not granted",
    ] {
        assert_eq!(logged.matches(once).count(), 1, "{once}\n{logged}");
    }
    assert!(counted(&sockets).contains(&("tcp", "allowed", 6)), "{:?}", counted(&sockets));
}

#[tokio::test]
async fn the_operator_bounds_what_is_let_through() {
    let grants = ["tcp://db.example:5432"].map(|grant| Grant::parse(grant).unwrap());
    let (sockets, observer) = observing(Within { http: None, sockets: Some(grants.into()) });
    let session = sockets.session();
    let permits = |at: &str| session.permits(at.parse().unwrap(), TcpConnect);
    assert!(!permits("1.1.1.1:5432"));
    assert_eq!(session.lookup("elsewhere.example").await, Err(LookupError::Denied));
    assert_eq!(session.lookup("db.example").await, Ok(vec![ip("1.1.1.1")]));
    assert!(permits("1.1.1.1:5432") && !permits("1.1.1.1:5433") && !permits("8.8.8.8:5432"));
    assert!(observer.needed().starts_with("sockets = [\n    \"tcp://db.example:5432\",\n]\n"), "{}", observer.needed());
}
