"""Known theories: read without running anything, fitted as written, weighed, kept."""

from __future__ import annotations

import ast
import json
import math
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings, strategies as st
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from autora.skl.darts import (
    DARTSClassifier,
    DARTSRegressor,
    DataWarning,
    DomainWarning,
    EquationsDisplay,
    Primitive,
    register_primitive,
)
from autora.skl.darts.cli.main import main

rng = np.random.default_rng(7)
X = np.sort(rng.uniform(0.5, 9, (60, 2)), axis=0)[rng.permutation(60)]
X[:, 1] = rng.permutation(X[:, 1])
NOISE = rng.normal(size=60)
#: What an independent reader of formulas knows.
KNOWN = {
    "exp": np.exp, "log": np.log, "ln": np.log, "sqrt": np.sqrt, "sin": np.sin,
    "cos": np.cos, "tanh": np.tanh, "abs": np.abs, "max": np.maximum, "min": np.minimum,
    "logistic": lambda x: 1 / (1 + np.exp(-x)), "relu": lambda x: np.maximum(x, 0),
    "softplus": lambda x: np.log1p(np.exp(x)), "square": np.square, "pi": math.pi,
    "reciprocal": np.reciprocal, "power": lambda x, a: np.abs(x) ** a,
}  # fmt: skip


def numpy_value(text: str, constants: dict[str, float], x: np.ndarray = X) -> np.ndarray:
    """A formula as Python and NumPy read it, which know nothing of this package."""
    names = {f"x{i + 1}": column for i, column in enumerate(x.T)}
    code = text.replace("^", "**")
    with np.errstate(all="ignore"):
        value = eval(code, {"__builtins__": {}}, {**KNOWN, **names, **constants})
    return np.broadcast_to(np.asarray(value, float), len(x))


def fitted(text: str, y: Any, x: Any = X, **parameters: Any) -> DARTSRegressor:
    return DARTSRegressor.from_equation(text, random_state=0, **parameters).fit(x, y)


def constants_of(model: Any) -> dict[str, float]:
    table = model.coefficients_
    return dict(zip(table["term"], table["coefficient"], strict=True))


# Reading

REFUSED = {
    "a*foo(x1)": (r"unknown function 'foo'", 3),
    "a*sine(x1)": (r"did you mean 'sin'", 3),
    "(a + x1": (r"this bracket is not closed", 1),
    "a + x1)": (r"this bracket closes nothing", 7),
    "exp(x1": (r"this bracket is not closed", 4),
    "__import__('os')": (r"\"'\" has no place in a formula", 12),
    "x1.real": (r"'\.' has no place", 3),
    "x1['a']": (r"'\[' has no place", 3),
    'a*"x1"': (r"'\"' has no place", 3),
    "a if x1 else b": (r"an operator is missing before 'if'", 3),
    "2x1": (r"an operator is missing before 'x1'", 2),
    "a*": (r"a number, a name or a bracket is missing", 3),
    "a**/x1": (r"a number, a name or a bracket is missing", 4),
    "y = a*x1": (r"write the right-hand side alone", 3),
    "log(x1, 2)": (r"'log' takes 1 argument, got 2", 1),
    "sin()": (r"is missing here", 5),
    "x1 + 1/0": (r"this has no finite value", 6),
    "x1**(-2)**0.5": (r"this has no finite value", 9),
    "1e999*x1": (r"this number is too large", 1),
    "`dose": (r"the backtick is not closed", 1),
    "(" * 50 + "x1" + ")" * 50: (r"nested more than 30 times", 31),
    "x1" + "**x1" * 60: (r"nested more than 30 times", 119),
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_formula_is_refused_with_its_place(text: str) -> None:
    problem, character = REFUSED[text]
    with pytest.raises(ValueError, match=problem) as caught:
        DARTSRegressor.from_equation(text)
    first, shown, caret = str(caught.value).splitlines()
    assert first.startswith(f"equation cannot be read, at character {character}: ")
    if len(text) <= 60:
        assert shown[4:] == text
        assert caret.index("^") - 4 == character - 1


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "has no formula"),
        ("  \n", "has no formula"),
        ("Stevens:", "has no formula"),
        (": a*x1", "has no readable label"),
        ("x1+" * 10**5 + "x1", "has 300002 characters, but at most 1000 are read"),
        (3, "must be a text such as .* got 3 of type int"),
        (None, "must be a text"),
        (b"a*x1", "must be a text"),
    ],
)
def test_what_is_no_text_is_refused(text: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=f"equation {problem}"):
        DARTSRegressor.from_equation(text)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"guesses": ["a*x1", "a*foo(x1)"]}, r"guesses\[1\] cannot be read"),
        ({"guesses": "a*x1"}, "guesses must be a sequence of texts"),
        ({"guesses": []}, "guesses must hold one theory at least"),
        ({"guesses": ["found: a*x1"]}, "guesses has the label 'found'"),
        ({"equation": "a*(x1"}, "equation cannot be read"),
        ({"equation": "a*x3"}, "equation names 'x3', which is not a column of X.* x1, x2"),
        ({"equation": "a*`dose`"}, "equation names 'dose', which is not a column"),
        ({"equation": "a*dosse + b"}, "equation names no column of X"),
        ({"equation": "+".join(f"c{i}*x1" for i in range(31))}, "has 31 constants"),
    ],
)
def test_parameters_are_refused_before_anything_is_computed(
    settings: dict[str, Any], problem: str
) -> None:
    model = DARTSRegressor(**settings)
    with pytest.raises(ValueError, match=problem):
        model.fit(X, X[:, 0])
    assert not hasattr(model, "model_")


