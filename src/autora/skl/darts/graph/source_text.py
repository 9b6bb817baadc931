"""Formulas as source text: pieces of text in place of numbers."""

from __future__ import annotations

import math
from typing import Any

# How tightly an expression binds, as in Python's grammar.
SUM, PRODUCT, NEGATIVE, POWER, ATOM = range(5)


class Text:
    """A piece of source text that grows when a formula computes with it.

    Parameters
    ----------
    code : str
    binding : int, default=ATOM
        How tightly its outermost operator binds.
    """

    __slots__ = ("binding", "code")
    # NumPy numbers in a formula leave the operation to this class.
    __array_ufunc__ = None
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, code: str, binding: int = ATOM) -> None:
        self.code, self.binding = code, binding

    def at(self, binding: int) -> str:
        """The code, in brackets unless it binds at least as tightly."""
        return self.code if self.binding >= binding else f"({self.code})"

    @property
    def is_minus(self) -> bool:
        """Whether the code is a minus sign in front of what could stand alone."""
        return self.code.startswith("-") and self.binding >= PRODUCT

    @property
    def number(self) -> float | None:
        """The number that it is, if it is one."""
        try:
            return float(self.code)
        except ValueError:
            return None

    def made(self, code: str, binding: int = ATOM) -> Text:
        """The result of an operation on this piece."""
        return Text(code, binding)

    def _sum(self, a: Text, b: Text) -> Text:
        if b.is_minus:
            # In floating point a + (−b)·c and a − b·c are the same number.
            return self.made(f"{a.code} - {b.code[1:]}", SUM)
        return self.made(f"{a.code} + {b.at(PRODUCT)}", SUM)

    def _difference(self, a: Text, b: Text) -> Text:
        if b.is_minus:
            return self.made(f"{a.code} + {b.code[1:]}", SUM)
        return self.made(f"{a.code} - {b.at(PRODUCT)}", SUM)

    def _product(self, a: Text, b: Text) -> Text:
        return self.made(f"{a.at(PRODUCT)} * {b.at(NEGATIVE)}", PRODUCT)

    def _quotient(self, a: Text, b: Text) -> Text:
        return self.made(f"{a.at(PRODUCT)} / {b.at(NEGATIVE)}", PRODUCT)

    def _power(self, a: Text, b: Text) -> Text:
        return self.made(f"{a.at(ATOM)} ** {b.at(ATOM)}", POWER)

    def __neg__(self) -> Text:
        return self.made(f"-{self.at(POWER)}", NEGATIVE)

    def __pos__(self) -> Text:
        return self

    def __abs__(self) -> Text:
        return self.made(f"np.abs({self.code})")

    def __add__(self, other: Any) -> Text:
        return self._sum(self, text(other))

    def __radd__(self, other: Any) -> Text:
        return self._sum(text(other), self)

    def __sub__(self, other: Any) -> Text:
        return self._difference(self, text(other))

    def __rsub__(self, other: Any) -> Text:
        return self._difference(text(other), self)

    def __mul__(self, other: Any) -> Text:
        return self._product(self, text(other))

    def __rmul__(self, other: Any) -> Text:
        return self._product(text(other), self)

    def __truediv__(self, other: Any) -> Text:
        return self._quotient(self, text(other))

    def __rtruediv__(self, other: Any) -> Text:
        return self._quotient(text(other), self)

    def __pow__(self, other: Any) -> Text:
        return self._power(self, text(other))

    def __rpow__(self, other: Any) -> Text:
        return self._power(text(other), self)

    def __bool__(self) -> bool:
        raise TypeError("a formula must not branch on its argument")

    def __eq__(self, other: object) -> Any:
        raise TypeError("a formula must not compare its argument")


def text(value: Any) -> Text:
    """A number at full precision; text stays as it is."""
    if isinstance(value, Text):
        return value
    number = value if type(value) is int else float(value)
    if not math.isfinite(number):
        raise TypeError(f"{number} is not a finite number")
    negative = math.copysign(1, number) < 0
    return Text(repr(number), NEGATIVE if negative else ATOM)
