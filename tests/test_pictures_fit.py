"""Pictures on paper, slides and dark grounds: nothing is cut, covered or invisible."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import pytest

matplotlib.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.colors import to_rgb
from sklearn.linear_model import LinearRegression, LogisticRegression

from autora.skl.darts import (
    ArchitectureDisplay,
    EquationsDisplay,
    EvidenceDisplay,
    FitDisplay,
    ResidualDisplay,
    SearchAnimation,
)
from autora.skl.darts.graph.model import Model
from autora.skl.darts.graph.objectives import OBJECTIVES
from autora.skl.darts.graph.primitives import resolve
from autora.skl.darts.graph.search_space import SearchSpace
from autora.skl.darts.plotting.formulas import Formula, formulas_of, typographic
from drawing import drawn
from hand_built import estimator_of

#: Inches and points: a column of a paper, a slide.
SIZES = {"paper": ((3.3, 2.5), 8), "slide": ((10.0, 5.6), 18)}
LONG = ["amount of reward_{in US$} % & #", "delay until \\paid~out^2 in `days`"]


@pytest.fixture(autouse=True)
def closed_figures() -> Iterator[None]:
    yield
    plt.close("all")


def law(names: list[str], output: str = "y") -> Any:
    """y = 2.5·x1 + 1.5·exp(−0.25·x2) − 320.79, or of one input without the exponential."""
    space = SearchSpace(len(names), 2, 1, resolve(["none", "mult", "scaled_exp"]))
    chosen = {(0, 0): ("mult", 2.5), (1, 1): ("scaled_exp", -0.25)}
    index = np.zeros(space.n_edges, int)
    edge = np.zeros((space.n_edges, space.max_params))
    for e, pair in enumerate(zip(space.sources, space.targets, strict=True)):
        if tuple(map(int, pair)) in chosen and pair[0] < len(names):
            name, slope = chosen[tuple(map(int, pair))]
            index[e], edge[e, 0] = space.names.index(name), slope
    readout = np.array([[1.0], [1.5 if len(names) > 1 else 0.0]])
    bias = np.array([-320.79])
    model = Model(space, OBJECTIVES["real"], index, edge, readout, bias)
    return estimator_of(model, names, [output])


def data(names: list[str]) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.uniform(0, 4, (30, len(names))), columns=names)
    return X, law(names).predict(X).ravel() + rng.normal(size=30)


def texts(ax: Any) -> list[str]:
    """The legend's heading and entries."""
    legend = ax.get_legend()
    return [
        legend.get_title().get_text(),
        *(text.get_text() for text in legend.get_texts()),
    ]


@pytest.fixture(params=SIZES)
def axes(request: pytest.FixtureRequest) -> Iterator[Any]:
    size, font = SIZES[request.param]
    with plt.rc_context({"font.size": font}):
        yield plt.subplots(figsize=size, layout="constrained")[1]


def on_the_figure(figure: Any) -> bool:
    box, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    slack = 0.03
    within = box.x0 > -slack and box.x1 < width + slack
    return bool(within and box.y0 > -slack and box.y1 < height + slack)


@pytest.mark.parametrize("names", [["dose"], LONG[:1], ["dose", "delay"], LONG])
@pytest.mark.parametrize("kind", ["auto", "observed", "residuals"])
def test_nothing_is_cut_and_the_legend_covers_nothing(
    axes: Any, names: list[str], kind: str
) -> None:
    X, y = data(names)
    model = law(names, "value $ {of} the_reward")
    if kind == "residuals":
        shown: Any = ResidualDisplay.from_estimator(model, X, y, ax=axes)
    else:
        shown = FitDisplay.from_estimator(model, X, y, kind=kind, others=False, ax=axes)
    drawn(shown.figure_)
    assert on_the_figure(shown.figure_)
    legend = axes.get_legend().get_window_extent()
    assert legend.y0 >= axes.bbox.y1 - 1 and legend.x1 <= shown.figure_.bbox.x1 + 1


