"""Data files, whoever wrote them, as tables of text."""

from __future__ import annotations

import codecs
import csv
import io
import re
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from .binary_files import MOST_BYTES, cells_of, kind_of, unpacked, within_bounds
from .text_tables import NUMBER, DataFileError, Table, brief, counts_rows, decimal_mark

#: Columns, and characters of a name.
MOST_COLUMNS, LONGEST_NAME = 10_000, 200
#: What the separator is looked for in: characters, lines.
_SAMPLE, _LINES = 2**16, 20
_SPACES = r"\s+"
#: Separators in the order in which they are tried; blanks may stand in names.
_TRIED = ("\t", ";", ",")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class Form(NamedTuple):
    """How a file is written; what is None is found out."""

    separator: str | None = None
    decimal: str | None = None
    encoding: str | None = None
    header: bool = True
    sheet: str | None = None  #: of a spreadsheet; None is the first


def read_content(path: str) -> bytes:
    """What a file holds, or standard input for "-".

    Raises
    ------
    OSError
        If it cannot be opened.
    DataFileError
        If it is too large.
    """
    if path == "-":
        content = sys.stdin.buffer.read(MOST_BYTES + 1)
    else:
        with open(Path(path), "rb") as file:
            content = file.read(MOST_BYTES + 1)
    return within_bounds(content)


def read_table(content: bytes, form: Form = Form()) -> Table:  # noqa: B008
    """The table that a file holds; `DataFileError` where there is none.

    The bytes are UTF-8, UTF-16 with its mark, or else Windows-1252, unless the form says
    otherwise. Compressed files are unpacked; spreadsheets, Parquet and Feather files are
    read by pandas.
    """
    content, notes = unpacked(content), list[str]()
    if (kind := kind_of(content)) is not None:
        separator, cells = ",", cells_of(content, kind, form.sheet, notes)
        form = form._replace(decimal=".")
    else:
        text, notes = _decoded(content, form.encoding)
        separator = form.separator or _separator(text)
        cells = _parsed(text, separator)
    if kind is None or not kind.sheets:
        _no_sheet(form.sheet)
    if not cells.size:
        raise DataFileError("it is empty")
    if form.header:
        names = [name.strip() for name in cells.iloc[0]]
        cells = _named(cells.iloc[1:].set_axis(names, axis=1), notes)
    else:
        cells.columns = [f"x{i + 1}" for i in range(cells.shape[1])]
        cells.index += 1
    if not len(cells):
        raise DataFileError("there are no rows below the line of column names")
    decimal = form.decimal or ("." if separator == "," else decimal_mark(cells))
    if decimal == "," and form.decimal is None:
        notes.append("commas are read as decimal marks; see --decimal")
    return Table(cells, " " if separator == _SPACES else separator, decimal, notes)


def _no_sheet(sheet: str | None) -> None:
    if sheet is not None:
        raise DataFileError(f"it is not a spreadsheet; leave out --sheet {sheet!r}")


def _decoded(content: bytes, encoding: str | None) -> tuple[str, list[str]]:
    """The text with plain line ends, and a note if its encoding is a guess."""
    notes: list[str] = []
    marked = [name for mark, name in _MARKS if content.startswith(mark)]
    known = encoding or "".join(marked)
    try:
        text = content.decode(known or "utf-8")
    except (LookupError, ValueError) as error:
        if known:
            raise DataFileError(f"it cannot be read as {known}: {error}") from None
        text = content.decode("cp1252", errors="replace")
        notes.append("it is not UTF-8 and is read as Windows-1252; see --encoding")
    if "\0" in text:
        raise DataFileError("it is not text, as it has zero bytes; save it as CSV in UTF-8")
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise DataFileError("it is empty")
    return text, notes


def _separator(text: str) -> str:
    """The separator under which the first lines have equally many fields."""
    sample = text.lstrip("\n")[:_SAMPLE].split("\n")
    lines = [line for line in sample[: _LINES + 1] if line.strip()]
    if len(sample) > 1 and len(text) > _SAMPLE:
        lines = lines[:-1] or lines  # the last may be cut off
    widths = {separator: _widths(lines, separator) for separator in _TRIED}
    even = [s for s in _TRIED if widths[s][0] > 1 and len(set(widths[s])) == 1]
    if even:
        return even[0]
    blanks = {len(line.split()) for line in lines}
    if len(blanks) == 1 and blanks != {1}:
        return _SPACES
    return max(_TRIED, key=lambda s: (widths[s][0], s == ","))


def _widths(lines: Sequence[str], separator: str) -> list[int]:
    """Fields of every line; quotation marks may hide separators and line ends."""
    try:
        rows = csv.reader((line + "\n" for line in lines), delimiter=separator)
        return [len(row) for row in rows]
    except csv.Error:
        return [0]


def _parsed(text: str, separator: str) -> pd.DataFrame:
    """All cells as text, the line of names among them."""
    first = text.lstrip("\n").split("\n", 1)[0]
    if first.count(separator) > MOST_COLUMNS or len(first.split()) > MOST_COLUMNS:
        raise DataFileError(f"it has more than {MOST_COLUMNS} columns")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            return pd.read_csv(
                io.StringIO(text),
                sep=separator,
                skipinitialspace=separator != _SPACES,
                header=None,
                dtype=object,
                na_filter=False,
                engine="c",
            )
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise DataFileError(_translated(str(error))) from None


def _translated(problem: str) -> str:
    """What pandas says, for people who do not know it."""
    if match := re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", problem):
        return (
            f"line {match[2]} has {match[3]} fields, the first line {match[1]}; correct "
            "it, or name the right --separator"
        )
    if "EOF inside string" in problem:
        return "a quotation mark is not closed before the end"
    return f"it cannot be read as a table: {' '.join(problem.split())}"


def _named(cells: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """The cells under names that are usable, distinct and not empty."""
    names = [name for name in cells.columns if name]
    if not names:
        raise DataFileError("its first line holds no names of columns")
    if all(NUMBER["."].fullmatch(n) or NUMBER[","].fullmatch(n) for n in names):
        raise DataFileError(
            "its first line holds numbers instead of names; add a line of names, or give "
            "--no-header, which calls the columns x1, x2, …"
        )
    places: dict[str, int] = {}
    for place, name in enumerate(cells.columns, 1):
        if len(name) > LONGEST_NAME or not name.isprintable():
            raise DataFileError(
                f"the name of column {place}, {brief(name)}, is longer than {LONGEST_NAME} "
                "characters or has characters that cannot be shown; rename it"
            )
        if name and places.setdefault(name, place) != place:
            raise DataFileError(
                f"columns {places[name]} and {place} are both named {name!r}; rename one"
            )
    for i in [i for i, name in enumerate(cells.columns) if not name]:
        if (column := cells.iloc[:, i]).str.strip().any():
            what = ", looks like row numbers" if counts_rows(column) else ""
            notes.append(f"column {i + 1} has no name{what} and is left out")
    return cells[names]
