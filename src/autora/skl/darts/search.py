"""The search over candidates: propose an architecture, refit it exactly, compare.

The relaxed stage hands over its architecture weights as a distribution. Candidates are
drawn from it, bred from the best so far by changing an edge or two, and drawn uniformly;
the distribution follows what was found (cross-entropy method: Rubinstein 1999, Methodol.
Comput. Appl. Probab. 1). Every candidate is judged by its own exact refit, never by the
mixture: this is what closes the discretisation gap of DARTS.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from .discretise import draw, mode, probabilities
from .model import Model
from .network import Coefs
from .objectives import Objective
from .observations import spread
from .refit import Fit, Problem, levenberg_marquardt
from .search_space import SearchSpace
from .select import bic, variance

_GENERATION = 32
_N_ELITES = 12
_ELITE_PULL = 0.3
#: Relative error at which a fit is exact and only simpler models can still win.
_EXACT = 1e-20


class Budget(NamedTuple):
    """When a search ends."""

    candidates: float = np.inf
    seconds: float = np.inf
    stall: float = np.inf  #: candidates in a row that improve nothing


class Candidate(NamedTuple):
    fit: Fit
    criterion: float

    @property
    def architecture(self) -> np.ndarray:
        return self.fit.model.architecture

    @property
    def aggregation(self) -> np.ndarray:
        return self.fit.model.aggregation


class Searched(NamedTuple):
    """What a search found."""

    candidates: list[Candidate]  #: best first, those without a finite fit left out
    interruption: KeyboardInterrupt | None = None  #: what ended it before its time
    refused: int = 0  #: candidates without a finite fit

    @property
    def diverged(self) -> bool:
        """Whether nothing but the graph without edges has finite values."""
        edges = (edge for c in self.candidates for edge in c.fit.model.edges())
        return self.refused > 0 and next(edges, None) is None


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
    size = np.array([spread(column) for column in problem.x.T])
    size = np.where(size > 0, size, 1.0)
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
            elif kind == "shape":
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
    exact = _EXACT * variance(problem)
    for model in _starts(setting, architecture, starts, rng, aggregation):
        fits.append(levenberg_marquardt(problem, model, setting.max_iter))
        if fits[-1].loss <= exact:
            break
    best = min(fits, key=lambda fit: fit.loss)
    return Candidate(best, bic(best.model, best.loss, problem))


def _without_edge(setting: Setting, candidate: Candidate, edge: int) -> Candidate | None:
    """The candidate with one edge switched off and the rest refitted from where it is."""
    model, none = candidate.fit.model, setting.space.none
    if none is None or model.architecture[edge] == none:
        return None
    architecture, coefs = model.architecture.copy(), model.edge.copy()
    architecture[edge], coefs[edge] = none, 0
    start = model.replace(architecture=architecture, edge=coefs)
    fit = levenberg_marquardt(setting.problem, start, setting.max_iter)
    return Candidate(fit, bic(fit.model, fit.loss, setting.problem))


def prune(setting: Setting, candidate: Candidate) -> Candidate:
    """Switch off, one after the other, the edges that the data do not need."""
    while True:
        edges = range(setting.space.n_edges)
        tries = [_without_edge(setting, candidate, edge) for edge in edges]
        better = [t for t in tries if t is not None]
        best = min(better, key=lambda t: t.criterion, default=candidate)
        if best.criterion >= candidate.criterion:
            return candidate
        candidate = best


def _edited(parent: np.ndarray, n_primitives: int, rng: np.random.Generator) -> np.ndarray:
    """A copy with one edge changed, sometimes two."""
    child = parent.copy()
    for edge in rng.choice(len(child), size=min(len(child), 1 + (rng.random() < 0.3))):
        child[edge] = (child[edge] + rng.integers(1, n_primitives)) % n_primitives
    return child


def _propose(
    setting: Setting,
    probability: np.ndarray,
    elites: list[Candidate],
    rng: np.random.Generator,
) -> np.ndarray:
    space = setting.space
    u = rng.random()
    if u < 0.2:
        return rng.integers(space.n_primitives, size=space.n_edges)
    if u < 0.5 or not elites or space.n_primitives == 1:
        return draw(probability, rng)
    rank = min(int(rng.exponential(_N_ELITES / 4)), len(elites) - 1)
    return _edited(elites[rank].architecture, space.n_primitives, rng)


def _follow(probability: np.ndarray, elites: list[Candidate]) -> np.ndarray:
    """The proposal distribution, pulled towards the elites."""
    rows = np.arange(len(probability))
    target = np.zeros_like(probability)
    for elite in elites:
        target[rows, elite.architecture] += 1 / len(elites)
    return (1 - _ELITE_PULL) * probability + _ELITE_PULL * target


def search(
    setting: Setting,
    alphas: np.ndarray,
    darts_type: str,
    budget: Budget,
    rng: np.random.Generator,
    progress: Callable[[Candidate], None] = lambda best: None,
) -> Searched:
    """Refit distinct architectures until the budget is spent or the user interrupts."""
    found: list[Candidate] = []
    try:
        tried = _searched(setting, alphas, darts_type, budget, rng, progress, found)
    except KeyboardInterrupt as interruption:
        found.sort(key=lambda c: c.criterion)
        return Searched(found, interruption)
    refused = tried - len(found)
    return Searched(_pruned_first(setting, found), refused=refused)


def _searched(
    setting: Setting,
    alphas: np.ndarray,
    darts_type: str,
    budget: Budget,
    rng: np.random.Generator,
    progress: Callable[[Candidate], None],
    found: list[Candidate],
) -> int:
    """The loop of `search`; what is found is added to ``found`` at once.

    Returns the number of candidates tried.
    """
    probability = probabilities(alphas, darts_type)
    exact = _EXACT * variance(setting.problem)
    seen: set[bytes] = set()
    queue = [mode(alphas)]
    end = time.perf_counter() + budget.seconds
    while len(seen) < budget.candidates and time.perf_counter() < end:
        # Ten times as many draws as needed: a small space runs dry and ends the search.
        while len(queue) < 10 * _GENERATION:
            queue.append(_propose(setting, probability, found[:_N_ELITES], rng))
        fresh: dict[bytes, np.ndarray] = {a.tobytes(): a for a in queue}
        new = [a for key, a in fresh.items() if key not in seen]
        new = new[: int(min(_GENERATION, budget.candidates - len(seen)))]
        queue = []
        if not new:
            break
        before = found[0].criterion if found else np.inf
        for architecture in new:
            seen.add(architecture.tobytes())
            candidate = refit(setting, architecture, rng)
            if np.isfinite(candidate.criterion):
                found.append(candidate)
        found.sort(key=lambda c: c.criterion)
        if found:
            progress(found[0])
            probability = _follow(probability, found[:_N_ELITES])
            solved = found[0].fit.loss <= exact
            if solved and found[0].criterion >= before:
                break
    return len(seen)


def _pruned_first(setting: Setting, found: list[Candidate]) -> list[Candidate]:
    if not found:
        return found
    best = prune(setting, found[0])
    same = best.architecture.tobytes()
    return [best, *(c for c in found if c.architecture.tobytes() != same)]
