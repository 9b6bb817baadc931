"""Loops in compiled programs whose number of turns is only known when they run."""

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
    """``body(turn, state)`` for ``count`` turns.

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
