#!/bin/sh
# build.sh OUT.wasm
set -eu
mkdir -p "$(dirname "$1")"
out=$(realpath "$1")
cd "$(dirname "$0")/../../.."
cargo build --quiet --locked --profile guest --target wasm32-wasip2 --target-dir target/guests --package echo-http-rust
cp target/guests/wasm32-wasip2/guest/echo_http_rust.wasm "$out"
