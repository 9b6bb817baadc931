"""Where graphs compete that every group of rows fits with coefficients of its own."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from .evaluator import Evaluator, Graphs

#: Groups on which children are screened, at least, and steps of a refit, at least: every
#: group starts from the coefficients that all have in common.
_FEWEST_GROUPS, _FEWEST_STEPS = 3, 12
#: Smallest share of the loss that a step must gain; a fit without steps wants a few, too.
_TOLERANCE = 1e-6


@dataclass(frozen=True, eq=False)
class GroupedEvaluator(Evaluator):
    """Graphs are shared, all of their coefficients belong to a group.

    What a graph carries along are the medians of its coefficients over the groups, from
    which every refit starts.

    Attributes
    ----------
    group : ndarray of shape (n,)
        Number of the group of every row.
    """

    group: np.ndarray

    @cached_property
    def parts(self) -> list[Evaluator]:
        """The evaluator of every group."""
        return [
            Evaluator(**self._fields_of(np.flatnonzero(self.group == number)))
            for number in np.unique(self.group)
        ]

    def _fields_of(self, index: np.ndarray) -> dict[str, Any]:
        fields = super()._fields_of(index)
        del fields["group"]
        return fields

    def rows(self, index: np.ndarray) -> Evaluator:
        return GroupedEvaluator(**super()._fields_of(index) | {"group": self.group[index]})

    def sample(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Rows of whole groups."""
        order, kept = rng.permutation(np.unique(self.group)), np.zeros(self.n_rows, bool)
        for place, number in enumerate(order):
            if place >= _FEWEST_GROUPS and kept.sum() >= count:
                break
            kept |= self.group == number
        return np.flatnonzero(kept)

    def focused(self, graphs: Graphs, rng: np.random.Generator) -> tuple[Evaluator, Graphs]:
        """One group, another one every time."""
        part = self.parts[rng.integers(len(self.parts))]
        fitted = graphs.take(np.arange(len(graphs)))
        part.fit(fitted, _FEWEST_STEPS, _TOLERANCE)
        return part, fitted

    def fit(
        self,
        graphs: Graphs,
        steps: int,
        tolerance: float,
        hopeless: np.ndarray | None = None,
    ) -> None:
        """Refit every group; the loss is that of all."""
        start, loss = graphs.theta.copy(), np.zeros(len(graphs))
        thetas, ws = [], []
        for part in self.parts:
            graphs.theta[...] = start
            part.fit(graphs, max(steps, _FEWEST_STEPS), max(tolerance, _TOLERANCE))
            loss += graphs.loss
            thetas.append(graphs.theta.copy())
            ws.append(graphs.w.copy())
        graphs.theta[...], graphs.w[...] = np.median(thetas, axis=0), np.median(ws, axis=0)
        graphs.loss[...] = loss

    def residual(self, graph: Graphs) -> np.ndarray:
        found = np.empty(self.n_rows)
        for part, number in zip(self.parts, np.unique(self.group), strict=True):
            fitted = graph.take([0])
            part.fit(fitted, _FEWEST_STEPS, _TOLERANCE)
            found[self.group == number] = part.residual(fitted)
        return found

    def is_exact(self, graphs: Graphs) -> np.ndarray:
        """Outcomes of a few rows are easily told apart, which says nothing of a law."""
        if self.objective.likelihood:
            return np.zeros(len(graphs), bool)
        return super().is_exact(graphs)

    def _charged(self, graphs: Graphs) -> tuple[np.ndarray, np.ndarray]:
        """Coefficients of all groups, each of which costs the logarithm of its rows."""
        count, size = len(self.parts), self.size(graphs)
        own = self.n_coefficients(graphs)
        log = np.log(max(self.known.n, 2.0))
        own_log = np.log(max(self.known.n / count, 2.0))
        extra = (own - int(self.train_bias)) * (count * own_log - log)
        return own * count, size + extra / self.known.price
