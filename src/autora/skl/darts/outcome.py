"""What a fit leaves behind, whichever search it was."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from . import relax
from .candidates import Candidate
from .discretise import move_towards, probabilities
from .model import Model
from .objectives import Objective
from .search_space import SearchSpace
from .selection import Row


class Network(NamedTuple):
    """The architecture weights after a fit, and the space they belong to."""

    space: SearchSpace
    objective: Objective
    darts_type: str
    state: Any  #: a `relax.State`, or the `openfit.Weights` of an open search

    @property
    def alphas(self) -> np.ndarray:
        """Architecture weights, shape (edges, primitives)."""
        return np.asarray(self.state.alphas)

    @property
    def node_alphas(self) -> np.ndarray:
        """Architecture weights of the nodes, shape (nodes, aggregations)."""
        if self.state.node_alphas is None:
            return np.zeros((self.space.n_nodes, self.space.n_aggregations))
        return np.asarray(self.state.node_alphas)

    @property
    def weights(self) -> np.ndarray:
        """Probability of every primitive on every edge, shape (edges, primitives)."""
        return probabilities(self.alphas, self.darts_type)

    @property
    def node_weights(self) -> np.ndarray:
        """Probability of every aggregation at every node, shape (nodes, aggregations)."""
        return probabilities(self.node_alphas)

    def moved_to(self, model: Model) -> Network:
        """The network with its weights moved towards a model of its space."""
        alphas, nodes = self.alphas, self.node_alphas
        one = np.zeros(1)
        moved = move_towards(alphas, self.darts_type, [model.architecture], one)
        changes = {"alphas": moved.astype(alphas.dtype)}
        if self.state.node_alphas is not None:
            moved = move_towards(nodes, "original", [model.aggregation], one)
            changes["node_alphas"] = moved.astype(nodes.dtype)
        return self._replace(state=self.state._replace(**changes))


class Observer(NamedTuple):
    """Callbacks of a fit; the defaults watch nothing."""

    epochs: Callable[[int, relax.History], None] = lambda first, history: None
    candidate: Callable[[Candidate], None] = lambda best: None


class SearchHistory(NamedTuple):
    """The best equation after every generation of an open search; shapes (generations,).

    "Best" is by criterion, as everywhere in the search.
    """

    refits: np.ndarray  #: graphs refitted so far
    error: np.ndarray  #: loss of the best so far, as a share of the best constant's
    criterion: np.ndarray  #: of the best so far, see `criteria`


class Result(NamedTuple):
    network: Network
    model: Model
    history: relax.History | SearchHistory
    candidates: list[Candidate]
    converged: bool
    rows: list[Row] = []  # noqa: RUF012 - never changed
    interruption: KeyboardInterrupt | None = None  #: what ended the fit before its time


class Trained(NamedTuple):
    """A mixture after its epochs."""

    state: relax.State
    history: relax.History
    interruption: KeyboardInterrupt | None = None  #: what ended them early


def joined(parts: Sequence[relax.History], axis: int = 0) -> relax.History:
    """The histories of epochs that followed one another as one; ``axis`` is theirs."""
    fields = zip(*parts, strict=True)
    return relax.History(*(np.concatenate(field, axis) for field in fields))


def no_history(alphas: np.ndarray) -> relax.History:
    """The history of a fit without epochs."""
    empty = np.zeros(0, np.float32)
    return relax.History(empty, empty, np.zeros((0, *alphas.shape)))


def warn_constant(stacklevel: int) -> None:
    warnings.warn(
        "no architecture of this search space has finite values on all rows, so the "
        "model is the best constant; add primitives that are defined on these data "
        "(ln needs positive, reciprocal non-zero arguments) or rescale X",
        ConvergenceWarning,
        stacklevel=stacklevel + 1,
    )
