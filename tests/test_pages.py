"""A report to send and a page to play with, and the JavaScript that the page runs."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from autora.skl.darts.equations.javascript_source import function_javascript, helpers
from autora.skl.darts.fitting.coefficients import places
from autora.skl.darts.graph.model import Model
from test_exports import NAMES, OUTPUTS, X, compare, random_model

quickjs = pytest.importorskip("quickjs", reason="JavaScript runs in quickjs-ng (extra dev)")


class _All:
    """What a fit was asked: everything is a coefficient."""

    train_readout = train_bias = True


# JavaScript


def in_javascript(source: str, rows: np.ndarray, coefs: Any) -> np.ndarray:
    """Outputs (n, outputs) of a function ``(x, c)``; null of JSON is NaN."""
    context = quickjs.Context()
    context.eval(helpers())
    asked = json.dumps(np.asarray(rows).tolist()), json.dumps(list(coefs))
    text = "JSON.stringify({}.map((x) => f(x, {})))".format(*asked)
    context.eval(f"const f = {source};")
    return np.array(json.loads(context.eval(text)), dtype=float)


def by_javascript(model: Model, x: np.ndarray, free: bool = True) -> Any:
    """Predictions, shaped as `compare` wants them."""
    where = places(model, _All) if free else []
    coefs = [float(getattr(model, p.kind)[p.at]) for p in where]
    found = in_javascript(function_javascript(model, where, {}), x, coefs)
    return found[:, 0] if found.shape[1] == 1 else found


@pytest.mark.parametrize("free", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_javascript_is_the_prediction(name: str, free: bool) -> None:
    compared = 0
    for seed in range(3):
        model = random_model(seed, (name,))
        compared += compare(by_javascript(model, X, free), model, 1e-11)
    assert compared > 30


@pytest.mark.parametrize("objective, n_outputs", OUTPUTS)
def test_javascript_of_every_output_type(objective: str, n_outputs: int) -> None:
    model = random_model(1, ("sin", "linear"), n_outputs, objective)
    assert compare(by_javascript(model, X), model, 1e-11) == 40 * n_outputs
