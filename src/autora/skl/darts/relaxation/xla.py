"""Loops and picks of rows written so that XLA computes them fast."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

#: Turns of a block that are written out, so that fewer kernels do more each.
_UNROLLED = 10


def repeated(
    count: Any, body: Callable[[Any, Any], Any], start: Any, block: int = 1
) -> Any:
    """``body(turn, state)`` for ``count`` turns, known only when the program runs.

    An accelerator asks the host after every turn whether another one follows, which takes
    longer than a small turn. In blocks it asks once a block; turns beyond ``count`` change
    nothing.
    """
    if block == 1:
        return jax.lax.fori_loop(0, count, body, start)

    def turns(number: Any, state: Any) -> Any:
        def turn(i: Any, state: Any) -> Any:
            at = number * block + i
            after = body(at, state)
            return jax.tree.map(lambda a, b: jnp.where(at < count, a, b), after, state)

        return jax.lax.fori_loop(0, block, turn, state, unroll=min(block, _UNROLLED))

    return jax.lax.fori_loop(0, (count + block - 1) // block, turns, start)


def rows_at(first: Any, at: jax.Array, arrays: tuple) -> list[jax.Array]:
    """Rows ``at`` of each array; they follow one another and begin again at ``first``.

    The cost does not depend on how many rows there are: they are picked from two slices.
    XLA takes picking from all rows for as much work as there are rows, and spreads the few
    of a batch over threads, at the cost of several steps. Rows that come a second time,
    because there are fewer than a batch has, are any.
    """
    size, rows = len(at), len(arrays[0])
    if rows < 4 * size:
        return [array[at] for array in arrays]
    last = rows - size
    starts = [jnp.minimum(at[0], last), jnp.minimum(first, last)]
    again = at < at[0]
    place = jnp.where(again, size + at - starts[1], at - starts[0])

    def pick(array: jax.Array) -> jax.Array:
        slices = [jax.lax.dynamic_slice_in_dim(array, start, size) for start in starts]
        return jnp.concatenate(slices)[place]

    return [pick(array) for array in arrays]
