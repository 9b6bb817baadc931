"""Pictures of a fit: predictions beside data, and what is left over.

They take any fitted scikit-learn estimator, so that theorists can be compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.metrics import r2_score, root_mean_squared_error

from . import style
from .display import Display, FitData, finite, require_level

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
        beside: dict[str, Any] = {"level": level}
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
        bars = [(kind, style.cut(band, ends)) for kind, band, _ in self._bands()]
        for q, name in enumerate(self.outputs):
            truth, found = self.y_true[:, q], self.y_pred[:, q]
            score = f"R² = {_rounded(r2_score(truth, found))}"
            label = score if len(self.outputs) == 1 else f"{style.plain(name)}: {score}"
            look = style.dots(q, len(found))
            ax.plot(found, truth, label=label, **look)
            for kind, band in bars:
                named = (
                    style.at_level(kind, self.level) if q == len(self.outputs) - 1 else None
                )
                thin: dict[str, Any] = {"lw": 0.8, "alpha": _BAR, "label": named}
                ax.hlines(truth, *band[:, q].T, color=look["color"], **thin)
        for _, band in bars:
            low, high = min(low, band.min()), max(high, band.max())
        ends = np.array([max(low, ends.min() - room), min(high, ends.max() + room)])
        ends += 0.04 * (np.ptp(ends) or 1.0) * np.array([-1, 1])
        ax.plot(ends, ends, color=style.LINE, lw=style.THIN, zorder=1)
        ax.set(xlim=ends, ylim=ends, aspect="equal")
        ax.locator_params(nbins=6)
        name = _axis_name(self.outputs)
        style.tidy(ax, f"{name}, predicted", f"{name}, observed")
        ax.legend(frameon=False, fontsize=style.TICK, loc="upper left", handletextpad=0.4)

    def _curve(self, ax: Axes) -> None:
        assert self.grid is not None and self.grid_pred is not None
        looks = list(islice(style.looks(), len(self.outputs)))
        alone = len(self.outputs) == 1
        if alone:
            looks[0]["color"] = style.VERMILION
        bands = self._bands()
        for q, name in enumerate(self.outputs):
            ax.plot(self.X[:, 0], self.y_true[:, q], **style.dots(q, len(self.X)))
            label = "selected equation" if alone else style.plain(name)
            ax.plot(
                self.grid[:, 0], self.grid_pred[:, q], label=label, lw=style.STRONG,
                zorder=3, **looks[q],
            )  # fmt: skip
            for _, band, alpha in bands:
                self._fill(ax, q, band, {"color": looks[q]["color"], "alpha": alpha})
        self._faint(ax)
        style.keep_to(ax, finite([self.y_true, self.y_pred]))
        style.tidy(ax, style.plain(self.inputs[0]), _axis_name(self.outputs))
        if bands or len(ax.get_lines()) > 2:
            self._explain(ax, bands, looks[0]["color"] if alone else style.LINE)

    def _bands(self) -> list[tuple[str, np.ndarray, float]]:
        """Names, ends and opacities of the bands; of several outputs one of each."""
        of_mean = "mean" if self.observation is not None else "probability"
        found = [
            ("observations", self.observation, style.LIGHT),
            (of_mean, self.mean, style.BAND),
        ]
        bands = [(name, band, alpha) for name, band, alpha in found if band is not None]
        return bands if len(self.outputs) == 1 else bands[:1]

    def _fill(self, ax: Axes, q: int, band: np.ndarray, look: dict[str, Any]) -> None:
        """A band; where it has no end it leaves the picture."""
        assert self.grid is not None and self.grid_pred is not None
        known = np.isfinite(self.grid_pred[:, q]) | np.isfinite(band[:, q]).all(axis=1)
        seen = finite([self.y_true, self.y_pred])
        low, high = style.cut(band[:, q], seen).T
        ax.fill_between(self.grid[:, 0], low, high, known, lw=0, zorder=1.5, **look)

    def _faint(self, ax: Axes) -> None:
        """The other equations."""
        if self.weights is None or self.others is None or self.grid is None:
            return
        for weight, values in zip(self.weights, self.others, strict=True):
            ax.plot(
                self.grid[:, 0], values[:, 0], color=style.LINE, lw=style.THIN, zorder=2.5,
                alpha=_FAINT + (_FULL - _FAINT) * weight,
            )  # fmt: skip

    def _explain(self, ax: Axes, bands: Sequence[Any], colour: str) -> None:
        """A legend of lines and bands."""
        from matplotlib.lines import Line2D
        from matplotlib.patches import Patch

        handles, _ = ax.get_legend_handles_labels()
        if self.weights is not None and len(self.weights):
            look: dict[str, Any] = {"color": style.LINE, "lw": style.THIN, "alpha": _FULL}
            handles.append(Line2D([], [], label="other equations", **look))
        for name, _, alpha in bands:
            label = style.at_level(name, self.level)
            handles.append(Patch(color=colour, alpha=alpha, lw=0, label=label))
        ax.legend(handles=handles, frameon=False, fontsize=style.TICK)

    def _surface(self, ax: Axes) -> None:
        from matplotlib.ticker import MaxNLocator

        assert self.grid is not None and self.grid_pred is not None
        side = round(len(self.grid) ** 0.5)
        x1, x2 = (column.reshape(side, side) for column in self.grid.T)
        values = np.ma.masked_invalid(self.grid_pred[:, 0].reshape(side, side))
        truth = self.y_true[:, 0]
        seen = finite([truth, self.y_pred[:, 0]])
        low, high = seen.min(), seen.max()
        if high <= low:
            low, high = low - 0.5, high + 0.5
        look: dict[str, Any] = {"cmap": style.COLOUR_MAP, "vmin": low, "vmax": high}
        names = [style.plain(name) for name in (*self.inputs, *self.outputs)]
        if ax.name == "3d":
            space: Any = ax
            space.plot_surface(x1, x2, values, alpha=0.85, lw=0, **look)
            space.scatter(*self.X.T, truth, color=style.INK, s=8, depthshade=False)
            space.set(xlabel=names[0], ylabel=names[1], zlabel=names[2])
            return
        levels = MaxNLocator(_LEVELS).tick_values(low, high)
        filled = ax.contourf(x1, x2, values, levels, extend="both", **look)
        ax.contour(x1, x2, values, levels, colors="white", linewidths=0.4, alpha=0.6)
        many = len(truth) > style.MANY
        ax.scatter(
            self.X[:, 0], self.X[:, 1], c=truth, s=8 if many else 26, edgecolors="white",
            linewidths=0.3 if many else 0.9, rasterized=many, zorder=3, clip_on=False,
            **look,
        )  # fmt: skip
        bar = ax.figure.colorbar(filled, ax=ax, pad=0.02)
        bar.set_label(names[2], size=style.LABEL)
        bar.ax.tick_params(labelsize=style.TICK)
        bar.outline.set_visible(False)
        style.tidy(ax, names[0], names[1])
        ax.grid(False)


@dataclass(eq=False, repr=False)
class ResidualDisplay(Display):
    """Residuals (observed − predicted) against predictions, and their distribution.

    Parameters
    ----------
    y_true, y_pred : ndarray of shape (n, outputs)
    outputs : sequence of str
        Names.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Of the residuals.
    ax_histogram_ : matplotlib.axes.Axes
        Of their distribution, to the right; the line is the normal distribution with mean
        0 and the same mean square.
    figure_ : matplotlib.figure.Figure
    """

    y_true: np.ndarray
    y_pred: np.ndarray
    outputs: Sequence[str]

    def __post_init__(self) -> None:
        self.residuals = self.y_true - self.y_pred

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        output: str | int | None = None,
        groups: Any = None,
        ax: Axes | None = None,
    ) -> Self:
        """Draw the residuals of a fitted regressor.

        Parameters
        ----------
        estimator : fitted regressor
        X : array-like or DataFrame of shape (n, inputs)
        y : array-like of shape (n,) or (n, outputs)
        output : str, int or None, default=None
            Name or number of one output to draw; None draws all.
        groups : array-like of shape (n,), default=None
            The groups of the rows, where the fit had groups; None predicts by the
            population.
        ax : matplotlib.axes.Axes, default=None
            None draws on a new figure. The distribution stands to its right.

        Returns
        -------
        ResidualDisplay
        """
        data = FitData(estimator, X, y, output, groups)
        data.refuse_classes("residuals")
        return cls(data.y_true, data.y_pred, data.outputs).plot(ax)

    def _draw(self, ax: Axes) -> None:
        self.ax_histogram_ = side = ax.inset_axes((1.03, 0, 0.24, 1), sharey=ax)
        bins = np.histogram_bin_edges(finite(self.residuals), "auto")
        alone = len(self.outputs) == 1
        for q, name in enumerate(self.outputs):
            residuals, colour = self.residuals[:, q], style.COLOURS[q % len(style.COLOURS)]
            rmse = root_mean_squared_error(self.y_true[:, q], self.y_pred[:, q])
            label = f"root mean square {_rounded(rmse)}"
            label = label if alone else f"{style.plain(name)}: {_rounded(rmse)}"
            ax.plot(
                self.y_pred[:, q], residuals, label=label, **style.dots(q, len(residuals))
            )
            look: dict[str, Any] = {"color": colour, "orientation": "horizontal"}
            side.hist(residuals, list(bins), density=True, alpha=0.35, **look)
            if rmse > 0:
                at = np.linspace(bins[0], bins[-1], 200)
                bell = np.exp(-0.5 * (at / rmse) ** 2) / (rmse * np.sqrt(2 * np.pi))
                side.plot(bell, at, color=colour, lw=style.THIN)
        for axes in (ax, side):
            axes.axhline(0, color=style.LINE, lw=style.THIN, zorder=1)
        style.tidy(ax, f"{_axis_name(self.outputs)}, predicted", "observed − predicted")
        style.tidy(side, "density", "")
        side.xaxis.labelpad = 17
        side.set_xticks([])
        side.tick_params(labelleft=False, left=False)
        side.spines[["left", "bottom"]].set_visible(False)
        ax.legend(frameon=False, fontsize=style.TICK, handletextpad=0.2)


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


def _axis_name(outputs: Sequence[str]) -> str:
    return style.plain(outputs[0]) if len(outputs) == 1 else "output"


def _rounded(value: float) -> str:
    """Few digits, but never a rounded-up 1."""
    if 0.999 < value < 1:
        return "1 − " + f"{1 - value:.1e}".replace("e-0", "e-")
    return f"{value:.3g}"
