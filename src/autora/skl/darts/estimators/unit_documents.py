"""Units of a fit in model files. Reading them needs no pint."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph.dimensions import Dimensions
from ..persistence.fields import Field, listed
from .unit_texts import factors
from .units import Units

#: Bounds of what is read: columns, whose square is the memory that an equation's units
#: take, base units, and the size of an exponent.
_MOST_COLUMNS, _MOST_BASES, _LARGEST_EXPONENT = 5_000, 100, 1e6


def units_written(units: Units) -> dict[str, Any]:
    """Units as plain data that JSON can hold; null for a column whose unit is unknown."""
    known = units.dimensions
    return {
        "inputs": list(units.inputs),
        "outputs": list(units.outputs),
        "input_exponents": _rows_written(known.inputs),
        "output_exponents": _rows_written(known.outputs),
        "numbers_only": bool(known.numbers_only),
        "fixed_readout": bool(known.fixed_readout),
    }


def units_read(field: Field, n_inputs: int, n_outputs: int) -> Units:
    """Units from a file, checked.

    Parameters
    ----------
    field : Field
        What `units_written` returned.
    n_inputs, n_outputs : int
        Columns of the fit.
    """
    inputs, outputs, *rows, numbers_only, fixed_readout = field.record(
        "inputs", "outputs", "input_exponents", "output_exponents", "numbers_only",
        "fixed_readout",
    )  # fmt: skip
    if n_inputs + n_outputs > _MOST_COLUMNS:
        field.fail(
            f"is of {n_inputs + n_outputs} columns, at most {_MOST_COLUMNS} are read"
        )
    texts = _texts_read(inputs, n_inputs), _texts_read(outputs, n_outputs)
    exponents = [_rows_read(part, known) for part, known in zip(rows, texts, strict=True)]
    widths = {len(row) for part in exponents for row in part if row is not None}
    if len(widths) != 1:
        field.fail("must have the same number of exponents, one at least, for every unit")
    (width,) = widths
    given, wanted = (_filled(part, width) for part in exponents)
    dimensions = Dimensions(given, wanted, numbers_only.flag(), fixed_readout.flag())
    return Units(*texts, dimensions)


def _rows_written(exponents: np.ndarray) -> list[Any]:
    return [listed(row) if np.isfinite(row).all() else None for row in exponents]


def _texts_read(field: Field, count: int) -> tuple[str | None, ...]:
    return tuple(part.optional(text_read) for part in field.each(count, count))


def text_read(field: Field) -> str:
    """A unit as `Units` keeps it."""
    text = field.text()
    try:
        factors(text)
    except ValueError as error:
        field.fail(str(error))
    return text


def _rows_read(field: Field, texts: tuple[str | None, ...]) -> list[list[float] | None]:
    """Rows of exponents, None for the columns without a unit."""
    found: list[list[float] | None] = []
    for part, text in zip(field.each(len(texts), len(texts)), texts, strict=True):
        if (part.value is None) != (text is None):
            part.fail("must be null where the unit is null, and there alone")
        found.append(part.optional(_row_read))
    return found


def _row_read(field: Field) -> list[float]:
    row = [part.number() for part in field.each(_MOST_BASES, 1)]
    if max(map(abs, row)) > _LARGEST_EXPONENT:
        field.fail(f"must have exponents up to {_LARGEST_EXPONENT:g}")
    return row


def _filled(rows: list[list[float] | None], width: int) -> np.ndarray:
    return np.array([[np.nan] * width if row is None else row for row in rows], float)
