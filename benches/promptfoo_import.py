#!/usr/bin/env python3
"""Time of `seatrial import promptfoo` for a configuration with 1,000 tests of five assertions each; bar: 1 s.

    python3 benches/promptfoo_import.py target/release/seatrial [TESTS]

Prints one JSON object: tests, bytes of the configuration, best and median of five runs in milliseconds.
"""

import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

RUNS = 5


def configuration(tests: int) -> str:
    lines = [
        "prompts: ['Answer {{ question }} as {{ persona }}.']",
        "providers: [openai:gpt-4o-mini]",
        "defaultTest:",
        "  vars: {persona: a sailor}",
        "  assert: [{type: not-icontains, value: sorry}]",
        "tests:",
    ]
    for number in range(tests):
        lines += [
            f"  - description: case {number}",
            f"    vars: {{question: 'What is {number} plus {number}?', sum: {2 * number}}}",
            "    assert:",
            "      - {type: contains, value: '{{ sum }}'}",
            "      - {type: regex, value: '\\d+', metric: Number}",
            "      - {type: word-count, value: {max: 80}}",
            "      - {type: is-json, value: {type: object, required: [answer]}, weight: 0}",
        ]
    return "\n".join(lines) + "\n"


def main() -> None:
    binary = pathlib.Path(sys.argv[1]).resolve()
    tests = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "promptfooconfig.yaml")
        path.write_text(configuration(tests), encoding="utf-8")
        times = []
        for _ in range(RUNS):
            begin = time.perf_counter()
            subprocess.run(
                [binary, "import", "promptfoo", path, "--out", "out", "--json", "report.json"],
                cwd=folder,
                check=True,
                stdout=subprocess.DEVNULL,
            )
            times.append((time.perf_counter() - begin) * 1000)
        report = json.loads(pathlib.Path(folder, "report.json").read_text(encoding="utf-8"))
        assert report["cases"] == tests and not report["left_out"], report
        print(
            json.dumps(
                {
                    "tests": tests,
                    "bytes": path.stat().st_size,
                    "best_ms": round(min(times), 1),
                    "median_ms": round(statistics.median(times), 1),
                }
            )
        )


if __name__ == "__main__":
    main()
