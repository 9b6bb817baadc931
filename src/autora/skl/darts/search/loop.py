"""The search over graphs whose size is not given: one population after the other.

A population (`population`) that has not found an exact graph in its time gives way to a
fresh one. In between there are short searches where the outermost function of the law is
undone (`inversion`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cached_property

import numpy as np

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
from ..selection.criteria import NO_NOISE
from ..selection.pareto import are_alike
from .archive import Archive
from .evaluator import Evaluator, Graphs
from .inversion import Undone, put_back, undone
from .population import Population
from .proposals import Options
from .random_edits import with_keys

#: Graphs that the first two populations fit; the next two fit twice as many, and so on.
_PATIENCE = 6000
#: Graphs that are still looked at after an exact one in search of a simpler one, for every
#: squared unit of its complexity, or for every cubed one where that is more: a long one is
#: rarely the shortest.
_AFTER_EXACT, _LONG_AFTER_EXACT = 20.0, 7.0
#: Where an input has no more levels than this, a graph of more than that complexity may
#: pass through all of them and be no law; graphs that a fresh population may fit to do
#: better.
_LEVELS, _DOUBTFUL, _SECOND_OPINION = 20, 10.0, 12_000
#: Rows in which levels are counted.
_LOOKED_AT = 1000
#: Graphs before the first searches where the outermost function is undone, and what
#: a place has fitted after the first round; every further round doubles that.
_FIRST_INVERSION, _INVERSION = 2000, 1000
#: Graphs that an inversion brings back.
_BROUGHT = 12
#: Graphs that are simplified at the end, and where the first of them is exact.
_SIMPLIFIED, _SIMPLIFIED_EXACT = 4, 1
#: Share of its seconds that a search may take before only the best graph is simplified.
_LATE = 1.1


class _Inversions:
    """Short searches where the outermost function is undone.

    The first round visits every such place. Each later one goes on at the better half of
    the places of the one before, twice as long (successive halving: Jamieson & Talwalkar
    2016).
    """

    def __init__(
        self, evaluator: Evaluator, options: Options, rng: np.random.Generator
    ) -> None:
        self.evaluator, self.options, self.rng = evaluator, options, rng
        self.wanted = options.undoing and not options.random_only
        self.populations: dict[int, Population] = {}
        self.ahead: list[int] = []  #: places of this round, the present one first
        self.round, self.next_round, self.until = 0, _FIRST_INVERSION, 0

    @cached_property
    def places(self) -> list[Undone]:
        """Looked for when the first is due: most searches end before."""
        return undone(self.evaluator) if self.wanted else []

    @cached_property
    def best(self) -> np.ndarray:
        """The criterion of what came from every place."""
        return np.full(len(self.places), np.inf)

    def due(self, fitted: int) -> bool:
        """Whether the next generation, after so many graphs, belongs to an inversion."""
        if not self.ahead and fitted >= self.next_round and self.places:
            count = -(-len(self.places) // 2**self.round)
            self.ahead = np.argsort(self.best, kind="stable")[:count].tolist()
            self.until = _INVERSION * 2**self.round
            self.next_round = fitted + self.until * (len(self.ahead) + 2)
            self.round += 1
        return bool(self.ahead)

    def step(self, home: Archive) -> int:
        """One generation; what the last one leads to goes home."""
        place = self.ahead[0]
        if place not in self.populations:
            evaluator = self.places[place].evaluator
            self.populations[place] = Population(evaluator, self.options, self.rng)
        population = self.populations[place]
        count, archive = population.step(), population.archive
        spent = population.fitted >= self.until or population.exhausted
        if spent or archive.exact:
            best = archive.graphs.take(np.argsort(archive.criterion)[:_BROUGHT])
            found = with_keys(
                self.evaluator, put_back(self.evaluator, self.places[place], best)
            )
            home.add(found)
            self.best[place] = self.evaluator.criterion(found).min(initial=np.inf)
            self.ahead = self.ahead[1:]
        return count

    def arrays(self) -> dict[str, np.ndarray]:
        found = {
            "ahead": np.array(self.ahead, np.int64),
            "best": self.best,
            "counts": np.array([self.round, self.next_round, self.until]),
        }
        for place, population in self.populations.items():
            found |= prefixed(str(place), population.arrays())
        return found

    def resume(self, arrays: dict[str, np.ndarray]) -> None:
        self.ahead, self.best = arrays["ahead"].tolist(), arrays["best"].copy()
        self.round, self.next_round, self.until = arrays["counts"].tolist()
        self.populations = {
            place: Population.of(there.evaluator, self.options, self.rng, state)
            for place, there in enumerate(self.places)
            if (state := part(arrays, str(place)))
        }


def _is_coarse(evaluator: Evaluator) -> bool:
    """Whether an input has few levels, but more than a straight line passes through."""
    rows: slice | np.ndarray = slice(None)
    if evaluator.n_rows > _LOOKED_AT:  # at random: every tenth row of a grid misses levels
        rows = np.random.default_rng(0).integers(evaluator.n_rows, size=_LOOKED_AT)
    counts = [len(np.unique(column[rows])) for column in evaluator.x]
    return any(2 < count <= _LEVELS for count in counts)


class _Search:
    """One population after the other; what they found is kept."""

    def __init__(
        self,
        evaluator: Evaluator,
        budget: Budget,
        options: Options,
        rng: np.random.Generator,
        progress: Callable[[Archive, int], None],
    ) -> None:
        self.evaluator, self.budget, self.options, self.rng = (
            evaluator,
            budget,
            options,
            rng,
        )
        self.progress = progress
        self.population = Population(evaluator, options, rng)
        self.inversions = _Inversions(evaluator, options, rng)
        self.kept: Archive | None = None
        self.fitted = self.since = self.restarts = 0
        self.best, self.start = np.inf, time.perf_counter()
        self.patience = budget.stall
        self.is_wary = options.restarts and _is_coarse(evaluator)
        self.done = self.out_of_budget = False

    def step(self) -> None:
        """One generation, here or on an inversion."""
        archive, budget = self.population.archive, self.budget
        looks_away = not archive.exact and not self._is_second_opinion()
        away = looks_away and self.inversions.due(self.fitted)
        count = self.inversions.step(archive) if away else self.population.step()
        self.fitted += count
        value = archive.criterion.min(initial=np.inf)
        self.since += count
        if value < self.best - 1e-9:
            self.since, self.best, self.patience = 0, value, budget.stall
        if len(archive.criterion):
            self.progress(archive, self.fitted)
        spent = time.perf_counter() - self.start
        settled = self._is_settled() or self.population.exhausted
        self.done = settled or self._is_stalled()
        self.out_of_budget = self.fitted >= budget.candidates or spent >= budget.seconds

    def _is_stalled(self) -> bool:
        """Whether nothing improves and the errors that are left look like noise.

        As long as those of neighbouring rows are alike, or smaller than any noise, there is
        something to be found.
        """
        if self.since <= self.patience:
            return False
        if not self._is_unfinished():
            return True
        self.patience += self.budget.stall
        return False

    def _is_unfinished(self) -> bool:
        archive = self.population.archive
        if not len(archive.criterion) or archive.exact or self._is_second_opinion():
            return False
        if self.evaluator.objective.likelihood:  # outcomes are noise by their nature
            return False
        best = archive.graphs.take([archive.best])
        share = best.loss[0] / self.evaluator.unit
        if share <= self.evaluator.known.floor:
            return False
        return share <= NO_NOISE or are_alike(
            self.evaluator.x.T, self.evaluator.residual(best)
        )

    def _looked_at_after(self) -> float:
        """Graphs to be looked at beside an exact one before it is taken."""
        archive = self.population.archive
        if not archive.exact:
            return np.inf
        size = archive.least
        return max(_AFTER_EXACT * size**2, _LONG_AFTER_EXACT * size**3)

    def _is_trimmed(self) -> bool:
        return self.population.since_exact > self._looked_at_after()

    def _is_doubtful(self) -> bool:
        """Whether what there is asks for a second opinion."""
        if not self.is_wary or self._is_second_opinion():
            return False
        archive = self.population.archive
        return archive.exact and archive.least > _DOUBTFUL

    def _is_second_opinion(self) -> bool:
        return self.kept is not None and self.kept.exact

    def _is_settled(self) -> bool:
        if self._is_second_opinion() and self.population.fitted >= _SECOND_OPINION:
            return True
        return self._is_trimmed() and not self._is_doubtful()

    def is_late(self) -> bool:
        return time.perf_counter() - self.start > _LATE * self.budget.seconds

    @property
    def ended(self) -> bool:
        return self.done or self.out_of_budget

    def renew(self) -> None:
        """A fresh population in the place of one that has had its time."""
        patience = _PATIENCE * 2 ** (self.restarts // 2)
        spent = self.population.fitted >= patience and self.options.restarts
        spent = spent and not self.inversions.ahead and not self.population.archive.exact
        spent = spent and not self._is_second_opinion()
        if spent or (self._is_trimmed() and self._is_doubtful()):
            self.kept, self.restarts = self.archive, self.restarts + 1
            self.population = Population(self.evaluator, self.options, self.rng)

    @property
    def archive(self) -> Archive:
        archive = self.population.archive
        return archive if self.kept is None else self.kept.joined(archive)

    def restored(self) -> Archive:
        """What there is after a generation that was not finished."""
        for unfinished in (self.population.archive, self.kept):
            if unfinished is not None:
                unfinished.restore()
        return self.archive

    def arrays(self) -> dict[str, np.ndarray]:
        """All that decides how the search goes on."""
        kept = {} if self.kept is None else prefixed("kept", self.kept.arrays())
        counts = [self.fitted, self.since, self.restarts, self.done, self.out_of_budget]
        spent = time.perf_counter() - self.start
        parts = kept | prefixed("inversions", self.inversions.arrays())
        return prefixed("population", self.population.arrays()) | parts | {
            "counts": np.array(counts, np.int64),
            "numbers": np.array([self.best, spent, self.patience]),
            "generator": generator_state(self.rng),
        }  # fmt: skip

    def resume(self, arrays: dict[str, np.ndarray]) -> None:
        """Be where another search was when it gave these `arrays`."""
        fixed = self.evaluator, self.options
        set_generator(self.rng, arrays["generator"])
        self.population = Population.of(*fixed, self.rng, part(arrays, "population"))
        kept = part(arrays, "kept")
        self.kept = Archive.of(*fixed, kept) if kept else None
        self.inversions.resume(part(arrays, "inversions"))
        self.fitted, self.since, self.restarts, done, out = arrays["counts"].tolist()
        self.done, self.out_of_budget = bool(done), bool(out)
        self.best, spent, self.patience = arrays["numbers"].tolist()
        self.start = time.perf_counter() - spent
        if len(self.population.archive.criterion):
            self.progress(self.population.archive, self.fitted)


def evolve(
    evaluator: Evaluator,
    budget: Budget,
    options: Options,
    rng: np.random.Generator,
    progress: Callable[[Archive, int], None] = lambda archive, fitted: None,
    seeds: Graphs | None = None,
    checkpoints: Checkpoints | None = None,
) -> Archive:
    """Search until the budget is spent or an exact graph has been found and trimmed.

    A population that has not found an exact graph in its time gives way to a fresh one,
    which starts from nothing; what it has found is kept. A keyboard interrupt ends the
    search, too: it stays with the archive, or is raised where nothing was found yet. What
    a ``checkpoints`` has of the same search is where this one goes on.
    """
    saved = (
        None
        if checkpoints is None
        else _saved_state(checkpoints, evaluator, budget, options, rng, seeds)
    )
    search = _Search(evaluator, budget, options, rng, progress)
    try:
        _run(search, seeds, saved)
        archive = search.archive
        count = _SIMPLIFIED_EXACT if archive.exact else _SIMPLIFIED
        archive.simplify(count, search.is_late)
    except KeyboardInterrupt as stop:
        archive = search.restored()
        if not len(archive.criterion):
            raise
        archive.interruption = stop
        return archive
    archive.out_of_budget = search.out_of_budget and not search.done
    return archive


def _run(search: _Search, seeds: Graphs | None, saved: SavedState | None) -> None:
    """From the start, or from where an earlier process was, to the end."""

    def step() -> None:
        search.renew()
        search.step()

    if seeds is not None and len(seeds):  # a saved state takes their place
        search.population.archive.add(with_keys(search.evaluator, seeds))
    run_resumably(search, step, saved)


def _saved_state(
    checkpoints: Checkpoints,
    evaluator: Evaluator,
    budget: Budget,
    options: Options,
    rng: np.random.Generator,
    seeds: Graphs | None,
) -> SavedState:
    """Where the state of this search is kept: by all that decides what it finds."""
    known = () if seeds is None else (getattr(seeds, name) for name in Graphs.FIELDS)
    settings = (
        evaluator.kernels.name, evaluator.objective.name, evaluator.allowed.tolist(),
        evaluator.n_nodes,
        evaluator.n_slots, evaluator.can_multiply, evaluator.train_readout,
        evaluator.train_bias,
        tuple(options), budget.candidates, budget.stall, evaluator.known,
    )  # fmt: skip
    rows = (evaluator.x, evaluator.y, evaluator.root, evaluator.offset)
    data = (*rows, generator_state(rng), *known)
    return checkpoints.saved_state(repr(settings), data)
