"""The choice of the equation: few rows, noise, known errors, weights, round numbers."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp
from sklearn import config_context
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import cross_validate

from autora.skl.darts import DARTSClassifier, DARTSRegressor
from autora.skl.darts.estimators.diagnostics import DataWarning
from autora.skl.darts.graph.observations import canonical, common_unit, grid_step
from autora.skl.darts.selection import SELECTIONS
from autora.skl.darts.selection.criteria import Evidence, criterion, is_exact, misfit
from autora.skl.darts.selection.pareto import Row, are_alike, scores

Law = Callable[[np.ndarray], np.ndarray]

LAWS: dict[str, tuple[Law, tuple[float, float]]] = {
    "power": (lambda x: 2.3 * x**0.62, (0.2, 9)),
    "forgetting": (lambda x: 0.9 * np.exp(-0.35 * x) + 0.08, (0, 12)),
    "saturation": (lambda x: 7.2 * x / (1.6 + x), (0.1, 10)),
    "logarithm": (lambda x: 1.8 * np.log(x / 0.4), (0.5, 5)),
}


def rows(name: str, n: int, noise: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """``noise`` is a share of the spread of the law's values."""
    law, (low, high) = LAWS[name]
    rng = np.random.default_rng(seed)
    x = rng.uniform(low, high, n)
    y = law(x)
    return x[:, None], y + noise * y.std() * rng.normal(size=n)


def fitted(X: Any, y: Any, *fit: Any, **settings: Any) -> DARTSRegressor:
    """A fit whose warnings are not the point."""
    settings = {"random_state": 0, "n_candidates": 6000} | settings
    known = settings.pop("known", {})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return DARTSRegressor(**settings).fit(X, y, *fit, **known)


# The criterion


def evidence_of_a_line(x: np.ndarray, y: np.ndarray, degree: int) -> float:
    """−2 log-evidence of a polynomial: flat priors, σ integrated out with prior 1/σ."""
    design = np.vander(x, degree + 1)
    left = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    square, n, k = left @ left, len(x), degree + 1

    def likelihood(log_sigma: float) -> float:
        # What remains of σ^−n once the k coefficients are integrated out is σ^−(n − k).
        sigma = np.exp(log_sigma)
        scale = np.sqrt(square / n)
        return float(
            np.exp(-(n - k) * np.log(sigma / scale) - square / (2 * sigma**2) + n / 2)
        )

    middle = 0.5 * np.log(square / n)
    value = quad(likelihood, middle - 8, middle + 8, limit=400)[0]
    scale = np.sqrt(square / n)
    return -2 * (np.log(value) - (n - k) * np.log(scale) - n / 2)


def test_the_misfit_is_the_evidence_with_the_noise_integrated_out() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, 15)
    known = Evidence(15, 15)
    for degree in (1, 3, 6):
        change = []
        for noise in (0.1, 0.4):  # the same k, another S: what the criterion compares
            y = x + noise * np.sin(20 * x)
            design = np.vander(x, degree + 1)
            left = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
            change.append(
                (evidence_of_a_line(x, y, degree), misfit(known, left @ left, degree + 1))
            )
        (exact, ours), (other_exact, other) = change
        assert other - ours == pytest.approx(other_exact - exact, abs=1e-4)


def test_equations_without_any_error_have_finite_scores() -> None:
    rows: Any = [Row(None, size, 0.0, -100.0) for size in (2.0, 4.0)]
    assert scores(rows).tolist() == [0.0, 0.0]


def test_an_equation_with_a_coefficient_for_every_row_gains_nothing() -> None:
    known = Evidence(8, 8)
    constant = misfit(known, 1.0, 1)
    for k in (8, 9, 20):
        assert criterion(known, 0.0, k, 3.0) > constant
        assert not is_exact(known, 0.0, k)
    assert is_exact(known, 0.0, 7)
    assert not is_exact(Evidence(300, 16), 0.0, 16)  # 300 rows, 16 of them different


