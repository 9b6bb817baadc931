"""A picture of a fit with groups: the data and the curve of every group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from . import style
from .display import FitData, finite, fitted_darts, require_groups, require_level
from .headings import ENTRIES, columns_for
from .panels import Panels, shape_for

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Points of a curve.
_CURVE = 200
#: Inches of a panel, panels side by side on a new figure, and of what is around them.
_PANEL, _COLUMNS, _BESIDE = (2.2, 1.75), 4, (0.4, 0.8)
#: Letters of a group's name.
_LONGEST = 22


class GroupData(NamedTuple):
    """The rows and the curve of one group.

    Attributes
    ----------
    label : str
    x, y : ndarray of shape (rows,)
    curve : ndarray of shape (points,)
    band : ndarray of shape (points, 2), default=None
        In which the curve lies.
    """

    label: str
    x: np.ndarray
    y: np.ndarray
    curve: np.ndarray
    band: np.ndarray | None = None


@dataclass(eq=False, repr=False)
class GroupDisplay(Panels):
    """Small multiples: the data of every group and its curve, against one input.

    Other inputs are at their median. With one input, and for classes, points are observed
    values. With several inputs they are the value of the curve plus the residual, so that
    their distance from the curve is that of the fit (partial residuals: Larsen & McCleary
    1972).

    Parameters
    ----------
    groups : sequence of GroupData
        One per panel.
    grid : ndarray of shape (points,)
        Where the curves are known.
    population : ndarray of shape (points,)
        The curve of a group that is not known.
    input, output : str
        Names of the axes.
    n_groups : int
        How many groups there are, drawn or not.
    level : float, default=None
        Probability of the bands of the groups.

    Attributes
    ----------
    axes_ : ndarray of Axes, shape (groups,)
    figure_ : matplotlib.figure.Figure
        The SubFigure where an ``ax`` was given.

    Examples
    --------
    >>> from autora.skl.darts import GroupDisplay
    >>> GroupDisplay.from_estimator(fitted, X, y, groups)  # doctest: +SKIP
    """

    groups: Sequence[GroupData]
    grid: np.ndarray
    population: np.ndarray
    input: str
    output: str
    n_groups: int
    level: float | None = None

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        groups: Any,
        *,
        feature: str | int | None = None,
        max_groups: int = 12,
        level: float | None = 0.9,
        ax: Axes | None = None,
    ) -> Self:
        """Draw the groups of a fitted estimator.

        Parameters
        ----------
        estimator : DARTSRegressor or DARTSClassifier
            Fitted with groups.
        X : array-like or DataFrame of shape (n, inputs)
        y : array-like of shape (n,)
        groups : array-like of shape (n,)
            The groups of the rows. One that was not in the fit has the population's curve.
        feature : str, int or None, default=None
            Name or number of the input of the horizontal axes. None takes the one along
            which the population's curve moves most.
        max_groups : int, default=12
            At most so many groups are drawn, evenly spaced among those that have rows.
        level : float in (0, 1) or None, default=0.9
            Probability of the band in which a group's curve lies, that of
            ``predict_interval`` of the mean. None draws none.
        ax : matplotlib.axes.Axes, default=None
            Makes room for the panels; must come from ``plt.subplots`` or a grid. None
            draws on a new figure, whose size suits the number of groups.

        Returns
        -------
        GroupDisplay

        Raises
        ------
        ValueError
            If the estimator was fitted without groups, the input is unknown or ``level``
            is no probability.
        """
        fitted_darts(estimator)
        require_groups(estimator)
        require_level(level)
        whole = isinstance(max_groups, int | np.integer)
        if not whole or isinstance(max_groups, bool) or max_groups < 1:
            raise ValueError(
                f"max_groups must be a whole number from 1, got {max_groups!r}"
            )
        seen = _Seen(estimator, X, y, groups)
        along = seen.along(feature)
        shown = seen.spaced(max_groups)
        others = [name for i, name in enumerate(seen.data.inputs) if i != along]
        return cls(
            [seen.group(label, known, along, level) for label, known in shown],
            seen.line(along)[:, along],
            seen.curve(seen.line(along)),
            seen.data.inputs[along],
            _at_median(seen.data.outputs[0], others, np.delete(seen.middle, along)),
            len(seen.known),
            level,
        ).plot(ax)

    def _size(self) -> tuple[float, float]:
        count = len(self.groups)
        columns = min(_COLUMNS, count)
        rows = -(-count // columns)
        return max(columns * _PANEL[0], 3.6) + _BESIDE[0], rows * _PANEL[1] + _BESIDE[1]

    def _draw(self, figure: Any) -> None:
        count, tick = len(self.groups), style.scaled(style.TICK)
        (rows, columns), (width, height) = shape_for(count, figure, _PANEL, _BESIDE)
        grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        axes = grid.ravel()
        letters = max(6, int(width * 72 / (0.65 * tick)))
        for ax, group in zip(axes, self.groups, strict=False):
            self._panel(ax, group)
            name = style.plain(style.ends_of(group.label, min(_LONGEST, letters)))
            ax.set_title(name, fontsize=tick)
            # Ticks that have room: a number takes half an inch across, a third upwards.
            across, upwards = width / style.scaled(1), height / style.scaled(1)
            ax.locator_params(axis="x", nbins=int(np.clip(2 * across, 1, 4)))
            ax.locator_params(axis="y", nbins=int(np.clip(3 * upwards - 1, 1, 4)))
        for spare in axes[count:]:
            spare.remove()
        for ax in axes[max(0, count - columns) : count]:
            ax.tick_params(labelbottom=True)
        style.keep_to(axes[0], self._seen())
        across, upwards = style.inches(figure)
        size = style.scaled(style.LABEL)
        around = {"fontsize": size}
        figure.supxlabel(style.wrapped(self.input, 65 * across, size), **around)
        figure.supylabel(style.wrapped(self.output, 50 * upwards, size), **around)
        some = f"{count} of {self.n_groups} groups" if count < self.n_groups else None
        handles = [*axes[0].get_lines(), *axes[0].collections]
        columns = columns_for([str(h.get_label()) for h in handles], 70 * across)
        look: dict[str, Any] = {"frameon": False, "ncols": columns, "fontsize": tick}
        figure.legend(
            handles=handles, loc="outside upper right", title=some, title_fontsize=tick,
            **look, **ENTRIES,
        )  # fmt: skip
        self.axes_ = axes[:count]

    def _seen(self) -> np.ndarray:
        """The values that must lie on the axes."""
        shown = [part for group in self.groups for part in (group.y, group.curve)]
        return finite(np.concatenate(shown))

    def _panel(self, ax: Axes, group: GroupData) -> None:
        look, colours = style.dots(ax, 0, len(group.x)), style.palette(ax)
        look |= {"alpha": max(look["alpha"], 0.8), "ms": style.scaled(4)}
        ax.plot(group.x, group.y, label="observed", **look)
        line: dict[str, Any] = {"lw": style.scaled(style.THIN), "color": colours.muted}
        ax.plot(self.grid, self.population, "--", label="population", zorder=1, **line)
        line = {"lw": style.scaled(style.STRONG), "color": colours.vermilion}
        ax.plot(self.grid, group.curve, label="group", zorder=3, **line)
        if group.band is not None:
            low, high = style.cut(group.band, self._seen()).T
            name = style.at_level("group", self.level)
            band: dict[str, Any] = {"color": colours.vermilion, "alpha": style.BAND}
            ax.fill_between(self.grid, low, high, lw=0, zorder=1.5, label=name, **band)
        style.tidy(ax, "", "")


def _at_median(output: str, others: Sequence[str], middle: np.ndarray) -> str:
    """The output's name, and where the inputs are that no axis shows."""
    if not others:
        return output
    if len(others) == 1:
        return f"{output} ({others[0]} = {middle[0]:.3g})"
    return f"{output} (other inputs at their median)"


