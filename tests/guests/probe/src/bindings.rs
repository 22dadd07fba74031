//! What is called: the contract, generated from `wit/v0.1`, and TLS over sockets, which is not in any crate yet.

wit_bindgen::generate!({
    path: "../../../wit/v0.1",
    world: "sink-connector-with-lifecycle",
});

pub(crate) mod tls {
    //! `wasi:tls` as the host has it.

    wit_bindgen::generate!({
        path: "wit/tls.wit",
        with: {
            "wasi:io/error@0.2.12": wasip2::io::error,
            "wasi:io/poll@0.2.12": wasip2::io::poll,
            "wasi:io/streams@0.2.12": wasip2::io::streams,
        },
        generate_all,
    });

    pub(crate) use wasi::tls::types::ClientHandshake;
}
