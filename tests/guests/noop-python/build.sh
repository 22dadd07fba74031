#!/bin/sh
# Builds the component: build.sh OUT.wasm
set -eu
out=$(realpath -m "$1")
cd "$(dirname "$0")"
root=$(cd ../../.. && pwd)
tools=${TOOLS:-$root/target/tools}/python
tool=$tools/bin/componentize-py
[ -x "$tool" ] || {
    echo "componentize-py is missing: run tests/install python" >&2
    exit 1
}
# A copy, since the interpreter leaves its compiled modules beside the sources.
work=$root/target/guests/noop-python
rm -rf "$work"
mkdir -p "$work" "$(dirname "$out")"
cp -r noop.py "$root/guest-sdk/python/danube_sink" "$work"
cd "$work"
"$tool" --quiet -w sink-connector-with-lifecycle componentize noop -o "$out"
