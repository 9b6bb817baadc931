"""Candidates of a search as rows of the table from which the model is chosen."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..fitting.coefficients import is_carried
from ..fitting.problem import Problem, mean_loss, thinned
from ..fitting.rounding import with_round_coefficients
from ..graph.model import Model, same_equation
from ..graph.objectives import Objective
from ..graph.observations import mean
from ..graph.search_space import SearchSpace
from .candidates import Candidate
from .criteria import (
    FLOOR,
    NO_NOISE,
    complexity,
    constant_loss,
    fits_exactly,
    judged,
)
from .pareto import Row, are_alike, front
from .theories import RATE

#: Rows that decide whether a coefficient is round.
MOST_ROWS_TO_ROUND = 20_000
#: Difference of the criterion up to which an equation is a rival of the best, a hundredth
#: of its probability; rivals of the table; and share of the errors, on so many rows, up to
#: which two forms say the same.
_RIVAL, _MOST_RIVALS, _SAME, _ROWS_TO_TELL = 2 * math.log(100.0) / RATE, 40, 1e-3, 500
#: Rows on which rounding errors are looked for.
_ROWS_TO_CARRY = 1000
#: Rows of which neighbours are looked for.
_NEIGHBOURS = 2000


def constant(space: SearchSpace, objective: Objective, problem: Problem) -> Model:
    """The best constant: what is left when no architecture has a finite value."""
    readout = np.zeros((space.n_nodes, space.n_outputs))
    bias = objective.inverse(mean(problem.y, problem.weight))
    return Model.from_edges(space, objective, (), readout, bias)


def table_of(
    candidates: Sequence[Candidate],
    space: SearchSpace,
    objective: Objective,
    problem: Problem,
    held: Problem | None,
) -> list[Row]:
    """The constant, the best model per complexity, and others that are nearly as probable.

    The best of all is among them. Models whose coefficients double precision does not carry
    are left out.
    """
    found = [(c.fit.model, c.fit.loss, c.criterion) for c in candidates]
    units = problem.dimensions
    if space.none is not None and (units is None or units.allows_constant):
        blank = constant(space, objective, problem)
        loss = mean_loss(blank, problem)
        # It always has an intercept.
        free = problem._replace(train_bias=True, sparse_readout=True)
        found.insert(0, (blank, loss, judged(blank, loss, free)))
    rows = [
        Row(
            model,
            complexity(model, problem.train_readout),
            loss,
            criterion,
            math.nan if held is None else mean_loss(model, held),
        )
        for model, loss, criterion in found
    ]
    kept, rows = _carried_front(rows, problem)
    best = min(rows, key=lambda row: row.criterion)
    if all(row.model is not best.model for row in kept):
        kept = [row for row in kept if row.complexity != best.complexity] + [best]
    kept += _rivals(rows, kept, problem)
    return sorted(kept, key=lambda row: (row.complexity, row.criterion))


def _rivals(rows: Sequence[Row], kept: Sequence[Row], problem: Problem) -> list[Row]:
    """Rows that are nearly as probable as the best and say something else than others."""
    sample = thinned(problem, _ROWS_TO_TELL, np.random.default_rng(0))
    small = thinned(problem, _ROWS_TO_CARRY, np.random.default_rng(0))
    best = min(rows, key=lambda row: row.criterion)
    unit = math.sqrt(max(best.loss, FLOOR * constant_loss(problem)))
    near = [row for row in rows if row.criterion <= best.criterion + _RIVAL]
    near = [row for row in near if all(row is not other for other in kept)]
    seen = [row.model.eta(sample.x) for row in kept]
    found: list[Row] = []
    for row in sorted(near, key=lambda row: row.criterion):
        here = row.model.eta(sample.x)
        with np.errstate(all="ignore"):
            same = any(np.nanmax(np.abs(here - eta)) <= _SAME * unit for eta in seen)
        if same or not np.isfinite(here).all() or not is_carried(small, row.model):
            continue
        seen.append(here)
        found.append(row)
        if len(found) == _MOST_RIVALS:
            break
    return found


def _carried_front(rows: list[Row], problem: Problem) -> tuple[list[Row], list[Row]]:
    """The best row per complexity, and all rows, without those that are not carried.

    Only rows that would be shown or chosen are looked at; some row always stays.
    """
    small = thinned(problem, _ROWS_TO_CARRY, np.random.default_rng(0))
    unit = constant_loss(problem)
    carried: dict[int, bool] = {}
    while True:
        kept = front(rows, unit)
        shown = [*kept, min(rows, key=lambda row: row.criterion)]
        for row in shown:
            if id(row) not in carried:
                carried[id(row)] = is_carried(small, row.model)
        right = [row for row in rows if carried.get(id(row), True)]
        if len(right) == len(rows) or not right:
            return kept, rows
        rows = right


def row_of(rows: Sequence[Row], model: Model, problem: Problem) -> Row:
    """A final model as a row; its loss on rows that were kept is that in the table."""
    loss, size = mean_loss(model, problem), complexity(model, problem.train_readout)
    same = (row.holdout for row in rows if same_equation(row.model, model))
    return Row(model, size, loss, judged(model, loss, problem), next(same, math.nan))


def updated(row: Row, model: Model, problem: Problem) -> Row:
    """The row, if it is the model's, with the model's final coefficients."""
    if not same_equation(row.model, model):
        return row
    return row._replace(model=model, loss=mean_loss(model, problem))


def rounded(
    problem: Problem, model: Model, rounds: bool | str, rng: np.random.Generator
) -> Model:
    """The model with round coefficients, if that is asked for."""
    if not rounds:
        return model
    sample = thinned(problem, MOST_ROWS_TO_ROUND, rng)
    return with_round_coefficients(sample, model, noisy=rounds != "exact")


def is_systematic(model: Model, loss: float, problem: Problem) -> bool:
    """Whether small errors of a model of one output are no noise.

    Those of neighbouring rows are alike, or so small that no measurement has them and yet
    not exact.
    """
    if model.objective.likelihood or problem.y.shape[1] > 1 or problem.measured:
        return False
    if fits_exactly(model, loss, problem) or not np.isfinite(loss):
        return False
    sample = thinned(problem, _NEIGHBOURS, np.random.default_rng(0))
    with np.errstate(all="ignore"):
        residual = (model.predict(sample.x) - sample.y)[:, 0]
    return loss <= NO_NOISE * constant_loss(problem) or are_alike(sample.x, residual)
