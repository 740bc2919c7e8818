"""Accuracy and speed of `seatrial load` against a server that logs what it really did, beside a thin reference client in
the same conditions; the replay of traces; the search for the largest load beside a known one; the server's own numbers.
Prints Markdown tables and the time to the first request.

Usage: load.py BINARY [--quick] [--only accuracy,speed,replay,search,metrics,first]. The server and the reference client are
built with cargo from the folder `streammock` in SEATRIAL_TOOLS (default ../shared/tools); the traces are those of
SEATRIAL_TEST_DATA. On a machine that does other work, run it with a priority of its own (`chrt -f 10 …`)."""

import csv
import heapq
import json
import os
import random
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
    pairs = 3
    print(f"\nCPU of the whole client, start and report included, per token; the median of {pairs} pairs, one after the other; "
          "bars: coalesced at most 1.0 µs or 2 × reference, separate at most 1.5 × reference.\n")
    print("| tokens come | streams | reference µs | seatrial µs | ratio (of each pair) | tokens/s reference | tokens/s seatrial |")
    print("|---|---|---|---|---|---|---|")
    shapes = [("64 in one write", dict(ttft_us=0, itl_us=0, tokens=64, coalesce=1), [64, 256]),
              ("each in its own", dict(tokens=TOKENS), [256])]
    for name, settings, all_streams in shapes:
        with Mock(mock_program, **settings) as mock:
            for streams in all_streams:
                runs = []
                for _ in range(pairs):
                    mock.reset()
                    ref = reference(ref_program, mock, streams, seconds, folder)
                    ref_tokens = mock.stats()["tokens"]
                    mock.reset()
                    cpu, _, _ = seatrial(binary, mock, streams, seconds, folder, "--no-calibrate", "--allow-degraded")
                    tokens = mock.stats()["tokens"]
                    ours, theirs = cpu / tokens * 1e6, ref["cpu_s"] / ref_tokens * 1e6
                    runs.append((ours / theirs, ours, theirs, tokens, ref_tokens))
                runs.sort()
                ratio, ours, theirs, tokens, ref_tokens = runs[pairs // 2]
                all_ratios = ", ".join(f"{run[0]:.2f}" for run in runs)
                print(f"| {name} | {streams} | {theirs:.2f} | {ours:.2f} | {ratio:.2f} ({all_ratios}) "
                      f"| {ref_tokens / seconds:.0f} | {tokens / seconds:.0f} |", flush=True)


def replay(binary, mock_program, seconds, folder):
    data = os.environ.get("SEATRIAL_TEST_DATA", os.path.join(ROOT, "..", "shared", "data"))
    traces = [("Azure", "traces_azure_2023_conv/AzureLLMInferenceTrace_conv.csv"),
              ("Mooncake", "traces_mooncake/conversation_trace_head.jsonl")]
    print("\nReplay of traces: sent − intended, milliseconds; bar: p99 at most 2 ms at real speed.\n")
    print("| trace | speed | requests | p50 | p99 | largest | certificate of ttft_sched |")
    print("|---|---|---|---|---|---|---|")
    with Mock(mock_program, tokens=16, itl_us=2000) as mock:
        for name, path in traces:
            path = os.path.join(data, "benchmarks", path)
            if not os.path.exists(path):
                print(f"| {name} | – | not there | | | | |")
                continue
            for speed in (1, 10):
                out, table = os.path.join(folder, "load.json"), os.path.join(folder, "requests.csv")
                cpu_of([binary, "load", "--base-url", mock.url + "/v1", "--model", "mock", "--trace", path,
                        "--speed", str(speed), "--duration", f"{seconds}s", "--no-calibrate", "--allow-degraded",
                        "--json", out, "--csv", table], folder)
                with open(table) as file:
                    late = sorted(float(row["sent_ms"]) - float(row["intended_ms"])
                                  for row in csv.DictReader(file) if row["sent_ms"])
                with open(out) as file:
                    trust = json.load(file)["metrics"]["ttft_sched"]["status"]
                at = lambda q: late[min(len(late) - 1, int(q * len(late)))]
                print(f"| {name} | {speed} | {len(late)} | {at(0.5):.2f} | {at(0.99):.2f} | {late[-1]:.2f} | {trust} |",
                      flush=True)


class Sim:
    """`seatrial sim` with one model of so many slots; each answer takes 50 ms and is one token."""

    def __init__(self, binary, slots, folder):
        config = os.path.join(folder, "sim.json")
        with open(config, "w") as file:
            json.dump({"personas": [{"model": "m", "first_token_ms": 50, "output_tokens": 1, "slots": slots}]}, file)
        self.process = subprocess.Popen([binary, "sim", "--config", config], stdout=subprocess.PIPE)
        self.url = json.loads(self.process.stdout.readline())["listening"] + "/v1"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def largest_rate(slots, service_s, limit_s):
    """The largest Poisson rate at which 99 % of 200,000 requests end in time, by bisection in virtual time."""
    def share_late(rate):
        draws, free, now, late, n = random.Random(1), [0.0] * slots, 0.0, 0, 200_000
        for _ in range(n):
            now += draws.expovariate(rate)
            end = max(now, heapq.heappop(free)) + service_s
            heapq.heappush(free, end)
            late += end - now > limit_s
        return late / n
    low, high = 0.5 * slots / service_s, slots / service_s
    for _ in range(9):
        middle = (low + high) / 2
        low, high = (middle, high) if share_late(middle) <= 0.01 else (low, middle)
    return low


def search(binary, folder):
    slots, limit_ms = 16, 110
    out = os.path.join(folder, "search.json")
    ask = lambda server, *more: cpu_of([binary, "load", "--base-url", server.url, "--model", "m", "--json", out, *more], folder)
    print(f"\nThe largest load with 99 % of answers within {limit_ms} ms, at `seatrial sim` with {slots} slots of 50 ms. Known: "
          "twice the slots for users (a third in line comes too late); for the rate, the same queue in virtual time with the "
          "time of service that was measured.\n")
    print("| searched | known | found [90 %] | apart | ended | probes | requests | s |")
    print("|---|---|---|---|---|---|---|---|")
    with Sim(binary, slots, folder) as server:
        ask(server, "-c", "4", "-n", "100", "--no-calibrate", "--allow-degraded")
        with open(out) as file:
            service_s = json.load(file)["metrics"]["e2e"]["mean"] / 1e3
        known = {"concurrency": 2 * slots, "rate": largest_rate(slots, service_s, limit_ms / 1e3)}
        for kind, start in (("concurrency", 4), ("rate", 40)):
            began = time.monotonic()
            ask(server, "--slo", f"e2e_p99<{limit_ms}ms", "--find", kind, "--start", str(start))
            took = time.monotonic() - began
            with open(out) as file:
                result = json.load(file)
            found, end = result["estimate"], result["end"]
            apart = "–" if found["value"] is None else f"{100 * (found['value'] / known[kind] - 1):+.1f} %"
            print(f"| {kind} | {known[kind]:.1f} | {number(found['value'], 1)} [{number(found['low'], 1)}, "
                  f"{number(found['high'], 1)}] | {apart} | {end} | {found['n']} | {result['requests']} | {took:.0f} |", flush=True)


def server_metrics(binary, mock_program, seconds, folder):
    print("\nThe server's own numbers over the measurement (`--server-metrics`), beside ours.\n")
    print("| users | running, mean (largest) | ours | tokens per second | ours | readings |")
    print("|---|---|---|---|---|---|")
    with Mock(mock_program, tokens=TOKENS) as mock:
        for streams in (16, 256):
            _, _, result = seatrial(binary, mock, streams, seconds, folder, "--warmup", "2s", "--no-calibrate",
                                    "--allow-degraded", "--server-metrics", mock.url + "/metrics")
            server = result["server"]
            running, tokens = server["metrics"]["running"], server["metrics"]["generation_tokens"]
            print(f"| {streams} | {running['mean']:.1f} ({running['max']:.0f}) | {result['littles_law']['in_flight']:.1f} "
                  f"| {tokens['per_s']:.0f} | {result['throughput']['output_tokens_per_s']:.0f} | {server['readings']} |", flush=True)


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
    parts = ["accuracy", "speed", "replay", "search", "metrics", "first"]
    if "--only" in sys.argv:
        parts = sys.argv[sys.argv.index("--only") + 1].split(",")
    with tempfile.TemporaryDirectory() as folder:
        mock, ref = build_tools(folder)
        with open("/proc/loadavg") as file:
            print(f"{os.cpu_count()} cores, load before {file.read().split()[0]}; {seconds} s each.\n")
        for part in parts:
            match part:
                case "accuracy":
                    accuracy(binary, mock, ref, seconds, folder)
                case "speed":
                    speed(binary, mock, ref, max(seconds // 2, 4), folder)
                case "replay":
                    replay(binary, mock, 3 * seconds, folder)
                case "search":
                    search(binary, folder)
                case "metrics":
                    server_metrics(binary, mock, seconds, folder)
                case "first":
                    first_request(binary, mock, folder)
                case other:
                    sys.exit(f"no part {other}")


if __name__ == "__main__":
    main()
