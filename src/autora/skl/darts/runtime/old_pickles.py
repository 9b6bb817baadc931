"""What a pickle from before modules lay in packages leads to: an error that helps."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import ModuleType

_PACKAGE = "autora.skl.darts"
#: Where the estimators were up to version 0.1.0 of 2026-11-28.
_MOVED = {f"{_PACKAGE}.{name}" for name in ("estimator", "classifier")}


class _Finder:
    """The last that Python asks for a module."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> None:
        if name in _MOVED:
            raise ModuleNotFoundError(
                f"there is no module {name!r} any more. If this is about a pickle of an "
                "earlier version: load it with that version, write it with save() and read "
                "the file with load(); model files stay readable, pickles do not",
                name=name,
            )


def explain() -> None:
    """Explain imports of modules that have moved."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder())
