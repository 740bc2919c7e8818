#!/usr/bin/env bash
# Resampling statistics beside their reference libraries; makes the virtual environment. Needs Python 3.
set -euo pipefail
cd "$(dirname "$0")/../.."
venv=benches/.venv
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/pip" install -q numpy==1.26.4 scipy==1.12.0 krippendorff==0.9.0
cargo build --release --locked --package seatrial-stats --example speed
target=$(cargo metadata --format-version 1 --no-deps | sed -E 's/.*"target_directory":"([^"]*)".*/\1/')
echo "$(date -u +%F), $(nproc) cores, load $(cut -d' ' -f1 /proc/loadavg)"
"$venv/bin/python" benches/stats_vs_reference/compare.py "$target/release/examples/speed"
