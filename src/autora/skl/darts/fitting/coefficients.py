"""All coefficients of a model as one vector, with their errors.

The edges' coefficients, the read-out and the bias are estimated together; the covariance is
that of non-linear least squares, s² (JᵀJ)⁻¹ (Seber & Wild 1989, Nonlinear Regression,
section 2.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import least_squares

from ..graph.model import Model
from ..graph.objectives import Objective
from ..graph.observations import typical_size
from ..graph.primitives import Primitive
from .derivatives import (
    Place,
    columns,
    jacobian,
    latent_nodes,
    of_edges,
    values,
    with_values,
)
from .problem import Problem
from .refit import blocks, normal_equations

#: Times that an argument may exceed its natural size, and terms that cancel their sum.
LARGEST = 1e6
#: The same of an exponential, whose values then span more than a hundred powers of ten.
_LARGEST_EXPONENT = 200.0
#: Exponents beyond which a power means nothing.
_LARGEST_POWER = 100.0


def places(model: Model, problem: Problem) -> list[Place]:
    """The coefficients that were fitted."""
    found = of_edges(model)
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
    starts = model.origin.tolist()
    inputs = [
        f"{name} - {start:.10g}" if start else name
        for name, start in zip(input_names, starts, strict=True)
    ]
    names = [*inputs, *(f"k_{k + 1}" for k in range(space.n_nodes))]
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


def is_carried(problem: Problem, model: Model) -> bool:
    """Whether double precision carries the coefficients.

    A coefficient inside of a function that turns its argument into millions, as a wave of
    that many turns, means nothing, and one whose relative change moves the read-out by
    millions of its size loses nine digits of it to rounding.
    """
    for edge in model.edges():
        if edge.source < model.space.n_inputs and not edge.primitive.straight:
            size = typical_size(problem.x[:, edge.source])
            limits = largest_coefficients(edge.primitive, size)
            if not (np.abs(edge.coefs) <= limits).all():
                return False
    where = places(model, problem)
    with np.errstate(all="ignore"):
        columns = jacobian(problem, model, where) * values(model, where)
        eta = model.eta(problem.x)
        unit = max(float(np.abs(eta).max()), float(np.abs(problem.y).max()))
        return not len(where) or bool(np.abs(columns).max() <= LARGEST * unit)


def largest_coefficients(primitive: Primitive, size: float) -> np.ndarray:
    """Largest sizes of a primitive's coefficients that still mean something.

    ``size`` is that of its source.
    """
    with np.errstate(all="ignore"):
        free = LARGEST * max(1.0, float(np.float64(size) ** -2))
    limits = {
        "slope": (_LARGEST_EXPONENT if primitive.exponential else LARGEST) / size,
        "shift": LARGEST * max(1.0, size),
        "shape": free,
        "exponent": _LARGEST_POWER,
    }
    return np.array([limits[kind] for kind in primitive.params])


def _residual(problem: Problem, model: Model) -> np.ndarray:
    root = np.sqrt(problem.weight)[:, None]
    return ((model.eta(problem.x) - problem.y) * root).ravel()


def standard_errors(problem: Problem, model: Model) -> np.ndarray:
    """Standard error of every place; infinite where the data do not determine it."""
    where = places(model, problem)
    if not len(where):
        return np.zeros(0)
    with np.errstate(all="ignore"):
        known = [_information(part, model, where) for part in blocks(problem)]
    return errors_from(np.sum(known, axis=0), variance(problem, model, len(where)))


def errors_from(information: np.ndarray, scale: float | None) -> np.ndarray:
    """Standard errors of the parameters of a Fisher information.

    ``scale`` is the variance that it lacks (see `variance`). Infinite where the data do
    not determine a parameter.
    """
    inverse, undetermined = inverse_of(information)
    if scale is None:
        return np.full(len(information), np.inf)
    with np.errstate(all="ignore"):  # a coefficient of 1e200 may overflow: infinite
        errors = np.sqrt(scale * np.diag(inverse))
    return np.where(undetermined, np.inf, errors)


def inverse_of(information: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The inverse of a Fisher information, and which parameters it says nothing of.

    Directions that the data do not determine have a variance that is huge, but finite; all
    are infinite where the information is not finite.
    """
    known = _Spectrum.of(information)
    if known is None:
        return np.full(information.shape, np.inf), np.ones(len(information), bool)
    values_, vectors, unit, floor = known
    undetermined = (vectors[:, values_ < floor] ** 2).sum(axis=1) > 1e-6
    with np.errstate(all="ignore"):
        inverse = (vectors / np.maximum(values_, floor)) @ vectors.T / unit / unit[:, None]
        size = np.diag(information)
    return inverse, undetermined | (size == 0)


