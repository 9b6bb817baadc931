"""What the records of elementary functions say, and that a new one needs no more."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
import pytest
import scipy.special
import sympy

from autora.skl.darts import DARTSRegressor, Primitive, register_primitive
from autora.skl.darts.equations import javascript_source
from autora.skl.darts.equations.printing import console_name
from autora.skl.darts.equations.python_source import term_source
from autora.skl.darts.equations.symbolic import STEADY, SYMPY, symbols
from autora.skl.darts.graph.elementary import ELEMENTARY, NUMPY, Elementary
from autora.skl.darts.graph.jax_functions import JAX, SINGLE
from autora.skl.darts.graph.jets import differentiate
from autora.skl.darts.graph.model import Model
from autora.skl.darts.graph.objectives import OBJECTIVES
from autora.skl.darts.graph.search_space import SearchSpace
from autora.skl.darts.search.kernels import loader
from javascript import in_javascript
from test_kernels import called
from test_primitives import by_autodiff, by_differences, double_precision

ELEMENTWISE = [function.name for function in ELEMENTARY.values() if function.elementwise]
#: Neither 0 nor a whole number, where functions may have kinks.
X = np.linspace(-2.93, 2.87, 40)


def arguments(function: Elementary) -> list[np.ndarray]:
    """Arrays within the domain, one per argument."""
    rest = [np.full(X.shape, 0.7)] * (len(function.slopes) - 1)
    inside = np.broadcast_to(function.domain(X, *rest), X.shape)
    return [X[inside], *(array[inside] for array in rest)]


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_slopes_are_derivatives(name: str) -> None:
    function = ELEMENTARY[name]
    args, value = arguments(function), getattr(NUMPY, name)
    for i, slope in enumerate(function.slopes):
        step = [1e-6 * (i == j) for j in range(len(args))]
        up = value(*(a + h for a, h in zip(args, step, strict=True)))
        down = value(*(a - h for a, h in zip(args, step, strict=True)))
        found = slope(NUMPY, *args, value(*args))
        np.testing.assert_allclose(found, (up - down) / 2e-6, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_facts(name: str) -> None:
    """Domain, parity, period, degree and inverses are true, none that holds is left out."""
    function, value = ELEMENTARY[name], getattr(NUMPY, name)
    one = len(function.slopes) == 1
    args, both = arguments(function), X if one else arguments(function)[0]
    with np.errstate(all="ignore"):
        outside = X[~np.broadcast_to(function.domain(X, *[0.7] * (not one)), X.shape)]
        assert not np.isfinite(value(outside, *[0.7] * (not one))).any()
        assert np.isfinite(value(*args)).all()
        if one:
            here, there = value(both), value(-both)
            assert function.parity == np.allclose(here, there) - np.allclose(-here, there)
            inner = [n for n in ELEMENTWISE if len(ELEMENTARY[n].slopes) == 1]
            undone = [n for n in inner if np.allclose(value(getattr(NUMPY, n)(X)), X)]
            assert undone == [function.undoes] * (function.undoes != "")
    with np.errstate(all="ignore"):
        growth = np.log(value(*(1.7 * a for a in args)) / value(*args)) / np.log(1.7)
    found = growth[0] if np.allclose(growth, growth[0]) else None
    assert function.degree == (found if found is None else pytest.approx(found))
    if function.period is not None:
        np.testing.assert_allclose(value(X + function.period), value(X), atol=1e-12)
        for part in (2, 3):
            assert not np.allclose(value(X + function.period / part), value(X))
    if function.inverse is not None:
        tail = function.inverse.tail
        y = value(args[0], *tail)
        source = np.abs(args[0]) if name == "power" else args[0]
        np.testing.assert_allclose(function.inverse.value(y), source, rtol=1e-9)
        assert (y < function.inverse.below).all()


@pytest.mark.parametrize("name", [n for n in ELEMENTWISE if ELEMENTARY[n].smooth])
def test_smooth_functions_are_finite_everywhere(name: str) -> None:
    far = np.array([-1e300, -1e4, -1.0, 0.0, 1.0, 1e4, 1e300])
    args = [far, *[np.full(far.shape, 0.7)] * (len(ELEMENTARY[name].slopes) - 1)]
    value = getattr(NUMPY, name)(*args)
    assert np.isfinite(value).all()
    for slope in ELEMENTARY[name].slopes:
        assert np.isfinite(slope(NUMPY, *args, value)).all()


#: What a contributor would write, and SciPy's function of the same name as the oracle.
ERF = Elementary(
    "erf",
    (lambda m, x, y: 2 / math.sqrt(math.pi) * m.exp(-x * x),),
    numpy=scipy.special.erf,
    jax="jax.scipy.special.erf",
    helper="\nfrom math import erf\n\n_erf = np.vectorize(erf, otypes=[float])\n",
    javascript_helper="""
