#!/bin/sh
# build.sh OUT.wasm
set -eu
mkdir -p "$(dirname "$1")"
out=$(realpath "$1")
cd "$(dirname "$0")"
tools=${TOOLS:-../../../target/tools}
WASI_CC=${WASI_CC:-$tools/c/bin/python -m ziglang cc -target wasm32-wasi}
export WASI_CC
sh ../../../guest-sdk/c/danube_sink/build.sh "$out" echo_http.c
