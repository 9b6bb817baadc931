"""The population that the coefficients of groups come from.

What groups have of their own is drawn from a normal distribution, whose means and spreads
are fitted by the marginal likelihood (empirical Bayes). Around fits of the groups the rows
are linear in the coefficients (Laplace's approximation: Pinheiro & Bates 1995, J. Comput.
Graph. Stat. 4); fits in the population and the population of the fits take turns (Lindstrom
& Bates 1990, Biometrics 46).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from ..graph.effects import Place
from ..graph.model import Model
from .derivatives import with_values
from .grouped import Prior, fitted, joint_equations, knowledge
from .laplace import Laplace, symmetric
from .problem import Problem

#: Range of the logarithm of a variance, in units of what one group knows of it.
_LOG_VARIANCE = (-14.0, 45.0)
#: Smallest variance of an observation, as a share of that of y, below which spreads are not
#: told apart from errors; share of the largest information that counts as none.
LEAST_ERROR, _NO_INFORMATION = 1e-16, 1e-11
#: Turns of fits and population, and steps of each.
_TURNS, _STEPS = 20, 10
#: Change of the deviance that ends a fit, and one that is only to be compared.
SETTLED, ROUGH = 1e-4, 0.05
#: Numbers from here on mean nothing: their squares would overflow.
_LARGEST = 1e60


class Groups(NamedTuple):
    """What groups know of their coefficients, in units of ``unit``."""

    unit: np.ndarray  #: (p,) what a typical group knows
    own: np.ndarray  #: (groups, p) the values that fit them best
    root: np.ndarray  #: (groups, p, p) L of their information LLᵀ, times the variance
    misfit: (
        float  #: weighted sum of squares, or minus twice the logarithm of the likelihood
    )
    n: float  #: observations
    likelihood: bool
    is_exact: bool  #: whether there is nothing but rounding left

    @classmethod
    def of(cls, problem: Problem, model: Model) -> Groups | None:
        """Around a model, which need not fit them best; None where it is not finite."""
        known, effects = knowledge(problem, model), model.effects
        if known is None or effects is None:
            return None
        total, likelihood = float(problem.weight.sum()), model.objective.likelihood
        doubled = 2 if likelihood else 1
        blocks = known.blocks * total * doubled / 2
        size = np.einsum("gii->gi", blocks)
        if not np.isfinite(size).all():
            return None
        typical = [np.median(c[c > 0]) if (c > 0).any() else 1.0 for c in size.T]
        unit = 1 / np.sqrt(np.array(typical))
        root, inverse = _root(blocks * unit * unit[:, None])
        slope = known.gradient * unit * total * doubled / 2
        step = np.einsum("gij,gkj,gk->gi", inverse, inverse, slope)
        misfit = known.loss * total * doubled - float((step * slope).sum())
        least = 0.0
        if not likelihood:
            spread = float(np.average((problem.y - problem.y.mean()) ** 2))
            least = total * LEAST_ERROR * spread
        exact = not likelihood and misfit <= 100 * least
        misfit = max(misfit, least)
        own = effects.parameters / unit - step
        found = cls(unit, own, root, misfit, total, likelihood, exact)
        sizes = [np.abs(part).max() for part in found[:4]]
        return found if max(sizes) < _LARGEST else None


def _root(information: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """L of LLᵀ and of its inverse, without directions of which nothing is known."""
    size, vectors = np.linalg.eigh(information)
    known = size > _NO_INFORMATION * size.max(axis=1, keepdims=True)
    root = np.sqrt(np.where(known, size, 0.0))
    inverse = np.where(known, 1 / np.where(known, root, 1.0), 0.0)
    return vectors * root[:, None, :], vectors * inverse[:, None, :]


class Population(NamedTuple):
    """Where the coefficients of groups come from, in units of `Groups.unit`."""

    #: (p,) variance over the groups, of squared errors in units of that of an observation
    ratio: np.ndarray
    mean: np.ndarray  #: (p,)
    misfit: float  #: of the groups' most likely coefficients, with their own distribution
    occam: float  #: logarithm of how much narrower the groups know their coefficients

    def deviance(self, groups: Groups) -> float:
        """Minus twice the logarithm of the marginal likelihood, up to a constant."""
        if groups.likelihood:
            return self.misfit + self.occam
        return groups.n * float(np.log(self.misfit / groups.n)) + self.occam

    def variance(self, groups: Groups) -> float:
        """That of an observation."""
        return 1.0 if groups.likelihood else self.misfit / groups.n


def _inner(groups: Groups, ratio: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues of LᵀDL, and L times its eigenvectors.

    With them P(I + DP)⁻¹ is L(I + LᵀDL)⁻¹Lᵀ, accurate for any spreads D.
    """
    left = np.swapaxes(groups.root, 1, 2)
    size, vectors = np.linalg.eigh(left @ (groups.root * ratio[:, None]))
    return np.maximum(size, 0.0), groups.root @ vectors


