"""What every single edit of a fitted graph would gain, in compiled loops.

This is the architecture gradient of DARTS taken at a vertex, a discrete graph with optimal
coefficients, except that a step from one primitive to another is finite: the gain is
computed for the whole step, to second order, with read-out and coefficients free to follow
(orthogonal matching pursuit: Pati, Rezaiifar & Krishnaprasad 1993, with the tangents of
the coefficients in the basis).
"""

from __future__ import annotations

import numpy as np

from .arrays import ZERO
from .compilation import compiled, inlined
from .linear_algebra import (
    copy_row,
    dot_product,
    four_dot_products,
    square,
    subtract_multiple,
)

#: A column that the basis spans up to this share of its square tells nothing.
SPANNED = 1e-9


@inlined
def value_of(op, x, c, v, argument, data, functions):
    """Fill ``v`` (n,) with a primitive's values at ``x``; see `evaluate`."""
    slope, shift, base = data.form[op, 0], data.form[op, 1], data.base[op]
    a, b = c[0] if slope == 1 else 1.0, c[slope] if shift == 1 else 0.0
    if base < 0:
        for i in range(x.shape[0]):
            v[i] = a * x[i] + b
    elif slope + shift == 0:
        functions.values(base, x, v, c)
    else:
        for i in range(x.shape[0]):
            argument[i] = a * x[i] + b
        functions.values(base, argument, v, c[slope + shift :])


@compiled
def fill_dictionary(first, last, data, functions, vocabulary, drawn, dictionary):
    """Every primitive of a list at the sources from ``first`` to before ``last``.

    Its column is number source · list + place; ``drawn`` (list, P) has slopes and shifts
    in units of the source.
    """
    ops, columns, coefs = vocabulary.ops, dictionary.columns, dictionary.coefs
    size, n = ops.shape[0], columns.shape[1]
    for source in range(first, last):
        x = dictionary.sources[source]
        unit = np.sqrt(square(x) / n)
        if not (unit > 1e-12 and unit < 1e12):
            unit = 1.0
        for j in range(size):
            c, op = source * size + j, ops[j]
            for p in range(drawn.shape[1]):
                coefs[c, p] = drawn[j, p]
            if data.form[op, 0] == 1 and not vocabulary.straight[op]:
                coefs[c, 0] /= unit
            elif data.form[op, 0] == 0 and data.form[op, 1] == 1:
                coefs[c, 0] *= unit
            column = columns[c]
            value_of(op, x, coefs[c], column, dictionary.argument, data, functions)
            dictionary.finite[c] = True
            for i in range(n):
                if not abs(column[i]) < 1e8:
                    dictionary.finite[c] = False


@compiled
def append_orthogonal(q, rank, column):
    """Orthonormalise a column against ``q``; the new rank."""
    before = square(column)
    for _ in range(2):
        for j in range(rank):
            subtract_multiple(column, dot_product(q[j], column), q[j])
    after = square(column)
    if not after > 1e-14 * before or not before > 0.0:
        return rank
    size = 1.0 / np.sqrt(after)
    for i in range(column.shape[0]):
        q[rank, i] = column[i] * size
    return rank + 1


@inlined
def edit_basis(slot, data, graph, work, q):
    """Directions that stay free under an edit of a slot.

    Left out is what the edit changes: the node's own read-out column where the whole node
    changes shape (a product, or its only edge) and the tangents that go with it.
    """
    op, root, k = graph.op, work.root, slot.node
    whole = slot.product or slot.alone
    column = root.copy()
    rank = append_orthogonal(q, ZERO, column) if data.train_bias else ZERO
    row = 0
    for node in range(op.shape[0]):
        if graph.use[node] and data.train_readout and not (node == k and whole):
            values = work.nodes[data.x.shape[0] + node]
            for i in range(root.shape[0]):
                column[i] = values[i] * root[i]
            rank = append_orthogonal(q, rank, column)
    for node in range(op.shape[0]):
        for t in range(op.shape[1]):
            if op[node, t] < 0:
                continue
            own = node == k and (slot.product or t == slot.slot)
            for _ in range(data.form[op[node, t], 2]):
                if not own:
                    copy_row(work.jacobian[row], column)
                    rank = append_orthogonal(q, rank, column)
                row += 1
    return rank


@inlined
def projected(h, t, q, rank, hq):
    """Take from ``t`` what the basis spans; ``hq`` becomes h·q. Returns ‖t‖²."""
    for j in range(rank):
        subtract_multiple(t, dot_product(q[j], t), q[j])
        for i in range(t.shape[0]):
            hq[j, i] = h[i] * q[j, i]
    return square(t)


@compiled
def score_column(g, ht, hh, hq, rank, s0):
    """Predicted sum of squares of t − h·a·g for a column g.

    With a free, with a = 1, and the best a; infinite where the column tells nothing new.
    """
    num, first, spanned = dot_product(ht, g), 0.0, 0.0
    for i in range(g.shape[0]):
        first += hh[i] * g[i] * g[i]
    done = rank - rank % 4
    for j in range(0, done, 4):
        a, b, c, d = four_dot_products(g, hq, j)
        spanned += (a * a + b * b) + (c * c + d * d)
    for j in range(done, rank):
        dot = dot_product(hq[j], g)
        spanned += dot * dot
    den = first - spanned
    if not den > SPANNED * first:
        return np.inf, np.inf, 0.0
    return max(s0 - num * num / den, 0.0), max(s0 - 2.0 * num + den, 0.0), num / den


@inlined
def slot_target(slot, n_inputs, root, work, h, t):
    """``h``: derivative of the output in the slot's edge; ``t``: residual without it."""
    k, s, r = slot.node, slot.slot, work.residual
    for i in range(root.shape[0]):
        if k < 0:
            h[i], t[i] = root[i], r[i]
        elif s >= 0:
            h[i] = work.back[k, i] * work.partners[k, s, i] * root[i]
            t[i] = r[i] + h[i] * work.edges[k, s, i]
        elif slot.product:
            h[i] = work.back[k, i] * work.nodes[n_inputs + k, i] * root[i]
            t[i] = r[i] + h[i]
        else:
            h[i], t[i] = work.back[k, i] * root[i], r[i]


@inlined
def list_slots(can_multiply, agg, op, slots):
    """Slots (node, slot, product, alone) that an edit may fill; their number.

    Node −1 is a new node of the read-out; slot −1 is one more edge, −2 one more edge that
    turns a lone edge into a product.
    """
    slots[0, 0], slots[0, 1], slots[0, 2], slots[0, 3] = -1, -1, 0, 1
    count = 1
    for k in range(op.shape[0]):
        full = 0
        for s in range(op.shape[1]):
            if op[k, s] >= 0:
                full += 1
        for s in range(-2, full):
            room = s >= 0 or full < op.shape[1]
            if full == 0 or not room or (s == -2 and (full != 1 or not can_multiply)):
                continue
            slots[count, 0], slots[count, 1] = k, s
            slots[count, 2] = s == -2 or (agg[k] == 1 and full > 1)
            slots[count, 3] = full == 1 and s >= 0
            count += 1
    return count
