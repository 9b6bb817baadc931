"""Groups of a fitted estimator in a model file."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..fitting.populations import Uncertainty
from ..graph.model import Model
from ..persistence.documents import MOST_GROUPS
from ..persistence.fields import Field, listed
from ..persistence.labels import labels_read, labels_written


def groups_written(estimator: Any) -> dict[str, Any]:
    """Labels, and standard errors of what the groups have of their own."""
    known = estimator._row_uncertainty
    return {
        "labels": labels_written(estimator._group_labels),
        "standard_errors": _errors_written(estimator._uncertainty),
        "rows": [_errors_written(one) for one in known],
    }


def _errors_written(known: Uncertainty | None) -> Any:
    if known is None:
        return None
    return {"mean": listed(known.mean), "own": listed(known.own)}


def groups_read(estimator: Any, field: Field | None) -> None:
    """Check and take what `groups_written` returned; None without groups."""
    estimator._group_labels = estimator._uncertainty = None
    models = [estimator.model_, *(row.model for row in estimator._rows)]
    counts = {len(m.effects.values) for m in models if m.effects is not None}
    if field is None:
        if counts:
            Field(None, "answers").fail("lacks 'groups', of which models have coefficients")
        return
    labels, errors, rows = field.record("labels", "standard_errors", "rows")
    size = len(labels.each(2, 2)[1].each(MOST_GROUPS, 1))
    if counts - {size}:
        labels.fail(f"has {size} groups, models have {max(counts - {size})}")
    estimator._group_labels = labels_read(labels, size, "group")
    estimator._uncertainty = _errors_read(errors, estimator.model_)
    estimator._row_uncertainty = [
        _errors_read(part, row.model)
        for part, row in zip(
            rows.each(len(estimator._rows), len(estimator._rows)),
            estimator._rows,
            strict=True,
        )
    ]


def _errors_read(field: Field, model: Model) -> Uncertainty | None:
    effects = model.effects
    if effects is None:
        if field.value is not None:
            field.fail("must be null of a model whose groups share all coefficients")
        return None
    mean, own = field.record("mean", "own")
    count = len(effects.places)
    return Uncertainty(
        {},
        mean.array((count,), finite=False),
        own.array(np.shape(effects.values), finite=False),
    )
