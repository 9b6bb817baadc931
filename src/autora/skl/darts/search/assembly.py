"""Models from parts of other models: their latent nodes side by side in one graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..graph.model import Edge, Model
from ..graph.objectives import Objective
from ..graph.primitives import IDENTITY, forms, monomial
from ..graph.search_space import SearchSpace, most_parallel


class Part(NamedTuple):
    """Some latent nodes of a model that a read-out sees, with all that they need."""

    model: Model
    reads: tuple[int, ...]

    @property
    def nodes(self) -> list[int]:
        """The nodes, in the order of their evaluation."""
        needed, first = set(self.reads), self.model.space.n_inputs
        for edge in reversed(list(self.model.edges())):
            if edge.target in needed and edge.source >= first:
                needed.add(edge.source - first)
        return sorted(needed)

    def edges(self, offset: int = 0) -> list[Edge]:
        """The edges into these nodes, which are numbered from ``offset`` on."""
        new = {k: offset + i for i, k in enumerate(self.nodes)}
        first = self.model.space.n_inputs

        def source(old: int) -> int:
            return old if old < first else first + new[old - first]

        return [
            Edge(source(edge.source), new[edge.target], edge.primitive, edge.coefs)
            for edge in self.model.edges()
            if edge.target in new
        ]

    @property
    def key(self) -> tuple:
        """Equal for equal structures, whatever their coefficients."""
        edges = self.edges()
        counts = np.bincount([e.target for e in edges], minlength=len(self.nodes))
        products = self.model.products[self.nodes] & (counts > 1)
        reads = [self.nodes.index(k) for k in self.reads]
        shape = sorted((e.target, e.source, e.primitive.name) for e in edges)
        return tuple(shape), tuple(products.tolist()), tuple(reads)


def with_canonical_signs(model: Model) -> Model:
    """The same function with fewer signs: −x·y read by −w is x·y read by w."""
    space, edges = model.space, list(model.edges())
    pair = [forms(p, space.primitives) for p in (IDENTITY, monomial(1.0, -1.0))]
    if not all("plain" in found for found in pair):
        return model
    plus, minus = (space.primitives.index(found["plain"]) for found in pair)
    architecture, readout = model.architecture.copy(), model.readout.copy()
    for k in {edge.target for edge in edges} - {e.source - space.n_inputs for e in edges}:
        into = np.arange(space.n_edges)[space.edges_into(k)]
        negative = into[architecture[into] == minus]
        count = sum(edge.target == k for edge in edges)
        if model.products[k] and count > 1:
            readout[k] *= (-1) ** len(negative)
        elif len(negative) == count:
            readout[k] *= -1
        else:
            continue
        architecture[negative] = plus
    return model.replace(architecture=architecture, readout=readout)


def whole(model: Model) -> Part:
    """All that the read-out sees."""
    seen = np.flatnonzero(np.any(model.readout != 0, axis=1))
    return Part(model, tuple(int(k) for k in seen))


def space_for(
    groups: Sequence[Sequence[Part]], like: SearchSpace, n_outputs: int
) -> SearchSpace:
    """The smallest space in which every group can be assembled."""
    models = {id(part.model): part.model for group in groups for part in group}
    ends = ((i, e.source, e.target) for i, model in models.items() for e in model.edges())
    return SearchSpace(
        like.n_inputs,
        max(1, *(sum(len(part.nodes) for part in group) for group in groups), 1),
        n_outputs,
        like.primitives,
        like.aggregations,
        like.max_in_degree,
        most_parallel(ends),
    )


def assembled(
    parts: Sequence[Part],
    space: SearchSpace,
    objective: Objective,
    readouts: Sequence[np.ndarray],
    bias: np.ndarray,
) -> Model:
    """A model of a space with the parts' nodes one after the other.

    Parameters
    ----------
    readouts : sequence of ndarray of shape (reads, outputs), one per part
    bias : ndarray of shape (outputs,)
    """
    edges: list[Edge] = []
    aggregation = np.zeros(space.n_nodes, int)
    weights = np.zeros((space.n_nodes, space.n_outputs))
    offset = 0
    for part, readout in zip(parts, readouts, strict=True):
        nodes = part.nodes
        aggregation[offset : offset + len(nodes)] = part.model.aggregation[nodes]
        edges += part.edges(offset)
        weights[[offset + nodes.index(k) for k in part.reads]] = readout
        offset += len(nodes)
    return Model.from_edges(space, objective, edges, weights, bias, aggregation)
