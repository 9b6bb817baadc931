"""Whether this process was forked from one in which JAX was already at work.

JAX's threads do not survive a fork, and whatever waits for them waits for ever.
"""

from __future__ import annotations

import os
import sys

_was_forked = False


def _jax_is_at_work() -> bool:
    """Whether JAX has started its threads, be it for us or for someone else."""
    bridge = sys.modules.get("jax._src.xla_bridge")
    return bool(getattr(bridge, "_backends", ()))


def _after_in_child() -> None:
    global _was_forked
    _was_forked = _was_forked or _jax_is_at_work()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_in_child)


def check() -> None:
    """Raise where JAX would wait for ever."""
    if _was_forked:
        raise RuntimeError(
            "this process was forked after JAX had started its threads, without which it "
            "cannot train a mixture; start processes with 'spawn' or 'forkserver' "
            "(multiprocessing.get_context('spawn')), or with joblib's default, 'loky'"
        )
