"""The search over graphs whose size is not given: propose, refit, keep the best per size.

Elites are kept for every complexity, so that a simple half-truth is never crowded out by a
complicated one. Children come from the refit-aware gradient at an elite (`vertex`), from
random edits of elites, and from nothing. All are refitted exactly on a sample of the rows;
those that would enter the archive once more on all of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from .arena import Arena, Graphs
from .breed import Options, bred, unseen
from .random_edits import from_nothing, keyed
from .search import Budget
from .simplify import simplified

#: Rows on which children are screened.
SCREENING_ROWS = 64
#: Steps on the sample, on all rows, and on all rows for graphs that matter.
_SCREENING_STEPS, _SETTLING_STEPS, _POLISHING_STEPS = 16, 6, 40
#: Parents of a generation, and of the first, after which each has one more.
_PARENTS, _FIRST_PARENTS = 10, 2
#: Fresh graphs of a generation.
_FRESH = 60
#: Share of the parents that are drawn evenly over the complexities; how close to the best
#: the others are.
_SPREAD, _NEARNESS = 0.6, 6
#: Graphs kept per complexity, and in all where complexities are not told apart.
_PER_SIZE, _MIXED = 4, 60
#: Relative error at which a fit counts as exact, unless y is rounded more coarsely. What
#: is a little worse may imitate a law on the range of the data: series of five nodes reach
#: 1e-23.
EXACT = 1e-25
#: Graphs that the first two populations fit; the next two fit twice as many, and so on.
_PATIENCE = 6000
#: Fresh graphs of a generation of the control.
_ALONE = 300
#: A child whose loss is this many times too large after a few steps is given up.
_HOPELESS = 30.0
#: Graphs that are still fitted after an exact one, in search of a simpler one.
_AFTERGLOW = 150
#: Graphs that are simplified at the end.
_SIMPLIFIED = 4


class Archive:
    """The best graphs of every complexity, fitted on all rows."""

    def __init__(self, arena: Arena, screen: Arena, options: Options) -> None:
        self.arena, self.screen, self.options = arena, screen, options
        self.graphs = arena.empty(0)
        self.criterion = np.zeros(0)
        self.level = np.zeros(0, int)
        self._screened: dict[int, float] = {}
        self._simplified: set[int] = set()
        self._polished: set[int] = set()
        self.out_of_budget = False
        self.interruption: KeyboardInterrupt | None = None

    def bars(self, children: Graphs) -> np.ndarray:
        """Screening losses that children must beat to enter."""
        levels = self._levels(self.screen, children)
        return np.array([self._screened.get(int(level), np.inf) for level in levels])

    def admits(self, children: Graphs) -> np.ndarray:
        """Children whose screening promises a place, best first."""
        promising = np.flatnonzero(children.loss < self.bars(children))
        return promising[np.argsort(children.loss[promising])]

    def _levels(self, arena: Arena, graphs: Graphs) -> np.ndarray:
        if not self.options.per_size:
            return np.zeros(len(graphs), int)
        return np.round(arena.size(graphs)).astype(int)

    def add(self, graphs: Graphs) -> None:
        """Take in children that passed the screening."""
        self.arena.fit(graphs, _SETTLING_STEPS, 1e-4)
        self._merge(graphs)
        self._polish()
        self._set_bars()

    def restore(self) -> None:
        """Make everything agree with the graphs after an interruption in between."""
        self.level = self._levels(self.arena, self.graphs)
        self.criterion = self.arena.criterion(self.graphs)

    def _most(self) -> int:
        """Graphs kept per complexity."""
        return _PER_SIZE if self.options.per_size else _MIXED

    def _merge(self, graphs: Graphs) -> None:
        """The best few per complexity of what there was and what is new."""
        finite = np.isfinite(graphs.loss)
        joined = Graphs.join([self.graphs, graphs.take(np.flatnonzero(finite))])
        order = np.argsort(joined.loss, kind="stable")
        _, first = np.unique(joined.key[order], return_index=True)
        joined = joined.take(order[np.sort(first)])
        level = self._levels(self.arena, joined)
        rank = np.zeros(len(joined), int)
        for size in np.unique(level):
            members = np.flatnonzero(level == size)
            rank[members] = np.arange(len(members))
        keep = np.flatnonzero(rank < self._most())
        self.graphs, self.level = joined.take(keep), level[keep]
        self.criterion = self.arena.criterion(self.graphs)

    def _polish(self) -> None:
        """Converge the graphs that lead, once each."""
        leading = set(np.argsort(self.criterion)[:_PARENTS].tolist())
        leading |= set(np.unique(self.level, return_index=True)[1].tolist())
        rough = [
            i for i in sorted(leading) if int(self.graphs.key[i]) not in self._polished
        ]
        if not rough:
            return
        graphs = self.graphs.take(rough)
        self._polished.update(graphs.key.tolist())
        self.arena.fit(graphs, _POLISHING_STEPS, 1e-13)
        self.graphs.put(rough, graphs)
        self.criterion = self.arena.criterion(self.graphs)

    def _set_bars(self) -> None:
        """Screening losses to beat: those of the worst graph kept per size."""
        copies = self.graphs.take(np.arange(len(self.graphs)))
        self.screen.fit(copies, 0, 0.0)
        self._screened = {}
        for size in np.unique(self.level):
            members = self.level == size
            worst = copies.loss[members].max() if members.sum() >= self._most() else np.inf
            self._screened[int(size)] = worst

    def parents(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Indices: some by criterion, some spread over the complexities."""
        order = np.argsort(self.criterion)
        if not len(order):
            return order
        near = np.minimum(rng.exponential(len(order) / _NEARNESS, count), len(order) - 1)
        chosen = order[near.astype(int)]
        spread = rng.random(count) < _SPREAD
        sizes = np.unique(self.level)
        for i in np.flatnonzero(spread):
            chosen[i] = rng.choice(np.flatnonzero(self.level == rng.choice(sizes)))
        return np.unique(chosen)

    def joined(self, other: Archive) -> Archive:
        """This archive with the graphs of another one, which are not fitted again."""
        self._polished |= other._polished
        self._simplified |= other._simplified
        self._merge(other.graphs)
        self._set_bars()
        return self

    def simplify(self, count: int) -> None:
        """Simplify the best few graphs; what has been simplified once stays out."""
        for i in np.argsort(self.criterion)[: count if self.options.simplify else 0]:
            graph = self.graphs.take([i])
            if (key := int(graph.key[0])) not in self._simplified:
                simple = simplified(self.arena, self.screen, graph)
                self._simplified |= {key, int(simple.key[0])}
                self._merge(simple)
        self._set_bars()

    @property
    def best(self) -> int:
        return int(np.argmin(self.criterion))

    @property
    def exact(self) -> bool:
        if not len(self.criterion):
            return False
        exact = max(EXACT, self.arena.rounding)
        return bool(self.graphs.loss[self.best] <= exact * self.arena.unit)


