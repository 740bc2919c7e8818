#!/usr/bin/env python3
"""Time of `seatrial gate simulate`: 4,000 draws of 200 cases. Usage: gate_simulate.py BINARY

Prints one line a scenario with the best of three runs in seconds and the peak of memory in MiB.
"""

import os
import random
import resource
import subprocess
import sys
import tempfile
import time

TARGET_SECONDS = 2.0


def rates(path, cases):
    draw = random.Random(1)
    with open(path, "w", encoding="utf-8") as file:
        file.write("id,rate\n")
        for case in range(cases):
            file.write(f"c{case},{round(draw.betavariate(2, 1), 3)}\n")


def best(command):
    times = []
    for _ in range(3):
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        times.append(time.perf_counter() - start)
    return min(times)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    binary = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "rates.csv")
        rates(file, 200)
        base = [binary, "gate", "simulate", "--rates", file]
        for name, options in [
            ("4000 draws x 200 cases, margin 0", []),
            ("4000 draws x 200 cases, margin 0.02", ["--margin", "0.02"]),
            ("4000 draws x 200 cases x 4 epochs", ["--epochs", "4"]),
        ]:
            seconds = best(base + options)
            peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
            print(f"{name}: {seconds:.2f} s (target {TARGET_SECONDS} s), {peak:.0f} MiB")


if __name__ == "__main__":
    main()
