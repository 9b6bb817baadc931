"""A search goes on where its process was killed, to the last bit."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autora.skl.darts import DARTSClassifier, DARTSRegressor
from autora.skl.darts.graph.primitives import Primitive
from autora.skl.darts.relaxation import bilevel, candidate_search, compilation, vmapped
from autora.skl.darts.runtime import checkpoint
from autora.skl.darts.search import loop, population

#: Run by a process of its own, which is killed.
SCRIPT = """
import sys
import numpy as np
from autora.skl.darts import DARTSRegressor
from autora.skl.darts.runtime import checkpoint
checkpoint.EVERY = 0.0
X, y = np.load(sys.argv[1]), np.load(sys.argv[2])
DARTSRegressor(checkpoint=sys.argv[3], random_state=3, n_candidates=20_000).fit(X, y)
"""


@pytest.fixture(autouse=True)
def every_state_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not only those of every few seconds."""
    monkeypatch.setattr(checkpoint, "EVERY", 0.0)


def data(outputs: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """No law of the vocabulary: the search ends by its budget."""
    rng = np.random.default_rng(0)
    X = rng.uniform(0.5, 3, (90, 2))
    y = np.sin(X[:, 0] * X[:, 1]) + 0.3 * rng.normal(size=90)
    return X, y if outputs == 1 else np.column_stack([y, y * X[:, 0]])


def regressor(**changes: Any) -> DARTSRegressor:
    return DARTSRegressor(**{"random_state": 3, "n_candidates": 3000} | changes)


def assert_same(one: Any, other: Any, X: np.ndarray) -> None:
    np.testing.assert_array_equal(one.predict(X), other.predict(X))
    np.testing.assert_array_equal(one.network_.weights, other.network_.weights)
    assert one.equations_.equals(other.equations_)


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def dies(model: Any, X: np.ndarray, y: np.ndarray, generations: int) -> None:
    """A fit whose process ends after some generations, as far as it can tell."""
    step, left = population.Population.step, [generations]

    def dying(population: Any) -> int:
        left[0] -= 1
        if left[0] < 0:
            raise MemoryError("killed")
        return step(population)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(population.Population, "step", dying)
        with pytest.raises(MemoryError):
            model.fit(X, y)


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_killed_and_resumed(tmp_path: Path) -> None:
    X, y = data()
    np.save(tmp_path / "X.npy", X)
    np.save(tmp_path / "y.npy", y)
    folder = tmp_path / "kept"
    arguments = [str(tmp_path / "X.npy"), str(tmp_path / "y.npy"), str(folder)]
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, *arguments])
    deadline = time.monotonic() + 300
    versions = set()
    while len(versions) < 3:  # states that were replaced
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        versions |= {path.stat().st_ino for path in folder.rglob("*.npz")}
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert files(folder)
    steps = []
    settings = {"n_candidates": 20_000}
    regressor(n_candidates=200).fit(X, y)  # a process's first fit has steps of its own
    with pytest.MonkeyPatch.context() as patch:
        step = population.Population.step
        patch.setattr(
            population.Population, "step", lambda self: steps.append(1) or step(self)
        )
        resumed = regressor(checkpoint=folder, **settings).fit(X, y)
        after = len(steps)
        whole = regressor(**settings).fit(X, y)
    assert_same(resumed, whole, X)
    assert after < len(steps) - after  # it did not begin at the beginning
    assert not files(folder)


