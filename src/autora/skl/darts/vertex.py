"""Children of a graph that a refit-aware architecture gradient proposes.

DARTS follows the gradient of the loss in the architecture weights. At a vertex, a discrete
graph with optimal coefficients, this module asks for the gain of every single edit: each
primitive at each source in each slot, with read-out and coefficients free to follow. The
scores themselves are computed in `kernel_scores`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from .arena import FLOOR, Arena, Edits, Graphs

#: Edits among which children are drawn.
_SHORTLIST = 400
#: New nodes made of two sources that are looked at per graph.
_N_PAIRS = 10
_EXPONENTS = (-3.0, -2.0, -1.5, -0.5, 1.5, 3.0, 4.0)


class Columns(NamedTuple):
    """A dictionary: primitive ``op`` with ``coefs`` at ``source``."""

    values: np.ndarray  #: (columns, n)
    finite: np.ndarray  #: (columns,)
    op: np.ndarray
    source: np.ndarray
    coefs: np.ndarray  #: (columns, P)


class _Template(NamedTuple):
    """The primitives of a dictionary, some several times, and what is drawn for each."""

    op: np.ndarray
    coefs: np.ndarray  #: (size, P), what is not drawn
    slope: np.ndarray  #: place of a drawn slope, −1 without
    shift: np.ndarray  #: place of a drawn shift, −1 without
    tail: np.ndarray  #: place of a drawn exponent, −1 without
    turn: np.ndarray  #: which of the drawn exponents


@lru_cache(maxsize=2)
def _template(arena: Arena) -> _Template:
    rows: list[tuple] = []
    for op in arena.allowed:
        slope, shift, n_params = arena.form[op].tolist()
        straight, power = arena.straight[op], arena.primitives[op].base == "power"
        count = (1, 2, 3, 4)[min(n_params, 3)]
        if power:
            count = 5 if n_params == 1 else 3
        coefs = np.zeros(arena.max_params)
        coefs[:slope] = coefs[slope + shift : n_params] = 1.0
        places = (
            0 if slope and not straight else -1,
            slope if shift else -1,
            n_params - 1 if power else -1,
        )
        rows += [(op, coefs, *places, i) for i in range(1 if straight else count)]
    return _Template(*(np.array(column) for column in zip(*rows, strict=True)))


def _variants_drawn(
    arena: Arena, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Primitives of the dictionary with drawn coefficients.

    Slopes and shifts are in units of the source.
    """
    t = _template(arena)
    size, coefs = len(t.op), t.coefs.copy()
    slopes = rng.choice((-1.0, 1.0), size) * np.exp(rng.normal(0.0, 1.2, size))
    shifts = rng.normal(0.0, 1.0, size)
    tails = rng.permutation(_EXPONENTS)[t.turn % len(_EXPONENTS)]
    for place, drawn in ((t.slope, slopes), (t.shift, shifts), (t.tail, tails)):
        has = np.flatnonzero(place >= 0)
        coefs[has, place[has]] = drawn[has]
    return t.op, coefs


def columns(arena: Arena, sources: np.ndarray, rng: np.random.Generator) -> Columns:
    """The dictionary over some sources (m, n)."""
    ops, drawn = _variants_drawn(arena, rng)
    m, size = len(sources), len(ops)
    coefs = np.tile(drawn, (m, 1, 1))
    scale = np.sqrt(np.mean(sources**2, axis=1))
    scale = np.where((scale > 1e-12) & (scale < 1e12), scale, 1.0)[:, None]
    form = arena.form[ops]
    slope = (form[:, 0] == 1) & ~arena.straight[ops]
    shift = (form[:, 0] == 0) & (form[:, 1] == 1)
    coefs[:, :, 0] = np.where(slope, coefs[:, :, 0] / scale, coefs[:, :, 0])
    coefs[:, :, 0] = np.where(shift, coefs[:, :, 0] * scale, coefs[:, :, 0])
    values = np.empty((m * size, sources.shape[1]))
    finite = np.empty(m * size, np.bool_)
    arena.kernel.dictionary(sources, ops, coefs, values, finite)
    return Columns(
        values,
        finite,
        np.tile(ops, m),
        np.repeat(np.arange(m), size),
        coefs.reshape(m * size, arena.max_params),
    )


