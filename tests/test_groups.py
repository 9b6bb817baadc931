"""Groups of rows: one graph for all, coefficients of which some differ."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import least_squares, minimize
from scipy.stats import multivariate_normal, norm
from sklearn import config_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GroupKFold, LeaveOneGroupOut, cross_val_score

from autora.skl.darts import DARTSClassifier, DARTSRegressor, UnknownGroupWarning

WORDS = ["none", "add", "mult", "shift", "shifted_reciprocal", "scaled_exp", "ln"]


def discounting(seed: int, groups: int = 12, rows: int = 20, noise: float = 0.1) -> Any:
    """Hyperbolic discounting: amounts, delays, values, participants and their rates."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(groups), rows)
    amount, delay = rng.uniform(10, 100, len(who)), rng.uniform(0, 60, len(who))
    rate = 0.05 * np.exp(0.8 * rng.normal(size=groups))
    value = amount / (1 + rate[who] * delay)
    y = value + noise * value.std() * rng.normal(size=len(who))
    X = pd.DataFrame({"amount": amount, "delay": delay})
    return X, y, np.array([f"p{i:02d}" for i in who]), value, rate


def regressor(**settings: Any) -> DARTSRegressor:
    return DARTSRegressor(
        **{"primitives": WORDS, "n_candidates": 1500, "random_state": 0} | settings
    )


