"""The estimator: scikit-learn's contract, reproducibility and what a refit keeps."""

from __future__ import annotations

import inspect
import io
import pickle
import warnings
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks

from autora.skl.darts import (
    PRIMITIVES,
    DARTSRegressor,
    DARTSType,
    DomainWarning,
    Primitive,
    register_primitive,
)
from autora.skl.darts.graph.objectives import OBJECTIVES

Plane = tuple[np.ndarray, np.ndarray]
Settings = dict[str, Any]


@parametrize_with_checks(
    [
        DARTSRegressor(
            max_epochs=2,
            param_updates_per_epoch=2,
            n_candidates=20,
            num_graph_nodes=1,
        ),
        DARTSRegressor(n_candidates=1500),
    ]
)
def test_scikit_learn(estimator: DARTSRegressor, check: Any) -> None:
    with warnings.catch_warnings():
        # The checks' own data warn on purpose, for one when there is no finite model.
        warnings.simplefilter("ignore", ConvergenceWarning)
        check(estimator)


@pytest.mark.long
@parametrize_with_checks([DARTSRegressor()])
def test_scikit_learn_with_defaults(estimator: DARTSRegressor, check: Any) -> None:
    test_scikit_learn(estimator, check)


def bits(model: DARTSRegressor, X: Any) -> list[bytes]:
    found = model.model_
    arrays = (found.architecture, found.edge, found.readout, found.bias)
    arrays += (model.network_.alphas, model.predict(X), *model.history_)
    return [np.asarray(a).tobytes() for a in arrays]


def test_same_random_state_same_bits(plane: Plane, quick: Settings) -> None:
    first = DARTSRegressor(**quick).fit(*plane)
    second = DARTSRegressor(**quick).fit(*plane)
    other = DARTSRegressor(**quick).set_params(random_state=1).fit(*plane)
    assert bits(first, plane[0]) == bits(second, plane[0])
    assert bits(second.fit(*plane), plane[0]) == bits(first, plane[0])
    assert bits(other, plane[0]) != bits(first, plane[0])


def test_random_state_instance(plane: Plane, quick: Settings) -> None:
    states = [np.random.RandomState(3) for _ in range(2)]
    models = [DARTSRegressor(**quick).set_params(random_state=s) for s in states]
    first, second = (bits(model.fit(*plane), plane[0]) for model in models)
    assert first == second


def test_global_random_state_is_left_alone(plane: Plane, quick: Settings) -> None:
    def state() -> tuple:
        kind, keys, *rest = np.random.get_state()
        return (kind, keys.tobytes(), *rest)

    before = state()
    for seed in (0, 1):
        model = DARTSRegressor(**quick).set_params(random_state=seed)
        model.fit(*plane).predict(plane[0])
    assert state() == before


def test_predictions_are_double_precision(plane: Plane, quick: Settings) -> None:
    X, y = (a.astype(np.float32) for a in plane)
    prediction = DARTSRegressor(**quick).fit(X, y).predict(X)
    assert prediction.dtype == np.float64 and prediction.shape == (60,)


def test_warm_start_continues(plane: Plane, quick: Settings) -> None:
    quick |= {"max_epochs": 3, "arch_learning_rate_max": 1e-4}
    model = DARTSRegressor(**quick).fit(*plane)
    alphas, state = model.network_.alphas.copy(), model.network_.state
    model.set_params(warm_start=True, param_updates_per_epoch=0).fit(*plane)
    np.testing.assert_allclose(model.history_.alphas[0], alphas, atol=1e-2)
    np.testing.assert_array_equal(model.network_.state.coefs.edge, state.coefs.edge)
    assert model.network_.state.adam_step == 2 * state.adam_step
    model.set_params(warm_start=False).fit(*plane)
    assert np.abs(model.history_.alphas[0]).max() < 0.05 < np.abs(alphas).max()


