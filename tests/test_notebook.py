"""What a person sees of a fitted estimator: printed, in a notebook, while it is fitted."""

from __future__ import annotations

import re
import sys
import xml.etree.ElementTree as ElementTree
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import sympy
from hypothesis import given, strategies as st
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sympy.printing.printer import Printer

from autora.skl.darts import DARTSClassifier, DARTSRegressor
from autora.skl.darts.equations.mathml import mathml
from autora.skl.darts.equations.printing import distinct, latex_factor
from autora.skl.darts.estimators.progress import OpenProgress
from autora.skl.darts.graph.model import Model
from autora.skl.darts.graph.objectives import OBJECTIVES
from autora.skl.darts.graph.primitives import resolve
from autora.skl.darts.graph.search_space import SearchSpace
from autora.skl.darts.runtime.budget import Budget
from autora.skl.darts.search.parallel import SearchStatus
from hand_built import estimator_of

rng = np.random.default_rng(0)
NAMES = ["contrast (%)", "<i>dose</i>"]
X = pd.DataFrame(rng.uniform(0.5, 4, (80, 2)), columns=NAMES)
Y = 3.1 * X[NAMES[0]] * np.exp(-0.52 * X[NAMES[1]]) + 0.05 * rng.normal(size=80)
SEARCH = {"n_candidates": 1500, "random_state": 0}


@pytest.fixture(scope="module")
def model() -> DARTSRegressor:
    return DARTSRegressor(**SEARCH).fit(X, Y.rename("effect (%)"))


def formulas(html: str) -> list[ElementTree.Element]:
    return [ElementTree.fromstring(f) for f in re.findall(r"<math.*?</math>", html)]


def words(element: ElementTree.Element) -> str:
    return "".join(element.itertext()).replace("\xa0", " ")


def exponential() -> Model:
    """0.5 + 3·exp(−0.2·x)."""
    space = SearchSpace(1, 1, 1, resolve(["none", "scaled_exp"]))
    return Model(space, OBJECTIVES["real"], [1], [[-0.2]], [[3.0]], [0.5])


# Notebook


def test_the_equation_is_typeset(model: DARTSRegressor) -> None:
    html = model._repr_html_()
    (formula,) = formulas(html)
    shown = model.model_repr().splitlines()[1]
    assert formula.get("alttext") == shown
    assert words(formula).startswith("effect (%)=3")
    assert all(name in words(formula) for name in NAMES)
    assert "\\" not in words(formula) and "<i>dose" not in html
    assert f"R² = {model.score(X, Y):.4f} on 80 training rows" in html
    assert f"complexity {model.equations_.complexity[model.selected_]:g}" in html
    table = re.search(
        r"<details><summary>Table of (\d+) equations.*?</details>", html, re.S
    )
    assert table and int(table[1]) == len(model.equations_)
    assert re.findall(r"▸ (\d+)", table[0]) == [str(model.selected_)]


def test_scores_are_those_of_every_row(model: DARTSRegressor) -> None:
    other = DARTSRegressor.from_json(model.to_json())
    assert (
        other._repr_html_().split("<details>")[0]
        == (model._repr_html_().split("<details>")[0])
    )
    for row in (0, 1):
        found = other.select_equation(row)
        score = round(found.score(X, Y), 4) + 0.0
        assert f"R² = {score:.4f} on" in found._repr_html_()


def test_other_fits() -> None:
    answers = np.where(Y > 2, "yes", "no")
    weight = np.r_[np.zeros(10), np.ones(30), np.full(40, 2.0)]
    classes = DARTSClassifier(**SEARCH).fit(X, answers, sample_weight=weight)
    score = classes.score(X, answers, sample_weight=weight)
    html = classes._repr_html_()
    assert f"accuracy = {score:.4f} on 70 training rows" in html
    assert words(formulas(html)[0]).startswith("logit(yes)=")
    groups = np.repeat(["p", "q", "r", "s"], 20)
    y = np.repeat([1.0, 2.0, 3.0, 4.0], 20) * X[NAMES[0]] + 0.1 * rng.normal(size=80)
    people = DARTSRegressor(**SEARCH).fit(X, y, groups=groups)
    html = people._repr_html_()
    assert f"R² = {people.score(X, y, groups=groups):.4f} on 80 training rows" in html
    assert len(formulas(html)) == 2 and "population of 4 groups" in html
    alone = people.of_group("q")._repr_html_()
    assert len(formulas(alone)) == 1 and "R²" not in alone
    assert "of the population" in str(people).splitlines()[0]


