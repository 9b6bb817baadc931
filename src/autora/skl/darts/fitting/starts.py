"""Where the constants of a theory start: draws whose sizes follow from the data.

The formula is walked from its outermost part to its innermost ones, each with the size that
its value should have, and evaluated on the way back. A factor makes up for what stands
beside it, a term is as large as the others of its sum, a shift moves a zero into the data.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..graph.elementary import ELEMENTARY, NUMPY
from ..graph.formula import Call, Formula, Name, evaluated, names_in
from ..graph.grammar import Theory
from .refit import HUGE

#: Largest logarithm of the base of a power.
_FURTHEST = 600.0
#: Between which exponents are drawn.
_EXPONENTS = (-2.5, 3.5)


def columns_of(theory: Theory, x: np.ndarray) -> dict[str, np.ndarray]:
    """The inputs that a theory names."""
    named = {*names_in(theory.formula)}
    return {name: x[:, i] for i, name in enumerate(theory.inputs) if name in named}


def drawn_constants(theory: Theory, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One draw of all constants of a theory, shape (constants,)."""
    draw = _Draw(columns_of(theory, x), theory, rng)
    with np.errstate(all="ignore"):
        draw.value(theory.formula, 1.0)
    return np.array([draw.known[name] for name in theory.constants], float)


def has_waves(formula: Formula) -> bool:
    """Whether a periodic function occurs in a formula."""
    if not isinstance(formula, Call):
        return False
    record = ELEMENTARY.get(formula.function)
    own = record is not None and record.period is not None
    return own or any(map(has_waves, formula.arguments))


