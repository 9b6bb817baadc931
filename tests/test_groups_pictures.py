"""Pictures of a fit with groups: what is drawn is what the groups' coefficients say."""

from __future__ import annotations

import re
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import pytest

matplotlib.use("Agg")

from matplotlib import pyplot as plt
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression

from autora.skl.darts import (
    CoefficientDisplay,
    DARTSClassifier,
    DARTSRegressor,
    FitDisplay,
    GroupDisplay,
    ResidualDisplay,
)
from autora.skl.darts.plotting.coefficient_display import Varying
from drawing import drawn

SETTINGS: dict[str, Any] = {
    "primitives": ["add", "mult"],
    "n_candidates": 2000,
    "random_state": 0,
}
PICTURES = (GroupDisplay, CoefficientDisplay)


@pytest.fixture(autouse=True)
def closed_figures() -> Any:
    yield
    plt.close("all")


def study(n_groups: int, inputs: list[str], label: str = "p{}") -> SimpleNamespace:
    """Straight lines in the first input, with a slope for every group."""
    rng = np.random.default_rng(0)
    numbers = np.repeat(np.arange(n_groups), 6)
    X = pd.DataFrame(rng.uniform(1, 4, (len(numbers), len(inputs))), columns=inputs)
    slope = np.exp(rng.normal(0.5, 0.6, n_groups))
    y = slope[numbers] * X[inputs[0]] + 0.05 * rng.normal(size=len(numbers))
    for name in inputs[1:]:
        y = y + 2 * X[name]
    groups = np.array([label.format(i) for i in range(n_groups)])[numbers]
    y = y.rename("rate_%$x$")
    model = DARTSRegressor(**SETTINGS).fit(X, y, groups=groups)
    assert len(model.population_) >= 1
    return SimpleNamespace(X=X, y=y, groups=groups, model=model)


@pytest.fixture(scope="module")
def one() -> SimpleNamespace:
    """One input, ten groups."""
    return study(10, ["_$dose$_"])


@pytest.fixture(scope="module")
def two() -> SimpleNamespace:
    """Two inputs, thirty groups with long names that differ in their last letters."""
    return study(30, ["dose", "age"], "participant of the $clinic$ in the north_{}")


def lines(ax: Any) -> dict[str, Any]:
    return {line.get_label(): line for line in ax.get_lines()}


# Small multiples


def test_every_group_has_its_rows_and_its_curve(one: SimpleNamespace) -> None:
    shown = GroupDisplay.from_estimator(one.model, one.X, one.y, one.groups)
    assert len(shown.axes_) == 10
    for ax, label in zip(shown.axes_, one.model.groups_, strict=True):
        assert ax.get_title() == label
        rows, found = one.groups == label, lines(ax)
        np.testing.assert_array_equal(found["observed"].get_xdata(), one.X[rows].iloc[:, 0])
        np.testing.assert_array_equal(found["observed"].get_ydata(), one.y[rows])
        grid = pd.DataFrame({"_$dose$_": found["group"].get_xdata()})
        own = one.model.predict(grid, groups=np.full(len(grid), label))
        np.testing.assert_allclose(found["group"].get_ydata(), own)
        common = one.model.predict(grid)
        np.testing.assert_allclose(found["population"].get_ydata(), common)
    text = drawn(shown.figure_)
    assert r"_\$dose\$_" in text and r"rate_%\$x\$" in text
    assert " of " not in text


def test_every_group_has_the_band_of_its_curve(one: SimpleNamespace) -> None:
    shown = GroupDisplay.from_estimator(one.model, one.X, one.y, one.groups, level=0.8)
    for ax, group in zip(shown.axes_, shown.groups, strict=True):
        grid = pd.DataFrame({"_$dose$_": shown.grid})
        own = np.full(len(grid), group.label)
        expected = one.model.predict_interval(grid, 0.8, kind="mean", groups=own)
        np.testing.assert_array_equal(group.band, expected)
        (band,) = ax.collections
        corners = band.get_paths()[0].vertices[:, 1]
        assert corners.min() == pytest.approx(expected.min())
        assert corners.max() == pytest.approx(expected.max())
    assert "group, 80 %" in drawn(shown.figure_)
    bare = GroupDisplay.from_estimator(one.model, one.X, one.y, one.groups, level=None)
    assert not any(len(ax.collections) for ax in bare.axes_)


