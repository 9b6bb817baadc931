"""An equation written as a graph: what algebra has made shorter becomes a model again.

A search that has found a law often has it multiplied out, in more edges than it takes, and
single edits do not lead from there to the factored form. SymPy does: the equation's shorter
form (see `equations.simplification`) is read as nodes that add or multiply and edges from
the vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import numpy as np

from ..equations.simplification import (
    simplified,
    terms_written_out,
    values,
    with_whole_numbers,
    without_traces,
)
from ..equations.symbolic import substituted, symbols
from ..graph.model import Model
from ..graph.primitives import IDENTITY, POWER, Primitive, builtin, monomial
from ..graph.specification import SpaceBounds
from ..graph.writer import GraphWriter, Piece, Unwritable
from ..selection.criteria import complexity

#: Terms of an equation beyond which it is left alone, or not multiplied out.
_MOST_TERMS = 60
#: Numbers below which what a search has found exactly is nothing.
_TRACE = 1e-12
#: What terms leave that cancel, as a share of the largest.
_CANCELLED = 1e-14


class _Signs:
    """The sign that an expression has on all rows, 0 where it has both or none."""

    def __init__(self, symbols: Sequence[Any], x: np.ndarray) -> None:
        self.symbols, self.x = symbols, x

    def __call__(self, expression: Any) -> int:
        signs = np.unique(np.sign(values([expression], self.symbols, self.x).real))
        return int(signs[0]) if len(signs) == 1 and np.isfinite(signs[0]) else 0

    def without_sizes(self, expression: Any) -> Any:
        """|u| is u, or −u, where u has one sign: powers of products can then be split."""
        import sympy

        def plain(inner: Any) -> Any:
            sign = self(inner)
            return sign * inner if sign else sympy.Abs(inner)

        return expression.replace(sympy.Abs, plain)


class _Writer(GraphWriter):
    """Nodes, grown from the inputs on as expressions ask for them."""

    def __init__(
        self,
        symbols: Sequence[Any],
        bounds: SpaceBounds,
        sign: Callable[[Any], int] = lambda expression: 0,
    ) -> None:
        super().__init__(len(symbols), bounds)
        self.sign = sign
        plain = dict.fromkeys(p.plain for p in bounds.primitives)
        self.functions = [(p, p.function) for p in plain if p.function is not None]
        self.known = {symbol: i for i, symbol in enumerate(symbols)}

    def source(self, expression: Any) -> int:
        """The input or node whose value the expression is."""
        if expression not in self.known:
            slope, inner = expression.as_coeff_Mul()
            if expression.is_Number:
                raise Unwritable
            if slope != 1:
                node = "sum", [self.affine(self.source(inner), float(slope), 0.0)]
            elif expression.is_Mul:
                node = "product", [self.piece(f) for f in self._few(expression)]
            elif expression.is_Add:
                node = "sum", self._terms(expression)
            else:
                node = "sum", [self.piece(expression)]
            self.known[expression] = self.n_inputs + self.added(*node)
        return self.known[expression]

    def node(self, expression: Any) -> int:
        """The number of the node whose value the expression is."""
        if expression.is_Symbol:
            return self.added("sum", [self.piece(expression)])
        return self.source(expression) - self.n_inputs

    def _few(self, whole: Any) -> list[Any]:
        """Terms or factors, the last of them together where there are too many."""
        parts, most = list(whole.args), self.bounds.max_in_degree
        if len(parts) <= most or most < 2:
            return parts
        return [*parts[: most - 1], whole.func(*parts[most - 1 :])]

    def _terms(self, total: Any) -> list[Piece]:
        """The terms of a sum; its constant goes along with one that may be shifted."""
        constant, rest = total.as_coeff_Add()
        pieces = [self.piece(t) for t in (self._few(rest) if rest.is_Add else [rest])]
        if constant == 0:
            return pieces
        for i, piece in enumerate(pieces):
            if piece.primitive.plain == IDENTITY and "shift" not in piece.primitive.params:
                slope = piece.coefs[0] if piece.coefs else 1.0
                pieces[i] = self.affine(piece.source, slope, float(constant))
                return pieces
        raise Unwritable

    def piece(self, expression: Any) -> Piece:
        """An edge that brings the expression's value."""
        slope, constant, inner = _affine_parts(expression)
        if constant != 0 or slope != 1:
            return self.affine(self.source(inner), slope, constant)
        for plain, function in self.functions:
            if (argument := function.argument_of(expression)) is not None:
                return self._applied(plain, argument)
        if expression.is_Pow and expression.exp.is_Number:
            return self._power(expression.base, float(expression.exp))
        if not (expression.is_Symbol or expression.is_Mul or expression.is_Add):
            raise Unwritable
        return self.affine(self.source(expression), 1.0, 0.0)

    def _power(self, base: Any, exponent: float) -> Piece:
        import sympy

        if isinstance(base, sympy.Abs) and exponent % 2 != 1:
            base = base.args[0]
            if exponent == 0.5 and self.sign(base) <= 0:  # a square root is one of u
                return self._applied(POWER, base, (exponent,))
        elif exponent % 1 and exponent != 0.5 and self.sign(base) <= 0:
            raise Unwritable  # a power of what may be negative: ours is one of |x|
        own = monomial(exponent)
        if own is None or exponent == 1:
            return self._applied(POWER, base, (exponent,))
        return self._applied(own, base)

    def _applied(
        self, plain: Primitive, argument: Any, tail: tuple[float, ...] = ()
    ) -> Piece:
        """A function of an argument, by the variant that takes in most of it."""
        a, b, inner = _affine_parts(argument)
        if (found := self.form(plain, a, b)) is not None:
            return Piece(self.source(inner), found[0], found[1] + tail)
        there = self.plain_form(plain)
        return Piece(self.source(argument), there, tail)


