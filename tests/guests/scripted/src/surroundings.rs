//! What the sink sees of the machine that it runs on, and does to it.

use std::{
    env,
    fs::{self, OpenOptions},
    io::{self, Read, Write},
    net::{TcpStream, UdpSocket},
};

use danube_sink::{Error, Result};

/// Appends so many bytes to a file, and makes it if it is not there.
pub(crate) fn append(path: &str, bytes: usize) -> Result<()> {
    let appended = OpenOptions::new().append(true).create(true).open(path).and_then(|mut file| {
        file.write_all(&vec![b'x'; bytes])?;
        file.sync_all()
    });
    appended.map_err(|error| Error::rejected(format!("{:?}: {error}", error.kind())))
}

/// What a file holds, or why it can't be read.
pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| format!("{:?}: {error}", error.kind()))
}

/// What a TCP server answers to a text, as many bytes as that has, or why it does not.
pub(crate) fn connect(to: &str, text: &str) -> String {
    let answer = TcpStream::connect(to).and_then(|mut stream| {
        stream.write_all(text.as_bytes())?;
        let mut answer = vec![0; text.len()];
        stream.read_exact(&mut answer).map(|()| answer)
    });
    heard(answer)
}

/// The same with one datagram.
pub(crate) fn send(to: &str, text: &str) -> String {
    let answer = UdpSocket::bind("0.0.0.0:0").and_then(|socket| {
        socket.send_to(text.as_bytes(), to)?;
        let mut answer = vec![0; text.len()];
        socket.recv(&mut answer).map(|_| answer)
    });
    heard(answer)
}

fn heard(answer: io::Result<Vec<u8>>) -> String {
    answer.map_or_else(|error| format!("{:?}", error.kind()), |answer| String::from_utf8_lossy(&answer).into_owned())
}

/// The environment, the arguments, the standard input, and what stands in the root.
pub(crate) fn all() -> String {
    let mut stdin = Vec::new();
    let read = io::stdin().read_to_end(&mut stdin);
    let root = fs::read_dir("/").map(Iterator::count);
    format!(
        "environment {:?}, arguments {:?}, stdin {:?} {stdin:?}, root {:?}",
        env::vars_os().collect::<Vec<_>>(),
        env::args_os().collect::<Vec<_>>(),
        read.map_err(|error| error.kind()),
        root.map_err(|error| error.kind())
    )
}