def test_other_inputs_are_at_their_median(two: SimpleNamespace) -> None:
    shown = GroupDisplay.from_estimator(two.model, two.X, two.y, two.groups, feature="dose")
    assert len(shown.axes_) == 12
    assert "12 of 30 groups" in drawn(shown.figure_)
    assert f"(age = {two.X['age'].median():.3g})" in shown.output
    found = lines(shown.axes_[0])
    grid = pd.DataFrame({"dose": found["group"].get_xdata(), "age": two.X["age"].median()})
    first = two.model.groups_[0]
    own = two.model.predict(grid, groups=np.full(len(grid), first))
    np.testing.assert_allclose(found["group"].get_ydata(), own)


def test_points_are_as_far_from_the_curve_as_from_the_prediction(
    two: SimpleNamespace,
) -> None:
    shown = GroupDisplay.from_estimator(
        two.model, two.X, two.y, two.groups, feature="age", max_groups=1
    )
    label = two.model.groups_[0]
    rows = two.groups == label
    points = lines(shown.axes_[0])["observed"]
    at = pd.DataFrame({"dose": two.X["dose"].median(), "age": points.get_xdata()})
    on_curve = two.model.predict(at, groups=np.full(len(at), label))
    residual = two.y[rows] - two.model.predict(two.X[rows], groups=two.groups[rows])
    np.testing.assert_allclose(points.get_ydata() - on_curve, residual, atol=1e-12)


@pytest.mark.parametrize("feature", ["age", 1])
def test_feature(two: SimpleNamespace, feature: Any) -> None:
    shown = GroupDisplay.from_estimator(
        two.model, two.X, two.y, two.groups, feature=feature, max_groups=30
    )
    assert shown.input == "age" and len(shown.axes_) == 30
    text = drawn(shown.figure_)
    assert "north_7" in text and "north_8" in text


def test_only_groups_that_have_rows(one: SimpleNamespace) -> None:
    rows = np.isin(one.groups, ["p2", "p7"])
    shown = GroupDisplay.from_estimator(
        one.model, one.X[rows], one.y[rows], one.groups[rows]
    )
    assert [ax.get_title() for ax in shown.axes_] == ["p2", "p7"]


def test_a_group_that_was_not_in_the_fit_has_the_curve_of_the_population(
    one: SimpleNamespace,
) -> None:
    groups = np.where(one.groups == "p3", "somebody", one.groups)
    with pytest.warns(UserWarning, match="'somebody' were not in the fit") as caught:
        shown = GroupDisplay.from_estimator(one.model, one.X, one.y, groups)
    assert len(caught) == 1
    last = shown.axes_[-1]
    assert last.get_title() == "somebody"
    found = lines(last)
    np.testing.assert_array_equal(
        found["group"].get_ydata(), found["population"].get_ydata()
    )
    np.testing.assert_array_equal(found["observed"].get_ydata(), one.y[one.groups == "p3"])


def test_classes() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat([*"abcd"], 40)
    X = rng.normal(size=(160, 2))
    shift = np.repeat([-3.0, -1.0, 1.0, 3.0], 40)
    chance = 1 / (1 + np.exp(-2 * X[:, 0] - shift))
    y = np.where(rng.uniform(size=160) < chance, "yes", "no")
    model = DARTSClassifier(**SETTINGS).fit(X, y, groups=groups)
    shown = GroupDisplay.from_estimator(model, X, y, groups)
    assert shown.input == "x1" and shown.output.startswith("P(yes)")
    found = lines(shown.axes_[3])
    points = found["observed"]
    np.testing.assert_array_equal(points.get_ydata(), y[groups == "d"] == "yes")
    at = np.column_stack(
        [found["group"].get_xdata(), np.full(len(shown.grid), np.median(X[:, 1]))]
    )
    own = model.predict_proba(at, groups=["d"] * len(at))[:, 1]
    np.testing.assert_allclose(found["group"].get_ydata(), own)
    drawn(CoefficientDisplay.from_estimator(model).figure_)


