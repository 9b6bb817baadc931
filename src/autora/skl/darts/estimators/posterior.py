"""How sure a fitted estimator is: of its equations, their coefficients, its predictions."""

from __future__ import annotations

import copy
import math
import warnings
from typing import Any, Self

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from ..fitting.coefficients import places, term, values, with_values
from ..fitting.laplace import Laplace, drawn
from ..fitting.problem import Problem
from ..fitting.profile import of_graph, of_theory
from ..fitting.refit import levenberg_marquardt
from ..graph.elementary import NUMPY
from ..graph.model import Model
from ..graph.objectives import Objective
from ..graph.observations import positive_errors
from ..graph.physical_constants import with_constants
from ..selection.criteria import complexity
from ..selection.pareto import Row
from ..selection.posterior import (
    LEAST,
    Belief,
    Predictive,
    check_level,
    interval,
    linked,
    of_classes,
    predictive,
    spread,
)
from ..selection.theories import posterior_weights
from .columns import named, require_numbers
from .diagnostics import DataWarning, DomainWarning
from .equation_mixin import EquationMixin
from .keywords import named_arguments

_KINDS = ("auto", "observation", "mean")
_EQUATIONS = ("all", "selected")
#: Probability of an equation of which it is said that few of its draws count, and how few.
_MATTERS, _POOR = 0.1, 0.1
#: Steps in which an equation is fitted to other rows.
_STEPS = 60


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
            warnings.warn(
                f"no equation has a finite value on {undefined.sum()} of {len(X)} rows "
                f"(first: row {np.argmax(undefined)}), which lie outside its domain; "
                "nothing is known there, and the interval is infinite",
                DomainWarning,
                stacklevel=4,
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
            warnings.warn(text, DataWarning, stacklevel=3)

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
            warnings.warn(
                "coefficients of a likely equation are far from normal: of draws around "
                f"its fit {least:.2g} count once the likelihood weighs them, so that few "
                "different ones are left; coefficient_intervals says more",
                DataWarning,
                stacklevel=2,
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


class RegressorPosteriorMixin(PosteriorMixin):
    """The same of numbers."""

    _y_ndim: int

    @named_arguments()
    def predict_interval(
        self,
        X: Any,
        level: float = 0.9,
        *,
        kind: str = "auto",
        groups: Any = None,
        y_error: Any = None,
        equations: str = "all",
    ) -> np.ndarray:
        """Intervals in which new observations, or their means, lie with a probability.

        All equations of ``equations_`` contribute with their ``weight``, the uncertainty of
        their coefficients (to first order) and the noise; the ends are quantiles of this
        mixture. Far from the rows of the fit an interval is right only if one of these
        equations is.

        Parameters
        ----------
        X : array-like of shape (n, inputs)
        level : float in (0, 1), default=0.9
            Probability that the interval should have.
        kind : {"auto", "observation", "mean"}, default="auto"
            "observation": where a new y lies, noise included; with a guarantee after
            `calibrate`. "mean": where the law itself lies. "auto": "observation", but
            "mean" for a likelihood, whose outcomes are 0 or 1.
        groups : array-like of shape (n,), default=None
            The groups of the rows, if the fit had groups. With None, and for a group that
            was not in the fit, intervals are those of a new group, which are wider.
        y_error : float or array-like of shape (n,), default=None
            Standard deviation of the error of the new observations; None takes that of
            the rows of the fit, which is the same everywhere.
        equations : {"all", "selected"}, default="all"
            "selected" takes it for certain that ``model_`` is the right equation.

        Returns
        -------
        ndarray of shape (n, 2) or (n, outputs, 2)
            Lower and upper ends. Infinite where nothing is known: outside the domain of all
            equations, or with no more rows than coefficients.

        Raises
        ------
        ValueError
            If an argument is not as described.
        """
        check_is_fitted(self, "model_")
        check_level(level)
        if kind not in _KINDS:
            raise ValueError(f"kind must be one of {_KINDS}, got {kind!r}")
        if kind == "observation" and self._link.likelihood:
            raise ValueError(
                f"kind='observation' is for numbers; with output_type={self._link.name!r} "
                "outcomes are 0 or 1: take kind='mean', the interval of the probability"
            )
        mean = kind == "mean" or self._link.likelihood
        if y_error is not None and (mean or self._calibration is not None):
            raise ValueError(
                "y_error is the noise of single observations, which neither a mean nor an "
                "interval after calibrate has; leave it out, or take kind='observation' "
                "before calibrate"
            )
        if not mean and self._calibration is not None:
            if equations == "selected":
                raise ValueError(
                    "equations='selected' is for intervals that follow from the fit; those "
                    "after calibrate rest on all equations; leave it out, or take "
                    "kind='mean'"
                )
            found = self._calibrated_interval(X, level, groups)
        else:
            self._say_if_nothing_is_open(equations)
            found = (
                self._mean_interval(X, level, groups, equations)
                if mean
                else self._observation_interval(X, level, groups, y_error, equations)
            )
        return found[:, 0] if self._y_ndim == 1 else found

    def _observation_interval(
        self, X: Any, level: float, groups: Any, y_error: Any, equations: str
    ) -> np.ndarray:
        found, link = self._predictive(X, groups, equations), self._link
        if not link.least_squares:
            found = linked(found, link)
        noise = found.noise[:, None, :]
        if y_error is not None:
            y_error = self._plain_errors(y_error)  # type: ignore[attr-defined]
            known = positive_errors(y_error, np.ones(found.mean.shape[1]))
            noise = np.broadcast_to(known[:, None] ** 2, found.mean.shape)
        ends = interval(found, level, noise)
        return ends if link.least_squares else np.clip(ends, 0.0, 1.0)

    @named_arguments()
    def calibrate(self, X: Any, y: Any, *, groups: Any = None) -> Self:
        """Use rows that were not in the fit to give intervals a guarantee.

        From then on intervals of observations are the prediction ± a number of its standard
        deviations, chosen so that the wanted share of these rows lies inside. On average at
        least that share of further rows of the same kind lies inside, too, whatever the law
        is (split conformal prediction with normalised residuals: Lei, G'Sell, Rinaldo,
        Tibshirani & Wasserman 2018, J. Am. Stat. Assoc. 113, section 5.2). `fit` undoes it.

        Parameters
        ----------
        X : array-like of shape (n, inputs)
            A level of 0.9 needs 9 rows at least, 0.95 needs 19.
        y : array-like of shape (n,) or (n, outputs)
        groups : array-like of shape (n,), default=None
            As in `predict`.

        Returns
        -------
        The estimator itself.

        Raises
        ------
        ValueError
            If X and y do not fit together, or outcomes are not numbers.
        """
        check_is_fitted(self, "model_")
        if self._link.likelihood:
            raise ValueError(
                f"calibrate is for numbers; with output_type={self._link.name!r} outcomes "
                "are 0 or 1"
            )
        y = self._plain_outputs(y)  # type: ignore[attr-defined]
        shape = np.shape(y)
        if shape:
            require_numbers("y", y)
            found = np.asarray(y, np.float64).reshape(len(y), -1)
        centre, std = self._centre_and_std(X, groups)
        if not shape or found.shape != centre.shape or not np.isfinite(found).all():
            raise ValueError(
                f"y must hold finite numbers of shape {centre.shape}, one row for every "
                f"row of X, got {y!r:.60} of shape {shape}"
            )
        self._calibration = np.sort(np.abs(found - centre) / std, axis=0)
        return self

    def _centre_and_std(self, X: Any, groups: Any) -> tuple[np.ndarray, np.ndarray]:
        """Predictions (n, outputs) and what errors are measured in.

        That is the standard deviation, or 1 where the fit has none. It is infinite
        outside the domain of all equations, where no error is too large.
        """
        centre = self._outputs(X, groups)  # type: ignore[attr-defined]
        std = self._std(X, groups, centre)
        if min(belief.laplace.freedom for belief in self._beliefs()) <= 2:
            std = np.where(np.isinf(std), 1.0, std)
        return centre, np.where(std > 0, std, 1.0)

    @named_arguments()
    def coefficient_intervals(
        self,
        X: Any,
        y: Any,
        level: float = 0.9,
        *,
        sample_weight: Any = None,
        y_error: Any = None,
    ) -> Any:
        """Intervals of the coefficients from the profile of the likelihood.

        A standard error does not say everything if the equation is not linear in a
        coefficient: the data may limit a rate from below but not from above. Here every
        coefficient is moved until the squared error is too large, while all others are
        fitted again (Bates & Watts 1988, Nonlinear Regression Analysis, section 6.1).

        Parameters
        ----------
        X, y, sample_weight, y_error
            The rows, as in `fit`; the equation is fitted to them first.
        level : float in (0, 1), default=0.9
            Probability that the interval should have.

        Returns
        -------
        DataFrame
            Columns: ``term``; ``coefficient``; ``lower`` and ``upper``, infinite where the
            data set no limit within a thousand standard errors; ``normal``, whether the
            coefficient ± t standard errors is as good, both ends within a tenth of these.

        Raises
        ------
        ValueError
            If the fit had groups or several outputs, outcomes are no numbers, or there are
            not more rows than coefficients.
        """
        check_is_fitted(self, "model_")
        check_level(level)
        if self._group_labels is not None or not self._link.least_squares:
            raise ValueError(
                "coefficient_intervals is for numbers and without groups; of one group ask "
                "of_group(label).coefficient_intervals(…) with its rows"
            )
        known = self._problem_again(  # type: ignore[attr-defined]
            X, y, sample_weight, y_error, "coefficient_intervals"
        )[1]
        return self._profiled(known._replace(sparse_readout=True), level)

    def _profiled(self, problem: Problem, level: float) -> Any:
        """The table of `coefficient_intervals`."""
        import pandas as pd

        own = self._own_form()  # type: ignore[attr-defined]
        if own:
            theory = self._judged(own, self._link, problem, "equation")[0]  # type: ignore[attr-defined]
            if theory.model is None:
                raise ValueError("the equation has no finite values on all rows of X")
            names, fit = theory.theory.constants, of_theory(theory.theory, theory.values)
        else:
            model = levenberg_marquardt(problem, self.model_, _STEPS).model
            where = places(model, problem)
            names = [term(model, place, *self._names()) for place in where]
            fit = of_graph(model, where)
        found = fit.intervals(problem, level)
        if found is None:
            raise ValueError(
                f"coefficient_intervals needs more rows than the {len(names)} "
                f"coefficients, got {len(problem.x)}"
            )
        rows = [(name, *ends) for name, ends in zip(names, found, strict=True)]
        columns = ["term", "coefficient", "lower", "upper", "normal"]
        return pd.DataFrame(rows, columns=columns)

    def _calibrated_interval(self, X: Any, level: float, groups: Any) -> np.ndarray:
        known = self._calibration
        assert known is not None
        place = max(math.ceil(level * (len(known) + 1) - 1e-9), 1)
        if place > len(known):
            raise ValueError(
                f"level={level!r} needs {math.ceil(level / (1 - level) - 1e-9)} rows to "
                f"calibrate with, there were {len(known)}; ask for less, or calibrate again"
            )
        centre, std = self._centre_and_std(X, groups)
        with np.errstate(invalid="ignore"):  # no error, and no domain
            width = np.where(np.isinf(std), np.inf, known[place - 1] * std)
        return np.stack([centre - width, centre + width], axis=-1)


class ClassifierPosteriorMixin(PosteriorMixin):
    """The same of classes."""

    classes_: np.ndarray

    @named_arguments()
    def predict_interval(
        self, X: Any, level: float = 0.9, *, groups: Any = None, equations: str = "all"
    ) -> np.ndarray:
        """Intervals in which the probabilities of the classes lie.

        All equations of ``equations_`` contribute with their ``weight`` and the uncertainty
        of their coefficients (to first order in the log-odds); the ends are quantiles of
        this mixture.

        Parameters
        ----------
        X : array-like of shape (n, inputs)
        level : float in (0, 1), default=0.9
            Probability that the interval should have.
        groups : array-like of shape (n,), default=None
            As in `DARTSRegressor.predict_interval`.
        equations : {"all", "selected"}, default="all"
            "selected" takes it for certain that ``model_`` is right.

        Returns
        -------
        ndarray of shape (n, n_classes, 2)
            Lower and upper ends, in the order of ``classes_``.

        Raises
        ------
        ValueError
            If an argument is not as described.
        """
        check_is_fitted(self, "model_")
        check_level(level)
        found = self._mean_interval(X, level, groups, equations)
        if len(self.classes_) > 2:
            return found
        return np.concatenate([1 - found[:, :, ::-1], found], axis=1)
