#!/bin/sh
# Builds my-sink.wasm. With ENGINE=starling it runs on StarlingMonkey instead of QuickJS: larger and slower, but with fetch and
# promises.
set -eu
cd "$(dirname "$0")"
engine=${ENGINE:-qjs}

PATH=$PWD/node_modules/.bin:$PATH
needed="esbuild componentize-qjs"
[ "$engine" = qjs ] || needed="esbuild componentize-js"
for tool in $needed; do
    command -v "$tool" >/dev/null && continue
    npm install --no-fund --no-audit --loglevel error >/dev/null
    [ "$engine" = qjs ] || npm install --no-save --no-fund --no-audit --loglevel error \
        @bytecodealliance/componentize-js@0.23.0 >/dev/null
    break
done

esbuild my-sink.js --bundle --format=esm --target=es2022 --external:'danube:*' --log-level=warning --outfile=build/my-sink.js
sh danube-sink/componentize.sh "$engine" build/my-sink.js my-sink.wasm