# Forest plot


def test_coefficients_are_sorted_with_their_errors(one: SimpleNamespace) -> None:
    shown = CoefficientDisplay.from_estimator(one.model)
    population, table = one.model.population_, one.model.coefficients_
    assert len(shown.axes_) == len(population)
    for ax, row in zip(shown.axes_, population.itertuples(), strict=True):
        own = table[table["term"] == row.term].sort_values("coefficient")
        dots = next(i for i in ax.get_lines() if i.get_marker() == "o")
        np.testing.assert_array_equal(dots.get_xdata(), own["coefficient"])
        names = [text.get_text() for text in ax.get_yticklabels()]
        assert names == own["group"].tolist()
        ends = np.array([bar[:, 0] for bar in ax.collections[0].get_segments()])
        value, error = own["coefficient"], own["standard_error"]
        if row.logarithm:
            right = np.exp(1.96 * error / value)
            right = np.stack([value / right, value * right], axis=1)
        else:
            right = np.stack([value - 1.96 * error, value + 1.96 * error], axis=1)
        np.testing.assert_allclose(ends, right)
        assert lines(ax)["population's mean"].get_xdata()[0] == row.mean
        assert ax.get_xlabel().replace("\n", " ") == row.term
    drawn(shown.figure_)


def test_intervals() -> None:
    """Of a logarithm they keep their sign, and low comes before high."""
    one = np.array([0.5])
    plain = Varying("", np.array([1.0]), one, 1.0, 1.0, False)
    np.testing.assert_allclose(plain.intervals(), [[0.02], [1.98]])
    for sign in (1.0, -1.0):
        term = Varying("", np.array([sign]), one, sign, 1.0, True)
        low, high = term.intervals()
        assert low[0] < sign < high[0] and low[0] * high[0] == pytest.approx(1)
        assert np.sign(low[0]) == np.sign(high[0]) == sign
    unknown = Varying("", np.array([1.0]), np.array([np.inf]), 1.0, np.nan, False)
    shown = CoefficientDisplay([unknown, plain], ["a"]).plot()
    drawn(shown.figure_)


def names_overlap(ax: Any) -> bool:
    boxes = [text.get_window_extent() for text in ax.get_yticklabels()]
    return any(b.y0 < a.y1 - 1.5 for a, b in pairwise(boxes))


@pytest.mark.parametrize("size", [(3.4, 3.4), (6.9, 5.0), (10.0, 5.6)])
def test_names_do_not_overlap_where_there_is_little_room(
    two: SimpleNamespace, size: tuple[float, float]
) -> None:
    _, ax = plt.subplots(figsize=size, layout="constrained")
    shown = CoefficientDisplay.from_estimator(two.model, ax=ax)
    text = drawn(shown.figure_.figure)
    for one in shown.axes_:
        assert not names_overlap(one)
        assert one.get_yticklabels() or "30 groups" in text


def test_many_groups_have_no_names() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=300)
    term = Varying("slope", values, np.full(300, 0.1), 0.0, 1.0, False)
    shown = CoefficientDisplay([term], [f"group {i}" for i in range(300)]).plot()
    text = drawn(shown.figure_)
    assert "300 groups" in text and "group 7" not in text
    assert shown.figure_.get_size_inches()[1] < 10


# All pictures


def made(picture: Any, data: SimpleNamespace, **changes: Any) -> Any:
    if picture is CoefficientDisplay:
        return picture.from_estimator(data.model, **changes)
    return picture.from_estimator(data.model, data.X, data.y, data.groups, **changes)


