"""Elementary functions as JAX reads them: exact ones, and ones for single precision.

XLA calls the C library number by number for sines, cosines and powers, which takes a CPU
five times as long as formulas that stay in its vector unit. The mixture, which is trained
in single precision, uses such formulas.
"""

from __future__ import annotations

import math
import pkgutil
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .elementary import Elementary, Functions

#: π in three parts: multiples of the first are exact up to 2¹⁵, so that reducing an
#: argument loses no digits (Cody & Waite, Software Manual for the Elementary Functions,
#: 1980, chapter 8).
_PI = [np.float32(3.140625), np.float32(0.000967025756)]
_PI.append(np.float32(math.pi - float(_PI[0]) - float(_PI[1])))
#: Taylor's series of the sine about 0, from the cubic term on: below 6e-8 off at π/2.
_SINE = [(-1) ** (k // 2) / math.factorial(k) for k in (3, 5, 7, 9, 11)]


def _read(function: Elementary, m: Functions) -> Callable[..., Any]:
    return function.reading(
        function.jax, f"jax.numpy.{function.name}", pkgutil.resolve_name, m
    )


#: Elementary functions and links in the precision of their arguments.
JAX = Functions(_read)


def _wave(x: jax.Array, phase: float) -> jax.Array:
    """sin(x - phase·π) for a phase of 0 or ½."""
    turns = jnp.round(x * np.float32(1 / math.pi) - phase)
    rest = x
    for part in _PI:
        rest = rest - (turns + phase) * part
    rest = jnp.clip(rest, -math.pi / 2, math.pi / 2)  # where x has no digits left
    square, series = rest * rest, 0.0
    for factor in reversed(_SINE):
        series = square * (factor + series)
    odd = turns - 2 * jnp.floor(turns / 2)
    return (rest + rest * series) * (1 - 2 * odd)


def quick_sine(x: jax.Array) -> jax.Array:
    return _wave(x, 0.0)


def quick_cosine(x: jax.Array) -> jax.Array:
    return -_wave(x, 0.5)


def quick_softplus(x: jax.Array) -> jax.Array:
    return jnp.maximum(x, 0) + jnp.log(1 + jnp.exp(-jnp.abs(x)))


def quick_power(x: jax.Array, a: jax.Array) -> jax.Array:
    size = jnp.exp(a * jnp.log(jnp.abs(x)))
    return jnp.where((x < 0) & (a - 2 * jnp.floor(a / 2) == 1), -size, size)


def _read_single(function: Elementary, m: Functions) -> Callable[..., Any]:
    if not function.single:
        return getattr(JAX, function.name)
    quick = globals()[function.single]
    if len(function.slopes) > 1:
        return quick
    (slope,), quick = function.slopes, jax.custom_jvp(quick)

    def differential(x: tuple, dx: tuple) -> tuple[jax.Array, jax.Array]:
        value = quick(*x)
        return value, slope(m, *x, value) * dx[0]

    quick.defjvp(differential)
    return quick


#: The same in single precision, for CPUs: a few units in the last place of 1 off, powers
#: of 0 left undefined where the exponent is 0.
SINGLE = Functions(_read_single)
