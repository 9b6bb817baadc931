"""What is taken elsewhere is the same equation: source text, JAX function, shorter form."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import time
from contextlib import AbstractContextManager
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy

from autora.skl.darts import DARTSRegressor, Primitive, register_primitive
from autora.skl.darts.equations.python_source import function_source, identifiers
from autora.skl.darts.equations.simplification import simplified
from autora.skl.darts.equations.sympy_source import sympy_source
from autora.skl.darts.graph.model import Model
from autora.skl.darts.graph.objectives import OBJECTIVES
from autora.skl.darts.graph.primitives import SCIENCE, builtin, lookup, resolve
from autora.skl.darts.graph.search_space import SearchSpace
from hand_built import estimator_of

NAMES = tuple(primitive.name for primitive in builtin())
X = np.random.default_rng(0).uniform(0.2, 1.5, (40, 2))
Y = ["y"], ["y1", "y2", "y3"]
#: Output types and numbers of outputs; those that compete are two at least.
OUTPUTS = [
    (name, q) for name, kind in OBJECTIVES.items() for q in (1, 3) if q > kind.competing
]


def random_model(
    seed: int,
    names: tuple[str, ...],
    n_outputs: int = 1,
    objective: str = "real",
    own: tuple[Primitive, ...] = (),
) -> Model:
    """Three nodes that add or multiply, two edges from every source, half of them on."""
    rng = np.random.default_rng(seed)
    primitives = resolve(dict.fromkeys((*names, "add", "mult"))) + own
    space = SearchSpace(2, 3, n_outputs, primitives, ("sum", "product"), n_parallel=2)
    architecture = rng.integers(len(primitives), size=space.n_edges)
    architecture[rng.random(space.n_edges) < 0.5] = -1
    architecture[0] = 0
    used = np.arange(space.max_params) < space.n_params[architecture][:, None]
    return Model(
        space,
        OBJECTIVES[objective],
        architecture,
        np.where(used, rng.uniform(0.3, 1.2, used.shape), 0),
        rng.uniform(0.2, 2, (3, n_outputs)) * rng.choice([-1, 1, 1], (3, n_outputs)),
        rng.normal(size=n_outputs) * rng.integers(0, 2, n_outputs),
        rng.integers(0, 2, 3),
    )


def run(source: str, name: str = "predict") -> Any:
    names: dict[str, Any] = {}
    exec(compile(source, "exported", "exec"), names)
    return names[name]


def compare(found: Any, model: Model, rtol: float, x: np.ndarray = X) -> int:
    """Compare where the model is defined; how many values that was."""
    expected = model.predict(x)
    expected = expected[:, 0] if expected.shape[1] == 1 else expected
    finite = np.isfinite(expected) & (np.abs(expected) < 1e30)
    assert np.shape(found) == expected.shape
    np.testing.assert_allclose(np.asarray(found)[finite], expected[finite], rtol, 1e-300)
    return int(finite.sum())


# Python


@pytest.mark.parametrize("name", NAMES)
def test_source_is_the_prediction(name: str) -> None:
    compared = 0
    for seed in range(5):
        model = random_model(seed, (name,))
        function = run(estimator_of(model).python())
        compared += compare(function(*X.T), model, 1e-12)
    assert compared > 60


@pytest.mark.parametrize("objective, n_outputs", OUTPUTS)
def test_source_of_every_output_type(objective: str, n_outputs: int) -> None:
    for seed in range(4):
        model = random_model(seed, ("sin", "linear"), n_outputs, objective)
        function = run(estimator_of(model).python())
        assert compare(function(*X.T), model, 1e-12) == 40 * n_outputs


def test_source_far_out_in_the_tails() -> None:
    """Probabilities near 0 and 1 keep their relative accuracy and do not overflow."""
    model = random_model(0, ("mult",), 1, "sigmoid")
    architecture = np.where(np.arange(model.space.n_edges) == 0, 0, -1)
    model = model.replace(
        architecture=architecture,
        edge=np.ones_like(model.edge),
        readout=np.array([[1.0], [0], [0]]),
        bias=[0.0],
        aggregation=[0, 0, 0],
    )
    x = np.array([-800, -700, -40, -1, 0, 1, 40, 800.0])
    found = run(function_source(model, ["a", "b"], ["p"]))(x, x)
    np.testing.assert_allclose(found, model.predict(np.array([x, x]).T)[:, 0], rtol=1e-12)


def test_source_takes_numbers_lists_and_tables() -> None:
    model = random_model(1, ("square",))
    function = run(estimator_of(model).python())
    table = function(X[:, 0].reshape(8, 5), X[:, 1].reshape(8, 5))
    assert table.shape == (8, 5)
    assert function(list(X[:, 0]), 1).shape == (40,)
    assert function(1, 2).shape == ()
    assert function(np.float32(1), 2) == function(1.0, 2.0)


def test_source_of_a_constant() -> None:
    model = random_model(0, ("exp",))
    model = model.replace(readout=np.zeros((3, 1)), bias=np.array([2.5]))
    function = run(estimator_of(model).python())
    np.testing.assert_array_equal(function(*X.T), np.full(40, 2.5))
    assert "exp" not in estimator_of(model).python()


def test_source_of_a_node_without_edges() -> None:
    model = random_model(0, ("exp",))
    model = model.replace(architecture=np.full(model.space.n_edges, -1))
    assert compare(run(estimator_of(model).python())(*X.T), model, 1e-12) == 40


def test_source_outside_the_domain_is_not_finite() -> None:
    model = random_model(0, ("ln",))
    architecture = np.where(np.arange(model.space.n_edges) == 0, 0, -1)
    model = model.replace(architecture=architecture, aggregation=[0, 0, 0])
    assert np.isnan(run(estimator_of(model).python())(-1, 1))


DANGEROUS = [
    "lambda", "x[0]", "__import__('os').system('boom')", '"""', "\\", '"""\nboom()\n"""',
    "x 0", "np", "predict", "float", "_expit", "", "2nd", "ﬁ", "fi", "α", "k1", "y1",
    "column", "__debug__", "None", "\u2028", "x\x00", "a" * 500, "a" * 500, "$x^2$", "<b>",
    "'", "{x}",
]  # fmt: skip


