"""Data and settings that several test modules share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from autora.skl.darts.graph import primitives
from autora.skl.darts.runtime import disk_cache

#: Examples per property; a fit counts for many, as its test says.
settings.register_profile(
    "everyday", max_examples=48, derandomize=True, deadline=None, database=None
)
settings.register_profile(
    "long",
    max_examples=3000,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("everyday")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="run what is marked long, too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What is slow and rarely breaks alone is left to `--long` and the benchmarks."""
    if not config.getoption("--long"):
        left_out = [item for item in items if item.get_closest_marker("long")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker("long")]


@pytest.fixture(scope="session", autouse=True)
def disk_cache_of_this_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Programs of earlier runs hide no mistake; those of this run serve all processes."""
    home = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # the folder of one of several processes
        home = home.parent
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(disk_cache.VARIABLE, str(home / "programs"))
        yield


@pytest.fixture
def quick() -> dict[str, Any]:
    """Settings of a fit whose search is not what is being tested."""
    return {
        "max_epochs": 2,
        "param_updates_per_epoch": 2,
        "n_candidates": 20,
        "num_graph_nodes": 1,
        "random_state": 0,
    }


@pytest.fixture
def plane() -> tuple[np.ndarray, np.ndarray]:
    """60 rows of y = 2·x1 − x2 + noise."""
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (60, 2))
    return X, 2 * X[:, 0] - X[:, 1] + 0.01 * rng.normal(size=60)


@pytest.fixture
def own_table(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A copy of the table of primitives, so that registering leaves no trace."""
    table = dict(primitives._TABLE)
    monkeypatch.setattr(primitives, "_TABLE", table)
    return table
