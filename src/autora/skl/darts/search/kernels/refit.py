"""The refit in compiled loops: Levenberg–Marquardt on architectures as small arrays.

This file is a template: `engine` puts the derivatives of the primitives in front of it and
compiles the result (it is never imported as it stands). Python calls what is an ``entry``;
the rest is only ``compiled``. It does what `refit` does, for one
output and a least-squares loss, some eighty times faster.

A graph is four arrays: ``agg`` (K,) 0 for a sum and 1 for a product; ``src`` (K, S)
sources, inputs first; ``op`` (K, S) primitive of each slot, −1 for an empty one; ``use``
(K,) whether the read-out sees the node. Rows are the last, contiguous axis everywhere.
``data`` is (x, y, root, n_params, train_readout, train_bias, evaluate), ``root`` the square
roots of the rows' weights, ``evaluate`` the primitives with their derivatives; ``work``
holds the arrays that every step overwrites. An ``entry`` takes ``evaluate`` by itself:
Numba is a hundred times slower to see what a tuple with a function in it is.

The read-out is solved in closed form and the other coefficients move along the projected
Jacobian (variable projection: Golub & Pereyra 1973, Kaufman 1975; damping: Marquardt 1963).
With one output the Jacobian needs a single backward sweep per step.
"""

# ruff: noqa: F821, RUF005
# mypy: ignore-errors

HUGE = 1e120
PATIENCE = 12
EARLY = 5
LEAST_DAMPING = 1e-13


@compiled
def workspace(x, n_nodes, n_slots, max_params):
    """Nodes with inputs, edges, their derivatives, partners, back, basis, residual,
    Jacobian.
    """
    n_inputs, n = x.shape
    values = np.empty((n_inputs + n_nodes, n))
    for j in range(n_inputs):
        for i in range(n):
            values[j, i] = x[j, i]
    v = np.zeros((n_nodes, n_slots, n))
    d = np.zeros((n_nodes, n_slots, 1 + max_params, n))
    partners, back = np.ones((n_nodes, n_slots, n)), np.zeros((n_nodes, n))
    q, r = np.empty((1 + n_nodes, n)), np.zeros(n)
    return values, v, d, partners, back, q, r, np.empty((n_nodes * n_slots * max_params, n))


@compiled
def forward(data, graph, theta, work):
    """Edges, their derivatives and nodes; False where a node is not finite."""
    agg, src, op, _ = graph
    n_inputs, evaluate = data[0].shape[0], data[6]
    values, v, d = work[0], work[1], work[2]
    n = values.shape[1]
    for k in range(agg.shape[0]):
        z = values[n_inputs + k]
        empty = True
        for s in range(op.shape[1]):
            if op[k, s] < 0:
                continue
            edge = v[k, s]
            evaluate(op[k, s], values[src[k, s]], theta[k, s], edge, d[k, s])
            if empty:
                for i in range(n):
                    z[i] = edge[i]
                empty = False
            elif agg[k] == 1:
                for i in range(n):
                    z[i] *= edge[i]
            else:
                for i in range(n):
                    z[i] += edge[i]
        for i in range(n):
            if empty:
                z[i] = 0.0
            if not abs(z[i]) < HUGE:
                return False
    return True


@compiled
def read_out(n_inputs, data, use, work, w):
    """Closed-form read-out.

    Leaves in ``work`` the orthonormal basis of what the read-out can express and the
    residual, both in rows scaled by ``root``, and in ``w`` the bias and the read-out.
    Returns the size of the basis.
    """
    _, y, root, _, train_readout, train_bias, _ = data
    values, q, r = work[0], work[5], work[6]
    n_nodes, n = use.shape[0], root.shape[0]
    triangle = np.zeros((1 + n_nodes, 1 + n_nodes))
    columns = np.zeros(1 + n_nodes, np.int64)
    rank = ZERO
    for i in range(n):
        r[i] = y[i] * root[i]
    for c in range(1 + n_nodes):
        w[c] = 0.0
        if c == 0:
            if not train_bias:
                continue
            for i in range(n):
                q[rank, i] = root[i]
        else:
            if not use[c - 1]:
                continue
            z = values[n_inputs + c - 1]
            if not train_readout:
                w[c] = 1.0
                for i in range(n):
                    r[i] -= z[i] * root[i]
                continue
            for i in range(n):
                q[rank, i] = z[i] * root[i]
        columns[rank] = c
        rank = orthonormalise(q, rank, triangle)
    substitute(q, rank, triangle, columns, r, w)
    return rank


@compiled
def fill_partners(graph, work):
    """∂ node / ∂ edge: one for a sum, the product of the others for a product."""
    agg, _, op, _ = graph
    v, partners = work[1], work[3]
    for k in range(agg.shape[0]):
        for s in range(op.shape[1]):
            if op[k, s] < 0:
                continue
            partner = partners[k, s]
            for i in range(partner.shape[0]):
                partner[i] = 1.0
            if agg[k] == 0:
                continue
            for t in range(op.shape[1]):
                if t != s and op[k, t] >= 0:
                    for i in range(partner.shape[0]):
                        partner[i] *= v[k, t, i]


@compiled
def backward(n_inputs, graph, w, work):
    """Derivative of the output in every node."""
    _, src, op, use = graph
    d, partners, back = work[2], work[3], work[4]
    n_nodes, n = back.shape
    for k in range(n_nodes):
        for i in range(n):
            back[k, i] = w[1 + k] if use[k] else 0.0
    for k in range(n_nodes - 1, -1, -1):
        for s in range(op.shape[1]):
            source = src[k, s] - n_inputs
            if op[k, s] >= 0 and source >= 0:
                for i in range(n):
                    back[source, i] += back[k, i] * partners[k, s, i] * d[k, s, 0, i]


