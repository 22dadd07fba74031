//! Sockets from inside a guest: what it imports is what decides, and not wasmtime's own.

use std::net::IpAddr;

use super::*;
use crate::capability::{
    resolver::Resolver,
    sockets::{SocketGrant, SocketOptions, Sockets},
};

/// As much of `wasi:sockets` as the guest below imports.
const WASI: &str = "package danube:sink@0.1.0;
    package wasi:io@0.2.0 { interface poll { resource pollable { block: func(); } } }
    package wasi:sockets@0.2.0 {
        interface network {
            resource network;
            enum error-code {
                unknown, access-denied, not-supported, invalid-argument, out-of-memory, timeout, concurrency-conflict,
                not-in-progress, would-block, invalid-state, new-socket-limit, address-not-bindable, address-in-use,
                remote-unreachable, connection-refused, connection-reset, connection-aborted, datagram-too-large,
                name-unresolvable, temporary-resolver-failure, permanent-resolver-failure,
            }
            enum ip-address-family { ipv4, ipv6 }
            type ipv4-address = tuple<u8, u8, u8, u8>;
            type ipv6-address = tuple<u16, u16, u16, u16, u16, u16, u16, u16>;
            variant ip-address { ipv4(ipv4-address), ipv6(ipv6-address) }
        }
        interface instance-network {
            use network.{network};
            instance-network: func() -> network;
        }
        interface ip-name-lookup {
            use wasi:io/poll@0.2.0.{pollable};
            use network.{network, error-code, ip-address};
            resource resolve-address-stream {
                resolve-next-address: func() -> result<option<ip-address>, error-code>;
                subscribe: func() -> pollable;
            }
            resolve-addresses: func(network: borrow<network>, name: string) -> result<resolve-address-stream, error-code>;
        }
        interface tcp { resource tcp-socket; }
        interface tcp-create-socket {
            use network.{error-code, ip-address-family};
            use tcp.{tcp-socket};
            create-tcp-socket: func(address-family: ip-address-family) -> result<tcp-socket, error-code>;
        }
    }";

const IMPORTS: &str = r#"
    (import "wasi:sockets/instance-network@0.2.0" "instance-network" (func $network (result i32)))
    (import "wasi:sockets/ip-name-lookup@0.2.0" "resolve-addresses" (func $lookup (param i32 i32 i32 i32)))
    (import "wasi:sockets/ip-name-lookup@0.2.0" "[method]resolve-address-stream.resolve-next-address"
        (func $next (param i32 i32)))
    (import "wasi:sockets/ip-name-lookup@0.2.0" "[method]resolve-address-stream.subscribe"
        (func $subscribe (param i32) (result i32)))
    (import "wasi:io/poll@0.2.0" "[method]pollable.block" (func $block (param i32)))
    (import "wasi:sockets/tcp-create-socket@0.2.0" "create-tcp-socket" (func $create (param i32 i32)))"#;

/// Looks up the name in its settings, and makes sockets until it gets no more. Asks for another try, with one character
/// for each socket as the reason, after as many milliseconds as: the last number of the first address, or else 1000 and
/// the number of the error.
fn caller() -> Component {
    let call = r#"
        (call $lookup (call $network) (global.get $settings) (global.get $settings_len) (i32.const 3000))
        (local.set $from (i32.load offset=4 (i32.const 3000)))
        (if (i32.load8_u (i32.const 3000))
            (then (local.set $to (i32.add (i32.const 1000) (i32.load8_u offset=4 (i32.const 3000)))))
            (else
                (call $block (call $subscribe (local.get $from)))
                (call $next (local.get $from) (i32.const 3100))
                (local.set $to (if (result i32) (i32.load8_u (i32.const 3100))
                    (then (i32.add (i32.const 1000) (i32.load8_u offset=2 (i32.const 3100))))
                    (else (i32.load8_u offset=9 (i32.const 3100)))))))
        (block $enough (loop $more
            (call $create (i32.const 0) (i32.const 3200))
            (br_if $enough (i32.load8_u (i32.const 3200)))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br $more)))
        (i32.store8 (i32.add (i32.const 3300) (local.get $i))
            (i32.add (i32.const 97) (i32.load8_u offset=4 (i32.const 3200))))
        (i32.store8 (i32.const 2048) (i32.const 1))
        (i32.store8 offset=4 (i32.const 2048) (i32.const 0))
        (i32.store offset=8 (i32.const 2048) (i32.const 3300))
        (i32.store offset=12 (i32.const 2048) (i32.add (local.get $i) (i32.const 1)))
        (i32.store8 offset=16 (i32.const 2048) (i32.const 1))
        (i32.store offset=20 (i32.const 2048) (local.get $to))
        (i32.const 2048)"#;
    let core = Core { imports: IMPORTS, data: vec![(3300, vec![b'.'; 100])], ..Core::processing(call) };
    let interfaces = ["instance-network", "ip-name-lookup", "tcp-create-socket"];
    let interfaces = interfaces.map(|name| format!("import wasi:sockets/{name}@0.2.0;")).concat();
    let edits = [("package danube:sink@0.1.0;", WASI), ("import log;", &format!("import log; {interfaces}"))];
    let bytes = core.build_edited("sink-connector", &edits);
    futures::executor::block_on(compile(bytes)).unwrap()
}

/// What the guest found: the last number of the address, or the number of the error and 1000; and its sockets, one dot
/// for each, and a letter for the error that it got in place of one more.
async fn found(component: &Component, name: &str, grants: &[&str]) -> (u128, String) {
    let granted = |text: &&str| SocketGrant { grant: Grant::parse(text).unwrap(), tls: None };
    let grants = grants.iter().map(granted).collect();
    let answer = |_| async { Ok(vec![IpAddr::from([1, 1, 1, 42]), IpAddr::from([10, 0, 0, 1])]) };
    let sockets = Sockets::new(SocketOptions {
        open: 3,
        resolver: Resolver::from_fn(answer),
        ..SocketOptions::new("orders", "orders.toml", grants)
    });
    let sockets = Arc::new(sockets.unwrap());
    let options = InstanceOptions { settings: name.into(), sockets, ..options(vec![]) };
    let mut instance = Instance::start(component, &options).await.unwrap();
    let error = instance.process_batch(&batch(&["a"]), None).await.unwrap_err();
    let Error::Retryable { reason, after } = error else { panic!("{error:?}") };
    (after.unwrap().as_millis(), reason)
}

#[tokio::test]
async fn a_guest_looks_up_granted_names_and_makes_sockets_within_its_limit() {
    let component = caller();
    assert_eq!(component.areas()[&Area::Sockets].len(), 5);
    let (access_denied, new_socket_limit) = (1, 10);
    let letter = |error: u8| char::from(b'a' + error);
    let limited = format!("...{}", letter(new_socket_limit));
    let none = letter(access_denied).to_string();
    let table = [
        ("db.example", &["tcp://db.example:5432"][..], 42, &limited),
        ("db.example", &["udp://db.example:53"], 42, &none),
        ("other.example", &["tcp://db.example:5432"], 1000 + u128::from(access_denied), &limited),
        ("db.example", &[], 1000 + u128::from(access_denied), &none),
        ("a b", &["tcp://db.example:5432"], 1003, &limited),
    ];
    for (name, grants, address, sockets) in table {
        assert_eq!(found(&component, name, grants).await, (address, sockets.clone()), "{name} {grants:?}");
    }
}
