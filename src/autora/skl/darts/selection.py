"""The table of candidate models and the choice of one row.

A row is the best model of its complexity; a simpler model that is as good rules out a more
complicated one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from .model import Edge, Model

#: How a row may be chosen, beside a callable.
SELECTIONS = ("auto", "ebic", "bic", "aic", "loss", "holdout")
#: Logarithm, doubled, of how many times more equations a search tries per unit of
#: complexity. Between 2 and 10 the choice on noisy laws is the same.
TRIED = 4.0
#: A more complicated model must reduce the loss by this share to get a row.
_LEAST_GAIN = 1e-3
#: Relative error below which two fits count as equally exact.
_FLOOR = 1e-26


class Row(NamedTuple):
    model: Model
    complexity: float
    loss: float
    criterion: float  #: BIC
    holdout: float = math.nan  #: loss on rows that the search did not see


def complexity(model: Model, train_readout: bool) -> float:
    """Coefficients, plus half for every edge, plus half for every edge that bends."""
    weights = train_readout * int((model.readout != 0).sum())
    return complexity_of(model.edges()) + weights


def complexity_of(edges: Iterable[Edge]) -> float:
    """What edges add to the complexity of a model."""
    total = 0.0
    for edge in edges:
        bends = not edge.primitive.straight
        total += edge.primitive.n_params + 0.5 + 0.5 * bends
    return total


def front(rows: Sequence[Row], unit: float) -> list[Row]:
    """The best row per complexity, simplest first, without those that gain nothing.

    ``unit`` is the loss of the best constant; below its 1e-26 part all fits are equal.
    """
    kept: list[Row] = []
    for row in sorted(rows, key=lambda r: (r.complexity, r.loss)):
        bar = kept[-1].loss if kept else math.inf
        if row.loss < bar * (1 - _LEAST_GAIN) and bar > _FLOOR * unit:
            if kept and kept[-1].complexity == row.complexity:
                continue
            kept.append(row)
    return kept


def values(rows: Sequence[Row], selection: str, n: float, unit: float) -> np.ndarray:
    """What a named selection minimises, one number per row."""
    bic = np.array([row.criterion for row in rows])
    if selection == "bic":
        return bic
    if selection == "ebic":
        # Chen & Chen 2008, Biometrika 95, equation 1: the best of the many equations of a
        # size fits the noise better than one that was written down beforehand.
        return bic + TRIED * np.array([row.complexity for row in rows])
    if selection == "loss":
        return np.array([row.loss for row in rows])
    if selection == "holdout":
        return np.array([row.holdout for row in rows])
    losses = np.array([row.loss for row in rows])
    likelihood = rows[0].model.objective.likelihood
    misfit = 2 * losses if likelihood else np.log(losses / unit + _FLOOR)
    return n * misfit + 2 * np.array([row.complexity for row in rows])


def chosen(rows: Sequence[Row], selection: str, n: float, unit: float) -> int:
    """Index of the row that a named selection takes; of equals the simplest."""
    scores = values(rows, selection, n, unit)
    scores = np.where(np.isfinite(scores), scores, np.inf)
    if selection == "holdout":
        # Within one part in a thousand of the best a simpler model is as good.
        good = np.flatnonzero(scores <= scores.min() * (1 + 1e-3) + _FLOOR * unit)
        return int(min(good, key=lambda i: rows[int(i)].complexity))
    return int(np.argmin(scores))