@given(st.text(max_size=60))
@settings(max_examples=300)
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = DARTSRegressor.from_equation(text)
    except ValueError:
        return
    assert found.equation == text


# Fitting: the equation as it was written

#: Formulas with constants that data of this size determine, and the constants.
LAWS: dict[str, dict[str, float]] = {
    "a*x1/(b + x1)": {"a": 2.0, "b": 1.5},
    "k*log(x1/d)": {"k": 3.0, "d": 0.5},
    "a*x1**b": {"a": 1.2, "b": 0.6},
    "a*x1^b*x2^-c": {"a": 1.2, "b": 0.6, "c": 1.4},
    "a*exp(-x1/t) + c": {"a": 4.0, "t": 2.0, "c": 1.0},
    "a*sin(w*x1 + p) + c": {"a": 1.5, "w": 1.1, "p": 0.4, "c": 2.0},
    "a/(1 + exp(-(x1 - m)/s))": {"a": 3.0, "m": 4.0, "s": 0.8},
    "v*x1/(m*(1 + x2/i) + x1)": {"v": 5.0, "m": 1.0, "i": 2.0},
    "a*exp(-(x1 - m)^2/(2*s^2))": {"a": 2.0, "m": 4.0, "s": 1.5},
    "a*b**x1 + c": {"a": 2.0, "b": 0.6, "c": 1.0},
    "sqrt(a + b*x1)": {"a": 1.0, "b": 2.0},
    "a*tanh(b*x1)": {"a": 2.0, "b": 0.4},
    "a*(x1 + x2) + b": {"a": 0.7, "b": 1.0},
    "a + b*x1 + c*x2": {"a": 1.0, "b": 2.0, "c": -0.5},
    "max(a*x1, b*x2)": {"a": 1.0, "b": 0.6},
    "min(x1, m)*a": {"m": 4.0, "a": 2.0},
    "a*abs(x1 - m)": {"a": 2.0, "m": 4.0},
    "a*x1**n/(k**n + x1**n)": {"a": 2.0, "n": 2.5, "k": 3.0},
    "a*logistic(x1 - m) + relu(x2 - 3)": {"a": 3.0, "m": 2.0},
    "softplus(a*x1) + x1**x2/1e6": {"a": 0.7},
    "exp(-lambda*x1)": {"lambda": 0.4},
}


@pytest.mark.parametrize("text", LAWS)
def test_constants_are_found_from_exact_data(text: str) -> None:
    code, known = text.replace("lambda", "l"), LAWS[text]
    y = numpy_value(code, {name.replace("lambda", "l"): v for name, v in known.items()})
    found = constants_of(fitted(text, y))
    assert list(found) == [n for n in found if n in known] and set(found) == set(known)
    for name, value in known.items():
        assert found[name] == pytest.approx(value, rel=1e-6)


@pytest.mark.parametrize("text", list(LAWS)[:12])
def test_constants_lie_within_their_errors(text: str) -> None:
    exact = numpy_value(text, LAWS[text])
    table = fitted(text, exact + 0.02 * exact.std() * NOISE).coefficients_
    for _, (name, value, error) in table.iterrows():
        assert abs(value - LAWS[text][name]) < 4.5 * error
        assert 0 < error < 0.5 * abs(value) + 0.5


#: Laws in which the unit of X is a matter of their constants alone.
UNITS = [
    "a*x1/(b + x1)", "k*log(x1/d)", "a*x1**b", "a*exp(-x1/t) + c",
    "v*x1/(m*(1 + x2/i) + x1)", "a*exp(-(x1 - m)^2/(2*s^2))", "a*tanh(b*x1)",
    "a/(1 + exp(-(x1 - m)/s))", "min(x1, m)*a", "a*x1**n/(k**n + x1**n)",
]  # fmt: skip


@pytest.mark.parametrize("text", UNITS)
@pytest.mark.parametrize(("unit", "scale"), [(1e-7, 1e7), (1e6, 1e-5), (1e6, 1e7)])
def test_units_do_not_matter(text: str, unit: float, scale: float) -> None:
    """Millions or millionths: where the descent begins follows from the data."""
    exact = numpy_value(text, LAWS[text])
    y = scale * (exact + 0.01 * exact.std() * NOISE)
    x = unit * X
    assert fitted(text, y, x).score(x, y) > 0.999


