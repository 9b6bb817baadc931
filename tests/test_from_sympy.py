"""What algebra made of an equation is a graph again: the same function, in fewer edges."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy

from autora.skl.darts import Primitive, register_primitive
from autora.skl.darts.equations.symbolic import symbols
from autora.skl.darts.fitting.problem import Problem
from autora.skl.darts.graph.model import Model, in_degrees
from autora.skl.darts.graph.objectives import OBJECTIVES
from autora.skl.darts.graph.primitives import SCIENCE, resolve
from autora.skl.darts.graph.search_space import SearchSpace
from autora.skl.darts.graph.writer import Unwritable
from autora.skl.darts.search import conversion, finalize, from_sympy
from autora.skl.darts.search.evaluator import Evaluator, Graphs
from autora.skl.darts.search.random_edits import with_keys
from autora.skl.darts.selection.criteria import complexity

FRAME = conversion.SpaceBounds(resolve(SCIENCE))
X = np.random.default_rng(0).uniform(0.5, 2, (60, 6))
NAMES = [f"x{i}" for i in range(6)]
x0, x1, x2, x3, x4, x5 = SYMBOLS = symbols(NAMES)
exp, ln, sin, sqrt, Abs = sympy.exp, sympy.log, sympy.sin, sympy.sqrt, sympy.Abs

WRITTEN: dict[str, tuple[Any, int]] = {
    "a fraction": ((x0 * x2 + x1 * x3) / (x0 + x1), 10),
    "factors": (0.25 * x0 * x3**2 * (x1**2 + x2**2), 5),
    "two terms": (0.5 * x0 * (1 + x4 * x5 / x3) + 0.5 * x2**2 / x0, 7),
    "straight and bent": (2 * x0 - 3 * x1 + exp(5.0 * x2) + 1.5, 3),
    "only straight": (3 + 2.0 * x0 - x1, 2),
    "one input": (1 - 4 * x0, 1),
    "logistic": (2 / (1 + exp(1 - 2 * x0)), 1),
    "logistic of a sum": (1 / (1 + 3 * exp(-x0 - x1)), 3),
    "powers": (Abs(x0) ** 1.5 * x1**3 * Abs(x2 - 3) ** 0.7, 3),
    "a root of a sum": (sqrt(x0**2 + x1**2 + 1) / x2, 4),
    "a wave": (sin(3 * x0 * x1 + 1) + 2, 3),
    "many factors": (x0 * x1 * x2 * x3 * x4 * x5, 7),
    "many terms": (x0 + x1 + x2 + x3 + x4, 6),
    "shifted logarithms": (ln(x0 + 1) + ln(x0**2 + 1), 3),
}


#: A graph whose read-out is a sum of nodes, and one of a single node.
READINGS = from_sympy._read_out, from_sympy._one_node


def written(
    expression: Any, frame: conversion.SpaceBounds = FRAME, read: Any = READINGS[0]
) -> Model:
    writer = from_sympy._Writer(SYMBOLS, frame)
    weights, bias = read(writer, sympy.sympify(expression))
    return writer.model(weights, bias, OBJECTIVES["real"])


@pytest.mark.parametrize("name", WRITTEN)
def test_expressions_become_graphs(name: str) -> None:
    expression, n_edges = WRITTEN[name]
    expected = sympy.lambdify(SYMBOLS, expression, "numpy")(*X.T)
    found = [written(expression, read=read) for read in READINGS]
    for model in found:
        np.testing.assert_allclose(model.predict(X)[:, 0], expected, rtol=1e-12)
        assert model.space.n_nodes <= FRAME.max_nodes
        assert max(in_degrees(model)) <= FRAME.max_in_degree
    assert min(len(list(model.edges())) for model in found) == n_edges


UNWRITABLE: dict[str, tuple[Any, dict[str, Any]]] = {
    "a base that is no input": (2**x0, {}),
    "a root of what may be negative": ((x0 - x1) ** 1.5, {}),
    "a bare modulus": (Abs(x0 - 1), {}),
    "an unknown function": (sympy.atan(x0), {}),
    "a function that is left out": (sin(x0), {"primitives": resolve(("none", "add"))}),
    "no products": (x0 * x1, {"aggregations": ("sum",)}),
    "too many nodes": (sin(x0 * x1) * ln(x2 * x3), {"max_nodes": 2}),
    "one edge a node": (x0 + x1, {"max_in_degree": 1}),
    "a constant without a term to shift": (sympy.cos(exp(x0) + sin(x1) + 2), {}),
}


@pytest.mark.parametrize("name", UNWRITABLE)
def test_what_cannot_be_written(name: str) -> None:
    expression, bounds = UNWRITABLE[name]
    for read in READINGS:
        with pytest.raises(Unwritable):
            written(expression, FRAME._replace(**bounds), read)


def multiplied_out() -> Model:
    """0.25·x0·x3²·(x1² + x2²), the long way."""
    expanded = sympy.expand(WRITTEN["factors"][0])
    return written(expanded)


def test_a_shorter_graph() -> None:
    model = multiplied_out()
    found = from_sympy.shorter(model, FRAME, True, X)
    assert found is not None
    assert len(list(model.edges())) == 6 and len(list(found.edges())) == 5
    assert complexity(found, True) < complexity(model, True)
    np.testing.assert_allclose(found.predict(X), model.predict(X), rtol=1e-12)
    assert from_sympy.shorter(found, FRAME, True, X) is None


POWERS: dict[str, tuple[Any, Any, int]] = {
    "positive": (Abs(x0 + x1) ** -0.5 * x2, x2**2 / (x0 + x1), 4),
    "negative": (Abs(x0 - 9) ** 0.5 / x1, (9 - x0) / x1**2, 2),
    "a broken power": (x1 * Abs(x0) ** 1.25, x1**2 * Abs(x0) ** 2.5, 2),
    "a size that is needed": (Abs(x0 - 1) ** 0.75 * x1, Abs(x0 - 1) ** 1.5 * x1**2, 2),
}


@pytest.mark.parametrize("name", POWERS)
def test_powers_of_products_are_products_of_powers(name: str) -> None:
    """(x·|u|^−½)² is x²/u where u has one sign on the data."""
    inner, law, n_edges = POWERS[name]
    with sympy.evaluate(False):
        square = sympy.Pow(inner, 2)
    model = written(square)
    found = from_sympy.shorter(model, FRAME, True, X)
    assert found is not None and len(list(found.edges())) == n_edges
    expected = sympy.lambdify(SYMBOLS, law, "numpy")(*X.T)
    np.testing.assert_allclose(found.predict(X)[:, 0], expected, rtol=1e-12)


def test_traces_of_functions_are_constants() -> None:
    """1/(1 + exp(−1e−16·x)) is one half, and goes along with a term that is there."""
    model = written(x0 + x1 + 0.8 / (1 + exp(-1e-3 * x2)))
    edge = np.where(model.edge == 1e-3, 1e-16, model.edge)
    found = from_sympy.shorter(model.replace(edge=edge), FRAME, True, X)
    assert found is not None and len(list(found.edges())) == 2
    np.testing.assert_allclose(found.predict(X)[:, 0], X[:, 0] + X[:, 1] + 0.4, rtol=1e-12)


@pytest.mark.parametrize("seed", range(12))
def test_the_function_stays(seed: int) -> None:
    rng = np.random.default_rng(seed)
    vocabulary = resolve(("none", "add", "mult", "square", "reciprocal", "exp", "shift"))
    frame = FRAME._replace(primitives=vocabulary)
    space = SearchSpace(2, 3, 1, vocabulary, ("sum", "product"), 4, 2)
    architecture = np.where(
        rng.random(space.n_edges) < 0.5, 0, rng.integers(7, size=space.n_edges)
    )
    edge = rng.choice([-2.0, 0.5, 1.0, 3.0], (space.n_edges, space.max_params))
    edge *= np.arange(space.max_params) < space.n_params[architecture][:, None]
    model = Model(
        space, OBJECTIVES["real"], architecture, edge, rng.normal(size=(3, 1)),
        np.ones(1), rng.integers(0, 2, 3),
    )  # fmt: skip
    found = from_sympy.shorter(model, frame, True, X)
    expected = model.predict(X[:, :2])
    if found is not None and np.isfinite(expected).all():
        np.testing.assert_allclose(found.predict(X[:, :2]), expected, rtol=1e-8)
        assert complexity(found, True) < complexity(model, True)


def test_terms_that_cancel_but_for_rounding_are_gone() -> None:
    root = 2**0.5
    inner = x1 + x2 - root * sqrt(x1) * sqrt(x2)
    long = inner * (inner + 2 * root * sqrt(x1) * sqrt(x2)) * x0
    model = written(long)
    found = from_sympy.shorter(model, FRAME, True, X)
    assert found is not None and len(list(found.edges())) == 4  # (x1² + x2²)·x0
    np.testing.assert_allclose(found.predict(X), model.predict(X), rtol=1e-12)


def test_what_sympy_cannot_write_is_left_alone() -> None:
    huge = written(exp(5 * x0) + sin(x1))
    huge = huge.replace(
        edge=np.where(huge.edge == 5, 1e9, huge.edge), bias=np.array([np.inf])
    )
    assert from_sympy.shorter(huge, FRAME, True, X) is None
    two = multiplied_out()
    shape = SearchSpace(6, 3, 2, FRAME.primitives, FRAME.aggregations)
    several = Model(
        shape, two.objective, np.zeros(shape.n_edges, int), np.zeros((shape.n_edges, 2)),
        np.ones((3, 2)), np.zeros(2),
    )  # fmt: skip
    assert from_sympy.shorter(several, FRAME, True, X) is None


def test_own_primitives_are_left_alone(own_table: dict[str, Any]) -> None:
    own = Primitive("bell", lambda m, x: m.exp(-x * x))
    register_primitive(own)
    frame = FRAME._replace(primitives=(*FRAME.primitives, own))
    space = SearchSpace(1, 1, 1, frame.primitives)
    architecture = np.array([len(frame.primitives) - 1])
    model = Model(
        space, OBJECTIVES["real"], architecture, np.zeros((1, space.max_params)),
        np.ones((1, 1)), np.zeros(1),
    )  # fmt: skip
    assert from_sympy.shorter(model, frame, True, X) is None


def competing(model: Model, noise: float = 0.0) -> tuple[Evaluator, Graphs, tuple]:
    y = model.predict(X) + noise * np.random.default_rng(0).normal(size=(len(X), 1))
    problem = Problem(X, y, np.ones(len(X)), True, True)
    evaluator = conversion.evaluator_for(FRAME, problem, model.objective)
    graphs = with_keys(evaluator, conversion.graphs_of(evaluator, [model]))
    evaluator.fit(graphs, 40, 1e-13)
    return evaluator, graphs, (FRAME, problem)


def test_exact_graphs_are_written_shorter() -> None:
    long = written(sympy.expand(0.25 * x0 * x3**2 * (x1**2 + x2**2 + x4**2)))
    evaluator, graphs, rest = competing(long)
    assert (graphs.op[0] >= 0).sum() == 9
    found = finalize.with_shorter(evaluator, graphs, *rest)
    assert len(found) == 2 and (found.op[0] >= 0).sum() == 6
    space = conversion.space_for(FRAME, 6, found)
    [best, other] = finalize.as_candidates(evaluator, found, space, rest[1])
    assert best.criterion < other.criterion
    np.testing.assert_allclose(best.fit.model.predict(X), rest[1].y, rtol=1e-12)


def divided_by_its_factor() -> Model:
    """x1·exp(−5·x0)/x1·x2: what x1 brings, x1 takes away."""
    space = SearchSpace(6, 2, 1, FRAME.primitives, FRAME.aggregations)
    names = [p.name for p in FRAME.primitives]
    architecture = np.full(space.n_edges, names.index("none"))
    edge = np.zeros((space.n_edges, space.max_params))
    second = space.edges_into(1).start
    pieces = {0: "scaled_exp", 1: "add", second + 1: "reciprocal", second + 2: "add"}
    for place, name in (pieces | {second + 6: "add"}).items():
        architecture[place] = names.index(name)
    edge[0, 0] = -5
    return Model(
        space, OBJECTIVES["real"], architecture, edge, np.array([[0.0], [1.0]]),
        np.zeros(1), np.full(2, FRAME.aggregations.index("product")),
    )  # fmt: skip


def test_a_factor_that_is_divided_out_again() -> None:
    model = divided_by_its_factor()
    expected = np.exp(-5 * X[:, 0]) * X[:, 2]
    np.testing.assert_allclose(model.predict(X)[:, 0], expected, rtol=1e-12)
    evaluator, graphs, rest = competing(model)
    found = finalize.with_shorter(evaluator, graphs, *rest)
    assert len(found) == 2 and (found.op[0] >= 0).sum() == 2
    evaluator, graphs, rest = competing(model, noise=0.01)
    assert finalize.with_shorter(evaluator, graphs, *rest) is graphs


def test_only_exact_and_long_ones() -> None:
    evaluator, graphs, rest = competing(multiplied_out())
    assert (
        finalize.with_shorter(evaluator, graphs, *rest) is graphs
    )  # six edges are not long
    evaluator, graphs, rest = competing(multiplied_out(), noise=0.01)
    assert finalize.with_shorter(evaluator, graphs, *rest) is graphs
    nothing = graphs.take(np.zeros(0, int))
    assert finalize.with_shorter(evaluator, nothing, *rest) is nothing
