"""Restarts of a search in a space of open size, side by side or one after another.

Each hands on its best graphs. Threads hear of one another: the first exact graph makes the
other searches needless, and an interrupt collects what all of them have found so far.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from ..fitting.problem import Problem
from ..graph.model import Model, in_degrees
from ..graph.objectives import Objective
from ..graph.primitives import builtin
from ..graph.specification import SpaceBounds
from ..runtime.budget import Budget
from ..runtime.checkpoint import Checkpoints
from ..runtime.restarts import Restarts
from .archive import Archive
from .conversion import evaluator_for, graphs_of, model_of, space_for
from .evaluator import Evaluator, Graphs
from .loop import evolve
from .proposals import Options

#: Candidates handed on beside the best of every complexity.
_KEPT = 20
#: So many threads share the interpreter without much standing in line (two lose an eighth),
#: and so short a search would be over before processes have started (some 3 s).
_FEW_WORKERS, _SHORT = 4, 30.0


class SearchStatus(NamedTuple):
    """What is known while a search runs."""

    fitted: int  #: candidates refitted so far
    error: float  #: loss of the best one, as a share of the variance of y
    criterion: float
    model: Callable[[], Model]  #: makes the best one


def _handed_on(archive: Archive) -> np.ndarray:
    """The best of every complexity and the best by criterion.

    What is more complicated than an exact graph has nothing to say.
    """
    size = archive.evaluator.size(archive.graphs)
    able = size <= archive.least if archive.exact else np.ones(len(size), bool)
    by_loss = np.argsort(archive.graphs.loss, kind="stable")
    by_loss = by_loss[able[by_loss]]
    _, first = np.unique(size[by_loss], return_index=True)
    leading = np.argsort(archive.criterion, kind="stable")
    return np.union1d(by_loss[first], leading[able[leading]][:_KEPT])


class Run(NamedTuple):
    """What one search hands on; travels between processes."""

    graphs: Graphs
    fitted: int
    out_of_budget: bool
    exact: bool
    interruption: KeyboardInterrupt | None


class _Needless(Exception):
    """Ends a search whose result nobody will look at."""


@dataclass
class _StopSignal:
    """What threads hear of one another; a copy in another process never hears of it."""

    over: bool = False  #: nobody looks at what is found from now on
    interrupted: bool = False  #: what has been found is wanted now
    begun: list[None] = field(default_factory=list)
    ended: list[Run | None] = field(default_factory=list)

    def handed_over(self) -> list[Run]:
        """What all threads have, once they have finished their generation."""
        self.interrupted = True
        while len(self.ended) < len(self.begun):
            time.sleep(0.01)
        return [run for run in self.ended if run is not None]


@dataclass(frozen=True)
class Search:
    """A search that only lacks its random numbers; ``known`` models take part from the
    start.
    """

    bounds: SpaceBounds
    objective: Objective
    problem: Problem
    budget: Budget
    options: Options
    known: Sequence[Model] = ()
    checkpoints: Checkpoints | None = None
    signal: _StopSignal = field(default_factory=_StopSignal)
    deadline: float = np.inf  #: of all restarts, in seconds since the epoch

    def __call__(
        self,
        rng: np.random.Generator,
        progress: Callable[[SearchStatus], None] = lambda progress: None,
    ) -> Run:
        run = None
        self.signal.begun.append(None)
        try:
            run = self._run(rng, progress)
        except KeyboardInterrupt:
            if self.signal.interrupted:  # ours, and nothing had been found
                raise _Needless from None
            raise
        finally:
            self.signal.ended.append(run)
        return run

    def _budget(self) -> Budget:
        """Shorter where the worker took long to start, but worth the start."""
        seconds, left = self.budget.seconds, self.deadline - time.time()
        return self.budget._replace(seconds=min(seconds, max(left, seconds / 2)))

    @np.errstate(over="ignore", invalid="ignore", divide="ignore")
    def _run(
        self, rng: np.random.Generator, progress: Callable[[SearchStatus], None]
    ) -> Run:
        evaluator = evaluator_for(self.bounds, self.problem, self.objective)
        fitted = 0

        def watch(archive: Archive, count: int) -> None:
            nonlocal fitted
            if self.signal.over:  # a thread cannot be stopped from outside
                raise _Needless
            if self.signal.interrupted:
                raise KeyboardInterrupt
            fitted = count
            progress(self.seen(evaluator, archive.graphs, archive.criterion, count))

        seeds = _seeds(evaluator, self.known)
        archive = evolve(
            evaluator, self._budget(), self.options, rng, watch, seeds, self.checkpoints
        )
        found = bool(len(archive.criterion))
        return Run(
            archive.graphs.take(_handed_on(archive)) if found else archive.graphs,
            fitted,
            archive.out_of_budget,
            archive.exact,
            archive.interruption,
        )

    def seen(
        self, evaluator: Evaluator, graphs: Graphs, criterion: np.ndarray, count: int
    ) -> SearchStatus:
        """The best graph as progress after ``count`` refits."""
        best = int(np.argmin(criterion))

        def model() -> Model:
            one = graphs.take([best])
            space = space_for(self.bounds, evaluator.n_inputs, one)
            return model_of(evaluator, one, 0, space)

        error = float(graphs.loss[best] / evaluator.unit)
        return SearchStatus(count, error, float(criterion[best]), model)


def _one_of(restarts: Restarts, search: Search) -> Search:
    """The search with its part of the seconds."""
    seconds, deadline = search.budget.seconds, np.inf
    if restarts.workers > 1:
        deadline = time.time() + seconds
    budget = search.budget._replace(seconds=seconds / restarts.waves)
    return replace(search, budget=budget, deadline=deadline)


def run_all(
    search: Search,
    restarts: Restarts,
    rng: np.random.Generator,
    progress: Callable[[SearchStatus], None],
) -> tuple[list[Run], KeyboardInterrupt | None]:
    """One search, or several up to the first that is exact."""
    search = replace(search, signal=_StopSignal())  # whoever ran it before has stopped
    if restarts.count == 1:
        run = search(rng, progress)
        return [run], run.interruption
    search = _one_of(restarts, search)
    evaluator = evaluator_for(search.bounds, search.problem, search.objective)
    fitted = 0

    def watched(rng: np.random.Generator) -> Run:
        before = fitted
        return search(
            rng, lambda seen: progress(seen._replace(fitted=before + seen.fitted))
        )

    def enough(run: Run) -> bool:
        nonlocal fitted
        fitted += run.fitted
        if restarts.workers > 1 and len(run.graphs):  # nobody watched it
            criterion = evaluator.criterion(run.graphs)
            progress(search.seen(evaluator, run.graphs, criterion, fitted))
        return run.exact or run.interruption is not None

    interruption: KeyboardInterrupt | None
    try:
        runs, interruption = restarts.run(
            search if restarts.workers > 1 else watched,
            rng.spawn(restarts.count),
            enough,
            "threads" if _in_threads(search, restarts) else None,
        )
        if interruption is not None:
            runs = search.signal.handed_over() or runs
    except KeyboardInterrupt as stop:
        runs, interruption = search.signal.handed_over(), stop
        if not runs:
            raise
    finally:
        search.signal.over = True
    return runs, interruption or runs[-1].interruption


def _in_threads(search: Search, restarts: Restarts) -> bool:
    """Rather than in processes, where ``joblib.parallel_config`` does not say."""
    if any(p not in builtin() for p in search.bounds.primitives):
        return True  # other processes do not know a primitive of the caller's own
    seconds = search.budget.seconds
    return restarts.workers <= _FEW_WORKERS and not _SHORT < seconds < np.inf


def _seeds(evaluator: Evaluator, known: Sequence[Model]) -> Graphs:
    """Known models that fit into the evaluator, as graphs."""
    fitting = [
        m
        for m in known
        if m.space.n_nodes <= evaluator.n_nodes
        and max(in_degrees(m), default=0) <= evaluator.n_slots
    ]
    return graphs_of(evaluator, fitting)
