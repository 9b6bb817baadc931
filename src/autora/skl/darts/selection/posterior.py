"""Which equations may be right, and what they predict together.

Equations weigh as probable as they are by the criterion, and predict as a mixture (Bayesian
model averaging: Hoeting, Madigan, Raftery & Volinsky 1999, Statist. Sci. 14, equation 1).
Each predicts as Student's t around its fit, linear in its coefficients.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.special import gammaln, ndtr, ndtri, stdtr, stdtrit

from ..fitting.derivatives import columns, latent_nodes
from ..fitting.laplace import Laplace, link_slope, roots
from ..graph.elementary import NUMPY
from ..graph.model import Model
from ..graph.objectives import Objective

#: Probability of an equation that is not worth the time.
LEAST = 1e-3
#: Probability of an equation for whose draws it is asked whether the normal is good.
MAY_BE_DRAWN = 0.01
#: Degrees of freedom from which on Student's t is normal; of steps of a quantile the most,
#: the error of its probability from which one more is enough, and that of rounding.
_NORMAL, _STEPS, _NEAR, _ROUNDING = 1e6, 60, 1e-4, 1e-14
#: Ends of a table of Student's distribution, and its entries.
_FURTHEST, _TABLE = 40.0, 16_001
_SMALLEST = 1e-300


class Belief(NamedTuple):
    """An equation that may be right."""

    weight: float
    model: Model
    laplace: Laplace


class Predictive(NamedTuple):
    """What m equations predict at n rows of q outputs; not finite where undefined."""

    weight: np.ndarray  #: (m,) probability of every equation
    mean: np.ndarray  #: (m, n, q)
    root: np.ndarray  #: (m, n, q, k) R: the coefficients bring the covariance RRᵀ to rows
    noise: np.ndarray  #: (m, q) variance of an observation
    freedom: np.ndarray  #: (m,) degrees of freedom; infinite where the noise is known

    @property
    def variance(self) -> np.ndarray:
        """What the coefficients bring to the mean, shape (m, n, q)."""
        return np.einsum("mnqk,mnqk->mnq", self.root, self.root)


def check_level(level: object) -> None:
    """Raise a ValueError unless it is a probability that an interval can have."""
    able = isinstance(level, (int, float, np.number)) and not isinstance(level, bool)
    if not able or not 0 < level < 1:  # type: ignore[operator]
        raise ValueError(f"level must be a probability between 0 and 1, got {level!r}")


def predictive(
    beliefs: Sequence[Belief], x: np.ndarray, numbers: np.ndarray | None = None
) -> Predictive:
    """Read-out values of the equations, before any link.

    Parameters
    ----------
    x : ndarray of shape (n, inputs)
    numbers : ndarray of shape (n,), default=None
        Numbers of the groups of the rows, −1 of one that is not known; None knows none.
    """
    numbers = np.full(len(x), -1) if numbers is None else numbers
    widest = max(len(b.laplace.places) for b in beliefs)
    n_outputs = len(beliefs[0].model.bias)
    mean = np.full((len(beliefs), len(x), n_outputs), np.nan)
    root = np.zeros((*mean.shape, widest))
    for i, belief in enumerate(beliefs):
        for group in np.unique(numbers) if belief.model.effects is not None else (None,):
            rows = slice(None) if group is None else numbers == group
            mean[i, rows], part = _linear(belief, x[rows], -1 if group is None else group)
            root[i, rows, :, : part.shape[2]] = part
    return Predictive(
        np.array([b.weight for b in beliefs]),
        mean,
        root,
        np.array([b.laplace.noise for b in beliefs]),
        np.array([b.laplace.freedom for b in beliefs]),
    )


def _linear(belief: Belief, x: np.ndarray, group: int) -> tuple[np.ndarray, np.ndarray]:
    """Values (n, outputs) and roots (n, outputs, places) of one group's equation."""
    model, known = belief.model, belief.laplace.of_group(group)
    if model.effects is not None:
        model = model.replace(effects=None) if group < 0 else model.of_group(group)
    model = known.around(model)
    with np.errstate(all="ignore"):
        slopes = columns(model, known.places, *latent_nodes(model, x, True))
        found = np.einsum("pnq,pk->nqk", slopes, roots(known.covariance))
        # A coefficient that is not known at all does not matter where its slope is zero.
        return model.eta(x), np.nan_to_num(found, nan=0.0, posinf=np.inf, neginf=np.inf)


