"""Tables as users bring them: names of columns, and columns that hold no numbers."""

from __future__ import annotations

import datetime
import enum
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.sparse import issparse

_REMEDIES = {
    "dates": "give the time since a first one as numbers, as in "
    "(dates - dates.min()).dt.total_seconds()",
    "durations": "give them as numbers, as in durations.dt.total_seconds()",
    "text": "encode it as numbers, as with sklearn.preprocessing.OneHotEncoder, or leave "
    "it out",
}
_OF_CLASSES = "DARTSClassifier finds equations of classes"


def named(X: Any) -> Any:
    """X with names of columns that are text: numbers, enumerations and levels become it.

    Raises
    ------
    ValueError
        If two columns have the same name, or a column holds text or dates.
    """
    columns = getattr(X, "columns", None)
    if columns is not None and hasattr(X, "set_axis"):
        labels = list(columns)
        if labels and not any(type(label) is str for label in labels):
            X = X.set_axis([_label(label) for label in labels], axis=1)
    labels = [str(label) for label in getattr(X, "columns", [])]
    twice = sorted({label for label in labels if labels.count(label) > 1})
    if twice:
        raise ValueError(
            f"X has several columns of the name {', '.join(map(repr, twice))}, which an "
            "equation could not tell apart; rename them"
        )
    require_numbers("X", X)
    return X


def require_numbers(name: str, table: Any) -> None:
    """Raise on the first column of a table or array that holds text or dates."""
    for label, column in _columns(table):
        found = _kind(column)
        if found is not None:
            kind, example = found
            remedy = _OF_CLASSES if (name, kind) == ("y", "text") else _REMEDIES[kind]
            raise ValueError(
                f"{label} of {name} holds {kind} ({example}), but must hold numbers; "
                f"{remedy}"
            )


def _label(label: Any) -> str:
    if isinstance(label, enum.Enum):
        return str(label.value)
    if isinstance(label, tuple):
        return "_".join(map(_label, label))
    return str(label)


def _columns(table: Any) -> Iterator[tuple[str, np.ndarray]]:
    names = getattr(table, "columns", None)
    if names is not None and not callable(names):
        for i, name in enumerate(names):
            column = table.iloc[:, i] if hasattr(table, "iloc") else table[name]
            yield f"column {name!r}", np.asarray(column)
        return
    if not isinstance(table, (np.ndarray, list, tuple)) and not hasattr(table, "dtype"):
        return
    if issparse(table):  # scikit-learn says what to do
        return
    try:
        array = np.asarray(table)
    except ValueError:  # ragged: scikit-learn says so
        return
    if array.dtype.kind not in "OUSMm" or array.ndim not in (1, 2):
        return
    if array.ndim == 1:
        yield "an element", array
        return
    for i, column in enumerate(array.T):
        yield f"column {i}", column


def _kind(column: np.ndarray) -> tuple[str, str] | None:
    """What a column holds that is no number, with an example."""
    if column.dtype.kind not in "OUSMm" or not column.size:
        return None
    if column.dtype.kind in "Mm":
        kind = "dates" if column.dtype.kind == "M" else "durations"
        return kind, str(column.ravel()[0])
    for value in column.ravel():
        if isinstance(value, (datetime.date, np.datetime64)):
            return "dates", str(value)
        if isinstance(value, (datetime.timedelta, np.timedelta64)):
            return "durations", str(value)
        if isinstance(value, (str, bytes)) and not _is_number(value):
            return "text", repr(value)
    return None


def _is_number(text: str | bytes) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
