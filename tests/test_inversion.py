"""The outermost function undone: where that can be, what comes back, and what it finds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from autora.skl.darts import DARTSRegressor
from autora.skl.darts.fitting.problem import Problem
from autora.skl.darts.graph.elementary import NUMPY
from autora.skl.darts.graph.objectives import OBJECTIVES
from autora.skl.darts.graph.primitives import SCIENCE, builtin, resolve
from autora.skl.darts.runtime.budget import Budget
from autora.skl.darts.search import conversion, inversion, loop as evolve_module
from autora.skl.darts.search.archive import Archive
from autora.skl.darts.search.evaluator import Evaluator, Graphs
from autora.skl.darts.search.loop import _Inversions, _Search, evolve
from autora.skl.darts.search.proposals import Options
from autora.skl.darts.search.random_edits import with_keys

X = np.random.default_rng(0).uniform(0.5, 2.0, (80, 3))
NOISE = np.random.default_rng(4).normal(size=len(X))
INSIDE = X[:, 0] ** 2 + X[:, 1] * X[:, 2] + 0.2 * X[:, 0] * np.sin(X[:, 1])


def evaluator_of(y: np.ndarray, names: Any = SCIENCE, trained: bool = True) -> Evaluator:
    weight = np.random.default_rng(1).uniform(0.5, 1.5, len(y))
    problem = Problem(X, y[:, None], weight, trained, trained)
    frame = conversion.SpaceBounds(resolve(names))
    return conversion.evaluator_for(frame, problem, OBJECTIVES["real"])


def searched(evaluator: Evaluator, candidates: int) -> Archive:
    rng = np.random.default_rng(2)
    return evolve(evaluator, Budget(candidates=candidates), Options(), rng)


def bases(evaluator: Evaluator) -> list[str]:
    return [there.outer.plain.name for there in inversion.undone(evaluator)]


OUTER = {o.plain.name: o.inverse for o in inversion.outer_functions(builtin())}
#: Those of them that the searches of this file have in their vocabulary.
SEARCHED = [o.plain.name for o in inversion.outer_functions(resolve(SCIENCE))]


def apply(base: str, value: np.ndarray) -> np.ndarray:
    [primitive] = resolve([base])
    return primitive(NUMPY, value, *OUTER[base].tail)


def values(evaluator: Evaluator, graphs: Graphs, i: int) -> np.ndarray:
    """What one graph computes, in the units of y."""
    frame = conversion.SpaceBounds(resolve(SCIENCE), evaluator.n_nodes)
    space = conversion.space_for(frame, evaluator.n_inputs, graphs)
    model = conversion.model_of(evaluator, graphs, i, space)
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
    assert bases(evaluator_of(y)) == expected


def test_the_vocabulary_decides() -> None:
    assert bases(evaluator_of(INSIDE, ["mult", "exp", "linear_exp", "sqrt"])) == [
        "sqrt",
        "exp",
    ]
    assert bases(evaluator_of(INSIDE, ["add", "sqrt", "exp"])) == []
    assert bases(evaluator_of(INSIDE, ["mult", "exp"])) == []  # no factor in its argument
    assert bases(evaluator_of(INSIDE, trained=False)) == []
    assert bases(replace(evaluator_of(INSIDE), n_nodes=2)) == []


@pytest.mark.parametrize("base", OUTER)
def test_a_slope_is_the_derivative(base: str) -> None:
    outer = OUTER[base]
    a = np.linspace(0.3, 2.0, 9)
    numeric = (apply(base, a + 1e-6) - apply(base, a - 1e-6)) / 2e-6
    y = apply(base, a)
    np.testing.assert_allclose(outer.value(y), a, rtol=1e-12)
    ratio = outer.slope(y) / np.abs(numeric)  # a factor does not matter: weights
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-6)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("base", SEARCHED)
def test_what_comes_back_is_the_function_of_what_was_found(base: str, sign: int) -> None:
    """Before any refit: only the read-out over f(A) is new."""
    if OUTER[base].below < np.inf and sign < 0:
        pytest.skip("not undone there")
    evaluator = evaluator_of(sign * apply(base, INSIDE))
    there = next(u for u in inversion.undone(evaluator) if u.outer.plain.name == base)
    archive = searched(there.evaluator, 900)
    graphs = archive.graphs
    back = inversion.put_back(evaluator, there, graphs)
    assert len(back) > 0.5 * len(graphs)
    one_by_one = [
        inversion.put_back(evaluator, there, graphs.take([i])) for i in range(len(graphs))
    ]
    same = []
    for i, alone in enumerate(one_by_one):
        inside = values(there.evaluator, graphs, i)
        lost = abs(graphs.w[i, 0]) > 20  # exp(500) times a read-out that makes up for it
        if not len(alone) or lost or (OUTER[base].positive and inside.min() <= 0):
            continue
        evaluator.fit(alone, 0, 0.0)
        design = np.column_stack([np.ones(len(X)), apply(base, inside)])
        root = evaluator.root
        rest = np.linalg.lstsq(design * root[:, None], evaluator.y * root, rcond=None)
        best = float(np.sum((root * (evaluator.y - design @ rest[0])) ** 2))
        same.append(abs(alone.loss[0] - best) < 1e-5 * best + 1e-9 * evaluator.unit)
    assert len(same) > 5
    assert np.mean(same) > 0.9  # a read-out may be too ill-conditioned to compare


def test_every_way_back_is_taken() -> None:
    """One node, a sum that takes the others in, a node of its own, and no room."""
    evaluator = evaluator_of(np.sqrt(INSIDE))
    there = inversion.undone(evaluator)[0]
    archive = searched(there.evaluator, 1500)
    nodes = (archive.graphs.op[:, :, 0] >= 0).sum(axis=1)
    ways = set()
    for i in range(len(archive.graphs)):
        graph = archive.graphs.take([i])
        back = inversion.put_back(evaluator, there, graph)
        if not len(back):
            ways.add("no room")
        else:
            more = (back.op[0, :, 0] >= 0).sum() - nodes[i]
            ways.add((int(more), int(graph.use.sum()) > 1))
            assert len(with_keys(evaluator, back)) == 1
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


def test_inversions_take_turns() -> None:
    """The first round visits every place, the next one the half that was worth it."""
    evaluator = evaluator_of(INSIDE + 0.1 * NOISE)
    trips = _Inversions(evaluator, Options(), np.random.default_rng(3))
    start, each = evolve_module._FIRST_INVERSION, evolve_module._INVERSION
    assert len(trips.places) == 4 and not trips.due(start - 1)
    home, fitted = searched(evaluator, 50), start
    visited = []
    while trips.due(fitted):
        visited.append(trips.ahead[0])
        fitted += trips.step(home)
    assert set(visited) == {0, 1, 2, 3} and visited == sorted(visited)
    assert start + 4 * each <= fitted < start + 4 * (each + 400)
    assert np.isfinite(trips.best).any()
    assert not trips.due(trips.next_round - 1) and trips.due(trips.next_round)
    assert trips.ahead == np.argsort(trips.best)[:2].tolist()


def test_no_inversions_where_they_are_switched_off() -> None:
    for options in (Options(undoing=False), Options(random_only=True)):
        assert not _Inversions(evaluator_of(INSIDE), options, np.random.default_rng(3)).due(
            10**9
        )


def test_inversions_go_on_from_their_arrays() -> None:
    evaluator = evaluator_of(INSIDE + 0.1 * NOISE)

    def search() -> _Search:
        rng = np.random.default_rng(1)
        return _Search(evaluator, Budget(candidates=10**6), Options(), rng, lambda *_: None)

    one, other = search(), search()
    while not (one.inversions.ahead and one.inversions.ahead[0] == 1):
        one.step()
    other.resume(one.arrays())
    while one.inversions.ahead:
        one.step()
        other.step()
    assert one.fitted == other.fitted and not other.inversions.ahead
    np.testing.assert_array_equal(one.inversions.best, other.inversions.best)
    np.testing.assert_array_equal(one.archive.graphs.theta, other.archive.graphs.theta)
