"""A record of a fit while it runs, and its drawing."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from ..equations.printing import numbered
from ..graph.search_space import SearchSpace
from . import style
from .axes import edge_labels, plot_architecture, plot_loss, relaxed_weights


class DARTSExecutionMonitor:
    """Records loss and architecture weights of every epoch of a fit.

    It follows one fit: when an epoch comes that is not later than the last one, a new
    fit has begun and the record starts again.

    Parameters
    ----------
    input_labels : sequence of str, default=None
        Names of the inputs in the drawing. None takes those of the data, else x1, x2, …

    Attributes
    ----------
    epoch_history : list of int
        Epochs seen, from 0.
    loss_history, train_loss_history : list of float
        Validation and training loss of every epoch.
    arch_weight_history : list of ndarray of shape (n_edges, n_primitives)
        Raw architecture weights (alphas) of every epoch.
    primitives : list of str
        Names of the primitives, in the order of the weights' columns.

    Examples
    --------
    >>> from autora.skl.darts import DARTSExecutionMonitor, DARTSRegressor
    >>> monitor = DARTSExecutionMonitor()
    >>> regressor = DARTSRegressor(execution_monitor=monitor.execution_monitor)

    After ``regressor.fit(X, y)``, ``monitor.display()`` draws what happened.
    """

    def __init__(self, input_labels: Sequence[str] | None = None) -> None:
        self.input_labels = input_labels
        self._clear()

    def _clear(self) -> None:
        self.epoch_history: list[int] = []
        self.loss_history: list[float] = []
        self.train_loss_history: list[float] = []
        self.arch_weight_history: list[np.ndarray] = []
        self.primitives: list[str] = []
        self._darts_type = "original"
        self._space: SearchSpace | None = None
        self._known: list[str] | None = None

    def execution_monitor(
        self,
        *,
        epoch: int,
        train_loss: float,
        valid_loss: float,
        alphas: np.ndarray,
        space: SearchSpace,
        darts_type: str = "original",
        input_labels: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        """Record one epoch; the fit calls this.

        Parameters
        ----------
        epoch : int
            Counted from 0.
        train_loss, valid_loss : float
        alphas : ndarray of shape (n_edges, n_primitives)
            Raw architecture weights; they are copied.
        space : SearchSpace
            Gives the edges and primitives their names.
        darts_type : {"original", "fair"}, default="original"
            Whether softmax or a sigmoid makes weights of alphas.
        input_labels : sequence of str, default=None
            Names of the columns of X.
        **kwargs
            Ignored, so that a fit may tell more.
        """
        if self.epoch_history and epoch <= self.epoch_history[-1]:
            self._clear()
        self._space, self._darts_type = space, str(darts_type)
        self.primitives = list(space.names)
        self._known = None if input_labels is None else [*map(str, input_labels)]
        self.epoch_history.append(int(epoch))
        self.loss_history.append(float(valid_loss))
        self.train_loss_history.append(float(train_loss))
        self.arch_weight_history.append(np.array(alphas, dtype=float))

    def __call__(self, **kwargs: Any) -> None:
        """Same as `execution_monitor`."""
        self.execution_monitor(**kwargs)

    def display(self) -> SimpleNamespace:
        """Draw the loss and the architecture weights of every edge.

        Notebooks show the two figures by themselves; in a script call
        ``matplotlib.pyplot.show()`` or save them.

        Returns
        -------
        SimpleNamespace
            loss_fig, loss_ax: figure and Axes of the loss. arch_fig, arch_axes: figure
            and Axes array of shape (n_edges,) of the weights between 0 and 1.

        Raises
        ------
        RuntimeError
            If no epoch has been recorded.
        ValueError
            If ``input_labels`` does not match the data.
        """
        if self._space is None:
            raise RuntimeError(
                "no epoch has been recorded: pass execution_monitor="
                "monitor.execution_monitor to DARTSRegressor and call fit first"
            )
        names = self._known if self.input_labels is None else self.input_labels
        if names is None:
            names = numbered("x", self._space.n_inputs)
        if len(names) != self._space.n_inputs:
            raise ValueError(
                f"input_labels has {len(names)} names, the data {self._space.n_inputs} "
                "inputs"
            )
        loss_ax, epochs = style.new_axes(), self.epoch_history
        plot_loss(loss_ax, epochs, self.train_loss_history, self.loss_history)
        weights = relaxed_weights(np.stack(self.arch_weight_history), self._darts_type)
        labels = edge_labels(self._space, names)
        arch_fig, arch_axes = plot_architecture(epochs, weights, self.primitives, labels)
        return SimpleNamespace(
            loss_fig=loss_ax.figure,
            loss_ax=loss_ax,
            arch_fig=arch_fig,
            arch_axes=arch_axes,
        )
