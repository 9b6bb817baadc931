"""Intervals of predictions and of coefficients, from how sure an estimator is."""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..fitting.coefficients import places, term
from ..fitting.problem import Problem
from ..fitting.profile import of_graph, of_theory
from ..fitting.refit import levenberg_marquardt
from ..graph.observations import positive_errors
from ..runtime.threads import one_thread
from ..selection.posterior import check_level, interval, linked
from .columns import require_numbers
from .keywords import named_arguments
from .posterior import PosteriorMixin

_KINDS = ("auto", "observation", "mean")
#: Steps in which an equation is fitted to other rows.
_STEPS = 60


class RegressorIntervalMixin(PosteriorMixin):
    """Intervals of predicted numbers, and of coefficients."""

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
        with one_thread():
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


class ClassifierIntervalMixin(PosteriorMixin):
    """Intervals of predicted probabilities."""

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
