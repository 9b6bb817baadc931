"""A found graph made as simple as the data allow.

Every edge is tried without, with every cheaper primitive in its place, and every node is
tried outside the read-out; each try is refitted exactly and judged by the criterion. Limits
that imitate another function (a logistic far out in its tail for an exponential) end here.
An edge that is constant on the data (a tanh far out, which a shift makes up for) can only
go together with another change, and so can one that imitates what costs as much.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..selection.criteria import FLOOR
from .evaluator import Edits, Evaluator, Graphs
from .kernels.arrays import DELETE, SET, SHOW, VARIANT, edit_row

_STEPS, _SCREENING_STEPS, _SHORTLIST = 40, 15, 6
#: Spread, as a share of its size, up to which an edge is constant.
_CONSTANT = 1e-9
#: A try whose loss on the sample is more than so many times that of the graph, and more
#: than so small a part of that of a constant, does not get there in the steps that follow.
_WORSE, _FAR = 100.0, 1e-4
#: So many times that is too much after a few steps.
_HOPELESS = 100.0
#: Loss of a twin, in losses of the graph, its steps, and how many are followed up.
_AS_GOOD, _TWIN_STEPS, _MOST_TWINS = 1.1, 8, 3
_EXPONENTS = (-2.0, -1.0, -0.5, 0.5, 1.0, 2.0, 3.0)


def _starts(
    evaluator: Evaluator, op: int, before: int, source: int, old: np.ndarray
) -> list[np.ndarray]:
    """Coefficients to begin with when another primitive takes an edge over.

    An imitation has the slope of what it imitates, or its opposite.
    """
    slope = 1.0 / evaluator.scale[source]
    slopes = [old[0], -old[0], slope] if evaluator.form[before, 0] else [slope]
    if not evaluator.form[op, 0]:
        slopes = slopes[:1]
    return [start for slope in slopes for start in _starts_at(evaluator, op, slope, old)]


def _starts_at(
    evaluator: Evaluator, op: int, slope: float, old: np.ndarray
) -> list[np.ndarray]:
    start = np.zeros(evaluator.max_params)
    at = 0
    if evaluator.form[op, 0]:
        start[at] = slope
        at += 1
    if evaluator.form[op, 1]:
        start[at] = old[0] if evaluator.form[op, 0] == 0 else 0.0
        at += 1
    start[at : evaluator.n_params[op]] = 1.0
    if evaluator.exponent[op] < 0:
        return [start]
    results = []
    for exponent in _EXPONENTS:
        row = start.copy()
        row[evaluator.exponent[op]] = exponent
        results.append(row)
    return results


class Tries:
    """Edits of a single graph, listed one by one."""

    def __init__(self, evaluator: Evaluator, graph: Graphs) -> None:
        self.evaluator, self.graph = evaluator, graph
        self.rows: list[Sequence[Any]] = []
        self.coefs: list[np.ndarray] = []

    def add(self, kind: int, k: int, s: int = 0, op: int = -1, source: int = 0) -> None:
        self.rows.append(edit_row(kind, k, s, op, source))
        self.coefs.append(np.zeros(self.evaluator.max_params))

    def replace(self, k: int, s: int, able: Callable[[float, float], bool]) -> None:
        """Another primitive at an edge, where its cost and the present one's allow it."""
        evaluator = self.evaluator
        old, source = int(self.graph.op[0, k, s]), int(self.graph.src[0, k, s])
        theta = self.graph.theta[0, k, s]
        for new in evaluator.allowed:
            if new == old or not able(evaluator.cost[new], evaluator.cost[old]):
                continue
            if evaluator.primitives[new].base == evaluator.primitives[old].base:
                self.add(VARIANT, k, s, new, source)
            for start in _starts(evaluator, new, old, source, theta):
                self.add(SET, k, s, new, source)
                self.coefs[-1] = start

    def children(self) -> Graphs:
        """What they make of the graph."""
        rows, count = np.array(self.rows, np.int64).reshape(-1, 8), len(self.rows)
        children = self.graph.take(np.zeros(count, int))
        coefs = np.array(self.coefs).reshape(count, self.evaluator.max_params)
        self.evaluator.apply(children, Edits(rows, coefs, np.ones(count)))
        return children.take(np.flatnonzero(children.key))


