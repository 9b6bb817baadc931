"""The compiled loops one by one, and the same loops as plain Python.

`NUMBA_DISABLE_JIT=1 pytest tests/test_kernels.py` runs them without the compiler; a test
here does so, and `python3 dev.py coverage` counts their lines that way.
"""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest

from autora.skl.darts.fitting.problem import Problem
from autora.skl.darts.graph import codegen
from autora.skl.darts.graph.dimensions import Dimensions
from autora.skl.darts.graph.jets import differentiate
from autora.skl.darts.graph.objectives import OBJECTIVES
from autora.skl.darts.graph.primitives import SCIENCE, Primitive, builtin, resolve
from autora.skl.darts.runtime import disk_cache
from autora.skl.darts.search import conversion, evaluator as evaluators, gradient
from autora.skl.darts.search.dimensions import agrees
from autora.skl.darts.search.kernels import (
    arrays,
    compilation,
    dimensions,
    elementary,
    graphs,
    linear_algebra,
    loader,
    proposals,
    random_edits,
    refit,
    scores,
)
from test_compiled_search import fitted, random_graphs

PRIMITIVES = evaluators.table()
TINY = np.concatenate([-np.geomspace(1e-12, 0.3, 99), np.geomspace(1e-12, 0.3, 99)])
KERNELS = loader.load(PRIMITIVES)
FUNCTIONS = arrays.Functions(KERNELS.slopes, KERNELS.values)
INTERPRETED = bool(numba.config.DISABLE_JIT)
#: Numbers whose overflow is meant, as in hashes, warn in plain Python alone.
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


@cache
def called(function: Any) -> Any:
    """What only compiled code can call, as Python can call it."""
    if INTERPRETED:
        return function
    if isinstance(function, numba.core.ccallback.CFunc):
        through = numba.njit(lambda address, *args: address(*args))
        return lambda *args: through(function, *args)
    names = ", ".join(inspect.signature(function.py_func).parameters)
    return numba.njit(eval(f"lambda {names}: function({names})", {"function": function}))


def mapped(function: Any) -> Any:
    """A function of a number, of an array."""
    one = called(function)
    return lambda x: np.array([one(value) for value in x])


def evaluator_of(problem: Problem) -> evaluators.Evaluator:
    bounds = conversion.SpaceBounds(resolve(SCIENCE))
    return conversion.evaluator_for(bounds, problem, OBJECTIVES["real"])


@pytest.fixture
def problem() -> Problem:
    rng = np.random.default_rng(3)
    x = rng.uniform(0.5, 2.0, (50, 2))
    y = x[:, :1] * np.sin(x[:, 1:]) + 0.1 * rng.normal(size=(50, 1)) + 3
    return Problem(x, y, rng.uniform(0.5, 1.5, 50), True, True)


def data_of(x: np.ndarray) -> arrays.Data:
    """One input, for functions that look at the primitives alone."""
    return evaluator_of(Problem(x[:, None], x[:, None], np.ones(len(x)), True, True)).data


def test_the_table_is_complete() -> None:
    assert set(PRIMITIVES) == {p for p in builtin() if p.name != "none"}


@pytest.mark.parametrize(
    ("primitive", "odd"),
    [(p, odd) for p in PRIMITIVES for odd in (False, True) if not odd or p.base == "power"],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_derivatives_agree_with_jets(primitive: Primitive, odd: bool) -> None:
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.uniform(0.3, 2.0, 20), [0.0, -1.3, 40.0]])
    coefs = rng.uniform(0.3, 1.5, max(2, primitive.n_params))
    if odd:  # x³ has a sign, |x|^2.9 has none
        coefs[primitive.n_params - 1] = 3.0
    v, d = np.empty(len(x)), np.empty((4, len(x)))
    op = PRIMITIVES.index(primitive)
    called(refit.evaluate)(op, x, coefs, v, d, x.copy(), data_of(x), FUNCTIONS)
    with np.errstate(all="ignore"):
        value, partials = differentiate(primitive, x, coefs[: primitive.n_params])
    inside = np.isfinite(value)
    np.testing.assert_array_equal(np.isfinite(v), inside)
    np.testing.assert_allclose(v[inside], value[inside], rtol=1e-12)
    smooth = inside & np.isfinite(partials).all(axis=0)
    size = 1 + primitive.n_params
    np.testing.assert_allclose(
        d[:size, smooth], partials[:, smooth], rtol=1e-9, atol=1e-300
    )


