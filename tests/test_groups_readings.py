"""What differs between groups in every reading: LaTeX, SymPy, source text and JAX."""

from __future__ import annotations

import datetime
from typing import Any

import jax
import numpy as np
import pandas as pd
import pytest
import sympy

from autora.skl.darts import DARTSClassifier, DARTSRegressor
from autora.skl.darts.graph.effects import Place
from autora.skl.darts.graph.model import Edge, Model
from autora.skl.darts.graph.objectives import OBJECTIVES
from autora.skl.darts.graph.primitives import SCIENCE, resolve
from autora.skl.darts.graph.search_space import SearchSpace
from hand_built import estimator_of_groups

LABELS = ["p01", "p'02\"", "none"]
X = np.random.default_rng(0).uniform(0.2, 1.5, (30, 2))
WHO = np.array(LABELS)[np.arange(30) % 3]


def of_edges(
    edges: list[tuple[int, int, str, tuple[float, ...]]],
    readout: list[float],
    bias: float = 0.0,
    objective: str = "real",
    origin: tuple[float, ...] = (0.0, 0.0),
) -> Model:
    names = dict.fromkeys(("none", "add", *(name for _, _, name, _ in edges)))
    primitives = resolve(names)
    space = SearchSpace(2, len(readout), 1, primitives, ("sum", "product"), n_parallel=2)
    found = [
        Edge(source, target, primitives[[*names].index(name)], coefs)
        for source, target, name, coefs in edges
    ]
    weights = np.array(readout)[:, None]
    model = Model.from_edges(space, OBJECTIVES[objective], found, weights, np.array([bias]))
    return model.replace(origin=np.array(origin))


def varying(model: Model) -> list[Place]:
    """All coefficients that a search could let differ."""
    edges = [Place("edge", e.index, i) for e in model.edges() for i in range(len(e.coefs))]
    reads = [Place("readout", int(k), 0) for k in np.flatnonzero(model.readout[:, 0])]
    return [*edges, *reads, Place("bias")]


def study(name: str, objective: str = "real", seed: int = 0, **settings: Any) -> Any:
    """Everything differs: a primitive of both columns, of a sum, and the read-out."""
    rng = np.random.default_rng(seed)
    (primitive,) = resolve([name])
    edges = [
        (0, 0, name, tuple(rng.uniform(0.3, 1.2, primitive.n_params))),
        (1, 0, "mult", (0.7,)),
        (2, 1, name, tuple(rng.uniform(0.3, 1.2, primitive.n_params))),
    ]
    model = of_edges(edges, [0.0, 1.3], 0.4, objective, **settings)
    places = varying(model)
    values = rng.uniform(0.3, 1.2, (3, len(places)))
    return estimator_of_groups(model, places, values, LABELS)


def own_of(model: Any, label: Any) -> dict[str, float]:
    """Coefficients of one group by their symbols, from the table."""
    table = model.coefficients_
    own = table[table["group"] == label]
    return dict(zip(own["symbol"], own["coefficient"], strict=True))


def at(expression: Any, x: np.ndarray, own: dict[str, float]) -> np.ndarray:
    """Values of an expression, by SymPy's own arithmetic."""
    numbers = {sympy.Symbol(name, real=True): value for name, value in own.items()}
    columns = [sympy.Symbol(f"x{i + 1}", real=True) for i in range(x.shape[1])]
    rows = [numbers | dict(zip(columns, row, strict=True)) for row in x.tolist()]
    return np.array([complex(expression.subs(row).doit()) for row in rows])


# SymPy


