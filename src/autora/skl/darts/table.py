"""Candidates of a search as rows of the table from which the model is chosen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from . import objectives
from .candidates import Candidate
from .model import Model
from .refit import Problem
from .select import variance
from .selection import Row, complexity, front

#: Share of the rows that a selection by held-out loss keeps from the search.
HELD_OUT = 0.25
_FEWEST_ROWS_TO_SPLIT = 8


def part(problem: Problem, rows: np.ndarray) -> Problem:
    """Some rows of a problem."""
    return problem._replace(
        x=problem.x[rows], y=problem.y[rows], weight=problem.weight[rows]
    )


def split(
    problem: Problem, holds_out: bool, rng: np.random.Generator
) -> tuple[Problem, Problem | None]:
    """Rows for the search and rows for the choice among what it found."""
    rows = len(problem.x)
    if not holds_out or rows < _FEWEST_ROWS_TO_SPLIT:
        return problem, None
    order = rng.permutation(rows)
    cut = max(1, round(HELD_OUT * rows))
    return part(problem, np.sort(order[cut:])), part(problem, np.sort(order[:cut]))


def thinned(problem: Problem, most: int, rng: np.random.Generator) -> Problem:
    """At most so many rows, drawn at random."""
    if len(problem.x) <= most:
        return problem
    return part(problem, np.sort(rng.permutation(len(problem.x))[:most]))


def mean_loss(model: Model, problem: Problem) -> float:
    """Weighted mean loss of a model."""
    with np.errstate(all="ignore"):
        losses = model.objective.loss(objectives.NUMPY, model.eta(problem.x), problem.y)
        return float(np.average(losses, weights=problem.weight))


def table_of(
    candidates: Sequence[Candidate], problem: Problem, held: Problem | None
) -> list[Row]:
    """The best model per complexity; the best by BIC is always among them."""
    rows = [
        Row(
            c.fit.model,
            complexity(c.fit.model, problem.train_readout),
            c.fit.loss,
            c.criterion,
            np.nan if held is None else mean_loss(c.fit.model, held),
        )
        for c in candidates
    ]
    kept = front(rows, variance(problem))
    best = min(rows, key=lambda row: row.criterion)
    if all(row.model is not best.model for row in kept):
        kept = [row for row in kept if row.complexity != best.complexity] + [best]
    return sorted(kept, key=lambda row: row.complexity)
