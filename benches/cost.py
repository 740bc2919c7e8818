#!/usr/bin/env python3
"""How long the cost pillar takes.

usage: cost.py BINARY [ROWS]

Prices ROWS rows of usage (default 1,000,000) on one core, finds the front of 70 models with 10,000 resamples, and draws the
shipped examples of deployments, returns and risks. Prints one JSON object a figure: seconds, the bar, whether it is met.
"""

import json
import os
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def timed(arguments, folder, one_core=False):
    def pin():
        if one_core and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

    best = float("inf")
    for _ in range(3):
        start = time.monotonic()
        done = subprocess.run(arguments, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, preexec_fn=pin)
        if done.returncode != 0:
            sys.exit(f"{' '.join(arguments)}: exit {done.returncode}\n{done.stderr.decode()}")
        best = min(best, time.monotonic() - start)
    return best


def main():
    binary = os.path.abspath(sys.argv[1])
    rows = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "usage.jsonl"), "w", encoding="utf-8") as file:
            for i in range(rows):
                file.write('{"id":%d,"provider":"openai","model":"gpt-4o","usage":{"prompt_tokens":%d,"completion_tokens":%d,'
                           '"prompt_tokens_details":{"cached_tokens":%d}}}\n' % (i, 1000 + i % 997, 200 + i % 101, i % 500))
        with open(os.path.join(folder, "prices.yaml"), "w", encoding="utf-8") as file:
            file.write("openai/gpt-4o: {input_usd_per_mtok: 2.5, output_usd_per_mtok: 10, cache_read_usd_per_mtok: 1.25}\n")
        with open(os.path.join(folder, "models.csv"), "w", encoding="utf-8") as file:
            file.write("name,quality,n,cost_usd,latency_ms\n")
            for i in range(70):
                file.write(f"m{i},{0.3 + 0.65 * ((i * 37) % 70) / 70:.4f},1000,{0.001 * 1.06 ** i:.6f},{200 + ((i * 53) % 70) * 10}\n")
        examples = os.path.join(ROOT, "docs", "examples")
        for what, arguments, bar, one_core in [
            (f"price {rows} rows", ["price", "usage.jsonl", "--prices", "prices.yaml"], 1.0, True),
            ("pareto, 70 models x 10,000 resamples",
             ["pareto", "--table", "models.csv", "--axes", "quality,cost,latency_p50", "--resamples", "10000"], 5.0, False),
            ("roi, 10,000 draws", ["roi", os.path.join(examples, "tiers-roi.yaml")], 0.5, False),
            ("tco, 10,000 draws", ["tco", os.path.join(examples, "deployment-tco.yaml")], 0.5, False),
            ("risk", ["risk", os.path.join(examples, "risk-register.yaml")], 0.5, False),
        ]:
            seconds = timed([binary, "cost", *arguments], folder, one_core)
            print(json.dumps({"what": what, "seconds": round(seconds, 3), "bar": bar, "within": seconds <= bar}), flush=True)


if __name__ == "__main__":
    main()
