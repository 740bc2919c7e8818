"""Small calls per second through a pipe. Usage: calculator.py BINARY"""

import json
import subprocess
import sys
import tempfile
import time

CALLS = 1_000_000
RUNS = 3

with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as calls:
    for number in range(CALLS):
        call = {"id": number, "fn": "wilson", "input": {"k": number % 201, "n": 200, "confidence": 0.95}}
        calls.write(json.dumps(call) + "\n")
    calls.flush()
    rates = []
    for _ in range(RUNS):
        started = time.perf_counter()
        with subprocess.Popen(["cat", calls.name], stdout=subprocess.PIPE) as source:
            answers = subprocess.run([sys.argv[1], "stats", "eval"], stdin=source.stdout, capture_output=True, check=True)
        rates.append(CALLS / (time.perf_counter() - started))
        assert answers.stdout.count(b"\n") == CALLS
    print(f"| `wilson` calls through a pipe | {sorted(rates)[RUNS // 2]:,.0f} a second | ≥ 200,000 |")
