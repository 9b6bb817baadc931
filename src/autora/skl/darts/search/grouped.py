"""One graph for many groups of rows, with coefficients of which some differ.

Graphs compete in three searches: where every group has all coefficients of its own, with
an intercept and without, and where no coefficient differs. What they find is judged
together, each graph with the choice of varying coefficients that the criterion likes best
(`selection.group_effects`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import NamedTuple, TypeVar

import numpy as np

from ..fitting.derivatives import values
from ..fitting.grouped import GroupedFit, all_places, with_effects
from ..fitting.problem import Problem
from ..fitting.refit import Fit
from ..graph.model import Model, same_graph
from ..graph.objectives import Objective
from ..graph.search_space import SearchSpace
from ..graph.specification import SpaceBounds
from ..runtime.restarts import Restarts
from ..selection.candidates import Candidate
from ..selection.group_effects import (
    Fitted,
    settled,
    with_chosen_effects,
    without_needless,
)
from .archive import places_within
from .canonical_signs import with_canonical_signs
from .conversion import evaluator_for, model_of, space_for
from .evaluator import Evaluator, Graphs
from .finalize import MOST_ROWS, distinct
from .grouped_evaluator import GroupedEvaluator
from .grouped_forms import rewritten, shorter
from .parallel import Run, Search, SearchStatus, run_all
from .single_output import Found
from .warm_up import warm_up

#: Groups that the searches see at most; graphs of each that are judged together, the best
#: by criterion and of every number of coefficients.
_MOST_GROUPS, _JUDGED, _PER_SIZE = 30, 12, 3
#: Graphs without an improvement after which each search ends.
_STALL = 4000
#: Share of the seconds of a search that is for the search alone; graphs are judged in what
#: is left.
_SEARCHED = 0.6
#: Share of that in which they are compared; in the rest the best are finished.
_JUDGED_IN = 0.7
#: Steps with which every group begins to be fitted by itself.
_STEPS = 60
#: Best graphs of which two varying coefficients may be one.
_REWRITTEN = 6
#: Coefficients up to which a graph is short.
_SHORT = 3
#: Graphs of which it is asked what varies, the best where everything does; coefficients
#: that a graph has at most.
_CHOSEN, _MOST_COEFFICIENTS = 16, 7
#: Best graphs that are fitted to all groups, where the searches saw some; and that are
#: finished; and short exact ones, where there are any.
_ON_ALL, _FINISHED, _EXACT = 5, 3, 4


_Made = TypeVar("_Made")


class _Mode(NamedTuple):
    """What a search lets differ between groups."""

    grouped: bool
    intercept: bool


def explore(
    search: Search,
    restarts: Restarts,
    rng: np.random.Generator,
    progress: Callable[[SearchStatus], None],
) -> Found:
    """Search for graphs of all groups; candidates come with what differs between them."""
    problem, bounds = search.problem, search.bounds
    warm_up(bounds, problem)
    end = time.perf_counter() + search.budget.seconds
    small = _some_groups(problem, rng)
    runs, interruption = _searched(replace(search, problem=small), restarts, rng, progress)
    graphs = distinct(Graphs.join([run.graphs for _, run in runs]))
    space = _with_room(space_for(bounds, problem.inputs.shape[1], graphs))
    home = evaluator_for(bounds, small, search.objective)
    assert isinstance(home, GroupedEvaluator)
    able = (
        _of_groups(home, run.graphs.take([i]), space, small)
        for evaluator, run in runs
        for i in _leading(evaluator, run.graphs).tolist()
    )
    models = _different(_in_time(able, _first_part(end)))
    judged = _first_part(end, _JUDGED_IN)
    candidates = _together(small, models, bounds.max_nodes, judged)
    if small is not problem:
        candidates = _on_all_groups(problem, candidates, end)
    return Found(
        space,
        _finished(problem, candidates, end),
        sum(run.fitted for _, run in runs),
        any(run.out_of_budget for _, run in runs),
        interruption,
    )


def _searched(
    search: Search,
    restarts: Restarts,
    rng: np.random.Generator,
    progress: Callable[[SearchStatus], None],
) -> tuple[list[tuple[Evaluator, Run]], KeyboardInterrupt | None]:
    """What the searches hand on, each with its evaluator, and what ended them early."""
    modes, problem = list(_modes(search.problem)), search.problem
    budget = search.budget._replace(
        candidates=-(-search.budget.candidates // len(modes)),
        seconds=_SEARCHED * search.budget.seconds / len(modes),
        stall=min(search.budget.stall, _STALL),
    )
    options = search.options._replace(undoing=False)
    runs: list[tuple[Evaluator, Run]] = []
    for mode in modes:
        seen = problem._replace(train_bias=mode.intercept)
        seen = seen if mode.grouped else seen.without_groups()
        part = replace(search, problem=seen, budget=budget, options=options)
        before = sum(run.fitted for _, run in runs)
        watch = partial(_passed_on, progress, before)
        found, interruption = run_all(part, restarts, rng, watch)
        evaluator = evaluator_for(search.bounds, seen, search.objective)
        runs += [(evaluator, _tidied(evaluator, run)) for run in found]
        if interruption is not None or (mode.grouped and any(r.exact for r in found)):
            break
    return runs, interruption


def _is_over(end: float) -> bool:
    return time.perf_counter() > end


def _first_part(end: float, share: float = 0.5) -> float:
    """Until when there is time for the first of two things."""
    now = time.perf_counter()
    return now + max(end - now, 0.0) * share


def _in_time(made: Iterable[_Made | None], end: float) -> list[_Made]:
    """What could be made up to a moment of `time.perf_counter`, one at least."""
    found: list[_Made] = []
    for one in made:
        if one is not None:
            found.append(one)
        if found and _is_over(end):
            break
    return found


def _different(models: Sequence[Model]) -> list[Model]:
    """Every graph once, the first of its kind."""
    found: list[Model] = []
    for model in models:
        if not any(same_graph(model, m) for m in found):
            found.append(model)
    return found


def _together(
    problem: Problem, models: Sequence[Model], max_nodes: int, end: float
) -> list[Candidate]:
    """Graphs of all searches, and forms of them, with what is worth to differ."""
    free = [m for m in models if m.effects is not None]
    candidates = _judged(problem, (Fitted.at(problem, m) for m in free), _first_part(end))
    best = [c.fit.model for c in candidates[:_REWRITTEN]]
    best += [m for m in free if _is_short(m) and not any(same_graph(m, b) for b in best)]
    able = [m for m in best if len(m.live_nodes()) < max_nodes]
    tied = [m for model in able for m in rewritten(model, problem)]
    if not _is_over(end):
        candidates += _judged(problem, (Fitted.of(problem, m) for m in tied), end)
    for model in models:
        if model.effects is None:  # it has no coefficients
            fit, value = settled(problem, model)
            if np.isfinite(value):
                candidates.append(Candidate(Fit(fit.model, fit.loss, 1), value))
    return sorted(candidates, key=_by_criterion)


def _tidied(evaluator: Evaluator, run: Run) -> Run:
    """With every graph once, whatever the signs of its parts."""
    graphs = with_canonical_signs(evaluator, run.graphs)
    finite = np.flatnonzero(np.isfinite(graphs.loss))
    return run._replace(graphs=distinct(graphs.take(finite)))


def _leading(evaluator: Evaluator, graphs: Graphs) -> np.ndarray:
    """The best, and the best few of every number of coefficients, by criterion."""
    criterion = evaluator.criterion(graphs)
    leading = np.argsort(criterion, kind="stable")[:_JUDGED]
    by_loss = np.argsort(graphs.loss, kind="stable")
    own = evaluator.n_coefficients(graphs)
    rank = places_within(own[by_loss])
    found = np.unique(np.concatenate([leading, by_loss[rank < _PER_SIZE]]))
    found = found[own[found] <= _MOST_COEFFICIENTS]
    return found[np.argsort(criterion[found], kind="stable")]


def _passed_on(
    progress: Callable[[SearchStatus], None], before: int, seen: SearchStatus
) -> None:
    """Progress of one search as that of all."""
    progress(seen._replace(fitted=before + seen.fitted))


def _is_short(model: Model) -> bool:
    """Whether a graph has so few coefficients that two of them may well be one."""
    return model.effects is not None and len(model.effects.places) <= _SHORT


def _by_criterion(candidate: Candidate) -> float:
    return candidate.criterion


def _modes(problem: Problem) -> Iterator[_Mode]:
    if problem.varying != "none":
        yield _Mode(True, problem.train_bias)
        if problem.train_bias:
            yield _Mode(True, False)
    yield _Mode(False, problem.train_bias)


def _some_groups(problem: Problem, rng: np.random.Generator) -> Problem:
    """The problem with so many groups at most, and so many of their rows."""
    number = problem.x[:, -1].astype(int)
    kept = rng.permutation(problem.groups)[:_MOST_GROUPS]
    if problem.groups <= _MOST_GROUPS and len(number) <= MOST_ROWS:
        return problem
    most, rows = max(MOST_ROWS // len(kept), 1), []
    for group in np.sort(kept):
        own = np.flatnonzero(number == group)
        rows.append(np.sort(rng.permutation(own)[:most]))
    return _relabelled(problem, np.concatenate(rows))


def _relabelled(problem: Problem, rows: np.ndarray) -> Problem:
    """Some rows, whose groups are numbered anew."""
    x = problem.x[rows].copy()
    found, x[:, -1] = np.unique(x[:, -1], return_inverse=True)
    return problem._replace(
        x=x, y=problem.y[rows], weight=problem.weight[rows], groups=len(found),
        distinct=None,
    )  # fmt: skip


def _with_room(space: SearchSpace) -> SearchSpace:
    """With a node more, for what `rewritten` puts in."""
    return SearchSpace(
        space.n_inputs, space.n_nodes + 1, 1, space.primitives, space.aggregations,
        max(space.max_in_degree or 1, 1), space.n_parallel,
    )  # fmt: skip


def _of_groups(
    evaluator: GroupedEvaluator, graph: Graphs, space: SearchSpace, problem: Problem
) -> Model | None:
    """A graph as a model with coefficients of every group, fitted by itself."""
    count, model = problem.groups, model_of(evaluator, graph, 0, space)
    where, own = all_places(model, problem), []
    if not where:
        return model
    for part in evaluator.parts:
        fitted = graph.take([0])
        part.fit(fitted, _STEPS, 1e-10)
        own.append(model_of(part, fitted, 0, space))
    found = with_effects(model, where, count, np.array([values(m, where) for m in own]))
    assert found.effects is not None
    return found if model.is_finite and np.isfinite(found.effects.values).all() else None


def _judged(
    problem: Problem, tried: Iterable[Fitted | None], end: float
) -> list[Candidate]:
    """The best where all coefficients vary, with those that are worth it, best first."""
    able = sorted(_in_time(tried, _first_part(end)), key=lambda t: t.criterion)
    exact = [t for t in able if t.groups.is_exact]
    if exact:  # what is worse has nothing to say, and of these the short ones
        able = sorted(exact, key=lambda t: len(t.groups.unit))[:_EXACT]
    choices = (with_chosen_effects(problem, t, problem.varying) for t in able[:_CHOSEN])
    return sorted(_in_time((_candidate(*c) for c in choices), end), key=_by_criterion)


def _candidate(fit: GroupedFit, criterion: float) -> Candidate | None:
    """None where it is not finite."""
    if not np.isfinite(criterion):
        return None
    return Candidate(Fit(fit.model, fit.loss, 1), criterion)


def _finished(
    problem: Problem, candidates: Sequence[Candidate], end: float
) -> list[Candidate]:
    """The best candidates with no more terms and no more that differs than must."""
    rest, late = iter(candidates), partial(_is_over, end)
    fits = (
        without_needless(problem, _with_needed_terms(problem, one, late), late)
        for one in islice(rest, _FINISHED)
    )
    found = _in_time((_candidate(*fit) for fit in fits), end)
    return sorted([*found, *rest], key=_by_criterion)


def _with_needed_terms(
    problem: Problem, candidate: Candidate, late: Callable[[], bool]
) -> Model:
    """The graph without one part after the other, as long as that is no worse.

    The searches judge graphs as if no coefficient were shared; in a population a part may
    no longer pay.
    """
    model, value = candidate.fit.model, candidate.criterion
    while not late():
        tries = [settled(problem, less) for less in shorter(model)]
        fit, least = min(tries, key=lambda t: t[1], default=(None, np.inf))
        if fit is None or least > value:
            break
        model, value = fit.model, least
    return model


def _begun_anew(model: Model, problem: Problem) -> Model:
    """A model of other groups, with the population's coefficients for every one."""
    effects = model.effects
    if effects is None:
        return model
    return with_effects(model, effects.places, problem.groups, fixed=effects.fixed)


