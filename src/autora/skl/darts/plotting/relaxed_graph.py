"""A computation graph whose edges are bundles of lines, as wide as their weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..graph.model import Model
from . import style
from .formulas import Formula, subscripted
from .headings import ENTRIES, columns_for, room_above

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Points of a line whose weight is 1; weights below the least are not drawn.
_WIDEST, _LEAST = 7.0, 0.01
#: How far apart the lines of a bundle swing, as shares of the drawing's height.
_FAN = 0.26
_NAME_LETTERS = 14
#: Where on its line the name of a primitive may stand, best first.
_ALONG = (0.5, 0.42, 0.58, 0.34, 0.66, 0.26, 0.74)
#: Largest share of the height that equations take.
_MOST = 0.3


class Stage:
    """Nodes that stay, and the lines between them that change, drawn on axes.

    The model is the graph that is shown in the end, and ``equations`` are its own.
    ``lines`` are patches, a list of one per primitive for every edge.
    """

    def __init__(
        self,
        ax: Axes,
        model: Model,
        inputs: Sequence[str],
        outputs: Sequence[str],
        equations: Sequence[Formula] = (),
    ) -> None:
        self.ax, self.model, space = ax, model, model.space
        self.colours = style.palette(ax)
        ax.set_axis_off()
        shown = [
            [style.plain(style.ends_of(str(name), _NAME_LETTERS)) for name in names]
            for names in (inputs, outputs)
        ]
        beside = [max(map(_half_a_box, names)) for names in shown]
        width = max(72 * style.inches(ax)[0] - sum(beside), 1.0)
        ax.set(xlim=(-beside[0] / width, 1 + beside[1] / width), ylim=(0, 1))
        self._place_nodes(*shown)
        looks = style.styles(ax, space.names)
        self.lines = [
            [self._line(e, p, looks[p]) for p in range(space.n_primitives)]
            for e in range(space.n_edges)
        ]
        self._place_readout()
        self._place_legend(looks)
        size, room = style.scaled(style.TITLE), room_above(ax)
        lines = [line for formula in equations for line in formula.lines(room, size)]
        most = max(int(_MOST * 72 * style.inches(ax)[1] / (size * style.LEADING)), 1)
        below = lines if len(lines) <= most else [*lines[: most - 1], "…"]
        self.caption = ax.set_title("\n".join(below), fontsize=size)
        high = self.caption.get_window_extent().height * 72 / ax.figure.dpi
        self.title = ax.annotate(
            " ", (0.5, 1), (0, high * bool(below) + size), xycoords="axes fraction",
            textcoords="offset points", ha="center", va="bottom", fontsize=size,
        )  # fmt: skip
        self.labels: list[Any] = []
        nothing = np.zeros((space.n_edges, space.n_primitives))
        self.show(nothing, "", False)
        room_above(ax)  # the layout makes room for the title
        self._place_labels(looks)
        self.show(nothing, "", False)

    def show(self, weights: np.ndarray, title: str, final: bool) -> list[Any]:
        """Give the lines the widths of weights (edges, primitives); what changed.

        In the end the edges bear the names of their primitives, and the equations stand
        below the title.
        """
        lines = [line for bundle in self.lines for line in bundle]
        widest = style.scaled(_WIDEST)
        for line, weight in zip(lines, weights.ravel(), strict=True):
            line.set(visible=bool(weight >= _LEAST), linewidth=widest * weight)
        live = self.model.live_nodes()
        for k, node in enumerate(self.latent):
            node.set_alpha(0.3 if final and k not in live else 1.0)
        for label in self.labels:
            label.set_visible(final)
        self.title.set_text(title)
        # Unseen, the equations have their room from the start: nothing moves at the end.
        self.caption.set_alpha(float(final))
        return [*lines, *self.labels, self.title, self.caption]

    def _place_nodes(self, inputs: Sequence[str], outputs: Sequence[str]) -> None:
        latent = [subscripted(f"k_{k + 1}") for k in range(self.model.space.n_nodes)]
        colours = (style.BLUE, style.ORANGE, style.GREEN)
        fills = (style.INPUT, style.LATENT, style.OUTPUT)
        size, width = style.scaled(style.LABEL), style.scaled(1.4)
        self.places: list[np.ndarray] = []
        self.nodes: list[Any] = []
        for kind, names in enumerate((inputs, latent, outputs)):
            shape = "circle,pad=0.3" if kind == 1 else "round,pad=0.4"
            look = {"boxstyle": shape, "fc": fills[kind], "ec": colours[kind], "lw": width}
            places = _chain(len(names)) if kind == 1 else _column(kind / 2, len(names))
            for place, name in zip(places, names, strict=True):
                self.places.append(np.array(place))
                node = self.ax.text(
                    place[0], place[1], name, ha="center", va="center", fontsize=size,
                    color=style.INK, zorder=5, bbox=look,
                )  # fmt: skip
                self.nodes.append(node)
        n_inputs = len(inputs)
        self.latent = self.nodes[n_inputs : n_inputs + len(latent)]

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
            self.ax.plot(
                *ends, color=self.colours.muted, lw=style.scaled(style.THIN), zorder=1
            )

    def _place_labels(self, looks: list[dict[str, Any]]) -> None:
        """The primitive of every edge of the chosen graph, where its line has room."""
        size, ground = style.scaled(style.TICK), self.ax.get_facecolor()
        taken = [node.get_window_extent().extents for node in self.nodes]
        unit = self.ax.figure.dpi / 72
        for edge in self.model.live_edges():
            p, name = self.model.architecture[edge.index], style.plain(edge.primitive.name)
            half = unit * np.array([style.text_width(name, size) / 2 + 2, 0.7 * size])
            curve = self._curve(edge.index, p)
            for t in _ALONG:
                place = np.array([(1 - t) ** 2, 2 * t * (1 - t), t**2]) @ curve
                middle = self.ax.transData.transform(place)
                box = [*(middle - half), *(middle + half)]
                if all(style.apart(box, other) for other in taken):
                    break
            else:
                continue  # a name must not hide a node; the legend has it as well
            taken.append(box)
            self.labels.append(
                self.ax.text(
                    float(place[0]), float(place[1]), name, ha="center", va="center",
                    fontsize=size, zorder=6, color=looks[p]["color"],
                    bbox={"boxstyle": "round,pad=0.15", "fc": ground, "ec": "none"},
                )
            )  # fmt: skip

    def _place_legend(self, looks: list[dict[str, Any]]) -> None:
        """The primitives, below the graph in as many columns as fit."""
        from matplotlib.lines import Line2D

        names = [style.plain(name) for name in self.model.space.names]
        self.ax.legend(
            [Line2D([], [], lw=style.scaled(3), **look) for look in looks], names,
            frameon=False, fontsize=style.scaled(style.TICK), loc="upper center",
            bbox_to_anchor=(0.5, 0), ncols=columns_for(names, room_above(self.ax)),
            **ENTRIES,
        )  # fmt: skip


def _half_a_box(name: str) -> float:
    """Points from the middle of a name to the edge of its box, and a little more."""
    size = style.scaled(style.LABEL)
    return style.text_width(name, size) / 2 + 0.8 * size


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
