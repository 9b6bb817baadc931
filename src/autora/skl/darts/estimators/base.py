"""What the estimators share: validate, call, store."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, is_classifier
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from ..equations.forms import rows_to_check
from ..fitting.coefficients import Place
from ..fitting.laplace import Laplace
from ..fitting.problem import FEWEST_ROWS_TO_SPLIT, Problem, mean_loss
from ..graph.model import Model
from ..graph.observations import canonical, mean, per_output
from ..graph.physical_constants import with_constants
from ..graph.specification import Specification
from ..relaxation import fit as relaxed_fit, vmapped
from ..relaxation.history import Observer, Trained
from ..relaxation.preparation import Task, prepared
from ..runtime.checkpoint import Checkpoints
from ..runtime.messages import warn
from ..runtime.restarts import Restarts
from ..runtime.threads import one_thread
from ..search import fit as open_fit
from ..selection import group_effects
from ..selection.criteria import constant_loss
from ..selection.pareto import Row, chosen, elbow
from ..selection.posterior import MAY_BE_DRAWN
from ..selection.result import Result, warn_constant
from ..selection.table import is_systematic, row_of, updated
from ..selection.theories import posterior_weights
from . import diagnostics
from .columns import named
from .groups import (
    check_able,
    errors_of,
    grouped,
    grouping_of,
    laplace_of_row,
    uncertainties,
)
from .notebook import NotebookMixin
from .observed import Observed, problem_of
from .origin import Origin, origin_of
from .physical_constants import constants_given
from .posterior import PosteriorMixin
from .progress import OpenProgress, Progress
from .settings import (
    closed_plan,
    keeps_weights,
    open_plan,
    restarts_of,
    specified,
    vocabulary,
)
from .theories import TheoryMixin
from .training_score import training_score
from .units import units_of, with_units
from .validation import check_parameters, plain


def _moved(
    errors: list[tuple[Place, float, float]], origin: Origin
) -> list[tuple[Place, float, float]]:
    """Coefficients with their errors, intercepts as those of the data."""
    return [
        (p, value + origin.outputs[p.column] if p.kind == "bias" else value, error)
        for p, value, error in errors
    ]


def _defaults(kind: type) -> dict[str, Any]:
    return {n: p.default for n, p in inspect.signature(kind).parameters.items()}


class BaseDARTS(NotebookMixin, TheoryMixin, PosteriorMixin, BaseEstimator):
    """The fit; a subclass adds its parameters and how its model answers."""

    #: Ingredients that benchmarks switch off; see `proposals.Options`.
    _search_options: ClassVar[dict[str, Any]] = {}
    _STAND_IN: ClassVar[str] = "means of the training targets"
    arch_updates_per_epoch: int
    execution_monitor: Any
    max_epochs: int
    model_selection: Any
    random_state: Any
    verbose: int
    warm_start: bool

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        """Whatever is raised inside, the estimator stays as it was."""
        before = dict(vars(self))
        try:
            yield
        except BaseException:
            self.__dict__ = before
            raise

    def _settings(self) -> dict[str, Any]:
        """The parameters as the fit takes them."""
        params = self.get_params(deep=False)
        for name in ("output_type", "darts_type", "sampling_strategy"):
            if name in params:
                params[name] = plain(params[name])
        return params

    def _observed(self, X: Any, y: Any, sample_weight: Any, y_error: Any) -> Observed:
        """Validated data; also what the output means."""
        raise NotImplementedError

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        y_error: Any = None,
        units: tuple[Any, Any] = (None, None),
        groups: Any = None,
    ) -> KeyboardInterrupt | None:
        """Fit and store; what interrupted it is for the caller to raise."""
        params = self._settings()
        check_parameters(params, type(self).__name__)
        vocabulary(params)
        earlier = self._earlier()
        seen = self._observed(X, y, sample_weight, y_error)
        self._output_labels = seen.output_labels
        what = self._specified(params, seen, units)
        self._warn_if_outputs_are_equal(what)
        x = with_constants(seen.x, self._physical)
        if groups is not None:
            check_able(what, params)
            grouping = grouping_of(groups, len(x))
            x = np.column_stack([x, grouping.numbers])
        data = canonical(x, seen.targets, seen.weight, seen.error)
        diagnostics.about_unused(params, _defaults(type(self)), what)
        problem = problem_of(data, what, params["tolerance"], seen.error is not None)
        self._group_labels = None
        if groups is not None:
            problem, self._group_labels = grouped(problem, grouping.labels, params)
        problem = with_units(problem, self._units)
        self._check_enough_rows(problem)
        kept = self._kept(earlier, what) if params["equation"] is None else None
        self._keep_ranges(problem, seen)
        with one_thread():
            result = self._fitted(params, what, problem, kept)
        real = not seen.objective.likelihood
        self.y_step_ = per_output(data.step * real)
        self.noise_floor_ = per_output(np.sqrt(data.floor) * real)
        self._keep_score(seen, x, groups is not None)
        if not result.converged:
            warn_constant()
        elif result.interruption is None:
            names, model, rows = seen.output_labels, result.model, result.rows
            # A form that was given has no rival, and no straight line knows groups.
            if problem.groups or params["equation"] is not None:
                diagnostics.about_outliers(problem, model, names)
            else:
                diagnostics.about_model(problem, model, rows, names)
        return result.interruption

    def _keep_score(self, seen: Observed, x: np.ndarray, grouped: bool) -> None:
        """How well the equations predict the rows of the fit."""
        models = [self.model_, *(row.model for row in self._rows)]
        self._training_score = training_score(
            seen, x, models, self._stand_in(), grouped, is_classifier(self)
        )

    def _keep_ranges(self, problem: Problem, seen: Observed) -> None:
        """Where equations are checked, and a look at the columns."""
        alike = problem.without_groups() if problem.groups else problem
        self._rows_to_check = rows_to_check(alike.x)
        self._input_ranges = np.stack([alike.x.min(axis=0), alike.x.max(axis=0)])
        columns = alike._replace(x=alike.x[:, : seen.x.shape[1]])
        inputs = self._labels("input_labels")
        diagnostics.about_data(columns, inputs, seen.output_labels)

    def _specified(
        self, params: dict[str, Any], seen: Observed, units: tuple[Any, Any]
    ) -> Specification:
        """What is fitted; also the units of the columns, and physical constants."""
        inputs = self._labels("input_labels")
        given = constants_given(params.get("constants"), inputs)
        counts = seen.x.shape[1] + len(given), seen.targets.shape[1]
        what = specified(params, seen.objective, *counts)
        numbers = params.get("dimensionless_constants_only", False)
        self._units, self._physical = units_of(
            *units, inputs, seen.output_labels, numbers, what, given
        )
        return what

    def _fitted(
        self,
        params: dict[str, Any],
        what: Specification,
        problem: Problem,
        kept: tuple[Any, Model] | None,
    ) -> Result:
        """Search where columns are counted from near them, store in terms of the data."""
        if params["equation"] is not None:
            return self._fitted_form(params["equation"], what, problem)
        before = [] if kept is None else self._rows
        earlier = None if kept is None else kept[1]
        origin = origin_of(problem, earlier, what.objective.least_squares)
        guesses = self._judged_guesses(params, what, problem)
        seeds = self._seeds(guesses, what, origin)
        given, problem = problem, origin.problem(problem)
        if kept is not None:
            kept = kept[0], origin.inward(kept[1])
        result = self._run(params, what, problem, kept, (origin, seeds))
        rows = result.rows or origin.rows(before, inward=True)
        if not result.rows and problem.groups:  # earlier ones have other groups
            rows = [group_effects.row_of(problem, result.model)]
        elif any(row.model.effects is not None for row in rows) and not problem.groups:
            rows = [row_of([], result.model, problem)]
        rows = [updated(row, result.model, problem) for row in rows]
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            known = uncertainties(problem, result.model)
            self._uncertainty = known
            self._errors = _moved(errors_of(problem, result.model, known), origin)
            found = [uncertainties(problem, row.model) for row in rows]
            self._row_uncertainty = found
            self._keep_laplace(problem, result, rows, origin)
            self._row_errors = [
                _moved(errors_of(problem, row.model, one), origin)
                for row, one in zip(rows, found, strict=True)
            ]
        result = origin.result(result._replace(rows=rows))
        self._store(result, what, fresh=kept is None)
        self._y_mean = mean(problem.y, problem.weight) + origin.outputs
        self._constants, self._form = [], None
        self._keep_guesses(guesses, seeds, what.objective, given)
        return result

    def _keep_laplace(
        self, problem: Problem, result: Result, rows: list[Row], origin: Origin
    ) -> None:
        """What the rows leave open of the model and of the equations of the table.

        A number that became round may be another one: it is open what it was before.
        """
        model, whole = result.model, result.unrounded

        def known(of: Model, loss: float, likely: bool = True) -> Laplace | None:
            open_form = of
            if of is model and whole is not None and of.effects is None:
                open_form = whole
            found = laplace_of_row(problem, open_form, of, loss)
            if found is None:
                return None
            found = found.checked(problem, open_form) if likely else found
            return found.moved(origin.outputs)

        weights = posterior_weights(np.array([row.criterion for row in rows]))
        likely = [
            row.model is model or weight >= MAY_BE_DRAWN
            for row, weight in zip(rows, weights, strict=True)
        ]
        pairs = zip(rows, likely, strict=True)
        self._row_laplace = [known(row.model, row.loss, may_be) for row, may_be in pairs]
        same = [i for i, row in enumerate(rows) if row.model is model]
        if same:
            self._laplace = self._row_laplace[same[0]]
        else:
            self._laplace = known(model, mean_loss(model, problem))
        self._calibration = None

    def _check_enough_rows(self, problem: Problem) -> None:
        if self.model_selection == "holdout" and len(problem.x) < FEWEST_ROWS_TO_SPLIT:
            raise ValueError(
                f"model_selection='holdout' needs {FEWEST_ROWS_TO_SPLIT} different rows at "
                f"least, to keep some from the search, got {len(problem.x)}; take 'auto'"
            )

    def _run(
        self,
        params: dict[str, Any],
        what: Specification,
        problem: Problem,
        earlier: tuple[Any, Model] | None,
        start: tuple[Origin, list[Model | None]],
    ) -> Result:
        origin, seeds = start
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        rng = np.random.default_rng(seed)

        def choose(rows: Sequence[Row]) -> int:
            return self._choice(rows, problem, params["tolerance"], origin)

        if what.searches_openly:
            plan = open_plan(
                params, what, choose, self._search_options, earlier is not None
            )._replace(guesses=tuple(seed for seed in seeds if seed is not None))
            inputs, outputs = self._names()
            shown = origin.names(inputs), "y" if is_classifier(self) else outputs[0]
            with OpenProgress(self.verbose, plan.budget, *shown) as watch:
                result = open_fit.run(plan, what.objective, problem, earlier, rng, watch)
                watch.finish(result.interruption is None, result.model)
                return result
        counted = closed_plan(params, what, choose, earlier is not None)
        space, restarts = what.space(), restarts_of(params)
        if self.execution_monitor is not None:
            restarts = Restarts(restarts.count, 1)
        limit = counted.max_time / restarts.waves
        counted = counted._replace(max_time=limit)
        with Progress(self, space) as progress:
            # Neither a bar nor a monitor can travel to another process.
            observer = progress.observer() if restarts.workers == 1 else Observer()
            task = Task(space, what.objective, problem, counted, earlier)
            checkpoints = relaxed_fit.checkpoints_of(
                params["checkpoint"], task, restarts.count, rng
            )
            if restarts.count == 1:
                result = relaxed_fit.run(task, rng, observer, checkpoints)
            else:
                observers = (progress.observer(), observer)
                result = self._restarted(task, restarts, rng, observers, checkpoints)
            progress.finish(result.interruption is None)
        if checkpoints is not None and result.interruption is None:
            checkpoints.clear()
        return result

    def _restarted(
        self,
        task: Task,
        restarts: Restarts,
        rng: np.random.Generator,
        watch: tuple[Observer, Observer],
        checkpoints: Checkpoints | None,
    ) -> Result:
        """The restart whose model ``model_selection`` takes. Threads share the compiler.

        An accelerator trains all mixtures at once; the workers then refit. ``watch`` is
        told of what happens here and there.
        """
        here, there = watch
        rngs = rng.spawn(restarts.count)
        trained: list[Trained | None] = [None] * restarts.count
        stopped = None
        watched = self.execution_monitor is not None
        if not watched and not restarts.forks and vmapped.worthwhile():
            prepare = partial(prepared, task)
            found, stopped = vmapped.train(prepare, rngs, task.plan, here, checkpoints)
            trained = [*found]

        def once(start: tuple[np.random.Generator, Trained | None]) -> Result:
            rng, mixture = start
            if mixture is None:
                return relaxed_fit.run(task, rng, there, checkpoints)
            return relaxed_fit.finish(task, rng, there, mixture, checkpoints)

        results, interruption = restarts.run(
            once,
            list(zip(rngs, trained, strict=False)),
            lambda result: result.interruption is not None,
            "threads",
        )
        rows = [row_of(result.rows, result.model, task.problem) for result in results]
        order = sorted(range(len(rows)), key=lambda i: rows[i].complexity)
        assert task.plan.choose is not None
        best = results[order[task.plan.choose([rows[i] for i in order])]]
        interruption = interruption or results[-1].interruption or stopped
        return best._replace(interruption=interruption)

    def _store(self, result: Result, what: Specification, fresh: bool) -> None:
        self.network_, self.model_ = result.network, result.model
        self.history_, self.converged_ = result.history, result.converged
        if result.candidates or fresh:
            self.candidates_ = [c.fit.model for c in result.candidates[:50]]
        self._rows = result.rows
        self._asked = what

    def _choice(
        self,
        rows: Sequence[Row],
        problem: Problem,
        tolerance: float | str,
        origin: Origin,
    ) -> int:
        """The row that ``model_selection`` takes."""
        selection = self.model_selection
        if not callable(selection):
            best = chosen(rows, selection, problem)
            small = selection == "auto" and isinstance(tolerance, str)
            if small and is_systematic(rows[best].model, rows[best].loss, problem):
                return elbow(rows, best, constant_loss(problem))
            return best
        table = self._table(origin.rows([*rows]))
        label = self.model_selection(table)
        if label not in table.index:
            raise ValueError(
                "model_selection must return a label of the table's index, "
                f"{list(table.index)}, got {label!r}"
            )
        return int(table.index.get_loc(label))

    def _warn_if_outputs_are_equal(self, what: Specification) -> None:
        if what.n_outputs > 1 and not what.train_readout:
            warn(
                f"all {what.n_outputs} outputs share one read-out while "
                "train_classifier_coefficients=False, so their predictions are equal; set "
                "it to True to tell them apart",
                UserWarning,
            )

    def _earlier(self) -> tuple[Any, Model, Specification] | None:
        if not hasattr(self, "network_"):
            return None
        return self.network_, self.model_, self._asked

    def _kept(
        self, earlier: tuple[Any, Model, Specification] | None, what: Specification
    ) -> tuple[Any, Model] | None:
        """The earlier fit if this one builds on it."""
        keeps = keeps_weights(self.get_params(deep=False))
        if earlier is not None and earlier[2].weights_apply == what.weights_apply:
            return earlier[:2] if keeps or self.warm_start else None
        if keeps:
            why = (
                "the estimator is not fitted"
                if earlier is None
                else "it was fitted on another search space, whose weights do not apply"
            )
            then = (
                "they are searched for"
                if what.searches_openly
                else "the architecture is sampled from initial, random weights"
            )
            warn(
                f"max_epochs={self.max_epochs} and arch_updates_per_epoch="
                f"{self.arch_updates_per_epoch} ask to keep the architecture weights, "
                f"but {why}: {then}. Fit with both above 0 first.",
                UserWarning,
            )
        return None

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.non_deterministic = self.random_state is None
        return tags

    def _outputs(self, X: Any, groups: Any = None) -> np.ndarray:
        """What the equation says, shape (n, outputs), finite everywhere."""
        check_is_fitted(self, "model_")
        X = named(self._plain_inputs(X))
        X = validate_data(self, X, dtype=np.float64, reset=False)
        prediction = self._read(X, groups)
        undefined = ~np.isfinite(prediction).all(axis=1)
        if undefined.any():
            warn(
                f"the equation has no finite value on {undefined.sum()} of {len(X)} rows "
                f"(first: row {np.argmax(undefined)}), which lie outside its domain; "
                f"{self._STAND_IN} stand in for them",
                diagnostics.DomainWarning,
            )
            prediction[undefined] = self._stand_in()
        return prediction

    def _read(self, X: np.ndarray, groups: Any = None) -> np.ndarray:
        """Outputs of shape (n, outputs), not finite where the equation is undefined."""
        x = with_constants(X, self._physical)
        return self.model_.predict(self._numbered(x, groups))

    def _stand_in(self) -> np.ndarray:
        """Outputs, shape (outputs,), where the equation is undefined."""
        return self._y_mean
