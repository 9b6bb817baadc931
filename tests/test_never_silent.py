"""What once went wrong without a word: now right, or said."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from autora.skl.darts import DARTSClassifier, DARTSRegressor, Primitive, register_primitive
from autora.skl.darts.estimators.diagnostics import DataWarning
from autora.skl.darts.fitting.problem import Problem
from autora.skl.darts.graph.elementary import NUMPY
from autora.skl.darts.graph.model import Model, same_equation
from autora.skl.darts.graph.objectives import OBJECTIVES
from autora.skl.darts.graph.primitives import resolve
from autora.skl.darts.graph.search_space import SearchSpace
from autora.skl.darts.relaxation import fit
from autora.skl.darts.search.kernels import graphs
from autora.skl.darts.selection import pareto
from autora.skl.darts.selection.criteria import fits_exactly
from autora.skl.darts.selection.pareto import Row
from autora.skl.darts.selection.result import Result

rng = np.random.default_rng(0)
X = rng.uniform(0.5, 3, (60, 2))
COUNTED: dict[str, Any] = {
    "num_graph_nodes": 1,
    "max_epochs": 2,
    "param_updates_per_epoch": 2,
    "n_candidates": 30,
    "random_state": 0,
}


def two_outputs() -> tuple[Problem, list[Row]]:
    y = np.column_stack([2 * X[:, 0], X[:, 1] ** 2]) + 0.1 * rng.normal(size=(60, 2))
    space = SearchSpace(2, 2, 2, resolve(["none", "add", "square"]))
    lines, rows = [[1, 0, 0, 0, 0], [1, 0, 0, 2, 0]], []
    for chosen in lines:
        readout = np.array([[2.0, 0.0], [0.0, float(chosen[3] > 0)]])
        model = Model(
            space, OBJECTIVES["real"], chosen, np.zeros((5, 0)), readout, y.mean(axis=0)
        )
        loss = float(np.mean((model.predict(X) - y) ** 2))
        rows.append(Row(model, float(np.sum(np.array(chosen) > 0)), loss, 0.0))
    return Problem(X, y, np.ones(60), True, True), rows


def test_aic_counts_all_outputs() -> None:
    """Two outputs of sixty rows are 120 numbers, not sixty."""
    problem, rows = two_outputs()
    one = pareto.values(rows, "aic", problem)
    doubled = problem._replace(
        x=np.tile(X, (2, 1)), y=np.tile(problem.y, (2, 1)), weight=np.ones(120)
    )
    twice = pareto.values(rows, "aic", doubled)
    gained = np.log(rows[0].loss / rows[1].loss)
    # What a hundred and twenty more numbers of the same kind add to the difference.
    np.testing.assert_allclose((twice - one)[0] - (twice - one)[1], 120 * gained, rtol=1e-6)


def test_a_holdout_needs_rows_to_hold_out() -> None:
    model = DARTSRegressor(model_selection="holdout", random_state=0)
    with pytest.raises(ValueError, match=r"model_selection='holdout' needs 8 .* got 7"):
        model.fit(X[:7], X[:7, 0])
    assert not hasattr(model, "model_")


def test_graphs_with_another_read_out_are_other_equations() -> None:
    space = SearchSpace(1, 2, 1, resolve(["none", "add", "sin", "exp"]))
    one, other = (
        Model(space, OBJECTIVES["real"], [1, 0, 2], np.zeros((3, 0)), readout, [0.0])
        for readout in ([[1.0], [1.0]], [[0.0], [1.0]])
    )
    assert not same_equation(one, other)
    assert one.describe(["x"]) != other.describe(["x"])


def test_a_classifiers_row_is_marked() -> None:
    y = X[:, 0] > X[:, 1]
    model = DARTSClassifier(random_state=0, n_candidates=60).fit(X, y)
    before = model.predict_proba(X)
    model.select_equation(model.selected_)
    np.testing.assert_array_equal(model.predict_proba(X), before)


GOOD = {
    "own_abs": (lambda m, x: abs(x) + m.abs(x), ()),
    "own_two_to": (lambda m, x: 2.0**x, ()),
    "own_plus": (lambda m, x: +x * m.minimum(x, 1.0) * m.maximum(x, 0.7), ()),
    "own_a_to": (lambda m, x, a: a**x, ("shape",)),
}
BAD = {
    "own_numpy": lambda m, x: np.sin(x),
    "own_modulo": lambda m, x: x % 2,
    "own_branch": lambda m, x: x if x > 1 else 0 * x,
    "own_where": lambda m, x: np.where(x > 1, x, 0),
    "own_unknown": lambda m, x: m.gamma(x),
}


@pytest.mark.parametrize("name", GOOD)
def test_formulas_that_every_reading_can(name: str, own_table: Any) -> None:
    formula, params = GOOD[name]
    own = register_primitive(Primitive(name, formula, params))
    model = DARTSRegressor(**COUNTED, primitives=["none", name, "mult"])
    model.fit(X, own(NUMPY, X[:, 0], *([1.5] if params else [])))
    assert model.python() and str(model.sympy())


@pytest.mark.parametrize("name", BAD)
def test_formulas_that_would_fail_later(name: str, own_table: Any) -> None:
    own = Primitive(name, BAD[name])
    for use in (register_primitive, lambda p: _counted_with(p).fit(X, X[:, 0])):
        with pytest.raises(ValueError, match=f"formula of '{name}' .* maximum, minimum"):
            use(own)


def _counted_with(primitive: Primitive) -> DARTSRegressor:
    return DARTSRegressor(**COUNTED, primitives=["none", primitive])


def test_a_name_that_is_registered_again(own_table: Any) -> None:
    register_primitive(Primitive("own_twice", lambda m, x: m.sin(x) * x))
    with pytest.warns(UserWarning, match="'own_twice' was registered before"):
        register_primitive(Primitive("own_twice", lambda m, x: m.cos(x) * x))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"base": "add"}, "is not base='add' of x"),
        ({"argument": "scaled"}, "needs params that begin with"),
        ({"argument": "scaled", "params": ("slope",)}, "is not base='own_cube' of a"),
        ({"base": "power"}, r"params must be \('exponent',\), got \(\)"),
        ({"base": "unheard"}, "unknown primitive 'unheard'"),
    ],
)
def test_what_a_primitive_says_of_itself(settings: dict, message: str) -> None:
    def cube(m: Any, x: Any, *coefs: Any) -> Any:
        return (coefs[0] if coefs else 1.0) * x**3

    with pytest.raises(ValueError, match=message):
        register_primitive(Primitive("own_cube", cube, **settings))


def test_tables_of_many_rows_are_of_all_rows() -> None:
    """Candidates are compared on a thousand rows; their row has all of them."""
    x = np.random.default_rng(3).uniform(-1, 1, (3000, 2))
    y = 1.7 * x[:, 0] - 0.4 * x[:, 1] + np.random.default_rng(4).normal(size=3000)
    model = DARTSRegressor(
        **COUNTED,
        primitives=["none", "mult", "sin"],
        train_classifier_coefficients=True,
        train_classifier_bias=True,
    ).fit(x, y)
    table = model.equations_
    for row in table.index:
        loss = np.mean((model.select_equation(row).predict(x) - y) ** 2)
        assert table.loss[row] == pytest.approx(loss)
        if table.complexity[row]:  # no coefficient can be improved
            basis = model.model_.evaluate(np, [*x.T], np.zeros(3000))
            design = np.column_stack([np.ones(3000), *basis])
            best = design @ np.linalg.lstsq(design, y, rcond=None)[0]
            assert loss <= np.mean((best - y) ** 2) * (1 + 1e-9)


def test_exactness_is_one_thing() -> None:
    """The compiled search and the counted one ask the same question."""
    problem, rows = two_outputs()
    for share, exact in ((1e-24, False), (1e-27, True)):
        loss = share * float(problem.y.var(axis=0).mean())
        assert fits_exactly(rows[0].model, loss, problem) == exact


def test_one_warning_names_all_that_is_not_used() -> None:
    settings = {"batch_size": 64, "unrolled": True, "n_jobs": 2, "arch_momentum": 0.1}
    model = DARTSRegressor(random_state=0, n_candidates=300, **settings)
    with pytest.warns(UserWarning, match="not used in this fit") as caught:
        model.fit(X, X[:, 0] ** 2)
    (said,) = [str(w.message) for w in caught if "not used" in str(w.message)]
    assert all(f"{name}={value!r}" in said for name, value in settings.items())
    assert "num_graph_nodes as a number" in said and "n_restarts above 1" in said
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        DARTSRegressor(random_state=0, n_candidates=300).fit(X, X[:, 0] ** 2)


def test_restarts_are_ranked_by_the_selection(monkeypatch: pytest.MonkeyPatch) -> None:
    """With "loss" the restart of least loss counts, however long its equation."""
    run, losses = fit.run, []

    def spy(task: Any, *args: Any, **settings: Any) -> Result:
        result = run(task, *args, **settings)
        value = result.model.predict(task.problem.x)
        losses.append(float(np.mean((value - task.problem.y) ** 2)))
        return result

    monkeypatch.setattr(fit, "run", spy)
    y = np.sin(3 * X[:, 0]) + 0.3 * np.random.default_rng(5).normal(size=60)
    model = DARTSRegressor(
        **(COUNTED | {"n_candidates": 3, "num_graph_nodes": 2}),
        primitives=["none", "linear_sin", "linear", "linear_exp"],
        model_selection="loss",
        n_restarts=4,
    ).fit(X, y)
    assert np.mean((model.predict(X) - y) ** 2) == pytest.approx(min(losses))


def test_an_own_primitive_in_the_automatic_search(own_table: Any) -> None:
    """It is compiled into the search, which takes a minute the first time."""
    own = Primitive("own_bump", lambda m, x: m.exp(-x * x) / (1 + abs(x)))
    register_primitive(own)
    x = np.linspace(-2, 2, 60)[:, None]
    y = 3 * np.exp(-(x[:, 0] ** 2)) / (1 + np.abs(x[:, 0])) + 0.5
    model = DARTSRegressor(
        primitives=["none", "add", "mult", "own_bump", "sin"], random_state=0
    ).fit(x, y)
    assert "own_bump(x1)" in model.equations_.architecture[model.selected_]
    np.testing.assert_allclose(model.predict(x), y, atol=1e-9)
    assert str(model.sympy()) == "0.5 + 3*exp(-x1**2)/(Abs(x1) + 1)"


@pytest.mark.parametrize("kind", [DARTSRegressor, DARTSClassifier])
@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pd.date_range("2024", periods=60), r"column 'time' of X holds dates \(2024"),
        (["low", "high"] * 30, r"column 'time' of X holds text \('low'\)"),
        (pd.Categorical(["low", "high"] * 30), "column 'time' of X holds text"),
        (pd.timedelta_range(0, periods=60, freq="s"), "holds durations"),
    ],
)
def test_columns_that_hold_no_numbers(kind: type, column: Any, message: str) -> None:
    frame = pd.DataFrame({"dose": X[:, 0], "time": column})
    y = X[:, 0] > 1.5
    with pytest.raises(ValueError, match=message):
        kind(random_state=0).fit(frame, y)
    with pytest.raises(ValueError, match="column 1 of X holds"):
        kind(random_state=0).fit(frame.to_numpy(), y)


def test_two_columns_of_one_name() -> None:
    frame = pd.DataFrame(X, columns=["dose", "dose"])
    with pytest.raises(ValueError, match="several columns of the name 'dose'"):
        DARTSRegressor().fit(frame, X[:, 0])
    with pytest.raises(ValueError, match="an element of y holds text"):
        DARTSRegressor().fit(X, ["one", "two"] * 30)


@pytest.mark.parametrize("start", [1e3, 1.7e9])
def test_columns_far_from_zero(start: float) -> None:
    """Unix seconds gave 1e62*exp(-198*sin(sqrt(x1)))."""
    t = np.sort(np.random.default_rng(2).uniform(0, 1, 80))
    y = 5 * np.exp(-6 * t) + 0.02 * np.random.default_rng(3).normal(size=80)
    unit = 3600.0 if start > 1e6 else 1.0
    clock = start + unit * t
    model = DARTSRegressor(random_state=0).fit(clock[:, None], y)
    text = model.model_repr()
    assert f"(x1 - {start:.0f}" in text and "exp(" in text and "sin" not in text
    later = start + unit * np.array([[0.0], [1.2]])
    np.testing.assert_allclose(model.predict(later), 5 * np.exp([0, -7.2]), atol=0.05)
    space: dict[str, Any] = {}
    exec(model.python("f"), space)
    np.testing.assert_allclose(space["f"](clock), model.predict(clock[:, None]), rtol=1e-12)
    copy = DARTSRegressor.from_json(model.to_json())
    np.testing.assert_array_equal(copy.predict(later), model.predict(later))
    assert copy.model_repr() == text and copy.latex() == model.latex()
    again = model.set_params(warm_start=True, n_candidates=500).fit(clock[:, None], y)
    np.testing.assert_allclose(again.predict(later), 5 * np.exp([0, -7.2]), atol=0.05)


def test_an_output_far_from_zero() -> None:
    x = np.random.default_rng(1).uniform(0, 6, (200, 1))
    y = 1e11 + 2 * np.sin(x[:, 0])
    model = DARTSRegressor(random_state=0, n_candidates=2000)
    with pytest.warns(DataWarning, match="'y' varies by 4 about 1e.11, where double"):
        model.fit(x, y)
    assert model.model_repr() == "Model:\ny = 2*sin(x1) + 100000000000"
    intercept = model.coefficients_.set_index("term").coefficient["intercept"]
    assert intercept == pytest.approx(1e11, rel=1e-12)


def test_outliers_are_told() -> None:
    r = np.random.default_rng(0)
    x = r.uniform(0.5, 5, (100, 1))
    y = 2 * x[:, 0] + 0.05 * r.normal(size=100)
    y[r.permutation(100)[:5]] += 30
    model = DARTSRegressor(random_state=0, primitives=["none", "add", "mult"])
    with pytest.warns(DataWarning, match="5 of 100 rows lie more than 8 typical errors"):
        model.fit(x, y)


def test_keys_of_graphs_have_room_for_all_sources() -> None:
    """op · 4096 + source was the same for (1, 0) and (0, 4096)."""
    assert graphs.SOURCES > 20_000
    assert len(resolve(["add"])) * graphs.SOURCES * 1000 < 2**62


@pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.long)])
def test_the_compiler_is_announced(whole: bool, tmp_path: Path) -> None:
    """Once, before it works for half a minute, which the everyday run does not wait for."""
    code = (
        "from autora.skl.darts import DARTSRegressor\n"
        "model = DARTSRegressor(n_candidates=50, primitives=['none', 'add', 'mult'])\n"
        "x = [[float(i)] for i in range(10)]\n"
        "model.fit(x, [2.0 * i + 1 for i in range(10)])"
    )
    source = str(Path(__file__).resolve().parent.parent / "src")
    environment = {"PYTHONPATH": source, "PATH": ""}
    environment["DARTS_COMPILATION_CACHE"] = str(tmp_path)
    command, lines = [sys.executable, "-c", code], []
    pipes: dict[str, Any] = {"stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment, **pipes) as process:
        for line in process.stderr or ():
            if "compiling" in line:
                lines.append(line)
                if not whole:
                    process.kill()
    assert len(lines) == 1 and lines[0].startswith("autora.skl.darts: compiling the search")
    assert str(tmp_path) in lines[0] and (process.returncode == 0) is whole


def test_a_bar_begins_with_the_search(
    capfd: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(sys.stderr), "isatty", lambda _: True)
    DARTSRegressor(random_state=0, verbose=1, n_candidates=300).fit(X, X[:, 0] ** 2)
    first = capfd.readouterr().err.split("\r")[1]
    assert "0/300 [00:00" in first