def _at(groups: Groups, ratio: np.ndarray) -> tuple[Population, np.ndarray]:
    """The population of given spreads, and the derivatives of the deviance in them."""
    size, turned = _inner(groups, ratio)
    weight = (turned / (1 + size)[:, None, :]) @ np.swapaxes(turned, 1, 2)
    pulled = np.einsum("gij,gj->i", weight, groups.own)
    mean = np.linalg.pinv(weight.sum(axis=0), hermitian=True) @ pulled
    off = groups.own - mean
    pull = np.einsum("gij,gj->gi", weight, off)
    misfit = groups.misfit + float((pull * off).sum())
    scale = 1.0 if groups.likelihood else groups.n / misfit
    slope = np.einsum("gii->i", weight) - scale * (pull**2).sum(axis=0)
    return Population(ratio, mean, misfit, float(np.log1p(size).sum())), slope


def population_of(groups: Groups, free: Sequence[int], start: np.ndarray) -> Population:
    """The most likely spreads of the coefficients that vary; the others have none."""
    count, free = len(groups.unit), list(free)
    if not free:
        return _at(groups, np.zeros(count))[0]

    def ratio(log: np.ndarray) -> np.ndarray:
        found = np.zeros(count)
        found[free] = np.exp(log)
        return found

    def deviance(log: np.ndarray) -> tuple[float, np.ndarray]:
        population, slope = _at(groups, ratio(log))
        return population.deviance(groups), slope[free] * ratio(log)[free]

    first = np.log(np.maximum(start[free], 1e-3))
    found = minimize(
        deviance, np.clip(first, *_LOG_VARIANCE), jac=True, method="L-BFGS-B",
        bounds=[_LOG_VARIANCE] * len(free), options={"maxiter": 60},
    )  # fmt: skip
    return _at(groups, ratio(found.x))[0]


def first_ratio(groups: Groups) -> np.ndarray:
    """Robust variances of the fits, in units of the variance of an observation."""
    variance = 1.0 if groups.likelihood else groups.misfit / groups.n
    middle = np.median(groups.own, axis=0)
    return (1.4826 * np.median(np.abs(groups.own - middle), axis=0)) ** 2 / variance


def first_deviance(groups: Groups) -> float:
    """The deviance at the robust variances, which costs little."""
    return _at(groups, first_ratio(groups))[0].deviance(groups)


def most_likely(groups: Groups, population: Population) -> np.ndarray:
    """The groups' coefficients in their population, shape (groups, p), in own units."""
    size, turned = _inner(groups, population.ratio)
    along = np.einsum("gpi,gp->gi", turned, groups.own - population.mean) / (1 + size)
    step = np.einsum("gpi,gi->gp", turned, along)
    return (population.mean + population.ratio * step) * groups.unit


class MixedFit(NamedTuple):
    """A model whose groups are fitted in their population."""

    model: Model  #: its own arrays have the population's mean
    loss: float  #: weighted mean loss
    groups: Groups
    population: Population


