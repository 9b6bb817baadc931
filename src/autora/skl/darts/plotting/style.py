"""The look of all pictures: colours, sizes and the tidying of axes.

matplotlib is imported when a picture is drawn, not with the package.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Okabe–Ito colours, which colour-blind readers tell apart; yellow is too pale for lines.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
BLUE, VERMILION, GREEN, PURPLE, SKY, ORANGE, BLACK = COLOURS
DASHES = ("-", "--", ":")
#: Shapes tell outputs apart where a print has no colour.
MARKERS = "osD^vP"
INK, LINE, MUTED, PALE, GRID = "#222222", "#5F6B76", "#9AA3AB", "#C5CBD0", "#E6E9EB"
#: Fills of inputs, latent nodes and outputs of a graph.
INPUT, LATENT, OUTPUT = "#DCEBF7", "#FCEFD2", "#D8F0E6"
#: Values of a surface, from low to high.
COLOUR_MAP = "cividis"
#: Inches; font sizes in points: titles and axis labels, ticks and legends, small print.
SIZE, WIDE, SQUARE = (6.0, 4.0), (9.0, 4.0), (4.6, 4.4)
TITLE, LABEL, TICK, SMALL = 10, 10, 9, 8
#: Widths of lines in points: the one that matters, others.
STRONG, THIN = 2.0, 1.2
#: Opacity of a band in which a curve lies, and of one in which observations do.
BAND, LIGHT = 0.28, 0.15
#: Points beyond this number are drawn as pixels and faint.
MANY = 1500
#: A span that a linear axis would flatten, as the ratio of largest to smallest.
_LOG_RATIO = 10
#: Decades within which a logarithmic axis can afford plain numbers.
_PLAIN_DECADES = 3


def new_axes(size: tuple[float, float] = SIZE) -> Axes:
    """Axes on a new figure whose layout makes room for what is beside them."""
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=size, layout="constrained")[1]


def plain(text: Any) -> str:
    """A name on one line that matplotlib shows as it is.

    Dollars would start mathematics; a leading underscore would hide a legend's entry.
    """
    shown = " ".join(str(text).split()).replace("$", r"\$")
    return f" {shown}" if shown.startswith("_") else shown


def percent(weight: float) -> str:
    """A weight with few digits; one next to nothing or all is not said to be that."""
    if 0 < weight < 1e-3 or 1 - 1e-3 < weight < 1:
        return "< 0.1 %" if weight < 0.5 else "> 99.9 %"
    return f"{100 * weight:.{3 if weight > 0.99 else 2}g} %"


def at_level(what: str, level: float | None) -> str:
    """The entry of a legend for intervals of a probability."""
    return what if level is None else f"{what}, {100 * level:.6g} %"


def shortened(text: str, most: int) -> str:
    """At most so many characters, the last one a dot-dot-dot where some are missing."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def ends_of(text: str, most: int) -> str:
    """At most so many characters, of both ends: names often differ in the last ones."""
    half = (most - 1) // 2
    return text if len(text) <= most else f"{text[: most - 1 - half]}…{text[-half:]}"


def dots(q: int, count: int) -> dict[str, Any]:
    """Points of output number q; faint pixels where there are many."""
    many = count > MANY
    return {
        "marker": MARKERS[q % len(MARKERS)],
        "color": COLOURS[q % len(COLOURS)],
        "ls": "",
        "ms": 2.5 if many else 5,
        "mew": 0,
        "alpha": 0.25 if many else 0.6,
        "rasterized": many,
        "zorder": 2,
    }


def looks() -> Iterator[dict[str, Any]]:
    """Colours and dash patterns of lines, without end."""
    return cycle({"color": c, "linestyle": d} for d in DASHES for c in COLOURS)


def styles(names: Sequence[str]) -> list[dict[str, Any]]:
    """A colour and dash pattern per primitive; "none" is always grey."""
    others, none = looks(), {"color": MUTED, "linestyle": "-"}
    return [none if name == "none" else next(others) for name in names]


def spans_decades(values: Any) -> bool:
    """Whether positive values need a logarithmic axis."""
    values = np.asarray(values, dtype=float)
    values = values[np.isfinite(values)]
    return bool(values.size and 0 < values.min() * _LOG_RATIO < values.max())


def log_scale(ax: Axes, which: str = "y") -> None:
    """A logarithmic axis, y or x; plain numbers where its span is short."""
    from matplotlib.ticker import LogLocator, NullFormatter

    ax.set(**{f"{which}scale": "log"})
    axis = ax.yaxis if which == "y" else ax.xaxis
    low, high = axis.get_view_interval()
    if high <= low * 10**_PLAIN_DECADES:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())


def tidy(ax: Axes, xlabel: str, ylabel: str) -> None:
    """Axes with labels, without a box, with a faint grid behind the data."""
    ax.set_xlabel(xlabel, fontsize=LABEL)
    ax.set_ylabel(ylabel, fontsize=LABEL)
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(True, color=MUTED, alpha=0.25, lw=0.6)  # faint on a dark ground, too
    ax.set_axisbelow(True)
    ax.tick_params(labelsize=TICK)


def keep_to(ax: Axes, seen: np.ndarray) -> None:
    """The data on the y axis: a pole of an equation must not flatten them."""
    pad = 0.25 * (np.ptp(seen) or 1.0)
    low, high = ax.get_ylim()
    ax.set_ylim(max(low, seen.min() - pad), min(high, seen.max() + pad))


def cut(band: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """A band that ends beyond the view of `keep_to`; without an end none would be drawn."""
    room = np.ptp(seen) or 1.0
    return np.clip(band, seen.min() - room, seen.max() + room)


def whole_ticks(ax: Axes, most: int = 5) -> None:
    """Few whole numbers on the x axis."""
    ax.locator_params(axis="x", nbins=most, integer=True, min_n_ticks=1)
