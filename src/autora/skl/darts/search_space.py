"""The computation graph as static, hashable tables.

Nodes are numbered inputs first (0 … d−1), then latent nodes in order (d … d+K−1). Every
latent node has an edge from every input and from every earlier latent node; edges are
numbered node by node, sources ascending.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .primitives import Primitive


@dataclass(frozen=True)
class SearchSpace:
    """All graphs of ``n_nodes`` latent nodes over ``n_inputs`` inputs.

    Attributes
    ----------
    sources, targets : ndarray of shape (n_edges,)
        Edge e runs from node ``sources[e]`` to latent node ``targets[e]`` (0 … K−1).
    n_params : ndarray of shape (n_primitives,)
        Number of coefficients of each primitive.
    """

    n_inputs: int
    n_nodes: int
    n_outputs: int
    primitives: tuple[Primitive, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(p.name for p in self.primitives)

    @property
    def n_primitives(self) -> int:
        return len(self.primitives)

    @property
    def n_edges(self) -> int:
        return self.n_nodes * self.n_inputs + self.n_nodes * (self.n_nodes - 1) // 2

    @property
    def max_params(self) -> int:
        return max(1, *(p.n_params for p in self.primitives))

    def edges_into(self, node: int) -> slice:
        """The edges that end at a latent node."""
        start = node * self.n_inputs + node * (node - 1) // 2
        return slice(start, start + self.n_inputs + node)

    @cached_property
    def sources(self) -> np.ndarray:
        nodes = range(self.n_nodes)
        return np.concatenate([np.arange(self.n_inputs + k) for k in nodes])

    @cached_property
    def targets(self) -> np.ndarray:
        nodes = np.arange(self.n_nodes)
        return np.repeat(nodes, self.n_inputs + nodes)

    @cached_property
    def n_params(self) -> np.ndarray:
        return np.array([p.n_params for p in self.primitives])

    @cached_property
    def none(self) -> int | None:
        """Index of the primitive that switches an edge off, if it is in the vocabulary."""
        return self.names.index("none") if "none" in self.names else None
