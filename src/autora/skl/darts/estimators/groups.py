"""Groups of rows, such as the participants of a study, in an estimator."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..equations.group_symbols import distribution
from ..equations.printing import significant
from ..fitting.coefficients import Place, places, term, values, with_errors
from ..fitting.laplace import Laplace, laplace
from ..fitting.populations import Uncertainty, laplace_of_groups, uncertainty
from ..fitting.problem import Problem
from ..graph.model import Model
from ..graph.specification import Specification
from ..runtime.messages import warn
from ..selection.criteria import fits_exactly
from ..selection.pareto import Row
from .export_mixin import ExportMixin
from .unit_lines import column_unit
from .units import UNKNOWN


class UnknownGroupWarning(UserWarning):
    """A group was not in the fit."""


class Grouping(NamedTuple):
    """Labels of the groups, and which of them every row belongs to."""

    labels: np.ndarray  #: (groups,)
    numbers: np.ndarray  #: (n,)


def _labels_of(groups: Any, n_rows: int) -> Any:
    """One label a row, as a pandas Series."""
    import pandas as pd

    values = groups if isinstance(groups, pd.Series) else np.asarray(groups)
    if getattr(values, "ndim", 0) == 2 and values.shape[1] == 1:
        values = np.asarray(values)[:, 0]
    if getattr(values, "ndim", 0) != 1 or len(values) != n_rows:
        raise ValueError(
            f"groups must hold one label per row of X, shape ({n_rows},), got shape "
            f"{np.shape(values)}"
        )
    found = pd.Series(np.asarray(values))
    missing = np.flatnonzero(found.isna())
    if len(missing):
        raise ValueError(
            f"groups has no label in {len(missing)} of {n_rows} rows (first: row "
            f"{missing[0]}); name the group of every row, or leave these rows out"
        )
    return found


def grouping_of(groups: Any, n_rows: int) -> Grouping:
    """The groups of a fit.

    Raises
    ------
    ValueError
        If rows lack a label, or there are hardly more rows than groups.
    """
    import pandas as pd

    found = _labels_of(groups, n_rows)
    try:
        numbers, labels = pd.factorize(found, sort=True)
    except TypeError:  # labels of several types have no order
        numbers, labels = pd.factorize(found)
    if 2 * len(labels) > n_rows:
        raise ValueError(
            f"groups has {len(labels)} labels for {n_rows} rows, so that most groups have "
            "one row, which says nothing about a coefficient of their own; give the group "
            "that rows have in common, such as the participant, or leave groups out"
        )
    return Grouping(np.asarray(labels), numbers)


def numbers_of(groups: Any, labels: np.ndarray, n_rows: int) -> np.ndarray:
    """The numbers of the rows' groups; −1 of a group that was not in the fit."""
    import pandas as pd

    found = _labels_of(groups, n_rows)
    numbers = pd.Index(labels).get_indexer(pd.Index(found))
    unknown = found[numbers < 0].unique()
    if len(unknown):
        names = ", ".join(map(repr, unknown[:5].tolist())) + ", …" * (len(unknown) > 5)
        warn(
            f"groups {names} were not in the fit; the coefficients of the population "
            "predict for them",
            UnknownGroupWarning,
        )
    return numbers


def check_able(what: Specification, params: dict[str, Any]) -> None:
    """Raise where groups cannot have coefficients of their own."""
    reason = None
    if params["equation"] is not None:
        reason = "equation= has constants that all rows share"
    elif params["guesses"] is not None:
        reason = "guesses= have constants that all rows share"
    elif not what.searches_openly:
        reason = "num_graph_nodes='auto' alone searches for graphs of groups"
    elif what.n_outputs > 1:
        reason = f"y has {what.n_outputs} outputs or classes, and groups need one output"
    if reason is not None:
        raise ValueError(f"groups cannot be used here: {reason}; leave groups out")


def grouped(
    problem: Problem, labels: np.ndarray, params: dict[str, Any]
) -> tuple[Problem, np.ndarray]:
    """The problem with the groups that have rows, whose number is the last column."""
    x = problem.x.copy()
    present, x[:, -1] = np.unique(x[:, -1], return_inverse=True)
    kept = labels[present.astype(int)]
    policy = params["group_coefficients"] if len(kept) > 1 else "none"
    shrinks = params["shrinkage"]
    problem = problem._replace(x=x, groups=len(kept), varying=policy, shrinks=shrinks)
    return problem, kept


def uncertainties(problem: Problem, model: Model) -> Uncertainty | None:
    """Of coefficients that differ between groups; None where none does."""
    return None if model.effects is None else uncertainty(problem, model)


