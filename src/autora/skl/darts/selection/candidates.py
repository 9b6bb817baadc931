"""Candidates: architectures with their own exact refit, by which they are judged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ..fitting.problem import Problem
from ..fitting.refit import Fit, levenberg_marquardt
from ..graph.architecture import Coefs
from ..graph.model import Model
from ..graph.objectives import Objective
from ..graph.observations import typical_size
from ..graph.search_space import SearchSpace
from .criteria import EXACT, constant_loss, judged


class Candidate(NamedTuple):
    fit: Fit
    criterion: float

    @classmethod
    def of(cls, fit: Fit, problem: Problem) -> Candidate:
        return cls(fit, judged(fit.model, fit.loss, problem))

    @property
    def architecture(self) -> np.ndarray:
        return self.fit.model.architecture


class Setting(NamedTuple):
    """What a candidate is fitted to and how."""

    space: SearchSpace
    objective: Objective
    problem: Problem
    coefs: Coefs  #: coefficients of the mixture, the first start of every refit
    max_iter: int
    n_starts: int = 3


def slope_units(problem: Problem, space: SearchSpace) -> np.ndarray:
    """Unit of a slope on each edge: one over the size of its source."""
    size = np.array([typical_size(column) for column in problem.x.T])
    units = np.concatenate([1 / size, np.ones(space.n_nodes)])
    return units[space.sources]


def random_coefs(
    space: SearchSpace, units: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Starting coefficients of shape (edges, primitives, max_params)."""
    shape = (space.n_edges, space.n_primitives, space.max_params)
    coefs = rng.uniform(-1, 1, shape)
    for p, primitive in enumerate(space.primitives):
        for i, kind in enumerate(primitive.params):
            if kind == "slope":
                coefs[:, p, i] *= units
            elif kind in ("shape", "exponent"):
                coefs[:, p, i] = 1.0
    return coefs


def build(
    setting: Setting,
    architecture: np.ndarray,
    edge: np.ndarray,
    aggregation: np.ndarray | None = None,
) -> Model:
    """A model with the chosen primitives' share of a table of coefficients."""
    space = setting.space
    chosen = edge[np.arange(space.n_edges), architecture].astype(float)
    model = Model(
        space,
        setting.objective,
        architecture,
        chosen,
        np.asarray(setting.coefs.readout, float),
        np.asarray(setting.coefs.bias, float),
        aggregation,
    )
    used = np.arange(space.max_params) < model.sizes[:, None]
    return model.replace(edge=np.where(used, chosen, 0.0))


def _starts(
    setting: Setting,
    architecture: np.ndarray,
    known: Sequence[Model],
    rng: np.random.Generator,
    aggregation: np.ndarray | None = None,
) -> Iterator[Model]:
    """Where a refit begins: known fits, the mixture's coefficients, random ones."""
    yield from known
    space, edge = setting.space, np.asarray(setting.coefs.edge, float)
    model = build(setting, architecture, edge, aggregation)
    yield model
    if model.sizes.any():
        units = slope_units(setting.problem, space)
        for _ in range(setting.n_starts - 1):
            coefs = random_coefs(space, units, rng)
            yield build(setting, architecture, coefs, aggregation)


def refit(
    setting: Setting,
    architecture: np.ndarray,
    rng: np.random.Generator,
    starts: Sequence[Model] = (),
    aggregation: np.ndarray | None = None,
) -> Candidate:
    """The best of several exact refits of one architecture; nodes add up by default.

    Never worse than any of the models in ``starts``.
    """
    problem, fits = setting.problem, []
    exact = EXACT * constant_loss(problem)
    for model in _starts(setting, architecture, starts, rng, aggregation):
        fits.append(levenberg_marquardt(problem, model, setting.max_iter))
        if fits[-1].loss <= exact:
            break
    return Candidate.of(min(fits, key=lambda fit: fit.loss), problem)


def eliminated(
    candidate: Candidate,
    cheaper: Callable[[Model], Iterable[Model]],
    fitted: Callable[[Model], Candidate],
) -> Candidate:
    """Backward elimination: the best cheaper model, as long as the criterion improves."""
    while True:
        tries = map(fitted, cheaper(candidate.fit.model))
        best = min(tries, key=lambda t: t.criterion, default=candidate)
        if not best.criterion < candidate.criterion:
            return candidate
        candidate = best


def prune(setting: Setting, candidate: Candidate) -> Candidate:
    """Switch off, one after the other, the edges that the data do not need."""
    problem, none = setting.problem, setting.space.none
    if none is None:
        return candidate
    return eliminated(
        candidate,
        lambda model: (model.with_primitive(e.index, none) for e in model.edges()),
        lambda start: Candidate.of(
            levenberg_marquardt(problem, start, setting.max_iter), problem
        ),
    )
