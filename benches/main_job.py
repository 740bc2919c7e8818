"""Speed and size of the main job against a simulated endpoint: CPU per sample, scaling, memory, start-up, honesty of
the clock. Prints a Markdown table with the bars beside the figures. Usage: main_job.py BINARY [--quick]"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

RUNS = 5
CONCURRENCY = 64


def measured(command, cwd):
    """CPU seconds (user + system), wall seconds, peak memory in MiB and exit code of a command."""
    started = time.perf_counter()
    with open(os.path.join(cwd, "stdout"), "wb") as out, open(os.path.join(cwd, "stderr"), "wb") as err:
        process = subprocess.Popen(command, cwd=cwd, stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    return usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024, os.waitstatus_to_exitcode(status)


class Endpoint:
    """A simulated endpoint in a process of its own, so that its CPU is not counted."""

    def __init__(self, binary, folder, persona):
        config = os.path.join(folder, "sim.json")
        with open(config, "w") as file:
            json.dump({"seed": 1, "personas": [dict({"model": "m", "unknown": "ok"}, **persona)]}, file)
        self.process = subprocess.Popen([binary, "sim", "--config", config], stdout=subprocess.PIPE)
        self.url = json.loads(self.process.stdout.readline())["listening"]

    def get(self, path):
        with urllib.request.urlopen(self.url + path) as answer:
            return json.load(answer)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def write_job(folder, url, count):
    with open(os.path.join(folder, "cases.jsonl"), "w") as file:
        for number in range(count):
            row = {"id": number, "input": f"What is the answer to question number {number}?", "expected": "ok"}
            file.write(json.dumps(row) + "\n")
    suite = f"""version: 1
name: bench
targets:
  - name: t
    provider: openai
    base_url: {url}/v1
    model: m
    limits: {{concurrency: {{fixed: {CONCURRENCY}}}}}
tasks:
  - name: answers
    dataset: {{path: cases.jsonl}}
    scorers: [exact_match]
"""
    with open(os.path.join(folder, "suite.yaml"), "w") as file:
        file.write(suite)


def job(binary, persona, count, runs):
    """Runs the job a few times; medians of CPU seconds per 1,000 samples and of peak MiB, and the last findings."""
    cpu, memory, wall = [], [], []
    with tempfile.TemporaryDirectory() as folder, Endpoint(binary, folder, persona) as endpoint:
        write_job(folder, endpoint.url, count)
        for run in range(runs):
            command = [binary, "run", "suite.yaml", "--store", f"store{run}", "--json", "findings.json"]
            seconds, elapsed, peak, code = measured(command, folder)
            if code != 0:
                sys.exit(open(os.path.join(folder, "stderr")).read())
            cpu.append(1000 * seconds / count)
            memory.append(peak)
            wall.append(elapsed)
        with open(os.path.join(folder, "findings.json")) as file:
            findings = json.load(file)
        latency = endpoint.get("/sim/latency")
    return statistics.median(cpu), statistics.median(memory), statistics.median(wall), findings, latency


def value(findings, metric, statistic):
    for result in findings["targets"][0]["metrics"]:
        if (result["metric"], result["statistic"]) == (metric, statistic):
            return result
    return {}


def main():
    binary = os.path.abspath(sys.argv[1])
    quick = "--quick" in sys.argv
    runs = 1 if quick else RUNS
    whole = {"shape": {"ignores_stream": True}}
    rows = []

    cpu_small, memory_small, wall, _, _ = job(binary, whole, 2000, runs)
    rows.append(("CPU per 1,000 one-piece answers, 2,000 samples", f"{cpu_small:.3f} s", "≤ 0.15 s (miss above 0.20)"))
    rows.append(("wall, 2,000 one-piece answers", f"{wall:.2f} s", ""))
    rows.append(("peak memory, 2,000 samples", f"{memory_small:.1f} MiB", "≤ 64 MiB"))
    cpu_sse, _, _, _, _ = job(binary, {"events": 16, "unknown": " ".join(["ok"] * 16)}, 2000, runs)
    rows.append(("CPU per 1,000 SSE answers of 16 events", f"{cpu_sse:.3f} s", "shown beside it"))
    many = 20_000 if quick else 200_000
    cpu_large, memory_large, wall, _, _ = job(binary, whole, many, 1)
    rows.append((f"CPU per 1,000 one-piece answers, {many:,} samples", f"{cpu_large:.3f} s", ""))
    rows.append((f"cost per sample at {many:,} over that at 2,000", f"{cpu_large / cpu_small:.2f}", "≤ 1.2"))
    rows.append((f"peak memory, {many:,} samples", f"{memory_large:.1f} MiB", "≤ 160 MiB"))
    starts = [measured([binary, "--version"], tempfile.gettempdir())[1] for _ in range(11)]
    rows.append(("`--version`, wall", f"{1000 * statistics.median(starts):.1f} ms", "≤ 30 ms"))

    _, _, _, findings, own = job(binary, dict(whole, first_token_ms=20), 5000, 1)
    truth = own.get("end_ms", own)
    for statistic, bar in (("p50", "≤ 1 ms"), ("p99", "≤ 5 ms")):
        ours = value(findings, "latency_ms", statistic)
        error = abs(ours["value"] - truth[statistic])
        mark = f" ({ours['status']})" if ours.get("status") else ""
        text = f"{error:.2f} ms{mark} (ours {ours['value']:.2f}, endpoint's log {truth[statistic]:.2f})"
        rows.append((f"latency {statistic} error at 20 ms, concurrency {CONCURRENCY}", text, bar))
    _, _, _, findings, _ = job(binary, whole, 20_000, 1)
    ours = value(findings, "latency_ms", "p50")
    queue = findings["targets"][0]["client_queue_ms_p99"]
    text = f"{ours.get('status', 'not marked')}, own queueing p99 {queue:.2f} ms shown apart"
    rows.append(("instant endpoint: is the client's own limit told?", text, "client_saturated"))

    print("| what | measured | bar |\n|---|---|---|")
    for row in rows:
        print("| " + " | ".join(row) + " |")


main()