def _pairs(
    arena: Arena, values: np.ndarray, n_sources: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Drawn new nodes of two sources each: (first, second, pair) and their values."""
    kinds = np.array([i for i in range(4) if arena.basic[i] >= 0])
    if not len(kinds) or n_sources < 2:
        return np.zeros((0, 3), int), np.zeros((0, values.shape[1]))
    first = rng.integers(n_sources, size=_N_PAIRS)
    second = (first + rng.integers(1, n_sources, size=_N_PAIRS)) % n_sources
    kind = rng.choice(kinds, size=_N_PAIRS)
    a, b = values[first], values[second]
    with np.errstate(all="ignore"):
        made = np.select(
            [kind[:, None] == i for i in range(4)], [a + b, a - b, a * b, a / b]
        )
    good = (np.abs(made) < 1e8).all(axis=1)
    return np.stack([first, second, kind], axis=1)[good], made[good]


def score(
    arena: Arena,
    base: Columns,
    graph: Graphs,
    count: int,
    rng: np.random.Generator,
    compound: bool = True,
) -> Edits | None:
    """About ``count`` promising edits of a single fitted graph, drawn by their score.

    ``base`` is the dictionary over the inputs, shared by all graphs of a generation;
    without ``compound`` no edit brings a node of two sources.
    """
    a = arena
    structure = tuple(array[0] for array in graph.structure)
    work, _, fine = a.kernel.expand(a.data, structure, graph.theta[0])
    if fine < 0:
        return None
    values = work[0]
    live = int((graph.op[0, :, 0] >= 0).sum())
    pairs, made = _pairs(a, values, a.n_inputs + live if compound else 0, rng)
    more = columns(a, np.concatenate([values[a.n_inputs : a.n_inputs + live], made]), rng)
    book = Columns(*(np.concatenate(parts) for parts in zip(base, more, strict=True)))
    late = np.arange(len(book.op)) >= len(base.op)
    source = np.where(late, book.source + a.n_inputs, book.source)
    rows, width = 1 + a.n_nodes * (a.n_slots + 2), len(book.op)
    slots = np.zeros((rows, 4), np.int64)
    free, fixed, amplitude = (np.empty((rows, width)) for _ in range(3))
    filled = a.kernel.score_graph(
        book.values, book.finite, a.data, a.can_multiply, structure, work, slots,
        free, fixed, amplitude,
    )  # fmt: skip
    slots, amplitude = slots[:filled], amplitude[:filled]
    pair = source - (a.n_inputs + live)
    allowed = _allowed(a, source, slots, live, pairs)
    choices = _criteria(a, graph, book.op, pair, slots, free[:filled], fixed[:filled])
    choices = np.where(allowed, choices, np.inf)
    picked = _drawn(choices.ravel(), count, rng)
    mode, row, column = np.unravel_index(picked, choices.shape)
    return _edits(a, book, source, pair, pairs, slots, amplitude, mode, row, column)


def _allowed(
    a: Arena, source: np.ndarray, slots: np.ndarray, live: int, pairs: np.ndarray
) -> np.ndarray:
    """(rows, columns): sources that come before the node that would receive them."""
    latest = source.copy()
    late = source >= a.n_inputs + live
    if len(pairs):
        index = np.where(late, source - a.n_inputs - live, 0)
        latest = np.where(late, pairs[index, :2].max(axis=1), source)
    node = np.where(slots[:, 0] < 0, live, slots[:, 0])
    return latest[None, :] < a.n_inputs + node[:, None]


def _criteria(
    a: Arena,
    graph: Graphs,
    op: np.ndarray,
    pair: np.ndarray,
    slots: np.ndarray,
    free: np.ndarray,
    fixed: np.ndarray,
) -> np.ndarray:
    """Predicted criteria (3, rows, columns): amplitude 1, free, through a hidden node."""
    n = a.n_observations
    node, slot, product, alone = slots.T
    price = a.cost[op] + np.where(pair >= 0, 1.0, 0.0)
    old_op = graph.op[0][np.maximum(node, 0), np.maximum(slot, 0)]
    old = np.where((slot >= 0) & (node >= 0), a.cost[old_op], 0.0)
    extra = np.where(node < 0, float(a.train_readout), 0.0)
    change = price[None, :] - old[:, None] + extra[:, None]
    with np.errstate(all="ignore"):
        fit_free = n * np.log(free / a.unit + FLOOR)
        fit_fixed = n * np.log(fixed / a.unit + FLOOR)
    weight = np.log(n)
    absorbs = ((product == 1) | (alone == 1)) & a.train_readout
    scaled = a.scales_itself[op][None, :] | absorbs[:, None]
    result = np.empty((3, *free.shape))
    result[0] = np.where(absorbs[:, None], np.inf, fit_fixed + weight * change)
    result[1] = np.where(scaled, fit_free + weight * change, np.inf)
    hidden = scaled | (node < 0)[:, None] | (a.basic[4] < 0)
    result[2] = np.where(hidden, np.inf, fit_free + weight * (change + 1.5))
    return result


def _drawn(scores: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Indices drawn with odds that fall with the rank of the score."""
    finite = np.isfinite(scores).sum()
    short = min(_SHORTLIST, int(finite))
    best = np.argpartition(scores, short - 1)[:short] if short else np.zeros(0, int)
    best = best[np.argsort(scores[best])]
    keys = -np.log(np.arange(short) + 2.0) + rng.gumbel(size=short)
    return best[np.argsort(-keys)[:count]]


def _edits(
    a: Arena,
    book: Columns,
    source: np.ndarray,
    pair: np.ndarray,
    pairs: np.ndarray,
    slots: np.ndarray,
    amplitude: np.ndarray,
    mode: np.ndarray,
    row: np.ndarray,
    column: np.ndarray,
) -> Edits:
    node, slot = slots[row, :2].T
    size = len(row)
    kind = np.full(size, a.kernel.SET)
    kind[(slot == -2)] = a.kernel.MULTIPLY
    kind[mode == 2] = a.kernel.HIDDEN
    kind[node < 0] = a.kernel.NEW_NODE
    rows = np.zeros((size, 8), np.int64)
    rows[:, 0], rows[:, 1], rows[:, 2] = kind, np.maximum(node, 0), np.maximum(slot, -1)
    rows[:, 3], rows[:, 4], rows[:, 7] = book.op[column], source[column], -1
    made = pair[column] >= 0
    if made.any():
        chosen = pairs[pair[column][made]]
        rows[made, 5], rows[made, 6], rows[made, 7] = chosen.T
    size_of = amplitude[row, column]
    coefs = book.coefs[column].copy()
    own = a.scales_itself[book.op[column]] & (mode == 1)
    coefs[own] *= size_of[own, None]
    return Edits(rows, coefs, size_of)
