"""The compiled refit against its oracle, the refit in NumPy, and the scores of edits."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from autora.skl.darts.fitting.problem import Problem, mean_loss
from autora.skl.darts.fitting.refit import levenberg_marquardt
from autora.skl.darts.graph.model import Model
from autora.skl.darts.graph.objectives import OBJECTIVES
from autora.skl.darts.graph.primitives import SCIENCE, resolve
from autora.skl.darts.graph.search_space import SearchSpace
from autora.skl.darts.search import conversion, evaluator as evaluators, gradient
from autora.skl.darts.search.random_edits import randomly_edited

PRIMITIVES = evaluators.table()
TINY = np.concatenate([-np.geomspace(1e-12, 0.3, 99), np.geomspace(1e-12, 0.3, 99)])


@pytest.fixture
def problem() -> Problem:
    rng = np.random.default_rng(3)
    x = rng.uniform(0.5, 2.0, (50, 2))
    y = x[:, :1] * np.sin(x[:, 1:]) + 0.1 * rng.normal(size=(50, 1)) + 3
    return Problem(x, y, rng.uniform(0.5, 1.5, 50), True, True)


def evaluator_of(problem: Problem, kind: str = "real") -> evaluators.Evaluator:
    bounds = conversion.SpaceBounds(resolve(SCIENCE))
    return conversion.evaluator_for(bounds, problem, OBJECTIVES[kind])


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


COMPILED = [name for name, record in OBJECTIVES.items() if record.compiled_loss >= 0]


def test_every_loss_of_one_output_is_compiled() -> None:
    assert all(name in COMPILED or OBJECTIVES[name].competing for name in OBJECTIVES)


@pytest.mark.parametrize("kind", COMPILED)
def test_compiled_fit_is_the_numpy_fit(problem: Problem, kind: str) -> None:
    """Same start, same minimum, mostly; the model says the same."""
    if OBJECTIVES[kind].probability:
        share = 1 / (1 + np.exp(3 - problem.y))
        drawn = (np.random.default_rng(0).random(share.shape) < share).astype(float)
        problem = problem._replace(y=drawn if OBJECTIVES[kind].likelihood else share)
    evaluator = evaluator_of(problem, kind)
    graphs = random_graphs(evaluator, 60, 0)
    start = graphs.take(np.arange(len(graphs)))
    evaluator.fit(start, 0, 0.0)
    evaluator.fit(graphs, 25, 1e-13)
    space = conversion.space_for(conversion.SpaceBounds(resolve(SCIENCE)), 2, graphs)
    square = evaluator.scaling.scale**2
    agreed = tried = 0
    for i in np.flatnonzero(np.isfinite(start.loss)):
        # The oracle has no mask of the read-out: all nodes must be in use.
        if not graphs.use[i, : (graphs.op[i, :, 0] >= 0).sum()].all():
            continue
        model = conversion.model_of(evaluator, graphs, i, space)
        total = mean_loss(model, problem) * problem.weight.sum()
        assert total == pytest.approx(graphs.loss[i] * square, rel=1e-6, abs=1e-18)
        begin = conversion.model_of(evaluator, start, i, space)
        fit = levenberg_marquardt(problem, begin, 25)
        tried += 1
        agreed += fit.loss * problem.weight.sum() == pytest.approx(total, rel=1e-3)
    assert tried > 20
    assert agreed >= 0.7 * tried


def test_logistic_regression_without_coefficients_inside() -> None:
    """Fisher scoring of the read-out alone is what scikit-learn's solvers find."""
    rng = np.random.default_rng(5)
    X, weight = rng.normal(size=(80, 2)), rng.uniform(0.5, 2.0, 80)
    y = (X[:, 0] - 0.5 * X[:, 1] + rng.logistic(size=80) > 0).astype(int)
    problem = Problem(X, y[:, None].astype(float), weight, True, True)
    evaluator = evaluator_of(problem, "probability_sample")
    graphs = evaluator.empty(1)
    graphs.op[0, :2, 0] = [p.name for p in PRIMITIVES].index("add")
    graphs.src[0, 1, 0] = 1
    graphs.use[0, :2] = True
    evaluator.fit(graphs, 0, 0.0)
    oracle = LogisticRegression(C=1e12, tol=1e-12, max_iter=1000).fit(X, y, weight)
    found = [*oracle.intercept_, *oracle.coef_[0]]
    np.testing.assert_allclose(graphs.w[0, :3], found, rtol=1e-4)


def test_models_and_graphs_are_two_spellings(problem: Problem) -> None:
    evaluator = evaluator_of(problem)
    graphs = random_graphs(evaluator, 40, 1)
    evaluator.fit(graphs, 5, 1e-9)
    graphs = graphs.take(np.flatnonzero(np.isfinite(graphs.loss)))
    space = conversion.space_for(conversion.SpaceBounds(resolve(SCIENCE)), 2, graphs)
    for i in range(len(graphs)):
        model = conversion.model_of(evaluator, graphs, i, space)
        back = conversion.graphs_of(evaluator, [model])
        again = conversion.model_of(evaluator, back, 0, space)
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
    evaluator = evaluator_of(problem)
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
    evaluator = evaluator_of(problem)
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
    evaluator = evaluator_of(problem)
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
