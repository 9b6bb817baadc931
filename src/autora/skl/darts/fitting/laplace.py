"""What the rows leave open of a fitted equation: its coefficients and the noise.

Around the fit the coefficients are normal (Laplace's approximation), with the covariance of
non-linear least squares or the inverse information of a likelihood (Seber & Wild 1989,
Nonlinear Regression, section 2.1); a noise that was estimated makes predictions follow
Student's t (Box & Tiao 1973, Bayesian Inference in Statistical Analysis, section 2.7).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..graph.elementary import NUMPY
from ..graph.model import Model
from ..graph.objectives import Objective
from .coefficients import information, inverse_of, places, sandwich
from .derivatives import Place, columns, latent_nodes, values, with_values
from .problem import Problem
from .refit import blocks

#: Standard errors by which a coefficient differs from zero whose sign is sure.
_SURE = 2.0
#: Draws that are weighed, share of them from which on the normal is good, and rows beyond
#: which it is.
_DRAWS, _GOOD, _MOST_ROWS = 200, 0.5, 2000


class Laplace(NamedTuple):
    """The uncertainty of one equation."""

    places: tuple[Place, ...]
    covariance: np.ndarray  #: (places, places) of the coefficients
    noise: np.ndarray  #: (outputs,) variance of an observation; 0 of a likelihood
    freedom: float  #: degrees of freedom of the noise; infinite where it is known
    #: (places,) where coefficients are centred; None for those of the model, which is
    #: another place where some of these were rounded
    centre: np.ndarray | None = None
    #: share of draws of the normal that count once they are weighed by the likelihood, and
    #: (draws, places) such draws where it is small
    effective: float = 1.0
    draws: np.ndarray | None = None
    #: (groups, places, places) of every group's coefficients, where some differ;
    #: ``covariance`` is then that of a group that is not known
    groups: np.ndarray | None = None

    @property
    def is_exact(self) -> bool:
        """Whether nothing is left open."""
        return not self.noise.any() and not self.covariance.any()

    @property
    def is_open(self) -> bool:
        """Whether nothing is known, with no more rows than coefficients."""
        return not np.isfinite(self.noise).all()

    def around(self, model: Model) -> Model:
        """The model with the coefficients that are most likely."""
        if self.centre is None:
            return model
        return with_values(model, self.places, self.centre)

    def moved(self, amount: np.ndarray) -> Laplace:
        """Of what predicts an amount (outputs,) more."""
        if self.centre is None or not amount.any():
            return self
        shift = [amount[p.column] if p.kind == "bias" else 0.0 for p in self.places]
        draws = None if self.draws is None else self.draws + shift
        return self._replace(centre=self.centre + shift, draws=draws)

    def checked(self, problem: Problem, model: Model) -> Laplace:
        """With draws of the coefficients that are weighed, where the normal is poor."""
        if len(problem.x) > _MOST_ROWS or self.is_exact or not self.places:
            return self
        if not np.isfinite(self.covariance).all() or self.groups is not None:
            return self
        steps, draws = _draws(self, values(self.around(model), self.places))
        weight = _importance(self, problem, model, steps, draws)
        if not weight.any():
            return self._replace(effective=0.0)
        effective = float(weight.sum() ** 2 / (weight**2).sum() / len(weight))
        if effective >= _GOOD:
            return self._replace(effective=effective)
        # Systematic resampling keeps what has weight as evenly as can be.
        places_ = (np.arange(_DRAWS) + 0.5) / _DRAWS
        chosen = np.searchsorted(np.cumsum(weight) / weight.sum(), places_)
        return self._replace(effective=effective, draws=draws[chosen])

    def exact(self) -> Laplace:
        """Of an equation without error, of which rows to spare leave nothing open."""
        nothing = None if self.groups is None else np.zeros_like(self.groups)
        return self._replace(
            covariance=np.zeros_like(self.covariance),
            effective=1.0,
            draws=None,
            centre=None,
            noise=np.zeros_like(self.noise),
            groups=nothing,
        )

    def of_group(self, number: int) -> Laplace:
        """Of one group, or of one that is not known, with number −1."""
        if self.groups is None:
            return self
        own = self.covariance if number < 0 else self.groups[number]
        return self._replace(covariance=own, groups=None)


def link_slope(objective: Objective, eta: np.ndarray) -> np.ndarray:
    """Derivative of every prediction in its own read-out value, shape (n, outputs)."""
    if objective.least_squares:
        return np.ones_like(eta)
    value = objective.link(NUMPY, eta)
    return value * (1 - value)


def laplace(problem: Problem, model: Model) -> Laplace:
    """Around a fitted model; coefficients of infinite variance where rows are too few."""
    where = tuple(places(model, problem))

    def slopes(x: np.ndarray) -> np.ndarray:
        return columns(model, where, *latent_nodes(model, x, True))

    covariance, noise, freedom = laplace_of(problem, model, len(where), slopes)
    return Laplace(where, symmetric(covariance), noise, freedom, values(model, where))


def symmetric(covariance: np.ndarray) -> np.ndarray:
    """Covariances (…, places, places) to the last bit; infinite where one is not finite."""
    finite = np.isfinite(covariance).all(axis=(-2, -1), keepdims=True)
    with np.errstate(all="ignore"):
        mean = (covariance + np.swapaxes(covariance, -2, -1)) / 2
    return np.where(finite, mean, np.inf)


def laplace_of(
    problem: Problem,
    model: Model,
    count: int,
    slopes_at: Callable[[np.ndarray], np.ndarray],
) -> tuple[np.ndarray, np.ndarray, float]:
    """Covariance of so many parameters, variances of observations, degrees of freedom.

    ``slopes_at`` gives the derivatives of the model's read-out in the parameters at rows
    of x, shape (parameters, n, outputs).
    """
    objective, n_outputs = model.objective, len(model.bias)
    known, squares = np.zeros((n_outputs, count, count)), np.zeros(n_outputs)
    with np.errstate(all="ignore"):
        for part in blocks(problem):
            slopes, eta = slopes_at(part.x), model.eta(part.x)
            if objective.likelihood:
                known[0] += information(part, objective, eta, slopes)
                continue
            slopes = slopes * link_slope(objective, eta)
            known += np.einsum("pnq,n,rnq->qpr", slopes, part.weight, slopes)
            squares += part.weight @ (objective.link(NUMPY, eta) - part.y) ** 2
        inverse = inverse_of(known.sum(axis=0))[0]
        if objective.likelihood:
            return inverse, np.zeros(n_outputs), np.inf
        freedom = max(float(problem.weight.sum()) - count / n_outputs, 0.0)
        if not freedom > 0:
            open_ = np.full(n_outputs, np.inf)
            return np.full_like(inverse, np.inf), open_, freedom
        noise = squares / freedom
        if problem.measured:
            floor = np.broadcast_to(problem.floor, noise.shape)
            freedom = np.inf if (noise <= floor).all() else freedom
            noise = np.maximum(noise, floor)
        if n_outputs == 1:
            return inverse * noise, noise, freedom
        return sandwich(known, noise), noise, freedom


def roots(covariance: np.ndarray) -> np.ndarray:
    """L of a covariance LLᵀ; infinite where that is."""
    if not np.isfinite(covariance).all():
        return np.where(np.eye(len(covariance)) > 0, np.inf, 0.0)
    unit = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    scale = np.where(unit > 0, unit, 1.0)
    values, vectors = np.linalg.eigh(covariance / scale / scale[:, None])
    return scale[:, None] * vectors * np.sqrt(np.maximum(values, 0.0))


def _draws(known: Laplace, centre: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Standard steps and coefficients, each (draws, places)."""
    rng = np.random.default_rng(0)
    steps = rng.normal(size=(_DRAWS, len(centre)))
    if np.isfinite(known.freedom):
        steps *= np.sqrt(known.freedom / rng.chisquare(known.freedom, (_DRAWS, 1)))
    return steps, np.array([_stepped(known, centre, step) for step in steps])


