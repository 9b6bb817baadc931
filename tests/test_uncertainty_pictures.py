"""Pictures of how sure a fit is: bands, other equations, weights."""

from __future__ import annotations

import copy
import json
from itertools import combinations, pairwise
from types import SimpleNamespace
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import pytest

matplotlib.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.text import Annotation
from sklearn.linear_model import LinearRegression

from autora.skl.darts import (
    DARTSClassifier,
    DARTSRegressor,
    EquationsDisplay,
    EvidenceDisplay,
    FitDisplay,
)
from autora.skl.darts.plotting.style import percent
from drawing import no_warnings

SETTINGS: dict[str, Any] = {"n_candidates": 100, "random_state": 0}


@pytest.fixture(autouse=True)
def closed_figures() -> Any:
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def noisy() -> SimpleNamespace:
    """Few noisy rows, which several equations may have brought about."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"dose": np.sort(rng.uniform(0.5, 5, 24))})
    y = 2 * X["dose"] / (0.8 + X["dose"]) + 0.1 * rng.normal(size=24)
    return SimpleNamespace(X=X, y=y, model=DARTSRegressor(**SETTINGS).fit(X, y))


@pytest.fixture(scope="module")
def classes() -> SimpleNamespace:
    rng = np.random.default_rng(0)
    X = np.sort(rng.uniform(-2, 2, 50))[:, None]
    y = np.where(rng.uniform(size=50) < 1 / (1 + np.exp(-2 * X[:, 0])), "yes", "no")
    return SimpleNamespace(X=X, y=y, model=DARTSClassifier(**SETTINGS).fit(X, y))


def without_warnings(display: Any, *data: Any, **look: Any) -> Any:
    with no_warnings():
        shown = display.from_estimator(*data, **look)
        shown.figure_.canvas.draw()
    return shown


def outline(band: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Places and lower and upper ends of a band as it was drawn."""
    corners = band.get_paths()[0].vertices
    at = np.unique(corners[:, 0])
    of = [corners[corners[:, 0] == x, 1] for x in at]
    return at, np.array([y.min() for y in of]), np.array([y.max() for y in of])


def legend(shown: Any) -> list[str]:
    found = shown.ax_.get_legend()
    return [] if found is None else [text.get_text() for text in found.get_texts()]


# Bands


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_the_bands_are_the_intervals(noisy: SimpleNamespace, level: float) -> None:
    shown = without_warnings(FitDisplay, noisy.model, noisy.X, noisy.y, level=level)
    bands = shown.ax_.collections
    low, high = noisy.y.min(), noisy.y.max()
    for band, kind in zip(bands, ("observation", "mean"), strict=True):
        at, below, above = outline(band)
        expected = noisy.model.predict_interval(
            pd.DataFrame({"dose": at}), level=level, kind=kind
        )
        room = (high - low) / 4  # beyond it nobody sees where a band ends
        ends = np.clip(expected, low - room, high + room)
        np.testing.assert_allclose(np.clip(below, low - room, high + room), ends[:, 0])
        np.testing.assert_allclose(np.clip(above, low - room, high + room), ends[:, 1])
        assert (at[0], at[-1]) == (noisy.X["dose"].min(), noisy.X["dose"].max())
    assert bands[0].get_alpha() < bands[1].get_alpha()
    named = [f"{what}, {100 * level:g} %" for what in ("observations", "mean")]
    assert legend(shown) == ["observed", "selected equation", "other equations", *named]


def test_other_equations_are_drawn_by_their_weight(noisy: SimpleNamespace) -> None:
    shown = FitDisplay.from_estimator(noisy.model, noisy.X, noisy.y)
    table = noisy.model.equations_
    likely = table[(table["weight"] >= 0.01) & ~table["selected"]]
    assert len(likely) >= 2  # the example would test nothing
    points, selected, *others = shown.ax_.get_lines()
    grid = pd.DataFrame({"dose": selected.get_xdata()})
    np.testing.assert_array_equal(selected.get_ydata(), noisy.model.predict(grid))
    for row, line in zip(likely.index, others, strict=True):
        other = copy.copy(noisy.model).select_equation(row)
        np.testing.assert_allclose(line.get_ydata(), other.predict(grid))
    opacity = [line.get_alpha() for line in others]
    assert (np.argsort(opacity) == np.argsort(likely["weight"])).all()
    assert points.get_zorder() < selected.get_zorder()
    np.testing.assert_array_equal(shown.weights, likely["weight"])


