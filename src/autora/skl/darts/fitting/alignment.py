"""Equal fits of groups written alike: A·sin(a·x + b) is −A·sin(a·x + b + π).

Groups that are fitted by themselves find one of these forms each. What a population says of
their coefficients depends on the form: in one they lie together, in another apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import numpy as np

from ..graph.effects import Place
from ..graph.elementary import NUMPY
from ..graph.model import Edge, Model, in_degrees
from ..graph.primitives import Primitive

#: Arguments at which functions are compared, and how near equal values are.
_ARGUMENTS = np.array([0.11, 0.37, 0.83, 1.29, 2.03, 2.71, 4.19])
_EQUAL = 1e-9


class _Symmetry(NamedTuple):
    parity: int  #: s where f(−u) = s·f(u); 0 where there is none
    period: float  #: 0 where there is none
    alternates: bool  #: whether f(u + period/2) = −f(u)


@cache
def _symmetry(plain: Primitive) -> _Symmetry:
    if plain.params:
        return _Symmetry(0, 0.0, False)

    def agrees(sign: float, other: np.ndarray) -> bool:
        with np.errstate(all="ignore"):
            here, there = plain(NUMPY, _ARGUMENTS), plain(NUMPY, other)
        near = np.abs(here - sign * there) <= _EQUAL * (1 + np.abs(here))
        return bool(near.all())

    parity = next((s for s in (1, -1) if agrees(s, -_ARGUMENTS)), 0)
    period = plain.period or 0.0
    return _Symmetry(parity, period, bool(period) and agrees(-1, _ARGUMENTS + period / 2))


class _Parts(NamedTuple):
    """Columns of an edge's f(a·x + b), and of the factors of its node."""

    a: int | None
    b: int | None
    factors: list[int] | None  #: None where some are no coefficient of the groups
    symmetry: _Symmetry


def aligned(model: Model) -> Iterator[Model]:
    """The model in forms in which its groups' coefficients may lie closer together.

    All predict what it predicts. One edge after the other is written anew, so that a model
    with two such edges is to be aligned twice.
    """
    effects = model.effects
    if effects is None:
        return
    column = {place: i for i, place in enumerate(effects.places)}
    for edge in model.live_edges():
        parts = _parts(model, edge, column)
        for values in _written(effects.values, parts):
            if not np.array_equal(values, effects.values):
                yield model.replace(effects=effects._replace(values=values))


def plainly_written(model: Model) -> Model:
    """With positive slopes and factors, and shifts of less than half a period, in the mean.

    All groups change alike, so that what a population says does not change.
    """
    effects = model.effects
    if effects is None:
        return model
    column = {place: i for i, place in enumerate(effects.places)}
    values = effects.values
    for edge in model.live_edges():
        values = _plain(values, _parts(model, edge, column))
    if np.array_equal(values, effects.values):
        return model
    return model.replace(effects=effects._replace(values=values))


def _plain(values: np.ndarray, parts: _Parts) -> np.ndarray:
    a, b, factors, (parity, period, alternates) = parts
    every = np.full(len(values), 1)
    if a is not None and (parity == 1 or (parity == -1 and factors)):
        values = _mirrored(values, every * (np.median(values[:, a]) < 0), parts)
    if b is None or not period:
        return values
    if alternates and factors and np.median(values[:, factors[0]]) < 0:
        values = _turned(values, every, b, period / 2, factors)
    turns = -round(float(np.median(values[:, b])) / period)
    return _turned(values, every * turns, b, period, [])


def _parts(model: Model, edge: Edge, column: dict[Place, int]) -> _Parts:
    kinds, at = edge.primitive.params, edge.index
    own = {
        kind: column.get(Place("edge", at, kinds.index(kind)))
        for kind in ("slope", "shift")
        if kind in kinds
    }
    needs_shift = "shift" in own and own["shift"] is None
    a = None if needs_shift else own.get("slope")
    factors = _factors(model, edge.target, column)
    return _Parts(a, own.get("shift"), factors, _symmetry(edge.primitive.plain))


def _factors(model: Model, k: int, column: dict[Place, int]) -> list[int] | None:
    """What a change of a node's sign changes; None where it would change the model."""
    if not model.products[k] and in_degrees(model)[k] != 1:
        return None
    places = [
        Place("readout", k, q)
        for q in range(model.space.n_outputs)
        if model.readout[k, q] or Place("readout", k, q) in column
    ]
    for edge in model.live_edges():
        if edge.source == model.space.n_inputs + k and not edge.primitive.even:
            if edge.primitive.params[:1] != ("slope",):
                return None
            places.append(Place("edge", edge.index, 0))
    found = [column.get(place) for place in places]
    return None if None in found else [i for i in found if i is not None]


def _written(values: np.ndarray, parts: _Parts) -> Iterator[np.ndarray]:
    """Other forms of the coefficients of all groups, shape (groups, places)."""
    a, b, factors, (parity, period, alternates) = parts
    flips = a is not None and (parity == 1 or (parity == -1 and bool(factors)))
    if flips:
        yield _mirrored(values, values[:, a] < 0, parts)
        if parity == -1 and factors:
            yield _mirrored(values, values[:, factors[0]] < 0, parts)
        values = _mirrored(values, values[:, a] < 0, parts)
    if b is None or not period:
        return
    yield _turned(values, _turns(values[:, b], period), b, period, [])
    if alternates and factors:
        half = period / 2
        alike = _turned(values, (values[:, factors[0]] < 0).astype(int), b, half, factors)
        yield _turned(alike, _turns(alike[:, b], period), b, period, [])
        near = _turned(values, _turns(values[:, b], half), b, half, factors)
        negative = np.median(near[:, factors[0]]) < 0
        yield _turned(near, np.full(len(near), -int(negative)), b, half, factors)


def _mirrored(values: np.ndarray, where: np.ndarray, parts: _Parts) -> np.ndarray:
    """f(a·x + b) as f(−a·x − b), with its sign, in some groups."""
    changed = [i for i in (parts.a, parts.b) if i is not None]
    if parts.symmetry.parity == -1:
        changed += parts.factors or []
    return _with_signs(values, changed, where)


def _with_signs(values: np.ndarray, columns: list[int], where: np.ndarray) -> np.ndarray:
    found = values.copy()
    found[:, columns] *= np.where(where, -1.0, 1.0)[:, None]
    return found


def _turned(
    values: np.ndarray, turns: np.ndarray, b: int, period: float, factors: list[int]
) -> np.ndarray:
    """With whole numbers of turns added to b; factors change their sign at every turn."""
    found = _with_signs(values, factors, turns % 2 == 1)
    found[:, b] += turns * period
    return found


def _turns(angle: np.ndarray, period: float) -> np.ndarray:
    """Turns that bring every angle near to their circular mean, and that near to zero."""
    unit = np.exp(2j * np.pi * angle / period)
    middle = float(np.angle(unit.mean())) * period / (2 * np.pi)
    return np.round((middle - angle) / period).astype(int)
