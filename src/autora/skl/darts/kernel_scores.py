"""What every single edit of a fitted graph would gain, in compiled loops.

The third part of the template that `engine` compiles. This is the architecture gradient of
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
def append_orthogonal(q, rank, column):
    """Orthonormalise a column against ``q``; the new rank."""
    n = column.shape[0]
    before = square(column)
    for _ in range(2):
        for j in range(rank):
            dot = 0.0
            for i in range(n):
                dot += q[j, i] * column[i]
            for i in range(n):
                column[i] -= dot * q[j, i]
    after = square(column)
    if not after > 1e-14 * before or not before > 0.0:
        return rank
    size = 1.0 / np.sqrt(after)
    for i in range(n):
        q[rank, i] = column[i] * size
    return rank + 1


@compiled
def edit_basis(
    k, s, product, alone, n_inputs, op, use, n_params, root, train_readout, train_bias,
    values, jac, q,
):  # fmt: skip
    """Directions that stay free under an edit of slot ``s`` of node ``k``.

    Left out is what the edit changes: the node's own read-out column where the whole node
    changes shape (a product, or its only edge) and the tangents that go with it.
    """
    n = root.shape[0]
    column = np.empty(n)
    rank = 0
    if train_bias:
        column[:] = root
        rank = append_orthogonal(q, rank, column)
    for node in range(op.shape[0]):
        if use[node] and train_readout and not (node == k and (product or alone)):
            for i in range(n):
                column[i] = values[n_inputs + node, i] * root[i]
            rank = append_orthogonal(q, rank, column)
    row = 0
    for node in range(op.shape[0]):
        for slot in range(op.shape[1]):
            if op[node, slot] < 0:
                continue
            own = node == k and (product or slot == s)
            for _ in range(n_params[op[node, slot]]):
                if not own:
                    column[:] = jac[row]
                    rank = append_orthogonal(q, rank, column)
                row += 1
    return rank


@compiled
def score_columns(columns, finite, h, t, q, rank, free, fixed, amplitude):
    """Predicted sum of squares of h·a·g for every column g.

    ``free`` at the best amplitude a (stored in ``amplitude``), ``fixed`` at a = 1;
    infinite where the column tells nothing new.
    """
    n = t.shape[0]
    for j in range(rank):
        dot = 0.0
        for i in range(n):
            dot += q[j, i] * t[i]
        for i in range(n):
            t[i] -= dot * q[j, i]
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
        num, first = 0.0, 0.0
        for i in range(n):
            num += ht[i] * g[i]
            first += hh[i] * g[i] * g[i]
        spanned = 0.0
        for j in range(rank):
            dot = 0.0
            for i in range(n):
                dot += hq[j, i] * g[i]
            spanned += dot * dot
        den = first - spanned
        if not den > SPANNED * first:
            continue
        amplitude[c] = num / den
        free[c] = max(s0 - num * num / den, 0.0)
        fixed[c] = max(s0 - 2.0 * num + den, 0.0)
    return s0


@compiled
def score_graph(
    columns, finite, n_inputs, root, n_params, train_readout, train_bias, can_multiply,
    agg, op, use, values, v, partners, back, r, jac, slots, free, fixed, amplitude, without,
):  # fmt: skip
    """Score every slot; returns how many rows of the results are filled.

    ``slots`` (rows, 4): node, slot (−1 empty), whether a product takes the edge and
    whether it is the node's only one; node −1 is a new node of the read-out. ``without``
    (rows,) is the sum of squares with the slot switched off (only for sums).
    """
    n_nodes, n_slots = op.shape
    n = root.shape[0]
    q = np.empty((1 + n_nodes + jac.shape[0], n))
    h, t = np.empty(n), np.empty(n)
    count = 0
    for k in range(-1, n_nodes):
        full = 0
        for s in range(n_slots):
            if k >= 0 and op[k, s] >= 0:
                full += 1
        if k >= 0 and full == 0:
            continue
        for s in range(-2, full):
            # −1: one more edge; −2: one more edge that turns a single edge into a product.
            if k < 0 and s != -1:
                continue
            if k >= 0 and s < 0 and full == n_slots:
                continue
            if s == -2 and (full != 1 or not can_multiply):
                continue
            product = k >= 0 and (s == -2 or (agg[k] == 1 and full > 1))
            alone = k < 0 or (full == 1 and s >= 0)
            for i in range(n):
                if k < 0:
                    h[i] = root[i]
                    t[i] = r[i]
                elif s >= 0:
                    h[i] = back[k, i] * partners[k, s, i] * root[i]
                    t[i] = r[i] + h[i] * v[k, s, i]
                elif product:
                    h[i] = back[k, i] * values[n_inputs + k, i] * root[i]
                    t[i] = r[i] + h[i]
                else:
                    h[i] = back[k, i] * root[i]
                    t[i] = r[i]
            rank = edit_basis(
                k, s, product, alone, n_inputs, op, use, n_params, root,
                train_readout, train_bias, values, jac, q,
            )  # fmt: skip
            without[count] = score_columns(
                columns, finite, h, t, q, rank, free[count], fixed[count], amplitude[count]
            )
            slots[count, 0], slots[count, 1] = k, s
            slots[count, 2], slots[count, 3] = product, alone
            count += 1
    return count
