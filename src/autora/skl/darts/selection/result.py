"""What a fit leaves behind, whichever search it was."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from ..graph.architecture import move_towards, probabilities
from ..graph.model import Model
from ..graph.objectives import Objective
from ..graph.search_space import SearchSpace
from .candidates import Candidate
from .pareto import Row


class Network(NamedTuple):
    """The architecture weights after a fit, and the space they belong to."""

    space: SearchSpace
    objective: Objective
    darts_type: str
    state: Any  #: with `alphas` and `node_alphas`

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
    history: Any  #: `SearchHistory`, or `bilevel.History` of a mixture
    candidates: list[Candidate]
    converged: bool
    rows: list[Row] = []  # noqa: RUF012 - never changed
    interruption: KeyboardInterrupt | None = None  #: what ended the fit before its time


def warn_constant(stacklevel: int) -> None:
    warnings.warn(
        "no architecture of this search space has finite values on all rows, so the "
        "model is the best constant; add primitives that are defined on these data "
        "(ln needs positive, reciprocal non-zero arguments) or rescale X",
        ConvergenceWarning,
        stacklevel=stacklevel + 1,
    )
