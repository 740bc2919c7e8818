#!/bin/sh
# Times the text metrics beside the reference libraries on the same inputs in the same run, checks that the values
# agree, and prints a table. Needs python3 and network access for pip on the first run.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
venv="$root/benches/.venv"
if [ ! -x "$venv/bin/python" ]; then
    python3 -m venv "$venv"
fi
"$venv/bin/pip" install --quiet --disable-pip-version-check \
    sacrebleu==2.6.0 rouge-score==0.1.2 nltk==3.10.4 numpy
cd "$root"
cargo build --quiet --release --package seatrial-text --example text_vs_reference
target=$(cargo metadata --format-version 1 --no-deps | python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')
exec "$venv/bin/python" "$here/compare.py" "$target/release/examples/text_vs_reference" "$@"
