"""The compiled refit against its oracle, the refit in NumPy, and the scores of edits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from autora.skl.darts.fitting.problem import Problem
from autora.skl.darts.fitting.refit import levenberg_marquardt
from autora.skl.darts.graph.model import Model
from autora.skl.darts.graph.objectives import OBJECTIVES
from autora.skl.darts.graph.primitives import SCIENCE, resolve
from autora.skl.darts.graph.search_space import SearchSpace
from autora.skl.darts.search import conversion, gradient
from autora.skl.darts.search import evaluator as evaluators
from autora.skl.darts.search.random_edits import randomly_edited

PRIMITIVES = evaluators.table()
TINY = np.concatenate([-np.geomspace(1e-12, 0.3, 99), np.geomspace(1e-12, 0.3, 99)])


@pytest.fixture
def problem() -> Problem:
    rng = np.random.default_rng(3)
    x = rng.uniform(0.5, 2.0, (50, 2))
    y = x[:, :1] * np.sin(x[:, 1:]) + 0.1 * rng.normal(size=(50, 1)) + 3
    return Problem(x, y, rng.uniform(0.5, 1.5, 50), True, True)


def evaluator_of(problem: Problem) -> tuple[evaluators.Evaluator, Any]:
    units = conversion.units_of(problem)
    return conversion.evaluator_for(
        conversion.SpaceBounds(resolve(SCIENCE)), problem, units
    ), units


def random_graphs(
    evaluator: evaluators.Evaluator, count: int, seed: int
) -> evaluators.Graphs:
    rng = np.random.default_rng(seed)
    graphs = evaluator.empty(count)
    for _ in range(4):
        before = graphs.take(np.arange(count))
        randomly_edited(evaluator, graphs, rng)
        void = np.flatnonzero(graphs.key == 0)
        graphs.put(void, before.take(void))
    return graphs.take(np.flatnonzero(graphs.key))


def test_compiled_fit_is_the_numpy_fit(problem: Problem) -> None:
    """Same start, same algorithm: mostly the same minimum; the model says the same."""
    evaluator, units = evaluator_of(problem)
    graphs = random_graphs(evaluator, 60, 0)
    start = graphs.take(np.arange(len(graphs)))
    evaluator.fit(start, 0, 0.0)
    evaluator.fit(graphs, 25, 1e-13)
    space = conversion.space_for(conversion.SpaceBounds(resolve(SCIENCE)), 2, graphs)
    objective = OBJECTIVES["real"]
    agreed = tried = 0
    for i in np.flatnonzero(np.isfinite(start.loss)):
        # The oracle has no mask of the read-out: all nodes must be in use.
        if not graphs.use[i, : (graphs.op[i, :, 0] >= 0).sum()].all():
            continue
        model = conversion.model_of(evaluator, graphs, i, space, objective, units)
        square = problem.weight @ (model.predict(problem.x) - problem.y)[:, 0] ** 2
        assert square == pytest.approx(graphs.loss[i] * units.scale**2, rel=1e-6, abs=1e-18)
        begin = conversion.model_of(evaluator, start, i, space, objective, units)
        fit = levenberg_marquardt(problem, begin, 25)
        tried += 1
        agreed += fit.loss * problem.weight.sum() == pytest.approx(square, rel=1e-3)
    assert tried > 20
    assert agreed >= 0.7 * tried


def test_models_and_graphs_are_two_spellings(problem: Problem) -> None:
    evaluator, units = evaluator_of(problem)
    graphs = random_graphs(evaluator, 40, 1)
    evaluator.fit(graphs, 5, 1e-9)
    graphs = graphs.take(np.flatnonzero(np.isfinite(graphs.loss)))
    space = conversion.space_for(conversion.SpaceBounds(resolve(SCIENCE)), 2, graphs)
    for i in range(len(graphs)):
        model = conversion.model_of(evaluator, graphs, i, space, OBJECTIVES["real"], units)
        back = conversion.graphs_of(evaluator, [model], units)
        again = conversion.model_of(evaluator, back, 0, space, OBJECTIVES["real"], units)
        used = model.readout != 0
        np.testing.assert_array_equal(model.architecture, again.architecture)
        np.testing.assert_allclose(model.readout[used], again.readout[used])


def fitted(evaluator: evaluators.Evaluator) -> evaluators.Graphs:
    """x1 as the only node of the read-out."""
    graph = evaluator.empty(1)
    graph.op[0, 0, 0] = [p.name for p in evaluator.primitives].index("add")
    graph.use[0, 0] = True
    evaluator.fit(graph, 20, 1e-13)
    return graph


def test_scored_children_beat_random_ones(problem: Problem) -> None:
    """The share of children better than their parent, scored against random edits."""
    evaluator, _ = evaluator_of(problem)
    rng = np.random.default_rng(0)
    graph = fitted(evaluator)
    parents, edits = gradient.proposed(evaluator, graph.take([0, 0]), 60, rng)
    assert set(parents) == {0, 1}
    scored = graph.take(np.zeros(len(parents), int))
    evaluator.apply(scored, edits)
    drawn = graph.take(np.zeros(200, int))
    randomly_edited(evaluator, drawn, rng)
    shares = []
    for children in (scored, drawn):
        children = children.take(np.flatnonzero(children.key))
        evaluator.fit(children, 12, 1e-6)
        shares.append(
            np.mean(evaluator.criterion(children) < evaluator.criterion(graph)[0] - 1)
        )
    assert shares[0] > 2 * shares[1]


def test_every_proposal_finds_its_room(problem: Problem) -> None:
    """With new nodes of two sources and, if they are switched off, without."""
    evaluator, _ = evaluator_of(problem)
    graph = fitted(evaluator)
    _, edits = gradient.proposed(
        evaluator, graph, 100, np.random.default_rng(1), compound=False
    )
    assert set(edits.rows[:, 7]) == {-1}
    _, more = gradient.proposed(evaluator, graph, 100, np.random.default_rng(1))
    assert set(more.rows[:, 7]) > {-1}
    assert len(edits.rows) == 100
    children = graph.take(np.zeros(100, int))
    evaluator.apply(children, edits)
    assert (children.key != 0).all()


def test_every_edit_leaves_a_tidy_graph(problem: Problem) -> None:
    evaluator, _ = evaluator_of(problem)
    graphs = random_graphs(evaluator, 200, 2)
    for _ in range(5):
        randomly_edited(evaluator, graphs, np.random.default_rng(5))
        graphs = graphs.take(np.flatnonzero(graphs.key))
        assert len(graphs) > 20
        on = graphs.op >= 0
        nodes = np.arange(evaluator.n_nodes)[:, None]
        assert (graphs.src < evaluator.n_inputs + nodes)[on].all()
        full = on.sum(axis=2)
        assert (np.diff(on.astype(int), axis=2) <= 0).all()  # empty slots come last
        assert (np.diff((full > 0).astype(int), axis=1) <= 0).all()  # so do empty nodes
        assert (graphs.use <= (full > 0)).all()


def test_space_holds_parallel_edges() -> None:
    space = SearchSpace(1, 1, 1, resolve(["none", "add", "sin"]), ("sum",), None, 2)
    model = Model(
        space, OBJECTIVES["real"], np.array([1, 2]), np.zeros((2, 1)), np.ones((1, 1)),
        np.zeros(1),
    )  # fmt: skip
    x = np.linspace(0, 1, 5)[:, None]
    np.testing.assert_allclose(model.predict(x), x + np.sin(x))
