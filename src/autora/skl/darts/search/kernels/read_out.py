"""The loss of read-out values, and the read-out that makes it least, in compiled loops.

Squared errors have a closed form. Around any read-out values eta another loss is a weighted
sum of squares, too: with slope g and curvature h in eta it is that of the working residuals
−g/h with weights h (Fisher scoring: McCullagh & Nelder 1989, Generalized Linear Models,
section 2.5).
"""

from __future__ import annotations

import numpy as np

from .arrays import BERNOULLI, SQUARED, ZERO
from .compilation import allocating, compiled, inlined
from .elementary import exponential, log_one_plus, logarithm
from .linear_algebra import orthonormalise, square, substitute

#: Steps of Fisher scoring, and the least curvature of a row: far out its slope is rounding.
STEPS, LEAST_CURVATURE = 25, 1e-10


@allocating
def closed_form(data, use, work, w):
    """The read-out that leaves least of ``work.residual``, which becomes what is left.

    Leaves in ``work`` the orthonormal basis of what the read-out can express, and in ``w``
    the bias and the read-out. Returns the size of the basis.
    """
    root, q, r = work.root, work.basis, work.residual
    n_inputs, n_nodes, n = data.x.shape[0], use.shape[0], root.shape[0]
    triangle = np.zeros((1 + n_nodes, 1 + n_nodes))
    columns = np.zeros(1 + n_nodes, np.int64)
    rank = ZERO
    for c in range(1 + n_nodes):
        w[c] = 0.0
        if c == 0:
            if not data.train_bias:
                continue
            for i in range(n):
                q[rank, i] = root[i]
        else:
            if not use[c - 1]:
                continue
            z = work.nodes[n_inputs + c - 1]
            if not data.train_readout:
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
def predict(data, use, w, work):
    """Fill ``work.eta`` with the values of the read-out."""
    eta, n_inputs = work.eta, data.x.shape[0]
    for i in range(eta.shape[0]):
        eta[i] = data.offset[i] + w[0]
    for k in range(use.shape[0]):
        if use[k]:
            z = work.nodes[n_inputs + k]
            for i in range(eta.shape[0]):
                eta[i] += w[1 + k] * z[i]


@compiled
def loss_at(data, work):
    """The loss of ``work.eta``; leaves the squares that it is around there in ``work``."""
    y, weight = data.y, data.root
    eta, root, residual = work.eta, work.root, work.residual
    total = 0.0
    for i in range(eta.shape[0]):
        tail = exponential(-abs(eta[i]))
        p = (1.0 if eta[i] >= 0.0 else tail) / (1.0 + tail)
        slope = tail / ((1.0 + tail) * (1.0 + tail))
        rest = y[i] - p
        if data.loss == BERNOULLI:
            size = np.sqrt(max(slope, LEAST_CURVATURE))
            loss = max(eta[i], 0.0) + log_one_plus(tail) - y[i] * eta[i]
            root[i], residual[i] = weight[i] * size, weight[i] * rest / size
        else:
            loss = rest * rest
            root[i], residual[i] = weight[i] * slope, weight[i] * rest
        total += weight[i] * weight[i] * loss
    return total


@inlined
def start(data, work):
    """Read-out values that no row is far from, whatever the graph."""
    for i in range(work.eta.shape[0]):
        p = 0.25 + 0.5 * data.y[i]
        work.eta[i] = logarithm(p / (1.0 - p))


@allocating
def solve_read_out(data, tolerance, use, work, w):
    """The best read-out: its loss, and the size of the basis that it spans.

    ``tolerance`` is the share of the loss that a step of Fisher scoring must gain.
    """
    if data.loss == SQUARED:
        for i in range(work.root.shape[0]):
            work.residual[i] = data.y[i] * work.root[i]
        rank = closed_form(data, use, work, w)
        return square(work.residual), rank
    trial = np.zeros(w.shape[0])
    start(data, work)
    loss_at(data, work)
    current, gain = np.inf, np.inf
    for _ in range(STEPS):
        for i in range(work.root.shape[0]):
            work.residual[i] += (work.eta[i] - data.offset[i]) * work.root[i]
        closed_form(data, use, work, trial)
        predict(data, use, trial, work)
        loss = loss_at(data, work)
        if not loss < current:
            break
        gain, current = current - loss, loss
        for c in range(w.shape[0]):
            w[c] = trial[c]
        if gain <= tolerance * loss:
            break
    predict(data, use, w, work)
    return loss_at(data, work), ZERO
