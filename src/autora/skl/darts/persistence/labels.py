"""Labels of classes and of groups in a model file."""

from __future__ import annotations

from typing import Any

import numpy as np

from .fields import Field
from .model_file import scalar_read

#: Kinds of labels: what a label is in the file, and the type of the array.
_KINDS: dict[str, tuple[tuple[type, ...], Any]] = {
    "b": ((bool,), bool),
    "i": ((int,), np.int64),
    "u": ((int,), np.uint64),
    "f": ((float,), np.float64),
    "U": ((str,), str),
    "O": ((bool, int, float, str), object),
}


def labels_written(labels: np.ndarray) -> list[Any]:
    """The kind of the labels, and the labels."""
    return [labels.dtype.kind, labels.tolist()]


def labels_read(field: Field, count: int, what: str) -> np.ndarray:
    """So many different labels of a ``what``."""
    kind, members = field.each(2, 2)
    allowed, dtype = _KINDS[kind.one_of(tuple(_KINDS))]
    labels = []
    for place in members.each(count, count):
        labels.append(scalar_read(place))
        if type(labels[-1]) not in allowed or (kind.value == "u" and labels[-1] < 0):
            place.fail(f"is no {what} label of kind {kind.value!r}")
    if len(set(labels)) < count:
        members.fail(f"names a {what} twice")
    return np.array(labels, dtype)