CASES: dict[str, tuple[Callable[..., Any], tuple]] = {
    "restarts": (lambda **k: regressor(n_restarts=3, n_candidates=1500, **k), data()),
    "outputs": (regressor, data(2)),
    "populations": (lambda **k: regressor(**k | {"n_candidates": 15_000}), data()),
    "classes": (
        lambda **k: DARTSClassifier(random_state=0, n_candidates=4500, **k),
        (data()[0], data()[1] > 0),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_searches_of_a_fit_go_on(name: str, tmp_path: Path) -> None:
    make, (X, y) = CASES[name]
    whole = make().fit(X, y)
    for generations in (2, 5):
        dies(make(checkpoint=tmp_path), X, y, generations)
        assert files(tmp_path)
    assert_same(make(checkpoint=tmp_path).fit(X, y), whole, X)
    assert not files(tmp_path)


def test_every_generation_can_be_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also the one after which a fresh population takes over."""
    monkeypatch.setattr(checkpoint, "EVERY", 0.0)
    monkeypatch.setattr(loop, "_PATIENCE", 100)  # three generations
    X, y = data()
    whole = regressor().fit(X, y)
    for _ in range(5):
        dies(regressor(checkpoint=tmp_path), X, y, generations=1)
    assert_same(regressor(checkpoint=tmp_path).fit(X, y), whole, X)


def test_a_state_belongs_to_its_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other data, seeds, settings or code never go on from it, and leave it alone."""
    X, y = data()
    dies(regressor(checkpoint=tmp_path), X, y, generations=3)
    kept = files(tmp_path)
    for changes in ({"random_state": 4}, {"n_candidates": 2000}, {"max_in_degree": 2}):
        found = regressor(**changes, checkpoint=tmp_path).fit(X, y)
        assert_same(found, regressor(**changes).fit(X, y), X)
    found = regressor(checkpoint=tmp_path).fit(X, y + 1)
    assert_same(found, regressor().fit(X, y + 1), X)
    monkeypatch.setattr(checkpoint, "_code", lambda: "another version")
    assert_same(regressor(checkpoint=tmp_path).fit(X, y), regressor().fit(X, y), X)
    assert files(tmp_path) == kept


def test_a_damaged_file(tmp_path: Path) -> None:
    X, y = data()
    dies(regressor(checkpoint=tmp_path), X, y, generations=3)
    [path] = files(tmp_path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.warns(RuntimeWarning, match="cannot be read"):
        found = regressor(checkpoint=tmp_path).fit(X, y)
    assert_same(found, regressor().fit(X, y), X)


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any, **kwargs: Any) -> None:
        raise OSError(28, "No space left on device")

    X, y = data()
    monkeypatch.setattr(checkpoint.np, "savez", full)
    with pytest.warns(RuntimeWarning, match="cannot be written"):
        found = regressor(checkpoint=tmp_path).fit(X, y)
    assert_same(found, regressor().fit(X, y), X)
    assert not files(tmp_path)


def test_bad_checkpoints(tmp_path: Path) -> None:
    X, y = data()
    (tmp_path / "file").touch()
    bad: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({"checkpoint": 3}, TypeError, "'checkpoint' parameter"),
        ({"checkpoint": tmp_path, "random_state": None}, ValueError, "an integer"),
        ({"checkpoint": tmp_path / "file"}, ValueError, "cannot be used"),
    ]
    for changes, kind, match in bad:
        with pytest.raises(kind, match=match):
            regressor(**changes).fit(X, y)


def counted(**changes: Any) -> DARTSRegressor:
    settings = {
        "num_graph_nodes": 2,
        "primitives": ["none", "add", "mult", "sin", "exp"],
        "max_epochs": 5 * bilevel.CHUNK // 2,
        "param_updates_per_epoch": 2,
        "n_candidates": 150,
        "random_state": 3,
    }
    return DARTSRegressor(**settings | changes)


def counting(
    patch: pytest.MonkeyPatch, module: Any, name: str, fatal: int | None = None
) -> list[int]:
    """Calls of a function; the one of that number kills, as far as the fit can tell."""
    function, calls = getattr(module, name), [0]

    def counted_call(*args: Any, **kwargs: Any) -> Any:
        calls[0] += 1
        if calls[0] == fatal:
            raise RuntimeError("killed")
        return function(*args, **kwargs)

    patch.setattr(module, name, counted_call)
    return calls


COUNTED = {
    "mixture": ({}, compilation, "run_epochs", 2),
    "candidates": ({}, candidate_search, "refit", 100),
    "pruning": ({}, candidate_search, "prune", 1),
    "a later restart": ({"n_restarts": 3}, compilation, "run_epochs", 8),
    "restarts as one program": ({"n_restarts": 3}, vmapped, "run_epochs", 3),
    "draws": ({"sampling_strategy": "sample"}, compilation, "run_epochs", 3),
}


@pytest.mark.parametrize("case", COUNTED)
def test_counted_graphs_go_on(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, module, name, fatal = COUNTED[case]
    if module is vmapped:
        monkeypatch.setattr(vmapped, "worthwhile", lambda: True)
    X, y = data()
    with pytest.MonkeyPatch.context() as patch:
        calls = counting(patch, module, name)
        whole = counted(**settings).fit(X, y)
    with pytest.MonkeyPatch.context() as patch:
        counting(patch, module, name, fatal)
        with pytest.raises(RuntimeError, match="killed"):
            counted(checkpoint=tmp_path, **settings).fit(X, y)
    assert files(tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        again = counting(patch, module, name)
        resumed = counted(checkpoint=tmp_path, **settings).fit(X, y)
    assert_same(resumed, whole, X)
    for one, other in zip(resumed.history_, whole.history_, strict=True):
        np.testing.assert_array_equal(one, other)
    if name != "prune":
        assert again[0] < calls[0]  # it did not begin at the beginning
    assert not files(tmp_path)


def test_monitors_see_every_epoch(tmp_path: Path) -> None:
    X, y = data()
    with pytest.MonkeyPatch.context() as patch:
        counting(patch, compilation, "run_epochs", 3)
        with pytest.raises(RuntimeError, match="killed"):
            counted(checkpoint=tmp_path).fit(X, y)
    epochs: list[int] = []
    model = counted(
        checkpoint=tmp_path, execution_monitor=lambda epoch, **_: epochs.append(epoch)
    )
    model.fit(X, y)
    assert epochs == list(range(model.max_epochs))


def test_another_formula_is_another_training(tmp_path: Path) -> None:
    """Two primitives of a name: the state of one says nothing about the other."""
    X, y = data()

    def own(factor: float) -> dict[str, Any]:
        bent = Primitive("bent", lambda m, x: factor * m.sin(x), ())
        return {"primitives": ["none", "add", bent], "n_candidates": 20}

    with pytest.MonkeyPatch.context() as patch:
        counting(patch, compilation, "run_epochs", 3)
        with pytest.raises(RuntimeError, match="killed"):
            counted(checkpoint=tmp_path, **own(1.0)).fit(X, y)
    resumed = counted(checkpoint=tmp_path, **own(2.0)).fit(X, y)
    assert_same(resumed, counted(**own(2.0)).fit(X, y), X)
