"""What must hold for any model, any legal parameters and any legal data.

Hypothesis draws them; the everyday profile draws few and always the same, the long one many
and new ones: ``pytest tests/test_properties.py --hypothesis-profile=long``.
"""

from __future__ import annotations

import pickle
import warnings
from typing import Any

import numpy as np
import pandas as pd
import sympy
from hypothesis import given, settings, strategies as st
from matplotlib.mathtext import MathTextParser

from autora.skl.darts import DARTSRegressor
from autora.skl.darts.fitting.problem import Problem
from autora.skl.darts.fitting.refit import levenberg_marquardt
from autora.skl.darts.graph.elementary import NUMPY
from autora.skl.darts.graph.model import Model
from autora.skl.darts.graph.objectives import OBJECTIVES
from autora.skl.darts.graph.primitives import builtin, resolve
from autora.skl.darts.graph.search_space import SearchSpace
from hand_built import estimator_of

NAMES = tuple(p.name for p in builtin())
#: Powers of ten by which data and coefficients are scaled.
SCALES = st.integers(-12, 12)
SEEDS = st.integers(0, 2**32 - 1)
DTYPES = st.sampled_from([np.float64, np.float32, np.int64])
LATEX = MathTextParser("path")
#: Names of columns that a picture can show: no control characters, no lone surrogates.
COLUMNS = st.text(
    st.characters(codec="utf-8", exclude_categories=("C", "Z")) | st.just(" "),
    min_size=1,
    max_size=8,
).filter(str.strip)


# Models


@st.composite
def spaces(draw: st.DrawFn, objective: str) -> SearchSpace:
    low = 2 if OBJECTIVES[objective].competing else 1
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True))
    both = draw(st.booleans())
    return SearchSpace(
        draw(st.integers(1, 3)),
        draw(st.integers(1, 3)),
        draw(st.integers(low, 3)),
        resolve([*names, *(["add"] if names == ["none"] else [])]),
        ("sum", "product") if both else ("sum",),
        n_parallel=1 + both,
    )


COEFFICIENTS = st.one_of(
    st.floats(-3, 3),
    st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.5, 2.0, -2.0, 1e-12, 1e12, 5e-324]),
)


@st.composite
def models(draw: st.DrawFn) -> Model:
    """Any graph, any coefficients, any output type."""
    objective = draw(st.sampled_from(list(OBJECTIVES)))
    space = draw(spaces(objective))
    shape = (space.n_edges, space.max_params)

    def numbers(count: int, what: st.SearchStrategy) -> np.ndarray:
        return np.array(draw(st.lists(what, min_size=count, max_size=count)))

    choices = st.integers(-1, space.n_primitives - 1)
    architecture = numbers(space.n_edges, choices)
    kinds = st.integers(0, space.n_aggregations - 1)
    used = np.where(architecture >= 0, space.n_params[architecture], 0)
    edge = numbers(shape[0] * shape[1], COEFFICIENTS).reshape(shape)
    readout = numbers(space.n_nodes * space.n_outputs, COEFFICIENTS)
    return Model(
        space,
        OBJECTIVES[objective],
        architecture,
        np.where(np.arange(shape[1]) < used[:, None], edge, 0.0),
        readout.reshape(space.n_nodes, -1),
        numbers(space.n_outputs, COEFFICIENTS),
        numbers(space.n_nodes, kinds),
    )


@st.composite
def inputs(draw: st.DrawFn, n_inputs: int, rows: int = 6) -> np.ndarray:
    """Columns of different size, type and sign."""
    rng = np.random.default_rng(draw(SEEDS))
    x = rng.normal(size=(rows, n_inputs)) * 10.0 ** np.array(
        [draw(SCALES) for _ in range(n_inputs)]
    )
    if draw(st.booleans()):
        x = np.abs(x)
    dtype = draw(DTYPES)
    return (
        np.clip(x, -(2**62), 2**62).astype(dtype) if dtype is np.int64 else x.astype(dtype)
    )


def slack(model: Model, x: np.ndarray) -> np.ndarray:
    """What rounding may change in a prediction: errors of the parts, carried on.

    Everything that is rounded is moved by some units in the last place.
    """
    rng, predicted = np.random.default_rng(0), model.predict(x)
    with np.errstate(all="ignore"):
        nodes = model.evaluate(NUMPY, list(x.T), np.zeros(len(x)))
        parts = [np.abs(n[:, None] * w) for n, w in zip(nodes, model.readout, strict=True)]
        largest = np.max([np.abs(x).max(1)[:, None] + 0 * predicted, *parts], axis=0)
        moved = [
            _jittered(model, rng).predict(x * (1 + 1e-15 * rng.normal(size=x.shape)))
            for _ in range(6)
        ]
        spread = np.max([np.abs(m - predicted) for m in moved], axis=0)
        eta_slack = 1e-13 * largest * (1 if model.objective.name == "real" else 0)
    return 1e3 * np.where(np.isfinite(spread), spread, np.inf) + eta_slack


