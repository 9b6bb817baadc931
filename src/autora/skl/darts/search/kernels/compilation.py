"""How the functions of this package are compiled and where their machine code is kept.

Python calls what is an `entry`; the rest is only `compiled`, which spares half the work of
the compiler. Machine code lies in the user's cache directory, in a folder that is named
after the sources: Numba looks for changes in a function's own file alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba
from numba.core.caching import CompileResultCacheImpl, FunctionCache, _CacheLocator
from numba.core.ccallback import CFunc

from ...runtime import disk_cache
from ...runtime.files import prune

#: Folders of machine code that are kept: one for every version of the sources.
_MOST_FOLDERS = 4
_PREFIX = "kernels_"
# Sums may be reordered, so that they vectorise; NaN and infinity keep their meaning.
_OPTIONS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"reassoc", "contract"},
}
_INNER: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
# Numba's runtime, which counts references to arrays.
_UNCOUNTED: dict[str, Any] = {"_nrt": False}
#: Whether Numba is switched off, as by tests that watch the loops line by line.
_INTERPRETED = bool(getattr(numba.config, "DISABLE_JIT", False))
INTEGER, ROW, ROWS = numba.int64, numba.float64[::1], numba.float64[:, ::1]


@cache
def sources() -> str:
    """A digest of everything that the machine code is made of."""
    digest = hashlib.sha256(numba.__version__.encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


@cache
def folder() -> Path | None:
    """Where machine code is kept; None where the disk cannot be written to."""
    home = disk_cache.folder()
    if home is None:
        return None
    path = home / f"{_PREFIX}{sources()}"
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        path.touch()
    except OSError:
        return None
    prune(home, f"{_PREFIX}*", _MOST_FOLDERS)
    return path


def is_kept(name: str) -> bool:
    """Whether the machine code of an entry is there already."""
    home = folder()
    return home is not None and any(home.glob(f"*.{name}-*.nbi"))


class _Locator(_CacheLocator):
    """Numba asks this where to keep the machine code of a function."""

    def __init__(self, path: Path, name: str, py_file: str) -> None:
        self._path, self._name = path, name
        self._py_file = py_file  # Numba names it where it does not keep a function

    def get_cache_path(self) -> str:
        return str(self._path)

    def get_source_stamp(self) -> str:
        return sources()

    def get_disambiguator(self) -> str:
        return self._name

    @classmethod
    def from_function(cls, py_func: Any, py_file: str) -> _Locator | None:
        path = folder()
        name = py_func.__module__.split(".")[-1]
        return None if path is None else cls(path, name, py_file)


class _Kept(CompileResultCacheImpl):
    _locator_classes: list[Any] = [_Locator]  # noqa: RUF012


class _FunctionCache(FunctionCache):
    _impl_class = _Kept


def _with_cache(function: Any, source: Callable[..., Any]) -> Any:
    if folder() is not None:
        function._cache = _FunctionCache(source)
    return function


def compiled(function: Callable[..., Any]) -> Any:
    """For functions that compiled code alone calls and that make no arrays.

    Without new arrays nobody has to count who uses them.
    """
    return numba.njit(**_OPTIONS, **_INNER, **_UNCOUNTED)(function)


def allocating(function: Callable[..., Any]) -> Any:
    """For functions that compiled code alone calls and that make arrays."""
    return numba.njit(**_OPTIONS, **_INNER)(function)


def faithful(function: Callable[..., Any]) -> Any:
    """The same, and sums stay in the order in which they are written."""
    return numba.njit(**{**_OPTIONS, "fastmath": {"contract"}}, **_INNER)(function)


def inlined(function: Callable[..., Any]) -> Any:
    """For functions that one place calls: compiled as a part of it, not by themselves."""
    return numba.njit(inline="always", **_OPTIONS)(function)


def entry(function: Callable[..., Any]) -> Any:
    """For functions that Python calls."""
    if _INTERPRETED:
        return function
    return _with_cache(numba.njit(**_OPTIONS)(function), function)


def addressed(*types: Any) -> Callable[[Callable[..., Any]], Any]:
    """For functions that are called by their address.

    Linked into each of its callers, such a function would be compiled with each anew.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        if _INTERPRETED:
            return function
        signature = numba.void(*types)
        found = CFunc(function, (signature.args, signature.return_type), {}, dict(_OPTIONS))
        _with_cache(found, function).compile()
        return found

    return decorate
