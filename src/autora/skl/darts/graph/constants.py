"""The numbers that laws are written with: their values and how they are written."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import NamedTuple


class Constant(NamedTuple):
    """ratio · π^pi · e^e."""

    ratio: Fraction
    pi: int = 0
    e: int = 0

    @property
    def value(self) -> float:
        whole, parts = self.ratio.numerator, self.ratio.denominator
        # Divided once: 1/(2π) is then the double next to it, as users compute it.
        if self.pi < 0:
            return whole / (parts * math.pi**-self.pi)
        return whole * math.pi**self.pi * math.e**self.e / parts


def _ratios(*numbers: str) -> list[Constant]:
    return [Constant(Fraction(number)) for number in numbers]


#: Multiples of π that occur in laws of waves and circles.
_MULTIPLES = [Fraction(n) for n in ("1", "2", "4", "1/2", "1/4")]
SIMPLEST = tuple(_ratios("0.5", "1", "2", "3", "4", "5"))
#: Small numbers that need few digits, simplest first.
SIMPLE = (
    *_ratios(*map(str, range(1, 13))),
    *_ratios("0.5", "1.5", "2.5", "0.25", "0.75", "1/3", "2/3", "4/3", "0.1", "0.2"),
    *(Constant(ratio, pi=1) for ratio in _MULTIPLES),
    *(Constant(1 / ratio, pi=-1) for ratio in _MULTIPLES),
    *_ratios("1/6", "1/8"),
)
#: All that a coefficient may be rounded to, simplest first.
ROUND = tuple(
    dict.fromkeys(
        (
            *SIMPLE,
            Constant(Fraction(1), e=1),
            *(Constant(Fraction(i, 10)) for i in range(3, 50) if i % 5),
            *_ratios("20", "30", "40", "50", "60", "80", "100", "1000", "0.01", "0.05"),
        )
    )
)
#: Whole numbers below it have all their digits.
_MOST_WHOLE = 1e15
#: Share of its size within which a number is another one but for rounding, in a fit or in
#: steps of algebra.
_ROUNDING = 1e-13
_KNOWN = {constant.value: constant for constant in ROUND}


def recognised(number: float) -> Constant | None:
    """The known constant that a number is but for rounding, else None.

    Examples
    --------
    >>> recognised(1 / 3).ratio, recognised(-0.5).ratio, recognised(3.1416)
    (Fraction(1, 3), Fraction(-1, 2), None)
    """
    for value, constant in _KNOWN.items():
        if abs(abs(number) - value) <= _ROUNDING * value:
            return constant._replace(ratio=constant.ratio * (-1 if number < 0 else 1))
    return None


def whole(number: float) -> int | None:
    """The whole number that a number is but for rounding, else None."""
    if not abs(number) < _MOST_WHOLE:
        return None
    nearest = round(number)
    return nearest if abs(number - nearest) <= _ROUNDING * abs(nearest) else None


def decimal(number: float) -> str | None:
    """The few decimals of a known constant, as 0.5; None where they do not end."""
    constant = recognised(number)
    if constant is None or constant.pi or constant.e:
        return None
    if 1000 % constant.ratio.denominator:  # those that end have three at most
        return None
    return f"{float(constant.ratio):g}"
