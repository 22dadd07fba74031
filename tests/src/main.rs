//! The `danube-wasm` command.

use std::process::ExitCode;

use clap::Parser;
use danube_wasm::cli::Cli;

#[tokio::main]
async fn main() -> ExitCode {
    Cli::parse().execute().await
}
