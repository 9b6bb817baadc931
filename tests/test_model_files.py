"""Model files: what is written is read to the last bit, and nothing else is read."""

from __future__ import annotations

import importlib
import json
import pickle
import random
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from autora.skl.darts import (
    DARTSClassifier,
    DARTSRegressor,
    ModelFileError,
    Primitive,
    known_primitives,
    register_primitive,
)
from autora.skl.darts.equations.symbolic import one_line
from autora.skl.darts.estimators.equation_mixin import EquationMixin
from autora.skl.darts.graph.model import Model
from autora.skl.darts.graph.objectives import OBJECTIVES
from autora.skl.darts.graph.primitives import builtin, resolve
from autora.skl.darts.graph.search_space import SearchSpace
from autora.skl.darts.persistence import fields
from autora.skl.darts.persistence.documents import model_read, model_written
from autora.skl.darts.persistence.fields import Field
from autora.skl.darts.relaxation import fit
from autora.skl.darts.relaxation.bilevel import History
from autora.skl.darts.relaxation.history import no_history
from hand_built import estimator_of

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benchmarks"))

import fuzz_model_files as fuzz

X = np.random.default_rng(0).uniform(0.5, 2, (30, 2))
CURVE = X[:, 0] / 2 * np.exp(-X[:, 1])
SHARES = np.column_stack([CURVE, 1 - CURVE])
VOCABULARY = ["none", "add", "mult", "linear_exp", "shifted_power"]
#: The one that is really trained; the programs of all would compile for a minute.
TRAINED = "weights of nodes"
CASES: dict[str, tuple[Any, dict[str, Any]]] = {
    "plain": (CURVE, {}),
    "column": (CURVE[:, None], {"num_graph_nodes": 1, "max_epochs": 0}),
    "sigmoid": (CURVE, {"output_type": "sigmoid"}),
    "probability": (CURVE, {"output_type": "probability", "darts_type": "fair"}),
    "sample": ((CURVE > 0.3) * 1.0, {"output_type": "probability_sample"}),
    "distribution": (SHARES, {"output_type": "probability_distribution"}),
    "two outputs": (SHARES, {}),
    "undefined": (CURVE, {"primitives": ["ln"], "num_graph_nodes": 1}),
    "published": (CURVE, {"n_candidates": 0, "train_classifier_bias": True}),
    "weights of nodes": (SHARES, {"aggregations": ["product", "sum"]}),
}


def fitted(y: Any, changes: dict[str, Any], x: Any = X) -> DARTSRegressor:
    settings: dict[str, Any] = {
        "max_epochs": 2,
        "param_updates_per_epoch": 1,
        "n_candidates": 20,
        "num_graph_nodes": 2,
        "random_state": 0,
        "primitives": VOCABULARY,
        "train_classifier_coefficients": True,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if changes.get("primitives") == ["ln"]:
            x = x - 1
        return DARTSRegressor(**settings | changes).fit(x, y)


def untrained(start: Any, plan: Any, observer: Any, checkpoints: Any) -> tuple:
    """Stands in for the relaxed training."""
    if plan.hyper.max_epochs == 0:
        return start.state, no_history(start.state.alphas), None
    epochs = np.arange(2, dtype=np.float32)
    history = History(epochs, epochs + np.nan, np.stack([start.state.alphas] * 2))
    return start.state, history, None


@contextmanager
def no_training() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fit, "_train", untrained)
        yield


@pytest.fixture
def untrained_fits(request: pytest.FixtureRequest) -> Iterator[None]:
    trained = "case" in request.fixturenames and request.getfixturevalue("case") == TRAINED
    with nullcontext() if trained else no_training():
        yield


@pytest.fixture(scope="module")
def plain() -> DARTSRegressor:
    with no_training():
        return fitted(*CASES["plain"])


@pytest.fixture(scope="module")
def valid(plain: DARTSRegressor) -> dict[str, Any]:
    return json.loads(plain.to_json())


def state(estimator: Any) -> dict[str, Any]:
    """What a file holds of an estimator: the rows of its data are not for everyone."""
    return {name: v for name, v in vars(estimator).items() if name != "_rows_to_check"}


