"""The criterion: which of two fitted equations is the better explanation of the data.

Smaller is better. With n observations, k fitted coefficients and normal errors of a
standard deviation σ that nobody knows, the evidence for an equation is, with σ integrated
out under Jeffreys' prior (Bernardo & Smith 1994, Bayesian Theory, section 5.6.2),
proportional to S^(−(n − k)/2), S the sum of squared errors: only n − k observations are
left to say anything. In −2 logarithms that is (n − k)·log S, and what the coefficients
cost is that of Schwarz (1978, Ann. Stat. 6), log n for each. An equation with as many
coefficients as rows therefore gains nothing by passing through all of them.

Errors are expected to have a floor: that of a measurement whose error is known, of y that
is written on a grid, of repeated rows that differ. Below it their likelihood is that of
errors of just this size, χ². What is exact, with rows to spare, is better than a floor that
was only seen.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from ..fitting.problem import Problem
from ..graph.model import Edge, Model

#: Logarithm, doubled, of how many times more equations a search tries per unit of
#: complexity (Chen & Chen 2008, Biometrika 95, equation 1: the best of the many equations
#: of a size fits the noise better than one that was written down beforehand).
TRIED = 4.0
#: Logarithm, doubled, of the odds that there is nothing to find: where only noise is, an
#: equation should win in fewer than one of twenty cases, and Schwarz' price alone lets a
#: straight line through twelve rows win in one of eight.
NOTHING = 2.0
#: Share of the loss of the best constant up to which a fit counts as exact, unless y is
#: rounded more coarsely, and what keeps logarithms finite. What is a little worse may
#: imitate a law on the range of the data: series of five nodes reach 1e-23.
EXACT, FLOOR = 1e-25, 1e-26
#: Share that no measurement has, an error of one in a hundred thousand: what is left of a
#: law that is not found yet, or of errors that are no noise.
NO_NOISE = 1e-10


class Evidence(NamedTuple):
    """What the data of a problem can say."""

    n: float  #: observations; of squared errors those of all outputs
    distinct: int  #: of them on rows of X that differ
    floor: float = 0.0  #: share of the constant's loss that errors are expected to have
    exact: float = EXACT  #: share up to which a fit is exact, or good enough
    tried: float = 0.0  #: what a unit of complexity costs for all that was tried
    likelihood: bool = False

    @property
    def price(self) -> float:
        """What one unit of complexity costs."""
        return float(np.log(max(self.n, 2.0))) + self.tried

    @property
    def entry(self) -> float:
        """What it costs not to be the constant."""
        return NOTHING + self.tried


def evidence(problem: Problem, likelihood: bool = False) -> Evidence:
    """What the rows of a problem can say."""
    n_outputs = 1 if likelihood else problem.y.shape[1]  # an outcome is one observation
    n, unit = float(problem.weight.sum()) * n_outputs, constant_loss(problem)
    distinct = len(problem.x) if problem.distinct is None else problem.distinct
    with np.errstate(all="ignore"):
        grain = float(np.mean(np.spacing(np.abs(problem.y)) ** 2))
    exact = -1.0 if problem.measured else max(EXACT, grain / unit)
    if likelihood:  # what separates all outcomes says nothing about its coefficients
        exact = NO_NOISE
    return Evidence(
        n,
        distinct * n_outputs,
        float(np.mean(problem.floor or 0.0)) / unit,
        max(exact, problem.tolerance**2) if problem.tolerance else exact,
        problem.tried,
        likelihood,
    )


def freedom(known: Evidence, k: Any) -> Any:
    """Observations that are left beside ``k`` coefficients."""
    spare = np.asarray(known.distinct - k) > 0
    return np.where(spare, np.maximum(known.n - k, 0.0), 0.0)


def spares_rows(problem: Problem) -> bool:
    """Whether there are rows beside the two coefficients that the least equation has."""
    return bool(freedom(evidence(problem), 2) > 0)


def is_exact(known: Evidence, share: Any, k: Any) -> Any:
    """Whether a fit is exact and has rows to spare, so that this says something."""
    return (np.asarray(share) <= known.exact) & (freedom(known, k) > 0)


def misfit(known: Evidence, share: Any, k: Any) -> Any:
    """−2 log-evidence of the errors, up to a constant.

    Parameters
    ----------
    share : float or ndarray
        Loss as a share of that of the best constant; of a likelihood the mean loss.
    k : int or ndarray
        Coefficients that were fitted, intercepts included.
    """
    share = np.asarray(share, float)
    with np.errstate(all="ignore"):
        if known.likelihood:
            found = 2 * known.n * share
        else:
            free = freedom(known, k)
            below = np.where(share < known.floor, share / known.floor - 1, 0.0)
            found = free * (np.log(np.maximum(share, known.floor) + FLOOR) + below)
            if known.exact > 0:  # equally exact: complexity alone tells them apart
                exact = is_exact(known, share, k)
                found = np.where(exact, known.n * np.log(known.exact), found)
    return np.where(np.isfinite(share), found, np.inf)


def criterion(known: Evidence, share: Any, k: Any, size: Any) -> Any:
    """What decides about all but the constant, whose criterion is its `misfit`.

    ``size`` is the complexity, for the others see `misfit`.
    """
    return misfit(known, share, k) + known.entry + known.price * size


def needed(known: Evidence, value: Any, k: Any, size: Any) -> Any:
    """The share of the constant's loss at which `criterion` has a value; 0 where none."""
    free = freedom(known, k)
    left = value - known.entry - known.price * size
    if known.likelihood:
        return np.maximum(left / (2 * known.n), 0.0)
    with np.errstate(all="ignore"):
        found = np.exp(left / free)
    return np.where(free > 0, found, 0.0)


