#!/usr/bin/env python3
"""Verdicts of a gate against a baseline over many releases, end to end: how often pass, fail and inconclusive occur.

usage: baseline_gates.py BINARY [SEEDS] [CASES]

A simulated endpoint serves SEEDS models (default 200), each with its own draw of the rows that it answers rightly: exactly
its accuracy over a pool ten times as large as the dataset of CASES cases (default 200), so that the share within the dataset
varies as a sample does. A run of all models is blessed; further runs ask models of another accuracy, drawn anew, and are judged by
`{not_worse_than: baseline, margin: 0.02}`, each model by itself: its p-value before the correction, as if the suite had
this one gate. Prints one JSON object a scenario. `at_limit` is two points worse, where both wrong verdicts must stay
within the risk of 0.05; `wrong_max` is that plus three standard deviations of so many seeds.
"""

import json
import math
import os
import subprocess
import sys
import tempfile

RISK = 0.05
BASE = 0.85
POOL = 10
SCENARIOS = {"better": 0.95, "same": 0.85, "at_limit": 0.83, "worse": 0.70}


def serve(binary, folder, seeds, accuracy, seed):
    personas = [{"model": f"m{number}", "accuracy": accuracy} for number in range(seeds)]
    path = os.path.join(folder, f"sim-{seed}.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"seed": seed, "answers": os.path.join(folder, "pool.jsonl"), "personas": personas}, file)
    process = subprocess.Popen([binary, "sim", "--config", path], cwd=folder, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, text=True)
    return process, json.loads(process.stdout.readline())["listening"]


def run(binary, folder, seeds, accuracy, seed):
    process, url = serve(binary, folder, seeds, accuracy, seed)
    targets = "".join(f"  - {{name: t{n}, provider: openai, base_url: \"{url}/v1\", model: m{n}}}\n" for n in range(seeds))
    with open(os.path.join(folder, "suite.yaml"), "w", encoding="utf-8") as file:
        file.write(f"version: 1\nname: releases\ntargets:\n{targets}"
                   "tasks:\n  - {name: qa, dataset: {path: cases.jsonl}, scorers: [exact_match]}\n"
                   "gates: [{metric: qa.exact_match, not_worse_than: baseline, margin: 0.02}]\n")
    try:
        ended = subprocess.run([binary, "run", "suite.yaml", "--json", "f.json", "--quiet"], cwd=folder, check=False,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    finally:
        process.terminate()
        process.wait()
    with open(os.path.join(folder, "f.json"), encoding="utf-8") as file:
        return ended.returncode, json.load(file)


def main():
    binary = os.path.abspath(sys.argv[1])
    seeds = int(sys.argv[2]) if len(sys.argv) > 2 else 200
    cases = int(sys.argv[3]) if len(sys.argv) > 3 else 200
    wrong_max = RISK + 3 * math.sqrt(RISK * (1 - RISK) / seeds)
    with tempfile.TemporaryDirectory() as folder:
        for name, rows in {"cases": cases, "pool": POOL * cases}.items():
            with open(os.path.join(folder, f"{name}.jsonl"), "w", encoding="utf-8") as file:
                for number in range(rows):
                    row = {"id": f"c{number}", "input": f"question number {number}, please", "answer": f"answer {number}"}
                    file.write(json.dumps(row) + "\n")
        code, _ = run(binary, folder, seeds, BASE, 1)
        assert code == 6, code
        subprocess.run([binary, "baseline", "bless", "latest", "--reason", "first"], cwd=folder, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for name, accuracy in SCENARIOS.items():
            code, findings = run(binary, folder, seeds, accuracy, 2)
            passed = sum(gate["baseline"]["p_pass"] <= RISK for gate in findings["gates"])
            failed = sum(gate["p_fail"] <= RISK for gate in findings["gates"])
            wrong = {"better": failed, "same": failed, "at_limit": max(passed, failed), "worse": passed}[name]
            print(json.dumps({"scenario": name, "accuracy": accuracy, "baseline": BASE, "seeds": seeds, "cases": cases,
                              "pass": passed / seeds, "fail": failed / seeds, "inconclusive": 1 - (passed + failed) / seeds,
                              "wrong_max": round(wrong_max, 4), "within": wrong / seeds <= wrong_max, "exit_code": code}),
                  flush=True)


if __name__ == "__main__":
    main()
