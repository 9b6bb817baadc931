"""Whether the same data and random_state give the same bits, thousands of times.

    python benchmarks/same_bits.py [--fits 10000] [--jobs 2]

Twelve data sets (laws with and without noise, few rows and many columns, levels that a few
rows fit exactly) are fitted again and again in several processes, each in two threads,
while other things come and go in memory. Every fit's architecture, coefficients, table and
errors are compared to the last bit with the first of its data.
"""

from __future__ import annotations

import argparse
import hashlib
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import joblib
import numpy as np

from autora.skl.darts import DARTSClassifier, DARTSRegressor
from helpers.common import provenance, table, write_results

#: Fits that a worker does at a time.
_CHUNK = 50
_DATA = 12


def drawn(number: int) -> tuple[Any, np.ndarray, np.ndarray]:
    """An estimator, X and y; the same for the same number."""
    rng = np.random.default_rng(number)
    rows, columns = int(rng.integers(9, 40)), int(rng.integers(1, 4 if number >= 8 else 31))
    X = rng.uniform(0.2, 2, (rows, columns))
    first, last = X[:, 0], X[:, -1]
    kind = number % 4
    if kind == 0:
        y = 2.3 * first * np.exp(last) + first / (last + 0.77)
    elif kind == 1:
        y = rng.integers(0, 3, rows).astype(float)
    elif kind == 2:
        y = np.exp(-1.3 * first) * np.sin(2 * last) + rng.normal(size=rows)
    else:
        y = (first > np.median(first)).astype(int)
    settings: dict[str, Any] = {"random_state": 0, "n_candidates": 250}
    if number >= 8:
        settings |= {"num_graph_nodes": 2, "n_candidates": 6, "max_epochs": 2}
    kinds = DARTSClassifier if kind == 3 else DARTSRegressor
    if kind == 3:
        settings["n_candidates"] = 20
    return kinds(**settings), X, y


def bits(number: int) -> str:
    """A digest of all that a fit finds."""
    estimator, X, y = drawn(number)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = estimator.fit(X, y)
        answer = model.predict(X)
    digest = hashlib.sha256(np.ascontiguousarray(answer).tobytes())
    for found in (model.model_, *(row.model for row in model._rows)):
        for part in (found.architecture, found.edge, found.readout, found.bias):
            digest.update(np.ascontiguousarray(part).tobytes())
    digest.update(repr(model.coefficients_["standard_error"].tolist()).encode())
    return digest.hexdigest()


def chunk(seed: int) -> list[tuple[int, str]]:
    """Some fits in two threads, among things that come and go in memory."""
    rng, kept = np.random.default_rng(seed), list[np.ndarray]()
    numbers = rng.integers(_DATA, size=_CHUNK).tolist()

    def once(number: int) -> tuple[int, str]:
        for size in rng.integers(1, 3000, 30):
            kept.append(np.full(size, 10.0 ** rng.integers(-300, 300)))
        del kept[:: int(rng.integers(2, 5))]
        return number, bits(number)

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(once, numbers))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fits", type=int, default=10_000)
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    about = provenance()
    chunks = range(-(-asked.fits // _CHUNK))
    found = joblib.Parallel(asked.jobs)(map(joblib.delayed(chunk), chunks))
    counts: dict[int, Counter[str]] = {number: Counter() for number in range(_DATA)}
    for number, digest in (pair for part in found for pair in part):
        counts[number][digest] += 1
    rows = []
    for number, digests in counts.items():
        estimator, X, _ = drawn(number)
        fits, same = sum(digests.values()), max(digests.values(), default=0)
        shape = f"{X.shape[0]} × {X.shape[1]}"
        rows.append([number, type(estimator).__name__, shape, fits, fits - same])
    total = sum(row[3] for row in rows)
    body = f"""
{total} fits in {asked.jobs} processes of two threads each; {sum(r[4] for r in rows)} differ
in any bit from the others of their data.

{table(["data", "estimator", "rows × columns", "fits", "other bits"], rows)}
"""
    write_results("same_bits", "Same data, same bits", about, body)


if __name__ == "__main__":
    main()
