"""The classifier on problems whose probabilities are known.

    python benchmarks/classification.py            300 rows, 3 seeds
    python benchmarks/classification.py --seeds 1

Every system sees the same labels; what counts is how far its probabilities are from the
true ones (mean Kullback–Leibler divergence on 4,000 new rows, 0 is perfect) and how many
of their labels it predicts. "counted" is the same classifier with the best of 1, 2 and 3
counted nodes by BIC, the search without working responses.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from autora.skl.darts import DARTSClassifier
from helpers.common import provenance, table, write_numbers, write_results

ROWS, TEST_ROWS = 300, 4000


def against_zero(score: np.ndarray) -> np.ndarray:
    return np.column_stack([np.zeros(len(score)), score])


#: Scores of the classes, (n, classes), of two inputs uniform on [-2, 2].
PROBLEMS: dict[str, tuple[str, Callable[[np.ndarray], np.ndarray]]] = {
    "linear": ("2·x1 − x2 + ½", lambda X: against_zero(2 * X[:, 0] - X[:, 1] + 0.5)),
    "product": ("3·x1·x2 − 1", lambda X: against_zero(3 * X[:, 0] * X[:, 1] - 1)),
    "growth": ("exp(x1) − x2²", lambda X: against_zero(np.exp(X[:, 0]) - X[:, 1] ** 2)),
    "circle": ("4·(1.5 − x1² − x2²)", lambda X: against_zero(6 - 4 * (X**2).sum(axis=1))),
    "wave": ("4·sin(2·x1) + x2", lambda X: against_zero(4 * np.sin(2 * X[:, 0]) + X[:, 1])),
    "xor": ("20·sign(x1·x2)", lambda X: against_zero(20 * np.sign(X.prod(axis=1)))),
    "separable": ("200·(x1 − x2)", lambda X: against_zero(200 * (X[:, 0] - X[:, 1]))),
    "nothing": ("0", lambda X: against_zero(0 * X[:, 0])),
    "three": (
        "2·x1 | x2² | 0",
        lambda X: np.column_stack([2 * X[:, 0], X[:, 1] ** 2, 0 * X[:, 0]]),
    ),
    "four": (
        "0 | 2·x1 | 2·x2 | 2·x1·x2",
        lambda X: np.column_stack(
            [0 * X[:, 0], 2 * X[:, 0], 2 * X[:, 1], 2 * X.prod(axis=1)]
        ),
    ),
}


def softmax(scores: np.ndarray) -> np.ndarray:
    scores = np.exp(scores - scores.max(axis=1, keepdims=True))
    return scores / scores.sum(axis=1, keepdims=True)


class Counted:
    """The best of one, two and three counted nodes by BIC."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def fit(self, X: np.ndarray, y: np.ndarray) -> Any:
        fits = [
            DARTSClassifier(
                num_graph_nodes=nodes,
                aggregations=["sum"],
                n_candidates=300,
                random_state=self._seed,
            ).fit(X, y)
            for nodes in (1, 2, 3)
        ]
        return min(fits, key=lambda fit: fit.equations_.criterion.min())


SYSTEMS: dict[str, Callable[[int], Any]] = {
    "darts": lambda seed: DARTSClassifier(random_state=seed),
    "counted": Counted,
    "logistic": lambda seed: LogisticRegression(),
    "boosting": lambda seed: HistGradientBoostingClassifier(random_state=seed),
}


def measure(name: str, seed: int) -> dict[str, Any]:
    """One problem, one draw of the data, every system."""
    rng = np.random.default_rng(seed)
    scores = PROBLEMS[name][1]

    def draw(rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        X = rng.uniform(-2, 2, (rows, 2))
        p = softmax(scores(X))
        return X, p, (p.cumsum(axis=1) > rng.uniform(size=(rows, 1))).argmax(axis=1)

    X, _, y = draw(ROWS)
    X_test, p, y_test = draw(TEST_ROWS)
    row: dict[str, Any] = {"problem": name, "seed": seed}
    row["best"] = float((p.argmax(axis=1) == y_test).mean())
    for system, make in SYSTEMS.items():
        start = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            model = make(seed).fit(X, y)
            q = model.predict_proba(X_test)
        seconds = time.process_time() - start
        logs = np.log(np.maximum(p, 1e-300)) - np.log(np.clip(q, 1e-12, 1))
        row[system] = {
            "divergence": float((p * logs).sum(axis=1).mean()),
            "accuracy": float((model.predict(X_test) == y_test).mean()),
            "seconds": seconds,
        }
        if isinstance(model, DARTSClassifier):
            row[system]["equations"] = model.model_repr().splitlines()[1:]
    return row


def page(rows: list[dict[str, Any]]) -> str:
    """The results as Markdown."""
    draws = len({row["seed"] for row in rows})
    method = (
        f"{ROWS} rows, draws of the data: {draws}, means; Kullback–Leibler divergence from "
        f"the true probabilities / accuracy on {TEST_ROWS} new rows. *Best* are the "
        "labels of the true probabilities. Processor seconds of the fit, compiled code at "
        "hand."
    )
    headers = ["log-odds", "best", *SYSTEMS, "darts s", "counted s"]
    lines = [_line(formula, rows, name) for name, (formula, _) in PROBLEMS.items()]
    printed = [
        f"- {row['problem']}: `{'; '.join(row['darts']['equations'])}`"
        for row in rows
        if row["seed"] == 0
    ]
    title = "## What `darts` printed (first draw)"
    return "\n\n".join([method, table(headers, lines), title, "\n".join(printed)])


def _line(formula: str, rows: list[dict[str, Any]], name: str) -> list[str]:
    own = [row for row in rows if row["problem"] == name]

    def mean(system: str, what: str) -> float:
        return float(np.mean([row[system][what] for row in own]))

    cells = [f"{mean(s, 'divergence'):.4f} / {mean(s, 'accuracy'):.3f}" for s in SYSTEMS]
    seconds = [f"{mean(s, 'seconds'):.1f}" for s in ("darts", "counted")]
    return [formula, f"{np.mean([row['best'] for row in own]):.3f}", *cells, *seconds]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    seeds, about = parser.parse_args().seeds, provenance()
    warm = np.random.default_rng(0).uniform(size=(40, 2))
    DARTSClassifier(n_candidates=600).fit(warm, warm[:, 0] > 0.5)  # compile, not timed
    rows = []
    for name in PROBLEMS:
        for seed in range(seeds):
            rows.append(measure(name, seed))
            print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    write_numbers("classification", rows)
    write_results("classification", "Classification", about, page(rows))


if __name__ == "__main__":
    main()