def test_a_pipeline_shows_it(model: DARTSRegressor) -> None:
    from sklearn.base import BaseEstimator

    steps = [("scale", StandardScaler().fit(X)), ("darts", model)]
    html = Pipeline(steps)._repr_html_()
    assert (
        model.model_repr().splitlines()[1].split("<")[0] in html and "<i>dose" not in html
    )
    if hasattr(BaseEstimator, "_get_params_html"):  # scikit-learn 1.7
        (formula,) = formulas(html)
        assert words(formula).startswith("effect (%)=")
    fresh = Pipeline([("scale", StandardScaler()), ("darts", DARTSRegressor())])
    assert "DARTSRegressor" in fresh._repr_html_() and "<math" not in fresh._repr_html_()


@given(st.text(max_size=12))
def test_names_stay_names_in_mathml(name: str) -> None:
    formula = ElementTree.fromstring(mathml(f"y = 2 {latex_factor(name)}^{{2}}", ""))
    expected = "".join(c if c.isprintable() else " " for c in name).replace("^", "∧")
    assert expected.replace("\xa0", " ") in words(formula)
    tags = {element.tag.split("}")[-1] for element in formula.iter()}
    assert tags <= {"math", "mrow", "mi", "mn", "mo", "mtext", "msup", "msub", "mspace"}


# Printed


def test_print_is_the_table(model: DARTSRegressor, monkeypatch: pytest.MonkeyPatch) -> None:
    assert repr(model) == str(DARTSRegressor(**SEARCH)) == repr(DARTSRegressor(**SEARCH))
    monkeypatch.setenv("COLUMNS", "70")
    title, head, *rows = str(model).splitlines()
    assert title == "DARTSRegressor, equations of effect (%)"
    assert head.split() == ["complexity", "loss", "weight", "score", "equation"]
    assert max(map(len, rows)) <= 70
    (first,) = (i for i, row in enumerate(rows) if row.startswith(">>>>"))
    known = model.equations_.loc[model.selected_]
    label, complexity, loss, _ = rows[first].removeprefix(">>>>").split(maxsplit=3)
    assert int(label) == model.selected_ and float(complexity) == known.complexity
    assert float(loss) == pytest.approx(known.loss, rel=0.01)
    rest = "".join(row[len(head) - len("equation") :] for row in rows[first : first + 3])
    assert rest.replace(" ", "").startswith(known.equation.replace(" ", ""))


def test_tables_do_not_spell_out_weights_next_to_nothing(model: DARTSRegressor) -> None:
    weights = model.equations_.weight[~model.equations_.complexity.duplicated()]
    tiny = int((weights < 1e-6).sum())
    assert 0 < tiny < len(weights)
    assert str(model).count(" <1e-6 ") == tiny
    assert model._repr_html_().count(">&lt;1e-6<") == tiny


def test_several_outputs_stand_below_one_another() -> None:
    names = ["double (%)", "flat"]
    y = pd.DataFrame({names[0]: 2 * X[NAMES[0]], names[1]: np.exp(-X[NAMES[1]])})
    model = DARTSRegressor(**SEARCH).fit(X, y)
    assert len(formulas(model._repr_html_())) == 2
    lines = str(model).splitlines()
    (first,) = (i for i, line in enumerate(lines) if line.startswith(">>>>"))
    assert lines[first].split("  ")[-1] == "double (%) = 2*`contrast (%)`"
    assert lines[first + 1].strip() == "flat = exp(-`<i>dose</i>`)"