def linked(found: Predictive, objective: Objective) -> Predictive:
    """Of predictions after the link, to first order."""
    with np.errstate(all="ignore"):
        slope = link_slope(objective, found.mean)
        mean, root = objective.link(NUMPY, found.mean), found.root
        if objective.competing:
            common = np.einsum("mnq,mnqk->mnk", mean, root)
            root, slope = root - common[:, :, None, :], mean
        return found._replace(mean=mean, root=root * slope[..., None])


def of_classes(found: Predictive) -> Predictive:
    """Log-odds of every class against all others, from scores under a softmax."""
    with np.errstate(all="ignore"):
        scores = found.mean - found.mean.max(axis=2, keepdims=True)
        share = np.exp(scores)
        share = share / share.sum(axis=2, keepdims=True)
        rest = 1 - share
        mean = np.log(share) - np.log(rest)
        common = np.einsum("mnq,mnqk->mnk", share, found.root)
        root = (found.root - common[:, :, None, :]) / rest[..., None]
    return found._replace(mean=mean, root=root)


def spread(found: Predictive, centre: np.ndarray, observation: bool) -> np.ndarray:
    """Standard deviation of the mixture about ``centre`` (n, q), shape (n, q).

    Infinite where the noise has no variance, with two degrees of freedom or fewer.
    """
    weight = _weights(found)
    variance = found.variance + found.noise[:, None, :] * observation
    with np.errstate(all="ignore"):
        free = found.freedom
        tails = np.where(np.isinf(free), 1.0, free / (free - 2))
        tails = np.where(free > 2, tails, np.inf)[:, None, None]
        variance = np.where(variance > 0, variance * tails, 0.0)
        square = (found.mean - centre) ** 2 + variance
        total = np.where(weight > 0, weight * square, 0.0).sum(axis=0)
        return np.where(weight.sum(axis=0) > 0, np.sqrt(total), np.inf)


def _weights(found: Predictive) -> np.ndarray:
    """Weights (m, n, q) of the equations that are defined at every row."""
    able = np.isfinite(found.mean) & (found.weight[:, None, None] > 0)
    weight = np.where(able, found.weight[:, None, None], 0.0)
    total = weight.sum(axis=0)
    return weight / np.where(total > 0, total, 1.0)


def interval(
    found: Predictive, level: float, noise: np.ndarray | None = None
) -> np.ndarray:
    """Equal-tailed intervals of the mixture, shape (n, q, 2).

    Parameters
    ----------
    noise : ndarray that broadcasts to (m, n, q), default=None
        Variance of an observation at every row; None asks for the mean.
    """
    weight = _weights(found)
    variance = found.variance if noise is None else found.variance + noise
    scale = np.sqrt(np.where(np.isnan(variance), np.inf, variance))
    mean = np.where(weight > 0, found.mean, 0.0)
    shape = mean.shape[1:]
    weight, mean, scale = (part.reshape(len(mean), -1) for part in (weight, mean, scale))
    ends = [
        quantile(weight, mean, scale, found.freedom, (1 + side * level) / 2)
        for side in (-1, 1)
    ]
    # Ends of no width may change places by rounding.
    return np.sort(np.stack(ends, axis=-1).reshape(*shape, 2), axis=-1)


