"""A SymPy equation rewritten in a shorter form that has the same values.

SymPy's own ``simplify`` may take minutes on an equation with fitted coefficients. Here a
few cheap steps are tried on expressions of bounded size, each is kept where it makes the
equation shorter, and the result is compared with the original in numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache, reduce
from itertools import islice
from math import comb
from typing import Any

import numpy as np

from .symbolic import beyond_numpy, exponent

#: Parts of an expression beyond which it is left alone, and terms that may be written out.
_MOST_PARTS, _MOST_TERMS = 400, 60
#: Terms of a numerator or denominator that are still factored.
_MOST_FACTORED = 12
#: Binary digits of the exact numbers of what is made one fraction or factored.
_MOST_BITS = 1000
_ROUNDS = 3
#: Numbers beyond double precision, which no prediction contains, are left alone as well.
_LARGEST_EXPONENT = 1_100
_SAMPLES, _AGREEMENT = 12, 1e-9
_SPREAD = np.logspace(-1, 1, _SAMPLES)
#: Extremes of arrays and numbers, which SymPy 1.12 asks NumPy for in vain.
_EXTREMES = {
    "amax": lambda parts, axis: reduce(np.maximum, parts),
    "amin": lambda parts, axis: reduce(np.minimum, parts),
}
#: Numbers below, and above its inverse, are not for display.
_TINY = 1e-100
#: Relative error of a number that went through a few operations.
_ROUNDING = 1e-13
#: Largest denominator of a fraction that a law is likely to have.
_SIMPLE = 1000
#: Parts by which a form may be longer that has a fitted number less: signs that turn over.
_WORTH_A_NUMBER = 6


def parts(expression: Any, most: int) -> int:
    """Operations, symbols and numbers of an expression; counting stops at ``most``."""
    import sympy

    walk = islice(sympy.preorder_traversal(expression), most)
    # A fitted number is longer to read than a symbol or a whole number.
    return sum(2 if part.is_Float else 1 for part in walk)


def terms_written_out(expression: Any) -> int:
    """How many terms the expression has when it is multiplied out."""
    if expression.is_Add:
        return sum(terms_written_out(arg) for arg in expression.args)
    if expression.is_Mul:
        total = 1
        for arg in expression.args:
            total = min(total * terms_written_out(arg), 10**6)
        return total
    if expression.is_Pow and expression.exp.is_Integer and expression.exp > 0:
        inner, power = terms_written_out(expression.base), min(int(expression.exp), 100)
        return comb(inner + power - 1, power) if inner > 1 else 1
    return max(map(terms_written_out, expression.args), default=1)


def _one_fraction(expression: Any) -> Any:
    """A single fraction without common factors, coefficients taken as exact."""
    import sympy

    # Exact numbers inside of other functions make SymPy reason about them without end.
    if not with_whole_numbers(expression).is_rational_function():
        return expression
    exact = expression.xreplace({f: _exactly(f) for f in expression.atoms(sympy.Float)})
    if _is_heavy(exact):
        return expression
    return _as_floats(sympy.cancel(exact))


def _is_heavy(exact: Any) -> bool:
    """Whether a fraction has so many terms, or so long numbers, that algebra takes minutes.

    Powers of fitted numbers have thousands of digits as exact ones.
    """
    if _has_long_numbers(exact):
        return True
    parts_ = exact.as_numer_denom()
    return max(map(terms_written_out, parts_)) > _MOST_FACTORED or any(
        _has_long_numbers(part) for part in parts_
    )


def _has_long_numbers(exact: Any) -> bool:
    import sympy

    numbers = exact.atoms(sympy.Rational)
    return any(max(abs(n.p), n.q).bit_length() > _MOST_BITS for n in numbers)


def factored(expression: Any) -> Any:
    """A single fraction of factors, functions of the symbols taken as symbols."""
    import sympy

    plain = with_whole_numbers(expression)
    if parts(plain, _MOST_PARTS) >= _MOST_PARTS or terms_written_out(plain) > _MOST_TERMS:
        return expression
    apart = [e for e in sympy.preorder_traversal(plain) if _is_no_ratio(e)]
    stands_in = {e: sympy.Dummy(real=True) for e in dict.fromkeys(apart)}
    inside = plain.xreplace(stands_in)  # outermost first
    exact = inside.xreplace({f: _exactly(f) for f in inside.atoms(sympy.Float)})
    if _is_heavy(exact):
        return expression
    found = _as_floats(sympy.factor(exact))
    return found.xreplace({dummy: e for e, dummy in stands_in.items()})


def _is_no_ratio(expression: Any) -> bool:
    """Whether an expression is a function, or a power that is no whole one."""
    whole = expression.is_Pow and expression.exp.is_Integer
    return bool(expression.args) and not (expression.is_Add or expression.is_Mul or whole)


def _exactly(number: Any) -> Any:
    """A fraction: of small numbers if it is one but for rounding."""
    import sympy

    value = sympy.Rational(str(number))
    simple = value.limit_denominator(_SIMPLE)
    return simple if abs(simple - value) <= _ROUNDING * abs(value) else value


def _as_floats(expression: Any) -> Any:
    """Fractions of fitted numbers as numbers again; whole ones stay."""
    import sympy

    found = {r: sympy.Float(r, 17) for r in expression.atoms(sympy.Rational) if r.q != 1}
    large = {i: sympy.Float(i, 17) for i in expression.atoms(sympy.Integer) if abs(i) > 999}
    return expression.xreplace(found | large)


def with_whole_numbers(expression: Any) -> Any:
    """2.0 as 2, and 1.0*x as x."""
    import sympy

    found = [
        f for f in expression.atoms(sympy.Float) if abs(f) < 1000 and float(f).is_integer()
    ]
    # Of 60 binary digits a whole number may be a hair below: it is rounded, never cut.
    return expression.xreplace({f: sympy.Integer(round(float(f))) for f in found})


def without_traces(expression: Any, most: float) -> Any:
    """Zero for fitted numbers below a size: what terms leave that cancel.

    A logistic function of 1e−16·x is then a constant, which algebra can move about.
    """
    import sympy

    traces = [f for f in expression.atoms(sympy.Float) if abs(f) < most]
    return expression.xreplace(dict.fromkeys(traces, sympy.Integer(0)))


def _near_whole(value: Any) -> Any:
    """A fitted number that is whole but for rounding as that whole number."""
    import sympy

    if not value.is_Float or abs(value) >= 1000:
        return value
    nearest = round(float(value))
    close = abs(float(value) - nearest) <= _ROUNDING * max(1, abs(nearest))
    return sympy.Integer(nearest) if close else value


def _with_factor(power: Any, factor: float) -> Any:
    """factor · (a·x + b)^p as (a·f·x + b·f)^p, for a factor above 0.

    None where f is beyond double precision: p may be close to 0.
    """
    import sympy

    with np.errstate(all="ignore"):
        inside = np.float64(factor) ** (1 / np.float64(power.exp))
    if not _TINY < inside < 1 / _TINY:
        return None
    inner = sympy.Float(float(inside), 17)
    terms = (term.as_coeff_Mul() for term in power.base.args)
    scaled = [_near_whole(number * inner) * rest for number, rest in terms]
    return sympy.Add(*scaled) ** power.exp


def _factors_into_powers(expression: Any) -> Any:
    """2.83·sqrt(x/8 + y) as sqrt(x + 8·y): the numbers of a law are often round inside."""

    def absorbed(product: Any) -> Any:
        number, rest = product.as_coeff_Mul()
        if not number.is_Float or number == 0:
            return product
        factors = rest.args if rest.is_Mul else (rest,)
        for i, part in enumerate(factors):
            if part.is_Pow and part.base.is_Add and part.exp.is_Number:
                others = [*factors[:i], *factors[i + 1 :]]
                inner = _with_factor(part, abs(float(number)))
                if inner is None:
                    continue
                return product.func(1 if number > 0 else -1, inner, *others)
        return product

    return expression.replace(lambda e: e.is_Mul, absorbed)


def _phases(expression: Any) -> Any:
    """Sines and cosines with the plainest phase of those that differ by quarter turns."""
    import sympy

    def turned(wave: Any) -> Any:
        constant, rest = sympy.expand_mul(wave.args[0]).as_coeff_Add()
        if not constant.is_Float or not np.isfinite(float(constant)):
            return wave
        # Quarter turns ahead of a sine.
        ahead = 1 if wave.func == sympy.cos else 0
        forms = [_wave(rest, float(constant), ahead, q) for q in range(4)]
        return min(forms, key=lambda f: (len(f.atoms(sympy.Float)), parts(f, _MOST_PARTS)))

    return expression.replace(lambda e: e.func in (sympy.sin, sympy.cos), turned)


def _wave(rest: Any, constant: float, ahead: int, quarters: int) -> Any:
    """sin(rest + constant + ahead·π/2), written with ``quarters`` turns taken out."""
    import sympy

    phase = constant + (ahead - quarters) * np.pi / 2
    phase -= 2 * np.pi * np.round(phase / (2 * np.pi))
    sign = -1 if quarters >= 2 else 1
    wave = sympy.cos if quarters % 2 else sympy.sin
    number = _near_whole(sympy.Float(phase, 17))
    if abs(phase) <= _ROUNDING * max(1.0, abs(constant)):
        number = sympy.Integer(0)
    if wave == sympy.sin:
        return wave(sympy.expand_mul(sign * (rest + number)))
    return sign * wave(rest + number)


@cache
def _steps() -> tuple[Callable[[Any], Any], ...]:
    import sympy

    return (
        with_whole_numbers,
        lambda e: sympy.expand(e, power_base=False, log=False),
        lambda e: sympy.powsimp(e, combine="exp"),
        sympy.factor_terms,
        sympy.expand_log,
        _phases,
        _factors_into_powers,
        _one_fraction,
    )


def _shorter(expression: Any) -> Iterator[Any]:
    """The expression after each step that could make it shorter."""
    for step in _steps():
        if terms_written_out(expression) <= _MOST_TERMS:
            yield step(expression)


def values(
    expressions: Sequence[Any], symbols: Sequence[Any], points: np.ndarray
) -> np.ndarray:
    """Values of shape (n, expressions) in double precision at points (n, symbols)."""
    import sympy

    # Names of columns are anything at all: none of them gets into the code that is run.
    plain = {symbol: sympy.Symbol(f"x{i}", real=True) for i, symbol in enumerate(symbols)}
    inside = [expression.xreplace(plain) for expression in expressions]
    modules = [_EXTREMES, "numpy", beyond_numpy()]
    function = sympy.lambdify(list(plain.values()), inside, modules)
    with np.errstate(all="ignore"):
        columns = [np.broadcast_to(c, len(points)) for c in function(*points.T)]
    return np.column_stack([np.asarray(column, complex) for column in columns])


def _agree(one: Any, other: Any) -> bool:
    """Whether two expressions have the same values, and are undefined alike."""
    import sympy

    if one.has(sympy.zoo, sympy.nan) or other.has(sympy.zoo, sympy.nan):
        return False
    symbols = sorted(one.free_symbols | other.free_symbols, key=str)
    rng = np.random.default_rng(0)
    points = [rng.uniform(-2, 2, _SAMPLES) * _SPREAD for _ in symbols]
    table = np.array(points).reshape(-1, _SAMPLES).T
    found = values([one, other], symbols, table)
    first, second = np.where(np.isfinite(found), found, np.nan).T
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
    for step in (_phases, _factors_into_powers):
        trial = step(best)
        fewer = _plainness(trial)[0] < _plainness(best)[0]
        longest = size + _WORTH_A_NUMBER if fewer else size
        if parts(trial, _MOST_PARTS) <= longest and _plainness(trial) < _plainness(best):
            best = trial if _agree(expression, trial) else best
    return best


def _plainness(expression: Any) -> tuple[int, float]:
    """Fitted numbers of an expression, and the largest in a wave; less is plainer."""
    import sympy

    numbers = expression.atoms(sympy.Float)
    waves = expression.atoms(sympy.sin, sympy.cos)
    inside = [abs(float(f)) for wave in waves for f in wave.atoms(sympy.Float)]
    return len(numbers), max(inside, default=0.0)
