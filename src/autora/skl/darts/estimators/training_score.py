"""How well the equations of a fit predict the rows that they were fitted to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.metrics import accuracy_score, r2_score

from ..graph.model import Model
from ..persistence.score_documents import TrainingScore
from .observed import Observed


def training_score(
    seen: Observed,
    x: np.ndarray,
    models: Sequence[Model],
    stand_in: np.ndarray,
    grouped: bool,
    classifies: bool,
) -> TrainingScore:
    """The scores of a model and of the rows of the table.

    Parameters
    ----------
    seen : Observed
    x : ndarray of shape (n, columns)
        The inputs of the models, physical constants included; with groups the last column
        is the number of each row's group.
    models : sequence of Model
        ``model_``, then those of the table.
    stand_in : ndarray of shape (outputs,)
        Predictions where an equation is undefined.
    grouped, classifies : bool
    """
    kept = seen.weight > 0
    x, y, weight = x[kept], seen.targets[kept], seen.weight[kept]
    if grouped:  # groups that have a row are counted anew
        x[:, -1] = np.unique(x[:, -1], return_inverse=True)[1]

    def score(model: Model) -> float:
        found = model.predict(x)
        found = np.where(np.isfinite(found).all(axis=1)[:, None], found, stand_in)
        if classifies:
            right = _classes(y - 0.5), _classes(found)
            return float(accuracy_score(*right, sample_weight=weight))
        if len(x) < 2:
            return np.nan
        unit = np.abs(y).max() or 1.0  # squares of y itself may overflow
        with np.errstate(over="ignore", invalid="ignore"):
            value = float(r2_score(y / unit, found / unit, sample_weight=weight))
        return value if np.isfinite(value) else np.nan

    own, *table = map(score, models)
    return TrainingScore(len(x), own, table)


def _classes(scores: np.ndarray) -> np.ndarray:
    """The number of the class that has the highest score, or a positive one of two."""
    return scores[:, 0] > 0 if scores.shape[1] == 1 else scores.argmax(axis=1)