@pytest.fixture(scope="module")
def study() -> Any:
    data = discounting(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return regressor().fit(data[0], data[1], groups=data[2]), data


def test_one_law_with_a_rate_for_every_participant(study: Any) -> None:
    model, (X, y, who, value, rate) = study
    assert model.equations_.equation[model.selected_].startswith("amount/(")
    assert list(model.population_.term) == ["slope of mult(delay) in k_1"]
    assert model.groups_.tolist() == sorted(set(who))
    assert np.mean((model.predict(X, who) - value) ** 2) < 0.002 * y.var()
    own = model.coefficients_.dropna(subset="group").set_index("group")
    assert own.index.tolist() == model.groups_.tolist()
    mean = model.population_.iloc[0]
    expected = mean["mean"] * mean.spread / np.sqrt(12)
    assert mean.standard_error == pytest.approx(expected, rel=0.1)
    off = (own.coefficient - rate) / own.standard_error
    assert np.abs(off).max() < 4
    assert 0.5 < np.std(off) < 1.6


def test_what_a_group_predicts_is_what_it_prints(study: Any) -> None:
    model, (X, _, who, _, _) = study
    for label in model.groups_[:3]:
        own, rows = model.of_group(label), who == label
        expected = model.predict(X[rows], who[rows])
        np.testing.assert_array_equal(own.predict(X[rows]), expected)
        formula = own.sympy()
        found = [
            float(formula.subs({s: row[str(s)] for s in formula.free_symbols}))
            for _, row in X[rows].iterrows()
        ]
        np.testing.assert_allclose(found, expected, rtol=1e-9)
        space: dict[str, Any] = {}
        exec(own.python(), space)
        np.testing.assert_allclose(space["predict"](*X[rows].to_numpy().T), expected, 1e-9)
        assert not hasattr(own, "groups_")


def test_a_new_group_gets_the_population(study: Any) -> None:
    model, (X, *_) = study
    expected = model.predict(X)
    with pytest.warns(UnknownGroupWarning, match=r"'nobody' were not in the fit"):
        np.testing.assert_array_equal(model.predict(X, ["nobody"] * len(X)), expected)
    formula = model.sympy()
    names = {s: X[str(s)].iloc[0] for s in formula.free_symbols}
    assert float(formula.subs(names)) == pytest.approx(expected[0], rel=1e-9)
    rate = model.population_["mean"][0]
    own = model.coefficients_.dropna(subset="group").coefficient
    assert rate == pytest.approx(np.exp(np.log(own).mean()), rel=0.01)


def test_a_group_chooses_among_its_own_rows(study: Any) -> None:
    model, (X, *_) = study
    own = model.of_group("p03")
    for row in own.equations_.index:
        own.select_equation(row)
        one = {s: X[str(s)].iloc[0] for s in own.sympy().free_symbols}
        found = float(own.sympy().subs(one)) if one else float(own.sympy())
        assert found == pytest.approx(own.predict(X[:1])[0], rel=1e-9)
    with pytest.raises(ValueError, match="fitted with groups; compare"):
        model.compare(["a*amount"], X, X["amount"])


def test_the_text_says_what_differs(study: Any) -> None:
    model, _ = study
    lines = model.model_repr().splitlines()
    assert lines[2] == "population of 12 groups, which differ in"
    assert lines[3].startswith("  slope of mult(delay) in k_1: 0.0")
    assert "× or ÷" in lines[3]


def test_files_and_pickles_keep_groups(study: Any) -> None:
    model, (X, y, who, _, _) = study
    for again in (
        DARTSRegressor.from_json(model.to_json()),
        pickle.loads(pickle.dumps(model)),
    ):
        np.testing.assert_array_equal(again.predict(X, who), model.predict(X, who))
        pd.testing.assert_frame_equal(again.coefficients_, model.coefficients_)
        pd.testing.assert_frame_equal(again.population_, model.population_)
        pd.testing.assert_frame_equal(again.equations_, model.equations_)
        assert again.model_repr() == model.model_repr()
        assert again.score(X, y, groups=who) == model.score(X, y, groups=who)
        np.testing.assert_array_equal(again.groups_, model.groups_)
    own = model.of_group("p03")
    read = DARTSRegressor.from_json(own.to_json())
    np.testing.assert_array_equal(read.predict(X), own.predict(X))


def test_rows_of_the_table_can_be_taken(study: Any) -> None:
    model, (X, _, who, _, _) = study
    again = pickle.loads(pickle.dumps(model))
    for row in again.equations_.index:
        again.select_equation(row)
        terms = [t for t in again.equations_.varying[row].split("; ") if t]
        assert sorted(again.population_.term) == sorted(terms)
        assert np.isfinite(again.predict(X, who)).all()
        assert len(again.coefficients_.dropna(subset="group")) == 12 * len(terms)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_same_bits() -> None:
    X, y, who, _, _ = discounting(2, 6, 12)
    order = np.random.default_rng(0).permutation(len(y))
    first = regressor(n_candidates=500).fit(X, y, groups=who)
    again = regressor(n_candidates=500).fit(X.iloc[order], y[order], groups=who[order])
    np.testing.assert_array_equal(first.predict(X, who), again.predict(X, who))


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("policy", ["none", "output", "all"])
def test_what_may_differ(policy: str) -> None:
    X, y, who, _, _ = discounting(3, 6, 12)
    model = regressor(n_candidates=500, group_coefficients=policy)
    model.fit(X, y, groups=who)
    terms = model.population_.term.tolist()
    if policy == "none":
        assert terms == []
        np.testing.assert_array_equal(model.predict(X, who), model.predict(X))
    elif policy == "output":
        assert all(t.startswith("read-out") or t == "intercept" for t in terms)
    else:
        assert len(terms) >= 2


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_without_noise_the_constants_are_exact() -> None:
    X, _, who, value, rate = discounting(4, 8, 15)
    model = regressor().fit(X, value, groups=who)
    assert 1 - model.score(X, value, groups=who) < 1e-20
    own = model.coefficients_.dropna(subset="group").coefficient
    np.testing.assert_allclose(own, rate, rtol=1e-8)
    assert model.equations_.equation[model.selected_].endswith("*delay + 1)")


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_same_graph_is_fitted_to_another_study() -> None:
    X, y, who, _, _ = discounting(13, 6, 12)
    model = regressor().fit(X, y, groups=who)
    graph = model.equations_.architecture[model.selected_]
    for groups in (6, 9):
        X, _, who, value, rate = discounting(14, groups, 12)
        model.set_params(max_epochs=0).fit(X, value, groups=who)
        assert model.model_.describe(["amount", "delay"]) == graph
        own = model.coefficients_.dropna(subset="group").coefficient
        np.testing.assert_allclose(own, rate, rtol=1e-6)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_more_groups_than_a_search_sees() -> None:
    X, y, who, value, _ = discounting(15, 60, 10)
    model = regressor().fit(X, y, groups=who)
    assert len(model.groups_) == 60
    assert model.equations_.equation[model.selected_].endswith("*delay + 1)")
    assert np.mean((model.predict(X, who) - value) ** 2) < 0.004 * y.var()


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_bounds_hold_with_groups() -> None:
    X, y, who, _, _ = discounting(16, 6, 12)
    model = regressor(
        num_graph_nodes=1, aggregations=["sum", "product"], max_in_degree=2
    ).fit(X, y, groups=who)
    for row in model._rows:
        targets = [edge.target for edge in row.model.edges()]
        assert len(row.model.live_nodes()) <= 1
        assert max(map(targets.count, targets), default=0) <= 2


def test_max_time_ends_what_follows_the_search_as_well() -> None:
    X, y, who, _, _ = discounting(17, 6, 12)
    with pytest.warns(ConvergenceWarning, match="hardly a search"):
        model = regressor(max_time=1e-3).fit(X, y, groups=who)
    assert len(model.candidates_) == 1
    assert model.score(X, y, groups=who) > 0


def lines(seed: int, groups: int = 15, rows: int = 8) -> Any:
    """Straight lines with slopes about zero and intercepts of their own."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(groups), rows)
    x = rng.uniform(-2, 2, len(who))
    slope, intercept = 0.6 * rng.normal(size=groups), 2 + 0.4 * rng.normal(size=groups)
    y = intercept[who] + slope[who] * x + 0.5 * rng.normal(size=len(who))
    return x[:, None], y, who


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_lines_are_those_of_a_linear_mixed_model() -> None:
    """Means and spreads maximise the marginal likelihood, written down by hand."""
    X, y, who = lines(0)
    model = DARTSRegressor(
        primitives=["none", "add"], group_coefficients="all", n_candidates=60,
        random_state=0,
    ).fit(X, y, groups=who)  # fmt: skip
    design = np.column_stack([X[:, 0], np.ones(len(y))])

    def deviance(parameters: np.ndarray) -> float:
        total, (slope, level), spread = 0.0, parameters[:2], np.exp(parameters[2:])
        for group in np.unique(who):
            z = design[who == group]
            cover = z @ np.diag(spread[:2] ** 2) @ z.T + spread[2] ** 2 * np.eye(len(z))
            total -= multivariate_normal.logpdf(y[who == group], z @ [slope, level], cover)
        return total

    best = minimize(deviance, [0.0, 2.0, -1.0, -1.0, -1.0], method="Nelder-Mead",
                    options={"maxiter": 6000, "xatol": 1e-7, "fatol": 1e-9})  # fmt: skip
    found = model.population_.set_index("logarithm")
    assert not found.index.any()
    slope, level = found.iloc[0], found.iloc[1]
    assert slope["mean"] == pytest.approx(best.x[0], abs=2e-3)
    assert level["mean"] == pytest.approx(best.x[1], abs=2e-3)
    assert slope.spread == pytest.approx(np.exp(best.x[2]), rel=0.01)
    assert level.spread == pytest.approx(np.exp(best.x[3]), rel=0.02)


def test_sleep_of_lme4() -> None:
    """Belenky et al. (2003); means and spreads as Bates et al. (2015) print them (REML)."""
    file = Path(__file__).parent.parent / "benchmarks" / "data" / "sleepstudy.csv"
    table = pd.read_csv(file)
    X, y, who = table[["Days"]], table["Reaction"], table["Subject"]
    model = DARTSRegressor(random_state=0, n_candidates=1500).fit(X, y, groups=who)
    assert model.equations_.equation[model.selected_] == "10.4673*Days + 251.4051"
    population = model.population_
    assert population.term.tolist() == ["read-out of k_1", "intercept"]
    np.testing.assert_allclose(population["mean"], [10.467, 251.405], rtol=1e-4)
    np.testing.assert_allclose(population.spread, [5.99, 25.05], rtol=0.05)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_curve_is_that_of_a_nonlinear_mixed_model() -> None:
    """The likelihood of exp(−k·x) with normal logarithms of k, by quadrature."""
    rng = np.random.default_rng(5)
    who = np.repeat(np.arange(20), 10)
    x = rng.uniform(0, 5, len(who))
    rate = 0.4 * np.exp(0.5 * rng.normal(size=20))
    y = np.exp(-rate[who] * x) + 0.05 * rng.normal(size=len(who))
    model = regressor(
        primitives=["none", "add", "scaled_exp"], n_candidates=600,
        train_classifier_coefficients=False, train_classifier_bias=False,
    ).fit(x[:, None], y, groups=who)  # fmt: skip
    assert model.population_.logarithm.tolist() == [True]
    node = np.linspace(-5, 5, 1001)  # finer than what a group knows of its rate
    weight = norm.pdf(node) * (node[1] - node[0])

    def deviance(parameters: np.ndarray) -> float:
        middle, spread, noise = parameters[0], *np.exp(parameters[1:])
        total = 0.0
        for group in range(20):
            own, seen = x[who == group], y[who == group]
            curves = np.exp(-np.exp(middle + spread * node)[:, None] * own)
            log = norm.logpdf(seen, curves, noise).sum(axis=1)
            top = log.max()
            total -= top + np.log(weight @ np.exp(log - top))
        return total

    best = minimize(deviance, [-1.0, -0.7, -3.0], method="Nelder-Mead",
                    options={"maxiter": 4000, "xatol": 1e-6, "fatol": 1e-8})  # fmt: skip
    row = model.population_.iloc[0]
    assert np.log(abs(row["mean"])) == pytest.approx(best.x[0], abs=0.02)
    assert row.spread == pytest.approx(np.exp(best.x[1]), rel=0.05)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_without_shrinkage_every_group_has_its_own_least_squares() -> None:
    X, y, who, _, _ = discounting(6, 6, 12)
    model = regressor(shrinkage=False).fit(X, y, groups=who)
    terms = model.population_.term.tolist()
    assert terms == ["slope of mult(delay) in k_1"]
    for label in model.groups_:
        rows, own = who == label, model.of_group(label)
        a, d = X[rows].to_numpy().T
        scale = own.predict(pd.DataFrame({"amount": [1.0], "delay": [0.0]}))[0]
        if abs(scale - 1) > 1e-12:
            continue  # the read-out is no round number, and shared

        def errors(k: np.ndarray, a=a, d=d, rows=rows) -> np.ndarray:
            return a / (1 + k[0] * d) - y[rows]

        best = least_squares(errors, [0.05], xtol=1e-14, ftol=1e-14, gtol=1e-14)
        found = own.coefficients_.set_index("term").coefficient[terms[0]]
        assert found == pytest.approx(best.x[0], rel=1e-4)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_few_rows_lean_on_the_population() -> None:
    X, y, who, value, _ = discounting(7, 20, 12, noise=0.3)
    few = np.flatnonzero(who == "p05")[3:]
    kept = np.setdiff1d(np.arange(len(y)), few)
    errors = {}
    for shrinkage in (True, False):
        model = regressor(shrinkage=shrinkage).fit(X.iloc[kept], y[kept], groups=who[kept])
        found = model.predict(X.iloc[few], who[few])
        errors[shrinkage] = np.mean((model.predict(X, who) - value) ** 2)
        assert np.isfinite(found).all()
    assert errors[True] < errors[False]


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_weight_of_two_is_the_row_twice() -> None:
    X, y, who, _, _ = discounting(8, 6, 12)
    weight = np.ones(len(y))
    weight[::3] = 2
    rows = np.repeat(np.arange(len(y)), weight.astype(int))
    one = regressor(n_candidates=500).fit(X, y, weight, groups=who)
    two = regressor(n_candidates=500).fit(X.iloc[rows], y[rows], groups=who[rows])
    np.testing.assert_allclose(one.predict(X, who), two.predict(X, who), rtol=1e-6)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_cross_validation_routes_groups() -> None:
    X, y, who, _, _ = discounting(9, 3, 10)
    with config_context(enable_metadata_routing=True):
        model = regressor(n_candidates=100).set_fit_request(groups=True)
        model.set_score_request(groups=True)
        for splitter in (GroupKFold(2), LeaveOneGroupOut()):
            scores = cross_val_score(model, X, y, cv=splitter, params={"groups": who})
            assert len(scores) == splitter.get_n_splits(X, y, who)
            assert np.isfinite(scores).all()


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_choices_of_many_participants() -> None:
    """Psychometric curves with a threshold for every participant."""
    rng = np.random.default_rng(10)
    who = np.repeat(np.arange(15), 60)
    x = rng.uniform(-3, 3, len(who))
    threshold = rng.normal(size=15)
    right = rng.random(len(who)) < 1 / (1 + np.exp(-2 * (x - threshold[who])))
    model = DARTSClassifier(
        primitives=["none", "add", "square"], n_candidates=300, random_state=0
    ).fit(x[:, None], np.where(right, "yes", "no"), groups=who)
    assert "intercept" in model.population_.term.tolist()
    own = model.coefficients_.query("term == 'intercept'").set_index("group").coefficient
    assert np.corrcoef(own, threshold)[0, 1] < -0.9
    chance = model.predict_proba(x[:, None], who)
    assert chance.shape == (len(x), 2)
    assert model.score(x[:, None], np.where(right, "yes", "no"), groups=who) > 0.8
    np.testing.assert_allclose(
        model.of_group(3).predict_proba(x[:, None])[who == 3], chance[who == 3]
    )


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_groups_whose_outcomes_are_easily_told_apart() -> None:
    """A search with its defaults finds the slope and the thresholds all the same."""
    rng = np.random.default_rng(11)
    who = np.repeat(np.arange(4), 40)
    x = rng.normal(size=160)
    chance = 1 / (1 + np.exp(-2 * x - np.array([-3, -1, 1, 3])[who]))
    y = rng.random(160) < chance
    model = DARTSClassifier(primitives=["none", "add", "mult"], random_state=0)
    model.fit(x[:, None], y, groups=who)
    assert model.population_.term.tolist() == ["intercept"]
    assert model.score(x[:, None], y, groups=who) > 0.8


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_coefficients_of_groups_have_units() -> None:
    pytest.importorskip("pint")
    X, y, who, _, _ = discounting(11, 6, 12)
    model = regressor().fit(X, y, X_units=["m", "s"], y_units="m", groups=who)
    assert model.equations_.units_agree.all()
    table = model.coefficients_
    assert set(table[table.term == "slope of mult(delay) in k_1"].unit) == {"1/s"}
    assert model.population_.unit.tolist() == ["1/s"]
    console = model.model_repr().splitlines()
    assert [line for line in console if "slope of mult(delay)" in line] == console[-1:]
    assert " 1/s (× or ÷ " in console[-1]
    latex = model.model_repr(output_format="latex").splitlines()
    assert len(latex) == len(console) - 1
    assert latex[-1].startswith(r"\ln a_{i} \sim \mathcal{N}\left(\ln 0.")
    assert latex[-1].endswith(r", a_{i} \text{ in } \unit{\per\second}")
    assert r"\unit" not in model.latex()


def bad(**changes: Any) -> dict[str, Any]:
    X, y, who, _, _ = discounting(0, 3, 5)
    return {"X": X, "y": y, "groups": who} | changes


WHO = discounting(0, 3, 5)[2].astype(object)


@pytest.mark.parametrize(
    ("data", "settings", "match"),
    [
        (bad(groups=np.arange(15)), {}, "15 labels for 15 rows"),
        (bad(groups=np.where(np.arange(15) < 2, None, WHO)), {}, "no label in 2 of 15"),
        (
            bad(groups=WHO[:4]),
            {},
            r"one label per row of X, shape \(15,\), got shape \(4,\)",
        ),
        (bad(y=np.ones((15, 2)) * np.arange(15)[:, None]), {}, "2 outputs"),
        (bad(), {"num_graph_nodes": 2}, "num_graph_nodes='auto' alone"),
        (bad(), {"equation": "a*amount"}, "equation= has constants"),
        (bad(), {"guesses": ["a*amount"]}, "guesses= have constants"),
        (bad(), {"group_coefficients": "some"}, "group_coefficients"),
        (bad(), {"shrinkage": 0.5}, "shrinkage"),
    ],
)
def test_bad_input(data: Any, settings: Any, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        regressor(**settings).fit(**data)


def test_bad_input_of_a_fitted_model(study: Any) -> None:
    model, (X, y, who, _, _) = study
    with pytest.raises(ValueError, match="label must be one of groups_"):
        model.of_group("nobody")
    with pytest.raises(ValueError, match="one label per row"):
        model.predict(X, who[:5])
    alone = model.of_group("p00")
    with pytest.raises(ValueError, match="fitted without groups"):
        alone.predict(X, who)
    with pytest.raises(AttributeError, match="without groups"):
        _ = alone.groups_
    before = model.model_repr()
    with pytest.raises(ValueError, match="no label"):
        model.fit(X, y, groups=np.where(who == "p00", None, who.astype(object)))
    assert model.model_repr() == before


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_group_without_rows_that_count_is_left_out() -> None:
    X, y, who, _, _ = discounting(12, 5, 12)
    model = regressor(n_candidates=600).fit(X, y, (who != "p02") * 1.0, groups=who)
    assert model.groups_.tolist() == ["p00", "p01", "p03", "p04"]
