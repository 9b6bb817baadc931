"""Equation and prediction are the same function."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sympy

from autora.skl.darts import DARTSRegressor
from autora.skl.darts.equations.simplification import factored, simplified
from autora.skl.darts.equations.symbolic import expressions
from autora.skl.darts.graph.elementary import NUMPY
from autora.skl.darts.graph.model import Edge, Model
from autora.skl.darts.graph.objectives import OBJECTIVES
from autora.skl.darts.graph.primitives import _BUILT_IN, SCIENCE, known_primitives, resolve
from autora.skl.darts.graph.search_space import SearchSpace
from hand_built import estimator_of

NAMES = tuple(name for name in known_primitives() if name in _BUILT_IN)
X = np.random.default_rng(0).uniform(0.2, 1.5, (25, 2))


def build(
    names: tuple[str, ...],
    architecture: list[int],
    edge: Any,
    readout: Any,
    bias: Any,
    objective: str = "real",
    n_nodes: int = 2,
) -> Model:
    readout = np.array(readout, float)
    space = SearchSpace(2, n_nodes, readout.shape[1], resolve(names))
    table = np.zeros((space.n_edges, space.max_params))
    for row, values in zip(table, edge, strict=True):
        row[: len(values)] = values
    return Model(
        space,
        OBJECTIVES[objective],
        np.array(architecture),
        table,
        readout,
        np.array(bias, float),
    )


def random_model(
    rng: np.random.Generator, name: str, n_outputs: int = 1, objective: str = "real"
) -> Model:
    """The named primitive on an input and on a node, anything tame elsewhere."""
    names = tuple(dict.fromkeys((name, "add", "mult", "linear", "logistic", "sin")))
    space = SearchSpace(2, 2, n_outputs, resolve(names))
    architecture = rng.integers(len(names), size=space.n_edges)
    architecture[[0, 4]] = 0
    sizes = space.n_params[architecture]
    edge = [rng.uniform(0.3, 1.2, size) for size in sizes]
    readout = rng.uniform(0.5, 2, (2, n_outputs))
    bias = rng.normal(size=n_outputs)
    return build(names, list(architecture), edge, readout, bias, objective)


def evaluated(model: Model, names: list[str]) -> np.ndarray:
    symbols = [sympy.Symbol(name, real=True) for name in names]
    columns = []
    for expression in expressions(model, names):
        assert expression.free_symbols <= set(symbols)
        function = sympy.lambdify(symbols, expression, "numpy")
        with np.errstate(all="ignore"):
            columns.append(np.broadcast_to(function(*X.T), len(X)))
    return np.stack(columns, axis=1)


@pytest.mark.parametrize("name", NAMES)
def test_equation_is_the_prediction(name: str) -> None:
    rng = np.random.default_rng(len(name))
    compared = 0
    for _ in range(4):
        model = random_model(rng, name)
        predicted = model.predict(X)
        finite = np.isfinite(predicted).all(axis=1)
        found = evaluated(model, ["x1", "x2"])
        np.testing.assert_allclose(found[finite], predicted[finite], rtol=1e-9)
        compared += finite.sum()
    assert compared >= 10


def random_product(rng: np.random.Generator, names: tuple[str, ...]) -> Model:
    """Two edges from every source to every node; at least one node multiplies."""
    space = SearchSpace(2, 3, 1, resolve(names), ("sum", "product"), n_parallel=2)
    architecture = rng.integers(len(names), size=space.n_edges)
    architecture[rng.random(space.n_edges) < 0.6] = -1
    used = np.arange(space.max_params) < space.n_params[architecture][:, None]
    return Model(
        space,
        OBJECTIVES["real"],
        architecture,
        np.where(used, rng.uniform(0.3, 1.2, used.shape), 0),
        rng.uniform(0.5, 2, (3, 1)),
        rng.normal(size=1),
        rng.permutation([0, 1, rng.integers(2)]),
    )


@pytest.mark.parametrize("name", NAMES)
def test_equation_with_products_is_the_prediction(name: str) -> None:
    rng = np.random.default_rng(len(name))
    names = tuple(dict.fromkeys((name, "none", "add", "linear", "sin")))
    compared = 0
    for _ in range(6):
        model = random_product(rng, names)
        predicted = model.predict(X)
        finite = np.isfinite(predicted).all(axis=1)
        found = evaluated(model, ["x1", "x2"])
        np.testing.assert_allclose(found[finite], predicted[finite], rtol=1e-9)
        compared += finite.sum()
    assert compared >= 10


@pytest.mark.parametrize("seed", range(8))
def test_products_by_hand(seed: int) -> None:
    """The value of every node, with nothing of ours but the primitives' formulas."""
    model = random_product(np.random.default_rng(seed), SCIENCE)
    space, columns = model.space, list(X.T)
    with np.errstate(all="ignore"):
        for node in range(space.n_nodes):
            terms = []
            for e in np.flatnonzero((space.targets == node) & (model.architecture >= 0)):
                primitive = space.primitives[model.architecture[e]]
                coefs = model.edge[e, : primitive.n_params]
                if primitive.name != "none":
                    terms.append(primitive(NUMPY, columns[space.sources[e]], *coefs))
            combined = np.prod if model.aggregation[node] else np.sum
            columns.append(combined(terms, axis=0) if terms else np.zeros(len(X)))
        expected = np.stack(columns[2:], axis=1) @ model.readout + model.bias
    np.testing.assert_allclose(model.predict(X), expected, rtol=1e-12)