def test_warm_start_on_another_space_starts_afresh(plane: Plane, quick: Settings) -> None:
    model = DARTSRegressor(**quick, warm_start=True).fit(*plane)
    model.set_params(num_graph_nodes=2).fit(*plane)
    fresh = DARTSRegressor(**quick).set_params(num_graph_nodes=2).fit(*plane)
    assert bits(model, plane[0]) == bits(fresh, plane[0])


def test_no_epochs_keep_weights_and_sample_again(plane: Plane, quick: Settings) -> None:
    quick |= {"n_candidates": 0}
    model = DARTSRegressor(**quick).fit(*plane)
    alphas = model.network_.alphas.copy()
    architectures = set()
    for seed in range(8):
        model.set_params(max_epochs=0, sampling_strategy="sample", random_state=seed)
        model.fit(*plane)
        np.testing.assert_array_equal(model.network_.alphas, alphas)
        architectures.add(tuple(model.model_.architecture))
        assert len(model.history_.train_loss) == 0
    assert len(architectures) > 1


def test_no_architecture_updates_keep_weights(plane: Plane, quick: Settings) -> None:
    model = DARTSRegressor(**quick).fit(*plane)
    alphas = model.network_.alphas.copy()
    model.set_params(arch_updates_per_epoch=0).fit(*plane)
    np.testing.assert_array_equal(model.network_.alphas, alphas)
    assert len(model.history_.train_loss) == 2


def test_kept_architecture_never_gets_worse(plane: Plane, quick: Settings) -> None:
    model = DARTSRegressor(**quick).fit(*plane)
    before = model.score(*plane)
    for seed in range(5):
        model.set_params(max_epochs=0, random_state=seed).fit(*plane)
        assert model.score(*plane) >= before - 1e-12


@pytest.mark.parametrize(
    "changes",
    [
        {"num_graph_nodes": 2},
        {"primitives": ["none", "mult"]},
        {"darts_type": "fair"},
        {"output_type": "sigmoid"},
    ],
)
def test_changed_search_space_warns_and_starts_afresh(
    plane: Plane, quick: Settings, changes: Settings
) -> None:
    X, y = plane[0], (plane[1] - plane[1].min()) / np.ptp(plane[1])
    model = DARTSRegressor(**quick).fit(X, y)
    model.set_params(max_epochs=0, **changes)
    with pytest.warns(UserWarning, match="another search space") as caught:
        model.fit(X, y)
    assert caught[0].filename == __file__
    names = changes.get("primitives", PRIMITIVES)
    assert model.network_.space.names == tuple(names)
    assert model.network_.alphas.shape == (model.network_.space.n_edges, len(names))
    assert np.abs(model.network_.alphas).max() < 0.05


def test_no_epochs_without_a_fit_warns(plane: Plane, quick: Settings) -> None:
    model = DARTSRegressor(**quick | {"max_epochs": 0})
    with pytest.warns(UserWarning, match="max_epochs=0 .* not fitted"):
        model.fit(*plane)
    assert np.isfinite(model.predict(plane[0])).all()


def test_more_nodes_give_a_new_shape(plane: Plane, quick: Settings) -> None:
    model = DARTSRegressor(**quick).fit(*plane)
    assert model.network_.alphas.shape == (2, 7)
    model.set_params(num_graph_nodes=2).fit(*plane)
    assert model.network_.alphas.shape == (5, 7)
    assert model.model_.architecture.shape == (5,)
    assert model.history_.alphas.shape == (2, 5, 7)


def test_candidates_belong_to_the_model_s_space(plane: Plane, quick: Settings) -> None:
    model = DARTSRegressor(**quick).fit(*plane)
    assert 1 <= len(model.candidates_) <= 21
    model.set_params(num_graph_nodes=2, n_candidates=0).fit(*plane)
    assert all(c.space == model.model_.space for c in model.candidates_)


