"""Resampling statistics beside scipy, numpy and krippendorff in one run. Usage: compare.py SPEED_BINARY"""

import json
import subprocess
import sys
import tempfile
import time

import krippendorff
import numpy as np
from scipy import stats

ALPHA_DRAWS = 100  # of 2,000: the reference takes the same time for each, so its time is scaled up
rng = np.random.default_rng(1)
x = rng.lognormal(0, 0.8, 2000)
differences = rng.normal(0.03, 0.6, 2000)
truth = rng.integers(1, 6, 10_000)
ratings = np.clip(truth + rng.integers(-1, 2, (5, 10_000)), 1, 5).astype(float)


def timed(work):
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def numpy_flip():
    signs = rng.integers(0, 2, (10_000, 2000), dtype=np.int8) * 2 - 1
    sums = np.abs(signs.astype(np.float64) @ differences)
    return (1 + np.sum(sums >= abs(differences.sum()) * (1 - 1e-12))) / 10_001


def alpha_loop():
    values = []
    for _ in range(ALPHA_DRAWS):
        drawn = ratings[:, rng.integers(0, 10_000, 10_000)]
        values.append(krippendorff.alpha(drawn, level_of_measurement="ordinal"))
    return np.percentile(values, [2.5, 97.5])


bca_s, bca = timed(lambda: stats.bootstrap((x,), np.mean, n_resamples=10_000, method="BCa", vectorized=True, random_state=1))
flip_s, flip = timed(
    lambda: stats.permutation_test(
        (differences, np.zeros(2000)), lambda a, b, axis: np.mean(a - b, axis=axis), permutation_type="samples",
        n_resamples=10_000, vectorized=True, random_state=1,
    )
)
matmul_s, matmul = timed(numpy_flip)
alpha_s, alpha = timed(alpha_loop)
alpha_s *= 2000 / ALPHA_DRAWS

with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
    json.dump({"x": x.tolist(), "differences": differences.tolist(), "ratings": ratings.tolist()}, file)
    file.flush()
    ours = json.loads(subprocess.run([sys.argv[1], file.name], check=True, capture_output=True).stdout)

assert abs(ours["bca"]["low"] - bca.confidence_interval.low) < 0.01, (ours, bca)
assert abs(ours["sign_flip"]["p"] - flip.pvalue) < 0.02, (ours, flip.pvalue)
assert abs(ours["alpha"]["alpha"] - krippendorff.alpha(ratings, level_of_measurement="ordinal")) < 1e-9
print("| what | reference, wall | ours, wall | ratio | bar |\n|---|---|---|---|---|")
for name, theirs, mine, bar in [
    ("BCa, 10,000 resamples of n = 2,000, beside scipy", bca_s, ours["bca"]["seconds"], 5),
    ("paired permutation, 10,000 × n = 2,000, beside scipy", flip_s, ours["sign_flip"]["seconds"], 20),
    ("the same beside a numpy sign flip by matrix product", matmul_s, ours["sign_flip"]["seconds"], 2),
    ("Krippendorff's α, 10,000 × 5, 2,000 draws, beside krippendorff", alpha_s, ours["alpha"]["seconds"], 20),
]:
    print(f"| {name} | {theirs:.3f} s | {mine:.4f} s | {theirs / mine:.1f} | ≥ {bar} |")
