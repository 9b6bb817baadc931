"""The relaxed network against a recording of the package it stands in for, its
gradients against finite differences, and its guards at extreme arguments.

The recording is made by ``benchmarks/record_peer.py``, which says what it holds.
"""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from autora.skl.darts.graph.architecture import Coefs
from autora.skl.darts.graph.jax_functions import JAX
from autora.skl.darts.graph.objectives import OBJECTIVES
from autora.skl.darts.graph.primitives import builtin, resolve
from autora.skl.darts.graph.search_space import SearchSpace
from autora.skl.darts.relaxation import bilevel
from autora.skl.darts.relaxation.mixture import MATRIX_PRODUCT, forward, relaxed_weights

RECORD = json.loads((Path(__file__).parent / "data/peer_trajectory.json").read_text())
CASES = RECORD["cases"]
#: Required agreement; the recording itself keeps 13 digits.
TOLERANCE = 1e-4
#: Only what ships: another test may have registered a primitive of its own.
NAMES = tuple(primitive.name for primitive in builtin())


def double_precision() -> AbstractContextManager:
    """JAX in double precision; this moved out of jax.experimental in jax 0.8."""
    if hasattr(jax, "enable_x64"):
        return jax.enable_x64(True)
    from jax.experimental import enable_x64

    return enable_x64()


def space_of(case: dict[str, Any]) -> SearchSpace:
    primitives = resolve(case["primitives"])
    return SearchSpace(case["inputs"], case["nodes"], case["outputs"], primitives)


def used_places(space: SearchSpace) -> np.ndarray:
    """Which places of the padded coefficient table hold a coefficient."""
    used = np.arange(space.max_params) < space.n_params[:, None]
    return np.broadcast_to(used, (space.n_edges, *used.shape))


def hyper_of(case: dict[str, Any]) -> bilevel.Hyper:
    """The recorded hyperparameters in our terms, as arrays of double precision."""
    peer = case["hyperparameters"]
    counts = {
        "arch_updates": peer["arch_updates_per_epoch"],
        "param_updates": peer["param_updates_per_epoch"],
        "max_epochs": peer["max_epochs"],
    }
    same = set(bilevel.Hyper._fields) & set(peer)
    rates = {key: np.float64(peer[key]) for key in same - set(counts)}
    rates["arch_learning_rate_min"] = rates["arch_learning_rate_max"]
    # The package fixes Adam's first decay rate, whatever its arch_momentum says.
    rates["arch_momentum"] = np.float64(0.5)
    rates["train_readout"] = np.float64(peer["train_classifier_coefficients"])
    rates["train_bias"] = np.float64(peer["train_classifier_bias"])
    return bilevel.Hyper(
        **{key: np.int32(value) for key, value in counts.items()},
        **rates,
        precondition=np.bool_(False),
    )


def initial_state(case: dict[str, Any], space: SearchSpace) -> bilevel.State:
    alphas = np.array(case["alphas"][0])
    # The padding is not zero, so that a leak from it would show.
    edge = np.full((*alphas.shape, space.max_params), 0.5)
    edge[used_places(space)] = case["edge"][0]
    return bilevel.State(
        alphas=alphas,
        adam_mean=np.zeros_like(alphas),
        adam_square=np.zeros_like(alphas),
        adam_step=np.int32(0),
        coefs=Coefs(edge, np.array(case["readout"][0]), np.array(case["bias"][0])),
        epoch=np.int32(0),
        key=jax.random.key(0),
    )


def deviation(ours: Any, theirs: Any) -> float:
    """Largest difference relative to the largest magnitude of the recorded array."""
    theirs = np.array(theirs)
    largest = np.abs(theirs).max()
    difference = np.abs(np.asarray(ours, float) - theirs).max()
    return float(difference / (largest if largest > 0 else 1.0))