def _jittered(model: Model, rng: np.random.Generator) -> Model:
    def moved(a: np.ndarray) -> np.ndarray:
        return a * (1 + 1e-15 * rng.normal(size=a.shape))

    return model.replace(
        edge=moved(model.edge), readout=moved(model.readout), bias=moved(model.bias)
    )


def agree(found: np.ndarray, model: Model, x: np.ndarray) -> None:
    predicted = model.predict(x)
    room = 1e-300 + 1e-9 * np.abs(predicted) + slack(model, x)
    with np.errstate(invalid="ignore"):
        finite = np.isfinite(predicted) & np.isfinite(room)
        wrong = finite & ~(np.abs(found - predicted) <= room) & np.isfinite(found)
    assert not wrong.any(), (found[wrong], predicted[wrong], room[wrong])


def lambdified(model: Model, x: np.ndarray) -> np.ndarray:
    """The SymPy equation in numbers, of a type in which exp(1000) is one."""
    columns = []
    names = [sympy.Symbol(f"x{i + 1}", real=True) for i in range(x.shape[1])]
    try:
        found = estimator_of(model).sympy()
    except ValueError as refusal:  # numbers such as exp(1e9), which it does not write
        assert "cannot be written" in str(refusal)
        return np.full((len(x), len(model.bias)), np.nan)
    for expression in found if isinstance(found, list) else [found]:
        undefined = expression.has(sympy.nan, sympy.zoo, sympy.oo, -sympy.oo)
        function = sympy.lambdify(names, sympy.nan if undefined else expression, "numpy")
        columns.append([at(function, row) for row in x.astype(np.longdouble)])
    return np.stack(columns, axis=1)


def at(function: Any, row: np.ndarray) -> Any:
    """NaN where the equation overflows on the way, which says nothing about its value."""
    with np.errstate(all="ignore", over="raise"):
        try:
            return function(*row)
        except FloatingPointError:
            return np.nan


@given(st.data())
def test_the_equation_is_the_prediction(data: st.DataObject) -> None:
    model = data.draw(models())
    x = data.draw(inputs(model.space.n_inputs)).astype(float)
    agree(lambdified(model, x), model, x)


@given(st.data())
def test_the_source_is_the_prediction(data: st.DataObject) -> None:
    model = data.draw(models())
    x = data.draw(inputs(model.space.n_inputs))
    names: dict[str, Any] = {}
    exec(estimator_of(model).python(), names)
    found = np.asarray(names["predict"](*x.T))
    agree(found.reshape(len(x), -1), model, x.astype(float))


@given(st.data())
def test_latex_is_latex(data: st.DataObject) -> None:
    model = data.draw(models())
    count = model.space.n_inputs
    columns = data.draw(st.lists(COLUMNS, min_size=count, max_size=count, unique=True))
    try:
        text = estimator_of(model, columns).latex(decimals_to_display=3)
    except ValueError as refusal:
        assert "cannot be written" in str(refusal)
        return
    lines = text.split(r" \\ ")
    assert len(lines) == len(model.bias)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # glyphs that a font lacks
        for line in lines:
            LATEX.parse(f"${line}$")


@given(st.data())
def test_round_trips_are_exact(data: st.DataObject) -> None:
    model = data.draw(models())
    x = data.draw(inputs(model.space.n_inputs)).astype(float)
    copy = pickle.loads(pickle.dumps(model))
    assert copy.space == model.space and copy.objective is model.objective
    for name in ("architecture", "edge", "readout", "bias", "aggregation"):
        one, other = getattr(model, name), getattr(copy, name)
        assert one.tobytes() == other.tobytes() and one.dtype == other.dtype
    np.testing.assert_array_equal(copy.predict(x), model.predict(x))


@given(st.data())
def test_refitting_never_worsens(data: st.DataObject) -> None:
    model = data.draw(models())
    x = data.draw(inputs(model.space.n_inputs, 12)).astype(float)
    trains, biased = data.draw(st.booleans()), data.draw(st.booleans())
    rng = np.random.default_rng(data.draw(SEEDS))
    y = rng.uniform(size=(12, len(model.bias)))
    if model.objective.probability:
        y /= y.sum(axis=1, keepdims=True)
    else:
        y = y * 10.0 ** data.draw(SCALES)
    problem = Problem(x, y, rng.uniform(0.5, 2, 12), trains, biased)
    start = levenberg_marquardt(problem, model, 0)
    fit = levenberg_marquardt(problem, model, 10)
    assert fit.loss <= start.loss
    if np.isfinite(fit.loss):
        assert fit.model.is_finite and np.isfinite(fit.model.predict(x)).all()


# Fits. Few search spaces, for each new one is compiled; the data are anything.