def test_dangerous_column_names() -> None:
    """They become distinct identifiers, and nothing of them is code."""
    space = SearchSpace(len(DANGEROUS), 1, 1, resolve(["sin", "add"]))
    architecture = np.zeros(space.n_edges, int)
    model = Model(
        space,
        OBJECTIVES["sigmoid"],
        architecture,
        np.zeros((space.n_edges, 1)),
        np.ones((1, 1)),
        np.zeros(1),
    )
    source = estimator_of(model, DANGEROUS).python()
    (function,) = (
        n
        for n in ast.parse(source).body
        if isinstance(n, ast.FunctionDef) and n.name == "predict"
    )
    arguments = [a.arg for a in function.args.args]
    assert len(set(arguments)) == len(DANGEROUS)
    called = {ast.unparse(n.func) for n in ast.walk(function) if isinstance(n, ast.Call)}
    assert called == {
        "np.asarray", "np.broadcast_arrays", "np.errstate", "np.sin", "_expit"
    }  # fmt: skip
    x = np.random.default_rng(0).normal(size=(5, len(DANGEROUS)))
    np.testing.assert_allclose(run(source)(*x.T), model.predict(x)[:, 0], rtol=1e-12)
    documented = ast.get_docstring(function) or ""
    for argument, name in zip(arguments, DANGEROUS, strict=True):
        assert f"{argument}: {name!r}" in documented


def test_identifiers() -> None:
    assert identifiers(["dose", "lambda", "x[0]", "x 0", "", "2nd", "dose"], ["x"]) == [
        "dose", "lambda_", "x_0", "x_0_2", "x_2", "x_2nd", "dose_2",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["two words", "lambda", "np", "", "f()", "_expit"])
def test_function_name_must_be_usable(name: str) -> None:
    with pytest.raises(ValueError, match="function_name must be a Python identifier"):
        estimator_of(random_model(0, ("exp",))).python(name)


