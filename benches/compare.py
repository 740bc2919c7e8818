#!/usr/bin/env python3
"""Time and memory of `seatrial compare`: two systems of 100,000 cases, and 43 systems of 660 cases.

usage: compare.py BINARY [CASES]

Prints one JSON object per case: seconds of wall time and the peak of resident memory in MiB. The systems are exports
(JSON Lines) put on record by `seatrial import results`, with a score, a latency, a cost and tokens for every case.
"""

import csv
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time

TARGETS = {"two": (2.0, 400), "two_files": (2.0, 400), "many": (3.0, None)}


def measured(command, folder):
    """Wall seconds and peak MiB of one process."""
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if os.waitstatus_to_exitcode(status) != 0:
        sys.exit(f"{command} ended with {status}")
    return seconds, usage.ru_maxrss / 1024


def tell(name, seconds, mib, **facts):
    most_seconds, most_mib = TARGETS[name]
    print(json.dumps({"case": name, **facts, "seconds": round(seconds, 3), "mib": round(mib, 1),
                      "most_seconds": most_seconds, "most_mib": most_mib,
                      "within": seconds <= most_seconds and (most_mib is None or mib <= most_mib)}))


def write_export(path, cases, seed, accuracy):
    draw = random.Random(seed)
    with open(path, "w") as out:
        for case in range(cases):
            latency = draw.lognormvariate(6, 0.5)
            row = {"id": f"case-{case:06}", "task": "answers", "target": "t",
                   "prompt": f"question {case}", "output": f"answer {case} {draw.random()}",
                   "cost_usd": "0.000123", "latency_ms": latency, "ttft_ms": latency / 4,
                   "usage": {"input_tokens": 100 + case % 50, "output_tokens": draw.randrange(10, 400)},
                   "scores": [{"scorer": "exact_match", "metric": "exact_match", "outcome": "scored",
                               "value": float(draw.random() < accuracy)}]}
            out.write(json.dumps(row) + "\n")


def two(binary, folder, cases):
    runs = []
    for name, seed, accuracy in (("a", 1, 0.80), ("b", 2, 0.81)):
        write_export(f"{folder}/{name}.jsonl", cases, seed, accuracy)
        imported = subprocess.run([binary, "import", "results", f"{name}.jsonl", "--json", "-"], cwd=folder,
                                  check=True, capture_output=True)
        runs.append(json.loads(imported.stdout)["run_id"])
    # The contents differ by the drawn answer alone, but an import knows a case by prompt and reference: equal here.
    best = min(measured([binary, "compare", *runs, "--json", "out.json"], folder) for _ in range(3))
    tell("two", *best, cases=cases)
    for name in ("a", "b"):
        with open(f"{folder}/{name}.jsonl") as rows, open(f"{folder}/{name}.csv", "w") as out:
            out.write("id,score\n")
            for row in map(json.loads, rows):
                out.write(f"{row['id']},{row['scores'][0]['value']}\n")
    best = min(measured([binary, "compare", "a.csv", "b.csv", "--json", "out.json"], folder) for _ in range(3))
    tell("two_files", *best, cases=cases)


def many(binary, folder):
    data = os.environ.get("SEATRIAL_TEST_DATA")
    table = []
    if data:
        with open(f"{data}/benchmarks/gsm8k_many_models/correct.csv") as rows:
            table = list(csv.reader(rows))
    else:
        draw = random.Random(3)
        skills = [0.4 + 0.55 * model / 43 for model in range(43)]
        table = [["id", *[f"m{model}" for model in range(43)]]]
        table += [[case, *[int(draw.random() < skill) for skill in skills]] for case in range(660)]
    files = []
    for column in range(1, len(table[0])):
        name = f"m{column}.csv"
        with open(f"{folder}/{name}", "w") as out:
            out.write("id,score\n")
            out.writelines(f"{row[0]},{row[column]}\n" for row in table[1:])
        files.append(name)
    best = min(measured([binary, "compare", *files, "--json", "out.json"], folder) for _ in range(3))
    tell("many", *best, systems=len(files), cases=len(table) - 1)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    binary = os.path.abspath(sys.argv[1])
    cases = int(sys.argv[2]) if len(sys.argv) > 2 else 100_000
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with tempfile.TemporaryDirectory() as folder:
        two(binary, folder, cases)
    with tempfile.TemporaryDirectory() as folder:
        many(binary, folder)


main()
