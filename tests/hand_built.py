"""A fitted estimator around a model that a test has made by hand."""

from __future__ import annotations

import numpy as np

from autora.skl.darts import DARTSRegressor
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
