"""The rows that are fitted, and parts of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..graph.dimensions import Dimensions
from ..graph.elementary import NUMPY
from ..graph.model import Model
from ..graph.objectives import Objective

#: Share of the rows that a selection by held-out loss keeps from the search.
HELD_OUT = 0.25
FEWEST_ROWS_TO_SPLIT = 8


class Problem(NamedTuple):
    """Rows to fit and what may be fitted beside the edges' coefficients."""

    x: np.ndarray  #: (n, inputs)
    y: np.ndarray  #: (n, outputs)
    weight: np.ndarray  #: (n,), their sum is the number of observations
    train_readout: bool = False
    train_bias: bool = False
    sparse_readout: bool = False  #: read-out weights that are 0 stay 0
    distinct: int | None = None  #: rows of x that differ; None: all
    floor: tuple[float, ...] = ()  #: mean squared error, known or seen, of every output
    measured: bool = False  #: whether the error of y is known, so that nothing is exact
    tried: float = 0.0  #: see `criteria.TRIED`
    tolerance: float = 0.0  #: error, as a share of the spread of y, that is good enough
    #: (n,), added to the read-out of one output while other outputs of a softmax stay
    offset: np.ndarray | None = None
    dimensions: Dimensions | None = None  #: units of x and y, where equations must agree
    #: groups of rows, whose number is the last column of x; 0 without
    groups: int = 0
    varying: str = "auto"  #: which coefficients may differ between groups
    shrinks: bool = True  #: whether these are drawn towards the population

    @property
    def inputs(self) -> np.ndarray:
        """The columns that equations are made of, shape (n, inputs)."""
        return self.x[:, :-1] if self.groups else self.x

    @property
    def numbers(self) -> np.ndarray:
        """The numbers of the rows' groups, shape (n, 1), or (n, 0) without groups."""
        return self.x[:, self.inputs.shape[1] :]

    def without_groups(self) -> Problem:
        """The same with all rows alike."""
        return self._replace(x=np.ascontiguousarray(self.inputs), groups=0)

    def closed_form(self, objective: Objective) -> bool:
        """Whether the trained read-out is solved for rather than stepped along."""
        trained = self.train_readout or self.train_bias
        return trained and objective.least_squares and not self.sparse_readout

    def trained_weights(self, model: Model) -> np.ndarray:
        """Which read-out weights are fitted, shape (nodes, outputs)."""
        if not self.train_readout:
            return np.zeros(model.readout.shape, bool)
        return (model.readout != 0) | (not self.sparse_readout)


def part(problem: Problem, rows: np.ndarray) -> Problem:
    """Some rows of a problem."""
    distinct = problem.distinct
    if distinct is not None and distinct < len(problem.x):
        distinct = len(np.unique(problem.x[rows], axis=0))
    offset = None if problem.offset is None else problem.offset[rows]
    return problem._replace(
        x=problem.x[rows],
        y=problem.y[rows],
        weight=problem.weight[rows],
        distinct=distinct,
        offset=offset,
    )


def split(
    problem: Problem, holds_out: bool, rng: np.random.Generator
) -> tuple[Problem, Problem | None]:
    """Rows for the search and rows for the choice among what it found."""
    rows = len(problem.x)
    if not holds_out or rows < FEWEST_ROWS_TO_SPLIT:
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
        losses = model.objective.loss(NUMPY, model.eta(problem.x), problem.y)
        return float(np.average(losses, weights=problem.weight))
