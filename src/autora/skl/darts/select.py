"""Which of two fitted models is the better explanation."""

from __future__ import annotations

import numpy as np

from .model import Model
from .refit import Problem

#: Relative error below which two fits count as equally exact.
_FLOOR = 1e-13


def n_coefficients(model: Model, problem: Problem) -> int:
    """Number of fitted coefficients."""
    edges = sum(edge.primitive.n_params for edge in model.edges())
    return (
        edges
        + problem.train_readout * model.readout.size
        + problem.train_bias * model.bias.size
    )


def variance(problem: Problem) -> float:
    """Mean squared deviation of y from its mean: the loss of the best constant."""
    mean = np.average(problem.y, axis=0, weights=problem.weight)
    square = np.mean((problem.y - mean) ** 2, axis=1)
    return float(np.average(square, weights=problem.weight))


def bic(model: Model, loss: float, problem: Problem) -> float:
    """Bayesian information criterion (Schwarz 1978, Ann. Stat. 6), smaller is better.

    Beside its coefficients every edge costs half a parameter: of two equally good graphs
    the one with fewer edges wins.
    """
    if not np.isfinite(loss):
        return np.inf
    n = problem.weight.sum()
    if model.objective.likelihood:
        fit = 2 * n * loss
    else:
        unit = variance(problem)
        unit = unit if unit > 0 else max(float(np.mean(problem.y**2)), 1.0)
        fit = n * np.log(loss / unit + _FLOOR)
    size = n_coefficients(model, problem) + 0.5 * len(list(model.edges()))
    return float(fit + np.log(max(n, 2)) * size)
