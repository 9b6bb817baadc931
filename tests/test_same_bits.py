"""The same data and random_state give the same bits, whatever is in memory."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autora.skl.darts import DARTSClassifier, DARTSRegressor
from autora.skl.darts.fitting import coefficients
from autora.skl.darts.fitting.problem import Problem
from autora.skl.darts.graph.model import Model
from autora.skl.darts.graph.objectives import OBJECTIVES
from autora.skl.darts.graph.primitives import resolve
from autora.skl.darts.graph.search_space import SearchSpace


def bits(model: Model) -> str:
    parts = (model.architecture, model.aggregation, model.edge, model.readout, model.bias)
    digest = hashlib.sha256()
    for part in parts:
        digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()


def shuffled_heap(times: int, seed: int = 0) -> Iterator[None]:
    """As often, each time with other things in other places of memory."""
    rng, kept = np.random.default_rng(seed), list[np.ndarray]()
    for _ in range(times):
        for _ in range(40):
            if kept and rng.random() < 0.5:
                kept.pop(int(rng.integers(len(kept))))
            kept.append(np.full(int(rng.integers(1, 400)), rng.normal()))
        yield


def dependent() -> tuple[Problem, Model, list[coefficients.Place]]:
    """Nine rows and coefficients that they do not determine, met in a search."""
    x = np.array(
        [
            [0.8972157579533268, 0.7259556788702394],
            [0.9699098521619943, 0.3042422429595377],
            [0.1987156815341724, 0.7712703466859457],
            [0.5683086033354716, 0.9730105547524456],
            [0.4951769101112702, 0.31171107608941095],
            [0.7615106317174722, 0.07276300636419353],
            [0.3379951568515358, 0.46559801813246016],
            [0.6323058305935795, 0.32078006497173583],
            [0.9025529066795667, 0.3892016787341631],
        ]
    )
    y = np.array([[2.0, 0, 2, 2, 1, 1, 2, 1, 1]]).T
    weight = np.array([4.0, 3, 4, 3, 3, 1, 3, 2, 4])
    space = SearchSpace(2, 2, 1, resolve(["none", "shifted_power", "linear_tanh"]))
    edge = np.zeros((space.n_edges, 2))
    edge[0], edge[3] = (
        [-0.4213297578464671, -1.0],
        [-442.69406644704344, 189.20056998734043],
    )
    readout = np.array([[-1.8518449701788426e-106], [-0.5000000000000006]])
    chosen, bias = np.array([1, 0, 0, 2, 0]), np.array([1.4999999999999998])
    model = Model(space, OBJECTIVES["real"], chosen, edge, readout, bias)
    problem = Problem(x, y, weight, True, True)
    where = coefficients.places(model, problem)
    return problem, model, [where[0], *where[2:]]


def test_refits_do_not_depend_on_memory() -> None:
    problem, model, where = dependent()
    found = set()
    for _ in shuffled_heap(300):
        found |= {bits(coefficients.refitted(problem, model, where))}
    assert len(found) == 1


def three_levels() -> tuple[np.ndarray, np.ndarray]:
    """Few rows, many columns, three levels of y: fits that the data do not determine."""
    rng = np.random.RandomState(42)
    return rng.rand(15, 30), rng.randint(0, 3, size=15).astype(float)


def small_fits() -> list[str]:
    """Automatic and counted graphs, and classes."""
    X, y = three_levels()
    counted: dict[str, Any] = {"num_graph_nodes": 1, "max_epochs": 2, "n_candidates": 10}
    fits = [
        DARTSRegressor(random_state=0, n_candidates=200).fit(X, y),
        DARTSRegressor(random_state=0, **counted).fit(X[:, :3], y),
        DARTSClassifier(random_state=0, n_candidates=20).fit(X[:, :3], y > 0),
    ]
    return [bits(fit.model_) for fit in fits]


@pytest.mark.filterwarnings("ignore")
def test_fits_do_not_depend_on_memory() -> None:
    """`benchmarks/same_bits.py` is the long run."""
    found = {tuple(small_fits()) for _ in shuffled_heap(5)}
    assert len(found) == 1


@pytest.mark.filterwarnings("ignore")
def test_threads_and_processes_find_the_same() -> None:
    expected = small_fits()
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda _: small_fits(), range(2))) == [expected] * 2
    code = "from test_same_bits import small_fits; print(small_fits())"
    for seed in ("0", "1"):  # of hashes, on which the order of a set depends
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code], cwd=Path(__file__).parent,
            env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True,
            check=True,
        )  # fmt: skip
        assert done.stdout.strip() == repr(expected)
