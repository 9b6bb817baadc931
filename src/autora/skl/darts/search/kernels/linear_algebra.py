"""Small linear algebra on rows, in compiled loops."""

from __future__ import annotations

import numpy as np

from .compilation import compiled, inlined

#: Share of a column's size that may be left by projection and still be rounding error.
DEPENDENT = 1e-10


@compiled
def square(r):
    total = 0.0
    for i in range(r.shape[0]):
        total += r[i] * r[i]
    return total


@compiled
def dot_product(a, b):
    total = 0.0
    for i in range(a.shape[0]):
        total += a[i] * b[i]
    return total


@compiled
def four_dot_products(a, rows, j):
    """Of ``a`` with rows j to j + 3: ``a`` is read once, which takes half as long.

    Elements are named by two indices, as views of the rows would not stay in registers.
    """
    first = second = third = fourth = 0.0
    for i in range(a.shape[0]):
        first += a[i] * rows[j, i]
        second += a[i] * rows[j + 1, i]
        third += a[i] * rows[j + 2, i]
        fourth += a[i] * rows[j + 3, i]
    return first, second, third, fourth


@compiled
def subtract_multiple(a, factor, b):
    for i in range(a.shape[0]):
        a[i] -= factor * b[i]


@compiled
def copy_row(a, b):
    for i in range(a.shape[0]):
        b[i] = a[i]


@compiled
def orthonormalise(q, rank, triangle):
    """Make column ``q[rank]`` orthonormal to those before it; the new rank.

    Gram–Schmidt done twice is enough (Kahan and Parlett). ``triangle`` receives R of QR.
    """
    column = q[rank]
    before = square(column)
    for _ in range(2):
        for j in range(rank):
            dot = dot_product(q[j], column)
            triangle[j, rank] += dot
            subtract_multiple(column, dot, q[j])
    size = square(column)
    if not size > DEPENDENT * DEPENDENT * before:
        for j in range(rank):
            triangle[j, rank] = 0.0
        return rank
    triangle[rank, rank] = np.sqrt(size)
    for i in range(column.shape[0]):
        column[i] /= triangle[rank, rank]
    return rank + 1


@inlined
def substitute(q, rank, triangle, columns, r, along, w):
    """Take from ``r`` what the basis spans and solve for the read-out ``w``."""
    for j in range(rank):
        along[j] = dot_product(q[j], r)
        subtract_multiple(r, along[j], q[j])
    for j in range(rank - 1, -1, -1):
        total = along[j]
        for t in range(j + 1, rank):
            total -= triangle[j, t] * w[columns[t]]
        w[columns[j]] = total / triangle[j, j]


@inlined
def cholesky(matrix, count, damping, lower):
    """Factor of the Gauss–Newton matrix in units of its diagonal, damped."""
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


@compiled
def solve(equations, count, damping):
    """The damped step."""
    matrix, lower = equations.matrix, equations.lower
    gradient, step = equations.gradient, equations.step
    cholesky(matrix, count, damping, lower)
    for a in range(count):
        size = np.sqrt(matrix[a, a])
        step[a] = gradient[a] / size if size > 0 else 0.0
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
def normal_equations(jac, count, r, matrix, gradient):
    for a in range(count):
        gradient[a] = dot_product(jac[a], r)
        done = (a + 1) - (a + 1) % 4
        for b in range(0, done, 4):
            first, second, third, fourth = four_dot_products(jac[a], jac, b)
            matrix[a, b], matrix[a, b + 1] = first, second
            matrix[a, b + 2], matrix[a, b + 3] = third, fourth
        for b in range(done, a + 1):
            matrix[a, b] = dot_product(jac[a], jac[b])
        for b in range(a):
            matrix[b, a] = matrix[a, b]
