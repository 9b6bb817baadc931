"""Pictures: what is drawn is what was found, on the axes given, with names as they are."""

from __future__ import annotations

import re
from inspect import signature
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import pytest

matplotlib.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.patches import PathPatch
from PIL import Image
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import autora.skl.darts as package
from autora.skl.darts import (
    ArchitectureDisplay,
    CoefficientDisplay,
    DARTSClassifier,
    DARTSRegressor,
    EquationsDisplay,
    FitDisplay,
    GroupDisplay,
    HistoryDisplay,
    ResidualDisplay,
    SearchAnimation,
)
from autora.skl.darts.graph.primitives import resolve
from autora.skl.darts.graph.search_space import SearchSpace
from autora.skl.darts.plotting.axes import relaxed_weights
from autora.skl.darts.plotting.formulas import compact
from autora.skl.darts.selection.result import SearchHistory
from drawing import drawn

#: Names that mathematics, DOT or HTML would read as something else.
AWKWARD = ["_$a$_", "50% <b>&amp;"]
SETTINGS: dict[str, Any] = {
    "num_graph_nodes": 2,
    "primitives": ["none", "mult", "linear_exp"],
    "train_classifier_coefficients": True,
    "train_classifier_bias": True,
    "max_epochs": 6,
    "param_updates_per_epoch": 5,
    "n_candidates": 30,
    "random_state": 0,
}
#: All pictures with axes: of a search, and of data and predictions. Those of groups are in
#: `test_groups_pictures` has.
PICTURES = [
    found
    for found in (getattr(package, name) for name in package.__all__)
    if hasattr(found, "from_estimator") and found not in (CoefficientDisplay, GroupDisplay)
]
OF_DATA = [p for p in PICTURES if "X" in signature(p.from_estimator).parameters]
OF_SEARCHES = [p for p in PICTURES if p not in OF_DATA]


@pytest.fixture(autouse=True)
def closed_figures() -> Any:
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def two() -> SimpleNamespace:
    """Two inputs with awkward names, one output."""
    X = pd.DataFrame(np.random.default_rng(0).uniform(-1, 1, (60, 2)), columns=AWKWARD)
    y = (2 * X[AWKWARD[0]] - X[AWKWARD[1]] ** 2).rename("rate_%$x$")
    return SimpleNamespace(X=X, y=y, model=DARTSRegressor(**SETTINGS).fit(X, y))


@pytest.fixture(scope="module")
def one() -> SimpleNamespace:
    """One input, two outputs."""
    X = np.linspace(-1, 1, 40)[:, None]
    y = pd.DataFrame({"up": 2 * X[:, 0], "down": np.exp(-X[:, 0])})
    settings = SETTINGS | {"num_graph_nodes": 1}
    return SimpleNamespace(X=X, y=y, model=DARTSRegressor(**settings).fit(X, y))


def test_history_of_epochs(two: SimpleNamespace) -> None:
    shown = HistoryDisplay.from_estimator(two.model)
    lines = {line.get_label(): line.get_ydata() for line in shown.ax_.get_lines()}
    np.testing.assert_array_equal(lines["validation"], two.model.history_.valid_loss)
    np.testing.assert_array_equal(lines["training"], two.model.history_.train_loss)


def test_history_of_an_open_search() -> None:
    history = SearchHistory(
        np.array([300, 900, 1400]), np.array([0.5, 1e-3, 0.0]), np.array([-1.0, -5, -70])
    )
    shown = HistoryDisplay(history).plot()
    steps = shown.ax_.get_lines()[0]
    np.testing.assert_array_equal(steps.get_xdata(), history.refits)
    np.testing.assert_allclose(steps.get_ydata(), [0.5, 1e-3, 1e-34])
    assert shown.ax_.get_yscale() == "log"
    assert "graphs refitted" in drawn(shown.figure_)


def test_architecture(two: SimpleNamespace) -> None:
    shown = ArchitectureDisplay.from_estimator(two.model)
    weights = relaxed_weights(two.model.history_.alphas, "original")
    assert weights.shape == (6, 5, 3)
    for e, ax in enumerate(shown.axes_):
        np.testing.assert_allclose([i.get_ydata() for i in ax.get_lines()], weights[:, e].T)
    text = drawn(shown.figure_)
    assert r"_\$a\$_ → k₁" in text and "50% <b>&amp; → k₂" in text