def test_errors_are_those_of_a_linear_regression() -> None:
    y = 2 + 3 * X[:, 0] + NOISE
    table = fitted("a + b*x1", y).coefficients_
    design = np.column_stack([np.ones(60), X[:, 0]])
    best, square, *_ = np.linalg.lstsq(design, y, rcond=None)
    expected = np.sqrt(np.diag(np.linalg.inv(design.T @ design)) * square[0] / 58)
    np.testing.assert_allclose(table["coefficient"], best, rtol=1e-9)
    np.testing.assert_allclose(table["standard_error"], expected, rtol=1e-9)


def every_form(model: Any, x: np.ndarray) -> dict[str, np.ndarray]:
    """Values of a fitted equation in all forms in which it can be had."""
    import jax
    import sympy

    names: dict[str, Any] = {}
    exec(model.python(), names)
    inputs = [f"x{i + 1}" for i in range(x.shape[1])]
    with np.errstate(all="ignore"):
        written = np.broadcast_to(names["predict"](*x.T), len(x))
        symbolic = sympy.lambdify(sympy.symbols(inputs, real=True), model.sympy(), "numpy")
        algebra = np.broadcast_to(np.asarray(symbolic(*x.T), float), len(x))
    with jax.enable_x64(True) if hasattr(jax, "enable_x64") else _double():
        function, coefficients = model.jax()
        compiled = np.asarray(function(coefficients, x))
    loaded = DARTSRegressor.from_json(model.to_json()).predict(x)
    return {
        "predict": model.predict(x), "python": written, "sympy": algebra, "jax": compiled,
        "file": loaded,
    }  # fmt: skip


def _double() -> Any:
    from jax.experimental import enable_x64

    return enable_x64()


@pytest.mark.parametrize("text", [t for t in LAWS if "lambda" not in t])
def test_every_form_has_the_values_of_the_equation(text: str) -> None:
    exact = numpy_value(text, LAWS[text])
    model = fitted(text, exact + 0.05 * exact.std() * NOISE)
    expected = numpy_value(text, constants_of(model))
    for form, found in every_form(model, X).items():
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9, err_msg=form)


NUMBERS = st.sampled_from(["2", "0.5", "9.81", "1e-2", "pi", "3"])
LEAVES = st.one_of(st.sampled_from(["x1", "x2", "a", "b", "c"]), NUMBERS)


def _larger(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pair = st.tuples(parts, parts)
    return st.one_of(
        st.tuples(pair, st.sampled_from("+-*/")).map(
            lambda p: f"({p[0][0]} {p[1]} {p[0][1]})"
        ),
        st.tuples(
            st.sampled_from(["exp", "sin", "cos", "tanh", "abs", "relu", "logistic"]),
            parts,
        ).map(lambda p: f"{p[0]}({p[1]})"),
        st.tuples(parts, st.sampled_from(["2", "3", "-1", "0.5", "-2"])).map(
            lambda p: f"({p[0]})**{p[1]}"
        ),
        parts.map(lambda p: f"ln(abs({p}) + 1)"),
        parts.map(lambda p: f"abs({p})**c"),
        pair.map(lambda p: f"max({p[0]}, {p[1]})"),
        parts.map(lambda p: f"-{p}"),
    )


@given(st.recursive(LEAVES, _larger, max_leaves=8))
@settings(max_examples=40)
def test_any_formula_keeps_its_values(text: str) -> None:
    """Whatever is written: the graph that predicts says what NumPy says of the text."""
    assume("x" in text.replace("exp", "").replace("max", ""))
    y = X[:, 0] + 0.1 * NOISE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            model = fitted(text, y)
        except ValueError as error:
            assert "no finite value" in str(error) or "no column" in str(error)
            return
        expected = numpy_value(text, constants_of(model))
        found = model.predict(X)
    finite = np.isfinite(expected)
    size = np.abs(expected[finite]).max(initial=1.0)
    np.testing.assert_allclose(found[finite], expected[finite], 1e-9, 1e-9 * size)


def test_a_graph_that_differs_from_its_theory_is_said() -> None:
    x = np.linspace(0.5, 4, 40)[:, None]
    with pytest.warns(UserWarning, match="in double precision the graph of"):
        fitted("a*max(-exp(9*x1), x1)", 2 * x[:, 0], x)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "in double precision")
        model = fitted("a*max(-exp(9*x1), 1.5) + x1", 3 + x[:, 0], x)
    np.testing.assert_allclose(model.predict(x), 3 + x[:, 0], rtol=1e-12)


def test_numbers_of_the_text_are_fixed_and_names_are_tied() -> None:
    """A fixed 9.81, and a rate that is an amplitude, too."""
    y = 0.4 * np.exp(-0.4 * X[:, 0]) + 9.81 * X[:, 1]
    model = fitted("r*exp(-r*x1) + 9.81*x2", y + 0.01 * NOISE)
    found = constants_of(model)
    assert list(found) == ["r"]
    assert found["r"] == pytest.approx(0.4, abs=0.02)
    expected = numpy_value("r*exp(-r*x1) + 9.81*x2", found)
    np.testing.assert_allclose(model.predict(X), expected, rtol=1e-12)
    wrong = fitted("r*exp(-r*x1) + 9*x2", y)
    assert constants_of(wrong).keys() == {"r"} and wrong.score(X, y) < 0.99


