"""How sure a fitted estimator is: of its equations, their coefficients, its predictions."""

from __future__ import annotations

import copy
import math
from typing import Any, Self

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from ..fitting.coefficients import values, with_values
from ..fitting.laplace import Laplace, drawn
from ..graph.elementary import NUMPY
from ..graph.model import Model
from ..graph.objectives import Objective
from ..graph.physical_constants import with_constants
from ..runtime.messages import warn
from ..selection.criteria import complexity
from ..selection.pareto import Row
from ..selection.posterior import (
    LEAST,
    Belief,
    Predictive,
    interval,
    linked,
    of_classes,
    predictive,
    spread,
)
from ..selection.theories import posterior_weights
from .columns import named
from .diagnostics import DataWarning, DomainWarning
from .equation_mixin import EquationMixin

_EQUATIONS = ("all", "selected")
#: Probability of an equation of which it is said that few of its draws count, and how few.
_MATTERS, _POOR = 0.1, 0.1


class PosteriorMixin(EquationMixin):
    """Methods that say how sure a fitted estimator is."""

    _y_mean: np.ndarray

    def _weights(self) -> np.ndarray:
        """How probable every row of ``equations_`` is."""
        return posterior_weights(np.array([row.criterion for row in self._rows]))

    def _likely(self, equations: str) -> list[tuple[float, Model, Laplace | None]]:
        """Weight, model and uncertainty of the equations that predict, heaviest first.

        A model that is not in the table, as a graph that was drawn, predicts alone.
        """
        if equations not in _EQUATIONS:
            raise ValueError(f"equations must be 'all' or 'selected', got {equations!r}")
        if equations == "selected" or self.selected_ is None:
            return [(1.0, self.model_, self._laplace)]
        weights = self._weights()
        order = np.argsort(-weights, kind="stable")
        kept = [i for i in order.tolist() if weights[i] >= LEAST * weights.max()]
        total = weights[kept].sum()
        rows, known = self._rows, self._row_laplace or [None] * len(self._rows)
        return [(weights[i] / total, rows[i].model, known[i]) for i in kept]

    @property
    def _leaves_open(self) -> bool:
        """Whether the rows leave something open, and it is known what."""
        known = [open_ for _, _, open_ in self._likely("all")]
        return None not in known and not all(one.is_exact for one in known if one)

    def _beliefs(self, equations: str = "all") -> list[Belief]:
        """The equations that predict, heaviest first."""
        found = self._likely(equations)
        beliefs = [Belief(w, m, open_) for w, m, open_ in found if open_ is not None]
        if len(beliefs) < len(found):
            raise ValueError(
                "the model file has no uncertainty of this equation: it was written by an "
                "earlier version, or the equation is an unlikely one of groups; fit again"
            )
        return beliefs

    def _predictive(self, X: Any, groups: Any = None, equations: str = "all") -> Predictive:
        """What the equations predict of the read-out, before any link."""
        check_is_fitted(self, "model_")
        beliefs = self._beliefs(equations)
        X = named(self._plain_inputs(X))  # type: ignore[attr-defined]
        X = validate_data(self, X, dtype=np.float64, reset=False)
        numbers = None
        if groups is not None:
            numbers = self._numbered(X, groups)[:, -1].astype(int)
        found = predictive(beliefs, with_constants(X, self._physical), numbers)
        undefined = ~np.isfinite(found.mean).any(axis=0).all(axis=1)
        if undefined.any():
            warn(
                f"no equation has a finite value on {undefined.sum()} of {len(X)} rows "
                f"(first: row {np.argmax(undefined)}), which lie outside its domain; "
                "nothing is known there, and the interval is infinite",
                DomainWarning,
            )
        return found

    @property
    def _link(self) -> Objective:
        return self.network_.objective

    def _std(self, X: Any, groups: Any, centre: np.ndarray) -> np.ndarray:
        """Standard deviation (n, outputs) of an observation about a prediction."""
        found = self._predictive(X, groups)
        if not self._link.least_squares:
            found = linked(found, self._link)
        return spread(found, centre, observation=True)

    def _mean_interval(
        self, X: Any, level: float, groups: Any, equations: str
    ) -> np.ndarray:
        """Of the mean of y, or of probabilities, shape (n, outputs, 2)."""
        found, link = self._predictive(X, groups, equations), self._link
        if link.least_squares:
            return interval(found, level)
        if link.competing:
            ends = interval(of_classes(found), level)
            return np.clip(1 / (1 + np.exp(-np.clip(ends, -700, 700))), 0.0, 1.0)
        return link.link(NUMPY, np.clip(interval(found, level), -700, 700))

    def _say_if_nothing_is_open(self, equations: str = "all") -> None:
        """Warn where widths are zero or infinite, whatever the rows are."""
        known = [belief.laplace for belief in self._beliefs(equations)]
        text = ""
        if all(one.is_exact for one in known):
            text = (
                "the equation is exact on the rows of the fit, which leave nothing open: "
                "intervals and standard deviations are zero. They say nothing of whether "
                "the law holds elsewhere"
            )
        elif any(one.is_open for one in known):
            text = (
                "the fit had not more rows than coefficients, which leaves the noise and "
                "all coefficients open: intervals and standard deviations are infinite; "
                "fit to more rows"
            )
        if text:
            warn(text, DataWarning)

    def sample_equations(
        self, n: int, random_state: int | np.random.RandomState | None = None
    ) -> list[Self]:
        """Equations drawn by their probability, each with coefficients that may be right.

        How much they differ shows what the data do not determine. Coefficients are drawn
        from the normal distribution around the fit, or from Student's t if the noise was
        estimated. For a coefficient that differs from zero by more than two standard errors
        the logarithm is drawn, so that it keeps its sign. Draws of likely equations are
        weighed by the likelihood of their rows where that changes much (importance
        resampling: Rubin 1988, Bayesian Statistics 3). With groups the coefficients are
        those of the population.

        Parameters
        ----------
        n : int
            Number of equations, at least 1.
        random_state : int, RandomState or None, default=None
            Same value, same equations.

        Returns
        -------
        list of n estimators
            Each predicts, prints and draws one equation, and has no standard errors.

        Raises
        ------
        ValueError
            If ``n`` is no number of equations, or there are not more rows than
            coefficients.
        """
        check_is_fitted(self, "model_")
        if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
            raise ValueError(f"n must be a whole number of at least 1, got {n!r}")
        beliefs = self._beliefs()
        rng = np.random.default_rng(check_random_state(random_state).randint(2**31 - 1))
        if not all(np.isfinite(b.laplace.covariance).all() for b in beliefs):
            raise ValueError(
                "equations cannot be drawn: there are not more rows than coefficients, or "
                "the rows do not determine a coefficient; fit to more rows"
            )
        poor = [b for b in beliefs if b.weight >= _MATTERS and b.laplace.effective < _POOR]
        if poor:
            least = min(b.laplace.effective for b in poor)
            warn(
                "coefficients of a likely equation are far from normal: of draws around "
                f"its fit {least:.2g} count once the likelihood weighs them, so that few "
                "different ones are left; coefficient_intervals says more",
                DataWarning,
            )
        share = np.array([b.weight for b in beliefs])
        chosen = rng.choice(len(beliefs), int(n), p=share / share.sum())
        return [self._with_draw(beliefs[i], rng) for i in chosen]

    def _with_draw(self, belief: Belief, rng: np.random.Generator) -> Self:
        """This estimator with the equation of a belief and drawn coefficients."""
        known = belief.laplace.of_group(-1)
        model = belief.model.replace(effects=None)
        new = drawn(known, values(known.around(model), known.places), rng)
        model = with_values(model, known.places, new)
        found = copy.copy(self)
        found.model_ = model
        found.network_ = self.network_.moved_to(model)
        found._group_labels = found._uncertainty = found._calibration = None
        found._training_score = None
        found._constants, found._form = [], None
        pairs = zip(known.places, new, strict=True)
        found._errors = [(place, float(value), np.nan) for place, value in pairs]
        size = complexity(model, self._asked.train_readout)
        found._rows = [Row(model, size, math.nan, 0.0)]
        found._row_errors, found._row_uncertainty = [found._errors], [None]
        nothing = np.zeros_like(known.covariance)
        found._laplace = known._replace(covariance=nothing, centre=None, draws=None)
        found._row_laplace = [found._laplace]
        return found
