"""Known theories: compared with what was found, searched from, or fitted alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from ..fitting.coefficients import Place, term, with_errors
from ..fitting.laplace import Laplace
from ..fitting.problem import Problem, mean_loss
from ..fitting.refit import Fit, levenberg_marquardt
from ..fitting.theories import curve, laplace_of_theory
from ..graph.formula_graph import graph_of
from ..graph.grammar import Parsed, Theory, about, parsed
from ..graph.model import Model
from ..graph.objectives import Objective
from ..graph.observations import canonical, mean
from ..graph.physical_constants import PhysicalConstant, with_constants
from ..graph.specification import Specification
from ..graph.writer import Unwritable
from ..runtime.messages import warn
from ..runtime.threads import one_thread
from ..selection.candidates import Candidate
from ..selection.criteria import complexity, fits_exactly, judged
from ..selection.pareto import Row
from ..selection.result import EquationDistribution, Result, SearchHistory
from ..selection.table import constant
from ..selection.theories import JudgedTheory, judged_theory, weights_of_evidence
from .columns import named
from .diagnostics import DataWarning
from .keywords import named_arguments
from .observed import Observed, problem_of
from .origin import Origin, origin_of
from .settings import bounds_of
from .unit_columns import in_units_of_the_fit
from .units import Units, with_units
from .validation import FOUND, texts_of

#: Steps in which what was found is fitted to other data, and how nearly its loss is that
#: of its own data.
_STEPS, _SAME = 60, 1e-9
#: Largest difference of a graph from its theory, as a share of the largest value.
_AGREEMENT = 1e-9
#: Why a guess is not searched from.
_TOO_LARGE = (
    "primitives, aggregations, num_graph_nodes and max_in_degree do not hold it; allow "
    "more of them"
)
_NO_UNITS = (
    "its units do not agree with X_units and y_units; write a named constant for a number "
    "that has a unit"
)
_NO_UNITS_IN_A_GRAPH = (
    "its units agree, but not those of its graph, in which constants have moved, as in "
    "ln(x) and an intercept for ln(x/d); divide the column by a known size, so that it has "
    "no unit"
)


class TheoryMixin:
    """What an estimator makes of equations that somebody has written down."""

    model_: Model
    random_state: Any
    _rows: list[Row]
    _asked: Specification
    _constants: list[tuple[str, float, float]]
    _form: JudgedTheory | None
    _form_text: str
    _units: Units | None
    _physical: tuple[PhysicalConstant, ...]
    _errors: list[tuple[Place, float, float]]
    _row_errors: list[list[tuple[Place, float, float]]]
    _group_labels: Any
    _uncertainty: Any
    _row_uncertainty: list[Any]
    _laplace: Laplace | None
    _row_laplace: list[Laplace | None]
    _calibration: np.ndarray | None

    @classmethod
    def from_equation(cls, equation: str, **parameters: Any) -> Self:
        """An estimator of one equation: ``fit`` estimates its constants, and no more.

        It predicts, prints, draws and saves what it has fitted like any other.

        Parameters
        ----------
        equation : str
            Such as ``"k*log(x1/d)"``: names that are no columns are constants, numbers
            stay as they are. A label may stand before a colon.
        **parameters
            Other parameters of the estimator, such as ``output_type``.

        Raises
        ------
        ValueError
            If it is no formula; the message shows the place.

        Examples
        --------
        >>> import numpy as np
        >>> from autora.skl.darts import DARTSRegressor
        >>> X = np.linspace(1, 5, 20).reshape(-1, 1)
        >>> law = DARTSRegressor.from_equation("k*log(x1/d)", random_state=0)
        >>> law.fit(X, 3 * np.log(X[:, 0] / 0.5)).coefficients_.round(6)
          term  coefficient  standard_error
        0    k          3.0             0.0
        1    d          0.5             0.0
        """
        parsed(equation, "equation")
        return cls(**{"equation": equation, **parameters})

    @named_arguments()
    def compare(
        self,
        theories: Sequence[str],
        X: Any,
        y: Any,
        *,
        sample_weight: Any = None,
        y_error: Any = None,
    ) -> Any:
        """Fit theories to data and weigh them beside the equation of this estimator.

        A theory was written down before the data were seen: its criterion has a price for
        its constants, but none for its form, unlike that of an equation that was searched
        for (see "Known theories").

        Parameters
        ----------
        theories : sequence of str
            Such as ``["a*x1**b", "Fechner: k*log(x1/d)"]``: names that are no columns are
            constants, numbers stay as they are. A label may stand before a colon.
        X : array-like or DataFrame of shape (n, inputs)
            With the columns of the fit.
        y : array-like or Series of shape (n,)
            One output. For probabilities and classes a theory describes the log-odds.
        sample_weight, y_error : array-like of shape (n,), default=None
            As in ``fit``.

        Returns
        -------
        DataFrame
            The smallest criterion first. Columns: ``name`` (the label or the text; "found"
            is this estimator's own equation), ``equation`` with the fitted numbers,
            ``complexity`` of its graph, ``loss``, ``criterion``, ``difference`` from the
            smallest, ``weight`` (exp(−difference/2) as a share of all), ``r2`` (the share
            of the constant's loss that it explains), ``constants`` and ``standard_errors``,
            two dictionaries. If the fit knew units, ``units_agree``: whether there are
            units of the constants of a theory, or of the coefficients of the equation that
            was found, with which its units agree. A number in the text of a theory has no
            unit, but 0 may have any; exponents have their fitted values. No criterion
            depends on ``units_agree``.

        Raises
        ------
        ValueError
            If a theory is not a formula, X or y are not as in the fit, or the fit had
            groups.
        """
        check_is_fitted(self, "model_")
        if self._group_labels is not None:
            raise ValueError(
                "the estimator was fitted with groups; compare has constants that all rows "
                "share: compare one group, of_group(label).compare(theories, X, y)"
            )
        texts = texts_of(theories, "theories")
        seen, problem = self._problem_again(X, y, sample_weight, y_error)
        own = self._own_form()
        with one_thread():
            judged = self._judged(own, seen.objective, problem, "equation")
            judged += self._judged(texts, seen.objective, problem)
        return self._comparison(judged, seen.objective, problem, not own)

    def _problem_again(
        self, X: Any, y: Any, sample_weight: Any, y_error: Any, what: str = "theories"
    ) -> tuple[Observed, Problem]:
        """Data, those of the fit or others, as a fit to one output sees them."""
        X, y = self._plain_inputs(X), self._plain_outputs(y)
        y_error = self._plain_errors(y_error)
        validate_data(self, named(X), dtype=np.float64, reset=False)
        other: Any = clone(self)
        seen: Observed = other._observed(X, y, sample_weight, y_error)
        known = getattr(self, "classes_", None)
        if known is not None and y_error is not None:
            raise ValueError(
                "y_error is for squared errors; classes have a likelihood of their own; "
                "leave y_error out"
            )
        if known is not None and not np.array_equal(other.classes_, known):
            raise ValueError(
                f"y holds the classes {other.classes_.tolist()}, but the estimator was "
                f"fitted to {known.tolist()}; compare theories on the same classes"
            )
        _require_one_output(what, seen.objective, seen.targets.shape[1])
        x = with_constants(seen.x, self._physical)
        data = canonical(x, seen.targets, seen.weight, seen.error)
        tolerance = other._settings()["tolerance"]
        problem = problem_of(data, self._asked, tolerance, seen.error is not None)
        return seen, with_units(problem, self._units)

    def _plain_inputs(self, X: Any) -> Any:
        """X with columns that have a unit converted to the units of the fit."""
        names: list[str] = self._labels("input_labels")  # type: ignore[attr-defined]
        units = None if self._units is None else self._units.inputs[: len(names)]
        known = [None] * len(names) if units is None else units
        return in_units_of_the_fit(X, "X", known, names)

    def _plain_outputs(self, y: Any) -> Any:
        """The same of y."""
        names: list[str] = self._output_labels  # type: ignore[attr-defined]
        known = [None] * len(names) if self._units is None else self._units.outputs
        return in_units_of_the_fit(y, "y", known, names)

    def _plain_errors(self, y_error: Any) -> Any:
        """The same of errors of y, which outputs share."""
        known = None if self._units is None else self._units.outputs[0]
        return in_units_of_the_fit(y_error, "y_error", [known], ["y_error"])

    def _own_form(self) -> list[Parsed]:
        """The estimator's equation where it is one that was given."""
        given = getattr(self, "equation", None)
        return [] if given is None else [parsed(given, "equation")]

    def _theory(self, found: Parsed, argument: str) -> Theory:
        inputs, _ = self._names()  # type: ignore[attr-defined]
        return about(found, inputs, argument, not hasattr(self, "feature_names_in_"))

    def _judged(
        self,
        texts: Sequence[Parsed],
        objective: Objective,
        problem: Problem,
        argument: str = "theories",
    ) -> list[JudgedTheory]:
        """Theories fitted to a problem; each as if it were the only one."""
        theories = [self._theory(t, f"{argument}[{i}]") for i, t in enumerate(texts)]
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        origin = origin_of(problem, None, False).inputs
        found = [
            judged_theory(theory, objective, problem, origin, np.random.default_rng(seed))
            for theory in theories
        ]
        for theory in found:
            if theory.model is None:
                warn(
                    f"no constants give {theory.theory.name!r} finite values on all rows, "
                    "so it has no fit: it divides by zero, or takes the logarithm or a "
                    "power of something negative; write abs(…) where that is meant",
                    DataWarning,
                )
        return found

    def _comparison(
        self,
        theories: Sequence[JudgedTheory],
        objective: Objective,
        problem: Problem,
        has_found: bool = True,
    ) -> Any:
        """The table of `compare`."""
        import pandas as pd

        entries = [_entry(theory) for theory in theories]
        if (units := self._units) is not None:
            for entry, judged in zip(entries, theories, strict=True):
                entry["units_agree"] = units.agree_in(judged.theory, judged.values)
        if has_found:
            entries.insert(0, self._found_entry(objective, problem))
        table = pd.DataFrame(entries)
        best = table["criterion"].min()
        blank = constant(self.model_.space, objective, problem)
        table.insert(5, "difference", table["criterion"] - best)
        table.insert(6, "weight", weights_of_evidence(table["criterion"].to_numpy()))
        explained = 1 - table["loss"] / mean_loss(blank, problem)
        table.insert(7, "r2", explained.where(np.isfinite(table["loss"])))
        return table.sort_values("criterion", kind="stable", ignore_index=True)

    def _found_entry(self, objective: Objective, problem: Problem) -> dict[str, Any]:
        """The estimator's own equation; on other data than its own it is fitted again."""
        from ..equations.forms import in_one_line

        inputs, outputs = self._names()  # type: ignore[attr-defined]
        problem = problem._replace(sparse_readout=True)
        model = self.model_.replace(objective=objective)
        loss = mean_loss(model, problem)
        selected = self.selected_  # type: ignore[attr-defined]
        row = None if selected is None else self._rows[selected]
        if row is not None and np.isclose(loss, row.loss, rtol=_SAME, atol=0):
            criterion = row.criterion
        else:
            model, loss, _ = levenberg_marquardt(problem, model, _STEPS)
            criterion = judged(model, loss, problem)
        places = with_errors(problem, model)
        terms = [term(model, place, inputs, outputs) for place, _, _ in places]
        points = self._points()  # type: ignore[attr-defined]
        shown = model.replace(objective=self.model_.objective)
        entry = {
            "name": FOUND,
            "equation": in_one_line(shown, inputs, outputs, points),
            "complexity": complexity(model, problem.train_readout),
            "loss": loss,
            "criterion": criterion,
            "constants": dict(zip(terms, (v for _, v, _ in places), strict=True)),
            "standard_errors": dict(zip(terms, (e for _, _, e in places), strict=True)),
        }
        agree = {} if self._units is None else {"units_agree": self._units.agree(model)}
        return entry | agree

    def _judged_guesses(
        self, params: dict[str, Any], what: Specification, problem: Problem
    ) -> list[JudgedTheory]:
        """The guesses of a fit, fitted; none where it does not search from them."""
        if params["guesses"] is None or not what.searches_openly:
            return []
        _require_one_output("guesses", what.objective, problem.y.shape[1])
        texts = texts_of(params["guesses"], "guesses")
        return self._judged(texts, what.objective, problem, "guesses")

    def _seeds(
        self, guesses: Sequence[JudgedTheory], what: Specification, origin: Origin
    ) -> list[Model | None]:
        """The guesses as graphs of the search; None where it cannot hold one."""
        found: list[Model | None] = []
        for guess in guesses:
            model, why = None, ""
            if guess.model is not None:
                model, why = self._seed(guess, what, origin)
            if why:
                warn(
                    f"the guess {guess.theory.name!r} is scored in guesses_, but not "
                    f"searched from: {why}",
                    UserWarning,
                )
            found.append(model)
        return found

    def _seed(
        self, guess: JudgedTheory, what: Specification, origin: Origin
    ) -> tuple[Model | None, str]:
        """A guess as a graph of the search, or why there is none."""
        units = self._units
        try:
            model = graph_of(
                guess.theory, guess.values, origin.inputs, bounds_of(what), what.objective,
                what.train_readout and what.train_bias,
            )  # fmt: skip
        except Unwritable:
            return None, _TOO_LARGE
        if units is None or units.agree(model):
            return origin.inward(model), ""
        own = units.agree_in(guess.theory, guess.values)
        return None, _NO_UNITS_IN_A_GRAPH if own else _NO_UNITS

    def _keep_guesses(
        self,
        guesses: Sequence[JudgedTheory],
        seeds: Sequence[Model | None],
        objective: Objective,
        problem: Problem,
    ) -> None:
        """``guesses_``, where there are any."""
        vars(self).pop("guesses_", None)
        if not guesses:
            return
        table = self._comparison(guesses, objective, problem)
        pairs = zip(guesses, seeds, strict=True)
        able = {g.theory.name for g, seed in pairs if seed is not None} | {FOUND}
        table["searched"] = table["name"].isin(able)
        self.guesses_ = table

    def _fitted_form(self, equation: str, what: Specification, problem: Problem) -> Result:
        """The constants of one equation, as the result of a fit."""
        _require_one_output("equation", what.objective, problem.y.shape[1])
        theory = self._theory(parsed(equation, "equation"), "equation")
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        rng = np.random.default_rng(seed)
        origin = origin_of(problem, None, False).inputs
        found = judged_theory(theory, what.objective, problem, origin, rng)
        if found.model is None:
            raise ValueError(
                f"equation={equation!r} has no finite values on all rows, whatever its "
                "constants are: it divides by zero, or takes the logarithm or a power of "
                "something negative; write abs(…) where that is meant, or leave rows out "
                "with sample_weight=0"
            )
        model = found.model
        _warn_if_cancelling(found, problem)
        _warn_if_units_contradict(found, self._units)
        row = Row(model, found.complexity, found.loss, found.criterion)
        candidate = Candidate(Fit(model, found.loss, 0), found.criterion)
        network = EquationDistribution.of(model.space, what.objective, model, [])
        history = SearchHistory(np.zeros(0, int), np.zeros(0), np.zeros(0))
        result = Result(network, model, history, [candidate], True, [row])
        self._constants, self._errors, self._row_errors = found.constants, [], [[]]
        self._uncertainty, self._row_uncertainty = None, [None]
        self._laplace = laplace_of_theory(theory, found.values, model, problem)
        if fits_exactly(model, found.loss, problem):
            self._laplace = self._laplace.exact()
        self._row_laplace, self._calibration = [self._laplace], None
        self._form, self._form_text = found, equation
        self._store(result, what, fresh=True)  # type: ignore[attr-defined]
        self._y_mean = mean(problem.y, problem.weight)
        vars(self).pop("guesses_", None)
        return result


def _entry(judged: JudgedTheory) -> dict[str, Any]:
    """A row of the table of `TheoryMixin.compare`."""
    from ..equations.theories import theory_text

    values = {name: (value, error) for name, value, error in judged.constants}
    return {
        "name": judged.theory.name,
        "equation": theory_text(judged.theory, values),
        "complexity": judged.complexity,
        "loss": judged.loss,
        "criterion": judged.criterion,
        "constants": {name: value for name, (value, _) in values.items()},
        "standard_errors": {name: error for name, (_, error) in values.items()},
    }


def _warn_if_cancelling(judged: JudgedTheory, problem: Problem) -> None:
    """Say where the graph, in which numbers may have moved, has not the theory's values."""
    assert judged.model is not None
    expected, _ = curve(judged.theory, judged.values, problem.x)
    size = np.abs(expected).max(initial=0.0)
    error = np.abs(judged.model.eta(problem.x)[:, 0] - expected).max(initial=0.0)
    if error > _AGREEMENT * size:
        warn(
            f"in double precision the graph of {judged.theory.name!r} differs from it by "
            f"up to {error:.1g}, as its numbers cancel; measure X in other units, or write "
            "it so that no two large numbers are subtracted",
            UserWarning,
        )


def _warn_if_units_contradict(judged: JudgedTheory, units: Units | None) -> None:
    if units is not None and not units.agree_in(judged.theory, judged.values):
        warn(
            f"the units of {judged.theory.name!r} do not agree with X_units and y_units, "
            "whatever units its constants have; it is fitted as it is. Write a named "
            "constant for a number that has a unit, as ln(x/d) for ln(x)",
            UserWarning,
        )


def _require_one_output(argument: str, objective: Objective, n_outputs: int) -> None:
    if n_outputs > 1 or objective.competing:
        raise ValueError(
            f"{argument} needs a single output, but y has {n_outputs}; fit "
            "one estimator to each, and of classes to two at a time"
        )