def _on_all_groups(
    problem: Problem, candidates: Sequence[Candidate], end: float
) -> list[Candidate]:
    """The best candidates fitted to groups that the searches did not see."""
    fits = (
        settled(problem, _begun_anew(candidate.fit.model, problem))
        for candidate in candidates[:_ON_ALL]
    )
    return sorted(_in_time((_candidate(*fit) for fit in fits), end), key=_by_criterion)


def refit(
    bounds: SpaceBounds,
    space: SearchSpace,
    objective: Objective,
    problem: Problem,
    asked: tuple[np.ndarray, np.ndarray],
    known: Sequence[Model],
    rng: np.random.Generator,
) -> Model | None:
    """An architecture that was found, with its coefficients.

    Which of them differ stays; they are fitted again, as it may have been found in other
    rows.
    """
    blank = Model(
        space, objective, asked[0], np.zeros((space.n_edges, space.max_params)),
        np.ones((space.n_nodes, 1)), np.zeros(1), asked[1],
    )  # fmt: skip
    same = [model for model in known if same_graph(model, blank)]
    if not same:
        return None
    model, effects = same[0], same[0].effects
    if effects is not None and len(effects.values) != problem.groups:
        model = _begun_anew(model, problem)
    fit, value = settled(problem, model)
    return fit.model if np.isfinite(value) else None
