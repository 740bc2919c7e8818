#!/usr/bin/env bash
# Compares Seatrial with the installed inspect_ai: imports its logs, and lets it read ours. Offline once installed.
#   scripts/inspect_parity.sh [PATH/TO/seatrial]      (without one, the binary is built)
set -euo pipefail
cd "$(dirname "$0")/.."

venv=${XDG_CACHE_HOME:-$HOME/.cache}/seatrial/inspect-venv
if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
  command -v apt-get >/dev/null || { echo "python3 with venv is missing; install it" >&2; exit 1; }
  apt-get update -qq && apt-get install -y -qq python3-venv
fi
if [ ! -x "$venv/bin/python" ] || ! "$venv/bin/python" -c 'import inspect_ai, zipfile_zstd' 2>/dev/null; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check 'inspect_ai==0.3.285' 'zipfile-zstd==0.0.4'
fi

binary=${1:-}
if [ -z "$binary" ]; then
  cargo build --quiet --package seatrial
  binary=$(cargo metadata --format-version 1 --no-deps | python3 -c 'import json,sys; print(json.load(sys.stdin)["target_directory"])')/debug/seatrial
fi
exec "$venv/bin/python" scripts/inspect_parity.py --seatrial "$binary"