def test_a_tie_is_one_constant() -> None:
    """One constant in two places costs what one costs, and two cost more."""
    y = 0.7 * (X[:, 0] + X[:, 1]) + 0.1 * NOISE
    model = fitted("a*x1 + a*x2", y)
    table = model.compare(["free: a*x1 + b*x2"], X, y).set_index("name")
    one, two = table.loc["a*x1 + a*x2"], table.loc["free"]
    assert two["loss"] < one["loss"]
    n, unit = 60, np.mean((y - y.mean()) ** 2)
    expected = -59 * math.log(one["loss"] / unit) + 58 * math.log(two["loss"] / unit)
    assert one["criterion"] - two["criterion"] == pytest.approx(-expected - math.log(n))


@pytest.mark.parametrize("start", [1e4, 1.7e9])
def test_columns_far_from_zero(start: float) -> None:
    t = start + X[:, :1]
    y = 5 * np.exp(-0.7 * (t[:, 0] - start)) + 0.01 * NOISE
    text = f"a*exp(-k*(x1 - {start:.0f}))"
    model = DARTSRegressor.from_equation(text, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        model.fit(t, y)
    found = constants_of(model)
    assert found["a"] == pytest.approx(5, abs=0.2)
    assert found["k"] == pytest.approx(0.7, abs=0.02)
    expected = numpy_value(text, found, t)
    for form, values in every_form(model, t).items():
        np.testing.assert_allclose(values, expected, 1e-9, 1e-9, err_msg=form)


def test_a_place_is_found_far_from_zero() -> None:
    t = 1.7e9 + 1000 * X[:, :1]
    y = 3 * np.tanh((t[:, 0] - 1.7e9 - 4200) / 900) + 0.01 * NOISE
    found = constants_of(fitted("a*tanh((x1 - t0)/s)", y, t))
    assert found["t0"] - 1.7e9 == pytest.approx(4200, abs=20)
    assert abs(found["s"]) == pytest.approx(900, rel=0.05)


def test_outputs_far_from_zero() -> None:
    y = 1e9 + 3 * X[:, 0] + 0.01 * NOISE
    model = fitted("a + b*x1", y)
    assert constants_of(model)["b"] == pytest.approx(3, abs=0.01)
    assert model.score(X, y) > 0.999


def test_a_weight_of_two_is_the_row_twice() -> None:
    y = numpy_value("a*x1/(b + x1)", LAWS["a*x1/(b + x1)"]) + 0.1 * NOISE
    weight = np.random.default_rng(1).integers(1, 4, 60)
    one = DARTSRegressor.from_equation("a*x1/(b + x1)", random_state=0)
    other = clone(one).fit(np.repeat(X, weight, axis=0), np.repeat(y, weight))
    one.fit(X, y, weight)
    pd.testing.assert_frame_equal(one.coefficients_, other.coefficients_)


def test_known_errors_of_y_count() -> None:
    y = 2 * X[:, 0] + 0.01 * NOISE
    plain = fitted("a*x1", y).coefficients_["standard_error"][0]
    known = DARTSRegressor.from_equation("a*x1").fit(X, y, y_error=0.1)
    expected = 0.1 / np.sqrt(np.sum(X[:, 0] ** 2))
    assert known.coefficients_["standard_error"][0] == pytest.approx(expected, rel=1e-6)
    assert plain < expected / 3


def test_many_rows() -> None:
    x = np.random.default_rng(0).uniform(0.5, 9, (30_000, 1))
    y = 2 * x[:, 0] / (1.5 + x[:, 0]) + 0.1 * np.random.default_rng(1).normal(size=30_000)
    table = fitted("a*x1/(b + x1)", y, x).coefficients_
    assert table["coefficient"].to_numpy() == pytest.approx([2, 1.5], abs=0.03)
    assert (table["standard_error"] < 0.01).all()


def test_undefined_everywhere_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"no finite values on all rows.* write abs"):
        fitted("a*log(x1 - 100)", X[:, 0])
    with pytest.raises(ValueError, match="no finite values on all rows"):
        fitted("a*(x1 - 5)**b", X[:, 0])  # a fitted power of what is negative


def test_undefined_elsewhere_is_said() -> None:
    y = 3 * np.log(X[:, 0]) + 0.1 * NOISE
    model = fitted("k*log(x1/d)", y)
    with pytest.warns(DomainWarning, match="no finite value on 1 of 1 rows"):
        assert model.predict([[-1.0, 1.0]]) == pytest.approx(y.mean())


def test_own_primitives_are_functions_of_theories(own_table: Any) -> None:
    register_primitive(Primitive("own_bump", lambda m, x: m.exp(-x * x)))
    y = 3 * np.exp(-((X[:, 0] - 4) ** 2)) + 0.5
    model = fitted("a*own_bump(x1 - m) + c", y)
    assert constants_of(model) == pytest.approx({"a": 3, "m": 4, "c": 0.5}, rel=1e-6)
    np.testing.assert_allclose(model.predict(X), y, rtol=1e-9)


