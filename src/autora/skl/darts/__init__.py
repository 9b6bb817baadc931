"""Differentiable architecture search for interpretable equations."""

from __future__ import annotations

from enum import StrEnum
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .classifier import DARTSClassifier
from .estimator import DARTSRegressor
from .primitives import (
    PRIMITIVES,
    SCIENCE,
    Primitive,
    known_primitives,
    register_primitive,
)
from .untrusted import ModelFileError

if TYPE_CHECKING:
    from .animation import SearchAnimation
    from .display_fit import FitDisplay, ResidualDisplay
    from .display_search import ArchitectureDisplay, EquationsDisplay, HistoryDisplay
    from .monitor import DARTSExecutionMonitor

__all__ = [
    "PRIMITIVES",
    "SCIENCE",
    "ArchitectureDisplay",
    "DARTSClassifier",
    "DARTSExecutionMonitor",
    "DARTSRegressor",
    "DARTSType",
    "EquationsDisplay",
    "FitDisplay",
    "HistoryDisplay",
    "ModelFileError",
    "Primitive",
    "ResidualDisplay",
    "SearchAnimation",
    "known_primitives",
    "register_primitive",
]


class DARTSType(StrEnum):
    """How the choice of a primitive is relaxed."""

    ORIGINAL = "original"  #: softmax over primitives, arXiv 1806.09055
    FAIR = "fair"  #: one sigmoid per primitive, arXiv 1911.12126


#: Where the pictures live, which are imported when asked for.
_LAZY = {
    "ArchitectureDisplay": "display_search",
    "DARTSExecutionMonitor": "monitor",
    "EquationsDisplay": "display_search",
    "FitDisplay": "display_fit",
    "HistoryDisplay": "display_search",
    "ResidualDisplay": "display_fit",
    "SearchAnimation": "animation",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(f".{_LAZY[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
