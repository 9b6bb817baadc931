"""The relaxed graph in JAX: every edge a weighted mixture of all primitives.

A latent node that may add or multiply is a mixture of both. Liu, Simonyan & Yang, *DARTS:
Differentiable Architecture Search* (arXiv 1806.09055), equation 2; the sigmoid relaxation
is Chu et al., *Fair DARTS* (arXiv 1911.12126).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from .primitives import Primitive
from .search_space import SearchSpace

#: Elementary functions and links as JAX reads them.
JAX = SimpleNamespace(
    exp=jnp.exp,
    log=jnp.log,
    sqrt=jnp.sqrt,
    power=lambda x, a: jnp.abs(x) ** a,
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
    args = [coefs[:, i, None] for i in range(primitive.n_params)]
    if primitive.smooth:
        return primitive(JAX, x, *args)
    return guarded(primitive)(x, *args)


def _combined(
    space: SearchSpace, weights: jax.Array, coefs: jax.Array, values: jax.Array
) -> list[jax.Array]:
    """The mixture of a node's edges under every aggregation of the space, each (n,)."""
    sums = "sum" in space.aggregations
    total = jnp.zeros(values.shape[1], values.dtype)
    excess: Any = 0.0
    for p, primitive in enumerate(space.primitives):
        if primitive.name != "none":
            value = _evaluate(primitive, values, coefs[:, p])
            if sums:
                total += (weights[:, p, None] * value).sum(axis=0)
            if "product" in space.aggregations:
                # What is switched off multiplies by 1.
                excess += weights[:, p, None] * (value - 1)
    product = jnp.ones_like(total)
    if "product" in space.aggregations:
        for factor in jnp.clip(1 + excess, -BOUND, BOUND):
            product = jnp.clip(product * factor, -BOUND, BOUND)
    return [total if name == "sum" else product for name in space.aggregations]


def forward(
    space: SearchSpace,
    weights: jax.Array,
    coefs: Coefs,
    x: jax.Array,
    node_weights: jax.Array | None = None,
) -> jax.Array:
    """Read-out of the relaxed graph.

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
    values = x.T
    for node in range(space.n_nodes):
        edges = space.edges_into(node)
        parts = _combined(space, weights[edges], coefs.edge[edges], values)
        total = parts[0]
        if node_weights is not None:
            shares = zip(node_weights[node], parts, strict=True)
            total = sum(share * part for share, part in shares)
        values = jnp.concatenate([values, total[None]])
    return values[space.n_inputs :].T @ coefs.readout + coefs.bias
