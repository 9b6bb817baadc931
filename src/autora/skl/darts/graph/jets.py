"""First-order jets: a third reading of the primitives' formulas, with derivatives.

A jet carries a value and its derivatives with respect to a handful of variables (the
source and the coefficients of one edge). Pushing jets through a formula is forward-mode
automatic differentiation in plain double-precision NumPy: nothing to compile.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from scipy.special import expit

from .primitives import Primitive


class Jet:
    """A value of shape (n,) and its partial derivatives of shape (variables, n)."""

    __slots__ = ("partials", "value")
    __array_ufunc__ = None  # let NumPy scalars on the left defer to us

    def __init__(self, value: Any, partials: Any) -> None:
        self.value = value
        self.partials = partials

    def __neg__(self) -> Jet:
        return Jet(-self.value, -self.partials)

    def __pos__(self) -> Jet:
        return self

    def __abs__(self) -> Jet:
        return Jet(np.abs(self.value), np.sign(self.value) * self.partials)

    def __add__(self, other: Any) -> Jet:
        if isinstance(other, Jet):
            return Jet(self.value + other.value, self.partials + other.partials)
        return Jet(self.value + other, self.partials)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Jet:
        return self + (-other)

    def __rsub__(self, other: Any) -> Jet:
        return (-self) + other

    def __mul__(self, other: Any) -> Jet:
        if isinstance(other, Jet):
            partials = self.partials * other.value + self.value * other.partials
            return Jet(self.value * other.value, partials)
        return Jet(self.value * other, self.partials * other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Jet:
        if isinstance(other, Jet):
            return self * _reciprocal(other)
        return self * (1.0 / other)

    def __rtruediv__(self, other: Any) -> Jet:
        return _reciprocal(self) * other

    def __pow__(self, exponent: Any) -> Jet:
        if isinstance(exponent, Jet):
            return JET.exp(exponent * JET.log(self))
        slope = exponent * self.value ** (exponent - 1)
        return Jet(self.value**exponent, slope * self.partials)

    def __rpow__(self, base: Any) -> Jet:
        value = base**self.value
        return Jet(value, np.log(base) * value * self.partials)


def _reciprocal(x: Jet) -> Jet:
    value = 1.0 / x.value
    return Jet(value, -(value**2) * x.partials)


def _chain(slope: Any, partials: Any) -> Any:
    """Chain rule in which 0 · inf is 0: no dependence, whatever the slope."""
    with np.errstate(invalid="ignore"):
        return np.where(partials == 0, 0.0, slope * partials)


def _sqrt(x: Jet) -> Jet:
    value = np.sqrt(x.value)
    return Jet(value, _chain(0.5 / value, x.partials))


def _power(x: Any, a: Any) -> Jet:
    """|x|^a, or x^a where a is odd; either may be a jet."""
    base, exponent = (v.value if isinstance(v, Jet) else v for v in (x, a))
    size = np.abs(base)
    sign = np.where((base < 0) & (np.mod(exponent, 2) == 1), -1.0, 1.0)
    value = sign * size**exponent
    partials: Any = 0.0
    if isinstance(x, Jet):
        slope = exponent * size ** (exponent - 1) * np.where(base < 0, -sign, sign)
        partials = _chain(slope, x.partials)
    if isinstance(a, Jet):
        # The logarithm of 0 has no say where the power itself is 0.
        log = np.log(np.where(value == 0, 1.0, size))
        partials = partials + _chain(value * log, a.partials)
    return Jet(value, partials)


def _exp(x: Jet) -> Jet:
    value = np.exp(x.value)
    return Jet(value, value * x.partials)


def _tanh(x: Jet) -> Jet:
    value = np.tanh(x.value)
    return Jet(value, (1 - value**2) * x.partials)


def _maximum(x: Any, bound: Any) -> Jet:
    if not isinstance(x, Jet):
        x, bound = bound, x
    if isinstance(bound, Jet):
        larger = x.value >= bound.value
        partials = np.where(larger, x.partials, bound.partials)
        return Jet(np.maximum(x.value, bound.value), partials)
    return Jet(np.maximum(x.value, bound), x.partials * (x.value > bound))


def _expit(x: Jet) -> Jet:
    value = expit(x.value)
    return Jet(value, value * (1 - value) * x.partials)


def _softplus(x: Jet) -> Jet:
    return Jet(np.logaddexp(0.0, x.value), expit(x.value) * x.partials)


#: The elementary functions as jets read them.
JET = SimpleNamespace(
    exp=_exp,
    log=lambda x: Jet(np.log(x.value), x.partials / x.value),
    sqrt=_sqrt,
    power=_power,
    sin=lambda x: Jet(np.sin(x.value), np.cos(x.value) * x.partials),
    cos=lambda x: Jet(np.cos(x.value), -np.sin(x.value) * x.partials),
    tanh=_tanh,
    abs=abs,
    maximum=_maximum,
    minimum=lambda x, bound: -_maximum(-x, -bound),
    expit=_expit,
    softplus=_softplus,
)


def differentiate(
    primitive: Primitive, x: np.ndarray, coefs: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Value of a primitive and its derivatives in (x, *coefficients).

    Parameters
    ----------
    x : (n,)
    coefs : (n_params,)

    Returns
    -------
    (n,) and (1 + n_params, n)
    """
    size = 1 + primitive.n_params
    seeds = np.eye(size)
    args = [Jet(v, seeds[i][:, None]) for i, v in enumerate((x, *coefs))]
    result = primitive(JET, *args)
    return result.value, np.broadcast_to(result.partials, (size, len(x)))
