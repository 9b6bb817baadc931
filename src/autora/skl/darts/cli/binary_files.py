"""Data files that are not text: compressed ones, spreadsheets, Parquet and Feather.

What a file is follows from its first bytes, not from its name.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import warnings
import zipfile
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

import pandas as pd

from ..graph.spelling import did_you_mean
from .text_tables import DataFileError, listing

#: Bytes of a file, also when unpacked.
MOST_BYTES = 256 * 2**20
#: How often a packed file may hold another.
_MOST_LAYERS = 2
#: Ends of names of files that hold another one.
PACKED = (".gz", ".bz2", ".xz", ".zip")
_OPENED: dict[bytes, Callable[[Any], Any]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
}
_ZIP = b"PK\x03\x04"
#: What is raised of damaged files, and of those that need a password.
_DAMAGED = (
    OSError, EOFError, RuntimeError, lzma.LZMAError, zlib.error, zipfile.BadZipFile,
)  # fmt: skip


class Kind(NamedTuple):
    """A kind of file that pandas reads."""

    name: str
    needs: str  #: the package that pandas reads it with
    sheets: bool = False


_BY_START = {
    b"\xd0\xcf\x11\xe0": Kind("an old Excel file (.xls)", "xlrd", True),
    b"PAR1": Kind("a Parquet file", "pyarrow"),
    b"ARROW1": Kind("a Feather file", "pyarrow"),
}
#: Spreadsheets are zip files with a member of this name.
_BY_MEMBER = {
    "xl/workbook.xml": Kind("an Excel file (.xlsx)", "openpyxl", True),
    "xl/workbook.bin": Kind("an Excel file (.xlsb)", "pyxlsb", True),
    "content.xml": Kind("an OpenDocument file (.ods)", "odfpy", True),
}


def unpacked(content: bytes) -> bytes:
    """What a compressed file holds; other files as they are.

    Raises
    ------
    DataFileError
        If it is damaged or too large, or a zip file holds several files.
    """
    for _ in range(_MOST_LAYERS):
        try:
            inner = _opened(content)
        except _DAMAGED as error:
            raise DataFileError(f"it cannot be unpacked: {error}") from None
        if inner is None:
            return content
        content = inner
    return content


def _opened(content: bytes) -> bytes | None:
    """What the outermost layer holds; None where there is none."""
    opened = [call for start, call in _OPENED.items() if content.startswith(start)]
    if opened:
        with opened[0](io.BytesIO(content)) as file:
            return within_bounds(file.read(MOST_BYTES + 1))
    if not content.startswith(_ZIP) or kind_of(content) is not None:
        return None
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = [name for name in archive.namelist() if not _beside_data(name)]
        if len(names) != 1:
            raise DataFileError(
                f"it is a zip file of {len(names)} files; unpack the one that is meant"
            )
        with archive.open(names[0]) as file:
            return within_bounds(file.read(MOST_BYTES + 1))


def _beside_data(name: str) -> bool:
    """Whether a member is a folder, or what macOS adds."""
    return name.endswith("/") or name.startswith("__MACOSX/")


def within_bounds(content: bytes) -> bytes:
    """The content; `DataFileError` if it is too large."""
    if len(content) > MOST_BYTES:
        raise DataFileError(
            f"it is larger than {MOST_BYTES // 2**20} MiB; take a sample of its rows"
        )
    return content


def kind_of(content: bytes) -> Kind | None:
    """What pandas has to read; None of text."""
    for start, kind in _BY_START.items():
        if content.startswith(start):
            return kind
    if not content.startswith(_ZIP):
        return None
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = {info.filename: info.file_size for info in archive.infolist()}
    except (zipfile.BadZipFile, ValueError) as error:
        raise DataFileError(
            f"it is a spreadsheet or an archive that cannot be opened ({error}); save the "
            "sheet as CSV"
        ) from None
    found = next((k for name, k in _BY_MEMBER.items() if name in members), None)
    if found is not None and sum(members.values()) > MOST_BYTES:
        raise DataFileError(
            f"its sheets are larger than {MOST_BYTES // 2**20} MiB; save one as CSV"
        )
    return found


def cells_of(
    content: bytes, kind: Kind, sheet: str | None, notes: list[str]
) -> pd.DataFrame:
    """The cells of a sheet or a table as text, the names of the columns in the first row.

    A note says which sheet is read where there are several and none was named.

    Raises
    ------
    DataFileError
        If the package that reads it is missing, or cannot; if there is no such sheet.
    """
    file = io.BytesIO(content)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and other things that are no cells
            if kind.sheets:
                found = _sheet(file, sheet, notes)
            else:
                read = pd.read_parquet if content.startswith(b"PAR1") else pd.read_feather
                found = _with_names(read(file))
    except ImportError:
        raise DataFileError(
            f"it is {kind.name}, which pandas reads with the package {kind.needs}: pip "
            f"install {kind.needs}; or save the table as CSV"
        ) from None
    except DataFileError:
        raise
    except Exception as error:  # every reader has kinds of its own
        problem = " ".join(str(error).split()) or type(error).__name__
        raise DataFileError(
            f"it looks like {kind.name}, but cannot be read: {problem[:300]}"
        ) from None
    cells = found.map(_text)
    return cells[cells.ne("").any(axis=1)].reset_index(drop=True)


def _sheet(file: io.BytesIO, sheet: str | None, notes: list[str]) -> pd.DataFrame:
    with pd.ExcelFile(file) as book:
        if sheet is not None and sheet not in book.sheet_names:
            raise DataFileError(
                f"there is no sheet {sheet!r}{did_you_mean(sheet, book.sheet_names)} The "
                f"sheets are {listing(book.sheet_names)}"
            )
        if sheet is None and len(book.sheet_names) > 1:
            first, *others = book.sheet_names
            notes.append(f"sheet {first!r} is read; for {listing(others, 5)} give --sheet")
        wanted = book.sheet_names[0] if sheet is None else sheet
        return book.parse(wanted, header=None, dtype=object, na_filter=False)


def _with_names(table: pd.DataFrame) -> pd.DataFrame:
    """A table with its names in the first row; an index that says something is a column."""
    if not isinstance(table.index, pd.RangeIndex):
        names = [str(name or "") for name in table.index.names]
        table = table.reset_index(names=[f"\0{i}" for i in range(len(names))])
        table.columns = pd.Index([*names, *map(str, table.columns[len(names) :])])
    values = [table.iloc[:, i].astype(object) for i in range(table.shape[1])]
    columns = [
        pd.Series([str(name), *column]) for name, column in zip(table, values, strict=True)
    ]
    return pd.concat(columns, axis=1)


def _text(value: Any) -> str:
    """A cell as it would stand in a CSV file, numbers to the last bit."""
    if value is None or value is pd.NaT or value is pd.NA or value != value:
        return ""
    if isinstance(value, float):
        return repr(float(value))
    return str(value)