function _erf(x) {
  let sum = x, term = x;
  for (let n = 1; n < 200; n += 1) {
    term *= -x * x / n;
    sum += term / (2 * n + 1);
  }
  return 2 / Math.sqrt(Math.PI) * sum;
}
""",
    compiled="math.erf({})",
    smooth=True,
    parity=-1,
)
#: NumPy, jax.numpy and the compiler all call it by this name, JavaScript does not.
ARCTAN = Elementary(
    "arctan",
    (lambda m, x, y: 1 / (1 + x * x),),
    sympy="atan",
    javascript="Math.atan({})",
    smooth=True,
    parity=-1,
)
ORACLES = {"erf": scipy.special.erf, "arctan": np.arctan}


@pytest.fixture(params=[ERF, ARCTAN], ids=lambda record: record.name)
def added(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    own_table: dict[str, Primitive],
) -> Iterator[Elementary]:
    """A new elementary function: its record is in the table, and nothing else is done."""
    record = request.param
    monkeypatch.setitem(ELEMENTARY, record.name, record)
    yield record
    for reading in (NUMPY, JAX, SINGLE, SYMPY, STEADY, javascript_source._SOURCE):
        vars(reading).pop(record.name, None)


def scaled(record: Elementary) -> Primitive:
    """f(a·x), which a formula writes with the new function."""
    return Primitive(
        f"own_{record.name}",
        lambda m, x, a: getattr(m, record.name)(a * x),
        ("shape",),
        smooth=True,
    )


def test_every_reading_has_a_new_function(added: Elementary) -> None:
    primitive, coefs = scaled(added), np.array([0.8])
    expected = ORACLES[added.name](0.8 * X)
    np.testing.assert_array_equal(primitive(NUMPY, X, *coefs), expected)
    with double_precision():
        by_jax = np.asarray(primitive(JAX, jax.numpy.asarray(X), *coefs))
    np.testing.assert_allclose(by_jax, expected, rtol=1e-13)
    single = primitive(SINGLE, np.float32(X), np.float32(0.8))
    np.testing.assert_allclose(single, expected, rtol=1e-5)
    (symbol,) = symbols(["x"])
    for reading in (SYMPY, STEADY):
        expression = primitive(reading, symbol, sympy.Rational(4, 5))
        by_sympy = [float(expression.subs(symbol, value)) for value in X]
        np.testing.assert_allclose(by_sympy, expected, rtol=1e-13)
        assert added.argument_of(expression) == sympy.Rational(4, 5) * symbol
    code, helpers = term_source(primitive, "x", coefs.tolist())
    space: dict[str, Any] = {"np": np, "x": X}
    exec(helpers, space)
    np.testing.assert_allclose(eval(code, space), expected, rtol=1e-14)
    space_of_one = SearchSpace(1, 1, 1, (primitive,))
    model = Model(
        space_of_one, OBJECTIVES["real"], [0], [[0.8]], np.ones((1, 1)), np.zeros(1)
    )
    found = in_javascript(javascript_source.function_javascript(model, [], {}), X[:, None])
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-9)


def test_a_function_that_javascript_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    record = dataclasses.replace(ARCTAN, name="arctan2", javascript="")
    monkeypatch.setitem(ELEMENTARY, "arctan2", record)
    with pytest.raises(ValueError, match=r"'arctan2' says nothing of JavaScript"):
        _ = javascript_source._SOURCE.arctan2


def test_derivatives_of_a_new_function(added: Elementary) -> None:
    primitive, coefs = scaled(added), np.array([0.8])
    value, partials = differentiate(primitive, X, coefs)
    np.testing.assert_array_equal(value, ORACLES[added.name](0.8 * X))
    exact = by_autodiff(primitive, X, coefs)
    np.testing.assert_allclose(partials, exact, rtol=1e-12, atol=1e-15)
    numeric = by_differences(primitive, X, coefs)
    np.testing.assert_allclose(partials, numeric, rtol=1e-5, atol=1e-8)


def test_a_new_function_is_compiled(added: Elementary) -> None:
    primitive, coefs = scaled(added), np.array([0.8])
    own = loader._functions((primitive,))
    v, only, d = np.empty(len(X)), np.empty(len(X)), np.empty((2, len(X)))
    called(own.slopes)(0, X, v, coefs, d)
    called(own.values)(0, X, only, coefs)
    value, partials = differentiate(primitive, X, coefs)
    np.testing.assert_allclose(v, value, rtol=1e-14)
    np.testing.assert_allclose(d, partials, rtol=1e-12)
    np.testing.assert_array_equal(only, v)


def test_a_law_with_a_new_function_is_found(added: Elementary) -> None:
    """From registration to the printed equation and source text."""
    primitive = register_primitive(scaled(added))
    x = np.random.default_rng(0).uniform(-2, 2, (80, 1))
    y = 3 * ORACLES[added.name](0.6 * x[:, 0]) + 1
    model = DARTSRegressor(
        random_state=0, n_candidates=500, primitives=["add", "mult", primitive.name]
    ).fit(x, y)
    assert model.score(x, y) > 1 - 1e-9
    word = added.symbol
    assert f"{word}(" in model.model_repr() and console_name(word) == f"`{word}`"
    space: dict[str, Any] = {}
    exec(model.python(), space)
    np.testing.assert_allclose(space["predict"](x[:, 0]), y, rtol=1e-9, atol=1e-9)
