"""At home in scikit-learn: frames, pipelines, searches, ensembles, routing, notebooks."""

from __future__ import annotations

import io
import pickle
from html.parser import HTMLParser
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    VotingClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
)
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from autora.skl.darts import DARTSClassifier, DARTSRegressor

Plane = tuple[np.ndarray, np.ndarray]
#: Two primitives on one node: all there is to find is found at once.
SMALL: dict[str, Any] = {
    "num_graph_nodes": 1,
    "primitives": ["none", "linear"],
    "max_epochs": 1,
    "param_updates_per_epoch": 1,
    "n_candidates": 4,
    "random_state": 0,
}


@pytest.fixture
def regressor() -> DARTSRegressor:
    return DARTSRegressor(**SMALL)


@pytest.fixture
def classifier() -> DARTSClassifier:
    return DARTSClassifier(**SMALL)


def labels(y: np.ndarray) -> np.ndarray:
    return np.where(y > 0, "up", "down")


def frame_of(library: str, X: np.ndarray, names: list[str]) -> Any:
    module = pytest.importorskip(library)
    return module.DataFrame({name: X[:, i] for i, name in enumerate(names)})


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames(
    plane: Plane,
    regressor: DARTSRegressor,
    classifier: DARTSClassifier,
    library: str,
) -> None:
    X, y = plane
    frame = frame_of(library, X, ["dose", "time"])
    if not hasattr(StandardScaler().fit(frame), "feature_names_in_"):
        pytest.skip("this scikit-learn does not read the names of these frames")
    targets = frame_of(library, y[:, None], ["rate"])
    model = regressor.fit(frame, targets["rate"])
    assert list(model.feature_names_in_) == ["dose", "time"]
    assert "dose" in model.model_repr() and "\nrate = " in model.model_repr()
    assert model.score(frame, targets["rate"]) > 0.99
    assert "\nrate = " in model.fit(frame, targets).model_repr()
    weight = frame_of(library, np.ones((60, 1)), ["weight"])["weight"]
    model.fit(frame, targets["rate"], sample_weight=weight)
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame_of(library, X, ["dose", "other"]))
    found = classifier.fit(frame, labels(y))
    assert list(found.feature_names_in_) == ["dose", "time"]
    assert set(found.predict(frame)) == {"up", "down"}


@pytest.mark.parametrize("kind", ["regressor", "classifier"])
def test_copies(plane: Plane, kind: str, request: pytest.FixtureRequest) -> None:
    model = request.getfixturevalue(kind)
    X, y = plane[0], labels(plane[1]) if kind == "classifier" else plane[1]
    model.fit(X, y)
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    for copy in (pickle.loads(pickle.dumps(model)), joblib.load(file)):
        np.testing.assert_array_equal(copy.predict(X), model.predict(X))
        assert copy.model_repr() == model.model_repr()
        assert copy.coefficients_.equals(model.coefficients_)
    fresh = clone(model)
    assert not hasattr(fresh, "model_")
    np.testing.assert_array_equal(fresh.fit(X, y).predict(X), model.predict(X))
    assert repr(model).startswith(type(model).__name__ + "(max_epochs=1")


def test_kinds(regressor: DARTSRegressor, classifier: DARTSClassifier) -> None:
    assert is_regressor(regressor) and not is_classifier(regressor)
    assert is_classifier(classifier) and not is_regressor(classifier)
    assert regressor.__sklearn_tags__().target_tags.multi_output
    assert not classifier.__sklearn_tags__().target_tags.multi_output
    assert classifier.__sklearn_tags__().classifier_tags.multi_class


def test_pipeline_with_named_columns(plane: Plane, regressor: DARTSRegressor) -> None:
    frame = pd.DataFrame(plane[0], columns=["dose", "time"])
    pipeline = make_pipeline(StandardScaler(), regressor).set_output(transform="pandas")
    pipeline.fit(frame, plane[1])
    assert "dose" in pipeline[-1].model_repr()
    assert pipeline.score(frame, plane[1]) > 0.99
    wide = make_pipeline(PolynomialFeatures(include_bias=False), clone(regressor))
    wide.set_output(transform="pandas").fit(frame, plane[1])
    assert wide[-1].n_features_in_ == 5


