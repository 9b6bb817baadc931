"""Every primitive against its closed form, under every reading."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from contextlib import AbstractContextManager
from itertools import product
from typing import Any

import jax
import numpy as np
import pytest
import sympy
from scipy.special import expit

from autora.skl.darts import (
    DARTSRegressor,
    Inverse,
    Primitive,
    known_primitives,
    register_primitive,
)
from autora.skl.darts.equations.symbolic import SYMPY
from autora.skl.darts.fitting.coefficients import largest_coefficients
from autora.skl.darts.fitting.problem import Problem
from autora.skl.darts.graph.elementary import NUMPY
from autora.skl.darts.graph.jax_functions import JAX, SINGLE
from autora.skl.darts.graph.jets import differentiate
from autora.skl.darts.graph.model import Edge
from autora.skl.darts.graph.objectives import OBJECTIVES
from autora.skl.darts.graph.primitives import (
    _BUILT_IN,
    ARGUMENTS,
    POWER,
    SCIENCE,
    forms,
    lookup,
    monomial,
    resolve,
    variants,
)
from autora.skl.darts.graph.specification import SpaceBounds
from autora.skl.darts.search.conversion import evaluator_for
from autora.skl.darts.search.inversion import outer_functions
from autora.skl.darts.selection.criteria import complexity_of

EVERYWHERE = np.linspace(-2, 2, 40)  # neither 0 nor a kink of relu(1.3·x + 0.4)
POSITIVE = np.linspace(0.05, 3, 40)
A, B, BETA = 1.3, 0.4, 0.7

BASE: dict[str, tuple[Callable[..., Any], tuple[float, ...]]] = {
    "none": (lambda x: np.zeros_like(x), ()),
    "add": (lambda x: x, ()),
    "subtract": (lambda x: -x, ()),
    "mult": (lambda x, a: a * x, (A,)),
    "linear": (lambda x, a, b: a * x + b, (A, B)),
    "shift": (lambda x, b: x + b, (B,)),
    "relu": (lambda x: np.where(x > 0, x, 0), ()),
    "logistic": (lambda x: 1 / (1 + np.exp(-x)), ()),
    "exp": (lambda x: np.exp(x), ()),
    "cos": (lambda x: np.cos(x), ()),
    "sin": (lambda x: np.sin(x), ()),
    "tanh": (lambda x: np.sinh(x) / np.cosh(x), ()),
    "reciprocal": (lambda x: 1 / x, ()),
    "ln": (lambda x: np.log(x), ()),
    "square": (lambda x: x * x, ()),
    "sqrt": (lambda x: np.exp(np.log(x) / 2), ()),
    "power": (lambda x, a: np.exp(a * np.log(np.abs(x))), (A,)),
    "softplus": (lambda x, k: np.log(1 + np.exp(k * x)) / k, (BETA,)),
    "softminus": (lambda x, k: x - np.log(1 + np.exp(k * x)) / k, (BETA,)),
}
VARIANTS: dict[str, tuple[str, ...]] = {
    "linear": ("relu", "logistic", "exp", "cos", "sin", "tanh", "square", "sqrt"),
    "scaled": ("logistic", "exp", "cos", "sin", "tanh"),
    "shifted": ("reciprocal", "ln", "square", "sqrt", "power"),
    #: Named linear_* by autora-theorist-darts, yet without a shift.
    "peer": ("reciprocal", "ln", "softplus", "softminus"),
}
ARGUMENT: dict[str, tuple[str, Callable[..., Any], tuple[float, ...]]] = {
    "linear": ("linear", lambda x: A * x + B, (A, B)),
    "scaled": ("scaled", lambda x: A * x, (A,)),
    "shifted": ("shifted", lambda x: x + B, (B,)),
    "peer": ("linear", lambda x: A * x, (A,)),
}
#: Name of every variant → its plain function and the kind of argument.
DERIVED = {
    f"{ARGUMENT[kind][0]}_{name}": (name, kind)
    for kind, names in VARIANTS.items()
    for name in names
}
NAMES = (*BASE, *DERIVED)


def double_precision() -> AbstractContextManager:
    if hasattr(jax, "enable_x64"):
        return jax.enable_x64(True)
    from jax.experimental import enable_x64

    return enable_x64()


def arguments(name: str) -> np.ndarray:
    """Points at which a primitive is defined; `test_domain…` tests the domain itself."""
    x = np.concatenate([EVERYWHERE, POSITIVE])
    return x[np.broadcast_to(lookup(name).domain(x, *coefficients(name)), x.shape)]


def coefficients(name: str) -> tuple[float, ...]:
    if name in BASE:
        return BASE[name][1]
    base, kind = DERIVED[name]
    return ARGUMENT[kind][2] + BASE[base][1]


def closed_form(name: str, x: np.ndarray) -> np.ndarray:
    base, kind = DERIVED.get(name, (name, ""))
    formula, coefs = BASE[base]
    return formula(ARGUMENT[kind][1](x) if kind else x, *coefs)


@pytest.mark.parametrize("name", NAMES)
def test_domain_is_where_the_value_is_finite(name: str) -> None:
    primitive = lookup(name)
    places = [-1.5, -0.4, 0.0, 0.4, 1.5]
    x, *coefs = np.array(list(product(places, repeat=1 + primitive.n_params))).T
    with np.errstate(all="ignore"):
        value = primitive(NUMPY, x, *coefs)
    inside = np.broadcast_to(primitive.domain(x, *coefs), x.shape)
    np.testing.assert_array_equal(inside, np.isfinite(value))


@pytest.mark.parametrize("name", ["sin", "cos", "softplus"])
def test_quick_functions(name: str) -> None:
    """Value and slope in single precision, also where arguments are large."""
    rng = np.random.default_rng(0)
    sizes = rng.uniform(-1, 1, 2000) * 10 ** rng.uniform(-6, 4, 2000)
    x = np.concatenate([[0], np.arange(-9, 9) * np.pi / 2, sizes]).astype(np.float32)
    wide = x.astype(float)
    slopes = {"sin": np.cos, "cos": lambda z: -np.sin(z), "softplus": expit}
    value, slope = jax.vmap(jax.value_and_grad(getattr(SINGLE, name)))(x)
    assert value.dtype == slope.dtype == np.float32
    np.testing.assert_allclose(value, getattr(NUMPY, name)(wide), rtol=3e-7, atol=3e-7)
    np.testing.assert_allclose(slope, slopes[name](wide), rtol=3e-7, atol=3e-7)


@pytest.mark.parametrize("name", ["sin", "cos"])
def test_quick_waves_stay_bounded(name: str) -> None:
    found = getattr(SINGLE, name)(np.array([1e6, -1e10, 3e38], np.float32))
    assert (np.abs(found) <= 1 + 1e-6).all()


@pytest.mark.parametrize("exponent", [-2.5, -1, 0.5, 1, 2, 3])
def test_quick_power(exponent: float) -> None:
    x = np.concatenate([-POSITIVE, POSITIVE]).astype(np.float32)
    found = SINGLE.power(x, np.float32(exponent))
    np.testing.assert_allclose(found, NUMPY.power(x.astype(float), exponent), rtol=3e-6)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "none"])
def test_straight(name: str) -> None:
    """A straight primitive has no curvature, any other one has."""
    primitive = lookup(name)
    below, middle, above = primitive(NUMPY, np.array([0.2, 0.9, 1.6]), *coefficients(name))
    straight = abs(below - 2 * middle + above) < 1e-12
    # What a kink is made of is straight on either side.
    assert primitive.straight == (straight and "relu" not in name)


def test_table_is_complete() -> None:
    assert set(NAMES) == _BUILT_IN


@pytest.mark.parametrize("name", NAMES)
def test_closed_form(name: str) -> None:
    x, primitive = arguments(name), lookup(name)
    coefs = coefficients(name)
    assert primitive.n_params == len(coefs)
    assert np.all(primitive.domain(x, *coefs))
    found = primitive(NUMPY, x, *coefs)
    np.testing.assert_allclose(found, closed_form(name, x), rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("name", DERIVED)
def test_variant_is_the_plain_function_of_its_argument(name: str) -> None:
    plain, (base, kind) = lookup(DERIVED[name][0]), DERIVED[name]
    x, rest = arguments(name), (BETA,) * plain.n_params
    _, argument, coefs = ARGUMENT[kind]
    found = lookup(name)(NUMPY, x, *coefs, *rest)
    np.testing.assert_array_equal(found, plain(NUMPY, argument(x), *rest))
    assert lookup(name).base == base == plain.base and plain.argument == "plain"
    assert lookup(name).argument == ("scaled" if kind == "peer" else kind)
    assert lookup(name).params == ARGUMENTS[lookup(name).argument] + plain.params


def names(records: tuple[Primitive, ...]) -> list[str]:
    return [record.name for record in records]


@pytest.mark.parametrize("name", [name for name in NAMES if name != "none"])
def test_what_the_values_say_of_a_function(name: str) -> None:
    """Straight lines, multiples of powers and exponentials are known as such, no others."""
    primitive, x = lookup(name), np.linspace(0.3, 2, 9)
    y, further, twice = (closed_form(name, u) for u in (x, x + 1, 2 * x))
    assert primitive.straight == (np.allclose(np.diff(y, 2), 0) and "relu" not in name)
    constant = np.ptp(further / y) < 1e-9
    assert primitive.exponential == (constant and not np.isclose(further / y, 1)[0])
    if primitive.exponent is not None:
        np.testing.assert_allclose(y, primitive.factor * x**primitive.exponent)
        assert monomial(primitive.exponent, primitive.factor) is primitive
    elif not primitive.params and "relu" not in name:
        assert np.ptp(np.log(np.abs(twice / y))) > 1e-6


def test_forms_of_a_vocabulary() -> None:
    vocabulary = resolve(["none", "mult", "exp", "linear_exp", "subtract", "shift"])
    x, opposite = (forms(monomial(1.0, sign), vocabulary) for sign in (1.0, -1.0))
    assert {a: p.name for a, p in x.items()} == {"scaled": "mult", "shifted": "shift"}
    assert {a: p.name for a, p in opposite.items()} == {"plain": "subtract"}
    assert list(forms(lookup("exp"), vocabulary)) == ["plain", "linear"]
    assert forms(monomial(-1.0), vocabulary) == forms(monomial(7.0), vocabulary) == {}


def test_variants_of_a_function() -> None:
    assert names(variants("add")) == ["add", "mult", "shift", "linear"]
    assert names(variants(lookup("linear_tanh"))) == ["tanh", "scaled_tanh", "linear_tanh"]
    peer = ["reciprocal", "linear_reciprocal", "shifted_reciprocal"]
    assert names(variants("shifted_reciprocal")) == peer
    assert names(variants("none")) == ["none"] and names(variants("relu"))[0] == "relu"
    assert names(variants("subtract")) == ["subtract"]
    for name in NAMES:
        assert [p.name for p in variants(name)].count(name) == 1


def test_science_can_be_searched() -> None:
    assert len(resolve(SCIENCE)) == len(SCIENCE)


def test_own_variant_joins_the_others(own_table: dict[str, Primitive]) -> None:
    own = Primitive(
        "shifted_tanh", lambda m, x, b: m.tanh(x + b), ("shift",), base="tanh",
        argument="shifted",
    )  # fmt: skip
    assert own not in variants("tanh")
    register_primitive(own)
    assert own in variants("tanh")


@pytest.mark.parametrize("name", NAMES)
def test_readings_agree(name: str) -> None:
    x, primitive = arguments(name), lookup(name)
    coefs = coefficients(name)
    by_numpy = primitive(NUMPY, x, *coefs)
    with double_precision():
        by_jax = np.asarray(primitive(JAX, jax.numpy.asarray(x), *coefs))
    symbol = sympy.Symbol("x", real=True)
    values = [sympy.Float(c, 17) for c in coefs]
    expression = sympy.sympify(primitive(SYMPY, symbol, *values))
    by_sympy = [float(expression.subs(symbol, sympy.Float(v, 17))) for v in x]
    np.testing.assert_allclose(by_jax, by_numpy, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(by_sympy, by_numpy, rtol=1e-12, atol=1e-12)


def by_autodiff(primitive: Primitive, x: np.ndarray, coefs: np.ndarray) -> np.ndarray:
    def scalar(*args: Any) -> Any:
        return primitive(JAX, *args)

    with double_precision():
        places = tuple(range(1 + len(coefs)))
        axes = (0,) + (None,) * len(coefs)
        partials = jax.vmap(jax.grad(scalar, argnums=places), in_axes=axes)(x, *coefs)
        return np.stack([np.asarray(p) for p in partials])


def by_differences(primitive: Primitive, x: np.ndarray, coefs: np.ndarray) -> np.ndarray:
    args, rows, h = [x, *coefs], [], 1e-5
    for i in range(len(args)):
        up, down = list(args), list(args)
        up[i], down[i] = args[i] + h, args[i] - h
        rows.append((primitive(NUMPY, *up) - primitive(NUMPY, *down)) / (2 * h))
    return np.stack(rows)


@pytest.mark.parametrize("name", NAMES)
def test_jets(name: str) -> None:
    x, primitive = arguments(name), lookup(name)
    coefs = np.array(coefficients(name))
    value, partials = differentiate(primitive, x, coefs)
    assert partials.shape == (1 + len(coefs), len(x))
    np.testing.assert_allclose(value, primitive(NUMPY, x, *coefs), rtol=1e-13)
    exact = by_autodiff(primitive, x, coefs)
    np.testing.assert_allclose(partials, exact, rtol=1e-12, atol=1e-13)
    numeric = by_differences(primitive, x, coefs)
    np.testing.assert_allclose(partials, numeric, rtol=1e-5, atol=1e-7)


COMPOSITES = {
    "division": lambda m, x, a: (2 - x) / (x + a) + a / x - 3 / (1 + x * x),
    "powers": lambda m, x, a: x**3 - x**-0.5 + x**a,
    "roots": lambda m, x, a: m.power(a * x - 2, 3) + m.sqrt(x * a) + m.power(2.0, x - a),
    "maxima": lambda m, x, a: m.maximum(x, a) + m.maximum(0.3, x * a),
    "nesting": lambda m, x, a: m.tanh(m.softplus(m.sin(x) * a) - m.log(x) / 2.0),
}


@pytest.mark.parametrize("name", COMPOSITES)
def test_jets_of_composed_formulas(name: str) -> None:
    primitive = Primitive(name, COMPOSITES[name], ("shape",))
    x, coefs = POSITIVE, np.array([0.9])
    value, partials = differentiate(primitive, x, coefs)
    expected = primitive(NUMPY, x, *coefs)
    np.testing.assert_allclose(value, expected, rtol=1e-13, atol=1e-14)
    exact = by_autodiff(primitive, x, coefs)
    np.testing.assert_allclose(partials, exact, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", ["logistic", "tanh", "softplus", "softminus", "relu"])
def test_jets_at_extreme_arguments(name: str) -> None:
    x = np.array([-1e4, 1e4])
    value, partials = differentiate(lookup(name), x, np.array(coefficients(name)))
    assert np.isfinite(value).all() and np.isfinite(partials).all()


@pytest.mark.parametrize("exponent", [0.5, 1.0, 1.5, 3.0])
def test_power_of_zero(exponent: float) -> None:
    """Finite where the derivative is, infinite where it is, and never NaN."""
    with np.errstate(divide="ignore"):
        value, partials = differentiate(lookup("power"), np.zeros(1), np.array([exponent]))
        _, shifted = differentiate(
            lookup("shifted_power"), np.zeros(1), np.array([0, exponent])
        )
    assert value == 0 and partials[1] == 0
    assert partials[0] == {0.5: np.inf, 1: 1}.get(exponent, 0)
    np.testing.assert_array_equal(shifted[[0, 2]], partials)


@pytest.mark.parametrize("exponent", [-3.0, -1.0, 1.0, 3.0, 5.0, 2.0, -2.0, 2.5])
def test_odd_powers_keep_the_sign(exponent: float) -> None:
    """In every reading; |x|³ on positive data would else go the wrong way below 0."""
    x, primitive = np.array([-2.0, -0.7, 0.4, 3.0]), lookup("power")
    sign = np.sign(x) if exponent % 2 == 1 else 1.0
    expected = sign * np.exp(exponent * np.log(np.abs(x)))
    value, partials = differentiate(primitive, x, np.array([exponent]))
    exact = by_autodiff(primitive, x, np.array([exponent]))
    with double_precision():
        by_jax = np.asarray(primitive(JAX, jax.numpy.asarray(x), exponent))
    symbol = sympy.Symbol("x", real=True)
    equation = primitive(SYMPY, symbol, sympy.Float(exponent, 17))
    by_sympy = [float(equation.subs(symbol, sympy.Float(v, 17))) for v in x]
    for found in (primitive(NUMPY, x, exponent), value, by_jax, by_sympy):
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    np.testing.assert_allclose(partials, exact, rtol=1e-12)
    slope = exponent * expected / x
    np.testing.assert_allclose(partials, [slope, expected * np.log(np.abs(x))], rtol=1e-12)


def test_zero_has_a_root_and_positive_powers() -> None:
    zero = np.zeros(1)
    assert lookup("sqrt").domain(zero).all()
    for exponent, inside in [(0.5, True), (0.0, True), (-0.5, False)]:
        assert lookup("power").domain(zero, exponent).all() == inside


@pytest.mark.parametrize("name", ["sqrt", "shifted_sqrt"])
def test_root_of_zero(name: str) -> None:
    coefs = np.zeros(lookup(name).n_params)
    with np.errstate(divide="ignore"):
        value, partials = differentiate(lookup(name), np.zeros(1), coefs)
    assert value == 0 and (partials == np.inf).all()


@pytest.mark.parametrize(
    ("name", "coefs", "outside"),
    [
        ("ln", (), [-1.0, 0.0]),
        ("reciprocal", (), [0.0]),
        ("linear_ln", (-2.0,), [0.5]),
        ("linear_reciprocal", (0.0,), [1.0]),
        ("softplus", (0.0,), [1.0]),
        ("sqrt", (), [-1e-9, -2.0]),
        ("linear_sqrt", (-1.0, 0.5), [1.0]),
        ("power", (-0.5,), [0.0]),
        ("shifted_power", (-2.0, -1.0), [2.0]),
        ("exp", (), [np.inf, np.nan]),
    ],
)
def test_outside_the_domain(
    name: str, coefs: tuple[float, ...], outside: list[float]
) -> None:
    assert not np.any(lookup(name).domain(np.array(outside), *coefs) & np.True_)


def test_zero_is_a_spelling_of_none() -> None:
    assert lookup("zero") is lookup("none")
    assert [p.name for p in resolve(["zero", "add"])] == ["none", "add"]
    with pytest.raises(ValueError, match="duplicates"):
        resolve(["zero", "none", "add"])


@pytest.mark.parametrize("names", [["sqare"], ["add", "Exp"], [""]])
def test_unknown_name_lists_the_known(names: list[str]) -> None:
    with pytest.raises(ValueError) as error:
        resolve(names)
    assert repr(names[-1]) in str(error.value)
    assert all(known in str(error.value) for known in known_primitives())


@pytest.mark.parametrize("names", ["add", 3, None, [3], ["add", None]])
def test_wrong_type(names: Any) -> None:
    with pytest.raises(TypeError, match="primitive"):
        resolve(names)


@pytest.mark.parametrize("names", [[], ["none"], ["zero"]])
def test_nothing_to_search_lists_the_known(names: list[str]) -> None:
    with pytest.raises(ValueError, match="primitives=") as error:
        resolve(names)
    assert all(k in str(error.value) for k in known_primitives() if k != "none")


@pytest.mark.parametrize("name", NAMES)
def test_pickle_keeps_identity(name: str) -> None:
    primitive = lookup(name)
    assert pickle.loads(pickle.dumps(primitive)) is primitive


def gauss() -> Primitive:
    return Primitive("gauss", lambda m, x, a: m.exp(-a * x * x), ("shape",))


def test_register(own_table: dict[str, Primitive]) -> None:
    primitive = gauss()
    assert register_primitive(primitive) is primitive
    assert register_primitive(primitive) is primitive
    assert lookup("gauss") is primitive
    assert "gauss" in known_primitives()
    assert resolve(["gauss", "none"]) == (primitive, lookup("none"))
    assert pickle.loads(pickle.dumps(primitive)) is primitive


@pytest.mark.parametrize(
    ("primitive", "message"),
    [
        (Primitive("two words", lambda m, x: x), "name='two words'"),
        (Primitive("", lambda m, x: x), "name=''"),
        (Primitive("exp", lambda m, x: x), "name='exp' is built in"),
        (Primitive("own", lambda m, x, a: x, ("scale",)), "params .*'scale'"),
        (Primitive("own", lambda m, x: x, argument="squared"), "argument='squared'"),
        (Primitive("own", lambda m, x: m.erf(x)), "formula of 'own' fails"),
        (Primitive("own", lambda m, x, a: x), "formula of 'own' fails"),
        (Primitive("own", lambda m, x: x.sum()), "formula of 'own' must be elem"),
    ],
)
def test_register_refuses(
    own_table: dict[str, Primitive], primitive: Primitive, message: str
) -> None:
    before = dict(own_table)
    with pytest.raises(ValueError, match=message):
        register_primitive(primitive)
    assert own_table == before


def test_zero_may_not_be_registered(own_table: dict[str, Primitive]) -> None:
    """A primitive that a spelling hides could never be looked up."""
    with pytest.raises(ValueError, match="name='zero'"):
        register_primitive(Primitive("zero", lambda m, x: x))


def test_facts_of_an_own_function_are_tried() -> None:
    """What a record says beside its formula is used by the search, so it must be true."""
    even = {"formula": lambda m, x: m.cos(x) + x, "even": True}
    power = {"formula": lambda m, x: x * x * x, "exponent": 2.0}
    multiple = {"formula": lambda m, x: 3 * x, "exponent": 1.0, "factor": 2.0}
    wave = {"formula": lambda m, x: m.sin(x) + x, "period": 2 * np.pi}
    undone = {"formula": lambda m, x: x * x * x, "inverse": Inverse(np.sqrt, np.square)}
    for facts, message in (
        (even, "says even=True"),
        (power, "says exponent=2.0"),
        (multiple, "says exponent=1.0, factor=2.0"),
        (wave, "says period=6.28"),
        (undone, "the inverse of 'own_fact' does not undo it"),
    ):
        with pytest.raises(ValueError, match=message):
            register_primitive(Primitive("own_fact", **facts))


def test_an_own_multiple_of_x_is_a_straight_line() -> None:
    """Edges that bend count for half a coefficient more."""
    facts: dict[str, Any]
    for name, facts, cost in (
        ("own_bend", {}, 1.0),
        ("own_line", {"exponent": 1.0, "factor": 3.0}, 0.5),
    ):
        own = register_primitive(Primitive(name, lambda m, x: 3 * x, **facts))
        assert complexity_of([Edge(0, 0, own, ())]) == cost


def test_variants_keep_the_kinds_of_their_base() -> None:
    kinds = "shift", "shape"
    own = Primitive(
        "own_power", lambda m, x, b, a: m.power(x + b, a), kinds, base="power",
        argument="shifted",
    )  # fmt: skip
    with pytest.raises(ValueError, match=r"params must be \('shift', 'exponent'\)"):
        register_primitive(own)


def test_an_own_exponent_is_one_like_any_other() -> None:
    """It starts, and ends, where the exponent of the built-in power does."""
    formula = POWER.formula
    free, one = (Primitive(f"own_{k}", formula, (k,)) for k in ("exponent", "shape"))
    problem = Problem(np.ones((9, 1)), np.ones((9, 1)), np.ones(9), True, True)
    evaluator = evaluator_for(SpaceBounds((POWER, free, one)), problem, OBJECTIVES["real"])
    starts, limits = (
        [by(p) for p in (POWER, free, one)]
        for by in (
            lambda p: evaluator.starting_places[evaluator.primitives.index(p), 0],
            lambda p: largest_coefficients(p, 1.0)[0],
        )
    )
    for found in (starts, limits):
        assert found[0] == found[1] != found[2]


def test_an_own_function_is_undone_by_the_search() -> None:
    """One record is all that it takes: y = ³√(x1 + x2²) is found from inside."""
    root = Inverse(lambda y: y**3, lambda y: y**-2, positive=True)
    register_primitive(
        Primitive("own_cube_root", lambda m, x: m.exp(m.log(x) / 3), inverse=root)
    )
    x = np.random.default_rng(0).uniform(0.5, 3, (60, 2))
    y = np.cbrt(x[:, 0] + x[:, 1] ** 2)
    vocabulary = ["none", "add", "mult", "square", "linear", "own_cube_root"]
    known = outer_functions(resolve(vocabulary))
    assert [outer.plain.name for outer in known] == ["own_cube_root"]
    model = DARTSRegressor(random_state=0, primitives=vocabulary, n_candidates=5000)
    assert model.fit(x, y).score(x, y) > 1 - 1e-12
