"""Bilevel training of the relaxed graph, one compiled program for any hyperparameters.

Architecture weights (of the primitives of an edge and, where latent nodes may add or
multiply, of the aggregations of a node) descend the validation loss by Adam, coefficients
the training loss by momentum SGD, in alternation (arXiv 1806.09055, algorithm 1).
Everything that does not change an array's shape is traced, so that only a new search space
or a new row bucket compiles.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ..graph.architecture import Coefs
from ..graph.jax_functions import JAX
from ..graph.objectives import OBJECTIVES
from ..graph.search_space import SearchSpace
from .mixture import forward, relaxed_weights
from .xla import repeated, rows_at

#: Epochs a single call runs at most; the history buffers have this length.
CHUNK = 64
#: Rows that sums over all rows are estimated from, once an epoch, in training by batches.
SAMPLE = 2048


class Static(NamedTuple):
    """What a compiled program is specialised to, beside array shapes."""

    space: SearchSpace
    objective: str
    darts_type: str = "original"
    unrolled: bool = False
    batch_size: int | None = None  #: rows per step; None for all of them
    block: int = 1  #: see `xla.repeated`


class Hyper(NamedTuple):
    """Traced hyperparameters (see `DARTSRegressor` for their meaning)."""

    arch_updates: Any
    param_updates: Any
    max_epochs: Any
    arch_learning_rate_max: Any
    arch_learning_rate_min: Any
    arch_momentum: Any
    arch_weight_decay: Any
    arch_weight_decay_df: Any
    arch_weight_decay_base: Any
    fair_darts_loss_weight: Any
    param_learning_rate_max: Any
    param_learning_rate_min: Any
    param_momentum: Any
    param_weight_decay: Any
    classifier_weight_decay: Any
    grad_clip: Any
    train_readout: Any
    train_bias: Any
    precondition: Any


class Data(NamedTuple):
    """Rows, padded; weight 0 marks the padding and the other half of the split."""

    x: Any  #: (rows, inputs)
    y: Any  #: (rows, outputs)
    train: Any  #: (rows,)
    valid: Any  #: (rows,)
    scale: Any  #: (), the unit of y
    #: (2, 2): first row and number of rows of the two levels; for batches, which take rows
    #: in the order in which they come
    spans: Any = None


class Arch(NamedTuple):
    """Architecture weights."""

    alphas: Any
    node_alphas: Any = None


class State(NamedTuple):
    alphas: Any  #: (edges, primitives)
    adam_mean: Any
    adam_square: Any
    adam_step: Any
    coefs: Coefs
    epoch: Any
    key: Any
    node_alphas: Any = None  #: (nodes, aggregations); None where there is but one
    node_mean: Any = None
    node_square: Any = None

    @property
    def arch(self) -> Arch:
        return Arch(self.alphas, self.node_alphas)


class History(NamedTuple):
    """One row per epoch; losses of `SAMPLE` rows at most where batches train."""

    train_loss: Any
    valid_loss: Any
    alphas: Any


class _Rows(NamedTuple):
    x: Any
    y: Any
    weight: Any


def _eta(static: Static, arch: Arch, coefs: Coefs, x: Any) -> jax.Array:
    """Read-out of the relaxed graph under its architecture weights."""
    weights = relaxed_weights(arch.alphas, static.darts_type)
    nodes = arch.node_alphas
    shares = None if nodes is None else jax.nn.softmax(nodes, axis=-1)
    return forward(static.space, weights, coefs, x, shares)


def _loss(static: Static, arch: Arch, coefs: Coefs, rows: _Rows, scale: Any) -> jax.Array:
    """Weighted mean loss in units of ``scale``²."""
    eta = _eta(static, arch, coefs, rows.x)
    losses = OBJECTIVES[static.objective].loss(JAX, eta / scale, rows.y / scale)
    return (losses * rows.weight).sum() / jnp.maximum(rows.weight.sum(), 1e-12)


def _batch(static: Static, data: Data, level: int, offset: Any, step: Any) -> _Rows:
    """Rows of a step, of the training (0) or validation (1) level; all without batches.

    Batches follow one another through rows that were shuffled once, from where the epoch's
    random ``offset`` says: shuffling anew would cost an epoch more than its steps.
    """
    weight = (data.train, data.valid)[level]
    if static.batch_size is None:
        return _Rows(data.x, data.y, weight)
    first, count = data.spans[level]
    places = jnp.arange(static.batch_size)
    at = first + (offset + step * static.batch_size + places) % count
    x, y, weight = rows_at(first, at, (data.x, data.y, weight))
    # Fewer rows than a batch: none of them twice.
    return _Rows(x, y, weight * (places < count))


def _sample(static: Static, data: Data, level: int) -> _Rows:
    """Rows that stand for all of a level where it is trained in batches."""
    weight = (data.train, data.valid)[level]
    rows = _Rows(data.x, data.y, weight)
    if static.batch_size is None or len(data.x) <= SAMPLE:
        return rows
    first = data.spans[level][0]
    return jax.tree.map(lambda a: jax.lax.dynamic_slice_in_dim(a, first, SAMPLE), rows)


def _cosine(step: Any, steps: Any, largest: Any, smallest: Any) -> jax.Array:
    """Cosine annealing without restarts (Loshchilov & Hutter, arXiv 1608.03983, eq. 5)."""
    phase = jnp.cos(jnp.pi * step / jnp.maximum(steps, 1))
    return smallest + (largest - smallest) * (1 + phase) / 2


def _precondition(
    static: Static, hyper: Hyper, arch: Arch, coefs: Coefs, rows: _Rows, scale: Any
) -> Coefs:
    """The unit of every coefficient: the change that moves the output by ``scale``.

    This is the diagonal of the Gauss–Newton matrix. In these units one learning rate fits
    coefficients of any magnitude, whatever the units of X and y. A primitive that carries
    little weight in its mixture keeps a proportionally shorter step.
    """

    def output(c: Coefs, x: jax.Array) -> jax.Array:
        return _eta(static, arch, c, x[None])[0].sum()

    tangents = jax.vmap(jax.grad(output), in_axes=(None, 0))(coefs, rows.x)
    total = jnp.maximum(rows.weight.sum(), 1e-12)

    def unit(tangent: jax.Array) -> jax.Array:
        square = jnp.tensordot(rows.weight, tangent**2, 1) / total
        size = scale / jnp.sqrt(jnp.where(square > 0, square, 1))
        return jnp.where((square > 0) & jnp.isfinite(size), size, 0)

    units = jax.tree.map(unit, tangents)
    weights = relaxed_weights(arch.alphas, static.darts_type)
    units = units._replace(edge=units.edge * weights[:, :, None])
    return jax.tree.map(lambda u: jnp.where(hyper.precondition, u, 1.0), units)


def _trainable(coefs: Coefs, hyper: Hyper) -> Coefs:
    """1 for coefficients that are trained, 0 for those that are held."""
    return Coefs(
        jnp.ones_like(coefs.edge),
        jnp.full_like(coefs.readout, hyper.train_readout),
        jnp.full_like(coefs.bias, hyper.train_bias),
    )


def _arch_step(
    static: Static, hyper: Hyper, state: State, units: Coefs, batches: tuple, scale: Any
) -> State:
    """One step on the architecture weights (arXiv 1806.09055, equation 5)."""
    train, valid = batches

    def objective(arch: Arch) -> jax.Array:
        coefs = state.coefs
        if static.unrolled:  # arXiv 1806.09055, equation 6
            inner = jax.grad(_loss, 2)(static, arch, coefs, train, scale)
            held = _trainable(coefs, hyper)
            rate = hyper.param_learning_rate_max
            coefs = jax.tree.map(
                lambda c, g, u, t: c - rate * t * u * u * g, coefs, inner, units, held
            )
        loss = _loss(static, arch, coefs, valid, scale)
        if static.darts_type == "fair":  # arXiv 1911.12126, equation 4
            spread = jnp.mean((jax.nn.sigmoid(arch.alphas) - 0.5) ** 2)
            loss = loss - hyper.fair_darts_loss_weight * spread
        return loss

    return _adam(static, hyper, state, jax.grad(objective)(state.arch))


def _adam(static: Static, hyper: Hyper, state: State, gradient: Arch) -> State:
    """One Adam step with the decays of the architecture weights (arXiv 1412.6980)."""
    rate = _cosine(
        state.epoch,
        hyper.max_epochs,
        hyper.arch_learning_rate_max,
        hyper.arch_learning_rate_min,
    )
    space = static.space
    sizes = jnp.array(
        [0.0 if p.name == "none" else 1.0 + p.n_params for p in space.primitives],
        jnp.float32,
    )
    decay = sizes * hyper.arch_weight_decay_df
    decay += (sizes > 0) * hyper.arch_weight_decay_base * space.n_nodes
    b1, b2, step = hyper.arch_momentum, 0.999, state.adam_step + 1

    def moved(alphas: Any, gradient: Any, mean: Any, square: Any) -> tuple[Any, Any, Any]:
        gradient = gradient + hyper.arch_weight_decay * alphas
        mean = b1 * mean + (1 - b1) * gradient
        square = b2 * square + (1 - b2) * gradient**2
        correction = jnp.sqrt(1 - b2**step)
        ratio = (mean / (1 - b1**step)) / (jnp.sqrt(square) / correction + 1e-8)
        return alphas - rate * ratio, mean, square

    decayed = state.alphas - rate * decay
    edges = moved(decayed, gradient.alphas, state.adam_mean, state.adam_square)
    nodes = (state.node_alphas, state.node_mean, state.node_square)
    if state.node_alphas is not None:
        nodes = moved(nodes[0], gradient.node_alphas, *nodes[1:])
    return State(*edges, step, state.coefs, state.epoch, state.key, *nodes)


def _param_step(
    static: Static,
    hyper: Hyper,
    arch: Arch,
    coefs: Coefs,
    momentum: Coefs,
    units: Coefs,
    rows: _Rows,
    step: Any,
    scale: Any,
) -> tuple[Coefs, Coefs]:
    """One momentum-SGD step on the coefficients, with clipping and decay."""
    rate = _cosine(
        step,
        hyper.param_updates,
        hyper.param_learning_rate_max,
        hyper.param_learning_rate_min,
    )
    gradient = jax.grad(_loss, 2)(static, arch, coefs, rows, scale)
    trained = _trainable(coefs, hyper)
    gradient = jax.tree.map(lambda g, u, t: g * u * t, gradient, units, trained)
    norm = jnp.sqrt(sum((g**2).sum() for g in gradient))
    clip = jnp.minimum(1.0, hyper.grad_clip / (norm + 1e-6))

    def push(m: Any, g: Any, c: Any, u: Any, t: Any) -> jax.Array:
        decay = hyper.param_weight_decay * c * t / jnp.where(u > 0, u, 1)
        return hyper.param_momentum * m + clip * g + decay

    momentum = jax.tree.map(push, momentum, gradient, coefs, units, trained)
    coefs = jax.tree.map(lambda c, m, u: c - rate * u * m, coefs, momentum, units)
    shrink = rate * hyper.classifier_weight_decay
    return (
        coefs._replace(
            readout=coefs.readout * (1 - shrink * hyper.train_readout),
            bias=coefs.bias * (1 - shrink * hyper.train_bias),
        ),
        momentum,
    )


def _epoch(static: Static, hyper: Hyper, data: Data, state: State) -> State:
    key, offset_key = jax.random.split(state.key)
    offsets: Any = (0, 0)
    if static.batch_size is not None:
        offsets = jax.random.randint(offset_key, (2,), 0, data.spans[:, 1])
    rows = _sample(static, data, 0)
    units = _precondition(static, hyper, state.arch, state.coefs, rows, data.scale)

    def arch(step: Any, s: State) -> State:
        batches = tuple(_batch(static, data, i, offsets[i], step) for i in (0, 1))
        return _arch_step(static, hyper, s, units, batches, data.scale)

    after = jax.lax.fori_loop(0, hyper.arch_updates, arch, state)

    def param(step: Any, carry: tuple[Coefs, Coefs]) -> tuple[Coefs, Coefs]:
        rows = _batch(static, data, 0, offsets[0], step)
        return _param_step(static, hyper, after.arch, *carry, units, rows, step, data.scale)

    start = (after.coefs, jax.tree.map(jnp.zeros_like, after.coefs))
    coefs, _ = repeated(hyper.param_updates, param, start, static.block)
    after = after._replace(coefs=coefs)
    # An epoch that left the finite numbers never happened.
    changed = jax.tree.leaves((after[:3], coefs, after[7:]))
    finite = jnp.all(jnp.array([jnp.isfinite(a).all() for a in changed]))
    kept = jax.tree.map(lambda new, old: jnp.where(finite, new, old), after, state)
    return kept._replace(epoch=state.epoch + 1, key=key)


@partial(jax.jit, static_argnums=0)
def run_epochs(
    static: Static, hyper: Hyper, data: Data, state: State, n_epochs: Any
) -> tuple[State, History]:
    """Train for ``n_epochs`` ≤ `CHUNK` epochs; history rows beyond those stay zero."""

    def body(i: Any, carry: tuple[State, History]) -> tuple[State, History]:
        state, history = carry
        state = _epoch(static, hyper, data, state)
        unit = data.scale**2

        def loss(level: int) -> jax.Array:
            rows = _sample(static, data, level)
            value = unit * _loss(static, state.arch, state.coefs, rows, data.scale)
            return jnp.where(jnp.isnan(value), jnp.inf, value)

        row = History(loss(0), loss(1), state.alphas)
        return state, jax.tree.map(lambda h, r: h.at[i].set(r), history, row)

    empty = History(
        jnp.zeros(CHUNK, jnp.float32),
        jnp.zeros(CHUNK, jnp.float32),
        jnp.zeros((CHUNK, *state.alphas.shape), jnp.float32),
    )
    return jax.lax.fori_loop(0, n_epochs, body, (state, empty))
