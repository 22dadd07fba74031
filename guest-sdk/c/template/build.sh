#!/bin/sh
# Builds my-sink.wasm. No network is needed for it. Put options of the compiler into CFLAGS.
set -eu
cd "$(dirname "$0")"
sh danube_sink/build.sh my-sink.wasm my_sink.c
