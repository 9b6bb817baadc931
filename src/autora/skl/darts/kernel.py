"""The refit in compiled loops: Levenberg–Marquardt on architectures as small arrays.

This file is a template: `engine` puts the derivatives of the primitives in front of it and
compiles the result (it is never imported as it stands). It does what `refit` does, for one
output and a least-squares loss, a hundred times faster.

A graph is four arrays: ``agg`` (K,) 0 for a sum and 1 for a product; ``src`` (K, S)
sources, inputs first; ``op`` (K, S) primitive of each slot, −1 for an empty one; ``use``
(K,) whether the read-out sees the node. Rows are the last, contiguous axis everywhere.

The read-out is solved in closed form and the other coefficients move along the projected
Jacobian (variable projection: Golub & Pereyra 1973, Kaufman 1975; damping: Marquardt 1963).
With one output the Jacobian needs a single backward sweep per step.
"""

# ruff: noqa: F821
# mypy: ignore-errors

HUGE = 1e120
DEPENDENT = 1e-10
PATIENCE = 12
LEAST_DAMPING = 1e-13


@compiled
def forward(x, agg, src, op, theta, values, v, d):
    """Edges ``v``, their derivatives ``d`` and nodes ``values`` (inputs first)."""
    n_inputs, n = x.shape
    for k in range(agg.shape[0]):
        z = values[n_inputs + k]
        empty = True
        for s in range(op.shape[1]):
            if op[k, s] < 0:
                continue
            evaluate(op[k, s], values[src[k, s]], theta[k, s], v[k, s], d[k, s])
            if empty:
                for i in range(n):
                    z[i] = v[k, s, i]
                empty = False
            elif agg[k] == 1:
                for i in range(n):
                    z[i] *= v[k, s, i]
            else:
                for i in range(n):
                    z[i] += v[k, s, i]
        if empty:
            z[:] = 0.0
        for i in range(n):
            if not abs(z[i]) < HUGE:
                return False
    return True


@compiled
def fill_partner(k, s, agg, op, v, partner):
    """∂ node k / ∂ edge s: one for a sum, the product of the others for a product."""
    partner[:] = 1.0
    if agg[k] == 1:
        for t in range(op.shape[1]):
            if t != s and op[k, t] >= 0:
                for i in range(partner.shape[0]):
                    partner[i] *= v[k, t, i]


@compiled
def read_out(z, y, root, use, train_readout, train_bias, q, r, w):
    """Closed-form read-out.

    Fills the orthonormal ``q`` of what the read-out can express, the residual ``r`` (both
    in rows scaled by ``root``) and ``w`` (bias first). Returns the size of ``q``.
    """
    n_nodes, n = z.shape
    rank = 0
    columns = np.empty(1 + n_nodes, np.int64)
    triangle = np.zeros((1 + n_nodes, 1 + n_nodes))
    w[:] = 0.0
    for i in range(n):
        r[i] = y[i] * root[i]
    if not train_readout:
        for k in range(n_nodes):
            if use[k]:
                w[1 + k] = 1.0
                for i in range(n):
                    r[i] -= z[k, i] * root[i]
    for c in range(1 + n_nodes):
        if (c == 0 and not train_bias) or (c > 0 and not (train_readout and use[c - 1])):
            continue
        column = q[rank]
        before = 0.0
        for i in range(n):
            column[i] = root[i] if c == 0 else z[c - 1, i] * root[i]
            before += column[i] * column[i]
        for _ in range(2):  # twice is enough: Kahan and Parlett
            for j in range(rank):
                dot = 0.0
                for i in range(n):
                    dot += q[j, i] * column[i]
                triangle[j, rank] += dot
                for i in range(n):
                    column[i] -= dot * q[j, i]
        size = 0.0
        for i in range(n):
            size += column[i] * column[i]
        if not size > DEPENDENT * DEPENDENT * before:
            triangle[:, rank] = 0.0
            continue
        size = np.sqrt(size)
        triangle[rank, rank] = size
        for i in range(n):
            column[i] /= size
        columns[rank] = c
        rank += 1
    along = np.empty(rank)
    for j in range(rank):
        dot = 0.0
        for i in range(n):
            dot += q[j, i] * r[i]
        along[j] = dot
        for i in range(n):
            r[i] -= dot * q[j, i]
    for j in range(rank - 1, -1, -1):
        total = along[j]
        for t in range(j + 1, rank):
            total -= triangle[j, t] * w[columns[t]]
        w[columns[j]] = total / triangle[j, j]
    return rank