def test_source_needs_numpy_alone() -> None:
    model = random_model(2, ("softplus", "logistic"), 3, "probability_distribution")
    script = estimator_of(model).python("answer") + (
        "\nimport sys\n"
        "print(answer(0.5, 0.7).shape, [m for m in sys.modules if m.startswith("
        "('autora', 'scipy', 'jax', 'sklearn'))])"
    )
    found = subprocess.run(
        [sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "(3,) []"


@pytest.fixture
def gauss(own_table: dict[str, Any]) -> Primitive:
    return register_primitive(
        Primitive("gauss", lambda m, x, a: 1 - np.pi * m.exp(-a * x * x) / -2, ("shape",))
    )


def test_source_of_a_primitive_of_your_own(gauss: Primitive) -> None:
    model = random_model(1, (), own=(gauss,))
    assert compare(run(estimator_of(model).python())(*X.T), model, 1e-12) == 40


@pytest.mark.parametrize(
    "formula",
    [
        lambda m, x: np.exp(x),
        lambda m, x: x if np.all(x == x) else 0 * x,
        lambda m, x: x + 1j,
        lambda m, x: x.clip(0),
        lambda m, x: m.sinh(x),
    ],
)
def test_source_says_what_it_cannot_write(formula: Any) -> None:
    own = Primitive("own", formula)
    model = random_model(0, (), own=(own,))
    architecture = np.where(np.arange(model.space.n_edges) == 0, 2, -1)
    with pytest.raises(ValueError, match="'own' cannot be written as source text"):
        estimator_of(model.replace(architecture=architecture)).python()


# JAX


def double_precision() -> AbstractContextManager:
    """JAX in double precision; this moved out of jax.experimental in jax 0.8."""
    if hasattr(jax, "enable_x64"):
        return jax.enable_x64(True)
    from jax.experimental import enable_x64

    return enable_x64()


@pytest.mark.parametrize("objective, n_outputs", OUTPUTS)
def test_jax_is_the_prediction(objective: str, n_outputs: int) -> None:
    for seed in range(2):
        model = random_model(seed, ("sin", "linear_exp"), n_outputs, objective)
        with double_precision():
            function, coefficients = estimator_of(model).jax()
            assert {v.dtype for v in coefficients.values()} == {np.dtype("float64")}
            found = function(coefficients, X)
            assert found.dtype == np.float64
        assert compare(found, model, 1e-12) == 40 * n_outputs


@pytest.mark.parametrize("name", NAMES)
def test_jax_of_every_primitive(name: str) -> None:
    compared = 0
    for seed in range(2):
        model = random_model(seed, (name,))
        with double_precision():
            function, coefficients = estimator_of(model).jax()
            compared += compare(function(coefficients, X), model, 1e-11)
    assert compared > 20


def test_jax_in_single_precision_leaves_the_settings_alone() -> None:
    before = dict(jax.config.values)
    model = random_model(1, ("sin",))
    function, coefficients = estimator_of(model).jax()
    found = jax.jit(function)(coefficients, X)
    assert found.dtype == np.float32
    compare(found, model, 1e-4)
    assert dict(jax.config.values) == before


def test_jax_is_differentiable_in_both() -> None:
    model = random_model(3, ("linear_sin", "square"), 3)
    with double_precision():
        function, coefficients = estimator_of(model).jax()
        by_coefficient, by_input = jax.jit(jax.jacobian(function, (0, 1)))(
            coefficients, X[:5]
        )
        assert by_input.shape == (5, 3, 5, 2)
        for name, slope in by_coefficient.items():
            step = {n: v + 1e-6 * (n == name) for n, v in coefficients.items()}
            change = (function(step, X[:5]) - function(coefficients, X[:5])) / 1e-6
            np.testing.assert_allclose(slope, change, rtol=1e-3, atol=1e-4)
        batch = jax.vmap(function, (None, 0))(coefficients, X.reshape(8, 5, 2))
    compare(batch.reshape(40, 3), model, 1e-12)


def test_jax_names_every_coefficient_once() -> None:
    model = random_model(5, ("sin", "mult"), 3)
    count = sum(len(e.coefs) for e in model.edges()) + np.count_nonzero(model.readout)
    _, coefficients = estimator_of(model, ["dose", "lambda"]).jax()
    assert len(coefficients) == count + np.count_nonzero(model.bias)
    assert any("mult(lambda) in k_" in name for name in coefficients)
    assert any(name == "read-out of k_3 for y2" for name in coefficients)


def test_jax_coefficients_are_those_that_were_fitted(
    plane: tuple[np.ndarray, np.ndarray], quick: dict[str, Any]
) -> None:
    """A read-out that is 1 by definition is a constant; steps go downhill."""
    model = DARTSRegressor(**quick, primitives=["none", "mult"]).fit(*plane)
    function, c = model.jax()
    assert list(c) == list(model.coefficients_["term"])

    def loss(c: Any) -> Any:
        return jnp.mean((function(c, plane[0]) - plane[1] - 1) ** 2)

    before = loss(c)
    for _ in range(20):
        c = jax.tree.map(lambda c, g: c - 0.1 * g, c, jax.grad(loss)(c))
    assert loss(c) < before


# Shorter equations

x, y = sympy.symbols("x y", real=True)
SHORTER = [
    ((1.5 * x + 2) / (3 * x + 4), "0.5"),
    (sympy.Float(2) * (x + sympy.Float(1.5)) + sympy.Float(3), "2*x + 6"),
    (3.0 * (x + 2) / ((2.0 * x + 4) * y), "1.5/y"),
    (x**2 / (x**2 * y + x**2), "1/(y + 1)"),
    (sympy.exp(x * y) * sympy.exp(-x * y + y), "exp(y)"),
]


@pytest.mark.parametrize("long, short", SHORTER)
def test_shorter(long: Any, short: str) -> None:
    found = simplified(long)
    assert sympy.simplify(found - sympy.sympify(short, locals={"x": x, "y": y})) == 0
    assert len(str(found)) <= len(short) + 16


ROUND_INSIDE = [
    (np.sqrt(8 * np.pi) * sympy.sqrt(x - 3 / (8 * np.pi) * y**2), "sqrt(25.13"),
    (0.75 / (1.5 * x + 3.0), "1/(2*x + 4)"),
    (x - np.sqrt(2) * y * sympy.sqrt(x**2 + 0.5), "x - y*sqrt(2*x**2 + 1)"),
    (1.5 * sympy.Abs(x + 2) ** 1.7, "1.5*Abs(x + 2)**1.7"),
    (sympy.sin(2.5 * (x + 0.2 * np.pi)), "cos(2.5*x)"),
    (sympy.cos(x * y + 99.5 * np.pi), "sin(x*y)"),
    (sympy.sin(x + 40 * np.pi + 0.25), "sin(x + 0.25"),
    (sympy.sin(x * y - np.pi), "-sin(x*y)"),
    (sympy.cos(x + y - x * y + np.pi / 2 - 1), "sin(x*y - x - y + 1)"),
    (x - sympy.cos(x**2 + x + np.pi / 2), "x + sin(x**2 + x)"),
]


@pytest.mark.parametrize("long, short", ROUND_INSIDE)
def test_numbers_of_roots_and_waves_are_round_where_they_can_be(
    long: Any, short: str
) -> None:
    """Factors move into powers and phases lose quarter turns, if that is shorter."""
    found = simplified(long)
    at = {x: 0.7, y: 0.4}
    assert str(found).startswith(short)
    assert float(found.subs(at)) == pytest.approx(float(long.subs(at)), rel=1e-9)


@pytest.mark.parametrize("expression", [sympy.zoo * x, sympy.nan, sympy.zoo**x + 1.5 * y])
def test_what_has_no_value_is_left_alone(expression: Any) -> None:
    """Division by zero, which SymPy calls zoo and its printers for NumPy do not know."""
    assert simplified(expression) == expression
    assert simplified(1.5 * x * y / (x * y)) == 1.5


@pytest.mark.parametrize("seed", range(15))
def test_shorter_is_the_prediction(seed: int) -> None:
    rng = np.random.default_rng(seed)
    model = random_model(seed, tuple(rng.choice(SCIENCE, 5, replace=False)))
    estimator = estimator_of(model, ["dose", "lambda"])
    start = time.process_time()
    short = estimator.sympy(simplify=True)
    assert time.process_time() - start < 5
    symbols = [sympy.Symbol(name, real=True) for name in ("dose", "lambda")]
    expected = model.predict(X)[:, 0]
    with np.errstate(all="ignore"):
        found = sympy.lambdify(symbols, short, "numpy")(*X.T)
    finite = np.isfinite(expected) & (np.abs(expected) < 1e30)
    np.testing.assert_allclose(
        np.broadcast_to(found, 40)[finite], expected[finite], rtol=1e-7
    )


@pytest.mark.parametrize("exponent", [-1, 2, 3, 4, 99, 101])
def test_whole_exponents_are_whole(exponent: int) -> None:
    """|x|^4 is x^4 for a real x, and odd powers have a sign, in every export."""
    model = random_model(0, ("power",))
    architecture = np.where(np.arange(model.space.n_edges) == 0, 0, -1)
    edge, readout = np.full_like(model.edge, exponent), np.array([[1.0], [0], [0]])
    model = model.replace(architecture=architecture, edge=edge, readout=readout, bias=[0.0])
    estimator, column = estimator_of(model), np.array([-1.1, -0.4, 0.3, 1.2])
    symbol, equation = sympy.Symbol("x1", real=True), estimator.sympy()
    if abs(exponent) < 100:
        assert equation == symbol**exponent
    by_sympy = [float(equation.subs(symbol, value)) for value in column]
    names: dict[str, Any] = {}
    exec(estimator.python(), names)
    by_source = names["predict"](column, column)
    function, coefficients = estimator.jax()
    by_jax = function(coefficients, np.stack([column, column], axis=1))
    X = np.stack([column, column], axis=1)
    np.testing.assert_allclose(model.predict(X)[:, 0], column**exponent, rtol=1e-12)
    np.testing.assert_allclose(by_source, column**exponent, rtol=1e-12)
    np.testing.assert_allclose(by_sympy, column**exponent, rtol=1e-9)
    np.testing.assert_allclose(np.ravel(by_jax), column**exponent, rtol=1e-4, atol=1e-30)


def test_a_varying_exponent_is_written_out() -> None:
    """Where the exponent depends on the data, whether it is odd does, too."""
    formula = lambda m, x: m.power(x, x + 4.0)  # noqa: E731
    own = Primitive("x_to_the_x", formula)
    space = SearchSpace(1, 1, 1, (lookup("none"), own))
    model = Model(space, OBJECTIVES["real"], [1], np.zeros((1, 0)), [[1.0]], [0.0])
    names: dict[str, Any] = {}
    exec(function_source(model, ["x"], ["y"]), names)
    x = np.array([-3.0, -2.0, -1.0, -0.5, 2.0])
    np.testing.assert_allclose(names["predict"](x), [-3, 4, -1, 0.5**3.5, 64])
    np.testing.assert_allclose(model.predict(x[:, None])[:, 0], names["predict"](x))


def test_reading_shorter_changes_nothing() -> None:
    model = random_model(1, ("sin", "square"), 3)
    estimator = estimator_of(model)
    raw, text, source = estimator.sympy(), estimator.latex(), estimator.python()
    assert len(estimator.sympy(simplify=True)) == 3
    assert estimator.latex(3, simplify=True).count(r"\\") == 2
    assert (estimator.sympy(), estimator.latex(), estimator.python()) == (raw, text, source)


def test_long_equations_are_left_alone() -> None:
    long = sympy.Add(*[sympy.sin(i * x + 0.5) ** 2 * (x + i) for i in range(200)])
    start = time.process_time()
    assert simplified(long) is long
    assert time.process_time() - start < 5


def test_text_that_sympy_reads() -> None:
    """Names that SymPy would run or take for its own become others, which comments list."""
    names = ["ok", "beta", "S", "lambda", "x 0", "x_0", "__import__('os')", "a\n+1"]
    symbols = [sympy.Symbol(name, real=True) for name in names]
    terms = [i * sympy.exp(0.1 * symbol) for i, symbol in enumerate(symbols, 1)]
    text = sympy_source([sum(terms), -symbols[1] / 3])
    read, other = sympy.sympify(text)
    written = dict(re.findall(r"^# (\w+): (.*)$", text, re.M))
    found = {ast.literal_eval(name): key for key, name in written.items()}
    assert found == {
        "beta": "beta_", "S": "S_", "lambda": "lambda_", "x 0": "x_0_2",
        "__import__('os')": "import_os", "a\n+1": "a_1",
    }  # fmt: skip
    assert other == -sympy.Symbol("beta_") / 3
    values = {found.get(name, name): 0.5 * i for i, name in enumerate(names)}
    expected = sum(i * np.exp(0.05 * (i - 1)) for i in range(1, len(names) + 1))
    assert float(read.evalf(subs=values)) == pytest.approx(expected, rel=1e-14)
