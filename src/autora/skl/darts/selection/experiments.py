"""Which observations tell most about the equations that have weight.

The information that an observation is expected to give about which equation is right is
the mutual information of the two (Lindley 1956, Ann. Math. Stat. 27; as a way to tell
models apart Box & Hill 1967, Technometrics 9; with the uncertainty of their coefficients
Cavagnaro, Myung, Pitt & Kujala 2010, Neural Computation 22): how much nearer to 0 the
entropy of the weights is expected to be once the outcome is known. It weighs what the
equations disagree about by the noise, and it is never more than that entropy.

Outcomes are those that the equations expect, each equation as many as its weight asks
for, at equal steps of its probability: with one output and one observation that is the
midpoint rule, and what is averaged, the entropy of the weights afterwards, is bounded.
Several rows are chosen one after the other by what all of them tell together (BatchBALD:
Kirsch, van Amersfoort & Gal 2019, NeurIPS 32). Where coefficients are known, such a choice
has 63 % of the best information at least (Nemhauser, Wolsey & Fisher 1978, Math. Program.
14); where rows must first settle the coefficients, nothing is known of it.

Given the equation, outputs are independent; the errors of an equation whose noise is
estimated follow a t distribution, whose scale is what all rows of an output share.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.special import entr, gammaln, ndtri, stdtrit

from .posterior import Predictive

#: What can be asked: which equation is right, what its coefficients are, or both.
TOPICS = ("equation", "coefficients", "both")
#: Outcomes of all equations together, and the least of one equation.
_OUTCOMES, _FEWEST = 2048, 16
#: Numbers that the outcomes of all rows may take, and of the rows of one block.
_WORK, _BLOCK = 100_000_000, 500_000
#: Weight below which an equation no longer counts.
_NEGLIGIBLE = 1e-6
#: Information, in nats, that is none, and by which rows do not differ.
_NOTHING = 1e-6
#: Least standard deviation of noise, as a share of how far predictions are apart.
_LEAST_NOISE = 1e-6


class _Outcomes(NamedTuple):
    """N results of the rows that were chosen, and what the equations make of them."""

    source: np.ndarray  #: (N,) the equation that expects the outcome
    share: np.ndarray  #: (N,) its probability
    log: np.ndarray  #: (N, m) logarithms of the weights of the equations, not normalised
    centre: np.ndarray  #: (N, m, q, k) coefficients, in units of the columns of root
    spread: np.ndarray  #: (m, q, k, k) their covariance
    distance: np.ndarray  #: (N, m, q) squared error in units of its expected variance
    seen: int  #: rows that were chosen


def information_gain(predictive: Predictive) -> np.ndarray:
    """Information in nats about which equation is right from one observation, (n,).

    Outputs of a row are observed together.
    """
    predictive = _counting(predictive)
    count = _affordable(predictive)
    rng = np.random.default_rng(0)
    return _about_equation(predictive, _before(predictive, count), rng)


def coefficient_gain(predictive: Predictive) -> np.ndarray:
    """Information in nats about an equation's coefficients from one observation, (n,).

    ½ log(1 + root·rootᵀ/noise), averaged by the weights and added up over the outputs.
    Noise counts as known.
    """
    predictive = _counting(predictive)
    return _about_coefficients(predictive, _prior(predictive))


def gains(predictive: Predictive, about: str) -> np.ndarray:
    """Information in nats from one observation about one of `TOPICS`, (n,).

    That about both is the sum, as coefficients are those of one equation.
    """
    found = np.zeros(predictive.mean.shape[1])
    if about != "coefficients":
        found += information_gain(predictive)
    if about != "equation":
        found += coefficient_gain(predictive)
    return found


def chosen(
    predictive: Predictive, count: int, about: str, replace: bool, seed: int
) -> np.ndarray:
    """Rows in the order in which they are chosen, (count,).

    Of the same outcomes each next row is the one with which the rows tell most; of rows
    that tell the same, as all there is to know, the one where predictions are farthest
    apart. Where the first would tell nothing about the equation, all are chosen for the
    coefficients.

    Parameters
    ----------
    about : str
        One of `TOPICS`.
    replace : bool
        Whether a row may be chosen several times.
    """
    first = gains(predictive, about)
    if about == "equation" and first.max(initial=0.0) <= _NOTHING:
        about, first = "coefficients", coefficient_gain(predictive)
    predictive, rng = _counting(predictive), np.random.default_rng(seed)
    seen, spread = _before(predictive, _affordable(predictive)), _prior(predictive)
    free, apart = np.ones(len(first), bool), _apart(predictive)
    rows: list[int] = []
    found = first
    while True:
        rows.append(_best(found, apart, free))
        free[rows[-1]] = replace
        if len(rows) == count:
            return np.array(rows)
        found = np.zeros(len(first))
        if about != "coefficients":
            seen = _after(predictive, seen, rows[-1], rng)
            found += _about_equation(predictive, seen, rng)
        if about != "equation":
            spread = _learned(predictive, spread, rows[-1])
            found += _about_coefficients(predictive, spread)


def _best(gain: np.ndarray, apart: np.ndarray, free: np.ndarray) -> int:
    """The free row with the largest gain; of equals the one that is farthest apart."""
    best = free & (gain >= gain[free].max() - _NOTHING)
    return int(np.argmax(np.where(best, apart, -1.0)))


def _apart(predictive: Predictive) -> np.ndarray:
    """Variance of the predictions over the equations, in that of the noise, (n,)."""
    weight = predictive.weight
    centre = np.tensordot(weight, predictive.mean, 1)
    square = np.tensordot(weight, (predictive.mean - centre) ** 2, 1)
    return (square / (weight @ predictive.noise)).sum(axis=1)


def _counting(predictive: Predictive) -> Predictive:
    """The equations that count, with noise that is not zero."""
    kept = predictive.weight > _NEGLIGIBLE
    weight, mean, root, noise, freedom = (part[kept] for part in predictive)
    apart = float(np.ptp(mean)) if mean.size else 0.0
    least = (_LEAST_NOISE * (apart if apart > 0 else 1.0)) ** 2
    noise = np.maximum(noise, least)
    return Predictive(weight / weight.sum(), mean, root, noise, freedom)


def _affordable(predictive: Predictive) -> int:
    """Outcomes that all rows can have; fewer where equations and rows are many."""
    return int(np.clip(_WORK // predictive.mean.size, _OUTCOMES // 8, _OUTCOMES))


# What is known of the coefficients


def _prior(predictive: Predictive) -> np.ndarray:
    m, _, q, k = predictive.root.shape
    return np.broadcast_to(np.eye(k), (m, q, k, k))


def _learned(predictive: Predictive, spread: np.ndarray, row: int) -> np.ndarray:
    """The covariance of the coefficients once a row is observed."""
    root = predictive.root[:, row]
    along = np.einsum("mqkl,mql->mqk", spread, root)
    total = predictive.noise + np.einsum("mqk,mqk->mq", along, root)
    return spread - along[..., None] * along[..., None, :] / total[..., None, None]


def _variance(predictive: Predictive, spread: np.ndarray, rows: slice) -> np.ndarray:
    """Of an observation, shape (m, rows, q); of t distributions the squared scale."""
    root = predictive.root[:, rows]
    along = np.einsum("mnqk,mqkl->mnql", root, spread)
    own = np.einsum("mnql,mnql->mnq", along, root)
    return predictive.noise[:, None] + np.maximum(own, 0.0)


def _about_coefficients(predictive: Predictive, spread: np.ndarray) -> np.ndarray:
    total = _variance(predictive, spread, slice(None)) / predictive.noise[:, None]
    return predictive.weight @ (0.5 * np.log(total)).sum(axis=2)


# What is known of the equation


def _before(predictive: Predictive, count: int) -> _Outcomes:
    """Before anything is observed: some ``count`` outcomes, by the weights."""
    m, _, q, k = predictive.root.shape
    each = np.maximum(np.rint(count * predictive.weight).astype(int), _FEWEST)
    total = int(each.sum())
    return _Outcomes(
        np.repeat(np.arange(m), each),
        np.repeat(predictive.weight / each, each),
        np.broadcast_to(np.log(predictive.weight), (total, m)),
        np.zeros((total, m, q, k)),
        _prior(predictive),
        np.zeros((total, m, q)),
        0,
    )


def _about_equation(
    predictive: Predictive, seen: _Outcomes, rng: np.random.Generator
) -> np.ndarray:
    """Information about the equation from what was seen and one row more, (n,)."""
    known = float(entr(predictive.weight).sum())
    steps = _steps(predictive, seen, rng)
    found = np.empty(predictive.mean.shape[1])
    for rows in _blocks(predictive, len(seen.source)):
        log = _weighed(predictive, seen, rows, steps)[0]
        weight = np.exp(log - log.max(axis=2, keepdims=True))
        weight /= weight.sum(axis=2, keepdims=True)
        found[rows] = known - seen.share @ entr(weight).sum(axis=2)
    return found


def _blocks(predictive: Predictive, outcomes: int) -> Iterator[slice]:
    """Rows in parts whose outcomes fit into memory."""
    m, n, q = predictive.mean.shape
    size = max(1, _BLOCK // (outcomes * m * q))
    return (slice(start, min(start + size, n)) for start in range(0, n, size))


def _steps(predictive: Predictive, seen: _Outcomes, rng: np.random.Generator) -> np.ndarray:
    """Errors in units of their scale, (N, q): equal steps of probability in any order."""
    n_outputs = predictive.noise.shape[1]
    found = np.empty((len(seen.source), n_outputs))
    for equation, freedom in enumerate(predictive.freedom + seen.seen):
        own = np.flatnonzero(seen.source == equation)
        share = (np.arange(len(own)) + 0.5) / len(own)
        error = stdtrit(freedom, share) if np.isfinite(freedom) else ndtri(share)
        found[own] = np.column_stack([rng.permutation(error) for _ in range(n_outputs)])
    return found


def _weighed(
    predictive: Predictive, seen: _Outcomes, rows: slice, steps: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Logarithms of the weights after an outcome of each row, and the errors.

    Shapes (N, rows, m) and (N, rows, m, q).
    """
    mean = predictive.mean[:, rows].swapaxes(0, 1)
    variance = _variance(predictive, seen.spread, rows).swapaxes(0, 1)
    freedom = (predictive.freedom + seen.seen)[:, None]
    location, scale = mean[None], np.sqrt(variance)[None]
    if seen.seen:
        root = predictive.root[:, rows]
        location = mean + np.einsum("Nmqk,mnqk->Nnmq", seen.centre, root, optimize=True)
        scale = scale * np.sqrt(_stretch(predictive, seen))[:, None]
    at = np.arange(len(steps)), slice(None), seen.source
    shape = (len(steps), *mean.shape)
    middle, width = (np.broadcast_to(part, shape)[at] for part in (location, scale))
    error = (middle + width * steps[:, None])[:, :, None] - location
    density = _log_density(error / scale, freedom) - np.log(scale)
    return seen.log[:, None] + density.sum(axis=3), error