def errors_of(
    problem: Problem, model: Model, known: Uncertainty | None
) -> list[tuple[Place, float, float]]:
    """Every coefficient with its standard error; of those that differ the population's.

    Of round numbers it is 0.
    """
    effects = model.effects
    if effects is None:
        return with_errors(problem.without_groups() if problem.groups else problem, model)
    intercepts = (place for place in effects.places if place.kind == "bias")
    errors = dict.fromkeys([*places(model, problem), *intercepts], np.inf)
    if known is not None:
        errors |= known.shared
        errors |= dict(zip(effects.places, known.mean.tolist(), strict=True))
    errors |= {place: 0.0 for place in effects.fixed if place in errors}
    found = values(model, [*errors])
    return [(p, float(v), e) for (p, e), v in zip(errors.items(), found, strict=True)]


def laplace_of_row(
    problem: Problem, unrounded: Model, model: Model, loss: float
) -> Laplace | None:
    """What the rows leave open of an equation: of one that is exact, nothing.

    None where it is not finite.
    """
    if model.effects is None:
        alike = problem.without_groups() if problem.groups else problem
        # A constant has an intercept also where no other equation has.
        free = problem.train_bias or not model.live_nodes()
        known = laplace(alike._replace(train_bias=free), unrounded)
    else:
        found = laplace_of_groups(problem, model)
        if found is None:
            return None
        known = found
    return known.exact() if fits_exactly(model, loss, problem) else known


def _of_group(
    model: Model,
    errors: Sequence[tuple[Place, float, float]],
    known: Uncertainty | None,
    number: int,
) -> list[tuple[Place, float, float]]:
    """The coefficients of one group with their standard errors."""
    effects = model.effects
    own: dict[Place, tuple[float, float]] = {}
    if effects is not None and known is not None:
        pairs = zip(effects.values[number], known.own[number], strict=True)
        own = {p: (v, e) for p, (v, e) in zip(effects.places, pairs, strict=True)}
    found = []
    for place, value, error in errors:
        value, error = own.get(place, (value, error))
        found.append((place, float(value), float(error)))
    return found


