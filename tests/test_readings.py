"""Everything that is printed says what predicts, to 1e-9, whatever the names.

`benchmarks/readings.py` is the long run; its rules of reading are used here.
"""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sympy

from autora.skl.darts import DARTSRegressor
from autora.skl.darts.graph.model import Model
from autora.skl.darts.graph.objectives import OBJECTIVES, Objective
from autora.skl.darts.graph.primitives import resolve
from autora.skl.darts.graph.search_space import SearchSpace
from hand_built import estimator_of

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import readings
from helpers.parse import expression_value, latex_values, text_values

x1, x2 = sympy.symbols("x1 x2", real=True)
rng = np.random.default_rng(0)
X = rng.uniform(0.5, 3, (60, 2))


def fitted(y: np.ndarray, X: Any = X, **settings: Any) -> DARTSRegressor:
    return DARTSRegressor(random_state=0, **settings).fit(X, y)


@pytest.mark.parametrize(
    ("y", "settings", "expected"),
    [
        (4 * np.exp(X[:, 0]) + 7 * X[:, 1], {}, 4 * sympy.exp(x1) + 7 * x2),
        (np.exp(X[:, 0]) + 7 * X[:, 1], {}, sympy.exp(x1) + 7 * x2),
        (
            np.exp(X[:, 0]),
            {"primitives": ["add", "mult", "linear_exp"]},
            sympy.exp(x1),
        ),
    ],
)
def test_whole_numbers_are_not_cut(y: np.ndarray, settings: dict, expected: Any) -> None:
    """Of 60 binary digits 4.0 may be a hair below 4."""
    model = fitted(y, **settings)
    for found in (model.sympy(), model.sympy(simplify=True)):
        values = sympy.lambdify([x1, x2], found)(*X.T)
        np.testing.assert_allclose(values, y, rtol=1e-9)
        assert not (found - expected).expand().has(sympy.exp) or found != expected
    assert model.sympy() == expected


@pytest.mark.parametrize(
    "seed", [*range(4), *(pytest.param(s, marks=pytest.mark.long) for s in range(4, 12))]
)
@pytest.mark.filterwarnings("ignore")
def test_every_form_says_what_predicts(seed: int) -> None:
    found = readings.judged(seed)
    assert not [form for form, (kind, *_) in found["wrong"].items() if kind == "wrong"]
    assert not found["extreme"]


def test_the_rules_of_reading_notice_mistakes() -> None:
    columns = {"a+b": np.array([1.0, 2.0]), "c": np.array([3.0, 5.0])}
    text = "Model:\ny = `a+b`**2 - ln(c)"
    expected = columns["a+b"] ** 2 - np.log(columns["c"])
    np.testing.assert_allclose(text_values(text, columns, ["y"])[:, 0], expected)
    np.testing.assert_allclose(expression_value("max(c, 4)", columns), [4, 5])
    latex = r"y = \frac{c^{2}}{\left(\text{a+b}\right)} - \sin^{2}{\left(c \right)}"
    written = {"a+b": r"\left(\text{a+b}\right)", "c": "c"}
    value = latex_values(latex, columns, written, 1)[:, 0]
    np.testing.assert_allclose(
        value, columns["c"] ** 2 / columns["a+b"] - np.sin(columns["c"]) ** 2
    )
    with pytest.raises(ValueError, match="cannot read"):
        latex_values(r"y = \unknown{c}", columns, written, 1)


def test_the_headline_is_one_short_line() -> None:
    y = X[:, 0] * (np.cos(X[:, 1]) + 2) / (X[:, 0] + 1)
    model = fitted(y)
    head, line = model.model_repr().split("\n")
    assert head == "Model:" and line.count("cos(x2)") == 1 and len(line) < 40
    assert line in model._repr_html_()
    nodes = model.model_repr(latent_nodes=True).split("\n")
    assert len(nodes) > 2 and nodes[1].startswith("k_1 = ")
    with pytest.raises(ValueError, match="latent_nodes must be True, False or 'auto'"):
        model.model_repr(latent_nodes="never")


