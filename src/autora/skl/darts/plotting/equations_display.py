"""A picture of the table of equations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from . import style
from .display import LIKELY, Display, fitted_darts
from .formulas import in_lines, printed
from .headings import heading, room_above
from .search_displays import NO_ERROR as _NO_ERROR

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Letters of an equation on a line beside a figure of the default size.
_LETTERS = 50
#: Points across from which on the equations stand beside the axes; how far away, and how
#: far below; the room for their weights; their share of the axes.
_WIDE_ENOUGH, _BESIDE, _BELOW, _WEIGHT, _SHARE = 330, 14, 42, 44, 0.52
#: Inches of a line, of what is around all, and of the tallest figure.
_LINE, _AROUND, _TALLEST = 0.16, 1.1, 7.5
#: How far apart lines of an equation are, as matplotlib counts it; heights of its first and
#: of every further line, in font sizes.
_SPACING, _FIRST, _NEXT = 1.1, 1.34, 1.09


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
        The equations, in lines. If there is no room for all, rivals of little weight are
        left out first.
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
        lines = sum(-(-len(equation) // _LETTERS) for equation in self.equations)
        height = min(_LINE * lines + _AROUND, _TALLEST)
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
            The equations take about half of its width, or of its height where it is narrow.
            None draws on a new figure.

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
        colours, thin = style.palette(ax), style.scaled(style.THIN)
        dot, small = style.scaled(7), style.scaled(5)
        places = np.stack([self.complexity, np.maximum(self.loss, _NO_ERROR)], axis=1)
        front = _front(places)
        ax.plot(*places[front].T, "-", color=colours.pale, lw=thin, zorder=1)
        ax.plot(*places[front].T, "o", ms=dot, color=colours.blue)
        if not front.all():
            look: dict[str, Any] = {"mfc": "none", "color": colours.blue, "ls": ""}
            ax.plot(*places[~front].T, marker="o", ms=small, label="rivals", **look)
        if self.selected is not None:
            here = places[self.selected]
            ax.plot(*here, "s", ms=dot, color=colours.vermilion, label="selected")
        if self.holdout is not None:
            ax.plot(
                self.complexity, self.holdout, "D", mfc="none", color=colours.green,
                ms=small, ls="", label="on rows kept from the search",
            )  # fmt: skip
        self._mark(ax)
        if style.spans_decades([*places[:, 1], *(loss for _, _, loss in self.theories)]):
            style.log_scale(ax)
        ax.margins(y=0.09)  # room for a number below the lowest point
        style.whole_ticks(ax, 6)
        style.tidy(ax, "complexity", "training loss")
        self._list(ax, front)
        handles = ax.get_legend_handles_labels()[0]
        if handles:
            heading(ax, handles)
        self._number(ax, places, front)

    def _look(self, row: int, colours: style.Palette) -> dict[str, Any]:
        """The text of a row; of most rows the colour that suits the ground."""
        if row != self.selected:
            return {}
        return {"color": colours.vermilion, "fontweight": "bold"}

    def _number(self, ax: Axes, places: np.ndarray, front: np.ndarray) -> None:
        """Numbers of the points, clear of these and of one another."""
        numbers, colours = _Numbers(ax, places), style.palette(ax)
        marked = front.copy()
        if self.selected is not None:
            marked[self.selected] = True
        for i in np.flatnonzero(marked).tolist():
            numbers.put(str(i), places[i], (-1, 1), self._look(i, colours))
        for size in np.unique(self.complexity[~marked]):
            rows = np.flatnonzero(~marked & (self.complexity == size))
            top = places[rows[np.argmax(places[rows, 1])]]
            numbers.put(_ranges(rows.tolist()), top, (1,), {})

    def _mark(self, ax: Axes) -> None:
        """The theories, each with its name."""
        colour, dot = style.palette(ax).purple, style.scaled(7)
        for i, (name, size, loss) in enumerate(self.theories):
            place, label = (size, max(loss, _NO_ERROR)), "theories" if i == 0 else None
            ax.plot(*place, "^", ms=dot, mfc="none", color=colour, label=label)
            ax.annotate(
                style.plain(style.shortened(name, _LETTERS // 2)), place, (dot + 1, 0),
                textcoords="offset points", va="center", color=colour,
                fontsize=style.scaled(style.SMALL),
            )  # fmt: skip

    def _list(self, ax: Axes, front: np.ndarray) -> None:
        """The equations in a column beside the picture, or below it where it is narrow."""
        room_above(ax)  # the layout moves the axes
        width, height = (72 * side for side in style.inches(ax))
        size, colours = style.scaled(style.TICK), style.palette(ax)
        line = size * style.LEADING
        beside = width >= style.scaled(_WIDE_ENOUGH)
        left, share = style.scaled(_BESIDE if beside else 0), style.scaled(_WEIGHT)
        down = 0.0 if beside else -style.scaled(_BELOW)
        room = (_SHARE * width if beside else width) - left - share
        # Two lines are no equations.
        most = max((height if beside else _SHARE * height) - 2 * line, 2 * line)
        texts = {
            i: in_lines(f"{i}  {equation}", (0.9 if i == self.selected else 1) * room, size)
            for i, equation in enumerate(self.equations)
        }
        heights = {i: size * (_FIRST + _NEXT * (len(t) - 1)) for i, t in texts.items()}
        listed = self._listed(front, heights, most)
        side = _Column(ax, beside, size)
        if self.weight is not None:
            side.put("weight", left + share - 6, down, ha="right", color=colours.line)
            down -= line
        self.texts_ = []
        for i in listed:
            look = self._look(i, colours)
            text = "\n".join(texts[i])
            placed = side.put(text, left + share, down, **look)
            self.texts_.append(placed)
            if self.weight is not None and self.weight[i] >= LIKELY:
                percent = style.percent(self.weight[i])
                side.put(percent, left + share - 6, down, ha="right", **look)
            down -= placed.get_window_extent().height * 72 / ax.figure.dpi
        if missing := len(self.equations) - len(listed):
            rest = f"… and {missing} more rows of equations_"
            side.put(rest, left + share, down, color=colours.line)

    def _listed(
        self, front: np.ndarray, heights: dict[int, float], most: float
    ) -> list[int]:
        """Rows for which there is room, at first the selected one and simpler ones."""
        if sum(heights.values()) <= most:
            return [*heights]
        weight = np.zeros(len(heights)) if self.weight is None else self.weight

        chosen = np.inf if self.selected is None else self.complexity[self.selected]
        first = front & (self.complexity <= chosen)

        def last(i: int) -> tuple[bool, bool, bool, bool, float]:
            likely = weight[i] >= LIKELY
            return i != self.selected, not first[i], not likely, not front[i], -weight[i]

        listed: list[int] = []
        left = most
        for i in sorted(heights, key=last):
            if heights[i] <= left or not listed:
                listed.append(i)
                left -= heights[i]
        return sorted(listed)


class _Column(NamedTuple):
    """Texts beside the axes or below them, which hang from a line."""

    ax: Axes
    beside: bool
    size: float

    def put(self, text: str, right: float, up: float, **look: Any) -> Any:
        """A text so many points right of and above the upper corner of the column."""
        return self.ax.annotate(
            text, (int(self.beside),) * 2, (right, up), va="top", fontsize=self.size,
            xycoords="axes fraction", textcoords="offset points", linespacing=_SPACING,
            **look,
        )  # fmt: skip


class _Numbers:
    """Labels at points of a picture, which look for room."""

    def __init__(self, ax: Axes, places: np.ndarray) -> None:
        room_above(ax)  # the layout moves the axes
        self.ax, self.points = ax, 72 / ax.figure.dpi
        self.size, reach = style.scaled(style.SMALL), style.scaled(4)
        middle = ax.transData.transform(places) * self.points
        self.ends = ax.bbox.y0 * self.points, ax.bbox.y1 * self.points
        self.taken = [(x - reach, y - reach, x + reach, y + reach) for x, y in middle]

    def put(self, text: str, place: np.ndarray, sides: Sequence[int], look: Any) -> None:
        """As near as possible, below (−1) or above (1) the point."""
        x, y = self.ax.transData.transform(place) * self.points
        half, high = style.text_width(text, self.size) / 2 + 2, self.size
        near = style.scaled(6)
        away = [side * (near + step * high / 2) for step in range(13) for side in sides]
        for shift in away:
            low = y + min(shift, shift + np.sign(shift) * high)
            box = (x - half, low, x + half, low + high)
            inside = self.ends[0] <= box[1] and box[3] <= self.ends[1]
            if inside and all(style.apart(box, other) for other in self.taken):
                break
        else:
            return  # a number that hides others says nothing
        self.taken.append(box)
        self.ax.annotate(
            text, tuple(place), (0, shift), textcoords="offset points", ha="center",
            va="bottom" if shift > 0 else "top", fontsize=self.size, **look,
        )  # fmt: skip


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
    table["equation"] = [printed(equation, names) for equation in table["equation"]]
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
