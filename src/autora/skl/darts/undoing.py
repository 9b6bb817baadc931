"""The outermost function undone: where y = f(A), it is easier to search for A.

A law such as sqrt(x1² + x2² + 2·x1·x2·cos(x3)) has no half that fits y, so that nothing
leads there step by step; every term of what stands under the root does fit a part of y².
A search may therefore look for f⁻¹(y) for a while. What it finds is put back under f and
then competes, refitted to y itself, with all other graphs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit, logit

from .arena import Arena, Graphs, Units
from .observations import mean, spread

#: A row whose weight would be less than this share of the root mean square gets that.
_LEAST_WEIGHT = 0.1
#: Shifts smaller than this, in units of the argument's spread, are none.
_NO_SHIFT = 1e-9


@dataclass(frozen=True)
class Outer:
    """A function that may be the outermost one, and how it is undone.

    A positive factor of the argument passes through those that are ``homogeneous``, so
    that the read-out takes it over; through an exponential a shift does.
    """

    base: str
    inverse: Callable[[np.ndarray], np.ndarray]
    slope: Callable[[np.ndarray], np.ndarray]  #: dy/dA as a function of y
    homogeneous: bool = False
    absorbs_shift: bool = False
    positive: bool = False  #: whether the argument has to be
    below: float = np.inf  #: bound of y


OUTER = (
    Outer("sqrt", np.square, lambda y: 1 / y, homogeneous=True, positive=True),
    Outer("reciprocal", np.reciprocal, np.square, homogeneous=True),
    Outer("exp", np.log, lambda y: y, absorbs_shift=True),
    Outer("square", np.sqrt, np.sqrt, homogeneous=True),
    Outer("logistic", logit, lambda y: y * expit(-logit(y)), below=1.0),
)


@dataclass(frozen=True, eq=False)
class Undone:
    """An arena in which the outermost function is undone."""

    outer: Outer
    arena: Arena
    units: Units  #: of its y
    forms: dict[str, int]  #: the primitive for every form of the argument


def undone(arena: Arena) -> list[Undone]:
    """What the vocabulary and the signs of y allow; nothing where read-outs are fixed."""
    y = arena.y * arena.units.scale + arena.units.shift
    trained = arena.train_readout and arena.train_bias
    if not trained or arena.n_nodes < 2 or not (y.min() > 0 or y.max() < 0):
        return []
    found = []
    for outer in OUTER:
        forms = _forms(arena, outer)
        size = np.abs(y) if outer.below == np.inf else y
        if forms and size.min() > 0 and size.max() < outer.below:
            there = _arena(arena, outer, size)
            if there is not None:
                found.append(Undone(outer, *there, forms))
    return found


def _forms(arena: Arena, outer: Outer) -> dict[str, int]:
    """Primitives of the vocabulary that apply the function; empty if these are too few."""
    allowed = [(arena.primitives[op], int(op)) for op in arena.allowed]
    forms = {p.argument: op for p, op in allowed if p.base == outer.base}
    wanted = "plain" if outer.homogeneous else "scaled"
    names = {p.name for p, _ in allowed}
    enough = wanted in forms or "linear" in forms
    return forms if enough and {"add", "mult"} <= names else {}


def _arena(arena: Arena, outer: Outer, y: np.ndarray) -> tuple[Arena, Units] | None:
    """The arena of f⁻¹(y), whose rows weigh as much as their errors do in y."""
    with np.errstate(all="ignore"):
        target, slope = outer.inverse(y), outer.slope(y)
        size = np.sqrt(np.average(slope**2, weights=arena.root**2))
        root = arena.root * np.maximum(slope / size, _LEAST_WEIGHT)
    root *= np.sqrt(arena.n_observations / (root @ root))
    if not (np.isfinite(target).all() and np.isfinite(root).all()):
        return None
    shift = float(mean(target, root**2))
    scale = float(spread(target - shift, root**2))
    if not scale > 0:
        return None
    grain = np.spacing(np.abs(y)) / np.maximum(slope, np.finfo(float).tiny) / scale
    weighted = np.average(np.maximum(grain, np.spacing(np.abs(target)) / scale) ** 2,
                          weights=root**2)  # fmt: skip
    units = Units(shift, scale)
    there = replace(
        arena,
        y=(target - shift) / scale,
        root=root,
        n_nodes=arena.n_nodes - 1,
        rounding=float(weighted),
        units=units,
    )
    return there, units


def put_back(arena: Arena, there: Undone, graphs: Graphs) -> Graphs:
    """Graphs for f⁻¹(y) as graphs for y, to be refitted; fewer where some have no room."""
    found = arena.empty(len(graphs))
    n = there.arena.n_nodes
    for name in ("agg", "src", "op", "theta"):
        getattr(found, name)[:, :n] = getattr(graphs, name)
    fits = [_put_back(arena, there, found, graphs, i) for i in range(len(graphs))]
    return found.take(np.flatnonzero(fits))


def _put_back(arena: Arena, there: Undone, found: Graphs, graphs: Graphs, i: int) -> bool:
    """Write one graph's read-out as a node under the outer function."""
    used = np.flatnonzero(graphs.use[i])
    weights = graphs.w[i, 1:][used] * there.units.scale
    if not len(used) or not np.isfinite(weights).all() or not weights.all():
        return False
    shift = graphs.w[i, 0] * there.units.scale + there.units.shift
    host = _host(there, graphs, i, used, weights)
    if host is None and (len(used) > 1 or not _bears(there, weights[0])):
        free = np.flatnonzero((graphs.op[i] < 0).all(axis=1))
        if len(used) > arena.n_slots or not (len(free) and free[-1] > used[-1]):
            return False
        host, slope = int(free[-1]), 1.0
        _add(arena, found, i, host, used, weights)
    else:
        host = int(used[0]) if host is None else host
        slope = float(weights[used == host][0])
        others = used != host
        _add(arena, found, i, host, used[others], weights[others] / slope)
    return _cover(arena, there, found, i, (host, slope, shift))