def test_one_output() -> None:
    y = np.column_stack([X[:, 0], X[:, 1]])
    for model in (
        DARTSRegressor.from_equation("a*x1"),
        DARTSRegressor(guesses=["a*x1"]),
    ):
        with pytest.raises(ValueError, match="needs a single output, but y has 2"):
            model.fit(X, y)


# An estimator of one equation


def test_an_estimator_like_any_other(tmp_path: Path) -> None:
    frame = pd.DataFrame(X, columns=["dose (mg)", "delay"])
    y = pd.Series(3 * np.log(X[:, 0] / 0.5) + 0.05 * NOISE, name="effect")
    law = DARTSRegressor.from_equation("Fechner: k*log(`dose (mg)`/d0)", random_state=0)
    assert clone(law).get_params()["equation"] == law.equation
    law.fit(frame, y)
    assert law.model_repr() == "Model:\neffect = 3.00*ln(`dose (mg)`) + 2.07"
    assert r"\ln{\left(\left(\text{dose (mg)}\right) \right)}" in law.latex()
    assert law.visualize_model().source.startswith("digraph")
    assert "np.log" in law.python() and ast.parse(law.python())
    assert law.coefficients_["term"].tolist() == ["k", "d0"]
    assert law.equations_["selected"].tolist() == [True] and law.selected_ == 0
    law.select_equation(0)
    law.save(tmp_path / "law.json")
    loaded = DARTSRegressor.load(tmp_path / "law.json")
    np.testing.assert_array_equal(loaded.predict(frame), law.predict(frame))
    pd.testing.assert_frame_equal(loaded.coefficients_, law.coefficients_)
    assert loaded.model_repr() == law.model_repr()
    before = law.coefficients_
    pd.testing.assert_frame_equal(loaded.fit(frame, y).coefficients_, before)
    EquationsDisplay.from_estimator(law)


def test_new_data_refit_the_constants() -> None:
    """As in a loop of experiments: more rows with every cycle."""
    exact = numpy_value("a*x1/(b + x1)", LAWS["a*x1/(b + x1)"])
    y = exact + 0.05 * NOISE
    law = DARTSRegressor.from_equation("a*x1/(b + x1)", random_state=0)
    errors = []
    for rows in (10, 25, 60):
        law.fit(X[:rows], y[:rows])
        errors.append(law.coefficients_["standard_error"].max())
        assert law.score(X, exact) > 0.99
    assert errors[0] > errors[1] > errors[2]
    law.set_params(equation=None, n_candidates=200)
    with pytest.warns(UserWarning, match="hardly a search"):
        law.fit(X, y)
    assert "k_1" in law.coefficients_["term"].iloc[0]


def test_in_a_pipeline_and_on_numbers_without_names() -> None:
    y = 2 * np.log(X[:, 0])
    law = DARTSRegressor.from_equation("a*x1 + b", random_state=0)
    pipeline = make_pipeline(FunctionTransformer(np.log), law).fit(X, y)
    assert constants_of(pipeline[-1]) == pytest.approx({"a": 2, "b": 0}, abs=1e-9)


def test_what_is_not_used_is_said() -> None:
    model = DARTSRegressor(equation="a*x1", n_candidates=9, guesses=["a*x2"])
    with pytest.warns(UserWarning, match="without equation a search would") as caught:
        model.fit(X, X[:, 0])
    (said,) = [str(w.message) for w in caught if "not used" in str(w.message)]
    assert "n_candidates=9" in said and "guesses=['a*x2']" in said
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        DARTSRegressor(equation="a*x1", random_state=0, verbose=0).fit(X, X[:, 0])
        DARTSClassifier(equation="a*x1 - b").fit(X, X[:, 0] + NOISE > 4)


def test_a_failed_fit_leaves_the_estimator_as_it_was() -> None:
    law = fitted("a*x1", X[:, 0])
    law.set_params(equation="a*log(x1 - 100)")
    before = law.predict(X)
    with pytest.raises(ValueError, match="no finite values"):
        law.fit(X, X[:, 1])
    np.testing.assert_array_equal(law.predict(X), before)


def test_the_same_seed_finds_the_same_bits() -> None:
    y = numpy_value("a*sin(w*x1 + p) + c", LAWS["a*sin(w*x1 + p) + c"]) + 0.1 * NOISE
    one, other = (fitted("a*sin(w*x1 + p) + c", y) for _ in range(2))
    assert constants_of(one) == constants_of(other)


def test_files_with_strange_constants_are_refused(tmp_path: Path) -> None:
    document = json.loads(fitted("a*x1", X[:, 0]).to_json())
    for bad in ([["a", "b", 0]], [["a", 1.0]], [[1, 1.0, 1.0]], "a"):
        document["answers"]["constants"] = bad
        with pytest.raises(ValueError, match="constants"):
            DARTSRegressor.from_json(json.dumps(document))


# Probabilities and classes


