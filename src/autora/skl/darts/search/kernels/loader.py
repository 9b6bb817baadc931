"""The compiled loops together with the functions of a vocabulary.

The loops are the same for all vocabularies. What a vocabulary's functions compute is
written as source text by `codegen` and compiled by itself; the loops call it by address.
"""

from __future__ import annotations

import atexit
import hashlib
import importlib.util
import shutil
import sys
import tempfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from ...graph.codegen import functions, loops
from ...graph.primitives import Primitive
from ...runtime.files import replaced

_HEAD = '''"""The functions of a vocabulary; safe to delete."""
import math
import numpy as np

from autora.skl.darts.search.kernels.compilation import INTEGER, ROW, ROWS, addressed
from autora.skl.darts.search.kernels.elementary import {loops}


'''


class Kernels(NamedTuple):
    """What a search calls; `slopes` and `values` are handed on to the others."""

    name: str  #: says what is compiled
    slopes: Any
    values: Any
    fit_many: Callable[..., Any]
    children: Callable[..., Any]
    random_edits: Callable[..., Any]
    propose: Callable[..., Any]


def bases_of(primitives: tuple[Primitive, ...]) -> tuple[list[Primitive], list[int]]:
    """The plain functions of primitives, and which of them each one applies."""
    plain = [p.plain for p in primitives]
    bases = list(dict.fromkeys(plain))
    return bases, [bases.index(p) for p in plain]


def _written(text: str, folder: Path) -> Path:
    """The file of a program, written at once or not at all."""
    digest = hashlib.sha256((sys.version + text).encode()).hexdigest()[:16]
    path = folder / f"functions_{digest}.py"
    if not path.exists() or path.read_text("utf-8") != text:
        with replaced(path) as file:
            file.write(text.encode())
    return path


def _imported(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"_darts_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # Numba looks its functions' module up by name
    spec.loader.exec_module(module)
    return module


def _functions(primitives: tuple[Primitive, ...]) -> ModuleType:
    """The compiled functions of a vocabulary.

    Without a cache directory to write to, their source lives in a private temporary one
    and is compiled again by every process.
    """
    from .compilation import folder

    head = _HEAD.format(loops=", ".join(sorted(loops())))
    text, home = head + functions(bases_of(primitives)[0]), folder()
    try:
        if home is not None:
            return _imported(_written(text, home))
    except OSError:
        pass  # a full or read-only disk: do without
    private = Path(tempfile.mkdtemp(prefix="darts-"))
    atexit.register(shutil.rmtree, private, ignore_errors=True)
    return _imported(_written(text, private))


@lru_cache(maxsize=8)
def load(primitives: tuple[Primitive, ...]) -> Kernels:
    """The compiled search; primitive number ``op`` is ``primitives[op]``."""
    from . import compilation, graphs, proposals, random_edits, refit

    own = _functions(primitives)
    return Kernels(
        f"{own.__name__} {compilation.sources()}",
        own.slopes,
        own.values,
        refit.fit_many,
        graphs.children,
        random_edits.random_edits,
        proposals.propose,
    )