class GroupMixin(ExportMixin):
    """What an estimator says of the groups that it was fitted with."""

    _uncertainty: Any = None  #: Uncertainty where coefficients differ
    _row_uncertainty: list[Any]
    _laplace: Laplace | None = None  #: of ``model_``; None where it is not known
    _row_laplace: list[Laplace | None] = []  # noqa: RUF012 - of all rows or none
    #: (rows, outputs) sorted errors in standard deviations, see `calibrate`
    _calibration: np.ndarray | None = None
    _rows: list[Row]
    _row_errors: list[list[tuple[Place, float, float]]]

    @property
    def groups_(self) -> np.ndarray:
        """The labels of the groups of the fit, shape (groups,)."""
        check_is_fitted(self, "model_")
        if self._group_labels is None:
            raise AttributeError("the estimator was fitted without groups")
        return self._group_labels

    def _numbered(self, X: np.ndarray, groups: Any) -> np.ndarray:
        """X with the number of every row's group as its last column, where that matters."""
        if groups is None:
            return X
        labels = self._group_labels
        if labels is None:
            raise ValueError(
                "groups cannot be used here: the estimator was fitted without groups; "
                "leave groups out, or fit with groups"
            )
        return np.column_stack([X, numbers_of(groups, labels, len(X))])

    def of_group(self, label: Any) -> Self:
        """The fitted estimator of one group, with its coefficients.

        It predicts, prints, draws and is saved for that group, like an estimator that was
        fitted without groups.

        Parameters
        ----------
        label : object
            One of ``groups_``.

        Raises
        ------
        ValueError
            If there was no such group in the fit.
        """
        places = np.flatnonzero(self.groups_ == label)
        if not len(places):
            raise ValueError(
                f"label must be one of groups_, got {label!r}; the estimator itself has "
                "the population's coefficients"
            )
        number = int(places[0])
        found = copy.copy(self)
        found._group_labels, found._uncertainty = None, None
        found.model_ = self.model_.of_group(number)
        found._rows = [r._replace(model=r.model.of_group(number)) for r in self._rows]
        rows = zip(self._rows, self._row_errors, self._row_uncertainty, strict=True)
        found._row_errors = [_of_group(row.model, e, u, number) for row, e, u in rows]
        found._row_uncertainty = [None] * len(self._rows)
        found._errors = _of_group(self.model_, self._errors, self._uncertainty, number)
        known = [self._laplace, *self._row_laplace]
        own = [None if one is None else one.of_group(number) for one in known]
        found._laplace, found._row_laplace = own[0], own[1:]
        found._calibration = found._training_score = None
        return found

    @property
    def population_(self) -> Any:
        """What the coefficients that differ between groups have in common, as a DataFrame.

        Columns: ``term``; ``symbol``, which stands for the coefficient in `latex`,
        ``sympy(groups=True)`` and `python`; ``mean``, the value for an unknown group;
        ``standard_error`` of the mean; ``spread``, the standard deviation over the groups;
        ``logarithm``, whether this is the standard deviation of the logarithm, as for a
        coefficient with one sign: 0.5 then means that two thirds of the groups lie within a
        factor of exp(0.5) of the mean; ``unit`` of the coefficient, if the fit knew units.
        """
        self.groups_  # noqa: B018 raises where there are none
        return self._population(self._names())

    def _population(self, names: tuple[list[str], list[str]], latex: bool = False) -> Any:
        """``population_`` under these names, with units as text or for siunitx."""
        import pandas as pd

        effects, symbols, rows = self.model_.effects, self._symbols(names), []
        for i, (place, symbol) in enumerate(symbols.items()):
            assert effects is not None and self._uncertainty is not None
            mean = float(getattr(self.model_, place.kind)[place.at])
            error, spread = float(self._uncertainty.mean[i]), float(effects.spread[i])
            name = term(self.model_, place, *names)
            rows.append((name, symbol, mean, error, spread, effects.log[i]))
        columns = ["term", "symbol", "mean", "standard_error", "spread", "logarithm"]
        table = pd.DataFrame(rows, columns=columns)
        if self._units is not None:
            where = [*symbols]
            table["unit"] = self._units.of_coefficients(self.model_, where, *names, latex)
        return table

    def _group_table(self, names: tuple[list[str], list[str]], latex: bool) -> Any:
        """``coefficients_``: what all groups share, then what each has of its own."""
        import pandas as pd

        effects, labels, known = self.model_.effects, self._group_labels, self._uncertainty
        varying = () if effects is None else effects.places
        units, symbols = self._units, self._symbols(names)
        rows: list[tuple[Any, ...]] = []
        for place, value, error in self._errors:
            name = term(self.model_, place, *names)
            if place not in varying:
                rows.append((None, name, None, value, error, place))
                continue
            assert effects is not None and labels is not None and known is not None
            i, symbol = varying.index(place), symbols[place]
            own = zip(labels, effects.values[:, i], known.own[:, i], strict=True)
            rows += [(g, name, symbol, float(v), float(e), place) for g, v, e in own]
        columns = ["group", "term", "symbol", "coefficient", "standard_error", "place"]
        table = pd.DataFrame(rows, columns=columns)
        where = list(table.pop("place"))
        if units is not None:
            once = dict.fromkeys(where)
            found = units.of_coefficients(self.model_, [*once], *names, latex)
            of = dict(zip(once, found, strict=True))
            table["unit"] = [of[place] for place in where]
        return table

    def _varying(self) -> list[str]:
        """The terms that differ between groups in every row of ``equations_``."""
        found = []
        for row in self._rows:
            effects = row.model.effects
            where = () if effects is None else effects.places
            found.append("; ".join(term(row.model, p, *self._names()) for p in where))
        return found

    def _distributions(
        self, names: tuple[list[str], list[str]], decimals: int, units: bool = False
    ) -> list[str]:
        """LaTeX of the populations that the coefficients of groups come from."""
        lines = []
        for row in self._population(names, True).itertuples():
            known = (row.symbol, row.mean, row.spread, row.logarithm)
            line = distribution(*known, max(decimals, 2))
            if units and getattr(row, "unit", "") not in ("", UNKNOWN):
                line += f", {column_unit(row.symbol, row.unit)}"
            lines.append(line)
        return lines

    def _group_lines(
        self, names: tuple[list[str], list[str]], decimals: int, form: str
    ) -> list[str]:
        """What differs between groups, below the equation."""
        if form == "latex":
            return self._distributions(names, decimals, units=True)
        count, effects = len(self.groups_), self.model_.effects
        if effects is None:
            return [f"the same for all {count} groups"]
        lines = [f"population of {count} groups, which differ in"]
        for row in self._population(names).itertuples():
            size, digits = row.spread, max(decimals, 2)
            spread = (
                f"× or ÷ {significant(np.exp(size), digits)}"
                if row.logarithm
                else f"± {significant(size, digits)}"
            )
            unit = getattr(row, "unit", "")
            shown = unit if unit != UNKNOWN else ""
            mean = f"{significant(row.mean, digits)} {shown}".rstrip()
            lines.append(f"  {row.term}: {mean} ({spread})")
        return lines
