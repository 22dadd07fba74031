//! What a real component does with sockets, through its standard library: only what its file grants.

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, UdpSocket},
};

use crate::told::Told;

/// Gives back what it gets, on TCP and on UDP, which may have one port.
async fn echo() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let datagrams = UdpSocket::bind(address).await.unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut buffer = [0; 2000];
                while let Ok(read @ 1..) = stream.read(&mut buffer).await {
                    stream.write_all(&buffer[..read]).await.unwrap();
                }
            });
        }
    });
    tokio::spawn(async move {
        let mut buffer = [0; 2000];
        while let Ok((read, from)) = datagrams.recv_from(&mut buffer).await {
            datagrams.send_to(&buffer[..read], from).await.unwrap();
        }
    });
    address.port()
}

fn connect(to: &str) -> Value {
    json!({ "do": "connect", "to": to, "text": "hello" })
}

fn send(to: &str) -> Value {
    json!({ "do": "send", "to": to, "text": "hello" })
}

#[tokio::test]
async fn a_component_connects_to_what_it_is_granted_and_to_nothing_else() {
    let (port, other) = (echo().await, echo().await);
    let granted = [format!("tcp://localhost:{port}"), format!("udp://127.0.0.1:{port}")].map(toml::Value::from);
    let mut told = Told::new().await.granting("sockets", granted);
    let host = told.rig.run(std::slice::from_ref(&told.connector)).await;

    assert_eq!(told.answers(send(&format!("127.0.0.1:{port}"))).await, "hello");
    // By address only once its own lookup of the name gave it.
    let by_address = connect(&format!("127.0.0.1:{port}"));
    assert_eq!(told.answers(by_address.clone()).await, "PermissionDenied");
    assert_eq!(told.answers(connect(&format!("localhost:{port}"))).await, "hello");
    assert_eq!(told.answers(by_address).await, "hello");

    for command in [connect(&format!("localhost:{other}")), connect("169.254.169.254:80"), send("127.0.0.1:53")] {
        assert_eq!(told.answers(command.clone()).await, "PermissionDenied", "{command}");
    }
    // Its standard library has no word of its own for a name that is refused.
    let unknown = told.answers(connect("db.example.com:5432")).await;
    assert!(!unknown.contains("hello"), "{unknown}");
    let count = |attempt: &str, outcome: &str| {
        host.count("danube_wasm_sockets_total", &format!("attempt=\"{attempt}\",outcome=\"{outcome}\""))
    };
    assert_eq!([count("tcp", "allowed"), count("tcp", "denied"), count("lookup", "denied")], [2.0, 3.0, 1.0]);
    assert_eq!(host.stop().await.failed(), 0);
}

#[tokio::test]
async fn a_component_without_grants_connects_nowhere() {
    let port = echo().await;
    let mut told = Told::new().await;
    let host = told.rig.run(std::slice::from_ref(&told.connector)).await;
    for command in [connect, send] {
        assert_eq!(told.answers(command(&format!("127.0.0.1:{port}"))).await, "PermissionDenied");
    }
    assert_eq!(host.stop().await.failed(), 0);
}

#[tokio::test]
async fn observing_opens_nothing_on_this_machine_and_notes_the_rest() {
    let port = echo().await;
    let mut told = Told::new().await;
    told.connector = told.connector.clone().set("capabilities.mode", "observe");
    let host = told.rig.run(std::slice::from_ref(&told.connector)).await;
    for command in [connect, send] {
        assert_eq!(told.answers(command(&format!("127.0.0.1:{port}"))).await, "PermissionDenied");
    }
    // No resolver knows it, but it is sought, as a granted name would be.
    assert!(!told.answers(connect("nowhere.invalid:5432")).await.contains("hello"));
    let looked_up = host.count("danube_wasm_sockets_total", "attempt=\"lookup\",outcome=\"failed\"");
    assert_eq!((looked_up, host.count("danube_wasm_observed_total", "")), (1.0, 3.0));
    assert_eq!(host.stop().await.failed(), 0);
}

#[tokio::test]
async fn what_goes_through_sockets_keeps_to_the_rate() {
    let port = echo().await;
    let granted = ["tcp", "udp"].map(|scheme| toml::Value::from(format!("{scheme}://127.0.0.1:{port}")));
    let mut told = Told::new().await.granting("sockets", granted);
    told.connector = told.connector.clone().set("limits.bytes_out_per_second", "1KiB");
    let host = told.rig.run(std::slice::from_ref(&told.connector)).await;
    let hits = || host.count("danube_wasm_limit_hits_total", "limit=\"bytes_out_per_second\"");
    // More than a second's worth.
    let text = "x".repeat(1500);
    for (hit, how) in [(1.0, "connect"), (2.0, "send")] {
        let command = json!({ "do": how, "to": format!("127.0.0.1:{port}"), "text": text });
        assert_eq!((told.answers(command).await, hits()), (text.clone(), hit));
    }
    assert_eq!(host.stop().await.failed(), 0);
}
