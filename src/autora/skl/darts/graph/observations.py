"""Rows as a fit sees them: weighted, without repetitions, in one order.

A row of weight 2 is the same as the row twice, a row of weight 0 the same as none, and
the order of the rows says nothing. Equal rows are therefore merged and all are sorted, so
that such data are the same to the last bit and so is what is found in them.
"""

from __future__ import annotations

import math
import numbers
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from scipy.special import chdtri
from sklearn.utils import check_array

#: Units that the smallest of some weights may need to be counts, and how far from whole a
#: number of them may be.
_MOST_UNITS, _WHOLE = 1000, 1e-9
#: Binary digits of a weight.
_BITS = 40
#: Levels of a grid from which on y is something that was rounded; decimal digits that its
#: largest value may have to lie on a grid.
_FEWEST_LEVELS, _MOST_DIGITS = 20, 9
#: Chance with which the variance of y is below what repeated rows say it is at least.
_UNSURE = 0.05
#: Medians that the typical size of a column may be.
_MEDIANS = 3.0


def _one_per_row(name: str, values: Any, n_rows: int) -> np.ndarray:
    """Numbers of shape (n_rows,); a single one is that of every row."""
    if isinstance(values, numbers.Number) or getattr(values, "ndim", None) == 0:
        values = np.full(n_rows, values)
    found = check_array(values, ensure_2d=False, dtype=np.float64, input_name=name)
    if found.shape != (n_rows,):
        raise ValueError(
            f"{name} must be a number or hold one number per row of X, shape "
            f"({n_rows},), got shape {found.shape}"
        )
    return found


def checked_weights(sample_weight: Any, n_rows: int) -> np.ndarray:
    """Weights of shape (n_rows,), as they were given; None is 1 for every row."""
    if sample_weight is None:
        return np.ones(n_rows)
    weight = _one_per_row("sample_weight", sample_weight, n_rows)
    if (weight < 0).any():
        raise ValueError(
            f"sample_weight must not be negative, got {weight.min():g}; use 0 to leave a "
            "row out"
        )
    if not weight.any():
        raise ValueError(
            "sample_weight is zero for every row; give those that count a positive weight"
        )
    return weight


def checked_errors(y_error: Any, y: np.ndarray, weight: np.ndarray) -> np.ndarray | None:
    """Standard deviations (n,) of the errors of y (n, outputs), as far as known."""
    if y_error is None:
        return None
    error, counts = positive_errors(y_error, weight), weight > 0
    unit = spread(y - mean(y, weight), weight)
    typical = 1 / np.sqrt(np.average(1 / error[counts] ** 2, weights=weight[counts]))
    if (typical >= unit).any():
        raise ValueError(
            f"y_error must be smaller than the spread of y, got {typical:g} where y has a "
            f"standard deviation of {unit.min():g}: no equation could be told from a "
            "constant; y_error is in units of y"
        )
    return error


def positive_errors(y_error: Any, weight: np.ndarray) -> np.ndarray:
    """Standard deviations (n,) of errors, positive in all rows of positive weight (n,)."""
    error, counts = _one_per_row("y_error", y_error, len(weight)).copy(), weight > 0
    if not (error[counts] > 0).all():
        raise ValueError(
            f"y_error must be positive, got {error[counts].min():g}; it is the standard "
            "deviation of the error of y; leave it out where that is not known"
        )
    return error


class Rows(NamedTuple):
    """Distinct rows as a fit sees them."""

    x: np.ndarray  #: (n, inputs)
    y: np.ndarray  #: (n, outputs)
    weight: np.ndarray  #: (n,), positive; their sum is the number of observations
    distinct: int  #: rows of x that differ
    floor: np.ndarray  #: (outputs,), mean squared error that y is known or seen to have
    step: np.ndarray  #: (outputs,), of the grid that y lies on; 0 without one


def canonical(
    x: np.ndarray,
    targets: np.ndarray,
    weight: np.ndarray,
    error: np.ndarray | None = None,
) -> Rows:
    """Distinct rows of positive weight, sorted; equal ones add their weights.

    How many observations there are is the same for weights with a common factor, and for
    a row of weight 2 and the row twice. Where repeated rows of x never disagree about y
    they say nothing new, and every distinct row is one observation. Where they do, the
    weights say how often, in units of their greatest common divisor; weights without one,
    as 1/σ², only compare rows with each other.

    Parameters
    ----------
    error : ndarray of shape (n,), default=None
        Standard deviation of every row's error, in units of y.
    """
    kept = weight > 0
    counts, x, targets = weight[kept], x[kept], targets[kept]
    if (unit := common_unit(counts)) is not None:
        counts = np.round(counts / unit)
    precision = counts if error is None else counts / error[kept] ** 2
    table = np.column_stack([x, targets])
    table += 0.0  # no negative zeros
    order = _order(table)
    table, counts, precision = table[order], counts[order], precision[order]
    first = _first_of_equals(table)
    counts = np.add.reduceat(counts, first)
    precision = np.add.reduceat(precision, first)
    x, y = np.split(table[first], [x.shape[1]], axis=1)
    x, y = np.ascontiguousarray(x), y.copy()
    groups = _first_of_equals(x)
    unit = common_unit(counts) if len(groups) < len(x) else None
    n = float(len(x)) if unit is None else float(np.round(counts / unit).sum())
    counts = counts * (n / counts.sum())
    step = np.array([grid_step(column) for column in y.T])
    floor = np.maximum(step**2 / 12, _pure_error(y, counts, groups))
    if error is not None:
        floor = np.maximum(floor, counts.sum() / precision.sum())
    weight = _without_traces(precision * (n / precision.sum()))
    return Rows(x, y, weight, len(groups), floor, step)