@pytest.mark.parametrize("kind", ["probability_sample", "probability", "sigmoid"])
def test_of_probabilities_a_theory_says_the_log_odds(kind: str) -> None:
    chance = 1 / (1 + np.exp(4 - 0.8 * X[:, 0]))
    draws = np.random.default_rng(3).uniform(size=60) < chance
    y = draws.astype(float) if kind == "probability_sample" else chance
    model = fitted("a*(x1 - m)", y, output_type=kind)
    found = constants_of(model)
    expected = 1 / (1 + np.exp(-numpy_value("a*(x1 - m)", found)))
    np.testing.assert_allclose(model.predict(X), expected, rtol=1e-9)
    if kind != "probability_sample":
        assert found == pytest.approx({"a": 0.8, "m": 5}, rel=1e-5)
    table = model.compare(["a + b*x1", "none: c"], X, y).set_index("name")
    assert table["criterion"]["a + b*x1"] == pytest.approx(table["criterion"].min())
    assert table["r2"]["none"] == pytest.approx(0, abs=1e-6)


def test_two_classes() -> None:
    chance = 1 / (1 + np.exp(4 - 0.8 * X[:, 0]))
    draws = np.random.default_rng(3).uniform(size=60) < chance
    y = np.where(draws, "yes", "no")
    model = DARTSClassifier.from_equation("a*(x1 - m)", random_state=0).fit(X, y)
    found = constants_of(model)
    assert found["m"] == pytest.approx(5, abs=1)
    eta = numpy_value("a*(x1 - m)", found)
    np.testing.assert_allclose(model.decision_function(X), eta, rtol=1e-9)
    loaded = DARTSClassifier.from_json(model.to_json())
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    table = model.compare(["k*log(x1/d)"], X, y)
    assert table["name"].tolist() == ["a*(x1 - m)", "k*log(x1/d)"]
    with pytest.raises(ValueError, match=r"y holds the classes \['f', 't'\]"):
        model.compare(["a*x1"], X, np.where(draws, "t", "f"))
    with pytest.raises(ValueError, match="y_error is for squared errors; classes"):
        model.compare(["a*x1"], X, y, y_error=0.1)
    with pytest.raises(ValueError, match="needs a single output, but y has 3"):
        clone(model).fit(X, np.digitize(X[:, 0], [3, 6]))


# Comparing

THEORIES = ["Stevens: a*x1**b", "Fechner: k*log(x1/d)", "Michaelis: v*x1/(m + x1)"]
TRUTHS = {"Stevens": (2.0, 0.6), "Fechner": (3.0, 0.2), "Michaelis": (8.0, 3.0)}


@pytest.mark.parametrize("law", TRUTHS)
def test_the_right_law_wins(law: str) -> None:
    text = next(t for t in THEORIES if t.startswith(law)).split(": ")[1]
    model = fitted("a + b*x1", X[:, 0])
    names = [n for n in ("a", "b", "k", "d", "v", "m") if f"{n}" in text.replace("log", "")]
    y = numpy_value(text, dict(zip(names, TRUTHS[law], strict=True))) + 0.1 * NOISE
    table = model.compare(THEORIES, X, y)
    assert table["name"][0] == law
    assert table["weight"][0] > 0.95
    assert table["weight"].sum() == pytest.approx(1)
    assert table["difference"].tolist() == sorted(table["difference"])
    for name, value in zip(names, TRUTHS[law], strict=True):
        error = table["standard_errors"][0][name]
        assert abs(table["constants"][0][name] - value) < 4 * error


def test_the_columns_of_a_comparison() -> None:
    y = 3 * np.log(X[:, 0] / 0.5) + 0.1 * NOISE
    model = DARTSRegressor(num_graph_nodes=1, max_epochs=2, n_candidates=30, random_state=0)
    model.fit(X, y)
    table = model.compare([*THEORIES, "line: a + b*x1 + c*x2"], X, y)
    assert table.columns.tolist() == [
        "name", "equation", "complexity", "loss", "criterion", "difference", "weight", "r2",
        "constants", "standard_errors",
    ]  # fmt: skip
    by_name = table.set_index("name")
    assert set(by_name.index) == {"found", "Stevens", "Fechner", "Michaelis", "line"}
    found = by_name.loc["found"]
    row = model.equations_.loc[model.selected_]
    assert found["loss"] == pytest.approx(row["loss"])
    assert found["criterion"] == row["criterion"] and found["equation"] == row["equation"]
    for name in ("Stevens", "Fechner", "line"):
        entry = by_name.loc[name]
        value = numpy_value(entry["equation"], {})
        assert np.mean((value - y) ** 2) == pytest.approx(entry["loss"], rel=1e-3)
        unit = np.mean((y - y.mean()) ** 2)
        assert entry["r2"] == pytest.approx(1 - entry["loss"] / unit)


