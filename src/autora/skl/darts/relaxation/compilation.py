"""The programs of the mixture, each compiled once on a machine and not once a process.

Tracing and compiling take longer than a whole fit of small data. A program found in the
disk cache needs neither, and as it is the same machine code, it computes the same bits.
JAX's own persistent cache would be a global setting and would still trace.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import platform
import sys
from collections.abc import Callable, Hashable
from functools import cache, lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import jax
import jaxlib

from ..graph import (
    architecture,
    elementary,
    jax_functions,
    objectives,
    primitives,
    search_space,
    spelling,
)
from ..runtime import disk_cache
from . import bilevel, devices, mixture, xla
from .bilevel import History

#: Programs kept in memory. Each takes some five hundred places in the process's memory map,
#: of which Linux allows 65,530 by default; beyond, the compiler ends the process.
MAX_PROGRAMS = 48
#: The modules that decide what a program computes; a test compares with the imports.
SOURCES = (
    architecture,
    elementary,
    primitives,
    search_space,
    spelling,
    objectives,
    jax_functions,
    mixture,
    xla,
    bilevel,
)
#: What /proc/cpuinfo says about the instructions a processor knows.
_CPU_FIELDS = ("vendor", "cpu family", "model", "stepping", "flags", "features")
_ARM_FIELDS = ("cpu implementer", "cpu architecture", "cpu variant", "cpu part")


def run_epochs(
    static: bilevel.Static,
    hyper: bilevel.Hyper,
    data: bilevel.Data,
    state: bilevel.State,
    n_epochs: Any,
) -> tuple[bilevel.State, History]:
    """Same as `bilevel.run_epochs`, without compiling what this machine has compiled."""
    devices.check_fork()
    args = (hyper, data, state, n_epochs)
    leaves, structure = jax.tree.flatten(args)
    kinds = tuple(map(jax.typeof, leaves))
    places = tuple(getattr(leaf, "sharding", None) for leaf in leaves)
    program = _program(static, structure, kinds, places, _configuration())
    with program.lock:  # threads with the same program wait instead of compiling it, too
        if program.call is None:
            program.call = _obtain(static, args)
    return program.call(*args)


class _Program:
    """A place for one compiled program."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.call: Callable[..., Any] | None = None


@lru_cache(maxsize=MAX_PROGRAMS)
def _program(*key: Hashable) -> _Program:
    return _Program()


def _configuration() -> tuple[str, ...]:
    """JAX's settings as they are in this thread; many of them change a program."""
    names = sorted(jax.config.values)
    return tuple(f"{name}={getattr(jax.config, name, None)!r}" for name in names)


def _obtain(static: bilevel.Static, args: tuple) -> Callable[..., Any]:
    """The program from the disk cache, or compiled and stored there."""
    if not _storable():
        return bilevel.run_epochs.lower(static, *args).compile()
    lowered = None
    if set(static.space.primitives) <= set(primitives.builtin()):
        meaning = repr((static, jax.tree.map(jax.typeof, args)))
    else:
        # A name does not say what a user's formula computes; the traced program does.
        lowered = bilevel.run_epochs.lower(static, *args)
        meaning = lowered.as_text()
    key = _key(meaning)
    if (found := _load(key)) is not None:
        return found
    compiled = (lowered or bilevel.run_epochs.lower(static, *args)).compile()
    _store(key, compiled)
    return compiled


def _storable() -> bool:
    """Programs for one processor are tried and tested; others are compiled as ever."""
    try:
        _surroundings()
    except OSError:  # our source is not there to be read
        return False
    return (
        jax.default_backend() == "cpu"
        and jax.device_count() == 1
        and getattr(jax.config, "jax_default_device", None) is None
        and disk_cache.folder() is not None
    )


def _key(meaning: str) -> str:
    flags = os.environ.get("XLA_FLAGS")
    parts = repr((meaning, _configuration(), flags, _surroundings()))
    return hashlib.sha256(parts.encode()).hexdigest()


@cache
def _surroundings() -> tuple[str, ...]:
    """What else machine code depends on: our source, compiler, interpreter, processor."""
    ours = (Path(str(module.__file__)).read_bytes() for module in SOURCES)
    source = hashlib.sha256(b"\0".join(ours)).hexdigest()
    compiler = (jax.__version__, jaxlib.__version__)
    return (source, *compiler, sys.version, sys.platform, _processor())


def _processor() -> str:
    """The processor's instruction set; compiled code may crash on another one."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            first = file.read(16384).split("\n\n")[0]
    except OSError:  # not Linux: trust the cache on this one machine only
        return f"{platform.processor()} {platform.machine()} {platform.node()}"
    fields = _CPU_FIELDS + _ARM_FIELDS
    known = (line for line in first.splitlines() if line.lower().startswith(fields))
    return "\n".join([platform.machine(), *known])


def _load(key: str) -> Callable[..., Any] | None:
    data = disk_cache.load(key)
    if data is None:
        return None
    try:
        from jax.experimental import serialize_executable

        return serialize_executable.deserialize_and_load(*pickle.loads(data))
    except Exception:  # of whatever kind: a cache must not cost anyone a fit
        return None


def _store(key: str, compiled: Any) -> None:
    try:
        from jax.experimental import serialize_executable

        data = pickle.dumps(serialize_executable.serialize(compiled))
    except Exception:  # not every program can be stored, nor by every JAX
        return
    disk_cache.store(key, data)
