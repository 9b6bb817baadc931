"""Diverging searches, threads, forks, global state, full disks, and warnings that help."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import warnings
from pathlib import Path
from typing import Any

import jax
import joblib
import numpy as np
import pandas as pd
import pytest
import sympy
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_info, threadpool_limits

from autora.skl.darts import DARTSRegressor
from autora.skl.darts.estimators import diagnostics
from autora.skl.darts.fitting.problem import Problem
from autora.skl.darts.graph.objectives import OBJECTIVES
from autora.skl.darts.graph.primitives import Primitive, builtin
from autora.skl.darts.relaxation.mixture import guarded
from autora.skl.darts.runtime import disk_cache
from autora.skl.darts.search.fit import _improves
from autora.skl.darts.selection.result import SearchHistory

X = np.random.default_rng(0).uniform(0.5, 2, (30, 2))
Y = 2 * X[:, 0] - X[:, 1] ** 2
COUNTED: dict[str, Any] = {
    "num_graph_nodes": 1,
    "max_epochs": 2,
    "param_updates_per_epoch": 2,
    "n_candidates": 20,
    "random_state": 0,
}
OPEN: dict[str, Any] = {"n_candidates": 1200, "random_state": 0}


def fit_with_warnings(
    x: Any, y: Any, **params: Any
) -> tuple[DARTSRegressor, list[warnings.WarningMessage]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.simplefilter("error", RuntimeWarning)
        model = DARTSRegressor(**params).fit(x, y)
    assert all(Path(w.filename) == Path(__file__) for w in caught)
    return model, caught


def messages(x: Any, y: Any, **params: Any) -> list[str]:
    return [str(w.message) for w in fit_with_warnings(x, y, **params)[1]]


# Numbers without end


ARGUMENTS = np.array(
    [0.0, -0.0, 1e-45, 1e-38, 0.5, 1.0, 89.0, 1e20, 1e38, 3.4e38, np.inf], np.float32
)


@pytest.mark.parametrize("primitive", builtin(), ids=lambda p: p.name)
def test_no_gradient_is_nan_anywhere(primitive: Primitive) -> None:
    """In the mixture: whatever the argument and the coefficients."""
    numbers = np.unique(np.concatenate([ARGUMENTS, -ARGUMENTS]))
    count = 1 + primitive.n_params
    grid = np.stack(np.meshgrid(*[numbers] * count), axis=-1).reshape(-1, count).T
    function = guarded(primitive)
    for place in range(count):
        seeds = [np.full_like(column, i == place) for i, column in enumerate(grid)]
        primals, tangents = (tuple(map(jax.numpy.asarray, a)) for a in (grid, seeds))
        value, slope = jax.jvp(function, primals, tangents)
        assert np.isfinite(value).all() and np.isfinite(slope).all()


@pytest.mark.parametrize(
    ("changes", "y"),
    [
        (COUNTED, Y),
        (COUNTED | {"n_restarts": 3}, Y),
        (OPEN, Y),
        (OPEN, np.column_stack([Y, -Y])),
        (OPEN | {"output_type": "probability_sample"}, (Y > 1).astype(float)),
    ],
)
def test_where_everything_diverges_the_mean_is_left(changes: Any, y: np.ndarray) -> None:
    model, caught = fit_with_warnings(-X, y, primitives=["none", "ln"], **changes)
    assert [w.category for w in caught] == [ConvergenceWarning]
    assert not model.converged_
    np.testing.assert_allclose(
        model.predict(-X), np.broadcast_to(y.mean(axis=0), y.shape), rtol=1e-9
    )


@pytest.mark.parametrize("kind", [COUNTED, OPEN])
@pytest.mark.parametrize(
    "scales", [(1e300, 1), (1e-300, 1), (1, 1e300), (1, 1e-300), (1, 1e307), (1e160, 1e160)]
)
def test_sizes_beyond_all_bounds(kind: Any, scales: tuple[float, float]) -> None:
    """Finite predictions, finite coefficients, a file, and a warning that names them."""
    x, y = X * scales[0], Y * scales[1]
    model, caught = fit_with_warnings(x, y, **kind)
    assert np.isfinite(model.predict(x)).all()
    assert all(m.is_finite for m in [model.model_, *model.candidates_])
    assert model.from_json(model.to_json()).predict(x).tobytes() == (
        model.predict(x).tobytes()
    )
    first = next(w for w in caught if w.category is diagnostics.DataWarning)
    named = "'x1'" if scales[0] != 1 else "'y'"
    assert named in str(first.message) and "other units" in str(first.message)
    assert sum(w.category is ConvergenceWarning for w in caught) <= 1


def test_undefined_parts_are_undefined_equations() -> None:
    """SymPy's Max of an undefined number raises."""
    from autora.skl.darts.equations.symbolic import SYMPY

    for number in (sympy.nan, sympy.zoo):
        assert SYMPY.maximum(number, 0) is sympy.nan