def test_bands_and_other_equations_can_be_left_out(noisy: SimpleNamespace) -> None:
    shown = FitDisplay.from_estimator(
        noisy.model, noisy.X, noisy.y, level=None, others=False
    )
    assert not shown.ax_.collections and len(shown.ax_.get_lines()) == 2
    assert shown.observation is None and shown.mean is None
    assert legend(shown) == ["observed", "selected equation"]


def test_it_is_drawn_again_from_its_data(noisy: SimpleNamespace) -> None:
    shown = FitDisplay.from_estimator(noisy.model, noisy.X, noisy.y)
    first = shown.ax_
    again = shown.plot().ax_
    assert again is not first
    for one, other in zip(first.collections, again.collections, strict=True):
        np.testing.assert_array_equal(
            one.get_paths()[0].vertices, other.get_paths()[0].vertices
        )
    assert len(first.get_lines()) == len(again.get_lines())


@pytest.mark.parametrize("far", [np.inf, 1e300])
def test_a_band_without_end_leaves_the_picture(noisy: SimpleNamespace, far: float) -> None:
    shown = FitDisplay.from_estimator(noisy.model, noisy.X, noisy.y)
    shown.observation = np.full_like(shown.observation, [-far, far])
    with no_warnings():
        shown.plot().figure_.canvas.draw()
    low, high = shown.ax_.get_ylim()
    assert high - low <= 1.6 * np.ptp(noisy.y)
    _, below, above = outline(shown.ax_.collections[0])
    assert (below < low).all() and (above > high).all()


def test_the_band_of_a_probability(classes: SimpleNamespace) -> None:
    shown = without_warnings(FitDisplay, classes.model, classes.X, classes.y)
    (band,) = shown.ax_.collections
    at, below, above = outline(band)
    expected = classes.model.predict_interval(at[:, None])
    np.testing.assert_allclose(np.stack([below, above], axis=1), expected[:, 1])
    assert "probability, 90 %" in legend(shown)
    first = FitDisplay.from_estimator(classes.model, classes.X, classes.y, output="P(no)")
    np.testing.assert_allclose(first.mean[:, 0], 1 - shown.mean[:, 0, ::-1])


def test_every_output_has_its_band() -> None:
    rng = np.random.default_rng(0)
    X = np.linspace(0, 3, 30)[:, None]
    y = np.column_stack([2 * X[:, 0], 1 - X[:, 0]]) + 0.2 * rng.normal(size=(30, 2))
    model = DARTSRegressor(**SETTINGS).fit(X, y)
    shown = without_warnings(FitDisplay, model, X, y)
    lines = shown.ax_.get_lines()
    assert len(lines) == 4 and len(shown.ax_.collections) == 2
    for q, band in enumerate(shown.ax_.collections):
        at, below, above = outline(band)
        expected = model.predict_interval(at[:, None])[:, q]
        np.testing.assert_allclose(np.stack([below, above], axis=1), expected)
        colour = matplotlib.colors.to_rgb(lines[2 * q + 1].get_color())
        assert tuple(band.get_facecolor()[0][:3]) == colour
    assert legend(shown) == ["y1", "y2", "observations, 90 %"]


def test_an_exact_equation_has_no_band() -> None:
    X = np.linspace(0.1, 3, 30)[:, None]
    y = 2 * X[:, 0] ** 2 + 1
    model = DARTSRegressor(**SETTINGS).fit(X, y)
    for kind in ("curve", "observed"):
        shown = without_warnings(FitDisplay, model, X, y, kind=kind)
        assert not shown.ax_.collections and shown.observation is None
    assert not shown.others


