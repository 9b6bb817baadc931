"""Units of the constants of a theory: those with which its formula agrees.

A part of a formula has a row of exponents of the base units, and beside them factors of
units that are not known: of constants and of columns that came without one. Terms of a sum
and arguments that must be numbers are linear equations for these.
"""

from __future__ import annotations

import numpy as np

from .dimensions import Dimensions
from .elementary import ELEMENTARY, NUMPY
from .formula import OPERATORS, Call, Formula, Name, Number, evaluated, names_in
from .grammar import Theory
from .primitives import lookup

#: Exponents closer to zero are zero.
_ZERO = 1e-6


class _Contradiction(Exception):
    """An equation between units that no constants can meet."""


def constant_units(
    theory: Theory, constants: np.ndarray, dimensions: Dimensions
) -> np.ndarray | None:
    """Units of the constants of a theory; None where its units contradict each other.

    Fitted constants may have any unit, or none where ``dimensions.numbers_only``. What is
    written as a number is a number without a unit, but 0 may have any. Exponents are
    numbers, and count as they are fitted; arguments of functions such as exp are numbers.

    Parameters
    ----------
    constants : ndarray of shape (constants,)
        Their values.

    Returns
    -------
    ndarray of shape (constants, inputs + 1), or None
        Exponents of the units of the inputs and of the output; NaN for a constant whose
        unit the theory leaves open.
    """
    found = _Equations(theory, constants, dimensions)
    try:
        found.impose(found.row(theory.formula) - found.output)
    except _Contradiction:
        return None
    return found.of_constants(theory.constants)


class _Equations:
    """Linear equations between units of a theory, solved one by one."""

    def __init__(
        self, theory: Theory, constants: np.ndarray, dimensions: Dimensions
    ) -> None:
        given = np.concatenate([dimensions.inputs, dimensions.outputs[:1]])
        known = np.isfinite(given).all(axis=1)
        count, self.n_bases = given.shape
        self.columns = slice(self.n_bases, self.n_bases + count)
        #: Columns before those of units that are not known; then those of constants.
        self.n_fixed = self.n_bases + count
        self.first = self.n_fixed + int(np.count_nonzero(~known))
        self.size = self.first + len(theory.constants) + _n_parts(theory.formula)
        self.next = self.first
        rows = np.zeros((count, self.size))
        rows[:, : self.n_bases] = np.where(known[:, None], given, 0.0)
        rows[:, self.columns] = np.eye(count)
        rows[np.flatnonzero(~known), np.arange(self.n_fixed, self.first)] = 1.0
        self.output, self.inputs = rows[-1], frozenset(theory.inputs)
        self.known = dict(zip(theory.inputs, rows, strict=False))
        for name in theory.constants:
            self.known[name] = self._number() if dimensions.numbers_only else self._any()
        self.values = dict(zip(theory.constants, map(np.float64, constants), strict=True))
        self.solved: dict[int, np.ndarray] = {}  #: by the unknown for which it is solved

    def _number(self) -> np.ndarray:
        return np.zeros(self.size)

    def _any(self) -> np.ndarray:
        """A unit of which nothing is known yet."""
        row = self._number()
        row[self.next] = 1.0
        self.next += 1
        return row

    def _reduced(self, row: np.ndarray) -> np.ndarray:
        """A row without the unknowns that are solved."""
        for unknown, solved in self.solved.items():
            row = row - row[unknown] * solved
        return row

    def impose(self, row: np.ndarray) -> None:
        """Add the equation row = 0."""
        row = self._reduced(row)
        sizes = np.abs(row)
        unknown = self.first + int(np.argmax(sizes[self.first :]))
        if sizes[unknown] <= _ZERO:  # no constant is left: a column may be without a unit
            unknown = self.n_fixed + int(np.argmax(sizes[self.n_fixed :]))
        if sizes[unknown] <= _ZERO:
            if (sizes[: self.n_bases] > _ZERO).any():
                raise _Contradiction
            return
        row = row / row[unknown]
        self.solved = {
            other: solved - solved[unknown] * row for other, solved in self.solved.items()
        }
        self.solved[unknown] = row

    def of_constants(self, names: tuple[str, ...]) -> np.ndarray:
        rows = np.array([self._reduced(self.known[name]) for name in names])
        rows = rows.reshape(len(names), self.size)
        is_open = (np.abs(rows[:, self.first :]) > _ZERO).any(axis=1)
        return np.where(is_open[:, None], np.nan, rows[:, self.columns])

    def row(self, formula: Formula) -> np.ndarray:
        """The unit of a part, with the equations that it takes."""
        if isinstance(formula, Number):
            return self._number() if formula.value else self._any()
        if isinstance(formula, Name):
            return self.known[formula.name]
        function, parts = formula.function, formula.arguments
        if function in ("**", "power"):
            return self._power(*parts)
        rows = [self.row(part) for part in parts]
        if function == "*":
            return np.sum(rows, axis=0)
        if function == "/":
            return rows[0] - rows[1]
        degree = _degree(function)
        for row in rows if degree is None else rows[1:]:
            self.impose(row if degree is None else row - rows[0])
        return self._number() if degree is None else degree * rows[0]

    def _power(self, base: Formula, exponent: Formula) -> np.ndarray:
        row = self.row(base)
        self.impose(self.row(exponent))
        if self.inputs & {*names_in(exponent)}:  # it differs from row to row
            self.impose(row)
            return self._number()
        value = float(evaluated(exponent, NUMPY, self.values, frozenset()))
        return value * row if np.isfinite(value) else self._any()


def _n_parts(formula: Formula) -> int:
    parts = formula.arguments if isinstance(formula, Call) else ()
    return 1 + sum(map(_n_parts, parts))


def _degree(function: str) -> float | None:
    """p where a function of quantities of one unit has the unit's p-th power."""
    if function in OPERATORS:
        return 1.0
    record = ELEMENTARY.get(function)
    return lookup(function).degree if record is None else record.degree
