"""All coefficients of a model as one vector: their errors, and those that are round.

The edges' coefficients, the read-out and the bias are estimated together; the covariance is
that of non-linear least squares, s² (JᵀJ)⁻¹ (Seber & Wild 1989, Nonlinear Regression,
section 2.1). A coefficient whose estimate cannot be told from a round number becomes that
number when the criterion agrees, and the others are fitted again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import least_squares

from . import objectives
from .model import Model
from .refit import Problem, blocks, tangents

#: Standard errors within which a round number is tried.
_REACH = 2.5
#: Chance up to which a coefficient of no round number comes so near to one that it may be
#: one, and chance of all of these together up to which they are.
_MAY_BE, _ARE = 0.15, 0.02
#: Relative distance within which a number is round in exact data.
_EXACT = 1e-7
#: Loss, as a share of the variance of y, below which data are exact.
_NO_NOISE = 1e-18
#: What a round number costs in the criterion, as a share of a free parameter: it takes
#: fewer digits to write down, but not none; a simple one takes few.
_PRICE, _SIMPLE_PRICE = 0.5, 0.1
#: Coefficients that the data leave free for which one is tried.
_MOST_FREE = 2


class Place(NamedTuple):
    """Where a coefficient lives: an edge's, the read-out's (node) or the bias."""

    kind: str  #: "edge", "readout" or "bias"
    row: int = 0
    column: int = 0


def places(model: Model, problem: Problem) -> list[Place]:
    """The coefficients that were fitted."""
    found = [Place("edge", e, i) for e, n in enumerate(model.sizes) for i in range(int(n))]
    if problem.train_readout:
        found += [Place("readout", int(k), int(q)) for k, q in np.argwhere(model.readout)]
    if problem.train_bias:
        found += [Place("bias", 0, int(q)) for q in np.flatnonzero(model.bias)]
    return found


def term(
    model: Model,
    place: Place,
    input_names: Sequence[str],
    output_names: Sequence[str] = (),
) -> str:
    """What a coefficient belongs to, in words; of several outputs also to which."""
    belongs = f" in {output_names[place.column]}" if len(output_names) > 1 else ""
    if place.kind == "bias":
        return f"intercept{belongs}"
    if place.kind == "readout":
        return f"read-out of k_{place.row + 1}{belongs}"
    space = model.space
    names = [*input_names, *(f"k_{k + 1}" for k in range(space.n_nodes))]
    primitive = space.primitives[model.architecture[place.row]]
    kind = primitive.params[place.column]
    target = f"k_{space.targets[place.row] + 1}"
    return f"{kind} of {primitive.name}({names[space.sources[place.row]]}) in {target}"


def with_errors(problem: Problem, model: Model) -> list[tuple[Place, float, float]]:
    """Every fitted coefficient with its standard error."""
    where = places(model, problem)
    if model.objective.least_squares or model.objective.likelihood:
        errors = standard_errors(problem, model)
    else:
        errors = np.full(len(where), np.nan)
    pairs = zip(where, values(model, where), errors, strict=True)
    return [(place, float(value), float(error)) for place, value, error in pairs]


def values(model: Model, where: Sequence[Place]) -> np.ndarray:
    return np.array([_array(model, p)[_index(p)] for p in where], float)


def with_values(model: Model, where: Sequence[Place], new: np.ndarray) -> Model:
    arrays = {kind: getattr(model, kind).copy() for kind in ("edge", "readout", "bias")}
    for place, value in zip(where, new, strict=True):
        arrays[place.kind][_index(place)] = value
    return model.replace(**arrays)


def _array(model: Model, place: Place) -> np.ndarray:
    return getattr(model, place.kind)


def _index(place: Place) -> tuple[int, ...]:
    return (place.column,) if place.kind == "bias" else (place.row, place.column)


def jacobian(problem: Problem, model: Model, where: Sequence[Place]) -> np.ndarray:
    """Derivatives of the read-out, shape (n · outputs, coefficients)."""
    n, q = len(problem.x), model.space.n_outputs
    nodes, slopes, slots = tangents(model, problem.x)
    edges = np.einsum("kpn,kq->pnq", slopes, model.readout)
    columns = []
    for place in where:
        column = np.zeros((n, q))
        if place.kind == "edge":
            column = edges[slots.index((place.row, place.column))]
        elif place.kind == "readout":
            column[:, place.column] = nodes[place.row]
        else:
            column[:, place.column] = 1.0
        columns.append(column.ravel())
    return np.array(columns).reshape(len(where), n * q).T


def _residual(problem: Problem, model: Model) -> np.ndarray:
    root = np.sqrt(problem.weight)[:, None]
    return ((model.eta(problem.x) - problem.y) * root).ravel()


def standard_errors(problem: Problem, model: Model) -> np.ndarray:
    """Standard error of every place; infinite where the data do not determine it."""
    where = places(model, problem)
    if not len(where):
        return np.zeros(0)
    with np.errstate(all="ignore"):
        information = sum(_information(part, model, where) for part in blocks(problem))
        size = np.sqrt(np.diag(information))
        unit = np.where((size > 0) & np.isfinite(size), size, 1.0)
        information = information / unit / unit[:, None]
    scale = _variance(problem, model, len(where))
    if scale is None or not np.isfinite(information).all():
        return np.full(len(where), np.inf)
    values_, vectors = np.linalg.eigh(information)
    floor = 1e-12 * max(values_.max(), 1e-300)
    undetermined = (vectors[:, values_ < floor] ** 2).sum(axis=1) > 1e-6
    with np.errstate(all="ignore"):  # a coefficient of 1e200 may overflow: infinite
        inverse = (vectors**2 / np.maximum(values_, floor)).sum(axis=1)
        errors = np.sqrt(scale * inverse) / unit
    return np.where(undetermined | (size == 0), np.inf, errors)


def _variance(problem: Problem, model: Model, count: int) -> float | None:
    """What scales the inverse information: the residual variance, 1 of a likelihood.

    None where there are not more observations than coefficients.
    """
    if model.objective.likelihood:
        return 1.0
    free = problem.weight.sum() * model.space.n_outputs - count
    with np.errstate(all="ignore"):
        residual = _residual(problem, model)
        return float(residual @ residual / free) if free > 0 else None


def _information(problem: Problem, model: Model, where: Sequence[Place]) -> np.ndarray:
    """Fisher information of the rows, up to the variance of least squares."""
    jac = jacobian(problem, model, where)
    q = model.space.n_outputs
    weight = problem.weight.repeat(q)
    if not model.objective.likelihood:
        return (jac * weight[:, None]).T @ jac
    eta = model.eta(problem.x)
    _, curvature = model.objective.slopes(objectives.NUMPY, eta, problem.y)
    found = (jac * (weight * curvature.ravel())[:, None]).T @ jac
    if model.objective.competing:
        mean = np.einsum("nqp,nq->np", jac.reshape(len(eta), q, -1), curvature)
        found -= (mean * (problem.weight / curvature.sum(axis=1))[:, None]).T @ mean
    return found


#: Numbers of the circle, and functions that are at home there.
_CIRCLE = (np.pi, 2 * np.pi, 4 * np.pi, np.pi / 2, np.pi / 4)
_WAVES = ("sin", "cos")


def round_numbers() -> np.ndarray:
    """Numbers that laws are written with, simplest first."""
    whole = [float(i) for i in range(1, 13)]
    simple = [0.5, 1.5, 2.5, 0.25, 0.75, 1 / 3, 2 / 3, 4 / 3, 0.1, 0.2]
    inverse = [1 / c for c in _CIRCLE] + [1 / 6, 1 / 8]
    tenths = [i / 10 for i in range(3, 50) if i % 5]
    tens = [20.0, 30.0, 40.0, 50.0, 60.0, 80.0, 100.0, 1000.0, 0.01, 0.05]
    found: list[float] = []
    for number in (*whole, *simple, *_CIRCLE, *inverse, np.e, *tenths, *tens):
        if number not in found:
            found.append(float(number))
    return np.array(found)


_ROUND = round_numbers()
_PLAIN = _ROUND[~np.isin(_ROUND, [*_CIRCLE, *(1 / c for c in _CIRCLE), np.e])]
_SIMPLE = frozenset(_ROUND.tolist()[: _ROUND.tolist().index(np.e)])


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
    if kind == "slope" or (kind == "shift" and primitive.base in _WAVES):
        return _ROUND
    return _PLAIN


def by_chance(value: float, number: float, error: float, natural: np.ndarray) -> float:
    """Chance that a coefficient of no round number comes so near to one as simple.

    Its estimate lies within an error or the distance, whichever is larger, of numbers
    that lie as far apart as this one and the nearest that is as simple.
    """
    near = natural[np.isin(natural, [*_SIMPLE])] if number in _SIMPLE else natural
    others = near[near != number]
    apart = np.abs(others - number).min(initial=number)
    return min(1.0, 2 * max(abs(value - number), error) / apart)


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
    and one that is smaller than its error is better left out.
    """
    reach = np.maximum(_REACH * error, _EXACT * natural)
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
    if place.kind == "bias" and abs(value) <= _REACH * error:
        chance = min(1.0, 2 * max(abs(value), error) / max(spread, 1e-300))
        found.insert(0, _Guess(place, 0.0, chance, idle=abs(value) <= error))
    return found