# SymPy


def test_sympy_typesets_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Printer, "_global_settings", {"symbol_names": {"mine": "m"}})
    found = estimator_of(exponential(), ["contrast (%)"]).sympy()
    name = sympy.Symbol("contrast (%)", real=True)
    assert found.free_symbols == {name}
    assert type(next(iter(found.free_symbols))) is sympy.Symbol
    expected = r"3 e^{- 0.2 \left(\text{contrast (}\%\text{)}\right)}"
    assert expected in sympy.latex(found) and expected in found._repr_latex_()
    assert Printer._global_settings["symbol_names"]["mine"] == "m"
    plain = estimator_of(exponential(), ["reaction_time"]).sympy()
    assert "reaction_{time}" in sympy.latex(plain)


# Names of outputs


@pytest.mark.parametrize(
    ("outputs", "inputs", "expected"),
    [
        (["dose"], ["dose"], ["y"]),
        (["dose"], ["dose", "y"], ["y_"]),
        (["dose", "rate"], ["dose"], ["y1", "rate"]),
        (["y2", "dose"], ["dose"], ["y2", "y_2"]),
        (["a", "a"], ["dose"], ["y1", "y2"]),
    ],
)
def test_an_output_has_no_name_of_an_input(
    outputs: list[str], inputs: list[str], expected: list[str]
) -> None:
    assert distinct(outputs, inputs, "y") == expected


def test_a_series_with_the_name_of_a_column() -> None:
    model = estimator_of(exponential(), ["dose"], ["dose"])
    assert model.model_repr() == "Model:\ny = 0.5 + 3*exp(-0.2*dose)"
    nodes = model.model_repr(latent_nodes=True).splitlines()
    assert nodes[1:] == ["k_1 = exp(-0.2*dose)", "y = 3*k_1 + 0.5"]
    assert model.latex().startswith("y = ")


# While it is fitted


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setattr(type(sys.stderr), "isatty", lambda _: True)
    monkeypatch.setattr("shutil.get_terminal_size", lambda: SimpleNamespace(columns=60))


def shown(capsys: pytest.CaptureFixture, budget: Budget, complete: bool | None) -> str:
    with OpenProgress(1, budget, ["dose"], "effect") as watch:
        watch(SearchStatus(40, 0.25, -10.0, exponential))
        watch(SearchStatus(90, 0.25, -10.0, exponential))
        if complete is not None:
            watch.finish(complete, exponential())
    return capsys.readouterr().err


@pytest.mark.usefixtures("terminal")
def test_a_bar_ends_full(capsys: pytest.CaptureFixture) -> None:
    last = shown(capsys, Budget(candidates=300), True).split("DARTS")[-1]
    assert "100%" in last and "90/90" in last and "\x1b[32m" in last
    assert last.endswith("\n\reffect = 0.5 + 3*exp(-0.2*dose)\n")
    timed = shown(capsys, Budget(seconds=59.7), True).split("DARTS")[-1]
    assert "1/1 s, 90 equations" in timed


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("complete", [False, None])
def test_a_bar_that_was_stopped_is_not_full(
    capsys: pytest.CaptureFixture, complete: bool | None
) -> None:
    text = shown(capsys, Budget(candidates=300), complete)
    assert "90/300" in text.split("DARTS")[-1] and "100%" not in text
    assert "\x1b[32m" not in text


def test_a_log_has_whole_lines(capsys: pytest.CaptureFixture) -> None:
    first, last = shown(capsys, Budget(candidates=300), True).splitlines()
    assert first == "DARTS: 40 equations of 300"
    assert last == "DARTS: 90 equations, complete, effect = 0.5 + 3*exp(-0.2*dose)"
    *_, last = shown(capsys, Budget(seconds=59.7), None).splitlines()
    assert last.startswith("DARTS: 0 s of 60, stopped, 90 equations, error 2.5e-01")
