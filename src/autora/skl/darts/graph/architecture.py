"""From architecture weights to architectures, and back from what was found to weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.special import softmax

from .search_space import SearchSpace

#: Share of the weights' probability that moves to the architectures found.
_LEARNING_RATE = 0.9


class Choice(NamedTuple):
    """A discrete graph."""

    architecture: np.ndarray  #: (edges,), −1 where an edge is not there
    aggregation: np.ndarray  #: (nodes,)


def probabilities(alphas: np.ndarray, darts_type: str = "original") -> np.ndarray:
    """Probability of each primitive on each edge, shape (edges, primitives)."""
    alphas = np.asarray(alphas, dtype=float)
    if darts_type != "fair":
        return softmax(alphas, axis=1)
    raw = 1 / (1 + np.exp(-np.clip(alphas, -500, 500)))
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


def bounded(
    space: SearchSpace, architecture: np.ndarray, probability: np.ndarray
) -> np.ndarray:
    """The architecture with at most ``space.max_in_degree`` edges into every node.

    Of a node's edges those stay whose chosen primitive has the largest probability.
    """
    if space.max_in_degree is None:
        return architecture
    strength = probability[np.arange(space.n_edges), architecture]
    strength = np.where((architecture == space.off) | (architecture < 0), -1.0, strength)
    result = architecture.copy()
    for node in range(space.n_nodes):
        edges = np.arange(space.n_edges)[space.edges_into(node)]
        weakest_last = edges[np.argsort(-strength[edges], kind="stable")]
        result[weakest_last[space.max_in_degree :]] = space.off
    return result


def attempts(
    space: SearchSpace,
    alphas: np.ndarray,
    node_alphas: np.ndarray,
    darts_type: str,
    strategy: str,
    rng: np.random.Generator,
) -> Iterator[Choice]:
    """Graphs in the order in which a strategy would take them.

    The first is the answer; the others stand by for the case that it has no finite value
    on the data. "max" yields the mode, then draws from the most to the least probable.
    """
    probability = probabilities(alphas, darts_type)
    shares = probabilities(node_alphas)
    nodes, edges = np.arange(space.n_nodes), np.arange(space.n_edges)

    def drawn() -> Choice:
        architecture = bounded(space, draw(probability, rng), probability)
        if space.n_aggregations == 1:
            return Choice(architecture, np.zeros(space.n_nodes, int))
        return Choice(architecture, draw(shares, rng))

    def improbable(choice: Choice) -> float:
        chosen = np.log(probability[edges, choice.architecture])
        combined = np.log(shares[nodes, choice.aggregation])
        return -chosen[choice.architecture >= 0].sum() - combined.sum()

    draws = (drawn() for _ in range(100))
    if strategy == "sample":
        yield from draws
        return
    yield Choice(bounded(space, mode(alphas), probability), mode(node_alphas))
    yield from sorted(draws, key=improbable)


def move_towards(
    alphas: np.ndarray,
    darts_type: str,
    architectures: Sequence[np.ndarray],
    criteria: np.ndarray,
) -> np.ndarray:
    """Architecture weights moved towards the architectures found.

    The weights of a node's aggregations move in the same way as those of an edge's
    primitives. Where an architecture has no choice (−1) the weights stay.

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

    def give(architecture: np.ndarray, share: float) -> None:
        on = architecture >= 0
        target[rows[on], architecture[on]] += share
        target[~on] += share * probability[~on]

    for architecture, share in zip(architectures, posterior, strict=True):
        give(architecture, 0.5 * share)
    give(architectures[int(np.argmin(criteria))], 0.5)
    moved = (1 - _LEARNING_RATE) * probability + _LEARNING_RATE * target
    return weights_from(moved, darts_type)


class Coefs(NamedTuple):
    """Coefficients of the relaxed graph."""

    edge: Any  #: (edges, primitives, max_params)
    readout: Any  #: (nodes, outputs)
    bias: Any  #: (outputs,)
