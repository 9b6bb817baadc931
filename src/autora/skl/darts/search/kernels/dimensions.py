"""Whether units can be given to all coefficients of a graph, in compiled loops.

Units multiply and divide, so that their exponents add: a source has a row of exponents of
the base units. A unit that is not known, of a column that came without one or of a node all
of whose edges have coefficients with units, is a variable: beside its exponents a row has
factors of all variables. Sums of equals and arguments that must be numbers are linear
equations, which are solved one by one.
"""

from __future__ import annotations

import numpy as np

from .arrays import ANY, FITTED, NUMBER, Graph, UnitRows
from .compilation import allocating, compiled, entry

#: Exponents closer to zero are zero.
_ZERO = 1e-6


@compiled
def reduce_row(row, count, rooms, n_constants):
    """Take from a row what the equations that are solved say of its variables."""
    for i in range(count):
        factor = row[n_constants + rooms.pivots[i]]
        if abs(factor) > _ZERO:
            for j in range(row.shape[0]):
                row[j] -= factor * rooms.solved[i, j]


@compiled
def is_number(row, units):
    """Whether a reduced row is that of a number."""
    for j in range(row.shape[0]):
        if abs(row[j]) > _ZERO and not units.n_bases <= j < units.n_constants:
            return False
    return True


@compiled
def impose(row, count, rooms, units):
    """Add the equation row = 0; how many there are then, −1 where it cannot be."""
    reduce_row(row, count, rooms, units.n_constants)
    pivot, largest = -1, _ZERO
    for j in range(units.n_constants, row.shape[0]):
        if abs(row[j]) > largest:
            pivot, largest = j, abs(row[j])
    if pivot < 0:
        return count if is_number(row, units) else -1
    for j in range(row.shape[0]):
        rooms.solved[count, j] = row[j] / row[pivot]
    rooms.pivots[count] = pivot - units.n_constants
    return count + 1


@compiled
def bring(op, source, count, rooms, units):
    """What an edge brings, into ``rooms.row``; and whether that may have any unit."""
    row, kind = rooms.row, units.kind[op]
    for j in range(row.shape[0]):
        row[j] = source[j]
    if kind == NUMBER:
        count = impose(row, count, rooms, units)
    if kind == FITTED:
        reduce_row(row, count, rooms, units.n_constants)
    any_unit = kind == ANY or (kind == FITTED and not is_number(row, units))
    for j in range(row.shape[0]):
        row[j] = units.degree[op] * source[j]
    return count, any_unit


@compiled
def combine(k, count, graph, rooms, units):
    """The row of a node from those of its edges; the number of equations."""
    n_nodes, n_slots = graph.op.shape
    node, row = rooms.rows[units.inputs.shape[0] + k], rooms.row
    full = 0
    for s in range(n_slots):
        full += 1 if graph.op[k, s] >= 0 else 0
    product, known, free = graph.agg[k] == 1 and full > 1, 0, False
    for j in range(row.shape[0]):
        node[j] = 0.0
    for s in range(n_slots):
        if graph.op[k, s] < 0:
            continue
        source = rooms.rows[graph.src[k, s]]
        count, any_unit = bring(graph.op[k, s], source, count, rooms, units)
        if count < 0:
            return count
        if any_unit:
            free = True
            continue
        if known > 0 and not product:
            for j in range(row.shape[0]):
                row[j] -= node[j]
            count = impose(row, count, rooms, units)
            if count < 0:
                return count
        else:
            for j in range(row.shape[0]):
                node[j] += row[j]
        known += 1
    if free and (product or known == 0):
        for j in range(row.shape[0]):
            node[j] = 0.0
        node[row.shape[0] - n_nodes + k] = 1.0
    return count


@allocating
def rooms_for(n_nodes, units):
    """What `solve` writes into."""
    n_inputs, size = units.inputs.shape
    n_variables = size - units.n_constants
    rows = np.zeros((n_inputs + n_nodes, size))
    rows[:n_inputs] = units.inputs
    solved = np.zeros((n_variables, size))
    return UnitRows(rows, np.zeros(size), solved, np.zeros(n_variables, np.int64))


@compiled
def solve(graph, rooms, units):
    """The rows of all nodes; the number of equations for variables, −1: they contradict."""
    count = 0
    for k in range(graph.op.shape[0]):
        if count >= 0:
            count = combine(k, count, graph, rooms, units)
    return count


@entry
def assigned(agg, src, op, use, units):
    """Rows of all sources where nodes have the units of outputs that ``use`` them (K, Q).

    The second result is whether they can. Variables that nothing determines are numbers.
    """
    rooms, n_inputs = rooms_for(op.shape[0], units), units.inputs.shape[0]
    count = solve(Graph(agg, src, op, use[:, 0]), rooms, units)
    for k in range(op.shape[0]):
        for q in range(use.shape[1]):
            if use[k, q] and count >= 0:
                for j in range(rooms.row.shape[0]):
                    rooms.row[j] = rooms.rows[n_inputs + k, j] - units.outputs[q, j]
                count = impose(rooms.row, count, rooms, units)
    for i in range(count - 1, -1, -1):
        for j in range(i):
            factor = rooms.solved[j, units.n_constants + rooms.pivots[i]]
            for m in range(rooms.row.shape[0]):
                rooms.solved[j, m] -= factor * rooms.solved[i, m]
    for k in range(rooms.rows.shape[0]):
        reduce_row(rooms.rows[k], max(count, 0), rooms, units.n_constants)
    return rooms.rows, count >= 0


@entry
def drop_contradictions(agg, src, op, use, units, keys):
    """Set the keys (B,) of graphs to 0 whose units contradict one another."""
    rooms = rooms_for(op.shape[1], units)
    for b in range(keys.shape[0]):
        if keys[b] != 0 and solve(Graph(agg[b], src[b], op[b], use[b]), rooms, units) < 0:
            keys[b] = 0
