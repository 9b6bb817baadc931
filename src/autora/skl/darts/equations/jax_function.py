"""The model as a JAX function of its coefficients and of data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from ..fitting.coefficients import Place, term, values
from ..graph.jax_functions import JAX
from ..graph.model import Model

Coefficients = dict[str, Any]


def _names(
    model: Model, where: Sequence[Place], columns: Sequence[str], outputs: Sequence[str]
) -> list[str]:
    """What every coefficient belongs to, each name once."""
    found: list[str] = []
    for place in where:
        base = term(model, place, columns)
        if place.kind != "edge" and len(outputs) > 1:
            base += f" for {outputs[place.column]}"
        name, number = base, 1
        while name in found:
            number += 1
            name = f"{base} ({number})"
        found.append(name)
    return found


def jax_function(
    model: Model,
    where: Sequence[Place],
    columns: Sequence[str],
    outputs: Sequence[str],
    fixed: Sequence[float] = (),
    groups: int = 0,
) -> tuple[Callable[[Coefficients, Any], Any], Coefficients]:
    """A pure function and its coefficients; see `ExportMixin.jax`.

    ``where`` names the coefficients that are free; the others are constants. ``fixed`` are
    values of the last inputs, which X does not have. With ``groups`` the coefficients have
    those of every group along their first axis.
    """
    read = model.readout.copy()
    for place in where:
        if place.kind == "readout":  # 0 of one group, it is not of another
            read[place.at] = 1.0
    whole = model.replace(readout=read)
    used = {edge.index for edge in whole.live_edges()}
    free = [p for p in where if p.kind != "edge" or p.row in used]
    names = dict(zip(free, _names(model, free, columns, outputs), strict=True))
    fitted = values(model, free)
    if groups:
        fitted = np.array([values(model.of_group(i), free) for i in range(groups)]).T
    pairs = zip(names.values(), fitted, strict=True)
    coefficients = {name: jnp.asarray(value, float) for name, value in pairs}

    def filled(given: Coefficients, kind: str, array: Any) -> Any:
        result = jnp.asarray(array, float)
        for place, name in names.items():
            if place.kind == kind:
                at = place.column if kind == "bias" else (place.row, place.column)
                result = result.at[at].set(given[name])
        return result

    def function(coefficients: Coefficients, X: Any) -> Any:
        x = jnp.asarray(X, float)
        own = {place: coefficients[name] for place, name in names.items()}
        edges = [edge for edge in model.edges_with(own) if edge.index in used]
        inputs = [*x.T, *(jnp.full(x.shape[0], value, x.dtype) for value in fixed)]
        nodes = model.evaluate(JAX, inputs, jnp.zeros(x.shape[0], x.dtype), edges)
        readout = filled(coefficients, "readout", model.readout)
        eta = filled(coefficients, "bias", model.bias)
        for k in sorted(whole.live_nodes()):
            eta = eta + nodes[k][:, None] * readout[k]
        eta = jnp.broadcast_to(eta, (x.shape[0], len(model.bias)))
        answer = model.objective.link(JAX, eta)
        return answer[:, 0] if len(model.bias) == 1 else answer

    return function, coefficients
