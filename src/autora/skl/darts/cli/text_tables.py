"""A table of text, whose columns become numbers or classes when they are asked for.

Nothing in a cell is run. Whatever is wrong raises `DataFileError`, which says where, and
what to do.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from ..graph.spelling import did_you_mean

#: How programs spell a value that is not there; a class may well be called "none".
_MISSING_LABEL = frozenset({"", "na", "n/a", "#n/a", "nan", "<na>"})
_MISSING = _MISSING_LABEL | {
    "nul", "null", "none", "nil", "missing", "-", "--", "?", ".", "#na",
    "#null!", "#value!",
}  # fmt: skip
#: Numbers by their decimal mark.
NUMBER = {
    mark: re.compile(rf"[+-]?(?:[0-9]+(?:{m}[0-9]*)?|{m}[0-9]+)(?:[eE][+-]?[0-9]+)?")
    for mark, m in ((".", "[.]"), (",", ","))
}
_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]{0,14})(?:\.0*)?")

_shortened = reprlib.Repr()
_shortened.maxstring = 40
brief = _shortened.repr


class DataFileError(ValueError):
    """A data file that cannot be used; the message says what is wrong and what to do."""


@dataclass(frozen=True)
class Table:
    """Columns of text under distinct names.

    The index counts the rows of the file from 1, below the header and without blank lines.
    """

    cells: pd.DataFrame
    separator: str = ","
    decimal: str = "."
    notes: list[str] = field(default_factory=list)  #: what a reader should know

    @property
    def names(self) -> list[str]:
        return list(self.cells.columns)

    def find(self, wanted: Iterable[str]) -> list[str]:
        """The names, each known and named once."""
        wanted, known = list(wanted), self.names
        for name in wanted:
            if name not in known:
                raise DataFileError(
                    f"there is no column {brief(name)}{did_you_mean(name, known)} The "
                    f"columns are {listing(known)}"
                )
            if wanted.count(name) > 1:
                raise DataFileError(f"column {name!r} is named twice")
        return wanted

    def complete(
        self, numbers: Sequence[str], labels: Sequence[str] = (), drop: bool = False
    ) -> Table:
        """The rows in which these columns have a value; without ``drop`` all must."""
        blank = pd.DataFrame(
            {
                name: self._text(name).str.lower().isin(words)
                for names, words in ((numbers, _MISSING), (labels, _MISSING_LABEL))
                for name in names
            },
            index=self.cells.index,
        )
        bad = blank.any(axis=1)
        if not bad.any():
            return self
        empty = [name for name in blank if blank[name].all()]
        if empty:
            raise DataFileError(f"there are no values in column {listing(empty)}")
        if not drop:
            where = "; ".join(
                f"column {name!r} in row {listing(list(blank.index[blank[name]]), 5)}"
                for name in blank
                if blank[name].any()
            )
            raise DataFileError(
                f"values are missing: {where}. Fill them in, or leave such rows out by "
                "--drop-missing"
            )
        if bad.all():
            raise DataFileError("a value is missing in every row, so that none is left")
        note = f"{bad.sum()} of {len(bad)} rows are left out, because values are missing"
        return replace(self, cells=self.cells[~bad], notes=[*self.notes, note])

    def numbers(self, names: Sequence[str]) -> pd.DataFrame:
        """Columns in double precision."""
        found, wrong = {}, {}
        for name in names:
            text = self._text(name)
            good = text.str.fullmatch(NUMBER[self.decimal])
            if not good.all():
                wrong[name] = ~good
                continue
            values = text.str.replace(self.decimal, ".", regex=False).astype(float)
            if not np.isfinite(values).all():
                where = self._first(name, ~np.isfinite(values))
                raise DataFileError(f"column {name!r}: {where} is too large a number")
            found[name] = values
        if wrong:
            raise DataFileError(self._no_numbers(wrong))
        return pd.DataFrame(found, index=self.cells.index)

    def numeric_names(self) -> list[str]:
        """Columns that hold numbers, as far as they hold anything."""
        found = []
        for name in self.names:
            text = self._text(name)
            good = text.str.fullmatch(NUMBER[self.decimal])
            if good.any() and (good | text.str.lower().isin(_MISSING)).all():
                found.append(name)
        return found

    def labels(self, name: str) -> pd.Series:
        """A column as labels: whole numbers where all are, else text."""
        text = self._text(name)
        distinct = text.unique()
        for label in distinct:
            if not label.isprintable():
                where = self._first(name, text == label)
                raise DataFileError(f"column {name!r}: {where} cannot be shown; rename it")
        if all(_WHOLE.fullmatch(label) for label in distinct):
            return text.astype(float).astype(np.int64)
        return text

    def classes(self, name: str) -> pd.Series:
        """A column of labels that name classes, of which there are few."""
        found = self.labels(name)
        count = found.nunique()
        if 2 < count > len(found) / 2:
            raise DataFileError(
                f"column {name!r} has {count} different values in {len(found)} rows, too "
                "many for classes; without --classify it is a number to predict"
            )
        return found

    def _text(self, name: str) -> pd.Series:
        return self.cells[name].str.strip()

    def _first(self, name: str, where: pd.Series) -> str:
        row = where.index[where.to_numpy()][0]
        return f"{brief(self._text(name)[row])} in row {row}"

    def _no_numbers(self, wrong: dict[str, pd.Series]) -> str:
        places = [
            f"column {name!r} ({self._first(name, bad)})"
            for name, bad in list(wrong.items())[:3]
        ]
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        verb = "is" if len(wrong) == 1 else "are"
        return f"{' and '.join(places)}{more} {verb} not numeric"


def decimal_mark(cells: pd.DataFrame) -> str:
    """A comma if numbers have one and none has a point."""
    found = {}
    for mark in ",.":
        found[mark] = any(
            cells[name][cells[name].str.contains(mark, regex=False)]
            .str.strip()
            .str.fullmatch(NUMBER[mark])
            .any()
            for name in cells
        )
    return "," if found[","] and not found["."] else "."


def counts_rows(cells: pd.Series, step: int | None = None) -> bool:
    """Whether text is whole numbers that count up, as numbers of rows do.

    With a ``step`` they start from 0 or 1 and differ by it; else some may be missing, as
    after rows have been deleted.
    """
    text = cells.str.strip()
    if not text.str.fullmatch(r"[0-9]{1,15}(?:\.0*)?").all():
        return False
    values = text.astype(float)
    steps = values.diff().iloc[1:]
    if step is None:
        return bool((steps > 0).all())
    return values.iloc[0] in (0, 1) and bool((steps == step).all())


def listing(names: Sequence[Any], most: int = 20) -> str:
    """Some names, in quotation marks, or numbers, and how many more there are."""
    shown = ", ".join(map(repr, names[:most]))
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
