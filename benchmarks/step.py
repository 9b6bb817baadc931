"""How far a coefficient step of the relaxed search is from what its functions cost.

    python benchmarks/step.py [--repeats 5]

For several shapes: the time of one step inside the compiled training; of the same step with
a single row, which is what starting its kernels costs; and of nothing but the primitives'
values and derivatives on as many numbers, in a loop of their own: once an edge with
coefficients, once a source without. The last two together are the least that a step can
take with these compilers and functions.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from helpers.common import provenance, table, write_numbers, write_results
from scaling import NAMES
from speed import TUTORIAL

ALGEBRA = ["none", "add", "subtract", "mult", "linear"]
SHAPES: dict[str, dict[str, Any]] = {
    "the tutorial's": {"rows": 100, "inputs": 2, "nodes": 1, "names": None},
    "three nodes": {"rows": 100, "inputs": 2, "nodes": 3, "names": None},
    "without transcendentals": {"rows": 1024, "inputs": 2, "nodes": 2, "names": ALGEBRA},
    "two nodes, 8 primitives": {"rows": 1024, "inputs": 2, "nodes": 2, "names": NAMES[:8]},
    "many rows": {"rows": 16384, "inputs": 2, "nodes": 2, "names": NAMES[:8]},
    "many inputs": {"rows": 1024, "inputs": 16, "nodes": 2, "names": NAMES[:8]},
    "16 primitives": {"rows": 1024, "inputs": 2, "nodes": 2, "names": NAMES},
}
#: Repetitions inside a compiled loop, so many that a call takes about this long.
SECONDS = 0.2


def started(rows: int, inputs: int, nodes: int, names: list[str] | None) -> tuple:
    """What a fit of this shape trains: a prepared start and its hyperparameters."""
    from autora.skl.darts import DARTSRegressor
    from autora.skl.darts.relaxation import fit
    from autora.skl.darts.relaxation.preparation import prepared

    caught = []

    class Caught(Exception):
        """The fit is not needed."""

    def catch(task: Any, *_: Any) -> None:
        caught.append(task)
        raise Caught

    run, fit.run = fit.run, catch
    rng = np.random.default_rng(0)
    X = rng.uniform(0.5, 2, (rows, inputs))
    settings = TUTORIAL | {"num_graph_nodes": nodes, "batch_size": None}
    if names is not None:
        settings["primitives"] = names
    try:
        DARTSRegressor(**settings, random_state=0).fit(X, X[:, 0] * 2 + np.exp(-X[:, -1]))
    except Caught:
        pass
    finally:
        fit.run = run
    start = prepared(caught[0], np.random.default_rng(0))
    return start, caught[0].plan.hyper


def per_call(loop: Callable[[int, Any], Any], state: Any, repeats: int) -> float:
    """Seconds of one turn of a compiled loop, the median of several calls."""
    run = jax.jit(loop)
    turns = 1

    def timed() -> float:
        begin = time.perf_counter()
        jax.block_until_ready(run(turns, state))
        return time.perf_counter() - begin

    timed()
    while (seconds := timed()) < SECONDS:
        turns = int(turns * min(10, 1.2 * SECONDS / max(seconds, 1e-5)) + 1)
    return statistics.median(timed() for _ in range(repeats)) / turns


def step(start: Any, hyper: Any, rows: int | None, repeats: int) -> float:
    """A coefficient step on the first rows of the data."""
    from autora.skl.darts.relaxation import bilevel

    data = jax.tree.map(jnp.asarray, start.data)
    seen = bilevel._Rows(data.x[:rows], data.y[:rows], data.train[:rows] * 0 + 1)
    state = jax.tree.map(jnp.asarray, start.state)
    units = jax.tree.map(jnp.ones_like, state.coefs)
    still = jax.tree.map(jnp.zeros_like, state.coefs)

    def loop(turns: int, carry: Any) -> Any:
        seen, carry = carry

        def body(i: Any, c: Any) -> Any:
            return bilevel._param_step(
                start.static, hyper, state.arch, *c, units, seen, i, data.scale
            )

        return jax.lax.fori_loop(0, turns, body, carry)

    return per_call(loop, (seen, (state.coefs, still)), repeats)


def functions(space: Any, rows: int, repeats: int) -> float:
    """Value and derivatives of every primitive where it is needed, and nothing else.

    Without coefficients that is once a source, and straight ones are arithmetic.
    """
    from autora.skl.darts.graph.jax_functions import SINGLE

    total = 0.0
    for primitive in space.primitives:
        if primitive.name == "none" or primitive.straight:
            continue
        n = primitive.n_params
        places = space.n_edges if n else len(set(space.sources))

        def both(x: Any, coefs: Any, p: Any = primitive) -> Any:
            value, back = jax.vjp(lambda x, *c: p(SINGLE, x, *c), x, *coefs)
            return value + sum(back(jnp.ones_like(x)))

        def loop(turns: int, carry: Any, both: Any = both) -> Any:
            x, coefs = carry
            # What comes out goes in again, so that no turn can be left out.
            return jax.lax.fori_loop(
                0, turns, lambda _, z: x + 1e-9 * both(z, [c + 0 * z for c in coefs]), x
            )

        x = jnp.linspace(0.5, 2.0, rows * places, dtype=jnp.float32)
        coefs = [jnp.float32(0.3)] * n
        total += per_call(loop, (x, coefs), repeats)
    return total


def measured(name: str, shape: dict[str, Any], repeats: int) -> dict[str, Any]:
    start, hyper = started(**shape)
    rows = len(start.data.x)
    return {
        "name": name,
        "rows": rows,
        "edges": start.static.space.n_edges,
        "primitives": start.static.space.n_primitives,
        "step": step(start, hyper, None, repeats),
        "one row": step(start, hyper, 1, repeats),
        "functions": functions(start.static.space, rows, repeats),
    }


def page(found: list[dict[str, Any]]) -> str:
    lines = [
        [
            f["name"],
            f"{f['rows']:,} · {f['edges']} · {f['primitives']}",
            *(f"{1e6 * f[key]:.1f}" for key in ("step", "one row", "functions")),
            f"{f['step'] / (f['one row'] + f['functions']):.1f}",
        ]
        for f in found
    ]
    headers = [
        "shape",
        "padded rows · edges · primitives",
        "µs a step",
        "µs with one row",
        "µs of functions",
        "step : least",
    ]
    return table(headers, lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    about, found = provenance(), []
    for name, shape in SHAPES.items():
        found.append(measured(name, shape, options.repeats))
        print(found[-1], flush=True)
    write_numbers("step", {"about": about, "found": found})
    write_results(
        "step", "A coefficient step and the least it can take", about, page(found)
    )


if __name__ == "__main__":
    main()
