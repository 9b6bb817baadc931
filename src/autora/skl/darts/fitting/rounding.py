"""Coefficients that are round numbers.

A coefficient whose estimate cannot be told from a round number becomes that number when the
criterion agrees and the estimate would hardly be so near by chance; the others are fitted
again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import comb, gammaincc

from ..graph.constants import ROUND, SIMPLE, SIMPLEST
from ..graph.model import Model
from .coefficients import (
    Place,
    jacobian,
    places,
    refitted,
    standard_errors,
    sum_of_squares,
    values,
    with_values,
)
from .problem import Problem

#: Standard errors within which a round number is tried.
REACH = 2.5
#: Chance up to which a coefficient of no round number comes so near to one that it may be
#: one, and chance of all of these together up to which they are.
MAY_BE, _ARE = 0.15, 0.02
#: Times as likely as another round number that an intercept is zero: most laws have none.
_ZERO = 4.0
#: Share of its error up to which an intercept is better left out: slopes then err no more.
_IDLE = 0.5
#: Relative distance within which a number is round in exact data.
_EXACT = 1e-7
#: Loss, as a share of the variance of y, below which data are exact.
_NO_NOISE = 1e-18
#: What a round number costs in the criterion, as a share of a free parameter: it takes
#: fewer digits to write down, but not none; a simple one takes few.
_PRICE, _SIMPLE_PRICE = 0.5, 0.1
#: Coefficients that the data leave free for which one is tried.
_MOST_FREE = 2
_ROUND = np.array([constant.value for constant in ROUND])
_PLAIN = np.array([c.value for c in ROUND if c.pi == c.e == 0])
_SIMPLEST = frozenset(constant.value for constant in SIMPLEST)
_SIMPLE = frozenset(constant.value for constant in SIMPLE)


def price(number: float | None) -> float:
    """Cost of a number, as a share of a free parameter: of 0 and a size left free none."""
    if not number:
        return 0.0
    return _SIMPLE_PRICE if abs(number) in _SIMPLE else _PRICE


def _natural(model: Model, place: Place) -> np.ndarray:
    """Round numbers that make sense at a place: only slopes, weights and phases have π."""
    if place.kind != "edge":
        return _ROUND
    primitive = model.space.primitives[model.architecture[place.row]]
    kind = primitive.params[place.column]
    period = primitive.plain.period
    circular = period is not None and period % np.pi == 0
    if kind == "slope" or (kind == "shift" and circular):
        return _ROUND
    return _PLAIN


def by_chance(value: float, number: float, error: float, natural: np.ndarray) -> float:
    """Chance that a coefficient of no round number comes so near to one as simple.

    Its estimate lies within an error or the distance, whichever is larger, of numbers
    that lie as far apart as this one and the nearest that is as simple. That there are
    three kinds to hit makes the less simple ones likelier.
    """
    within, found = 2 * max(abs(value - number), error), 1.0
    for count, kind in enumerate((_SIMPLEST, _SIMPLE, natural), 1):
        others = np.array([x for x in kind if x != number])
        if number in kind and len(others):
            found = min(found, count * within / np.abs(others - number).min())
    return found


class _Guess(NamedTuple):
    """A round number that a coefficient may be; None stands for 1 or −1 of a free one."""

    place: Place
    number: float | None
    chance: float  #: see `by_chance`
    cost: float = 0.0  #: what it should cost in the criterion
    idle: bool = False  #: the equation predicts as well without the coefficient


def _guesses(
    place: Place, value: float, error: float, natural: np.ndarray, spread: float
) -> list[_Guess]:
    """Round numbers that an estimate cannot be told from, nearest first.

    An intercept may be zero: chance is then a matter of its size beside the spread of y,
    and one that is much smaller than its error is better left out.
    """
    reach = np.maximum(REACH * error, _EXACT * natural)
    distance = np.abs(abs(value) - natural)
    near = np.flatnonzero(distance <= reach)
    near = near[np.argsort(distance[near], kind="stable")][:2]
    found = [
        _Guess(
            place,
            float(np.copysign(natural[i], value)),
            by_chance(abs(value), float(natural[i]), error, natural),
        )
        for i in near
    ]
    if place.kind == "bias" and abs(value) <= REACH * error:
        within = 2 * max(abs(value), error) / max(spread, 1e-300)
        chance = min(1.0, within / _ZERO)
        found.insert(0, _Guess(place, 0.0, chance, idle=abs(value) <= _IDLE * error))
    return found


def with_round_coefficients(problem: Problem, model: Model, noisy: bool = True) -> Model:
    """The model with round coefficients where these are likely and cost nothing.

    In an exact fit those that are round to rounding errors. In another one (``noisy``) a
    number within the standard errors of an estimate says little: it takes estimates so
    precise that they would hardly be so near to round numbers by chance.
    """
    mean = np.average(problem.y, axis=0, weights=problem.weight)
    unit = float(problem.weight @ ((problem.y - mean) ** 2).sum(axis=1))
    if unit <= 0 or not model.objective.least_squares or not model.live_nodes():
        return model
    if not (noisy or sum_of_squares(problem, model) <= _NO_NOISE * unit):
        return model
    fixed: dict[Place, float] = {}
    while (changed := _snap_one(problem, model, fixed, unit)) is not None:
        model = changed
    return model


def _snap_one(
    problem: Problem, model: Model, fixed: dict[Place, float], unit: float
) -> Model | None:
    """Snap the coefficient for which that should cost least; None where nothing can be.

    ``fixed`` are those that were snapped, with the chance that this was an accident.
    """
    free = [p for p in places(model, problem) if p not in fixed]
    n = float(problem.weight.sum()) * model.space.n_outputs
    floor = _NO_NOISE * unit
    loss = sum_of_squares(problem, model) + floor
    parameter = np.log(max(n, 2))
    exact = loss <= 2 * floor
    for guess in _proposals(problem, model, fixed, exact, parameter, unit / n):
        place, number = guess.place, guess.number
        allowed = parameter * (1 - price(number))
        rest = [p for p in free if p != place]
        if number is None:
            there = _with_size_one(problem, model, place, rest)
        else:
            there = with_values(model, [place], np.array([number]))
        trial = refitted(problem, there, rest)
        if n * np.log((sum_of_squares(problem, trial) + floor) / loss) < allowed:
            fixed[place] = guess.chance
            return trial
    return None


def _with_size_one(
    problem: Problem, model: Model, place: Place, rest: Sequence[Place]
) -> Model:
    """The model with 1 or −1 for a coefficient, and what makes up for that.

    Where coefficients make up for one another as factors do, the logarithms of their sizes
    lie on a straight line.
    """
    one = np.sign(values(model, [place]))
    now = values(model, [place, *rest])
    with np.errstate(all="ignore"):
        columns = jacobian(problem, model, [place, *rest]) * now
        columns = columns / max(np.abs(columns).max(), 1e-300)
        if np.isfinite(columns).all():
            follow = np.linalg.lstsq(columns[:, 1:], -columns[:, 0], rcond=1e-10)[0]
            others = now[1:] * np.abs(now[0]) ** -follow
            if np.isfinite(others).all():
                return with_values(model, [place, *rest], np.append(one, others))
    return with_values(model, [place], one)


def _proposals(
    problem: Problem,
    model: Model,
    fixed: dict[Place, float],
    exact: bool,
    parameter: float,
    variance: float,
) -> list[_Guess]:
    """Coefficients and round numbers near them, those first that should cost least.

    ``parameter`` is what a free parameter costs in the criterion, ``variance`` that of y.

    A refit says what a number costs. Trying all of them so takes as many refits per
    snapped coefficient as there are coefficients; the distance in standard errors
    says nearly the same without one. What the data leave free, as the size of a sum that
    the read-out scales, may be one in an exact fit: in another one it takes part in what
    the rounding of the others costs.
    """
    where = places(model, problem)
    errors = standard_errors(problem, model)
    found: list[_Guess] = []
    free: list[_Guess] = []
    for place, value, error in zip(where, values(model, where), errors, strict=True):
        if place in fixed or value in (0.0, *_ROUND, *-_ROUND):
            continue
        if exact and not np.isfinite(error):
            free.append(_Guess(place, None, 1.0))
        within = error if np.isfinite(error) else 0.0
        natural = _natural(model, place)
        for guess in _guesses(place, float(value), within, natural, np.sqrt(variance)):
            distance = abs(value - guess.number) / max(error, 1e-300)
            cost = min(distance, 1e100) ** 2 + parameter * price(guess.number)
            found.append(guess._replace(cost=cost))
    if not exact:
        units = problem.dimensions
        pure = units is not None and units.numbers_only
        found = _likely(found, fixed, len(where), pure)
    found.sort(key=lambda guess: guess.cost)
    return free[:_MOST_FREE] + found


def _likely(
    found: list[_Guess], fixed: dict[Place, float], count: int, pure: bool
) -> list[_Guess]:
    """Guesses that are no accidents, taken together with what is snapped.

    ``count`` coefficients could have been near to round numbers. Where all of them are
    ``pure`` numbers, as units demand, the simplest are expected.
    """
    simple = [g for g in found if pure and abs(g.number or 0.0) in _SIMPLEST]
    found = [guess for guess in found if guess not in simple]
    near = [guess for guess in found if guess.chance <= MAY_BE]
    chances = {place: chance for place, chance in fixed.items() if chance <= MAY_BE}
    for guess in near:
        chances[guess.place] = min(guess.chance, chances.get(guess.place, 1.0))
    if _together([*chances.values()], count) <= _ARE:
        return simple + near + [g for g in found if g.idle and g not in near]
    return simple + [guess for guess in found if guess.idle]


def _together(chances: Sequence[float], count: int) -> float:
    """Chance that as many of ``count`` coefficients come so near to round numbers.

    Fisher's combination (1932, Statistical Methods for Research Workers, section 21.1) of
    those below `MAY_BE`, times the chance that so many are.
    """
    share = np.clip(np.array(chances) / MAY_BE, 1e-300, 1.0)
    lot = comb(count, len(share)) * MAY_BE ** len(share)
    return float(min(1.0, lot) * gammaincc(max(len(share), 1), -np.log(share).sum()))
