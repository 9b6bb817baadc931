"""From data and a vocabulary to candidate models in a search space of open size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ..fitting.problem import Problem, thinned
from ..graph.model import Model, in_degrees, same_graph
from ..graph.objectives import Objective
from ..graph.search_space import SearchSpace
from ..runtime.restarts import Restarts
from ..selection.candidates import Candidate
from .assembly import assembled, whole
from .baselines import lines
from .canonical_signs import with_canonical_signs
from .conversion import (
    SpaceBounds,
    evaluator_for,
    graphs_of,
    model_of,
    space_for,
)
from .evaluator import Evaluator, Graphs
from .finalize import (
    MOST_ROWS,
    as_candidates,
    distinct,
    fitted_on_all_rows,
    leading,
    two_best,
    with_shorter,
)
from .parallel import Search, SearchStatus, run_all
from .random_edits import starts
from .rivals import with_rivals
from .warm_up import warm_up

#: Starts of the refit of an architecture that was drawn, not found.
_N_STARTS = 16


class Found(NamedTuple):
    space: SearchSpace
    candidates: list[Candidate]  #: best criterion first
    fitted: int  #: candidates that were refitted
    out_of_budget: bool  #: ended by the clock or the number of candidates
    interruption: KeyboardInterrupt | None = None  #: what ended it before its time


def explore(
    search: Search,
    restarts: Restarts,
    rng: np.random.Generator,
    progress: Callable[[SearchStatus], None],
) -> Found:
    """Search the space; candidates come refitted on all rows.

    Every restart has the whole budget of candidates; those that follow one another share
    its seconds.
    """
    bounds, objective, problem = search.bounds, search.objective, search.problem
    warm_up(bounds, problem)
    small = thinned(problem, MOST_ROWS, rng)
    runs, interruption = run_all(replace(search, problem=small), restarts, rng, progress)
    fitted, out_of_budget = sum(h.fitted for h in runs), runs[-1].out_of_budget
    full = evaluator_for(bounds, problem, objective)
    graphs = distinct(Graphs.join([run.graphs for run in runs]))
    if not len(graphs):
        space = SearchSpace(full.n_inputs, 1, 1, bounds.primitives, bounds.aggregations)
        return Found(space, [], fitted, out_of_budget, interruption)
    if search.options.rivals and interruption is None:
        graphs = with_rivals(evaluator_for(bounds, small, objective), graphs)
    graphs = fitted_on_all_rows(full, graphs, leading, rng)
    graphs = distinct(
        with_canonical_signs(full, graphs.take(np.flatnonzero(np.isfinite(graphs.loss))))
    )
    criterion = full.criterion(graphs)
    graphs = graphs.take(np.argsort(criterion, kind="stable"))
    if search.options.simplify and interruption is None:
        graphs = with_shorter(full, graphs, bounds, problem)
    straight = lines(problem, objective, bounds)
    widest = max((max(in_degrees(line.fit.model)) for line in straight), default=1)
    space = space_for(bounds, problem.x.shape[1], graphs, widest)
    found = as_candidates(full, graphs, space, problem)
    found = _with(found, [_moved(line, space) for line in straight])
    return Found(space, found, fitted, out_of_budget, interruption)


def _moved(candidate: Candidate, space: SearchSpace) -> Candidate:
    """The same in another space."""
    model = candidate.fit.model
    part = whole(model)
    readout = model.readout[list(part.reads)]
    moved = assembled([part], space, model.objective, [readout], model.bias)
    return candidate._replace(fit=candidate.fit._replace(model=moved))


def _with(found: Sequence[Candidate], lines: Sequence[Candidate]) -> list[Candidate]:
    """Both, best first; a line that was found as well counts as the line."""
    others = [
        candidate
        for candidate in found
        if not any(same_graph(candidate.fit.model, line.fit.model) for line in lines)
    ]
    return sorted([*lines, *others], key=lambda candidate: candidate.criterion)


def refit(
    bounds: SpaceBounds,
    space: SearchSpace,
    objective: Objective,
    problem: Problem,
    asked: tuple[np.ndarray, np.ndarray],
    known: Sequence[Model],
    rng: np.random.Generator,
) -> Model | None:
    """An architecture (primitives, aggregations) with fitted coefficients.

    Known models of the same architecture lend their coefficients and say which nodes the
    read-out sees; else both the last nodes alone and all of them are tried, from several
    starts. None where nothing is finite on all rows.
    """
    architecture, aggregation = asked
    blank = Model(
        space,
        objective,
        architecture,
        np.zeros((space.n_edges, space.max_params)),
        np.ones((space.n_nodes, 1)),
        np.zeros(1),
        aggregation,
    )
    slots = max(bounds.max_in_degree, *in_degrees(blank))
    wide = bounds._replace(max_nodes=space.n_nodes, max_in_degree=slots)
    evaluator = evaluator_for(wide, problem, objective)
    same = [m for m in known if same_graph(m, blank)]
    graphs = graphs_of(evaluator, same) if same else _draws(evaluator, blank, rng)
    graphs = fitted_on_all_rows(evaluator, graphs, two_best, rng)
    criterion = evaluator.criterion(graphs)
    best = int(np.argmin(criterion))
    if not np.isfinite(criterion[best]):
        return None
    model = model_of(evaluator, graphs, best, space)
    return model if model.is_finite else None


def _draws(evaluator: Evaluator, blank: Model, rng: np.random.Generator) -> Graphs:
    """Starts of an architecture: drawn coefficients, the read-out of two kinds."""
    graphs = graphs_of(evaluator, [blank] * _N_STARTS)
    fed = {edge.source - blank.space.n_inputs for edge in blank.edges()}
    last = np.array([k not in fed for k in range(evaluator.n_nodes)])
    graphs.use[::2] &= last
    places = np.argwhere(graphs.op >= 0)
    for start, (i, k, s) in zip(starts(evaluator, len(places), rng), places, strict=True):
        op = graphs.op[i, k, s]
        row = start[evaluator.starting_places[op]]
        unit = evaluator.scale[graphs.src[i, k, s]]
        if evaluator.form[op, 0]:
            row[0] /= unit
        elif evaluator.form[op, 1]:
            row[0] *= unit
        graphs.theta[i, k, s] = row
    return graphs