def test_the_line_costs_what_it_costs_in_the_table_of_a_search() -> None:
    y = 2 * X[:, 0] - X[:, 1] + NOISE
    model = DARTSRegressor(random_state=0, n_candidates=1500).fit(X, y)
    entry = model.compare(["a + b*x1 + c*x2"], X, y).set_index("name")
    line = model.equations_[model.equations_["complexity"] == 3].iloc[0]
    assert entry["criterion"]["a + b*x1 + c*x2"] == pytest.approx(line["criterion"])


def test_constants_that_are_intercepts_however_they_are_written() -> None:
    y = 3 * np.log(X[:, 0] / 0.5) + 0.1 * NOISE
    table = fitted("a", y).compare(["k*log(x1/d)", "k*log(x1) + c"], X, y)
    assert table["criterion"][0] == pytest.approx(table["criterion"][1], rel=1e-9)
    assert table["complexity"][0] == table["complexity"][1]
    assert table["criterion"].iloc[-1] == pytest.approx(0, abs=1e-9)  # the constant


def test_other_data_than_those_of_the_fit() -> None:
    """What was found has its numbers fitted again, as all others have."""
    y = 3 * np.log(X[:, 0]) + 0.1 * NOISE
    settings = {"num_graph_nodes": 1, "max_epochs": 2, "n_candidates": 30}
    parts = ["none", "ln", "mult"]
    model = DARTSRegressor(
        **settings, primitives=parts, train_classifier_coefficients=True,
        train_classifier_bias=True, random_state=0,
    ).fit(X, y)  # fmt: skip
    before = model.model_repr()
    table = model.compare(["k*log(x1) + c"], X, 5 * y + 1).set_index("name")
    assert table["loss"]["found"] <= table["loss"]["k*log(x1) + c"] * (1 + 1e-9)
    assert model.model_repr() == before


def test_a_theory_without_a_fit_is_last_and_said() -> None:
    y = X[:, 0]
    model = fitted("a*x1", y)
    with pytest.warns(DataWarning, match="no constants give 'a\\*log"):
        table = model.compare(["a*log(x1 - 100)"], X, y)
    assert table["name"].tolist() == ["a*x1", "a*log(x1 - 100)"]
    assert table["weight"].tolist() == [1, 0]
    assert table["equation"][1] == "a*ln(x1 - 100)"


@pytest.mark.parametrize(
    ("theories", "x", "problem"),
    [
        ([], X, "theories must hold one theory"),
        ("a*x1", X, "theories must be a sequence"),
        (["a*x1", "a*(x1"], X, r"theories\[1\] cannot be read"),
        (["a*x1"], X[:, :1], "X has 1 features, but DARTSRegressor is expecting 2"),
        (["a*x5"], X, r"theories\[0\] names 'x5', which is not a column"),
    ],
)
def test_comparisons_that_are_refused(theories: Any, x: np.ndarray, problem: str) -> None:
    model = fitted("a*x1", X[:, 0])
    with pytest.raises(ValueError, match=problem):
        model.compare(theories, x, X[:, 0])
    assert model.n_features_in_ == 2


def test_theories_in_the_picture() -> None:
    y = 3 * np.log(X[:, 0] / 0.5) + 0.1 * NOISE
    model = DARTSRegressor(num_graph_nodes=1, max_epochs=2, n_candidates=30, random_state=0)
    table = model.fit(X, y).compare(THEORIES, X, y)
    display = EquationsDisplay.from_estimator(model, theories=table)
    assert {name for name, _, _ in display.theories} == {"Stevens", "Fechner", "Michaelis"}
    shown = [text.get_text() for text in display.ax_.texts]
    assert {"Stevens", "Fechner", "Michaelis"} <= {*shown} and "found" not in shown
    with pytest.raises(ValueError, match=r"theories must be a table as estimator\.compare"):
        EquationsDisplay.from_estimator(model, theories=["a*x1"])


# Guesses


def test_a_search_begins_with_its_guesses() -> None:
    """A law that a search of this length does not find is its result when it is given."""
    text, law = (
        "a*x1**n/(k**n + x1**n)*exp(-b*x2)",
        {"a": 2.0, "n": 2.5, "k": 3.0, "b": 0.2},
    )
    y = numpy_value(text, law) + 0.01 * NOISE
    short: dict[str, Any] = {"random_state": 0, "n_candidates": 200}
    with pytest.warns(UserWarning, match="hardly a search"):
        without = DARTSRegressor(**short).fit(X, y)
        model = DARTSRegressor(**short, guesses=[f"Hill: {text}", "a*x1**b"]).fit(X, y)
    noise = np.mean((0.01 * NOISE) ** 2)
    guess = model.guesses_.set_index("name").loc["Hill"]
    assert guess["searched"] and guess["loss"] < 1.2 * noise
    simple = without.equations_["complexity"] <= guess["complexity"]
    assert without.equations_["loss"][simple].min() > 3 * noise
    simple = model.equations_["complexity"] <= guess["complexity"]
    assert model.equations_["loss"][simple].min() <= guess["loss"] * (1 + 1e-6)
    assert model.equations_["loss"][model.selected_] < 1.2 * noise
    best, other = model.equations_["criterion"].min(), without.equations_["criterion"].min()
    assert best < other - 10


