"""Linear algebra on one thread: the matrices of a fit are small.

Threads that wait for each other cost more than they save there, many times more on a
machine whose cores have other work.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from threadpoolctl import ThreadpoolController


@cache
def _libraries() -> ThreadpoolController:
    """The libraries of the process, which take milliseconds to find."""
    return ThreadpoolController()


def one_thread() -> Any:
    """A context with one thread for BLAS."""
    return _libraries().limit(limits=1, user_api="blas")
