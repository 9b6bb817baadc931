"""The table of candidate models and the choice of one row.

A row is the best model of its complexity; a simpler model that is as good rules out a more
complicated one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from ..fitting.problem import Problem
from ..graph.model import Model
from .criteria import FLOOR, TRIED, constant_loss, evidence, misfit, n_coefficients

#: Losses, in that of the most accurate row, up to which "best" looks for the highest score.
_ACCURATE = 1.5
#: Fall of log loss per complexity that is steep, times as steep as what follows that stands
#: out, and log of a share of the constant's loss that is small: an error of one percent.
_STEEP, _STANDS_OUT, _SMALL = 5.0, 3.0, -9.2
#: Rows from which on errors of neighbours are compared; standard errors that are unlikely.
_FEWEST_NEIGHBOURS, _UNLIKELY = 20, 4.0
#: A more complicated model must reduce the loss by this share to get a row.
_LEAST_GAIN = 1e-3


class Row(NamedTuple):
    model: Model
    complexity: float
    loss: float
    criterion: float  #: see `criteria`
    holdout: float = math.nan  #: loss on rows that the search did not see


def front(rows: Sequence[Row], unit: float) -> list[Row]:
    """The best row per complexity, simplest first, without those that gain nothing.

    ``unit`` is the loss of the best constant; below its 1e-26 part all fits are equal.
    """
    kept: list[Row] = []
    for row in sorted(rows, key=lambda r: (r.complexity, r.loss)):
        bar = kept[-1].loss if kept else math.inf
        if row.loss < bar * (1 - _LEAST_GAIN) and bar > FLOOR * unit:
            if kept and kept[-1].complexity == row.complexity:
                continue
            kept.append(row)
    return kept


def scores(rows: Sequence[Row]) -> np.ndarray:
    """What every row gains over the best simpler one: the fall of log loss per complexity.

    The score of PySR (Cranmer 2023, arXiv 2305.01582, section 3); 0 of the simplest.
    """
    loss = np.array([row.loss for row in rows])
    loss = np.log(loss + max(FLOOR * loss.max(initial=0.0), 1e-300))
    size = np.array([row.complexity for row in rows])
    gained = np.zeros(len(rows))
    for i in range(len(rows)):
        simpler = np.flatnonzero(size < size[i])
        if len(simpler):
            best = simpler[np.argmin(loss[simpler])]
            gained[i] = (loss[best] - loss[i]) / (size[i] - size[best])
    return gained


def elbow(rows: Sequence[Row], best: int, unit: float) -> int:
    """The row after which errors fall by little, if one stands out; else ``best``.

    Errors that are small but systematic, as those of derivatives by differences, can be
    explained term by term for ever. The law then is the row at which the error has fallen
    steeply to a small one, several times as steeply as on the way from there to ``best``.
    """
    loss = np.log(np.array([row.loss for row in rows]) / unit + FLOOR)
    size = np.array([row.complexity for row in rows])
    found, steepest = best, _STEEP
    for i in range(1, best):
        before = np.flatnonzero(size <= size[i] - 1)
        if not len(before):
            continue
        steep = (loss[before[-1]] - loss[i]) / (size[i] - size[before[-1]])
        onward = (loss[i] - loss[best]) / max(size[best] - size[i], 0.5)
        if loss[i] <= _SMALL and steep >= max(steepest, _STANDS_OUT * onward):
            found, steepest = i, steep
    return found


def are_alike(x: np.ndarray, residual: np.ndarray) -> bool:
    """Whether errors of neighbouring rows are alike, or opposite, beyond chance.

    A correlation of n independent pairs has a standard error of 1/√n.
    """
    if len(x) < _FEWEST_NEIGHBOURS:
        return False
    size = x.std(axis=0)
    z = (x - x.mean(axis=0)) / np.where(size > 0, size, 1.0)
    nearest = cKDTree(z).query(z, k=2)[1][:, 1]
    centred = residual - residual.mean()
    square = float(centred @ centred)
    if not 0 < square < np.inf:
        return False
    return bool(abs(centred @ centred[nearest]) / square * math.sqrt(len(x)) > _UNLIKELY)


def values(rows: Sequence[Row], selection: str, problem: Problem) -> np.ndarray:
    """What a named selection minimises, one number per row."""
    if selection == "auto":
        return np.array([row.criterion for row in rows])
    if selection == "holdout":
        return np.array([row.holdout for row in rows])
    losses, unit = np.array([row.loss for row in rows]), constant_loss(problem)
    if selection == "loss":
        return losses
    if selection in ("score", "best"):
        able = losses <= _ACCURATE * losses.min() + FLOOR * unit
        return np.where(able | (selection == "score"), -scores(rows), np.inf)
    known = evidence(problem, rows[0].model.objective.likelihood)
    price = {"aic": 2.0, "bic": known.price - known.tried}
    price["ebic"] = price["bic"] + TRIED
    read = problem._replace(sparse_readout=True)  # count what the read-out reads
    k = np.array([max(1, n_coefficients(row.model, read)) for row in rows])
    share = losses if known.likelihood else losses / unit
    size = np.array([row.complexity for row in rows])
    return misfit(known, share, k) + price[selection] * size


def chosen(rows: Sequence[Row], selection: str, problem: Problem) -> int:
    """Index of the row that a named selection takes; of equals the simplest."""
    found = values(rows, selection, problem)
    found = np.where(np.isfinite(found), found, np.inf)
    if selection == "holdout":
        # Within one part in a thousand of the best a simpler model is as good.
        least = found.min() * (1 + 1e-3) + FLOOR * constant_loss(problem)
        good = np.flatnonzero(found <= least)
        return int(min(good, key=lambda i: rows[int(i)].complexity))
    return int(np.argmin(found))
