#!/bin/sh
# Builds my-sink.wasm.
set -eu
cd "$(dirname "$0")"
cargo build --release --target wasm32-wasip2
cp "${CARGO_TARGET_DIR:-target}/wasm32-wasip2/release/my_sink.wasm" my-sink.wasm