def _importance(
    known: Laplace,
    problem: Problem,
    model: Model,
    steps: np.ndarray,
    draws: np.ndarray,
) -> np.ndarray:
    """Weights (draws,): the likelihood with a flat prior over what draws come from.

    With the noise integrated out squared errors S have the likelihood S^(−n/2) (Box & Tiao
    1973, section 2.7).
    """
    centre = values(known.around(model), known.places)
    square, free = (steps**2).sum(axis=1), known.freedom
    rows, kept = float(problem.weight.sum()), known.around(model)
    known_noise = not np.isfinite(free)
    proposal = -0.5 * (square if known_noise else rows * np.log1p(square / free))
    sure = _sure(known, centre)
    with np.errstate(all="ignore"):
        proposal = proposal - np.log(np.abs(draws / centre))[:, sure].sum(axis=1)
        found = np.array([_log_likelihood(known, problem, kept, theta) for theta in draws])
        found = found - _log_likelihood(known, problem, kept, centre) - proposal
    found = np.where(np.isfinite(found), found, -np.inf)
    return np.exp(found - found.max()) if found.max() > -np.inf else np.zeros(len(found))


def _log_likelihood(
    known: Laplace, problem: Problem, model: Model, theta: np.ndarray
) -> float:
    there, objective = with_values(model, known.places, theta), model.objective
    eta, rows = there.eta(problem.x), float(problem.weight.sum())
    if objective.likelihood:
        return -float(problem.weight @ objective.loss(NUMPY, eta, problem.y))
    squares = problem.weight @ (objective.link(NUMPY, eta) - problem.y) ** 2
    if np.isfinite(known.freedom):
        return -0.5 * rows * float(np.log(squares).sum())
    return -0.5 * float((squares / known.noise).sum())


def _sure(known: Laplace, centre: np.ndarray) -> np.ndarray:
    """Which coefficients keep their sign."""
    return np.abs(centre) > _SURE * np.sqrt(np.diag(known.covariance))


def _stepped(known: Laplace, centre: np.ndarray, step: np.ndarray) -> np.ndarray:
    """Coefficients a standard step away; of those that keep their sign the logarithm."""
    moved, sure = roots(known.covariance) @ step, _sure(known, centre)
    scale = np.where(sure, centre, 1.0)
    return np.where(sure, centre * np.exp(moved / scale), centre + moved)


def drawn(known: Laplace, centre: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Coefficients drawn around a fit.

    Those that differ from zero by more than two standard errors are drawn as logarithms
    of their size.
    """
    if known.draws is not None:
        return known.draws[rng.integers(len(known.draws))]
    step = rng.normal(size=len(centre))
    if np.isfinite(known.freedom):
        step = step * np.sqrt(known.freedom / rng.chisquare(known.freedom))
    return _stepped(known, centre, step)
