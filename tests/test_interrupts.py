"""Ctrl-C keeps the best so far; whatever else is raised leaves the earlier fit alone."""

from __future__ import annotations

import _thread
import signal
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from autora.skl.darts import DARTSClassifier, DARTSRegressor, Primitive, register_primitive
from autora.skl.darts.estimators import base
from autora.skl.darts.relaxation import candidate_search, compilation, fit
from autora.skl.darts.search import (
    loop,
    parallel,
    population,
    several_outputs,
)

Plane = tuple[np.ndarray, np.ndarray]
Settings = dict[str, Any]


def at_call(
    number: int, function: Callable[..., Any], error: type[BaseException]
) -> Callable[..., Any]:
    """The function, but its n-th call raises after it has done its work."""
    calls = 0

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        result = function(*args, **kwargs)
        if calls == number:
            raise error("now")
        return result

    return wrapped


def usable(model: Any, X: Any) -> None:
    assert np.isfinite(model.predict(X)).all()
    assert model.model_repr().startswith("Model:")
    assert len(model.coefficients_) and len(model.network_.weights)


OPEN = {"num_graph_nodes": "auto", "n_candidates": 4000, "random_state": 0}


@pytest.mark.parametrize("place", ["watch", "step", "add", "parents"])
@pytest.mark.parametrize("number", [3, 8])
def test_open_search(
    plane: Plane, monkeypatch: pytest.MonkeyPatch, place: str, number: int
) -> None:
    X, y = plane
    owner, name = {
        "watch": (base.OpenProgress, "__call__"),
        "step": (population.Population, "step"),
        "add": (loop.Archive, "add"),
        "parents": (loop.Archive, "parents"),
    }[place]
    model = DARTSRegressor(**OPEN)
    with monkeypatch.context() as patch:
        function = at_call(number, getattr(owner, name), KeyboardInterrupt)
        patch.setattr(owner, name, function)
        with pytest.raises(KeyboardInterrupt, match="now"):
            model.fit(X, y)
    usable(model, X)
    assert model.score(X, y) > 0.5
    found = model.equations_.criterion.min()
    model.set_params(warm_start=True, n_candidates=1500).fit(X, y)
    assert model.equations_.criterion.min() <= found + 1e-6


@pytest.mark.parametrize("nodes", [1, "auto"])
@pytest.mark.parametrize("fitted", [False, True])
def test_before_anything_is_found(
    plane: Plane,
    quick: Settings,
    monkeypatch: pytest.MonkeyPatch,
    nodes: int | str,
    fitted: bool,
) -> None:
    model = DARTSRegressor(**quick)
    if fitted:
        model.fit(*plane)
    model.set_params(num_graph_nodes=nodes)
    before = dict(vars(model))
    stop = at_call(1, lambda *_: 0, KeyboardInterrupt)
    monkeypatch.setattr(population.Population, "step", stop)
    monkeypatch.setattr(compilation, "run_epochs", stop)
    with pytest.raises(KeyboardInterrupt, match="now"):
        model.fit(*plane)
    assert vars(model).keys() == before.keys()
    assert all(vars(model)[key] is value for key, value in before.items())


@pytest.mark.parametrize(
    ("owner", "name", "settings"),
    [(parallel, "evolve", OPEN), (fit, "run", {"num_graph_nodes": 1, "max_epochs": 3})],
)
def test_a_later_restart(
    plane: Plane,
    monkeypatch: pytest.MonkeyPatch,
    owner: Any,
    name: str,
    settings: Settings,
) -> None:
    settings = OPEN | settings
    y = plane[1] + np.random.default_rng(0).normal(0, 0.3, len(plane[1]))
    alone = DARTSRegressor(**settings).fit(plane[0], y)
    model = DARTSRegressor(**settings).set_params(n_restarts=3)
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, at_call(2, getattr(owner, name), KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt, match="now"):
            model.fit(plane[0], y)
    usable(model, plane[0])
    assert alone.converged_ and model.converged_


