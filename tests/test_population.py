"""A generation: how a search opens, and what it does once a graph is exact."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from autora.skl.darts.fitting.problem import Problem
from autora.skl.darts.graph.objectives import OBJECTIVES
from autora.skl.darts.graph.primitives import SCIENCE, resolve
from autora.skl.darts.runtime.budget import Budget
from autora.skl.darts.search import conversion, parallel, population
from autora.skl.darts.search.evaluator import Evaluator, Graphs
from autora.skl.darts.search.loop import _is_coarse, evolve
from autora.skl.darts.search.population import Population
from autora.skl.darts.search.proposals import Options
from autora.skl.darts.search.random_edits import randomly_edited, with_keys

X = np.random.default_rng(0).uniform(0.5, 2.0, (100, 3))
NOISE = np.random.default_rng(1).normal(size=len(X))
PRODUCT = X[:, 0] * X[:, 1] / X[:, 2]


def evaluator_of(
    y: np.ndarray, names: Any = SCIENCE, most_nodes: int = 5, inputs: np.ndarray = X
) -> Evaluator:
    problem = Problem(inputs, y[:, None], np.ones(len(y)), True, True)
    frame = conversion.SpaceBounds(resolve(names), most_nodes)
    return conversion.evaluator_for(frame, problem, OBJECTIVES["real"])


def population_of(y: np.ndarray, options: Options = Options()) -> Population:  # noqa: B008
    return Population(evaluator_of(y), options, np.random.default_rng(2))


def exact(options: Options = Options()) -> Population:  # noqa: B008
    found = population_of(PRODUCT, options)
    for _ in range(30):
        if found.archive.exact:
            return found
        found.step()
    raise AssertionError("a product of three inputs is one of the easiest laws")


class Drawn(Exception):
    """A graph was drawn without a score."""


@pytest.fixture
def scored_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def drawn(*args: Any) -> Graphs:
        raise Drawn

    monkeypatch.setattr(population, "from_nothing", drawn)
    monkeypatch.setattr("autora.skl.darts.search.proposals.randomly_edited", drawn)


@pytest.mark.parametrize("gradient", [True, False])
def test_a_search_opens_with_what_the_gradient_proposes(
    gradient: bool, scored_only: None
) -> None:
    opening, opened = population_of(NOISE, Options(gradient=gradient)), 0
    with pytest.raises(Drawn):
        while opened < 100:
            assert opening.step() > 0
            opened += 1
    assert (opened > 0) == gradient


@pytest.mark.parametrize("gradient", [True, False])
def test_random_edits_stand_in_for_the_gradient(
    gradient: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    edited: list[int] = []

    def watched(evaluator: Evaluator, graphs: Graphs, rng: np.random.Generator) -> None:
        edited.append(len(graphs))
        randomly_edited(evaluator, graphs, rng)

    monkeypatch.setattr("autora.skl.darts.search.proposals.randomly_edited", watched)
    found = population_of(NOISE, Options(gradient=gradient))
    for _ in range(8):
        found.step()
    assert any(edited) != gradient


@pytest.mark.parametrize("gradient", [True, False])
def test_beside_an_exact_graph_only_the_gradient_proposes(
    gradient: bool, request: pytest.FixtureRequest
) -> None:
    found = exact(Options(gradient=gradient))
    found.generation, found._seen = population._OPENING, {}
    before = found.since_exact
    request.getfixturevalue("scored_only")
    if not gradient:
        with pytest.raises(Drawn):
            found.step()
        return
    found.step()
    assert found.since_exact > before


def test_beside_an_exact_graph_only_simpler_ones_are_fitted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = exact()
    least, fit, sizes = found.archive.least, Evaluator.fit, []

    def watched(evaluator: Evaluator, graphs: Graphs, *limits: Any) -> None:
        if evaluator is found.screen and limits[0] == population._SCREENING_STEPS:
            sizes.extend(evaluator.size(graphs).tolist())
        fit(evaluator, graphs, *limits)

    monkeypatch.setattr(Evaluator, "fit", watched)
    before = found.fitted, found.since_exact
    for _ in range(3):
        found.step()
    assert sizes and max(sizes) < least
    looked_at = found.since_exact - before[1]
    assert found.fitted - before[0] == len(sizes) < looked_at


def test_nothing_more_complicated_than_an_exact_graph_is_handed_on() -> None:
    archive = exact().archive
    assert archive.evaluator.size(archive.graphs).max() > archive.least
    sizes = archive.evaluator.size(archive.graphs.take(parallel._handed_on(archive)))
    assert sizes.max() == archive.least
    assert len(sizes) == len(np.unique(parallel._handed_on(archive)))


def products(evaluator: Evaluator, rows: list[list[tuple[str, int]]]) -> Graphs:
    """One product of primitives of inputs each."""
    graphs, names = evaluator.empty(len(rows)), [p.name for p in evaluator.primitives]
    graphs.agg[:, 0] = graphs.use[:, 0] = 1
    for i, row in enumerate(rows):
        for slot, (name, source) in enumerate(row):
            graphs.op[i, 0, slot] = names.index(name)
            graphs.src[i, 0, slot] = source
    return with_keys(evaluator, graphs)


def sums(*inputs: int) -> list[tuple[str, int]]:
    return [("add", i) for i in inputs]


def test_a_class_keeps_what_the_criterion_prefers(monkeypatch: pytest.MonkeyPatch) -> None:
    """An edge more that fits a little better, in the same class."""
    monkeypatch.setattr("autora.skl.darts.search.archive._PER_SIZE", 1)
    law, more = X[:, 0] * X[:, 1], X.prod(axis=1)
    evaluator = evaluator_of(law / law.std() + 1.02 * more / more.std())
    graphs = products(evaluator, [sums(0, 1, 2), sums(0, 1)])
    key = graphs.key[1]
    archive = Population(evaluator, Options(), np.random.default_rng(2)).archive
    archive.add(graphs)
    assert graphs.loss[0] < graphs.loss[1]
    assert archive.graphs.key.tolist() == [key]


def test_a_coefficient_more_is_another_class() -> None:
    evaluator = evaluator_of(NOISE)
    rows = [sums(0, 1), [("shift", 0), ("add", 1)], [("shift", 0), ("shift", 1)]]
    rows += [sums(0, 1, 2), [("shift", 0), ("add", 1), ("add", 2)]]
    graphs = products(evaluator, rows)
    levels = population_of(NOISE).archive._levels(evaluator, graphs)
    assert evaluator.size(graphs).tolist() == [2.0, 3.0, 4.0, 2.5, 3.5]
    assert levels.tolist() == [2, 3, 4, 2, 3]


@pytest.mark.parametrize("late", [True, False])
def test_only_the_best_is_simplified_when_it_is_late(
    late: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, told = population_of(NOISE), []
    for _ in range(3):
        found.step()

    def watched(evaluator: Evaluator, screen: Evaluator, graph: Graphs) -> Graphs:
        told.append(float(evaluator.criterion(graph)[0]))
        return graph

    monkeypatch.setattr("autora.skl.darts.search.archive.simplified", watched)
    best = float(found.archive.criterion.min())
    found.archive.simplify(3, lambda: late)
    assert (len(told) == 1) == late and told[0] == pytest.approx(best)


GRID = np.round(4 * X) / 4  #: seven levels of each input


@pytest.mark.parametrize(
    ("levels", "doubtful", "restarts", "count"),
    [
        (GRID, 0.0, True, 2),
        (GRID, 0.0, False, 1),
        (GRID, 10.0, True, 1),
        (X, 0.0, True, 1),
        (np.where(X > 1, 2.0, 1.0), 0.0, True, 1),
    ],
)
def test_a_long_exact_graph_gets_a_second_opinion_where_levels_are_few(
    levels: np.ndarray,
    doubtful: float,
    restarts: bool,
    count: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[Population] = []

    class Watched(Population):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            made.append(self)

    monkeypatch.setattr("autora.skl.darts.search.loop.Population", Watched)
    monkeypatch.setattr("autora.skl.darts.search.loop._DOUBTFUL", doubtful)
    options, rng = Options(restarts=restarts), np.random.default_rng(0)
    evaluator = evaluator_of(levels[:, 0] * levels[:, 1] / levels[:, 2], inputs=levels)
    assert evolve(evaluator, Budget(), options, rng).exact
    assert [found.archive.exact for found in made] == [True] * count


def test_levels_are_counted_in_many_rows() -> None:
    eight = np.arange(8000) % 8.0
    fine = np.random.default_rng(0).uniform(size=8000)
    for column, coarse in ((eight, True), (np.sort(eight), True), (fine, False)):
        evaluator = evaluator_of(eight, inputs=np.column_stack([column, fine]))
        assert _is_coarse(evaluator) == coarse


def test_a_second_opinion_that_finds_nothing_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    evaluator = evaluator_of(GRID[:, 0] * GRID[:, 1] / GRID[:, 2], inputs=GRID)
    budget, options = Budget(), Options()
    first = evolve(evaluator, budget, options, np.random.default_rng(0))
    monkeypatch.setattr("autora.skl.darts.search.loop._DOUBTFUL", 0.0)
    monkeypatch.setattr("autora.skl.darts.search.loop._SECOND_OPINION", 1)
    again = evolve(evaluator, budget, options, np.random.default_rng(0))
    assert again.exact and again.graphs.key[again.best] == first.graphs.key[first.best]
    assert not again.out_of_budget


def test_a_space_that_has_been_seen_ends_the_search() -> None:
    evaluator = evaluator_of(NOISE, ("none", "add"), most_nodes=1)
    small = Population(evaluator, Options(), np.random.default_rng(0))
    for _ in range(200):
        small.step()
        if small.exhausted:
            break
    assert small.exhausted
    rng = np.random.default_rng(0)
    ended = evolve(evaluator, Budget(candidates=10**6), Options(), rng)
    assert len(ended.criterion) and not ended.out_of_budget
