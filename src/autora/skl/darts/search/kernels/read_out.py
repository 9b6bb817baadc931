"""The loss of read-out values, and the read-out that makes it least, in compiled loops.

Squared errors have a closed form. Around any read-out values eta another loss is a weighted
sum of squares, too: with slope g and curvature h in eta it is that of the working residuals
−g/h with weights h (Fisher scoring: McCullagh & Nelder 1989, Generalized Linear Models,
section 2.5).
"""

from __future__ import annotations

import numpy as np

from .arrays import BERNOULLI, SQUARED, ZERO
from .compilation import compiled, inlined
from .linear_algebra import copy_row, orthonormalise, square, substitute

#: Steps of Fisher scoring, and the least curvature of a row: far out its slope is rounding.
STEPS, LEAST_CURVATURE = 25, 1e-10


@inlined
def closed_form(data, use, work, w):
    """The read-out that leaves least of ``work.residual``, which becomes what is left.

    Leaves in ``work`` the orthonormal basis of what the read-out can express, and in ``w``
    the bias and the read-out. Returns the size of the basis.
    """
    root, q, r = work.root, work.basis, work.residual
    n_inputs, n_nodes, n = data.x.shape[0], use.shape[0], root.shape[0]
    triangle, columns = work.triangle, work.columns
    rank = ZERO
    for c in range(1 + n_nodes):
        for t in range(1 + n_nodes):
            triangle[c, t] = 0.0
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
    substitute(q, rank, triangle, columns, r, work.along, w)
    return rank


@inlined
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


@inlined
def loss_at(data, work):
    """The loss of ``work.eta``; leaves the squares that it is around there in ``work``."""
    y, weight = data.y, data.root
    eta, root, residual = work.eta, work.root, work.residual
    total = 0.0
    for i in range(eta.shape[0]):
        tail = np.exp(-abs(eta[i]))
        p = (1.0 if eta[i] >= 0.0 else tail) / (1.0 + tail)
        slope = tail / ((1.0 + tail) * (1.0 + tail))
        rest = y[i] - p
        if data.loss == BERNOULLI:
            size = np.sqrt(max(slope, LEAST_CURVATURE))
            loss = max(eta[i], 0.0) + np.log1p(tail) - y[i] * eta[i]
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
        work.eta[i] = np.log(p / (1.0 - p))


@compiled
def solve_read_out(data, free, tolerance, use, work, w):
    """The best read-out: its loss, and the size of the basis that it spans.

    ``tolerance`` is the share of the loss that a step of Fisher scoring must gain. Where
    ``free`` is 0, the loss is that of ``w`` as it is. Every part has one place here, so
    that it is compiled once.
    """
    trial = work.trial
    squared, steps, current = data.loss == SQUARED, 0, np.inf
    solves = free != 0
    starts = solves and not squared
    if starts:
        start(data, work)
    while True:
        if solves and not starts:
            for i in range(work.root.shape[0]):
                eta = work.eta[i] - data.offset[i]
                work.residual[i] = work.root[i] * (data.y[i] if squared else eta) + (
                    0.0 if squared else work.residual[i]
                )
            rank = closed_form(data, use, work, trial)
            if squared:
                copy_row(trial, w)
                return square(work.residual), rank
        elif not starts:
            copy_row(w, trial)
        if not starts:
            predict(data, use, trial, work)
        loss = loss_at(data, work)
        if starts:
            starts = False
            continue
        if not solves:
            return loss, ZERO
        steps += 1
        better, gain = loss < current, current - loss
        if better:
            current = loss
            copy_row(trial, w)
        solves = better and gain > tolerance * loss and steps < STEPS
        if better and not solves:
            return loss, ZERO