def deviations(case: dict[str, Any], **changed: Any) -> np.ndarray:
    """Deviations of shape (epochs, arrays) over the recorded trajectory."""
    space = space_of(case)
    used = used_places(space)
    static = bilevel.Static(space, case["output_type"], case["darts_type"])
    hyper = hyper_of(case)._replace(**changed)
    rows = np.ones(len(case["X"]))
    data = bilevel.Data(
        np.array(case["X"]), np.array(case["y"]), rows, rows, scale=np.float64(1)
    )
    result = []
    with double_precision():
        state = initial_state(case, space)
        for epoch in range(1, len(case["alphas"])):
            state, history = bilevel.run_epochs(static, hyper, data, state, np.int32(1))
            assert state.alphas.dtype == state.coefs.edge.dtype == np.float64
            ours = {
                "alphas": state.alphas,
                "edge": np.asarray(state.coefs.edge)[used],
                "readout": state.coefs.readout,
                "bias": state.coefs.bias,
                "loss": history.valid_loss[0],
            }
            result.append([deviation(ours[k], case[k][epoch]) for k in ours])
    return np.array(result)


def test_recording_is_complete():
    assert {"packages", "python", "date", "command"} <= set(RECORD["provenance"])
    assert {case["darts_type"] for case in CASES.values()} == {"original", "fair"}
    for case in CASES.values():
        assert len(case["alphas"]) == len(case["edge"]) == 51
        # A trajectory that hardly moves, or never meets the clip, would prove little.
        assert np.abs(np.subtract(case["alphas"][-1], case["alphas"][0])).max() > 0.05
        assert np.abs(np.subtract(case["edge"][-1], case["edge"][0])).max() > 0.1
        assert 0 < case["epochs_ending_clipped"] < 50


@pytest.mark.filterwarnings("ignore:scatter inputs have incompatible types")
@pytest.mark.parametrize("name", CASES)
def test_trajectory_matches_the_recording(name):
    assert deviations(CASES[name]).max() < TOLERANCE


