#!/bin/sh
# Builds the component: build.sh OUT.wasm [qjs|starling]. The engine may also come from ENGINE; QuickJS is the default.
set -eu
out=$(realpath -m "$1")
engine=${2:-${ENGINE:-qjs}}
cd "$(dirname "$0")"
root=$(cd ../../.. && pwd)
bin=${TOOLS:-$root/target/tools}/js/node_modules/.bin
[ -x "$bin/esbuild" ] || {
    echo "esbuild is missing: run tests/install js" >&2
    exit 1
}
work=$root/target/guests/noop-js-$engine
mkdir -p "$work" "$(dirname "$out")"
"$bin/esbuild" noop.js --bundle --format=esm --target=es2022 --external:'danube:*' --log-level=warning --outfile="$work/sink.js"
sh "$root/guest-sdk/js/danube-sink/componentize.sh" "$engine" "$work/sink.js" "$out" "$bin"