@compiled
def backward(n_inputs, agg, src, op, use, w, v, d, back, partner):
    """``back`` (K, n): derivative of the output in every node."""
    n_nodes, n = back.shape
    for k in range(n_nodes):
        back[k, :] = w[1 + k] if use[k] else 0.0
    for k in range(n_nodes - 1, -1, -1):
        for s in range(op.shape[1]):
            source = src[k, s] - n_inputs
            if op[k, s] < 0 or source < 0:
                continue
            fill_partner(k, s, agg, op, v, partner)
            for i in range(n):
                back[source, i] += back[k, i] * partner[i] * d[k, s, 0, i]


@compiled
def jacobian(agg, op, n_params, root, v, d, back, partner, q, rank, jac):
    """Rows of ``jac``: the output's derivative in each coefficient, projected.

    Returns their number, or −1 where one is not finite.
    """
    n = root.shape[0]
    count = 0
    for k in range(agg.shape[0]):
        for s in range(op.shape[1]):
            if op[k, s] < 0 or n_params[op[k, s]] == 0:
                continue
            fill_partner(k, s, agg, op, v, partner)
            for j in range(n_params[op[k, s]]):
                row = jac[count]
                before = 0.0
                for i in range(n):
                    row[i] = back[k, i] * partner[i] * d[k, s, 1 + j, i] * root[i]
                    before += row[i] * row[i]
                if not before < HUGE:
                    return -1
                for t in range(rank):
                    dot = 0.0
                    for i in range(n):
                        dot += q[t, i] * row[i]
                    for i in range(n):
                        row[i] -= dot * q[t, i]
                after = 0.0
                for i in range(n):
                    after += row[i] * row[i]
                if after <= 1e-18 * before:
                    row[:] = 0.0
                count += 1
    return count


@compiled
def solve(jac, count, r, damping, matrix, step):
    """The damped step in units that give the Gauss–Newton matrix a unit diagonal."""
    n = r.shape[0]
    for a in range(count):
        size = np.sqrt(matrix[a, a])
        dot = 0.0
        for i in range(n):
            dot += jac[a, i] * r[i]
        step[a] = dot / size if size > 0 else 0.0
    lower = np.zeros((count, count))
    for a in range(count):
        for b in range(a + 1):
            size = np.sqrt(matrix[a, a]) * np.sqrt(matrix[b, b])
            total = matrix[a, b] / size if size > 0 else 0.0
            if a == b:
                total = damping + (1.0 if size > 0 else 1e30)
            for t in range(b):
                total -= lower[a, t] * lower[b, t]
            if a == b:
                lower[a, a] = np.sqrt(total) if total > 1e-300 else 1e150
            else:
                lower[a, b] = total / lower[b, b]
    for a in range(count):
        for t in range(a):
            step[a] -= lower[a, t] * step[t]
        step[a] /= lower[a, a]
    for a in range(count - 1, -1, -1):
        for t in range(a + 1, count):
            step[a] -= lower[t, a] * step[t]
        step[a] /= lower[a, a]
    for a in range(count):
        size = np.sqrt(matrix[a, a])
        step[a] = step[a] / size if size > 0 else 0.0


@compiled
def gram(jac, count, matrix):
    n = jac.shape[1]
    for a in range(count):
        for b in range(a + 1):
            dot = 0.0
            for i in range(n):
                dot += jac[a, i] * jac[b, i]
            matrix[a, b] = dot
            matrix[b, a] = dot


@compiled
def moved(op, n_params, theta, step, sign, trial):
    count = 0
    for k in range(op.shape[0]):
        for s in range(op.shape[1]):
            for j in range(theta.shape[2]):
                trial[k, s, j] = theta[k, s, j]
                if op[k, s] >= 0 and j < n_params[op[k, s]]:
                    trial[k, s, j] += sign * step[count]
                    count += 1


@compiled
def square(r):
    total = 0.0
    for i in range(r.shape[0]):
        total += r[i] * r[i]
    return total


