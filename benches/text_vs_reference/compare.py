"""Runs each text metric in a process of its own, ours and the reference library's, and compares.

usage: compare.py OUR_BINARY [--pairs N] [--summaries N]        the table
       compare.py --reference METRIC FILE.jsonl                 one measurement of the reference library

Both sides read the same JSON Lines. Ours streams: its time includes reading the file. The reference's time starts
after imports and reading. CPU time and peak memory are those of the whole process.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time

SEED = 20240607
TOLERANCE = 1e-8

# name, file, smallest acceptable ratio of wall times
METRICS = [
    ("bleu", "pairs", None),
    ("chrf", "pairs", None),
    ("bleu+chrf", "pairs", 30),
    ("chrf++", "pairs", None),
    ("ter", "ter", 10),
    ("rouge", "summaries", 50),
    ("rouge-lsum", "summaries", None),
]


def vocabulary(rng, size):
    """Pseudo-English words with English endings, the frequent ones short."""
    onsets = "b c d f g h l m n p r s t v w st tr pl gr ch sh".split()
    vowels = "a e i o u ai ea ou".split()
    endings = ["", "", "", "s", "ed", "ing", "er", "ly", "ation", "ness", "ive", "al", "ment", "ize", "able"]
    words = {}
    while len(words) < size:
        syllables = 1 if len(words) < 200 else rng.choice([1, 2, 2, 3])
        stem = "".join(rng.choice(onsets) + rng.choice(vowels) for _ in range(syllables)) + rng.choice("nrtlmkd")
        words[stem + (rng.choice(endings) if len(words) >= 200 else "")] = None
    return list(words)


class Writer:
    def __init__(self, rng):
        self.rng = rng
        self.words = vocabulary(rng, 20_000)
        total, self.cumulative = 0.0, []
        for rank in range(len(self.words)):
            total += 1 / (rank + 3)
            self.cumulative.append(total)

    def word(self):
        return self.rng.choices(self.words, cum_weights=self.cumulative)[0]

    def sentence(self, shortest, longest):
        rng = self.rng
        words = self.rng.choices(self.words, cum_weights=self.cumulative, k=rng.randint(shortest, longest))
        words = [w + "," if rng.random() < 0.06 else w for w in words]
        if rng.random() < 0.2:
            words[rng.randrange(len(words))] = f"{rng.randint(1, 9)},{rng.randint(100, 999)}.{rng.randint(0, 9)}"
        return " ".join(words).capitalize() + "."

    def noisy(self, text):
        """Drops, replaces, adds and moves words."""
        rng = self.rng
        words = []
        for word in text.split(" "):
            x = rng.random()
            if x < 0.04:
                continue
            words.append(self.word() if x < 0.14 else word)
            if x > 0.97:
                words.append(self.word())
        if len(words) > 6 and rng.random() < 0.5:
            size = rng.randint(1, 4)
            start = rng.randrange(len(words) - size)
            moved = words[start : start + size]
            del words[start : start + size]
            place = rng.randrange(len(words) + 1)
            words[place:place] = moved
        return " ".join(words)


def generate(folder, pairs, summaries):
    writer = Writer(random.Random(SEED))
    paths = {}

    def write(name, count, make):
        paths[name] = os.path.join(folder, name + ".jsonl")
        with open(paths[name], "w", encoding="utf-8") as out:
            for _ in range(count):
                hyp, ref = make()
                out.write(json.dumps({"hyp": hyp, "ref": ref}, ensure_ascii=False) + "\n")

    def pair():
        ref = writer.sentence(8, 34)
        return writer.noisy(ref), ref

    def summary():
        ref = [writer.sentence(8, 28) for _ in range(writer.rng.randint(3, 5))]
        hyp = [writer.noisy(s) for s in ref if writer.rng.random() < 0.9] + [writer.sentence(8, 28)]
        writer.rng.shuffle(hyp)
        return "\n".join(hyp), "\n".join(ref)

    write("pairs", pairs, pair)
    write("ter", 2000, pair)
    write("summaries", summaries, summary)
    return paths


def reference(metric, path):
    """One measurement of the reference library, as a line of JSON."""
    with open(path, encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    hyps, refs = [row["hyp"] for row in rows], [row["ref"] for row in rows]
    if metric.startswith("rouge"):
        from rouge_score import rouge_scorer

        kinds = ["rouge1", "rouge2", "rougeL"] + (["rougeLsum"] if metric == "rouge-lsum" else [])
        scorer = rouge_scorer.RougeScorer(kinds, use_stemmer=True)
        start = time.perf_counter()
        scores = [scorer.score(ref, hyp) for hyp, ref in zip(hyps, refs)]
        value = [sum(score[kind].fmeasure for score in scores) / len(scores) for kind in kinds]
    else:
        from sacrebleu.metrics import BLEU, CHRF, TER

        makers = {"bleu": [BLEU], "chrf": [CHRF], "bleu+chrf": [BLEU, CHRF], "ter": [TER]}
        metrics = [CHRF(word_order=2)] if metric == "chrf++" else [make() for make in makers[metric]]
        start = time.perf_counter()
        value = [m.corpus_score(hyps, [refs]).score for m in metrics]
        if metric != "bleu+chrf":
            value = value[0]
    print(json.dumps({"value": value, "seconds": time.perf_counter() - start}))


def measure(command):
    """Runs a process; returns its line of JSON with its CPU seconds and peak memory in MB."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{' '.join(command)} failed")
    result = json.loads(output)
    result["cpu"] = usage.ru_utime + usage.ru_stime
    result["peak_mb"] = usage.ru_maxrss / 1024
    return result


