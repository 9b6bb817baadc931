"""How many programs JAX compiles for what people do, and how long that takes.

    python benchmarks/compilations.py

Every line is a process of its own without the disk cache. Programs are those of the relaxed
search (an integer ``num_graph_nodes``); predictions, refits and automatic searches compile
none with JAX.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from helpers.common import ROOT, environment, provenance, table, write_results
from speed import TUTORIAL, tutorial_data

COMPILE = "/jax/core/compile/backend_compile_duration"
TRACE = ("/jax/core/compile/jaxpr_trace_duration",
         "/jax/core/compile/jaxpr_to_mlir_module_duration")  # fmt: skip
SHORT = TUTORIAL | {"max_epochs": 2, "n_candidates": 5, "random_state": 0}


def model(**changes: Any) -> Any:
    from autora.skl.darts import DARTSRegressor

    return DARTSRegressor(**SHORT | changes)


def rows(count: int) -> tuple[np.ndarray, np.ndarray]:
    X = np.random.default_rng(0).normal(size=(count, 3))
    return X, X @ [1.0, 2.0, 3.0]


def one_fit() -> None:
    model().fit(*tutorial_data())


def fit_and_predict() -> None:
    X, y = tutorial_data()
    model().fit(X, y).predict(X)


def many_rates() -> None:
    from sklearn.model_selection import GridSearchCV

    grid = {"param_learning_rate_max": [0.1, 0.01], "arch_momentum": [0.3, 0.5, 0.9],
            "param_updates_per_epoch": [10, 50]}  # fmt: skip
    GridSearchCV(model(), grid, cv=3).fit(*rows(90))


def ten_cycles() -> None:
    for count in range(20, 201, 20):
        model().fit(*rows(count))


def ten_cycles_twice_as_many() -> None:
    for cycle in range(10):
        model().fit(*rows(8 * 2**cycle))


def two_vocabularies() -> None:
    for names in (["none", "add"], ["none", "add", "exp"]):
        model(primitives=names).fit(*tutorial_data())


def restarts() -> None:
    model(n_restarts=4, n_jobs=2).fit(*tutorial_data())


def automatic() -> None:
    model(num_graph_nodes="auto", n_candidates=500, primitives="auto").fit(*rows(90))


CASES: dict[str, Callable[[], None]] = {
    "the tutorial's fit": one_fit,
    "… and its predictions": fit_and_predict,
    "a grid of 12 rates and counts, three folds": many_rates,
    "ten cycles of AutoRA, 20 to 200 rows": ten_cycles,
    "ten cycles, each with twice the rows, 8 to 4,096": ten_cycles_twice_as_many,
    "two vocabularies": two_vocabularies,
    "four restarts in two threads": restarts,
    "an automatic search": automatic,
}


def listened(case: Callable[[], None]) -> dict[str, float]:
    import jax

    seen = {"programs": 0, "compile": 0.0, "trace": 0.0}

    def listen(event: str, seconds: float, **_: Any) -> None:
        if event == COMPILE:
            seen["programs"] += 1
            seen["compile"] += seconds
        elif event in TRACE:
            seen["trace"] += seconds

    jax.monitoring.register_event_duration_secs_listener(listen)
    warnings.simplefilter("ignore")
    case()
    return seen


def measured(name: str) -> dict[str, float]:
    command = [sys.executable, __file__, "--case", name]
    variables = environment(ours=True) | {"DARTS_COMPILATION_CACHE": "0"}
    answer = subprocess.run(
        command, cwd=ROOT, env=variables, check=True, capture_output=True, text=True
    )
    return json.loads(answer.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        print(json.dumps(listened(CASES[options.case])))
        return
    about, lines = provenance(), []
    for name in CASES:
        seen = measured(name)
        seconds = f"{seen['trace']:.2f}", f"{seen['compile']:.2f}"
        lines.append([name, int(seen["programs"]), *seconds])
        print(lines[-1], flush=True)
    headers = ["what", "programs", "seconds of tracing", "seconds of compiling"]
    write_results("compilations", "Programs compiled", about, table(headers, lines))


if __name__ == "__main__":
    main()
