"""Losses and architecture weights over the epochs, for the monitor and the displays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit, softmax

from ..graph.search_space import SearchSpace
from . import style
from .formulas import subscripted
from .headings import ENTRIES, columns_for, heading
from .panels import shape_for

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Inches per panel of the architecture weights, panels side by side, the legend to their
#: right and the width from which on it stands there, the height of a panel from which on
#: weights stand above it.
_PANEL, _COLUMNS, _LEGEND, _WIDE_ENOUGH = (2.3, 2.0), 5, 1.8, 5.0
_HIGH_ENOUGH = 1.1
#: Marks on a line, and most digits of a weight.
_MARKS, _DIGITS = 4, 4


def plot_loss(
    ax: Axes, epochs: Sequence[int], train: Sequence[float], valid: Sequence[float]
) -> None:
    """Draw losses over the epochs; those that are not finite leave gaps."""
    look: dict[str, Any] = {"lw": style.scaled(style.STRONG), "marker": _dot(epochs)}
    colours = style.palette(ax)
    lines = [
        *ax.plot(epochs, train, "--", color=colours.orange, label="training", **look),
        *ax.plot(epochs, valid, "-", color=colours.blue, label="validation", **look),
    ]
    if style.spans_decades([*train, *valid]):
        style.log_scale(ax)
    style.whole_ticks(ax)
    style.tidy(ax, "epoch", "loss")
    heading(ax, lines)


def relaxed_weights(alphas: np.ndarray, darts_type: str) -> np.ndarray:
    """What the relaxed graph multiplies with, of the shape (…, primitives) of alphas."""
    alphas = np.asarray(alphas, dtype=float)
    return expit(alphas) if darts_type == "fair" else softmax(alphas, axis=-1)


def edge_labels(space: SearchSpace, input_names: Sequence[str]) -> list[str]:
    """Names such as "x1 → k₁", one per edge."""
    latent = [subscripted(f"k_{k + 1}") for k in range(space.n_nodes)]
    nodes = [*map(str, input_names), *latent]
    pairs = zip(space.sources, space.targets, strict=True)
    labels = [f"{nodes[source]} → {latent[target]}" for source, target in pairs]
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
    """Draw weights (epochs, edges, primitives): a panel per edge, one legend for them all.

    The two strongest primitives of the last epoch stand above their panel with their
    weights, so that near ties are told apart. An empty figure or subfigure may be given;
    it is returned with the panels' axes.
    """
    n = len(edge_labels)
    if figure is None:
        import matplotlib.pyplot as plt

        columns = min(_COLUMNS, n, max(2, int(np.ceil(np.sqrt(n)))))
        # The legend, one line per primitive, must fit beside few panels too.
        height = max(-(-n // columns) * _PANEL[1] + 0.4, 0.21 * len(primitives) + 0.6)
        size = columns * _PANEL[0] + _LEGEND, height
        figure = plt.figure(figsize=[*map(style.scaled, size)], layout="constrained")
    across = style.inches(figure)[0]
    right = across > style.scaled(_WIDE_ENOUGH)
    names = [style.plain(name) for name in primitives]
    ncols = 1 if right else columns_for(names, 68 * across)
    above = 0.4 if right else 0.4 + 0.16 * -(-len(names) // ncols)
    beside = (_LEGEND if right else 0.6), above
    (rows, columns), (width, height) = shape_for(n, figure, _PANEL, beside)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    axes = grid.ravel()
    for e, label in enumerate(edge_labels):
        _plot_edge(axes[e], epochs, weights[:, e], primitives)
        _entitle(axes[e], label, (width, height), strongest(weights[-1, e], primitives))
    for spare in axes[n:]:
        spare.remove()
    for ax in axes[max(0, n - columns) : n]:
        ax.tick_params(labelbottom=True)
    # Among many primitives every weight is small: zoom in, on all panels alike.
    top = float(np.clip(np.nanmax(weights), 0.1, 1))
    axes[0].set_ylim(-0.03 * top, 1.05 * top)
    figure.supxlabel("epoch", fontsize=style.scaled(style.LABEL))
    figure.supylabel("weight", fontsize=style.scaled(style.LABEL))
    where = "outside right upper" if right else "outside upper center"
    look: dict[str, Any] = {"frameon": False, "fontsize": style.scaled(style.TICK)}
    look |= ENTRIES | {"ncols": ncols, "handlelength": 2.4}
    legend = figure.legend(handles=axes[0].get_lines(), loc=where, **look)
    for line in legend.get_lines():
        line.set_linewidth(style.scaled(style.STRONG))  # bold is no news in it
    return figure, axes[:n]


def strongest(weights: np.ndarray, primitives: Sequence[str]) -> list[str]:
    """The two largest weights with their primitives, in as many digits as differ."""
    order = np.argsort(-weights, kind="stable")[:2]
    digits = range(2, _DIGITS + 1)
    shown = ([f"{weights[i]:.{d}f}" for i in order] for d in digits)
    found: list[str] = []
    for found in shown:
        if len({*found}) == len(found):
            break
    return [f"{primitives[i]} {text}" for i, text in zip(order, found, strict=True)]


def _entitle(
    ax: Axes, edge: str, inches: tuple[float, float], lines: Sequence[str]
) -> None:
    """The edge above a panel and, smaller, its strongest primitives; ticks that fit."""
    width, height = inches
    ticks: dict[Any, float] = {"x": 2 * width, "y": 3 * height - 1}
    for axis, most in ticks.items():
        count = int(np.clip(most / style.scaled(1), 1, 4))
        ax.locator_params(axis=axis, nbins=count, min_n_ticks=1)
    room = 72 * width - style.scaled(6)
    if height < style.scaled(_HIGH_ENOUGH):
        lines = []
    size, small = style.scaled(style.TITLE), style.scaled(style.SMALL)
    pad, text = 4.0, ", ".join(map(style.plain, lines))
    if style.text_width(text, small) > room:
        text = "\n".join(map(style.plain, lines))
    if max(style.text_width(line, small) for line in text.split("\n")) <= room and text:
        pad += small * style.LEADING * (text.count("\n") + 1)
        ax.annotate(
            text, (0.5, 1), (0, 2), xycoords="axes fraction", textcoords="offset points",
            ha="center", va="bottom", fontsize=small, linespacing=style.LINE_SPACING,
        )  # fmt: skip
    source, arrow, target = edge.partition(" → ")
    if style.text_width(style.plain(edge), size) > room:
        size = small
    rest = style.text_width(arrow + target, size)
    letters = max(int((room - rest) / style.text_width("n", size)), 3)
    shown = style.plain(style.ends_of(source, letters) + arrow + target)
    ax.set_title(shown, fontsize=size, pad=pad)


def _plot_edge(
    ax: Axes, epochs: Sequence[int], weights: np.ndarray, primitives: Sequence[str]
) -> None:
    """Draw the weights (epochs, primitives) of an edge, the strongest at the end bold."""
    looks, count = style.styles(ax, primitives), len(epochs)
    thin, strong = style.scaled(style.THIN), style.scaled(style.STRONG + 0.4)
    every = max(count // _MARKS, 1)
    lines = ax.plot(epochs, weights, lw=thin, ms=style.scaled(3.5))
    for p, (line, name, look) in enumerate(zip(lines, primitives, looks, strict=True)):
        marker = style.MARKERS[p % len(style.MARKERS)]
        # Not all at the same epochs, where lines lie on one another.
        first = p * every // len(primitives)
        line.set(label=style.plain(name), marker=marker, markevery=(first, every), **look)
    lines[int(np.argmax(weights[-1]))].set(lw=strong, zorder=3)
    style.whole_ticks(ax)
    style.tidy(ax, "", "")


def _dot(epochs: Sequence[int]) -> str:
    """A line of one point is invisible without a marker."""
    return "o" if len(epochs) == 1 else ""
