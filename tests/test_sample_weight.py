"""Weights of rows: repetitions, shares, and what every stage makes of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from autora.skl.darts import DARTSRegressor
from autora.skl.darts.graph.observations import canonical

Plane = tuple[np.ndarray, np.ndarray]
Settings = dict[str, Any]


def bits(model: DARTSRegressor) -> list[bytes]:
    found = model.model_
    arrays = [found.architecture, found.edge, found.readout, found.bias]
    arrays += [model.network_.weights, *model.history_]
    arrays += [model.coefficients_.standard_error]
    return [np.asarray(a).tobytes() for a in arrays]


def columns(plane: Plane) -> tuple[np.ndarray, np.ndarray]:
    X, y = plane
    return X, y[:, None]


def frequencies(seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 4, 60)


SEARCHES: dict[str, Settings] = {
    "counted": {},
    "trained read-out": {"train_classifier_coefficients": True, "num_graph_nodes": 2},
    "held out": {"model_selection": "holdout"},
    "mini-batches": {"batch_size": 16},
    "likelihood": {"output_type": "probability_sample"},
    "open": {"num_graph_nodes": "auto", "n_candidates": 1500},
    "open, held out": {
        "num_graph_nodes": "auto",
        "n_candidates": 1500,
        "model_selection": "holdout",
    },
}


@pytest.mark.parametrize("name", SEARCHES)
def test_whole_weights_are_repetitions(plane: Plane, quick: Settings, name: str) -> None:
    X, y = plane
    if name == "likelihood":
        y = (y > 0).astype(float)
    often = frequencies()
    settings = quick | SEARCHES[name]
    weighted = DARTSRegressor(**settings).fit(X, y, sample_weight=often)
    order = np.random.default_rng(2).permutation(often.sum())
    X_often, y_often = (a.repeat(often, axis=0)[order] for a in (X, y))
    repeated = DARTSRegressor(**settings).fit(X_often, y_often)
    assert bits(weighted) == bits(repeated)
    without = DARTSRegressor(**settings).fit(X, y)
    assert bits(without) != bits(weighted)


def test_only_ratios_matter_where_weights_are_not_whole(
    plane: Plane, quick: Settings
) -> None:
    weight = np.random.default_rng(3).uniform(0.1, 2, 60)
    small, large = (
        DARTSRegressor(**quick).fit(*plane, sample_weight=factor * weight)
        for factor in (2.0**-20, 2.0**20)
    )
    assert bits(small) == bits(large)
    assert canonical(*columns(plane), weight).weight.sum() == pytest.approx(60)


def test_weights_decide_between_two_laws(quick: Settings) -> None:
    X = np.linspace(-1, 1, 40)[:, None]
    y = np.where(np.arange(40) % 2, 3 * X[:, 0], np.exp(X[:, 0]))
    for odd, law in ((1.0, 3 * X[:, 0]), (0.0, np.exp(X[:, 0]))):
        weight = np.where(np.arange(40) % 2 == odd, 1.0, 1e-9)
        for nodes in (1, "auto"):
            settings = quick | {"num_graph_nodes": nodes, "n_candidates": 500}
            settings["primitives"] = ["none", "mult", "exp"]
            model = DARTSRegressor(**settings).fit(X, y, sample_weight=weight)
            np.testing.assert_allclose(model.predict(X), law, atol=1e-3)
            assert model.score(X, y, sample_weight=weight) > 0.999


def test_standard_errors_are_those_of_weighted_least_squares() -> None:
    rng = np.random.default_rng(0)
    X, weight = rng.uniform(-1, 1, (50, 1)), rng.uniform(0.2, 3, 50)
    y = 3 * X[:, 0] + 1 + rng.normal(size=50) / np.sqrt(weight)
    model = DARTSRegressor(
        num_graph_nodes=1, primitives=["linear"], max_epochs=1, n_candidates=1
    ).fit(X, y, sample_weight=weight)
    weight = weight * 50 / weight.sum()
    design = np.column_stack([X[:, 0], np.ones(50)])
    normal = design.T @ (design * weight[:, None])
    expected = np.linalg.solve(normal, design.T @ (weight * y))
    residual = y - design @ expected
    variance = weight @ residual**2 / 48
    errors = np.sqrt(variance * np.diag(np.linalg.inv(normal)))
    np.testing.assert_allclose(model.coefficients_.coefficient, expected, rtol=1e-8)
    np.testing.assert_allclose(model.coefficients_.standard_error, errors, rtol=1e-6)


def test_canonical_rows() -> None:
    x = np.array([[2.0, 1], [0.0, 5], [2, 1], [-0.0, 5], [7, 7]])
    y = np.array([[1.0], [2], [1], [2], [3]])
    rows = canonical(x, y, np.array([1.0, 2, 3, 4, 0]))
    np.testing.assert_array_equal(rows.x, [[0, 5], [2, 1]])
    np.testing.assert_array_equal(rows.y, [[2], [1]])
    # Rows that only say the same again are one observation each; their shares stay.
    np.testing.assert_allclose(rows.weight, [1.2, 0.8], rtol=1e-9)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ([-1.0] + [1.0] * 59, "sample_weight must not be negative, got -1"),
        ([np.nan] * 60, "sample_weight contains NaN"),
        ([np.inf] * 60, "sample_weight contains infinity"),
        ([1.0] * 59, r"one number per row of X, shape \(60,\), got shape \(59,\)"),
        (np.ones((60, 1)), r"got shape \(60, 1\)"),
        (np.zeros(60), "sample_weight is zero for every row"),
        (0.0, "sample_weight is zero for every row"),
    ],
)
def test_bad_weights(
    plane: Plane,
    quick: Settings,
    weight: Any,
    message: str,
) -> None:
    def begun(*_: Any) -> None:
        raise AssertionError("the fit went on to compute")

    model = DARTSRegressor(**quick).fit(*plane).set_params(init_weights_function=begun)
    before = dict(vars(model))
    with pytest.raises(ValueError, match=message):
        model.fit(*plane, sample_weight=weight)
    assert all(vars(model)[key] is value for key, value in before.items())
