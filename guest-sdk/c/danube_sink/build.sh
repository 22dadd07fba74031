#!/bin/sh
# danube_sink/build.sh OUT.wasm SOURCE.c ...: compiles a sink with the SDK into a component.
#
# WASI_CC is the compiler, with what it needs for the target (default: clang where it can build for WebAssembly with a C library,
# else zig), CFLAGS are its options, DANUBE_WASM is the command that makes the component.
set -eu
sdk=$(dirname "$0")
out=$1
shift
core=${out%.wasm}.core.wasm

# Whether a compiler can make a module that uses the C library.
can_build() {
    printf '#include <stdlib.h>\nvoid *some(void) { return malloc(1); }\n' |
        "$@" -mexec-model=reactor -x c - -o "$core" 2>/dev/null
}

if [ -z "${WASI_CC:-}" ]; then
    for clang in clang clang-19 clang-18 clang-17; do
        if command -v $clang >/dev/null && can_build $clang --target=wasm32-wasi; then
            # A stack that overflows goes over the edge of memory, as with zig, and not over what lies below it.
            WASI_CC="$clang --target=wasm32-wasi -Wl,--stack-first"
            break
        fi
    done
fi
if [ -z "${WASI_CC:-}" ] && command -v zig >/dev/null; then
    WASI_CC='zig cc -target wasm32-wasi'
elif [ -z "${WASI_CC:-}" ] && python3 -c 'import ziglang' 2>/dev/null; then
    WASI_CC='python3 -m ziglang cc -target wasm32-wasi'
elif [ -z "${WASI_CC:-}" ]; then
    echo 'build: no compiler for WebAssembly: `danube-wasm doctor --lang c` says how to install one' >&2
    exit 1
fi

# shellcheck disable=SC2086 # lists of words
$WASI_CC -mexec-model=reactor -std=c11 -Wall -Wextra ${CFLAGS:--Os} -s -Wl,-z,stack-size=1048576 \
    -I"$sdk" "$@" "$sdk"/*.c "$sdk"/bindings/*.c -o "$core"
"${DANUBE_WASM:-danube-wasm}" componentize "$core" -o "$out"
rm -f "$core"
