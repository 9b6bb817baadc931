"""Minus signs leave nodes, and nothing that a graph computes changes."""

from __future__ import annotations

import numpy as np
import pytest

from autora.skl.darts.fitting.problem import Problem
from autora.skl.darts.graph.objectives import OBJECTIVES
from autora.skl.darts.graph.primitives import SCIENCE, resolve
from autora.skl.darts.search import conversion
from autora.skl.darts.search.canonical_signs import with_canonical_signs
from autora.skl.darts.search.evaluator import Evaluator, Graphs
from autora.skl.darts.search.random_edits import from_nothing, with_keys
from autora.skl.darts.search.simplification import simplified

X = np.random.default_rng(0).uniform(0.5, 2.0, (50, 2))


def evaluator_of(y: np.ndarray) -> Evaluator:
    problem = Problem(X, y, np.ones(len(X)), True, True)
    bounds = conversion.SpaceBounds(resolve(SCIENCE))
    return conversion.evaluator_for(bounds, problem, OBJECTIVES["real"])


@pytest.fixture(scope="module")
def evaluator() -> Evaluator:
    return evaluator_of(X[:, :1] * np.exp(-X[:, 1:]))


def numbers(evaluator: Evaluator, *names: str) -> list[int]:
    return [[p.name for p in evaluator.primitives].index(name) for name in names]


def one(evaluator: Evaluator, rows: list, agg: int, use: list[int]) -> Graphs:
    """A graph of (node, slot, source, primitive, slope)."""
    graph = evaluator.empty(1)
    for k, s, source, name, slope in rows:
        graph.op[0, k, s], graph.src[0, k, s] = numbers(evaluator, name)[0], source
        graph.theta[0, k, s, 0] = slope
    graph.agg[0, 0] = agg
    graph.use[0, use] = True
    graph = with_keys(evaluator, graph)
    evaluator.fit(graph, 0, 0.0)
    return graph


def minuses(evaluator: Evaluator, graphs: Graphs) -> int:
    return int((graphs.op == numbers(evaluator, "subtract")[0]).sum())


PRODUCT = [(0, 0, 0, "subtract", 0.0), (0, 1, 1, "scaled_exp", -0.5)]


@pytest.mark.parametrize(
    ("rows", "agg", "use", "left"),
    [
        (PRODUCT, 1, [0], 0),
        ([*PRODUCT, (1, 0, 2, "scaled_sin", 0.7), (1, 1, 0, "sqrt", 0.0)], 1, [0, 1], 0),
        ([*PRODUCT, (1, 0, 2, "square", 0.0), (1, 1, 0, "sqrt", 0.0)], 1, [1], 0),
        ([*PRODUCT, (1, 0, 2, "add", 0.0), (1, 1, 0, "sqrt", 0.0)], 1, [1], 1),
        ([*PRODUCT, (1, 0, 2, "exp", 0.0), (1, 1, 0, "sqrt", 0.0)], 1, [1], 1),
        ([(0, 0, 0, "subtract", 0.0), (0, 1, 1, "subtract", 0.0)], 1, [0], 0),
        ([(0, 0, 0, "subtract", 0.0), (0, 1, 1, "subtract", 0.0)], 0, [0], 0),
        ([(0, 0, 0, "subtract", 0.0), (0, 1, 1, "sqrt", 0.0)], 0, [0], 1),
    ],
    ids=["read-out", "slope", "even", "sum", "exponential", "two", "all", "one of two"],
)
def test_signs_go_where_they_can(
    evaluator: Evaluator, rows: list, agg: int, use: list[int], left: int
) -> None:
    graph = one(evaluator, rows, agg, use)
    assert minuses(evaluator, graph) > 0
    after = with_canonical_signs(evaluator, graph)
    assert minuses(evaluator, after) == left
    assert after.loss[0] == pytest.approx(graph.loss[0], rel=1e-12)


def test_every_graph_computes_what_it_did(evaluator: Evaluator) -> None:
    graphs = from_nothing(evaluator, 400, np.random.default_rng(1))
    graphs = graphs.take(np.flatnonzero(graphs.key))
    evaluator.fit(graphs, 0, 0.0)
    graphs = graphs.take(np.flatnonzero(np.isfinite(graphs.loss)))
    after = with_canonical_signs(evaluator, graphs)
    assert len(after) == len(graphs)
    assert minuses(evaluator, after) < minuses(evaluator, graphs)
    assert evaluator.size(after).sum() < evaluator.size(graphs).sum()
    np.testing.assert_allclose(np.sort(after.loss), np.sort(graphs.loss), rtol=1e-6)


def test_a_node_that_moves_takes_its_read_out_along(evaluator: Evaluator) -> None:
    """k1 = sin, k2 = −k1·x: without its sign k2 takes the sine in, and comes first."""
    rows = [
        (0, 0, 1, "scaled_sin", 0.7),
        (1, 0, 2, "subtract", 0.0), (1, 1, 0, "sqrt", 0.0),
        (2, 0, 0, "square", 0.0),
    ]  # fmt: skip
    graph = one(evaluator, rows, 0, [1, 2])
    graph.agg[0, 1] = 1
    graph = with_keys(evaluator, graph)
    evaluator.fit(graph, 0, 0.0)
    after = with_canonical_signs(evaluator, graph)
    assert after.use[0].tolist()[:3] == [True, True, False]
    np.testing.assert_allclose(after.w[0, 1:3], [-graph.w[0, 2], graph.w[0, 3]])
    assert after.loss[0] == pytest.approx(graph.loss[0], rel=1e-12)


def test_an_edge_that_is_constant_goes_with_what_makes_up_for_it(
    evaluator: Evaluator,
) -> None:
    """(x + 1 − tanh(45·z))·√z on data where the tanh is 1: neither can go alone."""
    there = evaluator_of(X[:, :1] * np.sqrt(X[:, 1:]))
    rows = [
        (0, 0, 0, "shift", 1.0), (0, 1, 1, "scaled_tanh", -45.0),
        (1, 0, 2, "add", 0.0), (1, 1, 1, "sqrt", 0.0),
    ]  # fmt: skip
    graph = one(there, rows, 0, [1])
    graph.agg[0, 1] = 1
    graph = with_keys(there, graph)
    there.fit(graph, 20, 1e-13)
    assert graph.loss[0] < 1e-20 * there.unit
    simple = simplified(there, there, graph)
    names = [there.primitives[op].name for op in simple.op[simple.op >= 0]]
    assert sorted(names) == ["add", "sqrt"]
    assert simple.loss[0] < 1e-25 * there.unit


def test_an_imitation_that_costs_as_much_goes_with_what_it_took() -> None:
    """(x − 1)·logistic(−1.2·k), k = z + 30, is (x − 1)·exp(−1.2·z) times a huge number."""
    there = evaluator_of((X[:, :1] - 1) * np.exp(-1.2 * X[:, 1:]))
    rows = [
        (0, 0, 1, "shift", 30.0),
        (1, 0, 0, "shift", -1.0), (1, 1, 2, "scaled_logistic", -1.2),
    ]  # fmt: skip
    graph = one(there, rows, 0, [1])
    graph.agg[0, 1] = 1
    graph = with_keys(there, graph)
    there.fit(graph, 0, 0.0)
    assert graph.loss[0] < 1e-25 * there.unit
    simple = simplified(there, there, graph)
    names = [there.primitives[op].name for op in simple.op[simple.op >= 0]]
    assert sorted(names) == ["scaled_exp", "shift"]
    assert simple.loss[0] < 1e-25 * there.unit
