"""Physical constants that equations may contain, beside the columns of the data.

In a model each is one more input, after the columns, whose value does not change.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class PhysicalConstant(NamedTuple):
    """A constant of nature, or of an experiment, whose value is known."""

    name: str
    value: float  #: in the units of the fit
    amount: float  #: in the unit in which it was given
    unit: str  #: as pint writes it, "" for a number


def with_constants(x: np.ndarray, constants: Sequence[PhysicalConstant]) -> np.ndarray:
    """The inputs of a model, shape (n, inputs), from the columns of the data."""
    if not constants:
        return x
    values = [constant.value for constant in constants]
    return np.hstack([x, np.broadcast_to(values, (len(x), len(values)))])
