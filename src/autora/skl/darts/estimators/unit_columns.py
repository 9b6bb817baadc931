"""Columns that bring their unit along, as those of pint-pandas with a dtype "pint[m]"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def column_units(table: Any) -> list[Any]:
    """The unit of every column of a frame or series; None for plain columns.

    Parameters
    ----------
    table : array-like, Series or DataFrame
        Of anything but pandas the list is empty.
    """
    dtypes = getattr(table, "dtypes", None)
    if dtypes is None or not hasattr(table, "iloc"):
        return []
    return [_unit(dtype) for dtype in (dtypes if hasattr(table, "columns") else [dtypes])]


def magnitudes(table: Any, argument: str, given: Any) -> tuple[Any, Any]:
    """Plain columns for a fit, and their units.

    Parameters
    ----------
    table : array-like, Series or DataFrame
    argument : str
        What messages call it, "X" or "y".
    given : object
        The units that were given for it, None for none.

    Raises
    ------
    ValueError
        If units are given to a table that has its own.
    """
    found = column_units(table)
    if all(unit is None for unit in found):
        return table, given
    if given is not None:
        units = ", ".join(str(unit) for unit in found if unit is not None)
        raise ValueError(
            f"{argument}_units={given!r}, but columns of {argument} have units of their "
            f"own ({units}); leave {argument}_units out, or give plain numbers, as "
            "column.pint.magnitude has them"
        )
    return _plain(table, found, found), found


def in_units_of_the_fit(
    table: Any, argument: str, wanted: Sequence[str | None], names: Sequence[str]
) -> Any:
    """Plain columns, converted to the units of a fit.

    Parameters
    ----------
    table : array-like, Series or DataFrame
    argument : str
        What messages call it.
    wanted : sequence of (str or None)
        The units of the fit, None where it knew none.
    names : sequence of str
        Of its columns; those of a frame are found by their name.

    Raises
    ------
    ValueError
        If a column has a unit that is no multiple of that of the fit.
    """
    found = column_units(table)
    if all(unit is None for unit in found):
        return table
    labels = [str(label) for label in getattr(table, "columns", names)]
    if len(labels) != len(names):
        return _plain(table, found, found)  # scikit-learn says what is wrong with it
    if {*labels} == {*names}:
        places = [list(names).index(label) for label in labels]
        wanted = [wanted[place] for place in places]
    pairs = zip(labels, found, wanted, strict=True)
    return _plain(table, found, [_wanted(argument, *pair) for pair in pairs])


def require_plain(table: Any, kind: str) -> None:
    """Raise where a column has a unit, for an estimator that takes none.

    Parameters
    ----------
    table : array-like, Series or DataFrame
    kind : str
        The name of the estimator.

    Raises
    ------
    ValueError
    """
    units = column_units(table)
    for label, unit in zip(getattr(table, "columns", []), units, strict=False):
        if unit is not None:
            raise ValueError(
                f"column {label!r} of X is in {unit}, but {kind} takes no units; give "
                "plain numbers, as column.pint.magnitude has them"
            )


def _unit(dtype: Any) -> Any:
    """The unit of a dtype; pint-pandas need not be imported to ask it."""
    is_quantity = str(dtype).startswith("pint[") and hasattr(dtype, "units")
    return dtype.units if is_quantity else None


def _wanted(argument: str, label: str, unit: Any, text: str | None) -> Any:
    """The unit that a column is to be converted to."""
    if unit is None:
        return None
    if text is None:
        raise ValueError(
            f"column {label!r} of {argument} is in {unit}, but the fit knew no unit of it; "
            "give plain numbers as in the fit, or fit with units"
        )
    registry = unit._REGISTRY
    try:
        found = registry.Unit(text)
        registry.convert(1.0, unit, found)
    except Exception as error:  # pint raises many kinds
        raise ValueError(
            f"column {label!r} of {argument} is in {unit}, which cannot be converted to "
            f"{text or 'a pure number'}, the unit of the fit ({error}); give it in that"
        ) from error
    return found


def _plain(table: Any, units: Sequence[Any], wanted: Sequence[Any]) -> Any:
    """A copy with numbers in the wanted units in place of quantities."""
    if not hasattr(table, "columns"):
        values = _numbers(table, units[0], wanted[0])
        return type(table)(values, index=table.index, name=table.name)
    columns = {
        i: table.iloc[:, i] if unit is None else _numbers(table.iloc[:, i], unit, target)
        for i, (unit, target) in enumerate(zip(units, wanted, strict=True))
    }
    return type(table)(columns, index=table.index).set_axis(table.columns, axis=1)


def _numbers(column: Any, unit: Any, wanted: Any) -> np.ndarray:
    values = np.asarray(column.array.quantity.magnitude, np.float64)
    return values if unit == wanted else unit._REGISTRY.convert(values, unit, wanted)
