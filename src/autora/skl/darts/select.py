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
        + int(problem.trained_weights(model).sum())
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
    size = n_coefficients(model, problem) + 0.5 * len(list(model.edges()))
    return misfit(model, loss, problem) + float(price(problem) * size)


def misfit(model: Model, loss: float, problem: Problem) -> float:
    """−2 log-likelihood, up to a constant: the first term of an information criterion."""
    n = problem.weight.sum()
    if model.objective.likelihood:
        return float(2 * n * loss)
    unit = variance(problem)
    unit = unit if unit > 0 else max(float(np.mean(problem.y**2)), 1.0)
    return float(n * problem.y.shape[1] * np.log(loss / unit + _FLOOR))


def price(problem: Problem) -> float:
    """What one coefficient costs in the Bayesian information criterion."""
    return float(np.log(max(problem.weight.sum(), 2)))
