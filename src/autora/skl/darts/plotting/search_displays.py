"""Pictures of a search: its history, its weights, the equations it found."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ..selection.result import SearchHistory
from . import style
from .axes import edge_labels, plot_architecture, plot_loss, relaxed_weights
from .display import LIKELY, Display, fitted_darts, input_names, room_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: What can be told apart on a logarithmic axis from a fit without error.
_NO_ERROR = 1e-34
#: Letters of an equation beside the table of models.
_LONGEST = 46
#: Points from the axes to the equations, and how many more for their weights; the height of
#: a line in heights of its letters.
_BESIDE, _WEIGHT, _LEADING = 14, 44, 1.1
#: Inches of a line, of what is around all, and of the tallest figure.
_LINE, _AROUND, _TALLEST = 0.16, 0.9, 6.5
_NUMBER = r"(?<![\w.])\d+\.\d+(?:e[+-]?\d+)?"


@dataclass(eq=False, repr=False)
class HistoryDisplay(Display):
    """What a search had achieved, over its course.

    A fit of a counted graph shows training and validation loss over the epochs. An
    automatic search shows the error of the best equation so far over the number of graphs
    refitted; the best is the one with the smallest criterion, so the error may rise a
    little for a simpler equation.

    Parameters
    ----------
    history : History or SearchHistory
        A fitted estimator's ``history_``.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure

    Examples
    --------
    >>> from autora.skl.darts import HistoryDisplay
    >>> HistoryDisplay.from_estimator(fitted)  # doctest: +SKIP
    """

    history: Any

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Axes | None = None) -> Self:
        """Draw the history of a fitted estimator.

        Parameters
        ----------
        estimator : DARTSRegressor or DARTSClassifier
        ax : matplotlib.axes.Axes, default=None
            None draws on a new figure.

        Returns
        -------
        HistoryDisplay

        Raises
        ------
        ValueError
            If the last fit searched nothing, as with ``max_epochs=0``.
        """
        fitted_darts(estimator)
        history = estimator.history_
        if not len(history[0]):
            raise ValueError(
                "estimator.history_ is empty, for its last fit searched nothing "
                f"(max_epochs={estimator.max_epochs}); fit with epochs to have a history"
            )
        return cls(history).plot(ax)

    def _draw(self, ax: Axes) -> None:
        if not isinstance(self.history, SearchHistory):
            train, valid = self.history.train_loss, self.history.valid_loss
            plot_loss(ax, range(len(valid)), train, valid)
            return
        refits, error = self.history.refits, np.maximum(self.history.error, _NO_ERROR)
        ax.step(refits, error, where="post", color=style.BLUE, lw=style.STRONG)
        ax.plot(refits[-1:], error[-1:], "o", color=style.VERMILION, clip_on=False)
        style.log_scale(ax)
        ax.set_xscale("log")
        ax.xaxis.set_major_formatter("{x:,.0f}")
        style.tidy(ax, "graphs refitted", "error of the best (best constant: 1)")


@dataclass(eq=False, repr=False)
class ArchitectureDisplay:
    """Architecture weights over the epochs, one panel per edge of a counted graph.

    Parameters
    ----------
    weights : ndarray of shape (n_epochs, n_edges, n_primitives)
        Between 0 and 1.
    primitives : sequence of str of length n_primitives
    edges : sequence of str of length n_edges
        Titles of the panels.

    Attributes
    ----------
    axes_ : ndarray of Axes, shape (n_edges,)
    figure_ : matplotlib.figure.Figure
        The SubFigure where an ``ax`` was given.
    """

    weights: np.ndarray
    primitives: Sequence[str]
    edges: Sequence[str]

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Axes | None = None) -> Self:
        """Draw the weights of every epoch of a fit of a counted graph.

        Parameters
        ----------
        estimator : DARTSRegressor or DARTSClassifier
        ax : matplotlib.axes.Axes, default=None
            Makes room for the panels; must come from ``plt.subplots`` or a grid. None
            draws on a new figure, whose size suits the number of edges.

        Returns
        -------
        ArchitectureDisplay

        Raises
        ------
        ValueError
            If the fit had no epochs.
        """
        alphas = epoch_alphas(estimator)
        network = estimator.network_
        names = input_names(estimator, network.space.n_inputs)
        weights = relaxed_weights(alphas, network.darts_type)
        labels = edge_labels(network.space, names)
        return cls(weights, network.space.names, labels).plot(ax)

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
        self.figure_, self.axes_ = plot_architecture(
            range(len(self.weights)), self.weights, self.primitives, self.edges, room_of(ax)
        )
        return self


def epoch_alphas(estimator: Any) -> np.ndarray:
    """Architecture weights of every epoch, shape (epochs, edges, primitives).

    Raises
    ------
    ValueError
        If the fit had no epochs.
    """
    fitted_darts(estimator)
    alphas = getattr(estimator.history_, "alphas", np.zeros(0))
    if not len(alphas):
        raise ValueError(
            "the fit has no epochs to show: num_graph_nodes="
            f"{estimator.num_graph_nodes!r}, max_epochs={estimator.max_epochs}; fit with "
            "an integer num_graph_nodes and max_epochs of at least 1"
        )
    return np.asarray(alphas, float)


@dataclass(eq=False, repr=False)
class EquationsDisplay(Display):
    """The table of equations: complexity against loss, and their text.

    The line joins the equations that fit better than all simpler ones. The others, the
    rivals, are small and hollow: they are in the table because they are nearly as probable
    as the best, and those of one complexity share a label. Weights are written where they
    are at least 1 %.

    Parameters
    ----------
    complexity, loss : array-like of shape (n_equations,)
    equations : sequence of str
        Beside the picture; numbers as in the picture.
    selected : int or None, default=None
        Which one is the model.
    holdout : array-like of shape (n_equations,), default=None
        Loss on rows that the search did not see.
    theories : sequence of (str, float, float), default=()
        Names, complexities and losses of theories to be marked.
    weight : array-like of shape (n_equations,), default=None
        How probable the equations are.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure
    texts_ : list of matplotlib.text.Text
        The equations. If the axes are too low for all, rivals of little weight are left out
        first.
    """

    _size = style.WIDE
    complexity: Any
    loss: Any
    equations: Sequence[str]
    _: KW_ONLY
    selected: int | None = None
    holdout: Any = None
    theories: Sequence[tuple[str, float, float]] = ()
    weight: Any = None

    def __post_init__(self) -> None:
        self.complexity, self.loss = np.asarray(self.complexity), np.asarray(self.loss)
        if self.weight is not None:
            self.weight = np.asarray(self.weight, float)
        height = min(_LINE * len(self.equations) + _AROUND, _TALLEST)
        self._size = style.WIDE[0], max(style.WIDE[1], height)

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, theories: Any = None, ax: Axes | None = None
    ) -> Self:
        """Draw the ``equations_`` of a fitted estimator.

        Parameters
        ----------
        estimator : DARTSRegressor or DARTSClassifier
        theories : DataFrame, default=None
            What ``estimator.compare(…)`` or ``estimator.guesses_`` has of the same data:
            theories are marked by name.
        ax : matplotlib.axes.Axes, default=None
            The equations take about half of its width. None draws on a new figure.

        Returns
        -------
        EquationsDisplay

        Raises
        ------
        ValueError
            If the fit has no table, as with ``n_candidates=0``, or ``theories`` is none.
        """
        table = equations_of(estimator)
        holdout = table["holdout"].to_numpy(float)
        return cls(
            table["complexity"],
            table["loss"],
            table["equation"].tolist(),
            selected=estimator.selected_,
            holdout=holdout if np.isfinite(holdout).any() else None,
            theories=() if theories is None else _marked(theories),
            weight=table["weight"],
        ).plot(ax)

    def _draw(self, ax: Axes) -> None:
        places = np.stack([self.complexity, np.maximum(self.loss, _NO_ERROR)], axis=1)
        front = _front(places)
        ax.plot(*places[front].T, "-", color=style.PALE, lw=style.THIN, zorder=1)
        ax.plot(*places[front].T, "o", ms=7, color=style.BLUE)
        if not front.all():
            look: dict[str, Any] = {"mfc": "none", "color": style.BLUE, "ls": ""}
            ax.plot(*places[~front].T, marker="o", ms=5, label="rivals", **look)
        if self.selected is not None:
            here = places[self.selected]
            ax.plot(*here, "o", ms=7, color=style.VERMILION, label="selected")
        if self.holdout is not None:
            ax.plot(
                self.complexity, self.holdout, "D", mfc="none", color=style.GREEN,
                ls="", label="on rows kept from the search",
            )  # fmt: skip
        self._mark(ax)
        if ax.get_legend_handles_labels()[0]:
            ax.legend(frameon=False, fontsize=style.TICK, handletextpad=0.2)
        if style.spans_decades([*places[:, 1], *(loss for _, _, loss in self.theories)]):
            style.log_scale(ax)
        ax.margins(y=0.09)  # room for a number below the lowest point
        style.whole_ticks(ax, 6)
        style.tidy(ax, "complexity", "training loss")
        self._list(ax, front)
        self._number(ax, places, front)

    def _look(self, row: int) -> dict[str, Any]:
        """The text of a row; of most rows the colour that suits the ground."""
        if row != self.selected:
            return {}
        return {"color": style.VERMILION, "fontweight": "bold"}

    def _number(self, ax: Axes, places: np.ndarray, front: np.ndarray) -> None:
        """Numbers of the points, clear of these and of one another."""
        numbers = _Numbers(ax, places)
        marked = front.copy()
        if self.selected is not None:
            marked[self.selected] = True
        for i in np.flatnonzero(marked).tolist():
            numbers.put(str(i), places[i], (-1, 1), self._look(i))
        for size in np.unique(self.complexity[~marked]):
            rows = np.flatnonzero(~marked & (self.complexity == size))
            top = places[rows[np.argmax(places[rows, 1])]]
            numbers.put(_ranges(rows.tolist()), top, (1,), {})

    def _mark(self, ax: Axes) -> None:
        """The theories, each with its name."""
        for i, (name, size, loss) in enumerate(self.theories):
            place, label = (size, max(loss, _NO_ERROR)), "theories" if i == 0 else None
            ax.plot(*place, "s", ms=7, mfc="none", color=style.PURPLE, label=label)
            ax.annotate(
                style.plain(style.shortened(name, _LONGEST // 2)), place, (8, 0),
                textcoords="offset points", va="center", fontsize=style.SMALL,
                color=style.PURPLE,
            )  # fmt: skip

    def _list(self, ax: Axes, front: np.ndarray) -> None:
        """The equations in a column beside the picture, from top to bottom."""
        height = ax.bbox.height / ax.figure.dpi * 72
        listed = self._listed(front, max(int(height / (style.TICK * _LEADING)), 2))
        missing = len(self.equations) - len(listed)
        step = min(0.085, 1 / (len(listed) + (missing > 0)))
        weight, right = self.weight, _BESIDE
        if weight is not None:
            right += _WEIGHT
            above = (1, 1 + step / 2)
            _beside(ax, "weight", above, right - 6, ha="right", color=style.LINE)
        self.texts_ = []
        for line, i in enumerate(listed):
            place, look = (1, 1 - step * (line + 0.5)), self._look(i)
            text = f"{i}  {style.shortened(self.equations[i], _LONGEST)}"
            self.texts_.append(_beside(ax, text, place, right, **look))
            if weight is not None and weight[i] >= LIKELY:
                share = style.percent(weight[i])
                _beside(ax, share, place, right - 6, ha="right", **look)
        if missing:
            rest = f"… and {missing} more rows of equations_"
            _beside(ax, rest, (1, 1 - step * (len(listed) + 0.5)), right, color=style.LINE)

    def _listed(self, front: np.ndarray, most: int) -> list[int]:
        """Rows that there is room for, one line of which says that there are others."""
        rows = range(len(self.equations))
        if len(rows) <= most:
            return [*rows]
        weight = np.zeros(len(rows)) if self.weight is None else self.weight

        def last(i: int) -> tuple[bool, bool, bool, float]:
            return i != self.selected, weight[i] < LIKELY, not front[i], -weight[i]

        return sorted(sorted(rows, key=last)[: most - 1])


def _beside(ax: Axes, text: str, place: Any, right: float, **look: Any) -> Any:
    """A line to the right of the axes."""
    return ax.annotate(
        text, place, (right, 0), va="center", fontsize=style.TICK, parse_math=False,
        xycoords="axes fraction", textcoords="offset points", **look,
    )  # fmt: skip


class _Numbers:
    """Labels at points of a picture, which look for room."""

    def __init__(self, ax: Axes, places: np.ndarray) -> None:
        ax.figure.canvas.figure.draw_without_rendering()  # the layout moves the axes
        self.ax, self.points = ax, 72 / ax.figure.dpi
        middle = ax.transData.transform(places) * self.points
        self.taken = [(x - 4, y - 4, x + 4, y + 4) for x, y in middle]

    def put(self, text: str, place: np.ndarray, sides: Sequence[int], look: Any) -> None:
        """As near as possible, below (−1) or above (1) the point."""
        x, y = self.ax.transData.transform(place) * self.points
        half, high = 0.3 * style.SMALL * len(text), style.SMALL
        away = [side * (6 + step * high / 2) for step in range(13) for side in sides]
        for shift in away:
            low = y + min(shift, shift + np.sign(shift) * high)
            box = (x - half, low, x + half, low + high)
            if all(_apart(box, other) for other in self.taken):
                break
        else:
            return  # a number that hides others says nothing
        self.taken.append(box)
        self.ax.annotate(
            text, tuple(place), (0, shift), textcoords="offset points", ha="center",
            va="bottom" if shift > 0 else "top", fontsize=style.SMALL, **look,
        )  # fmt: skip


def _apart(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether two boxes (left, low, right, high) do not touch."""
    beside = one[2] <= other[0] or other[2] <= one[0]
    return beside or one[3] <= other[1] or other[3] <= one[1]


