"""Models under the true loss: refitted, judged, made simpler.

What `simplify` is to the compiled search, for any objective and any number of outputs.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .model import Model
from .primitives import NUMPY
from .refit import Fit, Problem, levenberg_marquardt
from .search import Candidate
from .select import misfit, price
from .selection import complexity

#: Steps of a try.
FEW_STEPS = 10
#: Slopes that large, in units of what they scale, stand for a step and would grow for
#: ever: the smallest of these does instead.
_STEEPEST = (1e2, 1e3, 1e4, 1e5, 1e6, 1e8)
#: Relative loss that a smaller slope may cost.
_TOLERANCE = 1e-6


def criterion(model: Model, loss: float, problem: Problem) -> float:
    """Bayesian information criterion by the complexity that the table shows."""
    if not np.isfinite(loss):
        return np.inf
    size = complexity(model, problem.train_readout)
    return misfit(model, loss, problem) + price(problem) * size


def fitted(problem: Problem, start: Model, steps: int) -> Candidate:
    """A model with the coefficients that are best under its objective's loss."""
    fit = tamed(problem, levenberg_marquardt(problem, start, steps))
    return Candidate(fit, criterion(fit.model, fit.loss, problem))


def tamed(problem: Problem, fit: Fit) -> Fit:
    """The fit with slopes that grew without an effect set back."""
    model, space = fit.model, fit.model.space
    with np.errstate(all="ignore"):
        nodes = model.evaluate(NUMPY, list(problem.x.T), np.zeros(len(problem.x)))
        size = np.sqrt(np.mean(np.array([*problem.x.T, *nodes]) ** 2, axis=1))
    unit = 1 / np.maximum(size[space.sources], 1e-300)
    slope = [
        n > 0 and space.primitives[model.architecture[e]].params[0] == "slope"
        for e, n in enumerate(model.sizes)
    ]
    for steepest in _STEEPEST:
        edge, most = model.edge.copy(), steepest * unit[slope]
        edge[slope, 0] = np.clip(edge[slope, 0], -most, most)
        if (edge == model.edge).all():
            return fit
        other = levenberg_marquardt(problem, model.replace(edge=edge), 0)
        if other.loss <= fit.loss * (1 + _TOLERANCE):
            return other
    return fit


def simpler(problem: Problem, candidate: Candidate) -> Candidate:
    """The candidate made simpler as long as that improves the criterion."""
    while True:
        tries = [fitted(problem, m, FEW_STEPS) for m in _cheaper(candidate.fit.model)]
        best = min(tries, key=lambda c: c.criterion, default=candidate)
        if not best.criterion < candidate.criterion:
            return candidate
        candidate = best


def _cheaper(model: Model) -> Iterator[Model]:
    """Models with one read-out weight or edge less, or a simpler primitive on an edge."""
    if len(model.bias) > 1:
        for k, q in np.argwhere(model.readout):
            readout = model.readout.copy()
            readout[k, q] = 0
            yield model.replace(readout=readout)
    space, live = model.space, model.live_nodes()
    off = -1 if space.none is None else space.none
    on = (model.architecture != off) & (model.architecture >= 0)
    for e in np.flatnonzero(on & np.isin(space.targets, list(live))):
        old = space.primitives[model.architecture[e]]
        simpler = [
            i
            for i, new in enumerate(space.primitives)
            if new.name == "add" or (new.base == old.base and new.n_params < old.n_params)
        ]
        for index in (off, *simpler):
            if index != model.architecture[e]:
                yield _changed(model, int(e), index)


def _changed(model: Model, e: int, index: int) -> Model:
    """The model with another primitive on an edge; empty nodes leave the read-out."""
    architecture, edge = model.architecture.copy(), model.edge.copy()
    architecture[e] = index
    kept = model.space.n_params[index] if index >= 0 else 0
    edge[e, kept:] = 0
    cut = model.replace(architecture=architecture, edge=edge)
    fed = {piece.target for piece in cut.edges()}
    dead = np.array([k not in fed for k in range(model.space.n_nodes)])
    return cut.replace(readout=np.where(dead[:, None], 0.0, model.readout))
