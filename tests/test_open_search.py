"""The automatic search: it finds laws, tells the truth and keeps its promises."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy
from sklearn.exceptions import ConvergenceWarning

from autora.skl.darts import DARTSRegressor

Law = Callable[[np.ndarray], np.ndarray]


def data(law: Law, inputs: int, rows: int = 150, seed: int = 0) -> tuple:
    X = np.random.default_rng(seed).uniform(0.5, 3, (rows, inputs))
    return X, law(X)


def saturation(X: np.ndarray) -> np.ndarray:
    return 3 * X[:, 0] / (X[:, 0] + 1.5)


LAWS: dict[str, tuple[Law, int]] = {
    "michaelis_menten": (saturation, 1),
    "power": (lambda X: 2 * X[:, 0] ** 0.8, 1),
    "weber_fechner": (lambda X: np.log(X[:, 1] / X[:, 0]), 2),
    "product": (lambda X: X[:, 0] * X[:, 1] / X[:, 2], 3),
    "learning": (lambda X: 1 - 0.7 * np.exp(-0.5 * X[:, 0] * X[:, 1]), 2),
    "tutorial": (lambda X: 2 * X[:, 0] + np.exp(5 * X[:, 1]), 2),
}


@pytest.mark.parametrize("name", LAWS)
def test_everyday_laws_are_found(name: str) -> None:
    X, y = data(*LAWS[name])
    model = DARTSRegressor(random_state=0, n_candidates=30_000).fit(X, y)
    wide = np.random.default_rng(1).uniform(0.3, 4, (100, X.shape[1]))
    truth = LAWS[name][0](wide)
    assert np.mean((model.predict(X) - y) ** 2) < 1e-16 * np.var(y)
    np.testing.assert_allclose(model.predict(wide), truth, rtol=1e-6)
    assert len(list(model.model_.edges())) <= 6


@pytest.mark.parametrize("offset", [0.0, 1e5])
def test_an_imitation_does_not_end_the_search(offset: float) -> None:
    """Differences of cosines fit this law to 1e-22; only rounding counts as exact."""
    X = np.linspace(-1, 1, 60)[:, None]
    y = offset + 0.3 * X[:, 0] * np.sin(2 * np.pi * X[:, 0])
    model = DARTSRegressor(random_state=0, n_candidates=60_000).fit(X, y)
    error = np.mean((model.predict(X) - y) ** 2)
    assert model.history_.refits[-1] < 60_000  # it knew that it was done
    if offset == 0:
        # Which of the exact forms is found depends on how the processor rounds.
        assert error < 1e-27
    else:  # what rounding leaves of the law has other explanations
        assert error < 1e-16 * np.var(y)


@pytest.fixture(scope="module")
def noisy() -> tuple[np.ndarray, np.ndarray]:
    X, y = data(saturation, 1, 120)
    return X, y + 0.05 * np.random.default_rng(2).normal(size=120)


@pytest.fixture(scope="module")
def trained(noisy: tuple) -> DARTSRegressor:
    return DARTSRegressor(random_state=0, n_candidates=6000).fit(*noisy)


def test_noise_does_not_breed_complexity(trained: DARTSRegressor, noisy: tuple) -> None:
    X, _ = noisy
    assert trained.score(X, saturation(X)) > 0.995
    assert len(list(trained.model_.edges())) <= 3


def test_same_seed_same_bits(trained: DARTSRegressor, noisy: tuple) -> None:
    again = DARTSRegressor(random_state=0, n_candidates=6000).fit(*noisy)
    np.testing.assert_array_equal(again.predict(noisy[0]), trained.predict(noisy[0]))
    np.testing.assert_array_equal(again.network_.weights, trained.network_.weights)


def test_equations_table(trained: DARTSRegressor, noisy: tuple) -> None:
    table = trained.equations_
    first = ["selected", "complexity", "loss", "criterion", "holdout", "weight", "score"]
    assert list(table.columns) == [*first, "equation", "architecture"]
    assert table.complexity.is_monotonic_increasing
    assert len(table) >= 3
    chosen = table.criterion.idxmin()
    assert table.index[table.selected].tolist() == [chosen] == [trained.selected_]
    loss = np.mean((trained.predict(noisy[0]) - noisy[1]) ** 2)
    assert table.loss[chosen] == pytest.approx(loss, rel=1e-6)
    for text in table.equation:
        sympy.sympify(text.replace("|x1|", "Abs(x1)").replace("|", ""))


@pytest.mark.parametrize("selection", ["bic", "aic", "loss", "holdout", "callable"])
def test_model_selection(selection: str, noisy: tuple) -> None:
    chosen = (lambda table: table.index[0]) if selection == "callable" else selection
    model = DARTSRegressor(random_state=0, n_candidates=3000, model_selection=chosen)
    model.fit(*noisy)
    table = model.equations_
    loss = np.mean((model.predict(noisy[0]) - noisy[1]) ** 2)
    if selection == "holdout":
        assert table.holdout.notna().all()
        assert model.score(noisy[0], saturation(noisy[0])) > 0.95
    else:
        losses = [table.loss[0]] if selection == "callable" else table.loss
        assert np.isclose(losses, loss, rtol=1e-5).any()
    if selection == "loss":
        # Coefficients are made round at a price that the data cannot tell; there are many.
        assert loss <= 1.1 * table.loss.min()


def test_a_selection_that_names_no_row(noisy: tuple) -> None:
    model = DARTSRegressor(
        random_state=0, n_candidates=500, model_selection=lambda table: "nothing"
    )
    with pytest.raises(ValueError, match="model_selection must return a label"):
        model.fit(*noisy)


def test_a_row_can_be_made_the_model(noisy: tuple) -> None:
    model = DARTSRegressor(random_state=0, n_candidates=3000).fit(*noisy)
    table = model.equations_
    assert model.select_equation(0) is model
    loss = np.mean((model.predict(noisy[0]) - noisy[1]) ** 2)
    assert loss == pytest.approx(table.loss[0], rel=1e-6)
    assert len(model.coefficients_) and np.isfinite(model.coefficients_.coefficient).all()
    chosen = model.model_.architecture
    model.set_params(max_epochs=0).fit(*noisy)  # the weights have moved along
    again = np.mean((model.predict(noisy[0]) - noisy[1]) ** 2)
    np.testing.assert_array_equal(model.model_.architecture, chosen)
    # Rows of the table have the best coefficients; those of a fit may become round.
    assert loss * (1 - 1e-6) <= again <= loss * 1.03
    for row in (-1, len(table), "0"):
        with pytest.raises(ValueError, match="row must be one of"):
            model.select_equation(row)


def test_sample_again_and_return_to_the_mode() -> None:
    X, y = data(*LAWS["product"])
    model = DARTSRegressor(random_state=0, n_candidates=5000).fit(X, y)
    before = model.network_.weights
    model.set_params(max_epochs=0, sampling_strategy="sample").fit(X, y)
    assert np.isfinite(model.predict(X)).all()
    model.set_params(sampling_strategy="max").fit(X, y)
    np.testing.assert_array_equal(model.network_.weights, before)
    assert model.score(X, y) > 1 - 1e-12


def test_samples_are_equations_found_by_their_criterion(noisy: tuple) -> None:
    """Drawn as often as exp(−criterion/2) says, with the coefficients of a refit."""
    model = DARTSRegressor(random_state=0, n_candidates=3000).fit(*noisy)
    network = model.network_
    assert network.probability.sum() == pytest.approx(1)
    best = model.equations_.criterion.min()
    likely = model.equations_[model.equations_.criterion < best + 6]
    known = {
        text: np.exp(-0.5 * (c - best))
        for text, c in zip(likely.architecture, likely.criterion, strict=True)
    }
    drawn: dict[str, int] = {}
    model.set_params(max_epochs=0, sampling_strategy="sample")
    for seed in range(40):
        model.set_params(random_state=seed).fit(*noisy)
        form = model.model_.describe(["x1"])
        drawn[form] = drawn.get(form, 0) + 1
        assert model.score(*noisy) > 0.9
    often = max(known, key=lambda text: known[text])
    assert drawn.get(often, 0) >= 40 * network.probability.max() - 4 * np.sqrt(40)


def test_warm_start_never_loses(noisy: tuple) -> None:
    model = DARTSRegressor(random_state=0, n_candidates=2000, warm_start=True).fit(*noisy)
    first = model.equations_.criterion.min()
    model.fit(*noisy)
    assert model.equations_.criterion.min() <= first + 1e-6


def test_the_history_is_of_the_best_so_far(trained: DARTSRegressor) -> None:
    history = trained.history_
    refits, criterion, error = map(
        np.diff, (history.refits, history.criterion, history.error)
    )
    assert len(refits) > 1 and (refits >= 0).all()
    assert (criterion <= 0).all() and (error[criterion == 0] == 0).all()
    assert len(pickle.loads(pickle.dumps(history)).refits) == len(history.refits)


def test_pickle(trained: DARTSRegressor, noisy: tuple) -> None:
    copy = pickle.loads(pickle.dumps(trained))
    np.testing.assert_array_equal(copy.predict(noisy[0]), trained.predict(noisy[0]))
    assert copy.equations_.equals(trained.equations_)


def test_model_file(trained: DARTSRegressor, noisy: tuple) -> None:
    """What a file keeps of an open search; the rest is in test_model_files."""
    copy = DARTSRegressor.from_json(trained.to_json())
    # The rows of the data are not for everyone who has the file.
    assert vars(copy).keys() | {"_rows_to_check"} == vars(trained).keys()
    np.testing.assert_array_equal(copy.predict(noisy[0]), trained.predict(noisy[0]))
    np.testing.assert_array_equal(copy.network_.weights, trained.network_.weights)
    np.testing.assert_array_equal(copy.history_.error, trained.history_.error)
    assert copy.equations_.equals(trained.equations_)
    assert copy.coefficients_.equals(trained.coefficients_)
    other = pickle.loads(pickle.dumps(trained))
    for model in (copy, other):
        model.set_params(max_epochs=0, sampling_strategy="sample").fit(*noisy)
    np.testing.assert_array_equal(copy.predict(noisy[0]), other.predict(noisy[0]))


def test_a_budget_that_is_too_small_says_so(noisy: tuple) -> None:
    model = DARTSRegressor(random_state=0, max_time=1e-3)
    with pytest.warns(ConvergenceWarning, match="hardly a search") as caught:
        model.fit(*noisy)
    assert caught[0].filename == __file__
    assert np.isfinite(model.predict(noisy[0])).all()


def test_nothing_to_monitor(noisy: tuple) -> None:
    model = DARTSRegressor(random_state=0, n_candidates=1000, execution_monitor=print)
    with pytest.warns(
        UserWarning, match="not used in this fit: execution_monitor"
    ) as caught:
        model.fit(*noisy)
    assert caught[0].filename == __file__


def test_nothing_to_keep(noisy: tuple) -> None:
    model = DARTSRegressor(random_state=0, n_candidates=1000, max_epochs=0)
    with pytest.warns(UserWarning, match="not fitted: they are searched for"):
        model.fit(*noisy)
    assert model.score(*noisy) > 0.9


def test_without_a_finite_graph_the_model_is_a_constant() -> None:
    X, y = -np.arange(1.0, 20.0)[:, None], np.arange(19.0)
    model = DARTSRegressor(primitives=["none", "ln"], n_candidates=500, random_state=0)
    with pytest.warns(ConvergenceWarning, match="best constant") as caught:
        model.fit(X, y)
    assert not model.converged_
    np.testing.assert_allclose(model.predict(X), 9.0)
    assert caught[-1].filename == __file__


def test_named_primitives_and_nothing_else(noisy: tuple) -> None:
    model = DARTSRegressor(
        primitives=["add", "mult", "tanh"],
        aggregations=["sum"],
        max_in_degree=2,
        n_candidates=2000,
        random_state=0,
    ).fit(*noisy)
    used = {edge.primitive.name for m in model.candidates_ for edge in m.edges()}
    assert used <= {"add", "mult", "tanh"}
    for found in model.candidates_:
        assert not found.products.any()
        targets = [edge.target for edge in found.edges()]
        assert max(np.bincount(targets)) <= 2


def test_counted_nodes_that_multiply() -> None:
    X, y = data(*LAWS["product"])
    model = DARTSRegressor(
        num_graph_nodes=1,
        primitives=["none", "add", "reciprocal"],
        aggregations=["sum", "product"],
        n_candidates=2000,
        random_state=0,
    ).fit(X, y)
    assert model.score(X, y) > 1 - 1e-12
    assert model.model_.space.n_nodes == 1
    assert (model.model_.readout == 1).all()  # not trained unless asked for


ODD: dict[str, Any] = {
    "one row": (1, 1, lambda X: X[:, 0]),
    "ten rows": (10, 2, lambda X: X[:, 0] ** 2),
    "constant y": (30, 2, lambda X: np.full(len(X), 4.0)),
    "zeros": (30, 2, lambda X: np.zeros(len(X))),
    "large units": (60, 2, lambda X: 1e9 * X[:, 0]),
    "small units": (60, 2, lambda X: 1e-9 * X[:, 0]),
    "30 inputs": (100, 30, lambda X: X[:, 3] * X[:, 7]),
    "many rows": (20_000, 2, lambda X: X[:, 0] + np.sin(X[:, 1])),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_data(name: str) -> None:
    rows, inputs, law = ODD[name]
    X, y = data(law, inputs, rows)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        model = DARTSRegressor(random_state=0, n_candidates=4000).fit(X, y)
    scale = max(np.abs(y).max(), 1e-300)
    np.testing.assert_allclose(model.predict(X) / scale, y / scale, atol=1e-6)


def test_duplicate_and_constant_columns() -> None:
    X, y = data(LAWS["product"][0], 3)
    X = np.column_stack([X, X[:, 0], np.full(len(X), 2.0), 1e6 * X[:, 1]])
    model = DARTSRegressor(random_state=0, n_candidates=8000).fit(X, y)
    assert model.score(X, y) > 1 - 1e-9