@pytest.mark.parametrize("names", [["dose"], ["dose", "delay"]])
def test_there_is_room_without_a_layout(names: list[str]) -> None:
    X, y = data(names)
    _, ax = plt.subplots(figsize=(4, 2.5))
    shown = FitDisplay.from_estimator(law(names), X, y, others=False, ax=ax)
    drawn(shown.figure_)
    legend = ax.get_legend().get_window_extent()
    assert legend.y1 <= shown.figure_.bbox.y1 + 1 and legend.y0 >= ax.bbox.y1 - 1
    assert ax.bbox.height > 0.3 * shown.figure_.bbox.height


def test_the_equation_stands_above_with_what_is_drawn() -> None:
    X, y = data(["dose"])
    shown = FitDisplay.from_estimator(law(["dose"], "effect"), X, y, others=False)
    heading, *entries = texts(shown.ax_)
    assert heading == r"$\text{effect} = 2.5 \, \text{dose} - 320.8$"
    assert entries == ["observed", "selected equation"]
    other = FitDisplay.from_estimator(LinearRegression().fit(X, y), X, y)
    assert texts(other.ax_) == ["", "observed", "predicted"]


def test_a_long_equation_is_wrapped_and_complete() -> None:
    (formula,) = formulas_of(law(LONG))
    (alone,) = formula.lines(9000, 9)
    assert alone == f"${formula.latex}$"
    typeset = formula.lines(350, 9)
    joined = " ".join(line.strip("$").removeprefix(r"\quad ") for line in typeset)
    assert len(typeset) == 2 and joined == formula.latex
    plain = formula.lines(120, 9)
    joined = "".join("".join(plain).split()).replace(r"\$", "$")
    assert len(plain) > 2 and joined == "".join(formula.words.split())


def test_mathematics_breaks_before_signs_only() -> None:
    formula = Formula(r"y = \frac{a - b}{c} + \left(d + e\right) - f", "…")
    assert formula.lines(1000, 10) == [f"${formula.latex}$"]
    lines = formula.lines(60, 10)
    assert lines[0] == r"$y = \frac{a - b}{c}$" and lines[1].startswith(r"$\quad +")
    assert all(line.count(r"\left") == line.count(r"\right") for line in lines)


@pytest.mark.parametrize(
    ("equation", "shown"),
    [
        ("2.50*x1 - 1.5e-05*k_2**2", "2.50·x₁ − 1.5·10⁻⁵·k₂²"),
        ("exp(-0.25*`a-b*c`) + y12**0.5", "exp(−0.25·`a-b*c`) + y₁₂^0.5"),
        ("dose1*t2x - log2(x)", "dose1·t2x − log2(x)"),
    ],
)
def test_signs_of_print(equation: str, shown: str) -> None:
    assert typographic(equation, ["x1", "`a-b*c`", "x"]) == shown


def test_names_that_would_look_alike_stay() -> None:
    assert typographic("x1 - x_1", ["x1", "x_1"]) == "x1 − x_1"


def test_colours_and_axis_of_probabilities() -> None:
    X, y = data(["dose", "delay"])
    model = LogisticRegression().fit(X, y > np.median(y))
    shown = FitDisplay.from_estimator(model, X, y > np.median(y))
    bar = shown.figure_.axes[-1]
    assert bar.get_ylim() == (0, 1)
    np.testing.assert_allclose(bar.get_yticks(), np.linspace(0, 1, 6))
    points = shown.ax_.collections[-1]
    assert points.get_clim() == (0, 1) and not points.get_clip_on()
    single = LogisticRegression().fit(X[["dose"]], y > np.median(y))
    curve = FitDisplay.from_estimator(single, X[["dose"]], y > np.median(y))
    low, high = curve.ax_.get_ylim()
    assert -0.1 < low < 0 and 1 < high < 1.1


def contrast(one: Any, other: Any) -> float:
    """Of two colours, after the Web Content Accessibility Guidelines."""
    light = []
    for colour in (one, other):
        rgb = np.array(to_rgb(colour))
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        light.append(float(linear @ [0.2126, 0.7152, 0.0722]))
    return (max(light) + 0.05) / (min(light) + 0.05)