def same(one: Any, other: Any) -> None:
    """Equal values of equal types, arrays to the last bit."""
    if isinstance(one, Model):
        same(vars(one), vars(other))
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key, value in one.items():
            same(value, other[key])
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            same(a, b)
    elif isinstance(one, (np.ndarray, np.generic, float)):
        one, other = np.asarray(one), np.asarray(other)
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
        if one.dtype.kind == "f":
            np.testing.assert_array_equal(np.signbit(one), np.signbit(other))
    else:
        assert one == other


@pytest.mark.usefixtures("untrained_fits")
@pytest.mark.parametrize("case", CASES)
def test_round_trip(case: str, tmp_path: Path) -> None:
    """As after pickling: the state, the parameters, every reading, the next fit."""
    model = fitted(*CASES[case])
    model.save(tmp_path / "model.json")
    loaded = DARTSRegressor.load(tmp_path / "model.json")
    pickled = pickle.loads(pickle.dumps(model))
    same(state(loaded), state(pickled))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fresh = np.random.default_rng(5).uniform(-3, 3, (100, 2))
        np.testing.assert_array_equal(loaded.predict(fresh), model.predict(fresh))
    assert loaded.model_repr(decimals_to_display=12) == model.model_repr(
        decimals_to_display=12
    )
    assert loaded.latex(simplify=True) == model.latex(simplify=True)
    assert loaded.python() == model.python()
    assert loaded.visualize_model().source == model.visualize_model().source
    pd.testing.assert_frame_equal(loaded.equations_, model.equations_)
    pd.testing.assert_frame_equal(loaded.coefficients_, model.coefficients_)
    assert loaded.to_json() == model.to_json()


@pytest.mark.parametrize("changes", [{"max_epochs": 0}, {"warm_start": True}])
@pytest.mark.usefixtures("untrained_fits")
@pytest.mark.parametrize("case", ["plain", "probability", "weights of nodes"])
def test_fits_go_on_as_if_never_stored(case: str, changes: dict[str, Any]) -> None:
    y, asked = CASES[case]
    model = fitted(y, asked)
    loaded = DARTSRegressor.from_json(model.to_json())
    for estimator in (model, loaded):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.filterwarnings("ignore", "execution_monitor|a straight line")
            estimator.set_params(sampling_strategy="sample", **changes).fit(X, y)
    same(state(loaded), state(model))


def test_another_row_can_be_selected(plain: DARTSRegressor) -> None:
    loaded = DARTSRegressor.from_json(plain.to_json())
    one, other = loaded.select_equation(0), pickle.loads(pickle.dumps(plain))
    same(state(one), state(other.select_equation(0)))
    assert one.selected_ == 0


def random_model(seed: int, name: str) -> Model:
    """A graph of an open space with extreme and with negative zero coefficients."""
    rng = np.random.default_rng(seed)
    primitives = resolve(dict.fromkeys((name, "none", "add", "linear")))
    space = SearchSpace(2, 3, 2, primitives, ("sum", "product"), 4, n_parallel=2)
    architecture = rng.integers(-1, len(primitives), size=space.n_edges)
    architecture[0] = 0
    used = np.arange(space.max_params) < space.n_params[architecture][:, None]
    used[architecture < 0] = False
    numbers = rng.normal(size=used.shape) * 10.0 ** rng.integers(-300, 300, used.shape)
    numbers[rng.random(used.shape) < 0.2] = -0.0
    return Model(
        space,
        OBJECTIVES["real"],
        architecture,
        np.where(used, numbers, 0.0),
        rng.normal(size=(3, 2)),
        np.array([-0.0, 5e-324]),
        rng.integers(0, 2, 3),
    )


@pytest.mark.parametrize("name", [p.name for p in builtin()])
def test_every_primitive_to_the_last_bit(name: str) -> None:
    for seed in range(3):
        model = random_model(seed, name)
        text = fields.pretty(model_written(model, 0))
        same(model_read(fields.parse(text), [model.space]), model)


@pytest.mark.usefixtures("untrained_fits")
def test_names_of_columns_are_kept() -> None:
    names = ["x[0]", "__import__('os')", 'a "quote" \\ $x^2$ <b> \u2028 é 数', ""]
    table = pd.DataFrame(np.column_stack([X, X[:, ::-1] ** 2]), columns=names)
    model = fitted(pd.Series(CURVE, name="lambda\n"), {"num_graph_nodes": 1}, table)
    loaded = DARTSRegressor.from_json(model.to_json())
    assert list(loaded.feature_names_in_) == names
    assert loaded.model_repr() == model.model_repr()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(loaded.predict(table), model.predict(table))


