"""Open spaces for every objective and for several outputs, by Fisher scoring.

The compiled search fits one output by least squares. Around any read-out values eta the
loss of another objective is a weighted sum of squares, too: of the working response
eta − g/h, with weights h, where g and h are the loss's slope and curvature (McCullagh &
Nelder 1989, Generalized Linear Models, section 2.5). So the search runs on the working
response of one output after the other; what it finds is refitted under the true loss, and
the best model gives the next working response. Outputs share the latent nodes found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ..fitting.problem import Problem, thinned
from ..fitting.refit import levenberg_marquardt, without_steep_slopes
from ..graph import objectives
from ..graph.architecture import Coefs
from ..graph.model import Model, same_graph
from ..graph.objectives import OBJECTIVES, Objective
from ..graph.search_space import SearchSpace
from ..runtime.budget import Budget
from ..runtime.checkpoint import Checkpoints
from ..runtime.restarts import ONCE, Restarts
from ..selection.candidates import Candidate, Setting, build, random_coefs, slope_units
from ..selection.candidates import refit as refit_from_starts
from ..selection.criteria import complexity
from ..selection.table import constant
from .assembly import Part, assembled, space_for, upright, whole
from .baselines import lines
from .conversion import SpaceBounds
from .forward_selection import grown, offers
from .parallel import Progress
from .proposals import Options
from .single_output import Found
from .single_output import explore as search_one
from .true_loss import FEW_STEPS, fitted, simpler

#: Rows on which what was found is compared; the best are refitted on all.
MOST_ROWS = 1000
_ROUNDS = 3
_STEPS, _FINAL_STEPS = 25, 60
#: Models of a round that are refitted under the true loss.
_REFITTED = 40
#: Read-out values, and their change, beyond which a working response is cut off.
_REACH = 4.0
#: Models of a round that are made simpler; improvement that asks for another round.
_POLISHED, _LEAST_GAIN = 3, 0.1
#: Distance from 0 and 1 of the targets that the first working response is made of.
_MARGIN = 1e-3
#: Candidates handed on.
_KEPT = 40
_N_STARTS = 8


class _Task(NamedTuple):
    """What stays the same during a search."""

    bounds: SpaceBounds
    objective: Objective
    problem: Problem  #: rows to compare on
    options: Options
    rng: np.random.Generator
    restarts: Restarts
    checkpoints: Checkpoints | None


class _Trail:
    """What a search has found, and its progress in terms of the true loss."""

    def __init__(
        self, task: _Task, unit: np.ndarray, watch: Callable[[Progress], None]
    ) -> None:
        self.pool: list[Candidate] = []
        self.fitted, self.out_of_budget = 0, False
        self.diverged = True  #: no search has found anything finite
        self._watch, self._unit = watch, unit
        empty = constant(_empty_space(task), task.objective, task.problem)
        self.empty = fitted(task.problem, empty, 0)

    @property
    def best(self) -> Candidate:
        return min(self.pool, key=_by_criterion, default=self.empty)

    def add(self, candidates: Iterable[Candidate]) -> None:
        """Keep every candidate as soon as it is there."""
        for candidate in candidates:
            self.pool.append(candidate)

    def account(self, found: Found) -> None:
        self.fitted += found.fitted
        self.out_of_budget |= found.out_of_budget
        self.diverged &= not found.candidates

    def __call__(self, seen: Progress) -> None:
        """Pass the progress of a search on one working response on."""
        best, worst = self.best, self.empty.fit.loss
        self._watch(
            Progress(
                self.fitted + seen.fitted,
                best.fit.loss / worst if worst > 0 else 0.0,
                best.criterion,
                lambda: _in_units(best.fit.model, self._unit),
            )
        )


def response(
    objective: Objective, eta: np.ndarray, problem: Problem, output: int
) -> Problem:
    """The working response of one output, a least-squares problem."""
    if not objective.least_squares:
        eta = np.clip(eta, -_REACH, _REACH)
    slope, curvature = objective.slopes(objectives.NUMPY, eta, problem.y)
    slope, curvature = slope[:, [output]], curvature[:, output]
    step = -slope / np.maximum(curvature, 1e-12)[:, None]
    if not objective.least_squares:
        step = np.clip(step, -_REACH, _REACH)
    weight = problem.weight * curvature
    total = problem.weight.sum()
    return problem._replace(
        y=eta[:, [output]] + step,
        floor=problem.floor[output : output + 1] if objective.least_squares else (),
        weight=np.maximum(weight / weight.sum(), 1e-9 / len(weight)) * total,
        sparse_readout=False,
    )


def _searched(
    task: _Task,
    eta: np.ndarray,
    share: Budget,
    known: Sequence[Model],
    trail: _Trail,
) -> list[Found]:
    """The compiled search on the working response of every output."""
    found: list[Found] = []
    for output in range(task.problem.y.shape[1]):
        problem = response(task.objective, eta, task.problem, output)
        seeds = [_one_output(m, output) for m in known if m.readout[:, output].any()]
        found.append(
            search_one(
                task.bounds, OBJECTIVES["real"], problem, share, task.options, task.rng,
                trail, seeds, task.restarts, task.checkpoints,
            )
        )  # fmt: skip
        trail.account(found[-1])
        if found[-1].interruption is not None:
            break
    return found


def _one_output(model: Model, output: int) -> Model:
    """What one output of a model reads, as a model of its own."""
    reads = tuple(int(k) for k in np.flatnonzero(model.readout[:, output]))
    part = Part(model, reads)
    weights = model.readout[list(reads)][:, [output]]
    space = space_for([[part]], model.space, 1)
    real = OBJECTIVES["real"]
    return assembled([part], space, real, [weights], model.bias[[output]])


def _single(task: _Task, found: Found) -> Iterator[Candidate]:
    """One output: the models found, refitted under the true loss."""
    starts = [c.fit.model.replace(objective=task.objective) for c in found.candidates]
    short = sorted(starts[_REFITTED:], key=lambda model: complexity(model, True))
    starts = starts[:_REFITTED] + short[: _REFITTED // 4]
    yield from (fitted(task.problem, model, _STEPS) for model in starts)


def _several(task: _Task, found: Sequence[Found]) -> list[Candidate]:
    """Several outputs: models grown from what was found for each."""
    empty = constant(_empty_space(task), task.objective, task.problem)
    return grown(task.problem, empty, offers(found))


def explore(
    bounds: SpaceBounds,
    objective: Objective,
    problem: Problem,
    budget: Budget,
    options: Options,
    rng: np.random.Generator,
    progress: Callable[[Progress], None] = lambda progress: None,
    known: Sequence[Model] = (),
    restarts: Restarts = ONCE,
    checkpoints: Checkpoints | None = None,
) -> Found:
    """As `single_output.explore`: candidates come refitted on all rows."""
    unit = _units(objective, problem)
    small = thinned(problem, MOST_ROWS, rng)
    floor = tuple(f / u**2 for f, u in zip(small.floor, unit.tolist(), strict=False))
    small = small._replace(y=small.y / unit, sparse_readout=True, floor=floor)
    task = _Task(bounds, objective, small, options, rng, restarts, checkpoints)
    rounds = 1 if objective.least_squares else _ROUNDS
    share = Budget(*(limit / (rounds * len(unit)) for limit in budget))
    trail = _Trail(task, unit, progress)
    trail.add(fitted(small, _in_units(model, 1 / unit), _STEPS) for model in known)
    interruption = None
    try:
        _rounds(task, share, rounds, list(known), trail)
    except KeyboardInterrupt as stop:
        if not trail.pool:
            raise
        interruption = stop
    trail.add([trail.empty, *lines(small, objective, bounds)])
    if trail.diverged and not known:
        return Found(
            _empty_space(task), [], trail.fitted, trail.out_of_budget, interruption
        )
    space, candidates = _handed_on(task, problem, unit, trail.pool)
    return Found(space, candidates, trail.fitted, trail.out_of_budget, interruption)


def _rounds(
    task: _Task, share: Budget, rounds: int, seeds: list[Model], trail: _Trail
) -> None:
    """Search, refit under the true loss, take the next working response."""
    eta = task.objective.inverse(task.problem.y, _MARGIN)
    before = np.inf
    for _ in range(rounds):
        found = _searched(task, eta, share, seeds, trail)
        one = task.problem.y.shape[1] == 1
        trail.add(_single(task, found[0]) if one else _several(task, found))
        if found[-1].interruption is not None:
            raise found[-1].interruption
        leading = sorted(trail.pool, key=_by_criterion)[:_POLISHED]
        trail.add(simpler(task.problem, candidate) for candidate in leading)
        best = trail.best
        if not best.criterion < before - _LEAST_GAIN:
            break
        before, seeds = best.criterion, [best.fit.model]
        eta = best.fit.model.eta(task.problem.x)


def _in_units(model: Model, unit: np.ndarray) -> Model:
    return model.replace(readout=model.readout * unit, bias=model.bias * unit)


def _units(objective: Objective, problem: Problem) -> np.ndarray:
    """What the outputs of a least-squares problem are measured in, shape (outputs,)."""
    if not objective.least_squares:
        return np.ones(problem.y.shape[1])
    mean = np.average(problem.y, axis=0, weights=problem.weight)
    spread = np.sqrt(np.average((problem.y - mean) ** 2, axis=0, weights=problem.weight))
    return np.where(spread > 0, spread, 1.0)


def _by_criterion(candidate: Candidate) -> float:
    return candidate.criterion


def _empty_space(task: _Task) -> SearchSpace:
    return SearchSpace(
        task.problem.x.shape[1],
        1,
        task.problem.y.shape[1],
        task.bounds.primitives,
        task.bounds.aggregations,
        task.bounds.max_in_degree,
    )


def _handed_on(
    task: _Task, problem: Problem, unit: np.ndarray, pool: list[Candidate]
) -> tuple[SearchSpace, list[Candidate]]:
    """The best of every complexity and the best by criterion, in one space, on all rows."""
    distinct: dict[tuple, Model] = {}
    for candidate in sorted(pool, key=_by_criterion):
        model = upright(candidate.fit.model)
        read = (model.readout[list(whole(model).reads)] != 0).tobytes()
        if np.isfinite(candidate.criterion):
            distinct.setdefault((*whole(model).key, read), model)
    models = list(distinct.values())
    simplest: dict[float, Model] = {}
    for model in models[_KEPT:]:
        simplest.setdefault(complexity(model, True), model)
    models = models[:_KEPT] + list(simplest.values())
    like = _empty_space(task)
    if not models:
        return like, []
    space = space_for([[whole(model)] for model in models], like, len(unit))
    everything = problem._replace(sparse_readout=True)
    steps = FEW_STEPS if len(problem.x) > len(task.problem.x) else 0
    found = []
    for model in models:
        part, readout = whole(model), model.readout[list(whole(model).reads)]
        moved = assembled([part], space, task.objective, [readout], model.bias)
        moved = _in_units(moved, unit)
        found.append(fitted(everything, moved, steps))
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
