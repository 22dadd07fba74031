#!/bin/sh
# Builds my-sink.wasm. No network is needed for it.
set -eu
cd "$(dirname "$0")"
GOPROXY=off GOWORK=off GOTOOLCHAIN=local GOOS=wasip1 GOARCH=wasm \
    "${GO:-go}" build -buildmode=c-shared -trimpath -ldflags='-s -w' -o my-sink.core.wasm .
"${DANUBE_WASM:-danube-wasm}" componentize my-sink.core.wasm -o my-sink.wasm
rm my-sink.core.wasm
