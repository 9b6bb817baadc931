"""Differentiable architecture search for interpretable equations."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

from .estimator import DARTSRegressor
from .primitives import (
    PRIMITIVES,
    SCIENCE,
    Primitive,
    known_primitives,
    register_primitive,
)

if TYPE_CHECKING:
    from .monitor import DARTSExecutionMonitor

__all__ = [
    "PRIMITIVES",
    "SCIENCE",
    "DARTSExecutionMonitor",
    "DARTSRegressor",
    "DARTSType",
    "Primitive",
    "known_primitives",
    "register_primitive",
]


class DARTSType(StrEnum):
    """How the choice of a primitive is relaxed."""

    ORIGINAL = "original"  #: softmax over primitives, arXiv 1806.09055
    FAIR = "fair"  #: one sigmoid per primitive, arXiv 1911.12126


def __getattr__(name: str) -> Any:
    if name == "DARTSExecutionMonitor":
        from .monitor import DARTSExecutionMonitor

        return DARTSExecutionMonitor
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
