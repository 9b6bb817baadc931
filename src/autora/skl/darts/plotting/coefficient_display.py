"""A picture of the coefficients that differ between groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from . import style
from .display import fitted_darts, require_groups
from .panels import Panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Inches of an axis of coefficients, of each of its groups, and of what is around them.
_AXIS, _LINE, _AROUND = 3.4, 0.17, 0.9
#: Inches below which names of groups would touch, and the tallest figure.
_CLOSE, _TALLEST = 0.125, 9.0
#: Letters of a group's name.
_LONGEST = 22
#: Standard errors on either side that hold 95 % of a normal distribution.
_WIDTH = 1.96


class Varying(NamedTuple):
    """A coefficient that differs between groups.

    Attributes
    ----------
    term : str
    values, errors : ndarray of shape (groups,)
        With standard errors.
    mean, spread : float
        Of the population.
    logarithm : bool
        Whether the spread is one of logarithms.
    """

    term: str
    values: np.ndarray
    errors: np.ndarray
    mean: float
    spread: float
    logarithm: bool

    def around(self, value: Any, amount: Any) -> Any:
        """A value less and plus an amount, of its logarithm where the spread is one."""
        if not self.logarithm:
            return value - amount, value + amount
        with np.errstate(over="ignore"):
            ends = value * np.exp(-amount), value * np.exp(amount)
        return ends if self.mean > 0 else ends[::-1]

    def intervals(self) -> Any:
        """The ends of ±1.96 standard errors, not finite where these are not known."""
        amount = _WIDTH * np.asarray(self.errors)
        if self.logarithm:
            amount = amount / np.abs(self.values)
        return self.around(self.values, amount)


@dataclass(eq=False, repr=False)
class CoefficientDisplay(Panels):
    """A forest plot: what every group has of the coefficients that differ between groups.

    An axis per coefficient, groups sorted by its value. Bars reach 1.96 standard errors to
    either side, of the logarithm where ``population_`` says so. The line is the mean of
    the population, the band one standard deviation around it, in which two groups of
    three lie.

    Parameters
    ----------
    coefficients : sequence of Varying
        One per axis.
    labels : sequence of str
        Names of the groups.

    Attributes
    ----------
    axes_ : ndarray of Axes, shape (coefficients,)
    figure_ : matplotlib.figure.Figure
        The SubFigure where an ``ax`` was given.

    Examples
    --------
    >>> from autora.skl.darts import CoefficientDisplay
    >>> CoefficientDisplay.from_estimator(fitted)  # doctest: +SKIP
    """

    coefficients: Sequence[Varying]
    labels: Sequence[str]

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Axes | None = None) -> Self:
        """Draw the coefficients of groups of a fitted estimator.

        Parameters
        ----------
        estimator : DARTSRegressor or DARTSClassifier
            Fitted with groups.
        ax : matplotlib.axes.Axes, default=None
            Makes room for the axes; must come from ``plt.subplots`` or a grid. None draws
            on a new figure, whose size suits the number of groups.

        Returns
        -------
        CoefficientDisplay

        Raises
        ------
        ValueError
            If the estimator was fitted without groups, or nothing differs between them.
        """
        fitted_darts(estimator)
        require_groups(estimator)
        population = estimator.population_
        if not len(population):
            raise ValueError(
                f"all {len(estimator.groups_)} groups have the same coefficients, so that "
                "there is nothing to draw; equations_ says in which rows some differ, and "
                "select_equation takes one"
            )
        table = estimator.coefficients_
        found = []
        for row in population.itertuples():
            own = table[table["symbol"] == row.symbol]
            unit = own["unit"].iloc[0] if "unit" in own else ""
            term = f"{row.term} ({unit})" if unit else row.term
            values, errors = (
                own[name].to_numpy(float) for name in ("coefficient", "standard_error")
            )
            found.append(Varying(term, values, errors, row.mean, row.spread, row.logarithm))
        return cls(found, [*map(str, estimator.groups_)]).plot(ax)

    def _size(self) -> tuple[float, float]:
        height = min(_LINE * len(self.labels) + _AROUND, _TALLEST)
        return max(len(self.coefficients) * _AXIS, 4.5), max(height, 2.4)

    def _draw(self, figure: Any) -> None:
        grid = figure.subplots(1, len(self.coefficients), squeeze=False)
        self.axes_ = grid.ravel()
        _, height = style.inches(figure)
        room = (height / style.scaled(1) - _AROUND) / len(self.labels)
        for ax, varying in zip(self.axes_, self.coefficients, strict=True):
            self._forest(ax, varying, room >= _CLOSE)
        handles, names = self.axes_[0].get_legend_handles_labels()
        look: dict[str, Any] = {"frameon": False, "ncols": 2}
        look["fontsize"] = style.scaled(style.TICK)
        figure.legend(handles, names, loc="outside upper right", **look)

    def _forest(self, ax: Axes, varying: Varying, named: bool) -> None:
        """The groups in lines, with names where there is room for them."""
        order, colours = np.argsort(varying.values, kind="stable"), style.palette(ax)
        lines, values = np.arange(len(order)), varying.values[order]
        low, high = (np.asarray(end)[order] for end in varying.intervals())
        thin = style.scaled(style.THIN)
        ax.hlines(lines, low, high, color=colours.blue, lw=thin)
        ax.plot(values, lines, "o", ms=style.scaled(4), color=colours.blue)
        look: dict[str, Any] = {"color": colours.vermilion, "zorder": 1}
        ax.axvline(varying.mean, lw=thin, label="population's mean", **look)
        band = varying.around(varying.mean, varying.spread)
        if np.isfinite(band).all():
            ax.axvspan(*band, alpha=0.18, lw=0, label="and spread", **look)
        if varying.logarithm and style.spans_decades(values):
            style.log_scale(ax, "x")
        style.tidy(ax, varying.term, "" if named else f"{len(order)} groups")
        names = [style.plain(style.ends_of(self.labels[i], _LONGEST)) for i in order]
        ax.set_yticks(lines if named else [], names if named else [])
        ax.tick_params(axis="y", labelsize=style.scaled(style.SMALL), length=0)
        ax.set_ylim(-0.8, len(order) - 0.2)
        ax.grid(False, axis="y")
