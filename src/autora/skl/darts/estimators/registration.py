"""Users' own primitives: tried in every reading before they are used.

A formula is written once and read in several ways. One that NumPy can evaluate and JAX or
SymPy cannot would fail in the middle of a search, so all are tried at once on numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from ..equations.python_source import term_source
from ..equations.simplification import values
from ..equations.symbolic import SYMPY, floats, symbols
from ..graph import primitives
from ..graph.codegen import loops, traced
from ..graph.elementary import NUMPY, usable
from ..graph.jax_functions import JAX, SINGLE
from ..graph.jets import differentiate
from ..graph.primitives import ARGUMENTS, PARAM_KINDS, Primitive
from ..runtime.messages import warn

_ALLOWED = (
    "use only + - * / **, abs(), numbers and the functions of its first argument m: "
    + ", ".join(usable())
)
_DOUBLE, _SINGLE, _SLOPE, _STEP = 1e-9, 1e-4, 1e-4, 1e-6
#: Where formulas are tried: kinks are likelier at round numbers.
_POINTS = np.array([0.53, 0.89, 1.37])


def register_primitive(primitive: Primitive) -> Primitive:
    """Add your own primitive to the table, so that it can be named in ``primitives=``.

    The formula is tried at once in all its readings (predictions, derivatives, JAX, SymPy,
    source text), so that a mistake surfaces here and not in the middle of a search.
    Registering the same record twice is harmless; a warning says where another one of the
    name is replaced. An estimator that uses it can be unpickled wherever the primitive has
    been registered.

    Parameters
    ----------
    primitive : Primitive

    Raises
    ------
    ValueError
        If the name is not an identifier or is built in, a coefficient kind is unknown,
        the formula cannot be read in every way, does not map an array to an array of the
        same shape, or is not what ``base``, ``argument`` and the other facts say.

    Examples
    --------
    >>> from autora.skl.darts import Primitive, register_primitive
    >>> gauss = Primitive("gauss", lambda m, x, a: m.exp(-a * x * x), ("shape",))
    >>> register_primitive(gauss)
    Primitive('gauss')
    """
    check_primitive(primitive)
    if primitives.add(primitive):
        warn(
            f"another primitive {primitive.name!r} was registered before and is replaced; "
            "estimators that were fitted with it now use the new one",
            UserWarning,
        )
    return primitive


def check_primitive(primitive: Primitive) -> None:
    """Raise where a primitive cannot be used; see `register_primitive`."""
    if primitive.argument not in ARGUMENTS:
        raise ValueError(
            f"argument={primitive.argument!r} must be one of {list(ARGUMENTS)}"
        )
    unknown = [kind for kind in primitive.params if kind not in PARAM_KINDS]
    if unknown:
        raise ValueError(f"params has unknown kinds {unknown}; use {PARAM_KINDS}")
    x, coefs = _POINTS, np.linspace(0.4, 0.6, primitive.n_params)
    try:
        value = primitive(NUMPY, x, *coefs)
    except Exception as error:
        raise ValueError(
            f"the formula of {primitive.name!r} fails on an array and "
            f"{primitive.n_params} coefficients: {error}; {_ALLOWED}"
        ) from error
    if np.shape(value) != x.shape:
        raise ValueError(
            f"the formula of {primitive.name!r} must be elementwise: it maps shape "
            f"{x.shape} to {np.shape(value)}"
        )
    _check_readings(primitive, x, coefs)
    _check_base(primitive, x, coefs)
    _check_facts(primitive, x, coefs)


def _check_readings(primitive: Primitive, x: np.ndarray, coefs: np.ndarray) -> None:
    expected = np.asarray(primitive(NUMPY, x, *coefs), float)
    for name, read, tolerance in _readings(primitive, x, coefs):
        try:
            found = np.broadcast_to(np.asarray(read(), float), x.shape)
        except Exception as error:
            reason = " ".join(str(error).split())[:120]
            raise ValueError(
                f"the formula of {primitive.name!r} cannot be read by {name} "
                f"({type(error).__name__}: {reason}); {_ALLOWED}"
            ) from error
        if not np.allclose(found, expected, tolerance, tolerance, equal_nan=True):
            raise ValueError(
                f"the formula of {primitive.name!r} has other values when it is read by "
                f"{name}: {found} where NumPy has {expected} at {x}; {_ALLOWED}"
            )
    slopes = differentiate(primitive, x, coefs)[1]
    args = [x, *coefs]
    for i, slope in enumerate(slopes):
        up, down = (
            primitive(NUMPY, *args[:i], args[i] + step, *args[i + 1 :])
            for step in (_STEP, -_STEP)
        )
        if not np.allclose(slope, (up - down) / (2 * _STEP), _SLOPE, _SLOPE, True):
            raise ValueError(
                f"the derivative of the formula of {primitive.name!r} cannot be read off "
                f"it; {_ALLOWED}"
            )


def _check_facts(primitive: Primitive, x: np.ndarray, coefs: np.ndarray) -> None:
    """What a record says of its function beside the formula."""
    name, inverse = primitive.name, primitive.inverse
    value = np.asarray(primitive(NUMPY, x, *coefs), float)
    if primitive.even and not np.allclose(primitive(NUMPY, -x, *coefs), value):
        raise ValueError(f"{name!r} says even=True, but is not the same at -x and x")
    power, factor = primitive.exponent, primitive.factor
    if power is not None and not np.allclose(value, factor * x**power):
        raise ValueError(
            f"{name!r} says exponent={power}, factor={factor}, but is not that"
        )
    if primitive.argument != "plain":
        return
    shapes = [kind == "shape" for kind in primitive.params]
    doubled = primitive(NUMPY, 2 * x, *np.where(shapes, coefs / 2, coefs))
    if primitive.homogeneous and not np.allclose(doubled, 2 * value):
        raise ValueError(f"{name!r} says homogeneous=True, but is not twice as much at 2·x")
    period = primitive.period
    if period and not np.allclose(primitive(NUMPY, x + period, *coefs), value):
        raise ValueError(f"{name!r} says period={period}, but differs after one")
    if inverse is None:
        return
    with np.errstate(all="ignore"):
        y = np.asarray(primitive(NUMPY, x, *(inverse.tail or coefs)), float)
        slope = (primitive(NUMPY, x + _STEP, *(inverse.tail or coefs)) - y) / _STEP
        right = np.allclose(inverse.value(y), x)
        ratio = np.abs(inverse.slope(y) / slope)
        right &= np.allclose(ratio, ratio[0], _SLOPE, _SLOPE)
    if not right:
        raise ValueError(f"the inverse of {name!r} does not undo it at {x}, or its slope")


def _readings(
    primitive: Primitive, x: np.ndarray, coefs: np.ndarray
) -> Iterator[tuple[str, Callable[[], Any], float]]:
    """Every other reading: its name, its values at x, its precision."""

    def by_jax(functions: Any) -> Any:
        def value(u: Any) -> Any:
            return primitive(functions, u, *coefs.astype(np.float32))

        jax.vmap(jax.grad(value))(np.float32(x))
        return value(np.float32(x))

    def by_compiler() -> Any:
        value, slopes = np.zeros(len(x)), np.zeros((1 + len(coefs), len(x)))
        space = {**loops(), "math": math, "np": np}
        exec(traced(primitive), {**space, "u": x, "c": coefs, "v": value, "d": slopes})
        return value

    def by_sympy() -> Any:
        (symbol,) = symbols(["x"])
        expression = primitive(SYMPY, symbol, *floats(coefs))
        return values([expression], [symbol], x[:, None])[:, 0].real

    def by_text() -> Any:
        code, helpers = term_source(primitive, "x", coefs.tolist())
        space: dict[str, Any] = {"np": np, "x": x}
        exec(helpers, space)
        return eval(code, space)

    yield (
        "automatic differentiation",
        lambda: differentiate(primitive, x, coefs)[0],
        _DOUBLE,
    )
    yield "JAX", lambda: by_jax(JAX), _SINGLE
    yield "JAX in single precision", lambda: by_jax(SINGLE), _SINGLE
    yield "the compiler", by_compiler, _DOUBLE
    yield "SymPy", by_sympy, _DOUBLE
    yield "the Python text", by_text, _DOUBLE


def _check_base(primitive: Primitive, x: np.ndarray, coefs: np.ndarray) -> None:
    """What ``base`` and ``argument`` say must be so: the search relies on it."""
    kinds = ARGUMENTS[primitive.argument]
    if primitive.params[: len(kinds)] != kinds:
        raise ValueError(
            f"argument={primitive.argument!r} of {primitive.name!r} needs params that "
            f"begin with {kinds}, got {primitive.params}"
        )
    first, rest = coefs[: len(kinds)], coefs[len(kinds) :]
    a = first[kinds.index("slope")] if "slope" in kinds else 1.0
    b = first[kinds.index("shift")] if "shift" in kinds else 0.0
    found = primitive(NUMPY, x, *coefs)
    if primitive.base == primitive.name:
        neutral = [{"slope": 1.0, "shift": 0.0}[kind] for kind in kinds]
        expected = primitive(NUMPY, a * x + b, *neutral, *rest)
    else:
        base = primitives.lookup(primitive.base)
        if base.params != primitive.params[len(kinds) :]:
            raise ValueError(
                f"base={base.name!r} of {primitive.name!r} has the coefficients "
                f"{base.params}: params must be {kinds + base.params}, got "
                f"{primitive.params}"
            )
        expected = base(NUMPY, a * x + b, *rest)
    if not np.allclose(found, expected, _DOUBLE, _DOUBLE, equal_nan=True):
        what = {"plain": "x", "scaled": "a*x", "shifted": "x + b", "linear": "a*x + b"}
        raise ValueError(
            f"{primitive.name!r} is not base={primitive.base!r} of "
            f"{what[primitive.argument]}, as argument={primitive.argument!r} says; leave "
            "both out, or correct them"
        )
