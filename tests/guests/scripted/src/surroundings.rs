//! What the sink sees of the machine that it runs on, and does to it.

use std::{
    env,
    fs::{self, OpenOptions},
    io::{self, Read, Write},
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
