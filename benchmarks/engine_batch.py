"""The refit of many graphs as one batch in JAX, beside the compiled one on a core.

    python benchmarks/engine_batch.py [--graphs N]

Same graphs, same algorithm and double precision as `engine.py`: 3 nodes × 3 edges, 64
points, at most 12 Levenberg–Marquardt steps. A batch cannot branch: it evaluates every
primitive at every edge and takes every step in every graph. What that costs an accelerator,
and what it gains, is the question; the package itself has no such refit.
"""

from __future__ import annotations

import argparse
import statistics
import time
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from engine import INPUTS, NODES, POINTS, SLOTS, STEPS, compiled_rate, evaluator, graphs
from helpers.common import provenance, table, write_numbers, write_results

REPEATS = 5
PATIENCE, TOLERANCE, DEPENDENT = 12, 1e-13, 1e-10


def edge(primitives: Any, op: Any, x: Any, theta: Any) -> tuple[Any, Any, Any]:
    """Value (n,) of a primitive, derivatives in x (n,) and in its coefficients (n, P)."""
    from autora.skl.darts.graph.jax_functions import JAX

    value, slope = jnp.zeros_like(x), jnp.zeros_like(x)
    partials = jnp.zeros((len(x), len(theta)))
    for i, p in enumerate(primitives):

        def formula(x: Any, c: Any, p: Any = p) -> Any:
            return p(JAX, x, *(c[j] for j in range(p.n_params)))

        pair = jax.value_and_grad(formula, (0, 1))
        v, (dx, dc) = jax.vmap(pair, (0, None))(x, theta)
        value = jnp.where(op == i, v, value)
        slope = jnp.where(op == i, dx, slope)
        partials = jnp.where(op == i, dc, partials)
    return value, slope, partials


def forward(primitives: Any, x: Any, graph: Any, theta: Any) -> tuple[Any, ...]:
    """Nodes, and the derivatives and partners of all edges."""
    agg, src, op = graph
    sources, nodes, slopes, partials, partners = list(x), [], [], [], []
    for k in range(NODES):
        at = jnp.stack(sources)[src[k]]
        every = jax.vmap(partial(edge, primitives))
        values, slope, partial_ = every(op[k], at, theta[k])
        others = jnp.stack(
            [jnp.delete(values, s, axis=0).prod(axis=0) for s in range(SLOTS)]
        )
        nodes.append(jnp.where(agg[k] == 1, values.prod(axis=0), values.sum(axis=0)))
        partners.append(jnp.where(agg[k] == 1, others, 1.0))
        slopes.append(slope)
        partials.append(partial_)
        sources.append(nodes[-1])
    return tuple(map(jnp.stack, (nodes, slopes, partials, partners)))


def read_out(nodes: Any, y: Any) -> tuple[Any, Any, Any]:
    """Basis (1 + K, n) of the read-out, what it leaves of y, and its weights."""
    columns = jnp.concatenate([jnp.ones((1, len(y))), nodes])
    basis: list[Any] = []
    for column in columns:
        rest = column
        for _ in range(2):
            for q in basis:
                rest = rest - (q @ rest) * q
        size = jnp.sqrt(rest @ rest)
        independent = size > DEPENDENT * jnp.sqrt(column @ column)
        basis.append(jnp.where(independent, rest / jnp.where(size > 0, size, 1), 0.0))
    q = jnp.stack(basis)
    along = q @ y
    triangle = q @ columns.T
    diagonal = jnp.diag(triangle)
    triangle = triangle + jnp.diag(jnp.where(jnp.abs(diagonal) > 0, 0.0, 1.0))
    w = jax.scipy.linalg.solve_triangular(triangle, along)
    return q, y - along @ q, w


def jacobian(graph: Any, found: tuple[Any, ...], q: Any, w: Any) -> Any:
    """Rows (coefficients, n), projected off the basis."""
    _, src, _ = graph
    nodes, slopes, partials, partners = found
    back = [w[1 + k] * jnp.ones_like(nodes[0]) for k in range(NODES)]
    for k in reversed(range(NODES)):
        for m in range(k):
            through = (src[k] == INPUTS + m)[:, None] * partners[k] * slopes[k]
            back[m] = back[m] + back[k] * through.sum(axis=0)
    rows = jnp.stack(back)[:, None, :, None] * partners[..., None] * partials
    rows = jnp.moveaxis(rows, 3, 2).reshape(-1, nodes.shape[1])
    left = rows - (rows @ q.T) @ q
    taken = (left**2).sum(axis=1) <= 1e-18 * (rows**2).sum(axis=1)
    return jnp.where(taken[:, None], 0.0, left)