def _front(places: np.ndarray) -> np.ndarray:
    """Which of some (complexity, loss) fit better than all that are as simple."""
    order = np.lexsort(places.T[::-1])
    loss = places[order, 1]
    best = np.minimum.accumulate(np.concatenate([[np.inf], loss[:-1]]))
    found = np.zeros(len(places), bool)
    found[order] = loss < best
    return found


def _ranges(rows: list[int]) -> str:
    """Numbers in rising order, short where more than two follow one another."""
    runs = np.split(np.array(rows), np.flatnonzero(np.diff(rows) > 1) + 1)
    return ", ".join(
        f"{run[0]}–{run[-1]}" if len(run) > 2 else ", ".join(map(str, run.tolist()))
        for run in runs
    )


def equations_of(estimator: Any) -> Any:
    """The ``equations_`` of a fitted estimator, its equations as they are shown.

    Raises
    ------
    ValueError
        If the fit has no table.
    """
    fitted_darts(estimator)
    table = estimator.equations_
    if not len(table):
        raise ValueError(
            "estimator.equations_ is empty: its fit refitted no candidates "
            f"(n_candidates={estimator.n_candidates!r}); fit with n_candidates='auto'"
        )
    names, _ = estimator._names()
    table["equation"] = [compact(equation, names) for equation in table["equation"]]
    return table