def test_long_equations_keep_their_nodes() -> None:
    space = SearchSpace(1, 40, 1, resolve(["none", "scaled_sin"]))
    into = [space.edges_into(k).start for k in range(40)]
    chosen, edge = np.zeros(space.n_edges, int), np.zeros((space.n_edges, 1))
    chosen[into], edge[into, 0] = 1, np.linspace(0.1234, 3.9876, 40)
    weights = np.linspace(0.11, 0.97, 40)[:, None]
    model = Model(space, OBJECTIVES["real"], chosen, edge, weights, np.zeros(1))
    estimator = estimator_of(model)
    assert estimator.model_repr().count("\n") == 41
    assert estimator.model_repr(latent_nodes=False).count("\n") == 1


def test_known_numbers_are_printed_as_such() -> None:
    y = np.sin(np.pi * X[:, 0] / 2) / (2 * np.pi) + X[:, 1] / 3
    model = fitted(y)
    assert model.model_repr() == "Model:\ny = x2/3 + sin(pi*x1/2)/(2*pi)"
    assert model.sympy() == x2 / 3 + sympy.sin(sympy.pi * x1 / 2) / (2 * sympy.pi)
    assert r"\frac{\pi x_{1}}{2}" in model.latex()
    assert "0.1667*x2" not in model.equations_.equation.to_string()


NAMES = {
    "a+b": ("`a+b`**2", r"\left(\text{a+b}\right)^{2}"),
    "dose (mg)": ("`dose (mg)`**2", r"\left(\text{dose (mg)}\right)^{2}"),
    "": ("``**2", r"\left(\text{}\right)^{2}"),
    "contrast (%)": (
        "`contrast (%)`**2",
        r"\left(\text{contrast (}\%\text{)}\right)^{2}",
    ),
    "`": ("````**2", r"\left(\text{`}\right)^{2}"),
    "pi": ("`pi`**2", r"\text{pi}^{2}"),
    "e": ("e**2", r"\left(e\right)^{2}"),
    "dose": ("dose**2", r"\text{dose}^{2}"),
}


@pytest.mark.parametrize("name", NAMES)
def test_names_cannot_be_misread(name: str) -> None:
    model = fitted(X[:, 0] ** 2, pd.DataFrame(X, columns=[name, "other"]))
    console, latex = NAMES[name]
    assert model.model_repr() == f"Model:\ny = {console}"
    assert model.latex() == f"y = {latex}"
    assert str(model.sympy().free_symbols.pop()) == name


class Column(StrEnum):
    DOSE = "dose"
    TIME = "time"


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        ([2024, 2025], "`2024`**2"),
        (list(Column), "dose**2"),
        (pd.MultiIndex.from_tuples([("dose", "mg"), ("time", "s")]), "dose_mg**2"),
    ],
)
def test_columns_keep_their_names(columns: Any, text: str) -> None:
    frame = pd.DataFrame(X, columns=columns)
    model = fitted(X[:, 0] ** 2, frame)
    assert model.model_repr() == f"Model:\ny = {text}"
    np.testing.assert_allclose(model.predict(frame), X[:, 0] ** 2)
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[frame.columns[::-1]])


def test_an_output_of_an_inputs_name_is_y() -> None:
    frame = pd.DataFrame(X, columns=["dose", "time"])
    assert fitted(2 * frame["dose"] ** 2, frame).model_repr() == "Model:\ny = 2*dose**2"
    frame = pd.DataFrame(X, columns=["dose", "y"])
    text = fitted(2 * frame["dose"] ** 2, frame).model_repr()
    assert text == "Model:\ny_ = 2*dose**2"


def test_links_are_read_off_the_record() -> None:
    """An output type that nobody knew when the printers were written."""
    real = OBJECTIVES["real"]
    link = Objective("rate", lambda m, eta: m.softplus(eta), real.loss, real.slopes)
    space = SearchSpace(1, 1, 1, resolve(["none", "mult"]))
    model = Model(space, link, [1], [[2.0]], [[1.0]], [0.5])
    value = float(estimator_of(model).sympy().subs(x1, 0.3))
    assert value == pytest.approx(np.log1p(np.exp(2 * 0.3 + 0.5)))


def test_coefficients_that_mean_nothing_are_passed_over() -> None:
    """A softplus of −3.7e47·x is a relu; a wave of a million turns passes anywhere."""
    x = np.linspace(-1, 1, 40)[:, None]
    y = np.maximum(-x[:, 0], 0)
    model = fitted(y, x, primitives=["none", "linear_softplus", "mult", "sin"])
    assert model.score(x, y) > 0.99
    numbers = np.abs([*model.coefficients_.coefficient])
    assert numbers.max() < 1e9 and numbers.min() > 1e-9