@pytest.mark.parametrize("ground", ["default", "dark_background"])
def test_lines_are_seen_on_every_ground(ground: str) -> None:
    X, y = data(["dose"])
    with plt.style.context(ground):
        shown = FitDisplay.from_estimator(law(["dose"]), X, y, others=False)
        for line in shown.ax_.get_lines():
            assert contrast(line.get_color(), shown.ax_.get_facecolor()) > 3


def test_letters_follow_the_font_size() -> None:
    X, y = data(["dose"])
    sizes = []
    for points in (8, 16):
        with plt.rc_context({"font.size": points}):
            ax = FitDisplay.from_estimator(law(["dose"]), X, y, others=False).ax_
        sizes.append((ax.xaxis.label.get_size(), ax.get_lines()[0].get_markersize()))
    np.testing.assert_allclose(sizes[1], 2 * np.array(sizes[0]))


# The table of equations, and weights


def test_equations_are_whole_at_every_size(axes: Any) -> None:
    equations = [
        "1.44",
        "0.24·dose + " + " + ".join(f"{i}.5·`amount of reward {i}`" for i in range(3)),
        "0.5·dose",
    ]
    shown = EquationsDisplay(
        [0, 9, 1], [1, 0.01, 0.1], equations, selected=1, weight=[0.01, 0.9, 0.09]
    ).plot(axes)
    drawn(shown.figure_)
    assert on_the_figure(shown.figure_)
    listed = ["".join(text.get_text().split()) for text in shown.texts_]
    assert "1" + "".join(equations[1].split()) in listed
    boxes = [text.get_window_extent() for text in shown.texts_]
    assert not any(a.y0 + 1 < b.y1 and b.y0 + 1 < a.y1 for a, b in combinations(boxes, 2))
    bars = EvidenceDisplay([0.9, 0.1], equations[1:], selected=0).plot()
    drawn(bars.figure_)
    first = "".join(bars.ax_.texts[0].get_text().split())
    assert first == "".join(equations[1].split())


# Weights of primitives


def near_ties() -> tuple[np.ndarray, list[str]]:
    weights = np.full((8, 2, 3), 0.2)
    weights[-1] = [[0.4021, 0.4018, 0.1961], [0.7, 0.2, 0.1]]
    return weights, ["add", "mult", "relu"]


def test_near_ties_are_told_apart() -> None:
    weights, names = near_ties()
    shown = ArchitectureDisplay(weights, names, ["x1 → k₁", "x2 → k₁"]).plot()
    drawn(shown.figure_)
    found = [[text.get_text() for text in ax.texts] for ax in shown.axes_]
    assert found == [["add 0.4021, mult 0.4018"], ["add 0.70, mult 0.20"]]
    lines = shown.axes_[0].get_lines()
    assert len({line.get_marker() for line in lines}) == 3
    assert len({line.get_linestyle() for line in lines}) == 3


def test_panels_fit_on_a_page(axes: Any) -> None:
    weights, names = near_ties()
    edges = [f"a long name of an input {i} → k₁" for i in range(2)]
    shown = ArchitectureDisplay(weights, names, edges).plot(axes)
    drawn(shown.figure_.figure)
    assert on_the_figure(shown.figure_.figure)


def test_the_film_covers_nothing(axes: Any) -> None:
    model = law(LONG).model_
    space = model.space
    alphas = np.random.default_rng(0).normal(size=(3, space.n_edges, space.n_primitives))
    film = SearchAnimation(
        alphas, model, alphas[-1], "original", LONG, ["value of the reward"],
        formulas_of(law(LONG)),
    ).plot(axes)  # fmt: skip
    drawn(film.figure_)
    assert on_the_figure(film.figure_)
    legend = axes.get_legend().get_window_extent()
    boxes = [text.get_window_extent() for text in axes.texts if text.get_visible()]
    assert boxes and not any(legend.overlaps(box) for box in boxes)
    before = axes.get_position().bounds
    film.show(0)
    drawn(film.figure_)
    assert "training the mixture, epoch 1 of 3" in [text.get_text() for text in axes.texts]
    assert axes.title.get_alpha() == 0
    np.testing.assert_allclose(axes.get_position().bounds, before)
