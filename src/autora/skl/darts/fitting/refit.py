"""Coefficients of a fixed architecture, exactly: Levenberg–Marquardt in double precision.

A trained read-out of a least-squares objective is solved in closed form inside every
step and the remaining coefficients move along the projected Jacobian: variable
projection (Golub & Pereyra 1973, SIAM J. Numer. Anal. 10, with Kaufman's 1975 Jacobian).
Damping follows Marquardt (1963, J. SIAM 11), whose diagonal scaling makes the result
independent of the units of X and y.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol, TypeVar

import numpy as np

from ..graph.elementary import NUMPY
from ..graph.model import Model
from ..graph.objectives import Objective
from .derivatives import Place, columns, latent_nodes, of_edges, values, with_values
from .problem import Problem

#: Damping increases in a row after which the fit gives up.
_PATIENCE = 12
#: Share of a Jacobian column that may be left by projection and still be rounding error.
_DEPENDENT = 1e-9
#: Smallest damping: bounds the steps along directions that the data do not determine.
_LEAST_DAMPING = 1e-12
#: Values from here on count as not finite: their squares would overflow.
HUGE = 1e150
#: Slopes above these, in units of what they scale, stand for a step and would grow for
#: ever; the first that serves does instead, for so small a share of the loss.
_STEEPEST, _TAMED = (1e2, 1e3, 1e4, 1e5, 1e6, 1e8), 1e-6
#: Smallest relative improvement that counts as progress.
_TOLERANCE = 1e-13
#: Rows whose derivatives are in memory at a time.
_BLOCK = 20_000


class Fit(NamedTuple):
    model: Model
    loss: float  #: weighted mean loss; inf when no coefficients give finite values
    iterations: int


class _Point(NamedTuple):
    """The problem linearised at some coefficients: its Gauss–Newton equations."""

    model: Model
    loss: float
    where: list[Place]  #: the parameters
    matrix: np.ndarray  #: (parameters, parameters), of the mean loss
    gradient: np.ndarray  #: (parameters,)

    def steps(self) -> Callable[[float], np.ndarray] | None:
        return dense_steps(self.matrix, self.gradient)


def blocks(problem: Problem) -> Iterator[Problem]:
    """The rows in parts whose derivatives fit into memory."""
    for start in range(0, max(len(problem.x), 1), _BLOCK):
        rows = slice(start, start + _BLOCK)
        yield problem._replace(
            x=problem.x[rows], y=problem.y[rows], weight=problem.weight[rows]
        )


def _closed_form(problem: Problem, nodes: np.ndarray, model: Model) -> Model:
    """Least-squares read-out; the intercept is removed first, so large means do no harm."""
    root = np.sqrt(problem.weight)[:, None]
    z, y = nodes.T, problem.y
    if not problem.train_readout:
        rest = y - z @ model.readout
        return model.replace(bias=np.average(rest, axis=0, weights=problem.weight))
    centred = float(problem.train_bias)
    mean_z = centred * np.average(z, axis=0, weights=problem.weight)
    mean_y = centred * np.average(y, axis=0, weights=problem.weight)
    readout = np.linalg.lstsq((z - mean_z) * root, (y - mean_y) * root, rcond=1e-12)[0]
    bias = mean_y - mean_z @ readout if problem.train_bias else model.bias
    return model.replace(readout=readout, bias=bias)


def projected(taken_up: np.ndarray, jacobian: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Remove from a Jacobian (p, n, outputs) what a closed form would take up anyway.

    ``taken_up`` are the columns of the closed form, shape (columns, n).
    """
    root = np.sqrt(weight)
    u, size, _ = np.linalg.svd((taken_up * root).T, full_matrices=False)
    basis = u[:, size > 1e-10 * max(size.max(initial=0.0), 1e-300)]
    scaled = jacobian * root[None, :, None]
    size_before = np.linalg.norm(scaled.reshape(len(scaled), -1), axis=1)
    inside = np.einsum("nb,mb,pmo->pno", basis, basis, scaled, optimize=True)
    scaled = scaled - inside
    # A column that the closed form takes up entirely leaves rounding errors, which a
    # solver in scaled units would mistake for a direction.
    size_after = np.linalg.norm(scaled.reshape(len(scaled), -1), axis=1)
    scaled[size_after <= _DEPENDENT * size_before] = 0
    return scaled / np.maximum(root, 1e-150)[None, :, None]


