"""Several outputs over shared latent nodes, by forward selection.

Parts found for one output or another are added while that pays. Which of them, and which
outputs read it, is decided by the predicted gain of the whole loss, then by an exact refit;
what is not needed goes by backward elimination.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ..fitting.problem import Problem
from ..fitting.refit import levenberg_marquardt, without_steep_slopes
from ..graph.elementary import NUMPY
from ..graph.model import Model
from ..graph.primitives import IDENTITY
from ..selection.candidates import Candidate, eliminated
from ..selection.criteria import complexity_of, evidence, judged
from .assembly import Part, assembled, space_for, whole
from .single_output import Found

#: Parts offered per output; those tried exactly at every step; most in a model.
_OFFERED, _TRIED, _MOST_PARTS = 16, 5, 6
_STEPS = 25
#: Steps of a try.
FEW_STEPS = 10
#: Share of the largest weight of a node that is as good as none.
_LEVEL = 0.3


def parts_of(found: Sequence[Found]) -> list[Part]:
    """Distinct nodes that the best models of every output read, and terms of those."""
    parts: dict[tuple, Part] = {}
    for one in found:
        before = len(parts)
        for candidate in one.candidates:
            model = candidate.fit.model
            for node in whole(model).reads:
                for part in (Part(model, (node,)), *_terms(model, node)):
                    parts.setdefault(part.key, part)
            if len(parts) >= before + _OFFERED:
                break
    return list(parts.values())


def _terms(model: Model, node: int) -> Iterator[Part]:
    """The terms of a sum, each as a node of its own."""
    into = [edge.index for edge in model.edges() if edge.target == node]
    for kept in into if len(into) > 1 and not model.products[node] else ():
        alone = model
        for other in set(into) - {kept}:
            alone = alone.with_primitive(other, model.space.off)
        yield Part(alone, (node,))


def _values(part: Part, x: np.ndarray) -> np.ndarray:
    """The nodes that a part shows to a read-out, shape (reads, n)."""
    with np.errstate(all="ignore"):
        return np.array(part.model.evaluate(NUMPY, list(x.T), np.zeros(len(x))))[
            list(part.reads)
        ]


def _gains(
    problem: Problem, current: Candidate, columns: np.ndarray, basis: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Predicted fall of −2 log-likelihood and read-out weight, (columns, outputs)."""
    objective = current.fit.model.objective
    eta = current.fit.model.eta(problem.x)
    slope, curvature = objective.slopes(NUMPY, eta, problem.y)
    gains, weights = np.zeros((2, len(columns), problem.y.shape[1]))
    for q in range(problem.y.shape[1]):
        h = problem.weight * np.maximum(curvature[:, q], 1e-12)
        root = np.sqrt(h)
        u, size, _ = np.linalg.svd((basis * root).T, full_matrices=False)
        u = u[:, size > 1e-9 * size.max()]
        scaled = columns * root
        rest = scaled - (scaled @ u) @ u.T
        target = -slope[:, q] * problem.weight / root
        square = np.maximum((rest**2).sum(axis=1), 1e-300)
        weights[:, q] = rest @ target / square
        gains[:, q] = np.where(
            square > 1e-9 * (scaled**2).sum(axis=1), (rest @ target) ** 2 / square, 0.0
        )
    if objective.likelihood:
        return gains, weights
    left = max(current.fit.loss, 1e-300) * problem.weight.sum()
    n = problem.weight.sum() * problem.y.shape[1]
    share = np.clip(gains / (2 * left), 0.0, 1 - 1e-13)
    return -n * np.log1p(-share), weights


def _extended(
    problem: Problem, current: Candidate, parts: Sequence[Part]
) -> list[Candidate]:
    """The current model with the most promising parts added, one at a time."""
    x, model = problem.x, current.fit.model
    columns = np.concatenate([_values(part, x) for part in parts])
    usable = np.flatnonzero((np.abs(columns) < 1e8).all(axis=1))
    basis = np.concatenate([np.ones((1, len(x))), _values(whole(model), x)])
    gains, weights = _gains(problem, current, columns[usable], basis)
    cost = evidence(problem, model.objective.likelihood).price
    pays = (gains > cost) | (gains == gains.max(axis=1, keepdims=True))
    score = np.where(pays, gains - cost, 0.0).sum(axis=1)
    size = [complexity_of(parts[int(i)].edges()) for i in usable]
    order = np.argsort(cost * np.array(size) - score, kind="stable")[:_TRIED]
    trials = []
    for i in order:
        pair = [whole(model), parts[int(usable[i])]]
        space = space_for([pair], model.space, len(model.bias))
        readouts = [model.readout[list(pair[0].reads)], weights[[i]] * pays[[i]]]
        start = assembled(pair, space, model.objective, readouts, model.bias)
        trials.append(fitted(problem, start, _STEPS))
    return trials


def forward_steps(problem: Problem, empty: Model, parts: Sequence[Part]) -> list[Candidate]:
    """Models on the way from an empty one; every part is read by the outputs it helps."""
    current = fitted(problem, empty, _STEPS)
    path = [current]
    for _ in range(_MOST_PARTS if parts else 0):
        trials = _extended(problem, current, parts)
        path += trials
        best = min(trials, key=lambda c: c.criterion, default=current)
        if not best.criterion < current.criterion:
            break
        current = pruned(problem, best)
        path.append(current)
    return path


def fitted(problem: Problem, start: Model, steps: int) -> Candidate:
    """A model with the coefficients that are best under its objective's loss."""
    fit = without_steep_slopes(problem, levenberg_marquardt(problem, start, steps))
    return Candidate(fit, judged(fit.model, fit.loss, problem))


def pruned(problem: Problem, candidate: Candidate) -> Candidate:
    """The candidate made simpler as long as that improves the criterion."""
    return eliminated(candidate, _cheaper, lambda m: fitted(problem, m, FEW_STEPS))


def _cheaper(model: Model) -> Iterator[Model]:
    """Models with one read-out weight or edge less, or a simpler primitive on an edge."""
    if len(model.bias) > 1:
        for k, q in np.argwhere(model.readout):
            readout = model.readout.copy()
            readout[k, q] = 0
            yield model.replace(readout=readout)
    space, live = model.space, model.live_nodes()
    for edge in model.edges():
        if edge.target not in live:
            continue
        old = edge.primitive
        simpler = [
            i
            for i, new in enumerate(space.primitives)
            if (new == IDENTITY and new != old)
            or (new.base == old.base and new.n_params < old.n_params)
        ]
        for index in (space.off, *simpler):
            yield _changed(model, edge.index, index)


def without_common_scores(model: Model) -> Iterator[Model]:
    """The same scores but for what all have in common, as far as that spares weights.

    A softmax does not change when all its scores do by as much.
    """
    for k, row in enumerate(model.readout):
        for weight in np.unique(row[row != 0]):
            rest = row - weight
            rest[np.abs(rest) < _LEVEL * np.abs(rest).max()] = 0.0
            if rest.any():
                readout = model.readout.copy()
                readout[k] = rest
                yield model.replace(readout=readout)


def _changed(model: Model, e: int, index: int) -> Model:
    """The model with another primitive on an edge; empty nodes leave the read-out."""
    cut = model.with_primitive(e, index)
    fed = {piece.target for piece in cut.edges()}
    dead = np.array([k not in fed for k in range(model.space.n_nodes)])
    return cut.replace(readout=np.where(dead[:, None], 0.0, model.readout))