def product(chosen: list[tuple], aggregation: list[int], readout: Any) -> Model:
    """A model of one input, then the latent nodes, from (primitive, coefficients…)."""
    names = ("none", "add", "mult", "shift", "linear", "sin")
    nodes = len(aggregation)
    space = SearchSpace(1, nodes, 1, resolve(names), ("sum", "product"), None, 2)
    table = np.zeros((space.n_edges, space.max_params))
    for row, (_, *coefs) in zip(table, chosen, strict=True):
        row[: len(coefs)] = coefs
    index = [names.index(name) for name, *_ in chosen]
    return Model(space, OBJECTIVES["real"], index, table, readout, np.zeros(1), aggregation)


@pytest.mark.parametrize(
    ("chosen", "aggregation", "console", "latex"),
    [
        (
            [("add",), ("shift", 3)],
            [1],
            "x1*(x1 + 3)",
            r"x_{1} \left(x_{1} + 3\right)",
        ),
        ([("add",), ("sin",)], [0], "x1 + sin(x1)", r"x_{1} + \sin{\left(x_{1} \right)}"),
        ([("mult", 2), ("none",)], [1], "2*x1", "2 x_{1}"),
        (
            [("linear", 2, -1), ("linear", 3, 0.5)],
            [1],
            "(2*x1 - 1)*(3*x1 + 0.5)",
            r"\left(2 x_{1} - 1\right) \left(3 x_{1} + 0.5\right)",
        ),
    ],
)
def test_products_are_printed_with_brackets(
    chosen: list[tuple], aggregation: list[int], console: str, latex: str
) -> None:
    estimator = estimator_of(product(chosen, aggregation, [[1]]), ["x1"])
    nodes = estimator.model_repr(latent_nodes=True)
    assert nodes == f"Model:\nk_1 = {console}\ny = k_1"
    assert estimator.latex() == f"y = {latex}"


def test_architecture_in_one_line() -> None:
    chosen = [("add",), ("sin",), ("shift", 3), ("none",), ("mult", 2), ("add",)]
    model = product(chosen, [1, 0], [[0], [1]])
    expected = "k1 = add(dose) * sin(dose); k2 = shift(dose) + mult(k1) + add(k1)"
    assert model.describe(["dose"]) == expected
    alone = model.replace(readout=np.array([[1.0], [0.0]]))
    assert alone.describe(["dose"]) == "k1 = add(dose) * sin(dose)"


def test_product_of_nothing_is_nothing() -> None:
    chosen = [("none",), ("none",), ("add",), ("none",), ("none",), ("none",)]
    model = product(chosen, [1, 1], [[5], [1]])
    np.testing.assert_array_equal(model.predict(X[:, :1]), X[:, :1])
    text = estimator_of(model, ["x1"]).model_repr(latent_nodes=True)
    assert text == "Model:\nk_2 = x1\ny = k_2"