#: Function of the program, NumPy's, and arguments.
ELEMENTARY = [
    ("exponential", np.exp, np.linspace(-700, 709, 9001)),
    ("hyperbolic_tangent", np.tanh, np.concatenate([np.linspace(-30, 30, 901), TINY])),
    ("logarithm", np.log, np.concatenate([np.geomspace(1e-300, 1e300, 9001), 1 + TINY])),
    ("log_one_plus", np.log1p, np.concatenate([np.linspace(0, 1, 901), np.abs(TINY)])),
    ("sine", np.sin, np.concatenate([np.linspace(-1e6, 1e6, 90001), TINY])),
    ("cosine", np.cos, np.concatenate([np.linspace(-1e6, 1e6, 90001), TINY])),
]


@pytest.mark.parametrize(
    ("name", "oracle", "x"), ELEMENTARY, ids=[entry[0] for entry in ELEMENTARY]
)
def test_elementary_functions(name: str, oracle: Any, x: np.ndarray) -> None:
    """A few units in the last place, also near zeros, where 1e-16 would be far off."""
    found = mapped(getattr(elementary, name))(x)
    np.testing.assert_allclose(found, oracle(x), rtol=1e-15, atol=0)


def test_elementary_functions_at_the_ends() -> None:
    nan, inf = np.nan, np.inf
    ends = np.array([-inf, -1e300, -1e4, -0.0, 0.0, 5e-324, 1e4, 1e300, inf, nan])
    exponential = mapped(elementary.exponential)(ends)
    np.testing.assert_array_equal(exponential, [0, 0, 0, 1, 1, 1, inf, inf, inf, nan])
    tangent = mapped(elementary.hyperbolic_tangent)(ends)
    np.testing.assert_allclose(tangent, [-1, -1, -1, 0, 0, 5e-324, 1, 1, 1, nan], rtol=0)
    logarithm = mapped(elementary.logarithm)(ends)
    expected = [nan, nan, nan, -inf, -inf, -inf, *np.log([1e4, 1e300]), inf, nan]
    np.testing.assert_array_equal(logarithm, expected)
    for wave in (elementary.sine, elementary.cosine):
        outside = np.array([-inf, -1e300, 1e16, inf, nan])
        assert np.isnan(mapped(wave)(outside)).all()
    far = np.array([1e7, 1e9, 1e12])  # as far off as if the last digit of x were another
    np.testing.assert_array_less(
        np.abs(mapped(elementary.sine)(far) - np.sin(far)), 4 * np.spacing(far)
    )


def test_powers_at_the_ends() -> None:
    """0⁰ is 1, and powers of 0 and of ∞ are what they are to NumPy."""
    power_of, size = (
        called(elementary.power_of),
        np.array([0.0, 1e-200, 1.0, 1e200, np.inf]),
    )
    for exponent in (-2.0, -0.5, 0.0, 0.5, 3.0):
        with np.errstate(all="ignore"):
            found = [power_of(log, exponent) for log in np.log(size)]
            np.testing.assert_allclose(found, size**exponent, rtol=1e-13)


def test_a_users_own_primitive_is_compiled() -> None:
    bell = Primitive("bell", lambda m, x, a: m.exp(-a * x**2) / (2 - m.tanh(x)), ("shape",))
    program = codegen.functions([bell])
    names: dict[str, Any] = {"np": np, "addressed": lambda *types: lambda f: f}
    names |= dict.fromkeys(("INTEGER", "ROW", "ROWS"))
    names |= {"exponential": np.exp, "hyperbolic_tangent": np.tanh}
    exec(program, names)
    x = np.linspace(-1, 1, 7)
    v, only, d = np.empty(7), np.empty(7), np.empty((2, 7))
    names["slopes"](0, x, v, [0.7], d)
    names["values"](0, x, only, [0.7])
    value, partials = differentiate(bell, x, np.array([0.7]))
    np.testing.assert_allclose(v, value, rtol=1e-12)
    np.testing.assert_allclose(d, partials, rtol=1e-12)
    np.testing.assert_array_equal(only, v)


@pytest.mark.parametrize("primitive", PRIMITIVES, ids=lambda p: p.name)
def test_values_agree_with_and_without_derivatives(primitive: Primitive) -> None:
    x = np.concatenate([np.linspace(-2.0, 3.0, 20), [0.0]])
    coefs, op = np.array([0.7, -0.4, 1.5]), PRIMITIVES.index(primitive)
    v, only, d = np.empty(len(x)), np.empty(len(x)), np.empty((4, len(x)))
    data = data_of(x)
    called(refit.evaluate)(op, x, coefs, v, d, x.copy(), data, FUNCTIONS)
    called(scores.value_of)(op, x, coefs, only, x.copy(), data, FUNCTIONS)
    np.testing.assert_allclose(only, v, rtol=1e-14)


