"""The best graphs of every complexity, and what is known about them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .canonical_signs import with_canonical_signs
from .evaluator import Evaluator, Graphs
from .proposals import Options
from .simplification import simplified

#: Steps on all rows, and on all rows for graphs that matter.
_SETTLING_STEPS, _POLISHING_STEPS = 6, 40
#: Share of its loss that a step must gain a leading graph: what approaches an exact fit
#: gains far more, and what does not is settled once more at the end.
_POLISHED = 1e-6
#: Graphs that lead by criterion, and are converged.
LEADING = 10
#: Share of the parents that are drawn evenly over the complexities; how close to the best
#: the others are.
_SPREAD, _NEARNESS = 0.8, 6
#: Graphs kept per complexity, and in all where complexities are not told apart.
_PER_SIZE, _MIXED = 4, 60


def places_within(level: np.ndarray) -> np.ndarray:
    """How many of the same level come before each."""
    order = np.argsort(level, kind="stable")
    _, first, count = np.unique(level[order], return_index=True, return_counts=True)
    place = np.empty(len(level), int)
    place[order] = np.arange(len(level)) - np.repeat(first, count)
    return place


class Archive:
    """The best graphs of every complexity, fitted on all rows.

    Best is by the extended criterion, within a complexity, too. Complexities are told apart
    as whole numbers, rounded down: 3 and 3.5 are one, and of two graphs in one the larger
    often fits noise better, but a graph with one coefficient more is never in the same.
    ``rows`` are those on which children are screened.
    """

    def __init__(self, evaluator: Evaluator, rows: np.ndarray, options: Options) -> None:
        self.evaluator, self.rows, self.options = evaluator, rows, options
        self.screen = evaluator.rows(rows)
        self.graphs = evaluator.empty(0)
        self.criterion = np.zeros(0)
        self.level = np.zeros(0, int)
        self._screened: dict[int, float] = {}
        self._simplified: set[int] = set()
        self._polished: set[int] = set()
        self.out_of_budget = False
        self.interruption: KeyboardInterrupt | None = None

    def thresholds(self, children: Graphs) -> np.ndarray:
        """Screening losses that children must beat to enter."""
        thresholds = self._thresholds(self._levels(self.screen, children))
        return self.evaluator.needed(children, thresholds, self.screen)

    def _thresholds(self, levels: np.ndarray) -> np.ndarray:
        found, of = np.unique(levels, return_inverse=True)
        return np.array([self._screened.get(v, np.inf) for v in found.tolist()])[of]

    def admits(self, children: Graphs) -> np.ndarray:
        """Children whose screening promises a place, best first.

        Of each complexity there are no more than could get one, and as many again, because
        on all rows the order is another.
        """
        levels = self._levels(self.screen, children)
        promise = self.evaluator.promise(children, self.screen)
        promising = np.flatnonzero(promise < self._thresholds(levels))
        promising = promising[np.argsort(promise[promising], kind="stable")]
        return promising[places_within(levels[promising]) < 2 * self._most()]

    def _levels(self, evaluator: Evaluator, graphs: Graphs) -> np.ndarray:
        if not self.options.per_size:
            return np.zeros(len(graphs), int)
        return np.floor(evaluator.size(graphs)).astype(int)

    def add(self, graphs: Graphs) -> None:
        """Take in children that passed the screening."""
        self.evaluator.fit(graphs, _SETTLING_STEPS, 1e-4)
        self._merge(graphs)
        self._polish()
        self._set_thresholds()

    def restore(self) -> None:
        """Make everything agree with the graphs after an interruption in between."""
        self.level = self._levels(self.evaluator, self.graphs)
        self.criterion = self.evaluator.criterion(self.graphs)

    def _most(self) -> int:
        """Graphs kept per complexity."""
        return _PER_SIZE if self.options.per_size else _MIXED

    def _merge(self, graphs: Graphs) -> None:
        """The best few per complexity of what there was and what is new."""
        finite = np.isfinite(graphs.loss) & self.evaluator.is_carried(graphs)
        joined = Graphs.join([self.graphs, graphs.take(np.flatnonzero(finite))])
        order = np.argsort(joined.loss, kind="stable")
        _, first = np.unique(joined.key[order], return_index=True)
        joined = joined.take(order[first])
        joined = joined.take(np.lexsort((joined.loss, self.evaluator.criterion(joined))))
        level = self._levels(self.evaluator, joined)
        keep = np.flatnonzero(places_within(level) < self._most())
        self.graphs, self.level = joined.take(keep), level[keep]
        self.criterion = self.evaluator.criterion(self.graphs)

    def _polish(self) -> None:
        """Converge the graphs that lead, once each."""
        leading = set(np.argsort(self.criterion)[:LEADING].tolist())
        leading |= set(np.unique(self.level, return_index=True)[1].tolist())
        rough = [
            i for i in sorted(leading) if int(self.graphs.key[i]) not in self._polished
        ]
        if not rough:
            return
        graphs = self.graphs.take(rough)
        self._polished.update(graphs.key.tolist())
        self.evaluator.fit(graphs, _POLISHING_STEPS, _POLISHED)
        self.graphs.put(rough, graphs)
        self.criterion = self.evaluator.criterion(self.graphs)

    def _set_thresholds(self) -> None:
        """What a screening must promise: as much as the worst graph kept per size."""
        copies = self.graphs.take(np.arange(len(self.graphs)))
        self.screen.fit(copies, 0, 0.0)
        promise = self.evaluator.promise(copies, self.screen)
        self._screened = {}
        for size in np.unique(self.level):
            members = self.level == size
            worst = promise[members].max() if members.sum() >= self._most() else np.inf
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
        self._set_thresholds()
        return self

    def simplify(self, count: int, is_late: Callable[[], bool] = lambda: False) -> None:
        """Simplify the best few graphs, or the best one alone where it is late.

        What has been simplified once stays out.
        """
        leading = np.argsort(self.criterion)[: count if self.options.simplify else 0]
        for place, graph in enumerate([self.graphs.take([i]) for i in leading]):
            if place and is_late():
                break
            if (key := int(graph.key[0])) not in self._simplified:
                simple = simplified(
                    self.evaluator, self.screen, with_canonical_signs(self.evaluator, graph)
                )
                self._simplified |= {key, int(simple.key[0])}
                self._merge(simple)
        self._set_thresholds()

    @property
    def best(self) -> int:
        return int(np.argmin(self.criterion))

    @property
    def least(self) -> float:
        """Complexity of the best."""
        return float(self.evaluator.size(self.graphs.take([self.best]))[0])

    @property
    def exact(self) -> bool:
        if not len(self.criterion):
            return False
        return bool(self.evaluator.is_exact(self.graphs.take([self.best]))[0])

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything that the archive is, but for evaluator and options."""
        graphs = {name: getattr(self.graphs, name) for name in Graphs.FIELDS}
        return graphs | {
            "rows": self.rows,
            "criterion": self.criterion,
            "level": self.level,
            "thresholds": np.array([*self._screened.values()], float),
            "levels": np.array([*self._screened], np.int64),
            "polished": np.array([*self._polished], np.int64),
            "simplified": np.array([*self._simplified], np.int64),
        }

    @classmethod
    def of(
        cls, evaluator: Evaluator, options: Options, arrays: dict[str, np.ndarray]
    ) -> Archive:
        """The archive that `arrays` describes."""
        archive = cls(evaluator, arrays["rows"], options)
        archive.graphs = Graphs(**{name: arrays[name] for name in Graphs.FIELDS})
        archive.criterion, archive.level = arrays["criterion"], arrays["level"]
        levels, thresholds = arrays["levels"].tolist(), arrays["thresholds"].tolist()
        archive._screened = dict(zip(levels, thresholds, strict=True))
        archive._polished = set(arrays["polished"].tolist())
        archive._simplified = set(arrays["simplified"].tolist())
        return archive
