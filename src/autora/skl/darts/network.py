"""The relaxed graph in JAX: every edge a weighted mixture of all primitives.

A latent node that may add or multiply is a mixture of both. Liu, Simonyan & Yang, *DARTS:
Differentiable Architecture Search* (arXiv 1806.09055), equation 2; the sigmoid relaxation
is Chu et al., *Fair DARTS* (arXiv 1911.12126).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial, reduce
from types import SimpleNamespace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .primitives import Primitive
from .search_space import SearchSpace


def _power(x: Any, a: Any) -> jax.Array:
    size = jnp.abs(x) ** a
    return jnp.where((x < 0) & (a % 2 == 1), -size, size)


#: Elementary functions and links as JAX reads them.
JAX = SimpleNamespace(
    exp=jnp.exp,
    log=jnp.log,
    sqrt=jnp.sqrt,
    power=_power,
    sin=jnp.sin,
    cos=jnp.cos,
    tanh=jnp.tanh,
    maximum=jnp.maximum,
    expit=jax.nn.sigmoid,
    softplus=jax.nn.softplus,
    softmax=jax.nn.softmax,
    log_softmax=jax.nn.log_softmax,
)

#: A primitive's value in the mixture is held within ±BOUND, so that one exponential
#: cannot overflow single precision and drown the other primitives; so is a product.
BOUND = 1e6


class Coefs(NamedTuple):
    """Coefficients of the relaxed graph."""

    edge: Any  #: (edges, primitives, max_params)
    readout: Any  #: (nodes, outputs)
    bias: Any  #: (outputs,)


def relaxed_weights(alphas: jax.Array, darts_type: str) -> jax.Array:
    """Mixture weights of shape (edges, primitives) from architecture weights."""
    if darts_type == "fair":
        return jax.nn.sigmoid(alphas)
    return jax.nn.softmax(alphas, axis=-1)


@cache
def guarded(primitive: Primitive) -> Callable[..., jax.Array]:
    """The primitive with value and every derivative finite at every argument.

    Outside its domain, or beyond ±BOUND, a primitive contributes its nearest bound (zero
    where it is undefined) and no gradient. The sampled model is exact: only the mixture
    is guarded.
    """

    def formula(*args: jax.Array) -> jax.Array:
        return primitive(JAX, *args)

    def inside(value: jax.Array) -> jax.Array:
        return jnp.isfinite(value) & (jnp.abs(value) <= BOUND)

    @jax.custom_jvp
    def evaluate(*args: jax.Array) -> jax.Array:
        value = formula(*args)
        return jnp.clip(jnp.where(jnp.isnan(value), 0, value), -BOUND, BOUND)

    def derivative(primals: tuple, tangents: tuple) -> tuple[jax.Array, jax.Array]:
        kept = inside(formula(*primals))
        total: Any = 0.0
        for i, tangent in enumerate(tangents):
            # One argument at a time: zeroing a sum of partials would let 0·inf through.
            seeds = [jnp.full_like(x, i == j) for j, x in enumerate(primals)]
            partial = jax.jvp(formula, primals, tuple(seeds))[1]
            total += jnp.where(kept & jnp.isfinite(partial), partial, 0) * tangent
        return evaluate(*primals), total

    evaluate.defjvp(derivative)
    return evaluate


def _evaluate(primitive: Primitive, x: jax.Array, coefs: jax.Array) -> jax.Array:
    args = [coefs[..., i, None] for i in range(primitive.n_params)]
    if primitive.smooth:
        return primitive(JAX, x, *args)
    return guarded(primitive)(x, *args)


def _brought(
    space: SearchSpace, weights: jax.Array, coefs: jax.Array, source: jax.Array
) -> list[jax.Array]:
    """What edges bring to their targets, shape (..., edges, n), by aggregation.

    ``source`` is (..., 1, n); a product is brought a factor.
    """
    zero: Any = jnp.zeros((*weights.shape[:-1], source.shape[-1]), source.dtype)
    totals = dict.fromkeys(space.aggregations, zero)
    for p, primitive in enumerate(space.primitives):
        if primitive.name != "none":
            value = _evaluate(primitive, source, coefs[..., p, :])
            for name in totals:
                # What is switched off multiplies by 1.
                part = value if name == "sum" else value - 1
                totals[name] += weights[..., p, None] * part
    if "product" in totals:
        totals["product"] = jnp.clip(1 + totals["product"], -BOUND, BOUND)
    return list(totals.values())


def _picked(places: Sequence[slice | int], array: jax.Array) -> jax.Array:
    """Rows side by side on the axis before the primitives; gathering takes XLA longer."""
    return jnp.stack([array[place] for place in places], -1 - array[0].ndim)


def _joined(aggregation: str, one: jax.Array, other: jax.Array) -> jax.Array:
    if aggregation == "sum":
        return one + other
    return jnp.clip(one * other, -BOUND, BOUND)


def _from_inputs(
    space: SearchSpace, weights: jax.Array, coefs: jax.Array, x: jax.Array
) -> list[list[jax.Array]]:
    """What all inputs bring to every latent node, by aggregation and node, each (n,)."""
    first = [space.edges_into(k).start for k in range(space.n_nodes)]
    pick = partial(_picked, [slice(start, start + space.n_inputs) for start in first])
    parts = _brought(space, pick(weights), pick(coefs), x.T[:, None])
    found = []
    for name, part in zip(space.aggregations, parts, strict=True):
        if name == "sum" and len(part) > 1:
            # As a matrix product, which XLA does not fuse: a fused sum over inputs would
            # evaluate the primitives one number at a time.
            ones = jnp.ones(len(part), part.dtype)
            total = (ones @ part.reshape(len(part), -1)).reshape(part.shape[1:])
        else:
            total = reduce(partial(_joined, name), part)
        found.append(list(total))
    return found


def forward(
    space: SearchSpace,
    weights: jax.Array,
    coefs: Coefs,
    x: jax.Array,
    node_weights: jax.Array | None = None,
) -> jax.Array:
    """Read-out of the relaxed graph.

    The graph is walked source by source: what a node sends to all later ones is one array,
    whose rows are added where they belong. Nodes that gather from all their sources at once
    would have XLA recompute earlier ones, ever more often with the depth.

    Parameters
    ----------
    weights : (edges, primitives)
    x : (n, inputs)
    node_weights : (nodes, aggregations)
        Needed where the space has several aggregations.

    Returns
    -------
    (n, outputs), before the output link.
    """
    into = _from_inputs(space, weights, coefs.edge, x)
    latent = []
    for node in range(space.n_nodes):
        parts = [totals[node] for totals in into]
        value = parts[0]
        if node_weights is not None:
            shares = zip(node_weights[node], parts, strict=True)
            value = sum(share * part for share, part in shares)
        latent.append(value)
        edges = np.flatnonzero(space.sources == space.n_inputs + node)
        if len(edges):
            pick = partial(_picked, edges.tolist())
            on = _brought(space, pick(weights), pick(coefs.edge), value[None])
            for name, totals, part in zip(space.aggregations, into, on, strict=True):
                for target, brought in zip(space.targets[edges], part, strict=True):
                    totals[target] = _joined(name, totals[target], brought)
    return jnp.stack(latent).T @ coefs.readout + coefs.bias