def test_estimators_without_intervals_are_drawn_without(noisy: SimpleNamespace) -> None:
    line = LinearRegression().fit(noisy.X, noisy.y)
    document = json.loads(noisy.model.to_json())
    del document["uncertainty"]
    document["version"] = 4
    earlier = DARTSRegressor.from_json(json.dumps(document))
    with pytest.raises(ValueError, match="no uncertainty"):
        earlier.predict_interval(noisy.X)
    for model in (line, earlier):
        for kind in ("curve", "observed"):
            shown = without_warnings(FitDisplay, model, noisy.X, noisy.y, kind=kind)
            assert not shown.ax_.collections


def test_bars_of_rows_are_the_intervals(noisy: SimpleNamespace) -> None:
    model = noisy.model
    shown = without_warnings(FitDisplay, model, noisy.X, noisy.y, kind="observed")
    (bars,) = shown.ax_.collections
    expected = model.predict_interval(noisy.X)
    low, high = shown.ax_.get_xlim()
    for (start, end), ends, y in zip(bars.get_segments(), expected, noisy.y, strict=True):
        assert start[1] == end[1] == y
        np.testing.assert_allclose(
            np.clip([start[0], end[0]], low, high), ends.clip(low, high)
        )
    many = pd.concat([noisy.X] * 9)
    shown = FitDisplay.from_estimator(model, many, np.tile(noisy.y, 9), kind="observed")
    assert not shown.ax_.collections


def test_calibrated_bands(noisy: SimpleNamespace) -> None:
    model = copy.copy(noisy.model).calibrate(noisy.X, noisy.y)
    shown = FitDisplay.from_estimator(model, noisy.X, noisy.y)
    grid = pd.DataFrame(shown.grid, columns=["dose"])
    np.testing.assert_array_equal(shown.observation[:, 0], model.predict_interval(grid))
    with pytest.raises(ValueError, match=r"level=0.99 needs 99 rows"):
        FitDisplay.from_estimator(model, noisy.X, noisy.y, level=0.99)


@pytest.mark.parametrize("level", [0, 1, 1.5, "0.9", True, np.nan])
def test_levels_that_are_none(noisy: SimpleNamespace, level: Any) -> None:
    for model in (noisy.model, LinearRegression().fit(noisy.X, noisy.y)):
        with pytest.raises(ValueError, match="level must be a probability"):
            FitDisplay.from_estimator(model, noisy.X, noisy.y, level=level)
    assert not plt.get_fignums()


# Weights


def test_the_bars_are_the_weights(noisy: SimpleNamespace) -> None:
    shown = without_warnings(EvidenceDisplay, noisy.model, most=4)
    table = noisy.model.equations_.sort_values("weight", ascending=False, kind="stable")
    bars = shown.ax_.patches
    widths = [bar.get_width() for bar in bars]
    np.testing.assert_allclose(widths[:-1], table["weight"].iloc[:4])
    np.testing.assert_allclose(sum(widths), 1)
    texts = [text.get_text() for text in shown.ax_.texts]
    assert f"{len(table) - 4} others" in texts
    for row, width in zip(table.index[:4], widths, strict=False):
        assert any(text.startswith(f"{row}  ") for text in texts)
        assert percent(width) in texts
    colours = [bar.get_facecolor() for bar in bars]
    own = table.index.get_loc(noisy.model.selected_)
    assert [c == colours[own] for c in colours] == [i == own for i in range(5)]
    marked = EquationsDisplay.from_estimator(noisy.model).ax_.get_lines()
    (selected,) = (line for line in marked if line.get_label() == "selected")
    assert colours[own] == matplotlib.colors.to_rgba(selected.get_color())


def test_the_selected_equation_has_a_bar_though_it_is_light(noisy: SimpleNamespace) -> None:
    model = copy.copy(noisy.model).select_equation(0)
    weight = model.equations_["weight"]
    assert weight[0] < 1e-3
    for most in (1, 3, 8):
        shown = EvidenceDisplay.from_estimator(model, most=most)
        assert len(shown.weight) <= most
        assert shown.equations[shown.selected].startswith("0  ")
        assert shown.weight[shown.selected] == weight[0]
        np.testing.assert_allclose(shown.weight.sum() + shown.others, 1)