def quantile(
    weight: np.ndarray, mean: np.ndarray, scale: np.ndarray, freedom: np.ndarray, p: float
) -> np.ndarray:
    """Quantiles (n,) of mixtures of Student's t, all else of shape (m, n) but freedom (m,).

    Between the quantiles of the parts by Newton's method, and by bisection where that
    leaves them. A part of which nothing is known has half of its weight at either end.
    """
    wide = (weight > 0) & np.isinf(scale)
    lost = np.where(wide, weight, 0.0).sum(axis=0)
    weight = np.where(wide, 0.0, weight)
    left = weight.sum(axis=0)
    with np.errstate(all="ignore"):
        weight, share = weight / left, (p - lost / 2) / left
    found = np.full(len(left), -np.inf if p < 0.5 else np.inf)
    todo = np.flatnonzero((left > 0) & (share > 0) & (share < 1))
    if not len(todo):
        return found
    weight, mean, share = weight[:, todo], mean[:, todo], share[todo]
    scale = np.where(weight > 0, scale[:, todo], 0.0)
    parts = mean + scale * _t_quantiles(freedom, share)
    low = np.where(weight > 0, parts, np.inf).min(axis=0)
    high = np.where(weight > 0, parts, -np.inf).max(axis=0)
    at = np.einsum("mn,mn->n", weight, parts)
    scale = np.maximum(scale, _SMALLEST)
    for _ in range(_STEPS):
        below, density = _mixture(weight, mean, scale, freedom, at)
        over = below - share
        high, low = np.where(over > 0, at, high), np.where(over > 0, low, at)
        with np.errstate(all="ignore"):
            step = at - over / density
        inside = (step > low) & (step < high)
        done = inside & (np.abs(over) <= _NEAR)
        done |= high - low <= _ROUNDING * np.abs(at)
        at = np.where(inside, step, (low + high) / 2)
        found[todo] = at
        if done.all():
            break
        if 2 * done.sum() > len(done):  # a copy of what is left is worth its time
            left = np.flatnonzero(~done)
            weight, mean, scale = weight[:, left], mean[:, left], scale[:, left]
            low, high, at = low[left], high[left], at[left]
            share, todo = share[left], todo[left]
    return found


def _student(freedom: float, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Student's distribution function and density at z, to a millionth.

    SciPy's would take most of the time of an interval of many rows.
    """
    place = (np.arcsinh(z) + _FURTHEST) * ((_TABLE - 1) / (2 * _FURTHEST))
    place = np.clip(place, 0.0, _TABLE - 1.001)
    left = place.astype(np.int32)
    part, tables = place - left, _t_table(freedom)
    below, density = (t[left] + part * (t[left + 1] - t[left]) for t in tables)
    return below, density


@lru_cache(maxsize=256)
def _t_table(freedom: float) -> tuple[np.ndarray, np.ndarray]:
    """Both at equal steps of arcsinh(z)."""
    z = np.sinh(np.linspace(-_FURTHEST, _FURTHEST, _TABLE))
    with np.errstate(over="ignore"):
        tail = np.exp(-0.5 * (freedom + 1) * np.log1p(z * z / freedom))
    size = gammaln((freedom + 1) / 2) - gammaln(freedom / 2)
    return stdtr(freedom, z), tail * np.exp(size) / np.sqrt(freedom * np.pi)


def _t_quantiles(freedom: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Quantiles (m, n) of standard distributions."""
    every, of = np.unique(share, return_inverse=True)
    found = [
        ndtri(every) if nu > _NORMAL else stdtrit(max(nu, _SMALLEST), every)
        for nu in freedom
    ]
    return np.array(found)[:, of]


def _mixture(
    weight: np.ndarray,
    mean: np.ndarray,
    scale: np.ndarray,
    freedom: np.ndarray,
    x: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Probability (n,) below x and the density there."""
    below, density = np.zeros(len(x)), np.zeros(len(x))
    for w, loc, s, nu in zip(weight, mean, scale, freedom.tolist(), strict=True):
        with np.errstate(all="ignore"):
            z = np.clip((x - loc) / s, -1e100, 1e100)
            if nu > _NORMAL:
                below += w * ndtr(z)
                density += w / s * np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi)
            else:
                share, slope = _student(nu, z)
                below += w * share
                density += w / s * slope
    return below, density
