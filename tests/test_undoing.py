"""The outermost function undone: where that can be, what comes back, and what it finds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from autora.skl.darts import DARTSRegressor
from autora.skl.darts.fitting.problem import Problem
from autora.skl.darts.graph.objectives import OBJECTIVES
from autora.skl.darts.graph.primitives import NUMPY, SCIENCE, resolve
from autora.skl.darts.runtime.budget import Budget
from autora.skl.darts.search import conversion, inversion
from autora.skl.darts.search import loop as evolve_module
from autora.skl.darts.search.archive import Archive
from autora.skl.darts.search.loop import _Excursions, _Hunt, evolve
from autora.skl.darts.search.problem import Arena, Graphs
from autora.skl.darts.search.proposals import Options
from autora.skl.darts.search.random_edits import keyed

X = np.random.default_rng(0).uniform(0.5, 2.0, (80, 3))
NOISE = np.random.default_rng(4).normal(size=len(X))
INSIDE = X[:, 0] ** 2 + X[:, 1] * X[:, 2] + 0.2 * X[:, 0] * np.sin(X[:, 1])


def arena_of(y: np.ndarray, names: Any = SCIENCE, trained: bool = True) -> Arena:
    weight = np.random.default_rng(1).uniform(0.5, 1.5, len(y))
    problem = Problem(X, y[:, None], weight, trained, trained)
    frame = conversion.Frame(resolve(names))
    return conversion.arena_for(frame, problem, conversion.units_of(problem))


def searched(arena: Arena, candidates: int) -> Archive:
    rng = np.random.default_rng(2)
    return evolve(arena, Budget(candidates=candidates), Options(), rng)


def bases(arena: Arena) -> list[str]:
    return [there.outer.base for there in inversion.undone(arena)]


OUTER = {outer.base: outer for outer in inversion.OUTER}


def apply(base: str, value: np.ndarray) -> np.ndarray:
    [primitive] = resolve([base])
    return primitive(NUMPY, value, *OUTER[base].tail)


def values(arena: Arena, graphs: Graphs, i: int) -> np.ndarray:
    """What one graph computes, in the units of y."""
    frame = conversion.Frame(resolve(SCIENCE), arena.n_nodes)
    space = conversion.space_for(frame, arena.n_inputs, graphs)
    real = OBJECTIVES["real"]
    model = conversion.model_of(arena, graphs, i, space, real, arena.units)
    return model.predict(X)[:, 0]


@pytest.mark.parametrize(
    ("y", "expected"),
    [
        (INSIDE, ["sqrt", "reciprocal", "power", "exp"]),
        (-INSIDE, ["sqrt", "reciprocal", "power", "exp"]),
        (INSIDE / 20, ["sqrt", "reciprocal", "power", "exp", "logistic"]),
        (-INSIDE / 20, ["sqrt", "reciprocal", "power", "exp"]),
        (INSIDE - 2, []),
        (INSIDE - INSIDE.min(), []),
        (np.full(len(X), 2.0), []),
    ],
)
def test_signs_decide(y: np.ndarray, expected: list[str]) -> None:
    assert bases(arena_of(y)) == expected


def test_the_vocabulary_decides() -> None:
    assert bases(arena_of(INSIDE, ["mult", "exp", "linear_exp", "sqrt"])) == ["sqrt", "exp"]
    assert bases(arena_of(INSIDE, ["add", "sqrt", "exp"])) == []
    assert bases(arena_of(INSIDE, ["mult", "exp"])) == []  # no factor in its argument
    assert bases(arena_of(INSIDE, trained=False)) == []
    assert bases(replace(arena_of(INSIDE), n_nodes=2)) == []


@pytest.mark.parametrize("base", OUTER)
def test_a_slope_is_the_derivative(base: str) -> None:
    outer = OUTER[base]
    a = np.linspace(0.3, 2.0, 9)
    numeric = (apply(base, a + 1e-6) - apply(base, a - 1e-6)) / 2e-6
    y = apply(base, a)
    np.testing.assert_allclose(outer.inverse(y), a, rtol=1e-12)
    ratio = outer.slope(y) / np.abs(numeric)  # a factor does not matter: weights
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-6)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("base", OUTER)
def test_what_comes_back_is_the_function_of_what_was_found(base: str, sign: int) -> None:
    """Before any refit: only the read-out over f(A) is new."""
    if base == "logistic" and sign < 0:
        pytest.skip("not undone there")
    arena = arena_of(sign * apply(base, INSIDE))
    there = next(u for u in inversion.undone(arena) if u.outer.base == base)
    archive = searched(there.arena, 900)
    graphs = archive.graphs
    back = inversion.put_back(arena, there, graphs)
    assert len(back) > 0.5 * len(graphs)
    one_by_one = [
        inversion.put_back(arena, there, graphs.take([i])) for i in range(len(graphs))
    ]
    same = []
    for i, alone in enumerate(one_by_one):
        inside = values(there.arena, graphs, i)
        lost = abs(graphs.w[i, 0]) > 20  # exp(500) times a read-out that makes up for it
        if not len(alone) or lost or (base == "sqrt" and inside.min() <= 0):
            continue
        arena.fit(alone, 0, 0.0)
        design = np.column_stack([np.ones(len(X)), apply(base, inside)])
        root = arena.root
        rest = np.linalg.lstsq(design * root[:, None], arena.y * root, rcond=None)
        best = float(np.sum((root * (arena.y - design @ rest[0])) ** 2))
        same.append(abs(alone.loss[0] - best) < 1e-5 * best + 1e-9 * arena.unit)
    assert len(same) > 5
    assert np.mean(same) > 0.9  # a read-out may be too ill-conditioned to compare


def test_every_way_back_is_taken() -> None:
    """One node, a sum that takes the others in, a node of its own, and no room."""
    arena = arena_of(np.sqrt(INSIDE))
    there = inversion.undone(arena)[0]
    archive = searched(there.arena, 1500)
    nodes = (archive.graphs.op[:, :, 0] >= 0).sum(axis=1)
    ways = set()
    for i in range(len(archive.graphs)):
        graph = archive.graphs.take([i])
        back = inversion.put_back(arena, there, graph)
        if not len(back):
            ways.add("no room")
        else:
            more = (back.op[0, :, 0] >= 0).sum() - nodes[i]
            ways.add((int(more), int(graph.use.sum()) > 1))
            assert len(keyed(arena, back)) == 1
    assert {(1, False), (1, True), (2, True)} <= ways


LAWS: dict[str, Any] = {
    "a Gaussian": lambda X: np.exp(-(((X[:, 0] - X[:, 1]) / X[:, 2]) ** 2) / 2) / X[:, 2],
    "two lenses": lambda X: -1 / (1 / X[:, 0] + X[:, 2] / X[:, 1]),
    "a choice": lambda X: 1 / (1 + np.exp(-3 * (X[:, 0] - X[:, 1] * X[:, 2]))),
}


@pytest.mark.parametrize("law", LAWS.values(), ids=list(LAWS))
def test_laws_under_a_function_are_found(law: Any) -> None:
    y = law(X)
    model = DARTSRegressor(random_state=0, n_candidates=40_000).fit(X, y)
    wide = np.random.default_rng(1).uniform(0.4, 2.5, (100, 3))
    assert np.mean((model.predict(X) - y) ** 2) < 1e-16 * np.var(y)
    np.testing.assert_allclose(model.predict(wide), law(wide), rtol=1e-6)


def test_excursions_take_turns() -> None:
    """The first round visits every place, the next one the half that was worth it."""
    arena = arena_of(INSIDE + 0.1 * NOISE)
    trips = _Excursions(arena, Options(), np.random.default_rng(3))
    start, each = evolve_module._SETTING_OUT, evolve_module._EXCURSION
    assert len(trips.places) == 4 and not trips.due(start - 1)
    home, fitted = searched(arena, 50), start
    visited = []
    while trips.due(fitted):
        visited.append(trips.ahead[0])
        fitted += trips.step(home)
    assert set(visited) == {0, 1, 2, 3} and visited == sorted(visited)
    assert start + 4 * each <= fitted < start + 4 * (each + 400)
    assert np.isfinite(trips.best).any()
    assert not trips.due(trips.next_round - 1) and trips.due(trips.next_round)
    assert trips.ahead == np.argsort(trips.best)[:2].tolist()


def test_no_excursions_where_they_are_switched_off() -> None:
    for options in (Options(undoing=False), Options(random_only=True)):
        assert not _Excursions(arena_of(INSIDE), options, np.random.default_rng(3)).due(
            10**9
        )


def test_excursions_go_on_from_their_arrays() -> None:
    arena = arena_of(INSIDE + 0.1 * NOISE)

    def hunt() -> _Hunt:
        rng = np.random.default_rng(1)
        return _Hunt(arena, Budget(candidates=10**6), Options(), rng, lambda *_: None)

    one, other = hunt(), hunt()
    while not (one.excursions.ahead and one.excursions.ahead[0] == 1):
        one.step()
    other.resume(one.arrays())
    while one.excursions.ahead:
        one.step()
        other.step()
    assert one.fitted == other.fitted and not other.excursions.ahead
    np.testing.assert_array_equal(one.excursions.best, other.excursions.best)
    np.testing.assert_array_equal(one.archive.graphs.theta, other.archive.graphs.theta)