def flat(value):
    return value if isinstance(value, list) else [value]


def main():
    if sys.argv[1:2] == ["--reference"]:
        reference(sys.argv[2], sys.argv[3])
        return
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--pairs", type=int, default=100_000)
    parser.add_argument("--summaries", type=int, default=5_000)
    args = parser.parse_args()
    failures = []
    with tempfile.TemporaryDirectory() as folder:
        paths = generate(folder, args.pairs, args.summaries)
        print(f"{args.pairs} pairs, 2000 pairs for TER, {args.summaries} summaries; {os.cpu_count()} cores")
        print(f"{'metric':11}{'value':>22}{'ref wall s':>12}{'ref cpu s':>11}{'ref MB':>8}"
              f"{'our wall s':>12}{'our cpu s':>11}{'our MB':>8}{'wall ratio':>12}")
        for metric, name, least in METRICS:
            # The best of three for ours: one is short enough to be all noise.
            ours = min((measure([args.binary, metric, paths[name]]) for _ in range(3)), key=lambda r: r["seconds"])
            theirs = measure([sys.executable, __file__, "--reference", metric, paths[name]])
            worst = max(abs(a - b) for a, b in zip(flat(ours["value"]), flat(theirs["value"])))
            ratio = theirs["seconds"] / ours["seconds"]
            shown = "/".join(f"{x:.4f}" for x in flat(ours["value"])[:2])
            print(f"{metric:11}{shown:>22}{theirs['seconds']:12.2f}{theirs['cpu']:11.2f}{theirs['peak_mb']:8.0f}"
                  f"{ours['seconds']:12.3f}{ours['cpu']:11.3f}{ours['peak_mb']:8.0f}{ratio:11.0f}x", flush=True)
            if worst > TOLERANCE:
                failures.append(f"{metric}: values differ by {worst:.3g}")
            if least and ratio < least:
                failures.append(f"{metric}: {ratio:.1f} times as fast, expected {least}")
            if metric == "bleu+chrf" and ours["peak_mb"] > 200:
                failures.append(f"{metric}: peak memory {ours['peak_mb']:.0f} MB, expected at most 200")
    if failures:
        sys.exit("\n".join(failures))
    print("all values agree within", TOLERANCE)


if __name__ == "__main__":
    main()
