"""Coefficients of a graph of which some differ between groups of rows, exactly.

The Gauss–Newton matrix has a block for every group and a border of what is shared. A step
eliminates the blocks one by one (block angular least squares: Björck 1996, Numerical
Methods for Least Squares Problems, section 6.3), so that its cost grows with the rows and
the number of groups, not with the cube of that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from ..graph.effects import GroupEffects, Place
from ..graph.elementary import NUMPY
from ..graph.model import Model
from .coefficients import places
from .derivatives import latent_nodes, values, with_values
from .problem import Problem
from .refit import HUGE, descended

_STEPS = 60


class Prior(NamedTuple):
    """A normal distribution of every varying coefficient over the groups."""

    mean: np.ndarray  #: (varying,), of logarithms where `GroupEffects.log` says so
    precision: np.ndarray  #: (varying,), as a factor of squares beside the mean loss


class _Layout(NamedTuple):
    """Rows sorted by group, and which coefficients are whose."""

    problem: Problem
    shared: list[Place]
    varying: list[Place]
    groups: np.ndarray  #: (present,) numbers of the groups that have rows
    starts: np.ndarray  #: (present,) their first rows
    log: np.ndarray  #: (varying,) whether steps are those of logarithms
    prior: Prior | None

    @classmethod
    def of(cls, problem: Problem, model: Model, prior: Prior | None = None) -> _Layout:
        assert model.effects is not None
        number = problem.x[:, -1].astype(int)
        order = np.argsort(number, kind="stable")
        problem = problem._replace(
            x=problem.x[order], y=problem.y[order], weight=problem.weight[order]
        )
        groups, starts = np.unique(number[order], return_index=True)
        varying = list(model.effects.places)
        known = {*varying, *model.effects.fixed}
        shared = [place for place in places(model, problem) if place not in known]
        log = np.array(model.effects.log, bool)
        return cls(problem, shared, varying, groups, starts, log, prior)

    def per_group(self, rows: np.ndarray) -> np.ndarray:
        """Sums over the rows (n, …) of every group (present, …)."""
        return np.add.reduceat(rows, self.starts, axis=0)


class Equations(NamedTuple):
    """Gauss–Newton equations of the mean loss, in blocks."""

    blocks: np.ndarray  #: (present, v, v)
    border: np.ndarray  #: (present, v, s)
    corner: np.ndarray  #: (s, s)
    own: np.ndarray  #: (present, v) gradient
    common: np.ndarray  #: (s,) gradient

    def scaled(self) -> tuple[Equations, np.ndarray, np.ndarray]:
        """In units that give the matrix a unit diagonal, and these units."""
        own = _units(np.einsum("gii->gi", self.blocks))
        common = _units(np.diag(self.corner))
        found = Equations(
            self.blocks * own[:, :, None] * own[:, None, :],
            self.border * own[:, :, None] * common,
            self.corner * common * common[:, None],
            self.own * own,
            self.common * common,
        )
        return found, own, common

    def solve(self, damping: float) -> tuple[np.ndarray, np.ndarray]:
        """The step in what groups have of their own, and in what is shared."""
        v, s = self.border.shape[1:]
        blocks = self.blocks + damping * np.eye(v)
        right = np.concatenate([self.border, self.own[:, :, None]], axis=2)
        eliminated = np.linalg.solve(blocks, right)
        through, alone = eliminated[:, :, :s], eliminated[:, :, s]
        schur = self.corner + damping * np.eye(s)
        schur = schur - np.einsum("gvs,gvt->st", self.border, through)
        rest = self.common - np.einsum("gvs,gv->s", self.border, alone)
        common = -np.linalg.solve(schur, rest) if s else np.zeros(0)
        return -alone - through @ common, common


def _units(diagonal: np.ndarray) -> np.ndarray:
    root = np.sqrt(np.maximum(diagonal, 0.0))
    with np.errstate(divide="ignore"):
        return np.where(root > 0, 1 / root, 0.0)


class _Point(NamedTuple):
    layout: _Layout
    model: Model
    loss: float  #: with the prior's, which decides about a step
    misfit: float  #: without
    equations: Equations

    def steps(self) -> Callable[[float], np.ndarray] | None:
        scaled, own, common = self.equations.scaled()
        gradient = np.concatenate([scaled.own.ravel(), scaled.common])
        if not gradient.any() or not np.isfinite(scaled.blocks).all():
            return None

        def step(damping: float) -> np.ndarray:
            ours, shared = scaled.solve(damping)
            return np.concatenate([(ours * own).ravel(), shared * common])

        return step


class _Slopes(NamedTuple):
    """The read-out, and its derivatives in what groups have of their own and share."""

    eta: np.ndarray  #: (n,)
    own: np.ndarray  #: (v, n)
    shared: np.ndarray  #: (s, n)

    @classmethod
    def of(cls, layout: _Layout, model: Model) -> _Slopes | None:
        """None where something is not finite."""
        x, effects = layout.problem.x, model.effects
        assert effects is not None
        nodes, tangents = latent_nodes(model, x, True)
        if not ((np.abs(nodes) < HUGE).all() and (np.abs(tangents) < HUGE).all()):
            return None
        own = model.columns_of(x)[1]
        edges = np.zeros(tangents.shape[1:])
        eta = np.zeros(len(x)) + model.intercept(0, own)
        for k, weight in model.weights(0, own).items():
            eta = eta + weight * nodes[k]
            edges += weight * tangents[k]
        first = model.sizes.cumsum() - model.sizes

        def columns(where: Sequence[Place]) -> np.ndarray:
            found = np.ones((len(where), len(eta)))
            for column, place in zip(found, where, strict=True):
                if place.kind == "edge":
                    column[:] = edges[first[place.row] + place.column]
                elif place.kind == "readout":
                    column[:] = nodes[place.row]
            return found

        chain = np.where(layout.log, effects.values[layout.groups], 1.0)
        sizes = np.diff(np.append(layout.starts, len(eta)))
        ours = columns(layout.varying) * np.repeat(chain, sizes, axis=0).T
        found = cls(eta, ours, columns(layout.shared))
        return found if all(np.isfinite(part).all() for part in found) else None


@np.errstate(all="ignore")
def _linearised(layout: _Layout, model: Model) -> _Point | None:
    """The equations at a model; None where something is not finite."""
    problem, effects, prior = layout.problem, model.effects, layout.prior
    assert effects is not None
    slopes = _Slopes.of(layout, model)
    if slopes is None:
        return None
    eta, own, shared = slopes
    share = problem.weight / problem.weight.sum()
    losses = model.objective.loss(NUMPY, eta[:, None], problem.y)
    loss = misfit = float(losses @ share)
    slope, curvature = model.objective.slopes(NUMPY, eta[:, None], problem.y)
    slope, curvature = slope[:, 0] * share, curvature[:, 0] * share
    if not np.isfinite(loss):
        return None
    bent = own * curvature
    blocks = layout.per_group(np.einsum("in,jn->nij", bent, own))
    border = layout.per_group(np.einsum("in,jn->nij", bent, shared))
    gradient = layout.per_group((own * slope).T)
    if prior is not None:
        off = effects.parameters[layout.groups] - prior.mean
        loss += float((prior.precision * off**2).sum())
        gradient = gradient + 2 * prior.precision * off
        blocks = blocks + 2 * np.diag(prior.precision)
    corner, common = (shared * curvature) @ shared.T, shared @ slope
    equations = Equations(blocks, border, corner, gradient, common)
    return _Point(layout, model, loss, misfit, equations)


def _moved(point: _Point, step: np.ndarray) -> _Point | None:
    layout, model = point.layout, point.model
    effects = model.effects
    assert effects is not None
    size = len(layout.groups) * len(layout.varying)
    ours, shared = step[:size].reshape(len(layout.groups), -1), step[size:]
    before = effects.values[layout.groups]
    with np.errstate(over="ignore"):
        after = np.where(layout.log, before * np.exp(ours), before + ours)
    found = effects.values.copy()
    found[layout.groups] = after
    there = with_values(model, layout.shared, values(model, layout.shared) + shared)
    return _linearised(layout, there.replace(effects=effects._replace(values=found)))


class GroupedFit(NamedTuple):
    model: Model
    loss: float  #: weighted mean loss


def fitted(
    problem: Problem, start: Model, max_iter: int = _STEPS, prior: Prior | None = None
) -> GroupedFit:
    """Fit what is shared and what every group has of its own, from where they are.

    Parameters
    ----------
    problem : Problem
        One output; the last column of x is the number of a row's group.
    start : Model
        With ``effects``, which say what varies. Groups without rows keep their values.
    prior : Prior, default=None
        What is known of the varying coefficients.
    """
    point = _linearised(_Layout.of(problem, start, prior), start)
    if point is None:
        return GroupedFit(start, np.inf)
    point, _ = descended(point, _moved, max_iter)
    return GroupedFit(with_population(point.model), point.misfit)


def with_population(model: Model) -> Model:
    """The model whose own arrays have the medians over the groups."""
    effects = model.effects
    assert effects is not None
    return with_values(model, effects.places, np.median(effects.values, axis=0))


def all_places(model: Model, problem: Problem) -> list[Place]:
    """Every coefficient that may vary between groups."""
    found = [place for place in places(model, problem) if place.kind != "bias"]
    return [*found, *([Place("bias", 0, 0)] if problem.train_bias else [])]


def with_effects(
    model: Model,
    where: Sequence[Place],
    n_groups: int,
    rows: np.ndarray | None = None,
    fixed: Sequence[Place] = (),
) -> Model:
    """The model with coefficients that vary, (groups, where) of them where given."""
    if rows is None:
        rows = np.tile(values(model, where), (n_groups, 1))
    unknown = np.full(len(where), np.nan)
    plain = (False,) * len(where)
    effects = GroupEffects(tuple(where), rows, unknown, plain, tuple(fixed))
    return model.replace(effects=effects)


class Knowledge(NamedTuple):
    """What the rows of every group say of its coefficients, to second order."""

    blocks: np.ndarray  #: (groups, v, v) second derivatives of the mean loss
    gradient: np.ndarray  #: (groups, v)
    loss: float


def knowledge(problem: Problem, model: Model) -> Knowledge | None:
    """What the rows say around a model; None where something is not finite."""
    assert model.effects is not None
    layout = _Layout.of(problem, model)
    point = _linearised(layout, model)
    if point is None:
        return None
    count, size = model.effects.values.shape
    blocks, gradient = np.zeros((count, size, size)), np.zeros((count, size))
    blocks[layout.groups] = point.equations.blocks
    gradient[layout.groups] = point.equations.own
    return Knowledge(blocks, gradient, point.misfit)


def joint_equations(
    problem: Problem, model: Model
) -> tuple[list[Place], np.ndarray, Equations, float] | None:
    """What is shared, the groups that have rows, and the equations of both, at a model.

    The last is the mean loss. None where something is not finite.
    """
    layout = _Layout.of(problem, model)
    point = _linearised(layout, model)
    if point is None:
        return None
    return layout.shared, layout.groups, point.equations, point.misfit
