"""The next experiment: conditions at which equations that have weight disagree."""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression

from autora.skl.darts import DARTSRegressor, DomainWarning, experimentalist
from autora.skl.darts.experimentalist import discriminating, expected_information
from autora.skl.darts.selection.experiments import (
    chosen,
    coefficient_gain,
    information_gain,
)
from autora.skl.darts.selection.posterior import Predictive

X = np.linspace(0, 10, 21).reshape(-1, 1)


def mixture(
    weight: Any, mean: Any, noise: Any, root: Any = None, freedom: Any = np.inf
) -> Predictive:
    """Equations of one output: mean (m, n), root (m, n, k), the rest (m,) or a number."""
    mean = np.asarray(mean, float)
    m, n = mean.shape
    root = np.zeros((m, n, 0)) if root is None else np.asarray(root, float)
    return Predictive(
        np.asarray(weight, float),
        mean[:, :, None],
        root[:, :, None, :],
        np.broadcast_to(np.asarray(noise, float), m)[:, None],
        np.broadcast_to(np.asarray(freedom, float), m),
    )


# How much an observation tells, against integrals on a fine grid


def integrated(predictive: Predictive, row: int) -> float:
    """Mutual information of the equation and one output, from its definition."""
    scale = np.sqrt((predictive.root[:, row, 0] ** 2).sum(axis=1) + predictive.noise[:, 0])
    centre, tails = predictive.mean[:, row, 0], np.geomspace(10, 1e7, 3000)
    steps = np.concatenate([-tails[::-1], np.linspace(-10, 10, 4001), tails])
    y = np.unique(centre[:, None] + scale[:, None] * steps)
    density = np.array(
        [
            stats.t(f, c, s).pdf(y) if np.isfinite(f) else stats.norm(c, s).pdf(y)
            for c, s, f in zip(centre, scale, predictive.freedom, strict=True)
        ]
    )
    both = density * predictive.weight[:, None]
    with np.errstate(all="ignore"):
        part = both * np.log(density / both.sum(axis=0))
    part = np.where(both > 0, part, 0.0).sum(axis=0)
    return float(np.sum((part[1:] + part[:-1]) / 2 * np.diff(y)))


@pytest.mark.parametrize("seed", range(8))
def test_information_is_the_integral(seed: int) -> None:
    """Few equations and many, near and far, of like and unlike widths, heavy tails."""
    rng = np.random.default_rng(seed)
    for m in (2, 3, 6):
        predictive = mixture(
            rng.dirichlet(np.ones(m)),
            rng.normal(0, rng.choice([0.1, 1, 10]), (m, 1)),
            np.exp(rng.normal(0, rng.choice([0.1, 2]), m)),
            rng.normal(0, 0.5, (m, 1, 2)),
            rng.choice([1, 3, 10, np.inf], m),
        )
        assert information_gain(predictive)[0] == pytest.approx(
            integrated(predictive, 0), abs=1e-3
        )


def test_information_of_two_outputs_is_that_of_both_together() -> None:
    """Each output alone would tell less, and their sum is more than there is to know."""
    mean = np.array([[[0.0, 0.0]], [[2.0, 1.0]]])
    both = Predictive(
        np.full(2, 0.5), mean, np.zeros((2, 1, 2, 0)), np.ones((2, 2)), np.full(2, np.inf)
    )
    # Only the distance counts: along the line between the two means they are normal.
    alone = mixture([0.5, 0.5], [[0.0], [np.hypot(2, 1)]], 1.0)
    assert information_gain(both)[0] == pytest.approx(integrated(alone, 0), abs=0.01)
    far = both._replace(mean=50 * mean)
    assert information_gain(far)[0] == pytest.approx(np.log(2), abs=1e-6)


def test_the_same_equation_counts_as_one() -> None:
    once = mixture([0.4, 0.6], [[0.0], [1.5]], 0.5)
    twice = mixture([0.1, 0.3, 0.6], [[0.0], [0.0], [1.5]], 0.5)
    np.testing.assert_allclose(information_gain(once), information_gain(twice), atol=1e-3)
    alike = mixture([0.4, 0.6], [[1.0], [1.0]], 0.5)
    np.testing.assert_allclose(information_gain(alike), 0, atol=1e-9)


