"""Units on the command line: how they are written, and what is wrong with them."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import Any

from ..graph.spelling import did_you_mean
from .report import UsageError
from .wording import in_terms_of_options


def check_units(asked: argparse.Namespace) -> None:
    """Raise a `UsageError` where units do not go with the other options, or need pint."""
    given = bool(asked.units or asked.y_units is not None)
    for name in ("--numbers-only", "--constants"):
        if getattr(asked, name[2:].replace("-", "_")) and not given:
            raise UsageError(f"{name} needs units: give --units and --y-units")
    if not given:
        return
    option = "--units" if asked.units else "--y-units"
    if asked.classify:
        raise UsageError(
            f"{option} cannot be combined with --classify: classes have no unit"
        )
    if asked.nodes != "auto":
        raise UsageError(
            f"{option} needs the automatic search; leave out --nodes {asked.nodes}"
        )
    from ..estimators.unit_texts import registry_of_units

    try:
        registry_of_units()
    except ImportError as error:
        raise UsageError(f"{option}: {error}") from None
    from ..estimators.physical_constants import constants_given

    with in_terms_of_options():
        constants_given(constants_asked(asked), [])


def constants_asked(asked: argparse.Namespace) -> dict[str, str | None] | None:
    """Physical constants as a parameter of the estimator; None where there are none.

    Raises
    ------
    UsageError
        If one is named twice.
    """
    found: dict[str, str | None] = {}
    for part in ",".join(asked.constants or ()).split(",") if asked.constants else ():
        name, sign, value = (piece.strip() for piece in part.partition("="))
        if name in found:
            raise UsageError(f"--constants names {name!r} twice; leave one out")
        found[name] = value if sign else None
    return found or None


def units_asked(
    asked: argparse.Namespace, inputs: Sequence[str], targets: Sequence[str]
) -> dict[str, Any]:
    """Units as arguments of a fit; empty where none are given.

    Parameters
    ----------
    asked : argparse.Namespace
    inputs, targets : sequence of str
        Names of the columns.

    Raises
    ------
    UsageError
        If a unit is given to no column, or to one twice.
    """
    found: dict[str, Any] = {}
    if asked.units:
        found["X_units"] = _of_columns("--units", asked.units, inputs)
    if asked.y_units is not None:
        several = "=" in asked.y_units and asked.y_units != "="
        given = [asked.y_units]
        found["y_units"] = (
            _of_columns("--y-units", given, targets) if several else asked.y_units
        )
    return found


def _of_columns(option: str, texts: Sequence[str], names: Sequence[str]) -> Any:
    """A dict from names to units, or "from_names"."""
    from ..estimators.units import FROM_NAMES

    if list(texts) == [FROM_NAMES]:
        return FROM_NAMES
    found: dict[str, str] = {}
    for text in texts:
        for name, unit in _pairs(option, text, names):
            if name not in names:
                raise UsageError(
                    f"{option}: there is no column {name!r}{did_you_mean(name, names)} "
                    f"The columns are {', '.join(names)}"
                )
            if name in found:
                raise UsageError(f"{option} gives column {name!r} two units; leave one out")
            found[name] = unit
    return found


def _pairs(option: str, text: str, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Names and units in a text; a name with a comma or = stands in one of its own."""
    whole, _, unit = text.rpartition("=")
    parts = [text] if whole in names else text.split(",")
    for part in parts:
        name, sign, unit = part.rpartition("=")
        if not sign:
            raise UsageError(
                f"{option} must be written as NAME=UNIT,NAME=UNIT or from_names, got "
                f"{text!r}"
            )
        yield (name if name in names else name.strip()), unit.strip()