def _bears(there: Undone, weight: float) -> bool:
    """Whether the function takes an argument of this sign."""
    return weight > 0 or not there.outer.positive


def _host(
    there: Undone, graphs: Graphs, i: int, used: np.ndarray, weights: np.ndarray
) -> int | None:
    """The last node of the read-out, where the others may become edges into it."""
    host, slope = int(used[-1]), weights[-1]
    on = graphs.op[i] >= 0
    feeds = (on & (graphs.src[i] == there.arena.n_inputs + host)).any()
    filled = int(on[host].sum())
    adds = graphs.agg[i, host] == 0 and filled > 1
    room = filled + len(used) - 1 <= there.arena.n_slots
    return host if adds and room and not feeds and _bears(there, slope) else None


def _add(
    arena: Arena, found: Graphs, i: int, node: int, used: np.ndarray, by: np.ndarray
) -> None:
    """Edges that add multiples of some nodes to a node."""
    mult = next(op for op in arena.allowed if arena.primitives[op].name == "mult")
    free = np.flatnonzero(found.op[i, node] < 0)[: len(used)]
    found.agg[i, node] = 0
    found.op[i, node, free] = mult
    found.src[i, node, free] = arena.n_inputs + used
    found.theta[i, node, free] = 0.0
    found.theta[i, node, free, 0] = by


def _cover(
    arena: Arena,
    there: Undone,
    found: Graphs,
    i: int,
    argument: tuple[int, float, float],
) -> bool:
    """A last node that applies the function to slope · node + shift."""
    host, slope, shift = argument
    outer = there.outer
    if outer.homogeneous:  # the read-out takes the slope over
        slope, shift = 1.0, shift / slope
    if outer.absorbs_shift or abs(shift) < _NO_SHIFT * there.units.scale:
        shift = 0.0
    form = ("linear" if shift else "scaled") if not outer.homogeneous else (
        "shifted" if shift else "plain"
    )  # fmt: skip
    coefficients = {"plain": (), "shifted": (shift,), "scaled": (slope,)}
    if form not in there.forms:
        form = "linear"
    if form not in there.forms:
        return False
    values = coefficients.get(form, (slope, shift))
    cover = arena.n_nodes - 1
    found.op[i, cover, 0] = there.forms[form]
    found.src[i, cover, 0] = arena.n_inputs + host
    found.theta[i, cover, 0, : len(values)] = values
    found.use[i] = False
    found.use[i, cover] = True
    return True
