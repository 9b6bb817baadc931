"""The compiled refit against its oracle, the refit in NumPy, and the scores of edits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest

from autora.skl.darts.fitting.problem import Problem
from autora.skl.darts.fitting.refit import levenberg_marquardt
from autora.skl.darts.graph import codegen
from autora.skl.darts.graph.jets import differentiate
from autora.skl.darts.graph.model import Model
from autora.skl.darts.graph.objectives import OBJECTIVES
from autora.skl.darts.graph.primitives import SCIENCE, Primitive, builtin, resolve
from autora.skl.darts.graph.search_space import SearchSpace
from autora.skl.darts.search import conversion, gradient
from autora.skl.darts.search import problem as arenas
from autora.skl.darts.search.kernels import loader
from autora.skl.darts.search.random_edits import randomly_edited

PRIMITIVES = arenas.table()
TINY = np.concatenate([-np.geomspace(1e-12, 0.3, 99), np.geomspace(1e-12, 0.3, 99)])


@pytest.fixture(scope="module")
def kernel() -> Any:
    return loader.load(PRIMITIVES)


@pytest.fixture
def problem() -> Problem:
    rng = np.random.default_rng(3)
    x = rng.uniform(0.5, 2.0, (50, 2))
    y = x[:, :1] * np.sin(x[:, 1:]) + 0.1 * rng.normal(size=(50, 1)) + 3
    return Problem(x, y, rng.uniform(0.5, 1.5, 50), True, True)


def called(function: Any) -> Any:
    """What only compiled code can call, as Python can call it."""
    if isinstance(function, numba.core.ccallback.CFunc):
        through = numba.njit(lambda address, *args: address(*args))
        return lambda *args: through(function, *args)
    return numba.njit(lambda *args: function(*args))


def mapped(function: Any) -> Any:
    """A function of a number, of an array."""
    one = called(function)
    return lambda x: np.array([one(value) for value in x])


def arena_of(problem: Problem) -> tuple[arenas.Arena, Any]:
    units = conversion.units_of(problem)
    return conversion.arena_for(conversion.Frame(resolve(SCIENCE)), problem, units), units


def test_the_table_is_complete() -> None:
    assert set(PRIMITIVES) == {p for p in builtin() if p.name != "none"}


@pytest.mark.parametrize(
    ("primitive", "odd"),
    [(p, odd) for p in PRIMITIVES for odd in (False, True) if not odd or p.base == "power"],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_derivatives_agree_with_jets(kernel: Any, primitive: Primitive, odd: bool) -> None:
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.uniform(0.3, 2.0, 20), [0.0, -1.3, 40.0]])
    coefs = rng.uniform(0.3, 1.5, max(2, primitive.n_params))
    if odd:  # x³ has a sign, |x|^2.9 has none
        coefs[primitive.n_params - 1] = 3.0
    v, d = np.empty(len(x)), np.empty((3, len(x)))
    called(kernel.evaluate)(PRIMITIVES.index(primitive), x, coefs, v, d)
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
def test_elementary_functions(kernel: Any, name: str, oracle: Any, x: np.ndarray) -> None:
    """A few units in the last place, also near zeros, where 1e-16 would be far off."""
    found = mapped(getattr(kernel, name))(x)
    np.testing.assert_allclose(found, oracle(x), rtol=1e-15, atol=0)


def test_elementary_functions_at_the_ends(kernel: Any) -> None:
    nan, inf = np.nan, np.inf
    ends = np.array([-inf, -1e300, -1e4, -0.0, 0.0, 5e-324, 1e4, 1e300, inf, nan])
    exponential = mapped(kernel.exponential)(ends)
    np.testing.assert_array_equal(exponential, [0, 0, 0, 1, 1, 1, inf, inf, inf, nan])
    tangent = mapped(kernel.hyperbolic_tangent)(ends)
    np.testing.assert_allclose(tangent, [-1, -1, -1, 0, 0, 5e-324, 1, 1, 1, nan], rtol=0)
    logarithm = mapped(kernel.logarithm)(ends)
    expected = [nan, nan, nan, -inf, -inf, -inf, *np.log([1e4, 1e300]), inf, nan]
    np.testing.assert_array_equal(logarithm, expected)
    for wave in (kernel.sine, kernel.cosine):
        outside = np.array([-inf, -1e300, 1e16, inf, nan])
        assert np.isnan(mapped(wave)(outside)).all()
    far = np.array([1e7, 1e9, 1e12])  # as far off as if the last digit of x were another
    np.testing.assert_array_less(
        np.abs(mapped(kernel.sine)(far) - np.sin(far)), 4 * np.spacing(far)
    )


def test_powers_at_the_ends(kernel: Any) -> None:
    """0⁰ is 1, and powers of 0 and of ∞ are what they are to NumPy."""
    power_of, size = called(kernel.power_of), np.array([0.0, 1e-200, 1.0, 1e200, np.inf])
    for exponent in (-2.0, -0.5, 0.0, 0.5, 3.0):
        with np.errstate(all="ignore"):
            found = [power_of(log, exponent) for log in np.log(size)]
            np.testing.assert_allclose(found, size**exponent, rtol=1e-13)


def test_a_users_own_primitive_is_compiled() -> None:
    bell = Primitive("bell", lambda m, x, a: m.exp(-a * x**2) / (2 - m.tanh(x)), ("shape",))
    program = codegen.evaluator([bell])
    names: dict[str, Any] = {"np": np, "addressed": lambda *types: lambda f: f}
    names |= dict.fromkeys(("INTEGER", "ROW", "ROWS"))
    names |= {"exponential": np.exp, "hyperbolic_tangent": np.tanh}
    exec(program, names)
    x = np.linspace(-1, 1, 7)
    v, only, d = np.empty(7), np.empty(7), np.empty((2, 7))
    names["evaluate"](0, x, [0.7], v, d)
    names["value_of"](0, x, [0.7], only)
    value, partials = differentiate(bell, x, np.array([0.7]))
    np.testing.assert_allclose(v, value, rtol=1e-12)
    np.testing.assert_allclose(d, partials, rtol=1e-12)
    np.testing.assert_array_equal(only, v)


def random_graphs(arena: arenas.Arena, count: int, seed: int) -> arenas.Graphs:
    rng = np.random.default_rng(seed)
    graphs = arena.empty(count)
    for _ in range(4):
        before = graphs.take(np.arange(count))
        randomly_edited(arena, graphs, rng)
        void = np.flatnonzero(graphs.key == 0)
        graphs.put(void, before.take(void))
    return graphs.take(np.flatnonzero(graphs.key))


def test_compiled_fit_is_the_numpy_fit(problem: Problem) -> None:
    """Same start, same algorithm: mostly the same minimum; the model says the same."""
    arena, units = arena_of(problem)
    graphs = random_graphs(arena, 60, 0)
    start = graphs.take(np.arange(len(graphs)))
    arena.fit(start, 0, 0.0)
    arena.fit(graphs, 25, 1e-13)
    space = conversion.space_for(conversion.Frame(resolve(SCIENCE)), 2, graphs)
    objective = OBJECTIVES["real"]
    agreed = tried = 0
    for i in np.flatnonzero(np.isfinite(start.loss)):
        # The oracle has no mask of the read-out: all nodes must be in use.
        if not graphs.use[i, : (graphs.op[i, :, 0] >= 0).sum()].all():
            continue
        model = conversion.model_of(arena, graphs, i, space, objective, units)
        square = problem.weight @ (model.predict(problem.x) - problem.y)[:, 0] ** 2
        assert square == pytest.approx(graphs.loss[i] * units.scale**2, rel=1e-6, abs=1e-18)
        begin = conversion.model_of(arena, start, i, space, objective, units)
        fit = levenberg_marquardt(problem, begin, 25)
        tried += 1
        agreed += fit.loss * problem.weight.sum() == pytest.approx(square, rel=1e-3)
    assert tried > 20
    assert agreed >= 0.7 * tried


def test_models_and_graphs_are_two_spellings(problem: Problem) -> None:
    arena, units = arena_of(problem)
    graphs = random_graphs(arena, 40, 1)
    arena.fit(graphs, 5, 1e-9)
    graphs = graphs.take(np.flatnonzero(np.isfinite(graphs.loss)))
    space = conversion.space_for(conversion.Frame(resolve(SCIENCE)), 2, graphs)
    for i in range(len(graphs)):
        model = conversion.model_of(arena, graphs, i, space, OBJECTIVES["real"], units)
        back = conversion.graphs_of(arena, [model], units)
        again = conversion.model_of(arena, back, 0, space, OBJECTIVES["real"], units)
        used = model.readout != 0
        np.testing.assert_array_equal(model.architecture, again.architecture)
        np.testing.assert_allclose(model.readout[used], again.readout[used])


def fitted(arena: arenas.Arena) -> arenas.Graphs:
    """x1 as the only node of the read-out."""
    graph = arena.empty(1)
    graph.op[0, 0, 0] = [p.name for p in arena.primitives].index("add")
    graph.use[0, 0] = True
    arena.fit(graph, 20, 1e-13)
    return graph


def test_predicted_gain_of_a_new_node_is_exact(problem: Problem) -> None:
    """A new node of the read-out without inner coefficients: the score is the loss."""
    arena, _ = arena_of(problem)
    graph, kernel = fitted(arena), arena.kernel
    structure = tuple(array[0] for array in graph.structure)
    work, _, _ = kernel.expand(arena.data, kernel.evaluate, structure, graph.theta[0])
    n = arena.n_rows
    h, t, q, hq = np.empty(n), np.empty(n), np.empty((20, n)), np.empty((20, n))
    slot = (-1, -1, False, True)  # a new node
    data = (*arena.data, kernel.evaluate)
    called(kernel.slot_target)(slot, arena.n_inputs, arena.root, work, h, t)
    rank = called(kernel.edit_basis)(slot, data, structure, work, q)
    s0 = called(kernel.projected)(h, t, q, rank, hq)
    assert s0 == pytest.approx(graph.loss[0])
    value, compared = np.empty(n), 0
    for op in np.flatnonzero(arena.n_params == 0):
        for source in range(arena.n_inputs):
            child = graph.take([0])
            child.op[0, 1, 0], child.src[0, 1, 0] = op, source
            child.use[0, 1] = True
            arena.fit(child, 5, 1e-13)
            called(kernel.value_of)(op, arena.x[source], np.zeros(3), value)
            free, _, _ = called(kernel.score_column)(value, h * t, h * h, hq, rank, s0)
            if np.isfinite(free):
                assert child.loss[0] == pytest.approx(free, rel=1e-6)
                compared += 1
    assert compared > 10


@pytest.mark.parametrize("primitive", PRIMITIVES, ids=lambda p: p.name)
def test_values_agree_with_and_without_derivatives(
    kernel: Any, primitive: Primitive
) -> None:
    x = np.concatenate([np.linspace(-2.0, 3.0, 20), [0.0]])
    coefs, op = np.array([0.7, -0.4, 1.5]), PRIMITIVES.index(primitive)
    v, only, d = np.empty(len(x)), np.empty(len(x)), np.empty((4, len(x)))
    called(kernel.evaluate)(op, x, coefs, v, d)
    called(kernel.value_of)(op, x, coefs, only)
    np.testing.assert_allclose(only, v, rtol=1e-14)


def test_the_best_edits_are_kept(kernel: Any) -> None:
    keys = np.random.default_rng(0).permutation(500) / 7.0
    best = (np.empty(40), np.empty(40, np.int64), np.empty(40))
    offer = called(kernel.offer)
    filled = offer(best, 0, np.inf, -1, 0.0)  # what tells nothing is no edit
    for code, key in enumerate(keys):
        filled = offer(best, filled, key, code, -key)
    assert filled == 40
    np.testing.assert_array_equal(np.sort(best[0]), np.sort(keys)[:40])
    np.testing.assert_array_equal(keys[best[1]], best[0])
    np.testing.assert_array_equal(best[2], -best[0])


def test_scored_children_beat_random_ones(problem: Problem) -> None:
    """The share of children better than their parent, scored against random edits."""
    arena, _ = arena_of(problem)
    rng = np.random.default_rng(0)
    graph = fitted(arena)
    parents, edits = gradient.proposed(arena, graph.take([0, 0]), 60, rng)
    assert set(parents) == {0, 1}
    scored = graph.take(np.zeros(len(parents), int))
    arena.apply(scored, edits)
    drawn = graph.take(np.zeros(200, int))
    randomly_edited(arena, drawn, rng)
    shares = []
    for children in (scored, drawn):
        children = children.take(np.flatnonzero(children.key))
        arena.fit(children, 12, 1e-6)
        shares.append(np.mean(arena.criterion(children) < arena.criterion(graph)[0] - 1))
    assert shares[0] > 2 * shares[1]


def test_every_proposal_finds_its_room(problem: Problem) -> None:
    """With new nodes of two sources and, if they are switched off, without."""
    arena, _ = arena_of(problem)
    graph = fitted(arena)
    _, edits = gradient.proposed(
        arena, graph, 100, np.random.default_rng(1), compound=False
    )
    assert set(edits.rows[:, 7]) == {-1}
    _, more = gradient.proposed(arena, graph, 100, np.random.default_rng(1))
    assert set(more.rows[:, 7]) > {-1}
    assert len(edits.rows) == 100
    children = graph.take(np.zeros(100, int))
    arena.apply(children, edits)
    assert (children.key != 0).all()


def test_every_edit_leaves_a_tidy_graph(problem: Problem) -> None:
    arena, _ = arena_of(problem)
    graphs = random_graphs(arena, 200, 2)
    for _ in range(5):
        randomly_edited(arena, graphs, np.random.default_rng(5))
        graphs = graphs.take(np.flatnonzero(graphs.key))
        assert len(graphs) > 20
        on = graphs.op >= 0
        nodes = np.arange(arena.n_nodes)[:, None]
        assert (graphs.src < arena.n_inputs + nodes)[on].all()
        full = on.sum(axis=2)
        assert (np.diff(on.astype(int), axis=2) <= 0).all()  # empty slots come last
        assert (np.diff((full > 0).astype(int), axis=1) <= 0).all()  # so do empty nodes
        assert (graphs.use <= (full > 0)).all()


def test_nothing_is_compiled_twice(kernel: Any, problem: Problem) -> None:
    """A literal is a type to the compiler, and one more version of all that is called."""
    arena, _ = arena_of(problem)
    rng = np.random.default_rng(0)
    gradient.proposed(arena, random_graphs(arena, 5, 0), 3, rng)
    functions = [f for f in vars(kernel).values() if hasattr(f, "signatures")]
    assert len(functions) > 40
    types = {kind for f in functions for signature in f.signatures for kind in signature}
    assert not [kind for kind in types if isinstance(kind, numba.types.Literal)]


def test_no_cache_directory_to_write_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader.disk_cache, "folder", lambda: None)
    few = tuple(p for p in PRIMITIVES if p.name in ("add", "mult", "exp"))
    module = loader.load.__wrapped__(few)
    v, d = np.empty(2), np.empty((2, 2))
    called(module.evaluate)(1, np.array([1.0, 2.0]), np.array([3.0]), v, d)
    np.testing.assert_array_equal(v, [3, 6])


def test_space_holds_parallel_edges() -> None:
    space = SearchSpace(1, 1, 1, resolve(["none", "add", "sin"]), ("sum",), None, 2)
    model = Model(
        space, OBJECTIVES["real"], np.array([1, 2]), np.zeros((2, 1)), np.ones((1, 1)),
        np.zeros(1),
    )  # fmt: skip
    x = np.linspace(0, 1, 5)[:, None]
    np.testing.assert_allclose(model.predict(x), x + np.sin(x))


def test_old_programs_are_deleted(tmp_path: Path) -> None:
    for i in range(loader._MOST_PROGRAMS + 3):
        loader._written(f"x = {i}\n", tmp_path)
    assert len(list(tmp_path.glob("kernel_*.py"))) == loader._MOST_PROGRAMS
    assert not list(tmp_path.glob("*.tmp"))
    newest = loader._written(f"x = {loader._MOST_PROGRAMS + 2}\n", tmp_path)
    assert newest.exists()
