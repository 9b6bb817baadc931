"""Elementary functions as JAX reads them: exact ones, and ones for single precision.

XLA calls the C library number by number for sines, cosines and powers, which takes a CPU
five times as long as formulas that stay in its vector unit. The relaxed search, which lives
in single precision, uses such formulas.
"""

from __future__ import annotations

import math
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np

#: π in three parts: multiples of the first are exact up to 2¹⁵, so that reducing an
#: argument loses no digits (Cody & Waite, Software Manual for the Elementary Functions,
#: 1980, chapter 8).
_PI = [np.float32(3.140625), np.float32(0.000967025756)]
_PI.append(np.float32(math.pi - float(_PI[0]) - float(_PI[1])))
#: Taylor's series of the sine about 0, from the cubic term on: below 6e-8 off at π/2.
_SINE = [(-1) ** (k // 2) / math.factorial(k) for k in (3, 5, 7, 9, 11)]


def _power(x: jax.Array, a: jax.Array) -> jax.Array:
    size = jnp.abs(x) ** a
    return jnp.where((x < 0) & (a % 2 == 1), -size, size)


#: Elementary functions and links in the precision of their arguments.
JAX = SimpleNamespace(
    exp=jnp.exp,
    log=jnp.log,
    sqrt=jnp.sqrt,
    power=_power,
    sin=jnp.sin,
    cos=jnp.cos,
    tanh=jnp.tanh,
    abs=jnp.abs,
    maximum=jnp.maximum,
    minimum=jnp.minimum,
    expit=jax.nn.sigmoid,
    softplus=jax.nn.softplus,
    softmax=jax.nn.softmax,
    log_softmax=jax.nn.log_softmax,
)


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


@jax.custom_jvp
def _sin(x: jax.Array) -> jax.Array:
    return _wave(x, 0.0)


@jax.custom_jvp
def _cos(x: jax.Array) -> jax.Array:
    return -_wave(x, 0.5)


@jax.custom_jvp
def _softplus(x: jax.Array) -> jax.Array:
    return jnp.maximum(x, 0) + jnp.log(1 + jnp.exp(-jnp.abs(x)))


_sin.defjvp(lambda x, dx: (_sin(*x), _cos(*x) * dx[0]))
_cos.defjvp(lambda x, dx: (_cos(*x), -_sin(*x) * dx[0]))
_softplus.defjvp(lambda x, dx: (_softplus(*x), jax.nn.sigmoid(x[0]) * dx[0]))


def _quick_power(x: jax.Array, a: jax.Array) -> jax.Array:
    size = jnp.exp(a * jnp.log(jnp.abs(x)))
    return jnp.where((x < 0) & (a - 2 * jnp.floor(a / 2) == 1), -size, size)


#: The same in single precision, for CPUs: a few units in the last place of 1 off, powers
#: of 0 left undefined where the exponent is 0.
SINGLE = SimpleNamespace(
    **{
        **vars(JAX),
        "power": _quick_power,
        "sin": _sin,
        "cos": _cos,
        "softplus": _softplus,
    }
)
