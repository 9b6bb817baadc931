"""What every single edit of a fitted graph would gain, in compiled loops.

Part of the template that `engine` compiles. This is the architecture gradient of
DARTS taken at a vertex, a discrete graph with optimal coefficients, except that a step from
one primitive to another is finite: the gain is computed for the whole step, to second
order, with read-out and coefficients free to follow (orthogonal matching pursuit: Pati,
Rezaiifar & Krishnaprasad 1993, with the tangents of the coefficients in the basis).
"""

# ruff: noqa: F821
# mypy: ignore-errors

#: A column that the basis spans up to this share of its square tells nothing.
SPANNED = 1e-9


@compiled
def dictionary(sources, ops, coefs, columns, finite):
    """Every primitive of a list at every source: ``columns`` (sources · list, n).

    ``coefs`` (sources, list, P).
    """
    n = sources.shape[1]
    spare = np.empty((1 + coefs.shape[2], n))
    c = 0
    for i in range(sources.shape[0]):
        for j in range(ops.shape[0]):
            column = columns[c]
            evaluate(ops[j], sources[i], coefs[i, j], column, spare)
            finite[c] = True
            for t in range(n):
                if not abs(column[t]) < 1e8:
                    finite[c] = False
            c += 1


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


@compiled
def edit_basis(slot, data, graph, work, q):
    """Directions that stay free under an edit of a slot (node, slot, product, alone).

    Left out is what the edit changes: the node's own read-out column where the whole node
    changes shape (a product, or its only edge) and the tangents that go with it.
    """
    x, _, root, n_params, train_readout, train_bias = data
    op, use = graph[2], graph[3]
    k, s, product, alone = slot
    values, jac = work[0], work[7]
    column = root.copy()
    rank = append_orthogonal(q, 0, column) if train_bias else 0
    row = 0
    for node in range(op.shape[0]):
        if use[node] and train_readout and not (node == k and (product or alone)):
            for i in range(root.shape[0]):
                column[i] = values[x.shape[0] + node, i] * root[i]
            rank = append_orthogonal(q, rank, column)
    for node in range(op.shape[0]):
        for t in range(op.shape[1]):
            if op[node, t] < 0:
                continue
            own = node == k and (product or t == s)
            for _ in range(n_params[op[node, t]]):
                if not own:
                    for i in range(root.shape[0]):
                        column[i] = jac[row, i]
                    rank = append_orthogonal(q, rank, column)
                row += 1
    return rank


@compiled
def score_columns(columns, finite, h, t, q, rank, free, fixed, amplitude):
    """Predicted sum of squares of t − h·a·g for every column g.

    ``free`` at the best amplitude a (stored in ``amplitude``), ``fixed`` at a = 1;
    infinite where the column tells nothing new.
    """
    n = t.shape[0]
    for j in range(rank):
        subtract_multiple(t, dot_product(q[j], t), q[j])
    s0 = square(t)
    hq = np.empty((rank, n))
    for j in range(rank):
        for i in range(n):
            hq[j, i] = h[i] * q[j, i]
    ht, hh = h * t, h * h
    for c in range(columns.shape[0]):
        free[c] = fixed[c] = np.inf
        amplitude[c] = 0.0
        if not finite[c]:
            continue
        g = columns[c]
        num, first, spanned = dot_product(ht, g), 0.0, 0.0
        for i in range(n):
            first += hh[i] * g[i] * g[i]
        for j in range(rank):
            dot = dot_product(hq[j], g)
            spanned += dot * dot
        den = first - spanned
        if den > SPANNED * first:
            amplitude[c] = num / den
            free[c] = max(s0 - num * num / den, 0.0)
            fixed[c] = max(s0 - 2.0 * num + den, 0.0)


@compiled
def slot_target(slot, n_inputs, root, work, h, t):
    """``h``: derivative of the output in the slot's edge; ``t``: residual without it."""
    values, v, _, partners, back, _, r, _ = work
    k, s, product, _ = slot
    for i in range(root.shape[0]):
        if k < 0:
            h[i], t[i] = root[i], r[i]
        elif s >= 0:
            h[i] = back[k, i] * partners[k, s, i] * root[i]
            t[i] = r[i] + h[i] * v[k, s, i]
        elif product:
            h[i] = back[k, i] * values[n_inputs + k, i] * root[i]
            t[i] = r[i] + h[i]
        else:
            h[i], t[i] = back[k, i] * root[i], r[i]


@compiled
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


@compiled
def score_graph(
    columns, finite, data, can_multiply, graph, work, slots, free, fixed, amplitude
):
    """Score every slot; returns how many rows of the results are filled."""
    op, root = graph[2], data[2]
    n = root.shape[0]
    q = np.empty((1 + op.shape[0] + work[7].shape[0], n))
    h, t = np.empty(n), np.empty(n)
    count = list_slots(can_multiply, graph[0], op, slots)
    for c in range(count):
        slot = (slots[c, 0], slots[c, 1], slots[c, 2] == 1, slots[c, 3] == 1)
        slot_target(slot, data[0].shape[0], root, work, h, t)
        rank = edit_basis(slot, data, graph, work, q)
        score_columns(columns, finite, h, t, q, rank, free[c], fixed[c], amplitude[c])
    return count