def test_monitor_sees_every_epoch(plane: Plane, quick: Settings) -> None:
    calls: list[dict[str, Any]] = []
    quick |= {"max_epochs": 70, "execution_monitor": lambda **seen: calls.append(seen)}
    model = DARTSRegressor(**quick).fit(*plane)
    assert [call["epoch"] for call in calls] == list(range(70))
    stacked = np.stack([call["alphas"] for call in calls])
    np.testing.assert_array_equal(stacked, model.history_.alphas)
    losses = [call["valid_loss"] for call in calls]
    np.testing.assert_array_equal(losses, model.history_.valid_loss.astype(float))
    assert set(calls[0]) == {
        "epoch",
        "train_loss",
        "valid_loss",
        "alphas",
        "space",
        "darts_type",
        "input_labels",
    }


@pytest.mark.parametrize("output_type", ["real", "sigmoid"])
def test_pickle_and_joblib(plane: Plane, quick: Settings, output_type: str) -> None:
    X, y = plane[0], (plane[1] - plane[1].min()) / np.ptp(plane[1])
    model = DARTSRegressor(**quick, output_type=output_type).fit(X, y)
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    for copy in (pickle.loads(pickle.dumps(model)), joblib.load(file)):
        assert bits(copy, X) == bits(model, X)
        assert copy.model_repr() == model.model_repr()
        copy.set_params(max_epochs=0).fit(X, y)
        np.testing.assert_array_equal(copy.network_.alphas, model.network_.alphas)


def test_data_frame(plane: Plane, quick: Settings) -> None:
    X, y = plane
    frame = pd.DataFrame(X, columns=["dose", "time"])
    model = DARTSRegressor(**quick).fit(frame, pd.DataFrame({"rate": y}))
    assert list(model.feature_names_in_) == ["dose", "time"]
    assert model.n_features_in_ == 2
    assert "dose" in model.model_repr() and "\nrate = " in model.model_repr()
    assert model.predict(frame).shape == (60, 1)
    with pytest.warns(UserWarning, match="feature names"):
        model.predict(X)
    assert "\nspeed = " in model.fit(X, pd.Series(y, name="speed")).model_repr()
    assert not hasattr(model, "feature_names_in_")


def test_column_of_targets(plane: Plane, quick: Settings) -> None:
    X, y = plane
    flat = DARTSRegressor(**quick).fit(X, y).predict(X)
    column = DARTSRegressor(**quick).fit(X, y[:, None]).predict(X)
    assert flat.shape == (60,) and column.shape == (60, 1)
    np.testing.assert_array_equal(flat, column[:, 0])


def test_two_outputs(plane: Plane, quick: Settings) -> None:
    X = plane[0]
    y = np.column_stack([X[:, 0] + 1, 3 * X[:, 0] - 2])
    quick |= {"train_classifier_coefficients": True, "train_classifier_bias": True}
    model = DARTSRegressor(**quick).fit(X, y)
    assert model.predict(X).shape == (60, 2)
    assert model.score(X, y) > 1 - 1e-9
    assert len(model.sympy()) == 2


def probabilities_for(kind: str, X: np.ndarray) -> np.ndarray:
    p = 1 / (1 + np.exp(-3 * X[:, 0]))
    if kind == "probability_sample":
        return (p > 0.5 + 0.2 * X[:, 1]).astype(float)
    if kind == "probability_distribution":
        return np.column_stack([p, 1 - p])
    return p


@pytest.mark.parametrize("kind", [k for k, o in OBJECTIVES.items() if o.probability])
@pytest.mark.parametrize("trained", [False, True])
def test_probabilities(plane: Plane, quick: Settings, kind: str, trained: bool) -> None:
    X = plane[0]
    y = probabilities_for(kind, X)
    quick |= {"train_classifier_coefficients": trained, "output_type": kind}
    model = DARTSRegressor(**quick).fit(X, y)
    predicted = model.predict(X)
    assert predicted.shape == y.shape
    assert (predicted >= 0).all() and (predicted <= 1).all()
    if kind == "probability_distribution":
        np.testing.assert_allclose(predicted.sum(axis=1), 1, rtol=1e-12)
    if kind == "probability_distribution" and not trained:
        return  # every column reads out the same sum of nodes, so all share alike
    assert ((predicted - y) ** 2).mean() < 0.5 * ((y - y.mean(axis=0)) ** 2).mean()