class _Draw:
    """Constants of a formula, one after the other as they are met."""

    def __init__(
        self, columns: dict[str, np.ndarray], theory: Theory, rng: np.random.Generator
    ) -> None:
        self.known: dict[str, Any] = {**columns}
        self.inputs, self.rng = frozenset(theory.inputs), rng

    def size(self) -> np.float64:
        """A number about ±1; one of two within a factor of two, others of many sizes."""
        sign = 1.0 if self.rng.uniform() < 0.75 else -1.0
        spread = 0.7 if self.rng.uniform() < 0.5 else 2.0
        return np.float64(sign * math.exp(self.rng.normal(scale=spread)))

    def is_free(self, part: Formula) -> bool:
        """Whether a part has no inputs, and constants that are not drawn yet."""
        names = {*names_in(part)}
        return not names & self.inputs and not names <= self.known.keys()

    def scales(self, part: Formula) -> bool:
        """Whether a constant that is not drawn yet can give the part any size."""
        if self.is_free(part):
            return True
        if not isinstance(part, Call):
            return False
        if part.function == "+":
            return all(map(self.scales, part.arguments))
        if part.function == "**":
            return self.scales(part.arguments[0])
        factors = part.function in ("*", "/", "neg", "abs", "sqrt")
        return factors and any(map(self.scales, part.arguments))

    def value(self, formula: Formula, target: float) -> Any:
        """The value of a part, of about the size ``target``, after its constants."""
        if self.is_free(formula):
            self.assign(formula, self.size() * target)
        elif isinstance(formula, Call):
            parts = formula.arguments
            if formula.function in ("+", "maximum", "minimum"):
                self._sum(formula, target)
            elif formula.function == "*":
                self._product(parts, target)
            elif formula.function == "/":
                self._quotient(parts[0], parts[1], target)
            elif formula.function in ("**", "power"):
                self._power(parts[0], parts[1], target)
            else:
                inner = {"neg": target, "abs": target, "sqrt": target * target}
                for part in parts:
                    self.value(part, inner.get(formula.function, 1.0))
        return evaluated(formula, NUMPY, self.known, self.inputs)

    def _sum(self, call: Call, target: float) -> None:
        """Terms that have a size of their own come first; others are as large."""
        free = [part for part in call.arguments if self.is_free(part)]
        later = [p for p in call.arguments if self.scales(p) and p not in free]
        total: Any = 0.0
        for part in call.arguments:
            if part not in free and part not in later:
                total = total + self.value(part, target)
        size = typical(total) if np.any(total) else target
        for part in later:
            total = total + self.value(part, size)
        for part in free:
            if not self.is_free(part):  # a constant that has been drawn meanwhile
                continue
            extreme = call.function != "+"
            self.assign(part, self._among(np.atleast_1d(total), extreme))

    def _among(self, values: np.ndarray, extreme: bool) -> np.float64:
        """A shift that moves a zero among some values or near them, or of their size;
        of a bound one among them."""
        low, high = float(np.min(values)), float(np.max(values))
        if not np.isfinite(high - low) or (not extreme and self.rng.uniform() < 0.5):
            return self.size() * typical(values)
        reach = 0.0 if extreme else 0.5 * (high - low)
        place = self.rng.uniform(low - reach, high + reach)
        return np.float64(place if extreme else -place)

    def _product(self, factors: Sequence[Formula], target: float) -> None:
        """All factors but one have their own size; that one makes up for them."""
        able = [part for part in factors if self.scales(part)]
        last = next(filter(self.is_free, able), able[-1] if able else None)
        others: Any = 1.0
        for part in factors:
            if part is not last:
                others = others * self.value(part, 1.0)
        if last is not None:
            self.value(last, target / typical(others))

    def _quotient(self, above: Formula, below: Formula, target: float) -> None:
        if self.is_free(below):
            self.value(below, typical(self.value(above, 1.0)) / target)
        elif self.scales(above):
            self.value(above, target * typical(self.value(below, 1.0)))
        else:
            self.value(below, typical(self.value(above, 1.0)) / target)

    def _power(self, base: Formula, exponent: Formula, target: float) -> None:
        if self.is_free(exponent):
            self.assign(exponent, np.float64(self.rng.uniform(*_EXPONENTS)))
        power = self.value(exponent, 1.0)
        if self.inputs & {*names_in(exponent)}:
            if self.is_free(base):  # of what is taken to an input, the logarithm counts
                logarithm = float(self.size()) / typical(power)
                logarithm = min(max(logarithm, -_FURTHEST), _FURTHEST)
                self.assign(base, np.float64(math.exp(logarithm)))
        else:
            self.value(base, _root(target, power))

    def assign(self, part: Formula, value: np.float64) -> None:
        """Draw the constants of a part without inputs so that it has a value."""
        if isinstance(part, Name):
            self.known[part.name] = np.float64(value)
        if not isinstance(part, Call) or not self.is_free(part):
            return
        free = [argument for argument in part.arguments if self.is_free(argument)]
        for argument in free[1:]:
            self.assign(argument, self.size())
        free = [argument for argument in free if self.is_free(argument)]
        if free:
            self.assign(free[0], self._solved(part, free[0], value))
        for name in names_in(part):
            self.known.setdefault(name, self.size())

    def _solved(self, part: Call, unknown: Formula, value: np.float64) -> np.float64:
        """What one argument must be, the others being known, or any number."""
        others = [
            evaluated(other, NUMPY, self.known, self.inputs)
            for other in part.arguments
            if other is not unknown
        ]
        if part.function == "neg":
            return -value
        if part.function == "+":
            return np.float64(value - sum(others))
        if part.function == "*":
            return np.float64(value / np.prod(others))
        if part.function == "/":
            numerator = part.arguments[0] is unknown
            return np.float64(value * others[0] if numerator else others[0] / value)
        if part.function == "**" and part.arguments[0] is unknown:
            return np.float64(_root(abs(value), others[0]))
        return self.size()


def typical(values: Any) -> float:
    """The size of some numbers; 1 where they have none."""
    size = float(np.median(np.abs(np.asarray(values, float))))
    return size if 0 < size < HUGE else 1.0


def _root(value: Any, power: Any) -> float:
    """value^(1/power), where that is a number."""
    with np.errstate(all="ignore"):
        found = float(np.float64(value) ** (1 / np.float64(power)))
    return found if 0 < found < HUGE else 1.0
