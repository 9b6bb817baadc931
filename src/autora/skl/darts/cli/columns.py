"""Which columns of a table are what in a fit: inputs, targets, groups, weights, errors."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import pandas as pd

from .text_tables import DataFileError, Table, counts_rows, listing

#: What pandas calls a column without a name when it reads a file.
_UNNAMED = re.compile(r"Unnamed: \d+(?:\.\d+)*")
#: What columns that number the rows are called, without blanks and marks.
_NUMBERS = frozenset({
    "case", "id", "idx", "index", "no", "nr", "num", "number", "obs", "observation",
    "record", "row", "rowid", "rowname", "rownames", "rownum", "rownumber", "rows",
})  # fmt: skip


class Data(NamedTuple):
    """What a fit takes, every row complete."""

    X: pd.DataFrame
    y: Any  #: a Series, or a DataFrame of several targets
    groups: Any = None  #: labels
    weight: Any = None
    y_error: Any = None  #: a number, or one for each row
    notes: Sequence[str] = ()  #: what the reader should know

    @property
    def further(self) -> dict[str, Any]:
        """Arguments of a fit beside X, y and groups."""
        given = {"sample_weight": self.weight, "y_error": self.y_error}
        return {name: value for name, value in given.items() if value is not None}


class _Roles(NamedTuple):
    """Names of the columns that are no inputs."""

    targets: list[str]
    groups: list[str]
    weight: list[str]
    error: list[str]

    @property
    def named(self) -> dict[str, str]:
        """What each column is; raises where one is two things."""
        words = "the target", "that of the groups", "the weight", "the error of y"
        found: dict[str, str] = {}
        for names, word in zip(self, words, strict=True):
            for name in names:
                if name in found:
                    raise DataFileError(
                        f"column {name!r} cannot be {found[name]} and {word}"
                    )
                found[name] = word
        return found


def data_of(table: Table, asked: argparse.Namespace) -> Data:
    """The columns that the arguments name, as numbers and labels.

    Raises
    ------
    DataFileError
        If a column is not there, is named as two things, or does not hold what it should.
    """
    roles = _roles(table, asked)
    inputs, notes = _inputs(table, roles, asked.inputs)
    further = [*roles.weight, *roles.error]
    try:
        labels = [*(roles.targets if asked.classify else ()), *roles.groups]
        numeric = [*inputs, *(() if asked.classify else roles.targets), *further]
        table = table.complete(numeric, labels, asked.drop_missing)
        X = table.numbers(inputs)
    except DataFileError as error:
        raise DataFileError(f"{error}{_better_inputs(table, inputs, roles)}") from None
    groups = table.labels(roles.groups[0]) if roles.groups else None
    numbers = table.numbers(further)
    weight = numbers[roles.weight[0]] if roles.weight else None
    y_error = numbers[roles.error[0]] if roles.error else _number(asked.y_error)
    return Data(
        X, _targets(table, roles.targets, asked.classify), groups, weight, y_error,
        [*table.notes, *notes],
    )  # fmt: skip


def _roles(table: Table, asked: argparse.Namespace) -> _Roles:
    error = [] if _is_number(asked.y_error, table) else table.find([asked.y_error])
    return _Roles(
        table.find(asked.target),
        table.find([] if asked.groups is None else [asked.groups]),
        table.find([] if asked.weight is None else [asked.weight]),
        error,
    )


def _is_number(text: str | None, table: Table) -> bool:
    """Whether an error of y is no column: a number, or not given."""
    return text is None or (text not in table.names and _number(text) is not None)


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None


def _inputs(
    table: Table, roles: _Roles, wanted: Sequence[str] | None
) -> tuple[list[str], list[str]]:
    """The inputs, and what is to be said of columns that number the rows."""
    named, notes = roles.named, []
    inputs = table.find(wanted or [n for n in table.names if n not in named])
    for name in inputs:
        if name in named:
            raise DataFileError(f"column {name!r} cannot be an input and {named[name]}")
    if not inputs and list(named) == roles.targets:
        raise DataFileError(
            f"{roles.targets[0]!r} is its only column, so that nothing is left to explain "
            "it by; is it the right --separator?"
        )
    if not inputs:
        raise DataFileError(f"there is no column beside {' and '.join(_said(roles))}")
    if not wanted:
        unnamed = [name for name in inputs if _UNNAMED.fullmatch(name)]
        unnamed = [name for name in unnamed if counts_rows(table.cells[name])]
        inputs = [name for name in inputs if name not in unnamed]
        if not inputs:
            raise DataFileError(
                f"its only input column, {unnamed[0]!r}, looks like row numbers; if it is "
                f"what you mean, give --inputs {unnamed[0]!r}"
            )
        notes += [
            f"column {name!r} looks like row numbers and is left out; to use it, name it "
            "with --inputs"
            for name in unnamed
        ]
        notes += _doubts(table, inputs)
    return inputs, notes


def _said(roles: _Roles) -> list[str]:
    words = "target", "groups", "weight", "error"
    return [word for word, names in zip(words, roles, strict=True) if names]


def _doubts(table: Table, inputs: list[str]) -> list[str]:
    """What is said of inputs that only number the rows, as far as can be seen."""
    found = []
    for name in inputs:
        plain = re.sub(r"[\W_]", "", name).lower()
        if plain in _NUMBERS and len(inputs) > 1 and counts_rows(table.cells[name], 1):
            others = " ".join(repr(other) for other in inputs if other != name)
            found.append(
                f"column {name!r} looks like row numbers and is an input; to leave it out, "
                f"give --inputs {others if len(others) < 200 else 'and the others'}"
            )
    return found


def _targets(table: Table, names: list[str], classify: bool) -> Any:
    if classify:
        return table.classes(names[0])
    try:
        y = table.numbers(names)
    except DataFileError as error:
        raise DataFileError(f"{error}; --classify finds equations of classes") from None
    return y if len(names) > 1 else y[names[0]]


def _better_inputs(table: Table, inputs: list[str], roles: _Roles) -> str:
    """Which columns could be inputs, where some of those asked for cannot."""
    numeric = [name for name in table.numeric_names() if name not in roles.named]
    if not numeric or set(inputs) <= set(numeric):
        return ""
    return f"; columns of numbers, for --inputs: {listing(numeric)}"
