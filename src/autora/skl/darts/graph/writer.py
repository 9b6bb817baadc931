"""Graphs written node by node: what an expression needs becomes nodes and edges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from .model import Edge, Model
from .objectives import Objective
from .primitives import ARGUMENTS, IDENTITY, Primitive, forms, monomial
from .search_space import SearchSpace, most_parallel
from .specification import SpaceBounds

#: A primitive and its coefficients.
Form = tuple[Primitive, tuple[float, ...]]


class Unwritable(Exception):
    """The vocabulary, the nodes or their edges do not suffice."""


class Piece(NamedTuple):
    """An edge on its way into a node."""

    source: int  #: inputs first
    primitive: Primitive
    coefs: tuple[float, ...] = ()


class GraphWriter:
    """Nodes, grown from the inputs on.

    Parameters
    ----------
    n_inputs : int
    bounds : SpaceBounds
        What the graph may consist of.
    """

    def __init__(self, n_inputs: int, bounds: SpaceBounds) -> None:
        self.n_inputs, self.bounds = n_inputs, bounds
        self.nodes: list[tuple[str, list[Piece]]] = []

    def added(self, aggregation: str, pieces: list[Piece]) -> int:
        """The number of a new latent node."""
        fits = len(pieces) <= self.bounds.max_in_degree
        if len(pieces) > 1:
            fits &= aggregation in self.bounds.aggregations
        if not fits or len(self.nodes) >= self.bounds.max_nodes:
            raise Unwritable
        self.nodes.append((aggregation, pieces))
        return len(self.nodes) - 1

    def affine(self, source: int, slope: float, shift: float) -> Piece:
        """The edge that brings slope·source + shift."""
        found = self.form(IDENTITY, slope, shift)
        if slope == -1 and shift == 0:
            found = self.form(monomial(1.0, -1.0), 1.0, 0.0) or found
        if found is None:
            raise Unwritable
        return Piece(source, *found)

    def form(self, plain: Primitive | None, a: float, b: float) -> Form | None:
        """The primitive that applies a function to a·u + b, with a and b as it needs them.

        It has as few coefficients as the vocabulary allows.
        """
        found, values = forms(plain, self.bounds.primitives), {"slope": a, "shift": b}
        for argument, kinds in ARGUMENTS.items():
            fits = ("slope" in kinds or a == 1) and ("shift" in kinds or b == 0)
            if fits and argument in found:
                return found[argument], tuple(values[kind] for kind in kinds)
        return None

    def plain_form(self, plain: Primitive) -> Primitive:
        """The primitive that applies a function to its source as it is."""
        found = forms(plain, self.bounds.primitives).get("plain")
        if found is None:
            raise Unwritable
        return found

    def model(
        self, weights: Mapping[int, float], bias: float, objective: Objective
    ) -> Model:
        """The nodes as a model of one output, read out with some weights."""
        bounds = self.bounds
        edges = [
            Edge(piece.source, k, piece.primitive, piece.coefs)
            for k, (_, pieces) in enumerate(self.nodes)
            for piece in pieces
        ]
        space = SearchSpace(
            self.n_inputs, max(1, len(self.nodes)), 1, bounds.primitives,
            bounds.aggregations, bounds.max_in_degree,
            most_parallel((edge.source, edge.target) for edge in edges),
        )  # fmt: skip
        readout, shift = np.zeros((space.n_nodes, 1)), np.array([bias])
        readout[list(weights), 0] = list(weights.values())
        kinds = [bounds.aggregations.index(a) if len(p) > 1 else 0 for a, p in self.nodes]
        return Model.from_edges(space, objective, edges, readout, shift, kinds or None)
