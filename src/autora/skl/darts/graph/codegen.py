"""Primitives as compiled code: one more reading of their formulas, with derivatives.

A formula is read with the names of values in place of numbers, and writes line by line what
it does to them; with duals of such names it writes their derivatives, too. The lines become
one loop over the rows per primitive, which the fast refit compiles; the table of primitives
stays the only place where a formula is written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from .elementary import ELEMENTARY, NUMPY, Elementary, Formula, Functions
from .jets import JET, Dual
from .primitives import Primitive
from .source_text import ATOM, Text, text


class _Lines:
    """Statements so far, each assigning a fresh name; none is written twice."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}

    def assign(self, expression: str) -> str:
        return self.names.setdefault(expression, f"t{len(self.names)}")

    @property
    def lines(self) -> list[str]:
        return [f"{name} = {expression}" for expression, name in self.names.items()]


class _Name(Text):
    """The name of a value, with the lines that led to it."""

    __slots__ = ("lines",)

    def __init__(self, lines: _Lines, code: str) -> None:
        super().__init__(code)
        self.lines = lines

    def made(self, code: str, binding: int = ATOM) -> _Name:
        return _Name(self.lines, self.lines.assign(code))

    def __abs__(self) -> _Name:
        return _CODE.abs(self)

    def __pow__(self, exponent: Any) -> Any:
        if isinstance(exponent, Text):
            return _CODE.exp(exponent * _CODE.log(self))
        if exponent in (1, 2):
            return self if exponent == 1 else self * self
        return super().__pow__(exponent)

    def __rpow__(self, base: Any) -> Any:
        return _CODE.exp(self * _CODE.log(base))

    def _compared(self, sign: str, other: Any) -> Text:
        """1 where a comparison holds, else 0; for derivatives."""
        return self.made(f"1.0 if {self.code} {sign} {text(other).code} else 0.0")

    def __gt__(self, other: Any) -> Text:
        return self._compared(">", other)

    def __ge__(self, other: Any) -> Text:
        return self._compared(">=", other)

    def __lt__(self, other: Any) -> Text:
        return self._compared("<", other)

    def __le__(self, other: Any) -> Text:
        return self._compared("<=", other)


class _Code(Functions):
    """The elementary functions in compiled code."""

    def text(self, template: str, *arguments: Any) -> _Name:
        """A line of code; ``{0}`` stands for the first argument."""
        inner = next(a for a in arguments if isinstance(a, _Name))
        codes = (a if isinstance(a, Text) else text(float(a)) for a in arguments)
        return inner.made(template.format(*(code.at(ATOM) for code in codes)))

    def slopes_of(self, function: Elementary) -> tuple[Formula, ...]:
        return function.compiled_slopes or function.slopes

    def chained(self, slope: Any, inner: Any) -> Any:
        return slope if isinstance(inner, float) and inner == 1 else slope * inner


def _compiled(function: Elementary, m: _Code) -> Callable[..., Any]:
    usual = f"np.{function.name}{function.call}"
    found = function.reading(
        function.compiled, usual, lambda code: partial(m.text, code), m
    )

    def of(*arguments: Any) -> Any:
        if any(isinstance(a, _Name) for a in arguments):
            return found(*arguments)
        return float(getattr(NUMPY, function.name)(*arguments))

    return of


_CODE = _Code(_compiled)


def loops() -> dict[str, Callable[..., Any]]:
    """Functions that compiled code imports, and what they compute."""
    return {name: f for record in ELEMENTARY.values() for name, f in record.loops.items()}


def _branch(primitive: Primitive, derivatives: bool) -> list[str]:
    """The loop that fills ``v`` with a primitive's values at ``u``.

    It fills ``d`` with the derivatives in u and in the coefficients, if asked for.
    """
    lines = _Lines()
    size = primitive.n_params
    args = [_Name(lines, name) for name in ("x", *(f"c{j}" for j in range(size)))]
    if derivatives:
        duals = [Dual(_CODE, name, {j: 1.0}) for j, name in enumerate(args)]
        result = primitive(JET, *duals)
        slopes = [text(result.partials.get(j, 0.0)).code for j in range(1 + size)]
        value = text(result.value).code
        ends = [
            f"v[i] = {value}",
            *(f"d[{j}, i] = {slope}" for j, slope in enumerate(slopes)),
        ]
    else:
        ends = [f"v[i] = {text(primitive(_CODE, *args)).code}"]
    head = [f"c{j} = c[{j}]" for j in range(size)]
    body = ["x = u[i]", *lines.lines, *ends]
    return [*head, "for i in range(v.shape[0]):", *("    " + line for line in body)]


def _function(head: str, primitives: Sequence[Primitive], derivatives: bool) -> str:
    types = "INTEGER, ROW, ROW, ROW" + derivatives * ", ROWS"
    lines = [f"@addressed({types})", f"def {head}:"]
    for number, primitive in enumerate(primitives):
        test = f"{'if' if number == 0 else 'elif'} base == {number}:"
        lines.append(f"    {test}  # {primitive.name}")
        lines += ["        " + line for line in _branch(primitive, derivatives)]
    return "\n".join(lines) + "\n"


def functions(bases: Sequence[Primitive]) -> str:
    """Source of ``slopes(base, u, v, c, d)`` and of ``values(base, u, v, c)``.

    Both fill ``v`` (n,) with the values of plain primitive number ``base`` at ``u``; the
    first fills ``d`` (1 + P, n) with the derivatives in u and in its coefficients ``c``.
    """
    both = _function("slopes(base, u, v, c, d)", bases, True)
    return both + "\n\n" + _function("values(base, u, v, c)", bases, False)


def formulas(primitives: Sequence[Primitive]) -> str:
    """What primitives compute; their names do not say it of a user's own."""
    return functions([p for p in primitives if p.name != "none"])


def traced(primitive: Primitive) -> str:
    """The lines that the compiled refit runs for one primitive, with its derivatives."""
    return "\n".join(_branch(primitive, True))
