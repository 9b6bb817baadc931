"""Pages on the command line: a report to send, a page to play with."""

from __future__ import annotations

import argparse
import shlex
import webbrowser
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

#: Rows of data: inputs, outputs, groups.
_Rows = tuple[Any, Any, Any]
#: The name of a page where none is given.
_EXPLORE = "explore.html"


# Options


def add_report(
    parser: argparse.ArgumentParser,
    add_form: Callable[[argparse.ArgumentParser], None] | None = None,
) -> None:
    """The option of a report; with ``add_form`` also those of data, for a model file."""
    add = parser.add_argument
    add("--report", metavar="FILE",
        help="write a report, one HTML file that can be sent: equation, table, pictures, "
        "warnings, versions")  # fmt: skip
    if add_form is not None:
        add("--data", metavar="DATA", help="rows for the pictures of the report, as CSV")
        _add_columns(parser, add_form)


def add_explore(commands: Any, add_form: Callable[[argparse.ArgumentParser], None]) -> None:
    parser = commands.add_parser(
        "explore",
        help="play with equations in a browser",
        description="Make a page in which the equations of a model file can be chosen and "
        "their coefficients and inputs moved, and open it. Nothing leaves the machine.",
    )
    add = parser.add_argument
    add("model", metavar="MODEL", help="a model file that fit wrote")
    add("data", metavar="DATA", nargs="?", help="rows to draw, as CSV")
    add("-o", "--output", metavar="FILE",
        help=f"the page (default: {_EXPLORE} beside MODEL)")  # fmt: skip
    add("--no-browser", action="store_true", help="write the page without opening it")
    _add_columns(parser, add_form)


def _add_columns(
    parser: argparse.ArgumentParser, add_form: Callable[[argparse.ArgumentParser], None]
) -> None:
    add = parser.add_argument
    add("-t", "--target", action="append", metavar="NAME",
        help="the column of the data that the model explains (default: that of the fit; "
        "needed for classes)")  # fmt: skip
    add("--groups", metavar="NAME", help="the column of the rows' groups")
    add_form(parser)


# Commands


def check_page(path: str | None) -> None:
    """Raise a `UsageError` unless a page can be written there; before a search."""
    from .report import UsageError

    if path is None:
        return
    where = Path(path)
    if where.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"the file of a page must end in .html, got {path!r}")
    if not where.parent.is_dir():
        raise UsageError(f"there is no folder {str(where.parent)!r} for {where.name!r}")


def write_report_of(
    model: Any, asked: argparse.Namespace, rows: _Rows, warned: Sequence[str] | None
) -> None:
    """The report that was asked for, if any."""
    if asked.report is None:
        return
    import matplotlib

    from ..pages.report import write_report

    matplotlib.use("agg")
    X, y, groups = rows
    write_report(
        model,
        asked.report,
        X,
        y,
        groups=groups,
        warnings_of_fit=warned,
        command=shlex.join(asked.words),
        decimals_to_display=getattr(asked, "digits", 2),
    )


def report_of_file(model: Any, asked: argparse.Namespace) -> None:
    """The report of a model file, whose warnings are not known."""
    from .report import warnings_as_notes

    rows = _rows(model, asked)
    with warnings_as_notes():
        write_report_of(model, asked, rows, None)


def explore(asked: argparse.Namespace) -> int:
    """Write a page to play with, and open it."""
    from ..pages.explorer import write_explorer
    from .report import note, say, warnings_as_notes
    from .sources import load

    beside = Path() if asked.model == "-" else Path(asked.model).parent
    path = Path(asked.output or beside / _EXPLORE)
    check_page(str(path))
    model = load(asked.model)
    X, y, groups = _rows(model, asked)
    with warnings_as_notes():
        write_explorer(model, path, X, y, groups=groups)
    say(str(path))
    if not asked.no_browser and not webbrowser.open(path.resolve().as_uri()):
        note("no browser was found; open the page yourself")
    return 0


def _rows(model: Any, asked: argparse.Namespace) -> _Rows:
    """The data of a page, if there are any."""
    from .groups import labels_known_to, require_groups
    from .report import UsageError, note
    from .sources import about, read

    if asked.data is None:
        if asked.target or asked.groups:
            raise UsageError("--target and --groups are columns of data; name their file")
        return None, None, None
    if asked.model == asked.data == "-":
        raise UsageError("the model and the data cannot both come from standard input")
    if asked.groups is not None:
        require_groups(model)
    classes = hasattr(model, "classes_")
    if classes and len(asked.target or ()) != 1:
        raise UsageError("a model of classes needs --target, the column of the classes")
    with about(asked.data):
        table = read(asked, asked.data)
        column = table.find([] if asked.groups is None else [asked.groups])
        targets = table.find(asked.target or model._labels("output_labels"))
        inputs = _inputs(model, table, [*targets, *column])
        numbers, labels = (inputs, targets) if classes else ([*inputs, *targets], [])
        table = table.complete(numbers, [*labels, *column], asked.drop_missing)
        X = table.numbers(inputs)
        y = _classes(model, table, targets[0]) if classes else table.numbers(targets)
        groups = labels_known_to(model, table, column[0]) if column else None
    for text in table.notes:
        note(text)
    if not hasattr(model, "feature_names_in_"):
        X = X.to_numpy()
    return X, y, groups


def _inputs(model: Any, table: Any, others: Sequence[str]) -> list[str]:
    """Columns of the inputs, which have no name where the fit knew none."""
    from dataclasses import replace

    from .predictions import inputs_of

    kept = [name for name in table.names if name not in others]
    return inputs_of(model, replace(table, cells=table.cells[kept]))


def _classes(model: Any, table: Any, target: str) -> Any:
    """A column as classes of the model."""
    from .text_tables import DataFileError, listing

    found = table.labels(target)
    known = {str(label): label for label in model.classes_.tolist()}
    unknown = [label for label in found.unique().tolist() if str(label) not in known]
    if unknown:
        raise DataFileError(
            f"column {target!r} has {listing(unknown, 3)}, which the model does not know; "
            f"its classes are {listing(list(known), 10)}"
        )
    return found.map(lambda label: known[str(label)])
