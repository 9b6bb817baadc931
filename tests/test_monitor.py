"""The execution monitor: its record and its drawing."""

from __future__ import annotations

import warnings

import matplotlib
import numpy as np
import pandas as pd
import pytest

matplotlib.use("Agg")

from matplotlib import pyplot as plt

from autora.skl.darts import DARTSRegressor
from autora.skl.darts.graph.primitives import known_primitives, resolve
from autora.skl.darts.graph.search_space import SearchSpace
from autora.skl.darts.plotting.monitor import DARTSExecutionMonitor


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


def run(monitor, space, epochs=4, losses=None, **kwargs) -> np.ndarray:
    """Call the monitor as a fit does; returns the alphas of all epochs."""
    shape = (epochs, space.n_edges, space.n_primitives)
    alphas = np.random.default_rng(1).normal(size=shape)
    for t in range(epochs):
        loss = losses[t] if losses else 1.0 + 1 / (t + 1)
        monitor(
            epoch=t,
            train_loss=loss / 2,
            valid_loss=loss,
            alphas=alphas[t],
            space=space,
            **kwargs,
        )
    return alphas


def test_parallel_edges_have_names_of_their_own() -> None:
    space = SearchSpace(1, 1, 1, resolve(["none", "add"]), n_parallel=2)
    monitor = DARTSExecutionMonitor()
    run(monitor, space)
    titles = [ax.get_title() for ax in monitor.display().arch_axes]
    assert titles == ["x1 → k₁ (1)", "x1 → k₁ (2)"]


@pytest.fixture
def space() -> SearchSpace:
    return SearchSpace(2, 2, 1, resolve(["none", "add", "mult"]))


def test_record(space: SearchSpace) -> None:
    monitor = DARTSExecutionMonitor()
    alphas = run(monitor, space, something_new=1)
    assert monitor.epoch_history == [0, 1, 2, 3]
    assert monitor.loss_history == [2.0, 1.5, 1 + 1 / 3, 1.25]
    assert monitor.train_loss_history == [v / 2 for v in monitor.loss_history]
    assert monitor.primitives == ["none", "add", "mult"]
    np.testing.assert_array_equal(monitor.arch_weight_history, alphas)


def test_alphas_are_copied(space: SearchSpace) -> None:
    monitor, alphas = DARTSExecutionMonitor(), np.zeros((5, 3))
    arguments = {"train_loss": 1.0, "valid_loss": 1.0, "alphas": alphas, "space": space}
    monitor.execution_monitor(epoch=0, **arguments)
    alphas[:] = 7
    assert monitor.arch_weight_history[0].max() == 0


def test_a_second_fit_starts_a_new_record(space: SearchSpace) -> None:
    monitor = DARTSExecutionMonitor()
    run(monitor, space)
    other = SearchSpace(1, 1, 1, resolve(["add", "mult"]))
    run(monitor, other, epochs=2)
    assert monitor.epoch_history == [0, 1]
    assert len(monitor.train_loss_history) == len(monitor.loss_history) == 2
    assert len(monitor.display().arch_axes) == 1


def test_panels_show_softmax_weights(space: SearchSpace) -> None:
    monitor = DARTSExecutionMonitor()
    alphas = run(monitor, space)
    shown = monitor.display()
    titles = [ax.get_title() for ax in shown.arch_axes]
    assert titles == ["x1 → k₁", "x2 → k₁", "x1 → k₂", "x2 → k₂", "k₁ → k₂"]
    weights = np.exp(alphas) / np.exp(alphas).sum(axis=2, keepdims=True)
    for e, ax in enumerate(shown.arch_axes):
        lines = ax.get_lines()
        np.testing.assert_allclose([i.get_ydata() for i in lines], weights[:, e].T)
        widths = [line.get_linewidth() for line in lines]
        assert np.argmax(widths) == np.argmax(alphas[-1, e])


def test_fair_panels_show_sigmoids(space: SearchSpace) -> None:
    monitor = DARTSExecutionMonitor()
    alphas = run(monitor, space, darts_type="fair")
    line = monitor.display().arch_axes[4].get_lines()[2]
    np.testing.assert_allclose(line.get_ydata(), 1 / (1 + np.exp(-alphas[:, 4, 2])))