def test_architecture_inside_another_figure(two: SimpleNamespace) -> None:
    figure, axes = plt.subplots(1, 2, layout="constrained")
    shown = ArchitectureDisplay.from_estimator(two.model, ax=axes[1])
    assert shown.figure_ in figure.subfigs and axes[0].figure is figure
    assert len(plt.get_fignums()) == 1 and shown.axes_.shape == (5,)
    drawn(figure)
    with pytest.raises(ValueError, match="ax must stand in a grid"):
        shown.plot(figure.add_axes((0, 0, 1, 1)))


def test_equations(two: SimpleNamespace) -> None:
    shown = EquationsDisplay.from_estimator(two.model)
    table = two.model.equations_
    dots = shown.ax_.get_lines()[1]
    np.testing.assert_array_equal(dots.get_xdata(), table["complexity"])
    np.testing.assert_array_equal(dots.get_ydata(), np.maximum(table["loss"], 1e-34))
    assert len(shown.texts_) == len(table)
    assert shown.selected == table["criterion"].argmin()
    bold = [text.get_fontweight() == "bold" for text in shown.texts_]
    assert np.flatnonzero(bold).tolist() == [shown.selected]
    chosen = shown.ax_.get_lines()[2]
    assert chosen.get_xdata()[0] == table["complexity"][shown.selected]
    two.model.select_equation(0)
    assert EquationsDisplay.from_estimator(two.model).selected == 0
    two.model.select_equation(shown.selected)
    drawn(shown.figure_)


def test_equations_lie_beside_the_axes_and_on_the_figure(two: SimpleNamespace) -> None:
    shown = EquationsDisplay.from_estimator(two.model)
    drawn(shown.figure_)
    whole, axes = shown.figure_.bbox, shown.ax_.bbox
    boxes = [text.get_window_extent() for text in shown.texts_]
    assert all(axes.x1 < box.x0 and box.x1 <= whole.x1 for box in boxes)
    assert all(a.y0 >= b.y1 - 1 for a, b in pairwise(boxes))


def test_held_out_losses_are_shown(two: SimpleNamespace) -> None:
    model = DARTSRegressor(**SETTINGS, model_selection="holdout").fit(two.X, two.y)
    ax = EquationsDisplay.from_estimator(model).ax_
    (line,) = (i for i in ax.get_lines() if "kept from" in str(i.get_label()))
    np.testing.assert_array_equal(line.get_ydata(), model.equations_["holdout"])


@pytest.mark.parametrize(
    ("equation", "shown"),
    [
        ("1.0000*exp(5.0000*x1) - 1.0002*x1", "exp(5·x1) - x1"),
        ("x1**2.0000*1.0000e-05 + 0.12345", "x1^2·1e-05 + 0.123"),
        ("x1/1.0000*2.5000", "x1/1·2.5"),
        ("3.14159*dose*1.0000 + dose 1.2500*x", "3.14·dose*1.0000 + dose 1.2500·x"),
    ],
)
def test_compact(equation: str, shown: str) -> None:
    assert compact(equation, ["x1", "x", "dose*1.0000", "dose 1.2500"]) == shown


def test_observed_against_predicted(one: SimpleNamespace) -> None:
    shown = FitDisplay.from_estimator(one.model, one.X, one.y, kind="observed")
    lines = shown.ax_.get_lines()
    prediction = one.model.predict(one.X)
    for q, name in enumerate(one.y):
        np.testing.assert_array_equal(lines[q].get_xdata(), prediction[:, q])
        np.testing.assert_array_equal(lines[q].get_ydata(), one.y[name])
        assert str(lines[q].get_label()).startswith(f"{name}: R² = ")
    np.testing.assert_array_equal(lines[2].get_xdata(), lines[2].get_ydata())