@pytest.mark.parametrize(
    "settings",
    [
        {"darts_type": "fair"},
        {"darts_type": DARTSType.FAIR},
        {"unrolled": True},
        {"batch_size": 16},
        {"batch_size": None},
        {"batch_size": 1000},
        {"precondition": False},
        {"validation_fraction": 0.0},
        {"sampling_strategy": "sample"},
    ],
)
def test_variants_fit(quick: Settings, settings: Settings) -> None:
    X = np.random.default_rng(2).normal(size=(100, 2))
    y = 3 * X[:, 0] + 1
    quick |= {"n_candidates": 49, "param_updates_per_epoch": 20}
    model = DARTSRegressor(**quick, **settings).fit(X, y)
    assert np.isfinite(model.history_.valid_loss).all()
    assert np.isfinite(model.network_.alphas).all()
    if "sampling_strategy" not in settings:
        assert model.score(X, y) > 1 - 1e-9


def test_variants_differ(plane: Plane, quick: Settings) -> None:
    """None of the options is ignored by the relaxed search."""
    quick |= {"n_candidates": 0, "param_updates_per_epoch": 20}
    plain = DARTSRegressor(**quick).fit(*plane).network_.alphas
    for changes in (
        {"darts_type": "fair"},
        {"unrolled": True},
        {"batch_size": 16},
        {"precondition": False},
        {"arch_learning_rate_max": 0.1},
        {"arch_momentum": 0.1},
        {"param_learning_rate_max": 0.1},
        {"grad_clip": 0.01},
        {"param_momentum": 0.1},
        {"arch_weight_decay_base": 0.1},
    ):
        other = DARTSRegressor(**quick).set_params(**changes).fit(*plane)
        assert not np.array_equal(other.network_.alphas, plain), changes


