"""Differentiable architecture search for interpretable equations."""

from __future__ import annotations

from enum import StrEnum
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .runtime import old_pickles

if TYPE_CHECKING:
    from .estimators.classifier import DARTSClassifier
    from .estimators.diagnostics import DataWarning, DomainWarning
    from .estimators.registration import register_primitive
    from .estimators.regressor import DARTSRegressor
    from .graph.primitives import PRIMITIVES, SCIENCE, Inverse, Primitive, known_primitives
    from .persistence.fields import ModelFileError
    from .plotting.animation import SearchAnimation
    from .plotting.fit_displays import FitDisplay, ResidualDisplay
    from .plotting.monitor import DARTSExecutionMonitor
    from .plotting.search_displays import (
        ArchitectureDisplay,
        EquationsDisplay,
        HistoryDisplay,
    )

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
    "Inverse",
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
    "PRIMITIVES": "graph.primitives",
    "SCIENCE": "graph.primitives",
    "ArchitectureDisplay": "plotting.search_displays",
    "DARTSClassifier": "estimators.classifier",
    "DARTSExecutionMonitor": "plotting.monitor",
    "DARTSRegressor": "estimators.regressor",
    "DataWarning": "estimators.diagnostics",
    "DomainWarning": "estimators.diagnostics",
    "EquationsDisplay": "plotting.search_displays",
    "FitDisplay": "plotting.fit_displays",
    "HistoryDisplay": "plotting.search_displays",
    "Inverse": "graph.primitives",
    "ModelFileError": "persistence.fields",
    "Primitive": "graph.primitives",
    "ResidualDisplay": "plotting.fit_displays",
    "SearchAnimation": "plotting.animation",
    "known_primitives": "graph.primitives",
    "register_primitive": "estimators.registration",
}


old_pickles.explain()


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