# Parameters


def test_parameters_that_are_code_are_left_out(
    plain: DARTSRegressor, tmp_path: Path
) -> None:
    model = pickle.loads(pickle.dumps(plain)).set_params(
        execution_monitor=print,
        random_state=np.random.RandomState(0),
        model_selection=len,
        primitives=("add", resolve(["exp"])[0]),
        output_type=np.str_("real"),
        max_epochs=np.int64(7),
    )
    left_out = "execution_monitor, model_selection, random_state cannot be stored"
    with pytest.warns(UserWarning, match=left_out) as caught:
        loaded = DARTSRegressor.from_json(model.to_json())
        model.save(tmp_path / "model.json")
    assert [warning.filename for warning in caught] == [__file__] * 2
    found = loaded.get_params()
    assert found["execution_monitor"] is None and found["random_state"] is None
    assert found["model_selection"] == "auto" and found["max_epochs"] == 7
    assert found["primitives"] == ["add", "exp"] and found["output_type"] == "real"


def test_a_long_history_is_left_out(
    plain: DARTSRegressor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autora.skl.darts.persistence.weight_documents.MOST_HISTORY", 10)
    with pytest.warns(UserWarning, match="history_ has more than"):
        loaded = DARTSRegressor.from_json(plain.to_json())
    assert len(loaded.history_.train_loss) == 0


@pytest.mark.usefixtures("untrained_fits")
def test_primitives_of_your_own(own_table: dict[str, Any]) -> None:
    register_primitive(Primitive("bump", lambda m, x, a: m.exp(-a * x * x), ("shape",)))
    model = fitted(CURVE, {"primitives": ["none", "bump", "mult"]})
    text = model.to_json()
    np.testing.assert_array_equal(
        DARTSRegressor.from_json(text).predict(X), model.predict(X)
    )
    own_table["bump"] = Primitive("bump", lambda m, x, a: m.exp(-a * x), ("shape",))
    with pytest.raises(ModelFileError, match="'bump' is not the one that the file was"):
        DARTSRegressor.from_json(text)
    del own_table["bump"]
    assert "bump" not in known_primitives()
    with pytest.raises(ModelFileError, match=r"unknown primitive 'bump'.*register_prim"):
        DARTSRegressor.from_json(text)
    with pytest.raises(ModelFileError, match=r"cannot be stored: .*'bump'"):
        model.to_json()


# Classes


class Heir(DARTSRegressor):
    """With fitted state of its own."""

    def _answers(self) -> dict[str, Any]:
        return {**super()._answers(), "luck": 7}

    def _set_answers(self, answers: Field) -> None:
        dimensions, luck = answers.record("dimensions", "luck")
        super()._set_answers(Field({"dimensions": dimensions.value}, answers.where))
        self.luck_ = luck.whole(0, 10)


def test_subclasses(plain: DARTSRegressor) -> None:
    heir = Heir(**plain.get_params())
    vars(heir).update(vars(plain))
    text = heir.to_json()
    for kind in (Heir, DARTSRegressor, EquationMixin):
        found = kind.from_json(text)
        assert type(found) is Heir and found.luck_ == 7
    with pytest.raises(ModelFileError, match=r"holds a 'DARTSRegressor'.* no Heir"):
        Heir.from_json(plain.to_json())


@pytest.mark.parametrize(
    "labels",
    [
        np.array([3, -1]),
        np.array([False, True]),
        np.array(["no", "<b>é"]),
        np.array(["a", "b", "lambda"], object),
        np.array([1.0, 2.0, 7.0]),
    ],
)
@pytest.mark.usefixtures("untrained_fits")
def test_classifiers(labels: np.ndarray) -> None:
    y = labels[np.digitize(CURVE, [0.25, 0.4][: len(labels) - 1])]
    model = DARTSClassifier(
        num_graph_nodes=1, primitives=VOCABULARY, n_candidates=20, random_state=0
    ).fit(X, y)
    loaded = DARTSClassifier.from_json(model.to_json())
    same(state(loaded), state(model))
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    found = json.loads(model.to_json())
    for classes, why in [
        (["i", [1] * len(labels)], "names a class twice"),
        (["O", [None, *range(len(labels) - 1)]], r"classes\[1\]\[0\]: is no class label"),
        (["O", [1]], "must have"),
        (["S", list(range(len(labels)))], "must be one of"),
        (["i", [0.5, *range(len(labels) - 1)]], "is no class label of kind 'i'"),
    ]:
        with pytest.raises(ModelFileError, match=why):
            DARTSClassifier.from_json(changed(found, "answers.classes", classes))
    with pytest.raises(ModelFileError, match=r"holds a 'DARTSClassifier'.* no DARTSRegr"):
        DARTSRegressor.from_json(model.to_json())
    found["estimator"] = "DARTSRegressor"
    with pytest.raises(ModelFileError, match=r"answers: lacks 'dimensions'|class_weight"):
        DARTSRegressor.from_json(json.dumps(found))


@pytest.mark.parametrize("name", ["Readings", "BaseDARTS", "Portable", "object", ""])
def test_classes_that_are_no_estimators(valid: dict[str, Any], name: str) -> None:
    with pytest.raises(ModelFileError, match=f"holds a '{name}'"):
        EquationMixin.from_json(changed(valid, "estimator", name))


def test_only_fitted_estimators() -> None:
    with pytest.raises(ValueError, match="not fitted"):
        DARTSRegressor().to_json()


# Files


def test_writing_is_all_or_nothing(
    plain: DARTSRegressor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.json"
    path.write_text("the earlier one")

    def full(_: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="no space left"):
        plain.save(path)
    assert path.read_text() == "the earlier one"
    assert list(tmp_path.iterdir()) == [path]
    monkeypatch.undo()
    path.chmod(0o600)
    plain.save(str(path))
    assert path.stat().st_mode & 0o777 == 0o600
    assert DARTSRegressor.load(str(path)).model_repr() == plain.model_repr()
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_is_followed(plain: DARTSRegressor, tmp_path: Path) -> None:
    (tmp_path / "link.json").symlink_to(tmp_path / "real.json")
    plain.save(tmp_path / "link.json")
    assert (tmp_path / "link.json").is_symlink()
    assert DARTSRegressor.load(tmp_path / "real.json").model_repr() == plain.model_repr()


def test_places_that_are_no_files(plain: DARTSRegressor, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        plain.save(tmp_path / "nowhere" / "model.json")
    with pytest.raises(FileNotFoundError):
        DARTSRegressor.load(tmp_path / "model.json")
    with pytest.raises(OSError, match="no regular file"):
        plain.save(tmp_path)
    with pytest.raises(IsADirectoryError):
        DARTSRegressor.load(tmp_path)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="there are no devices here")
def test_devices_are_left_alone(plain: DARTSRegressor) -> None:
    with pytest.raises(OSError, match="no regular file"):
        plain.save("/dev/null")
    with pytest.raises(ModelFileError, match="no regular file"):
        DARTSRegressor.load("/dev/zero")


def test_large_and_binary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.json"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ModelFileError, match="no UTF-8"):
        DARTSRegressor.load(path)
    monkeypatch.setattr(fields, "MOST_BYTES", 1000)
    path.write_text(" " * 1001)
    with pytest.raises(ModelFileError, match="larger than"):
        DARTSRegressor.load(path)
    with pytest.raises(ModelFileError, match="larger than"):
        DARTSRegressor.from_json(" " * 1001)


def test_files_of_version_1_load() -> None:
    """Written by version 0.1.0, before tables said what was selected."""
    loaded = DARTSRegressor.load(Path(__file__).parent / "data" / "model_version_1.json")
    X = np.random.default_rng(1).uniform(0.5, 3, (20, 2))
    expected = 2 * X[:, 0] * X[:, 1] + np.exp(-X[:, 0])
    np.testing.assert_allclose(loaded.predict(X), expected, rtol=1e-9)
    assert len(loaded.equations_) == 3 and loaded.y_step_ == loaded.noise_floor_ == 0
    assert DARTSRegressor.from_json(loaded.to_json()).predict(X) == pytest.approx(expected)


def test_files_of_version_3_load() -> None:
    """Written by version 0.1.0, before modules lay in packages."""
    loaded = DARTSRegressor.load(Path(__file__).parent / "data" / "model_version_3.json")
    X = np.random.default_rng(1).uniform(0.5, 3, (20, 2))
    np.testing.assert_allclose(loaded.predict(X), 2 * X[:, 1] * np.exp(-X[:, 0]), rtol=1e-9)
    assert loaded.model_repr() == "Model:\ny = 2*x2*exp(-x1)"
    assert len(loaded.equations_) > 3
    loaded.select_equation(0)


def test_pickles_from_before_the_packages_say_what_to_do() -> None:
    stored = Path(__file__).parent / "data" / "estimator_2026_11.pickle"
    with pytest.raises(ModuleNotFoundError, match=r"write it with save\(\) and read"):
        pickle.loads(stored.read_bytes())
    with pytest.raises(ModuleNotFoundError, match="No module named"):
        importlib.import_module("autora.skl.darts.nothing")


def test_people_can_read_it(plain: DARTSRegressor) -> None:
    lines = plain.to_json().split("\n")
    assert lines[1] == ' "format": "autora-darts",' and lines[2] == ' "version": 5,'
    assert any("y = " in line for line in lines[:9])
    assert max(map(len, lines)) < 1000


# Refusals


def test_text_that_is_no_json() -> None:
    for text, why in {
        "": "no JSON",
        "{": "no JSON",
        "\ufeff{}": "no JSON",
        "[" * 200_000: "nested too deeply",
        '{"a":' * 200_000: "nested too deeply",
        "9" * 100: "digits",
        "[1e999]": "too large",
        "[NaN]": "NaN",
        "[-Infinity]": "Infinity",
        '{"a": 1, "a": 2}': "'a' occurs twice",
        '["\\ud800"]': "half a character",
        '"x"': "must be an object",
        "{}": "'format' must be",
        '{"format": "autora-darts", "version": 6}': "'version' must be 1 to 5",
        '{"format": "autora-darts", "version": 0}': "'version' must be 1",
        '{"format": "autora-darts", "version": true}': "'version' must be 1",
        '{"format": "autora-darts", "version": 1.0}': "'version' must be 1",
        '{"format": "autora-darts", "version": 1}': "lacks 'estimator'",
        '{"format": "autora-darts", "version": 1, "estimator": "os"}': "holds a 'os'",
    }.items():
        with pytest.raises(ModelFileError, match=why):
            DARTSRegressor.from_json(text)
    with pytest.raises(TypeError, match="must be a str"):
        DARTSRegressor.from_json(b"{}")  # type: ignore[arg-type]


#: Where, what stands there instead, and what the error says.
WRONG: list[tuple[str, Any, str]] = [
    ("inputs", 3, r"input_names|edge|members"),
    ("inputs", 10**9, r"inputs: must be a whole number from 1 to"),
    ("inputs", True, r"inputs: must be a whole number"),
    ("inputs", 2.0, r"inputs: must be a whole number"),
    ("outputs", [], r"outputs: must have 1 to"),
    ("outputs", ["a", "b"], r"output_means: must have 2 members, has 1"),
    ("outputs", ["y" * 20_000], r"outputs\[0\]: must have at most"),
    ("output_type", "class", r"output_type: must be one of"),
    ("output_means", [1e999], r"Infinity is no JSON number"),
    ("output_means", ["nan"], r"output_means\[?0?\]?.*: must be a finite number"),
    ("answers", {}, r"answers: lacks 'dimensions'"),
    ("answers", {"dimensions": 3}, r"answers.dimensions: must be a whole number from 1"),
    ("answers", {"dimensions": 1, "classes": []}, r"answers: has \['classes'\]"),
    ("parameters.max_epochs", {"a": 1}, r"parameters.max_epochs: must be a finite number"),
    ("parameters.boom", 1, r"parameters.boom: is no parameter"),
    ("spaces", [], r"spaces: must have 1 to"),
    ("spaces.0.nodes", 10**9, r"spaces\[0\].nodes: must be a whole number from 1 to 64"),
    ("spaces.0.nodes", 3, r"models\[0\].nodes: must have 3 members, has 2"),
    ("spaces.0.parallel", 0, r"spaces\[0\].parallel: must be a whole number from 1"),
    ("spaces.0.primitives", ["gauss"], r"spaces\[0\].primitives\[0\]: unknown primitive"),
    ("spaces.0.primitives", ["zero"], r"unknown primitive 'zero'"),
    ("spaces.0.primitives", ["exp", "exp"], r"names a primitive twice"),
    ("spaces.0.aggregations", ["sum", "sum"], r"names an aggregation twice"),
    ("spaces.0.aggregations", ["max"], r"aggregations\[0\]: must be one of"),
    ("spaces.0.max_in_degree", 0, r"max_in_degree: must be a whole number from 1"),
    ("models", [], r"models: must have 1 to"),
    ("models.0.space", 1, r"models\[0\].space: must be a whole number from 0 to 0"),
    ("models.0.space", -1, r"models\[0\].space: must be a whole number"),
    ("models.0.edges.0", [99, "add"], r"edges\[0\]\[0\]: must be a whole number from 0"),
    ("models.0.edges.0", [0, "sin"], r"edges\[0\]\[1\]: must be one of"),
    ("models.0.edges.0", [0, "mult"], r"edges\[0\]: 'mult' has 1 coefficients, got 0"),
    ("models.0.edges.0", [0, "mult", "inf"], r"edges\[0\]\[2\]: must be a finite number"),
    ("models.0.edges.0", [1, "add"], r"edges\[1\]: edge 1 occurs twice"),
    ("models.0.nodes", ["product", "sum"], r"nodes\[0\]: must be one of \['sum'\]"),
    ("models.0.readout", [[1.0]], r"readout: must have 2 members, has 1"),
    ("models.0.bias", [[0.0]], r"models\[0\].bias"),
    ("models.0.output_type", "probability_distribution", r"needs two outputs"),
    ("standard_errors.0", ["edge", 99, 0, 1.0], r"standard_errors\[0\]\[1\]: must be"),
    ("standard_errors.0", ["edge", 0, 9, 1.0], r"standard_errors\[0\]\[2\]: must be"),
    ("standard_errors.0", ["__class__", 0, 0, 1.0], r"must be one of \['edge'"),
    ("equations.0.model", 10**6, r"equations\[0\].model: must be a whole number"),
    ("equations.0.complexity", "nan", r"equations\[0\].complexity: must be a finite"),
    ("candidates", [0.5], r"candidates\[0\]: must be a whole number"),
    ("converged", 1, r"converged: must be true or false"),
    ("asked.n_nodes", 10**9, r"asked.n_nodes: must be a whole number from 1 to 64"),
    ("asked.darts_type", "unfair", r"asked.darts_type: must be one of"),
    ("network.relaxed", None, r"network.relaxed: must be true or false"),
    ("network.relaxed", False, r"network"),
    ("network.key", [1], r"network.key: must have 2 members"),
    ("training_score.rows", 0, r"training_score.rows: must"),
    ("training_score.equations", [0.5, "x"], r"training_score.equations"),
    ("network.key", [-1, 2**32], r"network.key\[0\]: must be a whole number"),
    ("network.weights.alphas", [], r"network.weights.alphas: must have"),
    ("network.weights.node_alphas", [[0.0]], r"node_alphas: must be null"),
    ("network.weights.alphas.0.0", 1e300, r"alphas: has a number beyond single"),
    ("history.train_loss", [], r"history.train_loss: must have"),
    ("history.valid_loss", [0.1], r"history.valid_loss: must have 2 members"),
    ("history.alphas", 0, r"history.alphas: must be a list"),
    ("parameters.\x1b[31m", 1, r"parameters\.'\\x1b\[31m': is no parameter"),
    ("surprise", 1, r"the file: has \['surprise'\], which this version does not know"),
]


def changed(document: dict[str, Any], place: str, value: Any) -> str:
    found = json.loads(json.dumps(document))
    *path, last = place.split(".")
    holder = found
    for part in path:
        holder = holder[int(part) if isinstance(holder, list) else part]
    holder[int(last) if isinstance(holder, list) else last] = value
    return json.dumps(found)


@pytest.mark.parametrize("place, value, why", WRONG)
def test_refused(valid: dict[str, Any], place: str, value: Any, why: str) -> None:
    with pytest.raises(ModelFileError, match=why):
        DARTSRegressor.from_json(changed(valid, place, value))


def test_every_part_is_needed(valid: dict[str, Any]) -> None:
    unscored = {key: part for key, part in valid.items() if key != "training_score"}
    model = DARTSRegressor.from_json(json.dumps(unscored))
    assert "R²" not in model._repr_html_()
    assert "training_score" not in json.loads(model.to_json())
    for name in unscored:
        rest = {key: value for key, value in valid.items() if key != name}
        with pytest.raises(ModelFileError, match=name):
            DARTSRegressor.from_json(json.dumps(rest))


def test_a_row_of_another_space_is_refused(valid: dict[str, Any]) -> None:
    found = json.loads(json.dumps(valid))
    found["spaces"].append(found["spaces"][0] | {"parallel": 2})
    found["models"].append(found["models"][0] | {"space": 1})
    found["equations"][0]["model"] = len(found["models"]) - 1
    found["equations"][0]["standard_errors"] = []
    with pytest.raises(ModelFileError, match=r"equations\[0\].model: .*another space"):
        DARTSRegressor.from_json(json.dumps(found))


def test_many_large_models_are_refused(valid: dict[str, Any]) -> None:
    """A short file must not ask for much memory."""
    found = json.loads(json.dumps(valid))
    found["spaces"][0] |= {"nodes": 64, "parallel": 40}
    empty = {"edges": [], "nodes": ["sum"] * 64, "readout": [[0.0]] * 64}
    found["models"] = [found["models"][0] | empty] * 2000
    start = time.process_time()
    with pytest.raises(ModelFileError, match="edges in all"):
        DARTSRegressor.from_json(json.dumps(found))
    assert time.process_time() - start < 5


def tower(names: list[str], slope: float, nodes: int, parallel: int = 1) -> Model:
    """Every node applies the next function to the node before, in parallel edges."""
    primitives = resolve([*names, "linear"])
    space = SearchSpace(1, nodes, 1, primitives, n_parallel=parallel)
    architecture = np.full(space.n_edges, -1)
    edge = np.zeros((space.n_edges, space.max_params))
    architecture[0], edge[0] = len(names), [slope, 1e9]
    for k in range(1, nodes):
        last = space.edges_into(k).stop
        for j in range(parallel):
            architecture[last - 1 - j] = (k - 1 + j) % len(names)
    readout = np.zeros((nodes, 1))
    readout[-1] = 1
    return Model(space, OBJECTIVES["real"], architecture, edge, readout, np.zeros(1))


@pytest.mark.parametrize(
    "model",
    [
        tower(["exp"], 0.0, 10),
        tower(["square", "sin"], 0.0, 64),
        tower(["square"], 1.0, 64),
        tower(["exp", "reciprocal"], 1.0, 64),
        tower(["sin", "cos"], 1.0, 64, 2),
        tower(["sin", "cos", "exp"], 0.0, 64, 3),
    ],
)
def test_hostile_models_are_read_in_bounded_time(model: Model) -> None:
    """Numbers of any size, equations whose length doubles with every node."""
    estimator = estimator_of(model)
    start = time.process_time()
    estimator.model_repr()
    assert one_line(model, ["x1"])
    estimator.python()
    try:
        estimator.sympy(simplify=True)
    except ValueError as error:
        assert "model_repr() shows it node by node" in str(error)
    assert time.process_time() - start < 10


# Fuzzing


@pytest.fixture(scope="module")
def audited() -> Iterator[None]:
    """The audit hook stays for the rest of the process, but sees nothing more."""
    sys.addaudithook(fuzz.audit)
    yield


def test_the_hook_sees_code_that_is_run(audited: None) -> None:
    with fuzz.watched() as events:
        exec("1")
    assert any(event.startswith("exec") for event in events)


@pytest.mark.usefixtures("untrained_fits")
def test_fuzz(audited: None) -> None:
    """`benchmarks/fuzz_model_files.py` is the long run."""
    valid = fuzz.texts()
    x = np.random.default_rng(1).uniform(-2, 2, (8, 2))
    for text in valid:
        assert fuzz.judge(text, x, tables=True).kind == "accepted"
    rng = random.Random(int(time.time()))
    counts: Counter[str] = Counter()
    for _ in range(2000):
        content = fuzz.mutated(rng.choice(valid), rng)
        outcome = fuzz.judge(content, x)
        assert outcome.kind != "failed", (outcome.detail, content)
        counts[outcome.kind] += 1
    assert counts["refused"] > 1000 and counts["accepted"] > 50