def test_the_best_edits_are_kept() -> None:
    keys = np.random.default_rng(0).permutation(500) / 7.0
    best = arrays.Heap(np.empty(40), np.empty(40, np.int64), np.empty(40))
    offer = called(proposals.offer)
    filled = offer(best, 0, np.inf, -1, 0.0)  # what tells nothing is no edit
    for code, key in enumerate(keys):
        filled = offer(best, filled, key, code, -key)
    assert filled == 40
    np.testing.assert_array_equal(np.sort(best.keys), np.sort(keys)[:40])
    np.testing.assert_array_equal(keys[best.codes], best.keys)
    np.testing.assert_array_equal(best.amplitudes, -best.keys)


def test_predicted_gain_of_a_new_node_is_exact(problem: Problem) -> None:
    """A new node of the read-out without inner coefficients: the score is the loss."""
    evaluator = evaluator_of(problem)
    graph, data = fitted(evaluator), evaluator.data
    functions = arrays.Functions(evaluator.kernels.slopes, evaluator.kernels.values)
    structure = arrays.Graph(*(array[0] for array in graph.structure))
    work, _ = called(refit.expanded)(data, functions, structure, graph.theta[0])
    n = evaluator.n_rows
    h, t, q, hq = np.empty(n), np.empty(n), np.empty((20, n)), np.empty((20, n))
    slot = arrays.Slot(-1, -1, False, True)  # a new node
    called(scores.slot_target)(slot, evaluator.n_inputs, evaluator.root, work, h, t)
    rank = called(scores.edit_basis)(slot, data, structure, work, q)
    s0 = called(scores.projected)(h, t, q, rank, hq)
    assert s0 == pytest.approx(graph.loss[0])
    value, compared, none = np.empty(n), 0, np.zeros(3)
    for op in np.flatnonzero(evaluator.n_params == 0):
        for source in range(evaluator.n_inputs):
            child = graph.take([0])
            child.op[0, 1, 0], child.src[0, 1, 0] = op, source
            child.use[0, 1] = True
            evaluator.fit(child, 5, 1e-13)
            called(scores.value_of)(
                op, evaluator.x[source], none, value, t, data, functions
            )
            free, _, _ = called(scores.score_column)(value, h * t, h * h, hq, rank, s0)
            if np.isfinite(free):
                assert child.loss[0] == pytest.approx(free, rel=1e-6)
                compared += 1
    assert compared > 10


def test_a_search_step(problem: Problem) -> None:
    """Random graphs, their refit, scored children: losses are those of NumPy's values."""
    evaluator, rng = evaluator_of(problem), np.random.default_rng(0)
    parents = random_graphs(evaluator, 8, 0)
    evaluator.fit(parents, 3, 1e-9)
    whose, edits = gradient.proposed(evaluator, parents, 3, rng)
    children = parents.take(whose)
    evaluator.apply(children, edits)
    children = children.take(np.flatnonzero(children.key))
    evaluator.fit(children, 3, 1e-9)
    finite = np.flatnonzero(np.isfinite(children.loss))
    assert len(finite) > 5
    for i in finite:
        residual = evaluator.residual(children.take([i]))
        square = float(np.sum((evaluator.root * residual) ** 2))
        assert square == pytest.approx(children.loss[i], rel=1e-6, abs=1e-12)


def test_a_search_step_of_a_likelihood(problem: Problem) -> None:
    """Losses are those of NumPy's values, and none is better nearby."""
    likelihood = OBJECTIVES["probability_sample"]
    outcomes = (problem.y > np.median(problem.y)).astype(float)
    bounds = conversion.SpaceBounds(resolve(SCIENCE))
    evaluator = conversion.evaluator_for(bounds, problem._replace(y=outcomes), likelihood)
    graphs_ = random_graphs(evaluator, 8, 1)
    evaluator.fit(graphs_, 60, 1e-9)
    compared = 0
    for i in np.flatnonzero(np.isfinite(graphs_.loss)):
        one = graphs_.take([i])
        nodes = evaluator.values(one)[1]

        def loss(w: np.ndarray, nodes: np.ndarray = nodes) -> float:
            eta = w[0] + w[1:] @ nodes
            each = np.logaddexp(0, eta) - outcomes[:, 0] * eta
            return float(problem.weight @ each)

        here = loss(one.w[0])
        assert here == pytest.approx(one.loss[0], rel=1e-6)
        for k in np.flatnonzero(np.append(True, one.use[0])):
            for step in (-1e-3, 1e-3):
                there = one.w[0].copy()
                there[k] += step
                assert loss(there) > here * (1 - 1e-4)
        compared += 1
    assert compared > 3


