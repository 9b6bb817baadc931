"""A discovered model: an architecture plus its coefficients.

Prediction, equation and graph are readings of this one object.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .effects import GroupEffects, Place
from .elementary import NUMPY
from .objectives import Objective
from .primitives import Primitive
from .search_space import SearchSpace


@dataclass(frozen=True)
class Edge:
    """One chosen primitive: ``target`` receives ``primitive(source)``."""

    source: int  #: node number, inputs first
    target: int  #: latent node, 0 … K−1
    primitive: Primitive
    coefs: tuple[float, ...]
    index: int = -1  #: number of the edge in its space


def combine(terms: Sequence[Any], product: bool, zero: Any = 0.0) -> Any:
    """What a latent node makes of its edges, under any reading; 0 without edges.

    A product of nothing is 0 as well, not 1: an unused node never acts as an intercept.
    """
    if product and terms:
        return math.prod(terms[1:], start=terms[0])
    return sum(terms, start=zero)


@dataclass(frozen=True, eq=False)
class Model:
    """A discrete computation graph with coefficients, in double precision.

    Attributes
    ----------
    architecture : ndarray of shape (n_edges,)
        Index of the chosen primitive of every edge; −1 is an edge that is not there.
    edge : ndarray of shape (n_edges, max_params)
        Coefficients of the chosen primitives; unused places are zero.
    readout : ndarray of shape (n_nodes, n_outputs)
    bias : ndarray of shape (n_outputs,)
    aggregation : ndarray of shape (n_nodes,), default=zeros
        Index into ``space.aggregations``: how each latent node combines its edges.
    origin : ndarray of shape (n_inputs,), default=zeros
        Subtracted from the inputs before anything else: columns that lie far from zero, as
        seconds since 1970, lose digits otherwise.
    effects : GroupEffects, default=None
        Coefficients that differ between groups of rows. The number of a row's group is
        then the last column of what the model is evaluated at; without that column the
        coefficients are those of a group that is not known.
    """

    space: SearchSpace
    objective: Objective
    architecture: np.ndarray
    edge: np.ndarray
    readout: np.ndarray
    bias: np.ndarray
    aggregation: Any = None
    origin: Any = None
    effects: GroupEffects | None = None

    def __post_init__(self) -> None:
        if self.aggregation is None:
            nodes = np.zeros(self.space.n_nodes, int)
            object.__setattr__(self, "aggregation", nodes)
        if self.origin is None:
            object.__setattr__(self, "origin", np.zeros(self.space.n_inputs))
        for name in ("architecture", "edge", "readout", "bias", "aggregation", "origin"):
            array = np.array(getattr(self, name))
            array.setflags(write=False)
            object.__setattr__(self, name, array)

    @classmethod
    def from_edges(
        cls,
        space: SearchSpace,
        objective: Objective,
        edges: Iterable[Edge],
        readout: np.ndarray,
        bias: np.ndarray,
        aggregation: Any = None,
    ) -> Model:
        """A model of a space that has just these edges; their ``index`` does not matter.

        Raises
        ------
        ValueError
            If the space has no such primitive, or too few parallel edges.
        """
        architecture = np.full(space.n_edges, space.off)
        coefs = np.zeros((space.n_edges, space.max_params))
        copies: Counter[tuple[int, int]] = Counter()
        for edge in edges:
            ends = edge.source, edge.target
            e = space.edge_number(*ends, copies[ends])
            copies[ends] += 1
            architecture[e] = space.names.index(edge.primitive.name)
            coefs[e, : len(edge.coefs)] = edge.coefs
        return cls(space, objective, architecture, coefs, readout, bias, aggregation)

    def replace(self, **changes: Any) -> Model:
        return replace(self, **changes)

    def with_primitive(self, edge: int, primitive: int) -> Model:
        """The model with another primitive on an edge, by index; −1 takes the edge away.

        It keeps as many of the edge's coefficients as it has use for.
        """
        architecture, coefs = self.architecture.copy(), self.edge.copy()
        architecture[edge] = primitive
        coefs[edge, self.space.n_params[primitive] if primitive >= 0 else 0 :] = 0
        return self.replace(architecture=architecture, edge=coefs)

    @property
    def is_finite(self) -> bool:
        """Whether every coefficient is a number."""
        own = () if self.effects is None else (self.effects.values,)
        parts = (self.edge, self.readout, self.bias, *own)
        return all(bool(np.isfinite(part).all()) for part in parts)

    @property
    def products(self) -> np.ndarray:
        """Which latent nodes multiply what their edges bring, shape (n_nodes,)."""
        multiplies = [name == "product" for name in self.space.aggregations]
        return np.array(multiplies)[self.aggregation]

    @property
    def sizes(self) -> np.ndarray:
        """Number of coefficients of every edge, shape (n_edges,)."""
        on = self.architecture >= 0
        return np.where(on, self.space.n_params[self.architecture], 0)

    def edges(self) -> Iterator[Edge]:
        """The edges that are switched on, node by node."""
        on = (self.architecture >= 0) & (self.architecture != self.space.off)
        for e in np.flatnonzero(on).tolist():
            primitive = self.space.primitives[self.architecture[e]]
            ends = int(self.space.sources[e]), int(self.space.targets[e])
            coefs = tuple(self.edge[e, : primitive.n_params].tolist())
            yield Edge(*ends, primitive, coefs, e)

    def edges_with(self, own: Mapping[Place, Any]) -> list[Edge]:
        """The edges, with something in the place of some of their coefficients."""
        if not own:
            return list(self.edges())
        return [
            replace(
                edge,
                coefs=tuple(
                    own.get(Place("edge", edge.index, i), value)
                    for i, value in enumerate(edge.coefs)
                ),
            )
            for edge in self.edges()
        ]

    def describe(self, input_names: Sequence[str]) -> str:
        """The graph in one line, without coefficients: ``k1 = add(x1) * exp(x2)``.

        What is read out follows unless it is all nodes that no other node reads.
        """
        names = [*input_names, *(f"k{k + 1}" for k in range(self.space.n_nodes))]
        live, edges, parts = self.live_nodes(), self.live_edges(), []
        for k in sorted(live):
            terms = [
                f"{edge.primitive.name}({names[edge.source]})"
                for edge in edges
                if edge.target == k
            ]
            parts.append(
                f"k{k + 1} = " + (" * " if self.products[k] else " + ").join(terms)
            )
        used = {edge.source - self.space.n_inputs for edge in edges}
        reads = [set(np.flatnonzero(column).tolist()) for column in self.readout.T]
        if any(read != live - used for read in reads):
            for q, read in enumerate(reads):
                output = "y" if len(reads) == 1 else f"y{q + 1}"
                terms = [f"k{k + 1}" for k in sorted(read)]
                parts.append(f"{output} = " + (" + ".join(terms) or "0"))
        return "; ".join(parts)

    def live_nodes(self) -> set[int]:
        """Latent nodes that reach the output, directly or through others."""
        live = {int(k) for k in np.flatnonzero(np.any(self.readout != 0, axis=1))}
        if self.effects is not None:  # their mean may be 0
            live |= {place.row for place in self.effects.places if place.kind == "readout"}
        for edge in reversed(list(self.edges())):
            source = edge.source - self.space.n_inputs
            if edge.target in live and source >= 0:
                live.add(source)
        return live

    def live_edges(self) -> list[Edge]:
        """The edges that are switched on and reach the output."""
        live = self.live_nodes()
        return [edge for edge in self.edges() if edge.target in live]

    def evaluate(
        self,
        m: Any,
        inputs: list[Any],
        zero: Any = 0.0,
        edges: Sequence[Edge] | None = None,
    ) -> list[Any]:
        """Values of the latent nodes under any reading ``m`` of the formulas.

        ``edges`` stand in for those of the model, with other coefficients.
        """
        pairs = zip(inputs, self.origin.tolist(), strict=True)
        values = [x - start if start else x for x, start in pairs]
        products = self.products
        edges = list(self.edges()) if edges is None else edges
        for node in range(self.space.n_nodes):
            terms = [
                edge.primitive(m, values[edge.source], *edge.coefs)
                for edge in edges
                if edge.target == node
            ]
            values.append(combine(terms, products[node], zero))
        return values[self.space.n_inputs :]

    def columns_of(self, x: np.ndarray) -> tuple[np.ndarray, dict[Place, np.ndarray]]:
        """The inputs (n, inputs), and the coefficients that differ between groups (n,)."""
        d, effects, own = self.space.n_inputs, self.effects, {}
        if effects is not None and x.shape[1] > d:
            middle = np.array([getattr(self, p.kind)[p.at] for p in effects.places])
            rows = effects.of_rows(x[:, d].astype(int), middle)
            own = dict(zip(effects.places, rows.T, strict=True))
        return x[:, :d] if x.shape[1] == d + 1 else x, own

    def weights(self, output: int, own: Mapping[Place, Any]) -> dict[int, Any]:
        """The read-out of one output by the nodes that it sees, some of it another's."""
        column = self.readout[:, output].tolist()
        found = {k: own.get(Place("readout", k, output), w) for k, w in enumerate(column)}
        return {
            k: weight
            for k, weight in found.items()
            if column[k] != 0 or Place("readout", k, output) in own
        }

    def intercept(self, output: int, own: Mapping[Place, Any]) -> Any:
        """The bias of one output, or what stands in its place."""
        return own.get(Place("bias", 0, output), float(self.bias[output]))

    def eta(self, x: np.ndarray) -> np.ndarray:
        """Read-out values of shape (n, outputs), before the link."""
        x = np.asarray(x, dtype=float)
        with np.errstate(all="ignore"):
            if self.effects is not None:
                return self._grouped_eta(x)
            inputs = self.columns_of(x)[0]
            nodes = self.evaluate(NUMPY, list(inputs.T), np.zeros(len(x)))
            return np.stack(nodes, axis=1) @ self.readout + self.bias

    def _grouped_eta(self, x: np.ndarray) -> np.ndarray:
        inputs, own = self.columns_of(x)
        edges = self.edges_with(own)
        nodes = self.evaluate(NUMPY, list(inputs.T), np.zeros(len(x)), edges)
        eta = np.zeros((len(x), self.space.n_outputs))
        for q in range(self.space.n_outputs):
            eta[:, q] = self.intercept(q, own)
            for k, weight in self.weights(q, own).items():
                eta[:, q] += weight * nodes[k]
        return eta

    def with_shift(self, amount: np.ndarray, origin: Any) -> Model:
        """What predicts an amount more, from inputs that are counted from an origin."""
        effects = self.effects
        if effects is not None:
            effects = effects.with_added("bias", amount)
        return self.replace(origin=origin, bias=self.bias + amount, effects=effects)

    def of_group(self, number: int) -> Model:
        """The model of one group, without those of others."""
        if self.effects is None:
            return self
        arrays = {kind: getattr(self, kind).copy() for kind in ("edge", "readout", "bias")}
        for place, value in zip(
            self.effects.places, self.effects.values[number], strict=True
        ):
            arrays[place.kind][place.at] = value
        return self.replace(effects=None, **arrays)

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Predictions of shape (n, outputs); not finite outside the equation's domain."""
        with np.errstate(all="ignore"):
            return self.objective.link(NUMPY, self.eta(x))


def in_degrees(model: Model) -> list[int]:
    counts = Counter(edge.target for edge in model.edges())
    return [counts[k] for k in range(model.space.n_nodes)]


def same_graph(model: Model, other: Model) -> bool:
    """Whether two models are the same graph; a lone edge adds or multiplies alike."""
    if model.space != other.space:
        return False
    many = np.array(in_degrees(other)) > 1
    return bool(
        np.array_equal(model.architecture, other.architecture)
        and np.array_equal(model.aggregation[many], other.aggregation[many])
    )


def same_equation(model: Model, other: Model) -> bool:
    """Whether two models are the same graph and read the same nodes out."""
    read = np.array_equal(model.readout != 0, other.readout != 0)
    return model is other or (same_graph(model, other) and read)
