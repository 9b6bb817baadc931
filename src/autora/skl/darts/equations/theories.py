"""A theory as its author wrote it, with numbers in place of its constants."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from ..graph.elementary import Elementary, Functions
from ..graph.formula import Call, Formula, Name, Number, evaluated, spelling
from ..graph.grammar import Theory
from ..graph.source_text import ATOM, NEGATIVE, POWER, PRODUCT, Text
from .printing import console_name

#: Significant digits of a number: at least, at most, and those of its standard error.
_FEWEST, _MOST, _OF_ERROR = 5, 17, 2
#: Size up to which whole numbers are written out.
_WHOLE = 1e15


class _Written(Text):
    """Text as equations are printed, without blanks about products and powers."""

    __slots__ = ()

    def made(self, code: str, binding: int = ATOM) -> Text:
        return _Written(code, binding)

    def _product(self, a: Text, b: Text) -> Text:
        return self.made(f"{a.at(PRODUCT)}*{b.at(NEGATIVE)}", PRODUCT)

    def _quotient(self, a: Text, b: Text) -> Text:
        return self.made(f"{a.at(PRODUCT)}/{b.at(NEGATIVE)}", PRODUCT)

    def _power(self, a: Text, b: Text) -> Text:
        return self.made(f"{a.at(ATOM)}**{b.at(ATOM)}", POWER)


def _called(function: Elementary, _: Functions) -> Callable[..., Any]:
    def of(*arguments: Any) -> Text:
        shown = ", ".join(_shown(a).code for a in arguments)
        return _Written(f"{spelling(function.name)}({shown})")

    return of


_FUNCTIONS = Functions(_called)


def _shown(value: Any) -> Text:
    return value if isinstance(value, Text) else _exactly(float(value))


def _number(value: float, error: float) -> Text:
    """A number, as precise as its standard error asks for, or to the unit."""
    digits = _FEWEST
    if value:
        known = error if 0 < error < math.inf else 1.0
        digits = math.ceil(math.log10(abs(value) / known)) + _OF_ERROR
    return _coded(f"{value:.{min(max(digits, _FEWEST), _MOST)}g}")


def _exactly(value: float) -> Text:
    """A number of the text, which is not to be rounded."""
    return _coded(
        f"{value:.0f}" if value.is_integer() and abs(value) < _WHOLE else repr(value)
    )


def _coded(code: str) -> Text:
    return _Written(code, NEGATIVE if code.startswith("-") else ATOM)


def theory_text(theory: Theory, constants: Mapping[str, tuple[float, float]]) -> str:
    """The formula with fitted numbers, in the form in which it was written.

    Parameters
    ----------
    constants : mapping
        Of every constant its value and its standard error; one without a finite value
        keeps its name.
    """
    known: dict[str, Any] = {name: _Written(console_name(name)) for name in theory.inputs}
    for name, (value, error) in constants.items():
        found = math.isfinite(value)
        known[name] = _number(value, error) if found else _Written(console_name(name))
    formula = _with_texts(theory.formula, known)
    inputs = frozenset(theory.inputs)
    return _shown(evaluated(formula, _FUNCTIONS, known, inputs)).code


def _with_texts(formula: Formula, known: dict[str, Any]) -> Formula:
    """The formula with names for its numbers, whose text is then ``known``."""
    if isinstance(formula, Number):
        name = f"{formula.value!r} of the text"
        known[name] = _exactly(formula.value)
        return Name(name)
    if isinstance(formula, Name):
        return formula
    parts = [_with_texts(part, known) for part in formula.arguments]
    if formula.function == "**" and isinstance(formula.arguments[1], Number):
        parts[1] = formula.arguments[1]  # whole ones, and that of a root, mean something
    return Call(formula.function, tuple(parts))
