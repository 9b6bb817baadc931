"""Units of columns as exponents, and what primitives do to them.

A unit is a row of exponents of base units. Its size beside them, as 1000 of a kilometre,
is one more: that of ten. Kilometres and metres can then be multiplied, but not be added
without a coefficient.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from .primitives import Primitive


@dataclass(frozen=True, eq=False)
class Dimensions:
    """The units of a table.

    Parameters
    ----------
    inputs : ndarray of shape (inputs, bases)
        Exponents of the base units; those of a column without a unit are NaN.
    outputs : ndarray of shape (outputs, bases)
    numbers_only : bool, default=False
        Whether fitted coefficients are numbers; else they may have units.
    fixed_readout : bool, default=False
        Whether what is read out must have the unit of the output.
    """

    inputs: np.ndarray
    outputs: np.ndarray
    numbers_only: bool = False
    fixed_readout: bool = False

    @cached_property
    def complete(self) -> bool:
        """Whether all units are known."""
        return bool(np.isfinite(self.inputs).all() and np.isfinite(self.outputs).all())

    @property
    def allows_constant(self) -> bool:
        """Whether every output may be a constant."""
        return not (self.numbers_only and np.any(np.nan_to_num(self.outputs)))

    def of_output(self, index: int) -> Dimensions:
        """Those of a table with one of the outputs."""
        return replace(self, outputs=self.outputs[[index]])


def rank(units: np.ndarray) -> int:
    """How many of the rows are independent; their sizes are rounded."""
    return int(np.linalg.matrix_rank(units, tol=1e-6)) if units.size else 0


class UnitRule(NamedTuple):
    """What a primitive does to the unit of its source."""

    kind: str  #: one of `UNIT_RULES`
    degree: float = 0.0  #: exponent of the source's unit in what it brings


#: It brings a power of the unit; both are numbers; it brings any unit, by a coefficient; it
#: brings a power that is fitted.
UNIT_RULES = ("power", "number", "any", "fitted")


def unit_rule(primitive: Primitive, numbers_only: bool) -> UnitRule:
    """What a primitive does to units where its coefficients may have one, or may not.

    A slope turns its argument into a number or gives it any unit; what is shifted has the
    unit of the shift; exponents are numbers.
    """
    argument, plain = primitive.argument, primitive.plain
    slope, shift = argument in ("scaled", "linear"), argument in ("shifted", "linear")
    shaped = "shape" in primitive.params
    if numbers_only and (shift or shaped):
        return UnitRule("number")
    if "exponent" in primitive.params:
        return UnitRule("any" if slope and not numbers_only else "fitted")
    if plain.degree is not None:
        free = slope and not numbers_only
        return UnitRule("any") if free else UnitRule("power", plain.degree)
    return UnitRule("power", 0.0) if slope and not numbers_only else UnitRule("number")
