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
from .coefficients import information, inverse_of, places
from .derivatives import Place, columns, latent_nodes, values, with_values
from .problem import Problem
from .refit import blocks

#: Standard errors by which a coefficient differs from zero whose sign is sure.
_SURE = 2.0


class Laplace(NamedTuple):
    """The uncertainty of one equation."""

    places: tuple[Place, ...]
    covariance: np.ndarray  #: (places, places) of the coefficients
    noise: np.ndarray  #: (outputs,) variance of an observation; 0 of a likelihood
    freedom: float  #: degrees of freedom of the noise; infinite where it is known
    #: (places,) where coefficients are centred; None for those of the model, which is
    #: another place where some of these were rounded
    centre: np.ndarray | None = None
    #: (groups, places, places) of every group's coefficients, where some differ;
    #: ``covariance`` is then that of a group that is not known
    groups: np.ndarray | None = None

    @property
    def is_exact(self) -> bool:
        """Whether nothing is left open."""
        return not self.noise.any() and not self.covariance.any()

    def around(self, model: Model) -> Model:
        """The model with the coefficients that are most likely."""
        if self.centre is None:
            return model
        return with_values(model, self.places, self.centre)

    def moved(self, amount: np.ndarray) -> Laplace:
        """Of what predicts an amount (outputs,) more."""
        if self.centre is None:
            return self
        shift = [amount[p.column] if p.kind == "bias" else 0.0 for p in self.places]
        return self._replace(centre=self.centre + shift)

    def exact(self) -> Laplace:
        """Of an equation without error, of which rows to spare leave nothing open."""
        nothing = None if self.groups is None else np.zeros_like(self.groups)
        return self._replace(
            covariance=np.zeros_like(self.covariance),
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
    return Laplace(where, covariance, noise, freedom, values(model, where))


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
        noise = squares / freedom if freedom > 0 else np.full(n_outputs, np.inf)
        if problem.measured:
            floor = np.broadcast_to(problem.floor, noise.shape)
            freedom = np.inf if (noise <= floor).all() else freedom
            noise = np.maximum(noise, floor)
        if n_outputs == 1:
            return inverse * noise, noise, freedom
        return inverse @ np.einsum("q,qpr->pr", noise, known) @ inverse, noise, freedom


def roots(covariance: np.ndarray) -> np.ndarray:
    """L of a covariance LLᵀ; infinite where that is."""
    if not np.isfinite(covariance).all():
        return np.where(np.eye(len(covariance)) > 0, np.inf, 0.0)
    unit = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    scale = np.where(unit > 0, unit, 1.0)
    values, vectors = np.linalg.eigh(covariance / scale / scale[:, None])
    return scale[:, None] * vectors * np.sqrt(np.maximum(values, 0.0))


def drawn(known: Laplace, centre: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Coefficients drawn around a fit.

    Those that differ from zero by more than two standard errors are drawn as logarithms
    of their size.
    """
    step = roots(known.covariance) @ rng.normal(size=len(centre))
    if np.isfinite(known.freedom):
        step = step * np.sqrt(known.freedom / rng.chisquare(known.freedom))
    errors = np.sqrt(np.diag(known.covariance))
    sure = np.abs(centre) > _SURE * errors
    scale = np.where(sure, centre, 1.0)
    return np.where(sure, centre * np.exp(step / scale), centre + step)
