"""The look of all pictures: colours, sizes and the tidying of axes.

matplotlib is imported when a picture is drawn, not with the package.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Okabe–Ito colours, which colour-blind readers tell apart; yellow is too pale for lines.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
BLUE, VERMILION, GREEN, PURPLE, SKY, ORANGE, BLACK = COLOURS
DASHES = ("-", "--", ":")
#: Shapes tell outputs and primitives apart where a print has no colour.
MARKERS = "osD^vP*X<>"
INK, LINE, MUTED, PALE, GRID = "#222222", "#5F6B76", "#9AA3AB", "#C5CBD0", "#E6E9EB"
#: Fills of inputs, latent nodes and outputs of a graph.
INPUT, LATENT, OUTPUT = "#DCEBF7", "#FCEFD2", "#D8F0E6"


class Palette(NamedTuple):
    """Colours that are seen on the ground of some axes.

    ``series`` are those of outputs and primitives; ``line`` is for what stands behind
    data, ``muted`` and ``pale`` for what matters less.
    """

    series: tuple[str, ...]
    blue: str
    vermilion: str
    green: str
    purple: str
    orange: str
    ink: str
    line: str
    muted: str
    pale: str


_ON_LIGHT = Palette(COLOURS, BLUE, VERMILION, GREEN, PURPLE, ORANGE, INK, LINE, MUTED, PALE)
#: The same hues, lighter.
_SEEN_ON_DARK = (
    "#56B4E9", "#FF8A3D", "#2FCFA0", "#E9A3C9", "#A9DDF9", "#FFC24A", "#FFFFFF",
)  # fmt: skip
_ON_DARK = Palette(
    _SEEN_ON_DARK, *_SEEN_ON_DARK[:4], _SEEN_ON_DARK[5], "#F2F2F2", "#B4BDC5", "#8C959D",
    "#5F6B76",
)  # fmt: skip
#: Values of a surface, from low to high.
COLOUR_MAP = "cividis"
#: Sizes are meant for a font of 10 points, matplotlib's default; `scaled` makes them fit
#: ``rcParams["font.size"]``, so that papers and slides have letters of their size.
_FONT = 10.0
#: Inches; font sizes in points: titles and axis labels, ticks and legends, small print.
SIZE, WIDE, SQUARE = (6.0, 4.4), (9.0, 4.0), (4.6, 5.0)
TITLE, LABEL, TICK, SMALL = 10, 10, 9, 8
#: Widths of lines in points: the one that matters, others.
STRONG, THIN = 2.0, 1.2
#: Height of a line of text in font sizes, and what matplotlib calls it: what letters
#: reach below their line is not part of that.
LEADING = 1.32
LINE_SPACING = (LEADING - 0.24) / 0.76
#: Opacity of a band in which a curve lies, and of one in which observations do.
BAND, LIGHT = 0.28, 0.15
#: Points beyond this number are drawn as pixels and faint.
MANY = 1500
#: How large a box in space is, as a share of matplotlib's.
_FARTHER = 0.85
#: Numbers at ticks are written out between these.
_SMALLEST, _LARGEST = 1e-3, 1e6
#: A span that a linear axis would flatten, as the ratio of largest to smallest.
_LOG_RATIO = 10
#: Decades within which a logarithmic axis can afford plain numbers.
_PLAIN_DECADES = 3


def scaled(size: float) -> float:
    """Points or inches that suit the font size in use."""
    from matplotlib import rcParams

    return float(size * rcParams["font.size"] / _FONT)


def new_axes(size: tuple[float, float] = SIZE) -> Axes:
    """Axes on a new figure whose layout makes room for what is beside them."""
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=[*map(scaled, size)], layout="constrained")[1]


def palette(ax: Axes) -> Palette:
    """Colours for the ground of the axes, which is light or dark."""
    from matplotlib.colors import to_rgba

    red, green, blue, alpha = to_rgba(ax.get_facecolor())
    if not alpha:
        red, green, blue, _ = to_rgba(ax.figure.get_facecolor())
    return _ON_LIGHT if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.4 else _ON_DARK


def plain(text: Any) -> str:
    """A name on one line that matplotlib shows as it is.

    Dollars would start mathematics; a leading underscore would hide a legend's entry.
    """
    shown = " ".join(str(text).split()).replace("$", r"\$")
    return f" {shown}" if shown.startswith("_") else shown


def text_width(text: str, size: float) -> float:
    """Points that a line of text takes, mathematics included."""
    from matplotlib.cbook import is_math_text
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    math = is_math_text(text) if text.count("$") > text.count(r"\$") else False
    shown = text if math else text.replace(r"\$", "$")
    measured = text_to_path.get_text_width_height_descent
    return float(measured(shown, FontProperties(size=size), bool(math))[0])


def wrapped(text: Any, room: float, size: float) -> str:
    """A name in lines that take at most so many points, shown as it is."""
    letters = text_width("n", size)
    words = " ".join(str(text).split())
    most = max(int(room / letters), 8)
    lines = textwrap.wrap(words, most) or [""]
    while most > 8 and max(text_width(plain(line), size) for line in lines) > room:
        most -= 1
        lines = textwrap.wrap(words, most)
    return "\n".join(map(plain, lines))


def inches(ax: Any) -> tuple[float, float]:
    """Width and height of axes, a figure or a subfigure."""
    return ax.bbox.width / ax.figure.dpi, ax.bbox.height / ax.figure.dpi


def apart(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether two boxes (left, low, right, high) do not touch."""
    beside = one[2] <= other[0] or other[2] <= one[0]
    return beside or one[3] <= other[1] or other[3] <= one[1]


