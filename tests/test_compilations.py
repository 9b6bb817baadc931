"""How many XLA programs the relaxed search costs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
import pytest
from sklearn.model_selection import KFold, cross_val_score

from autora.skl.darts import DARTSRegressor
from autora.skl.darts.runtime import disk_cache

EVENT = "/jax/core/compile/backend_compile_duration"
#: The listener stays registered, for jax has no public way to remove a single one.
_ACTIVE: list[list[str]] = []


def _listener(event: str, *_: Any, **__: Any) -> None:
    if event == EVENT:
        for log in _ACTIVE:
            log.append(event)


@pytest.fixture(autouse=True)
def no_disk_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(disk_cache.VARIABLE, "0")


@pytest.fixture(scope="module", autouse=True)
def listening() -> None:
    jax.monitoring.register_event_duration_secs_listener(_listener)


@pytest.fixture
def compiled() -> Iterator[list[str]]:
    """One entry per program compiled while a test runs."""
    log: list[str] = []
    _ACTIVE.append(log)
    yield log
    _ACTIVE.remove(log)


def data(rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    X = np.random.default_rng(seed).normal(size=(rows, 3))
    return X, X @ [1.0, 2.0, 3.0]


def regressor(vocabulary: list[str], **settings: Any) -> DARTSRegressor:
    """Every test has a vocabulary of its own, which nothing else has compiled."""
    return DARTSRegressor(
        num_graph_nodes=1,
        max_epochs=2,
        param_updates_per_epoch=2,
        n_candidates=5,
        random_state=0,
        primitives=vocabulary,
    ).set_params(**settings)


def test_a_listener_hears_a_compilation(compiled: list[str]) -> None:
    jax.jit(lambda x: x * 1.2345 + 6)(np.ones(7, np.float32))
    assert len(compiled) >= 1


def test_second_fit_compiles_nothing(compiled: list[str]) -> None:
    vocabulary = ["mult", "none", "sin"]
    regressor(vocabulary).fit(*data(40))
    assert len(compiled) == 1
    regressor(vocabulary).fit(*data(40, seed=1))
    assert len(compiled) == 1


def test_rates_and_counts_compile_nothing(compiled: list[str]) -> None:
    vocabulary = ["none", "mult", "tanh"]
    regressor(vocabulary).fit(*data(40))
    before = len(compiled)
    for i in range(1, 6):
        regressor(
            vocabulary,
            param_learning_rate_max=0.1 / i,
            arch_learning_rate_max=0.01 * i,
            param_momentum=0.1 * i,
            arch_momentum=0.15 * i,
            param_weight_decay=1e-3 * i,
            max_epochs=i,
            param_updates_per_epoch=i,
            arch_updates_per_epoch=i,
            precondition=bool(i % 2),
            train_classifier_bias=bool(i % 2),
            train_classifier_coefficients=bool(i % 3),
        ).fit(*data(40))
    assert len(compiled) == before == 1


def test_cross_validation_shares_a_program(compiled: list[str]) -> None:
    X, y = data(100)
    assert len({len(train) for train, _ in KFold(3).split(X)}) == 2
    cross_val_score(regressor(["none", "cos", "mult"]), X, y, cv=3)
    assert len(compiled) == 1


def test_growing_data_share_two_programs(compiled: list[str]) -> None:
    for rows in range(10, 101, 10):
        regressor(["none", "subtract", "mult"]).fit(*data(rows))
    assert 1 <= len(compiled) <= 2


def test_a_new_vocabulary_is_a_new_program(compiled: list[str]) -> None:
    regressor(["none", "mult", "relu"]).fit(*data(40))
    regressor(["none", "mult", "relu", "add"]).fit(*data(40))
    assert len(compiled) == 2
