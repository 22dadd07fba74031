//! The `danube-wasm` command.

fn main() {}