# Threads, processes and what is global


def bits(params: dict[str, Any]) -> tuple[str, bytes]:
    model = DARTSRegressor(**params).fit(X, Y)
    return model.model_repr(decimals_to_display=12), model.predict(X).tobytes()


SETTINGS = [COUNTED, OPEN]


def test_threads_find_the_same_bits() -> None:
    alone = [bits(params) for params in SETTINGS]
    found: dict[int, Any] = {}
    before = list(warnings.filters)

    def work(i: int) -> None:
        found[i] = bits(SETTINGS[i % len(SETTINGS)])

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
    assert [found[i] for i in range(4)] == alone * 2
    assert list(warnings.filters) == before


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_joblib_finds_the_same_bits(backend: str) -> None:
    jobs = SETTINGS[:1]  # a process of its own would compile the open search again
    alone = [bits(params) for params in jobs] * 2
    work = (joblib.delayed(bits)(params) for params in jobs * 2)
    assert joblib.Parallel(2, backend=backend)(work) == alone


FORK = """
import multiprocessing, warnings
import numpy as np
from autora.skl.darts import DARTSRegressor

x = np.linspace(1, 2, 20)[:, None]
model = DARTSRegressor(num_graph_nodes=1, max_epochs=1, n_candidates=2, random_state=0)

def work(queue):
    try:
        model.fit(x, x[:, 0])
    except RuntimeError as error:
        queue.put((str(error), model.predict(x).tobytes()))

model.fit(x, x[:, 0])
context = multiprocessing.get_context("fork")
queue = context.Queue()
warnings.simplefilter("ignore")  # JAX's own, of the fork
child = context.Process(target=work, args=(queue,))
child.start()
message, predicted = queue.get(timeout=60)
child.join(60)
assert child.exitcode == 0
assert "spawn" in message and predicted == model.predict(x).tobytes()
print("refused")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_after_jax_has_started_is_refused() -> None:
    """It would wait for ever; what needs no JAX, such as predictions, still works."""
    done = subprocess.run(
        [sys.executable, "-c", FORK], capture_output=True, text=True, timeout=200
    )
    assert done.stdout.strip() == "refused", done.stderr


def state() -> list[Any]:
    names = sorted(jax.config.values)
    numbers = np.random.get_state()
    return [
        numbers[1].tobytes(),
        numbers[2:],
        random.getstate(),
        list(warnings.filters),
        {name: repr(getattr(jax.config, name, None)) for name in names},
        np.geterr(),
        np.get_printoptions(),
        dict(os.environ),
        jax.numpy.ones(1, float).dtype,
        threading.stack_size(),
    ]


@pytest.mark.parametrize("params", [*SETTINGS, COUNTED | {"n_restarts": 2, "n_jobs": 2}])
def test_nothing_global_is_touched(params: dict[str, Any]) -> None:
    before = state()
    model = DARTSRegressor(**params).fit(X, Y)
    model.predict(X), model.latex(), model.to_json(), model.coefficients_
    assert state() == before


# Disks


def full(*_: Any, **__: Any) -> Any:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("place", ["full", "read-only"])
def test_a_disk_that_takes_nothing_costs_no_fit(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The programs are compiled as if there were no cache, and nobody is told."""
    monkeypatch.setenv(disk_cache.VARIABLE, str(tmp_path))
    if place == "full":
        monkeypatch.setattr("os.fsync", full)
    else:
        monkeypatch.setattr(Path, "mkdir", full)
    # A vocabulary of its own, whose program no other test has left in memory.
    names = ["none", "mult", "square", "cos" if place == "full" else "tanh"]
    model, caught = fit_with_warnings(X, Y, **COUNTED, primitives=names)
    assert model.converged_ and not caught
    assert not list(tmp_path.rglob("*.xla*"))


# Warnings


RNG = np.random.default_rng(1)
Z = RNG.normal(size=(40, 3))
LINE = 2 * Z[:, 0] + 0.1 * RNG.normal(size=40)


def test_columns_are_named() -> None:
    columns = {"dose": Z[:, 0], "room": np.full(40, 3.0), "twice": 2 * Z[:, 0] - 1}
    found = messages(pd.DataFrame(columns), LINE, **COUNTED)
    assert len(found) == 2
    assert "constant" in found[0] and "'room'" in found[0] and "leave it out" in found[0]
    assert "'twice' is a linear function of 'dose'" in found[1]
    three = np.column_stack([Z[:, :2], Z[:, 0] - Z[:, 1]])
    [found_] = messages(three, LINE, **COUNTED)
    assert "'x3' is a linear function of 'x1' and 'x2'" in found_


