"""Several outputs over shared latent nodes: a search for each, then forward selection.

Every output is searched by itself (`single_output`). What was found are parts from which
models of all outputs are grown under the loss of all (`forward_selection`). The outputs
of a softmax compete: as long as the others stay, that of one is logistic, with an offset
of −log Σ exp(others), so that a few rounds of such searches climb the likelihood of all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp

from ..fitting.problem import Problem, thinned
from ..fitting.refit import levenberg_marquardt, without_steep_slopes
from ..graph.architecture import Coefs
from ..graph.model import Model, same_graph
from ..graph.objectives import OBJECTIVES, Objective
from ..graph.observations import mean, spread
from ..graph.search_space import SearchSpace
from ..graph.specification import SpaceBounds
from ..runtime.budget import Budget
from ..runtime.restarts import Restarts
from ..selection.candidates import (
    Candidate,
    Setting,
    build,
    random_coefs,
    refit as refit_from_starts,
    slope_units,
)
from ..selection.criteria import complexity
from ..selection.table import constant
from .assembly import Part, assembled, space_for, whole, with_canonical_signs
from .baselines import lines
from .forward_selection import (
    FEW_STEPS,
    fitted,
    forward_steps,
    parts_of,
    pruned,
    without_common_scores,
)
from .parallel import Search, SearchStatus
from .single_output import Found, explore as search_one

#: Rows on which what was found is compared; the best are refitted on all.
MOST_ROWS = 1000
_STEPS, _FINAL_STEPS = 25, 60
#: Models of a round that are made simpler; improvement that asks for another round.
_ROUNDS, _SIMPLIFIED, _LEAST_GAIN = 3, 3, 0.1
#: Candidates handed on.
_KEPT = 40
_N_STARTS = 8


class _Task(NamedTuple):
    """What stays the same during a search."""

    bounds: SpaceBounds
    objective: Objective
    problem: Problem  #: rows to compare on, in units of every output
    unit: np.ndarray  #: (outputs,)

    @property
    def space(self) -> SearchSpace:
        """The smallest one."""
        n_inputs, n_outputs = self.problem.x.shape[1], self.problem.y.shape[1]
        bounds = self.bounds
        return SearchSpace(
            n_inputs, 1, n_outputs, bounds.primitives, bounds.aggregations,
            bounds.max_in_degree,
        )  # fmt: skip

    @property
    def empty(self) -> Model:
        return constant(self.space, self.objective, self.problem)

    def alone(self, output: int, others: Model) -> tuple[Objective, Problem]:
        """The problem of one output, while the others are what a model says."""
        floor = self.problem.floor[output : output + 1]
        units = self.problem.dimensions
        single = self.problem._replace(
            y=self.problem.y[:, [output]],
            floor=floor,
            dimensions=None if units is None else units.of_output(output),
        )
        if not self.objective.competing:
            return self.objective, single
        eta = np.delete(others.eta(self.problem.x), output, axis=1)
        offset = -logsumexp(eta, axis=1)
        return OBJECTIVES["probability_sample"], single._replace(offset=offset)

    def together(self, models: dict[int, Model]) -> Model:
        """One model of all outputs; those that have none have their constant."""
        pieces = [whole(model) for model in models.values()]
        readouts, bias = [], self.empty.bias.copy()
        for (output, model), piece in zip(models.items(), pieces, strict=True):
            readout = np.zeros((len(piece.reads), len(bias)))
            readout[:, output] = model.readout[list(piece.reads), 0]
            readouts.append(readout)
            bias[output] = model.bias[0]
        space = space_for([pieces], self.space, len(bias))
        return assembled(pieces, space, self.objective, readouts, bias)


def _of_output(model: Model, output: int, objective: Objective) -> Model:
    """What a model says of one output."""
    reads = tuple(int(k) for k in np.flatnonzero(model.readout[:, output]))
    piece = Part(model, reads)
    space = space_for([[piece]], model.space, 1)
    weights = [model.readout[list(reads)][:, [output]]]
    return assembled([piece], space, objective, weights, model.bias[[output]])


class _AllOutputs:
    """Searches for one output after another, and what they have found."""

    def __init__(self, task: _Task, progress: Callable[[SearchStatus], None]) -> None:
        self.task, self._progress = task, progress
        self.best = fitted(task.problem, task.empty, 0)
        self.pool = [self.best]
        self.fitted, self.out_of_budget = 0, False
        self.interruption: KeyboardInterrupt | None = None
        self.found: list[Found] = []

    @property
    def has_found(self) -> bool:
        """Whether a search has found anything finite."""
        return any(one.candidates for one in self.found)

    def add(self, candidates: Iterable[Candidate]) -> None:
        """Keep every candidate as soon as it is there."""
        for candidate in candidates:
            self.pool.append(candidate)
            self.best = min(self.best, candidate, key=_by_criterion)

    def __call__(self, seen: SearchStatus) -> None:
        """The progress of a search for one output in terms of what all of them have."""
        best, worst = self.best, self.pool[0].fit.loss
        self._progress(
            SearchStatus(
                self.fitted + seen.fitted,
                best.fit.loss / worst if worst > 0 else 0.0,
                best.criterion,
                lambda: _in_units(best.fit.model, self.task.unit),
            )
        )

    def round(self, search: Callable[[Objective, Problem, list[Model]], Found]) -> None:
        """A search for every output while the others are as in the best model."""
        task, found = self.task, self.found
        models: dict[int, Model] = {}
        others = self.best.fit.model
        for output in range(len(task.unit)):
            objective, problem = task.alone(output, others)
            seed = _of_output(others, output, objective)
            one = search(objective, problem, [seed] if seed.readout.any() else [])
            found.append(one)
            self.fitted += one.fitted
            self.out_of_budget |= one.out_of_budget
            if one.candidates:
                models[output] = one.candidates[0].fit.model
                self.add([fitted(task.problem, task.together(models), _STEPS)])
            self.interruption = one.interruption
            if self.interruption is not None:
                break
        parts = parts_of(found[::-1])
        self.add(forward_steps(task.problem, task.empty, parts))
        leading = sorted(self.pool, key=_by_criterion)[:_SIMPLIFIED]
        self.add(pruned(task.problem, candidate) for candidate in leading)
        if task.objective.competing:
            same = [
                fitted(task.problem, m, _STEPS)
                for m in without_common_scores(self.best.fit.model)
            ]
            self.add(pruned(task.problem, candidate) for candidate in same)


def explore(
    search: Search,
    restarts: Restarts,
    rng: np.random.Generator,
    progress: Callable[[SearchStatus], None],
) -> Found:
    """As `single_output.explore`: candidates come refitted on all rows."""
    objective, problem, known = search.objective, search.problem, search.known
    unit = _units(objective, problem)
    small = thinned(problem, MOST_ROWS, rng)
    floor = tuple(f / u**2 for f, u in zip(small.floor, unit.tolist(), strict=False))
    small = small._replace(y=small.y / unit, sparse_readout=True, floor=floor)
    all_outputs = _AllOutputs(_Task(search.bounds, objective, small, unit), progress)
    all_outputs.add(fitted(small, _in_units(model, 1 / unit), _STEPS) for model in known)
    rounds = _ROUNDS if objective.competing else 1
    share = Budget(*(limit / (rounds * len(unit)) for limit in search.budget))

    def one(single: Objective, rows: Problem, seeds: list[Model]) -> Found:
        rows = rows._replace(sparse_readout=False)
        options = search.options._replace(rivals=False)  # parts of equations are wanted
        alone = replace(
            search, objective=single, problem=rows, budget=share, known=seeds,
            options=options,
        )  # fmt: skip
        return search_one(alone, restarts, rng, all_outputs)

    before = np.inf
    try:
        for _ in range(rounds):
            all_outputs.round(one)
            gains = all_outputs.best.criterion < before - _LEAST_GAIN
            if all_outputs.interruption or not gains:
                break
            before = all_outputs.best.criterion
    except KeyboardInterrupt as stop:
        if not (all_outputs.has_found or known):
            raise
        all_outputs.interruption = stop
    space, candidates = all_outputs.task.space, list[Candidate]()
    if all_outputs.has_found or known:
        all_outputs.add(lines(small, objective, search.bounds))
        space, candidates = _handed_on(all_outputs.task, problem, all_outputs.pool)
    counts = all_outputs.fitted, all_outputs.out_of_budget
    return Found(space, candidates, *counts, all_outputs.interruption)


def _in_units(model: Model, unit: np.ndarray) -> Model:
    return model.replace(readout=model.readout * unit, bias=model.bias * unit)


def _units(objective: Objective, problem: Problem) -> np.ndarray:
    """What the outputs of a least-squares problem are measured in, shape (outputs,)."""
    if not objective.least_squares:
        return np.ones(problem.y.shape[1])
    size = spread(problem.y - mean(problem.y, problem.weight), problem.weight)
    return np.where(size > 0, size, 1.0)


def _by_criterion(candidate: Candidate) -> float:
    return candidate.criterion


def _distinct(pool: Iterable[Candidate]) -> list[Model]:
    """The best models, and beside them the best of every complexity."""
    distinct: dict[tuple, Model] = {}
    for candidate in sorted(pool, key=_by_criterion):
        model = with_canonical_signs(candidate.fit.model)
        read = (model.readout[list(whole(model).reads)] != 0).tobytes()
        if np.isfinite(candidate.criterion):
            distinct.setdefault((*whole(model).key, read), model)
    models = list(distinct.values())
    simplest: dict[float, Model] = {}
    for model in models[_KEPT:]:
        simplest.setdefault(complexity(model, True), model)
    return models[:_KEPT] + list(simplest.values())


def _handed_on(
    task: _Task, problem: Problem, pool: list[Candidate]
) -> tuple[SearchSpace, list[Candidate]]:
    """What is worth it, in one space, on all rows and in the units of the data."""
    models = _distinct(pool)
    if not models:
        return task.space, []
    space = space_for([[whole(model)] for model in models], task.space, len(task.unit))
    everything = problem._replace(sparse_readout=True)
    steps = FEW_STEPS if len(problem.x) > len(task.problem.x) else 0
    found = []
    for model in models:
        piece, readout = whole(model), model.readout[list(whole(model).reads)]
        moved = assembled([piece], space, task.objective, [readout], model.bias)
        found.append(fitted(everything, _in_units(moved, task.unit), steps))
    return space, sorted(found, key=_by_criterion)


def refit(
    bounds: SpaceBounds,
    space: SearchSpace,
    objective: Objective,
    problem: Problem,
    asked: tuple[np.ndarray, np.ndarray],
    known: Sequence[Model],
    rng: np.random.Generator,
) -> Model | None:
    """An architecture with fitted coefficients (see `single_output.refit`)."""
    architecture, aggregation = asked
    edge = np.zeros((space.n_edges, space.n_primitives, space.max_params))
    ones = np.ones((space.n_nodes, space.n_outputs))
    coefs = Coefs(edge, ones, np.zeros(space.n_outputs))
    setting = Setting(space, objective, problem, coefs, _FINAL_STEPS, _N_STARTS)
    blank = build(setting, architecture, edge, aggregation)
    same = next((model for model in known if same_graph(model, blank)), None)
    if same is not None:  # the first says what the read-out sees
        sparse = problem._replace(sparse_readout=True)
        best = without_steep_slopes(sparse, levenberg_marquardt(sparse, same, _FINAL_STEPS))
    else:
        coefs = coefs._replace(edge=random_coefs(space, slope_units(problem, space), rng))
        setting = setting._replace(coefs=coefs)
        best = refit_from_starts(setting, architecture, rng, (), aggregation).fit
    return best.model if np.isfinite(best.loss) else None