def test_one_legend_outside_the_panels(space: SearchSpace) -> None:
    monitor = DARTSExecutionMonitor()
    run(monitor, space)
    shown = monitor.display()
    shown.arch_fig.canvas.draw()
    (legend,) = shown.arch_fig.legends
    assert [t.get_text() for t in legend.get_texts()] == monitor.primitives
    box = legend.get_window_extent()
    assert all(not box.overlaps(ax.get_window_extent()) for ax in shown.arch_axes)
    assert all(ax.get_legend() is None for ax in shown.arch_axes)


@pytest.mark.parametrize(
    ("inputs", "nodes", "primitives", "epochs"),
    [(1, 1, 2, 1), (2, 1, 20, 3), (5, 3, 20, 3), (20, 1, 7, 3)],
)
def test_every_size_fits_on_the_figure(inputs, nodes, primitives, epochs) -> None:
    names = known_primitives()[:primitives]
    monitor = DARTSExecutionMonitor()
    run(monitor, SearchSpace(inputs, nodes, 1, resolve(names)), epochs)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        shown = monitor.display()
        shown.arch_fig.canvas.draw()
    assert shown.arch_axes.shape == (inputs * nodes + nodes * (nodes - 1) // 2,)
    figure, legend = shown.arch_fig.bbox, shown.arch_fig.legends[0].get_window_extent()
    assert legend.y0 >= figure.y0 and legend.x1 <= figure.x1 + 1
    lines = shown.arch_axes[0].get_lines()
    looks = {(line.get_color(), line.get_linestyle()) for line in lines}
    assert len(looks) == primitives


@pytest.mark.parametrize(
    ("losses", "scale"),
    [([100.0, 1.0], "log"), ([2.0, 1.9], "linear"), ([100.0, -1.0], "linear")],
)
def test_loss_scale(space: SearchSpace, losses, scale) -> None:
    monitor = DARTSExecutionMonitor()
    run(monitor, space, epochs=2, losses=losses)
    assert monitor.display().loss_ax.get_yscale() == scale


def test_loss_curves(space: SearchSpace) -> None:
    monitor = DARTSExecutionMonitor()
    run(monitor, space, losses=[3.0, np.nan, 2.0, np.inf])
    shown = monitor.display()
    curves = {line.get_label(): line.get_ydata() for line in shown.loss_ax.get_lines()}
    np.testing.assert_array_equal(curves["validation"], [3, np.nan, 2, np.inf])
    np.testing.assert_array_equal(curves["training"], [1.5, np.nan, 1, np.inf])
    assert shown.loss_fig is shown.loss_ax.figure
    shown.loss_fig.canvas.draw()


def test_input_labels(space: SearchSpace) -> None:
    monitor = DARTSExecutionMonitor(input_labels=["dose", "time"])
    run(monitor, space)
    assert monitor.display().arch_axes[1].get_title() == "time → k₁"
    monitor.input_labels = ["dose"]
    with pytest.raises(ValueError, match="1 names, the data 2 inputs"):
        monitor.display()


def test_display_before_a_fit() -> None:
    with pytest.raises(RuntimeError, match="execution_monitor=monitor"):
        DARTSExecutionMonitor().display()
    assert not plt.get_fignums()


def test_a_fit_feeds_the_monitor(quick, plane, capsys) -> None:
    monitor = DARTSExecutionMonitor()
    DARTSRegressor(execution_monitor=monitor.execution_monitor, **quick).fit(*plane)
    assert monitor.epoch_history == [0, 1]
    assert monitor.arch_weight_history[0].shape == (2, len(monitor.primitives))
    titles = [ax.get_title() for ax in monitor.display().arch_axes]
    assert titles == ["x1 → k₁", "x2 → k₁"]
    assert capsys.readouterr().out == ""


def test_a_fit_tells_the_monitor_the_names_of_columns(quick, plane) -> None:
    X, y = plane
    X = pd.DataFrame(X, columns=["dose", "delay"])
    monitor, strict = DARTSExecutionMonitor(), []

    def old(*, epoch, train_loss, valid_loss, alphas, space, darts_type) -> None:
        strict.append(epoch)

    model = DARTSRegressor(execution_monitor=monitor.execution_monitor, **quick).fit(X, y)
    titles = [ax.get_title() for ax in monitor.display().arch_axes]
    assert titles == ["dose → k₁", "delay → k₁"]
    model.set_params(execution_monitor=old).fit(X, y)
    assert strict == [0, 1]