def test_aggregation_is_a_sum_by_default() -> None:
    model = example()
    assert model.aggregation.tolist() == [0, 0] and not model.products.any()
    only = SearchSpace(1, 1, 1, resolve(("add", "shift")), ("product",), n_parallel=2)
    zero = np.zeros
    same = Model(only, OBJECTIVES["real"], [0, 1], [[0], [2]], [[1]], zero(1))
    np.testing.assert_allclose(same.predict(X[:, :1]), X[:, :1] * (X[:, :1] + 2))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"aggregations": ()}, "aggregations must name"),
        ({"aggregations": ("sum", "mean")}, "aggregations must name"),
        ({"aggregations": ("sum", "sum")}, "aggregations must name"),
        ({"max_in_degree": 0}, "max_in_degree must be"),
        ({"n_parallel": 0}, "n_parallel must be"),
    ],
)
def test_space_refuses(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SearchSpace(2, 2, 1, resolve(("add",)), **changes)


@pytest.mark.parametrize("n_parallel", [1, 3])
def test_tables_of_the_space(n_parallel: int) -> None:
    space = SearchSpace(2, 3, 1, resolve(("add",)), n_parallel=n_parallel)
    pairs = [(s, t) for t in range(3) for s in range(2 + t) for _ in range(n_parallel)]
    assert space.n_edges == len(pairs)
    assert list(zip(space.sources, space.targets, strict=True)) == pairs
    for node in range(3):
        assert set(space.targets[space.edges_into(node)]) == {node}
    copies = [i % n_parallel for i in range(len(pairs))]
    numbers = [space.edge_number(*p, i) for p, i in zip(pairs, copies, strict=True)]
    assert numbers == list(range(len(pairs)))


@pytest.mark.parametrize("seed", range(8))
def test_model_from_its_edges(seed: int) -> None:
    """The same equation, whichever of two parallel edges was in use."""
    model = random_product(np.random.default_rng(seed), SCIENCE)
    parts = model.space, model.objective, model.edges()
    same = Model.from_edges(*parts, model.readout, model.bias, model.aggregation)
    assert [replace(edge, index=-1) for edge in same.edges()] == [
        replace(edge, index=-1) for edge in model.edges()
    ]
    np.testing.assert_array_equal(same.predict(X), model.predict(X))


def test_model_from_too_many_parallel_edges() -> None:
    space = SearchSpace(1, 1, 1, resolve(("none", "add")))
    edges = [Edge(0, 0, space.primitives[1], ())] * 2
    with pytest.raises(ValueError, match="1 edges from node 0 to latent node 0"):
        Model.from_edges(space, OBJECTIVES["real"], edges, np.ones((1, 1)), np.zeros(1))


@pytest.mark.parametrize("kind", OBJECTIVES)
@pytest.mark.parametrize("n_outputs", [2, 3])
def test_every_output_type(kind: str, n_outputs: int) -> None:
    rng = np.random.default_rng(n_outputs)
    model = random_model(rng, "tanh", n_outputs, kind)
    predicted = estimator_of(model).predict(X)
    np.testing.assert_allclose(evaluated(model, ["a", "b"]), predicted, rtol=1e-9)
    assert len(estimator_of(model).sympy()) == n_outputs


@pytest.mark.parametrize("kind", ["sigmoid", "probability_sample"])
def test_one_output_with_a_link(kind: str) -> None:
    model = random_model(np.random.default_rng(0), "exp", 1, kind)
    found = estimator_of(model).sympy()
    function = sympy.lambdify(sorted(found.free_symbols, key=str), found)
    np.testing.assert_allclose(function(*X.T), model.predict(X)[:, 0], rtol=1e-9)


def terms(text: str) -> list[tuple[str, list[str]]]:
    """Left-hand side and sorted summands of every line; their order is free."""
    lines = [line.split(" = ") for line in text.splitlines() if line != "Model:"]
    return [(a, sorted(b.replace(" - ", " + -").split(" + "))) for a, b in lines]


NAMED = ("none", "add", "subtract", "mult", "linear", "linear_exp", "linear_relu")


def example(objective: str = "real") -> Model:
    return build(
        NAMED,
        [3, 5, 1, 0, 4],
        [[1.2345], [0.5, -2], [], [], [3, 0.125]],
        [[1, 0], [0, -2.5]],
        [0, 0.75],
        objective,
    )


def test_console() -> None:
    text = estimator_of(example()).model_repr(latent_nodes=True)
    assert text.startswith("Model:\n")
    assert terms(text) == [
        ("k_1", ["0.14*exp(0.5*x2)", "1.23*x1"]),
        ("k_2", ["0.125", "3*k_1", "x1"]),
        ("y1", ["k_1"]),
        ("y2", ["-2.5*k_2", "0.75"]),
    ]


def test_labels_and_decimals() -> None:
    text = estimator_of(example()).model_repr(
        input_labels=["dose", "time"],
        output_labels=["rate", "count"],
        output_function_label="P",
        decimals_to_display=3,
        latent_nodes=True,
    )
    assert terms(text) == [
        ("k_1", ["0.135*exp(0.5*time)", "1.234*dose"]),
        ("k_2", ["0.125", "3*k_1", "dose"]),
        ("P(rate)", ["k_1"]),
        ("P(count)", ["-2.5*k_2", "0.75"]),
    ]


def test_labels_of_the_data() -> None:
    estimator = estimator_of(example(), ["dose", "time"], ["rate", "count"])
    lines = terms(estimator.model_repr(latent_nodes=True))
    assert lines[0] == ("k_1", ["0.14*exp(0.5*time)", "1.23*dose"])
    assert [name for name, _ in lines] == ["k_1", "k_2", "rate", "count"]


def test_latex() -> None:
    text = estimator_of(example()).model_repr(output_format="latex", latent_nodes=True)
    assert terms(text) == [
        ("k_{1}", ["0.14 e^{0.5 x_{2}}", "1.23 x_{1}"]),
        ("k_{2}", ["0.125", "3 k_{1}", "x_{1}"]),
        ("y_{1}", ["k_{1}"]),
        ("y_{2}", ["-2.5 k_{2}", "0.75"]),
    ]


def test_latex_function_label() -> None:
    text = estimator_of(example()).model_repr(
        output_labels=["rate", "y"],
        output_function_label="P",
        output_format="latex",
        latent_nodes=True,
    )
    assert terms(text)[-2:] == [
        (r"P\left(\text{rate}\right)", ["k_{1}"]),
        (r"P\left(y\right)", ["-2.5 k_{2}", "0.75"]),
    ]


def test_latex_method_substitutes_the_nodes() -> None:
    first, second = estimator_of(example()).latex(1).split(r" \\ ")
    assert terms(first) == [("y_{1}", ["0.1 e^{0.5 x_{2}}", "1.2 x_{1}"])]
    assert second.startswith("y_{2} = ") and "k_" not in second


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("sigmoid", "logistic"),
        ("probability", "logistic"),
        ("probability_sample", "logistic"),
        ("probability_distribution", "softmax"),
    ],
)
def test_link_is_printed(kind: str, name: str) -> None:
    estimator = estimator_of(example(kind))
    text = estimator.model_repr(latent_nodes=True)
    assert text.splitlines()[-2] == f"y1 = {name}(k_1)"
    assert f"y1 = {name}(1.23*x1 + 0.14*exp(0.5*x2))" in estimator.model_repr()
    latex = estimator.model_repr(output_format="latex", latent_nodes=True).splitlines()[-2]
    assert latex == rf"y_{{1}} = \operatorname{{{name}}}\left(k_{{1}}\right)"


