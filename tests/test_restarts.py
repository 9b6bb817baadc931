"""Restarts: the same results whoever runs them, and no fit lost with a worker."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import joblib
import pytest

from autora.skl.darts.restarts import Restarts, WorkersDied


def restarted(search, seeds, n_jobs, enough):
    return Restarts(len(seeds), n_jobs).run(search, seeds, enough)


def never(result: object) -> bool:
    return False


def square(seed: int) -> int:
    return seed * seed


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_results_come_in_the_order_of_the_seeds(backend: str) -> None:
    with joblib.parallel_config(backend=backend):
        assert restarted(square, range(7), 2, never) == [0, 1, 4, 9, 16, 25, 36]


@pytest.mark.parametrize("n_jobs", [None, 1, 2])
def test_the_first_that_is_enough_ends_it(n_jobs: int | None) -> None:
    found = restarted(square, [5, 3, 2, 4, 1], n_jobs, lambda result: result < 10)
    assert found == [25, 9]


def test_errors_of_the_search_are_its_own() -> None:
    def search(seed: int) -> int:
        return 1 // seed

    with pytest.raises(ZeroDivisionError) as caught:
        restarted(search, [2, 0, 1], 2, never)
    assert "1 // seed" in str(caught.value.__notes__)
    with pytest.raises(ZeroDivisionError):
        restarted(search, [2, 0, 1], 1, never)


def test_a_worker_that_dies_once_is_forgiven(tmp_path: Path) -> None:
    flag = tmp_path / "died"

    def search(seed: int) -> int:
        if seed == 2 and not flag.exists():
            flag.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return seed

    assert restarted(search, [1, 2, 3], 2, never) == [1, 2, 3]
    assert flag.exists()


def test_a_worker_that_always_dies_loses_its_restarts_only(tmp_path: Path) -> None:
    def search(seed: int) -> int:
        if seed == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return seed

    with pytest.warns(RuntimeWarning, match="restarts are lost"):
        found = restarted(search, [1, 2, 3, 4, 5], 2, never)
    assert found == [1, 2, 4, 5]
    with pytest.raises(WorkersDied, match="all 2 restarts"):
        restarted(search, [3, 3], 2, never)


def test_waves() -> None:
    cases = [(4, 2), (5, 2), (3, None), (1, 2)]
    assert [Restarts(*case).waves for case in cases] == [2, 3, 3, 1]
