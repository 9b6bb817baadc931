"""Pictures of a fit with groups: every group's curve, and what differs between groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from . import style
from .display import (
    FitData,
    finite,
    fitted_darts,
    require_groups,
    require_level,
    room_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Points of a curve.
_CURVE = 200
#: Inches of a panel, panels side by side on a new figure, and of what is around them.
_PANEL, _COLUMNS, _BESIDE = (2.2, 1.75), 4, (0.4, 0.8)
#: Inches of an axis of coefficients, of each of its groups, and of what is around them.
_AXIS, _LINE, _AROUND = 3.4, 0.17, 0.9
#: Inches below which names of groups would touch, and the tallest figure.
_CLOSE, _TALLEST = 0.125, 9.0
#: Inches from which on three entries of a legend stand side by side.
_WIDE_ENOUGH = 4.0
#: Letters of a group's name.
_LONGEST = 22
#: Standard errors on either side that hold 95 % of a normal distribution.
_WIDTH = 1.96


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


class _Panels:
    """A picture of several axes, which keeps its data."""

    axes_: np.ndarray
    figure_: Any

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            As in `from_estimator`.

        Returns
        -------
        self
        """
        figure = room_of(ax)
        if figure is None:
            import matplotlib.pyplot as plt

            figure = plt.figure(figsize=self._size(), layout="constrained")
        self.figure_ = figure
        self._draw(figure)
        return self

    def _size(self) -> tuple[float, float]:
        raise NotImplementedError

    def _draw(self, figure: Any) -> None:
        raise NotImplementedError


@dataclass(eq=False, repr=False)
class GroupDisplay(_Panels):
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
        count, (rows, columns), (width, height) = len(self.groups), *self._shape(figure)
        grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        axes = grid.ravel()
        letters = max(6, int(width * 72 / (0.65 * style.TICK)))
        for ax, group in zip(axes, self.groups, strict=False):
            self._panel(ax, group)
            name = style.plain(style.ends_of(group.label, min(_LONGEST, letters)))
            ax.set_title(name, fontsize=style.TICK)
            # Ticks that have room: a number takes half an inch across, a third upwards.
            ax.locator_params(axis="x", nbins=int(np.clip(2 * width, 1, 4)))
            ax.locator_params(axis="y", nbins=int(np.clip(3 * height - 1, 1, 4)))
        for spare in axes[count:]:
            spare.remove()
        for ax in axes[max(0, count - columns) : count]:
            ax.tick_params(labelbottom=True)
        style.keep_to(axes[0], self._seen())
        figure.supxlabel(style.plain(self.input), fontsize=style.LABEL)
        upwards = fill(style.plain(self.output), max(12, int(11 * _inches(figure)[1])))
        figure.supylabel(upwards, fontsize=style.LABEL)
        some = f"{count} of {self.n_groups} groups" if count < self.n_groups else None
        columns = 3 if _inches(figure)[0] > _WIDE_ENOUGH else 2
        look: dict[str, Any] = {"frameon": False, "ncols": columns, "fontsize": style.TICK}
        handles = [*axes[0].get_lines()[1:], *axes[0].collections]
        figure.legend(
            handles=handles, loc="outside upper right", title=some,
            title_fontsize=style.TICK, **look,
        )  # fmt: skip
        self.axes_ = axes[:count]

    def _shape(self, figure: Any) -> tuple[tuple[int, int], tuple[float, float]]:
        """Rows and columns that suit the room, and the size of a panel in inches."""
        count = len(self.groups)
        room = np.maximum(_inches(figure) - _BESIDE, 0.5)

        def cost(columns: int) -> float:
            rows = -(-count // columns)
            shape = room[0] * rows / (room[1] * columns) / (_PANEL[0] / _PANEL[1])
            return abs(float(np.log(shape))) + (rows * columns - count) / count

        columns = min(range(1, count + 1), key=cost)
        rows = -(-count // columns)
        return (rows, columns), (float(room[0] / columns), float(room[1] / rows))

    def _seen(self) -> np.ndarray:
        """The values that must lie on the axes."""
        shown = [part for group in self.groups for part in (group.y, group.curve)]
        return finite(np.concatenate(shown))

    def _panel(self, ax: Axes, group: GroupData) -> None:
        look = style.dots(0, len(group.x))
        ax.plot(group.x, group.y, **look | {"alpha": max(look["alpha"], 0.8), "ms": 4})
        line: dict[str, Any] = {"lw": style.THIN, "ls": "--", "color": style.MUTED}
        ax.plot(self.grid, self.population, label="population", zorder=1, **line)
        line = {"lw": style.STRONG, "ls": "-", "color": style.VERMILION}
        ax.plot(self.grid, group.curve, label="group", zorder=3, **line)
        if group.band is not None:
            low, high = style.cut(group.band, self._seen()).T
            name = style.at_level("group", self.level)
            band: dict[str, Any] = {"color": style.VERMILION, "alpha": style.BAND}
            ax.fill_between(self.grid, low, high, lw=0, zorder=1.5, label=name, **band)
        style.tidy(ax, "", "")


def _inches(figure: Any) -> np.ndarray:
    """Width and height."""
    return np.array([figure.bbox.width, figure.bbox.height]) / figure.dpi


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
class CoefficientDisplay(_Panels):
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
        width, height = _inches(figure)
        room = (height - _AROUND) / len(self.labels)
        letters = int(width / len(self.axes_) * 72 / (0.5 * style.LABEL)) - 3
        for ax, varying in zip(self.axes_, self.coefficients, strict=True):
            self._forest(ax, varying, room >= _CLOSE)
            term = fill(style.plain(varying.term), max(letters, 12))
            ax.set_xlabel(term, fontsize=style.LABEL)
        handles, names = self.axes_[0].get_legend_handles_labels()
        look: dict[str, Any] = {"frameon": False, "ncols": 2, "fontsize": style.TICK}
        figure.legend(handles, names, loc="outside upper right", **look)

    def _forest(self, ax: Axes, varying: Varying, named: bool) -> None:
        """The groups in lines, with names where there is room for them."""
        order = np.argsort(varying.values, kind="stable")
        lines, values = np.arange(len(order)), varying.values[order]
        low, high = (np.asarray(end)[order] for end in varying.intervals())
        ax.hlines(lines, low, high, color=style.BLUE, lw=style.THIN)
        ax.plot(values, lines, "o", ms=4, color=style.BLUE)
        look: dict[str, Any] = {"color": style.VERMILION, "zorder": 1}
        ax.axvline(varying.mean, lw=style.THIN, label="population's mean", **look)
        band = varying.around(varying.mean, varying.spread)
        if np.isfinite(band).all():
            ax.axvspan(*band, alpha=0.18, lw=0, label="and spread", **look)
        if varying.logarithm and style.spans_decades(values):
            style.log_scale(ax, "x")
        style.tidy(ax, "", "" if named else f"{len(order)} groups")
        names = [style.plain(style.ends_of(self.labels[i], _LONGEST)) for i in order]
        ax.set_yticks(lines if named else [], names if named else [])
        ax.tick_params(axis="y", labelsize=style.SMALL, length=0)
        ax.set_ylim(-0.8, len(order) - 0.2)
        ax.grid(False, axis="y")