@pytest.mark.parametrize("name", [n for n in SCIENCE if n != "none"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_symbols_stand_for_what_differs(name: str) -> None:
    model = study(name)
    expression = model.sympy(groups=True)
    symbols = {str(s) for s in expression.free_symbols} - {"x1", "x2"}
    assert symbols <= set(model.population_["symbol"])
    for label in LABELS:
        own, rows = own_of(model, label), X[label == WHO]
        defined = np.isfinite(model._read(rows, [label] * len(rows))[:, 0])
        rows = rows[defined][:2]
        expected = model.predict(rows, [label] * 2)[:, 0]
        alone = model.of_group(label).sympy()
        np.testing.assert_allclose(at(expression, rows, own), expected, rtol=1e-9)
        np.testing.assert_allclose(at(alone, rows, {}), expected, rtol=1e-9)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_without_groups_the_population_is_meant() -> None:
    model = study("exp")
    middle = dict(zip(model.population_["symbol"], model.population_["mean"], strict=True))
    expression = model.sympy(groups=True, simplify=True)
    expected = model.predict(X[:2])[:, 0]
    np.testing.assert_allclose(at(expression, X[:2], middle), expected, 1e-9)
    np.testing.assert_allclose(at(model.sympy(), X[:2], {}), expected, 1e-9)
    assert {str(s) for s in model.sympy().free_symbols} == {"x1", "x2"}


def test_columns_that_are_counted_from_an_origin() -> None:
    """Seconds since 1970 keep their digits beside symbols."""
    x = X + 1.7e9
    model = study("mult", origin=(1.7e9, 1.7e9))
    for label in LABELS:
        expected = model.predict(x[:3], [label] * 3)[:, 0]
        found = at(model.sympy(groups=True), x[:3], own_of(model, label))
        np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert r"\left(x_{1} - 1700000000\right)" in model.latex()


# LaTeX


def test_latex_has_the_populations() -> None:
    edges = [(0, 0, "mult", (-0.2,)), (1, 1, "scaled_exp", (0.5,))]
    model = of_edges(edges, [1.0, 1.0], 2.5)
    places = varying(model)
    slope, rate, first, second, level = places
    values = np.array([[-0.1, 0.2, 300.0, 2e-8], [-0.4, 0.8, 200.0, 8e-8]])
    found = estimator_of_groups(
        model, [slope, rate, first, second], values, ["a", "b"], [True, True, False, False]
    )
    lines = found.latex().split(r" \\ ")
    assert lines[0] == r"y = a_{i} c_{i} x_{1} + d_{i} e^{b_{i} x_{2}} + 2.5"
    assert lines[1:] == [
        r"\ln \left(-a_{i}\right) \sim \mathcal{N}\left(\ln 0.2,\ 0.69^2\right)",
        r"\ln b_{i} \sim \mathcal{N}\left(\ln 0.4,\ 0.69^2\right)",
        r"c_{i} \sim \mathcal{N}\left(250,\ 50^2\right)",
        r"d_{i} \sim \mathcal{N}\left(5 \cdot 10^{-8},\ "
        r"\left(3 \cdot 10^{-8}\right)^2\right)",
    ]
    assert found.model_repr(output_format="latex").splitlines()[1:] == lines
    nodes = found.model_repr(output_format="latex", latent_nodes=True).splitlines()
    assert nodes[1:4] == [
        "k_{1} = a_{i} x_{1}",
        "k_{2} = e^{b_{i} x_{2}}",
        "y = c_{i} k_{1} + d_{i} k_{2} + 2.5",
    ]
    assert "a_i" not in found.model_repr()
    assert level.kind == "bias"


def test_a_mean_may_be_negative() -> None:
    model = of_edges([(0, 0, "add", ())], [1.0])
    found = estimator_of_groups(
        model, [Place("readout", 0)], np.array([[-3.0], [1.0]]), [1, 2]
    )
    line = r"a_{i} \sim \mathcal{N}\left(-1,\ 2^2\right)"
    assert found.latex() == rf"y = a_{{i}} x_{{1}} \\ {line}"


def test_large_means_stand_in_brackets() -> None:
    model = of_edges([(0, 0, "add", ())], [1.0])
    found = estimator_of_groups(
        model, [Place("readout", 0)], np.array([[1e16], [4e16]]), [1, 2], [True]
    )
    middle = r"\ln \left(2 \cdot 10^{16}\right),\ 0.69^2"
    assert found.latex().endswith(rf"\ln a_{{i}} \sim \mathcal{{N}}\left({middle}\right)")


@pytest.mark.parametrize(
    ("columns", "letter", "index"),
    [
        (["x", "z"], "a", "i"),
        (["a", "z"], "b", "i"),
        (["a_1", "b (m)"], "c", "i"),
        (["a1", "i"], "b", "j"),
        (["A", "amount"], "a", "i"),
        ([*"ab"], "c", "i"),
    ],
)
def test_letters_are_those_of_no_column(
    columns: list[str], letter: str, index: str
) -> None:
    model = of_edges([(0, 0, "mult", (1.0,))], [1.0])
    place = varying(model)[0]
    values = np.array([[0.5], [1.5]])
    found = estimator_of_groups(model, [place], values, [1, 2], inputs=columns)
    assert found.population_["symbol"].tolist() == [f"{letter}_{index}"]
    assert f"{letter}_{{{index}}} \\sim" in found.latex()
    assert f"*, {letter}_{index}=1.0)" in found.python()
    named = found.model_repr(["b", "c"], output_format="latex")
    assert r"a_{i} b" in named


# Source text


def run(source: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(compile(source, "exported", "exec"), names)
    return names


@pytest.mark.parametrize("objective", ["real", "sigmoid"])
@pytest.mark.parametrize("name", ["add", "power", "shifted_reciprocal", "linear_logistic"])
def test_source_takes_the_coefficients_of_a_group(name: str, objective: str) -> None:
    model = study(name, objective)
    names = run(model.python())
    function, known = names["predict"], names["COEFFICIENTS"]
    assert [*known] == LABELS
    for label in LABELS:
        assert known[label] == own_of(model, label)
        rows = X[label == WHO]
        expected = model.predict(rows, [label] * len(rows))[:, 0]
        np.testing.assert_allclose(function(*rows.T, **known[label]), expected, rtol=1e-12)
    np.testing.assert_allclose(function(*X.T), model.predict(X)[:, 0], rtol=1e-12)
    by_row = {s: np.array([known[w][s] for w in WHO]) for s in known["none"]}
    expected = model.predict(X, WHO)[:, 0]
    np.testing.assert_allclose(function(*X.T, **by_row), expected, rtol=1e-12)
    assert function(1, 2, **{s: v[:4] for s, v in by_row.items()}).shape == (4,)


def test_source_where_the_read_out_alone_is_left() -> None:
    model = of_edges([(0, 0, "add", ())], [0.0], 1.0)
    found = estimator_of_groups(model, [Place("bias")], np.array([[1.0], [5.0]]), [1, 2])
    names = run(found.python())
    np.testing.assert_array_equal(
        names["predict"](*X.T, **names["COEFFICIENTS"][2]), np.full(30, 5.0)
    )


@pytest.mark.parametrize(
    ("labels", "keys"),
    [
        ([1, 2], [1, 2]),
        ([True, False], [True, False]),
        (np.array([0.5, np.inf]), [0.5, "inf"]),
        (np.array(["a", 2], object), ["a", 2]),
        (
            np.array([datetime.date(2026, 1, 1), np.int64(3)], object),
            ["2026-01-01", 3],
        ),
        (['"""', "\\\n__import__('os')"], ['"""', "\\\n__import__('os')"]),
    ],
)
def test_labels_in_source(labels: Any, keys: list[Any]) -> None:
    model = of_edges([(0, 0, "mult", (1.0,))], [1.0])
    found = estimator_of_groups(model, varying(model)[:1], np.array([[0.5], [1.5]]), [0, 1])
    found._group_labels = np.asarray(labels)
    names = run(found.python())
    assert [*names["COEFFICIENTS"]] == keys
    assert names["predict"](2.0, 0.0, **names["COEFFICIENTS"][keys[1]]) == 3.0


def test_many_groups_are_not_written_out() -> None:
    model = of_edges([(0, 0, "mult", (1.0,))], [1.0])
    values = np.linspace(1, 2, 1001)[:, None]
    found = estimator_of_groups(model, varying(model)[:1], values, range(1001))
    source = found.python()
    assert "COEFFICIENTS" not in source
    assert run(source)["predict"](2.0, 0.0, a_i=3.0) == 6.0


def test_names_of_arguments_stay() -> None:
    model = of_edges([(0, 0, "mult", (1.0,))], [1.0])
    values = np.array([[0.5], [1.5]])
    found = estimator_of_groups(model, varying(model)[:1], values, [1, 2])
    for name in ("a_i", "COEFFICIENTS"):
        with pytest.raises(ValueError, match="function_name must be"):
            found.python(name)
    found = estimator_of_groups(
        model, varying(model)[:1], values, [1, 2], inputs=["(a) i", "COEFFICIENTS"]
    )
    names = run(found.python("value"))
    assert names["value"](2.0, 0.0, **names["COEFFICIENTS"][2]) == 3.0


# JAX


@pytest.fixture
def double_precision() -> Any:
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


@pytest.mark.parametrize("name", ["power", "shifted_reciprocal", "scaled_sin"])
def test_one_jax_function_for_all_groups(name: str, double_precision: Any) -> None:
    model = study(name)
    function, coefficients = model.jax(groups=True)
    found = jax.jit(jax.vmap(function, (0, None)))(coefficients, X)
    for row, label in zip(found, LABELS, strict=True):
        expected = model.predict(X, [label] * len(X))[:, 0]
        np.testing.assert_allclose(row, expected, rtol=1e-12)
        _, own = model.of_group(label).jax()
        np.testing.assert_allclose(function(own, X), expected, rtol=1e-12)
    _, middle = model.jax()
    np.testing.assert_allclose(function(middle, X), model.predict(X)[:, 0], rtol=1e-12)


def test_coefficients_of_0_and_1_are_no_other_function(double_precision: Any) -> None:
    """Of one group a node is not read, of another there is no intercept."""
    edges = [(0, 0, "mult", (1.0,)), (1, 1, "shift", (2.0,))]
    model = of_edges(edges, [1.0, 1.0], 1.0)
    places = varying(model)
    values = np.array([
        [1.0, 0.0, 0.0, 1.0, 0.0],
        [0.5, 2.0, 1.0, 0.0, 1.0],
        [0.0, 1.0, -1.0, -1.0, -1.0],
    ])  # fmt: skip
    found = estimator_of_groups(model, places, values, LABELS)
    functions = {label: found.of_group(label).jax() for label in LABELS}
    names = run(found.python())
    for function, _ in functions.values():
        for label, (_, own) in functions.items():
            expected = found.predict(X, [label] * len(X))[:, 0]
            np.testing.assert_allclose(function(own, X), expected, atol=1e-12)
            ours = names["predict"](*X.T, **names["COEFFICIENTS"][label])
            np.testing.assert_allclose(ours, expected, atol=1e-12)
            own = own_of(found, label)
            at_rows = at(found.sympy(groups=True), X[:3], own)
            np.testing.assert_allclose(at_rows, expected[:3], atol=1e-9)
    stacked = jax.tree.map(lambda *c: np.stack(c), *(own for _, own in functions.values()))
    both = jax.vmap(functions["none"][0], (0, None))(stacked, X)
    np.testing.assert_allclose(both, jax.vmap(functions["p01"][0], (0, None))(stacked, X))


# Fits


@pytest.fixture(scope="module")
def fitted() -> Any:
    """Straight lines with a slope for every person."""
    rng = np.random.default_rng(0)
    who, x = np.repeat(np.arange(6), 8), rng.uniform(1, 4, 48)
    slope = np.exp(rng.normal(0.5, 0.6, 6))
    frame = pd.DataFrame({"a": x})
    y = pd.Series(slope[who] * x + 0.02 * rng.normal(size=48), name="y")
    model = DARTSRegressor(
        primitives=["add"], n_candidates=60, random_state=0,
        train_classifier_bias=False,
    )  # fmt: skip
    return model.fit(frame, y, groups=who), frame, who


def test_readings_of_a_file_are_the_same(fitted: Any) -> None:
    model, frame, who = fitted
    again = DARTSRegressor.from_json(model.to_json())
    assert model.latex().startswith(r"y = a b_{i} \\ \ln b_{i} \sim")
    assert again.latex() == model.latex() and again.python() == model.python()
    assert again.sympy(groups=True) == model.sympy(groups=True)
    pd.testing.assert_frame_equal(again.population_, model.population_)
    names = run(model.python())
    for label in model.groups_.tolist():
        rows = frame[who == label]
        expected = model.predict(rows, [label] * len(rows))
        found = names["predict"](*rows.to_numpy().T, **names["COEFFICIENTS"][label])
        np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_log_odds_of_groups() -> None:
    rng = np.random.default_rng(1)
    who, x = np.repeat([*"abcd"], 40), rng.normal(size=160)
    shift = np.array([-3, -1, 1, 3])[np.repeat(np.arange(4), 40)]
    y = np.where(rng.random(160) < 1 / (1 + np.exp(-2 * x - shift)), "yes", "no")
    model = DARTSClassifier(primitives=["add"], n_candidates=60, random_state=0)
    model.fit(x[:, None], y, groups=who)
    assert model.population_["term"].tolist() == ["intercept"]
    names, chance = run(model.python()), model.predict_proba(x[:, None], who)[:, 1]
    function, coefficients = model.jax(groups=True)
    stacked = np.asarray(jax.vmap(function, (0, None))(coefficients, x[:, None]))
    for number, label in enumerate("abcd"):
        rows = who == label
        odds = names["predict"](x[rows], **names["COEFFICIENTS"][label])
        np.testing.assert_allclose(1 / (1 + np.exp(-odds)), chance[rows], rtol=1e-9)
        np.testing.assert_allclose(stacked[number][rows], odds, rtol=1e-4)
        found = at(model.sympy(groups=True), x[rows][:2, None], own_of(model, label))
        np.testing.assert_allclose(found, odds[:2], rtol=1e-9)
    assert r"a_{i} \sim \mathcal{N}\left(" in model.latex()


def test_nothing_differs() -> None:
    model = study("add")
    model.model_ = model.model_.replace(effects=None)
    model._uncertainty, model._errors = None, []
    assert model.latex() == model.of_group("p01").latex()
    assert model.sympy(groups=True) == model.sympy()
    assert model.python() == model.of_group("p01").python()
    assert model.population_.empty and "symbol" in model.coefficients_


def test_bad_input(fitted: Any) -> None:
    model, _, _ = fitted
    alone = model.of_group(0)
    for call in (model.sympy, model.jax):
        with pytest.raises(ValueError, match="groups must be True or False, got 'p07'"):
            call(groups="p07")
    for call in (alone.sympy, alone.jax):
        with pytest.raises(ValueError, match="groups=True cannot be used here: the est"):
            call(groups=True)
