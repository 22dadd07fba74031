//! `wasi:tls`, as the host has it: a draft, and in no crate for guests yet.

use std::{fmt, io};

use wasip2::{
    io::streams::{InputStream, OutputStream},
    sockets::tcp::TcpSocket,
};

use super::{
    stream::{Halves, tokio_stream},
    tcp::ready,
};
use bindings::wasi::tls::types::{ClientConnection, ClientHandshake};

mod bindings {
    wit_bindgen::generate!({
        path: "wit/tls.wit",
        with: {
            "wasi:io/error@0.2.12": wasip2::io::error,
            "wasi:io/poll@0.2.12": wasip2::io::poll,
            "wasi:io/streams@0.2.12": wasip2::io::streams,
        },
        generate_all,
    });
}

/// A connection with TLS over it. It is closed when it is dropped.
pub struct TlsStream {
    // In the order in which they must be dropped.
    halves: Halves,
    session: ClientConnection,
    _socket: TcpSocket,
}

impl TlsStream {
    fn end(&mut self) -> io::Result<()> {
        self.session.close_output();
        Ok(())
    }
}

tokio_stream!(TlsStream);

impl fmt::Debug for TlsStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsStream").finish_non_exhaustive()
    }
}

pub(super) async fn handshake(
    server: &str,
    input: InputStream,
    output: OutputStream,
    socket: TcpSocket,
) -> io::Result<TlsStream> {
    let streams = ClientHandshake::finish(ClientHandshake::new(server, input, output));
    ready(streams.subscribe()).await;
    match streams.get() {
        Some(Ok(Ok((session, input, output)))) => {
            Ok(TlsStream { halves: Halves::new(input, output), session, _socket: socket })
        }
        Some(Ok(Err(error))) => Err(io::Error::other(error.to_debug_string())),
        Some(Err(())) | None => Err(io::Error::other("the host gave no answer")),
    }
}