@pytest.mark.parametrize("value", [1e-7, -3.21e-12, 4.5e8 + 0.5, 1e100])
def test_extreme_coefficients_stay_legible(value: float) -> None:
    model = build(("none", "mult"), [1, 0], [[value], []], [[1]], [0], n_nodes=1)
    estimator = estimator_of(model)
    right = estimator.model_repr().splitlines()[1].split(" = ")[1]
    assert float(right.removesuffix("*x1")) == pytest.approx(value, rel=0.01)
    power = int(f"{value:e}".split("e")[1])
    assert rf"\cdot 10^{{{power}}}" in estimator.latex()


@pytest.mark.parametrize("decimals", [0, 1, 5])
def test_rounding_is_for_display_only(decimals: int) -> None:
    estimator = estimator_of(example())
    before = estimator.predict(X)
    text = estimator.model_repr(decimals_to_display=decimals)
    assert f"{1.2345:.{decimals}f}*x1" in text or decimals == 0
    assert "0.5*x2" in text  # a round number loses nothing
    estimator.latex(decimals)
    np.testing.assert_array_equal(estimator.predict(X), before)
    np.testing.assert_allclose(evaluated(example(), ["a", "b"]), before, rtol=1e-14)


def test_dead_node_is_not_printed() -> None:
    model = build(NAMED, [3, 0, 1, 1, 0], [[2], [], [], [], []], [[1], [0]], [0])
    assert model.live_nodes() == {0}
    assert estimator_of(model).model_repr() == "Model:\ny = 2*x1"
    nodes = estimator_of(model).model_repr(latent_nodes=True)
    assert nodes == "Model:\nk_1 = 2*x1\ny = k_1"


