//! `danube-wasm componentize`: a core module, as compilers of languages without a component target write it, becomes a
//! component of the contract. Brings the contract's types and the adapter for WASI preview 1 along, so that an author
//! needs no further tool.

mod error;
mod module;
#[cfg(test)]
mod tests;

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME as PREVIEW1, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER as ADAPTER,
};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, WorldId};

use self::{error::Error, module::Module};
use super::Stop;

/// The contract.
const WIT: &str = include_str!("../../../wit/v0.1/sink.wit");

/// `danube-wasm componentize`
#[derive(Debug, clap::Args)]
pub(super) struct Componentize {
    /// The core module: built for wasm32-wasip1 as a library (a "reactor"), with the exports of an SDK.
    #[arg(value_name = "CORE.wasm")]
    file: PathBuf,
    /// Where the component goes. A file that is there already is replaced.
    #[arg(short, long, value_name = "FILE.wasm")]
    output: PathBuf,
    /// The world that the module was written for. Default: the one that the module carries; if it carries none, the one
    /// with lifecycle if the module exports any of that.
    #[arg(long, value_enum)]
    world: Option<World>,
}

/// The worlds of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum World {
    SinkConnector,
    SinkConnectorWithLifecycle,
}

impl World {
    fn as_str(self) -> &'static str {
        match self {
            Self::SinkConnector => "sink-connector",
            Self::SinkConnectorWithLifecycle => "sink-connector-with-lifecycle",
        }
    }
}

impl Componentize {
    pub(super) fn execute(&self) -> Result<ExitCode, Stop> {
        let shown = |path: &Path| path.display().to_string();
        let module = fs::read(&self.file)
            .map_err(|error| Stop::Usage(format!("error: cannot read {}: {error}", shown(&self.file))))?;
        let component = component(&module, self.world)
            .map_err(|error| Stop::Usage(format!("error: `{}` {error}", shown(&self.file))))?;
        write(&self.output, &component)
            .map_err(|error| Stop::Usage(format!("error: cannot write {}: {error}", shown(&self.output))))?;
        println!("{}: {} bytes", shown(&self.output), component.len());
        Ok(ExitCode::SUCCESS)
    }
}

/// Replaces a file in one step, so that whoever watches it sees a whole component.
fn write(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut unfinished = file.as_os_str().to_owned();
    unfinished.push(".part");
    fs::write(&unfinished, bytes)?;
    fs::rename(&unfinished, file)
}

/// The component of a core module.
fn component(bytes: &[u8], world: Option<World>) -> Result<Vec<u8>, Error> {
    let module = Module::read(bytes)?;
    let mut bytes = bytes.to_owned();
    match (&module.world, world) {
        (Some(_), Some(asked)) => return Err(Error::TwoWorlds { asked: asked.as_str() }),
        (Some(own), None) if own.has_sink() => {}
        (Some(own), None) => return Err(Error::OtherWorld { exports: own.exports.clone() }),
        (None, asked) => {
            let world = asked.unwrap_or_else(|| module.world_of_exports());
            let (resolve, world) = contract(world)?;
            module.fits(&resolve, world)?;
            embed_component_metadata(&mut bytes, &resolve, world, StringEncoding::UTF8, false)
                .map_err(Error::internal)?;
        }
    }
    let mut encoder = ComponentEncoder::default();
    encoder.validate(true);
    encoder.module(&bytes).and_then(|encoder| encoder.adapter(PREVIEW1, ADAPTER)).map_err(Error::internal)?;
    encoder.encode().map_err(Error::internal)
}

/// The contract's types, with one of its worlds.
fn contract(world: World) -> Result<(Resolve, WorldId), Error> {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("sink.wit", WIT).map_err(Error::internal)?;
    let world = resolve.select_world(&[package], Some(world.as_str())).map_err(Error::internal)?;
    Ok((resolve, world))
}
