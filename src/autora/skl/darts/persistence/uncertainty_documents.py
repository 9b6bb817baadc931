"""What the rows of a fit leave open, as plain data that JSON can hold, and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..fitting.laplace import Laplace
from ..graph.model import Model
from ..selection.posterior import LEAST
from .documents import MOST_GROUPS, place_read
from .fields import Field, listed

_MOST_PLACES, _MOST_CALIBRATING, _MOST_DRAWS = 2_000, 10_000_000, 100_000


def uncertainty_written(estimator: Any) -> dict[str, Any]:
    """Of the model and of all rows; of groups only where an equation is likely."""
    weights = estimator._weights()
    heavy = weights >= LEAST * weights.max(initial=0.0)
    known_of_rows = estimator._row_laplace or [None] * len(heavy)
    rows = [
        known if known is None or known.groups is None or likely else None
        for known, likely in zip(known_of_rows, heavy.tolist(), strict=True)
    ]
    calibration = estimator._calibration
    return {
        "model": _written(estimator._laplace),
        "rows": [_written(known) for known in rows],
        "calibration": None if calibration is None else listed(calibration),
    }


def _lower(square: np.ndarray) -> np.ndarray:
    """The lower triangle of the last two axes, row by row."""
    return square[(..., *np.tril_indices(square.shape[-1]))]


def _square(lower: np.ndarray, size: int) -> np.ndarray:
    found = np.zeros((*lower.shape[:-1], size, size))
    i, j = np.tril_indices(size)
    found[..., i, j] = found[..., j, i] = lower
    return found


def _written(known: Laplace | None) -> Any:
    if known is None:
        return None
    groups, centre = known.groups, known.centre
    return {
        "places": [[*place] for place in known.places],
        "covariance": listed(_lower(known.covariance)),
        "noise": listed(known.noise),
        "freedom": listed(known.freedom),
        "centre": None if centre is None else listed(centre),
        "effective": known.effective,
        "draws": None if known.draws is None else listed(known.draws),
        "groups": None if groups is None else listed(_lower(groups)),
    }


def uncertainty_read(
    field: Field | None, model: Model, rows: list[Model]
) -> dict[str, Any]:
    """Check and return what was written, as attributes; None is of an earlier version."""
    found: list[Laplace | None] = [None] * len(rows)
    if field is None:
        return {"_laplace": None, "_row_laplace": found, "_calibration": None}
    own, others, calibration = field.record("model", "rows", "calibration")
    found = [
        _read(part, row)
        for part, row in zip(others.each(len(rows), len(rows)), rows, strict=True)
    ]
    errors = None
    if calibration.value is not None:
        count = len(calibration.each(_MOST_CALIBRATING, 1))
        errors = calibration.array((count, len(model.bias)))
        if (np.diff(errors, axis=0) < 0).any() or (errors < 0).any():
            calibration.fail("must be sorted sizes of errors")
    return {
        "_laplace": _read(own, model), "_row_laplace": found, "_calibration": errors,
    }  # fmt: skip


def _read(field: Field, model: Model) -> Laplace | None:
    if field.value is None:
        return None
    places, covariance, noise, freedom, centre, effective, draws, groups = field.record(
        "places", "covariance", "noise", "freedom", "centre", "effective", "draws", "groups"
    )
    where = tuple(place_read(part, model) for part in places.each(_MOST_PLACES))
    size, effects = len(where), model.effects
    shape = (size * (size + 1) // 2,)
    if (groups.value is None) != (effects is None):
        groups.fail("must be there just where coefficients differ between groups")
    each = None
    if groups.value is not None:
        assert effects is not None
        count = len(groups.each(MOST_GROUPS, 1))
        if count != len(effects.values):
            groups.fail(f"has {count} groups, the model {len(effects.values)}")
        each = _square(groups.array((count, *shape), finite=False), size)
    variance = noise.array((len(model.bias),), finite=False)
    found = Laplace(
        where,
        _square(covariance.array(shape, finite=False), size),
        variance,
        freedom.number(finite=False),
        None if centre.value is None else centre.array((size,)),
        effective.number(),
        None if draws.value is None else draws.array((len(draws.each(_MOST_DRAWS)), size)),
        each,
    )
    bad = np.isnan(found.covariance).any() or not (np.diag(found.covariance) >= 0).all()
    if bad or not (variance >= 0).all() or not found.freedom >= 0:
        field.fail("has a negative variance, or none")
    return found