def test_curve(one: SimpleNamespace) -> None:
    shown = FitDisplay.from_estimator(one.model, one.X, one.y)
    assert shown.kind == "curve"
    points, curve, *_ = shown.ax_.get_lines()
    np.testing.assert_array_equal(points.get_ydata(), one.y["up"])
    x = np.asarray(curve.get_xdata())[:, None]
    np.testing.assert_array_equal(curve.get_ydata(), one.model.predict(x)[:, 0])
    legend = shown.ax_.get_legend()
    assert legend is not None
    shown_names = [text.get_text() for text in legend.get_texts()]
    assert shown_names == ["up", "down", "observations, 90 %"]
    alone = FitDisplay.from_estimator(one.model, one.X, one.y, output="down", others=False)
    assert len(alone.ax_.get_lines()) == 2
    assert alone.ax_.get_ylabel() == "down"


def test_surface(two: SimpleNamespace) -> None:
    shown = FitDisplay.from_estimator(two.model, two.X, two.y)
    assert shown.kind == "surface"
    names = two.model.feature_names_in_
    np.testing.assert_array_equal(
        shown.grid_pred[:, 0], two.model.predict(pd.DataFrame(shown.grid, columns=names))
    )
    side = round(len(shown.grid) ** 0.5)
    assert np.ptp(shown.grid[:side, 0]) > 0 and np.ptp(shown.grid[:side, 1]) == 0
    points = shown.ax_.collections[-1]
    np.testing.assert_array_equal(points.get_offsets(), two.X)
    np.testing.assert_array_equal(points.get_array(), two.y)
    assert r"rate_%\$x\$" in drawn(shown.figure_)


def test_surface_in_space(two: SimpleNamespace) -> None:
    ax = plt.figure().add_subplot(projection="3d")
    shown = FitDisplay.from_estimator(two.model, two.X, two.y, ax=ax)
    assert shown.ax_.get_zlabel() == r"rate_%\$x\$"
    drawn(shown.figure_)


def test_gaps_outside_the_domain() -> None:
    X = np.linspace(1, 2, 30)[:, None]
    model = DARTSRegressor(**SETTINGS | {"num_graph_nodes": 1, "primitives": ["ln"]}).fit(
        X, np.log(X[:, 0])
    )
    wide = np.linspace(-1, 2, 30)[:, None]
    with pytest.warns(UserWarning, match="no finite value"):
        shown = FitDisplay.from_estimator(model, wide, np.zeros(30))
    curve = np.asarray(shown.ax_.get_lines()[1].get_ydata())
    assert np.isnan(curve[0]) and np.isfinite(curve[-1])


def test_residuals(two: SimpleNamespace) -> None:
    shown = ResidualDisplay.from_estimator(two.model, two.X, two.y)
    points = shown.ax_.get_lines()[0]
    np.testing.assert_array_equal(points.get_xdata(), two.model.predict(two.X))
    residuals = two.y - two.model.predict(two.X)
    np.testing.assert_array_equal(points.get_ydata(), residuals)
    bars = shown.ax_histogram_.patches
    area = sum(bar.get_width() * bar.get_height() for bar in bars)
    assert area == pytest.approx(1)
    assert r"rate_%\$x\$, predicted" in drawn(shown.figure_)


@pytest.mark.parametrize("kind", ["auto", "observed", "surface"])
def test_any_regressor(two: SimpleNamespace, kind: str) -> None:
    other = make_pipeline(StandardScaler(), LinearRegression()).fit(two.X, two.y)
    shown = FitDisplay.from_estimator(other, two.X, two.y, kind=kind)
    np.testing.assert_array_equal(shown.y_pred[:, 0], other.predict(two.X))
    assert shown.outputs == ["rate_%$x$"]
    drawn(shown.figure_)


def test_a_classifier_of_ours() -> None:
    X = np.linspace(-2, 2, 60)[:, None]
    words = np.array(["a", "b", "c"])[np.digitize(X[:, 0], [-0.7, 0.7])]
    model = DARTSClassifier(
        num_graph_nodes=1, primitives=["none", "mult"], max_epochs=2, n_candidates=4,
        random_state=0,
    ).fit(X, words)  # fmt: skip
    shown = FitDisplay.from_estimator(model, X, words)
    np.testing.assert_array_equal(shown.y_pred, model.predict_proba(X))
    assert shown.outputs == ["P(a)", "P(b)", "P(c)"]
    for display in OF_SEARCHES:
        drawn(display.from_estimator(model).figure_)


