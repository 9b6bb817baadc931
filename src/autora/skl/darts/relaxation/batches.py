"""The rows of a batch out of many rows, at a cost that does not depend on how many."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp


def rows_at(first: Any, at: jax.Array, arrays: tuple) -> list[jax.Array]:
    """Rows ``at`` of each array; they follow one another and begin again at ``first``.

    They are picked from two slices. XLA takes picking from all rows for as much work as
    there are rows, and spreads the few of a batch over threads, at the cost of several
    steps. Rows that come a second time, because there are fewer than a batch has, are any.
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
