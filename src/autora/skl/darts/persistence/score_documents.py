"""How well the equations of a fit predicted its rows, in a model file."""

from __future__ import annotations

from typing import Any, NamedTuple

from .fields import Field, listed

#: Rows of data that a file may speak of.
_MOST_ROWS = 10**18


class TrainingScore(NamedTuple):
    """What ``score(X, y, sample_weight)`` says of the data of the fit.

    R² of a regressor, the share of right classes of a classifier; NaN where a single row
    has no R².
    """

    rows: int  #: of positive weight
    model: float  #: of ``model_``
    table: list[float]  #: of the rows of ``equations_``


def score_written(score: TrainingScore) -> dict[str, Any]:
    """The scores as plain data that JSON can hold."""
    rows, model, table = score
    return {"rows": rows, "model": listed(model), "equations": listed(table)}


def score_read(field: Field | None, count: int) -> TrainingScore | None:
    """Check and return what was written for a table of ``count`` rows, where it was."""
    if field is None:
        return None
    rows, model, table = field.record("rows", "model", "equations")
    known = [part.number(finite=False) for part in table.each(count, count)]
    return TrainingScore(rows.whole(1, _MOST_ROWS), model.number(finite=False), known)
