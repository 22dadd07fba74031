//! A line between the sink and its server that is cut at a given point of their conversation.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, tcp::OwnedReadHalf, tcp::OwnedWriteHalf},
};

/// Where to cut.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cut {
    /// Before what the sink says with this in it reaches the server.
    Request(&'static [u8]),
    /// Before what the server says with this in it reaches the sink.
    Answer(&'static [u8]),
    /// Before what the sink says with this in it reaches the server. Instead of an answer it hears that an administrator has
    /// ended its session.
    Session(&'static [u8]),
}

/// A line to a server. It cuts once each time that it is told to.
pub(super) struct Proxy {
    pub(super) port: u16,
    armed: Arc<Mutex<Option<Cut>>>,
}

impl Proxy {
    pub(super) async fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let armed = Arc::new(Mutex::new(None));
        let shared = armed.clone();
        tokio::spawn(async move {
            while let Ok((sink, _)) = listener.accept().await {
                let armed = shared.clone();
                tokio::spawn(async move {
                    // The server may be down: the sink sees a connection that ends.
                    if let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await {
                        carry(sink, server, armed).await;
                    }
                });
            }
        });
        Self { port, armed }
    }

    /// Cuts at the next place like this.
    pub(super) fn arm(&self, cut: Cut) {
        *self.armed.lock().unwrap() = Some(cut);
    }

    /// Whether it has cut since.
    pub(super) fn has_cut(&self) -> bool {
        self.armed.lock().unwrap().is_none()
    }
}

async fn carry(sink: TcpStream, server: TcpStream, armed: Arc<Mutex<Option<Cut>>>) {
    let ((from_sink, mut to_sink), (from_server, mut to_server)) = (sink.into_split(), server.into_split());
    let cut = tokio::select! {
        Some(cut) = one_way(from_sink, &mut to_server, &armed, true) => cut,
        Some(cut) = one_way(from_server, &mut to_sink, &armed, false) => cut,
        else => return,
    };
    if let Cut::Session(_) = cut {
        to_sink.write_all(&session_ended()).await.unwrap_or_default();
    }
}

/// Ends when the one side does, or where it cuts.
async fn one_way(
    mut from: OwnedReadHalf,
    to: &mut OwnedWriteHalf,
    armed: &Mutex<Option<Cut>>,
    is_request: bool,
) -> Option<Cut> {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let bytes = &buffer[..read];
        let here = armed.lock().unwrap().take_if(|cut| match cut {
            Cut::Request(marker) | Cut::Session(marker) => is_request && contains(bytes, marker),
            Cut::Answer(marker) => !is_request && contains(bytes, marker),
        });
        if here.is_some() {
            return here;
        }
        if to.write_all(bytes).await.is_err() {
            return None;
        }
    }
    // The other way may have something to say still.
    to.shutdown().await.unwrap_or_default();
    None
}

/// An `ErrorResponse`: severity, SQLSTATE and message.
fn session_ended() -> Vec<u8> {
    let fields = b"SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0";
    let length = u32::try_from(size_of::<u32>() + fields.len()).unwrap();
    [b"E", &length.to_be_bytes()[..], fields].concat()
}

fn contains(bytes: &[u8], marker: &[u8]) -> bool {
    bytes.windows(marker.len()).any(|window| window == marker)
}
