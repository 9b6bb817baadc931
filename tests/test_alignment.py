"""Coefficients of groups whose equal fits are written alike."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from autora.skl.darts import DARTSRegressor
from autora.skl.darts.fitting.alignment import aligned, plainly_written
from autora.skl.darts.graph.effects import Place
from autora.skl.darts.graph.model import Edge, Model
from autora.skl.darts.graph.objectives import OBJECTIVES
from autora.skl.darts.graph.primitives import SCIENCE, resolve
from autora.skl.darts.graph.search_space import SearchSpace
from hand_built import estimator_of_groups

LABELS = list("abcdefgh")
X = np.random.default_rng(0).uniform(0.2, 1.5, (40, 2))
WHO = np.array(LABELS)[np.arange(40) % len(LABELS)]


def study(
    name: str, values: Any = None, *, product: bool = False, deep: bool = False
) -> Any:
    """Groups that differ in w·f(a·x1 + b), times f of x2 or under a further function."""
    rng = np.random.default_rng(1)
    primitives = resolve(dict.fromkeys(("none", "add", "scaled_tanh", "exp", name)))
    space = SearchSpace(2, 2, 1, primitives, ("sum", "product"), n_parallel=2)
    (f,) = resolve([name])
    edges = [Edge(0, 0, f, tuple(rng.normal(size=f.n_params)))]
    if product:
        edges.append(Edge(1, 0, primitives[3], ()))
    if deep:
        edges.append(Edge(2, 1, primitives[2], (1.0,)))
    readout = np.array([[0.0], [1.3]] if deep else [[1.3], [0.0]])
    kinds = np.full(space.n_nodes, int(product))
    model = Model.from_edges(
        space, OBJECTIVES["real"], edges, readout, np.array([0.3]), kinds
    )
    places = [Place("edge", e.index, i) for e in model.edges() for i in range(len(e.coefs))]
    places.append(Place("readout", int(deep), 0))
    if values is None:
        values = rng.normal(0, 4, (len(LABELS), len(places)))
    return estimator_of_groups(model, places, values, LABELS)


@pytest.mark.parametrize("shape", ["alone", "product", "deep"])
@pytest.mark.parametrize("name", [n for n in SCIENCE if n != "none"])
def test_another_form_predicts_the_same(name: str, shape: str) -> None:
    estimator = study(name, **{shape: True} if shape != "alone" else {})
    rows = np.column_stack([X, np.arange(40) % len(LABELS)])
    model = estimator.model_
    expected = model.predict(rows)
    for other in [*aligned(model), plainly_written(model)]:
        np.testing.assert_allclose(other.predict(rows), expected, 1e-9, 1e-9)


def forms_of_a_sine(values: np.ndarray) -> np.ndarray:
    """One of the equal forms of w·sin(a·x + b) for every row (a, b, w)."""
    rng = np.random.default_rng(2)
    mirrored, half = rng.integers(2, size=(2, len(values))).astype(bool)
    a, b, w = values.T.copy()
    a[mirrored], b[mirrored], w[mirrored] = -a[mirrored], -b[mirrored], -w[mirrored]
    b[half], w[half] = b[half] + np.pi, -w[half]
    return np.column_stack([a, b + 2 * np.pi * rng.integers(-2, 3, len(values)), w])


def test_forms_of_a_sine_become_one() -> None:
    rng = np.random.default_rng(3)
    alike = np.array([2.0, 3.0, 1.5]) + 0.05 * rng.normal(size=(len(LABELS), 3))
    model = study("linear_sin", forms_of_a_sine(alike)).model_
    for _ in range(2):
        tries = [model, *aligned(model)]
        model = min(tries, key=lambda m: m.effects.values.std(axis=0).sum())
    found = plainly_written(model).effects.values
    np.testing.assert_allclose(found, alike, atol=1e-9)


def test_rhythms_of_participants_have_one_population() -> None:
    """Of phases whose half period is as good with the other sign of the amplitude."""
    rng = np.random.default_rng(4)
    who = np.repeat(np.arange(8), 15)
    size, speed, phase = rng.uniform((0.8, 0.7, 2.9), (1.2, 1.3, 3.4), (8, 3)).T
    hours = rng.uniform(0, 12, len(who))
    clean = size[who] * np.sin(speed[who] * hours + phase[who])
    y = clean + 0.05 * rng.normal(size=len(who))
    model = DARTSRegressor(
        primitives=["none", "add", "linear_sin"], n_candidates=200, random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(hours[:, None], y, groups=who)
    table = model.population_
    assert len(table) == 3, model.model_repr()
    shift = table[table.term.str.contains("shift")].iloc[0]
    unit = abs(shift["mean"]) if shift.logarithm else 1.0
    assert unit * shift.spread == pytest.approx(phase.std(), rel=0.5)
    assert np.isclose((shift["mean"] - phase.mean()) % np.pi, [0, np.pi], atol=0.1).any()
    assert np.mean((model.predict(hours[:, None], who) - clean) ** 2) < 0.05**2
