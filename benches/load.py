"""Accuracy and speed of `seatrial load` against a server that logs what it really did, beside a thin reference client in
the same conditions. Prints two Markdown tables and the time to the first request.

Usage: load.py BINARY [--quick]. The server and the reference client are built with cargo from the folder `streammock` in
SEATRIAL_TOOLS (default ../shared/tools)."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
STREAMS = [16, 64, 256, 1000]
TOKENS = 128


def build_tools(folder):
    tools = os.environ.get("SEATRIAL_TOOLS", os.path.join(ROOT, "..", "shared", "tools"))
    source = os.path.join(tools, "streammock")
    if not os.path.isdir(source):
        sys.exit(f"no streammock in {tools}; hint: name its folder in SEATRIAL_TOOLS")
    # The source may not be written to, and cargo writes a lock file.
    copy = os.path.join(folder, "streammock")
    shutil.copytree(source, copy, copy_function=shutil.copyfile)
    for place, folders, _ in os.walk(copy):
        for name in folders:
            os.chmod(os.path.join(place, name), 0o755)
    target = os.environ.get("SEATRIAL_TOOLS_TARGET", os.path.join(folder, "target"))
    environment = dict(os.environ, CARGO_TARGET_DIR=target)
    subprocess.run(["cargo", "build", "--release", "--quiet"], cwd=copy, env=environment, check=True)
    return [os.path.join(target, "release", name) for name in ("mock", "refclient")]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Mock:
    """The server in a process of its own, so that its CPU is not counted."""

    def __init__(self, program, **settings):
        self.port = free_port()
        flags = [text for name, value in settings.items() for text in (f"--{name}", str(value))]
        self.process = subprocess.Popen([program, "--port", str(self.port), *flags], stderr=subprocess.DEVNULL)
        self.url = f"http://127.0.0.1:{self.port}"
        while True:
            try:
                self.get("/health")
                return
            except OSError:
                time.sleep(0.02)

    def get(self, path):
        with urllib.request.urlopen(self.url + path) as answer:
            return answer.read()

    def stats(self):
        return json.loads(self.get("/admin/stats"))

    def reset(self):
        self.get("/admin/reset")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def cpu_of(command, folder):
    """CPU seconds (user + system) of a command, its exit code and standard output."""
    with open(os.path.join(folder, "stdout"), "wb") as out, open(os.path.join(folder, "stderr"), "wb") as err:
        process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
    with open(os.path.join(folder, "stdout")) as out:
        return usage.ru_utime + usage.ru_stime, os.waitstatus_to_exitcode(status), out.read()


def seatrial(binary, mock, streams, seconds, folder, *more):
    path = os.path.join(folder, "load.json")
    command = [binary, "load", "--base-url", mock.url + "/v1", "--model", "mock", "--concurrency", str(streams),
               "--duration", f"{seconds}s", "--max-tokens", str(TOKENS), "--json", path, *more]
    cpu, code, _ = cpu_of(command, folder)
    with open(path) as file:
        return cpu, code, json.load(file)


def reference(program, mock, streams, seconds, folder):
    _, _, out = cpu_of([program, "--port", str(mock.port), "--conc", str(streams), "--secs", str(seconds)], folder)
    return json.loads(out)


def number(value, digits=2, absent="–"):
    return absent if value is None else f"{value:.{digits}f}"


def accuracy(binary, mock_program, ref_program, seconds, folder):
    print(f"Truth: 50 ms to the first token, 10 ms gaps, {TOKENS} tokens, as the server's log says it really happened; "
          "milliseconds. A dash: withheld, or too few answers for a p99.\n")
    print("| streams | client | TTFT p50 / truth | TTFT p99 / truth | TPOT p50 / truth | gap p50 / truth | gap p99 / truth "
          "| requests/s / truth | connections | certificate: TTFT, gaps |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    with Mock(mock_program, tokens=TOKENS) as mock:
        for streams in STREAMS:
            mock.reset()
            ref = reference(ref_program, mock, streams, seconds, folder)
            truth = mock.stats()
            row(streams, "reference", ref["ttft_ms"], ref["tpot_ms"], ref["itl_ms"], ref["req_s"], truth, "–")
            mock.reset()
            _, code, result = seatrial(binary, mock, streams, seconds, folder)
            truth = mock.stats()
            metrics = result["metrics"]
            trust = f"{metrics['ttft']['status']}, {metrics['icl']['status']}, exit {code}"
            row(streams, "seatrial", metrics["ttft"], metrics["tpot"], metrics["icl"],
                result["whole_run"]["throughput"]["requests_per_s"], truth, trust)


def row(streams, client, ttft, tpot, gap, rate, truth, trust):
    pair = lambda seen, true: f"{number(seen)} / {true:.2f}"
    print(f"| {streams} | {client} | {pair(ttft['p50'], truth['ttft_ms']['p50'])} | {pair(ttft['p99'], truth['ttft_ms']['p99'])} "
          f"| {pair(tpot['p50'], truth['tpot_ms']['p50'])} | {pair(gap['p50'], truth['itl_ms']['p50'])} "
          f"| {pair(gap['p99'], truth['itl_ms']['p99'])} | {number(rate, 1)} / {truth['req_s']:.1f} | {truth['conns']} | {trust} |",
          flush=True)


def speed(binary, mock_program, ref_program, seconds, folder):
    print("\nCPU of the whole client, start and report included, per token; bars: coalesced at most 1.0 µs or 2 × reference, "
          "separate at most 1.5 × reference.\n")
    print("| tokens come | streams | reference µs | seatrial µs | ratio | tokens/s reference | tokens/s seatrial |")
    print("|---|---|---|---|---|---|---|")
    shapes = [("64 in one write", dict(ttft_us=0, itl_us=0, tokens=64, coalesce=1), [64, 256]),
              ("each in its own", dict(tokens=TOKENS), [256])]
    for name, settings, all_streams in shapes:
        with Mock(mock_program, **settings) as mock:
            for streams in all_streams:
                mock.reset()
                ref = reference(ref_program, mock, streams, seconds, folder)
                ref_tokens = mock.stats()["tokens"]
                mock.reset()
                cpu, _, _ = seatrial(binary, mock, streams, seconds, folder, "--no-calibrate", "--allow-degraded")
                tokens = mock.stats()["tokens"]
                ours, theirs = cpu / tokens * 1e6, ref["cpu_s"] / ref_tokens * 1e6
                print(f"| {name} | {streams} | {theirs:.2f} | {ours:.2f} | {ours / theirs:.2f} | {ref_tokens / seconds:.0f} "
                      f"| {tokens / seconds:.0f} |", flush=True)


def first_request(binary, mock_program, folder):
    """Milliseconds from starting the program to its first request read by the server; the best and median of nine."""
    times = []
    with Mock(mock_program, ttft_us=0, itl_us=0, tokens=1) as mock:
        for _ in range(9):
            mock.reset()
            started = time.clock_gettime(time.CLOCK_MONOTONIC)
            cpu_of([binary, "load", "--base-url", mock.url + "/v1", "--model", "mock", "-c", "1", "-n", "1",
                    "--no-calibrate", "--allow-degraded"], folder)
            times.append(mock.stats()["first_ns"] / 1e6 - started * 1e3)
    times.sort()
    print(f"\nStart to first request: median {times[4]:.1f} ms, best {times[0]:.1f} ms; bar 50 ms.")


def main():
    binary = os.path.abspath(sys.argv[1])
    seconds = 4 if "--quick" in sys.argv else 10
    with tempfile.TemporaryDirectory() as folder:
        mock, ref = build_tools(folder)
        with open("/proc/loadavg") as file:
            print(f"{os.cpu_count()} cores, load before {file.read().split()[0]}; {seconds} s each.\n")
        accuracy(binary, mock, ref, seconds, folder)
        speed(binary, mock, ref, seconds, folder)
        first_request(binary, mock, folder)


if __name__ == "__main__":
    main()
