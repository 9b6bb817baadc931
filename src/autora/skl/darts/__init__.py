"""Differentiable architecture search for interpretable equations."""

from __future__ import annotations

from enum import StrEnum
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .animation import SearchAnimation
    from .cautions import DataWarning, DomainWarning
    from .classifier import DARTSClassifier
    from .display_fit import FitDisplay, ResidualDisplay
    from .display_search import ArchitectureDisplay, EquationsDisplay, HistoryDisplay
    from .estimator import DARTSRegressor
    from .monitor import DARTSExecutionMonitor
    from .primitives import PRIMITIVES, SCIENCE, Primitive, known_primitives
    from .registration import register_primitive
    from .untrusted import ModelFileError

__all__ = [
    "PRIMITIVES",
    "SCIENCE",
    "ArchitectureDisplay",
    "DARTSClassifier",
    "DARTSExecutionMonitor",
    "DARTSRegressor",
    "DARTSType",
    "DataWarning",
    "DomainWarning",
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


#: Where the names live. They are imported when asked for: scikit-learn and JAX take
#: seconds, for which the command line's help need not wait.
_HOMES = {
    "PRIMITIVES": "primitives",
    "SCIENCE": "primitives",
    "ArchitectureDisplay": "display_search",
    "DARTSClassifier": "classifier",
    "DARTSExecutionMonitor": "monitor",
    "DARTSRegressor": "estimator",
    "DataWarning": "cautions",
    "DomainWarning": "cautions",
    "EquationsDisplay": "display_search",
    "FitDisplay": "display_fit",
    "HistoryDisplay": "display_search",
    "ModelFileError": "untrusted",
    "Primitive": "primitives",
    "ResidualDisplay": "display_fit",
    "SearchAnimation": "animation",
    "known_primitives": "primitives",
    "register_primitive": "registration",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
