#!/bin/sh
# build.sh OUT.wasm
set -eu
mkdir -p "$(dirname "$1")"
out=$(realpath "$1")
cd "$(dirname "$0")"
root=../../..
go=${GO:-${TOOLS:-$root/target/tools}/go/bin/go}
core=$root/target/guests/echo-http-go.core.wasm
mkdir -p "$(dirname "$core")"
GOPROXY=off GOTOOLCHAIN=local GOWORK=off GOOS=wasip1 GOARCH=wasm "$go" build -buildmode=c-shared -trimpath -ldflags='-s -w' -o "$core" .
"${DANUBE_WASM:-danube-wasm}" componentize "$core" -o "$out"