def test_classes() -> None:
    X = np.linspace(-2, 2, 40)[:, None]
    words = np.array(["no", "yes"])[(X[:, 0] > 0.1).astype(int)]
    model = LogisticRegression().fit(X, words)
    shown = FitDisplay.from_estimator(model, X, words)
    np.testing.assert_array_equal(shown.y_pred[:, 0], model.predict_proba(X)[:, 1])
    np.testing.assert_array_equal(shown.y_true[:, 0], words == "yes")
    assert shown.ax_.get_ylabel() == "P(yes)"
    first = FitDisplay.from_estimator(model, X, words, output="P(no)")
    np.testing.assert_array_equal(first.y_pred[:, 0], model.predict_proba(X)[:, 0])
    with pytest.raises(ValueError, match="ConfusionMatrixDisplay"):
        ResidualDisplay.from_estimator(model, X, words)
    with pytest.raises(ValueError, match="ConfusionMatrixDisplay"):
        FitDisplay.from_estimator(model, X, words, kind="observed")


@pytest.mark.parametrize(
    "display", [p for p in OF_SEARCHES if p is not ArchitectureDisplay]
)
def test_axes_given(two: SimpleNamespace, display: Any) -> None:
    _, ax = plt.subplots(layout="constrained")
    assert display.from_estimator(two.model, ax=ax).ax_ is ax
    assert len(plt.get_fignums()) == 1


@pytest.mark.parametrize("display", OF_DATA)
def test_axes_given_with_data(two: SimpleNamespace, display: Any) -> None:
    _, axes = plt.subplots(1, 2, layout="constrained")
    shown = display.from_estimator(two.model, two.X, two.y, ax=axes[0])
    assert shown.ax_ is axes[0] and shown.figure_ is axes[0].figure
    assert shown.plot(axes[1]).ax_ is axes[1]
    assert len(plt.get_fignums()) == 1


@pytest.mark.parametrize("display", OF_SEARCHES)
def test_only_fitted_estimators_of_ours(two: SimpleNamespace, display: Any) -> None:
    with pytest.raises(NotFittedError):
        display.from_estimator(DARTSRegressor())
    pipeline = make_pipeline(StandardScaler(), two.model)
    with pytest.raises(TypeError, match=re.escape("got Pipeline; of a Pipeline pass")):
        display.from_estimator(pipeline)
    assert not plt.get_fignums()


def test_nothing_to_show(two: SimpleNamespace) -> None:
    bare = DARTSRegressor(**SETTINGS | {"n_candidates": 0}).fit(two.X, two.y)
    with pytest.raises(ValueError, match="n_candidates='auto'"):
        EquationsDisplay.from_estimator(bare)
    bare.set_params(max_epochs=0).fit(two.X, two.y)
    with pytest.raises(ValueError, match="max_epochs=0"):
        HistoryDisplay.from_estimator(bare)
    for display in (ArchitectureDisplay, SearchAnimation):
        with pytest.raises(ValueError, match="max_epochs=0; fit with an integer"):
            display.from_estimator(bare)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "3d"}, "kind must be one of .*'surface'.*, got '3d'"),
        ({"kind": "curve"}, "kind='curve' needs 1 input, X has 2"),
        ({"output": "y7"}, "output must be one of .*, got 'y7'"),
        ({"output": 1}, "output must be one of .*, got 1"),
        ({"y": [1.0, 2.0]}, "inconsistent numbers of samples"),
    ],
)
def test_bad_input(two: SimpleNamespace, changes: dict[str, Any], message: str) -> None:
    arguments = {"X": two.X, "y": two.y} | changes
    with pytest.raises(ValueError, match=message):
        FitDisplay.from_estimator(two.model, **arguments)
    assert not plt.get_fignums()


