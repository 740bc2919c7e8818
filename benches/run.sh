#!/usr/bin/env bash
# Figures of docs/benchmarks.md: builds the release binary and measures it. Needs Python 3 beside Rust.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release --locked --package seatrial
target=$(cargo metadata --format-version 1 --no-deps | sed -E 's/.*"target_directory":"([^"]*)".*/\1/')
echo "$(date -u +%F), $(nproc) cores, load $(cut -d' ' -f1 /proc/loadavg)"
python3 benches/main_job.py "$target/release/seatrial" "$@"
python3 benches/calculator.py "$target/release/seatrial"
python3 benches/reports.py "$target/release/seatrial" "$@"
python3 benches/promptfoo_import.py "$target/release/seatrial"
python3 benches/compare.py "$target/release/seatrial"
python3 benches/gate_simulate.py "$target/release/seatrial"
python3 benches/baseline_gates.py "$target/release/seatrial"
python3 benches/cost.py "$target/release/seatrial"
# Needs the server that logs its own truth: see the head of the script.
if [ -d "${SEATRIAL_TOOLS:-../shared/tools}/streammock" ]; then
    python3 benches/load.py "$target/release/seatrial" "$@"
fi
