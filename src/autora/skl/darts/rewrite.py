"""A SymPy equation rewritten in a shorter form that has the same values.

SymPy's own ``simplify`` may take minutes on an equation with fitted coefficients. Here a
few cheap steps are tried on expressions of bounded size, each is kept where it makes the
equation shorter, and the result is compared with the original in numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from itertools import islice
from math import comb
from typing import Any

import numpy as np

from .symbolic import exponent

#: Parts of an expression beyond which it is left alone, and terms that may be written out.
_MOST_PARTS, _MOST_TERMS = 400, 60
_ROUNDS = 3
#: Numbers beyond double precision, which no prediction contains, are left alone as well.
_LARGEST_EXPONENT = 1_100
_SAMPLES, _AGREEMENT = 12, 1e-9
_SPREAD = np.logspace(-1, 1, _SAMPLES)


def parts(expression: Any, most: int) -> int:
    """Operations, symbols and numbers of an expression; counting stops at ``most``."""
    import sympy

    walk = islice(sympy.preorder_traversal(expression), most)
    # A fitted number is longer to read than a symbol or a whole number.
    return sum(2 if part.is_Float else 1 for part in walk)


def _terms(expression: Any) -> int:
    """How many terms the expression has when it is multiplied out."""
    if expression.is_Add:
        return sum(_terms(arg) for arg in expression.args)
    if expression.is_Mul:
        total = 1
        for arg in expression.args:
            total = min(total * _terms(arg), 10**6)
        return total
    if expression.is_Pow and expression.exp.is_Integer and expression.exp > 0:
        inner, power = _terms(expression.base), min(int(expression.exp), 100)
        return comb(inner + power - 1, power) if inner > 1 else 1
    return max(map(_terms, expression.args), default=1)


def _one_fraction(expression: Any) -> Any:
    """A single fraction without common factors, coefficients taken as exact."""
    import sympy

    exact = sympy.nsimplify(expression, rational=True)
    if not exact.is_rational_function() or max(map(_terms, exact.as_numer_denom())) > 12:
        return expression
    return _as_floats(sympy.cancel(exact))


def _as_floats(expression: Any) -> Any:
    """Fractions of fitted numbers as numbers again; whole ones stay."""
    import sympy

    found = {r: sympy.Float(r, 17) for r in expression.atoms(sympy.Rational) if r.q != 1}
    large = {i: sympy.Float(i, 17) for i in expression.atoms(sympy.Integer) if abs(i) > 999}
    return expression.xreplace(found | large)


def _whole(expression: Any) -> Any:
    """2.0 as 2, and 1.0*x as x."""
    import sympy

    found = [
        f for f in expression.atoms(sympy.Float) if abs(f) < 1000 and float(f).is_integer()
    ]
    return expression.xreplace({f: sympy.Integer(int(f)) for f in found})


@cache
def _steps() -> tuple[Callable[[Any], Any], ...]:
    import sympy

    return (
        _whole,
        lambda e: sympy.expand(e, power_base=False, log=False),
        lambda e: sympy.powsimp(e, combine="exp"),
        sympy.factor_terms,
        sympy.expand_log,
        _one_fraction,
    )


def _shorter(expression: Any) -> Iterator[Any]:
    """The expression after each step that could make it shorter."""
    for step in _steps():
        if _terms(expression) <= _MOST_TERMS:
            yield step(expression)


def _agree(one: Any, other: Any) -> bool:
    """Whether two expressions have the same values, and are undefined alike."""
    import sympy

    symbols = sorted(one.free_symbols | other.free_symbols, key=str)
    # Names of columns are anything at all: none of them gets into the code that is run.
    plain = {symbol: sympy.Symbol(f"x{i}", real=True) for i, symbol in enumerate(symbols)}
    rng = np.random.default_rng(0)
    points = [rng.uniform(-2, 2, _SAMPLES) * _SPREAD for _ in symbols]
    values = []
    with np.errstate(all="ignore"):
        for expression in (one, other):
            function = sympy.lambdify(
                list(plain.values()), expression.xreplace(plain), "numpy"
            )
            value = np.broadcast_to(function(*points), _SAMPLES).astype(complex)
            values.append(np.where(np.isfinite(value), value, np.nan))
    first, second = values
    return np.allclose(first, second, rtol=_AGREEMENT, atol=1e-300, equal_nan=True)


def simplified(expression: Any) -> Any:
    """A shorter form of a SymPy expression, or the expression itself.

    The values are the same to nine digits. An expression of more than 400 parts, or with
    numbers beyond double precision, is left as it is, so that the time is bounded.
    """
    import sympy

    best, size = expression, parts(expression, _MOST_PARTS)
    numbers = expression.atoms(sympy.Float)
    if size >= _MOST_PARTS or any(exponent(n) > _LARGEST_EXPONENT for n in numbers):
        return expression
    for _ in range(_ROUNDS):
        before = size
        for trial in _shorter(best):
            length = parts(trial, _MOST_PARTS)
            if length < size and _agree(expression, trial):
                best, size = trial, length
        if size == before:
            break
    return best
