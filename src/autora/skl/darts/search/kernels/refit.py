"""The refit in compiled loops: Levenberg–Marquardt on architectures as small arrays.

It does what `fitting.refit` does, for one output, some eighty times faster. Under squared
errors the read-out is solved in closed form and the other coefficients move along the
projected Jacobian (variable projection: Golub & Pereyra 1973, Kaufman 1975; damping:
Marquardt 1963); under another loss all of them move together. With one output the Jacobian
needs a single backward sweep per step.
"""

from __future__ import annotations

import numpy as np

from .arrays import ONE, SQUARED, ZERO, Equations, Functions, Graph, Workspace
from .compilation import allocating, compiled, entry, inlined
from .linear_algebra import (
    dot_product,
    normal_equations,
    solve,
    square,
    subtract_multiple,
)
from .read_out import solve_read_out

HUGE = 1e120
PATIENCE = 12
EARLY = 5
LEAST_DAMPING = 1e-13


@allocating
def workspace(data, n_nodes, n_slots, max_params):
    x, root = data.x, data.root
    n_inputs, n = x.shape
    if data.loss != SQUARED:
        root = np.empty(n)
    nodes = np.empty((n_inputs + n_nodes, n))
    for j in range(n_inputs):
        for i in range(n):
            nodes[j, i] = x[j, i]
    return Workspace(
        nodes,
        np.empty(n),
        np.zeros((n_nodes, n_slots, n)),
        np.zeros((n_nodes, n_slots, 1 + max_params, n)),
        np.ones((n_nodes, n_slots, n)),
        np.zeros((n_nodes, n)),
        np.empty((1 + n_nodes, n)),
        np.empty(n),
        root,
        np.zeros(n),
        np.empty((n_nodes * n_slots * max_params + 1 + n_nodes, n)),
        np.zeros((1 + n_nodes, 1 + n_nodes)),
        np.zeros(1 + n_nodes, np.int64),
        np.zeros(1 + n_nodes),
        np.zeros(1 + n_nodes),
    )


@inlined
def evaluate(op, x, c, v, d, argument, data, functions):
    """Fill ``v`` (n,) with a primitive's values at ``x``, ``d`` with its derivatives.

    A primitive applies a function to a·x + b. The function's own derivatives come to lie
    where they belong; those in x, a and b follow from the one in its argument.
    """
    slope, shift, base = data.form[op, 0], data.form[op, 1], data.base[op]
    a, b = c[0] if slope == 1 else 1.0, c[slope] if shift == 1 else 0.0
    first = slope + shift
    if base < 0:
        for i in range(x.shape[0]):
            v[i] = a * x[i] + b
            d[first, i] = 1.0
    elif first == 0:
        functions.slopes(base, x, v, c, d)
    else:
        for i in range(x.shape[0]):
            argument[i] = a * x[i] + b
        functions.slopes(base, argument, v, c[first:], d[first:])
    if slope == 1:
        for i in range(x.shape[0]):
            inner = d[first, i]
            d[0, i] = a * inner
            d[1, i] = x[i] * inner
    elif shift == 1:
        for i in range(x.shape[0]):
            d[0, i] = d[1, i]


@compiled
def forward(data, functions, graph, theta, work):
    """Edges, their derivatives and nodes; False where a node is not finite."""
    n_inputs, op = data.x.shape[0], graph.op
    n = data.root.shape[0]
    for k in range(op.shape[0]):
        z = work.nodes[n_inputs + k]
        empty = True
        for s in range(op.shape[1]):
            if op[k, s] < 0:
                continue
            edge, source = work.edges[k, s], work.nodes[graph.src[k, s]]
            evaluate(
                op[k, s],
                source,
                theta[k, s],
                edge,
                work.slopes[k, s],
                work.argument,
                data,
                functions,
            )
            if empty:
                for i in range(n):
                    z[i] = edge[i]
                empty = False
            elif graph.agg[k] == 1:
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
def fill_partners(graph, work):
    """∂ node / ∂ edge: one for a sum, the product of the others for a product."""
    op = graph.op
    for k in range(op.shape[0]):
        for s in range(op.shape[1]):
            if op[k, s] < 0:
                continue
            partner = work.partners[k, s]
            for i in range(partner.shape[0]):
                partner[i] = 1.0
            if graph.agg[k] == 0:
                continue
            for t in range(op.shape[1]):
                if t != s and op[k, t] >= 0:
                    for i in range(partner.shape[0]):
                        partner[i] *= work.edges[k, t, i]


