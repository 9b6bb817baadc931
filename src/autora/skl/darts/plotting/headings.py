"""What stands above the axes of a fit: its equations and a legend, clear of the data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from . import style
from .formulas import Formula

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Largest share of the height of axes and heading that equations may take.
_MOST = 0.4
#: Share of the room that is used: letters reach a little beyond their width.
_SAFE = 0.98
#: How close entries of a legend stand, in font sizes.
ENTRIES = {
    "handlelength": 1.8, "handletextpad": 0.5, "columnspacing": 1.0, "labelspacing": 0.3,
    "borderpad": 0.1,
}  # fmt: skip


def room_above(ax: Axes, beside: Sequence[Any] = ()) -> float:
    """Points across that a heading may take, from the axes' left to the right end."""
    figure = ax.figure.canvas.figure
    figure.draw_without_rendering()  # the layout moves the axes
    cell = ax.get_position(original=True).x1 * ax.figure.bbox.width + ax.figure.bbox.x0
    right = max([cell, ax.bbox.x1, *(other.bbox.x1 for other in beside)])
    return _SAFE * float(right - ax.bbox.x0) * 72 / ax.figure.dpi


def heading(
    ax: Axes,
    handles: Sequence[Any],
    equations: Sequence[Formula] = (),
    beside: Sequence[Any] = (),
) -> None:
    """A legend above the axes, in as many columns as fit, under the equations.

    ``beside`` are axes to the right, above which there is room as well.
    """
    room, size = room_above(ax, beside), style.scaled(style.TICK)
    columns = columns_for([str(handle.get_label()) for handle in handles], room)
    height = 72 * style.inches(ax)[1]
    legend = ax.legend(
        handles=handles, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.2,
        frameon=False, ncols=columns, fontsize=size, alignment="left", **ENTRIES,
        title=_title(equations, room, height, size) or None, title_fontsize=size,
    )  # fmt: skip
    if beside:  # the layout would move them out of the legend's way
        legend.set_in_layout(False)
        upwards = legend.get_window_extent().height * 72 / ax.figure.dpi
        ax.set_title(" ", fontsize=1, pad=upwards)
    if ax.figure.canvas.figure.get_layout_engine() is None:
        over = legend.get_window_extent().y1 - ax.figure.bbox.y1
        for axes in (ax, *beside):
            _lower(axes, over / ax.figure.bbox.height)


def _lower(ax: Any, share: float) -> None:
    """Move the top of axes down by a share of the figure, as a layout would."""
    if share > 0 and ax.get_subplotspec() is not None:
        x, y, width, height = ax.get_position().bounds
        ax.set_position((x, y, width, max(height - share, height / 4)))


def entitle(ax: Axes, equations: Sequence[Formula]) -> None:
    """The equations as a title, for axes whose corners are no places, as those in space."""
    size, (width, height) = style.scaled(style.TICK), style.inches(ax)
    ax.set_title(_title(equations, 60 * width, 72 * height, size), fontsize=size)


def columns_for(names: Sequence[str], room: float) -> int:
    """Columns of a legend that takes at most so many points."""
    size = style.scaled(style.TICK)
    widths = [style.text_width(name, size) for name in names]
    beside = size * (ENTRIES["handlelength"] + ENTRIES["handletextpad"])
    gap = size * ENTRIES["columnspacing"]
    for columns in range(len(names), 1, -1):
        # matplotlib fills columns from the left, the first ones with one more.
        parts = np.array_split(np.array(widths), columns)
        if sum(part.max() + beside + gap for part in parts) - gap <= room:
            return columns
    return 1


def _title(equations: Sequence[Formula], room: float, height: float, size: float) -> str:
    """The equations in lines; where they would take too much room, where to find them."""
    if not equations:
        return ""
    lines = [line for formula in equations for line in formula.lines(room, size)]
    if len(lines) * size * style.LEADING > _MOST * height:
        return "\n".join(
            Formula("", "the equation is long: model_repr() prints it").lines(room, size)
        )
    return "\n".join(lines)