def _project(problem: Problem, nodes: np.ndarray, jacobian: np.ndarray) -> np.ndarray:
    """Remove from the Jacobian what the closed-form read-out would take up."""
    taken_up = np.ones((int(problem.train_bias), len(problem.x)))
    if problem.train_readout:
        taken_up = np.concatenate([taken_up, nodes])
    return projected(taken_up, jacobian, problem.weight)


def _moving(problem: Problem, model: Model) -> list[Place]:
    """Coefficients that a step moves: all that are not solved for in closed form."""
    where = of_edges(model)
    if problem.closed_form(model.objective):
        return where
    trained = np.argwhere(problem.trained_weights(model)).tolist()
    where += [Place("readout", k, q) for k, q in trained]
    biases = range(model.bias.size if problem.train_bias else 0)
    return [*where, *(Place("bias", 0, q) for q in biases)]


def _linearise(problem: Problem, model: Model) -> _Point | None:
    """The problem around ``model``; None where a value or derivative is not finite."""
    total, parts = problem.weight.sum(), []
    for block in blocks(problem):
        part = _linearised_block(block, model, total)
        if part is None:
            return None
        parts.append(part)
    # More than one block leaves the read-out to the steps: its model is ``model``.
    return _Point(
        parts[-1].model,
        sum(part.loss for part in parts),
        parts[-1].where,
        np.sum([part.matrix for part in parts], axis=0),
        np.sum([part.gradient for part in parts], axis=0),
    )


def _linearised_block(problem: Problem, model: Model, total: float) -> _Point | None:
    """What some rows add to the equations of all, whose weights sum to ``total``."""
    objective = model.objective
    with np.errstate(all="ignore"):
        nodes, tangents = latent_nodes(model, problem.x, True)
        if not ((np.abs(nodes) < HUGE).all() and (np.abs(tangents) < HUGE).all()):
            return None
        closed = problem.closed_form(objective)
        if closed:
            model = _closed_form(problem, nodes, model)
        where = _moving(problem, model)
        jacobian = columns(model, where, nodes, tangents)
        if closed and len(jacobian):
            jacobian = _project(problem, nodes, jacobian)
        eta = nodes.T @ model.readout + model.bias
        losses = objective.loss(NUMPY, eta, problem.y)
        loss = float((losses * problem.weight).sum() / total)
        if not (np.isfinite(loss) and np.isfinite(jacobian).all()):
            return None
        share = problem.weight[:, None] / total
        equations = normal_equations(objective, eta, problem.y, jacobian, share)
    return _Point(model, loss, where, *equations)