def test_errors_below_the_floor_do_not_count() -> None:
    known = Evidence(50, 50, floor=0.01)
    at, below, far_below = (misfit(known, share, 3) for share in (0.01, 0.005, 1e-9))
    # The likelihood of errors whose standard deviation is known: χ² and no more.
    assert at - below == pytest.approx(47 * 0.5)
    assert at - far_below == pytest.approx(47, rel=1e-6)
    assert misfit(known, 0.04, 3) - at == pytest.approx(47 * np.log(4))
    # What is exact, with rows to spare, was not measured with that error.
    assert misfit(known, 0.0, 3) < at - 1000


# Nothing there


@pytest.mark.parametrize("n", [10, 30, 100])
def test_noise_alone_is_a_constant(n: int) -> None:
    given = 0
    for seed in range(4):
        rng = np.random.default_rng([n, seed])
        X, y = rng.uniform(0, 3, (n, 2)), 5 + rng.normal(size=n)
        model = fitted(X, y)
        table = model.equations_
        assert table.complexity[0] == 0
        assert table.loss[0] == pytest.approx(y.var())
        given += model.selected_ != 0
        if model.selected_ == 0:
            np.testing.assert_allclose(model.predict(X), y.mean())
    assert given <= 1


def test_one_warning_says_with_numbers_that_nothing_was_found() -> None:
    rng = np.random.default_rng(3)
    X, y = rng.uniform(0, 3, (40, 2)), rng.normal(size=40)
    with pytest.warns(DataWarning) as seen:
        model = DARTSRegressor(random_state=0, n_candidates=3000).fit(X, y)
    [warning] = [w for w in seen if "no equation explains y" in str(w.message)]
    assert "R² = 0." in str(warning.message) and "40 rows" in str(warning.message)
    row = int(str(warning.message).split("select_equation(")[1].split(")")[0])
    model.select_equation(row)
    assert model.selected_ == row and np.ptp(model.predict(X)) > 0


def test_the_constant_answers_max_epochs_0_and_files(tmp_path: Any) -> None:
    rng = np.random.default_rng(3)
    X, y = rng.uniform(0, 3, (40, 2)), rng.normal(size=40)
    model = fitted(X, y)
    model.save(tmp_path / "model.json")
    loaded = DARTSRegressor.load(tmp_path / "model.json")
    assert loaded.selected_ == model.selected_ == 0
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    model.set_params(max_epochs=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        model.fit(X, y)
    np.testing.assert_allclose(model.predict(X), y.mean())


def test_classes_that_nothing_predicts() -> None:
    rng = np.random.default_rng(1)
    X, y = rng.uniform(0, 3, (80, 2)), rng.integers(0, 2, 80)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        model = DARTSClassifier(random_state=0, n_candidates=1500).fit(X, y)
    assert model.selected_ == 0
    assert np.ptp(model.predict_proba(X)) < 1 - 2 * 0.2


# Few rows


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("n", [8, 12, 20])
def test_noisy_rows_are_not_passed_through(name: str, n: int) -> None:
    for noise in (0.1, 0.3):
        X, y = rows(name, n, noise, n)
        model = fitted(X, y)
        assert model.score(X, y) < 1 - 1e-6
        assert len(model.coefficients_) < n / 2


@pytest.mark.parametrize("name", LAWS)
def test_eight_rows_without_noise_are_enough(name: str) -> None:
    X, y = rows(name, 8, 0.0, 1)
    model = fitted(X, y, n_candidates="auto")
    fresh, truth = rows(name, 300, 0.0, 2)
    inside = (fresh[:, 0] > X.min()) & (fresh[:, 0] < X.max())
    np.testing.assert_allclose(model.predict(fresh[inside]), truth[inside], rtol=1e-6)


def test_a_line_of_many_inputs() -> None:
    rng = np.random.default_rng(0)
    X, w = rng.normal(size=(300, 30)), np.linspace(0.3, 3.6, 30)
    y = X @ w + rng.normal(size=300)
    Z = rng.normal(size=(1000, 30))
    line = LinearRegression().fit(X, y)
    model = fitted(X, y, n_candidates=2000)
    assert model.score(Z, Z @ w) > line.score(Z, Z @ w) - 1e-3
    np.testing.assert_allclose(model.predict(Z), line.predict(Z), atol=0.05)


def test_a_line_of_some_of_many_inputs() -> None:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(120, 25))
    y = 3 * X[:, 2] - 2 * X[:, 11] + X[:, 20] + 1 + 0.5 * rng.normal(size=120)
    model = fitted(X, y, n_candidates=2000)
    assert {str(s) for s in model.sympy().free_symbols} == {"x3", "x12", "x21"}


