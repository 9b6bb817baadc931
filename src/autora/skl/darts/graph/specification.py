"""The search space that an estimator's parameters describe."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from .objectives import Objective
from .primitives import Primitive
from .search_space import SearchSpace

DEFAULT_NODES, DEFAULT_IN_DEGREE = 5, 4


class SpaceBounds(NamedTuple):
    """Bounds of the space of an automatic search."""

    primitives: tuple[Primitive, ...]
    max_nodes: int = DEFAULT_NODES
    aggregations: tuple[str, ...] = ("sum", "product")
    max_in_degree: int = DEFAULT_IN_DEGREE
    widest_line: int | None = None  #: most inputs of a straight line; None: all


class DARTSType(StrEnum):
    """How the choice of a primitive is relaxed."""

    ORIGINAL = "original"  #: softmax over primitives, arXiv 1806.09055
    FAIR = "fair"  #: one sigmoid per primitive, arXiv 1911.12126


class Specification(NamedTuple):
    """The search space that the parameters describe; equal ones share weights."""

    primitives: tuple[Primitive, ...]
    n_inputs: int
    n_outputs: int
    objective: Objective
    darts_type: str
    n_nodes: int | None  #: None lets the search decide
    aggregations: tuple[str, ...]
    max_in_degree: int | None
    train_readout: bool
    train_bias: bool

    @property
    def searches_openly(self) -> bool:
        """Whether the compiled search over open graphs serves."""
        if self.n_nodes is None:
            return True
        plain = self.n_outputs == 1 and self.objective.name == "real"
        return plain and "product" in self.aggregations

    @property
    def weights_apply(self) -> tuple:
        """What must be equal for the weights of an earlier fit to be of use."""
        return self[:-2]

    def space(self) -> SearchSpace:
        assert self.n_nodes is not None
        return SearchSpace(
            self.n_inputs,
            self.n_nodes,
            self.n_outputs,
            self.primitives,
            self.aggregations,
            self.max_in_degree,
        )
