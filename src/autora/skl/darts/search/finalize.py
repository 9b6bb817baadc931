"""What a search hands on, settled: refitted on all rows, told apart, written shorter."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..fitting.frequencies import with_lowest_frequencies
from ..fitting.problem import Problem, thinned
from ..fitting.refit import Fit
from ..fitting.rounding import with_round_coefficients
from ..graph.objectives import OBJECTIVES
from ..graph.primitives import POWER, Primitive
from ..graph.search_space import SearchSpace
from ..graph.specification import SpaceBounds
from ..selection.candidates import Candidate
from .conversion import graphs_of, model_of, space_for
from .evaluator import Evaluator, Graphs
from .from_sympy import shorter
from .random_edits import with_keys

#: Rows that the search sees; what it finds is refitted on all.
MOST_ROWS = 2000
#: Rows and Levenberg–Marquardt steps of the refits on samples that come before the one on
#: all rows, which from so near needs few steps.
_SAMPLES, _LAST_STEPS = ((MOST_ROWS, 100), (20_000, 8)), 2
#: Candidates beside the best per complexity that are refitted on more rows than a sample.
_KEPT_OF_MANY = 5
#: Edges up to which a graph is short, and steps that settle a shorter one.
_LONG, _SETTLING_STEPS = 8, 20


def fitted_on_all_rows(
    evaluator: Evaluator,
    graphs: Graphs,
    best: Callable[[Evaluator, Graphs], np.ndarray],
    rng: np.random.Generator,
) -> Graphs:
    """The graphs fitted on all rows; of many rows only those that are ``best`` on samples.

    A refit on a sample leaves the coefficients close to where all rows want them, and says
    which graphs are worth the time that all rows take.
    """
    for rows, steps in _SAMPLES:
        if evaluator.n_rows <= rows:
            evaluator.fit(graphs, steps, 1e-13)
            return graphs
        sample = evaluator.rows(evaluator.sample(rows, rng))
        sample.fit(graphs, steps, 1e-13)
        graphs = graphs.take(best(sample, graphs))
    evaluator.fit(graphs, _LAST_STEPS, 1e-13)
    return graphs


def leading(evaluator: Evaluator, graphs: Graphs) -> np.ndarray:
    """Graphs that no simpler one is as good as, and the best by criterion."""
    size = evaluator.size(graphs)
    order = np.lexsort((graphs.loss, size))
    loss = graphs.loss[order]
    before = np.minimum.accumulate(np.append(np.inf, loss[:-1]))
    by_criterion = np.argsort(evaluator.criterion(graphs), kind="stable")
    return np.union1d(order[loss < before], by_criterion[:_KEPT_OF_MANY])


def two_best(evaluator: Evaluator, graphs: Graphs) -> np.ndarray:
    """The two best fits: the best one may be undefined on rows that were not looked at."""
    return np.argsort(graphs.loss, kind="stable")[:2]


def distinct(graphs: Graphs) -> Graphs:
    """Every structure once, with its best coefficients, in the order in which they came."""
    by_loss = np.argsort(graphs.loss, kind="stable")
    _, first = np.unique(graphs.key[by_loss], return_index=True)
    return graphs.take(np.sort(by_loss[first]))


def _roundabout(used: Sequence[Primitive]) -> bool:
    """Whether plain functions divide, or are powers of powers."""
    fixed = [p.exponent for p in used if p.exponent is not None and p.exponent != 1]
    free = sum(p == POWER for p in used)
    return min(fixed, default=1) < 0 or (free > 0 and free + len(fixed) > 1)


def _undo_each_other(used: Sequence[Primitive]) -> bool:
    """Whether one of the plain functions is the inverse of another."""
    functions = [p.function for p in used if p.function is not None]
    return bool({f.name for f in functions} & {f.undoes for f in functions})


def with_shorter(
    evaluator: Evaluator,
    graphs: Graphs,
    bounds: SpaceBounds,
    problem: Problem,
) -> Graphs:
    """The graphs, best first; with what algebra makes of that.

    It is asked about graphs that are exact and long, or have powers of powers, as
    (x·|u|^−½)² for x²/u, or divide, as x·exp(−z)/x, and about short ones with a logarithm
    and an exponential, as exp(ln(x) − z) for x·exp(−z).
    """
    if not (len(graphs) and problem.train_readout and problem.train_bias):
        return graphs
    best = graphs.take([0])
    used = [evaluator.primitives[op].plain for op in best.op[best.op >= 0]]
    if len(used) > _LONG or _roundabout(used):
        promising = bool(evaluator.is_exact(best)[0])
    else:
        promising = _undo_each_other(used)
    if not promising:
        return graphs
    space = space_for(bounds, evaluator.n_inputs, best)
    model = model_of(evaluator, best, 0, space)
    rows = thinned(problem, MOST_ROWS, np.random.default_rng(0))
    # What algebra is asked about stands under the link.
    inner = with_round_coefficients(rows, model).replace(objective=OBJECTIVES["real"])
    short = shorter(inner, bounds, problem.train_readout, rows.x)
    if short is None:
        return graphs
    found = with_keys(evaluator, graphs_of(evaluator, [short]))
    evaluator.fit(found, _SETTLING_STEPS, 1e-13)
    joined = Graphs.join([graphs, found.take(np.flatnonzero(np.isfinite(found.loss)))])
    return joined.take(np.argsort(evaluator.criterion(joined), kind="stable"))


def as_candidates(
    evaluator: Evaluator,
    graphs: Graphs,
    space: SearchSpace,
    problem: Problem,
) -> list[Candidate]:
    """Graphs as models in units of y, where they are finite, too."""
    total = problem.weight.sum()
    square = (
        evaluator.scaling.scale * evaluator.scaling.scale
    )  # infinite where ** would raise
    found = []
    for i, value in enumerate(evaluator.criterion(graphs)):
        model = model_of(evaluator, graphs, i, space)
        if model.is_finite:
            model = with_lowest_frequencies(problem, model)
            loss = float(graphs.loss[i] / total * square)
            found.append(Candidate(Fit(model, loss, 1), float(value)))
    return found
