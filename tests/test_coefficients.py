"""Standard errors and round coefficients."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import curve_fit

from autora.skl.darts import DARTSRegressor
from autora.skl.darts.fitting import coefficients, rounding
from autora.skl.darts.fitting.problem import Problem
from autora.skl.darts.fitting.refit import levenberg_marquardt
from autora.skl.darts.graph.constants import ROUND
from autora.skl.darts.graph.model import Model
from autora.skl.darts.graph.objectives import OBJECTIVES
from autora.skl.darts.graph.primitives import resolve
from autora.skl.darts.graph.search_space import SearchSpace

ROUND_VALUES = [constant.value for constant in ROUND]


def decay(x: np.ndarray, w: float, a: float, b: float) -> np.ndarray:
    return w * np.exp(a * x) + b


def fitted(noise: float, truth: tuple[float, ...] = (2.0, -0.7, 1.0)) -> tuple:
    """w·exp(a·x) + b on 80 rows, with its problem."""
    rng = np.random.default_rng(0)
    x = np.linspace(0, 3, 80)
    y = decay(x, *truth) + noise * rng.normal(size=80)
    problem = Problem(x[:, None], y[:, None], np.ones(80), True, True)
    space = SearchSpace(1, 1, 1, resolve(["none", "scaled_exp"]))
    start = Model(
        space, OBJECTIVES["real"], np.array([1]), np.array([[-0.5]]), np.ones((1, 1)),
        np.zeros(1),
    )  # fmt: skip
    return problem, levenberg_marquardt(problem, start, 100).model


def test_standard_errors_are_those_of_scipy() -> None:
    problem, model = fitted(0.05)
    where = coefficients.places(model, problem)
    assert [p.kind for p in where] == ["edge", "readout", "bias"]
    errors = coefficients.standard_errors(problem, model)
    _, covariance = curve_fit(decay, problem.x[:, 0], problem.y[:, 0], (2, -0.7, 1))
    w, a, b = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(errors, [a, w, b], rtol=1e-4)


def test_jacobian_is_that_of_finite_differences() -> None:
    problem, model = fitted(0.05)
    where = coefficients.places(model, problem)
    jac = coefficients.jacobian(problem, model, where)
    now = coefficients.values(model, where)
    for i, step in enumerate(1e-6 * np.eye(len(where))):
        ahead = coefficients.with_values(model, where, now + step).eta(problem.x)
        behind = coefficients.with_values(model, where, now - step).eta(problem.x)
        np.testing.assert_allclose(jac[:, i], (ahead - behind)[:, 0] / 2e-6, atol=1e-7)


def test_what_the_data_do_not_determine_has_an_infinite_error() -> None:
    """Two nodes that are the same: only the sum of their weights is determined."""
    x = np.linspace(0, 1, 20)[:, None]
    problem = Problem(x, 2 * x + 0.01 * np.sin(50 * x), np.ones(20), True, False)
    space = SearchSpace(1, 2, 1, resolve(["none", "add"]))
    model = Model(
        space, OBJECTIVES["real"], np.array([1, 1, 0]), np.zeros((3, 1)), np.ones((2, 1)),
        np.zeros(1),
    )  # fmt: skip
    assert np.isinf(coefficients.standard_errors(problem, model)).all()


@pytest.mark.parametrize("noise", [0.0, 0.001, 0.02])
def test_round_coefficients_are_found(noise: float) -> None:
    problem, model = fitted(noise)
    found = rounding.with_round_coefficients(problem, model)
    where = coefficients.places(found, problem)
    odd, *simple = coefficients.values(found, where)
    np.testing.assert_allclose(simple, [2, 1], atol=1e-9)
    # With the larger noise −0.7 lies no nearer to a tenth than any number might.
    assert (abs(odd + 0.7) < 1e-9) == (noise < 0.02)


@pytest.mark.parametrize("noise", [0.0, 0.001])
def test_odd_coefficients_stay(noise: float) -> None:
    problem, model = fitted(noise, (2.1234, -0.7351, 1.0789))
    found = rounding.with_round_coefficients(problem, model)
    now = coefficients.values(found, coefficients.places(found, problem))
    np.testing.assert_allclose(now, [-0.7351, 2.1234, 1.0789], atol=0.003)
    assert not set(np.abs(now)) & set(ROUND_VALUES)


@pytest.mark.parametrize("size", [-7.3, 0.004, 14770.9])
def test_the_size_that_a_read_out_makes_up_for_is_one(size: float) -> None:
    """w·(a·x + b·z): twice a and b is half of w."""
    x = np.random.default_rng(0).uniform(0.5, 2.0, (40, 2))
    y = 0.5 * x[:, :1] + 1.5 * x[:, 1:]
    problem = Problem(x, y, np.ones(40), True, True)
    space = SearchSpace(2, 1, 1, resolve(["none", "mult"]))
    slopes, weight = size * np.array([[1.0], [3.0]]), np.array([[0.5 / size]])
    model = Model(space, OBJECTIVES["real"], np.array([1, 1]), slopes, weight, np.zeros(1))
    found = rounding.with_round_coefficients(problem, model)
    assert 1.0 in np.abs(found.edge)
    where = coefficients.places(found, problem)
    for value in np.abs(coefficients.values(found, where)):
        assert np.isclose(ROUND_VALUES, value, rtol=1e-12).any()
    assert coefficients.sum_of_squares(problem, found) < 1e-20


def test_snapping_obeys_the_criterion() -> None:
    """What rounding costs in fit is less than what a free parameter costs."""
    problem, model = fitted(0.05)
    before = coefficients.sum_of_squares(problem, model)
    after = coefficients.sum_of_squares(
        problem, rounding.with_round_coefficients(problem, model)
    )
    n = len(problem.x)
    assert n * np.log(after / before) < 3 * np.log(n)


def test_the_estimator_reports_them() -> None:
    rng = np.random.default_rng(0)
    X = rng.uniform(0.5, 3, (100, 1))
    y = 2.34 * np.log(X[:, 0]) + 0.02 * rng.normal(size=100)
    model = DARTSRegressor(random_state=0, n_candidates=3000).fit(X, y)
    table = model.coefficients_
    assert list(table.columns) == ["term", "coefficient", "standard_error"]
    row = table[table.term.str.startswith("read-out")].iloc[0]
    assert abs(abs(row.coefficient) - 2.34) < 4 * row.standard_error + 0.01
    assert 0 < row.standard_error < 0.05


def test_an_intercept_that_may_be_zero_is_left_out() -> None:
    """Not rounded to the next small number: y = x fits as well as y = x − 0.01."""
    x = np.random.default_rng(3).uniform(-1, 1, (100, 1))
    noise = 0.1 * np.random.default_rng(4).normal(size=(100, 1))
    trend = np.hstack([x, np.ones((100, 1))])
    noise -= trend @ np.linalg.lstsq(trend, noise)[0]
    problem = Problem(x, x + 0.01 + noise, np.ones(100), True, True)
    space = SearchSpace(1, 1, 1, resolve(["none", "add"]))
    model = Model(
        space, OBJECTIVES["real"], np.array([1]), np.zeros((1, 1)),
        np.array([[1.0001]]), np.array([0.01001]),
    )  # fmt: skip
    found = rounding.with_round_coefficients(problem, model)
    assert found.bias[0] == 0.0


def test_simple_numbers_are_taken_sooner_than_others() -> None:
    assert rounding.price(0.0) == 0.0
    assert rounding.price(2.0) == rounding.price(-np.pi) < rounding.price(4.7)


def test_no_exponent_is_pi() -> None:
    """π is for slopes and weights, and for the phases of waves."""
    x = np.random.default_rng(3).uniform(1, 3, (60, 1))
    noise = 0.01 * np.random.default_rng(4).normal(size=(60, 1))
    problem = Problem(x, x**3.1416 + noise, np.ones(60), False, False)
    space = SearchSpace(1, 1, 1, resolve(["none", "power"]))
    model = Model(
        space, OBJECTIVES["real"], np.array([1]), np.array([[3.14159]]), np.ones((1, 1)),
        np.zeros(1),
    )  # fmt: skip
    found = rounding.with_round_coefficients(problem, model)
    assert found.edge[0, 0] != np.pi
    weighted = problem._replace(y=3.1416 * x**2 + noise, train_readout=True)
    square = model.replace(edge=np.array([[2.0]]), readout=np.array([[3.0]]))
    fitted = levenberg_marquardt(weighted, square, 50).model
    assert rounding.with_round_coefficients(weighted, fitted).readout[0, 0] == np.pi
