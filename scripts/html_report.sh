#!/usr/bin/env bash
# Looks at the HTML report in headless Chromium: makes runs of recorded answers in every main state, opens their reports
# from disk, and checks what is on the page, what the keyboard does, and that nothing is loaded. Leaves pictures in the
# target folder. `SEATRIAL_SKIP_BROWSER=1` skips it where no browser can be installed.
#   html_report.sh [BINARY]
set -euo pipefail
cd "$(dirname "$0")/.."
if [ "${SEATRIAL_SKIP_BROWSER:-}" = 1 ]; then
  echo "skipped: SEATRIAL_SKIP_BROWSER is set"
  exit 0
fi

chromium=${SEATRIAL_CHROMIUM:-}
find_chromium() { chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true); }
[ -n "$chromium" ] || find_chromium
if [ -z "$chromium" ] && command -v apt-get >/dev/null; then
  echo "installing Chromium"
  apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null
  find_chromium
fi
[ -n "$chromium" ] || { echo "no Chromium found; install it or name it in SEATRIAL_CHROMIUM" >&2; exit 1; }
command -v npm >/dev/null || { echo "npm is missing; install Node.js" >&2; exit 1; }
[ -d scripts/html_report/node_modules/playwright-core ] || npm ci --silent --no-audit --no-fund --prefix scripts/html_report

target=$(cargo metadata --format-version 1 --no-deps | sed -E 's/.*"target_directory":"([^"]*)".*/\1/')
binary=${1:-}
if [ -z "$binary" ]; then
  cargo build --quiet --locked --package seatrial
  binary=$target/debug/seatrial
fi
work=$target/html_report
rm -rf "$work" && mkdir -p "$work/pictures"
node scripts/html_report/states.mjs "$(realpath "$binary")" "$work"
node scripts/html_report/check.mjs "$chromium" "$work"
echo "pictures: $work/pictures"