def test_long_equations_stay_on_narrow_axes(noisy: SimpleNamespace) -> None:
    shown = EvidenceDisplay([0.6, 0.4], [" + ".join("abcdefgh" * 9)] * 2)
    for width in (3.3, 10):
        _, ax = plt.subplots(figsize=(width, 2), layout="constrained")
        shown.plot(ax).figure_.canvas.draw()
        for text in ax.texts:
            assert text.get_window_extent().x1 <= ax.figure.bbox.x1


@pytest.mark.parametrize("most", [0, -1, 2.5, True, "3"])
def test_numbers_of_bars_that_are_none(noisy: SimpleNamespace, most: Any) -> None:
    with pytest.raises(ValueError, match=r"most must be a whole number from 1, got"):
        EvidenceDisplay.from_estimator(noisy.model, most=most)
    assert not plt.get_fignums()


@pytest.mark.parametrize(
    ("weight", "text"),
    [
        (1.0, "100 %"), (0.9996, "> 99.9 %"), (0.9951, "99.5 %"), (0.714, "71 %"),
        (0.0214, "2.1 %"), (0.004, "0.4 %"), (0.0004, "< 0.1 %"), (0.0, "0 %"),
    ],
)  # fmt: skip
def test_weights_in_percent(weight: float, text: str) -> None:
    assert percent(weight) == text


# The table of equations


def test_the_line_follows_the_best_of_every_complexity(noisy: SimpleNamespace) -> None:
    shown = without_warnings(EquationsDisplay, noisy.model)
    table = noisy.model.equations_
    line, dots, hollow, *_ = shown.ax_.get_lines()
    assert hollow.get_label() == "rivals" and hollow.get_markerfacecolor() == "none"
    size, loss = np.asarray(line.get_xdata()), np.asarray(line.get_ydata())
    assert (np.diff(size) > 0).all() and (np.diff(loss) < 0).all()
    for x, y in zip(size, loss, strict=True):
        assert table[table["complexity"] <= x]["loss"].min() == y
    drawn = np.concatenate([dots.get_xydata(), hollow.get_xydata()])
    everything = table[["complexity", "loss"]].to_numpy()
    assert sorted(map(tuple, drawn)) == sorted(map(tuple, everything))


@pytest.mark.parametrize("size", [(9, 4), (6, 3), (14, 8)])
def test_numbers_do_not_pile_up(noisy: SimpleNamespace, size: tuple[float, float]) -> None:
    _, ax = plt.subplots(figsize=size, layout="constrained")
    shown = EquationsDisplay.from_estimator(noisy.model, ax=ax)
    shown.figure_.canvas.draw()
    inside = [
        text.get_window_extent()
        for text in ax.texts
        if isinstance(text, Annotation) and text.xycoords == "data"
    ]
    assert len(inside) >= 3
    for one, other in combinations(inside, 2):
        assert not one.overlaps(other)
    lines = [text.get_window_extent() for text in shown.texts_]
    assert all(one.y0 >= other.y1 - 2 for one, other in pairwise(lines))


def test_weights_stand_beside_the_equations(noisy: SimpleNamespace) -> None:
    shown = EquationsDisplay.from_estimator(noisy.model)
    weight = noisy.model.equations_["weight"]
    texts = [text.get_text() for text in shown.ax_.texts]
    assert sorted(t for t in texts if t.endswith(" %")) == sorted(
        percent(share) for share in weight if share >= 0.01
    )


def test_a_long_table_says_what_it_leaves_out() -> None:
    count = 80
    size = np.repeat(np.arange(count // 4), 4) / 2
    loss = 1 / (1 + size) + np.tile([0, 0.02, 0.03, 0.04], count // 4)
    weight = np.where(np.arange(count) % 4, 0.0, 0.05)
    weight[3] = 0.4  # hollow, but likely
    names = [f"equation {i}" for i in range(count)]
    shown = EquationsDisplay(size, loss, names, selected=4, weight=weight)
    with no_warnings():
        shown.plot().figure_.canvas.draw()
    listed = [int(text.get_text().split()[0]) for text in shown.texts_]
    assert listed == sorted(listed) and len(listed) < count
    assert {3, *range(0, count, 4)} <= {*listed}
    rest = f"… and {count - len(listed)} more rows of equations_"
    assert rest in [text.get_text() for text in shown.ax_.texts]
