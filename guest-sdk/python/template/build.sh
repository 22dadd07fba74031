#!/bin/sh
# Builds my-sink.wasm. Whatever lies in this folder or in vendor/ can be imported.
set -eu
cd "$(dirname "$0")"

if [ -n "${COMPONENTIZE_PY:-}" ]; then
    tool=$COMPONENTIZE_PY
else
    tool=.venv/bin/componentize-py
    [ -x "$tool" ] || {
        python3 -m venv .venv
        .venv/bin/pip install --quiet --disable-pip-version-check componentize-py==0.25.1
    }
fi

if [ -f requirements.txt ] && { [ ! -d vendor ] || [ requirements.txt -nt vendor ]; }; then
    rm -rf vendor
    python3 -m pip install --quiet --disable-pip-version-check --target vendor --only-binary :all: \
        --platform any --implementation py --requirement requirements.txt
    touch vendor
fi

mkdir -p vendor
"$tool" --quiet -w sink-connector-with-lifecycle componentize my_sink -p . -p vendor -o my-sink.wasm
