"""What JAX runs on: whether it can, spreading rows or restarts over devices, and memory."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from .bilevel import Data

#: Rows per device from which spreading pays for the devices' sums.
FEWEST_ROWS = 1 << 14
#: Share of a device's memory that restarts may take, and what it has where it won't say.
_SHARE, _UNKNOWN = 0.5, 1 << 31


def _devices(most: int) -> list[Any]:
    """At most so many devices, a power of two of them, as arrays are padded to that.

    A device that the user has chosen in JAX's configuration stays the only one.
    """
    if most <= 1 or getattr(jax.config, "jax_default_device", None) is not None:
        return []
    found = jax.local_devices()
    number = min(len(found), most)
    return found[: 1 << (number.bit_length() - 1)]


def count(rows: int) -> int:
    """Devices that so many rows would be spread over."""
    return max(1, len(_devices(rows // FEWEST_ROWS)))


def _along_first_axis(devices: list[Any]) -> NamedSharding:
    return NamedSharding(Mesh(np.array(devices), ("spread",)), PartitionSpec("spread"))


def spread_rows(data: Data, batch_size: int | None) -> Data:
    """The data with their rows over all devices, where a step sees enough of them.

    Programs that get such arrays compute sums by rows on every device and add them up.
    Batches stay on one device: few rows are not worth the messages.
    """
    rows = len(data.x)
    devices = _devices(rows // FEWEST_ROWS)
    if batch_size is not None or len(devices) < 2 or rows % len(devices):
        return data
    place = _along_first_axis(devices)
    x, y, train, valid = (jax.device_put(a, place) for a in data[:4])
    return data._replace(x=x, y=y, train=train, valid=valid)


def spread_restarts(stacked: Any) -> Any:
    """Arrays whose first axis counts restarts, over all devices if they can share it."""
    size = len(jax.tree.leaves(stacked)[0])
    devices = _devices(size)
    if len(devices) < 2 or size % len(devices):
        return stacked
    return jax.device_put(stacked, _along_first_axis(devices))


@contextmanager
def memory_for(rows: int) -> Iterator[None]:
    """Say what helps where a program of so many rows finds no memory."""
    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        raise MemoryError(
            f"the device has no room to train on {rows} rows at once; set batch_size to "
            "fewer of them"
        ) from error


def room() -> int:
    """Bytes that restarts may take on all devices together."""
    devices = jax.local_devices()
    stats = [device.memory_stats() or {} for device in devices]
    return int(sum(_SHARE * s.get("bytes_limit", _UNKNOWN) for s in stats))


#: Whether this process was forked from one in which JAX was already at work. Its threads do
#: not survive a fork, and whatever waits for them waits for ever.
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


def check_fork() -> None:
    """Raise where JAX would wait for ever."""
    if _was_forked:
        raise RuntimeError(
            "this process was forked after JAX had started its threads, without which it "
            "cannot train a mixture; start processes with 'spawn' or 'forkserver' "
            "(multiprocessing.get_context('spawn')), or with joblib's default, 'loky'"
        )
