"""Rows by the thousand: samples first, derivatives in blocks, and the same answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from autora.skl.darts import (
    DARTSClassifier,
    DARTSRegressor,
    coefficients,
    explore,
    fitting,
    observations,
    refit,
)

PRIMITIVES = ["none", "add", "mult", "linear_exp"]
COUNTED = {
    "num_graph_nodes": 1,
    "primitives": PRIMITIVES,
    "train_classifier_coefficients": True,
    "train_classifier_bias": True,
    "max_epochs": 2,
    "n_candidates": 40,
    "random_state": 0,
}


def table(rows: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.uniform(0.5, 3, (rows, 2))
    noise = rng.normal(0, 0.05, rows)
    return X, 2 * X[:, 0] + np.exp(-1.5 * X[:, 1]) + noise


@pytest.mark.parametrize("kind", [DARTSRegressor, DARTSClassifier])
def test_blocks_add_up(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = table(300)
    y = y if kind is DARTSRegressor else np.digitize(y, [2, 4])
    model = kind(**COUNTED).fit(X, y)
    targets = y[:, None] if kind is DARTSRegressor else np.eye(3)[y]
    problem = refit.Problem(X, targets, np.linspace(1, 2, 300), True, True)
    moved = model.model_.replace(edge=model.model_.edge * 1.2)
    whole = refit.levenberg_marquardt(problem, moved, 200)
    errors = coefficients.standard_errors(problem, whole.model)
    monkeypatch.setattr(refit, "_BLOCK", 70)
    assert sum(1 for _ in refit.blocks(problem)) == 5
    parts = refit.levenberg_marquardt(problem, moved, 200)
    assert parts.loss == pytest.approx(whole.loss, rel=1e-6)
    in_parts = coefficients.standard_errors(problem, whole.model)
    np.testing.assert_allclose(in_parts, errors, rtol=1e-6)


def test_a_start_that_is_not_finite_in_one_block_loses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    X, y = table(300)
    model = DARTSRegressor(**COUNTED).fit(X, y).model_
    X[250] = np.inf
    monkeypatch.setattr(refit, "_BLOCK", 70)
    problem = refit.Problem(X, y[:, None], np.ones(300), True, True)
    assert refit.levenberg_marquardt(problem, model, 5).loss == np.inf


def test_counted_graphs_settle_on_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = table(600)
    exact = DARTSRegressor(**COUNTED).fit(X, y)
    monkeypatch.setattr(fitting, "_FEW_ROWS", 150)
    sampled = DARTSRegressor(**COUNTED).fit(X, y)
    np.testing.assert_array_equal(sampled.model_.architecture, exact.model_.architecture)
    np.testing.assert_allclose(sampled.predict(X), exact.predict(X), rtol=1e-6)


def test_open_searches_settle_on_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = table(600)
    settings = {"random_state": 0, "primitives": PRIMITIVES, "n_candidates": 1500}
    exact = DARTSRegressor(**settings).fit(X, y)
    monkeypatch.setattr(explore, "_SAMPLES", ((150, 100), (300, 8)))
    sampled = DARTSRegressor(**settings).fit(X, y)
    assert len(sampled.equations_) >= 2
    best = np.mean((exact.predict(X) - y) ** 2)
    assert np.mean((sampled.predict(X) - y) ** 2) <= best * 1.01


def test_rows_are_sorted_by_all_columns() -> None:
    rng = np.random.default_rng(0)
    for values in (3, 40, 10**6):  # all tied, some, none
        drawn = rng.integers(0, values, (200, 3)).astype(float)
        wanted = drawn[np.lexsort(drawn.T[::-1])]
        np.testing.assert_array_equal(drawn[observations._order(drawn)], wanted)