def test_lines_respect_the_vocabulary_and_the_in_degree() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 6))
    y = X @ np.arange(1.0, 7) + rng.normal(size=200)
    narrow = fitted(X, y, max_in_degree=2, n_candidates=1000)
    edges = [edge.target for edge in narrow.model_.edges()]
    assert max(edges.count(k) for k in set(edges)) <= 2
    curved = fitted(X, y, primitives=["exp", "sin"], n_candidates=1000)
    assert {edge.primitive.name for edge in curved.model_.edges()} <= {"exp", "sin"}


def test_few_rows_for_the_coefficients_are_warned_of() -> None:
    x = np.linspace(1, 2, 6)[:, None]
    with pytest.warns(DataWarning, match="3 coefficients but y only 6 numbers"):
        DARTSRegressor(
            num_graph_nodes=1, primitives=["linear", "exp"], n_candidates=50,
            max_epochs=1, train_classifier_coefficients=True, random_state=0,
        ).fit(x, x[:, 0] + 0.001 * np.array([1, -1, 1, 1, -1, 1]))  # fmt: skip


# Weights and errors that are known


@pytest.mark.parametrize("factor", [1e-4, 0.3, 7.0, 100.0, 1e6])
@pytest.mark.parametrize("kind", ["equal", "counts", "precisions"])
def test_a_common_factor_of_the_weights_changes_nothing(kind: str, factor: float) -> None:
    X, y = rows("saturation", 40, 0.1, 0)
    rng = np.random.default_rng(5)
    weight = {
        "equal": np.ones(40),
        "counts": rng.integers(1, 5, 40).astype(float),
        "precisions": 1 / rng.uniform(0.5, 2, 40) ** 2,
    }[kind]
    settings = {"n_candidates": 1500}
    one = fitted(X, y, weight, **settings)
    other = fitted(X, y, factor * weight, **settings)
    assert other.selected_ == one.selected_
    np.testing.assert_allclose(other.predict(X), one.predict(X), rtol=1e-9)


def test_weights_are_counts_where_they_share_a_unit() -> None:
    assert common_unit(np.array([2.0, 4, 6])) == pytest.approx(2)
    assert common_unit(0.3 * np.array([2.0, 3, 7])) == pytest.approx(0.3)
    assert common_unit(1 / np.array([0.31, 0.72, 1.13]) ** 2) is None


def test_how_many_observations_there_are() -> None:
    x, y = np.repeat([[0.0], [1.0]], 3, axis=0), np.array([[0.0], [0], [1], [1], [1], [0]])
    every = canonical(x, y, np.ones(6))
    assert every.weight.sum() == 6 and every.distinct == 2  # repeated rows that differ
    same = canonical(x, np.repeat([[0.0], [1.0]], 3, axis=0), np.ones(6))
    assert same.weight.sum() == 2  # rows that only say the same again
    loose = canonical(np.arange(3.0)[:, None], np.arange(3.0)[:, None], np.array([1, 5, 2]))
    assert loose.weight.sum() == pytest.approx(3)


def test_known_errors_weigh_the_rows() -> None:
    rng = np.random.default_rng(0)
    X, error = rng.uniform(0, 5, (60, 1)), rng.uniform(0.05, 1.5, 60)
    y = 3 * X[:, 0] + 1 + error * rng.normal(size=60)
    model = fitted(X, y, known={"y_error": error}, primitives=["add", "mult"])
    line = LinearRegression().fit(X, y, 1 / error**2)
    np.testing.assert_allclose(model.predict(X), line.predict(X), rtol=1e-3)


