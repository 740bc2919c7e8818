#!/usr/bin/env bash
# The whole gate: format, lints, structure, tests, documentation examples. Installs nothing when nothing is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n== %s\n' "$1"; }

command -v cargo >/dev/null || { echo "cargo is missing; install Rust from rustup.rs" >&2; exit 1; }
if ! command -v cc >/dev/null; then
  step "installing a C compiler (SQLite and zstd are built from source)"
  if command -v apt-get >/dev/null; then
    apt-get update -qq && apt-get install -y -qq gcc libc6-dev
  else
    echo "no C compiler found; install gcc or clang" >&2
    exit 1
  fi
fi

step "format"
cargo fmt --all -- --check
step "structure"
cargo xtask tidy
step "lints"
cargo clippy --workspace --all-targets --locked -- -D warnings
step "tests"
cargo test --workspace --locked --all-targets
step "HTML report in a browser"
./scripts/html_report.sh
step "JUnit against the schema of Jenkins"
./scripts/junit_schema.sh
step "pipelines of CI systems"
./scripts/ci_kit.sh
step "official client libraries against the simulator"
./scripts/official_clients.sh
step "Inspect against imports and exports"
./scripts/inspect_parity.sh
step "documentation examples"
cargo test --workspace --locked --doc