def _stretch(predictive: Predictive, seen: _Outcomes) -> np.ndarray:
    """What outcomes that were seen make of the variance of an equation's noise, (N, m, q).

    1 where it is known; else that of a t distribution given its first values.
    """
    freedom = predictive.freedom[:, None]
    known = ~np.isfinite(freedom)
    least = np.where(known, 1.0, freedom)
    found = (least + seen.distance) / (least + seen.seen)
    return np.where(known, 1.0, found)


def _log_density(error: np.ndarray, freedom: np.ndarray) -> np.ndarray:
    """Of a t distribution of scale 1; normal where the degrees are infinite."""
    normal = ~np.isfinite(freedom)
    if normal.all():
        return -0.5 * (error**2 + np.log(2 * np.pi))
    f = np.where(normal, 1.0, freedom)
    constant = gammaln((f + 1) / 2) - gammaln(f / 2) - 0.5 * np.log(f * np.pi)
    found = constant - (f + 1) / 2 * np.log1p(error**2 / f)
    return np.where(normal, -0.5 * (error**2 + np.log(2 * np.pi)), found)


def _after(
    predictive: Predictive, seen: _Outcomes, row: int, rng: np.random.Generator
) -> _Outcomes:
    """What a row that is chosen makes of the outcomes."""
    rows = slice(row, row + 1)
    log, error = _weighed(predictive, seen, rows, _steps(predictive, seen, rng))
    error, total = error[:, 0], _variance(predictive, seen.spread, rows)[:, 0]
    along = np.einsum("mqkl,mql->mqk", seen.spread, predictive.root[:, row])
    gain = along / total[..., None]
    return seen._replace(
        log=log[:, 0],
        centre=seen.centre + error[..., None] * gain,
        spread=_learned(predictive, seen.spread, row),
        distance=seen.distance + error**2 / total,
        seen=seen.seen + 1,
    )
