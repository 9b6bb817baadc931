"""The coefficients of a model as one vector, and the read-out's derivatives in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..graph.effects import Place
from ..graph.jets import differentiate
from ..graph.model import Model
from .problem import Problem


def of_edges(model: Model) -> list[Place]:
    return [Place("edge", e, i) for e, n in enumerate(model.sizes) for i in range(int(n))]


def values(model: Model, where: Sequence[Place]) -> np.ndarray:
    return np.array([getattr(model, p.kind)[p.at] for p in where], float)


def with_values(model: Model, where: Sequence[Place], new: np.ndarray) -> Model:
    arrays = {kind: getattr(model, kind).copy() for kind in ("edge", "readout", "bias")}
    for place, value in zip(where, new, strict=True):
        arrays[place.kind][place.at] = value
    return model.replace(**arrays)


def latent_nodes(
    model: Model, x: np.ndarray, derivatives: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Latent nodes (K, n) and, if asked, their derivatives in `of_edges` (K, p, n)."""
    space, sizes, products = model.space, model.sizes, model.products
    n, d, first = len(x), space.n_inputs, sizes.cumsum() - sizes
    x, own = model.columns_of(x)
    count = sizes.sum() if derivatives else 0
    values = np.zeros((d + space.n_nodes, n))
    values[:d] = (x - model.origin).T
    tangents = np.zeros((d + space.n_nodes, count, n))
    fed = set()
    for e, index in enumerate(model.architecture):
        if index < 0 or space.primitives[index].name == "none":
            continue
        source, target = space.sources[e], d + space.targets[e]
        size, primitive = sizes[e], space.primitives[index]
        coefs: Any = model.edge[e, :size]
        if own:
            coefs = [own.get(Place("edge", e, i), c) for i, c in enumerate(coefs)]
        value, partials = differentiate(primitive, values[source], coefs)
        if products[target - d] and target in fed:  # the rule of products
            partials = partials * values[target]
            tangents[target] *= value
            values[target] *= value
        else:
            values[target] += value
        fed.add(target)
        if source >= d:
            tangents[target] += partials[0] * tangents[source]
        if count and size:
            tangents[target, first[e] : first[e] + size] += partials[1:]
    return values[d:], tangents[d:]


def columns(
    model: Model, where: Sequence[Place], nodes: np.ndarray, tangents: np.ndarray
) -> np.ndarray:
    """Derivatives of the read-out, shape (coefficients, n, outputs).

    ``nodes`` and ``tangents`` are those of `latent_nodes`.
    """
    edges = np.einsum("kpn,kq->pnq", tangents, model.readout)
    first = model.sizes.cumsum() - model.sizes
    found = np.zeros((len(where), *edges.shape[1:]))
    for column, place in zip(found, where, strict=True):
        if place.kind == "edge":
            column[:] = edges[first[place.row] + place.column]
        else:
            column[:, place.column] = 1.0 if place.kind == "bias" else nodes[place.row]
    return found


def jacobian(problem: Problem, model: Model, where: Sequence[Place]) -> np.ndarray:
    """Derivatives of the read-out, shape (n · outputs, coefficients)."""
    found = columns(model, where, *latent_nodes(model, problem.x, True))
    return found.reshape(len(where), len(problem.x) * model.space.n_outputs).T
