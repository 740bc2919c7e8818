#!/usr/bin/env bash
# The pipelines of `seatrial ci init` and the GitHub action, read as the CI systems read them and carried out as far as that
# goes without them. Offline once installed.
#   scripts/ci_kit.sh [PATH/TO/seatrial]      (without one, the binary is built)
set -euo pipefail
cd "$(dirname "$0")/.."

command -v npm >/dev/null || { echo "npm is missing; install Node.js" >&2; exit 1; }
[ -d scripts/ci_kit/node_modules/yaml ] || npm ci --silent --no-audit --no-fund --ignore-scripts --prefix scripts/ci_kit
# Jenkins pipelines are Groovy, whose parser needs Java.
if ! command -v java >/dev/null; then
  command -v apt-get >/dev/null || { echo "java is missing; install a runtime of 11 or later" >&2; exit 1; }
  apt-get update -qq && apt-get install -y -qq default-jre-headless >/dev/null
fi

target=$(cargo metadata --format-version 1 --no-deps | sed -E 's/.*"target_directory":"([^"]*)".*/\1/')
binary=${1:-}
if [ -z "$binary" ]; then
  cargo build --quiet --locked --package seatrial
  binary=$target/debug/seatrial
fi
# Not below the checkout: git and npm look upwards.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cmp action/upsert_comment.sh crates/cli/assets/ci/upsert_comment.sh
node --import "./scripts/ci_kit/register.mjs" scripts/ci_kit/check.mjs "$(realpath "$binary")" "$work"
