"""Compares Seatrial with Inspect: logs that Inspect writes are imported, and our export is read back by Inspect.

Called by inspect_parity.sh, which installs inspect_ai. `--fixtures DIR` writes the logs of testdata/interop instead:
the same logs without events, tracebacks and ids that are drawn anew each time.
"""

import argparse
import json
import math
import pathlib
import subprocess
import sys
import tempfile
import zipfile

import zipfile_zstd  # noqa: F401  (teaches zipfile method 93)
from inspect_ai import Epochs, Task, eval as inspect_eval
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.log import read_eval_log
from inspect_ai.model import ChatMessageSystem, ChatMessageUser, ModelOutput, ModelUsage, get_model
from inspect_ai.scorer import Score, accuracy, includes, mean, scorer, stderr, value_to_float
from inspect_ai.solver import Generate, TaskState, solver

ANSWERS = ["4", "It is Paris.", "lorem " * 30, "Rome", "five", "4", "Paris", "no", "Rome", "six"]


def output(text, number):
    """An answer with usage, cached tokens counted apart as Inspect does."""
    out = ModelOutput.from_content("mockllm/model", text)
    tokens = {"input_tokens": 10 + number, "output_tokens": 3 + number, "input_tokens_cache_read": 2}
    out.usage = ModelUsage(total_tokens=sum(tokens.values()), reasoning_tokens=1, **tokens)
    return out


@scorer(metrics={"length": [mean(), stderr()], "brevity": [mean()]})
def shape():
    """Two values at once."""

    async def score(state, target):
        text = state.output.completion
        return Score(value={"length": len(text), "brevity": 1 / (1 + len(text))}, explanation="by length")

    return score


@scorer(metrics=[accuracy(), stderr()])
def partial():
    """All four letters: correct, partial, no answer, incorrect."""

    async def score(state, target):
        text = state.output.completion
        if text == target.text:
            value = "C"
        elif target.text in text:
            value = "P"
        else:
            value = "N" if text == "no" else "I"
        return Score(value=value, answer=text)

    return score


@solver
def breaks():
    """Fails on one case."""

    async def solve(state: TaskState, generate: Generate):
        if state.sample_id == "bad":
            raise ValueError("the tool broke")
        return await generate(state)

    return solve


def dataset():
    chat = [ChatMessageSystem(content="Be brief."), ChatMessageUser(content="Capital of France?")]
    return MemoryDataset(
        [
            Sample(id=1, input="What is 2 + 2?", target="4", metadata={"topic": "sums"}),
            Sample(id="two", input=chat, target="Paris", metadata={"topic": "places"}),
            Sample(id="long", input="Say this back: " + "lorem ipsum " * 20, target="lorem", metadata={"topic": "places"}),
            Sample(id="bad", input="This one fails", target="x", metadata={"topic": "sums"}),
            Sample(id=5, input="How many?", target="six", metadata={"topic": "sums"}),
        ],
        name="small",
    )


def write_log(folder, form):
    """One evaluation with a mock model: 5 cases, 2 epochs, one case that breaks."""
    answers = iter([output(text, number) for number, text in enumerate(ANSWERS)])
    model = get_model("mockllm/model", memoize=False, custom_outputs=lambda *_: next(answers))
    task = Task(
        dataset=dataset(), solver=[breaks()], scorer=[includes(), partial(), shape()], epochs=Epochs(2, "mean"),
        name="trivia", version=3,
    )
    logs = inspect_eval(
        task, model=model, log_format=form, log_dir=str(folder), display="none", fail_on_error=False, max_samples=1
    )
    return pathlib.Path(logs[0].location.removeprefix("file://"))


