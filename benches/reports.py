"""Time and size of the reports of 20,000 samples. Prints a Markdown table with the bars beside the figures.
Usage: reports.py BINARY [--quick]"""

import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time

WORDS = "the a harbour pilot reads wind tide chart and asks whether this vessel may leave port before dusk with cargo".split()
FORMATS = [("terminal", ""), ("markdown", ""), ("json", ""), ("junit", ""), ("html", "≤ 2 s")]


def sentence(source, count):
    return " ".join(source.choice(WORDS) for _ in range(count))


def write_job(folder, count):
    """Recorded answers of two targets to count / 2 cases, texts of about 1,000 characters a sample."""
    source = random.Random(1)
    cases = [{"id": i, "input": sentence(source, 120), "expected": f"berth {i % 17}"} for i in range(count // 2)]
    files = {"cases": cases}
    for target in ("large", "small"):
        files[target] = [
            {"id": case["id"], "latency_ms": round(source.gauss(300, 60), 2),
             "output": case["expected"] if source.random() < 0.9 else sentence(source, 60)}
            for case in cases
        ]
    for name, rows in files.items():
        with open(os.path.join(folder, f"{name}.jsonl"), "w") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
    target = "  - {{name: {0}, provider: recorded, path: {0}.jsonl, latency_ms_field: latency_ms}}\n"
    with open(os.path.join(folder, "suite.yaml"), "w") as file:
        file.write("version: 1\nname: bench\ntargets:\n" + target.format("large") + target.format("small"))
        file.write("tasks:\n  - {name: answers, dataset: {path: cases.jsonl}, scorers: [exact_match]}\n")
        file.write("gates:\n  - {metric: answers.exact_match, at_least: 0.8}\n")


def measured(command, folder):
    """Wall and CPU seconds of a command that must succeed."""
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder)
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        sys.exit(f"failed: {command}")
    return time.perf_counter() - started, usage.ru_utime + usage.ru_stime


def main():
    binary, quick = os.path.abspath(sys.argv[1]), "--quick" in sys.argv
    count, runs = (2_000, 1) if quick else (20_000, 5)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        write_job(folder, count)
        subprocess.run([binary, "run", "suite.yaml", "--quiet", "--no-github"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        for name, bar in FORMATS:
            command = [binary, "report", "latest", "--format", name, "--output", f"report.{name}"]
            if name == "junit":
                command.append("--junit-samples")
            walls, cpus = zip(*(measured(command, folder) for _ in range(runs)))
            size = os.path.getsize(os.path.join(folder, f"report.{name}"))
            figures = f"{statistics.median(walls):.3f} s, CPU {statistics.median(cpus):.3f} s, {size / 1e6:.2f} MB"
            rows.append((f"{name}, {count:,} samples", figures, bar))
    print("| report | wall, CPU, size | bar (wall) |\n|---|---|---|")
    for row in rows:
        print("| " + " | ".join(row) + " |")


main()
