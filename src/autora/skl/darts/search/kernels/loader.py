"""Loads the compiled refit for a table of primitives.

The source (derivatives written by `codegen`, then `kernel`) is kept in the user's cache
directory, where Numba puts the machine code beside it: only the first search on a machine
waits for the compiler.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import importlib.util
import os
import shutil
import sys
import tempfile
from functools import lru_cache
from importlib import resources
from pathlib import Path
from types import ModuleType

from ...graph.codegen import evaluator
from ...graph.primitives import Primitive
from ...runtime import disk_cache

_HEAD = '''"""Generated from the table of primitives; safe to delete."""
import numba
import numpy as np

# Sums may be reordered, so that they vectorise; NaN and infinity keep their meaning.
_options = dict(nogil=True, error_model="numpy", fastmath={{"reassoc", "contract"}})
# Called from Python.
entry = numba.njit(cache={cache}, **_options)
# Called from compiled code only: without the wrappers there is half as much to compile.
compiled = numba.njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, **_options)
# The same, and sums stay in the order in which they are written.
faithful = numba.njit(
    no_cpython_wrapper=True, no_cfunc_wrapper=True,
    **{{**_options, "fastmath": {{"contract"}}}},
)
# Called by address: linked into each of its callers, it would be optimised in each anew.
INTEGER, ROW, ROWS = numba.int64, numba.float64[::1], numba.float64[:, ::1]
def addressed(*types):
    return numba.cfunc(numba.void(*types), cache={cache}, **_options)
# A literal 0 would be a type of its own, and what is called with it compiled twice.
ZERO, ONE = np.int64(0), np.int64(1)
'''
#: Programs kept in the cache directory: versions, and vocabularies with own primitives.
_MOST_PROGRAMS = 8
#: Parts of the program, in the order in which they are put together; the primitives come
#: after the first.
TEMPLATES = (
    "elementary",
    "linear_algebra",
    "refit",
    "graphs",
    "random_edits",
    "scores",
    "proposals",
)


def source(primitives: tuple[Primitive, ...], cache: bool) -> str:
    """The program for a table of primitives."""
    folder = resources.files(__package__)
    first, *rest = (folder.joinpath(f"{name}.py").read_text("utf-8") for name in TEMPLATES)
    head = _HEAD.format(cache=cache)
    return "\n\n".join([head, first, evaluator(primitives), *rest])


def _written(text: str, folder: Path) -> Path:
    """The file of a program, written at once or not at all."""
    digest = hashlib.sha256((sys.version + text).encode()).hexdigest()[:16]
    path = folder / f"kernel_{digest}.py"
    if not path.exists() or path.read_text("utf-8") != text:
        handle, temporary = tempfile.mkstemp(dir=folder, suffix=".tmp")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(temporary, path)
        _prune(folder)
    return path


def _note_if_new(path: Path) -> None:
    """One line to standard error where the first search has to wait for the compiler."""
    if not any(path.parent.glob(f"__pycache__/{path.stem}.fit_many*.nbc")):
        print(
            "autora.skl.darts: compiling the search for this machine, which takes about a "
            "minute, once; searches after it start at once",
            file=sys.stderr,
            flush=True,
        )


def _prune(folder: Path) -> None:
    """Delete all but the newest programs with their machine code."""
    programs = sorted(folder.glob("kernel_*.py"), key=lambda path: -path.stat().st_mtime)
    for path in programs[_MOST_PROGRAMS:]:
        for old in (path, *folder.glob(f"__pycache__/{path.stem}.*")):
            with contextlib.suppress(OSError):  # another process deleted it
                old.unlink()


def _imported(path: Path) -> ModuleType:
    _note_if_new(path)
    spec = importlib.util.spec_from_file_location(f"_darts_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # Numba looks its functions' module up by name
    spec.loader.exec_module(module)
    return module


@lru_cache(maxsize=8)
def load(primitives: tuple[Primitive, ...]) -> ModuleType:
    """The compiled refit; primitive number ``op`` is ``primitives[op]``.

    Without a cache directory to write to, the program lives in a private temporary one
    and is compiled again by every process.
    """
    home = disk_cache.folder()
    try:
        if home is not None:
            return _imported(_written(source(primitives, cache=True), home))
    except OSError:
        pass  # a full or read-only disk: do without
    folder = Path(tempfile.mkdtemp(prefix="darts-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return _imported(_written(source(primitives, cache=False), folder))
