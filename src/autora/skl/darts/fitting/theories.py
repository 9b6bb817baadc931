"""The named constants of a theory, exactly: by the descent that fits graphs, too.

A constant that stands in several places is one parameter, and numbers of the text stay as
they are. Under squared errors the constants in which the theory is linear are solved for
in every step (variable projection, see `refit`); the others start from many draws whose
sizes follow from the data.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..graph.elementary import NUMPY
from ..graph.formula import evaluated, is_affine
from ..graph.grammar import Theory
from ..graph.jets import JET, Dual
from ..graph.model import Model
from ..graph.objectives import Objective
from .coefficients import errors_from, information, places, variance
from .derivatives import columns, latent_nodes
from .laplace import Laplace, laplace_of, symmetric
from .problem import Problem, thinned
from .refit import HUGE, dense_steps, descended, normal_equations, projected
from .starts import columns_of, drawn_constants, has_waves

#: Rows on which starts are compared, draws that are compared, how many of them descend,
#: and how many of what they find is fitted on all rows.
_ROWS, _DRAWS, _DESCENTS, _SETTLED = 1000, 200, 12, 2
#: Rows, beside those of the data, on which a theory and its graph are compared.
_MORE = 50
#: Times as many draws where there are waves, of which only near frequencies lead to one.
_WAVES = 5
_STEPS = 200
#: Losses that are the same, relative to each other and as a share of the size of y.
_ALIKE, _ROUNDING = 1e-6, 1e-14
#: Share of a column that others leave of it where they make it up.
_MADE_UP = 1e-7


class TheoryFit(NamedTuple):
    constants: np.ndarray  #: (constants,)
    loss: float  #: weighted mean loss; inf where no constants give finite values


class _Point(NamedTuple):
    """The problem linearised in the constants that move."""

    constants: np.ndarray  #: all of them
    loss: float
    matrix: np.ndarray
    gradient: np.ndarray

    def steps(self) -> Callable[[float], np.ndarray] | None:
        return dense_steps(self.matrix, self.gradient)


def curve(
    theory: Theory, constants: np.ndarray, x: np.ndarray, which: Sequence[int] = ()
) -> tuple[np.ndarray, np.ndarray]:
    """Values (n,) of a theory and its derivatives (which, n) in some of the constants."""
    known: dict[str, Any] = {**columns_of(theory, x)}
    known |= dict(zip(theory.constants, map(np.float64, constants), strict=True))
    for variable, i in enumerate(which):
        name = theory.constants[i]
        known[name] = Dual(NUMPY, known[name], {variable: 1.0})
    with np.errstate(all="ignore"):
        found = evaluated(theory.formula, JET, known, frozenset(theory.inputs))
    slopes = np.zeros((len(which), len(x)))
    if isinstance(found, Dual):
        for variable, slope in found.partials.items():
            slopes[variable] = slope
        found = found.value
    return np.broadcast_to(np.asarray(found, float), len(x)), slopes


def linear_constants(theory: Theory) -> list[int]:
    """Constants in which, taken together, a theory is linear."""
    found: list[int] = []
    for i in range(len(theory.constants)):
        names = {theory.constants[j] for j in (*found, i)}
        if is_affine(theory.formula, names):
            found.append(i)
    return found


class _Descent(NamedTuple):
    """What stays the same while a theory is fitted to some rows."""

    theory: Theory
    objective: Objective
    problem: Problem
    linear: list[int]  #: constants that every step solves for
    moving: list[int]  #: the others

    @classmethod
    def of(cls, theory: Theory, objective: Objective, problem: Problem) -> _Descent:
        linear = linear_constants(theory) if objective.least_squares else []
        moving = [i for i in range(len(theory.constants)) if i not in linear]
        return cls(theory, objective, problem, linear, moving)

    def at(self, constants: np.ndarray) -> _Point | None:
        """The problem linearised; None where a value or derivative is not finite."""
        problem, taken_up = self.problem, np.zeros((0, len(self.problem.x)))
        if self.linear:
            constants = np.array(constants, float)
            constants[self.linear] = 0.0
            base, taken_up = curve(self.theory, constants, problem.x, self.linear)
            if not _is_finite(base, taken_up):
                return None
            solved = _solved(taken_up, problem.y[:, 0] - base, problem.weight)
            constants[self.linear] = solved
        value, slopes = curve(self.theory, constants, problem.x, self.moving)
        if not _is_finite(value, slopes):
            return None
        eta, jacobian = value[:, None], slopes[:, :, None]
        if len(taken_up) and len(slopes):
            jacobian = projected(taken_up, jacobian, problem.weight)
        share = problem.weight[:, None] / problem.weight.sum()
        with np.errstate(all="ignore"):
            losses = self.objective.loss(NUMPY, eta, problem.y)
            loss = float(losses @ share[:, 0])
            equations = normal_equations(self.objective, eta, problem.y, jacobian, share)
        return _Point(constants, loss, *equations) if np.isfinite(loss) else None

    def moved(self, point: _Point, step: np.ndarray) -> _Point | None:
        there = point.constants.copy()
        there[self.moving] += step
        return self.at(there)

    def down(self, constants: np.ndarray) -> TheoryFit | None:
        point = self.at(constants)
        if point is None:
            return None
        point, _ = descended(point, self.moved, _STEPS)
        return TheoryFit(point.constants, point.loss)


def _is_finite(*arrays: np.ndarray) -> bool:
    return all(bool((np.abs(array) < HUGE).all()) for array in arrays)


def _solved(columns: np.ndarray, y: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Least squares in units of the columns (columns, n), refined once."""
    root = np.sqrt(weight)
    design = (columns * root).T
    size = np.linalg.norm(design, axis=0)
    size = np.where(size > 0, size, 1.0)
    found = np.zeros(len(columns))
    for _ in range(2):
        rest = y * root - design @ found
        found = found + np.linalg.lstsq(design / size, rest, rcond=1e-13)[0] / size
    return found