def mixed_fit(
    problem: Problem, start: Model, tolerance: float = SETTLED
) -> MixedFit | None:
    """Fit what varies as drawn from a population; None where nothing is finite.

    ``start`` says what varies and is near the groups' coefficients; the fit ends when a
    turn changes the deviance by no more than the tolerance.
    """
    assert start.effects is not None
    model, before, every = start, np.inf, range(len(start.effects.places))
    groups = Groups.of(problem, model)
    best: MixedFit | None = None
    population: Population | None = None
    for _ in range(_TURNS):
        if groups is None:
            return best
        first = first_ratio(groups) if population is None else population.ratio
        population = population_of(groups, every, first)
        variance = population.variance(groups)
        spread = np.maximum(population.ratio, np.exp(_LOG_VARIANCE[0])) * groups.unit**2
        factor = 2 if groups.likelihood else 1
        prior = Prior(population.mean * groups.unit, 1 / (spread * groups.n * factor))
        fit = fitted(problem, model, _STEPS, prior)
        if not np.isfinite(fit.loss):
            return best
        model = with_mean(fit.model, prior.mean, np.sqrt(spread * variance))
        again = Groups.of(problem, model)
        if again is None:
            return best
        population = population._replace(ratio=spread / again.unit**2)
        # At the mode itself: what is far from a quadratic has no other misfit.
        assert model.effects is not None
        off = model.effects.parameters - prior.mean
        misfit = fit.loss * groups.n * factor + float((off**2 / spread).sum())
        there = _at(again, population.ratio)[0]._replace(misfit=misfit)
        best = MixedFit(model, fit.loss, again, there)
        deviance = there.deviance(again)
        if abs(before - deviance) < tolerance:
            return best
        before, groups = deviance, again
    return best


def with_mean(model: Model, mean: np.ndarray, spread: np.ndarray) -> Model:
    """The model whose own arrays have the population's mean."""
    effects = model.effects
    assert effects is not None
    sign = np.sign(effects.values[0])
    with np.errstate(over="ignore"):
        middle = np.where(effects.log, sign * np.exp(mean), mean)
    model = with_values(model, effects.places, middle)
    return model.replace(effects=effects._replace(spread=spread))


def _precision(spread: np.ndarray, variance: float) -> np.ndarray:
    """What a population says, in units of the variance of an observation."""
    known = np.isfinite(spread) & (spread > 0)
    return np.diag(np.where(known, variance / np.where(known, spread, 1.0) ** 2, 0.0))


def _variance(blocks: np.ndarray, spread: np.ndarray, squares: float, free: float) -> float:
    """That of an observation: the squares over what is left beside the coefficients.

    How many these are, in a population that says something about them, depends on it.
    """
    variance = squares / max(free, 1.0)
    for _ in range(20):
        inner = np.linalg.pinv(blocks + _precision(spread, variance), hermitian=True)
        used = float(np.einsum("gij,gji->", inner, blocks))
        variance = squares / max(free - used, 1.0)
    return variance


class _Joint(NamedTuple):
    """Covariances of the mixed model around a fit, on the scale of `GroupEffects.log`."""

    where: list[Place]  #: what is shared
    groups: np.ndarray  #: (present,) numbers of the groups that have rows
    variance: float  #: of an observation
    freedom: float  #: observations that are left for it
    own: np.ndarray  #: (present, v, v)
    cross: np.ndarray  #: (present, v, s) with what is shared
    common: np.ndarray  #: (s + v, s + v) of what is shared and then of the means


def _joint(problem: Problem, model: Model) -> _Joint | None:
    """Means, what is shared and what groups have of their own, estimated together.

    The equations are those of Henderson (1975, Biometrics 31); spreads are taken as known.
    None where the model is not finite.
    """
    effects = model.effects
    assert effects is not None
    found = joint_equations(problem, model)
    if found is None:
        return None
    where, groups, equations, loss = found
    total, likelihood = float(problem.weight.sum()), model.objective.likelihood
    factor = total if likelihood else total / 2
    blocks, count = equations.blocks * factor, len(where)
    spread = effects.spread if effects.shrunk else np.full(len(effects.places), np.nan)
    variance, freedom = 1.0, np.inf
    if not likelihood:
        squares = loss * total
        variance = _variance(blocks, spread, squares, total - count)
        freedom = squares / variance if variance > 0 else max(total - count, 1.0)
    precision = _precision(spread, variance)
    border, corner = equations.border * factor, equations.corner * factor
    own, cross, common = _covariances(blocks, border, corner, precision)
    scaled = (variance * part for part in (own, cross, common))
    return _Joint(where, groups, variance, freedom, *scaled)


