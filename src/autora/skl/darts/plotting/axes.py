"""Drawings with matplotlib, which is imported when the first one is made."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit, softmax

from ..graph.search_space import SearchSpace
from . import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Inches per panel of the architecture weights, and panels side by side.
_PANEL, _COLUMNS = (2.3, 1.8), 5


def plot_loss(
    ax: Axes, epochs: Sequence[int], train: Sequence[float], valid: Sequence[float]
) -> None:
    """Draw losses over the epochs; those that are not finite leave gaps."""
    look: dict[str, Any] = {"lw": style.STRONG, "marker": _dot(epochs)}
    ax.plot(epochs, train, "--", color=style.ORANGE, label="training", **look)
    ax.plot(epochs, valid, "-", color=style.BLUE, label="validation", **look)
    if style.spans_decades([*train, *valid]):
        style.log_scale(ax)
    style.whole_ticks(ax)
    style.tidy(ax, "epoch", "loss")
    ax.legend(frameon=False, fontsize=style.TICK)


def relaxed_weights(alphas: np.ndarray, darts_type: str) -> np.ndarray:
    """What the relaxed graph multiplies with, of the shape (…, primitives) of alphas."""
    alphas = np.asarray(alphas, dtype=float)
    return expit(alphas) if darts_type == "fair" else softmax(alphas, axis=-1)


def edge_labels(space: SearchSpace, input_names: Sequence[str]) -> list[str]:
    """Names such as "x1 → k_1", one per edge."""
    nodes = [*map(str, input_names), *(f"k_{k + 1}" for k in range(space.n_nodes))]
    pairs = zip(space.sources, space.targets, strict=True)
    labels = [f"{nodes[source]} → k_{target + 1}" for source, target in pairs]
    if space.n_parallel == 1:
        return labels
    return [f"{label} ({i % space.n_parallel + 1})" for i, label in enumerate(labels)]


def plot_architecture(
    epochs: Sequence[int],
    weights: np.ndarray,
    primitives: Sequence[str],
    edge_labels: Sequence[str],
    figure: Any = None,
) -> tuple[Any, np.ndarray]:
    """Draw weights (epochs, edges, primitives): a panel per edge, one legend beside them.

    An empty figure or subfigure may be given; it is returned with the panels' axes.
    """
    n = len(edge_labels)
    columns = min(_COLUMNS, n, max(2, int(np.ceil(np.sqrt(n)))))
    rows = -(-n // columns)
    if figure is None:
        import matplotlib.pyplot as plt

        # The legend, one line per primitive, must fit beside few panels too.
        height = max(rows * _PANEL[1] + 0.4, 0.21 * len(primitives) + 0.6)
        size = (columns * _PANEL[0] + 1.8, height)
        figure = plt.figure(figsize=size, layout="constrained")
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    axes = grid.ravel()
    for e, label in enumerate(edge_labels):
        _plot_edge(axes[e], epochs, weights[:, e], primitives)
        axes[e].set_title(style.plain(label), fontsize=style.TITLE)
    for spare in axes[n:]:
        spare.remove()
    for ax in axes[max(0, n - columns) : n]:
        ax.tick_params(labelbottom=True)
    # Among many primitives every weight is small: zoom in, on all panels alike.
    top = float(np.clip(np.nanmax(weights), 0.1, 1))
    axes[0].set_ylim(-0.03 * top, 1.05 * top)
    figure.supxlabel("epoch", fontsize=style.LABEL)
    figure.supylabel("weight", fontsize=style.LABEL)
    where: dict[str, Any] = {"loc": "outside right upper", "frameon": False}
    legend = figure.legend(handles=axes[0].get_lines(), fontsize=style.TICK, **where)
    for line in legend.get_lines():
        line.set_linewidth(style.STRONG)  # bold is no news in it
    return figure, axes[:n]


def _plot_edge(
    ax: Axes, epochs: Sequence[int], weights: np.ndarray, primitives: Sequence[str]
) -> None:
    """Draw the weights (epochs, primitives) of an edge, the strongest at the end bold."""
    looks = style.styles(primitives)
    lines = ax.plot(epochs, weights, lw=style.THIN, marker=_dot(epochs))
    for line, name, look in zip(lines, primitives, looks, strict=True):
        line.set(label=style.plain(name), **look)
    lines[int(np.argmax(weights[-1]))].set(lw=style.STRONG + 0.4, zorder=3)
    ax.locator_params(axis="y", nbins=4)
    style.whole_ticks(ax)
    style.tidy(ax, "", "")


def _dot(epochs: Sequence[int]) -> str:
    """A line of one point is invisible without a marker."""
    return "o" if len(epochs) == 1 else ""


def layout_pdf(layout: dict[str, Any]) -> bytes:
    """What Graphviz writes for ``-Tjson`` as a vector PDF with text that can be selected.

    The layout's coordinates are in points of 1/72 inch.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    x0, y0, x1, y1 = (float(v) for v in layout["bb"].split(","))
    pad = 72 * float(str(layout.get("pad", "0.06")).split(",")[0])
    width, height = x1 - x0 + 2 * pad, y1 - y0 + 2 * pad
    figure = Figure(figsize=(width / 72, height / 72), facecolor="white")
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set_axis_off()
    ax.set(xlim=(x0 - pad, x1 + pad), ylim=(y0 - pad, y1 + pad))
    for item in [*layout.get("edges", []), *layout.get("objects", [])]:
        line_width = float(item.get("penwidth", 1))
        for part in ("_draw_", "_hdraw_", "_ldraw_"):
            _draw_operations(ax, item.get(part, []), line_width)
    buffer = io.BytesIO()
    # Font type 42 embeds whole characters; no date makes equal graphs equal files.
    with rc_context({"pdf.fonttype": 42}):
        figure.savefig(buffer, format="pdf", metadata={"CreationDate": None})
    return buffer.getvalue()


