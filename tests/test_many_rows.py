"""Rows by the thousand: samples first, derivatives in blocks, and the same answers."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autora.skl.darts import DARTSClassifier, DARTSRegressor
from autora.skl.darts.fitting import coefficients, refit
from autora.skl.darts.graph.architecture import Coefs
from autora.skl.darts.graph.observations import canonical
from autora.skl.darts.graph.primitives import resolve
from autora.skl.darts.graph.search_space import SearchSpace
from autora.skl.darts.relaxation import bilevel, fit
from autora.skl.darts.relaxation.xla import rows_at
from autora.skl.darts.search import finalize

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
    monkeypatch.setattr(fit, "_FEW_ROWS", 150)
    sampled = DARTSRegressor(**COUNTED).fit(X, y)
    np.testing.assert_array_equal(sampled.model_.architecture, exact.model_.architecture)
    np.testing.assert_allclose(sampled.predict(X), exact.predict(X), rtol=1e-6)


def test_open_searches_settle_on_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = table(600)
    settings = {"random_state": 0, "primitives": PRIMITIVES, "n_candidates": 1500}
    exact = DARTSRegressor(**settings).fit(X, y)
    monkeypatch.setattr(finalize, "_SAMPLES", ((150, 100), (300, 8)))
    sampled = DARTSRegressor(**settings).fit(X, y)
    assert len(sampled.equations_) >= 2
    best = np.mean((exact.predict(X) - y) ** 2)
    assert np.mean((sampled.predict(X) - y) ** 2) <= best * 1.01


def test_rows_are_sorted_by_all_columns() -> None:
    rng = np.random.default_rng(0)
    for values in (3, 40, 10**6):  # all tied, some, none
        drawn = rng.integers(0, values, (200, 3)).astype(float)
        rows = canonical(drawn, np.zeros((200, 1)), np.ones(200))
        np.testing.assert_array_equal(rows.x, np.unique(drawn, axis=0))


# Training in batches


def results(jaxpr: Any) -> Iterator[tuple[str, tuple[int, ...]]]:
    """What a program computes, loops included: operations and their shapes."""
    for step in jaxpr.eqns:
        yield from ((step.primitive.name, tuple(v.aval.shape)) for v in step.outvars)
        for inner in jax.tree.leaves(
            list(step.params.values()), is_leaf=lambda v: hasattr(v, "jaxpr")
        ):
            if hasattr(inner, "jaxpr"):
                yield from results(inner.jaxpr)


def numbered_rows(n: int, n_valid: int, size: int) -> bilevel.Data:
    """Rows that know their number; what is after row ``n`` is padding."""
    x = np.arange(size, dtype="f4")[:, None]
    train = (np.arange(size) < n - n_valid).astype("f4")
    valid = ((np.arange(size) >= n - n_valid) & (np.arange(size) < n)).astype("f4")
    spans = np.array([[0, n - n_valid], [n - n_valid, n_valid]], np.int32)
    return bilevel.Data(x, x, train, valid, np.float32(1), spans)


def batched(batch: int) -> bilevel.Static:
    return bilevel.Static(SearchSpace(1, 1, 1, resolve(("add",))), "real", batch_size=batch)


@pytest.mark.parametrize("level, offset", [(0, 0), (0, 55), (1, 0), (1, 17)])
def test_batches_are_a_walk_through_the_rows_of_a_level(level: int, offset: int) -> None:
    data = numbered_rows(n=100, n_valid=20, size=128)
    first, count = data.spans[level]
    steps = [
        bilevel._batch(batched(10), data, level, offset, s) for s in range(count // 10)
    ]
    seen = np.concatenate([np.asarray(rows.x[:, 0]) for rows in steps])
    assert sorted(seen.tolist()) == list(range(first, first + count))
    assert all(np.all(np.asarray(rows.weight) == 1) for rows in steps)


def test_a_level_smaller_than_a_batch_counts_every_row_once() -> None:
    data = numbered_rows(n=100, n_valid=20, size=128)
    rows = bilevel._batch(batched(64), data, 1, 7, 3)
    counted = np.asarray(rows.x[:, 0])[np.asarray(rows.weight) > 0]
    assert sorted(counted.tolist()) == list(range(80, 100))


def test_the_program_of_a_batched_step_does_not_see_all_rows() -> None:
    """Nothing as long as the data is computed, neither in an epoch nor in a step."""
    rows, static = 1 << 15, batched(64)
    data = numbered_rows(n=rows, n_valid=rows // 4, size=rows)
    state = bilevel.State(
        *(np.zeros((1, 1), "f4"),) * 3, np.float32(0),
        Coefs(np.zeros((1, 1, 1), "f4"), np.ones((1, 1), "f4"), np.zeros(1, "f4")),
        np.int32(0), np.zeros(2, np.uint32),
    )  # fmt: skip
    hyper = bilevel.Hyper(*(np.float32(0.1),) * len(bilevel.Hyper._fields))
    hyper = hyper._replace(arch_updates=1, param_updates=2, max_epochs=2)
    program = jax.make_jaxpr(partial(bilevel.run_epochs, static))(hyper, data, state, 1)
    made = list(results(program.jaxpr))
    assert ("gather", (64, 1)) in made
    assert [found for found in made if rows in found[1]] == []


@pytest.mark.parametrize("rows", [64, 100])
@pytest.mark.parametrize("size", [8, 16, 40])
def test_rows_of_a_batch_are_picked(rows: int, size: int) -> None:
    """Levels anywhere in the table, of any length, and batches that begin again."""
    rng = np.random.default_rng(0)
    x, y = jnp.arange(2 * rows).reshape(rows, 2), jnp.arange(rows)
    picked = jax.jit(lambda first, at: rows_at(first, at, (x, y)))
    for _ in range(60):
        first = rng.integers(0, rows)
        count = rng.integers(1, rows - first + 1)
        at = first + (rng.integers(0, 1000) + np.arange(size)) % count
        found, expected = picked(first, at), at[:count]
        np.testing.assert_array_equal(found[0][:count], x[expected])
        np.testing.assert_array_equal(found[1][:count], y[expected])
