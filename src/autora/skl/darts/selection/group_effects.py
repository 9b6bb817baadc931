"""Which coefficients of a graph differ between groups: what the evidence pays for.

The evidence of a graph is the marginal likelihood of a mixed model (`fitting.populations`):
a coefficient of every group costs as much as the groups tell about where in the population
it lies, and a population without spread costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from ..fitting.alignment import aligned, plainly_written
from ..fitting.derivatives import with_values
from ..fitting.grouped import GroupedFit, fitted, with_effects
from ..fitting.populations import (
    ROUGH,
    SETTLED,
    Groups,
    MixedFit,
    Population,
    first_deviance,
    first_ratio,
    mixed_fit,
    most_likely,
    population_of,
    uncertainty,
    with_mean,
)
from ..fitting.problem import Problem, mean_loss
from ..fitting.refit import levenberg_marquardt
from ..fitting.rounding import MAY_BE, REACH, by_chance, with_round_coefficients
from ..graph.constants import SIMPLEST
from ..graph.model import Model
from . import POLICIES, criteria
from .pareto import Row

_STEPS = 100
#: Share of the constant's loss below which there is no noise.
_NO_NOISE = 1e-13
#: Round numbers of what all groups share.
_NUMBERS = (0.0, *sorted({s * c.value for c in SIMPLEST for s in (1, -1)}))
#: How much lower the deviance of coefficients that are written otherwise has to be, and
#: edges of which that is asked.
_BETTER, _TURNS = 0.1, 10
#: Choices of what varies that are fitted exactly.
_FITTED = 2


class Choice(NamedTuple):
    """What varies, in a population, and what that is worth."""

    varying: tuple[int, ...]
    population: Population
    criterion: float


class Fitted(NamedTuple):
    """A graph whose groups are fitted by themselves, and its worth if all varies."""

    model: Model
    groups: Groups
    criterion: float

    @classmethod
    def of(cls, problem: Problem, start: Model) -> Fitted | None:
        """From coefficients of every group nearby; None where nothing is finite."""
        fit = fitted(problem, start, _STEPS)
        return cls.at(problem, fit.model) if np.isfinite(fit.loss) else None

    @classmethod
    def at(cls, problem: Problem, model: Model) -> Fitted | None:
        """Of groups that are fitted already, with their coefficients written alike."""
        groups = Groups.of(problem, model)
        if groups is None:
            return None
        model, groups = _written_alike(problem, model, groups)
        every = range(len(groups.unit))
        choice = _choice(problem, model, groups, every, first_ratio(groups))
        return cls(model, groups, choice.criterion)


def _written_alike(problem: Problem, model: Model, groups: Groups) -> tuple[Model, Groups]:
    """The model in the form in which its groups' coefficients lie closest together."""
    best = first_deviance(groups)
    for _ in range(_TURNS):
        tries = [(m, g) for m in aligned(model) if (g := Groups.of(problem, m))]
        values = [first_deviance(g) for _, g in tries]
        better = [i for i, value in enumerate(values) if value < best - _BETTER]
        if not better:
            break
        i = min(better, key=lambda k: values[k])
        (model, groups), best = tries[i], values[i]
    plain = plainly_written(model)
    found = None if plain is model else Groups.of(problem, plain)
    return (model, groups) if found is None else (plain, found)


def criterion_of(
    problem: Problem, model: Model, groups: Groups, population: Population
) -> float:
    """The criterion of a graph whose coefficients have a population."""
    known = criteria.evidence(problem, groups.likelihood)
    varying = int(np.count_nonzero(population.ratio))
    fixed = () if model.effects is None else model.effects.fixed
    k = criteria.n_coefficients(model.replace(effects=None), problem) - len(fixed)
    size = criteria.complexity(model, problem.train_readout)
    size -= sum(place.kind != "bias" for place in fixed)
    mean = population.misfit / groups.n
    share = mean / 2 if groups.likelihood else mean / criteria.constant_loss(problem)
    found = criteria.misfit(known, share, k)
    if size:
        found = criteria.criterion(known, share, k, size)
    each = np.log(max(len(groups.own), 2.0)) + known.tried
    return float(found) + population.occam + each * varying


def _choice(
    problem: Problem,
    model: Model,
    groups: Groups,
    varying: Sequence[int],
    start: np.ndarray,
) -> Choice:
    found = population_of(groups, varying, start)
    return Choice(tuple(varying), found, criterion_of(problem, model, groups, found))


def _backward(problem: Problem, model: Model, groups: Groups) -> list[Choice]:
    """From all that may vary down to nothing, the cheapest every time; best first."""
    every = range(groups.own.shape[1])
    path = [_choice(problem, model, groups, every, first_ratio(groups))]
    while path[-1].varying:
        kept, start = path[-1].varying, path[-1].population.ratio
        tries = [
            _choice(problem, model, groups, [i for i in kept if i != out], start)
            for out in kept
        ]
        path.append(min(tries, key=lambda t: t.criterion))
    return sorted(path, key=lambda t: t.criterion)


def with_chosen_effects(
    problem: Problem, start: Fitted, policy: str
) -> tuple[GroupedFit, float]:
    """The graph with coefficients that differ where this is worth it, and the criterion."""
    model, groups = start.model, start.groups
    effects = model.effects
    assert effects is not None
    if policy == "auto":
        choices = _backward(problem, model, groups)[:_FITTED]
    else:
        able = [i for i, p in enumerate(effects.places) if p.kind in POLICIES[policy]]
        choices = [_choice(problem, model, groups, able, first_ratio(groups))]
    fits = [_exact(problem, model, groups, choice) for choice in choices]
    return min(fits, key=lambda fit: fit[1])


