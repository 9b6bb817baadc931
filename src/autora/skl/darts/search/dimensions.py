"""Units of the data in the search: rows for the compiled loops, and those of a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..fitting.derivatives import Place
from ..graph.dimensions import UNIT_RULES, Dimensions, UnitRule, unit_rule
from ..graph.model import Edge, Model, in_degrees
from ..graph.primitives import Primitive
from .kernels import arrays


def unit_rows(
    dimensions: Dimensions | None, primitives: Sequence[Primitive], n_nodes: int
) -> arrays.Dimensions:
    """What the compiled loops need to know of units; empty rows without units."""
    if dimensions is None:
        empty, nothing = np.zeros((0, 0)), np.zeros(0, np.int64)
        return arrays.Dimensions(empty, empty, 0, 0, nothing, np.zeros(0))
    rules = [unit_rule(p, dimensions.numbers_only) for p in primitives]
    return _rows(dimensions, rules, n_nodes)


def of_inputs(units: arrays.Dimensions, index: np.ndarray) -> arrays.Dimensions:
    """Rows of some of the inputs."""
    return units._replace(inputs=units.inputs[index]) if units.n_bases else units


def _rows(
    dimensions: Dimensions, rules: Sequence[UnitRule], n_nodes: int
) -> arrays.Dimensions:
    """Exponents of base units, of the columns' units, and factors of variables."""
    given = np.concatenate([dimensions.inputs, dimensions.outputs])
    known = np.isfinite(given).all(axis=1)
    (count, n_bases), unknown = given.shape, np.flatnonzero(~known)
    n_constants = n_bases + count
    rows = np.zeros((count, n_constants + len(unknown) + n_nodes))
    rows[:, :n_bases] = np.where(known[:, None], given, 0.0)
    rows[:, n_bases:n_constants] = np.eye(count)
    rows[unknown, n_constants + np.arange(len(unknown))] = 1.0
    inputs, outputs = np.split(rows, [len(dimensions.inputs)])
    kinds = np.array([UNIT_RULES.index(rule.kind) for rule in rules], np.int64)
    degrees = np.array([rule.degree for rule in rules], float)
    return arrays.Dimensions(inputs, outputs, n_bases, n_constants, kinds, degrees)


class _Edges(NamedTuple):
    """The edges of a model with what each does to units; exponents are as fitted."""

    edges: list[Edge]
    rules: list[UnitRule]

    @classmethod
    def of(cls, model: Model, numbers_only: bool) -> _Edges:
        edges = model.live_edges()
        rules = [unit_rule(edge.primitive, numbers_only) for edge in edges]
        for i, edge in enumerate(edges):
            if rules[i].kind == "fitted":
                exponent = edge.coefs[edge.primitive.params.index("exponent")]
                rules[i] = UnitRule("power", exponent)
        return cls(edges, rules)


def _solved(
    model: Model, dimensions: Dimensions, edges: _Edges
) -> tuple[np.ndarray, np.ndarray] | None:
    """Units of sources and outputs by those of the columns; None where they contradict."""
    from .kernels.dimensions import assigned

    n_nodes = model.space.n_nodes
    shape = n_nodes, max(1, *in_degrees(model))
    src, op, filled = np.zeros(shape, np.int64), np.full(shape, -1, np.int64), [0] * n_nodes
    for i, edge in enumerate(edges.edges):
        place = edge.target, filled[edge.target]
        src[place], op[place] = edge.source, i
        filled[edge.target] += 1
    units = _rows(dimensions, edges.rules, n_nodes)
    use = np.ascontiguousarray((model.readout != 0) & dimensions.fixed_readout)
    rows, agree = assigned(model.products.astype(np.int64), src, op, use, units)
    if dimensions.numbers_only and model.bias.any():
        agree = agree and not np.any(units.outputs[model.bias != 0, : units.n_bases])
    columns = slice(units.n_bases, units.n_constants)
    return (rows[:, columns], units.outputs[:, columns]) if agree else None


def agrees(model: Model, dimensions: Dimensions | None) -> bool:
    """Whether the coefficients of a model can be given units."""
    if dimensions is None:
        return True
    edges = _Edges.of(model, dimensions.numbers_only)
    return _solved(model, dimensions, edges) is not None


def coefficient_units(
    model: Model, dimensions: Dimensions, where: Sequence[Place]
) -> np.ndarray:
    """Units of coefficients as exponents of those of the inputs and the outputs.

    Shape (coefficients, inputs + outputs). A model whose units do not agree has NaN.
    """
    edges = _Edges.of(model, dimensions.numbers_only)
    n_inputs, count = model.space.n_inputs, len(dimensions.inputs) + len(dimensions.outputs)
    solved = _solved(model, dimensions, edges)
    if solved is None:
        return np.full((len(where), count), np.nan)
    rows, outputs = solved
    found = np.zeros((len(where), count))
    if dimensions.numbers_only:
        return found
    brought = _brought(model, edges, rows)
    for i, place in enumerate(where):
        if place.kind == "bias":
            found[i] = outputs[place.column]
        elif place.kind == "readout":
            found[i] = outputs[place.column] - rows[n_inputs + place.row]
        elif place.row in brought:
            edge, argument = brought[place.row]
            kind = edge.primitive.params[place.column]
            source = rows[edge.source]
            units = {"slope": argument - source, "shift": argument}
            if kind == "shape" and edge.primitive.plain.homogeneous:
                units["shape"] = -argument
            found[i] = units.get(kind, np.zeros(count))
    return found


def _brought(
    model: Model, edges: _Edges, rows: np.ndarray
) -> dict[int, tuple[Edge, np.ndarray]]:
    """Of every edge, by its number, the unit of what its plain function is applied to."""
    n_inputs, products, found = model.space.n_inputs, model.products, {}
    for node in range(model.space.n_nodes):
        into = [(e, r) for e, r in zip(*edges, strict=True) if e.target == node]
        left = rows[n_inputs + node].copy()
        if products[node] and len(into) > 1:
            for edge, rule in into:
                if rule.kind != "any":
                    left -= rule.degree * rows[edge.source]
        for edge, rule in into:
            argument = rows[edge.source]
            if rule.kind == "any":
                argument = left / (edge.primitive.plain.degree or 1.0)
                if products[node] and len(into) > 1:
                    left = np.zeros_like(left)  # the first takes what is left
            elif rule.kind == "number" or rule.degree == 0.0:
                argument = np.zeros_like(left)
            found[edge.index] = edge, argument
    return found