def fitted(
    theory: Theory, objective: Objective, problem: Problem, rng: np.random.Generator
) -> TheoryFit:
    """The best fit from several starts, of infinite loss where none is finite."""
    sample = thinned(problem, _ROWS, rng)
    small = _Descent.of(theory, objective, sample)
    starts = []
    draws = _DRAWS * (_WAVES if has_waves(theory.formula) else 1)
    for _ in range(draws if small.moving else 1):
        point = small.at(drawn_constants(theory, sample.x, rng))
        if point is not None:
            starts.append(TheoryFit(point.constants, point.loss))
    starts.sort(key=_by_loss)
    found = [small.down(start.constants) for start in starts[:_DESCENTS]]
    fits = sorted(filter(None, found), key=_by_loss)
    if sample is not problem:
        whole = _Descent.of(theory, objective, problem)
        found = [whole.down(fit.constants) for fit in fits[:_SETTLED]]
        fits = sorted(filter(None, found), key=_by_loss)
    if not fits:
        return TheoryFit(np.full(len(theory.constants), np.nan), np.inf)
    return min(_as_good(fits, problem), key=_oddity)


def _as_good(fits: Sequence[TheoryFit], problem: Problem) -> list[TheoryFit]:
    """Fits, best first, without those that are worse by more than rounding."""
    with np.errstate(all="ignore"):
        least = _ROUNDING**2 * float(np.mean(problem.y**2))
    bar = max(fits[0].loss * (1 + _ALIKE), least if np.isfinite(least) else 0.0)
    return [fit for fit in fits if fit.loss <= bar]


def _oddity(fit: TheoryFit) -> tuple[int, float]:
    """Of fits that say the same, as those of sin(x) and −sin(−x), the plainest counts."""
    negative = int((fit.constants < 0).sum())
    return negative, float(np.log1p(np.abs(fit.constants)).sum())


def _by_loss(fit: TheoryFit) -> float:
    return fit.loss


def constants_with_errors(
    theory: Theory, constants: np.ndarray, model: Model, problem: Problem
) -> list[tuple[str, float, float]]:
    """Every constant with its standard error, as `coefficients.with_errors` has them.

    ``model`` is the graph of the theory with these constants.
    """
    count, objective = len(constants), model.objective
    errors = np.full(count, np.nan)
    if count and (objective.least_squares or objective.likelihood):
        value, slopes = curve(theory, constants, problem.x, range(count))
        with np.errstate(all="ignore"):
            known = information(problem, objective, value[:, None], slopes[:, :, None])
        errors = errors_from(known, variance(problem, model, count))
    found = zip(theory.constants, constants.tolist(), errors.tolist(), strict=True)
    return [*found]


def laplace_of_theory(
    theory: Theory, constants: np.ndarray, model: Model, problem: Problem
) -> Laplace:
    """What the rows leave open of a theory, as coefficients of its graph.

    A constant may stand in several of them: these then vary together.
    """
    count, every = len(constants), range(len(constants))

    def slopes(x: np.ndarray) -> np.ndarray:
        return curve(theory, constants, x, every)[1][:, :, None]

    found = laplace_of(problem, model, count, slopes)
    covariance, noise, freedom = found
    where, rng = tuple(places(model, problem)), np.random.default_rng(0)
    if not np.isfinite(covariance).all():
        return Laplace(where, np.full((len(where),) * 2, np.inf), noise, freedom)
    x = thinned(problem, _ROWS, rng).x
    more = rng.uniform(x.min(axis=0), x.max(axis=0), (len(where) + _MORE, x.shape[1]))
    x = np.vstack([x, more])
    with np.errstate(all="ignore"):
        graph = columns(model, where, *latent_nodes(model, x, True))[:, :, 0].T
        wanted = slopes(x)[:, :, 0].T
        size = np.linalg.norm(graph, axis=0)
    able = np.isfinite(graph).all(axis=1) & np.isfinite(wanted).all(axis=1)
    size = np.where((size > 0) & np.isfinite(size), size, 1.0)
    turned = np.linalg.lstsq(graph[able] / size, wanted[able], rcond=1e-12)[0]
    turned = turned / size[:, None]
    return Laplace(where, symmetric(turned @ covariance @ turned.T), noise, freedom)


def has_intercept(theory: Theory, constants: np.ndarray, problem: Problem) -> bool:
    """Whether some change of the constants adds the same number to all rows.

    That of k·log(x/d) does: it is k·log(x) with an intercept, and one written so.
    """
    slopes = curve(theory, constants, problem.x, range(len(constants)))[1].T
    size = np.linalg.norm(slopes, axis=0)
    slopes = slopes[:, (size > 0) & np.isfinite(size)]
    if not slopes.size:
        return False
    slopes = slopes / np.linalg.norm(slopes, axis=0)
    one = np.ones(len(slopes)) / math.sqrt(len(slopes))
    left = one - slopes @ np.linalg.lstsq(slopes, one, rcond=1e-12)[0]
    # Functions that only look constant on few rows would span it as well.
    return bool(np.linalg.norm(left) < _MADE_UP) and len(one) > slopes.shape[1]
