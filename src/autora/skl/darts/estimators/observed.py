"""Data as a fit sees them, and what may be fitted to them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..fitting.problem import Problem
from ..graph.objectives import Objective
from ..graph.observations import Rows
from ..graph.specification import Specification
from ..selection.criteria import TRIED


class Observed(NamedTuple):
    """Data as a fit sees them."""

    x: np.ndarray  #: (n, inputs)
    targets: np.ndarray  #: (n, outputs)
    weight: np.ndarray  #: (n,), as it was given
    error: np.ndarray | None  #: (n,), standard deviations of y that are known
    objective: Objective
    output_labels: list[str]


def problem_of(
    data: Rows, what: Specification, tolerance: float | str, measured: bool
) -> Problem:
    """The rows, what may be fitted to them and what is good enough."""
    one = what.objective.least_squares or data.y.shape[1] == 1
    tried = what.searches_openly and one  # classes are not searched, but put together
    return Problem(
        data.x,
        data.y,
        data.weight,
        what.train_readout,
        what.train_bias,
        distinct=data.distinct,
        floor=tuple(data.floor.tolist()),
        measured=measured,
        tried=TRIED if tried else 0.0,
        tolerance=0.0 if isinstance(tolerance, str) else float(tolerance),
    )