@compiled
def backward(n_inputs, graph, w, work):
    """Derivative of the output in every node."""
    op, back = graph.op, work.back
    n_nodes, n = back.shape
    for k in range(n_nodes):
        for i in range(n):
            back[k, i] = w[1 + k] if graph.use[k] else 0.0
    for k in range(n_nodes - 1, -1, -1):
        for s in range(op.shape[1]):
            source = graph.src[k, s] - n_inputs
            if op[k, s] >= 0 and source >= 0:
                partner, slope = work.partners[k, s], work.slopes[k, s, 0]
                for i in range(n):
                    back[source, i] += back[k, i] * partner[i] * slope[i]


@compiled
def jacobian(data, graph, work, rank):
    """The output's derivative in each coefficient, projected off the first ``rank`` basis
    vectors. Returns the number of rows, or −1 where one is not finite.
    """
    op, root = graph.op, work.root
    count = 0
    for k in range(op.shape[0]):
        for s in range(op.shape[1]):
            if op[k, s] < 0:
                continue
            back, partner = work.back[k], work.partners[k, s]
            for j in range(data.form[op[k, s], 2]):
                row, slope = work.jacobian[count], work.slopes[k, s, 1 + j]
                for i in range(root.shape[0]):
                    row[i] = back[i] * partner[i] * slope[i] * root[i]
                before = square(row)
                if not before < HUGE:
                    return -1
                for t in range(rank):
                    subtract_multiple(row, dot_product(work.basis[t], row), work.basis[t])
                # What is left of a column that the read-out takes up is rounding.
                if square(row) <= 1e-18 * before:
                    for i in range(root.shape[0]):
                        row[i] = 0.0
                count += 1
    return count


@inlined
def add_read_out(data, use, work, count):
    """Rows of the Jacobian for bias and read-out; how many rows there then are."""
    root = work.root
    for c in range(1 + use.shape[0]):
        if not (data.train_bias if c == 0 else data.train_readout and use[c - 1]):
            continue
        row = work.jacobian[count]
        for i in range(root.shape[0]):
            row[i] = root[i] * (1.0 if c == 0 else work.nodes[data.x.shape[0] + c - 1, i])
        count += 1
    return count


@inlined
def moved(op, form, theta, step, trial):
    """Fill ``trial`` with the coefficients after a step; how many there are."""
    count = 0
    for k in range(op.shape[0]):
        for s in range(op.shape[1]):
            for j in range(theta.shape[2]):
                trial[k, s, j] = theta[k, s, j]
                if op[k, s] >= 0 and j < form[op[k, s], 2]:
                    trial[k, s, j] += step[count]
                    count += 1
    return count


@inlined
def moved_read_out(data, use, w, step, count, w_trial):
    """The same for bias and read-out, whose steps begin at ``count``."""
    for c in range(w.shape[0]):
        w_trial[c] = w[c]
        if data.train_bias if c == 0 else data.train_readout and use[c - 1]:
            w_trial[c] += step[count]
            count += 1


@inlined
def accept(trial, w_trial, theta, w):
    for k in range(theta.shape[0]):
        w[1 + k] = w_trial[1 + k]
        for s in range(theta.shape[1]):
            for j in range(theta.shape[2]):
                theta[k, s, j] = trial[k, s, j]
    w[0] = w_trial[0]


