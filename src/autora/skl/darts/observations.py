"""Rows as a fit sees them: weighted, without repetitions, in one order.

A row of weight 2 is the same as the row twice, a row of weight 0 the same as none, and
the order of the rows says nothing. Equal rows are therefore merged and all are sorted, so
that such data are the same to the last bit and so is what is found in them.
"""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np
from sklearn.utils import check_array


def checked_weights(sample_weight: Any, n_rows: int) -> np.ndarray:
    """Weights of shape (n_rows,), as they were given; None is 1 for every row."""
    if sample_weight is None:
        return np.ones(n_rows)
    if isinstance(sample_weight, numbers.Number):
        sample_weight = np.full(n_rows, sample_weight)
    weight = check_array(
        sample_weight, ensure_2d=False, dtype=np.float64, input_name="sample_weight"
    )
    if weight.shape != (n_rows,):
        raise ValueError(
            f"sample_weight must hold one number per row of X, shape ({n_rows},), got "
            f"shape {weight.shape}"
        )
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


def counted(weight: np.ndarray) -> np.ndarray:
    """Weights whose sum is the number of observations.

    Whole numbers say how often a row was observed. Others only compare rows with each
    other, so that every row that counts at all counts once on average.
    """
    if (weight == np.round(weight)).all():
        return weight
    return weight * (np.count_nonzero(weight) / weight.sum())


def canonical(
    x: np.ndarray, targets: np.ndarray, weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distinct rows of positive weight, sorted; equal ones add their weights."""
    kept = weight > 0
    weight = counted(weight[kept])
    table = np.column_stack([x[kept], targets[kept]])
    table += 0.0  # no negative zeros
    order = _order(table)
    table, weight = table[order], weight[order]
    new = np.ones(len(table), bool)
    new[1:] = (table[1:] != table[:-1]).any(axis=1)
    first = np.flatnonzero(new)
    x, targets = np.split(table[first], [x.shape[1]], axis=1)
    return np.ascontiguousarray(x), targets.copy(), np.add.reduceat(weight, first)


def mean(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Weighted mean of the rows, of shape (outputs,); sums of 1e308 are finite, too."""
    unit = _unit(values)
    return unit * np.average(values / unit, axis=0, weights=weight)


def spread(values: np.ndarray, weight: np.ndarray | None = None) -> np.ndarray:
    """Root of the weighted mean square of the rows; squares of 1e300 are finite, too."""
    unit = _unit(values)
    return unit * np.sqrt(np.average((values / unit) ** 2, axis=0, weights=weight))


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