def _cheaper(evaluator: Evaluator, graph: Graphs) -> Graphs:
    """What every edit makes of a single graph that makes it cheaper."""
    edits = Tries(evaluator, graph)
    for k in np.flatnonzero(graph.use[0]).tolist():
        edits.add(SHOW, k)
    for k, s in np.argwhere(graph.op[0] >= 0).tolist():
        edits.add(DELETE, k, s)
        edits.replace(k, s, operator.lt)
    return edits.children()


def _twins(evaluator: Evaluator, screen: Evaluator, graph: Graphs) -> Graphs:
    """Graphs as costly and as good, another primitive at one edge of a single graph.

    They are looked for where a coefficient has an unnatural size, as in a logistic far out
    in its tail: the exponential that it imitates costs as much, but leads on.
    """
    if not evaluator.strain(graph)[0] > 0:
        return graph.take([])
    edits = Tries(evaluator, graph)
    for k, s in np.argwhere(graph.op[0] >= 0).tolist():
        edits.replace(k, s, operator.eq)
    twins = edits.children()
    here = graph.take([0])
    screen.fit(here, 0, 0.0)
    bar = _AS_GOOD * (here.loss[0] + FLOOR * screen.unit)
    screen.fit(twins, _TWIN_STEPS, 1e-9, np.full(len(twins), _HOPELESS * bar))
    order = np.argsort(twins.loss, kind="stable")
    return twins.take(order[twins.loss[order] <= bar][:_MOST_TWINS])


def _constant_edges(evaluator: Evaluator, graph: Graphs) -> np.ndarray:
    """(node, slot) of edges that have one value on all rows."""
    values = evaluator.values(graph)[0]
    if not np.isfinite(values).all():
        return np.zeros((0, 2), int)
    still = np.ptp(values, axis=2) <= _CONSTANT * np.abs(values).max(axis=2)
    return np.argwhere(still & (graph.op[0] >= 0))


def _without(evaluator: Evaluator, graph: Graphs, k: int, s: int) -> Graphs:
    """The graph without an edge; empty if nothing is left."""
    rows = np.array([edit_row(DELETE, k, s)], np.int64)
    left = graph.take([0])
    evaluator.apply(left, Edits(rows, np.zeros((1, evaluator.max_params)), np.ones(1)))
    return left.take(np.flatnonzero(left.key))


def _shortlist(screen: Evaluator, graph: Graphs, children: Graphs) -> np.ndarray:
    """The tries that are best on the sample, of those that may become as good."""
    here = graph.take([0])
    screen.fit(here, 0, 0.0)
    bar = _WORSE * here.loss[0] + _FAR * screen.unit
    hopeless = np.full(len(children), _HOPELESS * bar)
    screen.fit(children, _SCREENING_STEPS, 1e-9, hopeless)
    order = np.argsort(screen.criterion(children), kind="stable")
    return order[children.loss[order] <= bar][:_SHORTLIST]


def simplified(evaluator: Evaluator, screen: Evaluator, graph: Graphs) -> Graphs:
    """The graph after the edits that improve the criterion, best first.

    Tries are compared on the rows of ``screen``; the best few are judged on all rows.
    """
    current, value = graph, evaluator.criterion(graph)[0]
    while True:
        families = [_cheaper(evaluator, current)]
        twins = _twins(evaluator, screen, current)
        families += [_cheaper(evaluator, twins.take([i])) for i in range(len(twins))]
        for k, s in _constant_edges(evaluator, current):
            left = _without(evaluator, current, k, s)
            families += [_cheaper(evaluator, left)] if len(left) else []
        children = Graphs.join(families)
        if not len(children):
            return current
        children = children.take(_shortlist(screen, current, children))
        if not len(children):
            return current
        evaluator.fit(children, _STEPS, 1e-13)
        criterion = evaluator.criterion(children)
        best = int(np.argmin(criterion))
        if not criterion[best] < value - 1e-9:
            return current
        current, value = children.take([best]), criterion[best]
