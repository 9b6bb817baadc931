"""Restarts: the same results whoever runs them, and no fit lost with a worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import joblib
import numpy as np
import pytest

from autora.skl.darts import DARTSRegressor
from autora.skl.darts.fitting.problem import Problem, mean_loss
from autora.skl.darts.runtime.budget import Budget
from autora.skl.darts.runtime.restarts import Restarts, WorkersDied
from autora.skl.darts.search import parallel


def restarted(search, seeds, n_jobs, enough):
    return Restarts(len(seeds), n_jobs).run(search, seeds, enough)[0]


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


@pytest.mark.filterwarnings("error::UserWarning")
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_an_early_end_is_no_news(n_jobs: int) -> None:
    assert restarted(square, range(1, 20), n_jobs, lambda result: result > 3) == [1, 4]


@pytest.mark.filterwarnings("error::UserWarning")
def test_errors_of_the_search_are_its_own() -> None:
    def search(seed: int) -> int:
        return 1 // seed

    with pytest.raises(ZeroDivisionError) as caught:
        restarted(search, [2, 0, 1], 2, never)
    assert "in search" in str(caught.value.__notes__)
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


def test_an_interruption_keeps_the_restarts_that_are_done() -> None:
    def search(seed: int) -> int:
        if seed == 3:
            raise KeyboardInterrupt
        return seed

    done, interruption = Restarts(4).run(search, [1, 2, 3, 4], never)
    assert done == [1, 2] and isinstance(interruption, KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        Restarts(1).run(search, [3], never)


def test_waves() -> None:
    cases = [(4, 2), (5, 2), (3, None), (1, 2)]
    assert [Restarts(*case).waves for case in cases] == [2, 3, 3, 1]


def law(rows: int = 60) -> tuple[np.ndarray, np.ndarray]:
    X = np.random.default_rng(0).uniform(0.5, 3, (rows, 2))
    noise = 0.05 * np.random.default_rng(1).normal(size=rows)
    return X, X[:, 0] / (1.5 + X[:, 1]) + noise


SETTINGS: dict[str, dict[str, Any]] = {
    "open": {"n_candidates": 1500},
    "counted": {"num_graph_nodes": 1, "max_epochs": 3, "n_candidates": 30},
}


def restarted_fit(**settings: Any) -> DARTSRegressor:
    return DARTSRegressor(random_state=0, **settings).fit(*law())


@pytest.mark.parametrize("kind", SETTINGS)
@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_the_number_of_workers_changes_no_bit(kind: str, backend: str) -> None:
    settings = SETTINGS[kind] | {"n_restarts": 3}
    alone = restarted_fit(n_jobs=1, **settings)
    with joblib.parallel_config(backend):
        together = restarted_fit(n_jobs=2, **settings)
    X = law()[0]
    assert np.array_equal(alone.predict(X), together.predict(X))
    assert alone.model_repr() == together.model_repr()
    assert np.array_equal(alone.network_.weights, together.network_.weights)
    assert list(alone.equations_.loss) == list(together.equations_.loss)
    if kind == "open":
        refits = alone.history_.refits, together.history_.refits
        assert refits[0][-1] == refits[1][-1] and len(refits[1]) == 3


@pytest.mark.parametrize("kind", SETTINGS)
def test_restarts_are_searches_of_their_own(kind: str) -> None:
    fits = [restarted_fit(n_restarts=n, **SETTINGS[kind]) for n in (1, 4)]
    X, y = law()
    one, four = (mean_loss(f.model_, Problem(X, y[:, None], np.ones(60))) for f in fits)
    assert four <= one * 1.5
    if kind == "open":
        assert fits[1].history_.refits[-1] > 2 * fits[0].history_.refits[-1]


def test_threads_end_with_the_first_that_is_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    real, begun, heard = parallel.evolve, threading.Event(), threading.Event()

    def evolve(*task: Any) -> Any:
        _, _, _, rng, watch, *_ = task
        if rng.bit_generator.seed_seq.spawn_key[-1] == 0:
            assert begun.wait(60)  # else there may be nobody to hear of it
            return real(*task)
        begun.set()
        try:  # the second would never end
            archive, begin = real(*task), time.monotonic()
            while time.monotonic() < begin + 120:
                watch(archive, 1)
                time.sleep(0.01)
        except BaseException:
            heard.set()
            raise
        return archive

    monkeypatch.setattr(parallel, "evolve", evolve)
    X = law()[0]
    model = DARTSRegressor(n_restarts=2, n_jobs=2, n_candidates=1500, random_state=0)
    model.fit(X, X[:, 0] * X[:, 1])
    assert heard.wait(60) and model.score(X, X[:, 0] * X[:, 1]) > 1 - 1e-12


@pytest.mark.parametrize(
    "workers, seconds, threads",
    [(2, np.inf, True), (2, 10.0, True), (2, 60.0, False), (8, 10.0, False)],
)
def test_short_searches_do_not_wait_for_processes(
    workers: int, seconds: float, threads: bool
) -> None:
    frame = SimpleNamespace(primitives=())
    search = SimpleNamespace(bounds=frame, budget=SimpleNamespace(seconds=seconds))
    assert parallel._in_threads(search, Restarts(8, workers)) is threads


def test_the_start_of_a_worker_is_part_of_the_time() -> None:
    unused: Any = None
    search = parallel.Search(*[unused] * 3, Budget(seconds=10.0), *[unused] * 2)
    left = {10.0: np.inf, 7.0: 7.0, 5.0: -60.0}  # the last worker's clock is wrong
    for seconds, ahead in left.items():
        late = replace(search, deadline=time.time() + ahead)
        assert late._budget().seconds == pytest.approx(seconds, abs=0.1)


FORKED = """
import joblib, sys
sys.path.insert(0, sys.argv[1])
from test_restarts import SETTINGS, law, restarted_fit
with joblib.parallel_config(backend="multiprocessing"):
    model = restarted_fit(n_restarts=2, n_jobs=2, **SETTINGS["counted"])
print(model.model_repr(decimals_to_display=12))
"""


def test_forked_workers_give_the_same_bits() -> None:
    """As long as JAX has not started here, which must not happen before they do."""
    script = [sys.executable, "-c", FORKED, str(Path(__file__).parent)]
    done = subprocess.run(script, capture_output=True, text=True, timeout=300)
    alone = restarted_fit(n_restarts=2, **SETTINGS["counted"])
    expected = alone.model_repr(decimals_to_display=12)
    assert done.stdout.strip() == expected, done.stderr[-2000:]


def test_dask_workers_give_the_same_bits_even_when_one_is_killed() -> None:
    distributed = pytest.importorskip("distributed")
    settings = SETTINGS["counted"] | {"n_restarts": 6}
    alone = restarted_fit(n_jobs=1, **settings)
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    )
    with cluster, distributed.Client(cluster) as client:
        pids = list(client.run(os.getpid).values())
        killer = threading.Timer(1.0, os.kill, (pids[0], signal.SIGKILL))
        killer.start()
        with joblib.parallel_config(backend="dask"):
            spread = restarted_fit(**settings)
        killer.join()
        assert pids != list(client.run(os.getpid).values())
    assert spread.model_repr(decimals_to_display=12) == alone.model_repr(
        decimals_to_display=12
    )
    assert np.array_equal(spread.predict(law()[0]), alone.predict(law()[0]))
