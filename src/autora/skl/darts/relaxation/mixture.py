"""The relaxed graph in JAX: every edge a weighted mixture of all primitives.

A latent node that may add or multiply is a mixture of both. Liu, Simonyan & Yang, *DARTS:
Differentiable Architecture Search* (arXiv 1806.09055), equation 2; the sigmoid relaxation
is Chu et al., *Fair DARTS* (arXiv 1911.12126).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial, reduce
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..graph.architecture import Coefs
from ..graph.jax_functions import SINGLE
from ..graph.primitives import Primitive, builtin
from ..graph.search_space import SearchSpace

#: A primitive's value in the mixture is held within ±BOUND, so that one exponential
#: cannot overflow single precision and drown the other primitives; so is a product.
BOUND = 1e6
#: Terms from which on a sum over primitives is a matrix product, whose call takes XLA
#: about a microsecond; a quarter as many in graphs of more than `_DEEP` nodes, since any
#: other sum is fused with what later nodes do and evaluated once more for each.
MATRIX_PRODUCT, _DEEP = 4000, 3


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
        return primitive(SINGLE, *args)

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
        return primitive(SINGLE, x, *args)
    return guarded(primitive)(x, *args)


def _line(primitive: Primitive, coefs: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Value at 0 and slope of a straight primitive, one of each per edge."""
    args = [coefs[..., i] for i in range(primitive.n_params)]
    zero = jnp.zeros_like(coefs[..., 0])

    def value(x: jax.Array) -> jax.Array:
        return primitive(SINGLE, x, *args) + zero

    return jax.jvp(value, (zero,), (jnp.ones_like(zero),))


def _combined(space: SearchSpace, weights: list[jax.Array], values: list[jax.Array]) -> Any:
    """Sum of ``values`` (..., n) under ``weights`` (..., edges): (..., edges, n)."""
    if not weights:
        return 0.0
    most = MATRIX_PRODUCT if space.n_nodes <= _DEEP else MATRIX_PRODUCT // 4
    if len(weights) * weights[0].size * values[0].shape[-1] < most:
        terms = zip(weights, values, strict=True)
        return sum(w[..., None] * value[..., None, :] for w, value in terms)
    return jnp.matmul(jnp.stack(weights, -1), jnp.stack(values, -2), precision="highest")


def _mixture(
    space: SearchSpace, weights: jax.Array, coefs: jax.Array, source: jax.Array
) -> jax.Array:
    """What edges bring to their targets, shape (..., edges, n); ``source`` is (..., n).

    Only primitives with coefficients differ from edge to edge. All straight ones together
    are a slope and a shift; the others are evaluated once for all edges of a source.
    """
    known = builtin()  # the formula of a user's "variant" need not be what its base says
    slope: Any = 0.0
    shift: Any = 0.0
    total: Any = 0.0
    shares, values = [], []
    for p, primitive in enumerate(space.primitives):
        weight = weights[..., p]
        if primitive.name == "none":
            continue
        if primitive.straight and primitive in known:
            value, rise = _line(primitive, coefs[..., p, :])
            slope += weight * rise
            shift += weight * value
        elif primitive.n_params:
            value = _evaluate(primitive, source[..., None, :], coefs[..., p, :])
            total += weight[..., None] * value
        else:
            shares.append(weight)
            values.append(_evaluate(primitive, source, coefs[..., p, :]))
    if not isinstance(slope, float):
        total += shift[..., None]
        shares.append(slope)
        values.append(source)
    return total + _combined(space, shares, values)


def _times(one: jax.Array, other: jax.Array) -> jax.Array:
    return jnp.clip(one * other, -BOUND, BOUND)


def _joined(space: SearchSpace, weights: jax.Array, brought: jax.Array) -> list[jax.Array]:
    """What several edges into every target make together, by aggregation.

    ``brought`` is (sources, targets, parallel edges, n), ``weights`` the same with
    primitives for n; the answers are (targets, n).
    """
    found = []
    for name in space.aggregations:
        if name == "sum":
            found.append(brought.sum((0, 2)))
            continue
        on = [p for p, other in enumerate(space.primitives) if other.name != "none"]
        # What is switched off multiplies by 1.
        factors = 1 + brought - sum(weights[..., p, None] for p in on)
        factors = jnp.clip(jnp.moveaxis(factors, 2, 1), -BOUND, BOUND)
        found.append(reduce(_times, factors.reshape(-1, *factors.shape[2:])))
    return found


def _sent(
    space: SearchSpace, weights: jax.Array, coefs: jax.Array, source: jax.Array
) -> list[jax.Array]:
    """What sources (sources, n) send to their targets, by aggregation: (targets, n).

    ``weights`` is (sources, targets, parallel edges, primitives), as is ``coefs`` with the
    coefficients of every primitive behind.
    """

    def flat(array: jax.Array) -> jax.Array:
        return array.reshape(len(array), -1, *array.shape[3:])

    brought = _mixture(space, flat(weights), flat(coefs), source)
    return _joined(space, weights, brought.reshape(*weights.shape[:3], -1))


def _from_inputs(space: SearchSpace, array: jax.Array) -> jax.Array:
    """Rows of all edges from inputs, as (inputs, nodes, parallel edges, ...)."""
    size = space.n_inputs * space.n_parallel
    first = [space.edges_into(k).start for k in range(space.n_nodes)]
    rows = jnp.stack([array[start : start + size] for start in first])
    rows = rows.reshape(len(first), space.n_inputs, space.n_parallel, *array.shape[1:])
    return jnp.moveaxis(rows, 1, 0)


def _from_node(space: SearchSpace, node: int, array: jax.Array) -> jax.Array:
    """Rows of all edges from a latent node, as (1, later nodes, parallel edges, ...)."""
    edges = np.flatnonzero(space.sources == space.n_inputs + node)
    rows = jnp.stack([array[e] for e in edges])  # gathering takes XLA longer
    return rows.reshape(1, -1, space.n_parallel, *array.shape[1:])


def forward(
    space: SearchSpace,
    weights: jax.Array,
    coefs: Coefs,
    x: jax.Array,
    node_weights: jax.Array | None = None,
) -> jax.Array:
    """Read-out of the relaxed graph.

    The graph is walked source by source: what a node sends to all later ones is one array,
    and the node itself the first row of what has arrived. Nodes that gather from all their
    sources at once would have XLA recompute earlier ones, ever more often with the depth.

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
    of_inputs = partial(_from_inputs, space)
    arrived = _sent(space, of_inputs(weights), of_inputs(coefs.edge), x.T)
    latent = []
    for node in range(space.n_nodes):
        value = arrived[0][0]
        if node_weights is not None:
            shares = zip(node_weights[node], arrived, strict=True)
            value = sum(share * part[0] for share, part in shares)
        latent.append(value)
        if node < space.n_nodes - 1:
            of_node = partial(_from_node, space, node)
            sent = _sent(space, of_node(weights), of_node(coefs.edge), value[None])
            joins = [jnp.add if a == "sum" else _times for a in space.aggregations]
            triples = zip(joins, arrived, sent, strict=True)
            arrived = [join(part[1:], more) for join, part, more in triples]
    return jnp.stack(latent).T @ coefs.readout + coefs.bias
