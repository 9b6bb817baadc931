"""A fit of graphs of any size, as a function: search, choose, sample, refit.

No mixture is trained here: the architecture gradient is taken at discrete graphs (see
`gradient`), and what is found is a distribution over equations, from which the model is
sampled.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from ..fitting.coefficients import places, refitted
from ..fitting.frequencies import with_lowest_frequencies
from ..fitting.problem import Problem, split
from ..fitting.refit import Fit, without_traces
from ..graph.model import Model
from ..graph.objectives import Objective
from ..graph.search_space import SearchSpace
from ..graph.specification import SpaceBounds
from ..runtime.budget import Budget
from ..runtime.checkpoint import Checkpoints, generator_state
from ..runtime.messages import warn
from ..runtime.restarts import ONCE, Restarts
from ..selection import group_effects
from ..selection.candidates import Candidate
from ..selection.criteria import evidence, spares_rows
from ..selection.pareto import Row
from ..selection.result import EquationDistribution, Result, SearchHistory
from ..selection.table import constant, rounded, table_of
from . import dimensionless, grouped, several_outputs, single_output
from .dimensions import agrees
from .parallel import Search, SearchStatus
from .proposals import Options
from .single_output import Found

_DRAWS = 100
#: Fewer graphs than this are hardly a search.
_FEWEST = 1000
#: Difference of criteria that is strong evidence (Kass & Raftery 1995).
_STRONG = 6.0


class SearchPlan(NamedTuple):
    """What a fit is asked to do."""

    bounds: SpaceBounds
    budget: Budget
    options: Options
    sampling_strategy: str
    choose: Callable[[Sequence[Row]], int]  #: picks a row of the table
    holds_out: bool
    search_architecture: bool
    continues: bool
    restarts: Restarts = ONCE
    checkpoint: str | os.PathLike[str] | None = None
    rounds: bool | str = True  #: "exact": in exact fits alone
    guesses: tuple[Model, ...] = ()  #: take part in the search from its start


def _engine(problem: Problem) -> Any:
    """The module that searches."""
    if problem.groups:
        return grouped
    units = problem.dimensions
    if units is not None and units.numbers_only and units.complete:
        return dimensionless
    return single_output if problem.y.shape[1] == 1 else several_outputs


def _sampled(
    plan: SearchPlan,
    network: EquationDistribution,
    problem: Problem,
    known: Sequence[Model],
    rng: np.random.Generator,
) -> Model | None:
    """The sampled graph with refitted coefficients; None if none is finite."""
    space, objective = network.space, network.objective
    engine = _engine(problem)
    for choice in islice(network.drawn(plan.sampling_strategy, rng), _DRAWS):
        if (choice.architecture == space.none).all():
            return constant(space, objective, problem)
        asked = (choice.architecture, choice.aggregation)
        model = engine.refit(plan.bounds, space, objective, problem, asked, known, rng)
        if model is not None:
            if problem.groups:
                return model
            return without_traces(problem, _with_low_frequencies(problem, model))
    return None


def _judged(row: Row) -> Candidate:
    return Candidate(Fit(row.model, row.loss, 0), row.criterion)


def _with_low_frequencies(problem: Problem, model: Model) -> Model:
    lower = with_lowest_frequencies(problem, model)
    if lower is model or not model.objective.least_squares:
        return lower
    return refitted(problem, lower, places(lower, problem))


class _Recorder:
    """Passes progress on and remembers the best so far."""

    def __init__(self, watch: Callable[[SearchStatus], None]) -> None:
        self._watch = watch
        self._seen: list[tuple[int, float, float]] = []

    def __call__(self, seen: SearchStatus) -> None:
        now = (seen.fitted, seen.error, seen.criterion)
        if self._seen and self._seen[-1][2] <= now[2]:
            now = (now[0], *self._seen[-1][1:])
        self._seen.append(now)
        self._watch(seen)

    def history(self) -> SearchHistory:
        refits, error, criterion = np.array(self._seen, float).reshape(-1, 3).T
        return SearchHistory(refits.astype(int), error, criterion)


@np.errstate(over="ignore", invalid="ignore", divide="ignore")  # not finite: it loses
def run(
    plan: SearchPlan,
    objective: Objective,
    problem: Problem,
    earlier: tuple[EquationDistribution, Model] | None,
    rng: np.random.Generator,
    progress: Callable[[SearchStatus], None],
) -> Result:
    """Search, choose, sample and refit."""
    candidates: list[Candidate] = []
    rows: list[Row] = []
    interruption = None
    known = [] if earlier is None else [earlier[1]]
    network = None if earlier is None else earlier[0]
    recorder = _Recorder(progress)
    checkpoints = _checkpoints(plan, objective, problem, rng)
    if plan.search_architecture or network is None:
        train, held = split(problem, plan.holds_out, rng)
        engine = _engine(problem)
        seeds = [*plan.guesses, *(known if plan.continues else [])]
        search = Search(
            plan.bounds, objective, train, plan.budget, plan.options, seeds, checkpoints,
        )  # fmt: skip
        found = engine.explore(search, plan.restarts, rng, recorder)
        found = _agreeing(found, train)
        _warn_if_cut_short(found, plan.budget, recorder.history())
        if found.candidates or not spares_rows(train):
            rows = table_of(found.candidates, found.space, objective, train, held)
            choice = rows[plan.choose(rows)].model
            known = [choice, *(c.fit.model for c in found.candidates)]
            network = EquationDistribution.of(
                found.space, objective, choice, [*found.candidates, *map(_judged, rows)]
            )
        else:
            network = _blank(found.space, objective, train)
        candidates, interruption = found.candidates, found.interruption
    assert network is not None
    history = recorder.history()
    model = _sampled(plan, network, problem, known, rng) if known else None
    unrounded = model
    if model is not None and interruption is None:
        model = _rounded(plan, problem, model, rng)
    if checkpoints is not None and interruption is None:
        checkpoints.clear()
    if model is None:
        model = constant(network.space, objective, problem)
        return Result(network, model, history, candidates, False, rows, interruption)
    return Result(network, model, history, candidates, True, rows, interruption, unrounded)


def _rounded(
    plan: SearchPlan, problem: Problem, model: Model, rng: np.random.Generator
) -> Model:
    if problem.groups:
        return group_effects.rounded(problem, model, plan.rounds)
    return rounded(problem, model, plan.rounds, rng)


def _agreeing(found: Found, problem: Problem) -> Found:
    """What was found without equations whose units contradict, as by an exponent."""
    able = [
        candidate
        for candidate in found.candidates
        if agrees(candidate.fit.model, problem.dimensions)
    ]
    return found._replace(candidates=able)


def _checkpoints(
    plan: SearchPlan, objective: Objective, problem: Problem, rng: np.random.Generator
) -> Checkpoints | None:
    if plan.checkpoint is None:
        return None
    known = evidence(problem, objective.likelihood)
    fit = (
        plan.bounds, plan.budget, plan.options, plan.restarts.count, objective.name, known,
    )  # fmt: skip
    seeds = [part for m in plan.guesses for part in (m.architecture, m.edge)]
    data = (problem.x, problem.y, problem.weight, generator_state(rng), *seeds)
    return Checkpoints.of(plan.checkpoint, repr(fit), data)


def _warn_if_cut_short(found: Found, budget: Budget, history: SearchHistory) -> None:
    """One warning where the budget ended what was hardly a search, or still improving."""
    if not found.out_of_budget or found.interruption is not None:
        return
    if 0 < found.fitted < _FEWEST:
        message = (
            f"the budget ended the search after {found.fitted} graphs, which is hardly a "
            "search; raise max_time or n_candidates, or leave both at their defaults"
        )
    elif found.fitted < budget.candidates and _improves(history):
        message = (
            f"max_time ended the search while it was still improving, after {found.fitted} "
            "graphs; raise max_time, or go on from here with warm_start=True"
        )
    else:
        return
    warn(message, ConvergenceWarning)


def _improves(history: SearchHistory) -> bool:
    """Whether the second half of a search found what the first had not."""
    if len(history.refits) < 2:
        return False
    half = int(np.searchsorted(history.refits, history.refits[-1] / 2))
    return bool(history.criterion[half] - history.criterion[-1] > _STRONG)


def _blank(
    space: SearchSpace, objective: Objective, problem: Problem
) -> EquationDistribution:
    """Where nothing was found: the constant."""
    only = constant(space, objective, problem)
    return EquationDistribution.of(space, objective, only, [])
