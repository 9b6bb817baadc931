"""A picture of how probable the equations of a fit are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from . import style
from .display import Display
from .equations_display import equations_of
from .formulas import in_lines
from .headings import room_above

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Inches of a line of text, of what is around all, and the tallest figure; letters of a
#: line on a figure of the default size.
_LINE, _AROUND, _TALLEST, _LETTERS = 0.158, 0.85, 8.0, 84
#: Heights of a bar and of the gap below it, in lines.
_BAR, _GAP = 0.9, 0.6
#: Digits that ticks may have.
_STEPS = [1, 2, 2.5, 5, 10]
#: Weight below which an equation has no bar of its own.
_LEAST = 1e-3


@dataclass(eq=False, repr=False)
class EvidenceDisplay(Display):
    """How probable the equations are, each with a bar, the heaviest first.

    Parameters
    ----------
    weight : array-like of shape (bars,)
        Posterior probabilities, between 0 and 1.
    equations : sequence of str of length bars
    selected : int or None, default=None
        Which of the bars is that of the model.
    n_others : int, default=0
        Equations that have no bar of their own.
    others : float, default=0
        Their weight together, which has the last bar.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure

    Examples
    --------
    >>> from autora.skl.darts import EvidenceDisplay
    >>> EvidenceDisplay.from_estimator(fitted)  # doctest: +SKIP
    """

    weight: Any
    equations: Sequence[str]
    _: KW_ONLY
    selected: int | None = None
    n_others: int = 0
    others: float = 0.0

    def __post_init__(self) -> None:
        self.weight = np.asarray(self.weight, float)
        lines = sum(-(-len(text) // _LETTERS) for text in self.equations)
        bars = len(self.weight) + 2 * (self.n_others > 0)
        height = _LINE * (lines + bars * (_BAR + _GAP)) + _AROUND
        self._size = style.SIZE[0], min(height, _TALLEST)

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, most: int = 8, ax: Axes | None = None
    ) -> Self:
        """Draw the weights in the ``equations_`` of a fitted estimator.

        Parameters
        ----------
        estimator : DARTSRegressor or DARTSClassifier
        most : int, default=8
            Largest number of equations with a bar of their own. Each has a weight of at
            least 0.1 %, except the selected one, which always has a bar. All others share
            one bar.
        ax : matplotlib.axes.Axes, default=None
            None draws on a new figure, whose size suits the number of bars.

        Returns
        -------
        EvidenceDisplay

        Raises
        ------
        ValueError
            If ``most`` is no number of bars, the fit has no table, as with
            ``n_candidates=0``, or no row of it has a finite criterion.
        """
        whole = isinstance(most, int | np.integer) and not isinstance(most, bool)
        if not whole or most < 1:
            raise ValueError(f"most must be a whole number from 1, got {most!r}")
        table = equations_of(estimator)
        weight, selected = table["weight"].to_numpy(float), estimator.selected_
        if not np.isfinite(weight).all():
            raise ValueError(
                "no row of estimator.equations_ has a finite criterion, so that none has "
                "a weight to draw; fit to finite data"
            )
        order = np.argsort(-weight, kind="stable").tolist()
        shown = [i for i in order if weight[i] >= _LEAST][:most]
        if selected is not None and selected not in shown:
            shown = [*shown[: most - 1], selected]
        rest = [i for i in order if i not in shown]
        return cls(
            weight[shown],
            [f"{i}  {table['equation'][i]}" for i in shown],
            selected=None if selected is None else shown.index(selected),
            n_others=len(rest),
            others=float(weight[rest].sum()),
        ).plot(ax)

    def _draw(self, ax: Axes) -> None:
        from matplotlib.ticker import MaxNLocator

        style.tidy(ax, "weight", "")
        room, size = room_above(ax), style.scaled(style.TICK)
        colours, height = style.palette(ax), 72 * style.inches(ax)[1]
        most = height / (size * style.LEADING)  # lines
        bars = self._bars(room - 6, size, most)
        top, largest = 0.0, max(bar.weight for bar in bars)
        look: dict[str, Any] = {"fontsize": size, "textcoords": "offset points"}
        look["linespacing"] = style.LINE_SPACING
        for bar in bars:
            look["fontweight"] = "bold" if bar.selected else "normal"
            colour = colours.vermilion if bar.selected else colours.blue
            colour = colours.muted if bar.rest else colour
            ax.annotate("\n".join(bar.lines), (0, top), (3, 0), va="top", **look)
            top += len(bar.lines)
            hatch: dict[str, Any] = {"hatch": "///", "fill": False, "ec": colour}
            fill: dict[str, Any] = hatch if bar.rest else {"color": colour}
            ax.barh(top + 0.1 + _BAR / 2, bar.weight, _BAR, **fill)
            place, share = (bar.weight, top + 0.1 + _BAR / 2), style.percent(bar.weight)
            ax.annotate(share, place, (3, 0), va="center", **look)
            top += _BAR + _GAP
        ax.set(xlim=(0, 1.2 * largest), ylim=(max(top, most - 0.3), -0.3), yticks=[])
        ax.xaxis.set_major_formatter(lambda share, _: style.percent(share))
        inches = style.inches(ax)[0] / style.scaled(1)
        ticks = MaxNLocator(int(np.clip(inches / 0.7, 2, 6)), steps=_STEPS).tick_values(
            0, largest
        )
        ax.set_xticks([tick for tick in ticks if tick <= min(1.2 * largest, 1)])
        ax.grid(False, axis="y")

    def _bars(self, room: float, size: float, most: float) -> list[_Bar]:
        """Bars that fit in so many lines; the others are one bar."""
        bars = [
            _Bar(
                float(share),
                in_lines(text, (0.9 if i == self.selected else 1) * room, size),
                i == self.selected,
            )
            for i, (share, text) in enumerate(zip(self.weight, self.equations, strict=True))
        ]
        others, count = self.others, self.n_others

        def too_high() -> bool:
            lines = sum(len(bar.lines) + _BAR + _GAP for bar in bars)
            return lines + bool(count) * (1 + _BAR + _GAP) > most

        while len(bars) > 1 and too_high():
            least = max(i for i, bar in enumerate(bars) if not bar.selected)
            others, count = others + bars.pop(least).weight, count + 1
        if count:
            bars.append(_Bar(others, [f"{count} other{'s' * (count > 1)}"], rest=True))
        return bars


class _Bar(NamedTuple):
    weight: float
    lines: list[str]
    selected: bool = False
    rest: bool = False
