"""The outermost function undone: where y = f(A), it is easier to search for A.

A law such as sqrt(x1² + x2² + 2·x1·x2·cos(x3)) has no half that fits y, so that nothing
leads there step by step; every term of what stands under the root does fit a part of y².
A search may therefore look for f⁻¹(y) for a while. What it finds is put back under f and
then competes, refitted to y itself, with all other graphs. Powers of inputs that are
factors of y (`power_factors`) are undone first, and these inputs left out, as in
y = f(A)·x1·x2^−2.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from ..graph.observations import mean, spread
from ..graph.primitives import IDENTITY, POWER, Inverse, Primitive, monomial
from ..selection.criteria import EXACT
from .dimensions import of_inputs
from .evaluator import Evaluator, Graphs, Scaling
from .kernels.arrays import SCALED
from .power_factors import power_factors

#: Nodes that are left free for putting back: for the sum under the function, and for it.
_ROOM = 2
#: A row whose weight would be less than this share of the root mean square gets that.
_LEAST_WEIGHT = 0.1
#: Relative error from rounding at which y is as good as constant.
_ROUNDED = 1e-9
#: Shifts smaller than this, in units of the argument's spread, are none.
_NO_SHIFT = 1e-9


class Outer(NamedTuple):
    """A function that may be the outermost one, and how it is undone."""

    plain: Primitive
    inverse: Inverse


#: Where nothing but factors is undone.
NOTHING = Outer(IDENTITY, Inverse(np.positive, np.ones_like, homogeneous=True))


def outer_functions(primitives: Iterable[Primitive]) -> list[Outer]:
    """Functions of a vocabulary that can be undone, those that ask or give most first."""
    found = {p.plain: p.inverse for p in primitives if p.inverse is not None}
    order = sorted(found.items(), key=lambda item: _rank(item[1]))
    return [Outer(plain, inverse) for plain, inverse in order]


def _rank(inverse: Inverse) -> tuple[bool, ...]:
    return not inverse.positive, not inverse.homogeneous, not inverse.absorbs_shift


class Factor(NamedTuple):
    """An edge: a power of an input."""

    source: int
    op: int
    coefs: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Undone:
    """The evaluator of f⁻¹(y ÷ factors), and the primitive that f is for every form of its
    argument. ``inputs`` are those that the evaluator has.
    """

    outer: Outer
    evaluator: Evaluator
    forms: dict[str, int]
    inputs: np.ndarray
    factors: list[Factor]


def undone(evaluator: Evaluator) -> list[Undone]:
    """What the vocabulary and the signs of y allow; nothing where read-outs are fixed, or
    not fitted to y itself.
    """
    y = evaluator.y * evaluator.scaling.scale + evaluator.scaling.shift
    able = evaluator.train_readout and evaluator.train_bias
    able = able and evaluator.objective.least_squares
    if not able or evaluator.n_nodes <= _ROOM or not (y.min() > 0 or y.max() < 0):
        return []
    inputs, factors, divisor = _factors(evaluator, y)
    outers = outer_functions(evaluator.primitives)
    if len(inputs) < evaluator.n_inputs:
        outers.insert(0, NOTHING)
    found = []
    for outer in outers:
        forms = _forms(evaluator, outer)
        size = (np.abs(y) if outer.inverse.below == np.inf else y) / divisor
        if forms and size.min() > 0 and size.max() < outer.inverse.below:
            there = _evaluator(evaluator, outer, size, divisor, inputs)
            if there is not None:
                found.append(Undone(outer, there, forms, inputs, factors))
    return found


def _factors(
    evaluator: Evaluator, y: np.ndarray
) -> tuple[np.ndarray, list[Factor], np.ndarray]:
    """The inputs that are no factors, the factors and their product."""
    inputs, divisor = set(range(evaluator.n_inputs)), np.ones_like(y)
    factors: list[Factor] = []
    for source, power in power_factors(evaluator.x, y, evaluator.root**2).items():
        factor = _factor(evaluator, source, power)
        if factor and len(factors) < evaluator.n_slots - 1 and evaluator.can_multiply:
            inputs.remove(source)
            factors.append(factor)
            divisor *= evaluator.x[source] ** power
    if not inputs:  # a product of powers needs no help
        return np.arange(evaluator.n_inputs), [], np.ones_like(y)
    return np.array(sorted(inputs)), factors, divisor


def _factor(evaluator: Evaluator, source: int, power: float) -> Factor | None:
    """A power of an input as an edge, if the vocabulary has it."""
    own, free = evaluator.forms(monomial(power)), evaluator.forms(POWER)
    if "plain" in own:
        return Factor(source, own["plain"], ())
    return Factor(source, free["plain"], (power,)) if "plain" in free else None


def _forms(evaluator: Evaluator, outer: Outer) -> dict[str, int]:
    """Primitives of the vocabulary that apply the function; empty if these are too few."""
    forms = evaluator.forms(outer.plain)
    least = "plain" if outer.inverse.homogeneous else "scaled"
    enough = least in forms or "linear" in forms
    return forms if enough and evaluator.basic[SCALED] >= 0 else {}


def _evaluator(
    evaluator: Evaluator,
    outer: Outer,
    y: np.ndarray,
    divisor: np.ndarray,
    inputs: np.ndarray,
) -> Evaluator | None:
    """That of f⁻¹(y), whose rows weigh as much as their errors do in y · divisor."""
    with np.errstate(all="ignore"):
        target, slope = outer.inverse.value(y), outer.inverse.slope(y)
        error = slope * divisor
        size = np.sqrt(np.average(error**2, weights=evaluator.root**2))
        root = evaluator.root * np.maximum(error / size, _LEAST_WEIGHT)
        total = evaluator.root @ evaluator.root
        longer = np.sqrt(total / (root @ root))
        root *= longer
        grain = np.maximum(np.spacing(y) / slope, np.spacing(np.abs(target)))
    if not np.isfinite([target, root, grain]).all():
        return None
    shift = float(mean(target, root**2))
    scale = float(spread(target - shift, root**2))
    rounding = float(np.average((grain / scale) ** 2, weights=root**2)) if scale else 1.0
    if not rounding < _ROUNDED:
        return None
    larger = (
        longer * evaluator.scaling.scale / (size * scale)
    )  # of an error in y, that in f⁻¹(y)
    floor = evaluator.known.floor * evaluator.unit / total * larger**2
    known = evaluator.known._replace(floor=floor, exact=max(EXACT, rounding))
    return replace(
        evaluator,
        x=np.ascontiguousarray(evaluator.x[inputs]),
        y=(target - shift) / scale,
        root=root,
        n_nodes=evaluator.n_nodes - _ROOM,
        known=known,
        scaling=Scaling(shift, scale),
        units=of_inputs(evaluator.units, inputs),
    )


def put_back(evaluator: Evaluator, there: Undone, graphs: Graphs) -> Graphs:
    """Graphs for f⁻¹(y) as graphs for y, to be refitted; fewer where some have no room."""
    found, n = evaluator.empty(len(graphs)), there.evaluator.n_nodes
    for name in ("agg", "op", "theta"):
        getattr(found, name)[:, :n] = getattr(graphs, name)
    moved = np.append(there.inputs, evaluator.n_inputs + np.arange(n))
    found.src[:, :n] = np.where(graphs.op >= 0, moved[graphs.src], 0)
    fits = [
        _one_node(evaluator, there, found, graphs, i, used)
        and _covered(evaluator, there, found, i)
        for i, used in enumerate(map(np.flatnonzero, graphs.use))
    ]
    return found.take(np.flatnonzero(fits))


def _one_node(
    evaluator: Evaluator,
    there: Undone,
    found: Graphs,
    graphs: Graphs,
    i: int,
    used: np.ndarray,
) -> bool:
    """Bring a read-out to the form slope · node + shift; False where it has no room.

    ``used`` are its nodes. The slope, the shift and the choice of the node are noted in
    the read-out of ``found``.
    """
    scaling = there.evaluator.scaling
    weights, shift = graphs.w[i, 1:][used] * scaling.scale, graphs.w[i, 0] * scaling.scale
    if not len(used) or not np.isfinite(weights).all() or not weights.all():
        return False
    node, slope = int(used[-1]), float(weights[-1])
    bears = slope > 0 or not there.outer.inverse.positive
    if not (bears and (len(used) == 1 or _hosts(there, graphs, i, used))):
        free = int(used[-1]) + 1
        if (
            len(used) > there.evaluator.n_slots
            or free >= there.evaluator.n_nodes + _ROOM - 1
        ):
            return False
        node, slope = free, 1.0
        found.op[i, node] = -1
    others = used != node
    _add(evaluator, found, i, node, used[others], weights[others] / slope)
    found.use[i, node] = True
    found.w[i, 0], found.w[i, 1 + node] = shift + scaling.shift, slope
    return True


def _hosts(there: Undone, graphs: Graphs, i: int, used: np.ndarray) -> bool:
    """Whether the last node of the read-out can take the others in as edges."""
    host, on = int(used[-1]), graphs.op[i] >= 0
    feeds = (on & (graphs.src[i] == there.evaluator.n_inputs + host)).any()
    filled = int(on[host].sum())
    adds = graphs.agg[i, host] == 0 or filled == 1
    return bool(adds and not feeds and filled + len(used) - 1 <= there.evaluator.n_slots)


def _add(
    evaluator: Evaluator, found: Graphs, i: int, node: int, used: np.ndarray, by: np.ndarray
) -> None:
    """Edges that add multiples of some nodes to a node."""
    if not len(used):
        return
    free = np.flatnonzero(found.op[i, node] < 0)[: len(used)]
    found.agg[i, node] = 0
    found.op[i, node, free] = evaluator.basic[SCALED]
    found.src[i, node, free] = evaluator.n_inputs + used
    found.theta[i, node, free] = 0.0
    found.theta[i, node, free, 0] = by


def _covered(evaluator: Evaluator, there: Undone, found: Graphs, i: int) -> bool:
    """Put a last node over slope · node + shift: the function, times the factors."""
    node = int(np.flatnonzero(found.use[i])[0])
    shift, slope = found.w[i, 0], found.w[i, 1 + node]
    outer = there.outer
    if outer.inverse.homogeneous:  # the read-out takes the slope over
        shift, slope = shift / slope, 1.0
    if (
        outer.inverse.absorbs_shift
        or abs(shift) < _NO_SHIFT * there.evaluator.scaling.scale
    ):
        shift = 0.0
    names = ("plain", "shifted") if outer.inverse.homogeneous else ("scaled", "linear")
    form = names[int(shift != 0)]
    form = form if form in there.forms else "linear"
    if form not in there.forms:
        return False
    values = {"plain": (), "shifted": (shift,), "scaled": (slope,)}
    coefficients = (*values.get(form, (slope, shift)), *outer.inverse.tail)
    cover = evaluator.n_nodes - 1
    found.op[i, cover, 0] = there.forms[form]
    found.src[i, cover, 0] = evaluator.n_inputs + node
    found.theta[i, cover, 0, : len(coefficients)] = coefficients
    for slot, factor in enumerate(there.factors, 1):
        found.op[i, cover, slot], found.src[i, cover, slot] = factor.op, factor.source
        found.theta[i, cover, slot, : len(factor.coefs)] = factor.coefs
    found.agg[i, cover] = int(len(there.factors) > 0)
    found.use[i] = np.arange(evaluator.n_nodes) == cover
    found.w[i] = 0.0
    return True