class _Seen:
    """Data of groups, and the curves of an estimator through them."""

    def __init__(self, estimator: Any, X: Any, y: Any, groups: Any) -> None:
        self.data = FitData(estimator, X, y)
        self.numbers = estimator._numbered(self.data.X, groups)[:, -1].astype(int)
        self.labels = np.asarray(groups).ravel()
        self.middle = np.median(self.data.X, axis=0)
        present = np.unique(self.numbers[self.numbers >= 0])
        self.known = [(estimator.groups_[number], True) for number in present]
        strangers = dict.fromkeys(self.labels[self.numbers < 0].tolist())
        self.known += [(label, False) for label in strangers]

    def along(self, feature: str | int | None) -> int:
        """The number of the input of the horizontal axis."""
        names: list[Any] = self.data.inputs
        if feature is None:
            curves = [self.curve(self.line(i)) for i in range(len(names))]
            moves = [np.ptp(finite(c)) if len(finite(c)) else 0.0 for c in curves]
            return int(np.argmax(moves))
        number = names.index(feature) if feature in names else feature
        if not isinstance(number, int | np.integer) or not 0 <= number < len(names):
            raise ValueError(
                f"feature must be one of {names} or its number from 0, got {feature!r}"
            )
        return int(number)

    def spaced(self, most: int) -> list[tuple[Any, bool]]:
        """At most so many groups, evenly spaced: labels, and whether the fit had them."""
        count = len(self.known)
        places = np.linspace(0, count - 1, min(most, count)).round().astype(int)
        return [self.known[place] for place in places]

    def line(self, along: int) -> np.ndarray:
        """Points along one input, shape (points, inputs)."""
        points = np.tile(self.middle, (_CURVE, 1))
        column = self.data.X[:, along]
        points[:, along] = np.linspace(column.min(), column.max(), _CURVE)
        return points

    def curve(self, points: np.ndarray, label: Any = None) -> np.ndarray:
        """What the equation of a group says at points; None is the population."""
        groups = None if label is None else np.full(len(points), label, object)
        return self.data.on_grid(points, groups)[:, 0]

    def group(self, label: Any, known: bool, along: int, level: float | None) -> GroupData:
        """A group's rows and curve, and whether it was in the fit."""
        rows, own = self.labels == label, label if known else None
        x, y = self.data.X[rows], self.data.y_true[rows, 0]
        if x.shape[1] > 1 and not self.data.classes:
            at = np.tile(self.middle, (len(x), 1))
            at[:, along] = x[:, along]
            y = self.curve(at, own) + y - self.curve(x, own)
        line = self.line(along)
        groups = None if own is None else np.full(len(line), own, object)
        band = self.data.interval(line, level, "mean", groups)
        if band is not None:
            band = band[:, 0]
        return GroupData(str(label), x[:, along], y, self.curve(line, own), band)