def refitted(
    problem: Problem, model: Model, where: Sequence[Place], steps: int = 60
) -> Model:
    """The model with only some of its coefficients fitted again."""
    start = values(model, where)
    if not len(start) or len(problem.x) * model.space.n_outputs < len(start):
        return model
    root = np.sqrt(problem.weight).repeat(model.space.n_outputs)[:, None]

    def residual(new: np.ndarray) -> np.ndarray:
        found = _residual(problem, with_values(model, where, new))
        return np.where(np.isfinite(found), found, 1e100)

    def slopes(new: np.ndarray) -> np.ndarray:
        found = jacobian(problem, with_values(model, where, new), where) * root
        return np.where(np.isfinite(found), found, 0.0)

    with np.errstate(all="ignore"):
        answer = least_squares(
            residual, start, slopes, method="lm", x_scale="jac", max_nfev=steps
        )
    found = with_values(model, where, answer.x)
    better = _loss(problem, found) <= _loss(problem, model)
    return found if better else model


def _loss(problem: Problem, model: Model) -> float:
    with np.errstate(all="ignore"):
        residual = _residual(problem, model)
        loss = float(residual @ residual)
    return loss if np.isfinite(loss) else np.inf


def snapped(problem: Problem, model: Model, noisy: bool = True) -> Model:
    """The model with round coefficients where these are likely and cost nothing.

    In an exact fit those that are round to rounding errors. In another one (``noisy``) a
    number within the standard errors of an estimate says little: it takes estimates so
    precise that they would hardly be so near to round numbers by chance.
    """
    mean = np.average(problem.y, axis=0, weights=problem.weight)
    unit = float(problem.weight @ ((problem.y - mean) ** 2).sum(axis=1))
    if unit <= 0 or not model.objective.least_squares or not model.live_nodes():
        return model
    if not (noisy or _loss(problem, model) <= _NO_NOISE * unit):
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
    loss = _loss(problem, model) + floor
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
        if n * np.log((_loss(problem, trial) + floor) / loss) < allowed:
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
        found = _likely(found, fixed)
    found.sort(key=lambda guess: guess.cost)
    return free[:_MOST_FREE] + found


def _likely(found: list[_Guess], fixed: dict[Place, float]) -> list[_Guess]:
    """Guesses that are no accidents, taken together with what is snapped."""
    near = [guess for guess in found if guess.chance <= _MAY_BE]
    chances = dict(fixed)
    for guess in near:
        chances[guess.place] = min(guess.chance, chances.get(guess.place, 1.0))
    if np.prod([*chances.values()]) <= _ARE:
        return near + [guess for guess in found if guess.idle and guess not in near]
    return [guess for guess in found if guess.idle]