def constant_loss(problem: Problem) -> float:
    """Mean squared deviation of y from its mean; of a constant y that from zero, or 1."""
    with np.errstate(all="ignore"):
        mean = np.average(problem.y, axis=0, weights=problem.weight)
        for centre in (mean, 0.0):
            square = np.mean((problem.y - centre) ** 2, axis=1)
            unit = float(np.average(square, weights=problem.weight))
            if unit > 0:
                return unit
    return 1.0


def judged(model: Model, loss: float, problem: Problem) -> float:
    """The criterion of a fitted model."""
    if not np.isfinite(loss):
        return np.inf
    known, share, k = _counted(model, loss, problem)
    size = complexity(model, problem.train_readout)
    return float(criterion(known, share, k, size) if size else misfit(known, share, k))


def judged_beforehand(
    model: Model,
    loss: float,
    problem: Problem,
    constants: int | None = None,
    intercepts: int | None = None,
) -> float:
    """The criterion of an equation that was written down before the data were seen.

    It costs log n for each coefficient but the intercepts, and nothing for its form; one
    that is exact is compared with others that are by its complexity.

    Parameters
    ----------
    constants : int, default=None
        Coefficients that were fitted; None counts those of the model, of which several
        may be one constant of a theory.
    intercepts : int, default=None
        Those of them that are intercepts.
    """
    known, share, k = _counted(model, loss, problem)
    if intercepts is None:
        intercepts = problem.train_bias * model.bias.size
    k = k if constants is None else constants
    if not np.isfinite(loss):
        return np.inf
    if not known.likelihood and is_exact(known, share, k):
        size = complexity(model, problem.train_readout)
        return float(criterion(known, share, k, size))
    known = known._replace(tried=0.0)
    if k == intercepts:
        return float(misfit(known, share, k))
    return float(criterion(known, share, k, k - intercepts))


def fits_exactly(model: Model, loss: float, problem: Problem) -> bool:
    """Whether a fitted model is exact, with rows to spare."""
    known, share, k = _counted(model, loss, problem)
    return not known.likelihood and bool(is_exact(known, share, k))


def _counted(model: Model, loss: float, problem: Problem) -> tuple[Evidence, float, int]:
    known = evidence(problem, model.objective.likelihood)
    share = loss if known.likelihood else loss / constant_loss(problem)
    return known, share, n_coefficients(model, problem)


def n_coefficients(model: Model, problem: Problem) -> int:
    """Number of fitted coefficients."""
    edges = sum(edge.primitive.n_params for edge in model.edges())
    return (
        edges
        + int(problem.trained_weights(model).sum())
        + problem.train_bias * model.bias.size
        + _further(model)
    )


def _further(model: Model) -> int:
    """Coefficients that groups have beside those of the first."""
    effects = model.effects
    return 0 if effects is None else (len(effects.values) - 1) * len(effects.places)


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
