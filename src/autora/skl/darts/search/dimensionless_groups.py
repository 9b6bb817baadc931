"""Dimensionless groups of columns, and models of groups written in the columns again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations, combinations_with_replacement, islice
from typing import NamedTuple

import numpy as np

from ..graph.dimensions import Dimensions, rank
from ..graph.model import Edge, Model
from ..graph.primitives import IDENTITY, Primitive, monomial
from ..graph.search_space import SearchSpace, most_parallel

#: Most edges that a power of a column is written with.
_MOST_EDGES = 6
#: Sets of columns that are tried as repeating variables.
_MOST_TRIED = 2000
#: Exponents are multiples of this.
_PART = 0.5
#: How much sizes of weights that may be one may differ.
_ALIKE = 0.2


class DimensionlessGroups(NamedTuple):
    """Dimensionless products of powers of the columns, and one with the unit of y."""

    powers: np.ndarray  #: (groups, inputs)
    scale: np.ndarray  #: (inputs,)

    def values(self, x: np.ndarray) -> np.ndarray:
        """Values of the groups, shape (n, groups)."""
        return products(x, self.powers)


def products(x: np.ndarray, powers: np.ndarray) -> np.ndarray:
    """Products of powers of columns, a column for every row of ``powers``."""
    found = np.empty((len(x), len(powers)))
    with np.errstate(all="ignore"):
        for column, row in zip(found.T, powers, strict=True):
            column[:] = np.prod(x**row, axis=1)
    return found


def groups_of(dimensions: Dimensions, positive: np.ndarray) -> list[DimensionlessGroups]:
    """Ways to make dimensionless groups, those with small whole exponents first.

    Some columns, all ``positive`` and of independent units, take the units away from every
    other column and from y (the repeating variables of dimensional analysis). Of columns
    with the same unit the first serves.
    """
    units, output = dimensions.inputs, dimensions.outputs[0]
    independent = rank(units)
    found: list[tuple[float, DimensionlessGroups]] = []
    _, first = np.unique(units[positive], axis=0, return_index=True)
    able = np.flatnonzero(positive)[np.sort(first)].tolist()
    for repeated in islice(combinations(able, independent), _MOST_TRIED):
        basis = units[list(repeated)]
        if rank(basis) < independent:
            continue
        others = [i for i in range(len(units)) if i not in repeated]
        targets = np.concatenate([-units[others], output[None]])
        solved = np.linalg.lstsq(basis.T, targets.T, rcond=None)[0].T
        solved = np.round(solved / _PART) * _PART
        if not np.allclose(solved @ basis, targets, atol=1e-6):
            continue
        powers = np.zeros((len(targets), len(units)))
        powers[:, list(repeated)] = solved
        powers[np.arange(len(others)), others] = 1.0
        price = np.abs(powers).sum() + 10 * np.count_nonzero(powers % 1)
        found.append((float(price), DimensionlessGroups(powers[:-1], powers[-1])))
    return [groups for _, groups in sorted(found, key=lambda pair: pair[0])]


class _Node(NamedTuple):
    """A node on its way to the columns."""

    product: bool
    edges: list[Edge]
    powers: np.ndarray  #: (inputs,) what a product has of the columns beside its edges


class _Writer:
    """A model of the groups, written as one of the columns.

    A product takes in powers of groups, and what the read-out sees takes in the scale.
    """

    def __init__(self, groups: DimensionlessGroups, model: Model) -> None:
        self.groups, self.model = groups, model
        self.nodes: list[_Node] = []
        self.places: dict[int, int] = {}  #: of sources of the model that are nodes here

    def _added(self, node: _Node) -> int:
        self.nodes.append(node)
        return len(self.groups.scale) + len(self.nodes) - 1

    def _source(self, old: int) -> int:
        """The column or node that stands for a source of the model."""
        if old in self.places:
            return self.places[old]
        powers = self.groups.powers[old]
        if np.count_nonzero(powers) == 1 and powers.max() == 1:
            return int(np.argmax(powers))
        self.places[old] = self._added(_Node(True, [], powers))
        return self.places[old]

    def _node(self, node: int, into: Sequence[Edge], scale: np.ndarray) -> int:
        """A node of the model; what multiplies it comes along."""
        product = bool(self.model.products[node]) or len(into) == 1
        powers, edges = np.zeros(len(self.groups.scale)), list[Edge]()
        for edge in into:
            is_group = edge.source < len(self.groups.powers)
            if product and is_group and _is_power(edge.primitive):
                exponent = edge.primitive.exponent
                powers = powers + exponent * self.groups.powers[edge.source]
            else:
                edges.append(replace(edge, source=self._source(edge.source)))
        if product:
            return self._added(_Node(True, edges, powers + scale))
        place = self._added(_Node(False, edges, powers))
        if scale.any():
            whole = Edge(place, 0, IDENTITY, ())
            place = self._added(_Node(True, [whole], scale))
        return place

    def written(self) -> tuple[list[_Node], dict[int, float], float]:
        """Nodes, their weights in the read-out and the intercept."""
        model, scale = self.model, self.groups.scale
        n_groups, nothing = len(self.groups.powers), np.zeros(len(scale))
        live, weights, bias = model.live_edges(), dict[int, float](), float(model.bias[0])
        feeds = {edge.source - n_groups for edge in live}
        for node in sorted({edge.target for edge in live}):
            weight, into = model.readout[node, 0], [e for e in live if e.target == node]
            if node in feeds:
                self.places[n_groups + node] = self._node(node, into, nothing)
            if weight:
                weights[self._node(node, into, scale)] = float(weight)
        if bias and scale.any():
            weights[self._added(_Node(True, [], scale))] = bias
            bias = 0.0
        return self.nodes, weights, bias


def _is_power(primitive: Primitive) -> bool:
    """Whether it is x^p and nothing more."""
    return bool(primitive.exponent and primitive.factor == 1 and not primitive.params)


def _edges(
    node: _Node, target: int, monomials: dict[float, Primitive]
) -> list[Edge] | None:
    """The edges of a node; None where powers cannot be written with the vocabulary."""
    found = [replace(edge, target=target) for edge in node.edges]
    for column, power in enumerate(node.powers.tolist()):
        parts = _monomials(power, monomials)
        if parts is None:
            return None
        found += [Edge(column, target, p, ()) for p in parts]
    return found


def _monomials(power: float, known: dict[float, Primitive]) -> list[Primitive] | None:
    """The fewest functions of x whose product is a power of x."""
    for count in range(_MOST_EDGES + 1):
        for exponents in combinations_with_replacement(sorted(known), count):
            if abs(sum(exponents) - power) < 1e-9:
                return [known[exponent] for exponent in exponents]
    return None


def in_columns(model: Model, groups: DimensionlessGroups) -> Model | None:
    """A model of the groups as one of the columns; None where it cannot be written."""
    primitives = model.space.primitives
    monomials = {float(p.exponent or 0): p for p in primitives if _is_power(p)}
    nodes, weights, bias = _Writer(groups, model).written()
    n_inputs, edges = len(groups.scale), list[Edge]()
    for target, node in enumerate(nodes):
        own = _edges(node, target, monomials)
        if not own:  # a power of columns that is no function of them
            return None
        edges += own
    readout = np.zeros((max(1, len(nodes)), 1))
    for place, weight in weights.items():
        readout[place - n_inputs, 0] = weight
    products = np.array([node.product for node in nodes] or [False])
    return _model(n_inputs, edges, readout, bias, products, model)


def _model(
    n_inputs: int,
    edges: Sequence[Edge],
    readout: np.ndarray,
    bias: float,
    products: np.ndarray,
    like: Model,
) -> Model:
    """A model in the smallest space that has its edges."""
    into = np.bincount([edge.target for edge in edges], minlength=1)
    copies = most_parallel((edge.source, edge.target) for edge in edges)
    space = SearchSpace(
        n_inputs, len(readout), 1, like.space.primitives, ("sum", "product"),
        max(1, int(into.max())), copies,
    )  # fmt: skip
    kinds = products.astype(int)
    return Model.from_edges(space, like.objective, edges, readout, np.array([bias]), kinds)


def tied(model: Model) -> Model | None:
    """A model whose read-out weights of about the same size are one; None without any.

    What a choice of groups takes apart, as m·v² and m·u² in m·v²·(1 + u²/v²), belongs
    together in a sum.
    """
    weights, n_inputs = model.readout[:, 0], model.space.n_inputs
    sizes, names = np.abs(weights), model.space.names
    near = np.abs(sizes[:, None] - sizes) <= _ALIKE * sizes
    near &= (sizes > 0)[:, None] & (sizes > 0)
    together = near[int(np.argmax(near.sum(axis=1)))]
    signs = [monomial(1.0, factor) for factor in (1.0, -1.0)]
    able = all(sign is not None and sign.name in names for sign in signs)
    if together.sum() < 2 or not able:
        return None
    node, members = len(weights), np.flatnonzero(together).tolist()
    first = weights[members[0]]
    edges = list(model.edges())
    for k in members:
        sign = signs[int(weights[k] * first < 0)]
        assert sign is not None
        edges.append(Edge(n_inputs + k, node, sign, ()))
    readout = np.append(np.where(together, 0.0, weights), first)[:, None]
    products = np.append(model.products, False)
    return _model(n_inputs, edges, readout, float(model.bias[0]), products, model)
