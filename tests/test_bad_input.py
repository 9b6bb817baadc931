"""Bad parameters and bad data are refused before anything is computed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from autora.skl.darts import DARTSRegressor, known_primitives
from autora.skl.darts.graph.objectives import OBJECTIVES
from autora.skl.darts.selection import SELECTIONS

X = np.random.default_rng(0).uniform(size=(20, 2))
Y = X @ [1.0, 2.0]
SHARES = np.column_stack([X[:, 0], 1 - X[:, 0]])


@pytest.fixture(scope="module")
def trained() -> DARTSRegressor:
    return DARTSRegressor(
        num_graph_nodes=1,
        max_epochs=1,
        param_updates_per_epoch=1,
        n_candidates=10,
        random_state=0,
    ).fit(X, Y)


def begun(*_: Any) -> None:
    """Initial weights, of which only a fit that goes on to compute has need."""
    raise AssertionError("the fit went on to compute")


def refused(
    trained: DARTSRegressor,
    error: type[Exception],
    fragments: list[str],
    x: Any = X,
    y: Any = Y,
    **params: Any,
) -> None:
    """Fitting raises, says why, and leaves the earlier fit alone."""
    model = clone(trained)
    vars(model).update(vars(trained))
    model.set_params(**{"init_weights_function": begun} | params)
    before = dict(vars(model))
    with pytest.raises(error) as caught:
        model.fit(x, y)
    for fragment in fragments:
        assert fragment in str(caught.value)
    assert vars(model).keys() == before.keys()
    assert all(vars(model)[key] is value for key, value in before.items())
    np.testing.assert_array_equal(model.predict(X), trained.predict(X))


COUNTS = (
    "num_graph_nodes",
    "max_epochs",
    "arch_updates_per_epoch",
    "param_updates_per_epoch",
    "param_updates_for_sampled_model",
    "n_candidates",
    "n_restarts",
    "batch_size",
    "max_in_degree",
)
RATES = (
    "classifier_weight_decay",
    "param_learning_rate_max",
    "param_learning_rate_min",
    "param_weight_decay",
    "arch_learning_rate_max",
    "arch_learning_rate_min",
    "arch_weight_decay",
    "arch_weight_decay_df",
    "arch_weight_decay_base",
    "fair_darts_loss_weight",
    "grad_clip",
    "max_time",
)
FRACTIONS = ("param_momentum", "arch_momentum", "validation_fraction")
FLAGS = (
    "train_classifier_coefficients",
    "train_classifier_bias",
    "unrolled",
    "precondition",
    "warm_start",
    "dimensionless_constants_only",
    "shrinkage",
)
OR_NONE = ("batch_size", "max_in_degree")
CHOICES = ("output_type", "darts_type", "sampling_strategy", "group_coefficients")

PARAMETERS: list[tuple[str, Any, type[Exception]]] = [
    *((name, 1.5, TypeError) for name in COUNTS),
    *((name, True, TypeError) for name in COUNTS),
    *((name, "3", TypeError) for name in COUNTS),
    *((name, -1, ValueError) for name in COUNTS),
    *((name, None, TypeError) for name in COUNTS if name not in OR_NONE),
    ("num_graph_nodes", 0, ValueError),
    ("batch_size", 0, ValueError),
    ("max_in_degree", 0, ValueError),
    ("n_restarts", 0, ValueError),
    ("n_jobs", 0, ValueError),
    ("n_jobs", 1.5, TypeError),
    ("n_jobs", "2", TypeError),
    ("n_jobs", True, TypeError),
    ("max_time", 0.0, ValueError),
    ("max_time", 0, ValueError),
    ("aggregations", "sum", ValueError),
    ("aggregations", ["mean"], ValueError),
    ("aggregations", [], ValueError),
    ("aggregations", ["sum", "sum"], ValueError),
    ("aggregations", 2, TypeError),
    ("aggregations", None, TypeError),
    ("model_selection", "elbow", ValueError),
    ("model_selection", None, TypeError),
    ("tolerance", 1.0, ValueError),
    ("tolerance", -0.1, ValueError),
    ("tolerance", float("nan"), ValueError),
    ("tolerance", "much", TypeError),
    ("tolerance", None, TypeError),
    ("round_coefficients", "often", ValueError),
    ("round_coefficients", 1, TypeError),
    ("round_coefficients", None, TypeError),
    ("model_selection", 1, TypeError),
    *((name, -0.5, ValueError) for name in RATES),
    *((name, float("nan"), ValueError) for name in RATES),
    *((name, float("inf"), ValueError) for name in RATES),
    *((name, "0.1", TypeError) for name in RATES),
    *((name, False, TypeError) for name in RATES),
    ("grad_clip", 0.0, ValueError),
    *((name, 1.0, ValueError) for name in FRACTIONS),
    *((name, -0.1, ValueError) for name in FRACTIONS),
    *((name, float("nan"), ValueError) for name in FRACTIONS),
    *((name, "no", TypeError) for name in FLAGS),
    *((name, 1, TypeError) for name in FLAGS),
    *((name, "unknown", ValueError) for name in CHOICES),
    *((name, 7, TypeError) for name in CHOICES),
    *((name, None, TypeError) for name in CHOICES),
    ("execution_monitor", "print", TypeError),
    ("init_weights_function", 3, TypeError),
    ("checkpoint", 3, TypeError),
    ("checkpoint", True, TypeError),
    ("guesses", "a*x1", ValueError),
    ("constants", "c", TypeError),
    ("constants", 3, TypeError),
    ("constants", ("c",), ValueError),
    ("guesses", 3, ValueError),
    ("guesses", [], ValueError),
    ("equation", 3, ValueError),
    ("equation", "", ValueError),
]


@pytest.mark.parametrize(("name", "value", "error"), PARAMETERS)
def test_parameter(
    trained: DARTSRegressor, name: str, value: Any, error: type[Exception]
) -> None:
    refused(trained, error, [name, repr(value)], **{name: value})


def test_every_parameter_with_a_range_is_in_the_table() -> None:
    unchecked = {"primitives", "random_state", "verbose"}
    names = {name for name, *_ in PARAMETERS}
    assert names == set(DARTSRegressor().get_params()) - unchecked


@pytest.mark.parametrize(
    ("name", "allowed"), [("model_selection", SELECTIONS), ("output_type", OBJECTIVES)]
)
def test_allowed_words_are_listed_in_one_order(name: str, allowed: Iterable[str]) -> None:
    """A set of strings has another order in every process."""
    with pytest.raises(ValueError, match="must be a str among") as caught:
        DARTSRegressor(**{name: "elbow"}).fit(X, Y)
    assert f"{{{str(sorted(allowed))[1:-1]}}}" in str(caught.value)


@pytest.mark.parametrize(
    ("primitives", "error", "fragments"),
    [
        ("add", TypeError, ["primitives", "'add'"]),
        (5, TypeError, ["primitives", "5"]),
        (None, TypeError, ["primitives", "None"]),
        (["add", 5], TypeError, ["primitive", "5"]),
        (["add", "sqroot"], ValueError, ["primitives", "'sqroot'", *known_primitives()]),
        (["add", "exp", "add"], ValueError, ["primitives", "duplicates", "'add'"]),
        (["none", "zero", "add"], ValueError, ["primitives", "'none'"]),
        (["none"], ValueError, ["primitives", "'none'", "linear_exp"]),
        ([], ValueError, ["primitives", "[]", "linear_exp"]),
    ],
)
def test_primitives(
    trained: DARTSRegressor,
    primitives: Any,
    error: type[Exception],
    fragments: list[str],
) -> None:
    refused(trained, error, fragments, primitives=primitives)


def changed(array: np.ndarray, value: float) -> np.ndarray:
    array = array.copy()
    array.flat[3] = value
    return array


@pytest.mark.parametrize(
    ("x", "y", "fragments"),
    [
        (changed(X, np.nan), Y, ["X", "NaN"]),
        (changed(X, np.inf), Y, ["X", "infinity"]),
        (changed(X, -np.inf), Y, ["X", "infinity"]),
        (X, changed(Y, np.nan), ["y", "NaN"]),
        (X, changed(Y, np.inf), ["y", "infinity"]),
        (X, None, ["y"]),
        (X[:, 0], Y, ["2D array", "1D array"]),
        (X[:, :, None], Y, ["dim 3"]),
        (X, Y[:-1], ["20", "19"]),
        (X, Y[:, None, None], ["dim"]),
        (np.full((20, 2), "text"), Y, ["text"]),
        (X, np.full(20, "text"), ["text"]),
        (np.empty((0, 2)), np.empty(0), ["0 sample"]),
        (np.empty((20, 0)), Y, ["0 feature"]),
        (X + 1j, Y, ["omplex"]),
        ("text", Y, ["text"]),
    ],
)
def test_data(trained: DARTSRegressor, x: Any, y: Any, fragments: list[str]) -> None:
    refused(trained, ValueError, fragments, x=x, y=y)


@pytest.mark.parametrize(
    ("output_type", "y", "fragments"),
    [
        ("sigmoid", changed(X[:, 0], 1.5), ["y", "1.5", "'sigmoid'"]),
        ("probability", changed(X[:, 0], -0.5), ["y", "-0.5", "'probability'"]),
        ("probability_sample", changed(X[:, 0], 2), ["y", "2", "probability_sample"]),
        ("probability_distribution", changed(SHARES, -1), ["y", "-1"]),
        ("probability_distribution", SHARES * 0.5, ["y", "sum", "0.5"]),
        ("probability_distribution", X[:, 0], ["y", "(20, 1)"]),
    ],
)
def test_targets(
    trained: DARTSRegressor, output_type: str, y: np.ndarray, fragments: list[str]
) -> None:
    refused(trained, ValueError, fragments, y=y, output_type=output_type)


def test_classification_is_pointed_elsewhere(trained: DARTSRegressor) -> None:
    error = NotImplementedError
    refused(trained, error, ["output_type", "probability_sample"], output_type="class")


def test_bad_input_is_not_fitted() -> None:
    model = DARTSRegressor(max_epochs=-1)
    with pytest.raises(ValueError, match="max_epochs"):
        model.fit(X, Y)
    with pytest.raises(NotFittedError):
        model.predict(X)


@pytest.mark.parametrize(
    ("x", "fragments"),
    [
        (X[:, :1], ["1 feature", "2 feature"]),
        (changed(X, np.nan), ["X", "NaN"]),
        (changed(X, np.inf), ["X", "infinity"]),
        (X[:, 0], ["2D array"]),
        (np.empty((0, 2)), ["0 sample"]),
    ],
)
def test_predict(trained: DARTSRegressor, x: Any, fragments: list[str]) -> None:
    with pytest.raises(ValueError) as caught:
        trained.predict(x)
    assert all(fragment in str(caught.value) for fragment in fragments)


@pytest.mark.parametrize(
    "call",
    [
        "model_repr",
        "sympy",
        "latex",
        "visualize_model",
        lambda model: model.predict(X),
    ],
)
def test_not_fitted(call: Any) -> None:
    model = DARTSRegressor()
    with pytest.raises(NotFittedError):
        getattr(model, call)() if isinstance(call, str) else call(model)


@pytest.mark.parametrize(
    ("settings", "fragments"),
    [
        ({"output_format": "html"}, ["output_format", "'html'"]),
        ({"input_labels": ["a"]}, ["input_labels", "2", "['a']"]),
        ({"input_labels": "ab"}, ["input_labels", "'ab'"]),
        ({"output_labels": ["a", "b"]}, ["output_labels", "1", "['a', 'b']"]),
    ],
)
def test_model_repr(
    trained: DARTSRegressor, settings: dict[str, Any], fragments: list[str]
) -> None:
    with pytest.raises(ValueError) as caught:
        trained.model_repr(**settings)
    assert all(fragment in str(caught.value) for fragment in fragments)


def test_init_weights_function_of_another_shape(trained: DARTSRegressor) -> None:
    fragments = ["init_weights_function", "(2, 7, 2)", "(3,)"]
    refused(
        trained,
        ValueError,
        fragments,
        init_weights_function=lambda rng, shape: np.zeros(3),
    )
