"""Models of one space as a handful of arrays, for files that hold nothing else."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..graph.model import Model
from ..graph.objectives import Objective
from ..graph.search_space import SearchSpace

_FIELDS = ("architecture", "edge", "readout", "bias", "aggregation")


def arrays_of(models: Sequence[Model]) -> dict[str, np.ndarray]:
    """Every array of a model with one more axis in front; at least one model."""
    return {name: np.stack([getattr(m, name) for m in models]) for name in _FIELDS}


def models_of(
    arrays: dict[str, np.ndarray], space: SearchSpace, objective: Objective
) -> list[Model]:
    """The models that `arrays_of` stacked."""
    rows = zip(*(arrays[name] for name in _FIELDS), strict=True)
    return [Model(space, objective, *row) for row in rows]