def normal_equations(
    objective: Objective,
    eta: np.ndarray,
    y: np.ndarray,
    jacobian: np.ndarray,
    weight: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Gauss–Newton matrix and gradient of the losses, weighted by (n, 1)."""
    slope, curvature = objective.slopes(NUMPY, eta, y)
    flat = jacobian.reshape(len(jacobian), eta.size)
    matrix = (flat * (curvature * weight).ravel()) @ flat.T
    if objective.competing:
        # total·(diag(p) − p·pᵀ), the curvature of a softmax, is diag(c) − c·cᵀ/Σc.
        total = np.maximum(curvature.sum(axis=1), 1e-300)
        mean = np.einsum("pnq,nq->pn", jacobian, curvature)
        matrix = matrix - (mean * (weight[:, 0] / total)) @ mean.T
    return matrix, flat @ (slope * weight).ravel()


def levenberg_marquardt(problem: Problem, start: Model, max_iter: int) -> Fit:
    """Fit the coefficients of ``start``'s architecture, starting from its own.

    The loss of the result is never above the loss of ``start``. A start with a non-finite
    value on any row has infinite loss. Of very many rows the derivatives are summed block
    by block; the read-out then takes the same steps as the edges.
    """
    if len(problem.x) > _BLOCK:
        problem = problem._replace(sparse_readout=True)
    point = _linearise(problem, start)
    if point is None:
        return Fit(start, np.inf, 0)

    def moved(point: _Point, step: np.ndarray) -> _Point | None:
        there = values(point.model, point.where) + step
        return _linearise(problem, with_values(point.model, point.where, there))

    point, iterations = descended(point, moved, max_iter)
    return Fit(point.model, point.loss, iterations)


class Linearised(Protocol):
    """What a descent needs to know of a point."""

    @property
    def loss(self) -> float: ...

    def steps(self) -> Callable[[float], np.ndarray] | None:
        """The step at a damping; None where there is none to take."""
        ...


def dense_steps(
    matrix: np.ndarray, gradient: np.ndarray
) -> Callable[[float], np.ndarray] | None:
    """Marquardt's steps from Gauss–Newton equations."""
    # In units that give the matrix a unit diagonal.
    diagonal = np.sqrt(np.maximum(np.diag(matrix), 0.0))
    unit = 1 / np.where(diagonal > 0, diagonal, np.inf)
    matrix, gradient = matrix * unit * unit[:, None], gradient * unit
    if not gradient.any() or not np.isfinite(matrix).all():
        return None

    def step(damping: float) -> np.ndarray:
        damped = matrix + damping * np.eye(len(matrix))
        return -np.linalg.solve(damped, gradient) * unit

    return step


P = TypeVar("P", bound=Linearised)


def descended(
    point: P, moved: Callable[[P, np.ndarray], P | None], max_iter: int
) -> tuple[P, int]:
    """Levenberg–Marquardt steps down from a point, and how many were tried.

    ``moved`` is the point after a step in the parameters; None where it is not finite.
    """
    damping, rejected, iteration = 1e-3, 0, 0
    while iteration < max_iter and rejected < _PATIENCE:
        step = point.steps()
        if step is None:
            break
        progress = None
        while progress is None and rejected < _PATIENCE and iteration < max_iter:
            iteration += 1
            trial = moved(point, step(damping))
            if trial is not None and trial.loss < point.loss:
                progress = point.loss - trial.loss
                damping, rejected = max(damping / 5, _LEAST_DAMPING), 0
                settled = progress <= _TOLERANCE * point.loss
                point = trial
            else:
                damping, rejected = damping * 4, rejected + 1
        if progress is None or settled:
            break
    return point, iteration


def without_traces(problem: Problem, model: Model) -> Model:
    """Trained read-out weights and biases that are rounding errors become zero.

    A term counts as one when it moves no prediction by more than 1e-10 of the size of y;
    a read-out of 1e-15 would otherwise show up in the equation.
    """
    nodes, _ = latent_nodes(model, problem.x)
    size = np.abs(problem.y).max(axis=0)
    reach = np.abs(nodes).max(axis=1)[:, None] * np.abs(model.readout)
    readout = np.where(reach <= 1e-10 * size, 0.0, model.readout)
    bias = np.where(np.abs(model.bias) <= 1e-10 * size, 0.0, model.bias)
    return model.replace(
        readout=readout if problem.train_readout else model.readout,
        bias=bias if problem.train_bias else model.bias,
    )


def without_steep_slopes(problem: Problem, fit: Fit) -> Fit:
    """The fit with slopes that grew without an effect set back, their shifts with them."""
    model, space = fit.model, fit.model.space
    with np.errstate(all="ignore"):
        nodes, _ = latent_nodes(model, problem.x)
        size = np.sqrt(np.mean(np.concatenate([problem.x.T, nodes]) ** 2, axis=1))
        unit = 1 / np.maximum(size[space.sources], 1e-300)
    for steepest in _STEEPEST:
        edge, most = model.edge.copy(), steepest * unit
        for e in np.flatnonzero(np.abs(edge[:, 0]) > most):
            kinds = space.primitives[model.architecture[e]].params
            if kinds and kinds[0] == "slope":
                scaled = 1 + ("shift" in kinds[1:2])
                edge[e, :scaled] *= most[e] / abs(edge[e, 0])
        if (edge == model.edge).all():
            return fit
        other = levenberg_marquardt(problem, model.replace(edge=edge), 0)
        if other.loss <= fit.loss * (1 + _TAMED):
            return other
    return fit