def test_a_known_error_is_the_floor() -> None:
    x = np.linspace(0, 6, 60)[:, None]
    y = 2 * x[:, 0] + 0.3 * np.sin(3 * x[:, 0])
    assert fitted(x, y).score(x, y) > 1 - 1e-9  # the wave is there …
    model = fitted(x, y, known={"y_error": 0.6})  # … unless y is no better than that
    assert {edge.primitive.name for edge in model.model_.edges()} <= {"add", "mult"}
    slope = model.predict([[1.0]])[0] - model.predict([[0.0]])[0]
    assert slope == pytest.approx(2, abs=0.1)


def test_standard_errors_know_the_error_of_y() -> None:
    x = np.linspace(0, 5, 30)[:, None]
    y = 3 * x[:, 0] + 1 + 0.01 * np.cos(40 * x[:, 0])  # better than it claims to be
    settings = {"primitives": ["add"], "n_candidates": 300, "round_coefficients": False}
    model = fitted(x, y, known={"y_error": 0.5}, **settings)
    expected = 0.5 / np.sqrt(((x - x.mean()) ** 2).sum())
    row = model.coefficients_[model.coefficients_.term.str.startswith("read-out")]
    assert row.standard_error.iloc[0] == pytest.approx(expected, rel=1e-6)


def test_known_errors_are_routed() -> None:
    """By scikit-learn to the folds of a cross-validation, row by row."""
    rng = np.random.default_rng(0)
    X, error = rng.uniform(0, 5, (60, 1)), rng.uniform(0.05, 0.5, 60)
    y = 3 * X[:, 0] + 1 + error * rng.normal(size=60)
    with config_context(enable_metadata_routing=True):
        model = DARTSRegressor(random_state=0, n_candidates=300, primitives=["add"])
        model.set_fit_request(y_error=True)
        scores = cross_validate(model, X, y, params={"y_error": error}, cv=3)
    assert (scores["test_score"] > 0.99).all()


