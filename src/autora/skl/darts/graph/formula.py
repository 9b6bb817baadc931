"""A formula with named constants: what a theory says before its constants are known.

It is a tree of numbers, names and calls. Like the formulas of primitives it is evaluated
with any namespace ``m``, so that its values, derivatives and SymPy form agree.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from .elementary import ELEMENTARY
from .primitives import builtin, known_primitives, lookup

#: Size of whole exponents that are powers of any number, and not only of positive ones.
_LARGEST_WHOLE = 100


@dataclass(frozen=True)
class Number:
    """A number that stands in the text: it is not fitted."""

    value: float


@dataclass(frozen=True)
class Name:
    """An input, or a constant that is fitted."""

    name: str


@dataclass(frozen=True)
class Call:
    """A function or operator, applied.

    Attributes
    ----------
    function : str
        "+" and "*" of any number of arguments, "/", "**", "neg", an elementary function
        or a primitive without coefficients.
    """

    function: str
    arguments: tuple[Formula, ...]


Formula = Number | Name | Call


def functions() -> dict[str, str]:
    """The functions that formulas may call: all their spellings, and their own name.

    They are those of the records of elementary functions and of primitives without
    coefficients; "ln" and "max" are spelled as equations are printed.
    """
    found = {
        name: name
        for name in known_primitives()
        if not lookup(name).n_params and not lookup(name).straight and name != "none"
    }
    for record in ELEMENTARY.values():
        if record.elementwise:
            found |= {spelling(record.name): record.name, record.name: record.name}
    return found


def n_arguments(function: str) -> int:
    """How many arguments a function takes; see `functions`."""
    return len(ELEMENTARY[function].slopes) if function in ELEMENTARY else 1


def names_in(formula: Formula) -> tuple[str, ...]:
    """The names of a formula, each once, in the order in which they are read."""
    return tuple(dict.fromkeys(_names(formula)))


def _names(formula: Formula) -> Iterator[str]:
    if isinstance(formula, Name):
        yield formula.name
    elif isinstance(formula, Call):
        for argument in formula.arguments:
            yield from _names(argument)


def terms_of(formula: Formula) -> tuple[Formula, ...]:
    """The terms of a sum; of anything else, itself."""
    if isinstance(formula, Call) and formula.function == "+":
        return formula.arguments
    return (formula,)


def is_affine(formula: Formula, names: Set[str]) -> bool:
    """Whether a formula is c₀ + c₁·a + c₂·b … in the names a, b …, all taken together."""
    if isinstance(formula, (Number, Name)) or not names & {*_names(formula)}:
        return True
    parts, within = formula.arguments, partial(is_affine, names=names)
    if formula.function in ("+", "neg"):
        return all(map(within, parts))
    having = [part for part in parts if names & {*_names(part)}]
    if formula.function == "*":
        return len(having) == 1 and within(having[0])
    return formula.function == "/" and having == [parts[0]] and within(parts[0])


def evaluated(formula: Formula, m: Any, values: Mapping[str, Any], inputs: Set[str]) -> Any:
    """The value of a formula under any reading ``m`` of its functions.

    Parameters
    ----------
    values : mapping
        What stands for every name.
    inputs : set of str
        The names that vary from row to row: with them in the exponent a power is
        exp(exponent·ln(base)).
    """
    if isinstance(formula, Number):
        return formula.value
    if isinstance(formula, Name):
        return values[formula.name]
    of = partial(evaluated, m=m, values=values, inputs=inputs)
    if formula.function == "**":
        base, exponent = formula.arguments
        if whole(exponent) is not None:
            return of(base) ** whole(exponent)
        if isinstance(exponent, Number) and exponent.value == 0.5:
            return m.sqrt(of(base))
        if inputs & {*_names(exponent)}:
            return m.exp(of(exponent) * m.log(of(base)))
        return _power_of_positive(m, of(base), of(exponent))
    return _applied(formula.function, m, [of(part) for part in formula.arguments])


def _applied(function: str, m: Any, values: list[Any]) -> Any:
    if function in _OPERATORS:
        return _OPERATORS[function](values)
    if function in ELEMENTARY:
        return getattr(m, function)(*values)
    return lookup(function).formula(m, *values)


_OPERATORS: dict[str, Callable[[list[Any]], Any]] = {
    "+": lambda values: sum(values[1:], start=values[0]),
    "*": lambda values: math.prod(values[1:], start=values[0]),
    "/": lambda values: values[0] / values[1],
    "neg": lambda values: -values[0],
}
OPERATORS = frozenset({*_OPERATORS, "**"})


def whole(exponent: Formula) -> int | None:
    """A whole number as an exponent that stands in the text."""
    if not isinstance(exponent, Number) or abs(exponent.value) > _LARGEST_WHOLE:
        return None
    return int(exponent.value) if exponent.value.is_integer() else None


def _power_of_positive(m: Any, base: Any, exponent: Any) -> Any:
    """u^a, undefined where u is negative: the power of its size need not be meant."""
    size = getattr(base, "value", base)
    if not isinstance(size, (float, np.ndarray)):  # an expression
        return base**exponent
    found = m.power(base, exponent)
    if np.any(np.asarray(size) < 0):
        return found * np.where(np.asarray(size) < 0, np.nan, 1.0)
    return found


def spelling(function: str) -> str:
    """How printed equations call an elementary function."""
    for primitive in builtin():
        named = primitive.function is not None and primitive.function.name == function
        if named and primitive.argument == "plain":
            return primitive.name
    return ELEMENTARY[function].symbol.lower() or function
