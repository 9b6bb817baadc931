"""A discovered model: an architecture plus its coefficients.

Prediction, equation and graph are readings of this one object.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from . import objectives
from .objectives import Objective
from .primitives import NUMPY, Primitive
from .search_space import SearchSpace


@dataclass(frozen=True)
class Edge:
    """One chosen primitive: ``target`` receives ``primitive(source)``."""

    source: int  #: node number, inputs first
    target: int  #: latent node, 0 … K−1
    primitive: Primitive
    coefs: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Model:
    """A discrete computation graph with coefficients, in double precision.

    Attributes
    ----------
    architecture : ndarray of shape (n_edges,)
        Index of the chosen primitive of every edge; −1 is an edge that is not there.
    edge : ndarray of shape (n_edges, max_params)
        Coefficients of the chosen primitives; unused places are zero.
    readout : ndarray of shape (n_nodes, n_outputs)
    bias : ndarray of shape (n_outputs,)
    """

    space: SearchSpace
    objective: Objective
    architecture: np.ndarray
    edge: np.ndarray
    readout: np.ndarray
    bias: np.ndarray

    def __post_init__(self) -> None:
        for name in ("architecture", "edge", "readout", "bias"):
            array = np.array(getattr(self, name))
            array.setflags(write=False)
            object.__setattr__(self, name, array)

    def replace(self, **changes: Any) -> Model:
        return replace(self, **changes)

    def edges(self) -> Iterator[Edge]:
        """The edges that are switched on, node by node."""
        for e, index in enumerate(self.architecture):
            primitive = self.space.primitives[index]
            if index >= 0 and primitive.name != "none":
                yield Edge(
                    int(self.space.sources[e]),
                    int(self.space.targets[e]),
                    primitive,
                    tuple(float(c) for c in self.edge[e, : primitive.n_params]),
                )

    def live_nodes(self) -> set[int]:
        """Latent nodes that reach the output, directly or through others."""
        live = {int(k) for k in np.flatnonzero(np.any(self.readout != 0, axis=1))}
        for edge in reversed(list(self.edges())):
            source = edge.source - self.space.n_inputs
            if edge.target in live and source >= 0:
                live.add(source)
        return live

    def evaluate(self, m: Any, inputs: list[Any], zero: Any = 0.0) -> list[Any]:
        """Values of the latent nodes under any reading ``m`` of the formulas."""
        values = list(inputs)
        for node in range(self.space.n_nodes):
            total = zero
            for edge in self.edges():
                if edge.target == node:
                    total = total + edge.primitive(m, values[edge.source], *edge.coefs)
            values.append(total)
        return values[self.space.n_inputs :]

    def eta(self, x: np.ndarray) -> np.ndarray:
        """Read-out values of shape (n, outputs), before the link."""
        x = np.asarray(x, dtype=float)
        with np.errstate(all="ignore"):
            nodes = self.evaluate(NUMPY, list(x.T), np.zeros(len(x)))
            return np.stack(nodes, axis=1) @ self.readout + self.bias

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Predictions of shape (n, outputs); not finite outside the equation's domain."""
        with np.errstate(all="ignore"):
            return self.objective.link(objectives.NUMPY, self.eta(x))