BAD: dict[str, tuple[Any, type[Exception], str]] = {
    "negative": (-0.1, ValueError, "y_error must be positive, got -0.1"),
    "zero": (0.0, ValueError, "y_error must be positive, got 0"),
    "NaN": (np.nan, ValueError, "y_error contains NaN"),
    "infinite": (np.inf, ValueError, "y_error contains infinity"),
    "short": (np.full(59, 0.1), ValueError, r"shape \(60,\), got shape \(59,\)"),
    "a table": (np.full((60, 1), 0.1), ValueError, r"got shape \(60, 1\)"),
    "one bad row": (np.r_[-1.0, np.full(59, 0.1)], ValueError, "positive, got -1"),
    "too large": (100.0, ValueError, "smaller than the spread of y, got 100"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_errors(name: str, quick: dict[str, Any]) -> None:
    def begun(*_: Any) -> None:
        raise AssertionError("work began before the check")

    X, y = rows("power", 60, 0.1, 0)
    model = DARTSRegressor(**quick).fit(X, y).set_params(init_weights_function=begun)
    before = dict(vars(model))
    value, kind, words = BAD[name]
    with pytest.raises(kind, match=words):
        model.fit(X, y, y_error=value)
    assert vars(model) == before


def test_errors_are_not_for_likelihoods() -> None:
    X = np.linspace(0, 1, 20)[:, None]
    model = DARTSRegressor(output_type="probability_sample")
    with pytest.raises(ValueError, match="y_error is for squared errors"):
        model.fit(X, (X[:, 0] > 0.5).astype(float), y_error=0.1)


@pytest.mark.parametrize(
    ("values", "step"),
    [
        (np.round(np.random.default_rng(0).uniform(0, 80, 50)), 1.0),
        (np.round(np.random.default_rng(0).uniform(0, 8, 50), 1), 0.1),
        (5 * np.round(np.random.default_rng(0).uniform(0, 80, 50)), 5.0),
        (np.random.default_rng(0).uniform(0, 80, 50), 0.0),
        (np.arange(4.0), 0.0),  # too few levels to have been rounded
        (np.full(5, 3.0), 0.0),
    ],
)
def test_the_step_of_a_grid(values: np.ndarray, step: float) -> None:
    assert grid_step(values) == pytest.approx(step)


def test_rounding_of_y_is_not_explained() -> None:
    rng = np.random.default_rng(2)
    x = rng.uniform(0, 10, (100, 1))
    truth = 80 / (1 + 9 * np.exp(-0.8 * x[:, 0]))
    model = fitted(x, np.round(truth), n_candidates=12_000)
    assert len(model.coefficients_) <= 4
    assert np.sqrt(np.mean((model.predict(x) - truth) ** 2)) < 0.35
    assert model.y_step_ == 1.0


def test_repeated_rows_say_how_large_the_noise_is() -> None:
    x = np.repeat(np.arange(1.0, 8), 6)[:, None]
    rng = np.random.default_rng(0)
    y = 2 * np.sqrt(x[:, 0]) + 0.3 * rng.normal(size=42)
    found = canonical(x, y[:, None], np.ones(42))
    means = y.reshape(7, 6).mean(axis=1)
    pure = ((y.reshape(7, 6) - means[:, None]) ** 2).sum() / 35
    assert 0.4 * pure < found.floor[0] < pure
    model = fitted(x, y)
    assert np.abs(model.predict(x) - 2 * np.sqrt(x[:, 0])).max() < 0.3


# Good enough


def growth(n: int = 400) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A state of Lotka and Volterra, its derivative by differences, and the truth."""
    t = np.linspace(0, 40, n)

    def slope(_: float, s: np.ndarray) -> list[float]:
        return [1.1 * s[0] - 0.4 * s[0] * s[1], 0.1 * s[0] * s[1] - 0.4 * s[1]]

    s = solve_ivp(slope, (0, 40), [10, 5], t_eval=t, rtol=1e-10, atol=1e-12).y
    difference = np.gradient(s[0], t)
    return s.T[2:-2], difference[2:-2], np.array(slope(0, s))[0][2:-2]


def test_systematic_errors_are_not_explained_term_by_term() -> None:
    X, y, truth = growth()
    model = fitted(X, y, n_candidates=8000)
    assert len(list(model.model_.edges())) <= 4
    error = np.sqrt(np.mean((model.predict(X) - truth) ** 2))
    assert error < np.sqrt(np.mean((y - truth) ** 2))
    all_of_it = fitted(X, y, n_candidates=8000, tolerance=0)
    assert len(list(all_of_it.model_.edges())) > 6


def test_errors_of_neighbours() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 1, (200, 1))
    assert are_alike(x, np.sin(9 * x[:, 0]))
    assert not any(are_alike(x, rng.normal(size=200)) for _ in range(20))
    assert not are_alike(x, np.zeros(200))


def test_a_tolerance_ends_the_search_and_takes_the_shorter_row() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 3, (200, 1))
    y = np.sin(x[:, 0]) + 0.001 * np.cos(7 * x[:, 0])
    exact = fitted(x, y, n_candidates="auto")
    rough = fitted(x, y, n_candidates="auto", tolerance=0.01)
    assert rough.history_.refits[-1] < exact.history_.refits[-1]
    assert [edge.primitive.name for edge in rough.model_.edges()] == ["sin"]
    assert len(list(exact.model_.edges())) > 1


@pytest.mark.parametrize("value", [-0.1, 1.0, np.nan, "much", None, True])
def test_bad_tolerances(value: Any) -> None:
    X, y = rows("power", 20, 0.1, 0)
    with pytest.raises((ValueError, TypeError), match="'tolerance' parameter"):
        DARTSRegressor(tolerance=value).fit(X, y)


def test_parameters_for_squared_errors_say_so() -> None:
    X = np.linspace(0, 1, 30)[:, None]
    y = (X[:, 0] > np.linspace(1, 0, 30) ** 2).astype(float)
    settings = {"output_type": "probability_sample", "n_candidates": 300}
    for name, value in (("tolerance", 0.1), ("round_coefficients", True)):
        model = DARTSRegressor(random_state=0, **settings, **{name: value})
        with pytest.warns(UserWarning, match=f"not used in this fit: {name}="):
            model.fit(X, y)


def test_max_time_is_an_upper_limit_only() -> None:
    X, y = rows("saturation", 40, 0.1, 0)
    free, limited = (
        fitted(X, y, n_candidates="auto", max_time=limit) for limit in (None, 600)
    )
    assert free.history_.refits[-1] == limited.history_.refits[-1]
    np.testing.assert_array_equal(free.predict(X), limited.predict(X))


# Which row


def test_the_table_says_which_row_is_the_model() -> None:
    X, y = rows("saturation", 60, 0.05, 0)
    model = fitted(X, y)
    table = model.equations_
    assert table.index[table.selected].tolist() == [model.selected_]
    other = (model.selected_ + 1) % len(table)
    model.select_equation(other)
    assert model.selected_ == other
    assert model.equations_.index[model.equations_.selected].tolist() == [other]
    for i in table.index[1:]:
        simpler = table[table.complexity < table.complexity[i]]
        best = simpler.loc[simpler.loss.idxmin()]
        fall = np.log(best.loss / table.loss[i])
        gained = fall / (table.complexity[i] - best.complexity)
        assert table.score[i] == pytest.approx(gained, rel=1e-9)
    assert table.score[0] == 0


def test_the_elbow_by_name() -> None:
    X, y = rows("saturation", 60, 0.05, 0)
    table = fitted(X, y).equations_
    assert {"score", "best"} <= set(SELECTIONS)
    chosen = fitted(X, y, model_selection="score").selected_
    assert table.score[chosen] == table.score.max()
    accurate = table[table.loss <= 1.5 * table.loss.min()]
    assert fitted(X, y, model_selection="best").selected_ == accurate.score.idxmax()


# Round numbers


def line(slope: float, noise: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    x = np.tile(np.arange(10.0), 18)[:, None]
    rng = np.random.default_rng(seed)
    return x, slope * x[:, 0] + 250 + noise * rng.normal(size=180)


def slope_of(model: DARTSRegressor) -> float:
    return float(np.diff(model.predict([[0.0], [1.0]]))[0])


LINES = {"primitives": ["add"], "n_candidates": 300}


def test_surveys_are_not_rounded() -> None:
    rng = np.random.default_rng(0)
    ours, theirs = [], []
    for seed in range(30):
        slope, noise = rng.uniform(0.5, 12), rng.choice([48.0, 5.0, 1.0])
        X, y = line(slope, noise, seed)
        ours.append((slope_of(fitted(X, y, **LINES)) - slope) / noise)
        theirs.append((np.polyfit(X[:, 0], y, 1)[0] - slope) / noise)
    assert np.sqrt(np.mean(np.square(ours))) <= 1.02 * np.sqrt(np.mean(np.square(theirs)))


def test_rounding_takes_the_nearest_number() -> None:
    X, y = line(9.02, 1e-3, 0)
    assert slope_of(fitted(X, y, **LINES)) == pytest.approx(9.02, abs=1e-3)
    X, y = line(9, 1e-2, 0)
    assert slope_of(fitted(X, y, **LINES)) == pytest.approx(9, abs=1e-12)


def test_rounding_on_request() -> None:
    X, y = line(9, 1e-2, 0)
    assert slope_of(fitted(X, y, round_coefficients=False, **LINES)) != 9
    assert slope_of(fitted(X, y, round_coefficients="exact", **LINES)) != 9
    X, y = line(9, 0, 0)
    assert slope_of(fitted(X, y, round_coefficients="exact", **LINES)) == pytest.approx(
        9, abs=1e-12
    )
    with pytest.raises(ValueError, match="'round_coefficients' parameter"):
        DARTSRegressor(round_coefficients="often").fit(X, y)


def test_counted_graphs_round_on_request() -> None:
    X, y = line(9, 1e-2, 0)
    settings = {
        "num_graph_nodes": 1, "primitives": ["linear"], "max_epochs": 1, "n_candidates": 1,
    }  # fmt: skip
    assert slope_of(fitted(X, y, **settings)) != 9
    rounded = fitted(X, y, round_coefficients=True, **settings)
    assert slope_of(rounded) == pytest.approx(9, abs=1e-12)


def test_whoever_chooses_the_constant_is_not_told_that_nothing_was_found() -> None:
    X, y = rows("saturation", 60, 0.05, 0)
    settings = {"random_state": 0, "n_candidates": 2000}
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        model = DARTSRegressor(model_selection=lambda table: 0, **settings).fit(X, y)
    assert model.selected_ == 0
    assert not [w for w in seen if "no equation" in str(w.message)]
