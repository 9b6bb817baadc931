"""Units of problems: how they are spelled, and whether a law agrees with them.

Units are exponents of base units. The check follows a law from its variables to its value
by the rules of dimensional analysis; it shares nothing with the package that is measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import sympy

from helpers.problems import Problem

#: What the exponents stand for: those of AI Feynman, with the names of pint.
BASE = ("m", "s", "kg", "K", "V")

Units = tuple[Fraction, ...]
NONE: Units = (Fraction(0),) * len(BASE)


def spelled(units: tuple[int, ...]) -> str:
    """Such as "m*s**-2"; nothing for a number without units."""
    powers = [(name, power) for name, power in zip(BASE, units, strict=True) if power]
    return "*".join(name if power == 1 else f"{name}**{power}" for name, power in powers)


def consistent(problem: Problem) -> bool:
    """Whether the law gives its target's units.

    Raises
    ------
    ValueError
        If the law adds unlike units, takes a function of something with units, or if the
        problem has none.
    """
    columns = zip(problem.symbols, problem.variables, strict=True)
    units = {symbol: exponents(v.units) for symbol, v in columns}
    return dimension(problem.truth, units) == exponents(problem.units)


def exponents(units: tuple[int, ...] | None) -> Units:
    if units is None:
        raise ValueError(
            "the problem has no units: take one of problems/feynman_units.json"
        )
    return tuple(map(Fraction, units))


def dimension(expression: Any, units: Mapping[Any, Units]) -> Units:
    """The units of an expression whose symbols have ``units``; its numbers have none."""
    if not expression.free_symbols:
        return NONE
    if expression.is_Symbol:
        return units[expression]
    parts = [dimension(argument, units) for argument in expression.args]
    if isinstance(expression, sympy.Mul):
        return tuple(sum(powers, Fraction(0)) for powers in zip(*parts, strict=True))
    if isinstance(expression, sympy.Pow) and expression.exp.is_Rational:
        power = Fraction(expression.exp.p, expression.exp.q)
        return tuple(power * part for part in parts[0])
    if isinstance(expression, sympy.Add | sympy.Max | sympy.Min | sympy.Abs):
        if any(part != parts[0] for part in parts):
            raise ValueError(f"{expression} puts unlike units together: {parts}")
        return parts[0]
    if any(part != NONE for part in parts):
        raise ValueError(f"{expression} is a function of something with units: {parts}")
    return NONE
