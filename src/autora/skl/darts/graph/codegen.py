"""Primitives as source text: a fifth reading of their formulas, with derivatives.

A traced scalar writes, line by line, what a formula does to a value and to its partial
derivatives (forward-mode differentiation). The lines become one loop over the rows per
primitive, which the fast refit compiles; the table of primitives stays the only place
where a formula is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from .primitives import Primitive

_Number = int | float


class _Lines:
    """Statements so far, each assigning a fresh name."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def assign(self, expression: str) -> str:
        name = f"t{len(self.lines)}"
        self.lines.append(f"{name} = {expression}")
        return name


class _Scalar:
    """A name that holds a value and the names of its non-zero partial derivatives."""

    __slots__ = ("lines", "partials", "value")

    def __init__(self, lines: _Lines, value: str, partials: dict[int, str]) -> None:
        self.lines, self.value, self.partials = lines, value, partials

    def _mapped(self, value: str, slope: str) -> _Scalar:
        """A function of this scalar, from its value and its slope."""
        name = self.lines.assign(value)
        if not self.partials:
            return _Scalar(self.lines, name, {})
        factor = self.lines.assign(slope.replace("@", name))
        partials = {
            i: self.lines.assign(f"{factor} * {p}") for i, p in self.partials.items()
        }
        return _Scalar(self.lines, name, partials)

    def _joined(self, other: _Scalar, value: str, left: str, right: str) -> _Scalar:
        """A function of two scalars, from its value and its two slopes."""
        name = self.lines.assign(value)
        if not (self.partials or other.partials):
            return _Scalar(self.lines, name, {})
        slopes = (self.lines.assign(left), self.lines.assign(right))
        partials = {}
        for i in sorted({*self.partials, *other.partials}):
            terms = [
                f"{slope} * {scalar.partials[i]}"
                for slope, scalar in zip(slopes, (self, other), strict=True)
                if i in scalar.partials
            ]
            partials[i] = self.lines.assign(" + ".join(terms))
        return _Scalar(self.lines, name, partials)

    def _lift(self, other: _Scalar | _Number) -> _Scalar:
        if isinstance(other, _Scalar):
            return other
        return _Scalar(self.lines, repr(float(other)), {})

    def __neg__(self) -> _Scalar:
        return self._mapped(f"-{self.value}", "-1.0")

    def __pos__(self) -> _Scalar:
        return self

    def __abs__(self) -> _Scalar:
        sign = f"(1.0 if {self.value} > 0.0 else -1.0)"
        return self._mapped(
            f"abs({self.value})", f"(0.0 if {self.value} == 0.0 else {sign})"
        )

    def __add__(self, other: Any) -> _Scalar:
        b = self._lift(other)
        return self._joined(b, f"{self.value} + {b.value}", "1.0", "1.0")

    __radd__ = __add__

    def __sub__(self, other: Any) -> _Scalar:
        b = self._lift(other)
        return self._joined(b, f"{self.value} - {b.value}", "1.0", "-1.0")

    def __rsub__(self, other: Any) -> _Scalar:
        return self._lift(other) - self

    def __mul__(self, other: Any) -> _Scalar:
        b = self._lift(other)
        return self._joined(b, f"{self.value} * {b.value}", b.value, self.value)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> _Scalar:
        b = self._lift(other)
        slope = f"-{self.value} / ({b.value} * {b.value})"
        return self._joined(b, f"{self.value} / {b.value}", f"1.0 / {b.value}", slope)

    def __rtruediv__(self, other: Any) -> _Scalar:
        return self._lift(other) / self

    def __pow__(self, exponent: Any) -> _Scalar:
        if isinstance(exponent, _Scalar):
            return _SOURCE.exp(exponent * _SOURCE.log(self))
        a = self.value
        if exponent == 2:
            return self._mapped(f"{a} * {a}", f"2.0 * {a}")
        return self._mapped(
            f"{a} ** {exponent!r}", f"{exponent!r} * {a} ** {exponent - 1!r}"
        )

    def __rpow__(self, base: Any) -> _Scalar:
        return self._lift(base) ** self


def _maximum(a: Any, b: Any) -> _Scalar:
    first = a if isinstance(a, _Scalar) else b
    a, b = first._lift(a), first._lift(b)
    larger = f"{a.value} > {b.value}"
    return a._joined(
        b,
        f"{a.value} if {larger} else {b.value}",
        f"1.0 if {larger} else 0.0",
        f"0.0 if {larger} else 1.0",
    )


def _power(x: _Scalar, a: Any) -> _Scalar:
    exponent = x._lift(a)
    u, e = x.value, exponent.value
    size = x.lines.assign(f"abs({u})")
    log = x.lines.assign(f"logarithm({size})")
    value = x.lines.assign(f"power_of({log}, {e})")
    odd = x.lines.assign(f"{e} - 2.0 * np.floor(0.5 * {e}) == 1.0")
    value = x.lines.assign(f"-{value} if {odd} & ({u} < 0.0) else {value}")
    return x._joined(
        exponent,
        value,
        f"0.0 if {u} == 0.0 else {e} * {value} / {u}",
        f"0.0 if {u} == 0.0 else {value} * {log}",
    )


def _softplus(x: _Scalar) -> _Scalar:
    u = x.value
    small = x.lines.assign(f"exponential(-abs({u}))")
    value = f"({u} if {u} > 0.0 else 0.0) + log_one_plus({small})"
    return x._mapped(value, f"(1.0 if {u} > 0.0 else {small}) / (1.0 + {small})")


#: The elementary functions as source text; "@" stands for the value just computed.
_SOURCE = SimpleNamespace(
    exp=lambda x: x._mapped(f"exponential({x.value})", "@"),
    log=lambda x: x._mapped(f"logarithm({x.value})", f"1.0 / {x.value}"),
    sin=lambda x: x._mapped(f"sine({x.value})", f"cosine({x.value})"),
    cos=lambda x: x._mapped(f"cosine({x.value})", f"-sine({x.value})"),
    tanh=lambda x: x._mapped(f"hyperbolic_tangent({x.value})", "1.0 - @ * @"),
    expit=lambda x: x._mapped(f"1.0 / (1.0 + exponential(-{x.value}))", "@ * (1.0 - @)"),
    sqrt=lambda x: x._mapped(f"np.sqrt({x.value})", "0.5 / @"),
    abs=abs,
    maximum=_maximum,
    minimum=lambda a, b: -_maximum(-a, -b),
    power=_power,
    softplus=_softplus,
)


def _branch(primitive: Primitive, derivatives: bool) -> list[str]:
    """The loop that fills ``v`` with a primitive's values at ``u``.

    It fills ``d`` with the derivatives in u and in the coefficients, if asked for.
    """
    lines = _Lines()
    size = primitive.n_params
    names = ["x", *(f"c{j}" for j in range(size))]
    partials = [{j: "1.0"} if derivatives else {} for j in range(1 + size)]
    args = [_Scalar(lines, *of) for of in zip(names, partials, strict=True)]
    result = primitive(_SOURCE, *args)
    body = ["x = u[i]", *lines.lines, f"v[i] = {result.value}"]
    if derivatives:
        body += [f"d[{j}, i] = {result.partials.get(j, '0.0')}" for j in range(1 + size)]
    head = [f"c{j} = c[{j}]" for j in range(size)]
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
