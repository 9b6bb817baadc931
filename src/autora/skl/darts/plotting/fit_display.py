"""A picture of a fit: predictions beside data.

It takes any fitted scikit-learn estimator, so that theorists can be compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from sklearn.metrics import r2_score

from . import style
from .display import Display, FitData, axis_name, finite, require_level, rounded
from .formulas import Formula
from .headings import entitle, heading

if TYPE_CHECKING:
    from matplotlib.axes import Axes

KINDS = ("auto", "observed", "curve", "surface")
#: Points of a curve, and of a surface along each input.
_CURVE, _SURFACE = 400, 120
_LEVELS = 12
#: Most rows, of all outputs together, whose intervals are drawn as bars.
_BARS = 200
#: Opacity of bars, and of other equations: of one that is hardly worth showing, and of one
#: that is certain.
_BAR, _FAINT, _FULL = 0.5, 0.3, 0.9


#: Ends of an axis of probabilities, with room for points at 0 and 1.
_PROBABILITIES = -0.04, 1.04


class _Band(NamedTuple):
    name: str
    ends: np.ndarray  #: (points, outputs, 2)
    alpha: float


@dataclass(eq=False, repr=False)
class FitDisplay(Display):
    """Predictions beside the data.

    Kinds: "observed" draws observed against predicted values; "curve" the prediction as a
    function of the only input, with the data; "surface" as a function of two inputs, as
    contours, with the data in the same colours (or in space, on three-dimensional axes).

    Parameters
    ----------
    kind : {"observed", "curve", "surface"}
    X : ndarray of shape (n, inputs)
    y_true, y_pred : ndarray of shape (n, outputs)
        For a classifier 0 or 1 and the probability of every class.
    inputs, outputs : sequence of str
        Names.
    grid : ndarray of shape (points, inputs), default=None
        Where the curve or surface is known; a surface's points fill a square row by row.
    grid_pred : ndarray of shape (points, outputs), default=None
        Values that are not finite leave gaps.
    level : float, default=None
        Probability of the intervals.
    observation, mean : ndarray of shape (points, outputs, 2), default=None
        Intervals of observations, and of the mean of y or a probability, around the curve
        at the points of ``grid``; kind "observed": one of them, at the rows of ``X``.
    weights : ndarray of shape (equations,), default=None
        How probable each of the other equations is.
    others : ndarray of shape (equations, points, outputs), default=None
        What they predict on ``grid``.
    equations : sequence of Formula, default=()
        Above the axes: LaTeX and plain text of every equation.
    probability : bool, default=False
        Whether outputs are probabilities, whose axis and colours reach from 0 to 1.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure

    Examples
    --------
    >>> from autora.skl.darts import FitDisplay
    >>> FitDisplay.from_estimator(fitted, X, y)  # doctest: +SKIP
    """

    kind: str
    X: np.ndarray
    y_true: np.ndarray
    y_pred: np.ndarray
    inputs: Sequence[str]
    outputs: Sequence[str]
    grid: np.ndarray | None = None
    grid_pred: np.ndarray | None = None
    _: KW_ONLY
    level: float | None = None
    observation: np.ndarray | None = None
    mean: np.ndarray | None = None
    weights: np.ndarray | None = None
    others: np.ndarray | None = None
    equations: Sequence[Formula] = ()
    probability: bool = False

    def __post_init__(self) -> None:
        self._size = style.SQUARE if self.kind == "observed" else style.SIZE

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        kind: str = "auto",
        output: str | int | None = None,
        groups: Any = None,
        level: float | None = 0.9,
        others: bool = True,
        ax: Axes | None = None,
    ) -> Self:
        """Draw the predictions of a fitted estimator.

        For an estimator of this package a curve has the bands of ``predict_interval``:
        light where observations lie, darker where their mean lies (for classes, the
        probability). An exact equation has no bands, and neither has one from a file of an
        earlier version.

        Parameters
        ----------
        estimator : fitted regressor or classifier
        X : array-like or DataFrame of shape (n, inputs)
        y : array-like of shape (n,) or (n, outputs)
        kind : {"auto", "observed", "curve", "surface"}, default="auto"
            "auto": a curve for one input, a surface for two inputs and one output, else
            observed against predicted.
        output : str, int or None, default=None
            Name or number of one output (for a classifier: class) to draw; None draws all.
        groups : array-like of shape (n,), default=None
            The groups of the rows, where the fit had groups: predictions are those of the
            rows' groups, which kind "observed" draws. None draws those of the population.
        level : float in (0, 1) or None, default=0.9
            Probability that a band has, or a bar of at most 200 rows in kind "observed".
            None draws none.
        others : bool, default=True
            Whether the other equations of ``equations_`` with a weight of at least 1 % are
            drawn beside a curve of one output, fainter if they are less probable.
        ax : matplotlib.axes.Axes, default=None
            None draws on a new figure.

        Returns
        -------
        FitDisplay

        Raises
        ------
        ValueError
            If the kind is unknown or does not suit the number of inputs or outputs, or
            ``level`` is no probability or needs more rows than calibrated the estimator.
        """
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {KINDS}, got {kind!r}")
        require_level(level)
        data = FitData(estimator, X, y, output, groups)
        kind = _suitable(kind, data)
        grid = grid_pred = None
        beside: dict[str, Any] = {
            "level": level,
            "equations": data.equations(),
            "probability": data.probability,
        }
        if kind != "observed":
            low, high = data.X.min(axis=0), data.X.max(axis=0)
            points = _CURVE if kind == "curve" else _SURFACE
            sides = [np.linspace(a, b, points) for a, b in zip(low, high, strict=True)]
            grid = np.stack([side.ravel() for side in np.meshgrid(*sides)], axis=1)
            grid_pred = data.on_grid(grid)
        if kind != "surface":
            beside |= _intervals(data, grid, level)
        if grid is not None and kind == "curve" and others and len(data.outputs) == 1:
            beside["weights"], beside["others"] = data.others(grid)
        known = data.X, data.y_true, data.y_pred, data.inputs, data.outputs
        return cls(kind, *known, grid, grid_pred, **beside).plot(ax)

    def _draw(self, ax: Axes) -> None:
        draw = {"observed": self._observed, "curve": self._curve, "surface": self._surface}
        draw[self.kind](ax)

    def _observed(self, ax: Axes) -> None:
        ends = finite([self.y_true, self.y_pred])
        low, high, room = ends.min(), ends.max(), 0.25 * np.ptp(ends)
        bars = [(band, style.cut(band.ends, ends)) for band in self._bands()]
        for q, name in enumerate(self.outputs):
            truth, found = self.y_true[:, q], self.y_pred[:, q]
            score = f"R² = {rounded(r2_score(truth, found))}"
            label = score if len(self.outputs) == 1 else f"{style.plain(name)}: {score}"
            look = style.dots(ax, q, len(found))
            ax.plot(found, truth, label=label, **look)
            for band, drawn in bars:
                named = band.name if q == len(self.outputs) - 1 else "_"
                thin: dict[str, Any] = {"lw": style.scaled(0.8), "alpha": _BAR}
                line = drawn[:, q].T
                ax.hlines(truth, *line, color=look["color"], label=named, **thin)
        for _, drawn in bars:
            low, high = min(low, drawn.min()), max(high, drawn.max())
        ends = np.array([max(low, ends.min() - room), min(high, ends.max() + room)])
        ends += 0.04 * (np.ptp(ends) or 1.0) * np.array([-1, 1])
        ax.plot(
            ends, ends, color=style.palette(ax).line, lw=style.scaled(style.THIN), zorder=1,
            label="observed = predicted",
        )  # fmt: skip
        ax.set(xlim=ends, ylim=ends)
        ax.locator_params(nbins=6)
        name = axis_name(self.outputs, self.probability)
        style.tidy(ax, f"{name}, predicted", f"{name}, observed")
        heading(ax, ax.get_legend_handles_labels()[0], self.equations)

    def _curve(self, ax: Axes) -> None:
        from matplotlib.lines import Line2D

        assert self.grid is not None and self.grid_pred is not None
        looks = list(islice(style.looks(ax), len(self.outputs)))
        alone, colours = len(self.outputs) == 1, style.palette(ax)
        if alone:
            looks[0]["color"] = colours.vermilion
        bands, strong = self._bands(), style.scaled(style.STRONG)
        handles: list[Any] = []
        for q, name in enumerate(self.outputs):
            dots = style.dots(ax, q, len(self.X)) | {"label": "observed"}
            points = ax.plot(self.X[:, 0], self.y_true[:, q], **dots)
            found = "selected equation" if self.equations else "predicted"
            look = looks[q] | {"lw": strong, "label": found if alone else style.plain(name)}
            line = ax.plot(self.grid[:, 0], self.grid_pred[:, q], zorder=3, **look)
            dots |= look | {"alpha": None, "rasterized": False, "mfc": dots["color"]}
            handles += [*points, *line] if alone else [Line2D([], [], **dots)]
            for band in bands:
                self._fill(ax, q, band, looks[q]["color"])
        handles += self._faint(ax)
        style.keep_to(ax, finite([self.y_true, self.y_pred]))
        if self.probability:
            ax.set_ylim(*_PROBABILITIES)
        style.tidy(ax, self.inputs[0], axis_name(self.outputs, self.probability))
        colour = looks[0]["color"] if alone else colours.line
        handles += [_entry(band, colour) for band in bands]
        heading(ax, handles, self.equations)

    def _bands(self) -> list[_Band]:
        """Bands of observations and of their mean; of several outputs one of each."""
        mean = "probability" if self.probability else "mean"
        found = [
            ("observations", self.observation, style.LIGHT),
            (mean, self.mean, style.BAND),
        ]
        bands = [
            _Band(style.at_level(name, self.level), ends, alpha)
            for name, ends, alpha in found
            if ends is not None
        ]
        return bands if len(self.outputs) == 1 else bands[:1]

    def _fill(self, ax: Axes, q: int, band: _Band, colour: str) -> None:
        """A band; where it has no end it leaves the picture."""
        assert self.grid is not None and self.grid_pred is not None
        ends = band.ends[:, q]
        known = np.isfinite(self.grid_pred[:, q]) | np.isfinite(ends).all(axis=1)
        low, high = style.cut(ends, finite([self.y_true, self.y_pred])).T
        look: dict[str, Any] = {"color": colour, "alpha": band.alpha}
        ax.fill_between(self.grid[:, 0], low, high, known, lw=0, zorder=1.5, **look)

    def _faint(self, ax: Axes) -> list[Any]:
        """The other equations; their entry of the legend."""
        from matplotlib.lines import Line2D

        if self.weights is None or self.others is None or self.grid is None:
            return []
        look: dict[str, Any] = {"color": style.palette(ax).line, "ls": (0, (5, 1))}
        look["lw"] = style.scaled(style.THIN)
        for weight, values in zip(self.weights, self.others, strict=True):
            alpha = _FAINT + (_FULL - _FAINT) * weight
            ax.plot(self.grid[:, 0], values[:, 0], zorder=2.5, alpha=alpha, **look)
        if not len(self.weights):
            return []
        return [Line2D([], [], label="other equations", alpha=_FULL, **look)]

    def _surface(self, ax: Axes) -> None:
        assert self.grid is not None and self.grid_pred is not None
        side = round(len(self.grid) ** 0.5)
        x1, x2 = (column.reshape(side, side) for column in self.grid.T)
        values = np.ma.masked_invalid(self.grid_pred[:, 0].reshape(side, side))
        truth, names = self.y_true[:, 0], [*self.inputs, *self.outputs]
        levels, look = self._levels()
        if ax.name == "3d":
            space: Any = ax
            space.plot_surface(x1, x2, values, alpha=0.85, lw=0, **look)
            ink = style.palette(ax).ink
            size = style.scaled(3) ** 2
            space.scatter(*self.X.T, truth, color=ink, s=size, depthshade=False)
            style.tidy_space(space, names)
            entitle(space, self.equations)
            return
        ends = "neither" if self.probability else "both"
        filled = ax.contourf(x1, x2, values, levels, extend=ends, **look)
        thin = style.scaled(0.4)
        ax.contour(x1, x2, values, levels, colors="white", linewidths=thin, alpha=0.6)
        many = len(truth) > style.MANY
        points = ax.scatter(
            self.X[:, 0], self.X[:, 1], c=truth, s=style.scaled(2.8 if many else 5.1) ** 2,
            edgecolors="white", linewidths=style.scaled(0.3 if many else 0.9),
            rasterized=many, zorder=3, clip_on=False, label="observed", **look,
        )  # fmt: skip
        style.tidy(ax, names[0], names[1])
        ax.grid(False)
        bar = ax.figure.colorbar(filled, ax=ax, pad=0.02)
        if self.probability:
            bar.set_ticks(np.linspace(0, 1, 6).tolist())
        style.tidy_bar(bar, names[2])
        heading(ax, [_like(points, look)], self.equations, [bar.ax])

    def _levels(self) -> tuple[np.ndarray, dict[str, Any]]:
        """Levels of the contours, and the colours of values."""
        from matplotlib.ticker import MaxNLocator

        seen = finite([self.y_true[:, 0], self.y_pred[:, 0]])
        low, high = (0.0, 1.0) if self.probability else (seen.min(), seen.max())
        if high <= low:
            low, high = low - 0.5, high + 0.5
        levels = MaxNLocator(10 if self.probability else _LEVELS).tick_values(low, high)
        return np.asarray(levels), {"cmap": style.COLOUR_MAP, "vmin": low, "vmax": high}


def _entry(band: _Band, colour: str) -> Any:
    """A band's entry of the legend."""
    from matplotlib.patches import Patch

    return Patch(color=colour, alpha=band.alpha, lw=0, label=band.name)


