"""Drawings with matplotlib, which is imported when the first one is made."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..graph.search_space import SearchSpace
from . import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Inches per panel of the architecture weights, and panels side by side.
_PANEL, _COLUMNS = (2.3, 1.8), 5


def plot_loss(
    epochs: Sequence[int],
    valid_loss: Sequence[float],
    train_loss: Sequence[float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the loss over the epochs.

    Parameters
    ----------
    epochs : sequence of int
    valid_loss, train_loss : sequence of float of the same length
        In units of the loss; values that are not finite leave gaps.
    ax : matplotlib.axes.Axes, default=None
        None draws on a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        Its loss axis is logarithmic when the loss is positive and spans a factor of ten.
    """
    ax = style.new_axes() if ax is None else ax
    curves = [(valid_loss, "validation", style.BLUE, "-")]
    if train_loss is not None:
        curves.insert(0, (train_loss, "training", style.ORANGE, "--"))
    for loss, label, colour, dashes in curves:
        ax.plot(
            epochs,
            loss,
            dashes,
            color=colour,
            lw=style.STRONG,
            label=label,
            marker=_dot(epochs),
        )
    if style.spans_decades(np.concatenate([np.asarray(c[0], float) for c in curves])):
        style.log_scale(ax)
    ax.set(xlabel="epoch", ylabel="loss")
    style.whole_ticks(ax)
    style.tidy(ax)
    if len(curves) > 1:
        ax.legend(frameon=False, fontsize=style.TICK)
    return ax


def plot_architecture_weights(
    epochs: Sequence[int],
    weights: np.ndarray,
    primitives: Sequence[str],
    title: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw the weights of one edge's primitives; the strongest at the end is bold.

    Parameters
    ----------
    epochs : sequence of int
    weights : ndarray of shape (n_epochs, n_primitives)
        Between 0 and 1.
    primitives : sequence of str
        Names for the legend, which is left to the caller.
    title : str, default=""
        Name of the edge.
    ax : matplotlib.axes.Axes, default=None
        None draws on a new figure.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = style.new_axes((5.0, 3.4)) if ax is None else ax
    weights = np.asarray(weights, dtype=float)
    strongest = int(np.argmax(weights[-1]))
    for i, (name, look) in enumerate(
        zip(primitives, style.styles(primitives), strict=True)
    ):
        width, order = (style.STRONG + 0.4, 3) if i == strongest else (style.THIN, 2)
        ax.plot(
            epochs,
            weights[:, i],
            lw=width,
            zorder=order,
            label=style.plain(name),
            marker=_dot(epochs),
            **look,
        )
    ax.set_ylim(-0.03, 1.03)
    ax.locator_params(axis="y", nbins=4)
    if title:
        ax.set_title(style.plain(title), fontsize=style.TITLE)
    style.whole_ticks(ax)
    style.tidy(ax)
    return ax


def relaxed_weights(alphas: np.ndarray, darts_type: str) -> np.ndarray:
    """What the relaxed graph multiplies with, of the shape (…, primitives) of alphas."""
    alphas = np.asarray(alphas, dtype=float)
    if darts_type == "fair":
        # Numbers beyond ±500 are 0 and 1 anyway and would only overflow.
        return 1 / (1 + np.exp(-np.clip(alphas, -500, 500)))
    raw = np.exp(alphas - alphas.max(axis=-1, keepdims=True))
    return raw / raw.sum(axis=-1, keepdims=True)


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
    """Draw one small panel per edge, with one legend beside them.

    Parameters
    ----------
    epochs : sequence of int
    weights : ndarray of shape (n_epochs, n_edges, n_primitives)
        Between 0 and 1.
    primitives : sequence of str of length n_primitives
    edge_labels : sequence of str of length n_edges
    figure : Figure or SubFigure, default=None
        Empty; None makes a new one of a size that suits the panels.

    Returns
    -------
    figure : Figure or SubFigure
    axes : ndarray of Axes, shape (n_edges,)
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
        plot_architecture_weights(epochs, weights[:, e], primitives, label, axes[e])
    for spare in axes[n:]:
        spare.remove()
    for ax in axes[max(0, n - columns) : n]:
        ax.tick_params(labelbottom=True)
    # Among many primitives every weight is small: zoom in, on all panels alike.
    top = float(np.clip(np.nanmax(weights), 0.1, 1))
    axes[0].set_ylim(-0.03 * top, 1.05 * top)
    figure.supxlabel("epoch", fontsize=style.LABEL)
    figure.supylabel("weight", fontsize=style.LABEL)
    _legend_beside(figure, axes[0])
    return figure, axes[:n]


def _legend_beside(figure: Any, ax: Axes) -> None:
    """One legend for panels that share their lines; the bold line is no news in it."""
    lines = ax.get_lines()
    names = [str(line.get_label()) for line in lines]
    legend = figure.legend(
        lines, names, loc="outside right upper", frameon=False, fontsize=style.TICK
    )
    for handle in legend.get_lines():
        handle.set_linewidth(2)


def _dot(epochs: Sequence[int]) -> str:
    """A line of one point is invisible without a marker."""
    return "o" if len(epochs) == 1 else ""


def layout_pdf(layout: dict[str, Any]) -> bytes:
    """A laid-out graph as a vector PDF with text that can be selected.

    Parameters
    ----------
    layout : dict
        What Graphviz writes for ``-Tjson``; coordinates in points of 1/72 inch.

    Returns
    -------
    bytes
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
