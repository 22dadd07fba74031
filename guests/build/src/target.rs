//! Sees to it that the compiler has the standard library of the guests' target.

use std::{
    ffi::OsString,
    path::Path,
    process::{Command, Stdio},
};

use crate::{Error, TARGET, could_not_run, environment};

/// Installs the target if it is missing and rustup is there to do it.
pub(crate) fn install() -> Result<(), Error> {
    if is_installed()? {
        return Ok(());
    }
    // A `rust-toolchain.toml` that names the target has rustup install it, except where that is switched off, or where
    // the compiler did not come from rustup at all.
    let added = Command::new("rustup").args(["target", "add", TARGET]).stdout(Stdio::null()).status();
    match added {
        Ok(status) if status.success() && is_installed()? => Ok(()),
        Ok(_) | Err(_) => Err(Error::NoTarget),
    }
}

fn is_installed() -> Result<bool, Error> {
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| OsString::from("rustc")));
    rustc.args(["--print", "target-libdir", "--target", TARGET]);
    environment::clean(&mut rustc);
    let output = rustc.output().map_err(|source| could_not_run(&rustc, source))?;
    let folder = String::from_utf8_lossy(&output.stdout);
    Ok(output.status.success() && Path::new(folder.trim()).exists())
}