@inlined
def linearise(data, graph, w, work, rank, equations):
    """Normal equations at the current point; the number of coefficients."""
    fill_partners(graph, work)
    backward(data.x.shape[0], graph, w, work)
    count = jacobian(data, graph, work, rank)
    if data.loss != SQUARED and count >= 0:
        count = add_read_out(data, graph.use, work, count)
    if count > 0:
        normal_equations(
            work.jacobian, count, work.residual, equations.matrix, equations.gradient
        )
    return count


@inlined
def fit_one(data, functions, limits, hopeless, graph, theta, w, work, equations):
    """Fit one graph in place; its loss, summed over the rows.

    After ``EARLY`` steps a fit whose loss is above ``hopeless`` is given up.
    """
    iterations, trial, w_trial = limits.steps, equations.theta, equations.w
    damping, rejected, done, count, current = 1e-3, 0, 0, 0, np.inf
    free, rank = ONE, ZERO
    accept(theta, w, trial, w_trial)
    while True:  # the start is the first trial, so that every part is compiled once
        better = np.inf
        if forward(data, functions, graph, trial, work):
            better, rank = solve_read_out(
                data, free, limits.tolerance, graph.use, work, w_trial
            )
        fresh = better < current and better < HUGE
        settled = not fresh and done == 0
        if fresh and done > 0:
            if done >= EARLY and better > hopeless:
                iterations = done
            settled = current - better <= limits.tolerance * current
            damping, rejected = max(damping / 5, LEAST_DAMPING), 0
        elif done > 0:
            damping, rejected = damping * 4, rejected + 1
        if fresh:
            accept(trial, w_trial, theta, w)
            current = better
        if settled or done >= iterations or rejected >= PATIENCE or current <= limits.floor:
            return current
        if fresh:
            count = linearise(data, graph, w, work, rank, equations)
            if count <= 0:
                return current
        solve(equations, count, damping)
        own = moved(graph.op, data.form, theta, equations.step, trial)
        if data.loss != SQUARED:
            moved_read_out(data, graph.use, w, equations.step, own, w_trial)
            free = ZERO
        done += 1


@entry
def fit_many(data, slopes, values, limits, hopeless, graphs, theta, w, loss):
    """Fit a batch of graphs; ``theta`` (B, K, S, P) is start and result.

    ``w`` (B, 1 + K) receives bias and read-out, ``loss`` (B,) the weighted sum over the
    rows, infinite where the start has no finite value. ``hopeless`` (B,) see `fit_one`.
    """
    n_graphs, n_nodes, n_slots = graphs.op.shape
    functions = Functions(slopes, values)
    most = n_nodes * n_slots * theta.shape[3] + 1 + n_nodes
    work = workspace(data, n_nodes, n_slots, theta.shape[3])
    equations = Equations(
        np.empty((most, most)),
        np.empty((most, most)),
        np.empty(most),
        np.empty(most),
        np.empty((n_nodes, n_slots, theta.shape[3])),
        np.empty(1 + n_nodes),
    )
    for b in range(n_graphs):
        for k in range(1 + n_nodes):
            w[b, k] = 0.0
        graph = Graph(graphs.agg[b], graphs.src[b], graphs.op[b], graphs.use[b])
        loss[b] = fit_one(
            data, functions, limits, hopeless[b], graph, theta[b], w[b], work, equations
        )


@inlined
def expanded(data, functions, graph, theta):
    """Everything that the scores of edits need at one fitted graph.

    Returns the workspace with the unprojected Jacobian and the number of coefficients, −1
    where something is not finite.
    """
    n_nodes, n_slots = graph.op.shape
    work = workspace(data, n_nodes, n_slots, theta.shape[2])
    w = np.zeros(1 + n_nodes)
    count = -1
    if forward(data, functions, graph, theta, work):
        solve_read_out(data, ONE, 1e-6, graph.use, work, w)
        fill_partners(graph, work)
        backward(data.x.shape[0], graph, w, work)
        count = jacobian(data, graph, work, ZERO)
    return work, count