def test_graphs_whose_units_contradict_are_dropped(problem: Problem) -> None:
    """Metres and seconds, and a speed to find: no graph is dropped whose model agrees."""
    units = Dimensions(np.eye(2), np.array([[1.0, -1.0]]), numbers_only=True)
    graphs_ = random_graphs(evaluator_of(problem), 60, 2)
    bounds = conversion.SpaceBounds(resolve(SCIENCE))
    known = problem._replace(dimensions=units)
    evaluator = conversion.evaluator_for(bounds, known, OBJECTIVES["real"])
    left = graphs_.take(np.arange(len(graphs_)))
    dimensions.drop_contradictions(*left.structure, evaluator.units, left.key)
    space = conversion.space_for(bounds, 2, graphs_)
    for i, key in enumerate(left.key):
        model = conversion.model_of(evaluator, graphs_, i, space)
        if key == 0:  # exponents that are fitted are looked at afterwards
            assert not agrees(model, units)
    assert 0 < np.count_nonzero(left.key) < len(left)
    ratio = evaluator.empty(1)  # x1 / x2
    plain, _, _, inverse, _ = evaluator.basic
    ratio.op[0, 0, :2], ratio.src[0, 0, :2] = [plain, inverse], [0, 1]
    ratio.agg[0, 0], ratio.use[0, 0], ratio.key[0] = 1, True, 1
    dimensions.drop_contradictions(*ratio.structure, evaluator.units, ratio.key)
    assert ratio.key[0] == 1
    ratio.agg[0, 0], ratio.op[0, 0, :2] = 0, plain  # x1 + x2
    dimensions.drop_contradictions(*ratio.structure, evaluator.units, ratio.key)
    assert ratio.key[0] == 0


@pytest.mark.skipif(INTERPRETED, reason="of compiled functions")
def test_nothing_is_compiled_twice(problem: Problem) -> None:
    """A literal is a type to the compiler, and one more version of all that is called."""
    evaluator = evaluator_of(problem)
    rng = np.random.default_rng(0)
    gradient.proposed(evaluator, random_graphs(evaluator, 5, 0), 3, rng)
    modules = (elementary, graphs, linear_algebra, proposals, random_edits, refit, scores)
    values = [value for module in modules for value in vars(module).values()]
    functions = {id(f): f for f in values if hasattr(f, "signatures")}.values()
    assert len(functions) > 40
    types = {kind for f in functions for signature in f.signatures for kind in signature}
    assert not [kind for kind in types if isinstance(kind, numba.types.Literal)]


@pytest.mark.skipif(INTERPRETED, reason="this is the run that it starts")
def test_the_loops_are_plain_python() -> None:
    command = [sys.executable, "-m", "pytest", "-x", "-p", "no:xdist", str(Path(__file__))]
    run = subprocess.run(
        command, env=os.environ | {"NUMBA_DISABLE_JIT": "1"}, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout[-3000:]


@pytest.mark.parametrize("disk", ["none", "full"])
def test_no_cache_directory_to_write_to(
    disk: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = tempfile.mkstemp

    def mkstemp(*args: Any, **settings: Any) -> Any:
        if settings["dir"] == tmp_path:
            raise OSError(28, "No space left on device")
        return real(*args, **settings)

    monkeypatch.setattr(tempfile, "mkstemp", mkstemp)
    monkeypatch.setattr(compilation, "folder", lambda: tmp_path if disk == "full" else None)
    few = tuple(p for p in PRIMITIVES if p.name in ("add", "mult", "exp"))
    found = loader.load.__wrapped__(few)
    v, d = np.empty(2), np.empty((1, 2))
    called(found.slopes)(1, np.array([0.0, 1.0]), v, np.empty(0), d)
    np.testing.assert_allclose(v, [1, np.e])


def test_old_programs_are_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(disk_cache.VARIABLE, str(tmp_path))
    home = disk_cache.folder()
    old = [home / f"kernels_{i}" for i in range(20)]
    for age, folder in enumerate(reversed(old)):
        folder.mkdir()
        os.utime(folder, (1e9 - age, 1e9 - age))
    new = compilation.folder.__wrapped__()
    kept = set(home.iterdir())
    assert {new, old[-1]} <= kept and old[0] not in kept and len(kept) < 10
