#!/usr/bin/env bash
# Compares the verdicts of promptfoo with those of its imported configurations, row by row: given answers (parity), vectors
# of a simulated embeddings model (similar), log probabilities of a simulated chat model (perplexity). Installs promptfoo
# where it is missing (npm; Node 20.20 or 22.22 and later). `--record` writes the verdicts that the cargo test checks
# without npm.
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
sim=
finish() {
    [ -z "$sim" ] || kill "$sim" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT
cp "$root"/testdata/promptfoo/*.{yaml,csv,jsonl} "$work"
cd "$work"
"$seatrial" sim --config sim.yaml --listen 127.0.0.1:0 >sim.out 2>sim.log &
sim=$!
until [ -s sim.out ]; do
    kill -0 "$sim" 2>/dev/null || { cat sim.log >&2; exit 1; }
    sleep 0.05
done
base=$(sed -n 's/.*"listening":"\([^"]*\)".*/\1/p' sim.out)/v1
sed -i "s|@BASE_URL@|$base|" similar.yaml perplexity.yaml
# The simulator takes any key; promptfoo wants one.
export OPENAI_API_KEY=none

code=0
for name in parity similar perplexity; do
    echo "$name"
    # Exit code 100 says that tests failed, which many here are meant to.
    PROMPTFOO_DISABLE_TELEMETRY=1 PROMPTFOO_DISABLE_UPDATE=1 PROMPTFOO_DISABLE_REMOTE_GENERATION=1 \
        PROMPTFOO_CONFIG_DIR="$work/.promptfoo" \
        node "$entry" eval -c "$name.yaml" -o "$name-theirs.json" --no-cache --no-table --no-write --no-progress-bar \
        >promptfoo.log 2>&1 || [ $? -eq 100 ] || { tail -20 promptfoo.log >&2; exit 1; }
    "$seatrial" import promptfoo "$name.yaml" --out "$name" --json import.json >/dev/null
    "$seatrial" run "$name/suite.yaml" --store "$name-store" >/dev/null 2>run.log || { cat run.log >&2; exit 1; }
    "$seatrial" export latest --store "$name-store" --format jsonl --output "$name-ours.jsonl"
    node "$root/scripts/promptfoo_parity.mjs" "$name-theirs.json" "$name-ours.jsonl" "$root/testdata/promptfoo" "$name" \
        "${1:-}" || code=1
done
exit "$code"
