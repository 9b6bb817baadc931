"""What all displays share: where they draw and what they read off an estimator."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from ..equations.printing import numbered
from ..graph.model import Model
from ..selection.posterior import check_level
from . import style
from .formulas import Formula, formulas_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes


#: Weight from which on an equation is shown to be one that may be right.
LIKELY = 0.01


class Display:
    """A picture that keeps its data: draw it, and draw it again elsewhere.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Where it was drawn last.
    figure_ : matplotlib.figure.Figure
    """

    _size = style.SIZE
    ax_: Axes
    figure_: Any

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            None draws on a new figure.

        Returns
        -------
        self
        """
        self.ax_ = style.new_axes(self._size) if ax is None else ax
        self.figure_ = self.ax_.figure
        self._draw(self.ax_)
        return self

    def _draw(self, ax: Axes) -> None:
        raise NotImplementedError


def room_of(ax: Axes | None) -> Any:
    """A figure for panels that takes the place of axes; None where none are given."""
    if ax is None:
        return None
    place = ax.get_subplotspec()
    if place is None:
        raise ValueError(
            "ax must stand in a grid, as those of plt.subplots do, to be divided "
            "into panels; got axes that were placed by hand"
        )
    figure = ax.figure.add_subfigure(place)
    ax.remove()
    return figure


def fitted_darts(estimator: Any) -> Model:
    """The model of a fitted estimator of this package.

    Raises
    ------
    TypeError
        If it is another estimator, such as a Pipeline around ours.
    sklearn.exceptions.NotFittedError
    """
    if not hasattr(type(estimator), "select_equation"):
        raise TypeError(
            f"estimator must be a DARTS estimator, got {type(estimator).__name__}; of a "
            "Pipeline pass its last step, pipeline[-1], of a search its best_estimator_"
        )
    check_is_fitted(estimator, "model_")
    return estimator.model_


def require_groups(estimator: Any) -> None:
    """Raise a ValueError unless the fit had groups."""
    if not hasattr(estimator, "groups_"):
        raise ValueError(
            f"the {type(estimator).__name__} was fitted without groups, so that there are "
            "none to draw; fit(X, y, groups=…), or draw it by FitDisplay without groups"
        )


def input_names(estimator: Any, count: int) -> list[str]:
    """The estimator's names of the inputs, else x1, x2, …"""
    return [*map(str, getattr(estimator, "feature_names_in_", numbered("x", count)))]


def output_names(estimator: Any, y: Any, count: int) -> list[str]:
    """The estimator's names of the outputs, else those of y, else y or y1, y2, …"""
    known = []
    if hasattr(estimator, "_output_labels"):
        known = estimator._labels("output_labels", None)  # none of an input's name
    elif hasattr(y, "columns"):
        known = list(y.columns)
    elif isinstance(getattr(y, "name", None), str):
        known = [y.name]
    return [*map(str, known)] if len(known) == count else numbered("y", count)


def require_level(level: float | None) -> None:
    """Raise a ValueError unless intervals of this level, or none, can be drawn."""
    if level is not None:
        check_level(level)


def finite(values: Any) -> np.ndarray:
    """The finite ones among some numbers, in one dimension."""
    values = np.asarray(values, dtype=float).ravel()
    return values[np.isfinite(values)]


