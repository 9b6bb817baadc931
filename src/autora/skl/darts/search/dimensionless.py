"""A search among dimensionless groups, for equations whose coefficients are numbers.

An equation between quantities that holds in all units is one between dimensionless products
of their powers (Buckingham 1914, Physical Review 4): y = s(x)·f(π1, π2, …). There are fewer
groups than columns, and every graph over them has units that agree. What is found is
written in the columns again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ..fitting.problem import Problem, mean_loss, thinned
from ..fitting.refit import Fit, levenberg_marquardt
from ..graph.model import Model, in_degrees
from ..graph.search_space import SearchSpace
from ..runtime.budget import Budget
from ..runtime.restarts import Restarts
from ..selection import criteria
from ..selection.candidates import Candidate
from ..selection.table import constant, is_systematic
from .assembly import assembled, space_for, whole
from .dimensionless_groups import DimensionlessGroups, groups_of, in_columns, products, tied
from .dimensions import agrees
from .finalize import MOST_ROWS
from .from_sympy import shorter
from .parallel import Search, SearchStatus
from .single_output import Found, explore as explore_columns, refit as refit

#: Steps of refits from nearby, and on all rows after a sample; how much worse a shorter
#: form may fit.
_STEPS, _LAST_STEPS, _AS_GOOD = 40, 2, 1e-6
#: Complexity of an intercept: a coefficient, for which no form was tried; and what it is
#: less where weights are one.
_INTERCEPT, _TIE = 0.5, 0.5
#: Equations that algebra is asked to shorten.
_SHORTENED = 3


class _Reduced(NamedTuple):
    """A problem in dimensionless groups."""

    groups: DimensionlessGroups
    problem: Problem
    unit: float  #: its loss for one of y

    @classmethod
    def of(cls, groups: DimensionlessGroups, problem: Problem) -> _Reduced:
        """Of y in units of the scale; rows weigh what their errors do in y."""
        scale = products(problem.x, groups.scale[None])[:, 0]
        x, weight = groups.values(problem.x), problem.weight * scale**2
        unit = float(problem.weight.sum() / weight.sum())
        known = len(x) if problem.distinct is None else problem.distinct
        reduced = problem._replace(
            x=x,
            y=problem.y / scale[:, None],
            weight=weight * unit,
            # What is added to f is a term of y, an intercept only where y has no unit.
            train_bias=problem.train_bias or bool(groups.scale.any()),
            distinct=min(known, len(np.unique(x, axis=0))),
            floor=tuple(floor * unit for floor in problem.floor),
            dimensions=None,
        )
        return cls(groups, reduced, unit)

    @property
    def finite(self) -> bool:
        parts = self.problem.x, self.problem.y, self.problem.weight
        return all(bool(np.isfinite(part).all()) for part in parts)

    def candidates(self, models: Sequence[Model], columns: Problem) -> list[Candidate]:
        """Models of the groups, each with and without an intercept, in the columns."""
        free = self.problem._replace(train_bias=False, sparse_readout=True)
        found = []
        for model in models:
            forms = [model]
            if model.readout.any():
                blank = model.replace(bias=np.zeros(1))
                forms.append(_refitted(free, blank).model)
            for one in forms:
                written = in_columns(one, self.groups)
                if written is None:
                    continue
                found.append(self._judged(one, written, columns))
                if (together := tied(written)) is not None:
                    fixed = columns._replace(sparse_readout=True)
                    together = _refitted(fixed, together).model
                    before, after = (
                        int(np.count_nonzero(m.readout)) for m in (written, together)
                    )
                    found.append(self._judged(one, together, columns, before - after))
        return found

    def _judged(
        self, model: Model, written: Model, columns: Problem, ties: int = 0
    ) -> Candidate:
        """A model of the groups as it is written in the columns, with some weights tied.

        Units leave no choice of powers, so that only what is made of the groups was tried;
        an intercept is half a term.
        """
        known, loss = criteria.evidence(columns), mean_loss(written, columns)
        share, intercept = loss / criteria.constant_loss(columns), bool(model.bias.any())
        trained = self.problem._replace(train_bias=intercept, sparse_readout=True)
        k, size = criteria.n_coefficients(model, trained), criteria.complexity(model, True)
        value = criteria.misfit(known, share, k)
        if size:
            size += _INTERCEPT * intercept - _TIE * ties
            value = criteria.criterion(known, share, k - ties, size)
        return Candidate(Fit(written, loss, 0), float(value))


def _refitted(problem: Problem, start: Model) -> Fit:
    """A model fitted from nearby; of very many rows first on a sample."""
    sample = thinned(problem, MOST_ROWS, np.random.default_rng(0))
    fit = levenberg_marquardt(sample, start, _STEPS)
    if sample is problem:
        return fit
    return levenberg_marquardt(problem, fit.model, _LAST_STEPS)


def _by_criterion(candidate: Candidate) -> float:
    return candidate.criterion


class _Exploration:
    """Searches among groups and in the columns, and what they have found."""

    def __init__(
        self,
        search: Search,
        restarts: Restarts,
        rng: np.random.Generator,
        progress: Callable[[SearchStatus], None],
    ) -> None:
        self.search, self.restarts, self.rng = search, restarts, rng
        self._progress = progress
        self.candidates, self.runs = _known(search), list[Found]()

    def __call__(self, seen: SearchStatus) -> None:
        """Progress of a search as one of all."""
        fitted = sum(run.fitted for run in self.runs)
        self._progress(seen._replace(fitted=fitted + seen.fitted))

    @property
    def is_over(self) -> bool:
        """Whether what is found leaves nothing, or nothing but noise."""
        problem = self.search.problem
        if self.runs and self.runs[-1].interruption is not None:
            return True
        best = min(self.candidates, key=_by_criterion, default=None)
        if best is None:
            return False
        fit = best.fit
        exact = criteria.fits_exactly(fit.model, fit.loss, problem)
        return exact or (
            bool(self.runs) and not is_systematic(fit.model, fit.loss, problem)
        )

    def among(self, reduced: _Reduced, budget: Budget) -> None:
        """Search among groups, unless their scale says it all."""
        search, problem = self.search, reduced.problem
        n_groups = problem.x.shape[1]
        space = SearchSpace(max(n_groups, 1), 1, 1, search.bounds.primitives)
        scale = constant(space, search.objective, problem)
        self.candidates += reduced.candidates([scale], search.problem)
        if n_groups and not self.is_over:
            part = replace(search, problem=problem, budget=budget, known=())
            self.runs.append(explore_columns(part, self.restarts, self.rng, self))
            found = [candidate.fit.model for candidate in self.runs[-1].candidates]
            self.candidates += reduced.candidates(found, search.problem)

    def in_columns(self, budget: Budget) -> None:
        """Search in the columns themselves; equations whose units agree are kept."""
        part = replace(self.search, budget=budget)
        self.runs.append(explore_columns(part, self.restarts, self.rng, self))
        units = self.search.problem.dimensions
        found = self.runs[-1].candidates
        self.candidates += [c for c in found if agrees(c.fit.model, units)]


def explore(
    search: Search,
    restarts: Restarts,
    rng: np.random.Generator,
    progress: Callable[[SearchStatus], None],
) -> Found:
    """As `single_output.explore`; first among groups.

    Where these leave more than noise, the columns themselves are searched, too.
    """
    columns, options = search.problem, search.options
    assert columns.dimensions is not None
    positive = np.asarray((columns.x > 0).all(axis=0))
    choices = groups_of(columns.dimensions, positive)[: options.dimensionless_groups]
    reduced = [_Reduced.of(choice, columns) for choice in choices]
    reduced = [one for one in reduced if one.finite]
    parts = max(1, options.columns + len(reduced))
    budget = Budget(*(limit / parts for limit in search.budget))
    exploration = _Exploration(search, restarts, rng, progress)
    for one in reduced:
        exploration.among(one, budget)
        if exploration.is_over:
            break
    if not reduced or (options.columns and not exploration.is_over):
        exploration.in_columns(budget)
    candidates = sorted(exploration.candidates, key=_by_criterion)
    candidates += _shorter(search, candidates[:_SHORTENED])
    return _joined(search, exploration.runs, candidates)


def _known(search: Search) -> list[Candidate]:
    """Models that take part from the start, as they are: groups cannot hold all of them."""
    columns, found = search.problem, list[Candidate]()
    for model in search.known:
        loss = mean_loss(model, columns)
        if np.isfinite(loss) and agrees(model, columns.dimensions):
            value = criteria.judged(model, loss, columns._replace(sparse_readout=True))
            found.append(Candidate(Fit(model, loss, 0), value))
    return found


def _shorter(search: Search, candidates: Sequence[Candidate]) -> list[Candidate]:
    """What algebra makes of the best: cancelled columns, factors of sums."""
    columns, found = search.problem, list[Candidate]()
    sample = thinned(columns, MOST_ROWS, np.random.default_rng(0))
    for candidate in candidates:
        model = candidate.fit.model
        widest = max(in_degrees(model))
        bounds = search.bounds._replace(max_nodes=model.space.n_nodes, max_in_degree=widest)
        short = shorter(model, bounds, True, sample.x)
        if short is None or not agrees(short, columns.dimensions):
            continue
        fit = _refitted(columns._replace(sparse_readout=True), short)
        if fit.loss <= candidate.fit.loss * (1 + _AS_GOOD):
            found.append(candidate._replace(fit=fit))
    return found


def _joined(
    search: Search, runs: Sequence[Found], candidates: Sequence[Candidate]
) -> Found:
    """The candidates in one space, best first; of equal criteria the simplest first."""
    pieces = [whole(candidate.fit.model) for candidate in candidates]
    n_inputs, bounds = search.problem.x.shape[1], search.bounds
    widest = max((max(in_degrees(piece.model)) for piece in pieces), default=1)
    like = SearchSpace(
        n_inputs, 1, 1, bounds.primitives, ("sum", "product"),
        max(widest, bounds.max_in_degree),
    )  # fmt: skip
    space = space_for([[piece] for piece in pieces], like, 1)
    moved = []
    for candidate, piece in zip(candidates, pieces, strict=True):
        readout = piece.model.readout[list(piece.reads)]
        model = assembled([piece], space, search.objective, [readout], piece.model.bias)
        moved.append(candidate._replace(fit=candidate.fit._replace(model=model)))
    moved.sort(key=lambda c: (c.criterion, criteria.complexity(c.fit.model, True)))
    return Found(
        space,
        moved,
        sum(run.fitted for run in runs),
        any(run.out_of_budget for run in runs),
        next((run.interruption for run in runs if run.interruption), None),
    )
