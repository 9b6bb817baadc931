"""The classifier: labels, probabilities, equations of the log-odds, and its search."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.utils.estimator_checks import parametrize_with_checks

from autora.skl.darts import DARTSClassifier
from autora.skl.darts.fitting.problem import Problem
from autora.skl.darts.fitting.refit import levenberg_marquardt

Settings = dict[str, Any]
QUICK: Settings = {
    "max_epochs": 2,
    "param_updates_per_epoch": 2,
    "n_candidates": 8,
    "num_graph_nodes": 1,
}


@parametrize_with_checks([DARTSClassifier(**QUICK), DARTSClassifier(n_candidates=600)])
def test_scikit_learn(estimator: DARTSClassifier, check: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        check(estimator)


@pytest.mark.long
@parametrize_with_checks([DARTSClassifier()])
def test_scikit_learn_with_defaults(estimator: DARTSClassifier, check: Any) -> None:
    test_scikit_learn(estimator, check)


def drawn(scores: np.ndarray, seed: int = 1) -> np.ndarray:
    """Class numbers drawn with the softmax of scores (n, classes)."""
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    u = np.random.default_rng(seed).uniform(size=(len(p), 1))
    return (p.cumsum(axis=1) > u).argmax(axis=1)


@pytest.fixture(scope="module")
def X() -> np.ndarray:
    return np.random.default_rng(0).uniform(-2, 2, (150, 2))


@pytest.fixture(scope="module")
def two(X: np.ndarray) -> np.ndarray:
    return drawn(np.column_stack([np.zeros(150), 2 * X[:, 0] - X[:, 1]]))


@pytest.fixture(scope="module")
def three(X: np.ndarray) -> np.ndarray:
    return drawn(np.column_stack([2 * X[:, 0], np.zeros(150), 2 * X[:, 1]]))


LINEAR = QUICK | {"primitives": ["none", "mult"], "n_candidates": 4, "random_state": 0}


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_linear_graph_is_logistic_regression(
    X: np.ndarray, two: np.ndarray, three: np.ndarray, n_classes: int
) -> None:
    """An independent oracle for likelihood, refit and shapes."""
    y = two if n_classes == 2 else three
    nodes = 1 if n_classes == 2 else 2
    model = DARTSClassifier(**LINEAR).set_params(num_graph_nodes=nodes, n_candidates=30)
    model.set_params(param_updates_for_sampled_model=500).fit(X, y)
    other = LogisticRegression(C=np.inf, tol=1e-10, max_iter=10_000).fit(X, y)
    expected = other.predict_proba(X)
    np.testing.assert_allclose(model.predict_proba(X), expected, atol=0.01)
    np.testing.assert_array_equal(model.classes_, other.classes_)
    assert model.decision_function(X).shape == other.decision_function(X).shape
    assert (model.predict(X) == other.predict(X)).mean() > 0.97


def test_standard_errors_are_those_of_logistic_regression(
    X: np.ndarray, two: np.ndarray
) -> None:
    model = DARTSClassifier(**LINEAR | {"primitives": ["mult"]})
    model.set_params(train_classifier_coefficients=False).fit(X, two)
    p = model.predict_proba(X)[:, 1]
    design = np.column_stack([X, np.ones(150)])
    information = design.T @ (design * (p * (1 - p))[:, None])
    expected = np.sqrt(np.diag(np.linalg.inv(information)))
    table = model.coefficients_
    np.testing.assert_allclose(table.standard_error, expected, rtol=1e-5)


def test_multinomial_standard_errors_match_a_numerical_hessian(
    X: np.ndarray, three: np.ndarray
) -> None:
    from autora.skl.darts.fitting.coefficients import (
        places,
        standard_errors,
        values,
        with_values,
    )
    from autora.skl.darts.fitting.problem import mean_loss
    from autora.skl.darts.graph.objectives import OBJECTIVES

    fit = DARTSClassifier(**LINEAR | {"primitives": ["add"]}).fit(X, three)
    objective = OBJECTIVES["probability_distribution"]
    readout = fit.model_.readout.copy()
    readout[:, 1] = 0
    bias = fit.model_.bias * [1, 0, 1]
    start = fit.model_.replace(objective=objective, readout=readout, bias=bias)
    problem = Problem(X, np.eye(3)[three], np.ones(150), True, False, True)
    model = levenberg_marquardt(problem, start, 100).model
    where = places(model, problem)
    at, step = values(model, where), 1e-4

    def loss(*moves: tuple[int, float]) -> float:
        new = at.copy()
        for i, size in moves:
            new[i] += size
        return 150 * mean_loss(with_values(model, where, new), problem)

    size = range(len(at))
    hessian = [
        [
            sum(
                s * t * loss((i, s * step), (j, t * step)) for s in (-1, 1) for t in (-1, 1)
            )
            / (4 * step**2)
            for j in size
        ]
        for i in size
    ]
    expected = np.sqrt(np.diag(np.linalg.inv(hessian)))
    np.testing.assert_allclose(standard_errors(problem, model), expected, rtol=1e-4)


LABELS = {
    "text": ["no", "yes", "maybe"],
    "whole": [10, -3, 7],
    "floats": [0.0, 2.0, 5.0],
    "objects": np.array(["a", "b", "c"], object),
    "hostile": ["<script>", "x[0]", "a_b^{c}"],
}


@pytest.mark.parametrize("name", LABELS)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_labels_of_any_type(
    X: np.ndarray, three: np.ndarray, name: str, n_classes: int
) -> None:
    labels = np.asarray(LABELS[name])
    rows = three < n_classes
    y = labels[three[rows]]
    model = DARTSClassifier(**LINEAR).fit(X[rows], y)
    np.testing.assert_array_equal(model.classes_, np.unique(labels[:n_classes]))
    predicted = model.predict(X)
    assert predicted.dtype == y.dtype and set(predicted) <= set(labels)
    assert model.score(X[rows], y) > 0.6
    p = model.predict_proba(X)
    assert p.shape == (150, n_classes)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    np.testing.assert_array_equal(model.classes_[p.argmax(axis=1)], predicted)


def test_boolean_labels(X: np.ndarray, two: np.ndarray) -> None:
    model = DARTSClassifier(**LINEAR).fit(X, two == 1)
    assert model.predict(X).dtype == bool
    number = DARTSClassifier(**LINEAR).fit(X, two)
    np.testing.assert_array_equal(model.predict(X), number.predict(X) == 1)


def test_equations_are_those_of_the_log_odds(X: np.ndarray, two: np.ndarray) -> None:
    import sympy

    frame = pd.DataFrame(X, columns=["dose", "age"])
    y = np.where(two == 1, "ill", "well")
    model = DARTSClassifier(**LINEAR).fit(frame, y)
    assert model.model_repr().splitlines()[-1].startswith("logit(well) = ")
    assert r"\text{logit(well)} = " in model.latex()
    value = sympy.lambdify(sympy.symbols("dose age", real=True), model.sympy())(*X.T)
    np.testing.assert_allclose(value, model.decision_function(frame), rtol=1e-9)
    assert "logit(well)" in model.visualize_model().source
    assert "logistic" not in model.equations_.equation.iloc[-1]
    model.select_equation(0)
    logit = model.decision_function(frame)
    p = model.predict_proba(frame)[:, 1]
    np.testing.assert_allclose(p, 1 / (1 + np.exp(-logit)), rtol=1e-9)


def test_one_equation_per_class(X: np.ndarray, three: np.ndarray) -> None:
    model = DARTSClassifier(**LINEAR).fit(X, np.array(["a", "b", "c"])[three])
    text = model.model_repr()
    assert all(f"\nlogit({name}) = " in text for name in "abc")
    assert len(model.sympy()) == 3
    assert model.latex().count(r"\text{logit") == 3
    places = model.coefficients_.term
    assert places.str.contains("logit", regex=False).sum() >= 3


@pytest.mark.parametrize("n_classes", [2, 3])
def test_separable_classes_have_finite_coefficients(X: np.ndarray, n_classes: int) -> None:
    y = np.digitize(X[:, 0], [0, 1][: n_classes - 1])
    for nodes in (1, "auto"):
        settings = LINEAR | {"num_graph_nodes": nodes, "n_candidates": 3000}
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            # A busy machine is slow; what is tested is that nothing overflows.
            warnings.filterwarnings("ignore", "max_time ended the search while")
            warnings.filterwarnings("ignore", "not used in this fit")
            model = DARTSClassifier(**settings).fit(X, y)
        assert model.score(X, y) > 0.9
        assert np.abs(model.decision_function(X)).max() < 1000
        assert np.abs(model.coefficients_.coefficient).max() < 1e4
        assert np.isfinite(model.predict_proba(X)).all()


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_automatic_search_finds_a_product(X: np.ndarray, n_classes: int) -> None:
    scores = np.zeros((150, n_classes))
    scores[:, -1] = 2 * X[:, 0] * X[:, 1]
    y = drawn(scores, seed=2)
    model = DARTSClassifier(random_state=0, n_candidates=6000).fit(X, y)
    truth = np.where(X[:, 0] * X[:, 1] > 0, n_classes - 1, 0)
    hit = (model.predict(X) == n_classes - 1) == (truth == n_classes - 1)
    assert hit.mean() > 0.8
    assert "x1*x2" in model.model_repr()
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    before = model.predict_proba(X)
    model.set_params(max_epochs=0).fit(X, y)  # the same structure, fitted again
    np.testing.assert_allclose(model.predict_proba(X), before, atol=1e-3)


def test_class_weights_are_weights_of_rows(X: np.ndarray, two: np.ndarray) -> None:
    rows = np.where(two == 1, 3.0, 1.0)
    by_rows = DARTSClassifier(**LINEAR).fit(X, two, sample_weight=rows)
    by_class = DARTSClassifier(**LINEAR, class_weight={0: 1, 1: 3}).fit(X, two)
    np.testing.assert_array_equal(by_rows.predict_proba(X), by_class.predict_proba(X))
    few = np.flatnonzero((two == 0) | (np.arange(150) % 5 == 0))
    plain = DARTSClassifier(**LINEAR).fit(X[few], two[few])
    balanced = DARTSClassifier(**LINEAR, class_weight="balanced").fit(X[few], two[few])
    assert balanced.predict_proba(X)[:, 1].mean() > plain.predict_proba(X)[:, 1].mean()


def bad_targets() -> Iterator[tuple[Any, str]]:
    y = np.arange(150) % 2
    yield np.ones(150), "only one class, 1.0, in rows"
    yield np.where(np.arange(150) == 3, np.nan, y), "contains NaN"
    yield np.linspace(0, 1, 150), "Unknown label type: continuous"
    yield y[:-1], "inconsistent numbers of samples"
    yield np.column_stack([y, y]), "multilabel|1d array|should be"


@pytest.mark.parametrize(("y", "message"), list(bad_targets()))
def test_bad_targets(X: np.ndarray, two: np.ndarray, y: Any, message: str) -> None:
    model = DARTSClassifier(**LINEAR).fit(X, two)
    before = dict(vars(model))
    with pytest.raises(ValueError, match=message):
        model.fit(X, y)
    assert vars(model).keys() == before.keys()
    assert all(vars(model)[key] is value for key, value in before.items())


@pytest.mark.parametrize("weight", ["even", {0: "x"}, 3])
def test_bad_class_weights(X: np.ndarray, two: np.ndarray, weight: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        DARTSClassifier(**LINEAR, class_weight=weight).fit(X, two)


def test_outside_the_domain(two: np.ndarray) -> None:
    X = np.linspace(0.1, 3, 40)[:, None]
    y = (X[:, 0] > 1.5).astype(int)
    model = DARTSClassifier(**QUICK | {"primitives": ["ln"]}, random_state=0).fit(X, y)
    with pytest.warns(UserWarning, match="frequencies of the training classes") as caught:
        p = model.predict_proba([[-1.0]])
    assert caught[0].filename == __file__
    np.testing.assert_allclose(p[0, 1], y.mean(), atol=0.01)


def test_warm_start_and_clone(X: np.ndarray, two: np.ndarray) -> None:
    model = DARTSClassifier(**LINEAR, warm_start=True).fit(X, two)
    steps = model.network_.state.adam_step
    model.fit(X, two)
    assert model.network_.state.adam_step == 2 * steps
    assert model.network_.objective.name == "probability_sample"
    assert not hasattr(clone(model), "model_")
    model.fit(X, np.digitize(X[:, 0], [0, 1]))  # other classes, another space
    assert model.predict_proba(X).shape == (150, 3)