def test_node_without_edges_is_not_printed() -> None:
    model = build(NAMED, [0, 0, 1, 0, 1], [[]] * 5, [[1], [1]], [0])
    nodes = estimator_of(model).model_repr(latent_nodes=True)
    assert nodes == "Model:\nk_2 = x1\ny = k_2"


def test_node_that_only_feeds_another_is_printed() -> None:
    model = build(NAMED, [3, 0, 0, 0, 5], [[2], [], [], [], [1, 0.5]], [[0], [1]], [0])
    assert model.live_nodes() == {0, 1}
    assert terms(estimator_of(model).model_repr(latent_nodes=True)) == [
        ("k_1", ["2*x1"]),
        ("k_2", ["1.65*exp(k_1)"]),
        ("y", ["k_2"]),
    ]


def test_constant_model() -> None:
    model = build(NAMED, [0] * 5, [[]] * 5, [[0], [0]], [2.5])
    estimator = estimator_of(model)
    assert estimator.model_repr() == "Model:\ny = 2.5"
    assert estimator.latex() == "y = 2.5"
    assert float(estimator.sympy()) == 2.5


ODD = ["lambda", "x[0]", "a b", "S_1", "E", "I", "100%", "$", "\\alpha", "k_1", "é"]


@pytest.mark.parametrize("name", ODD)
def test_odd_column_names(name: str, quick: dict[str, Any]) -> None:
    frame = pd.DataFrame(X, columns=[name, "z"])
    target = pd.Series(2 * X[:, 0] - X[:, 1], name=f"{name} out")
    quick["primitives"] = ["none", "add", "subtract", "mult"]
    model = DARTSRegressor(**quick).fit(frame, target)
    symbols = {str(symbol) for symbol in model.sympy().free_symbols}
    assert symbols == {name, "z"}
    console = model.model_repr()
    plain = name in ("S_1", "E", "I", "k_1", "é")
    assert (f"2*{name}" if plain else f"2*`{name}`") in console.replace("2.00", "2")
    assert f"\n{name} out = " in console
    for text in (model.latex(), model.model_repr(output_format="latex")):
        assert text.count("{") == text.count("}")
    symbols_in_order = [sympy.Symbol(n, real=True) for n in (name, "z")]
    function = sympy.lambdify(symbols_in_order, model.sympy())
    np.testing.assert_allclose(function(*X.T), model.predict(frame), rtol=1e-9)


