"""The computation graph as static, hashable tables.

Nodes are numbered inputs first (0 … d−1), then latent nodes in order (d … d+K−1). Every
latent node has an edge from every input and from every earlier latent node, or several
of them; edges are numbered node by node, sources ascending, parallel copies adjacent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .primitives import Primitive

#: How a latent node may combine what its edges bring.
AGGREGATIONS = ("sum", "product")


def check_aggregations(names: Sequence[str]) -> None:
    if list(names) not in (["sum"], ["product"], ["sum", "product"], ["product", "sum"]):
        raise ValueError(
            f"aggregations must name one or both of {AGGREGATIONS}, each once, "
            f"got {names!r}"
        )


def most_parallel(ends: Iterable[tuple[int, ...]]) -> int:
    """The largest number of edges with the same ends, a source and a target; at least 1."""
    return max(Counter(ends).values(), default=1)


@dataclass(frozen=True)
class SearchSpace:
    """All graphs of ``n_nodes`` latent nodes over ``n_inputs`` inputs.

    Parameters
    ----------
    aggregations : tuple of {"sum", "product"}, default=("sum",)
        What a latent node may do with its edges.
    max_in_degree : int or None, default=None
        Most edges into a latent node that may be switched on.
    n_parallel : int, default=1
        Edges from every source to every target, so that a node may receive x and sin(x).

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
    aggregations: tuple[str, ...] = ("sum",)
    max_in_degree: int | None = None
    n_parallel: int = 1

    def __post_init__(self) -> None:
        check_aggregations(self.aggregations)
        if self.max_in_degree is not None and self.max_in_degree < 1:
            raise ValueError(
                f"max_in_degree must be at least 1, or None for no bound, "
                f"got {self.max_in_degree!r}"
            )
        if self.n_parallel < 1:
            raise ValueError(f"n_parallel must be at least 1, got {self.n_parallel!r}")

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(p.name for p in self.primitives)

    @property
    def n_primitives(self) -> int:
        return len(self.primitives)

    @property
    def n_edges(self) -> int:
        return self.edges_into(self.n_nodes).start

    @property
    def n_aggregations(self) -> int:
        return len(self.aggregations)

    @property
    def max_params(self) -> int:
        return max(1, *(p.n_params for p in self.primitives))

    def edge_number(self, source: int, target: int, copy: int = 0) -> int:
        """Number of an edge from a node, inputs first, to a latent node."""
        if not copy < self.n_parallel:
            raise ValueError(
                f"the space has {self.n_parallel} edges from node {source} to latent node "
                f"{target}, got one more; raise n_parallel"
            )
        return self.edges_into(target).start + source * self.n_parallel + copy

    def edges_into(self, node: int) -> slice:
        """The edges that end at a latent node."""
        start = self.n_parallel * (node * self.n_inputs + node * (node - 1) // 2)
        return slice(start, start + self.n_parallel * (self.n_inputs + node))

    @cached_property
    def sources(self) -> np.ndarray:
        nodes = range(self.n_nodes)
        pairs = np.concatenate([np.arange(self.n_inputs + k) for k in nodes])
        return np.repeat(pairs, self.n_parallel)

    @cached_property
    def targets(self) -> np.ndarray:
        nodes = np.arange(self.n_nodes)
        return np.repeat(nodes, self.n_parallel * (self.n_inputs + nodes))

    @cached_property
    def n_params(self) -> np.ndarray:
        return np.array([p.n_params for p in self.primitives])

    @cached_property
    def none(self) -> int | None:
        """Index of the primitive that switches an edge off, if it is in the vocabulary."""
        return self.names.index("none") if "none" in self.names else None

    @property
    def off(self) -> int:
        """What stands for an edge that is not there: `none`, else −1."""
        return -1 if self.none is None else self.none