def test_fewer_rows_than_coefficients() -> None:
    changes = {"train_classifier_coefficients": True, "train_classifier_bias": True}
    [found] = messages(
        X[:2], Y[:2], **COUNTED | changes, primitives=["linear_tanh", "linear_exp"]
    )
    assert "coefficients" in found and "2 numbers" in found and "add rows" in found


def test_a_line_that_is_as_good() -> None:
    curved = {"primitives": ["linear_exp"], "train_classifier_coefficients": True}
    curved |= {"train_classifier_bias": True, "param_updates_for_sampled_model": 30}
    found = messages(Z[:, :1], LINE, **COUNTED | curved)
    assert len(found) == 1 and "straight line" in found[0] and "criterion" in found[0]
    assert not messages(Z[:, :1], np.exp(Z[:, 0]), **COUNTED | curved)
    assert not messages(Z[:, :1], LINE, **COUNTED)  # the equation is that line


@pytest.mark.parametrize("name", ["real", "probability_sample"])
def test_the_line_is_the_best_one(name: str) -> None:
    y = LINE if name == "real" else (RNG.normal(size=40) < LINE).astype(float)
    problem = Problem(Z, y[:, None], np.ones(40), False, True)
    line = diagnostics.straight(problem, OBJECTIVES[name])
    residual = line.predict(Z)[:, 0] - y  # orthogonal to every column at the optimum
    design = np.column_stack([np.ones(40), Z])
    np.testing.assert_allclose(design.T @ residual, 0, atol=1e-5)


def test_the_line_does_without_a_column_that_has_no_mean() -> None:
    huge = np.column_stack([Z, np.full(40, 1.5e308)])
    y, weight = Z @ [2.0, -1.0, 0.5] + 0.3, np.linspace(0.5, 1.5, 40)
    with np.errstate(all="ignore"):
        problem = Problem(huge, y[:, None], weight, False, True)
        line = diagnostics.straight(problem, OBJECTIVES["real"])
    np.testing.assert_allclose(line.edge[line.architecture == 1, 0], [2, -1, 0.5, 0])
    np.testing.assert_allclose(line.bias, 0.3)


def test_cut_short_while_improving() -> None:
    def history(criterion: list[float]) -> SearchHistory:
        count = len(criterion)
        return SearchHistory(
            np.arange(1, count + 1) * 100, np.ones(count), np.array(criterion)
        )

    assert _improves(history([5, 4, 3, 2, -10, -40]))
    assert not _improves(history([5, -40, -40, -40, -41, -42]))
    assert not _improves(history([5]))


def test_time_is_said_to_be_short() -> None:
    wave = np.exp(np.sin(3 * Z[:, 0]) * Z[:, 1])
    found = messages(Z, wave, random_state=0, max_time=0.02)
    assert len(found) == 1 and "max_time" in found[0] and "raise" in found[0]


def test_a_rare_value_makes_a_column_neither_constant_nor_dependent() -> None:
    """The look at a sample must not say what the other rows deny."""
    x = np.random.default_rng(0).uniform(1, 2, (6000, 3))
    x[:, 1], x[:, 2] = 0, 2 * x[:, 0]
    x = x[np.argsort(x[:, 0])]
    problem = Problem(x, x[:, :1] ** 2, np.ones(len(x)))
    names = ["a", "b", "c"]
    with pytest.warns(diagnostics.DataWarning) as caught:
        diagnostics.about_data(problem, names, ["y"])
    assert len(caught) == 2  # b is constant, c twice a
    plain = x.copy()
    for rare in range(0, 6000, 600):  # some of them are not in the sample
        x[:] = plain
        x[rare, 1], x[rare + 300, 2] = 1, 9
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            diagnostics.about_data(problem, names, ["y"])


def test_linear_algebra_has_one_thread_within_a_fit() -> None:
    """Also where the process allows more, which it may use again afterwards."""

    def threads() -> set[int]:
        found = threadpool_info()
        return {pool["num_threads"] for pool in found if pool["user_api"] == "blas"}

    seen: list[set[int]] = []

    def first(table: Any) -> int:
        seen.append(threads())
        return 0

    with threadpool_limits(2, "blas"):
        before = threads()
        DARTSRegressor(model_selection=first, **OPEN).fit(X, Y)
        assert threads() == before
    assert before - {1}
    assert seen
    assert set.union(*seen) == {1}