def without_needless(
    problem: Problem, model: Model, late: Callable[[], bool]
) -> tuple[GroupedFit, float]:
    """With one coefficient after the other in common, as long as that is no worse.

    The quadratic around the fits of groups by themselves is not exact. Once ``late`` is
    true, what still differs stays so.
    """
    best = settled(problem, model)
    if problem.varying != "auto":
        return best
    while (effects := best[0].model.effects) is not None and not late():
        tries = []
        for out in range(len(effects.places)):
            kept = [i for i in range(len(effects.places)) if i != out]
            rows, where = effects.values[:, kept], [effects.places[i] for i in kept]
            start = best[0].model.replace(effects=None)
            if kept:
                start = with_effects(start, where, len(rows), rows, effects.fixed)
            tries.append(settled(problem, start))
        least = min(tries, key=lambda fit: fit[1])
        if least[1] > best[1]:
            return best
        best = least
    return best


def _exact(
    problem: Problem, model: Model, groups: Groups, choice: Choice
) -> tuple[GroupedFit, float]:
    """What varies by the choice and the rest in common, fitted, and the criterion."""
    effects = model.effects
    assert effects is not None
    where, varying = effects.places, list(choice.varying)
    common = [i for i in range(len(where)) if i not in varying]
    middle = choice.population.mean * groups.unit
    model = with_values(model, [where[i] for i in common], middle[common])
    if not varying:
        return settled(problem, model.replace(effects=None))
    own = most_likely(groups, choice.population)[:, varying]
    places = [where[i] for i in varying]
    start = with_effects(model, places, len(own), own, effects.fixed)
    return settled(problem, start, ROUGH)


def settled(
    problem: Problem, model: Model, tolerance: float = SETTLED
) -> tuple[GroupedFit, float]:
    """A model whose effects are known, fitted in their population, and the criterion."""
    if model.effects is None:
        fit = levenberg_marquardt(problem.without_groups(), model, _STEPS)
        return GroupedFit(fit.model, fit.loss), criteria.judged(
            fit.model, fit.loss, problem
        )
    found: MixedFit | None = mixed_fit(problem, _in_logarithms(model), tolerance)
    if found is None or not found.model.is_finite:
        return GroupedFit(model, np.inf), np.inf
    value = criterion_of(problem, found.model, found.groups, found.population)
    return _finished(problem, GroupedFit(found.model, found.loss)), value


def row_of(problem: Problem, model: Model) -> Row:
    """A fitted model as a row."""
    size = criteria.complexity(model, problem.train_readout)
    value = settled(problem, model)[1]
    return Row(model, size, mean_loss(model, problem), value)


def _finished(problem: Problem, fit: GroupedFit) -> GroupedFit:
    """Without the pull of the population, where none is wanted or nothing is left to it."""
    effects = fit.model.effects
    assert effects is not None
    least = fit.model.objective.least_squares
    exact = least and fit.loss <= _NO_NOISE * criteria.constant_loss(problem)
    if problem.shrinks and not exact:
        return fit
    alone = fitted(problem, fit.model, _STEPS)
    kept = alone.model.effects
    if kept is None or not alone.loss <= fit.loss:
        return fit
    spread = (
        np.std(kept.parameters, axis=0, ddof=1) if len(kept.values) > 1 else effects.spread
    )
    model = with_mean(alone.model, kept.parameters.mean(axis=0), spread)
    assert model.effects is not None
    effects = model.effects._replace(shrunk=problem.shrinks)
    return GroupedFit(model.replace(effects=effects), alone.loss)


def rounded(problem: Problem, model: Model, rounds: bool | str) -> Model:
    """The model with round numbers among what all groups share, where they cost nothing."""
    if not rounds or not model.objective.least_squares or not model.live_nodes():
        return model
    if model.effects is None:
        alike = problem.without_groups()
        return with_round_coefficients(alike, model, noisy=rounds != "exact")
    exact = mean_loss(model, problem) <= _NO_NOISE * criteria.constant_loss(problem)
    if rounds == "exact" and not exact:
        return model
    value = settled(problem, model)[1]
    while (found := _with_one_round(problem, model, value)) is not None:
        model, value = found
    return model


def _with_one_round(
    problem: Problem, model: Model, value: float
) -> tuple[Model, float] | None:
    """One more round number and the criterion; None where none is as good."""
    effects, known = model.effects, uncertainty(problem, model)
    if effects is None or known is None:
        return None
    proposals = []
    for place, error in known.shared.items():
        own = float(getattr(model, place.kind)[place.at])
        natural = np.array(_NUMBERS if place.kind == "bias" else _NUMBERS[1:])
        number = float(natural[np.argmin(np.abs(natural - own))])
        distance = abs(own - number) / max(error, 1e-9 * abs(own), 1e-300)
        likely = not number or by_chance(own, number, error, natural) <= MAY_BE
        if distance <= REACH and likely:
            proposals.append((distance, place, number))
    for _, place, number in sorted(proposals):
        there = with_values(model, [place], np.array([number]))
        fixed = effects._replace(fixed=(*effects.fixed, place))
        fit, found = settled(problem, there.replace(effects=fixed))
        if found < value:
            return fit.model, found
    return None


def _in_logarithms(model: Model) -> Model:
    """With the population of logarithms where all groups have one sign."""
    effects = model.effects
    assert effects is not None
    able = np.array([p.kind != "bias" for p in effects.places])
    same = (effects.values > 0).all(axis=0) | (effects.values < 0).all(axis=0)
    return model.replace(effects=effects._replace(log=tuple((same & able).tolist())))
