"""A picture of what a fit leaves over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.metrics import root_mean_squared_error

from . import style
from .display import Display, FitData, axis_name, finite, rounded
from .formulas import Formula
from .headings import heading

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(eq=False, repr=False)
class ResidualDisplay(Display):
    """Residuals (observed − predicted) against predictions, and their distribution.

    Parameters
    ----------
    y_true, y_pred : ndarray of shape (n, outputs)
    outputs : sequence of str
        Names.
    equations : sequence of Formula, default=()
        Above the axes: LaTeX and plain text of every equation.

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
    _: KW_ONLY
    equations: Sequence[Formula] = ()

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
        known = data.y_true, data.y_pred, data.outputs
        return cls(*known, equations=data.equations()).plot(ax)

    def _draw(self, ax: Axes) -> None:
        self.ax_histogram_ = side = ax.inset_axes((1.03, 0, 0.24, 1), sharey=ax)
        bins = np.histogram_bin_edges(finite(self.residuals), "auto")
        alone, thin = len(self.outputs) == 1, style.scaled(style.THIN)
        looks = islice(style.looks(ax), len(self.outputs))
        for q, (name, line) in enumerate(zip(self.outputs, looks, strict=True)):
            residuals = self.residuals[:, q]
            rmse = root_mean_squared_error(self.y_true[:, q], self.y_pred[:, q])
            label = "root mean square" if alone else style.plain(name)
            dots = style.dots(ax, q, len(residuals))
            dots["label"] = f"{label}: {rounded(rmse)}"
            ax.plot(self.y_pred[:, q], residuals, **dots)
            look: dict[str, Any] = {"color": line["color"], "orientation": "horizontal"}
            side.hist(residuals, list(bins), density=True, alpha=0.35, **look)
            if rmse > 0:
                at = np.linspace(bins[0], bins[-1], 200)
                bell = np.exp(-0.5 * (at / rmse) ** 2) / (rmse * np.sqrt(2 * np.pi))
                side.plot(bell, at, lw=thin, **line)
        for axes in (ax, side):
            axes.axhline(0, color=style.palette(ax).line, lw=thin, zorder=1)
        handles = ax.get_legend_handles_labels()[0]
        style.tidy(ax, f"{axis_name(self.outputs)}, predicted", "observed − predicted")
        style.tidy(side, "density", "")
        side.set(xlim=(0, 1.08 * side.get_xlim()[1]), xticks=[])
        side.tick_params(labelleft=False, left=False)
        # As far down as the axis beside it, whose ticks have numbers.
        side.xaxis.labelpad += style.scaled(style.TICK) * style.LEADING + 3.5
        side.spines[["left", "bottom"]].set_visible(False)
        heading(ax, handles, self.equations, [side])
