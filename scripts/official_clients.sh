#!/usr/bin/env bash
# The official client libraries of OpenAI and Anthropic against the simulated provider. Offline once installed.
#   scripts/official_clients.sh [PATH/TO/seatrial]      (without one, the binary is built)
set -euo pipefail
cd "$(dirname "$0")/.."

venv=${XDG_CACHE_HOME:-$HOME/.cache}/seatrial/clients-venv
if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
  command -v apt-get >/dev/null || { echo "python3 with venv is missing; install it" >&2; exit 1; }
  apt-get update -qq && apt-get install -y -qq python3-venv
fi
if [ ! -x "$venv/bin/python" ] || ! "$venv/bin/python" -c 'import anthropic, openai' 2>/dev/null; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check 'openai==3.57.0' 'anthropic==2.14.0'
fi

binary=${1:-}
if [ -z "$binary" ]; then
  cargo build --quiet --package seatrial
  binary=$(cargo metadata --format-version 1 --no-deps | python3 -c 'import json,sys; print(json.load(sys.stdin)["target_directory"])')/debug/seatrial
fi
exec "$venv/bin/python" scripts/official_clients.py --seatrial "$binary"
