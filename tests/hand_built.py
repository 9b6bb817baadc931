"""A fitted estimator around a model that a test has made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autora.skl.darts import DARTSRegressor
from autora.skl.darts.fitting.populations import Uncertainty
from autora.skl.darts.graph.effects import GroupEffects, Place
from autora.skl.darts.graph.model import Model


def estimator_of(
    model: Model, inputs: list[str] | None = None, outputs: list[str] | None = None
) -> DARTSRegressor:
    """An estimator that predicts with the model and reads equations off it.

    Without names they are x1, x2 … and y, or y1, y2 …
    """
    count = len(model.bias)
    estimator = DARTSRegressor(output_type=model.objective.name)
    estimator.model_, estimator.n_features_in_ = model, model.space.n_inputs
    estimator._y_ndim, estimator._y_mean = 2, np.zeros(count)
    numbered = ["y"] if count == 1 else [f"y{i + 1}" for i in range(count)]
    estimator._output_labels = outputs or numbered
    if inputs:
        estimator.feature_names_in_ = np.array(inputs, dtype=object)
    return estimator


def estimator_of_groups(
    model: Model,
    places: Sequence[Place],
    values: np.ndarray,
    labels: Sequence[Any],
    log: Sequence[bool] | None = None,
    inputs: list[str] | None = None,
) -> DARTSRegressor:
    """The same with coefficients (groups, places) of groups; their mean is the model's."""
    log = [False] * len(places) if log is None else log
    size = np.where(log, np.log(np.abs(np.where(log, values, 1.0))), values)
    mean, spread = size.mean(axis=0), size.std(axis=0)
    mean = np.where(log, np.sign(values[0]) * np.exp(mean), mean)
    arrays = {kind: getattr(model, kind).copy() for kind in ("edge", "readout", "bias")}
    for place, value in zip(places, mean, strict=True):
        arrays[place.kind][place.at] = value
    effects = GroupEffects(tuple(places), values, spread, tuple(log))
    estimator = estimator_of(model.replace(effects=effects, **arrays), inputs)
    estimator._group_labels = np.array(labels)
    estimator._uncertainty = Uncertainty({}, spread, np.ones_like(values))
    estimator._errors = [
        (place, float(value), 1.0) for place, value in zip(places, mean, strict=True)
    ]
    estimator._rows = estimator._row_errors = estimator._row_uncertainty = []
    return estimator