def test_init_weights_function(plane: Plane, quick: Settings) -> None:
    shapes = []

    def sevenths(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        shapes.append(shape)
        return np.full(shape, 1 / 7)

    quick |= {"param_updates_per_epoch": 0, "init_weights_function": sevenths}
    model = DARTSRegressor(**quick).fit(*plane)
    assert shapes == [(2, 7, 2)]
    edge = model.network_.state.coefs.edge
    np.testing.assert_array_equal(edge, np.full((2, 7, 2), np.float32(1 / 7)))


def test_no_candidates_is_the_argmax(plane: Plane, quick: Settings) -> None:
    quick |= {"n_candidates": 0}
    model = DARTSRegressor(**quick).fit(*plane)
    expected = model.network_.alphas.argmax(axis=1)
    np.testing.assert_array_equal(model.model_.architecture, expected)
    np.testing.assert_array_equal(model.history_.alphas[-1], model.network_.alphas)
    assert model.candidates_ == []


@pytest.mark.usefixtures("own_table")
def test_own_primitive(plane: Plane, quick: Settings) -> None:
    own = Primitive("bump", lambda m, x, a: m.exp(-a * x * x), ("shape",))
    register_primitive(own)
    X = plane[0]
    y = np.exp(-2.5 * X[:, 0] ** 2)
    quick["primitives"] = ["none", "bump"]
    for vocabulary in (["none", "bump"], ["none", own]):
        model = DARTSRegressor(**quick).set_params(primitives=vocabulary).fit(X, y)
        assert model.score(X, y) > 1 - 1e-9
        assert str(model.sympy()).startswith("exp(-2.5")
        copy = pickle.loads(pickle.dumps(model))
        np.testing.assert_array_equal(copy.predict(X), model.predict(X))


WIDE = ["none", "add", "mult", "linear", "ln", "reciprocal", "exp", "linear_exp"]
RNG = np.random.default_rng(5)
SIGNED = RNG.normal(size=(30, 2))
EDGE_CASES: dict[str, tuple[np.ndarray, np.ndarray, Settings]] = {
    "one row": (np.array([[1.0, 2.0]]), np.array([3.0]), {}),
    "two rows": (np.array([[1.0, 2.0], [2.0, 1.0]]), np.array([3.0, 5.0]), {}),
    "constant y": (SIGNED, np.full(30, 4.0), {}),
    "zero y": (SIGNED, np.zeros(30), {}),
    "zero X": (np.zeros((30, 2)), SIGNED[:, 0], {}),
    "all zero": (np.zeros((30, 2)), np.zeros(30), {}),
    "constant column": (SIGNED * [1, 0] + [0, 3], SIGNED[:, 0], {}),
    "negatives": (SIGNED, SIGNED.sum(axis=1), {"primitives": WIDE}),
    "overflow": (800 * SIGNED, SIGNED.sum(axis=1), {"primitives": WIDE}),
    "huge X": (1e100 * SIGNED, SIGNED[:, 0], {"primitives": WIDE}),
    "huge y": (SIGNED, 1e100 * SIGNED[:, 0], {}),
    "tiny y": (SIGNED, 1e-100 * SIGNED[:, 0], {}),
    "integers": (np.arange(20).reshape(10, 2), np.arange(10), {}),
}


#: The relaxed search stands still here; candidates are fitted in double precision.
BEYOND_SINGLE_PRECISION = ("huge X", "huge y", "tiny y")


@pytest.mark.parametrize("name", EDGE_CASES)
@pytest.mark.parametrize("trained", [False, True])
def test_edge_cases(quick: Settings, name: str, trained: bool) -> None:
    X, y, changes = EDGE_CASES[name]
    flags = {"train_classifier_coefficients": trained, "train_classifier_bias": trained}
    model = DARTSRegressor(**quick, **flags, **changes).fit(X, y)
    predicted = model.predict(X)
    assert np.isfinite(predicted).all() and model.converged_
    assert np.isfinite(model.network_.alphas).all()
    if name not in BEYOND_SINGLE_PRECISION:
        assert np.isfinite(model.history_.valid_loss).all()
    with np.errstate(over="ignore"):
        error, spread = (predicted - y) ** 2, (y - y.mean()) ** 2
        assert not trained or error.mean() <= spread.mean() * (1 + 1e-9) + 1e-12


def test_fifty_columns(quick: Settings) -> None:
    X = np.random.default_rng(0).normal(size=(60, 50))
    y = X[:, 3] - X[:, 40]
    quick |= {"primitives": ["none", "add", "mult"], "n_candidates": 5}
    model = DARTSRegressor(**quick).fit(X, y)
    assert model.network_.alphas.shape == (50, 3)
    assert np.isfinite(model.predict(X)).all() and model.converged_


@pytest.mark.parametrize("trained", [False, True])
def test_columns_of_very_different_units(quick: Settings, trained: bool) -> None:
    X = SIGNED * [1e6, 1e-8]
    y = 3 * SIGNED[:, 0] - 2 * SIGNED[:, 1] + 1
    quick |= {"n_candidates": 49, "train_classifier_coefficients": trained}
    model = DARTSRegressor(**quick, train_classifier_bias=trained).fit(X, y)
    assert model.score(X, y) > 1 - 1e-9
    assert np.isfinite(model.history_.valid_loss).all()


def test_outside_the_domain(quick: Settings) -> None:
    X = np.linspace(0.1, 3, 40)[:, None]
    y = np.log(X[:, 0])
    model = DARTSRegressor(**quick | {"primitives": ["ln"]}).fit(X, y)
    assert model.score(X, y) > 1 - 1e-12
    beyond = np.array([[1.0], [-1.0], [0.0]])
    with pytest.warns(DomainWarning, match="2 of 3 rows .first: row 1") as caught:
        predicted = model.predict(beyond)
    assert caught[0].filename == __file__
    np.testing.assert_allclose(predicted, [0, y.mean(), y.mean()], atol=1e-12)
    with warnings.catch_warnings():  # far from the data, but defined: nothing to say
        warnings.simplefilter("error")
        model.predict(100 * X)


@pytest.mark.parametrize("kind", ["real", "sigmoid", "probability_sample"])
def test_nothing_finite_gives_a_constant(quick: Settings, kind: str) -> None:
    X, y = -np.linspace(1, 2, 30)[:, None], np.arange(30.0) % 2
    model = DARTSRegressor(**quick, output_type=kind).set_params(primitives=["ln"])
    with pytest.warns(ConvergenceWarning, match="best constant"):
        model.fit(X, y)
    assert not model.converged_
    np.testing.assert_allclose(model.predict(X), 0.5, rtol=1e-12)
    assert model.model_repr().splitlines()[1].startswith("y = ")
    assert float(model.sympy()) == pytest.approx(0.5)


def test_constant_distribution(quick: Settings) -> None:
    X = -np.linspace(1, 2, 30)[:, None]
    y = np.column_stack([np.full(30, 0.2), np.full(30, 0.8)])
    kind = "probability_distribution"
    model = DARTSRegressor(**quick, output_type=kind).set_params(primitives=["ln"])
    with pytest.warns(ConvergenceWarning, match="best constant"):
        model.fit(X, y)
    np.testing.assert_allclose(model.predict(X), y, rtol=1e-12)


def test_verbose_shows_a_bar(
    plane: Plane, quick: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    DARTSRegressor(**quick).fit(*plane)
    assert capsys.readouterr() == ("", "")
    DARTSRegressor(**quick, verbose=1).fit(*plane)
    assert "DARTS" in capsys.readouterr().err


@pytest.mark.parametrize("later", [{"max_epochs": 0}, {"warm_start": True}])
def test_a_read_out_no_longer_trained_is_one(later: Settings) -> None:
    X = np.linspace(0.1, 1, 40)[:, None]
    model = DARTSRegressor(
        num_graph_nodes=1,
        primitives=["none", "add", "exp"],
        train_classifier_coefficients=True,
        train_classifier_bias=True,
        max_epochs=2,
        n_candidates=20,
        random_state=0,
    ).fit(X, 3 * np.exp(X[:, 0]) + 1)
    model.set_params(
        train_classifier_coefficients=False, train_classifier_bias=False, **later
    ).fit(X, np.exp(X[:, 0]))
    assert (model.model_.readout == 1).all()
    assert (model.model_.bias == 0).all()


def test_candidates_are_distinct(plane: Plane, quick: Settings) -> None:
    model = DARTSRegressor(**quick | {"n_candidates": 60}).fit(*plane)
    keys = [c.architecture.tobytes() for c in model.candidates_]
    assert len(keys) == len(set(keys))


def test_arguments_behind_the_first_few_are_named():
    """Their positions, which were allowed before, give the same and a FutureWarning."""
    with pytest.warns(FutureWarning, match="output_type=…, classifier_weight_decay=…"):
        old = DARTSRegressor("auto", 3, "real", 0.5)
    assert (
        old.get_params()
        == DARTSRegressor(num_graph_nodes=3, classifier_weight_decay=0.5).get_params()
    )
    with pytest.raises(TypeError, match="two values for 'output_type'"):
        DARTSRegressor("auto", 3, "real", output_type="real")
    parameters = inspect.signature(DARTSRegressor).parameters.values()
    before = [p.name for p in parameters]
    count = before.index("sampling_strategy") + 1
    with pytest.raises(TypeError, match="positional"):  # this one never had a position
        DARTSRegressor(*range(count + 1))

    model = DARTSRegressor.from_equation("2*x1 + 1").fit([[1.0], [2.0], [4.0]], [3, 5, 9])
    with pytest.warns(FutureWarning, match="DARTSRegressor.sympy: .*simplify=…"):
        assert model.sympy(True) == model.sympy(simplify=True)