class Uncertainty(NamedTuple):
    """Standard errors of coefficients, of which some differ between groups."""

    shared: dict[Place, float]
    mean: np.ndarray  #: (varying,) of the population
    own: np.ndarray  #: (groups, varying)


def uncertainty(problem: Problem, model: Model) -> Uncertainty | None:
    """Standard errors from the equations of the mixed model around a fit.

    A group without rows has the error of the population. None where the model is not
    finite.
    """
    effects = model.effects
    assert effects is not None
    joint = _joint(problem, model)
    if joint is None:
        return None
    count, groups = len(joint.where), joint.groups
    with np.errstate(invalid="ignore"):
        own = np.sqrt(np.einsum("gii->gi", joint.own))
        common = np.sqrt(np.diag(joint.common))
    middle = np.array([getattr(model, p.kind)[p.at] for p in effects.places])
    unit = np.where(effects.log, np.abs(middle), 1.0)
    mean = common[count:] if effects.shrunk else effects.spread / np.sqrt(len(groups))
    mean = mean * unit
    errors = np.hypot(mean, effects.spread * unit)
    errors = np.tile(errors, (len(effects.values), 1))
    errors[groups] = own * np.where(effects.log, np.abs(effects.values), 1.0)[groups]
    shared = dict(zip(joint.where, common[:count].tolist(), strict=True))
    return Uncertainty(shared, mean, errors)


def laplace_of_groups(problem: Problem, model: Model) -> Laplace | None:
    """What the rows leave open of every group's coefficients, and of a new group's.

    None where the model is not finite.
    """
    effects = model.effects
    assert effects is not None
    joint = _joint(problem, model)
    if joint is None:
        return None
    s, v = len(joint.where), len(effects.places)
    known = joint.common[:s, :s]
    mean, cross = joint.common[s:, s:], joint.common[s:, :s]
    if not effects.shrunk:
        mean, cross = np.diag(effects.spread**2 / len(joint.groups)), np.zeros((v, s))
    middle = np.array([getattr(model, p.kind)[p.at] for p in effects.places])
    unit = np.where(effects.log, middle, 1.0)
    wide = _joined(known, cross, mean + np.diag(effects.spread**2), unit)
    own = np.tile(wide, (len(effects.values), 1, 1))
    units = np.where(effects.log, effects.values, 1.0)
    for i, group in enumerate(joint.groups.tolist()):
        own[group] = _joined(known, joint.cross[i], joint.own[i], units[group])
    noise = np.array([0.0 if model.objective.likelihood else joint.variance])
    where = (*joint.where, *effects.places)
    return Laplace(where, symmetric(wide), noise, joint.freedom, groups=symmetric(own))


def _joined(
    known: np.ndarray, cross: np.ndarray, own: np.ndarray, unit: np.ndarray
) -> np.ndarray:
    """One covariance of what is shared and what a group has, which counts in ``unit``."""
    cross, own = cross * unit[:, None], own * unit * unit[:, None]
    return np.block([[known, cross.T], [cross, own]])


def _covariances(
    blocks: np.ndarray, border: np.ndarray, corner: np.ndarray, precision: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """In units of the variance of an observation, as `_Joint` has them."""
    count, v, s = border.shape
    inner = np.linalg.pinv(blocks + precision, hermitian=True)
    # Means take part as further shared coefficients, which the prior alone sees.
    wide = np.concatenate([border, np.tile(-precision, (count, 1, 1))], axis=2)
    schur = np.zeros((s + v, s + v))
    schur[:s, :s], schur[s:, s:] = corner, precision * count
    schur -= np.einsum("gvs,gvw,gwt->st", wide, inner, wide)
    # In units of their own: a prior is small beside what many exact rows say.
    unit = 1 / np.sqrt(np.maximum(np.diag(schur), 1e-300))
    [root] = _root((schur * unit * unit[:, None])[None])[1]
    common = (root @ root.T) * unit * unit[:, None]
    through = inner @ wide
    own = inner + np.einsum("gvs,st,gwt->gvw", through, common, through)
    return own, -(through @ common)[:, :, :s], common