def rewrite(source, target, keep, change):
    """Copies an archive entry by entry, packed with Zstandard."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_ZSTANDARD) as new:
        for info in old.infolist():
            if keep(info.filename):
                entry = zipfile.ZipInfo(info.filename, (2026, 1, 1, 0, 0, 0))
                entry.compress_type = zipfile.ZIP_ZSTANDARD
                text = json.dumps(change(json.loads(old.read(info.filename))), separators=(",", ":"))
                new.writestr(entry, text)


CRASHED = {"header.json", "summaries.json", "reductions.json"}


def slim(value):
    """Without what is drawn anew, long, or tells of the machine."""
    if isinstance(value, list):
        return [slim(item) for item in value]
    if not isinstance(value, dict):
        return value
    out = {}
    for key, item in value.items():
        if key in ("events", "store", "timelines", "traceback", "traceback_ansi", "events_data"):
            out[key] = [] if key in ("events",) else {} if key == "store" else None
            if key in ("traceback", "traceback_ansi"):
                out[key] = ""
        elif key == "model_args":
            out[key] = {}
        elif key not in ("uuid", "task_file", "plan"):
            out[key] = slim(item)
    if "timelines" in out and out["timelines"] is None:
        del out["timelines"]
    if "events_data" in out:
        del out["events_data"]
    return out


def seatrial(binary, folder, *arguments):
    done = subprocess.run([binary, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"seatrial {' '.join(arguments)} exits with {done.returncode}:\n{done.stderr}")
    return done.stdout


def numbers(sample):
    """The scores of a sample as Inspect counts them, by the names that Seatrial gives."""
    read = value_to_float()
    found = {}
    for name, score in (sample.scores or {}).items():
        if isinstance(score.value, dict):
            found.update({f"{name}_{key}": read(value) for key, value in score.value.items()})
        else:
            found[name] = read(score.value)
    return found


def check(ok, what):
    if not ok:
        sys.exit(f"not equal: {what}")


def compare_import(binary, folder, path, has_results, original=None):
    told = folder / "told.json"
    seatrial(binary, folder, "import", "inspect", str(path), "--store", f"store-{path.stem}", "--json", str(told))
    told = json.loads(told.read_text())
    rows = seatrial(binary, folder, "export", told["run_id"], "--store", f"store-{path.stem}").splitlines()
    rows = {(row["id"], row["epoch"] + 1): row for row in map(json.loads, rows)}
    compared = 0
    # Inspect itself cannot read a log without its header: then the whole one is what to compare with.
    log = original or read_eval_log(str(path))
    check(len(rows) == len(log.samples), f"{path.name}: {len(rows)} rows, {len(log.samples)} samples")
    for sample in log.samples:
        row = rows[(str(sample.id), sample.epoch)]
        ours = {score["metric"]: score["value"] for score in row["scores"] if score["outcome"] == "scored"}
        check(ours == numbers(sample), f"{path.name} {sample.id}/{sample.epoch}: {ours} {numbers(sample)}")
        check((row["error"] is not None) == (sample.error is not None), f"error of {sample.id}")
        if sample.error is None:
            check(row["output"] == sample.output.completion, f"answer of {sample.id}")
            usage = sample.model_usage["mockllm/model"]
            check(row["usage"]["input_tokens"] == usage.input_tokens + usage.input_tokens_cache_read, "tokens in")
            check(row["usage"]["output_tokens"] == usage.output_tokens, "tokens out")
        compared += len(ours)
    if has_results:
        means = {m["metric"]: m["value"] for m in told["findings"]["targets"][0]["metrics"] if m["statistic"] == "mean"}
        for score in log.results.scores:
            name = score.name if score.name == score.scorer else f"{score.scorer}_{score.name}"
            metric = score.metrics.get("accuracy") or score.metrics["mean"]
            check(math.isclose(means[name], metric.value, abs_tol=1e-9), f"{name}: {means[name]} {metric.value}")
            compared += 1
    print(f"import {path.name}: {len(rows)} samples, {compared} numbers equal")
    return told["run_id"], f"store-{path.stem}", log


def compare_export(binary, folder, run, store, log):
    target = folder / "exported.json"
    seatrial(binary, folder, "export", run, "--store", store, "--format", "inspect", "--output", str(target))
    back = read_eval_log(str(target))
    check(back.status == "success" and back.version == 2, "status and version")
    check(back.eval.model == "mockllm/model", back.eval.model)
    samples = {(str(sample.id), sample.epoch): sample for sample in back.samples}
    for sample in log.samples:
        ours = samples[(str(sample.id), sample.epoch)]
        check(numbers(ours) == numbers(sample) or sample.error is not None, f"scores of {sample.id}")
        check((ours.error is None) == (sample.error is None), f"error of {sample.id}")
        check(ours.output.completion == sample.output.completion or sample.error is not None, f"answer of {sample.id}")
    print(f"export: Inspect reads {len(samples)} samples back, scores equal")
    again = read_eval_log(str(target), header_only=True)
    check(again.results.total_samples == len(samples), "total_samples")


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--seatrial", default="seatrial")
    arguments.add_argument("--fixtures")
    arguments = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        archive, single = write_log(folder / "eval", "eval"), write_log(folder / "json", "json")
        if arguments.fixtures:
            into = pathlib.Path(arguments.fixtures)
            rewrite(archive, into / "inspect.eval", lambda name: True, slim)
            rewrite(archive, into / "inspect-crashed.eval", lambda name: name not in CRASHED and "_epoch_2" not in name, slim)
            (into / "inspect.json").write_text(json.dumps(slim(json.loads(single.read_text())), indent=1) + "\n")
            return
        crashed = folder / "crashed.eval"
        rewrite(archive, crashed, lambda name: name not in CRASHED, lambda value: value)
        binary = str(pathlib.Path(arguments.seatrial).resolve())
        compare_import(binary, folder, single, True)
        run, store, log = compare_import(binary, folder, archive, True)
        compare_import(binary, folder, crashed, False, log)
        compare_export(binary, folder, run, store, log)


if __name__ == "__main__":
    main()
