"""Graphs that compete, generation after generation: propose, refit, keep the best per size.

Elites are kept for every complexity, so that a simple half-truth is never crowded out by a
complicated one. Children come from the refit-aware gradient at an elite (`gradient`) and
from nothing. All are refitted exactly on a sample of the rows; those that would enter the
archive once more on all of them.
"""

from __future__ import annotations

import numpy as np

from ..runtime.checkpoint import part, prefixed
from .archive import Archive
from .evaluator import Evaluator, Graphs
from .proposals import Options, bred, unseen
from .random_edits import from_nothing

#: Rows on which children are screened.
SCREENING_ROWS = 64
#: Steps on the sample.
_SCREENING_STEPS = 16
#: Parents of a generation, and of the first, after which each has one more.
_PARENTS, _FIRST_PARENTS = 10, 2
#: First generations, which have nothing but children by predicted gain.
_OPENING = 4
#: So many graphs made at random is a proposal of the gradient worth in the search for a
#: simpler one than an exact one, where nothing made at random was seen to improve.
_WORTH = 8
#: Fresh graphs of a generation.
_FRESH = 60
#: Fresh graphs of a generation of the control.
_ALONE = 300
#: A child whose loss is this many times too large after a few steps is given up.
_HOPELESS = 30.0
#: Complexity up to which an exact graph leaves no room for steps towards a simpler one, so
#: that only what may itself become exact is looked at further; and the relative error,
#: after the steps on the sample, of what may.
_SHORT, _NEAR = 5.0, 1e-4


class Population:
    """One archive and the structures that it has seen, on its own sample of the rows.

    Attributes
    ----------
    fitted : int
        Graphs fitted, or passed over because they have as many coefficients as rows.
    since_exact : int
        Graphs looked at, fitted or not, since there is an exact one; a proposal of the
        gradient counts for several.
    exhausted : bool
        Whether a generation found nothing that it had not seen.
    """

    def __init__(
        self,
        evaluator: Evaluator,
        options: Options,
        rng: np.random.Generator,
        archive: Archive | None = None,
    ) -> None:
        if archive is None:
            archive = Archive(evaluator, evaluator.sample(SCREENING_ROWS, rng), options)
        self.archive, self.screen = archive, archive.screen
        self.options, self.rng = options, rng
        self.fitted = self.since_exact = self.generation = 0
        self.exhausted = False
        self._seen: dict[int, int] = {}

    def step(self) -> int:
        """One generation; the number of graphs fitted."""
        archive, opening, keen = self.archive, self._is_opening(), self._is_keen()
        families = unseen(Graphs.join(self._families()), self._seen)
        self.exhausted = not len(families) and not opening
        able = families.take(np.flatnonzero(~archive.evaluator.is_saturated(families)))
        children = self._simpler(able)
        hopeless = _HOPELESS * archive.thresholds(children)
        self.screen.fit(children, _SCREENING_STEPS, 1e-6, hopeless)
        admitted = archive.admits(children)
        if self._is_trimming():
            admitted = admitted[children.loss[admitted] <= _NEAR * self.screen.unit]
        if len(admitted):
            archive.add(children.take(admitted))
        if archive.exact:
            archive.simplify(1)
            self.since_exact += len(families) * (_WORTH if keen else 1)
        count = len(children) + len(families) - len(able)
        self.fitted += count
        self.generation += 1
        return count

    def _is_opening(self) -> bool:
        return self._is_keen() and not self.archive.exact

    def _is_keen(self) -> bool:
        """Whether only what the gradient proposes is looked at."""
        wanted = self.options.gradient and not self.options.random_only
        return wanted and (self.generation < _OPENING or self.archive.exact)

    def _is_trimming(self) -> bool:
        return self.archive.exact and self.archive.least <= _SHORT

    def _families(self) -> list[Graphs]:
        """Graphs to look at."""
        options, rng = self.options, self.rng
        if options.random_only:
            return [from_nothing(self.screen, _ALONE, rng)]
        children = bred(self.screen, self._parents(), options, rng)
        if self._is_keen():
            return children
        return [from_nothing(self.screen, _FRESH, rng), *children]

    def _simpler(self, graphs: Graphs) -> Graphs:
        """Those that would be an improvement on an exact graph, if there is one."""
        if not self.archive.exact:
            return graphs
        sizes = self.screen.size(graphs)
        return graphs.take(np.flatnonzero(sizes < self.archive.least - 1e-9))

    def _parents(self) -> Graphs:
        """Elites to breed from; the first of all is the graph without edges."""
        if len(self.archive.criterion):
            ready = 0 if self._is_trimming() else self.generation
            count = min(_FIRST_PARENTS + ready, _PARENTS)
            return self.archive.graphs.take(self.archive.parents(count, self.rng))
        blank = self.screen.empty(1)
        self.screen.fit(blank, 0, 0.0)
        return blank

    def arrays(self) -> dict[str, np.ndarray]:
        return prefixed("archive", self.archive.arrays()) | {
            "counts": np.array([self.fitted, self.since_exact, self.generation]),
            "seen": np.array([*self._seen.items()], np.int64).reshape(-1, 2),
        }

    @classmethod
    def of(
        cls,
        evaluator: Evaluator,
        options: Options,
        rng: np.random.Generator,
        arrays: dict[str, np.ndarray],
    ) -> Population:
        archive = Archive.of(evaluator, options, part(arrays, "archive"))
        found = cls(evaluator, options, rng, archive)
        found.fitted, found.since_exact, found.generation = arrays["counts"].tolist()
        found._seen = dict(arrays["seen"].tolist())
        return found
