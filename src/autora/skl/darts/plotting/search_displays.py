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
from .display import Display, fitted_darts, input_names, room_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: What can be told apart on a logarithmic axis from a fit without error.
_NO_ERROR = 1e-34
#: Letters of an equation beside the table of models.
_LONGEST = 46
_NUMBER = r"(?<![\w.])\d+\.\d+(?:e[+-]?\d+)?"


@dataclass(eq=False, repr=False)
class HistoryDisplay(Display):
    """What a search had achieved, over its course.

    A fit of a counted graph shows training and validation loss over the epochs of the
    relaxed search. A search over open graphs shows the error of the best equation so far
    (by criterion, so that it may rise a little for a simpler equation) over the number of
    graphs refitted.

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
    """The best equation of every complexity: complexity against loss, and its text.

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

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure
    texts_ : list of matplotlib.text.Text
        The equations.
    """

    _size = style.WIDE
    complexity: Any
    loss: Any
    equations: Sequence[str]
    _: KW_ONLY
    selected: int | None = None
    holdout: Any = None
    theories: Sequence[tuple[str, float, float]] = ()

    def __post_init__(self) -> None:
        self.complexity, self.loss = np.asarray(self.complexity), np.asarray(self.loss)

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
        fitted_darts(estimator)
        table = estimator.equations_
        if not len(table):
            raise ValueError(
                "estimator.equations_ is empty: its fit refitted no candidates "
                f"(n_candidates={estimator.n_candidates!r}); fit with n_candidates='auto'"
            )
        names, _ = estimator._names()
        holdout = table["holdout"].to_numpy(float)
        return cls(
            table["complexity"],
            table["loss"],
            [compact(equation, names) for equation in table["equation"]],
            selected=estimator.selected_,
            holdout=holdout if np.isfinite(holdout).any() else None,
            theories=() if theories is None else _marked(theories),
        ).plot(ax)

    def _draw(self, ax: Axes) -> None:
        loss = np.maximum(self.loss, _NO_ERROR)
        ax.plot(self.complexity, loss, "-", color=style.PALE, lw=style.THIN, zorder=1)
        ax.plot(self.complexity, loss, "o", ms=7, color=style.BLUE)
        if self.selected is not None:
            here = self.complexity[self.selected], loss[self.selected]
            ax.plot(*here, "o", ms=7, color=style.VERMILION, label="selected")
        for i, place in enumerate(zip(self.complexity, loss, strict=True)):
            # Neighbours may be half a unit apart: their numbers take turns.
            above = i % 2 == 0
            ax.annotate(
                str(i), place, (0, 6 if above else -6), textcoords="offset points",
                ha="center", va="bottom" if above else "top", fontsize=style.SMALL,
                color=style.VERMILION if i == self.selected else style.INK,
            )  # fmt: skip
        if self.holdout is not None:
            ax.plot(
                self.complexity, self.holdout, "D", mfc="none", color=style.GREEN,
                ls="", label="on rows kept from the search",
            )  # fmt: skip
        self._mark(ax)
        if ax.get_legend_handles_labels()[0]:
            ax.legend(frameon=False, fontsize=style.TICK, handletextpad=0.2)
        if style.spans_decades([*loss, *(loss for _, _, loss in self.theories)]):
            style.log_scale(ax)
        style.whole_ticks(ax, 6)
        style.tidy(ax, "complexity", "training loss")
        self._list(ax)

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

    def _list(self, ax: Axes) -> None:
        """The equations in a column beside the picture, from top to bottom."""
        step = min(0.085, 1 / max(len(self.equations), 1))
        self.texts_ = [
            ax.annotate(
                f"{i}  {style.shortened(equation, _LONGEST)}",
                (1, 1 - step * (i + 0.5)), (14, 0), va="center", fontsize=style.TICK,
                xycoords="axes fraction", textcoords="offset points", parse_math=False,
                color=style.VERMILION if i == self.selected else style.INK,
                fontweight="bold" if i == self.selected else "normal",
            )
            for i, equation in enumerate(self.equations)
        ]  # fmt: skip


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
