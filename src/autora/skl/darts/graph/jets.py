"""Forward-mode differentiation: a formula with duals in place of numbers.

A dual carries a value and its derivatives in a handful of variables (the source and the
coefficients of one edge). Values are arrays, or the names of values in compiled code: what
a function's derivative is stands in its record (`elementary`), for both.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .elementary import NUMPY, Elementary, Functions
from .primitives import Primitive


def _dual(m: Functions, value: Any, arguments: Sequence[Any], slopes: Any) -> Dual:
    """A function of duals and numbers, from its value and its derivatives in each."""
    values = [a.value if isinstance(a, Dual) else a for a in arguments]
    partials: dict[int, Any] = {}
    for argument, slope in zip(arguments, slopes, strict=True):
        if isinstance(argument, Dual) and argument.partials:
            factor = slope(m, *values, value)
            for i, inner in argument.partials.items():
                term = m.chained(factor, inner)
                partials[i] = partials[i] + term if i in partials else term
    return Dual(m, value, partials)


def _operators(operation: Callable[..., Any], *slopes: Any) -> tuple[Any, Any]:
    """An operator with the dual on its left, and with the dual on its right."""

    def left(self: Dual, other: Any) -> Dual:
        value = operation(self.value, other.value if isinstance(other, Dual) else other)
        return _dual(self.m, value, (self, other), slopes)

    def right(self: Dual, other: Any) -> Dual:
        return _dual(self.m, operation(other, self.value), (other, self), slopes)

    return left, right


class Dual:
    """A value of shape (n,), or its name, and its derivatives that are not zero.

    Parameters
    ----------
    m : Functions
        The reading of values.
    value : ndarray or Text
    partials : dict
        The number of a variable → the derivative in it.
    """

    __slots__ = ("m", "partials", "value")
    __array_ufunc__ = None  # let NumPy scalars on the left defer to us

    def __init__(self, m: Functions, value: Any, partials: dict[int, Any]) -> None:
        self.m, self.value, self.partials = m, value, partials

    def __neg__(self) -> Dual:
        return _dual(self.m, -self.value, (self,), (lambda m, x, y: -1.0,))

    def __pos__(self) -> Dual:
        return self

    def __abs__(self) -> Dual:
        return JET.abs(self)

    __add__, __radd__ = _operators(
        operator.add, lambda m, a, b, y: 1.0, lambda m, a, b, y: 1.0
    )
    __sub__, __rsub__ = _operators(
        operator.sub, lambda m, a, b, y: 1.0, lambda m, a, b, y: -1.0
    )
    __mul__, __rmul__ = _operators(operator.mul, lambda m, a, b, y: b, lambda m, a, b, y: a)
    __truediv__, __rtruediv__ = _operators(
        operator.truediv, lambda m, a, b, y: 1.0 / b, lambda m, a, b, y: -a / (b * b)
    )
    __pow__, __rpow__ = _operators(
        operator.pow,
        lambda m, a, b, y: b * a ** (b - 1),
        lambda m, a, b, y: y * m.log(a),
    )


def _differentiated(function: Elementary, _: Functions) -> Callable[..., Any]:
    def of(*arguments: Any) -> Any:
        inner = next((a.m for a in arguments if isinstance(a, Dual)), NUMPY)
        values = [a.value if isinstance(a, Dual) else a for a in arguments]
        value = getattr(inner, function.name)(*values)
        if not any(isinstance(a, Dual) for a in arguments):
            return value
        return _dual(inner, value, arguments, inner.slopes_of(function))

    return of


#: The elementary functions of duals.
JET = Functions(_differentiated)


def differentiate(
    primitive: Primitive, x: np.ndarray, coefs: np.ndarray | Sequence[Any]
) -> tuple[np.ndarray, np.ndarray]:
    """Value of a primitive and its derivatives in (x, *coefficients).

    Parameters
    ----------
    x : (n,)
    coefs : sequence of n_params numbers or arrays (n,)

    Returns
    -------
    (n,) and (1 + n_params, n)
    """
    variables = [Dual(NUMPY, v, {i: 1.0}) for i, v in enumerate((x, *coefs))]
    result = primitive(JET, *variables)
    partials = np.empty((len(variables), len(x)))
    for i in range(len(variables)):
        partials[i] = result.partials.get(i, 0.0)
    return result.value, partials