class FitData:
    """Data, predictions and names of a picture, checked."""

    def __init__(
        self,
        estimator: Any,
        X: Any,
        y: Any,
        output: str | int | None = None,
        groups: Any = None,
    ) -> None:
        check_is_fitted(estimator)
        check_consistent_length(X, y)
        if groups is not None:
            require_groups(estimator)
        if hasattr(estimator, "_plain_inputs"):  # columns may have units of their own
            X, y = estimator._plain_inputs(X), estimator._plain_outputs(y)
        self.estimator, self.classes = estimator, is_classifier(estimator)
        self.groups = groups
        self.X = np.asarray(X, float).reshape(len(X), -1)
        self.inputs = input_names(estimator, self.X.shape[1])
        self._shown = slice(None)
        if self.classes:
            classes = np.asarray(estimator.classes_)
            self.outputs = [f"P({name})" for name in classes]
            self.y_true = (np.asarray(y).reshape(-1, 1) == classes).astype(float)
            if len(classes) == 2:  # of two probabilities one says it all
                self._shown = slice(1, 2)
        else:
            self.y_true = np.asarray(y, float).reshape(len(X), -1)
            self.outputs = output_names(estimator, y, self.y_true.shape[1])
        self._count = self.y_true.shape[1]
        if output is not None:
            self._shown = self._one(output)
        self.y_true, self.outputs = self.y_true[:, self._shown], self.outputs[self._shown]
        self.y_pred = self._predicted(X, groups)

    @property
    def probability(self) -> bool:
        """Whether outputs are probabilities, which lie between 0 and 1."""
        model = getattr(self.estimator, "model_", None)
        return self.classes or (isinstance(model, Model) and model.objective.probability)

    def _one(self, output: str | int) -> slice:
        known: list[Any] = self.outputs
        number = known.index(output) if output in known else output
        if not isinstance(number, int | np.integer) or not 0 <= number < len(known):
            raise ValueError(
                f"output must be one of {known} or its number from 0, got {output!r}"
            )
        return slice(number, number + 1)

    def _predicted(self, X: Any, groups: Any = None) -> np.ndarray:
        tell = self.estimator.predict_proba if self.classes else self.estimator.predict
        known = () if groups is None else (groups,)
        return np.asarray(tell(X, *known), float).reshape(len(X), -1)[:, self._shown]

    def on_grid(self, grid: np.ndarray, groups: Any = None) -> np.ndarray:
        """Predictions for points that are no data."""
        model = getattr(self.estimator, "model_", None)
        if isinstance(model, Model) and not self.classes:
            # Not `predict`, which would close the gaps outside the equation's domain.
            return self.estimator._read(grid, groups)[:, self._shown]
        return self._predicted(self._named(grid), groups)

    def _named(self, grid: np.ndarray) -> Any:
        """Points under the names of the fit, if it had any."""
        if not hasattr(self.estimator, "feature_names_in_"):
            return grid
        import pandas as pd

        return pd.DataFrame(grid, columns=self.inputs)

    def interval(
        self, points: np.ndarray, level: float | None, kind: str, groups: Any = None
    ) -> np.ndarray | None:
        """The estimator's intervals at points, shape (points, outputs, 2).

        None where none is asked for, the estimator knows none, nothing is left open, or
        outcomes have no intervals, only their probabilities.
        """
        estimator = self.estimator
        if level is None or not getattr(estimator, "_leaves_open", False):
            return None
        if kind == "observation" and (self.classes or estimator._link.likelihood):
            return None
        asked = {"groups": groups} if self.classes else {"groups": groups, "kind": kind}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # nothing is drawn where nothing is defined
            found = estimator.predict_interval(self._named(points), level, **asked)
        return found.reshape(len(points), -1, 2)[:, self._shown]

    def equations(self) -> list[Formula]:
        """Those of the outputs shown; all where latent nodes are written out."""
        found = formulas_of(self.estimator)
        return found[self._shown] if len(found) == self._count else found

    def others(self, grid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Weights (m,) and predictions (m, points, outputs) of likely other equations."""
        estimator, found = self.estimator, []
        weights = estimator._weights() if hasattr(estimator, "_weights") else np.zeros(0)
        selected = estimator.selected_ if len(weights) else None
        likely = [i for i in np.flatnonzero(weights >= LIKELY).tolist() if i != selected]
        if selected is None:  # another graph than those of the table, drawn by itself
            likely = []
        rival = copy.copy(self)
        for row in likely:
            rival.estimator = copy.copy(estimator).select_equation(row)
            found.append(rival.on_grid(grid))
        shape = (len(likely), len(grid), len(self.outputs))
        return weights[likely], np.reshape(found, shape)

    def refuse_classes(self, what: str) -> None:
        if self.classes:
            raise ValueError(
                f"classes have no {what}: estimator is a {type(self.estimator).__name__}; "
                "use ConfusionMatrixDisplay of sklearn.metrics or CalibrationDisplay of "
                "sklearn.calibration"
            )


def axis_name(outputs: Sequence[str], probability: bool = False) -> str:
    """The name of an axis that some outputs share."""
    if len(outputs) == 1:
        return outputs[0]
    return "probability" if probability else "output"


def rounded(value: float) -> str:
    """Few digits, but never a rounded-up 1."""
    if 0.999 < value < 1:
        return "1 − " + f"{1 - value:.1e}".replace("e-0", "e-")
    return f"{value:.3g}"