def _affine_parts(expression: Any) -> tuple[float, float, Any]:
    """a, b and u of an expression a·u + b.

    A sum keeps a constant that one of its terms can take along.
    """
    constant, rest = expression.as_coeff_Add()
    slope, inner = rest.as_coeff_Mul()
    takes_along = inner.is_Add and slope == 1 and not all(map(_bends, inner.args))
    if constant != 0 and takes_along:
        return 1.0, 0.0, expression
    return float(slope), float(constant), inner


def _bends(term: Any) -> bool:
    """Whether a term is a power or function, whose edge takes no constant along."""
    return not (term.is_Symbol or term.is_Mul or term.is_Add)


def _read_out(writer: _Writer, expression: Any) -> tuple[dict[int, float], float]:
    """Nodes for the terms of an expression, with their weights; terms of x are one node."""
    constant, rest = expression.as_coeff_Add()
    straight, weights = [], {}
    for term in rest.args if rest.is_Add else [rest]:
        weight, inner = term.as_coeff_Mul()
        if inner.is_Symbol:
            straight.append(term)
            continue
        weights[writer.node(inner)] = float(weight)
    if straight:
        weight, inner = straight[0].as_coeff_Mul()
        if len(straight) > 1:
            weight, inner = 1.0, rest.func(*straight)
        weights[writer.node(inner)] = float(weight)
    return weights, float(constant)


def _one_node(writer: _Writer, expression: Any) -> tuple[dict[int, float], float]:
    """The whole expression but for a factor and a constant as one node."""
    constant, rest = expression.as_coeff_Add()
    weight, inner = rest.as_coeff_Mul()
    if inner.is_Add:
        weight = inner.args[0].as_coeff_Mul()[0]
        scaled = inner.func(*(term / weight for term in inner.args))
        inner = with_whole_numbers(scaled)
    return {writer.node(inner): float(weight)}, float(constant)


def _multiplied_out(expression: Any) -> Any:
    """The expression as a sum, without the rounding errors of terms that cancel."""
    import sympy

    total = sympy.expand(expression, power_base=False, log=False)
    terms = sympy.Add.make_args(total)
    sizes = [abs(float(term.as_coeff_Mul()[0])) for term in terms]
    pairs = zip(terms, sizes, strict=True)
    return sympy.Add(*(term for term, size in pairs if size > _CANCELLED * max(sizes)))


def shorter(
    model: Model, bounds: SpaceBounds, train_readout: bool, x: np.ndarray
) -> Model | None:
    """A simpler graph of the same function on the rows ``x`` within the bounds, or None.

    Its coefficients are those of SymPy's shorter form; refit them before they are used.
    """
    import sympy

    known = all(edge.primitive in builtin() for edge in model.edges())
    names = [f"x{i}" for i in range(model.space.n_inputs)]
    written = substituted(model, names, _MOST_TERMS) if known else None
    if written is None or len(written) > 1:
        return None
    plain = without_traces(written[0], _TRACE)
    if plain.has(sympy.zoo, sympy.nan, sympy.oo, -sympy.oo):
        return None
    forms = {simplified(plain)}
    if terms_written_out(plain) <= _MOST_TERMS:
        forms.add(simplified(_multiplied_out(plain)))
    signs = _Signs(symbols(names), x)
    if plain.has(sympy.Abs):
        forms.add(simplified(signs.without_sizes(plain)))
    best, least = None, complexity(model, train_readout)
    for form, read in product(sorted(forms, key=str), (_read_out, _one_node)):
        writer = _Writer(symbols(names), bounds, signs)
        expression = with_whole_numbers(form)
        try:
            weights, bias = read(writer, expression)
            found = writer.model(weights, bias, model.objective)
        except Unwritable:
            continue
        if (size := complexity(found, train_readout)) < least:
            best, least = found, size
    return best
