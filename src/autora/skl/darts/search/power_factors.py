"""Powers of inputs that y is a multiple of, read off the data.

Where y = x1·x3^−2·g(x2, x4), it is easier to look for g. In log |y| such an input has a
slope, known to a small fraction of a half, but neither curvature nor interactions: without
its terms a quadratic surface in the logarithms is worse only by what chance explains (an
F-test). The surface need not fit well, for what it lacks depends on the other inputs.
(AI Feynman, Udrescu & Tegmark 2020, asks a neural network for separability instead.)
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.stats import f as f_distribution

#: Rows for every coefficient of the surface, and how many coefficients are affordable.
_ROWS_EACH, _MOST_TERMS = 2, 400
#: Powers are multiples of this, and known to a standard error of a tenth of it.
_STEP, _CERTAIN = 0.5, 0.05
#: An input is no factor where chance alone would explain its terms as rarely as this.
_RARELY = 1e-3
#: Relative rounding errors of log |y|, as a mean square.
_ROUNDING = 1e-26
#: A term that the others span up to this share cannot be told from them.
_SPANNED = 1e-6


def power_factors(x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> dict[int, float]:
    """Inputs that come as a factor, and their powers, the most certain first.

    Parameters
    ----------
    x : ndarray of shape (inputs, n)
    y : ndarray of shape (n,)
        Of one sign.
    weight : ndarray of shape (n,)
    """
    root, target = np.sqrt(weight), np.log(np.abs(y))
    positive = np.all(x > 0, axis=1)
    u = np.where(positive[:, None], np.log(np.where(x > 0, x, 1.0)), x)
    u -= np.average(u, axis=1, weights=weight)[:, None]
    left = [i for i in range(len(x)) if np.ptp(u[i]) > 0]
    found: dict[int, float] = {}
    while left:
        surface = _surface(u[left] * root, target * root, root)
        if surface is None:
            break
        tests = [
            (*_tested(surface, place), i) for place, i in enumerate(left) if positive[i]
        ]
        ratio, power, most = min(tests, default=(np.inf, 0.0, -1))
        if not ratio < 1:
            break
        found[most] = power
        target = target - power * u[most]
        left.remove(most)
    return found


class _Surface(NamedTuple):
    """A quadratic surface through the rows."""

    coefs: np.ndarray
    covariance: np.ndarray  #: of the coefficients, in units of the error's
    terms: list[np.ndarray]  #: of every input, the linear one first
    error: float  #: sum of squares
    spare: float  #: observations less coefficients


def _surface(u: np.ndarray, target: np.ndarray, root: np.ndarray) -> _Surface | None:
    """The surface, inputs and target weighted; None where the rows do not determine it."""
    observations, size = root @ root, (len(u) + 1) * (len(u) + 2) // 2
    if size > min(_MOST_TERMS, observations / _ROWS_EACH, len(root) / _ROWS_EACH):
        return None
    first, second = np.triu_indices(len(u))
    design = np.concatenate([root[None], u, u[first] * u[second] / root]).T
    q, r = np.linalg.qr(design)
    if not (np.abs(np.diag(r)) > _SPANNED * np.linalg.norm(design, axis=0)).all():
        return None
    along, inverse = q.T @ target, np.linalg.inv(r)
    rest = target - q @ along
    error = rest @ rest + _ROUNDING * observations
    quadratic = np.arange(1 + len(u), size)
    terms = [
        np.append(1 + i, quadratic[(first == i) | (second == i)]) for i in range(len(u))
    ]
    covariance, spare = inverse @ inverse.T, float(observations - size)
    return _Surface(inverse @ along, covariance, terms, float(error), spare)


def _tested(surface: _Surface, place: int) -> tuple[float, float]:
    """How much worse an input without bends and with a rounded power is, and the power.

    In units of what chance explains; infinite where the power is uncertain or 0.
    """
    terms = surface.terms[place]
    own = surface.coefs[terms]
    precision = np.linalg.inv(surface.covariance[np.ix_(terms, terms)])
    slope = precision[0] @ own / precision[0, 0]
    unit = np.zeros(len(terms))

    def worse(power: float) -> float:
        unit[0] = power
        return float((own - unit) @ precision @ (own - unit))

    error = surface.error + worse(slope)
    certain = np.sqrt(error / (surface.spare + len(terms)) / precision[0, 0])
    power = float(np.round(slope / _STEP) * _STEP)
    if power == 0 or not certain < _CERTAIN:
        return np.inf, 0.0
    chance = f_distribution.isf(_RARELY, len(terms), surface.spare)
    mean = worse(power) / len(terms)
    return float(mean / (chance * surface.error / surface.spare)), power