@pytest.mark.filterwarnings("ignore:scatter inputs have incompatible types")
@pytest.mark.parametrize(
    "changed",
    [
        {"param_momentum": 0.85},
        {"param_weight_decay": 0.0},
        {"grad_clip": 1e6},
        {"arch_momentum": 0.9},
        {"arch_weight_decay_df": 0.0},
        {"classifier_weight_decay": 0.0},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_comparison_notices_a_wrong_rule(changed):
    changed = {key: np.float64(value) for key, value in changed.items()}
    assert deviations(CASES["sigmoid"], **changed).max() > 10 * TOLERANCE


def quickly(function: Any, point: Any) -> Any:
    """Compiled without optimizations, which would take longer than all calls of it."""
    options = {"xla_backend_optimization_level": 0}
    return jax.jit(function).lower(point).compile(compiler_options=options)


def output(static: bilevel.Static, arch: bilevel.Arch, coefs: Coefs, x: Any) -> jax.Array:
    """The relaxed graph's read-out, before the output link."""
    weights = relaxed_weights(arch.alphas, static.darts_type)
    nodes = arch.node_alphas
    shares = None if nodes is None else jax.nn.softmax(nodes, axis=-1)
    return forward(static.space, weights, coefs, x, shares)


@pytest.mark.parametrize(
    ("names", "darts_type", "objective"),
    [
        (NAMES, "original", "real"),
        (("exp", "linear_ln", "linear_softminus"), "fair", "probability_sample"),
    ],
    ids=["all primitives", "some primitives"],
)
def test_gradients_match_finite_differences(names, darts_type, objective):
    """Many primitives at once, at positive arguments, in double precision."""
    space = SearchSpace(1, 2, 1, resolve(names))
    static = bilevel.Static(space, objective, darts_type)
    rng = np.random.default_rng(0)
    alphas = rng.normal(0, 0.5, (space.n_edges, space.n_primitives))
    coefs = Coefs(
        rng.uniform(0.3, 0.6, (*alphas.shape, space.max_params)),
        rng.uniform(0.1, 0.5, (space.n_nodes, 1)),
        rng.uniform(-1, 1, 1),
    )
    x, y = rng.uniform(0.5, 1.5, (7, 1)), rng.uniform(0.2, 0.8, (7, 1))
    weight, unit = rng.uniform(0.5, 1, 7), 1.3
    with double_precision():
        point, unravel = ravel_pytree(
            jax.tree.map(jnp.array, (bilevel.Arch(alphas), coefs))
        )

        def loss(flat: jax.Array) -> jax.Array:
            eta = output(static, *unravel(flat), x)
            losses = OBJECTIVES[objective].loss(JAX, eta / unit, y / unit)
            return (losses * weight).sum() / weight.sum()

        step = 1e-5
        moves = step * np.eye(point.size)
        compiled = quickly(jax.value_and_grad(loss), point)
        exact = np.asarray(compiled(point)[1])
        above, below = (
            np.array([compiled(end)[0] for end in point + sign * moves]) for sign in (1, -1)
        )
    assert exact.dtype == np.float64
    np.testing.assert_allclose(
        exact, (above - below) / (2 * step), rtol=1e-6, atol=1e-8 * np.abs(exact).max()
    )
    # Every coefficient that exists takes part.
    edge = exact[alphas.size :][: coefs.edge.size].reshape(coefs.edge.shape)
    assert (edge[used_places(space)] != 0).all()


BOTH = ("sum", "product")


def relaxed_products(
    aggregations: tuple[str, ...],
    names: tuple[str, ...],
    darts_type: str = "original",
    n_parallel: int = 1,
) -> tuple[bilevel.Static, bilevel.Arch, Coefs]:
    """A random point of a relaxed graph whose nodes may multiply."""
    space = SearchSpace(2, 2, 1, resolve(names), aggregations, None, n_parallel)
    rng = np.random.default_rng(0)
    alphas = rng.normal(0, 0.5, (space.n_edges, space.n_primitives))
    nodes = rng.normal(0, 0.5, (2, 2)) if aggregations == BOTH else None
    coefs = Coefs(
        rng.uniform(0.3, 0.6, (*alphas.shape, space.max_params)),
        rng.uniform(0.1, 0.5, (space.n_nodes, 1)),
        rng.uniform(-1, 1, 1),
    )
    return bilevel.Static(space, "real", darts_type), bilevel.Arch(alphas, nodes), coefs


@pytest.mark.parametrize("n_parallel", [1, 2])
@pytest.mark.parametrize("rows", [5, 2 * MATRIX_PRODUCT])
@pytest.mark.parametrize("darts_type", ["original", "fair"])
@pytest.mark.parametrize("aggregations", [BOTH, ("product",)])
def test_mixture_of_sums_and_products(aggregations, darts_type, rows, n_parallel):
    """The forward pass written out in NumPy; "none" multiplies by 1."""
    names = ("none", "add", "mult", "tanh", "linear_tanh", "linear", "shift", "subtract")
    static, arch, coefs = relaxed_products(aggregations, names, darts_type, n_parallel)
    x, space = np.random.default_rng(1).uniform(0.5, 1.5, (rows, 2)), static.space
    raw = np.exp(arch.alphas)
    w = raw / (1 + raw) if darts_type == "fair" else raw / raw.sum(1, keepdims=True)
    values = list(x.T)
    for k in range(2):
        terms, factors = np.zeros(rows), np.ones(rows)
        for e in np.flatnonzero(space.targets == k):
            z, c = values[space.sources[e]], coefs.edge[e]
            curved = [np.tanh(z), np.tanh(c[4, 0] * z + c[4, 1])]
            lines = [c[5, 0] * z + c[5, 1], z + c[6, 0], -z]
            brought = np.array([z, c[2, 0] * z, *curved, *lines])
            terms = terms + w[e, 1:] @ brought
            factors = factors * (1 + w[e, 1:] @ (brought - 1))
        if arch.node_alphas is None:
            values.append(factors)
        else:
            share = np.exp(arch.node_alphas[k]) / np.exp(arch.node_alphas[k]).sum()
            values.append(share[0] * terms + share[1] * factors)
    expected = np.stack(values[2:], axis=1) @ coefs.readout + coefs.bias
    with double_precision():
        found = output(static, *jax.tree.map(jnp.array, (arch, coefs)), x)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_variant_is_what_its_formula_says() -> None:
    """A record made from "add" keeps its base, whatever formula it is given."""
    cube = replace(resolve(["add"])[0], name="cube", formula=lambda m, x: x**3)
    space = SearchSpace(1, 1, 1, (cube,))
    coefs = Coefs(jnp.zeros((1, 1, 1)), jnp.ones((1, 1)), jnp.zeros(1))
    x = jnp.linspace(-2, 2, 9)
    found = forward(space, jnp.ones((1, 1)), coefs, x[:, None])
    np.testing.assert_allclose(found[:, 0], x**3, rtol=1e-6)


def test_gradients_through_products_match_finite_differences():
    static, arch, coefs = relaxed_products(BOTH, NAMES)
    rng = np.random.default_rng(2)
    x, y = rng.uniform(0.5, 1.5, (7, 2)), rng.uniform(0.2, 0.8, (7, 1))
    with double_precision():
        point, unravel = ravel_pytree(jax.tree.map(jnp.array, (arch, coefs)))

        def loss(flat: jax.Array) -> jax.Array:
            return ((output(static, *unravel(flat), x) - y) ** 2).mean()

        compiled = quickly(jax.value_and_grad(loss), point)
        exact = np.asarray(compiled(point)[1])
        moves = rng.normal(size=(12, point.size))
        moves /= np.linalg.norm(moves, axis=1, keepdims=True)
        above, below = (
            np.array([compiled(point + sign * 1e-6 * m)[0] for m in moves])
            for sign in (1, -1)
        )
        numeric = (above - below) / 2e-6
    np.testing.assert_allclose(moves @ exact, numeric, rtol=1e-5)
    assert (exact[arch.alphas.size :][:4] != 0).all()


def test_products_are_finite_at_extreme_arguments():
    static, arch, coefs = relaxed_products(BOTH, NAMES)
    single = jax.tree.map(lambda a: jnp.asarray(a, jnp.float32), (arch, coefs))
    signs = np.array(list(product([1.0, -1.0, 0.0], repeat=2)))
    mean = jax.jit(jax.value_and_grad(lambda point, x: output(static, *point, x).mean()))
    for size in (1e-30, 1.0, 1e3, 1e30):
        value, gradients = mean(single, jnp.asarray(size * signs, jnp.float32))
        assert np.isfinite(value), size
        assert all(np.isfinite(g).all() for g in jax.tree.leaves(gradients)), size


@pytest.mark.parametrize("name", [name for name in NAMES if name != "none"])
def test_primitives_are_finite_at_extreme_arguments(name):
    """Value and gradients in single precision, for large and vanishing coefficients."""
    (primitive,) = resolve([name])
    space = SearchSpace(1, 1, 1, (primitive,))

    def relaxed(x: jax.Array, params: jax.Array) -> jax.Array:
        coefs = Coefs(params[None, None], jnp.ones((1, 1)), jnp.zeros(1))
        return forward(space, jnp.ones((1, 1)), coefs, x[None, None])[0, 0]

    extremes = [0.0, -1.0, 1e3, -1e3, 1e-30, 1e30, -1e30]
    grid = product(extremes, *[[1.0, -1.0, 0.0, 1e3]] * space.max_params)
    x, *params = np.array(list(grid), np.float32).T
    partials = jax.jit(jax.vmap(jax.value_and_grad(relaxed, (0, 1))))
    value, gradients = partials(x, np.stack(params, axis=1))
    assert value.dtype == np.float32
    assert np.isfinite(value).all()
    assert all(np.isfinite(gradient).all() for gradient in gradients)