COUNTED: dict[str, Any] = {
    "num_graph_nodes": 1,
    "max_epochs": 2,
    "param_updates_per_epoch": 2,
    "n_candidates": 12,
}
OPEN: dict[str, Any] = {"n_candidates": 1000}
KINDS: list[dict[str, Any]] = [
    COUNTED,
    COUNTED | {"train_classifier_coefficients": True, "train_classifier_bias": True},
    COUNTED | {"output_type": "probability_sample"},
    OPEN,
]
FEWER = settings(max_examples=settings.default.max_examples // 8)


@st.composite
def tables(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Two columns and y: few rows, constants, repetitions, outliers, any scale."""
    rows = draw(st.integers(1, 30))
    x = draw(inputs(2, rows))
    rng = np.random.default_rng(draw(SEEDS))
    with np.errstate(all="ignore"):
        y = rng.normal(size=rows) + np.tanh(x[:, 0])
    kind = draw(st.sampled_from(["plain", "constant", "equal", "outlier", "constant y"]))
    x = x.copy()
    if kind == "constant":
        x[:, 1] = x[0, 1]
    elif kind == "equal":
        x[:, 1] = x[:, 0]
    elif kind == "outlier":
        y[0] = 1e6
    elif kind == "constant y":
        y[:] = y[0]
    return x, y * 10.0 ** draw(SCALES)


def fitted(kind: dict[str, Any], x: Any, y: np.ndarray, **changes: Any) -> DARTSRegressor:
    if "output_type" in kind:
        y = (y > np.median(y)).astype(float)
    model = DARTSRegressor(**kind | {"random_state": 0} | changes)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        warnings.simplefilter("ignore", UserWarning)
        return model.fit(x, y)


@FEWER
@given(st.sampled_from(KINDS), tables())
def test_a_fit_can_be_used(kind: dict[str, Any], table: tuple) -> None:
    """Finite, the same in a file and in a pickle, and refitting does not worsen it."""
    x, y = table
    model = fitted(kind, x, y)
    predicted = model.predict(x)
    assert np.isfinite(predicted).all() and np.isfinite(model.model_.bias).all()
    assert model.model_.is_finite and len(model.coefficients_) >= 0
    for copy in (pickle.loads(pickle.dumps(model)), model.from_json(model.to_json())):
        assert copy.predict(x).tobytes() == predicted.tobytes()
        assert copy.model_repr() == model.model_repr()
    if "output_type" not in kind and model.converged_:
        again = fitted(kind, x, y, max_epochs=0)  # compiles nothing
        assert np.isfinite(again.predict(x)).all()
        before = np.mean((predicted - y) ** 2)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            after = model.set_params(max_epochs=0).fit(x, y).predict(x)
        limit = before * (1 + 1e-6) + 1e-18 * np.mean(y**2)
        assert np.mean((after - y) ** 2) <= limit


@FEWER
@given(st.sampled_from(KINDS), tables(), SEEDS)
def test_the_order_of_rows_says_nothing(
    kind: dict[str, Any], table: tuple, seed: int
) -> None:
    x, y = table
    order = np.random.default_rng(seed).permutation(len(x))
    one, other = fitted(kind, x, y), fitted(kind, x[order], y[order])
    assert one.predict(x).tobytes() == other.predict(x).tobytes()
    assert one.model_repr() == other.model_repr()


@FEWER
@given(st.sampled_from(KINDS), tables())
def test_names_of_columns_say_nothing(kind: dict[str, Any], table: tuple) -> None:
    x, y = table
    one = fitted(kind, pd.DataFrame(x, columns=["b", "a"]), y)
    other = fitted(kind, x, y)
    assert one.model_repr(["x1", "x2"]) == other.model_repr()
    assert one.predict(pd.DataFrame(x, columns=["b", "a"])).tobytes() == (
        other.predict(x).tobytes()
    )


#: All graphs are tried: what is found depends on no random number.
EXHAUSTIVE: dict[str, Any] = {
    **COUNTED,
    "n_candidates": 1000,
    "primitives": ["none", "add", "tanh", "sin", "square"],
    "train_classifier_coefficients": True,
    "train_classifier_bias": True,
}


@FEWER
@given(SEEDS, st.integers(-40, 40))
def test_units_of_y_and_order_of_columns(seed: int, power: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(25, 2))
    y = np.sin(x[:, 0]) + x[:, 1] ** 2 + rng.normal(size=25)
    plain = fitted(EXHAUSTIVE, x, y)
    scaled = fitted(EXHAUSTIVE, x, y * 2.0**power)
    np.testing.assert_allclose(
        scaled.model_.readout, plain.model_.readout * 2.0**power, rtol=1e-9
    )
    np.testing.assert_array_equal(scaled.model_.architecture, plain.model_.architecture)
    turned = fitted(EXHAUSTIVE, x[:, ::-1], y)
    np.testing.assert_allclose(turned.predict(x[:, ::-1]), plain.predict(x), rtol=1e-9)
    np.testing.assert_array_equal(
        turned.model_.architecture, plain.model_.architecture[::-1]
    )
