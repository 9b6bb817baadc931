"""A formula with known constants as a graph that has its values.

Numbers that would be redundant move outwards, as in graphs that a search finds: k·ln(x/d)
is k·ln(x) and an intercept, exp(x + b) a multiple of exp(x).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from .elementary import ELEMENTARY, NUMPY
from .formula import (
    OPERATORS,
    Call,
    Formula,
    Name,
    Number,
    evaluated,
    names_in,
    spelling,
    terms_of,
)
from .grammar import Theory
from .model import Model
from .objectives import Objective
from .primitives import IDENTITY, POWER, Primitive, builtin, lookup, monomial
from .specification import SpaceBounds
from .writer import GraphWriter, Piece, Unwritable

#: Sizes of numbers that move out of a function; others would overflow on the way.
_SMALLEST, _LARGEST = 1e-100, 1e100
#: Latent nodes of a graph without bounds, and edges into each.
_MOST_NODES = 64
#: Coefficients with which a primitive is the elementary function of its name.
_TAILS: dict[str, tuple[float, ...]] = {"softplus": (1.0,)}


class _Term(NamedTuple):
    """slope·piece + shift, or the shift alone."""

    slope: float
    piece: Piece | None
    shift: float

    def scaled(self, factor: float) -> _Term:
        slope = self.slope * factor
        return _Term(slope, self.piece if slope else None, self.shift * factor)


def _number(value: float) -> _Term:
    return _Term(0.0, None, value)


def graph_of(
    theory: Theory,
    constants: np.ndarray,
    origin: np.ndarray,
    bounds: SpaceBounds | None,
    objective: Objective,
    trains_readout: bool = True,
) -> Model:
    """The graph of a theory.

    Parameters
    ----------
    constants : ndarray of shape (constants,)
    origin : ndarray of shape (inputs,)
        From where the graph counts its inputs.
    bounds : SpaceBounds or None
        None: all built-in primitives, and as many nodes and edges as it takes.
    trains_readout : bool, default=True
        Else the read-out is that of one node, with weight 1.

    Raises
    ------
    Unwritable
        If the bounds do not hold it, or one of its numbers is not finite.
    """
    # NumPy's numbers become infinite where those of Python would raise.
    values = dict(zip(theory.constants, map(np.float64, constants), strict=True))
    if bounds is None:
        everything = tuple(dict.fromkeys((*builtin(), *_own(theory.formula))))
        bounds = SpaceBounds(everything, _MOST_NODES, max_in_degree=_MOST_NODES)
    writer = _Writer(theory.inputs, values, origin, bounds)
    with np.errstate(all="ignore"):
        read = writer.read_out if trains_readout else writer.one_node
        weights, bias = read(theory.formula)
        found = writer.model(weights, bias, objective).replace(origin=origin)
    if not found.is_finite:
        raise Unwritable
    return found


def _own(formula: Formula) -> Iterator[Any]:
    """Primitives of users that a formula calls."""
    if isinstance(formula, Call):
        for part in formula.arguments:
            yield from _own(part)
        if formula.function not in OPERATORS and formula.function not in ELEMENTARY:
            yield lookup(formula.function)


class _Writer(GraphWriter):
    """Nodes, as the parts of a formula ask for them."""

    def __init__(
        self,
        inputs: tuple[str, ...],
        values: Mapping[str, float],
        origin: np.ndarray,
        bounds: SpaceBounds,
    ) -> None:
        super().__init__(len(inputs), bounds)
        self.inputs, self.values, self.origin = frozenset(inputs), values, origin
        self.numbers = {name: i for i, name in enumerate(inputs)}
        self.known: dict[tuple[str, tuple[Piece, ...]], int] = {}

    def read_out(self, formula: Formula) -> tuple[dict[int, float], float]:
        """A node for every term, with their weights; straight terms share one."""
        pieces, shift = self._merged(map(self.term, terms_of(formula)))
        straight, weights = [], dict[int, float]()
        for piece, slope in pieces.items():
            if piece.primitive == IDENTITY and piece.source < self.n_inputs:
                straight.append(_Term(slope, piece, 0.0))
                continue
            node = self.source(piece) - self.n_inputs
            weights[node] = weights.get(node, 0.0) + slope
        if straight:
            line = self.total(straight)
            assert line.piece is not None
            plain = line.piece.source < self.n_inputs
            node = self.node("sum", [line.piece]) if plain else self.source(line.piece)
            weights[node - self.n_inputs * (not plain)] = line.slope
        return weights, shift

    def one_node(self, formula: Formula) -> tuple[dict[int, float], float]:
        """The whole formula as the value of one node."""
        term = self.term(formula)
        if term.piece is None:
            raise Unwritable
        return {self.node("sum", [self.edge(term)]): 1.0}, 0.0

    def node(self, aggregation: str, pieces: list[Piece]) -> int:
        """The number of a node; of too many edges the last ones go into another."""
        most = self.bounds.max_in_degree
        if len(pieces) > most >= 2:
            rest = self.node(aggregation, pieces[most - 1 :])
            pieces = [*pieces[: most - 1], Piece(self.n_inputs + rest, IDENTITY)]
        key = aggregation, tuple(pieces)
        if key not in self.known:
            self.known[key] = self.added(aggregation, pieces)
        return self.known[key]

    def source(self, piece: Piece) -> int:
        """The input or node whose value an edge brings."""
        if piece.primitive == IDENTITY:
            return piece.source
        return self.n_inputs + self.node("sum", [piece])

    def edge(self, term: _Term) -> Piece:
        """The edge that brings a term."""
        assert term.piece is not None
        if term.slope == 1 and term.shift == 0:
            return term.piece
        return self.affine(self.source(term.piece), term.slope, term.shift)

    def term(self, formula: Formula) -> _Term:
        if isinstance(formula, Number) or not self.inputs & {*names_in(formula)}:
            value = evaluated(formula, NUMPY, self.values, frozenset())
            return _number(float(value))
        if isinstance(formula, Name):
            i = self.numbers[formula.name]
            return _Term(1.0, Piece(i, IDENTITY), float(self.origin[i]))
        if formula.function == "+":
            return self.total(map(self.term, formula.arguments))
        if formula.function == "neg":
            return self.term(formula.arguments[0]).scaled(-1.0)
        if formula.function in ("*", "/"):
            return self._product(formula)
        if formula.function == "**":
            return self._power(*formula.arguments)
        return self._function(formula.function, formula.arguments)

    def _merged(self, terms: Iterable[_Term]) -> tuple[dict[Piece, float], float]:
        """The slopes of different edges, and what is constant."""
        slopes, shift = dict[Piece, float](), 0.0
        for term in terms:
            shift += term.shift
            if term.piece is not None:
                slopes[term.piece] = slopes.get(term.piece, 0.0) + term.slope
        return {piece: slope for piece, slope in slopes.items() if slope != 0}, shift

    def total(self, terms: Iterable[_Term]) -> _Term:
        """A sum: one node, but for its largest slope and its constant."""
        slopes, shift = self._merged(terms)
        if len(slopes) < 2:
            alone = (_Term(slope, piece, shift) for piece, slope in slopes.items())
            return next(alone, _number(shift))
        largest = max(slopes.values(), key=abs)
        edges = [self.edge(_Term(s / largest, piece, 0.0)) for piece, s in slopes.items()]
        node = self.node("sum", edges)
        return _Term(largest, Piece(self.n_inputs + node, IDENTITY), shift)

    def _factors(self, formula: Formula, below: bool = False) -> Iterator[_Term]:
        """The factors of a product or quotient; those ``below`` are turned over."""
        if isinstance(formula, Call) and formula.function in ("*", "/"):
            for i, part in enumerate(formula.arguments):
                turns = formula.function == "/" and i == 1
                yield from self._factors(part, below ^ turns)
            return
        term = self.term(formula)
        if not below:
            yield term
        elif term.piece is None:
            yield _number(1 / term.shift if term.shift else math.nan)
        else:
            yield self._applied(term, *_power_function(-1.0))

    def _product(self, formula: Formula) -> _Term:
        factor, edges = 1.0, []
        for term in self._factors(formula):
            if term.piece is None:
                factor *= term.shift
                continue
            factor *= term.slope
            edges.append(_Term(1.0, term.piece, term.shift / term.slope))
        if not math.isfinite(factor):
            raise Unwritable
        if len(edges) == 1:
            return edges[0].scaled(factor)
        node = self.node("product", [self.edge(term) for term in edges])
        return _Term(1.0, Piece(self.n_inputs + node, IDENTITY), 0.0).scaled(factor)

    def _power(self, base: Formula, exponent: Formula) -> _Term:
        if self.inputs & {*names_in(exponent)}:
            return self.term(Call("exp", (Call("*", (exponent, Call("log", (base,)))),)))
        value = float(evaluated(exponent, NUMPY, self.values, frozenset()))
        if value in (0.0, 1.0):
            return self.term(base) if value else _number(1.0)
        return self._applied(self.term(base), *_power_function(value))

    def _function(self, function: str, arguments: tuple[Formula, ...]) -> _Term:
        if function == "power":
            return self._of_size(*arguments)
        if function in ("maximum", "minimum"):
            return self.term(self._extreme(function, *arguments))
        term = self.term(arguments[0])
        if term.piece is None:
            return self._constant(function, term)
        if function == "abs":
            square = self._applied(term, *_power_function(2.0))
            return self._applied(square, *_power_function(0.5))
        return self._applied(term, _primitive(function), _TAILS.get(function, ()))

    def _extreme(self, function: str, one: Formula, other: Formula) -> Formula:
        """max(u, v) = u + relu(v − u), min(u, v) = u − relu(u − v).

        u is the constant, if there is one: inputs may be so large that it gets lost.
        """
        if not self.inputs & {*names_in(other)}:
            one, other = other, one
        sign = function == "maximum"
        first, second = (other, one) if sign else (one, other)
        step = Call("relu", (Call("+", (first, Call("neg", (second,)))),))
        return Call("+", (one, step if sign else Call("neg", (step,))))

    def _constant(self, function: str, term: _Term) -> _Term:
        """A function of what is constant, though an input stands in it: x − x."""
        call = Call(function, (Number(term.shift),))
        return _number(float(evaluated(call, NUMPY, {}, frozenset())))

    def _of_size(self, base: Formula, exponent: Formula) -> _Term:
        """power(u, a) = |u|^a, with the sign of u where a is odd."""
        if self.inputs & {*names_in(exponent)}:
            raise Unwritable
        value = float(evaluated(exponent, NUMPY, self.values, frozenset()))
        return self._applied(self.term(base), POWER, (value,))

    def _applied(
        self, term: _Term, plain: Primitive, tail: tuple[float, ...] = ()
    ) -> _Term:
        """A function of a term, by the variant that takes in most of it."""
        if term.piece is None:
            value = plain.formula(NUMPY, np.float64(term.shift), *tail)
            return _number(float(value))
        factor, addend, slope, shift = _moved_out(plain, term, tail)
        source = self.source(term.piece)
        found = self.form(plain, slope, shift)
        if found is None:
            source = self.n_inputs + self.node("sum", [self.affine(source, slope, shift)])
            found = self.plain_form(plain), ()
        return _Term(factor, Piece(source, found[0], found[1] + tail), addend)


def _primitive(function: str) -> Primitive:
    """The primitive that is a function."""
    return lookup(spelling(function) if function in ELEMENTARY else function)


def _power_function(exponent: float) -> tuple[Primitive, tuple[float, ...]]:
    """The primitive that is x to an exponent, and its coefficients."""
    own = monomial(exponent)
    return (POWER, (exponent,)) if own is None else (own, ())


def _moved_out(
    plain: Primitive, term: _Term, tail: tuple[float, ...]
) -> tuple[float, float, float, float]:
    """What a function need not do itself: factor, addend, and what is left inside.

    A factor of a power's argument is one of the power; a shift of an exponential's is one
    as well; a factor of a logarithm's is an addend.
    """
    slope, shift = term.slope, term.shift
    exponent = tail[0] if plain == POWER else plain.exponent
    if plain.exponential:
        factor = math.exp(shift) if abs(shift) < math.log(_LARGEST) else 0.0
        return (factor, 0.0, slope, 0.0) if factor else (1.0, 0.0, slope, shift)
    if plain.function is ELEMENTARY["log"] and slope > 0:
        return 1.0, math.log(slope), 1.0, shift / slope
    if exponent is not None and (slope > 0 or exponent != 0.5):
        factor = float(NUMPY.power(np.float64(slope), exponent))
        if _SMALLEST < abs(factor) < _LARGEST:
            return factor, 0.0, 1.0, shift / slope
    return 1.0, 0.0, slope, shift
