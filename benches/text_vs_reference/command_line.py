"""Compares `seatrial text bleu|chrf|ter|rouge` with the programs sacrebleu and rouge-score on random files, option by option.

usage: command_line.py SEATRIAL [--segments N] [--seed N]

Scores, and everything else in sacrebleu's line but its version, must be the same to the last of eight decimals; mean and
half width of the bootstrap, whose random numbers differ, must be close. Exits 1 at any difference.
"""

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile

WORDS = (
    "the a cat dog sat on mat in house runs running runner quickly generalisation Old new man, woman. said: \"yes\" no! "
    "1,000.5 2.5% café naïve über don't it's e-mail (so) [and] … 你好 世界。 日本語 привет мир ..."
).split()
OPTIONS = {
    "bleu": ["", "--tokenize intl", "--tokenize zh", "--tokenize char", "--tokenize none", "--lowercase",
             "--smooth-method floor", "--smooth-method floor --smooth-value 0.5", "--smooth-method add-k",
             "--smooth-method none", "--confidence --confidence-n 2000"],
    "chrf": ["", "--chrf-word-order 2", "--chrf-char-order 4 --chrf-beta 3", "--chrf-whitespace", "--chrf-lowercase",
             "--chrf-eps-smoothing", "--confidence --confidence-n 2000"],
    "ter": ["", "--ter-case-sensitive", "--ter-no-punct", "--ter-normalized", "--ter-normalized --ter-asian-support",
            "--ter-normalized --ter-no-punct --ter-asian-support", "--confidence --confidence-n 2000"],
}
RESAMPLED = re.compile(r" \(μ = ([0-9.]+) ± ([0-9.]+)\)")


def run(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\n{done.stderr}")
    return done.stdout


def line(text):
    first = text.strip().splitlines()[0]
    return re.sub(r"\|version:\S+", "", first)


def close(ours, theirs):
    """Means within a tenth of the half width; half widths within a fifth."""
    (mean, half), (mean_theirs, half_theirs) = ([float(x) for x in found] for found in (ours, theirs))
    return abs(mean - mean_theirs) <= 0.1 * half_theirs and abs(half - half_theirs) <= 0.2 * half_theirs


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("seatrial")
    parser.add_argument("--segments", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    sacrebleu = os.path.join(os.path.dirname(sys.executable), "sacrebleu")

    def noisy(text):
        return " ".join(w if rng.random() > 0.25 else rng.choice(WORDS) for w in text.split())

    references = [" ".join(rng.choices(WORDS, k=rng.randint(1, 20))) for _ in range(args.segments)]
    texts = {
        "ref.txt": references,
        "ref2.txt": [noisy(t) for t in references],
        "hyp.txt": [noisy(t) if rng.random() > 0.02 else "" for t in references],
    }
    failures, checked = [], 0
    with tempfile.TemporaryDirectory() as folder:
        for name, lines in texts.items():
            with open(os.path.join(folder, name), "w", encoding="utf-8") as out:
                out.writelines(text + "\n" for text in lines)
        at = {name: os.path.join(folder, name) for name in texts}
        for refs in (["ref.txt"], ["ref.txt", "ref2.txt"]):
            refs = [at[name] for name in refs]
            for metric, option_lists in OPTIONS.items():
                for options in map(str.split, option_lists):
                    theirs = line(run([sacrebleu, *refs, "-i", at["hyp.txt"], "-m", metric, "-f", "text", "-w", "8", *options]))
                    ours = line(run([args.seatrial, "text", metric, "--hyp", at["hyp.txt"], "--ref", *refs, "-w", "8", *options]))
                    resampled = RESAMPLED.search(ours), RESAMPLED.search(theirs)
                    if all(resampled) and not close(*(found.groups() for found in resampled)):
                        failures.append(f"resampled: {theirs}\n           {ours}")
                    if RESAMPLED.sub("", ours) != RESAMPLED.sub("", theirs):
                        failures.append(f"theirs {theirs}\nours   {ours}")
                    checked += 1
            checked += rouge(args.seatrial, at, refs, texts, failures)
    if failures:
        sys.exit("\n".join(failures))
    print(f"{checked} combinations of options agree")


def rouge(seatrial, at, refs, texts, failures):
    from rouge_score import rouge_scorer

    kinds = ["rouge1", "rouge2", "rougeL", "rougeLsum"]
    lists = list(zip(*(texts[os.path.basename(path)] for path in refs)))
    for stemmer in (False, True):
        scorer = rouge_scorer.RougeScorer(kinds, use_stemmer=stemmer)
        scores = [scorer.score_multi(list(r), h) for r, h in zip(lists, texts["hyp.txt"])]
        command = [seatrial, "text", "rouge", "--hyp", at["hyp.txt"], "--ref", *refs, "--json", "-"]
        ours = json.loads(run(command + ["--stemmer"] * stemmer))["scores"]
        for kind, found in zip(kinds, ours):
            for part, key in (("f", "fmeasure"), ("precision", "precision"), ("recall", "recall")):
                expected = sum(getattr(s[kind], key) for s in scores) / len(scores)
                if abs(found[part]["value"] - expected) > 1e-12:
                    failures.append(f"{kind} {part} stemmer {stemmer}: {found[part]['value']}, expected {expected}")
    return 2


if __name__ == "__main__":
    main()