def far_start(column: np.ndarray, far: float) -> float:
    """A round number below a column that lies ``far`` times its range from zero; else 0."""
    low, high = float(column.min()), float(column.max())
    extent = high - low
    if not 0 < extent < np.inf or abs(low + high) / 2 < far * extent:
        return 0.0
    step = 10.0 ** math.floor(math.log10(extent))
    return math.floor(low / step) * step


def _without_traces(weight: np.ndarray) -> np.ndarray:
    """Weights without the rounding errors that a common factor leaves."""
    mantissa, exponent = np.frexp(weight)
    return np.ldexp(np.round(np.ldexp(mantissa, _BITS)), exponent - _BITS)


def common_unit(weight: np.ndarray) -> float | None:
    """The greatest number of which all weights are multiples, None where there is none.

    Weights that need a thousand units or more for the smallest of them are no counts.
    """
    least = weight.min()
    unit = 1
    for share in np.unique(weight) / least:
        fraction = Fraction(float(share)).limit_denominator(_MOST_UNITS)
        if abs(float(fraction) - share) > _WHOLE * share:
            return None
        unit = math.lcm(unit, fraction.denominator)
        if unit > _MOST_UNITS:
            return None
    return float(least / unit)


def grid_step(y: np.ndarray) -> float:
    """The step of the grid that the values lie on; 0 where there is none.

    Steps are powers of ten, and twice, two and a half times and five times as much. Where
    y has few levels they are what is observed, not the rounding of something else.
    """
    size = float(np.abs(y).max(initial=0.0))
    range_ = float(np.ptp(y)) if len(y) else 0.0
    if not (0 < range_ < np.inf and size < 1e150):
        return 0.0
    highest = math.floor(math.log10(size))
    for power in range(highest, highest - _MOST_DIGITS, -1):
        for lead in (5.0, 2.5, 2.0, 1.0):
            step = lead * 10.0**power
            if (np.abs(np.round(y / step) * step - y) <= 4 * np.spacing(size)).all():
                return step if step * _FEWEST_LEVELS <= range_ else 0.0
    return 0.0


def _pure_error(y: np.ndarray, counts: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """What the variance of y among rows of equal x is at least, shape (outputs,).

    The lower end of a one-sided confidence interval (Draper & Smith 1998, Applied
    Regression Analysis, section 2.1).
    """
    free = counts.sum() - len(groups)
    if len(groups) == len(y) or not free >= 1:
        return np.zeros(y.shape[1])
    size = np.diff(np.append(groups, len(y)))
    total = np.add.reduceat(counts, groups)
    mean_ = np.add.reduceat(y * counts[:, None], groups) / total[:, None]
    square = (counts[:, None] * (y - np.repeat(mean_, size, axis=0)) ** 2).sum(axis=0)
    return square / chdtri(free, _UNSURE)


def _first_of_equals(table: np.ndarray) -> np.ndarray:
    """Where rows of a sorted table differ from the ones before."""
    new = np.ones(len(table), bool)
    new[1:] = (table[1:] != table[:-1]).any(axis=1)
    return np.flatnonzero(new)


def mean(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Weighted mean of the rows, of shape (outputs,); sums of 1e308 are finite, too."""
    unit = _unit(values)
    return unit * np.average(values / unit, axis=0, weights=weight)


def spread(values: np.ndarray, weight: np.ndarray | None = None) -> np.ndarray:
    """Root of the weighted mean square of the rows; squares of 1e300 are finite, too."""
    unit = _unit(values)
    return unit * np.sqrt(np.average((values / unit) ** 2, axis=0, weights=weight))


def typical_size(column: np.ndarray) -> float:
    """Size of a column: its root mean square, but no more than a few medians; never 0.

    A single row at −1000 does not make slopes of 1 unnatural for others about 3.
    """
    size, middle = float(spread(column)), float(np.median(np.abs(column)))
    if middle > 0:
        size = min(size, _MEDIANS * middle)
    return size if size > 0 else 1.0


def _unit(values: np.ndarray) -> float:
    """1, or the size of values whose squares or sums are no numbers."""
    size = float(np.abs(values).max(initial=0.0))
    return size if size > 0 and not 1e-140 < size < 1e140 else 1.0


def _order(table: np.ndarray) -> np.ndarray:
    """Indices that sort rows by all columns, the first one first.

    Where measurements differ in the first column the others say nothing, and sorting by
    every column takes as many times as long.
    """
    order = np.argsort(table[:, 0], kind="stable")
    first = table[order, 0]
    same = first[1:] == first[:-1]
    tied = np.flatnonzero(np.append(same, False) | np.append(False, same))
    rows = order[tied]
    order[tied] = rows[np.lexsort(table[rows].T[::-1])]
    return order


def per_output(numbers: np.ndarray) -> float | np.ndarray:
    """A number for one output, else one for each."""
    return float(numbers[0]) if len(numbers) == 1 else numbers
