"""Primitives for people to read: their formulas and domains as text, from their records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from .elementary import Elementary, Functions
from .formula import spelling
from .primitives import ARGUMENTS, SCIENCE, Primitive, builtin
from .source_text import Text, text

#: What formulas call coefficients, by their kind.
_LETTERS = {"slope": "a", "shift": "b", "shape": "beta", "exponent": "beta"}
#: Where a function is defined, by whether it is so below, at and above zero.
_DOMAINS = {
    (True, True, True): "",
    (False, True, True): " >= 0",
    (False, False, True): " > 0",
    (True, False, True): " != 0",
}


#: Functions that are written out, as in the equations that are printed.
_WRITTEN_OUT: dict[str, Callable[..., Any]] = {
    "expit": lambda m, x: 1 / (1 + m.exp(-x)),
    "softplus": lambda m, x: m.log(1 + m.exp(x)),
    "power": lambda m, x, exponent: m.abs(x) ** exponent,
}
#: What else is to be known of them.
REMARK = "abs(x)**beta is x**beta where beta is odd"


class PrimitiveText(NamedTuple):
    """One line of the table of primitives."""

    name: str
    formula: str  #: of x and the coefficients a, b and beta
    domain: str  #: "" where it is defined for all numbers
    default: bool  #: whether an automatic search has it without being asked


def _read(record: Elementary, m: Functions) -> Callable[..., Text]:
    if record.name in _WRITTEN_OUT:
        return partial(_WRITTEN_OUT[record.name], m)
    return partial(_written, spelling(record.name))


def _written(name: str, *arguments: Any) -> Text:
    return Text(f"{name}({', '.join(text(argument).code for argument in arguments)})")


def described() -> list[PrimitiveText]:
    """The primitives that come with the package, variants of one function together."""
    known: Sequence[Primitive] = builtin()
    bases, arguments = [p.base for p in known], list(ARGUMENTS)
    known = sorted(known, key=lambda p: (bases.index(p.base), arguments.index(p.argument)))
    return [_described(primitive) for primitive in known]


def _described(primitive: Primitive) -> PrimitiveText:
    letters = [Text(_LETTERS[kind]) for kind in primitive.params]
    formula = primitive(Functions(_read), Text("x"), *letters).code
    for sign in ("**", "*", "/"):
        formula = formula.replace(f" {sign} ", sign)
    return PrimitiveText(
        primitive.name, formula, _domain(primitive), primitive.name in SCIENCE
    )


def _domain(primitive: Primitive) -> str:
    """Where it is defined, in terms of what the plain function is applied to."""
    plain = primitive.plain
    kinds = ARGUMENTS[primitive.argument] if plain is not primitive else ()
    argument = "a*x" if "slope" in kinds else "x"
    argument += " + b" if "shift" in kinds else ""
    found = {}
    for sign in (1.0, -1.0):
        signs = [bool(plain.domain(x, *[sign] * plain.n_params)) for x in (-1.0, 0.0, 1.0)]
        found[sign] = _DOMAINS[signs[0], signs[1], signs[2]]
    if found[1.0] == found[-1.0]:
        return found[1.0] and argument + found[1.0]
    return f"{argument}{found[-1.0]} if beta < 0"