def test_threads_hand_over_what_they_have(
    plane: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C reaches the main thread alone, which waits, while others search."""
    real, searching = parallel.Search.seen, set[int]()

    def seen(self: Any, *state: Any) -> Any:
        before = len(searching)
        searching.add(threading.get_ident())
        if before < len(searching) == 2:
            _thread.interrupt_main()
        return real(self, *state)

    X = plane[0]
    y = plane[1] + np.random.default_rng(0).normal(0, 0.3, len(X))
    model = DARTSRegressor(max_time=30, n_restarts=4, n_jobs=2, random_state=0)
    monkeypatch.setattr(parallel.Search, "seen", seen)
    # Where the tests are a background job, the shell has switched interrupts off.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            model.fit(X, y)
    finally:
        signal.signal(signal.SIGINT, before)
    usable(model, X)
    assert len(searching) == 2 and threading.get_ident() not in searching
    assert model.score(X, y) > 0.5


@pytest.mark.parametrize("place", ["step", "fitted", "pruned"])
@pytest.mark.parametrize("number", [3, 6])
def test_classifier(
    plane: Plane, monkeypatch: pytest.MonkeyPatch, place: str, number: int
) -> None:
    """Of three classes, which are searched one after the other and put together."""
    X, y = plane[0], np.digitize(plane[1] + 0.3 * np.sin(40 * plane[1]), [-0.5, 0.5])
    owner = population.Population if place == "step" else several_outputs
    model = DARTSClassifier(**OPEN | {"n_candidates": 9000})
    with monkeypatch.context() as patch:
        function = at_call(number, getattr(owner, place), KeyboardInterrupt)
        patch.setattr(owner, place, function)
        with pytest.raises(KeyboardInterrupt, match="now"):
            model.fit(X, y)
    usable(model, X)
    assert model.score(X, y) > 0.5


@pytest.mark.parametrize("number", [3, 9])
def test_several_outputs(
    plane: Plane, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    X, y = plane[0], np.column_stack([plane[1], plane[0].prod(axis=1)])
    model = DARTSRegressor(**OPEN)
    with monkeypatch.context() as patch:
        step = at_call(number, population.Population.step, KeyboardInterrupt)
        patch.setattr(population.Population, "step", step)
        with pytest.raises(KeyboardInterrupt, match="now"):
            model.fit(X, y)
    usable(model, X)
    assert model.predict(X).shape == (60, 2)


def test_relaxed_stage(plane: Plane, quick: Settings) -> None:
    monitor = at_call(40, lambda **_: None, KeyboardInterrupt)
    settings = quick | {"max_epochs": 200, "execution_monitor": monitor}
    model = DARTSRegressor(**settings)
    with pytest.raises(KeyboardInterrupt, match="now"):
        model.fit(*plane)
    usable(model, plane[0])
    epochs = len(model.history_.train_loss)
    assert 40 <= epochs < 200
    steps = int(model.network_.state.adam_step)
    assert steps == epochs
    model.set_params(warm_start=True, execution_monitor=None, max_epochs=2).fit(*plane)
    assert model.network_.state.adam_step == steps + 2


@pytest.mark.parametrize("number", [2, 10])
def test_search_over_counted_graphs(
    plane: Plane, quick: Settings, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    function = at_call(number, candidate_search.refit, KeyboardInterrupt)
    monkeypatch.setattr(candidate_search, "refit", function)
    model = DARTSRegressor(**quick)
    with pytest.raises(KeyboardInterrupt, match="now"):
        model.fit(*plane)
    usable(model, plane[0])
    assert len(model.candidates_) == number - 1
    assert len(model.equations_)


class Broken(Exception):
    """What a user's own code raises."""


def broken(*_: Any, **__: Any) -> Any:
    raise Broken("mine")


@pytest.mark.usefixtures("own_table")
@pytest.mark.parametrize(
    "changes",
    [
        {"execution_monitor": broken},
        {"execution_monitor": broken, "num_graph_nodes": 2},
        {"init_weights_function": broken},
        {"model_selection": broken},
        {"model_selection": broken, "num_graph_nodes": "auto", "n_candidates": 1500},
    ],
)
def test_what_a_user_s_code_raises_leaves_the_model(
    plane: Plane, quick: Settings, changes: Settings
) -> None:
    frame = pd.DataFrame(plane[0], columns=["dose", "time"])
    model = DARTSRegressor(**quick).fit(frame, plane[1])
    model.set_params(**changes)
    before, predicted = dict(vars(model)), model.predict(frame)
    with pytest.raises(Broken, match="mine") as caught:
        model.fit(np.column_stack([plane[0], plane[1]]), plane[1])
    assert caught.traceback[-1].name == "broken"
    assert vars(model).keys() == before.keys()
    assert all(vars(model)[key] is value for key, value in before.items())
    np.testing.assert_array_equal(model.predict(frame), predicted)
    usable(model, frame)


@pytest.mark.usefixtures("own_table")
@pytest.mark.parametrize("nodes", [1, "auto"])
def test_a_primitive_that_raises_later(
    plane: Plane, quick: Settings, nodes: int | str
) -> None:
    """A formula is checked when it is registered; afterwards it may still fail."""
    fails = False

    def formula(m: Any, x: Any) -> Any:
        if fails:
            raise Broken("mine")
        return m.exp(-x * x)

    own = Primitive("moody", formula)
    register_primitive(own)
    model = DARTSRegressor(**quick).fit(*plane)
    model.set_params(num_graph_nodes=nodes, primitives=["none", own], n_candidates=500)
    before = dict(vars(model))
    fails = True
    with pytest.raises(Broken, match="mine"):
        model.fit(*plane)
    assert all(vars(model)[key] is value for key, value in before.items())
