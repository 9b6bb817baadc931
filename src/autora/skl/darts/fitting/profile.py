"""Intervals of coefficients from the profile of the likelihood.

A coefficient is moved away from the fit while all others follow; its interval ends where
the sum of squares has grown as much as Student's t allows (Bates & Watts 1988, Nonlinear
Regression Analysis, section 6.1). Where the equation is linear in it that is the normal
interval, the estimate ± t standard errors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq, least_squares
from scipy.special import ndtri, stdtrit

from ..graph.grammar import Theory
from ..graph.model import Model
from .coefficients import errors_from
from .derivatives import Place, columns, latent_nodes, values, with_values
from .problem import Problem
from .refit import blocks
from .theories import curve

#: Steps of a fit, times the normal interval that is looked at, and the accuracy of an end
#: as a share of it.
_STEPS, _FURTHEST, _ACCURATE = 100, 1000.0, 1e-4
#: Share of the normal interval by which an end of a normal one may be off; share of a
#: coefficient that is rounding; and a variance that is none.
_NORMAL, _EXACT, _LEAST = 0.1, 1e-10, 1e-300


class Interval(NamedTuple):
    """A coefficient, the ends of its interval, and whether the normal one is as good."""

    best: float
    low: float
    high: float
    normal: bool


class Curve(NamedTuple):
    """An equation at its fit, as a function of its coefficients."""

    best: np.ndarray  #: (coefficients,) the fit
    values: Callable[[np.ndarray, np.ndarray], np.ndarray]  #: of coefficients and x, (n,)
    slopes: Callable[[np.ndarray, np.ndarray], np.ndarray]  #: (coefficients, n)

    def intervals(self, problem: Problem, level: float) -> list[Interval] | None:
        """Of every coefficient; None where rows are too few.

        Infinite where the data set no end.
        """
        rows, best = float(problem.weight.sum()), self.best
        errors, variance, freedom = self._errors(problem)
        if not rows > len(best):
            return None
        limit = width(level, freedom)
        errors_of = _Errors(self, problem, np.sqrt(problem.weight / max(variance, _LEAST)))
        found = []
        for i, error in enumerate(errors.tolist()):
            if not np.isfinite(error):
                low, high = -np.inf, np.inf
            elif not error * limit > _EXACT * abs(best[i]):
                low, high = best[i] - limit * error, best[i] + limit * error
            else:
                low, high = (_end(errors_of, errors, i, s * limit) for s in (-1, 1))
            half = limit * error
            off = max(abs(best[i] - half - low), abs(best[i] + half - high))
            normal = bool(off <= _NORMAL * half)
            found.append(Interval(float(best[i]), float(low), float(high), normal))
        return found

    def _errors(self, problem: Problem) -> tuple[np.ndarray, float, float]:
        """Standard errors, the variance of an observation and its degrees of freedom."""
        known, squares = np.zeros((len(self.best),) * 2), 0.0
        for part in blocks(problem):
            slopes = self.slopes(self.best, part.x)
            known += (slopes * part.weight) @ slopes.T
            rest = self.values(self.best, part.x) - part.y[:, 0]
            squares += float(part.weight @ rest**2)
        freedom = float(problem.weight.sum()) - len(self.best)
        variance = squares / freedom if freedom > 0 else np.inf
        if problem.measured and variance <= problem.floor[0]:
            variance, freedom = float(problem.floor[0]), np.inf
        return errors_from(known, variance), variance, freedom


def of_graph(model: Model, where: Sequence[Place]) -> Curve:
    """A graph of one output with the coefficients that were fitted."""

    def slopes(theta: np.ndarray, x: np.ndarray) -> np.ndarray:
        there = with_values(model, where, theta)
        return columns(there, where, *latent_nodes(there, x, True))[:, :, 0]

    return Curve(
        values(model, where),
        lambda theta, x: with_values(model, where, theta).eta(x)[:, 0],
        slopes,
    )


def of_theory(theory: Theory, constants: np.ndarray) -> Curve:
    """A theory with its constants."""
    every = range(len(constants))
    return Curve(
        constants,
        lambda theta, x: curve(theory, theta, x)[0],
        lambda theta, x: curve(theory, theta, x, every)[1],
    )


class _Errors(NamedTuple):
    """Errors of a curve in units of their standard deviation."""

    curve: Curve
    problem: Problem
    scale: np.ndarray  #: (n,)

    def residual(self, theta: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            rest = self.curve.values(theta, self.problem.x) - self.problem.y[:, 0]
            return rest * self.scale

    def slopes(self, theta: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            return (self.curve.slopes(theta, self.problem.x) * self.scale).T

    def square(self, theta: np.ndarray) -> float:
        with np.errstate(all="ignore"):
            found = float(np.sum(self.residual(theta) ** 2))
        return found if np.isfinite(found) else np.inf


def width(level: float, freedom: float) -> float:
    """Standard errors on both sides of an estimate that have a probability."""
    p = (1 + level) / 2
    return float(ndtri(p) if np.isinf(freedom) else stdtrit(freedom, p))


def _end(errors_of: _Errors, errors: np.ndarray, which: int, limit: float) -> float:
    """Where the sum of squares has grown by the square of ``limit``."""
    best = errors_of.curve.best
    rest, least = np.flatnonzero(np.arange(len(best)) != which), errors_of.square(best)
    known = {0.0: best}

    def excess(step: float) -> float:
        """At so many normal intervals from the fit, from where the nearest step ended."""
        at = known[min(known, key=lambda other: abs(other - step))].copy()
        at[which] = best[which] + step * abs(limit) * errors[which]
        known[step] = found = _refitted(errors_of, at, rest)
        return errors_of.square(found) - least - limit**2

    side, inside = np.sign(limit), 0.0
    outside = float(side)
    while (grown := excess(outside)) < 0:
        inside, outside = outside, 2 * outside
        if abs(outside) > _FURTHEST:
            return float(side * np.inf)
    while not np.isfinite(grown):  # not defined so far away
        middle = (inside + outside) / 2
        if abs(outside - inside) < _ACCURATE:
            return float(best[which] + inside * abs(limit) * errors[which])
        value = excess(middle)
        if value < 0:
            inside = middle
        else:
            outside, grown = middle, value
    step = brentq(excess, inside, outside, xtol=_ACCURATE)
    return float(best[which] + step * abs(limit) * errors[which])


def _refitted(errors_of: _Errors, start: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """The coefficients with all but one fitted again."""
    if not len(rest):
        return start

    def whole(part: np.ndarray) -> np.ndarray:
        found = start.copy()
        found[rest] = part
        return found

    def residual(part: np.ndarray) -> np.ndarray:
        return np.nan_to_num(errors_of.residual(whole(part)), nan=1e100, posinf=1e100)

    def slopes(part: np.ndarray) -> np.ndarray:
        return np.nan_to_num(errors_of.slopes(whole(part))[:, rest], posinf=0.0, neginf=0.0)

    answer = least_squares(
        residual, start[rest], slopes, method="trf", x_scale="jac", max_nfev=_STEPS
    )
    return whole(answer.x)