@compiled
def fit_many(
    x, y, root, n_params, train_readout, train_bias, iterations, tolerance, floor,
    agg, src, op, use, theta, w, loss,
):  # fmt: skip
    """Fit a batch of graphs; ``theta`` (B, K, S, P) is start and result.

    ``w`` (B, 1 + K) receives bias and read-out, ``loss`` (B,) the weighted sum of squares,
    infinite where the start has no finite value. A fit ends when a step gains less than
    ``tolerance`` of the loss or the loss falls below ``floor``.
    """
    n_graphs, n_nodes, n_slots = op.shape
    n_inputs, n = x.shape
    most = n_nodes * n_slots * theta.shape[3]
    values = np.empty((n_inputs + n_nodes, n))
    values[:n_inputs] = x
    z = values[n_inputs:]
    v = np.empty((n_nodes, n_slots, n))
    d = np.empty((n_nodes, n_slots, 1 + theta.shape[3], n))
    back, partner = np.empty((n_nodes, n)), np.empty(n)
    q, r = np.empty((1 + n_nodes, n)), np.empty(n)
    jac, matrix, step = np.empty((most, n)), np.empty((most, most)), np.empty(most)
    trial, w_trial = np.empty(theta.shape[1:]), np.empty(1 + n_nodes)
    for b in range(n_graphs):
        loss[b] = np.inf
        w[b, :] = 0.0
        if not forward(x, agg[b], src[b], op[b], theta[b], values, v, d):
            continue
        rank = read_out(z, y, root, use[b], train_readout, train_bias, q, r, w[b])
        current = square(r)
        if not current < HUGE:
            continue
        loss[b] = current
        damping, rejected, done, fresh = 1e-3, 0, 0, True
        count = 0
        while done < iterations and rejected < PATIENCE and current > floor:
            if fresh:
                backward(n_inputs, agg[b], src[b], op[b], use[b], w[b], v, d, back, partner)
                count = jacobian(
                    agg[b], op[b], n_params, root, v, d, back, partner, q, rank, jac
                )
                if count <= 0:
                    break
                gram(jac, count, matrix)
                # The residual belongs to the point just accepted: keep it for retries.
                held = r.copy()
            fresh = False
            solve(jac, count, held, damping, matrix, step)
            moved(op[b], n_params, theta[b], step, 1.0, trial)
            done += 1
            better = np.inf
            if forward(x, agg[b], src[b], op[b], trial, values, v, d):
                rank = read_out(
                    z, y, root, use[b], train_readout, train_bias, q, r, w_trial
                )
                better = square(r)
            if better < current:
                gain = current - better
                theta[b] = trial
                w[b] = w_trial
                loss[b] = better
                small = gain <= tolerance * current
                current = better
                damping, rejected, fresh = max(damping / 5, LEAST_DAMPING), 0, True
                if small:
                    break
            else:
                damping, rejected = damping * 4, rejected + 1


@compiled
def expand(x, y, root, n_params, train_readout, train_bias, agg, src, op, use, theta):
    """Everything the scores of edits need at one fitted graph.

    Returns nodes with inputs (d+K, n), edges (K, S, n), their derivatives (K, S, 1+P, n),
    partners (K, S, n), the output's derivative in the nodes (K, n), residual (n,),
    read-out (1+K,) and the unprojected Jacobian (parameters, n).
    """
    n_nodes, n_slots = op.shape
    n_inputs, n = x.shape
    most = n_nodes * n_slots * theta.shape[2]
    values = np.empty((n_inputs + n_nodes, n))
    values[:n_inputs] = x
    v = np.zeros((n_nodes, n_slots, n))
    d = np.zeros((n_nodes, n_slots, 1 + theta.shape[2], n))
    partners, back = np.ones((n_nodes, n_slots, n)), np.zeros((n_nodes, n))
    q, r, w = np.empty((1 + n_nodes, n)), np.zeros(n), np.zeros(1 + n_nodes)
    jac, spare = np.empty((most, n)), np.empty(n)
    count = -1
    if forward(x, agg, src, op, theta, values, v, d):
        read_out(values[n_inputs:], y, root, use, train_readout, train_bias, q, r, w)
        backward(n_inputs, agg, src, op, use, w, v, d, back, spare)
        count = jacobian(agg, op, n_params, root, v, d, back, spare, q, 0, jac)
        for k in range(n_nodes):
            for s in range(n_slots):
                fill_partner(k, s, agg, op, v, partners[k, s])
    return values, v, d, partners, back, r, w, jac[: max(count, 0)], count