def _draw_operations(ax: Axes, operations: list[dict[str, Any]], lw: float) -> None:
    """Draw what Graphviz calls xdot: pen and fill colours, shapes, text."""
    from matplotlib.patches import Ellipse, PathPatch
    from matplotlib.path import Path

    pen, fill, size = "#000000", "none", 14.0
    for op in operations:
        kind = op["op"]
        if kind == "c":
            pen = op["color"]
        elif kind == "C":
            fill = op["color"]
        elif kind == "F":
            size = float(op["size"])
        elif kind == "T":
            _draw_text(ax, op, pen, size)
        elif kind in "eE":
            x, y, rx, ry = op["rect"]
            ax.add_patch(Ellipse((x, y), 2 * rx, 2 * ry, fc=fill, ec=pen, lw=lw))
        elif kind in "pPbBL":
            points = op["points"]
            # Only outlines are filled: a curve that ends elsewhere is an arrow's line.
            closed = kind in "pP" or points[0] == points[-1]
            line = Path.CURVE4 if kind in "bB" else Path.LINETO
            codes = [Path.MOVETO] + [line] * (len(points) - 1)
            if closed:
                points, codes = [*points, points[0]], [*codes, Path.CLOSEPOLY]
            colour = fill if closed else "none"
            patch = PathPatch(Path(points, codes), fc=colour, ec=pen, lw=lw)
            ax.add_patch(patch)


def _draw_text(ax: Axes, op: dict[str, Any], colour: str, size: float) -> None:
    """One line of text, in a font that may be wider than the one of the layout."""
    from matplotlib.font_manager import FontProperties, fontManager
    from matplotlib.textpath import TextPath

    wanted = ("Helvetica", "Arial", "Liberation Sans", "Arimo", "DejaVu Sans")
    known = {font.name for font in fontManager.ttflist}
    font = FontProperties(family=[name for name in wanted if name in known])
    if font.get_family()[0] == wanted[-1]:
        size *= 0.86  # DejaVu is this much wider; one size keeps the drawing even
    shown = op["text"].replace("\\\\", "\\")
    path = TextPath((0, 0), shown.replace("$", r"\$"), size=size, prop=font)
    actual, room = path.get_extents().width, float(op["width"])
    if actual > room > 0:
        size *= max(room / actual, 0.7)
    align = {"c": "center", "l": "left", "r": "right"}[op["align"]]
    x, y = op["pt"]
    look: dict[str, Any] = {"color": colour, "fontproperties": font, "fontsize": size}
    ax.text(x, y, shown, ha=align, va="baseline", parse_math=False, **look)
