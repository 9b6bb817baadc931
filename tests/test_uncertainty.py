"""How sure an estimator is: weights, intervals, draws, each against another computation."""

from __future__ import annotations

import copy
import json
import pickle
import warnings
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.optimize import brentq, minimize_scalar
from sklearn.base import clone

from autora.skl.darts import (
    DARTSClassifier,
    DARTSRegressor,
    DataWarning,
    DomainWarning,
    UnknownGroupWarning,
)
from autora.skl.darts.selection.posterior import quantile

DATA = Path(__file__).parent / "data"
NEW = np.array([[-1.0], [0.3], [2.0], [10.0]])
LEVELS = (0.5, 0.9, 0.99)


def line(seed: int = 0, n: int = 25, noise: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 5, n)
    return x[:, None], 2 * x + 1 + noise * rng.normal(size=n)


def straight(**settings: Any) -> DARTSRegressor:
    return DARTSRegressor.from_equation("a*x1 + b", **settings)


def textbook(
    x: np.ndarray, y: np.ndarray, new: np.ndarray, sigma: float | None = None
) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Predictions of a line, variance factors, the noise and its degrees of freedom."""
    a = np.column_stack([x, np.ones(len(x))])
    at = np.column_stack([new, np.ones(len(new))])
    inverse = np.linalg.inv(a.T @ a)
    best = inverse @ a.T @ y
    free = len(x) - a.shape[1]
    noise = np.sum((y - a @ best) ** 2) / free if sigma is None else sigma**2
    return at @ best, np.einsum("ij,jk,ik->i", at, inverse, at), noise, free


@pytest.fixture(scope="module")
def found() -> Any:
    """A search in noisy rows that leave several equations open."""
    rng = np.random.default_rng(3)
    X = rng.uniform(0.5, 4, (30, 1))
    y = 2 * np.sqrt(X[:, 0]) + 0.15 * rng.normal(size=30)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return DARTSRegressor(n_candidates=1000, random_state=0).fit(X, y), X, y


@pytest.fixture(scope="module")
def study() -> Any:
    """Rows of eight groups, whose lines have one slope and intercepts of their own."""
    rng = np.random.default_rng(0)
    who = np.repeat(np.arange(8), np.r_[4, 6, 8, 10, 12, 14, 16, 18])
    X = rng.uniform(0, 1, (len(who), 1))
    own = rng.normal(size=8)
    y = 1 + 2 * X[:, 0] + own[who] + 0.3 * rng.normal(size=len(who))
    words = {"primitives": ["none", "add"], "n_candidates": 50, "random_state": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return DARTSRegressor(**words).fit(X, y, groups=who), X, y, who


@pytest.fixture(scope="module")
def classes() -> Any:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(90, 1))
    two = (rng.uniform(size=90) < 1 / (1 + np.exp(-2 * X[:, 0]))).astype(int)
    three = np.digitize(X[:, 0] + 0.5 * rng.normal(size=90), [-0.5, 0.5])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        models = [
            DARTSClassifier(n_candidates=300, random_state=0).fit(X, y)
            for y in (two, three)
        ]
    return models, X, (two, three)


# One equation, linear in its coefficients


@pytest.mark.parametrize("way", ["equation", "search"])
@pytest.mark.parametrize("level", LEVELS)
def test_intervals_of_a_line_are_those_of_the_textbook(way: str, level: float) -> None:
    X, y = line()
    words = {"primitives": ["none", "add"], "round_coefficients": False}
    search = DARTSRegressor(**words, n_candidates=50, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = (straight() if way == "equation" else search).fit(X, y)
    centre, factor, noise, free = textbook(X[:, 0], y, NEW[:, 0])
    for kind, more in (("mean", 0), ("observation", 1), ("auto", 1)):
        width = stats.t.ppf((1 + level) / 2, free) * np.sqrt(noise * (factor + more))
        ends = model.predict_interval(NEW, level=level, kind=kind, equations="selected")
        assert ends.shape == (len(NEW), 2)
        np.testing.assert_allclose(ends[:, 0], centre - width, atol=1e-6)
        np.testing.assert_allclose(ends[:, 1], centre + width, atol=1e-6)


def test_the_standard_deviation_of_a_line_is_that_of_students_t() -> None:
    X, y = line()
    centre, factor, noise, free = textbook(X[:, 0], y, NEW[:, 0])
    predicted, std = straight().fit(X, y).predict(NEW, return_std=True)
    np.testing.assert_allclose(predicted, centre, atol=1e-6)
    expected = stats.t(free, scale=np.sqrt(noise * (factor + 1))).std()
    np.testing.assert_allclose(std, expected, rtol=1e-6)


def test_a_known_error_makes_intervals_normal() -> None:
    X, y = line()
    model = straight().fit(X, y, y_error=1.5)  # larger than what is seen
    centre, factor, noise, _ = textbook(X[:, 0], y, NEW[:, 0], sigma=1.5)
    for kind, more in (("mean", 0), ("observation", 1)):
        width = stats.norm.ppf(0.975) * np.sqrt(noise * (factor + more))
        ends = model.predict_interval(NEW, level=0.95, kind=kind)
        np.testing.assert_allclose(ends[:, 0], centre - width, atol=1e-6)
        np.testing.assert_allclose(ends[:, 1], centre + width, atol=1e-6)
    std = model.predict(NEW, return_std=True)[1]
    np.testing.assert_allclose(std, np.sqrt(noise * (factor + 1)), rtol=1e-6)


def test_new_observations_may_have_an_error_of_their_own() -> None:
    X, y = line()
    model = straight().fit(X, y, y_error=1.5)
    centre, factor, noise, _ = textbook(X[:, 0], y, NEW[:, 0], sigma=1.5)
    for error in (0.2, np.array([0.1, 0.2, 0.4, 3.0])):
        ends = model.predict_interval(NEW, y_error=error)
        width = stats.norm.ppf(0.95) * np.sqrt(noise * factor + np.square(error))
        np.testing.assert_allclose(ends[:, 1], centre + width, atol=1e-6)


def test_every_output_has_its_own_noise() -> None:
    X, y = line(n=40)
    other = 1 - X[:, 0] + 0.1 * np.random.default_rng(5).normal(size=40)
    words = {"primitives": ["none", "add"], "round_coefficients": False}
    model = DARTSRegressor(**words, n_candidates=100, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X, np.column_stack([y, other]))
    ends = model.predict_interval(NEW, equations="selected")
    mean = model.predict_interval(NEW, kind="mean", equations="selected")
    std = model.predict(NEW, return_std=True)[1]
    assert ends.shape == (len(NEW), 2, 2)
    assert std.shape == (len(NEW), 2)
    for i, target in enumerate((y, other)):
        centre, factor, noise, free = textbook(X[:, 0], target, NEW[:, 0])
        width = stats.t.ppf(0.95, free) * np.sqrt(noise * (factor + 1))
        np.testing.assert_allclose(ends[:, i, 1], centre + width, atol=1e-6)
        width = stats.t.ppf(0.95, free) * np.sqrt(noise * factor)
        np.testing.assert_allclose(mean[:, i, 0], centre - width, atol=1e-6)
    assert model.sample_equations(2, random_state=0)[0].predict(NEW).shape == (4, 2)


def test_a_row_of_weight_two_is_the_row_twice() -> None:
    X, y = line()
    weight = np.arange(len(y)) % 3 + 1
    model = straight().fit(X, y, sample_weight=weight)
    twice = straight().fit(np.repeat(X, weight, axis=0), np.repeat(y, weight))
    np.testing.assert_allclose(
        model.predict_interval(NEW), twice.predict_interval(NEW), rtol=1e-9
    )


# Several equations


def test_quantiles_of_a_mixture_invert_its_distribution() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        m = int(rng.integers(1, 6))
        weight = rng.dirichlet(np.ones(m))
        mean, scale = 10 * rng.normal(size=m), np.exp(3 * rng.normal(size=m))
        free = rng.choice([1.0, 3.0, 30.0, np.inf], m)
        for p in (0.005, 0.05, 0.5, 0.95):
            column = (part[:, None] for part in (weight, mean, scale))
            at = float(quantile(*column, free, p)[0])

            def excess(x: float, p: float = p) -> float:
                parts = stats.t.cdf((x - mean) / scale, free)  # noqa: B023
                return float(weight @ parts) - p  # noqa: B023

            expected = brentq(excess, -1e7, 1e7, xtol=1e-10)
            spread = brentq(lambda x: excess(x) - 1e-5, -1e7, 1e7) - expected
            assert at == pytest.approx(expected, abs=spread + 1e-9)


def test_weights_follow_the_criterion_and_sum_to_one(found: Any) -> None:
    table = found[0].equations_
    share = np.exp(-(table["criterion"] - table["criterion"].min()) / 4)
    np.testing.assert_allclose(table["weight"], share / share.sum(), rtol=1e-12)
    assert table["weight"].sum() == pytest.approx(1)


def test_no_two_rows_say_the_same(found: Any) -> None:
    model, X, _ = found
    again, said = copy.copy(model), []
    for row in model.equations_.index:
        said.append(again.select_equation(row).predict(X))
    noise = np.sqrt(model.equations_["loss"][model.selected_])
    for one, other in combinations(said, 2):
        assert np.abs(one - other).max() > 1e-3 * noise
    assert len(said) <= 30 + len(set(model.equations_["complexity"]))


def test_intervals_are_those_of_the_mixture(found: Any) -> None:
    """Each row of the table alone, mixed by weight, with a distribution of many draws."""
    model, X, _ = found
    table, rng, parts = model.equations_, np.random.default_rng(0), []
    for row, weight in table["weight"].items():
        count = round(200_000 * weight)
        if not count:
            continue
        one = copy.copy(model).select_equation(row)
        ends = one.predict_interval(X[:3], 0.5, kind="mean", equations="selected")
        far = one.predict_interval(X[:3], 0.9, kind="mean", equations="selected")
        width, ratio = np.diff(ends)[:, 0] / 2, np.diff(far)[0, 0] / np.diff(ends)[0, 0]

        def off(log_free: float, ratio: float = ratio) -> float:
            free = np.exp(log_free)
            return stats.t.ppf(0.95, free) / stats.t.ppf(0.75, free) - ratio

        free = float(np.exp(brentq(off, np.log(0.5), np.log(1e4))))
        draws = stats.t.rvs(free, size=(count, 1), random_state=rng)
        parts.append(ends.mean(axis=1) + width / stats.t.ppf(0.75, free) * draws)
    mixed = np.concatenate(parts)
    found_ends = model.predict_interval(X[:3], 0.9, kind="mean")
    for end, p in zip(found_ends.T, (0.05, 0.95), strict=True):
        below = (mixed <= end).mean(axis=0)
        np.testing.assert_allclose(below, p, atol=0.004)


def test_draws_agree_with_the_interval_of_the_mean(found: Any) -> None:
    model, X, _ = found
    drawn = np.array([m.predict(X) for m in model.sample_equations(1000, random_state=0)])
    low, high = model.predict_interval(X, 0.8, kind="mean").T
    inside = ((drawn >= low) & (drawn <= high)).mean()
    assert inside == pytest.approx(0.8, abs=0.04)
    pairs = (model.sample_equations(3, random_state=0) for _ in range(2))
    for one, other in zip(*pairs, strict=True):
        np.testing.assert_array_equal(one.predict(X), other.predict(X))
    assert not np.array_equal(one.predict(X), model.sample_equations(3, 1)[2].predict(X))


def usable(model: Any, X: Any, answer: str = "predict") -> None:
    """It prints, predicts, draws and is saved as any other."""
    values = getattr(model, answer)(X)
    assert np.isfinite(values).all()
    assert model.model_repr().startswith("Model:\n")
    assert model.selected_ == 0
    assert model.equations_["weight"].tolist() == [1.0]
    assert model.coefficients_["standard_error"].isna().all()
    assert model.visualize_model().source
    for again in (
        type(model).from_json(model.to_json()),
        pickle.loads(pickle.dumps(model)),
        copy.deepcopy(model),
    ):
        np.testing.assert_array_equal(getattr(again, answer)(X), values)
        np.testing.assert_array_equal(again.predict_interval(X), model.predict_interval(X))


def test_a_drawn_equation_is_an_estimator(found: Any, study: Any, classes: Any) -> None:
    model, X, y = found
    for one in model.sample_equations(3, random_state=1):
        usable(one, X)
        low, high = one.predict_interval(X, kind="mean").T
        np.testing.assert_allclose(low, one.predict(X), rtol=1e-12)
        np.testing.assert_allclose(high, low, rtol=1e-12)
    usable(straight().fit(*line()).sample_equations(1, random_state=0)[0], NEW)
    usable(study[0].sample_equations(1, random_state=0)[0], NEW)
    for classifier in classes[0]:
        usable(classifier.sample_equations(1, random_state=0)[0], NEW, "predict_proba")
    counted = {"max_epochs": 2, "param_updates_per_epoch": 2, "n_candidates": 20}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        relaxed = DARTSRegressor(num_graph_nodes=1, random_state=0, **counted).fit(X, y)
    usable(relaxed.sample_equations(1, random_state=0)[0], X)


# Groups


def mixed_model(study: Any, label: int | None, x: np.ndarray) -> tuple[np.ndarray, ...]:
    """Predictions and variances by Henderson's equations, with the spreads of the fit.

    Searle, Casella & McCulloch 1992, Variance Components, section 7.6.
    """
    model, X, y, who = study
    spreads = model.population_.set_index("term")["spread"]
    assert list(spreads.index) == ["intercept"]
    noise = float(model._laplace.noise[0])
    fixed = np.column_stack([X[:, 0], np.ones(len(y))])
    own = (who[:, None] == np.arange(8)).astype(float)
    both = np.hstack([fixed, own])
    known = both.T @ both / noise
    known[2:, 2:] += np.eye(8) / float(spreads.iloc[0]) ** 2
    inverse = np.linalg.inv(known)
    best = inverse @ both.T @ y / noise
    at = np.column_stack([x, np.ones(len(x)), np.zeros((len(x), 8))])
    more = float(spreads.iloc[0]) ** 2
    if label is not None:
        at[:, 2 + label], more = 1, 0.0
    return at @ best, np.einsum("ij,jk,ik->i", at, inverse, at) + more, noise


@pytest.mark.parametrize("label", [0, 3, 7, None])
def test_intervals_of_groups_are_those_of_the_mixed_model(study: Any, label: Any) -> None:
    model = study[0]
    x = np.linspace(-1, 2, 5)
    centre, variance, noise = mixed_model(study, label, x)
    who = None if label is None else np.full(5, label)
    factor = stats.t.ppf(0.95, model._laplace.freedom)
    for kind, more in (("mean", 0.0), ("observation", noise)):
        ends = model.predict_interval(
            x[:, None], kind=kind, groups=who, equations="selected"
        )
        np.testing.assert_allclose(ends.mean(axis=1), centre, atol=2e-3)
        expected = 2 * factor * np.sqrt(variance + more)
        np.testing.assert_allclose(np.diff(ends)[:, 0], expected, rtol=2e-3)


def test_the_noise_of_groups_is_that_of_their_own_lines(study: Any) -> None:
    model, X, y, who = study
    both = np.hstack([X, (who[:, None] == np.arange(8)).astype(float)])
    rest = np.linalg.lstsq(both, y, rcond=None)[1][0]
    assert model._laplace.noise[0] == pytest.approx(rest / (len(y) - 9), rel=0.05)


def test_a_new_group_is_less_certain(study: Any) -> None:
    model = study[0]
    population = model.predict_interval(NEW)
    with pytest.warns(UnknownGroupWarning, match="not in the fit"):
        unknown = model.predict_interval(NEW, groups=["nobody"] * 4)
    np.testing.assert_array_equal(unknown, population)
    widths = [
        np.diff(model.predict_interval(NEW, groups=np.full(4, label))) for label in (0, 7)
    ]
    assert (np.diff(population) > widths[0]).all()
    assert (np.diff(population) > 2 * widths[0])[:3].all()  # the fourth lies far off
    assert widths[0][1] > widths[1][1]  # four rows and eighteen, within their range
    std = model.predict(NEW, return_std=True)[1]
    assert (std > model.predict(NEW, groups=[0] * 4, return_std=True)[1]).all()


def test_one_group_alone_says_the_same(study: Any) -> None:
    model, X, y, who = study
    own = model.of_group(3)
    for kind in ("mean", "observation"):
        expected = model.predict_interval(NEW, kind=kind, groups=[3] * 4)
        np.testing.assert_allclose(own.predict_interval(NEW, kind=kind), expected, 1e-12)
    read = DARTSRegressor.from_json(own.to_json())
    np.testing.assert_array_equal(read.predict_interval(NEW), own.predict_interval(NEW))
    rows = who == 3
    found = own.coefficient_intervals(X[rows], y[rows])
    expected = straight().fit(X[rows], y[rows]).coefficient_intervals(X[rows], y[rows])
    numbers = ["coefficient", "lower", "upper"]
    np.testing.assert_allclose(found[numbers], expected[numbers], rtol=1e-3)


# Classes and probabilities


def test_intervals_of_probabilities(classes: Any) -> None:
    models, X, _ = classes
    for count, model in zip((2, 3), models, strict=True):
        ends = model.predict_interval(X)
        assert ends.shape == (len(X), count, 2)
        assert (ends >= 0).all()
        assert (ends <= 1).all()
        own = model.predict_interval(X, equations="selected")
        chances = model.predict_proba(X)
        assert (own[..., 0] <= chances).all()
        assert (chances <= own[..., 1]).all()
        last = model.predict_interval(X, 0.01)
        for level in (0.3, 0.6, 0.9, 0.999):
            here = model.predict_interval(X, level)
            assert (here[..., 0] <= last[..., 0]).all()
            assert (here[..., 1] >= last[..., 1]).all()
            last = here


def test_a_logistic_line_has_the_interval_of_walds_method() -> None:
    """Log-odds ± z standard errors, of the information of the likelihood."""
    rng = np.random.default_rng(2)
    X = rng.normal(size=(200, 1))
    y = (rng.uniform(size=200) < 1 / (1 + np.exp(-X[:, 0]))).astype(int)
    model = DARTSClassifier.from_equation("a*x1 + b").fit(X, y)
    chances = model.predict_proba(X)[:, 1]
    a = np.column_stack([X[:, 0], np.ones(200)])
    known = (a * (chances * (1 - chances))[:, None]).T @ a
    at = np.column_stack([NEW[:, 0], np.ones(4)])
    error = np.sqrt(np.einsum("ij,jk,ik->i", at, np.linalg.inv(known), at))
    centre = model.decision_function(NEW)
    ends = model.predict_interval(NEW, 0.95)[:, 1]
    for side, end in zip((-1, 1), ends.T, strict=True):
        expected = 1 / (1 + np.exp(-centre - side * stats.norm.ppf(0.975) * error))
        np.testing.assert_allclose(end, expected, rtol=1e-5)
    np.testing.assert_allclose(model.predict_interval(NEW, 0.95)[:, 0], 1 - ends[:, ::-1])


def test_probabilities_that_were_measured() -> None:
    rng = np.random.default_rng(0)
    X = rng.uniform(-2, 2, (40, 1))
    y = np.clip(1 / (1 + np.exp(-2 * X[:, 0])) + 0.05 * rng.normal(size=40), 0, 1)
    model = straight(output_type="probability").fit(X, y)
    for kind in ("auto", "observation", "mean"):
        ends = model.predict_interval(NEW, kind=kind)
        assert ends.min() >= 0
        assert ends.max() <= 1
    shares = np.column_stack([y, 1 - y])
    words = {"output_type": "probability_distribution", "n_candidates": 100}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = DARTSRegressor(**words, random_state=0).fit(X, shares)
    assert model.predict_interval(NEW).shape == (4, 2, 2)
    chances, std = model.predict(NEW, return_std=True)
    assert std.shape == chances.shape
    np.testing.assert_allclose(std[:, 0], std[:, 1], rtol=1e-6)  # they sum to one


# What is not known


def test_exact_data_leave_nothing_open_and_that_is_said() -> None:
    X, _ = line()
    model = straight().fit(X, 2 * X[:, 0] + 1)
    with pytest.warns(DataWarning, match="zero. They say nothing of whether the law"):
        ends = model.predict_interval(NEW)
    np.testing.assert_array_equal(ends[:, 0], ends[:, 1])
    np.testing.assert_allclose(ends[:, 0], model.predict(NEW))
    with pytest.warns(DataWarning, match="exact on the rows of the fit"):
        assert not model.predict(NEW, return_std=True)[1].any()


@pytest.mark.parametrize("rows", [1, 2])
def test_too_few_rows_leave_everything_open_and_that_is_said(rows: int) -> None:
    X, y = line(n=rows)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = straight().fit(X, y)
    for estimator in (model, DARTSRegressor.from_json(model.to_json())):
        for kind in ("mean", "observation"):
            with pytest.warns(DataWarning, match="not more rows than coefficients"):
                ends = estimator.predict_interval(NEW, kind=kind)
            assert (ends == [-np.inf, np.inf]).all()
        with pytest.warns(DataWarning, match="infinite; fit to more rows"):
            assert np.isposinf(estimator.predict(NEW, return_std=True)[1]).all()
        with pytest.raises(ValueError, match=r"cannot be drawn.*fit to more rows"):
            estimator.sample_equations(1)
    with pytest.raises(ValueError, match=f"more rows than the 2 coefficients, got {rows}"):
        model.coefficient_intervals(X, y)


def test_nothing_is_known_outside_the_domain() -> None:
    X, _ = line()
    y = np.log(X[:, 0]) + 0.1 * np.random.default_rng(0).normal(size=len(X))
    model = DARTSRegressor.from_equation("a*log(x1)").fit(X, y)
    with pytest.warns(
        DomainWarning, match=r"1 of 4 rows \(first: row 0\).*infinite"
    ) as said:
        ends = model.predict_interval(NEW)
    assert Path(said[0].filename) == Path(__file__)
    assert ends[0].tolist() == [-np.inf, np.inf]
    assert np.isfinite(ends[1:]).all()
    with pytest.warns(DomainWarning, match="stand in"):
        assert model.predict(NEW, return_std=True)[1][0] == np.inf
    model.calibrate(X, y)
    with pytest.warns(DomainWarning, match="infinite"):
        ends = model.predict_interval(NEW)
    assert ends[0].tolist() == [-np.inf, np.inf]
    assert np.isfinite(ends[1:]).all()


# Calibration


def test_calibrated_intervals_hold_what_they_promise() -> None:
    """The law is wrong, the errors have heavy tails, and still the share is held."""
    rng, inside, count = np.random.default_rng(0), 0, 0
    model = straight()
    for _ in range(60):
        X = rng.uniform(0, 5, (150, 1))
        y = 2 * np.sin(X[:, 0]) + stats.t.rvs(2, size=150, random_state=rng)
        model.fit(X[:20], y[:20]).calibrate(X[20:49], y[20:49])
        low, high = model.predict_interval(X[49:], 0.9).T
        inside += int(((y[49:] >= low) & (y[49:] <= high)).sum())
        count += 101
    # Of 29 rows that calibrate the 27th of 30 is taken: 0.9 is exact, and no more.
    share = inside / count
    assert share == pytest.approx(0.9, abs=4 * np.sqrt(0.09 / 60 / 30))


def test_calibration_is_that_of_the_sorted_errors() -> None:
    X, y = line(n=60)
    model = straight().fit(X[:30], y[:30])
    centre, std = model.predict(X[30:], return_std=True)
    errors = np.sort(np.abs(y[30:] - centre) / std)
    at, width = model.predict(NEW, return_std=True)
    assert model.calibrate(X[30:], y[30:]) is model
    for level, place in ((0.9, 28), (0.5, 16), (0.01, 1), (1e-12, 1)):
        ends = model.predict_interval(NEW, level)
        np.testing.assert_allclose(ends[:, 1], at + errors[place - 1] * width, rtol=1e-9)
    before = straight().fit(X[:30], y[:30]).predict_interval(NEW, kind="mean")
    np.testing.assert_array_equal(model.predict_interval(NEW, kind="mean"), before)
    read = DARTSRegressor.from_json(model.to_json())
    np.testing.assert_array_equal(read.predict_interval(NEW), model.predict_interval(NEW))


def test_calibration_needs_rows_and_ends_with_another_equation(found: Any) -> None:
    X, y = line()
    model = straight().fit(X, y).calibrate(X[:5], y[:5])
    with pytest.raises(
        ValueError, match=r"level=0.9 needs 9 rows to calibrate with, there"
    ):
        model.predict_interval(NEW)
    assert np.isfinite(model.predict_interval(NEW, 0.8)).all()
    with pytest.raises(ValueError, match=r"y_error .* before calibrate"):
        model.predict_interval(NEW, 0.8, y_error=1.0)
    with pytest.raises(ValueError, match=r"equations='selected' .* after calibrate"):
        model.predict_interval(NEW, 0.8, equations="selected")
    expected = straight().fit(X, y).predict_interval(NEW)
    np.testing.assert_array_equal(model.fit(X, y).predict_interval(NEW), expected)
    searched = copy.copy(found[0])
    before = searched.predict_interval(NEW[1:])
    searched.calibrate(*found[1:])
    assert not np.array_equal(searched.predict_interval(NEW[1:]), before)
    searched.select_equation(searched.selected_)
    np.testing.assert_array_equal(searched.predict_interval(NEW[1:]), before)


def test_calibration_of_an_exact_equation_is_no_more_exact() -> None:
    X, y = line()
    model = straight().fit(X, 2 * X[:, 0] + 1).calibrate(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ends = model.predict_interval(NEW)
    np.testing.assert_allclose(np.diff(ends), np.diff(ends)[0, 0])
    assert np.diff(ends)[0, 0] > 1


# Coefficients


def grid_profile(x: np.ndarray, y: np.ndarray, level: float) -> list[tuple[float, float]]:
    """Intervals of a and b of a·x/(b + x), from fits of one while the other is held."""

    fine = {"xatol": 1e-10}

    def error_of_b(b: float) -> float:
        u = x / (b + x)
        return float(np.sum((y - u * (u @ y) / (u @ u)) ** 2))

    def error_of_a(a: float) -> float:
        def rest(log_b: float) -> float:
            return float(np.sum((y - a * x / (np.exp(log_b) + x)) ** 2))

        return float(
            minimize_scalar(rest, bounds=(-6, 6), method="bounded", options=fine).fun
        )

    best = minimize_scalar(error_of_b, bounds=(1e-3, 50), method="bounded", options=fine)
    free = len(x) - 2
    grown = best.fun * (1 + stats.t.ppf((1 + level) / 2, free) ** 2 / free)
    u = x / (best.x + x)
    top = float((u @ y) / (u @ u))
    return [
        (
            brentq(lambda v: error(v) - grown, low, centre),  # noqa: B023
            brentq(lambda v: error(v) - grown, centre, 40 * centre),  # noqa: B023
        )
        for error, low, centre in ((error_of_a, 0.3 * top, top), (error_of_b, 1e-3, best.x))
    ]


def test_profiles_of_a_saturating_law_bend() -> None:
    rng = np.random.default_rng(1)
    x = rng.uniform(0.2, 2, 20)
    y = 3 * x / (2 + x) + 0.08 * rng.normal(size=20)
    model = DARTSRegressor.from_equation("a*x1/(b + x1)").fit(x[:, None], y)
    table = model.coefficient_intervals(x[:, None], y)
    assert table["term"].tolist() == ["a", "b"]
    errors = model.coefficients_["standard_error"]
    factor = stats.t.ppf(0.95, 18)
    for i, (low, high) in enumerate(grid_profile(x, y, 0.9)):
        row = table.iloc[i]
        assert row["lower"] == pytest.approx(low, rel=1e-3)
        assert row["upper"] == pytest.approx(high, rel=1e-3)
        half = factor * errors[i]
        ends = np.array([row["lower"], row["upper"]])
        off = np.abs(ends - row["coefficient"] - [-half, half]).max()
        assert row["normal"] == (off <= 0.1 * half)
    assert not table["normal"].all()


def test_profiles_of_a_line_are_the_t_intervals() -> None:
    X, y = line()
    for model in (straight().fit(X, y), straight().fit(X, y).sample_equations(1)[0]):
        table = model.coefficient_intervals(X, y, 0.95)
        fit = stats.linregress(X[:, 0], y)
        factor = stats.t.ppf(0.975, len(y) - 2)
        for i, (value, error) in enumerate(
            ((fit.slope, fit.stderr), (fit.intercept, fit.intercept_stderr))
        ):
            ends = table.loc[i, ["coefficient", "lower", "upper"]].to_numpy(float)
            expected = [value, value - factor * error, value + factor * error]
            np.testing.assert_allclose(ends, expected, rtol=1e-3)
        assert table["normal"].all()


def test_a_coefficient_without_an_end_is_said_to_have_none() -> None:
    """Rows of a saturating law far below saturation set no upper end to it."""
    rng = np.random.default_rng(0)
    x = rng.uniform(0.1, 0.5, 15)
    y = 3 * x / (2 + x) + 0.1 * rng.normal(size=15)
    model = DARTSRegressor.from_equation("a*x1/(b + x1)").fit(x[:, None], y)
    table = model.coefficient_intervals(x[:, None], y)
    assert np.isinf(table[["lower", "upper"]].to_numpy()).any()
    assert not table["normal"].all()


# Files, copies, units


def test_files_and_copies_keep_what_is_known(found: Any, study: Any, classes: Any) -> None:
    for model, X in ((found[0], found[1]), (study[0], NEW), (classes[0][1], NEW)):
        expected = model.predict_interval(X)
        for again in (
            type(model).from_json(model.to_json()),
            pickle.loads(pickle.dumps(model)),
            copy.deepcopy(model),
        ):
            np.testing.assert_array_equal(again.predict_interval(X), expected)
            one, other = (m.sample_equations(1, 0)[0] for m in (again, model))
            assert one.model_repr() == other.model_repr()
        assert not hasattr(clone(model), "model_")
        again = type(model).from_json(model.to_json())
        pd.testing.assert_series_equal(
            again.equations_["weight"], model.equations_["weight"]
        )
    model, *_ = study
    read = DARTSRegressor.from_json(model.to_json())
    np.testing.assert_array_equal(
        read.predict_interval(NEW, groups=[3] * 4),
        model.predict_interval(NEW, groups=[3] * 4),
    )


@pytest.mark.parametrize("version", [1, 3])
def test_files_of_earlier_versions_know_no_uncertainty(version: int) -> None:
    model = DARTSRegressor.load(DATA / f"model_version_{version}.json")
    X = np.ones((2, model.n_features_in_))
    if hasattr(model, "feature_names_in_"):
        X = pd.DataFrame(X, columns=model.feature_names_in_)
    assert np.isfinite(model.predict(X)).all()
    assert model.equations_["weight"].sum() == pytest.approx(1)
    for ask in (
        lambda: model.predict_interval(X),
        lambda: model.predict(X, return_std=True),
        lambda: model.sample_equations(1),
        lambda: model.calibrate(X, np.ones(2)),
    ):
        with pytest.raises(ValueError, match=r"no uncertainty.*earlier version.*fit again"):
            ask()
    again = DARTSRegressor.from_json(model.to_json())
    with pytest.raises(ValueError, match="no uncertainty"):
        again.predict_interval(X)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda u: u["model"]["noise"].__setitem__(0, -1.0), "negative variance"),
        (lambda u: u["model"].__setitem__("freedom", -2), "negative variance"),
        (lambda u: u["model"]["covariance"].pop(), "covariance"),
        (lambda u: u["model"]["places"].pop(), "covariance"),
        (lambda u: u["rows"].pop(), "rows"),
        (lambda u: u.__setitem__("calibration", [[2.0], [1.0]]), "sorted"),
        (lambda u: u["model"].__setitem__("groups", [[1.0]]), "groups"),
    ],
)
def test_a_file_with_wrong_uncertainty_is_refused(change: Any, message: str) -> None:
    document = json.loads(straight().fit(*line()).to_json())
    change(document["uncertainty"])
    with pytest.raises(ValueError, match=message):
        DARTSRegressor.from_json(json.dumps(document))


def test_physical_constants_and_units() -> None:
    pytest.importorskip("pint")
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"m": rng.uniform(1, 5, 30), "h": rng.uniform(1, 9, 30)})
    product = 9.80665 * X["m"] * X["h"]
    y = product + 5 * rng.normal(size=30)
    model = DARTSRegressor.from_equation("a*m*g*h", constants=["g"])
    model.fit(X, y, X_units=["kg", "m"], y_units="J")
    scale = float(product @ y / (product @ product))
    error = np.sqrt(np.sum((y - scale * product) ** 2) / 29 / (product @ product))
    half = stats.t.ppf(0.95, 29) * error
    expected = product.to_numpy()[:, None] * (scale + np.array([-half, half]))
    for again in (model, DARTSRegressor.from_json(model.to_json())):
        ends = again.predict_interval(X, kind="mean")
        np.testing.assert_allclose(ends, expected, rtol=1e-6)
    row = model.coefficient_intervals(X, y).iloc[0]
    assert row["term"] == "a"
    assert row["lower"] == pytest.approx(scale - half, rel=1e-3)
    usable(model.sample_equations(1, random_state=0)[0], X)


# Bad input


@pytest.fixture(scope="module")
def fitted() -> tuple[DARTSRegressor, np.ndarray, np.ndarray]:
    X, y = line()
    return straight().fit(X, y), X, y


BAD: list[tuple[str, dict[str, Any], str]] = [
    *(
        ("predict_interval", {"level": level}, "level must be a probability")
        for level in (0, 1, -0.1, "a", True, None, float("nan"), [0.5, 0.9])
    ),
    ("predict_interval", {"kind": "median"}, "kind must be one of .* got 'median'"),
    ("predict_interval", {"kind": None}, "kind must be one of .* got None"),
    ("predict_interval", {"equations": "some"}, "equations must be 'all' or 'selected'"),
    ("predict_interval", {"equations": None}, "equations must be 'all' or 'selected'"),
    ("predict_interval", {"groups": ["a"] * 4}, "fitted without groups; leave groups out"),
    ("predict_interval", {"y_error": -1.0}, "y_error must be positive, got -1"),
    ("predict_interval", {"y_error": [1, 2, 0, 1]}, "y_error must be positive, got 0"),
    ("predict_interval", {"y_error": [1, 2]}, r"y_error must .* shape \(4,\), got"),
    ("predict_interval", {"y_error": float("nan")}, "y_error contains NaN"),
    ("predict_interval", {"y_error": 1.0, "kind": "mean"}, "leave it out"),
    ("predict_interval", {"X": np.ones((2, 3))}, "X has 3 features"),
    ("predict_interval", {"X": np.ones(3)}, "Expected 2D array"),
    ("sample_equations", {"n": 0}, "n must be a whole number of at least 1, got 0"),
    ("sample_equations", {"n": 2.0}, "n must be a whole number of at least 1, got 2.0"),
    ("sample_equations", {"n": True}, "n must be a whole number of at least 1, got True"),
    ("sample_equations", {"n": "3"}, "n must be a whole number of at least 1, got '3'"),
    ("sample_equations", {"n": 1, "random_state": "a"}, "'a' cannot be used to seed"),
    ("calibrate", {"y": None}, "y must hold finite numbers"),
    ("calibrate", {"y": 5.0}, r"y must hold finite numbers of shape \(4, 1\).*got 5.0"),
    ("calibrate", {"y": [1, 2]}, r"one row for every row of X, got \[1, 2\]"),
    ("calibrate", {"y": [1, 2, 3, np.nan]}, "y must hold finite numbers"),
    ("calibrate", {"y": ["a"] * 4}, "y holds text"),
    ("calibrate", {"y": np.ones(4), "groups": ["a"] * 4}, "fitted without groups"),
    ("coefficient_intervals", {"y": np.ones(4), "level": 1.0}, "level must be a prob"),
    ("coefficient_intervals", {"y": np.ones(3)}, "inconsistent numbers of samples"),
    (
        "coefficient_intervals",
        {"y": np.arange(4.0), "y_error": -1},
        "y_error must be positive",
    ),
    ("coefficient_intervals", {"y": np.ones((4, 2))}, "single output"),
]


@pytest.mark.parametrize(("method", "arguments", "message"), BAD)
def test_bad_input_is_refused_and_changes_nothing(
    fitted: Any, method: str, arguments: dict[str, Any], message: str
) -> None:
    model = fitted[0]
    before = dict(vars(model))
    if method != "sample_equations":
        arguments = {"X": NEW} | arguments
    with pytest.raises(ValueError, match=message):
        getattr(model, method)(**arguments)
    assert vars(model).keys() == before.keys()
    assert all(vars(model)[key] is value for key, value in before.items())


def test_what_has_no_such_interval_says_so(study: Any, classes: Any) -> None:
    X, y = line()
    outcomes = (y > 5).astype(float)
    model = straight(output_type="probability_sample").fit(X, outcomes)
    with pytest.raises(ValueError, match=r"kind='observation' is for numbers.*kind='mean'"):
        model.predict_interval(X, kind="observation")
    with pytest.raises(ValueError, match="calibrate is for numbers"):
        model.calibrate(X, outcomes)
    with pytest.raises(ValueError, match="coefficient_intervals is for numbers"):
        model.coefficient_intervals(X, outcomes)
    grouped, rows, targets, _ = study
    with pytest.raises(ValueError, match=r"of_group\(label\)"):
        grouped.coefficient_intervals(rows, targets)
    classifier = classes[0][0]
    with pytest.raises(ValueError, match="level must be a probability"):
        classifier.predict_interval(NEW, level=2)
    assert not hasattr(classifier, "calibrate")


@pytest.fixture(autouse=True)
def quiet_searches() -> Iterator[None]:
    """Numbers that overflow on the way are nobody's business."""
    with np.errstate(all="ignore"):
        yield


def test_an_equation_of_which_nothing_is_known_widens_by_its_weight() -> None:
    """Half of its weight lies beyond either end, and no more."""
    weight, mean = np.array([[0.96], [0.04]]), np.array([[2.0], [7.0]])
    scale, free = np.array([[0.5], [np.inf]]), np.array([np.inf, np.inf])
    high = float(quantile(weight, mean, scale, free, 0.95)[0])
    assert high == pytest.approx(stats.norm.ppf((0.95 - 0.02) / 0.96, 2.0, 0.5), abs=1e-4)
    low = float(quantile(weight, mean, scale, free, 0.01)[0])
    assert low == -np.inf
    nothing = np.full((2, 1), np.inf)
    assert quantile(weight, mean, nothing, free, 0.95)[0] == np.inf
