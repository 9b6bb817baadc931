"""The table of equations as people see it: in a terminal, and in a notebook."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from typing import Any

from ..plotting.style import shortened, weight_text

#: Weight of a rival below which the table only counts it.
_UNLIKELY = 0.02
#: Columns of numbers: how they are written, and their width in a terminal.
_NUMBERS: dict[str, tuple[Callable[[float], str], int]] = {
    "complexity": ("{:.1f}".format, 10),
    "loss": ("{:.3g}".format, 9),
    "criterion": ("{:.1f}".format, 10),
    "weight": (weight_text, 8),
    "score": ("{:.2f}".format, 6),
}
#: Characters of an equation that a narrow terminal still shows.
_NARROW = 20
_TABLE = "border-collapse:collapse; font:90% monospace; margin:.3em 0"
_CELL = (
    "padding:.15em .7em; border:0; vertical-align:top; text-align:right; white-space:pre"
)
_EQUATION = "min-width:12em; max-width:36em; text-align:left; white-space:pre-wrap"


def likely(table: Any) -> tuple[Any, str]:
    """The rows of ``equations_`` worth a look, and a line about the others, if any.

    Rivals of one complexity that are not likely are counted alone.
    """
    rival = table["complexity"].duplicated() & (table["weight"] < _UNLIKELY)
    rows = table[~rival | table["selected"]]
    others = len(table) - len(rows)
    word = "rival" if others == 1 else "rivals"
    return rows, f"… and {others} {word} of less weight" if others else ""


def text_table(
    table: Any,
    columns: Sequence[str],
    mark: str,
    width: int,
    lines: Mapping[int, Sequence[str]] | None = None,
) -> str:
    """``equations_`` in lines of ``width`` characters, where numbers leave room for it.

    Parameters
    ----------
    table : DataFrame
    columns : sequence of str
        Names of the columns of numbers.
    mark : str
        What stands in front of the selected row.
    width : int
        Characters of a line. Equations are cut there, the selected one goes on below.
    lines : mapping of labels to equations, default=None
        What the rows show; None takes the column ``equation``.
    """
    rows, others = likely(table)
    margin = " " * len(mark)
    head = [f"{name:>{_NUMBERS[name][1]}}" for name in columns]
    start = " ".join([f"{margin} {'':>3}", *head]) + "  "
    room = max(_NARROW, width - len(start))
    found = [start + "equation"]
    for label, row in rows.iterrows():
        sides = [row["equation"]] if lines is None else lines[label]
        shown: Iterable[str] = (shortened(side, room) for side in sides)
        if row["selected"]:
            shown = (part for side in sides for part in textwrap.wrap(side, room))
        numbers = [f"{as_text(name, row[name]):>{_NUMBERS[name][1]}}" for name in columns]
        front = mark if row["selected"] else margin
        front = " ".join([f"{front} {label:>3}", *numbers]) + "  "
        for part in shown:
            found.append(front + part)
            front = " " * len(start)
    return "\n".join([*found, *([f"{margin} {'':>3} {others}"] if others else [])])


def html_table(
    table: Any,
    columns: Sequence[str],
    lines: Mapping[int, Sequence[str]] | None = None,
) -> str:
    """``equations_`` as a table of HTML, with what `text_table` shows."""
    rows, others = likely(table)
    title = f'<div style="{_EQUATION}">equation</div>'
    heads = [_cell("th", name) for name in ("", title, *columns)]
    found = [f"<tr>{''.join(heads)}</tr>"]
    for label, row in rows.iterrows():
        sides = [row["equation"]] if lines is None else lines[label]
        equation = f'<div style="{_EQUATION}">{escape(chr(10).join(sides))}</div>'
        numbers = [escape(as_text(name, row[name])) for name in columns]
        front = f"▸ {label}" if row["selected"] else str(label)
        cells = [_cell("td", text) for text in (front, equation, *numbers)]
        weight = ' style="font-weight:bold"' if row["selected"] else ""
        found.append(f"<tr{weight}>{''.join(cells)}</tr>")
    last = f"<div>{escape(others)}</div>" if others else ""
    return f'<table style="{_TABLE}">{"".join(found)}</table>{last}'


def as_text(name: str, value: float) -> str:
    """A number of the table, as people see it."""
    return _NUMBERS[name][0](value)


def _cell(tag: str, content: str) -> str:
    return f'<{tag} style="{_CELL}">{content}</{tag}>'
