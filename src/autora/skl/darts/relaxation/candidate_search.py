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
from ..graph.model import Model
from ..runtime.budget import Budget
from ..runtime.checkpoint import (
    Checkpoints,
    SavedState,
    generator_state,
    part,
    prefixed,
    run_resumably,
    set_generator,
)
from ..selection.candidates import Candidate, Setting, prune, refit
from ..selection.criteria import fits_exactly
from ..selection.result import marginals

_GENERATION = 32
_N_ELITES = 12
_ELITE_PULL = 0.3
#: The arrays of a model, in the order in which it takes them.
_MODEL = ("architecture", "edge", "readout", "bias", "aggregation")


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
    architectures = np.stack([elite.architecture for elite in elites])
    shares = np.full(len(elites), 1 / len(elites))
    target = marginals(architectures, shares, probability.shape[1])
    return (1 - _ELITE_PULL) * probability + _ELITE_PULL * target


class _Search:
    """What has been found so far, and what that makes it propose."""

    def __init__(
        self,
        setting: Setting,
        weights: tuple[np.ndarray, str],
        budget: Budget,
        rng: np.random.Generator,
        progress: Callable[[Candidate], None],
    ) -> None:
        self.setting, self.budget, self.rng = setting, budget, rng
        self.progress = progress
        self.first, self.probability = mode(weights[0]), probabilities(*weights)
        self.candidates: list[Candidate] = []  #: best first
        self.seen: dict[bytes, np.ndarray] = {}  #: architectures tried
        self.done, self.start = False, time.perf_counter()

    @property
    def ended(self) -> bool:
        return self.done or time.perf_counter() - self.start >= self.budget.seconds

    @property
    def elites(self) -> list[Candidate]:
        return self.candidates[:_N_ELITES]

    def step(self) -> None:
        """Refit what has not been tried; what is found is kept at once."""
        seen, setting = self.seen, self.setting
        queue = [] if seen else [self.first]
        # Ten times as many draws as needed: a small space runs dry and ends the search.
        while len(queue) < 10 * _GENERATION:
            queue.append(_propose(setting, self.probability, self.elites, self.rng))
        fresh = {a.tobytes(): a for a in queue}
        new = [a for key, a in fresh.items() if key not in seen]
        new = new[: int(min(_GENERATION, self.budget.candidates - len(seen)))]
        before = self.candidates[0].criterion if self.candidates else np.inf
        for architecture in new:
            seen[architecture.tobytes()] = architecture
            candidate = refit(setting, architecture, self.rng)
            if np.isfinite(candidate.criterion):
                self.candidates.append(candidate)
        self.candidates.sort(key=lambda c: c.criterion)
        self.done = not new or len(seen) >= self.budget.candidates
        if self.candidates and new:
            best = self.candidates[0]
            self.progress(best)
            self.probability = _follow(self.probability, self.elites)
            exact = fits_exactly(best.fit.model, best.fit.loss, setting.problem)
            self.done |= exact and best.criterion >= before

    def arrays(self) -> dict[str, np.ndarray]:
        """What another process needs to go on."""
        state = {
            "probability": self.probability,
            "seen": np.stack(list(self.seen.values())),
            "done": np.array(self.done),
            "seconds": np.array(time.perf_counter() - self.start),
            "rng": generator_state(self.rng),
        }
        if not self.candidates:
            return state
        fits = [c.fit for c in self.candidates]
        models = {f: np.stack([getattr(fit.model, f) for fit in fits]) for f in _MODEL}
        numbers = [(c.fit.loss, c.fit.iterations, c.criterion) for c in self.candidates]
        return state | prefixed("model", models) | {"numbers": np.array(numbers)}

    def resume(self, arrays: dict[str, np.ndarray]) -> None:
        self.probability, self.done = arrays["probability"], bool(arrays["done"])
        self.seen = {row.tobytes(): row for row in arrays["seen"]}
        self.start = time.perf_counter() - float(arrays["seconds"])
        set_generator(self.rng, arrays["rng"])
        if "numbers" not in arrays:
            return
        models = part(arrays, "model")
        rows = zip(*(models[name] for name in _MODEL), strict=True)
        numbers = arrays["numbers"].tolist()
        space, objective = self.setting.space, self.setting.objective
        self.candidates = [
            Candidate(Fit(Model(space, objective, *row), loss, int(count)), criterion)
            for row, (loss, count, criterion) in zip(rows, numbers, strict=True)
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
    weights = (alphas, darts_type)
    saved = None
    if checkpoints is not None:
        saved = _saved_state(checkpoints, setting, weights, budget, rng)
    course = _Search(setting, weights, budget, rng, progress)
    try:
        run_resumably(course, course.step, saved)
    except KeyboardInterrupt as interruption:
        course.candidates.sort(key=lambda c: c.criterion)
        return Searched(course.candidates, interruption)
    refused = len(course.seen) - len(course.candidates)
    return Searched(_pruned_first(setting, course.candidates), refused=refused)


def _saved_state(
    checkpoints: Checkpoints,
    setting: Setting,
    weights: tuple[np.ndarray, str],
    budget: Budget,
    rng: np.random.Generator,
) -> SavedState:
    """Of this search, by all that decides what it finds."""
    space, objective, problem, coefs, max_iter, n_starts = setting
    alphas, darts_type = weights
    switches = (problem.train_readout, problem.train_bias)
    settings = (
        space, objective.name, darts_type, budget.candidates, max_iter, n_starts, switches,
    )  # fmt: skip
    data = (problem.x, problem.y, problem.weight, alphas, *coefs, generator_state(rng))
    return checkpoints.saved_state(
        f"{settings!r}\n{formulas(space.primitives)}", map(np.asarray, data)
    )


def _pruned_first(setting: Setting, found: list[Candidate]) -> list[Candidate]:
    if not found:
        return found
    best = prune(setting, found[0])
    same = best.architecture.tobytes()
    return [best, *(c for c in found if c.architecture.tobytes() != same)]