def fit(primitives: Any, x: Any, y: Any, graph: Any, theta: Any) -> tuple[Any, Any]:
    """One graph: its sum of squares and coefficients."""

    def look(theta: Any) -> tuple[Any, ...]:
        found = forward(primitives, x, graph, theta)
        q, r, w = read_out(found[0], y)
        rows = jacobian(graph, found, q, w)
        loss = jnp.where(jnp.isfinite(found[0]).all(), r @ r, jnp.inf)
        return loss, rows @ rows.T, rows @ r

    def step(_: Any, state: tuple[Any, ...]) -> tuple[Any, ...]:
        """Take the trial if it is better, and try the next."""
        trial, theta, loss, matrix, gradient, damping, rejected, settled = state
        after = look(trial)
        first = ~jnp.isfinite(loss)
        better = (after[0] < loss) & ~settled & (rejected < PATIENCE)
        settled = settled | (better & (loss - after[0] <= TOLERANCE * loss) & ~first)
        damping = jnp.where(better, jnp.maximum(damping / 5, 1e-13), damping * 4)
        damping = jnp.where(first, 1e-3, damping)
        old = (theta, loss, matrix, gradient)
        theta, loss, matrix, gradient = jax.tree.map(
            lambda a, b: jnp.where(better, a, b), (trial, *after), old
        )
        size = jnp.sqrt(jnp.diag(matrix))
        unit = jnp.where(size > 0, 1 / jnp.where(size > 0, size, 1), 0.0)
        empty = jnp.where(size > 0, 0.0, 1.0)
        scaled = matrix * unit[:, None] * unit + jnp.diag(damping + empty)
        factor = jax.scipy.linalg.cho_factor(scaled)
        move = unit * jax.scipy.linalg.cho_solve(factor, gradient * unit)
        trial = theta + move.reshape(theta.shape)
        rejected = jnp.where(better, 0, rejected + 1)
        return trial, theta, loss, matrix, gradient, damping, rejected, settled

    size = theta.size
    nothing = (jnp.inf, jnp.zeros((size, size)), jnp.zeros(size), 1e-3, 0, False)
    end = jax.lax.fori_loop(0, 1 + STEPS, step, (theta, theta, *nothing))
    return end[2], end[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--graphs", type=int, default=20_000)
    options = parser.parse_args()
    about = provenance()
    where, _ = evaluator()
    compiled_rate(where, 10)  # compiles
    rate, _ = compiled_rate(where, options.graphs)
    batch = graphs(where, options.graphs)
    before = [np.array(a) for a in (batch.agg, batch.src, batch.op, batch.theta)]
    where.fit(batch, STEPS, TOLERANCE)
    with jax.enable_x64(True):
        x, y = jnp.asarray(where.x), jnp.asarray(where.y).ravel()
        *graph, theta = map(jnp.asarray, before)
        one = jax.vmap(lambda g, t: fit(where.primitives, x, y, g, t)[0])
        program = jax.jit(one)
        begin = time.perf_counter()
        program(tuple(graph), theta).block_until_ready()
        first = time.perf_counter() - begin
        seconds = []
        for _ in range(REPEATS):
            begin = time.perf_counter()
            loss = program(tuple(graph), theta).block_until_ready()
            seconds.append(time.perf_counter() - begin)
    report(about, options.graphs, rate, statistics.median(seconds), first, batch.loss, loss)


def report(
    about: Any,
    count: int,
    rate: float,
    seconds: float,
    first: float,
    ours: Any,
    theirs: Any,
) -> None:
    both = np.isfinite(ours) & np.isfinite(theirs)
    same = np.isclose(np.asarray(theirs)[both], ours[both], rtol=1e-3).mean()
    device = jax.devices()[0].device_kind
    rows = [
        ["one batch in JAX, graphs per second", f"**{count / seconds:,.0f}**"],
        ["compiled refit, graphs per core-second", f"{rate:,.0f}"],
        ["cores that one batch is worth", f"{count / seconds / rate:.1f}"],
        ["graphs finite at the start in both", f"{both.mean():.0%}"],
        ["of those with the same loss (to 0.1 %)", f"{same:.0%}"],
        ["first call, compiling", f"{first:.1f} s"],
    ]
    text = (
        f"JAX computes on: {device}, double precision. {NODES} nodes × {SLOTS} edges, "
        f"{POINTS} points, {STEPS} steps, {count:,} random graphs over all of `SCIENCE`."
    )
    name = f"engine_batch_{jax.default_backend()}"
    numbers = {"about": about, "batch": count / seconds, "core": rate, "first": first}
    write_numbers(name, numbers)
    body = f"{table(['', ''], rows)}\n\n{text}"
    write_results(name, "The refit as one batch", about, body)


if __name__ == "__main__":
    main()