def percent(weight: float) -> str:
    """A weight with few digits; one next to nothing or all is not said to be that."""
    if 0 < weight < 1e-3 or 1 - 1e-3 < weight < 1:
        return "< 0.1 %" if weight < 0.5 else "> 99.9 %"
    return f"{100 * weight:.{3 if weight > 0.99 else 2}g} %"


def weight_text(weight: float) -> str:
    """A weight in a table; one below a millionth is only said to be that."""
    return "<1e-6" if 0 < weight < 1e-6 else f"{weight:.2g}"


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


def dots(ax: Axes, q: int, count: int) -> dict[str, Any]:
    """Points of output number q; faint pixels where there are many."""
    many, series = count > MANY, palette(ax).series
    return {
        "marker": MARKERS[q % len(MARKERS)],
        "color": series[q % len(series)],
        "ls": "",
        "ms": scaled(2.5 if many else 5),
        "mew": 0,
        "alpha": 0.25 if many else 0.7,
        "rasterized": many,
        "zorder": 2,
    }


def looks(ax: Axes) -> Iterator[dict[str, Any]]:
    """Colours and dash patterns of lines; 21 differ, neighbours in both."""
    series = palette(ax).series
    return ({"color": c, "linestyle": d} for c, d in zip(cycle(series), cycle(DASHES)))


def styles(ax: Axes, names: Sequence[str]) -> list[dict[str, Any]]:
    """A colour and dash pattern per primitive; "none" is always grey."""
    others, none = looks(ax), {"color": palette(ax).muted, "linestyle": "-"}
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
    """Axes with labels, without a box, with a faint grid behind the data.

    Labels are names as they are, in several lines where they are longer than their axis.
    """
    size = scaled(LABEL)
    across, upwards = (72 * side for side in inches(ax))
    ax.set_xlabel(wrapped(xlabel, across, size), fontsize=size)
    ax.set_ylabel(wrapped(ylabel, upwards, size), fontsize=size)
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(True, color=MUTED, alpha=0.25, lw=0.6)  # faint on a dark ground, too
    ax.set_axisbelow(True)
    ax.tick_params(labelsize=scaled(TICK))
    for axis in (ax.xaxis, ax.yaxis):
        _whole_numbers(axis)


def _whole_numbers(axis: Any) -> None:
    """No number above the axes that those at the ticks are to be multiplied with."""
    if axis.get_scale() != "linear":
        return
    largest = np.abs(axis.get_view_interval()).max()
    if not _SMALLEST <= largest < _LARGEST:
        axis.set_major_formatter("{x:g}")
    elif hasattr(axis.get_major_formatter(), "set_useOffset"):
        axis.get_major_formatter().set_useOffset(False)


def tidy_space(ax: Any, labels: Sequence[str]) -> None:
    """Three-dimensional axes with labels."""
    for axis, label in zip("xyz", labels, strict=True):
        shown = wrapped(label, 36 * inches(ax)[0], scaled(LABEL))
        getattr(ax, f"set_{axis}label")(shown, fontsize=scaled(LABEL))
        ax.tick_params(axis, labelsize=scaled(TICK))
    ax.set_box_aspect(None, zoom=_FARTHER)  # names of axes stay on the figure


def tidy_bar(bar: Any, label: str) -> None:
    """A colour bar with a label, without an outline."""
    size = scaled(LABEL)
    bar.set_label(wrapped(label, 72 * inches(bar.ax)[1], size), size=size)
    bar.ax.tick_params(labelsize=scaled(TICK))
    bar.outline.set_visible(False)


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