class _Population:
    """One archive and the structures that it has seen, on its own sample of the rows."""

    def __init__(self, arena: Arena, options: Options, rng: np.random.Generator) -> None:
        rows = np.arange(arena.n_rows)
        if len(rows) > SCREENING_ROWS:
            rows = np.sort(rng.permutation(len(rows))[:SCREENING_ROWS])
        self.screen = arena.rows(rows)
        self.archive = Archive(arena, self.screen, options)
        self.options, self.rng = options, rng
        self.fitted = self.since_exact = self.generation = 0
        self._seen: dict[int, int] = {}

    def step(self) -> int:
        """One generation; the number of graphs fitted."""
        archive, rng = self.archive, self.rng
        alone = self.options.random_only
        families = [from_nothing(self.screen, _ALONE if alone else _FRESH, rng)]
        if not alone:
            families += bred(self.screen, self._parents(), self.options, rng)
        children = unseen(Graphs.join(families), self._seen)
        hopeless = _HOPELESS * archive.bars(children)
        self.screen.fit(children, _SCREENING_STEPS, 1e-6, hopeless)
        archive.add(children.take(archive.admits(children)))
        if archive.exact:
            archive.simplify(1)
            self.since_exact += len(children)
        self.fitted += len(children)
        self.generation += 1
        return len(children)

    def _parents(self) -> Graphs:
        """Elites to breed from; the first of all is the graph without edges."""
        if len(self.archive.criterion):
            count = min(_FIRST_PARENTS + self.generation, _PARENTS)
            return self.archive.graphs.take(self.archive.parents(count, self.rng))
        blank = self.screen.empty(1)
        self.screen.fit(blank, 0, 0.0)
        return blank


class _Hunt:
    """One population after the other; what they found is kept."""

    def __init__(
        self,
        arena: Arena,
        budget: Budget,
        options: Options,
        rng: np.random.Generator,
        progress: Callable[[Archive, int], None],
    ) -> None:
        self.arena, self.budget, self.options, self.rng = arena, budget, options, rng
        self.progress = progress
        self.population = _Population(arena, options, rng)
        self.kept: Archive | None = None
        self.fitted = self.since = self.restarts = 0
        self.best, self.start = np.inf, time.perf_counter()

    def step(self) -> tuple[bool, bool]:
        """One generation; whether the search is done, or out of its budget."""
        count, budget = self.population.step(), self.budget
        archive = self.population.archive
        self.fitted += count
        value = archive.criterion.min(initial=np.inf)
        better = value < self.best - 1e-9
        self.since, self.best = (0, value) if better else (self.since + count, self.best)
        if len(archive.criterion):
            self.progress(archive, self.fitted)
        spent = time.perf_counter() - self.start
        done = self.population.since_exact > _AFTERGLOW or not count
        return (
            done or self.since > budget.stall,
            self.fitted >= budget.candidates or spent >= budget.seconds,
        )

    def renew(self) -> None:
        """A fresh population in the place of one that has had its time."""
        patience = _PATIENCE * 2 ** (self.restarts // 2)
        spent = self.population.fitted >= patience and self.options.restarts
        if spent and not self.population.archive.exact:
            self.kept, self.restarts = self.archive, self.restarts + 1
            self.population = _Population(self.arena, self.options, self.rng)

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


def evolve(
    arena: Arena,
    budget: Budget,
    options: Options,
    rng: np.random.Generator,
    progress: Callable[[Archive, int], None] = lambda archive, fitted: None,
    seeds: Graphs | None = None,
) -> Archive:
    """Search until the budget is spent or an exact graph has been found and trimmed.

    A population that has not found an exact graph in its time gives way to a fresh one,
    which starts from nothing; what it has found is kept. A keyboard interrupt ends the
    search, too: it stays with the archive, or is raised where nothing was found yet.
    """
    hunt = _Hunt(arena, budget, options, rng, progress)
    try:
        if seeds is not None and len(seeds):
            hunt.population.archive.add(keyed(arena, seeds))
        while not any(ends := hunt.step()):
            hunt.renew()
        archive = hunt.archive
        archive.simplify(_SIMPLIFIED)
    except KeyboardInterrupt as stop:
        archive = hunt.restored()
        if not len(archive.criterion):
            raise
        archive.interruption = stop
        return archive
    done, out_of_budget = ends
    archive.out_of_budget = out_of_budget and not done
    return archive
