"""From architecture weights to architectures, and back from what was found to weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

#: Share of the weights' probability that moves to the architectures found.
_LEARNING_RATE = 0.9


def probabilities(alphas: np.ndarray, darts_type: str = "original") -> np.ndarray:
    """Probability of each primitive on each edge, shape (edges, primitives)."""
    alphas = np.asarray(alphas, dtype=float)
    if darts_type == "fair":
        raw = 1 / (1 + np.exp(-np.clip(alphas, -500, 500)))
    else:
        raw = np.exp(alphas - alphas.max(axis=1, keepdims=True))
    return raw / raw.sum(axis=1, keepdims=True)


def weights_from(probability: np.ndarray, darts_type: str = "original") -> np.ndarray:
    """Architecture weights whose probabilities are the given ones."""
    p = np.clip(probability, 1e-6, 1 - 1e-6)
    if darts_type == "fair":
        return np.log(p / (1 - p))
    return np.log(p) - np.log(p).mean(axis=1, keepdims=True)


def mode(alphas: np.ndarray) -> np.ndarray:
    """The strongest primitive of every edge (arXiv 1806.09055, section 2.1)."""
    return np.argmax(alphas, axis=1)


def draw(probability: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One architecture, every edge drawn independently."""
    cumulative = np.cumsum(probability, axis=1)
    u = rng.random((len(probability), 1)) * cumulative[:, -1:]
    return np.argmax(u < cumulative, axis=1)


def attempts(
    alphas: np.ndarray, darts_type: str, strategy: str, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """Architectures in the order in which a strategy would take them.

    The first is the answer; the others stand by for the case that it has no finite value
    on the data. "max" yields the mode, then draws from the most to the least probable.
    """
    probability = probabilities(alphas, darts_type)
    draws = (draw(probability, rng) for _ in range(100))
    if strategy == "sample":
        yield from draws
        return
    yield mode(alphas)
    rows = np.arange(len(probability))
    yield from sorted(draws, key=lambda a: -np.log(probability[rows, a]).sum())


def move_towards(
    alphas: np.ndarray,
    darts_type: str,
    architectures: Sequence[np.ndarray],
    criteria: np.ndarray,
) -> np.ndarray:
    """Architecture weights moved towards the architectures found.

    Half of the moved probability goes to the best architecture, which thereby becomes
    the mode; half to the posterior marginals of all of them under BIC weights (Kass &
    Raftery 1995, J. Am. Stat. Assoc. 90, eq. 9), so that a draw still reflects what else
    the data support.
    """
    probability = probabilities(alphas, darts_type)
    posterior = np.exp(-0.5 * (criteria - criteria.min()))
    posterior /= posterior.sum()
    target = np.zeros_like(probability)
    rows = np.arange(len(probability))
    for architecture, share in zip(architectures, posterior, strict=True):
        target[rows, architecture] += 0.5 * share
    target[rows, architectures[int(np.argmin(criteria))]] += 0.5
    moved = (1 - _LEARNING_RATE) * probability + _LEARNING_RATE * target
    return weights_from(moved, darts_type)