def _like(points: Any, look: dict[str, Any]) -> Any:
    """An entry of the legend for points in the colours of a surface."""
    from matplotlib import colormaps
    from matplotlib.lines import Line2D

    return Line2D(
        [], [], ls="", marker="o", ms=style.scaled(5.1), mec=style.MUTED,
        mfc=colormaps[look["cmap"]](0.5), label=points.get_label(),
    )  # fmt: skip


def _intervals(
    data: FitData, grid: np.ndarray | None, level: float | None
) -> dict[str, np.ndarray | None]:
    """Bands on a grid, or of the rows where they are few enough to have bars."""
    if grid is None:
        if data.y_true.size > _BARS:
            return {}
        found = data.interval(data.X, level, "observation", data.groups)
        if found is not None:
            return {"observation": found}
        return {"mean": data.interval(data.X, level, "mean", data.groups)}
    return {kind: data.interval(grid, level, kind) for kind in ("observation", "mean")}


def _suitable(kind: str, data: FitData) -> str:
    """The kind that "auto" means, or the one asked for if it can be drawn."""
    count, outputs = data.X.shape[1], len(data.outputs)
    if kind == "auto" and data.groups is not None:
        kind = "observed"
    if kind == "auto":
        kind = {1: "curve", 2: "surface"}.get(count, "observed")
        kind = "observed" if kind == "surface" and outputs > 1 else kind
    if kind != "observed" and data.groups is not None:
        raise ValueError(
            f"kind={kind!r} has one {kind} for all groups; leave groups out to draw that "
            "of the population, or use GroupDisplay"
        )
    needed = {"curve": 1, "surface": 2}.get(kind, count)
    if count != needed:
        raise ValueError(
            f"kind={kind!r} needs {needed} input{'s' * (needed > 1)}, X has {count}; use "
            "kind='observed', or PartialDependenceDisplay of sklearn.inspection"
        )
    if kind == "surface" and outputs > 1:
        raise ValueError(
            f"kind='surface' draws one output of {data.outputs}; choose it by output="
        )
    if kind == "observed":
        data.refuse_classes("observed values to compare with")
    return kind