def sandwich(information: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Covariance of parameters that several outputs share, each with its own noise.

    Parameters
    ----------
    information : ndarray of shape (outputs, parameters, parameters)
        Of each output, up to its noise.
    noise : ndarray of shape (outputs,)
        Variances; in directions that no output determines the largest counts.
    """
    total = information.sum(axis=0)
    known = _Spectrum.of(total)
    if known is None:
        return np.full(total.shape, np.inf)
    with np.errstate(all="ignore"):
        size = np.maximum(known.values, known.floor)
        root = known.vectors / np.sqrt(size) / known.unit[:, None]
        middle = root.T @ np.einsum("q,qpr->pr", noise, information) @ root
        open_ = 1 - np.maximum(known.values, 0.0) / size
        middle = middle + noise.max() * np.diag(open_)
    if not np.isfinite(middle).all():
        return np.full(total.shape, np.inf)
    values_, vectors = np.linalg.eigh((middle + middle.T) / 2)
    root = root @ (vectors * np.sqrt(np.maximum(values_, 0.0)))
    return root @ root.T


class _Spectrum(NamedTuple):
    """Eigenvalues of an information in units of its diagonal."""

    values: np.ndarray
    vectors: np.ndarray
    unit: np.ndarray
    floor: float  #: eigenvalue below which a direction counts as undetermined

    @classmethod
    def of(cls, information: np.ndarray) -> _Spectrum | None:
        """None where it is not finite."""
        with np.errstate(all="ignore"):
            size = np.sqrt(np.diag(information))
            unit = np.where((size > 0) & np.isfinite(size), size, 1.0)
            information = information / unit / unit[:, None]
        if not np.isfinite(information).all():
            return None
        values_, vectors = np.linalg.eigh(information)
        floor = 1e-12 * max(values_.max(initial=0.0), 1e-300)
        return cls(values_, vectors, unit, floor)


def variance(problem: Problem, model: Model, count: int) -> float | None:
    """What scales the inverse information: the residual variance, 1 of a likelihood.

    It is no less than that of an error of y that is known. None where there are not more
    observations than coefficients.
    """
    if model.objective.likelihood:
        return 1.0
    free = problem.weight.sum() * model.space.n_outputs - count
    with np.errstate(all="ignore"):
        residual = _residual(problem, model)
        found = float(residual @ residual / free) if free > 0 else None
    if problem.measured and found is not None:
        found = max(found, float(np.mean(problem.floor)))
    return found


def _information(problem: Problem, model: Model, where: Sequence[Place]) -> np.ndarray:
    """Fisher information of the rows, up to the variance of least squares."""
    slopes = columns(model, where, *latent_nodes(model, problem.x, True))
    return information(problem, model.objective, model.eta(problem.x), slopes)


def information(
    problem: Problem, objective: Objective, eta: np.ndarray, slopes: np.ndarray
) -> np.ndarray:
    """Fisher information of parameters, up to the variance of least squares.

    Parameters
    ----------
    eta : ndarray of shape (n, outputs)
        The read-out.
    slopes : ndarray of shape (parameters, n, outputs)
        Its derivatives.
    """
    weight = problem.weight[:, None]
    found, _ = normal_equations(objective, eta, problem.y, slopes, weight)
    # The mean of squares over the outputs has twice that curvature.
    return found if objective.likelihood else found * (eta.shape[1] / 2)


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
        # Not "lm": where columns depend on others, MINPACK's steps follow what happens to
        # be in memory, and the same fit would end in other bits. Its test of the gradient
        # is relative, that of "trf" is not and would end exact fits too soon.
        answer = least_squares(
            residual, start, slopes, method="trf", x_scale="jac", gtol=None, max_nfev=steps
        )
    found = with_values(model, where, answer.x)
    better = sum_of_squares(problem, found) <= sum_of_squares(problem, model)
    return found if better else model


def sum_of_squares(problem: Problem, model: Model) -> float:
    with np.errstate(all="ignore"):
        residual = _residual(problem, model)
        loss = float(residual @ residual)
    return loss if np.isfinite(loss) else np.inf
