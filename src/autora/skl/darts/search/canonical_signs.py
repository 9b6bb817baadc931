"""Minus signs moved out of nodes: −3·k with k = −x·z is 3·k with k = x·z.

Search does not care where a sign stands, so that of two spellings it reports the one that
it met first, and that depends on the last bits of a machine. Readers care.
"""

from __future__ import annotations

import numpy as np

from .evaluator import Evaluator, Graphs
from .kernels.arrays import DIFFERENCE, SUM
from .random_edits import with_keys


def with_canonical_signs(evaluator: Evaluator, graphs: Graphs) -> Graphs:
    """The same graphs without the minus signs that a reader can do without.

    A product has none, and a sum not in all its terms, unless something that the node feeds
    needs the sign. Nodes that then only pass on are left out.
    """
    plus, minus = evaluator.basic[[SUM, DIFFERENCE]].tolist()
    if min(plus, minus) < 0 or not evaluator.train_readout:
        return graphs
    graphs, changed = graphs.take(np.arange(len(graphs))), np.zeros(len(graphs), bool)
    for i in np.flatnonzero((graphs.op == minus).any(axis=(1, 2))).tolist():
        for k in range(evaluator.n_nodes):
            on = graphs.op[i, k] >= 0
            signs = graphs.op[i, k] == minus
            product = graphs.agg[i, k] == 1 and on.sum() > 1
            if not signs.any() or not (product or signs[on].all()):
                continue
            odd = not product or signs.sum() % 2 == 1
            if odd and not _passed_on(evaluator, graphs, i, k, plus, minus):
                continue
            graphs.op[i, k, signs] = plus
            changed[i] = True
    tidied = with_keys(evaluator, graphs.take(np.flatnonzero(changed)))
    evaluator.fit(tidied, 0, 0.0)  # nodes may have moved, and their read-out with them
    return Graphs.join([graphs.take(np.flatnonzero(~changed)), tidied])


def _passed_on(
    evaluator: Evaluator, graphs: Graphs, i: int, k: int, plus: int, minus: int
) -> bool:
    """Let all that a node feeds take its sign over; False where something cannot."""
    op, theta = graphs.op[i], graphs.theta[i]
    fed = (op >= 0) & (graphs.src[i] == evaluator.n_inputs + k)
    slope = fed & (evaluator.form[op, 0] == 1)
    even = np.array([p.even for p in evaluator.primitives])
    added, taken = fed & (op == plus), fed & (op == minus)
    if (fed & ~(slope | even[op] | added | taken)).any():
        return False
    theta[slope, 0] *= -1
    op[added], op[taken] = minus, plus
    return True
