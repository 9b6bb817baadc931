"""What the compiled loops work on, as named tuples of arrays.

Rows of the data are the last, contiguous axis everywhere. K nodes have S slots each, an
edge in a slot has P coefficients at most.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class Data(NamedTuple):
    """The rows, the primitives and what is fitted beside the coefficients of edges."""

    x: np.ndarray  #: (inputs, n)
    y: np.ndarray  #: (n,)
    root: np.ndarray  #: (n,) square roots of the rows' weights
    offset: np.ndarray  #: (n,) added to the read-out under other than squared errors
    form: np.ndarray  #: (primitives, 3) whether it has a slope, a shift; its coefficients
    base: np.ndarray  #: (primitives,) number of the function that it applies; −1: none
    train_readout: bool
    train_bias: bool
    loss: int  #: see `losses`


class Dimensions(NamedTuple):
    """Units of the columns, and what primitives do to them; see `dimensions`.

    Rows have exponents of base units, exponents of the units of the columns that these come
    from, and factors of variables: as many as there may be, those of nodes last. Without
    units they are empty.
    """

    inputs: np.ndarray  #: (inputs, size)
    outputs: np.ndarray  #: (outputs, size)
    n_bases: int  #: columns that must agree
    n_constants: int  #: columns before those of variables
    kind: np.ndarray  #: (primitives,) see `graph.dimensions.UNIT_RULES`
    degree: np.ndarray  #: (primitives,)


class UnitRows(NamedTuple):
    """What equations of units are written into."""

    rows: np.ndarray  #: (inputs + K, size) of every source
    row: np.ndarray  #: (size,) at work
    solved: np.ndarray  #: (variables, size) equations, each with factor 1 of a variable
    pivots: np.ndarray  #: (variables,) which that is


class Functions(NamedTuple):
    """What is compiled for a vocabulary, called by address; see `codegen`.

    Numba is a hundred times slower to see what a tuple with a function in it is, so that
    Python passes them one by one.
    """

    slopes: Any  #: slopes(base, u, v, c, d): values at u, and derivatives
    values: Any  #: values(base, u, v, c): values alone


class Graph(NamedTuple):
    """The structure of a graph, or of a batch of them with one more axis in front."""

    agg: np.ndarray  #: (K,) 0 for a sum and 1 for a product
    src: np.ndarray  #: (K, S) sources, inputs first
    op: np.ndarray  #: (K, S) primitive of each slot, −1 for an empty one
    use: np.ndarray  #: (K,) whether the read-out sees the node


class Workspace(NamedTuple):
    """What every step overwrites."""

    nodes: np.ndarray  #: (inputs + K, n) values of inputs and nodes
    argument: np.ndarray  #: (n,) of a function
    edges: np.ndarray  #: (K, S, n) values of edges
    slopes: np.ndarray  #: (K, S, 1 + P, n) their derivatives in source and coefficients
    partners: np.ndarray  #: (K, S, n) derivative of a node in an edge
    back: np.ndarray  #: (K, n) derivative of the output in a node
    basis: np.ndarray  #: (1 + K, n) orthonormal, of what the read-out can express
    eta: np.ndarray  #: (n,) values of the read-out
    root: np.ndarray  #: (n,) square roots of the weights that squared errors have
    residual: np.ndarray  #: (n,) in rows scaled by ``root``
    jacobian: np.ndarray  #: (K·S·P + 1 + K, n)
    triangle: np.ndarray  #: (1 + K, 1 + K) R of the QR of the read-out's columns
    columns: np.ndarray  #: (1 + K,) which column of the read-out each of the basis is
    along: np.ndarray  #: (1 + K,) what the basis has of the residual
    trial: np.ndarray  #: (1 + K,) bias and read-out


class Equations(NamedTuple):
    """Normal equations of a step, and the trial that it leads to."""

    matrix: np.ndarray  #: (K·S·P + 1 + K, K·S·P + 1 + K)
    lower: np.ndarray  #: its Cholesky factor
    gradient: np.ndarray  #: (K·S·P + 1 + K,)
    step: np.ndarray  #: (K·S·P + 1 + K,)
    theta: np.ndarray  #: (K, S, P)
    w: np.ndarray  #: (1 + K,)


class Limits(NamedTuple):
    """When a fit ends."""

    steps: int
    tolerance: float  #: share of the loss that a step must gain
    floor: float  #: loss that is low enough


class Rules(NamedTuple):
    """What edits may do."""

    basic: np.ndarray  #: primitives of pairs (x, −x, x, 1/x) and a·x; −1 without
    form: np.ndarray  #: as in `Data`
    merges: bool  #: whether the read-out scales


class Vocabulary(NamedTuple):
    """The primitives that edits bring."""

    ops: np.ndarray  #: (list,) some several times, each with its own drawn coefficients
    basic: np.ndarray  #: as in `Rules`
    straight: np.ndarray  #: (primitives,) whether it is linear in its source
    scales_itself: np.ndarray  #: (primitives,) whether it has an amplitude


class Prices(NamedTuple):
    """What complexity costs, as factors of the error."""

    primitive: np.ndarray  #: (primitives,)
    pair: float
    readout: float  #: a node in the read-out
    hidden: float  #: a hidden node that scales


class Slot(NamedTuple):
    """Where an edit puts an edge."""

    node: int  #: −1 for a new node of the read-out
    slot: int  #: −1 for one more edge, −2 for one more that makes a lone edge a product
    product: bool
    alone: bool  #: whether the node has this edge alone


class Dictionary(NamedTuple):
    """Every primitive at every source."""

    columns: np.ndarray  #: (sources · list, n)
    finite: np.ndarray  #: (sources · list,)
    coefs: np.ndarray  #: (sources · list, P)
    latest: np.ndarray  #: (sources,) last source that it is made of
    sources: np.ndarray  #: (sources, n)
    argument: np.ndarray  #: (n,) of a function


class Heap(NamedTuple):
    """The best so far, the worst of them on top."""

    keys: np.ndarray
    codes: np.ndarray
    amplitudes: np.ndarray


#: Losses, see `losses` and `graph.objectives`.
SQUARED, SQUARED_LOGISTIC, BERNOULLI = range(3)
#: Columns of an edit: its kind, the node and slot that it fills, the primitive, its source;
#: and where the source is a new node, the two sources and the kind of that.
KIND, NODE, SLOT, OP, SOURCE, FIRST, SECOND, PAIR = range(8)
EDIT_SIZE = 8
#: Kinds of edits.
SET, NEW_NODE, DELETE, HIDDEN, SHOW, FLIP, MULTIPLY, VARIANT, KEEP = range(9)
#: Kinds of new nodes: first + second, first − second, first · second, first / second.
SUM, DIFFERENCE, PRODUCT, QUOTIENT = range(4)
#: What a primitive does to units, see `graph.dimensions.UNIT_RULES`.
POWER, NUMBER, ANY, FITTED = range(4)
#: Where `Rules.basic` has a·x.
SCALED = 4
# A literal 0 would be a type of its own, and what is called with it compiled twice.
ZERO, ONE = np.int64(0), np.int64(1)


def edit_row(
    kind: int, node: int = 0, slot: int = 0, op: int = -1, source: int = 0
) -> tuple[int, ...]:
    """An edit whose source is there already."""
    return (kind, node, slot, op, source, 0, 0, -1)