def test_uncertain_coefficients_make_a_deviation_less_telling() -> None:
    """The second row has the larger difference, which the coefficients could undo."""
    mean, root = [[0.0, 0.0], [1.0, 3.0]], np.zeros((2, 2, 1))
    sure = mixture([0.5, 0.5], mean, 0.1, root)
    vague = mixture([0.5, 0.5], mean, 0.1, root + np.array([[[0], [10]]]))
    assert chosen(sure, 1, "equation", False, 0) == [1]
    assert chosen(vague, 1, "equation", False, 0) == [0]


# Several observations


def joint_integrated(predictive: Predictive, rows: list[int], cells: int = 240) -> float:
    """The same of two observations of normal equations, on a grid in the plane."""
    weight, mean = predictive.weight, predictive.mean[:, rows, 0]
    root = predictive.root[:, rows, 0]
    covariance = root @ root.swapaxes(1, 2) + predictive.noise[:, 0, None, None] * np.eye(2)
    size = np.sqrt(covariance[:, [0, 1], [0, 1]])
    low, high = (mean - 7 * size).min(axis=0), (mean + 7 * size).max(axis=0)
    axes = [np.linspace(*ends, cells) for ends in zip(low, high, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    density = np.array(
        [
            stats.multivariate_normal(m, c).pdf(points)
            for m, c in zip(mean, covariance, strict=True)
        ]
    )
    both = density * weight[:, None, None]
    with np.errstate(all="ignore"):
        part = np.where(both > 0, both * np.log(density / both.sum(axis=0)), 0.0)
    cell = (axes[0][1] - axes[0][0]) * (axes[1][1] - axes[1][0])
    return float(part.sum() * cell)


def uncertain(seed: int) -> Predictive:
    rng = np.random.default_rng(seed)
    return mixture(
        rng.dirichlet(np.ones(3)),
        rng.normal(0, 1, (3, 7)),
        rng.uniform(0.3, 1, 3),
        rng.normal(0, 1, (3, 7, 2)),
    )


@pytest.mark.parametrize("seed", range(4))
def test_the_second_condition_tells_most_beside_the_first(seed: int) -> None:
    predictive = uncertain(seed)
    first, second = chosen(predictive, 2, "equation", True, seed)
    assert first == int(np.argmax([integrated(predictive, row) for row in range(7)]))
    every = [joint_integrated(predictive, [first, row]) for row in range(7)]
    assert every[second] == pytest.approx(max(every), abs=0.02)


def test_a_batch_is_spread_over_what_is_open() -> None:
    """Two rows separate equations 1 and 2, a third of less worth separates 2 and 3."""
    mean = [[0, 0, 0], [4, 4, 0], [4, 4, 3]]
    predictive = mixture([1 / 3] * 3, mean, 1.0)
    assert chosen(predictive, 2, "equation", False, 0).tolist() == [0, 2]
    assert chosen(predictive, 3, "equation", False, 0).tolist() == [0, 2, 1]


def test_repeats_pay_where_noise_is_large() -> None:
    mean = [[0.0, 0.0, 0.0], [0.1, 1.0, 0.1]]
    predictive = mixture([0.5, 0.5], mean, 4.0)
    assert chosen(predictive, 3, "equation", True, 0).tolist() == [1, 1, 1]
    assert sorted(chosen(predictive, 3, "equation", False, 0)) == [0, 1, 2]


def test_noise_that_is_estimated_is_learned_in_a_batch() -> None:
    """Student's t of two rows is one distribution, not a product of two."""
    predictive = mixture([0.5, 0.5], [[0.0, 0.0], [1.0, 1.0]], 1.0, freedom=1.0)
    rng = np.random.default_rng(1)
    y = np.concatenate(
        [
            stats.multivariate_t([m, m], np.eye(2), 1.0).rvs(40_000, random_state=rng)
            for m in (0.0, 1.0)
        ]
    )
    log = np.stack(
        [stats.multivariate_t([m, m], np.eye(2), 1.0).logpdf(y) for m in (0.0, 1.0)]
    )
    share = np.exp(log - np.logaddexp(*log))
    entropy = -(share * np.log(np.maximum(share, 1e-300))).sum(axis=0).mean()
    # A third row that repeats what is known adds nothing to these two.
    found = batch_information(predictive, [0, 1])
    assert found == pytest.approx(np.log(2) - entropy, abs=0.01)


def batch_information(predictive: Predictive, rows: list[int]) -> float:
    """What the rows tell together, by the way in which a batch is chosen."""
    from autora.skl.darts.selection import experiments as core

    rng, seen = np.random.default_rng(0), core._before(predictive, 4000)
    for row in rows[:-1]:
        seen = core._after(predictive, seen, row, rng)
    return float(core._about_equation(predictive, seen, rng)[rows[-1]])


# Coefficients


def line() -> tuple[Predictive, np.ndarray]:
    """A straight line through little, and its derivatives at X."""
    slopes = np.column_stack([np.ones(len(X)), X[:, 0]])
    return mixture([1.0], np.zeros((1, len(X))), 0.25, 3 * slopes[None]), 3 * slopes


def test_information_about_coefficients() -> None:
    predictive, slopes = line()
    expected = 0.5 * np.log(1 + (slopes**2).sum(axis=1) / 0.25)
    np.testing.assert_allclose(coefficient_gain(predictive), expected)


@pytest.mark.parametrize("about", ["coefficients", "equation", "both"])
def test_a_single_equation_is_measured_at_the_ends(about: str) -> None:
    """D-optimal for a straight line; with nothing to tell apart, whatever is asked for."""
    predictive, slopes = line()
    rows = chosen(predictive, 2, about, False, 0)

    def determinant(pair: tuple[int, int]) -> float:
        own = slopes[list(pair)]
        return float(np.linalg.slogdet(np.eye(2) + own.T @ own / 0.25)[1])

    assert sorted(rows) == list(
        max(itertools.combinations(range(len(X)), 2), key=determinant)
    )


def test_both_is_the_sum() -> None:
    models = [Known(0.6, lambda x: x, 1.0), Known(0.4, lambda x: 1 + x / 2, 1.0)]
    parts = [
        expected_information(X, models, about=about, noise=0.5)
        for about in ("equation", "coefficients", "both")
    ]
    np.testing.assert_allclose(parts[0] + parts[1], parts[2], atol=1e-12)
    assert parts[0].max() <= np.log(2) + 1e-9


# Theorists


class Known:
    """A theorist whose equation has a slope of known uncertainty."""

    output_type = "real"
    n_features_in_ = 1

    def __init__(self, scale: float, f: Any = None, error: float = 0.0) -> None:
        self.scale, self.error = scale, error
        self.f = f or (lambda x: scale * x)

    def predict(self, X: Any) -> np.ndarray:
        return self.f(np.asarray(X, float)[:, 0])

    def _predictive(self, X: Any, groups: Any = None) -> Predictive:
        x = np.asarray(X, float)[:, :1]
        return mixture([1.0], self.predict(X)[None], 0.04, self.error * x[None])


class Bare:
    """A theorist that predicts, and says nothing of errors."""

    def __init__(self, f: Any) -> None:
        self.f = f

    def predict(self, X: Any) -> np.ndarray:
        return self.f(np.asarray(X, float)[:, 0])


def test_lines_are_told_apart_where_they_are_apart() -> None:
    assert discriminating(X, [Known(1.0), Known(1.2)]).tolist() == [[10.0]]
    waves = [Known(1.0, np.sin), Known(1.0, lambda x: np.sin(x) + np.exp(-((x - 4) ** 2)))]
    assert discriminating(X, waves).tolist() == [[4.0]]


def test_weights_of_theorists() -> None:
    """At 0 only the third differs from the others, at 10 only the first."""
    laws = [
        Known(0, lambda x: 0.3 * x),
        Known(0, lambda x: 0 * x),
        Known(0, lambda x: np.maximum(3 - x, 0)),
    ]
    assert discriminating(X, laws, weights=[0.5, 0.5, 0]).tolist() == [[10.0]]
    assert discriminating(X, laws, weights=[0, 1, 1]).tolist() == [[0.0]]
    entropy = -(0.8 * np.log(0.8) + 0.2 * np.log(0.2))
    found = expected_information(X, laws, weights=[4, 1, 0], noise=0.01)
    assert found.max() == pytest.approx(entropy, abs=1e-6)


def test_a_theorist_of_every_cycle_counts_once() -> None:
    """`estimator_on_state` appends the same estimator again."""
    one, other = Known(1.0), Known(1.1)
    plain = expected_information(X, [one, other])
    np.testing.assert_array_equal(
        plain, expected_information(X, [one, other, one, one, other])
    )
    weighed = expected_information(X, [one, other], weights=[2, 1])
    same = expected_information(X, [one, other, one], weights=[1, 1, 1])
    np.testing.assert_array_equal(weighed, same)


def test_noise_of_theorists_that_know_none() -> None:
    """It is the largest of the others, or what is given."""
    bare, known = Bare(lambda x: 1.1 * x), Known(1.0)
    expected = expected_information(X, [Known(1.1), known])
    np.testing.assert_allclose(expected_information(X, [bare, known]), expected, atol=1e-9)
    given = expected_information(X, [bare, Bare(lambda x: x)], noise=0.2)
    np.testing.assert_allclose(given, expected, atol=1e-9)
    assert (expected_information(X, [bare, known], noise=2.0) <= expected + 1e-9).all()


def test_given_noise_moves_the_errors_of_coefficients() -> None:
    """They are proportional to it, so that they tell of the same number of rows."""
    told = expected_information(X, [Known(1.0, error=0.5)], about="coefficients")
    given = expected_information(X, [Known(1.0, error=0.5)], about="coefficients", noise=3)
    np.testing.assert_allclose(told, given)


def test_frames_keep_their_columns_and_types() -> None:
    frame = pd.DataFrame({"place": range(21), "dose": X[:, 0]}, index=range(50, 71))
    line = LinearRegression().fit(frame[["dose"]], X[:, 0])
    bent = LinearRegression().fit(frame[["dose"]], 1.5 * X[:, 0])
    found = discriminating(frame, [line, bent], 3, noise=1.0)
    assert found["place"].tolist() == [20, 19, 18]
    assert list(found.columns) == list(frame.columns)
    assert list(found.index) == [0, 1, 2] and (found.dtypes == frame.dtypes).all()
    assert list(frame.index) == list(range(50, 71))
    # Models with names of columns, conditions without.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert discriminating(X, [line, bent], noise=1.0).tolist() == [[10.0]]


def test_a_choice_can_be_made_again() -> None:
    models = [Known(1.0, error=0.3), Known(1.1, error=0.1), Known(1.0, np.sqrt, 0.2)]
    first = discriminating(X, models, 4, random_state=3)
    np.testing.assert_array_equal(first, discriminating(X, models, 4, random_state=3))
    assert len(np.unique(first)) == 4


def test_conditions_outside_the_domain_are_not_chosen() -> None:
    models = [Bare(lambda x: np.sqrt(np.where(x > 8, np.nan, x))), Bare(lambda x: x)]
    with pytest.warns(DomainWarning, match="4 of 21 conditions"):
        assert discriminating(X, models, noise=0.1) == [[8.0]]
    with pytest.warns(DomainWarning):
        found = expected_information(X, models, noise=0.1)
    assert np.isnan(found[17:]).all() and np.isfinite(found[:17]).all()
    # One that hardly counts does not narrow the pool.
    more = [*models, Bare(lambda x: 2 * x)]
    assert discriminating(X, more, weights=[0.01, 1, 1], noise=0.1) == [[10.0]]


BAD: list[tuple[dict[str, Any], str]] = [
    ({"models": []}, "models is empty"),
    ({"models": Known(1.0)}, "write \\[model\\]"),
    ({"models": ["law"]}, r"models\[0\] \(str\) is not a regressor"),
    ({"conditions": X[:, 0]}, r"shape \(21,\)"),
    ({"conditions": X[:0]}, r"shape \(0, 1\)"),
    ({"conditions": np.hstack([X, X])}, "2 columns"),
    ({"conditions": np.where(X > 9, np.nan, X)}, "missing or infinite in 2 of 21 rows"),
    ({"conditions": np.where(X > 9, np.inf, X)}, "missing or infinite"),
    ({"conditions": pd.DataFrame({"x": ["a", "b"]})}, "holds text"),
    ({"num_samples": 0}, "num_samples"),
    ({"num_samples": 2.0}, "num_samples"),
    ({"num_samples": True}, "num_samples"),
    ({"num_samples": 22}, "num_samples=22 is more than the 21 conditions"),
    ({"weights": [1.0]}, "weights must be 2 numbers"),
    ({"weights": [1.0, -1.0]}, "weights must be"),
    ({"weights": [0.0, 0.0]}, "weights must be"),
    ({"weights": [1.0, np.nan]}, "weights must be"),
    ({"weights": "equal"}, "weights"),
    ({"weights": "evidence"}, "needs models with a criterion"),
    ({"about": "noise"}, "about"),
    ({"noise": 0.0}, "noise"),
    ({"noise": -1.0}, "noise"),
    ({"noise": np.nan}, "noise"),
    ({"noise": [1.0, 2.0]}, "y has 1 outputs"),
    ({"replace": 1.5}, "replace"),
    ({"random_state": -1}, "random_state"),
    ({"random_state": None}, "random_state"),
    ({"models": [Bare(np.sin), Bare(np.cos)]}, "noise is not known"),
    ({"models": [Bare(lambda x: np.nan * x)], "noise": 1.0}, "no finite prediction"),
]


@pytest.mark.parametrize(("change", "said"), BAD)
def test_bad_input_is_refused(change: dict[str, Any], said: str) -> None:
    arguments = {"conditions": X, "models": [Known(1.0), Known(2.0)], **change}
    with pytest.raises(ValueError, match=said):
        discriminating(**arguments)


def test_models_that_do_not_serve_are_refused() -> None:
    classes = LogisticRegression().fit(X, X[:, 0] > 5)
    with pytest.raises(ValueError, match=r"models\[1\] \(LogisticRegression\)"):
        discriminating(X, [Known(1.0), classes])
    with pytest.raises(NotFittedError, match=r"models\[0\] \(DARTSRegressor\) is not"):
        discriminating(X, [DARTSRegressor()])
    shares = Known(1.0)
    shares.output_type = "probability"
    with pytest.raises(ValueError, match="output_type='probability'"):
        discriminating(X, [shares])
    two = LinearRegression().fit(X, np.hstack([X, X]))
    with pytest.raises(ValueError, match=r"unequal numbers of outputs, \[1, 2\]"):
        discriminating(X, [Known(1.0), two], noise=1.0)
    named = LinearRegression().fit(pd.DataFrame({"dose": X[:, 0]}), X[:, 0])
    with pytest.raises(ValueError, match=r"lack the columns \['dose'\]"):
        discriminating(pd.DataFrame({"time": X[:, 0]}), [named], noise=1.0)


# The estimator


LAWS = "1/(1 + k*delay)", "exp(-k*delay)"
DELAYS = pd.DataFrame({"delay": [2.0, 5.0, 9.0, 14.0, 20.0, 30.0]})
VALUES = 1 / (1 + 0.05 * DELAYS["delay"]) + [0.03, -0.02, 0.01, -0.04, 0.02, 0.0]


@pytest.fixture(scope="module")
def laws() -> list[DARTSRegressor]:
    return [
        DARTSRegressor.from_equation(law, random_state=0).fit(DELAYS, VALUES)
        for law in LAWS
    ]


def test_two_laws_are_told_apart_where_their_tails_differ(
    laws: list[DARTSRegressor],
) -> None:
    """Near a delay of 0 both are 1, whatever their rate; late, one is nearly 0."""
    pool = pd.DataFrame({"delay": np.linspace(0, 120, 13), "trial": np.arange(13)})
    told = expected_information(pool, laws, noise=0.05)
    assert told[0] == pytest.approx(0, abs=1e-6)
    apart = np.abs(laws[0].predict(pool[["delay"]]) - laws[1].predict(pool[["delay"]]))
    assert told[apart > 0.1].min() > told[apart < 0.03].max()
    chosen_ = discriminating(pool, laws, 2, noise=0.05)
    assert (chosen_["delay"] >= 60).all() and list(chosen_.columns) == ["delay", "trial"]


def test_information_of_the_estimator_is_the_integral(laws: list[DARTSRegressor]) -> None:
    """Predictions and errors are those of the fit: Student's t with n − 1 degrees."""
    pool = pd.DataFrame({"delay": [60.0]})
    means, variances, noises = [], [], []
    for law in laws:
        [k], error = law.coefficients_["coefficient"], 1e-6
        mean = [
            1 / (1 + r * 60) if law is laws[0] else np.exp(-r * 60) for r in (k, k + error)
        ]
        rest = VALUES - law.predict(DELAYS)
        noises.append(float(rest @ rest) / 5)
        slope = (mean[1] - mean[0]) / error
        [width] = law.coefficients_["standard_error"]
        means.append(mean[0])
        variances.append((slope * width) ** 2)
    root = np.sqrt(variances)[:, None, None]
    expected = mixture([0.5, 0.5], np.array(means)[:, None], noises, root, 5.0)
    [found] = expected_information(pool, laws)
    assert found == pytest.approx(integrated(expected, 0), abs=2e-3)


def test_conditions_may_be_in_other_units() -> None:
    pytest.importorskip("pint_pandas", reason="needs the extra 'units'")
    seconds = DELAYS.astype("pint[s]")
    laws = [DARTSRegressor.from_equation(w, random_state=0) for w in LAWS]
    for law in laws:
        law.fit(seconds, VALUES)
    minutes = pd.DataFrame({"delay": [0.0, 0.5, 1.0, 1.5]}).astype("pint[min]")
    plain = pd.DataFrame({"delay": [0.0, 30.0, 60.0, 90.0]})
    np.testing.assert_allclose(
        expected_information(minutes, laws), expected_information(plain, laws), atol=1e-9
    )
    found = discriminating(minutes, laws, 2)
    assert found.dtypes["delay"] == minutes.dtypes["delay"]
    minutes.loc[1, "delay"] = np.nan
    with pytest.raises(ValueError, match="column 'delay' of conditions is missing"):
        discriminating(minutes, laws)


def test_evidence_weighs_as_compare_does(laws: list[DARTSRegressor]) -> None:
    table = laws[0].compare([LAWS[1]], DELAYS, VALUES).set_index("name")["weight"]
    pool = pd.DataFrame({"delay": [10.0, 40.0, 90.0]})
    np.testing.assert_allclose(
        expected_information(pool, laws, weights="evidence"),
        expected_information(pool, laws, weights=table[[*LAWS]].to_numpy()),
        rtol=1e-6,
    )


def test_one_law_is_measured_where_its_constant_shows(laws: list[DARTSRegressor]) -> None:
    """Of exp(−k·t) the derivative in k is largest at t = 1/k."""
    pool = pd.DataFrame({"delay": np.linspace(0, 100, 401)})
    [rate] = laws[1].coefficients_["coefficient"]
    found = discriminating(pool, [laws[1]])["delay"][0]
    assert found == pytest.approx(1 / rate, abs=0.25)


def test_a_search_brings_its_equations() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(0.5, 3, (12, 1))
    y = np.log(x[:, 0]) + 0.2 * rng.normal(size=12)
    model = DARTSRegressor(
        num_graph_nodes=1,
        primitives=["none", "mult", "linear_ln", "linear_exp"],
        train_classifier_coefficients=True,
        train_classifier_bias=True,
        max_epochs=1,
        param_updates_per_epoch=1,
        n_candidates=20,
        random_state=0,
    ).fit(x, y)
    assert len(model.equations_) > 1
    told = expected_information(np.array([[0.5], [3.0], [9.0]]), [model])
    assert 0 < told.max() <= np.log(len(model.equations_))


def test_too_few_observations_are_said() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        law = DARTSRegressor.from_equation("a*exp(b*x1)", random_state=0)
        law.fit([[1.0], [2.0]], [1.0, 2.0])
    with pytest.raises(ValueError, match="no more observations than it has coefficients"):
        discriminating(X, [law])


def test_a_step_of_the_loop(laws: list[DARTSRegressor]) -> None:
    """The pool of the state is chosen from; models of earlier cycles may be left out."""
    state = pytest.importorskip("autora.state", reason="needs the extra 'autora'")
    pool = pd.DataFrame({"delay": np.linspace(0, 120, 13)})
    before = state.StandardState(conditions=pool, models=[*laws, *laws])
    after = experimentalist.discriminating_on_state(before, num_samples=3)
    pd.testing.assert_frame_equal(after.conditions, discriminating(pool, laws, 3))
    assert len(before.conditions) == 13
    single = experimentalist.discriminating_on_state(before, models=laws[1:])
    pd.testing.assert_frame_equal(single.conditions, discriminating(pool, laws[1:]))
    wrapped = state.on_state(discriminating, output=["conditions"])
    pd.testing.assert_frame_equal(
        wrapped(before, num_samples=3).conditions, after.conditions
    )
