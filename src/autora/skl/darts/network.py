"""The relaxed graph in JAX: every edge a weighted mixture of all primitives.

Liu, Simonyan & Yang, *DARTS: Differentiable Architecture Search* (arXiv 1806.09055),
equation 2; the sigmoid relaxation is Chu et al., *Fair DARTS* (arXiv 1911.12126).
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
#: cannot overflow single precision and drown the other primitives.
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


def forward(
    space: SearchSpace, weights: jax.Array, coefs: Coefs, x: jax.Array
) -> jax.Array:
    """Read-out of the relaxed graph.

    Parameters
    ----------
    x : (n, inputs)

    Returns
    -------
    (n, outputs), before the output link.
    """
    values = x.T
    for node in range(space.n_nodes):
        edges = space.edges_into(node)
        w, c = weights[edges], coefs.edge[edges]
        total = jnp.zeros(len(x), x.dtype)
        for p, primitive in enumerate(space.primitives):
            if primitive.name != "none":
                value = _evaluate(primitive, values, c[:, p])
                total += (w[:, p, None] * value).sum(axis=0)
        values = jnp.concatenate([values, total[None]])
    return values[space.n_inputs :].T @ coefs.readout + coefs.bias
