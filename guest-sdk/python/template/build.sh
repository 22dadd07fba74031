#!/bin/sh
# Builds my-sink.wasm. Whatever lies in this folder can be imported, and what requirements.txt names: packages in pure Python.
set -eu
cd "$(dirname "$0")"
version=0.25.1

tool=componentize-py
[ "$("$tool" --version 2>/dev/null)" = "componentize-py $version" ] || {
    tool=.venv/bin/componentize-py
    [ -x $tool ] || {
        python3 -m venv .venv
        .venv/bin/pip install --quiet --disable-pip-version-check componentize-py==$version
    }
}

if [ -f requirements.txt ] && { [ ! -d vendor ] || [ requirements.txt -nt vendor ]; }; then
    rm -rf vendor
    python3 -m pip install --quiet --disable-pip-version-check --target vendor --only-binary :all: \
        --platform any --implementation py --requirement requirements.txt
fi
mkdir -p vendor

# It takes in what the first python3 of the PATH has installed: with a folder of its own, that is nothing.
[ ! -d .venv ] || PATH=$PWD/.venv/bin:$PATH
said=$("$tool" --quiet -w sink-connector-with-lifecycle componentize my_sink -p . -p vendor -o my-sink.wasm 2>&1) && exit
# What is wrong with the sink, without the stack of the tool that found it.
case $said in
*"has no attribute 'Lifecycle'"*) echo 'build: no sink is registered: `@register` belongs above its class, in my_sink.py' ;;
*AssertionError:*) printf '%s\n' "$said" | sed -e '1,/^AssertionError: /{s/^AssertionError: //p;d;}' -e '/^Caused by:$/,$d' ;;
*) printf '%s\n' "$said" ;;
esac >&2
exit 1
