"""From architecture weights to graphs and back, with nodes that add or multiply."""

from __future__ import annotations

from itertools import islice
from typing import Any

import jax
import numpy as np
import pytest

from autora.skl.darts.graph.architecture import (
    Coefs,
    attempts,
    bounded,
    draw,
    mode,
    move_towards,
    probabilities,
    weights_from,
)
from autora.skl.darts.graph.primitives import resolve
from autora.skl.darts.graph.search_space import SearchSpace
from autora.skl.darts.relaxation import bilevel

BOTH = ("sum", "product")


def space_of(names: tuple[str, ...] = ("none", "add", "sin"), **bounds: Any) -> SearchSpace:
    return SearchSpace(3, 2, 1, resolve(names), **bounds)


def random_alphas(space: SearchSpace, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    nodes = rng.normal(size=(space.n_nodes, space.n_aggregations))
    return rng.normal(size=(space.n_edges, space.n_primitives)), nodes


@pytest.mark.parametrize("darts_type", ["original", "fair"])
def test_weights_have_their_probabilities(darts_type: str) -> None:
    p = np.array([[0.2, 0.5, 0.3], [0.01, 0.98, 0.01]])
    found = probabilities(weights_from(p, darts_type), darts_type)
    np.testing.assert_allclose(found, p, rtol=1e-5)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("names", [("none", "add", "sin"), ("add", "sin", "square")])
def test_in_degree_is_bounded(names: tuple[str, ...], seed: int) -> None:
    space = space_of(names, max_in_degree=2)
    off = -1 if space.none is None else space.none
    alphas, _ = random_alphas(space, seed)
    probability, chosen = probabilities(alphas), mode(alphas)
    result = bounded(space, chosen, probability)
    for node in range(space.n_nodes):
        into = space.edges_into(node)
        kept, before = result[into], chosen[into]
        on = before != off
        assert (kept != off).sum() == min(2, on.sum())
        assert ((kept == before) | (kept == off)).all()
        strength = probability[into].max(axis=1)
        dropped = on & (kept == off)
        if dropped.any():
            assert strength[kept != off].min() >= strength[dropped].max()


def test_without_a_bound_nothing_is_dropped() -> None:
    space = space_of()
    alphas, nodes = random_alphas(space)
    kept = bounded(space, mode(alphas), probabilities(alphas))
    np.testing.assert_array_equal(kept, mode(alphas))
    rng = np.random.default_rng(0)
    first = next(attempts(space, alphas, nodes, "original", "max", rng))
    np.testing.assert_array_equal(first.architecture, mode(alphas))
    assert first.aggregation.tolist() == [0, 0]


@pytest.mark.parametrize("strategy", ["max", "sample"])
def test_attempts_choose_aggregations_too(strategy: str) -> None:
    space = space_of(aggregations=BOTH, max_in_degree=1)
    alphas, nodes = random_alphas(space)
    rng = np.random.default_rng(0)
    choices = list(attempts(space, alphas, nodes, "original", strategy, rng))
    for choice in choices:
        for node in range(2):
            assert (choice.architecture[space.edges_into(node)] > 0).sum() <= 1
    aggregations = np.array([choice.aggregation for choice in choices])
    assert set(aggregations.ravel()) == {0, 1}
    if strategy == "max":
        np.testing.assert_array_equal(choices[0].aggregation, mode(nodes))
    share = probabilities(nodes)[:, 1]
    assert np.abs(aggregations.mean(axis=0) - share).max() < 0.2


def test_one_aggregation_draws_no_further_numbers() -> None:
    """The graphs of a space without products are the same as ever."""
    space = space_of()
    alphas, nodes = random_alphas(space)
    choices = attempts(space, alphas, nodes, "original", "sample", np.random.default_rng(3))
    rng, probability = np.random.default_rng(3), probabilities(alphas)
    for choice in islice(choices, 5):
        np.testing.assert_array_equal(choice.architecture, draw(probability, rng))


@pytest.mark.parametrize("darts_type", ["original", "fair"])
def test_moving_makes_the_best_the_mode(darts_type: str) -> None:
    space = space_of()
    alphas, _ = random_alphas(space)
    found = [np.random.default_rng(i).integers(3, size=space.n_edges) for i in range(4)]
    criteria = np.array([3.0, -20.0, 2.0, 5.0])
    moved = move_towards(alphas, darts_type, found, criteria)
    np.testing.assert_array_equal(mode(moved), found[1])


def test_absent_edges_say_nothing_about_primitives() -> None:
    space = space_of(("add", "sin"))
    alphas, _ = random_alphas(space)
    architecture = np.array([1, -1, 0, -1, -1, 1, 0])
    moved = probabilities(move_towards(alphas, "original", [architecture], np.zeros(1)))
    absent = architecture < 0
    before = probabilities(alphas)
    np.testing.assert_allclose(moved[absent], before[absent], rtol=1e-5)
    np.testing.assert_array_equal(mode(moved)[~absent], architecture[~absent])


def hyper(epochs: int) -> bilevel.Hyper:
    rates = dict.fromkeys(bilevel.Hyper._fields, np.float32(0))
    return bilevel.Hyper(**rates)._replace(
        arch_updates=np.int32(1),
        param_updates=np.int32(20),
        max_epochs=np.int32(epochs),
        arch_learning_rate_max=np.float32(0.05),
        arch_learning_rate_min=np.float32(0.05),
        arch_momentum=np.float32(0.5),
        param_learning_rate_max=np.float32(0.025),
        param_learning_rate_min=np.float32(0.01),
        param_momentum=np.float32(0.9),
        grad_clip=np.float32(5),
        train_readout=np.bool_(True),
        train_bias=np.bool_(True),
        precondition=np.bool_(True),
    )


@pytest.mark.parametrize(
    ("law", "aggregation"),
    [(lambda a, b: 3 * a * np.sin(b) + 2, 1), (lambda a, b: 3 * a + 3 * np.sin(b) + 2, 0)],
    ids=["product", "sum"],
)
def test_gradient_tells_products_from_sums(law: Any, aggregation: int) -> None:
    """The relaxed stage alone; no candidate is ever refitted."""
    space = SearchSpace(2, 1, 1, resolve(("none", "add", "sin")), BOTH)
    rng = np.random.default_rng(0)
    x = rng.uniform(-2, 2, (64, 2)).astype("f4")
    y = law(*x.T).astype("f4")[:, None]
    rows = np.ones(64, np.float32)
    edges, nodes = np.zeros((2, 3), "f4"), np.zeros((1, 2), "f4")
    coefs = Coefs(np.zeros((2, 3, 1), "f4"), np.ones((1, 1), "f4"), np.zeros(1, "f4"))
    state = bilevel.State(
        edges, edges, edges, np.float32(0), coefs, np.int32(0), jax.random.key(0),
        nodes, nodes, nodes,
    )  # fmt: skip
    static = bilevel.Static(space, "real")
    data = bilevel.Data(x, y, rows, rows, np.float32(y.std()))
    for _ in range(2):
        state, history = bilevel.run_epochs(static, hyper(128), data, state, np.int32(64))
    assert mode(np.asarray(state.alphas)).tolist() == [1, 2]
    assert mode(np.asarray(state.node_alphas)).tolist() == [aggregation]
    assert probabilities(np.asarray(state.node_alphas))[0, aggregation] > 0.9
    assert history.valid_loss[-1] < 0.1 * y.var()