def _marked(table: Any) -> list[tuple[str, float, float]]:
    """The theories of a comparison that have a finite fit."""
    wanted = ["name", "complexity", "loss"]
    columns = list(getattr(table, "columns", []))
    if not {*wanted} <= {*columns}:
        raise ValueError(
            "theories must be a table as estimator.compare(…) returns it, with the columns "
            f"{', '.join(wanted)}, got {type(table).__name__} with {columns}"
        )
    rows = zip(*(table[name] for name in wanted), strict=True)
    return [row for row in rows if row[0] != "found" and np.isfinite(row[2])]


def compact(equation: str, names: Sequence[str]) -> str:
    """An equation with three digits, "·" for "*" and "^" for "**"; names stay."""
    known = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))

    def shown(match: re.Match[str]) -> str:
        if match["name"]:
            return match[0]
        if match[0] in ("*", "**"):
            return "·" if match[0] == "*" else "^"
        number = f"{float(match['number']):.3g}"
        before = equation[: match.start()].rstrip()[-1:]
        if match["times"] and number == "1" and before not in ("*", "/"):
            return ""
        return number + "·" * bool(match["times"])

    parts = rf"(?P<name>{known})|(?P<number>{_NUMBER})(?P<times>\*(?!\*))?|\*\*?"
    return re.sub(parts, shown, equation)