@pytest.mark.parametrize("picture", PICTURES)
@pytest.mark.parametrize("size", [(3.4, 3.0), (6.9, 5.0), (10.0, 5.6), (12.0, 2.5)])
def test_nothing_is_cut(
    two: SimpleNamespace, picture: Any, size: tuple[float, float]
) -> None:
    figure, ax = plt.subplots(figsize=size, layout="constrained")
    shown = made(picture, two, ax=ax)
    assert shown.figure_ in figure.subfigs and len(plt.get_fignums()) == 1
    drawn(figure)
    box = figure.get_tightbbox()
    assert box.x0 > -0.02 and box.x1 < size[0] + 0.02
    assert box.y0 > -0.02 and box.y1 < size[1] + 0.02


@pytest.mark.parametrize("picture", PICTURES)
def test_pictures_are_drawn_again(one: SimpleNamespace, picture: Any) -> None:
    shown = made(picture, one)
    before = len(shown.axes_)
    with plt.style.context("dark_background"):
        assert len(shown.plot().axes_) == before
    with pytest.raises(ValueError, match="ax must stand in a grid"):
        shown.plot(plt.figure().add_axes((0, 0, 1, 1)))


@pytest.mark.parametrize("picture", PICTURES)
def test_estimators_without_groups(one: SimpleNamespace, picture: Any) -> None:
    plain = DARTSRegressor(**SETTINGS).fit(one.X, one.y)
    with pytest.raises(ValueError, match=re.escape("fitted without groups, so that")):
        made(picture, SimpleNamespace(**vars(one) | {"model": plain}))
    with pytest.raises(NotFittedError):
        made(picture, SimpleNamespace(**vars(one) | {"model": DARTSRegressor()}))
    with pytest.raises(TypeError, match="must be a DARTS estimator, got LinearRegression"):
        other = LinearRegression().fit(one.X, one.y)
        made(picture, SimpleNamespace(**vars(one) | {"model": other}))
    assert not plt.get_fignums()


def test_nothing_differs(one: SimpleNamespace) -> None:
    same = DARTSRegressor(**SETTINGS, group_coefficients="none")
    same.fit(one.X, one.y, groups=one.groups)
    with pytest.raises(ValueError, match="all 10 groups have the same coefficients"):
        CoefficientDisplay.from_estimator(same)
    shown = GroupDisplay.from_estimator(same, one.X, one.y, one.groups)
    found = lines(shown.axes_[3])
    np.testing.assert_array_equal(
        found["group"].get_ydata(), found["population"].get_ydata()
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"feature": "weight"}, "feature must be one of .*'dose', 'age'.*got 'weight'"),
        ({"feature": 2}, "feature must be one of .* got 2"),
        ({"max_groups": 0}, "max_groups must be a whole number from 1, got 0"),
        ({"level": 1.0}, "level must be a probability between 0 and 1, got 1.0"),
        ({"groups": ["a"]}, "groups must hold one label per row"),
    ],
)
def test_bad_input(two: SimpleNamespace, changes: dict[str, Any], message: str) -> None:
    arguments = {"X": two.X, "y": two.y, "groups": two.groups} | changes
    with pytest.raises(ValueError, match=message):
        GroupDisplay.from_estimator(two.model, **arguments)
    assert not plt.get_fignums()


# Other displays, told of the groups


def test_predictions_of_groups_beside_the_data(one: SimpleNamespace) -> None:
    shown = FitDisplay.from_estimator(one.model, one.X, one.y, groups=one.groups)
    assert shown.kind == "observed"
    own = one.model.predict(one.X, groups=one.groups)
    np.testing.assert_array_equal(shown.y_pred[:, 0], own)
    left = ResidualDisplay.from_estimator(one.model, one.X, one.y, groups=one.groups)
    np.testing.assert_array_equal(left.residuals[:, 0], one.y - own)
    curve = FitDisplay.from_estimator(one.model, one.X, one.y)
    assert curve.kind == "curve"
    np.testing.assert_array_equal(curve.y_pred[:, 0], one.model.predict(one.X))
    with pytest.raises(ValueError, match="use GroupDisplay"):
        FitDisplay.from_estimator(one.model, one.X, one.y, kind="curve", groups=one.groups)
    other = LinearRegression().fit(one.X, one.y)
    with pytest.raises(ValueError, match="the LinearRegression was fitted without groups"):
        FitDisplay.from_estimator(other, one.X, one.y, groups=one.groups)
