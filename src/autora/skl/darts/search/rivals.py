"""Graphs that are nearly as probable as those that lead.

The search keeps a few graphs of every complexity, and passes over others that would do as
well. How probable an equation is depends on how many of these there are: with noise the
logarithm may fit as well as the root. So every edge of the graphs that lead is given every
other primitive, once the search has ended.
"""

from __future__ import annotations

import numpy as np

from ..selection.theories import RATE
from .evaluator import Evaluator, Graphs
from .finalize import distinct
from .simplification import Tries

#: Difference of the criterion up to which a graph counts: a hundredth of the probability.
NEAR = 2 * np.log(100.0) / RATE
#: Graphs whose edges are changed, at a time, and how often in a row.
_LEADING, _TURNS = 6, 2
#: Steps of all tries, of those that promise something, and how much that is: a larger
#: difference of the criterion, and times as large a loss on the way.
_FEW, _STEPS, _PROMISING, _HOPELESS = 8, 40, 35.0, 30.0
#: Most graphs that are added.
_MOST = 100


def with_rivals(evaluator: Evaluator, graphs: Graphs) -> Graphs:
    """The graphs and those that are nearly as probable, which lie an edge or two away."""
    done: set[int] = set()
    for _ in range(_TURNS):
        criterion = evaluator.criterion(graphs)
        order = np.argsort(criterion, kind="stable")
        if not len(order) or evaluator.is_exact(graphs.take(order[:1]))[0]:
            return graphs
        best = float(criterion[order[0]])
        near = [i for i in order.tolist() if criterion[i] <= best + NEAR]
        new = [i for i in near[:_LEADING] if int(graphs.key[i]) not in done]
        if not new:
            return graphs
        done |= set(graphs.key[new].tolist())
        tries = Graphs.join([_changed(evaluator, graphs.take([i])) for i in new])
        tries = tries.take(np.flatnonzero(~np.isin(tries.key, graphs.key)))
        found = _as_good(evaluator, tries, best)
        graphs = Graphs.join([graphs, found.take(np.arange(min(len(found), _MOST)))])
    return graphs


def _changed(evaluator: Evaluator, graph: Graphs) -> Graphs:
    """What a single graph is with another primitive at one of its edges."""
    edits = Tries(evaluator, graph)
    for k, s in np.argwhere(graph.op[0] >= 0).tolist():
        edits.replace(k, s, lambda new, old: True)
    return edits.children()


def _as_good(evaluator: Evaluator, tries: Graphs, best: float) -> Graphs:
    """Those that are nearly as good as the best, fitted, best first."""
    tries = tries.take(np.flatnonzero(~evaluator.is_saturated(tries)))
    bar = np.full(len(tries), best + _PROMISING)
    hopeless = _HOPELESS * evaluator.needed(tries, bar, evaluator)
    evaluator.fit(tries, _FEW, 1e-4, hopeless)
    promising = np.flatnonzero(evaluator.criterion(tries) <= best + _PROMISING)
    tries = tries.take(promising)
    evaluator.fit(tries, _STEPS, 1e-9)
    tries = distinct(tries)
    criterion = evaluator.criterion(tries)
    good = (criterion <= best + NEAR) & evaluator.is_carried(tries)
    order = np.argsort(criterion, kind="stable")
    return tries.take(order[good[order]])
