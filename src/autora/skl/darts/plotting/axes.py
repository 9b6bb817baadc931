"""Losses and architecture weights over the epochs, for the monitor and the displays."""

from __future__ import annotations

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
