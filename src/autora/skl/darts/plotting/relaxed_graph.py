"""A computation graph whose edges are bundles of lines, as wide as their weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..graph.model import Model
from . import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Points of a line whose weight is 1; weights below the least are not drawn.
_WIDEST, _LEAST = 7.0, 0.01
#: How far apart the lines of a bundle swing, as shares of the drawing's height.
_FAN = 0.26
_NAME_LETTERS = 14


class Stage:
    """Nodes that stay, and the lines between them that change, drawn on axes.

    The model is the graph that is shown in the end. ``lines`` are patches, a list of one
    per primitive for every edge.
    """

    def __init__(
        self, ax: Axes, model: Model, inputs: Sequence[str], outputs: Sequence[str]
    ) -> None:
        self.ax, self.model, space = ax, model, model.space
        ax.set_axis_off()
        ax.set(xlim=(-0.12, 1.12), ylim=(0, 1))
        self._place_nodes(inputs, outputs)
        looks = style.styles(space.names)
        self.lines = [
            [self._line(e, p, looks[p]) for p in range(space.n_primitives)]
            for e in range(space.n_edges)
        ]
        self._place_readout()
        self._place_labels(looks)
        self._place_words(looks)

    def show(self, weights: np.ndarray, title: str, caption: str, final: bool) -> list[Any]:
        """Give the lines the widths of weights (edges, primitives); what changed.

        In the end the edges bear the names of their primitives.
        """
        lines = [line for bundle in self.lines for line in bundle]
        for line, weight in zip(lines, weights.ravel(), strict=True):
            line.set(visible=bool(weight >= _LEAST), linewidth=_WIDEST * weight)
        live = self.model.live_nodes()
        for k, node in enumerate(self.latent):
            node.set_alpha(0.3 if final and k not in live else 1.0)
        for label in self.labels:
            label.set_visible(final)
        self.title.set_text(title)
        self.caption.set_text(caption)
        return [*lines, *self.labels, self.title, self.caption]

    def _place_nodes(self, inputs: Sequence[str], outputs: Sequence[str]) -> None:
        latent = [f"k_{k + 1}" for k in range(self.model.space.n_nodes)]
        colours = (style.BLUE, style.ORANGE, style.GREEN)
        fills = (style.INPUT, style.LATENT, style.OUTPUT)
        self.places: list[np.ndarray] = []
        self.latent: list[Any] = []
        for kind, names in enumerate((inputs, latent, outputs)):
            shape = "circle,pad=0.3" if kind == 1 else "round,pad=0.4"
            look = {"boxstyle": shape, "fc": fills[kind], "ec": colours[kind], "lw": 1.4}
            places = _chain(len(names)) if kind == 1 else _column(kind / 2, len(names))
            for place, name in zip(places, names, strict=True):
                self.places.append(np.array(place))
                node = self.ax.text(
                    place[0], place[1],
                    style.plain(style.shortened(str(name), _NAME_LETTERS)),
                    ha="center", va="center", fontsize=style.LABEL, color=style.INK,
                    zorder=5, bbox=look,
                )  # fmt: skip
                if kind == 1:
                    self.latent.append(node)

    def _curve(self, e: int, p: int) -> np.ndarray:
        """Start, control point and end of a primitive's line on an edge, (3, 2)."""
        space = self.model.space
        start = self.places[space.sources[e]]
        end = self.places[space.n_inputs + space.targets[e]]
        spread = (p + 0.5) / space.n_primitives - 0.5
        return np.array([start, (start + end) / 2 + [0, 2 * _FAN * spread], end])

    def _line(self, e: int, p: int, look: dict[str, Any]) -> Any:
        from matplotlib.patches import PathPatch
        from matplotlib.path import Path

        path = Path(self._curve(e, p), [Path.MOVETO, Path.CURVE3, Path.CURVE3])
        alpha = 0.35 if p == self.model.space.none else 0.9
        return self.ax.add_patch(PathPatch(path, fill=False, alpha=alpha, zorder=2, **look))

    def _place_readout(self) -> None:
        inner = self.places[self.model.space.n_inputs :]
        outputs = inner[self.model.space.n_nodes :]
        for k, q in zip(*self.model.readout.nonzero(), strict=True):
            ends = np.stack([inner[k], outputs[q]], axis=1)
            self.ax.plot(*ends, color=style.MUTED, lw=style.THIN, zorder=1)

    def _place_labels(self, looks: list[dict[str, Any]]) -> None:
        """The primitive of every edge of the chosen graph, on its line."""
        self.labels: list[Any] = []
        for edge in self.model.live_edges():
            p = self.model.architecture[edge.index]
            # Half-way along the line.
            x, y = np.array([1, 2, 1]) / 4 @ self._curve(edge.index, p)
            self.labels.append(
                self.ax.text(
                    x, y, style.plain(edge.primitive.name),
                    ha="center", va="center", fontsize=style.TICK, zorder=4,
                    color=looks[p]["color"],
                    bbox={"boxstyle": "round,pad=0.15", "fc": "white", "ec": "none"},
                )
            )  # fmt: skip

    def _place_words(self, looks: list[dict[str, Any]]) -> None:
        from matplotlib.lines import Line2D

        self.title = self.ax.set_title(" ", fontsize=style.TITLE)
        self.caption = self.ax.text(
            0.5, 0.0, "", transform=self.ax.transAxes, ha="center", va="bottom",
            parse_math=False, fontsize=style.LABEL, color=style.INK,
        )  # fmt: skip
        self.ax.legend(
            [Line2D([], [], lw=3, **look) for look in looks],
            [style.plain(name) for name in self.model.space.names],
            frameon=False, fontsize=style.SMALL, loc="center left",
            bbox_to_anchor=(1, 0.5), handlelength=1.4,
        )  # fmt: skip


def _column(x: float, count: int) -> list[tuple[float, float]]:
    """Places of inputs or outputs, the first on top."""
    room = np.linspace(0.82, 0.22, count) if count > 1 else [0.52]
    return [(x, float(y)) for y in room]


def _chain(count: int) -> list[tuple[float, float]]:
    """Places of latent nodes, alternately high and low, so that edges pass beside them."""
    if count == 1:
        return [(0.55, 0.52)]
    across = np.linspace(0.38, 0.74, count)
    return [(float(x), 0.76 if k % 2 == 0 else 0.28) for k, x in enumerate(across)]