def test_surface_of_more_inputs() -> None:
    X = np.random.default_rng(0).normal(size=(20, 3))
    model = LinearRegression().fit(X, X[:, :2])
    with pytest.raises(ValueError, match="PartialDependenceDisplay"):
        FitDisplay.from_estimator(model, X, X[:, :2], kind="surface")
    assert FitDisplay.from_estimator(model, X, X[:, :2]).kind == "observed"
    model.fit(X[:, :2], X[:, :2])
    with pytest.raises(ValueError, match=r"one output of \['y1', 'y2'\]"):
        FitDisplay.from_estimator(model, X[:, :2], X[:, :2], kind="surface")


def test_animation_widths_are_weights(two: SimpleNamespace) -> None:
    film = SearchAnimation.from_estimator(two.model)
    weights = relaxed_weights(two.model.history_.alphas, "original")
    # Edge by edge, of every edge primitive by primitive; then the nodes' links.
    curves = [patch for patch in film.ax_.patches if isinstance(patch, PathPatch)]
    lines = np.reshape(curves[: weights[0].size], weights[0].shape)
    film.show(2)
    widths = [[line.get_linewidth() for line in bundle] for bundle in lines]
    np.testing.assert_allclose(widths, 7 * weights[2])
    film.show(film.n_frames - 2)
    last = relaxed_weights(two.model.network_.alphas, "original")
    widths = [[line.get_linewidth() for line in bundle] for bundle in lines]
    np.testing.assert_allclose(widths, 7 * last)
    film.show(-1)
    model = two.model.model_
    names = {(edge.source, edge.target, edge.primitive.name) for edge in model.edges()}
    shown = {
        (int(model.space.sources[e]), int(model.space.targets[e]), model.space.names[p])
        for e, bundle in enumerate(lines)
        for p, line in enumerate(bundle)
        if line.get_visible()
    }
    live = model.live_nodes()
    assert shown == {edge for edge in names if edge[1] in live}
    assert "the chosen graph" in drawn(film.figure_)
    assert r"\text{rate}" in film.ax_.get_title() and film.ax_.title.get_alpha() == 1


def test_animation_files(two: SimpleNamespace, tmp_path: Path) -> None:
    film = SearchAnimation.from_estimator(two.model)
    assert film.n_frames == 6 + 12 + 1
    with Image.open(film.save(tmp_path / "film.gif", dpi=40)) as gif:
        assert gif.n_frames == film.n_frames and gif.size == (240, 176)
        first = np.asarray(gif.convert("RGB"))
        gif.seek(film.n_frames - 1)
        assert gif.info["duration"] == 3000
        assert not np.array_equal(first, np.asarray(gif.convert("RGB")))
    page = film.save(tmp_path / "film.html", dpi=20).read_text("utf-8")
    assert page.count("data:image/png;base64") == film.n_frames
    page = re.sub(r"base64,[^\"]*", "", page)
    assert "http" not in page and "<link" not in page and "fa-" not in page
    assert all(sign in page for sign in "⏮◀▶⏭")
    assert AWKWARD[1] not in page
    with pytest.raises(ValueError, match=r"path must end with .gif or .html, got"):
        film.save(tmp_path / "film.mp4")


@pytest.mark.parametrize("shape", [(1, 1), (6, 3), (3, 5)])
def test_animation_of_every_size(shape: tuple[int, int]) -> None:
    from autora.skl.darts.graph.model import Model
    from autora.skl.darts.graph.objectives import OBJECTIVES

    space = SearchSpace(*shape, 2, resolve(["none", "mult", "exp", "sin"]))
    rng = np.random.default_rng(0)
    alphas = rng.normal(size=(3, space.n_edges, 4))
    model = Model(
        space,
        OBJECTIVES["real"],
        rng.integers(0, 4, space.n_edges),
        np.ones((space.n_edges, space.max_params)),
        np.ones((space.n_nodes, 2)),
        np.zeros(2),
    )
    names = [f"x{i}" for i in range(shape[0])]
    film = SearchAnimation(alphas, model, alphas[-1], "fair", names, ["y1", "y2"])
    # The weights stay where they are, so that there is nothing between search and choice.
    assert film.plot().n_frames == 3 + 1
    drawn(film.figure_)
