#!/usr/bin/env bash
# Our JUnit files against the schema that Jenkins's xUnit plug-in checks files with. The schema comes with the source
# package of pytest, which checks its own files with it; xmllint does the checking. Offline once installed.
#   scripts/junit_schema.sh [PATH/TO/seatrial]      (without one, the binary is built)
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v xmllint >/dev/null; then
  command -v apt-get >/dev/null || { echo "xmllint is missing; install libxml2's tools" >&2; exit 1; }
  apt-get update -qq && apt-get install -y -qq libxml2-utils >/dev/null
fi
pytest=8.4.2
cache=${XDG_CACHE_HOME:-$HOME/.cache}/seatrial/junit-schema
schema=$cache/pytest-$pytest/testing/example_scripts/junit-10.xsd
if [ ! -f "$schema" ]; then
  if ! python3 -m pip --version >/dev/null 2>&1; then
    command -v apt-get >/dev/null || { echo "python3 with pip is missing; install it" >&2; exit 1; }
    apt-get update -qq && apt-get install -y -qq python3-pip >/dev/null
  fi
  mkdir -p "$cache"
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --no-binary pytest --dest "$cache" "pytest==$pytest"
  tar -xzf "$cache/pytest-$pytest.tar.gz" -C "$cache" "pytest-$pytest/testing/example_scripts/junit-10.xsd"
fi

target=$(cargo metadata --format-version 1 --no-deps | sed -E 's/.*"target_directory":"([^"]*)".*/\1/')
binary=${1:-}
if [ -z "$binary" ]; then
  cargo build --quiet --locked --package seatrial
  binary=$target/debug/seatrial
fi
binary=$(realpath "$binary")
work=$target/junit_schema
rm -rf "$work" && mkdir -p "$work"
node scripts/junit_schema.mjs "$binary" "$work"
if ! checked=$(xmllint --noout --schema "$schema" "$work"/*.strict.xml 2>&1); then
  echo "$checked" >&2
  exit 1
fi
# The richer form is well-formed XML with what it is there for.
xmllint --noout "$work"/*.rich.xml
grep -q '<testcase .*file="suite.yaml" line="' "$work/fail.rich.xml"
# The check can fail: that form is not the schema's.
if xmllint --noout --schema "$schema" "$work/fail.rich.xml" 2>/dev/null; then
  echo "the richer form keeps the strict schema: the check checks nothing" >&2
  exit 1
fi
echo "$(grep -c " validates$" <<<"$checked") files keep the schema"