@compiled
def jacobian(graph, data, work, rank):
    """The output's derivative in each coefficient, projected off the first ``rank`` basis
    vectors. Returns the number of rows, or −1 where one is not finite.
    """
    op, root, n_params = graph[2], data[2], data[3]
    d, partners, back, q, jac = work[2], work[3], work[4], work[5], work[7]
    count = 0
    for k in range(op.shape[0]):
        for s in range(op.shape[1]):
            if op[k, s] < 0:
                continue
            for j in range(n_params[op[k, s]]):
                row = jac[count]
                for i in range(root.shape[0]):
                    row[i] = back[k, i] * partners[k, s, i] * d[k, s, 1 + j, i] * root[i]
                before = square(row)
                if not before < HUGE:
                    return -1
                for t in range(rank):
                    subtract_multiple(row, dot_product(q[t], row), q[t])
                # What is left of a column that the read-out takes up is rounding.
                if square(row) <= 1e-18 * before:
                    for i in range(root.shape[0]):
                        row[i] = 0.0
                count += 1
    return count


@compiled
def moved(op, n_params, theta, step, trial):
    count = 0
    for k in range(op.shape[0]):
        for s in range(op.shape[1]):
            for j in range(theta.shape[2]):
                trial[k, s, j] = theta[k, s, j]
                if op[k, s] >= 0 and j < n_params[op[k, s]]:
                    trial[k, s, j] += step[count]
                    count += 1


@compiled
def accept(trial, w_trial, theta, w):
    for k in range(theta.shape[0]):
        w[1 + k] = w_trial[1 + k]
        for s in range(theta.shape[1]):
            for j in range(theta.shape[2]):
                theta[k, s, j] = trial[k, s, j]
    w[0] = w_trial[0]


@compiled
def linearise(data, graph, w, work, rank, matrix, gradient):
    """Normal equations at the current point; the number of coefficients."""
    fill_partners(graph, work)
    backward(data[0].shape[0], graph, w, work)
    count = jacobian(graph, data, work, rank)
    if count > 0:
        normal_equations(work[7], count, work[6], matrix, gradient)
    return count


@compiled
def fit_one(data, limits, hopeless, graph, theta, w, work, small):
    """Fit one graph in place; its weighted sum of squares.

    After ``EARLY`` steps a fit whose loss is above ``hopeless`` is given up.
    """
    iterations, tolerance, floor = limits
    matrix, gradient, step, trial, w_trial = small
    n_inputs, use = data[0].shape[0], graph[3]
    if not forward(data, graph, theta, work):
        return np.inf
    rank = read_out(n_inputs, data, use, work, w)
    current = square(work[6])
    if not current < HUGE:
        return np.inf
    damping, rejected, done, count, fresh = 1e-3, 0, 0, 0, True
    while done < iterations and rejected < PATIENCE and current > floor:
        if fresh:
            count = linearise(data, graph, w, work, rank, matrix, gradient)
            if count <= 0:
                break
        solve(matrix, gradient, count, damping, step)
        moved(graph[2], data[3], theta, step, trial)
        done += 1
        better = np.inf
        if forward(data, graph, trial, work):
            rank = read_out(n_inputs, data, use, work, w_trial)
            better = square(work[6])
        fresh = better < current
        if not fresh:
            damping, rejected = damping * 4, rejected + 1
            continue
        if done >= EARLY and better > hopeless:
            iterations = done
        settled = current - better <= tolerance * current
        accept(trial, w_trial, theta, w)
        current = better
        damping, rejected = max(damping / 5, LEAST_DAMPING), 0
        if settled:
            break
    return current


@entry
def fit_many(data, evaluate, limits, hopeless, graphs, theta, w, loss):
    """Fit a batch of graphs; ``theta`` (B, K, S, P) is start and result.

    ``w`` (B, 1 + K) receives bias and read-out, ``loss`` (B,) the weighted sum of squares,
    infinite where the start has no finite value. ``limits`` are the largest number of
    steps, the share of the loss that a step must gain for the fit to go on and the loss
    that is low enough; ``hopeless`` (B,) see `fit_one`.
    """
    agg, src, op, use = graphs
    full = data + (evaluate,)
    n_graphs, n_nodes, n_slots = op.shape
    most = n_nodes * n_slots * theta.shape[3]
    work = workspace(data[0], n_nodes, n_slots, theta.shape[3])
    small = (
        np.empty((most, most)),
        np.empty(most),
        np.empty(most),
        np.empty((n_nodes, n_slots, theta.shape[3])),
        np.empty(1 + n_nodes),
    )
    for b in range(n_graphs):
        for k in range(1 + n_nodes):
            w[b, k] = 0.0
        graph = (agg[b], src[b], op[b], use[b])
        loss[b] = fit_one(full, limits, hopeless[b], graph, theta[b], w[b], work, small)


@compiled
def expanded(data, graph, theta):
    """Everything the scores of edits need at one fitted graph.

    Returns the workspace with the unprojected Jacobian, the read-out (1+K,) and the number
    of coefficients, −1 where something is not finite.
    """
    n_nodes, n_slots = graph[2].shape
    n_inputs = data[0].shape[0]
    work = workspace(data[0], n_nodes, n_slots, theta.shape[2])
    w = np.zeros(1 + n_nodes)
    count = -1
    if forward(data, graph, theta, work):
        read_out(n_inputs, data, graph[3], work, w)
        fill_partners(graph, work)
        backward(n_inputs, graph, w, work)
        count = jacobian(graph, data, work, ZERO)
    return work, w, count


@entry
def expand(data, evaluate, graph, theta):
    """`expanded`, for Python."""
    return expanded(data + (evaluate,), graph, theta)
