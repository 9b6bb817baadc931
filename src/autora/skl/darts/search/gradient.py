"""Children of graphs that a refit-aware architecture gradient proposes.

DARTS follows the gradient of the loss in the architecture weights. At a vertex, a discrete
graph with optimal coefficients, this module asks for the gain of every single edit: each
primitive at each source in each slot, with read-out and coefficients free to follow. What
is random is drawn here; scores and choice are compiled (`kernels.scores`,
`kernels.proposals`).
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ..selection.criteria import FLOOR
from .evaluator import Edits, Evaluator, Graphs
from .kernels.arrays import EDIT_SIZE, Prices, Vocabulary

#: Edits among which children are drawn.
_SHORTLIST = 400
#: New nodes made of two sources that are looked at per graph.
_N_PAIRS = 6
_EXPONENTS = (-3.0, -2.0, -1.5, -0.5, 1.5, 3.0, 4.0)


class _Template(NamedTuple):
    """The primitives of a dictionary, some several times, and what is drawn for each."""

    op: np.ndarray
    coefs: np.ndarray  #: (size, P), what is not drawn
    slope: np.ndarray  #: place of a drawn slope, −1 without
    shift: np.ndarray  #: place of a drawn shift, −1 without
    tail: np.ndarray  #: place of a drawn exponent, −1 without
    turn: np.ndarray  #: which of the drawn exponents


@lru_cache(maxsize=16)
def _template(evaluator: Evaluator) -> _Template:
    rows: list[tuple] = []
    for op in evaluator.allowed:
        slope, shift, n_params = evaluator.form[op].tolist()
        straight, exponent = evaluator.straight[op], int(evaluator.exponent[op])
        count = (1, 1, 2, 3)[min(n_params, 3)]
        if exponent >= 0:
            count = 3 if n_params == 1 else 2
        coefs = np.zeros(evaluator.max_params)
        coefs[:slope] = coefs[slope + shift : n_params] = 1.0
        places = (
            0 if slope and not straight else -1,
            slope if shift else -1,
            exponent,
        )
        rows += [(op, coefs, *places, i) for i in range(1 if straight else count)]
    return _Template(*(np.array(column) for column in zip(*rows, strict=True)))


def _coefficients(evaluator: Evaluator, count: int, rng: np.random.Generator) -> np.ndarray:
    """Coefficients (count, list, P) of that many dictionaries.

    Slopes and shifts are in units of the source.
    """
    t = _template(evaluator)
    shape = count, len(t.op)
    coefs = np.tile(t.coefs, (count, 1, 1))
    slopes = rng.choice((-1.0, 1.0), shape) * np.exp(rng.normal(0.0, 1.2, shape))
    shifts = rng.normal(0.0, 1.0, shape)
    exponents = rng.permuted(np.tile(_EXPONENTS, (count, 1)), axis=1)
    tails = exponents[:, t.turn % len(_EXPONENTS)]
    for place, drawn in ((t.slope, slopes), (t.shift, shifts), (t.tail, tails)):
        has = np.flatnonzero(place >= 0)
        coefs[:, has, place[has]] = drawn[:, has]
    return coefs


def _pairs(
    evaluator: Evaluator, n_sources: np.ndarray, count: int, rng: np.random.Generator
) -> np.ndarray:
    """New nodes (graphs, count, 3) of two sources: first, second, pair; −1 for none."""
    shape = len(n_sources), count
    kinds = np.flatnonzero(evaluator.basic[:4] >= 0)
    pairs = np.full((*shape, 3), -1)
    if len(kinds):
        n, u = n_sources[:, None], rng.random((2, *shape))
        first = (u[0] * n).astype(int)
        second = (first + 1 + (u[1] * (n - 1)).astype(int)) % n
        made = np.stack([first, second, rng.choice(kinds, shape)], axis=2)
        pairs = np.where((n > 1)[:, :, None], made, pairs)
    return pairs


def _prices(evaluator: Evaluator) -> Prices:
    """What complexity costs, as factors of the error."""
    n = evaluator.known.n
    unit = np.log(n) / n
    readout = np.exp(unit * evaluator.train_readout)
    return Prices(np.exp(unit * evaluator.cost), np.exp(unit), readout, np.exp(1.5 * unit))


def proposed(
    evaluator: Evaluator,
    graphs: Graphs,
    count: int,
    rng: np.random.Generator,
    compound: bool = True,
) -> tuple[np.ndarray, Edits]:
    """About ``count`` promising edits of every fitted graph, drawn by their score.

    Returns whose edits they are and the edits; without ``compound`` none brings a node of
    two sources.
    """
    size = len(graphs)
    n_sources = evaluator.n_inputs + (graphs.op[:, :, 0] >= 0).sum(axis=1)
    pairs = _pairs(evaluator, n_sources, _N_PAIRS if compound else 0, rng)
    drawn = _coefficients(evaluator, 1 + size, rng)
    luck = rng.gumbel(size=(size, _SHORTLIST))
    vocabulary = Vocabulary(
        _template(evaluator).op,
        evaluator.basic,
        evaluator.straight,
        evaluator.scales_itself,
    )
    rows = np.zeros((size * count, EDIT_SIZE), np.int64)
    edits = Edits(rows, np.zeros((len(rows), evaluator.max_params)), np.zeros(len(rows)))
    parents = np.zeros(len(rows), np.int64)
    kernels = evaluator.kernels
    filled = kernels.propose(
        evaluator.data, kernels.slopes, kernels.values, evaluator.can_multiply,
        graphs.structure, graphs.theta, drawn, pairs, luck, vocabulary, _prices(evaluator),
        FLOOR * evaluator.unit, *edits, parents,
    )  # fmt: skip
    return parents[:filled], Edits(*(part[:filled] for part in edits))