def test_what_the_vocabulary_lacks_is_scored_alone() -> None:
    y = 2 * np.exp(-0.5 * X[:, 0]) + 0.01 * NOISE
    model = DARTSRegressor(
        primitives=["none", "add", "mult"], n_candidates=300, random_state=0,
        guesses=["a*exp(-b*x1)", "line: a + b*x1", "a*log(x1 - 100)"],
    )  # fmt: skip
    with (
        pytest.warns(UserWarning, match=r"guess 'a\*exp\(-b\*x1\)' is scored in guesses_"),
        pytest.warns(DataWarning, match="no constants give"),
    ):
        model.fit(X, y)
    table = model.guesses_.set_index("name")
    assert table["searched"].to_dict() == {
        "a*exp(-b*x1)": False, "line": True, "found": True, "a*log(x1 - 100)": False,
    }  # fmt: skip
    assert table["criterion"].idxmin() == "a*exp(-b*x1)"
    assert "exp" not in model.model_repr()
    again = model.set_params(guesses=None).fit(X, y)
    assert not hasattr(again, "guesses_")


def test_guesses_of_a_column_far_from_zero() -> None:
    t = 1e6 + X[:, :1]
    y = 1e8 + 5 * np.exp(-0.7 * (t[:, 0] - 1e6)) + 0.01 * NOISE
    model = DARTSRegressor(
        guesses=["a*exp(-k*(x1 - 1000000)) + c"], n_candidates=300, random_state=0
    )
    with pytest.warns(UserWarning, match="hardly a search"):
        model.fit(t, y)
    assert model.guesses_["searched"].all()
    assert model.equations_["loss"].min() < 2e-4
    assert model.score(t, y) > 0.999


def test_guesses_of_classes_and_of_counted_graphs(quick: dict[str, Any]) -> None:
    chance = 1 / (1 + np.exp(4 - 0.8 * X[:, 0]))
    y = np.random.default_rng(3).uniform(size=60) < chance
    model = DARTSClassifier(guesses=["a*(x1 - m)"], n_candidates=200, random_state=0)
    with pytest.warns(UserWarning, match="hardly a search"):
        model.fit(X, y)
    assert model.guesses_["searched"].all()
    with pytest.warns(UserWarning, match=r"guesses=\['a\*x1'\] .*num_graph_nodes='auto'"):
        DARTSRegressor(**quick, guesses=["a*x1"]).fit(X, X[:, 0])


# The command line


@pytest.fixture
def trial(tmp_path: Path) -> Path:
    path = tmp_path / "trial.csv"
    y = 3 * np.log(X[:, 0] / 0.5) + 0.1 * NOISE
    pd.DataFrame({"dose (mg)": X[:, 0], "effect": y}).to_csv(path, index=False)
    return path


def test_compare_from_the_command_line(
    trial: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    law = DARTSRegressor.from_equation("a + b*`dose (mg)`", random_state=0)
    frame = pd.read_csv(trial)
    law.fit(frame[["dose (mg)"]], frame["effect"]).save(tmp_path / "law.json")
    theory, table = "Fechner: k*log(`dose (mg)`/d)", tmp_path / "table.csv"
    code = main(
        ["compare", str(trial), "-t", "effect", "--theory", theory, "--model",
         str(tmp_path / "law.json"), "-o", str(table)]
    )  # fmt: skip
    printed = capsys.readouterr().out
    assert code == 0
    assert printed.splitlines()[1].endswith("  Fechner")
    assert "*ln(`dose (mg)`/0." in printed
    found = re.search(r"    d = (\S+) ± (\S+)", printed)
    assert found and float(found[1]) == pytest.approx(0.5, abs=5 * float(found[2]))
    assert pd.read_csv(table)["name"].tolist() == ["Fechner", "a + b*`dose (mg)`"]


def test_a_search_from_the_command_line(
    trial: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    guess = ["--guess", "k*log(`dose (mg)`/d)"]
    folder = str(tmp_path / "out")
    code = main(
        ["fit", str(trial), "-t", "effect", "-q", "-o", folder, "--time", "5", *guess]
    )
    assert code == 0 and "ln(`dose (mg)`)" in capsys.readouterr().out
    code = main(
        ["compare", str(trial), "-t", "effect", "-q", "--time", "5", *guess, "--theory",
         "Stevens: a*`dose (mg)`**b"]
    )  # fmt: skip
    lines = capsys.readouterr().out.splitlines()
    assert code == 0
    assert lines[1].endswith("  found") and lines[2].endswith("  Stevens")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["compare", "--theory", "a*foo(x)"], "--theory cannot be read, at character 3"),
        (["fit", "--guess", "a*(x"], "--guess cannot be read, at character 3"),
        (["compare", "-t", "dose (mg)", "--theory", "a"], "compare takes one --target"),
    ],
)
def test_mistakes_on_the_command_line(
    arguments: list[str], problem: str, trial: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command, *rest = arguments
    assert main([command, str(trial), "-t", "effect", *rest]) == 2
    assert problem in capsys.readouterr().err
