#!/bin/sh
# Makes a component of a bundle: componentize.sh ENGINE BUNDLE.js OUT.wasm [FOLDER-OF-THE-TOOLS]
#
# ENGINE is `qjs` (QuickJS: small and fast) or `starling` (StarlingMonkey: fetch, promises, more of the web platform).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
engine=$1 bundle=$2 out=$3
PATH=${4:+$4:}$PATH
world=sink-connector-with-lifecycle

# The tools take a bundle without exports as well, and then the first call crashes.
tr '\n' ' ' <"$bundle" | grep -Eq 'export *(const *)?\{[^}]*\bsink\b' || {
    echo "build: \`sink\` and \`lifecycle\` are not exported: \`export const { sink, lifecycle } = register(MySink);\` is missing" >&2
    exit 1
}

case $engine in
qjs)
    # Without `--sync` the host would need what components are still about to get: async functions.
    componentize-qjs --wit "$here/wit" --world $world --js "$bundle" --sync --output "$out" >/dev/null
    ;;
starling)
    componentize-js "$bundle" --wit "$here/wit" --world-name $world --out "$out" >/dev/null
    ;;
*)
    echo "there is no engine \`$engine\`: it is \`qjs\` or \`starling\`" >&2
    exit 2
    ;;
esac