@pytest.mark.parametrize(
    ("name", "latex"),
    [
        ("x1", "x_{1}"),
        ("S_1", "S_{1}"),
        ("a", "a"),
        ("a b", r"\left(\text{a b}\right)"),
        ("lambda", r"\text{lambda}"),
        ("a_b", "a_{b}"),
        ("a_bc", r"\text{a}\_\text{bc}"),
        ("5%", r"\left(\text{5}\%\right)"),
        (
            "a^b~c\\d",
            r"\left(\text{a}\wedge{}\text{b}\sim{}\text{c}\backslash{}\text{d}\right)",
        ),
    ],
)
def test_latex_names(name: str, latex: str) -> None:
    model = build(("none", "add"), [1, 0], [[], []], [[1]], [0], n_nodes=1)
    assert estimator_of(model, [name, "z"]).latex() == f"y = {latex}"


def test_whole_exponents_that_sympy_makes() -> None:
    """exp(1.0·ln x) is x, not x**1.0."""
    vocabulary = ("none", "ln", "scaled_exp")
    model = build(vocabulary, [1, 0, 0, 0, 2], [[], [], [], [], [1.0]], [[0], [1]], [0])
    assert str(estimator_of(model).sympy()) == "x1"


def test_a_column_may_share_a_latent_node_s_name() -> None:
    """Input k_1 and latent node k_1 must not be added up."""
    model = build(NAMED, [1, 0, 1, 0, 1], [[]] * 5, [[0], [1]], [0])
    text = estimator_of(model, ["k_1", "z"]).model_repr(latent_nodes=True)
    assert "2*k_1" not in text


@pytest.mark.parametrize(
    ("name", "coefs", "console", "latex"),
    [
        ("power", (1.5,), "abs(x1)**1.5", r"\left|{x_{1}}\right|^{1.5}"),
        ("shift", (-2,), "x1 - 2", "x_{1} - 2"),
        ("square", (), "x1**2", "x_{1}^{2}"),
        ("linear_sqrt", (2, 1), "sqrt(2*x1 + 1)", r"\sqrt{2 x_{1} + 1}"),
    ],
)
def test_powers_and_shifts(
    name: str, coefs: tuple[float, ...], console: str, latex: str
) -> None:
    model = build(("none", name), [1, 0], [coefs, ()], [[1]], [0], n_nodes=1)
    estimator = estimator_of(model)
    nodes = estimator.model_repr(latent_nodes=True)
    assert nodes == f"Model:\nk_1 = {console}\ny = k_1"
    assert estimator.latex() == f"y = {latex}"


def test_no_exact_numbers_inside_of_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    """SymPy asks for the sign of tanh's imaginary part: with fractions, for 24 GiB."""
    x, y, z = sympy.symbols("x y z", real=True)
    inside = 0.0384696605758338 * x + 0.0560295381138868 * sympy.log(y)
    long = sympy.tanh(inside + 0.0560295381138868 / sympy.Abs(z) ** 1.27323954473516 - 0.3)
    monkeypatch.setattr(sympy, "nsimplify", None)  # not to be called
    assert simplified(1.0 * x * long) == x * long


def test_fractions_are_still_found() -> None:
    x, y = sympy.symbols("x y", real=True)
    assert simplified(1.0 * x / (x + y) + y / (x + y)) == 1


@pytest.mark.parametrize("power", [1e-3, -1e-3, 5e-324])
def test_factors_that_no_power_takes_in(power: float) -> None:
    """3^1000 is no number of double precision."""
    x = sympy.Symbol("x", real=True)
    law = 3.7 * sympy.Abs(x + 1.5) ** power + 3.7 * (0.5 * x**2 + 1.5) ** power
    found = sympy.lambdify(x, simplified(law))
    np.testing.assert_allclose(found(X[:, 0]), sympy.lambdify(x, law)(X[:, 0]), rtol=1e-9)


def test_numbers_of_thousands_of_digits_are_left_alone() -> None:
    """Exact, a power of a fitted number keeps SymPy's factoring busy for hours."""
    x, z = sympy.symbols("x z", real=True)
    small = sympy.Float("1.234567890123456e-308")
    heavy = (x * small + z) * (x + 2.5) / (small * z + 1)
    assert factored(heavy) == heavy
    light = 1.5 * x**2 + 1.5 * x * z
    assert str(factored(light)) == "1.5*x*(x + z)"
