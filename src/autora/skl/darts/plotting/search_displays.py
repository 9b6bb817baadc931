"""Pictures of a search: its history and its weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ..selection.result import SearchHistory
from . import style
from .axes import edge_labels, plot_architecture, plot_loss, relaxed_weights
from .display import Display, fitted_darts, input_names, room_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: What can be told apart on a logarithmic axis from a fit without error.
NO_ERROR = 1e-34


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
        refits, error = self.history.refits, np.maximum(self.history.error, NO_ERROR)
        colours, strong = style.palette(ax), style.scaled(style.STRONG)
        ax.step(refits, error, where="post", color=colours.blue, lw=strong)
        last: dict[str, Any] = {"ms": style.scaled(6), "clip_on": False}
        ax.plot(refits[-1:], error[-1:], "o", color=colours.vermilion, **last)
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
