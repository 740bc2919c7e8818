#!/usr/bin/env bash
# Compares the verdicts of promptfoo with those of its imported configuration, row by row. Installs promptfoo where it is
# missing (npm; Node 20.20 or 22.22 and later). `--record` writes the verdicts that the cargo test checks without npm.
#
#   SEATRIAL=target/debug/seatrial scripts/promptfoo_parity.sh [--record]
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
version=0.121.20
tools=${XDG_CACHE_HOME:-$HOME/.cache}/seatrial/promptfoo-$version
seatrial=${SEATRIAL:-}
if [ -z "$seatrial" ]; then
    cargo build --quiet --manifest-path "$root/Cargo.toml" -p seatrial
    target=$(cargo metadata --manifest-path "$root/Cargo.toml" --format-version 1 --no-deps |
        sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')
    seatrial=$target/debug/seatrial
fi
seatrial=$(cd "$(dirname "$seatrial")" && pwd)/$(basename "$seatrial")
entry=$tools/node_modules/promptfoo/dist/src/entrypoint.js
if [ ! -f "$entry" ]; then
    mkdir -p "$tools"
    echo "installing promptfoo $version into $tools" >&2
    (cd "$tools" && npm init -y >/dev/null && npm install "promptfoo@$version" --no-audit --no-fund >&2)
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$root"/testdata/promptfoo/parity.* "$work"
cd "$work"
# Exit code 100 says that tests failed, which many here are meant to.
PROMPTFOO_DISABLE_TELEMETRY=1 PROMPTFOO_DISABLE_UPDATE=1 PROMPTFOO_DISABLE_REMOTE_GENERATION=1 \
    PROMPTFOO_CONFIG_DIR="$work/.promptfoo" \
    node "$entry" eval -c parity.yaml -o theirs.json --no-cache --no-table --no-write --no-progress-bar \
    >promptfoo.log 2>&1 || [ $? -eq 100 ] || { tail -20 promptfoo.log >&2; exit 1; }
"$seatrial" import promptfoo parity.yaml --out ours --json import.json >/dev/null
"$seatrial" run ours/suite.yaml --store store >/dev/null 2>run.log || { cat run.log >&2; exit 1; }
"$seatrial" export latest --store store --format jsonl --output ours.jsonl
node "$root/scripts/promptfoo_parity.mjs" theirs.json ours.jsonl "$root/testdata/promptfoo" "${1:-}"
