"""On a grid many frequencies fit alike; the lowest is told."""

from __future__ import annotations

import numpy as np
import pytest

from autora.skl.darts import DARTSRegressor, Primitive, register_primitive
from autora.skl.darts.fitting.frequencies import grid, with_lowest_frequencies
from autora.skl.darts.fitting.problem import Problem
from autora.skl.darts.graph.model import Model
from autora.skl.darts.graph.objectives import OBJECTIVES
from autora.skl.darts.graph.primitives import resolve
from autora.skl.darts.graph.search_space import SearchSpace
from autora.skl.darts.search import conversion, finalize
from autora.skl.darts.search.random_edits import with_keys

GRID = np.linspace(-1, 1, 41)
TURN = 2 * np.pi / 0.05


def wave(name: str, *coefs: float) -> Model:
    space = SearchSpace(1, 1, 1, resolve(("none", name)))
    edge = np.zeros((1, space.max_params))
    edge[0, : len(coefs)] = coefs
    return Model(
        space, OBJECTIVES["real"], np.array([1]), edge, np.array([[2.0]]), np.array([0.5])
    )


def problem_of(model: Model, x: np.ndarray) -> Problem:
    x = x.reshape(-1, 1)
    return Problem(x, model.predict(x), np.ones(len(x)), True, True)


@pytest.mark.parametrize("turns", [-3, -1, 1, 98])
@pytest.mark.parametrize(
    ("name", "coefs"),
    [("scaled_sin", [6.0]), ("scaled_cos", [-3.0]), ("linear_sin", [5.0, 1])],
)
def test_aliases_become_the_lowest(name: str, coefs: list[float], turns: int) -> None:
    low = wave(name, *coefs)
    problem = problem_of(low, np.random.default_rng(0).permutation(GRID[5:]))
    first = GRID[5]
    edge = low.edge.copy()
    edge[0, 0] += turns * TURN
    if len(coefs) > 1:
        edge[0, 1] -= turns * TURN * first
    found = with_lowest_frequencies(problem, low.replace(edge=edge))
    assert found.edge[0, 0] == pytest.approx(coefs[0], rel=1e-9)
    between = np.linspace(-1, 1, 333)[:, None]
    np.testing.assert_allclose(found.predict(between), low.predict(between), atol=1e-9)


def test_an_own_wave_is_told_by_its_lowest_frequency(
    own_table: dict[str, Primitive],
) -> None:
    """Of another period than a sine's, and of another shape."""
    plain = Primitive("own_hump", lambda m, x: m.exp(m.cos(np.pi * x)), period=2.0)
    scaled = Primitive(
        "scaled_own_hump",
        lambda m, x, a: plain(m, a * x),
        ("slope",),
        base="own_hump",
        argument="scaled",
    )
    for primitive in (plain, scaled):
        register_primitive(primitive)
    low = wave("scaled_own_hump", 1.7)
    problem = problem_of(low, GRID[3:])
    found = with_lowest_frequencies(problem, low.replace(edge=low.edge + 2.0 / 0.05 * 3))
    between = np.linspace(-1, 1, 333)[:, None]
    np.testing.assert_allclose(found.predict(between), low.predict(between), atol=1e-9)


@pytest.mark.parametrize("name", ["scaled_sin", "scaled_cos"])
def test_half_a_turn_is_a_sign(name: str) -> None:
    """199 steps of 2/199 from −1 to 1: half a turn too many at the first value."""
    x = np.linspace(-1, 1, 200)
    low = wave(name, 6.0)
    edge = low.edge + 2 * np.pi / (x[1] - x[0])
    fast = low.replace(edge=edge, readout=-low.readout)
    problem = problem_of(low, x)
    np.testing.assert_allclose(fast.predict(problem.x), problem.y, atol=1e-9)
    found = with_lowest_frequencies(problem, fast)
    assert abs(found.edge[0, 0]) == pytest.approx(6.0, rel=1e-9)
    between = np.linspace(-1, 1, 333)[:, None]
    np.testing.assert_allclose(found.predict(between), low.predict(between), atol=1e-9)


@pytest.mark.parametrize("turns", [-3, 1, 50])
def test_phases_lie_within_half_a_turn(turns: int) -> None:
    x = np.sort(np.random.default_rng(0).uniform(-1, 1, 41))
    low = wave("linear_sin", 6.0, 1.5)
    edge = low.edge.copy()
    edge[0, 1] += 2 * np.pi * turns
    found = with_lowest_frequencies(problem_of(low, x), low.replace(edge=edge))
    np.testing.assert_allclose(found.edge, low.edge, atol=1e-12)


def test_what_the_rows_tell_apart_stays() -> None:
    fast = wave("scaled_sin", 6.0 + TURN)
    uneven = np.sort(np.random.default_rng(0).uniform(-1, 1, 41))
    for x in (uneven, np.append(GRID, 0.013), GRID[:2]):
        assert with_lowest_frequencies(problem_of(fast, x), fast) is fast
    # A cosine without a phase has no alias on a grid that misses 0.
    fast = wave("scaled_cos", 6.0 + TURN)
    assert with_lowest_frequencies(problem_of(fast, GRID + 0.01), fast) is fast
    slow = wave("scaled_sin", 6.0)
    assert with_lowest_frequencies(problem_of(slow, GRID), slow) is slow


def test_grids() -> None:
    assert grid(np.array([3.0, 1, 1, 7])) == (1.0, 2.0)
    assert grid(np.array([0.1, 0.2, 0.4, 0.3])) == pytest.approx((0.1, 0.1))
    assert grid(np.array([1.0, 2.0])) is None and grid(np.array([0, 1, np.pi])) is None


def test_candidates_have_no_aliases() -> None:
    fast = wave("scaled_sin", 6.0 + TURN)
    problem = problem_of(fast, GRID)
    frame = conversion.SpaceBounds(resolve(("none", "add", "mult", "scaled_sin")))
    evaluator = conversion.evaluator_for(frame, problem, fast.objective)
    graphs = with_keys(evaluator, conversion.graphs_of(evaluator, [fast]))
    evaluator.fit(graphs, 20, 1e-13)
    assert graphs.theta.max() > TURN
    space = conversion.space_for(frame, 1, graphs)
    [found] = finalize.as_candidates(evaluator, graphs, space, problem)
    assert found.fit.model.edge.max() == pytest.approx(6.0, rel=1e-9)


@pytest.mark.parametrize("nodes", ["auto", 1])
def test_fits_on_a_grid(nodes: int | str) -> None:
    """The primitive's first coefficients are drawn; many of them lie near an alias."""
    y = 0.3 * np.sin(2 * np.pi * GRID) + 1
    for seed in range(4):
        model = DARTSRegressor(
            num_graph_nodes=nodes, primitives=["none", "linear_sin"], random_state=seed,
            max_epochs=1, n_candidates=300, train_classifier_coefficients=True,
            train_classifier_bias=True, init_weights_function=None,
        ).fit(GRID[:, None] * 1.0, y)  # fmt: skip
        assert np.abs(model.model_.edge[:, 0]).max() <= TURN / 2
