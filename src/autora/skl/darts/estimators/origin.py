"""Where a fit counts its columns from.

A column of seconds since 1970 changes in its last digits only: functions of it have huge
coefficients or none that double precision can carry. Columns that lie far from zero for
their range are counted from a round number near them, in the search and in its models;
equations are written in the columns as they are.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..fitting.problem import Problem
from ..graph.model import Model
from ..graph.observations import far_start
from ..selection.pareto import Row
from ..selection.result import Result

#: Times its range that a column lies away from zero to be counted from elsewhere: an input
#: in which functions bend, and an output, from which a constant can be taken at any time.
_FAR_INPUT, _FAR_OUTPUT = 100.0, 1e6


class Origin(NamedTuple):
    inputs: np.ndarray  #: (inputs,)
    outputs: np.ndarray  #: (outputs,)

    def problem(self, problem: Problem) -> Problem:
        """The problem counted from here; what rounding has taken from y is no error."""
        if not (self.inputs.any() or self.outputs.any()):
            return problem
        lost = np.where(self.outputs != 0, np.spacing(np.abs(problem.y).max(axis=0)), 0.0)
        known = np.array(problem.floor) if problem.floor else np.zeros(len(self.outputs))
        floor = np.maximum(known, lost**2 / 12)
        return problem._replace(
            x=np.hstack([problem.inputs - self.inputs, problem.numbers]),
            y=problem.y - self.outputs,
            floor=tuple(floor.tolist()),
        )

    def outward(self, model: Model) -> Model:
        """A model of the problem counted from here as one of the data."""
        return model.with_shift(self.outputs, self.inputs)

    def inward(self, model: Model) -> Model:
        """A model of the data as one of the problem."""
        return model.with_shift(-self.outputs, None)

    def rows(self, rows: list[Row], inward: bool = False) -> list[Row]:
        move = self.inward if inward else self.outward
        return [row._replace(model=move(row.model)) for row in rows]

    def result(self, result: Result) -> Result:
        """All models of a result in terms of the data."""
        candidates = [
            c._replace(fit=c.fit._replace(model=self.outward(c.fit.model)))
            for c in result.candidates
        ]
        rows, model = self.rows(result.rows), result.model
        same = [i for i, row in enumerate(result.rows) if row.model is model]
        moved = rows[same[0]].model if same else self.outward(model)
        return result._replace(model=moved, candidates=candidates, rows=rows)

    def names(self, names: list[str]) -> list[str]:
        """What is counted from here, by name."""
        pairs = zip(names, self.inputs.tolist(), strict=True)
        return [f"{name} - {start:.10g}" if start else name for name, start in pairs]


def origin_of(problem: Problem, earlier: Model | None, least_squares: bool) -> Origin:
    """The origin of a problem; an ``earlier`` model that takes part keeps its own."""
    if earlier is None:
        inputs = np.array([far_start(column, _FAR_INPUT) for column in problem.inputs.T])
    else:
        inputs = earlier.origin
    units = problem.dimensions
    if units is not None and units.numbers_only:  # where to count from would have a unit
        inputs = np.zeros_like(inputs)
    outputs = np.zeros(problem.y.shape[1])
    if least_squares and problem.train_bias:
        outputs = np.array([far_start(column, _FAR_OUTPUT) for column in problem.y.T])
    return Origin(inputs, outputs)
