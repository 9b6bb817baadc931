"""The search over candidates: propose an architecture, refit it exactly, compare.

The relaxed stage hands over its architecture weights as a distribution. Candidates are
drawn from it, bred from the best so far by changing an edge or two, and drawn uniformly;
the distribution follows what was found (cross-entropy method: Rubinstein 1999, Methodol.
Comput. Appl. Probab. 1). Every candidate is judged by its own exact refit, never by the
mixture: this is what closes the discretisation gap of DARTS.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..fitting.refit import Fit
from ..graph.architecture import draw, mode, probabilities
from ..graph.codegen import formulas
from ..runtime.budget import Budget
from ..runtime.checkpoint import (
    Checkpoints,
    Place,
    generator_state,
    part,
    prefixed,
    set_generator,
)
from ..selection.candidates import Candidate, Setting, prune, refit
from ..selection.criteria import fits_exactly
from .model_arrays import arrays_of, models_of

_GENERATION = 32
_N_ELITES = 12
_ELITE_PULL = 0.3


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


class _Found:
    """What a search has found so far, and what that makes it propose."""

    def __init__(self, setting: Setting, probability: np.ndarray) -> None:
        self.setting, self.probability = setting, probability
        self.candidates: list[Candidate] = []  #: best first
        self.seen: dict[bytes, np.ndarray] = {}  #: architectures tried
        self.ended = False
        self.seconds = 0.0  #: that earlier processes have spent

    @property
    def elites(self) -> list[Candidate]:
        return self.candidates[:_N_ELITES]

    def arrays(self, rng: np.random.Generator, seconds: float) -> dict[str, np.ndarray]:
        """What another process needs to go on."""
        state = {
            "probability": self.probability,
            "seen": np.stack(list(self.seen.values())),
            "ended": np.array(self.ended),
            "seconds": np.array(seconds),
            "rng": generator_state(rng),
        }
        if not self.candidates:
            return state
        models = arrays_of([c.fit.model for c in self.candidates])
        numbers = [(c.fit.loss, c.fit.iterations, c.criterion) for c in self.candidates]
        return state | prefixed("model", models) | {"numbers": np.array(numbers)}

    def resume(self, arrays: dict[str, np.ndarray], rng: np.random.Generator) -> None:
        self.probability = arrays["probability"]
        self.seen = {row.tobytes(): row for row in arrays["seen"]}
        self.ended, self.seconds = bool(arrays["ended"]), float(arrays["seconds"])
        set_generator(rng, arrays["rng"])
        if "numbers" not in arrays:
            return
        setting = self.setting
        models = models_of(part(arrays, "model"), setting.space, setting.objective)
        self.candidates = [
            Candidate(Fit(model, loss, int(iterations)), criterion)
            for model, (loss, iterations, criterion) in zip(
                models, arrays["numbers"].tolist(), strict=True
            )
        ]


def search(
    setting: Setting,
    alphas: np.ndarray,
    darts_type: str,
    budget: Budget,
    rng: np.random.Generator,
    progress: Callable[[Candidate], None] = lambda best: None,
    checkpoints: Checkpoints | None = None,
) -> Searched:
    """Refit distinct architectures until the budget is spent or the user interrupts.

    What a ``checkpoints`` has of the same search is where this one goes on.
    """
    found = _Found(setting, probabilities(alphas, darts_type))
    place = None
    if checkpoints is not None:
        place = _place(checkpoints, setting, alphas, darts_type, budget, rng)
    try:
        _pursue(found, mode(alphas), budget, rng, progress, place)
    except KeyboardInterrupt as interruption:
        found.candidates.sort(key=lambda c: c.criterion)
        return Searched(found.candidates, interruption)
    refused = len(found.seen) - len(found.candidates)
    return Searched(_pruned_first(setting, found.candidates), refused=refused)


def _place(
    checkpoints: Checkpoints,
    setting: Setting,
    alphas: np.ndarray,
    darts_type: str,
    budget: Budget,
    rng: np.random.Generator,
) -> Place:
    """Where the state of this search is kept: by all that decides what it finds."""
    space, objective, problem, coefs, max_iter, n_starts = setting
    switches = (problem.train_readout, problem.train_bias)
    settings = (
        space, objective.name, darts_type, budget.candidates, max_iter, n_starts, switches,
    )  # fmt: skip
    data = (problem.x, problem.y, problem.weight, alphas, *coefs, generator_state(rng))
    return checkpoints.place(
        f"{settings!r}\n{formulas(space.primitives)}", map(np.asarray, data)
    )


def _pursue(
    found: _Found,
    first: np.ndarray,
    budget: Budget,
    rng: np.random.Generator,
    progress: Callable[[Candidate], None],
    place: Place | None,
) -> None:
    """Generation after generation, from the start or from where an earlier process was."""
    before = None if place is None else place.load()
    if before is not None:
        found.resume(before, rng)
    begin = time.perf_counter() - found.seconds
    while not found.ended and time.perf_counter() - begin < budget.seconds:
        _generation(found, first, budget, rng, progress)
        if place is not None and (found.ended or place.is_due()):
            place.save(found.arrays(rng, time.perf_counter() - begin))


def _generation(
    found: _Found,
    first: np.ndarray,
    budget: Budget,
    rng: np.random.Generator,
    progress: Callable[[Candidate], None],
) -> None:
    """Refit what has not been tried; what is found is kept at once."""
    setting, seen = found.setting, found.seen
    queue = [] if seen else [first]
    # Ten times as many draws as needed: a small space runs dry and ends the search.
    while len(queue) < 10 * _GENERATION:
        queue.append(_propose(setting, found.probability, found.elites, rng))
    fresh = {a.tobytes(): a for a in queue}
    new = [a for key, a in fresh.items() if key not in seen]
    new = new[: int(min(_GENERATION, budget.candidates - len(seen)))]
    before = found.candidates[0].criterion if found.candidates else np.inf
    for architecture in new:
        seen[architecture.tobytes()] = architecture
        candidate = refit(setting, architecture, rng)
        if np.isfinite(candidate.criterion):
            found.candidates.append(candidate)
    found.candidates.sort(key=lambda c: c.criterion)
    found.ended = not new or len(seen) >= budget.candidates
    if found.candidates and new:
        best = found.candidates[0]
        progress(best)
        found.probability = _follow(found.probability, found.elites)
        exact = fits_exactly(best.fit.model, best.fit.loss, setting.problem)
        found.ended |= exact and best.criterion >= before


def _pruned_first(setting: Setting, found: list[Candidate]) -> list[Candidate]:
    if not found:
        return found
    best = prune(setting, found[0])
    same = best.architecture.tobytes()
    return [best, *(c for c in found if c.architecture.tobytes() != same)]