def test_cross_validation(
    plane: Plane, regressor: DARTSRegressor, classifier: DARTSClassifier
) -> None:
    X, y = plane
    assert cross_val_score(regressor, X, y, cv=3).min() > 0.99
    assert cross_val_score(classifier, X, labels(y), cv=3).min() > 0.8
    p = cross_val_predict(classifier, X, labels(y), cv=3, method="predict_proba")
    assert p.shape == (60, 2)
    scoring = ["roc_auc", "neg_log_loss"]
    scores = cross_validate(classifier, X, labels(y), cv=3, scoring=scoring)
    assert scores["test_roc_auc"].min() > 0.9


def test_grid_search(plane: Plane, classifier: DARTSClassifier) -> None:
    pipeline = make_pipeline(StandardScaler(), classifier)
    grid = {"dartsclassifier__primitives": [["none", "square"], ["none", "linear"]]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(plane[0], labels(plane[1]))
    assert search.best_params_["dartsclassifier__primitives"] == ["none", "linear"]


def test_ensembles_and_wrappers(
    plane: Plane, regressor: DARTSRegressor, classifier: DARTSClassifier
) -> None:
    X, y = plane
    bag = BaggingRegressor(regressor, n_estimators=3, random_state=0).fit(X, y)
    assert bag.score(X, y) > 0.99
    boost = AdaBoostRegressor(regressor, n_estimators=2, random_state=0).fit(X, y)
    assert boost.score(X, y) > 0.99
    bags = BaggingClassifier(classifier, n_estimators=2, random_state=0).fit(X, labels(y))
    assert bags.score(X, labels(y)) > 0.9
    logistic = LogisticRegression()
    vote = VotingClassifier([("a", classifier), ("b", logistic)], voting="soft")
    assert vote.fit(X, labels(y)).score(X, labels(y)) > 0.9
    several = MultiOutputRegressor(regressor).fit(X, np.column_stack([y, -y]))
    assert several.predict(X).shape == (60, 2)
    scaled = TransformedTargetRegressor(regressor, func=np.exp, inverse_func=np.log)
    with np.errstate(all="ignore"):
        assert np.isfinite(scaled.fit(X, 0.01 * y).predict(X)).all()


def test_weights_are_routed(plane: Plane, regressor: DARTSRegressor) -> None:
    X, y = plane
    weight = np.random.default_rng(0).uniform(0.1, 3, 60)
    direct = clone(regressor).fit(X, y, sample_weight=weight)
    with config_context(enable_metadata_routing=True):
        requested = clone(regressor).set_fit_request(sample_weight=True)
        requested.set_score_request(sample_weight=True)
        pipeline = make_pipeline(StandardScaler(with_mean=False), requested)
        pipeline[0].set_fit_request(sample_weight=False)
        pipeline.fit(X, y, sample_weight=weight)
        unasked = make_pipeline(StandardScaler(), clone(regressor))
        with pytest.raises(ValueError, match=r"sample_weight.* not explicitly set"):
            unasked.fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(pipeline.predict(X), direct.predict(X), rtol=1e-6)
    unweighted = clone(regressor).fit(X, y)
    assert not np.allclose(direct.predict(X), unweighted.predict(X), rtol=1e-6)


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.found.append(tag)

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(html: str) -> Tags:
    tags = Tags()
    tags.feed(html)
    return tags


def test_html_shows_the_equation(plane: Plane, regressor: DARTSRegressor) -> None:
    X, y = plane
    assert "<math" not in regressor._repr_html_()
    regressor.fit(X, y)
    html = regressor._repr_html_()
    assert html.count("<math") == 1 and "DARTSRegressor" in html
    equation = regressor.model_repr().splitlines()[1]
    assert f'alttext="{equation}"' in html.split("DARTSRegressor")[0]
    assert regressor._repr_mimebundle_()["text/html"].count("<math") == 1
    assert regressor._repr_mimebundle_()["text/plain"] == repr(regressor)
    with config_context(display="text"):
        assert not hasattr(regressor, "_repr_html_")
        assert set(regressor._repr_mimebundle_()) == {"text/plain"}


def test_html_escapes_names(plane: Plane, regressor: DARTSRegressor) -> None:
    evil = ["<script>alert(1)</script>", "a & b <img src=x onerror=alert(2)>"]
    X = pd.DataFrame(plane[0], columns=evil)
    html = regressor.fit(X, pd.Series(plane[1], name='"><svg onload=1>'))._repr_html_()
    plain = regressor.fit(*plane)._repr_html_()
    found, usual = read(html), read(plain)
    assert set(found.found) <= {*usual.found, "mtext"}
    assert found.found.count("script") == usual.found.count("script")
    assert "img" not in found.found and "svg" not in found.found
    text = "".join(found.text)
    assert evil[1] in text and '"><svg onload=1>' in text
