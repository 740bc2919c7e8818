"""From the start of `seatrial run` to the first request, for datasets of 50,000 rows in several formats: reading them
once, checking every prompt, hashing. Prints a Markdown table with the bar beside the figures. Usage: datasets.py BINARY
[ROWS]; Parquet needs pyarrow."""

import http.server
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time

RUNS = 5
BAR_S = 1.0
ANSWER = {"choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "ok"}}],
          "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}


class FirstRequest(http.server.BaseHTTPRequestHandler):
    """Notes when the first request came, and answers every one."""

    protocol_version = "HTTP/1.1"
    came = threading.Event()
    at = 0.0

    def do_POST(self):
        if not FirstRequest.came.is_set():
            FirstRequest.at = time.perf_counter()
            FirstRequest.came.set()
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps(ANSWER).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    """A client that is stopped resets its connection, which is no news here."""

    def handle_error(self, request, client_address):
        pass


def rows(count):
    for number in range(count):
        yield {"id": f"case-{number}",
               "question": f"Question number {number}: what is {number} plus {number}? " + "Some context. " * 20,
               "choices": [str(number), str(2 * number), str(3 * number)],
               "gold": str(2 * number), "subject": f"subject-{number % 57}"}


def write_datasets(folder, count):
    table = list(rows(count))
    with open(os.path.join(folder, "cases.jsonl"), "w") as file:
        file.writelines(json.dumps(row) + "\n" for row in table)
    formats = ["jsonl"]
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        print("pyarrow is missing: Parquet is left out", file=sys.stderr)
        return formats
    columns = {key: [row[key] for row in table] for key in table[0]}
    for compression in ("snappy", "zstd"):
        path = os.path.join(folder, f"cases-{compression}.parquet")
        pyarrow.parquet.write_table(pyarrow.table(columns), path, compression=compression)
        formats.append(f"{compression}.parquet")
    return formats


def write_suite(folder, url, dataset):
    path = dataset if dataset.startswith("cases") else f"cases-{dataset}"
    suite = f"""version: 1
name: bench
targets:
  - {{name: t, provider: openai, base_url: "{url}", model: m, limits: {{concurrency: 1}}}}
tasks:
  - name: answers
    dataset: {{path: {path}, fields: {{expected: gold, cluster: subject}}}}
    prompt: "{{{{ question }}}}{{% for choice in choices %}} ({{{{ loop.index }}}}) {{{{ choice }}}}{{% endfor %}}"
    scorers: [exact_match]
"""
    with open(os.path.join(folder, "suite.yaml"), "w") as file:
        file.write(suite)


def cpu_seconds(pid):
    """CPU that a process has used, user and system; 0 where the system does not tell."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def first_request(binary, folder, run):
    """Wall and CPU seconds from the start of the process to its first request; then it is stopped."""
    FirstRequest.came.clear()
    started = time.perf_counter()
    with open(os.path.join(folder, "stderr"), "wb") as err:
        process = subprocess.Popen([binary, "run", "suite.yaml", "--store", f"store{run}"], cwd=folder,
                                   stdout=subprocess.DEVNULL, stderr=err)
    while not FirstRequest.came.wait(0.01):
        if process.poll() is not None:
            sys.exit(open(os.path.join(folder, "stderr")).read())
    cpu = cpu_seconds(process.pid)
    process.kill()
    process.wait()
    return FirstRequest.at - started, cpu


def main():
    binary = os.path.abspath(sys.argv[1])
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 50_000
    server = Server(("127.0.0.1", 0), FirstRequest)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/v1"
    print("| dataset | size | start to first request, median (best – worst) | CPU, median | bar |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name in write_datasets(folder, count):
            path = "cases.jsonl" if name == "jsonl" else f"cases-{name}"
            write_suite(folder, url, path)
            seen = [first_request(binary, folder, f"-{name}-{run}") for run in range(RUNS)]
            times = sorted(wall for wall, _ in seen)
            cpu = statistics.median(cpu for _, cpu in seen)
            size = os.path.getsize(os.path.join(folder, path)) / 1e6
            bar = f"≤ {BAR_S} s" if "parquet" in name else ""
            print(f"| {count:,} rows, {name} | {size:.1f} MB | {statistics.median(times):.2f} s "
                  f"({times[0]:.2f} – {times[-1]:.2f}) | {cpu:.2f} s | {bar} |")


main()
