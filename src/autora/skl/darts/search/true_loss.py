"""Models under the true loss: refitted, judged, made simpler.

What `simplification` is to the compiled search, for any objective and any number of
outputs.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..fitting.problem import Problem
from ..fitting.refit import levenberg_marquardt, without_steep_slopes
from ..graph.model import Model
from ..selection.candidates import Candidate
from ..selection.criteria import judged

#: Steps of a try.
FEW_STEPS = 10


def fitted(problem: Problem, start: Model, steps: int) -> Candidate:
    """A model with the coefficients that are best under its objective's loss."""
    fit = without_steep_slopes(problem, levenberg_marquardt(problem, start, steps))
    return Candidate(fit, judged(fit.model, fit.loss, problem))


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
