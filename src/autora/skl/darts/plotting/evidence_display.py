"""A picture of how probable the equations of a fit are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from . import style
from .display import Display
from .search_displays import equations_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Inches of a bar with its equation, and of what is around all.
_LINE, _AROUND = 0.42, 0.8
#: Height of a bar, and where it and its equation stand, in lines.
_HEIGHT, _BAR, _TEXT = 0.3, 0.22, -0.16
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
        bars = len(self.weight) + (self.n_others > 0)
        self._size = style.SIZE[0], _LINE * bars + _AROUND

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
        weight, texts = [*self.weight.tolist()], [*self.equations]
        colours = [style.BLUE] * len(weight)
        if self.selected is not None:
            colours[self.selected] = style.VERMILION
        if self.n_others:
            weight.append(self.others)
            texts.append(f"{self.n_others} other{'s' * (self.n_others > 1)}")
            colours.append(style.MUTED)
        lines = np.arange(len(weight))
        ax.barh(lines + _BAR, weight, _HEIGHT, color=colours)
        inches = ax.bbox.width / ax.figure.dpi
        letters = max(int(inches * 72 / (0.6 * style.TICK)), 12)
        for line, (share, text) in enumerate(zip(weight, texts, strict=True)):
            look: dict[str, Any] = {"fontsize": style.TICK, "va": "center"}
            look["textcoords"] = "offset points"
            look["fontweight"] = "bold" if line == self.selected else "normal"
            text = style.shortened(text, letters)
            ax.annotate(text, (0, line + _TEXT), (3, 0), parse_math=False, **look)
            ax.annotate(style.percent(share), (share, line + _BAR), (3, 0), **look)
        ax.set(xlim=(0, 1.12 * max(weight)), ylim=(len(weight) - 0.4, -0.5), yticks=[])
        ax.xaxis.set_major_formatter(lambda share, _: style.percent(share))
        ax.locator_params(axis="x", nbins=int(np.clip(inches / 0.7, 2, 6)))
        style.tidy(ax, "weight", "")
        ax.grid(False, axis="y")
